/* SPDX-License-Identifier: Apache-2.0 */
/*
 * delta.h - what changed since a base
 *
 *	source:		base, capture -> compute -> delta
 *	destination:	base, delta -> apply -> the state that was captured
 *
 * A delta is a record stream with one record, 18: the changed fields, keyed by record, event or
 * vCPU, and field (docs/records.md, chapter 9). It names the digest of its base and of its result;
 * both are checked, the base before anything else of the delta is decoded. A base of a running VM
 * may be torn; what a delta makes of it is as good as the capture the delta was computed from.
 *
 * Fields are found by comparing raw structs. Records that did not change are neither encoded nor
 * hashed again.
 */
#ifndef SDEISTATE_DELTA_H
#define SDEISTATE_DELTA_H

#include <sdeistate/error.h>
#include <sdeistate/record.h>
#include <sdeistate/state.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SDEISTATE_MAX_DELTA_RUNS (64u << 10) /* runs of changed elements in one delta */

/*
 * A state with the digests of its records, kept ready for deltas. Owned; used by one thread at a
 * time. It keeps the room one delta took for the next, so that inside a blackout little or nothing
 * is allocated.
 */
struct sdeistate_base;

/**
 * sdeistate_base_new() - from an encoded state
 *
 * Does not validate. Return: 0 with *@base owned by the caller; as sdeistate_decode().
 */
SDEISTATE_API int sdeistate_base_new(const uint8_t *stream, size_t len,
				     struct sdeistate_base **base, struct sdeistate_error *err);

/** sdeistate_base_free() - takes NULL. Return: NULL */
SDEISTATE_API struct sdeistate_base *sdeistate_base_free(struct sdeistate_base *base);

/** sdeistate_base_state() - borrowed; NULL after a delta failed half-way */
SDEISTATE_API const struct sdeistate *sdeistate_base_state(const struct sdeistate_base *base);

/** sdeistate_base_digest() - of the state, SDEISTATE_DIGEST_SIZE bytes, borrowed */
SDEISTATE_API const uint8_t *sdeistate_base_digest(const struct sdeistate_base *base);

/**
 * sdeistate_delta_compute() - what makes @state of @base
 * @delta: becomes the record stream, owned by the caller
 *
 * A record whose changed fields would take more room than the record comes whole; so does one that
 * only one of the two states has, and one whose lists are not in order. Changes nothing in @base but
 * the room it keeps. Costs a comparison of all raw structs, and encoding and hashing of the records
 * that changed.
 * Return: 0; -EINVAL usage (@base failed before) or inconsistent, as sdeistate_encode(); -E2BIG
 * over-limit; -ENOMEM.
 */
SDEISTATE_API int sdeistate_delta_compute(struct sdeistate_base *base,
					  const struct sdeistate *state,
					  struct sdeistate_buffer *delta,
					  struct sdeistate_error *err);

/**
 * sdeistate_delta_apply() - make of @base what the delta was computed from
 *
 * In place: @base is the result afterwards, and the next delta applies to that. Not validated. The
 * delta is refused as a whole before anything is changed if it is wrong in itself; what is found
 * later (an entry that is not there, another result than the one named) leaves @base without a
 * state, only to be freed.
 * Return: 0; -EBADMSG damaged; -ESTALE wrong-base, with nothing but the digest looked at; -E2BIG
 * over-limit; -EBADMSG bad-digest: the result is another; -EOPNOTSUPP unknown-record; -EINVAL usage
 * (@base failed before) or inconsistent; -ENOMEM.
 */
SDEISTATE_API int sdeistate_delta_apply(struct sdeistate_base *base, const uint8_t *delta,
					size_t len, struct sdeistate_error *err);

/* Both ends of a delta. */
struct sdeistate_delta_ends {
	uint8_t base[SDEISTATE_DIGEST_SIZE];
	uint8_t result[SDEISTATE_DIGEST_SIZE];
};

/**
 * sdeistate_delta_peek() - which base it needs and which result it makes, without decoding it
 *
 * Return: 0; -EBADMSG damaged: not a stream of one record 18 that begins with two digests; -E2BIG
 * over-limit.
 */
SDEISTATE_API int sdeistate_delta_peek(const uint8_t *delta, size_t len,
				       struct sdeistate_delta_ends *ends,
				       struct sdeistate_error *err);

enum sdeistate_delta_what {
	SDEISTATE_DELTA_GONE,  /* a record: the result does not have it */
	SDEISTATE_DELTA_WHOLE, /* a record: comes whole, @count bytes */
	SDEISTATE_DELTA_GOES,  /* an entry of a list */
	SDEISTATE_DELTA_COMES, /* an entry of a list, all zero but its number */
	SDEISTATE_DELTA_SET,   /* @count elements of a field from @first on */
};

struct sdeistate_delta_change {
	uint32_t record; /* type */
	enum sdeistate_delta_what what;
	const char *path; /* "registered[0x400000].ep_arg"; empty for a record; borrowed */
	uint32_t first, count;
	const uint64_t *value; /* @count of them, for SET; borrowed */
};

/** typedef sdeistate_delta_fn - takes one change; other than 0 ends the listing */
typedef int (*sdeistate_delta_fn)(void *user, const struct sdeistate_delta_change *change);

/**
 * sdeistate_delta_list() - what a delta would change, without its base
 * @fn: NULL: only check that it is right in itself
 *
 * Return: 0; what @fn returned, if that was not 0; -EBADMSG damaged; -E2BIG over-limit; -ENOMEM.
 */
SDEISTATE_API int sdeistate_delta_list(const uint8_t *delta, size_t len, sdeistate_delta_fn fn,
				       void *user, struct sdeistate_error *err);

#endif
