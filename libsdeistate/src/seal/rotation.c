// SPDX-License-Identifier: Apache-2.0
/*
 * docs/trust.md, "Rotations": four lines of fixed width, the successor's PEM, and the signature over
 * all that stands before it.
 */
#include "error_set.h"
#include "key.h"
#include "trust.h"
#include "util.h"

#include <errno.h>
#include <stdio.h>

#define ID_DIGITS (2u * SDEISTATE_KEY_ID_SIZE)

static const char magic[] = "sdei-migrate rotation 1\n";
static const char mark_old[] = "old ", mark_from[] = "from ", mark_until[] = "until ",
		  mark_signature[] = "signature ";

/* What a rotation says; pointers into its text. */
struct rotation {
	uint8_t old[SDEISTATE_KEY_ID_SIZE];
	uint64_t from, until;
	const char *pem;
	size_t pem_len, signed_len;
	uint8_t signature[SDEISTATE_MAX_SIGNATURE];
	size_t signature_len;
};

static int usage(struct sdeistate_error *err, const char *field, const char *expected)
{
	return error_set(err, SDEISTATE_USAGE, -EINVAL, "rotation", field, "%s|", expected);
}

static int print(struct sdeistate_buffer *text, const char *head,
		 const struct sdeistate_buffer *pem, const struct sdeistate_buffer *signature,
		 struct sdeistate_error *err)
{
	const size_t max =
		strlen(head) + pem->len + strlen(mark_signature) + 2 * signature->len + 2;
	char *out = malloc(max);
	size_t len;

	if (!out)
		return error_no_memory(err, "rotation");
	len = (size_t)snprintf(out, max, "%s%.*s%s", head, (int)pem->len, pem->data,
			       mark_signature);
	for (size_t i = 0; i < signature->len; i++)
		len += (size_t)snprintf(out + len, max - len, "%02x", signature->data[i]);
	out[len++] = '\n';
	*text = (struct sdeistate_buffer){ (uint8_t *)out, len };
	return 0;
}

static int sign_and_print(const struct sdeistate_key *old, const char *head,
			  const struct sdeistate_buffer *pem, struct sdeistate_buffer *text,
			  struct sdeistate_error *err)
{
	CLEANUP(sdeistate_buffer_free) struct sdeistate_buffer message = { 0 }, signature = { 0 };
	const size_t len = strlen(head) + pem->len;
	int ret;

	message.data = malloc(len + 1);
	if (!message.data)
		return error_no_memory(err, "rotation");
	message.len = len;
	memcpy(message.data, head, strlen(head));
	memcpy(message.data + strlen(head), pem->data, pem->len);
	ret = sdeistate_sign(old, SDEISTATE_ROTATION_TYPE, message.data, len, &signature, err);
	return ret ? ret : print(text, head, pem, &signature, err);
}

int sdeistate_rotation_make(const struct sdeistate_key *old, const struct sdeistate_pub *successor,
			    uint64_t from, uint64_t until, struct sdeistate_buffer *text,
			    struct sdeistate_error *err)
{
	CLEANUP(sdeistate_buffer_free) struct sdeistate_buffer pem = { 0 };
	const uint8_t *old_id = sdeistate_pub_id(sdeistate_key_pub(old));
	char id[ID_DIGITS + 1], begins[SDEISTATE_TIME_SIZE], ends[SDEISTATE_TIME_SIZE], head[256];
	uint64_t again;
	int ret;

	if (!memcmp(old_id, sdeistate_pub_id(successor), SDEISTATE_KEY_ID_SIZE))
		return usage(err, "successor", "another key");
	if (!from || until < from)
		return usage(err, "until", "a time that is not before the successor's first");
	trust_print_id(old_id, id);
	sdeistate_time_print(from, begins);
	sdeistate_time_print(until, ends);
	if (sdeistate_time_parse(ends, &again) || again != until)
		return usage(err, "until", "a year of four digits");
	ret = sdeistate_pub_pem(successor, &pem, err);
	if (ret)
		return ret;
	snprintf(head, sizeof(head), "%s%s%s\n%s%s\n%s%s\n", magic, mark_old, id, mark_from, begins,
		 mark_until, ends);
	return sign_and_print(old, head, &pem, text, err);
}

/* Go past @mark and what has @len characters and a newline behind it; NULL: it is not there. */
static const char *pass(const char **at, const char *end, const char *mark, size_t len)
{
	const size_t n = strlen(mark);
	const char *value = *at + n;

	if ((size_t)(end - *at) < n + len + 1 || memcmp(*at, mark, n) != 0 || value[len] != '\n')
		return NULL;
	*at = value + len + 1;
	return value;
}

