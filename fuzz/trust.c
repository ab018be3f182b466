// SPDX-License-Identifier: Apache-2.0
/*
 * The door of a trust folder's files. The first byte says how the rest is used:
 *
 *	0: a list of limits
 *	1: a rotation
 *	2: the signed part of a rotation, which is signed here
 */
#include <sdeistate/trust.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct sdeistate_key *key;
static struct sdeistate_buffer pem;

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	if (sdeistate_key_generate(SDEISTATE_KEY_ED25519, &key, NULL) ||
	    sdeistate_pub_pem(sdeistate_key_pub(key), &pem, NULL))
		abort();
	return 0;
}

static struct sdeistate_trust *make_trust(void)
{
	struct sdeistate_trust *trust = sdeistate_trust_new();
	struct sdeistate_pub *pub;

	if (!trust || sdeistate_pub_parse(pem.data, pem.len, NULL, &pub, NULL) ||
	    sdeistate_trust_add(trust, pub, NULL))
		abort();
	sdeistate_pub_free(pub);
	return trust;
}

/* What was read is written so that it reads the same again. */
static void read_list(struct sdeistate_trust *trust, const char *text, size_t len)
{
	struct sdeistate_buffer once, twice;
	struct sdeistate_trust *again;

	if (sdeistate_trust_list_parse(trust, text, len, "list", NULL))
		return;
	again = make_trust();
	if (sdeistate_trust_list_print(trust, &once, NULL) ||
	    sdeistate_trust_list_parse(again, (char *)once.data, once.len, "list", NULL) ||
	    sdeistate_trust_list_print(again, &twice, NULL) || once.len != twice.len ||
	    memcmp(once.data, twice.data, once.len) != 0)
		abort();
	sdeistate_buffer_free(&once);
	sdeistate_buffer_free(&twice);
	sdeistate_trust_free(again);
}

static void sign_and_apply(struct sdeistate_trust *trust, const char *text, size_t len)
{
	struct sdeistate_buffer signature = { 0 };
	const uint8_t *id = sdeistate_pub_id(sdeistate_key_pub(key));
	char *whole = malloc(len + 1024);
	size_t at = len;

	if (!whole)
		abort();
	memcpy(whole, text, len);
	/* The id of the old key, where a rotation has it. */
	for (unsigned int i = 0; len >= 92 && i < SDEISTATE_KEY_ID_SIZE; i++) {
		char digits[3];

		snprintf(digits, sizeof(digits), "%02x", id[i]);
		memcpy(whole + 28 + 2 * i, digits, 2);
	}
	if (sdeistate_sign(key, SDEISTATE_ROTATION_TYPE, whole, len, &signature, NULL))
		abort();
	at += (size_t)snprintf(whole + at, 16, "signature ");
	for (size_t i = 0; i < signature.len; i++)
		at += (size_t)snprintf(whole + at, 3, "%02x", signature.data[i]);
	whole[at++] = '\n';
	sdeistate_rotation_apply(trust, whole, at, "rotation", NULL);
	sdeistate_buffer_free(&signature);
	free(whole);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sdeistate_trust *trust;
	const char *text = (const char *)data + 1;

	if (!size || size > 1u << 16)
		return 0;
	trust = make_trust();
	if (data[0] % 3 == 0)
		read_list(trust, text, size - 1);
	else if (data[0] % 3 == 2)
		sign_and_apply(trust, text, size - 1);
	/* Nobody but this process could have signed it. */
	else if (sdeistate_rotation_apply(trust, text, size - 1, "rotation", NULL) == 0)
		abort();
	sdeistate_trust_free(trust);
	return 0;
}
