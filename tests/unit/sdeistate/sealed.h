/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sealed.h - a key, a trust set and a small state, for tests of sealed files
 */
#ifndef TESTS_UNIT_SDEISTATE_SEALED_H
#define TESTS_UNIT_SDEISTATE_SEALED_H

#include <sdeistate/seal.h>
#include <stdlib.h>
#include <string.h>

struct sealed {
	struct sdeistate_key *key, *other;
	struct sdeistate_trust *trust; /* of key only */
	uint8_t *stream;
	size_t stream_len;
	const struct sdeistate_key *signer[2];
	const struct sdeistate_pub *self[1]; /* other's public half */
	struct sdeistate_seal_request request;
	struct sdeistate_open_options options;
};

/* Record numbers 1 .. @n, each with @body bytes that compress about as well as a state does. */
static inline uint8_t *sealed_stream(unsigned int n, size_t body, size_t *len)
{
	size_t padded = (body + 7) & ~(size_t)7, at = 0;
	uint8_t *stream = calloc(n ? n : 1, 16 + padded);

	*len = n * (16 + padded);
	for (unsigned int i = 0; stream && i < n; i++) {
		stream[at] = (uint8_t)(i + 1);
		for (int k = 0; k < 8; k++)
			stream[at + 8 + (size_t)k] = (uint8_t)((uint64_t)body >> (8 * k));
		for (size_t k = 0; k < body; k++)
			stream[at + 16 + k] =
				(uint8_t)(k % 8 ? k / 64 : (k * 2654435761u + i) >> 7);
		at += 16 + padded;
	}
	return stream;
}

#define SEALED_DELTA 88u /* bytes: header, two digests, padding */

/* The shortest record that says what a delta is for; @base and @result are repeated in the digests. */
static inline void sealed_delta(uint8_t stream[SEALED_DELTA], uint8_t base, uint8_t result)
{
	memset(stream, 0, SEALED_DELTA);
	stream[0] = SDEISTATE_RECORD_DELTA;
	stream[8] = 68;
	stream[16] = 0x0a;
	stream[50] = 0x12;
	stream[17] = stream[51] = SDEISTATE_DIGEST_SIZE;
	memset(stream + 18, base, SDEISTATE_DIGEST_SIZE);
	memset(stream + 52, result, SDEISTATE_DIGEST_SIZE);
}

static inline int sealed_setup(struct sealed *s, enum sdeistate_key_type type)
{
	memset(s, 0, sizeof(*s));
	s->trust = sdeistate_trust_new();
	s->stream = sealed_stream(3, 500, &s->stream_len);
	if (!s->trust || !s->stream || sdeistate_key_generate(type, &s->key, NULL) ||
	    sdeistate_key_generate(SDEISTATE_KEY_P256, &s->other, NULL))
		return -1;
	s->signer[0] = s->key;
	s->signer[1] = s->other;
	s->self[0] = sdeistate_key_pub(s->other);
	s->request = (struct sdeistate_seal_request){
		.kind = SDEISTATE_KIND_FINAL,
		.generation = 7,
		.sequence = 9,
		.any_destination = true,
		.created = 1000,
		.profile = "spec",
		.kernel_profile = "6.12",
		.signer = s->signer,
		.n_signers = 1,
		.stream = s->stream,
		.stream_len = s->stream_len,
	};
	memset(s->request.vm_uuid, 0x5a, sizeof(s->request.vm_uuid));
	s->options = (struct sdeistate_open_options){ .trust = s->trust, .now = 1001 };
	return 0;
}

/* Trusts a copy of the public half, as a loaded file would be. */
static inline int sealed_trust(struct sealed *s, const struct sdeistate_key *key)
{
	struct sdeistate_buffer pem;
	struct sdeistate_pub *pub = NULL;
	int ret = sdeistate_pub_pem(sdeistate_key_pub(key), &pem, NULL);

	if (ret)
		return ret;
	ret = sdeistate_pub_parse(pem.data, pem.len, "test", &pub, NULL);
	if (!ret)
		ret = sdeistate_trust_add(s->trust, pub, NULL);
	sdeistate_pub_free(pub);
	sdeistate_buffer_free(&pem);
	return ret;
}

static inline void sealed_teardown(struct sealed *s)
{
	sdeistate_key_free(s->key);
	sdeistate_key_free(s->other);
	sdeistate_trust_free(s->trust);
	free(s->stream);
}

#endif
