// SPDX-License-Identifier: Apache-2.0
#include "error_set.h"
#include "trust.h"
#include "util.h"

#include <errno.h>

/* The place of @id, or where it belongs. */
static size_t place(const struct sdeistate_trust *trust, const uint8_t *id)
{
	size_t low = 0, high = trust->n_limits;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (memcmp(trust->limit[middle].id, id, SDEISTATE_KEY_ID_SIZE) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static bool is_at(const struct sdeistate_trust *trust, size_t at, const uint8_t *id)
{
	return at < trust->n_limits && memcmp(trust->limit[at].id, id, SDEISTATE_KEY_ID_SIZE) == 0;
}

struct sdeistate_validity sdeistate_trust_validity(const struct sdeistate_trust *trust,
						   const uint8_t id[SDEISTATE_KEY_ID_SIZE])
{
	const size_t at = place(trust, id);

	return is_at(trust, at, id) ? trust->limit[at].validity : (struct sdeistate_validity){ 0 };
}

static void take_away(struct sdeistate_trust *trust, size_t at)
{
	trust->n_limits--;
	memmove(&trust->limit[at], &trust->limit[at + 1],
		(trust->n_limits - at) * sizeof(*trust->limit));
}

static int insert(struct sdeistate_trust *trust, size_t at, const uint8_t *id,
		  struct sdeistate_error *err)
{
	struct trust_limit *grown;

	if (trust->n_limits == SDEISTATE_MAX_TRUST)
		return error_set(err, SDEISTATE_OVER_LIMIT, -E2BIG, "trust set", "limits",
				 "at most %u|more", SDEISTATE_MAX_TRUST);
	grown = realloc(trust->limit, (trust->n_limits + 1) * sizeof(*grown));
	if (!grown)
		return error_no_memory(err, "trust set");
	trust->limit = grown;
	memmove(&grown[at + 1], &grown[at], (trust->n_limits - at) * sizeof(*grown));
	memcpy(grown[at].id, id, SDEISTATE_KEY_ID_SIZE);
	trust->n_limits++;
	return 0;
}

int sdeistate_trust_set_validity(struct sdeistate_trust *trust,
				 const uint8_t id[SDEISTATE_KEY_ID_SIZE],
				 const struct sdeistate_validity *validity,
				 struct sdeistate_error *err)
{
	const size_t at = place(trust, id);
	int ret;

	if (validity->not_after && validity->not_after < validity->not_before)
		return error_set(err, SDEISTATE_USAGE, -EINVAL, "trust set", "window",
				 "an end that is not before the beginning|");
	if (!validity->not_before && !validity->not_after && !validity->revoked) {
		if (is_at(trust, at, id))
			take_away(trust, at);
		return 0;
	}
	ret = is_at(trust, at, id) ? 0 : insert(trust, at, id, err);
	if (!ret)
		trust->limit[at].validity = *validity;
	return ret;
}

/* The earlier of two times of which 0 is none. */
static uint64_t earlier(uint64_t a, uint64_t b)
{
	return !a || (b && b < a) ? b : a;
}

int trust_narrow(struct sdeistate_trust *trust, const uint8_t id[SDEISTATE_KEY_ID_SIZE],
		 const struct sdeistate_validity *validity, struct sdeistate_error *err)
{
	struct sdeistate_validity both = sdeistate_trust_validity(trust, id);

	if (validity->not_before > both.not_before)
		both.not_before = validity->not_before;
	both.not_after = earlier(both.not_after, validity->not_after);
	both.revoked = earlier(both.revoked, validity->revoked);
	/* Two windows without a common moment: never. */
	if (both.not_after && both.not_after < both.not_before)
		both.not_before = both.not_after = UINT64_MAX;
	return sdeistate_trust_set_validity(trust, id, &both, err);
}

int sdeistate_trust_check(const struct sdeistate_trust *trust,
			  const uint8_t id[SDEISTATE_KEY_ID_SIZE], uint64_t when,
			  struct sdeistate_error *err)
{
	const struct sdeistate_validity validity = sdeistate_trust_validity(trust, id);
	char text[2 * SDEISTATE_KEY_ID_SIZE + 1], limit[SDEISTATE_TIME_SIZE],
		now[SDEISTATE_TIME_SIZE];

	trust_print_id(id, text);
	if (validity.revoked) {
		sdeistate_time_print(validity.revoked, limit);
		return error_set(err, SDEISTATE_KEY_REVOKED, -EKEYREVOKED, OBJECT("key %s", text),
				 "revocation", "none|%s", limit);
	}
	if (!sdeistate_trust_find(trust, id))
		return error_set(err, SDEISTATE_UNKNOWN_SIGNER, -ENOKEY, OBJECT("key %s", text), "",
				 "one of the trusted keys|another");
	sdeistate_time_print(when, now);
	if (when < validity.not_before) {
		sdeistate_time_print(validity.not_before, limit);
		return error_set(err, SDEISTATE_KEY_EXPIRED, -EKEYEXPIRED, OBJECT("key %s", text),
				 "not before", "%s or later|%s", limit, now);
	}
	if (validity.not_after && when > validity.not_after) {
		sdeistate_time_print(validity.not_after, limit);
		return error_set(err, SDEISTATE_KEY_EXPIRED, -EKEYEXPIRED, OBJECT("key %s", text),
				 "not after", "%s or earlier|%s", limit, now);
	}
	return 0;
}
