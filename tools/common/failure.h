/* SPDX-License-Identifier: Apache-2.0 */
/*
 * failure.h - why a command failed, and what to do now
 *
 * The reasons are libsdeistate's (stable names and numbers); this table gives each its exit code
 * and its advice.
 */
#ifndef TOOLS_COMMON_FAILURE_H
#define TOOLS_COMMON_FAILURE_H

#include <jansson.h>
#include <sdeistate/error.h>
#include <stdint.h>

/* Exit codes of both programs. */
enum exit_code {
	EXIT_CODE_OK = 0,
	EXIT_CODE_FAILURE = 1,
	EXIT_CODE_USAGE = 2,
	EXIT_CODE_VERIFICATION = 3,
	EXIT_CODE_REFUSED = 4,
	EXIT_CODE_PEER = 5,
	EXIT_CODE_INCOMPATIBLE = 6,
	EXIT_CODE_CANCELLED = 7,
	EXIT_CODE_DIFFERS = 8,
	EXIT_CODE_IN_DOUBT = 9,
	EXIT_CODE_OVER_LIMIT = 10,
	EXIT_CODE_BUSY = 11,
	EXIT_CODE_NOTHING_TO_VERIFY = 12,
	EXIT_CODE_NOT_OURS = 13,
	EXIT_CODE_DAMAGED = 14,
	EXIT_CODE_UNKNOWN_SIGNER = 15,
	EXIT_CODE_NOT_FOR_HERE = 16,
	EXIT_CODE_TEMPORARY = 75,
};

/* Which end found the failure. */
enum failure_side { FAILURE_LOCAL, FAILURE_SOURCE, FAILURE_DESTINATION };

struct failure {
	enum sdeistate_reason reason;
	int code; /* negative errno, 0 if none fits */
	char object[96];
	char field[64];
	char expected[160]; /* may be empty, like actual */
	char actual[160];
	enum failure_side side;
	const char *vm_source; /* state of the two VMs after the failure: "running", "paused", */
	const char *vm_destination; /* "relinquished", "none", "unknown"; NULL: not concerned */
	const char *advice;         /* NULL: the reason's own */
};

/* Where a program puts a reason in other words than the table; a list ends with a NULL meaning. */
struct failure_words {
	enum sdeistate_reason reason;
	const char *meaning; /* without a full stop */
	const char *advice;
};

/** failure_set() - fill the whole object; the texts may be NULL. Return: @code */
int failure_set(struct failure *failure, enum sdeistate_reason reason, int code, const char *object,
		const char *field, const char *expected, const char *actual);

/** failure_from() - take over what libsdeistate said. Return: its errno */
int failure_from(struct failure *failure, const struct sdeistate_error *error);

/** failure_io() - reading or writing @object failed with @error (positive errno). Return: -@error
 */
int failure_io(struct failure *failure, const char *object, int error);

/** failure_exit() - the exit code that belongs to @reason */
enum exit_code failure_exit(enum sdeistate_reason reason);

/** failure_meaning() - the reason in words, without a full stop */
const char *failure_meaning(enum sdeistate_reason reason);

/** failure_advice() - what to do next */
const char *failure_advice(const struct failure *failure);

/** failure_json() - {reason, exit, code, object, field, ...}; NULL: no memory */
json_t *failure_json(const struct failure *failure);

/** failure_reason_name() - "bad-signature" etc.; "internal" for a number without a name */
const char *failure_reason_name(enum sdeistate_reason reason);

/** failure_reason_find() - the reason of that name; internal if there is none */
enum sdeistate_reason failure_reason_find(const char *name);

/** failure_side_name() - "local", "source", "destination" */
const char *failure_side_name(enum failure_side side);

/* Rows of the table, for the man page; ends with a NULL meaning. */
struct exit_meaning {
	enum exit_code code;
	const char *meaning;
};

/** failure_exit_meanings() - every exit code and what it says */
const struct exit_meaning *failure_exit_meanings(void);

#endif
