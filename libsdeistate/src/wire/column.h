/* SPDX-License-Identifier: Apache-2.0 */
/*
 * column.h - a column of 64-bit numbers as the schema's message Column
 *
 * Arguments at base + n x stride, the same entry point on every PE and idle registers are runs of a
 * constant step; queues name few events in any order, which is a table and an index. What is
 * neither stands as it is. docs/records.md, "Columns".
 */
#ifndef SDEISTATE_COLUMN_H
#define SDEISTATE_COLUMN_H

#include "sdeistate.pb-c.h"
#include "wire/scratch.h"

#include <sdeistate/error.h>
#include <stdint.h>

#define COLUMN_MAX_TABLE 256u

/* Being written: numbers are pushed in, column_finish() turns it into a message. */
struct column {
	struct scratch *scratch;
	size_t n; /* how many will come */
	size_t n_pushed;
	uint32_t *length; /* finished runs */
	uint64_t *first, *step;
	size_t n_runs, room, max_runs;
	uint64_t run_first, run_step, run_last; /* the run that grows */
	size_t run_length;
	uint64_t *value; /* there were too many runs: all numbers, and no runs any more */
};

/** column_begin() - @n numbers will come. Return: 0; -ENOMEM */
int column_begin(struct column *column, struct scratch *scratch, size_t n);

/** column_push() - the next @n 64-bit numbers, of whichever type. Return: 0; -ENOMEM */
int column_push(struct column *column, const void *number, size_t n);

/** column_finish() - all have come. Return: the message, in the scratch; NULL without memory */
Sdeistate__Column *column_finish(struct column *column);

/** column_write() - a whole array at once. Return: as column_finish() */
Sdeistate__Column *column_write(struct scratch *scratch, const void *number, size_t n);

/* Being read: numbers are taken out in order. */
struct column_reader {
	const Sdeistate__Column *message;
	size_t n_taken;
	size_t run, in_run; /* which run, how many of it are gone */
};

/**
 * column_check() - is a message a column of @n numbers? Makes a reader that will give them
 *
 * Return: 0; -EBADMSG damaged, naming @object and @field.
 */
int column_check(const Sdeistate__Column *message, size_t n, const char *object, const char *field,
		 struct column_reader *reader, struct sdeistate_error *err);

/** column_take() - the next @n 64-bit numbers, of whichever type; no more than were checked */
void column_take(struct column_reader *reader, void *numbers, size_t n);

/** column_read() - all @n numbers of a message. Return: as column_check() */
int column_read(const Sdeistate__Column *message, void *numbers, size_t n, const char *object,
		const char *field, struct sdeistate_error *err);

#endif
