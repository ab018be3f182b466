/* SPDX-License-Identifier: Apache-2.0 */
/*
 * trust.h - for how long a key is believed, and who speaks for it afterwards
 *
 * A set of trusted keys (key.h) may hold limits: a time before which a key is not believed yet, one
 * after which it is no more, and a revocation, which is for good. In a folder they stand in the file
 * SDEISTATE_TRUST_LIST; a key without a line there has no limit. A rotation (a file *.rotation in the
 * folder) is a statement of one key that another speaks for it from some time on. docs/trust.md is
 * the specification of both files.
 *
 * Times are seconds since 1970-01-01 UTC; both ends of a window belong to it.
 */
#ifndef SDEISTATE_TRUST_H
#define SDEISTATE_TRUST_H

#include <sdeistate/key.h>
#include <stdbool.h>

#define SDEISTATE_TRUST_LIST     "trust.list"
#define SDEISTATE_ROTATION_TYPE  "sdei-migrate/rotation"
#define SDEISTATE_MAX_TRUST_LIST (1u << 20)  /* bytes of the file of limits */
#define SDEISTATE_MAX_ROTATION   (16u << 10) /* bytes of one rotation */

/* "2026-01-31T23:59:59Z" and its zero byte. */
#define SDEISTATE_TIME_SIZE 21u

/** sdeistate_time_print() - a time as RFC 3339 writes it, in UTC; years beyond 9999 as the end of that */
SDEISTATE_API void sdeistate_time_print(uint64_t seconds, char text[SDEISTATE_TIME_SIZE]);

/**
 * sdeistate_time_parse() - read a time of exactly that form; what stands behind it is not looked at
 *
 * Return: 0; -EINVAL.
 */
SDEISTATE_API int sdeistate_time_parse(const char *text, uint64_t *seconds);

/* All zero: believed at any time. */
struct sdeistate_validity {
	uint64_t not_before;
	uint64_t not_after; /* 0: no end */
	uint64_t
		revoked; /* when; 0: it is not. Whatever the time, a revoked key is not believed. */
};

/**
 * sdeistate_trust_load_into() - add a file or a folder to a set, limits and rotations included
 *
 * Limits only ever narrow: of two windows the overlap counts, and a revocation stays.
 * Return: as sdeistate_trust_load(); -EBADMSG damaged: the list or a rotation; -EKEYREJECTED
 * bad-signature: a rotation its old key did not sign; -ENOKEY unknown-signer: a rotation of a key that
 * is not in the folder. On failure the set may have grown, and is not to be used.
 */
SDEISTATE_API int sdeistate_trust_load_into(struct sdeistate_trust *trust, const char *path,
					    struct sdeistate_error *err);

/**
 * sdeistate_trust_validity() - the limits of a key, all zero where there are none
 *
 * The key need not be in the set: a revocation may stand there before the key does. Return: them.
 */
SDEISTATE_API struct sdeistate_validity sdeistate_trust_validity(
	const struct sdeistate_trust *trust, const uint8_t id[SDEISTATE_KEY_ID_SIZE]);

/**
 * sdeistate_trust_set_validity() - replace the limits of a key; all zero takes them away
 *
 * Return: 0; -EINVAL usage: the window ends before it begins; -E2BIG over-limit; -ENOMEM.
 */
SDEISTATE_API int sdeistate_trust_set_validity(struct sdeistate_trust *trust,
					       const uint8_t id[SDEISTATE_KEY_ID_SIZE],
					       const struct sdeistate_validity *validity,
					       struct sdeistate_error *err);

/**
 * sdeistate_trust_check() - is this key in the set, and believed at @when?
 *
 * Return: 0; -ENOKEY unknown-signer; -EKEYREVOKED key-revoked; -EKEYEXPIRED key-expired: too early or
 * too late.
 */
SDEISTATE_API int sdeistate_trust_check(const struct sdeistate_trust *trust,
					const uint8_t id[SDEISTATE_KEY_ID_SIZE], uint64_t when,
					struct sdeistate_error *err);

/**
 * sdeistate_trust_list_parse() - read limits from the text of a list
 * @name: what to call it in errors
 *
 * Return: 0; -EBADMSG damaged, naming the line; -E2BIG over-limit; -ENOMEM. On failure some lines may
 * have been taken.
 */
SDEISTATE_API int sdeistate_trust_list_parse(struct sdeistate_trust *trust, const char *text,
					     size_t len, const char *name,
					     struct sdeistate_error *err);

/** sdeistate_trust_list_print() - the limits of a set as that text. Return: 0, @text is the caller's to free; -ENOMEM */
SDEISTATE_API int sdeistate_trust_list_print(const struct sdeistate_trust *trust,
					     struct sdeistate_buffer *text,
					     struct sdeistate_error *err);

/**
 * sdeistate_rotation_make() - let one key name its successor
 * @old: signs it
 * @successor: believed from @from on
 * @until: the last moment @old is believed; at least @from
 *
 * Return: 0, and @text is the caller's to free; -EINVAL usage: the same key, or times out of order;
 * -ENOMEM; -EIO internal.
 */
SDEISTATE_API int sdeistate_rotation_make(const struct sdeistate_key *old,
					  const struct sdeistate_pub *successor, uint64_t from,
					  uint64_t until, struct sdeistate_buffer *text,
					  struct sdeistate_error *err);

/**
 * sdeistate_rotation_apply() - verify a rotation, then add the successor and limit the old key
 *
 * A rotation of a revoked key changes nothing: whoever stole it could have made it.
 * Return: 0; -ENOKEY unknown-signer; -EKEYREJECTED bad-signature; -EBADMSG damaged; -E2BIG over-limit;
 * -ENOMEM.
 */
SDEISTATE_API int sdeistate_rotation_apply(struct sdeistate_trust *trust, const char *text,
					   size_t len, const char *name,
					   struct sdeistate_error *err);

/** sdeistate_trust_names_key() - does a folder of trusted keys take a file of this name for one? */
SDEISTATE_API bool sdeistate_trust_names_key(const char *name);

#endif