/* Two hexadecimal digits a byte, then a newline and the end. */
static int parse_signature(const char *at, const char *end, struct rotation *rotation)
{
	static const char digits[] = "0123456789abcdef";
	const size_t n = (size_t)(end - at) / 2;

	if (end == at || end[-1] != '\n' || (size_t)(end - at) != 2 * n + 1 || !n ||
	    n > sizeof(rotation->signature))
		return -EBADMSG;
	for (size_t i = 0; i < n; i++) {
		const char *high = memchr(digits, at[2 * i], 16);
		const char *low = memchr(digits, at[2 * i + 1], 16);

		if (!high || !low)
			return -EBADMSG;
		rotation->signature[i] = (uint8_t)((high - digits) << 4 | (low - digits));
	}
	rotation->signature_len = n;
	return 0;
}

static int parse(const char *text, size_t len, struct rotation *rotation)
{
	const char *at = text, *end = text + len, *old, *from, *until, *mark;

	if (len < strlen(magic) || memcmp(text, magic, strlen(magic)) != 0)
		return -EBADMSG;
	at += strlen(magic);
	old = pass(&at, end, mark_old, ID_DIGITS);
	from = old ? pass(&at, end, mark_from, SDEISTATE_TIME_SIZE - 1) : NULL;
	until = from ? pass(&at, end, mark_until, SDEISTATE_TIME_SIZE - 1) : NULL;
	if (!until || trust_parse_id(old, rotation->old) ||
	    sdeistate_time_parse(from, &rotation->from) ||
	    sdeistate_time_parse(until, &rotation->until) || !rotation->from ||
	    rotation->until < rotation->from)
		return -EBADMSG;
	mark = memmem(at, (size_t)(end - at), mark_signature, strlen(mark_signature));
	if (!mark)
		return -EBADMSG;
	rotation->pem = at;
	rotation->pem_len = (size_t)(mark - at);
	rotation->signed_len = (size_t)(mark - text);
	return parse_signature(mark + strlen(mark_signature), end, rotation);
}

static int take_successor(struct sdeistate_trust *trust, const struct rotation *rotation,
			  const char *name, struct sdeistate_error *err)
{
	const struct sdeistate_validity first = { .not_before = rotation->from };
	const struct sdeistate_validity last = { .not_after = rotation->until };
	struct sdeistate_pub *pub;
	int ret = sdeistate_pub_parse(rotation->pem, rotation->pem_len, name, &pub, err);

	if (ret)
		return ret;
	/* Who was trusted by himself stays so from the beginning. */
	if (!sdeistate_trust_find(trust, pub->id))
		ret = trust_narrow(trust, pub->id, &first, err);
	ret = ret ? ret : sdeistate_trust_add(trust, pub, err);
	ret = ret ? ret : trust_narrow(trust, rotation->old, &last, err);
	sdeistate_pub_free(pub);
	return ret;
}

int sdeistate_rotation_apply(struct sdeistate_trust *trust, const char *text, size_t len,
			     const char *name, struct sdeistate_error *err)
{
	CLEANUP(cleanup_free) struct rotation *rotation = calloc(1, sizeof(*rotation));
	const struct sdeistate_pub *old;
	char id[ID_DIGITS + 1];
	int ret;

	if (!rotation)
		return error_no_memory(err, name);
	if (len > SDEISTATE_MAX_ROTATION)
		return error_set(err, SDEISTATE_OVER_LIMIT, -E2BIG, name, "size",
				 "at most %u bytes|%zu bytes", SDEISTATE_MAX_ROTATION, len);
	if (parse(text, len, rotation))
		return error_set(err, SDEISTATE_DAMAGED, -EBADMSG, name, "",
				 "a rotation as trust rotate writes it|something else");
	if (sdeistate_trust_validity(trust, rotation->old).revoked)
		return 0;
	old = sdeistate_trust_find(trust, rotation->old);
	trust_print_id(rotation->old, id);
	if (!old)
		return error_set(err, SDEISTATE_UNKNOWN_SIGNER, -ENOKEY, name, "old key",
				 "a key of this folder|%s", id);
	ret = sdeistate_verify(old, SDEISTATE_ROTATION_TYPE, text, rotation->signed_len,
			       rotation->signature, rotation->signature_len, err);
	return ret ? ret : take_successor(trust, rotation, name, err);
}
