// SPDX-License-Identifier: Apache-2.0
#include "wire/column.h"

#include "error_set.h"
#include "util.h"

#include <errno.h>

/* A run takes about 17 bytes, a plain number 8, an index 1. */
#define RUN_COST   17u
#define VALUE_COST 8u
#define FIRST_RUNS 32u
#define STRIDE     16u /* numbers compared side by side */

/*
 * Which form a column takes: runs while they cost less than an index; else a table and an index, if
 * there are few enough values; else runs while they cost less than the numbers; else the numbers.
 */
static size_t count_few_runs(size_t n)
{
	return n > 1 ? n / RUN_COST : n;
}

static size_t count_most_runs(size_t n)
{
	return (VALUE_COST * n - 1) / RUN_COST;
}

static void *grow(struct scratch *scratch, const void *from, size_t n, size_t room, size_t size)
{
	void *to = scratch_raw(scratch, room, size);

	if (to && n)
		memcpy(to, from, n * size);
	return to;
}

/* Room for four times as many runs; most columns never need the second time. */
static int grow_runs(struct column *column)
{
	size_t room = column->room ? 4 * column->room : FIRST_RUNS;

	column->length = grow(column->scratch, column->length, column->n_runs, room,
			      sizeof(*column->length));
	column->first =
		grow(column->scratch, column->first, column->n_runs, room, sizeof(*column->first));
	column->step =
		grow(column->scratch, column->step, column->n_runs, room, sizeof(*column->step));
	column->room = room;
	return column->length && column->first && column->step ? 0 : -ENOMEM;
}

int column_begin(struct column *column, struct scratch *scratch, size_t n)
{
	*column = (struct column){ .scratch = scratch, .n = n, .max_runs = count_few_runs(n) };
	return grow_runs(column);
}

/* Give up on runs for now: all numbers so far in full. */
static int spread(struct column *column)
{
	uint64_t *to = scratch_raw(column->scratch, column->n, sizeof(*to));

	if (!to)
		return -ENOMEM;
	column->value = to;
	for (size_t run = 0; run < column->n_runs; run++)
		for (size_t i = 0; i < column->length[run]; i++)
			*to++ = column->first[run] + i * column->step[run];
	return 0;
}

static int end_run(struct column *column)
{
	if (column->n_runs == column->room && grow_runs(column))
		return -ENOMEM;
	column->length[column->n_runs] = (uint32_t)column->run_length;
	column->first[column->n_runs] = column->run_first;
	column->step[column->n_runs] = column->run_length > 1 ? column->run_step : 0;
	column->n_runs++;
	column->run_length = 0;
	return 0;
}

static uint64_t number_at(const unsigned char *number, size_t i)
{
	uint64_t value;

	memcpy(&value, number + i * sizeof(value), sizeof(value));
	return value;
}

/* Do the next numbers carry on from @last? All at once: a branch for each would cost more. */
static bool carry_on(const unsigned char *number, uint64_t last, uint64_t step)
{
	uint64_t next __attribute__((vector_size(16)));
	uint64_t expected __attribute__((vector_size(16))) = { last + step, last + 2 * step };
	uint64_t differs __attribute__((vector_size(16))) = { 0, 0 };

#pragma GCC unroll 8
	for (unsigned int i = 0; i < STRIDE; i += 2) {
		memcpy(&next, number + i * sizeof(last), sizeof(next));
		differs |= next ^ expected;
		expected += 2 * step;
	}
	return !(differs[0] | differs[1]);
}

/* Numbers from @i on that carry the run on. Return: how many */
static size_t extend_run(struct column *column, const unsigned char *number, size_t i, size_t n)
{
	const uint64_t step = column->run_step;
	uint64_t last = column->run_last;
	size_t from = i;

	while (n - i >= STRIDE && carry_on(number + i * sizeof(last), last, step)) {
		last += STRIDE * step;
		i += STRIDE;
	}
	while (i < n && number_at(number, i) == last + step) {
		last += step;
		i++;
	}
	column->run_last = last;
	column->run_length += i - from;
	return i - from;
}

/* Push numbers until they are used up or the runs are. Return: 0 with how many went in; -ENOMEM */
static int push_runs(struct column *column, const unsigned char *number, size_t n, size_t *taken)
{
	size_t i = 0;

	while (i < n) {
		uint64_t next = number_at(number, i);

		if (column->run_length == 0) {
			if (column->n_runs == column->max_runs)
				break;
			column->run_first = next;
		} else if (column->run_length == 1) {
			column->run_step = next - column->run_last;
		} else {
			size_t more = extend_run(column, number, i, n);

			i += more;
			if (more == 0 && end_run(column))
				return -ENOMEM;
			continue;
		}
		column->run_last = next;
		column->run_length++;
		i++;
	}
	*taken = i;
	return 0;
}

int column_push(struct column *column, const void *numbers, size_t n)
{
	const unsigned char *number = numbers;
	size_t taken = 0;

	if (!column->value) {
		if (push_runs(column, number, n, &taken))
			return -ENOMEM;
		column->n_pushed += taken;
		if (taken == n)
			return 0;
		if (spread(column))
			return -ENOMEM;
	}
	memcpy(column->value + column->n_pushed, number + taken * sizeof(uint64_t),
	       (n - taken) * sizeof(uint64_t));
	column->n_pushed += n - taken;
	return 0;
}

/* The place of @number in an open-addressed set of twice the table's size. */
static unsigned int find_slot(const uint64_t *table, const uint16_t *slot, uint64_t number)
{
	unsigned int at = (unsigned int)((number * 0x9e3779b97f4a7c15u) >> 55);

	while (slot[at] && table[slot[at] - 1] != number)
		at = (at + 1) % (2 * COLUMN_MAX_TABLE);
	return at;
}

/* Try to say the values as a table and an index. Return: whether they have few enough values. */
static bool write_table(Sdeistate__Column *message, uint8_t *index, uint64_t *table,
			const uint64_t *value, size_t n)
{
	uint16_t slot[2 * COLUMN_MAX_TABLE] = { 0 };
	size_t n_table = 0;

	for (size_t i = 0; i < n; i++) {
		unsigned int at = find_slot(table, slot, value[i]);

		if (!slot[at]) {
			if (n_table == COLUMN_MAX_TABLE || 8 * n_table + n >= 8 * n)
				return false;
			table[n_table++] = value[i];
			slot[at] = (uint16_t)n_table;
		}
		index[i] = (uint8_t)(slot[at] - 1);
	}
	message->n_table = n_table;
	message->table = table;
	message->has_index = true;
	message->index = (ProtobufCBinaryData){ .len = n, .data = index };
	return true;
}

/* Return: 0, message maybe filled; -ENOMEM */
static int try_table(struct column *column, Sdeistate__Column *message)
{
	uint64_t *table = scratch_raw(column->scratch, COLUMN_MAX_TABLE, sizeof(*table));
	uint8_t *index = scratch_raw(column->scratch, column->n, 1);

	if (!table || !index)
		return -ENOMEM;
	write_table(message, index, table, column->value, column->n);
	return 0;
}

/* Neither few runs nor few values: runs all the same, while they are shorter. Return: as above */
static int try_values(struct column *column, Sdeistate__Column *message)
{
	size_t taken;

	column->n_runs = column->run_length = 0;
	column->max_runs = count_most_runs(column->n);
	if (push_runs(column, (const unsigned char *)column->value, column->n, &taken))
		return -ENOMEM;
	if (taken == column->n)
		return 0;
	message->n_value = column->n;
	message->value = column->value;
	return 0;
}

Sdeistate__Column *column_finish(struct column *column)
{
	Sdeistate__Column *message = scratch_alloc(column->scratch, 1, sizeof(*message));

	if (!message)
		return NULL;
	sdeistate__column__init(message);
	message->has_count = true;
	message->count = (uint32_t)column->n;
	if (column->value && try_table(column, message))
		return NULL;
	if (column->value && !message->has_index && try_values(column, message))
		return NULL;
	if (message->has_index || message->n_value)
		return message;
	if (column->run_length && end_run(column))
		return NULL;
	message->n_run_length = message->n_run_first = message->n_run_step = column->n_runs;
	message->run_length = column->length;
	message->run_first = column->first;
	message->run_step = column->step;
	return message;
}

Sdeistate__Column *column_write(struct scratch *scratch, const void *number, size_t n)
{
	struct column column;

	if (column_begin(&column, scratch, n) || column_push(&column, number, n))
		return NULL;
	return column_finish(&column);
}

static int damaged(struct sdeistate_error *err, const char *object, const char *field,
		   const char *what)
{
	return error_set(err, SDEISTATE_DAMAGED, -EBADMSG, object, field, "a column|%s", what);
}

static int check_runs(const Sdeistate__Column *message, size_t n, const char *object,
		      const char *field, struct sdeistate_error *err)
{
	size_t total = 0;

	if (message->n_run_length != message->n_run_first ||
	    message->n_run_length != message->n_run_step)
		return damaged(err, object, field, "runs without all three arrays");
	for (size_t i = 0; i < message->n_run_length; i++) {
		if (message->run_length[i] == 0 || message->run_length[i] > n - total)
			return damaged(err, object, field, "runs of another length in all");
		total += message->run_length[i];
	}
	if (total != n)
		return damaged(err, object, field, "runs of another length in all");
	return 0;
}

static int check_table(const Sdeistate__Column *message, size_t n, const char *object,
		       const char *field, struct sdeistate_error *err)
{
	if (message->n_table > COLUMN_MAX_TABLE || message->index.len != n)
		return damaged(err, object, field, "a table or index of another length");
	for (size_t i = 0; i < n; i++)
		if (message->index.data[i] >= message->n_table)
			return damaged(err, object, field, "an index outside its table");
	return 0;
}

int column_check(const Sdeistate__Column *message, size_t n, const char *object, const char *field,
		 struct column_reader *reader, struct sdeistate_error *err)
{
	bool runs, table, plain;
	int ret = 0;

	if (!message || !message->has_count)
		return damaged(err, object, field, "none");
	if (message->count != n)
		return error_set(err, SDEISTATE_DAMAGED, -EBADMSG, object, field, "%zu entries|%u",
				 n, message->count);
	runs = message->n_run_length || message->n_run_first || message->n_run_step;
	table = message->n_table || message->has_index;
	plain = message->n_value;
	if (runs + table + plain != (n > 0))
		return damaged(err, object, field, "not exactly one form");
	if (runs)
		ret = check_runs(message, n, object, field, err);
	else if (table)
		ret = check_table(message, n, object, field, err);
	else if (message->n_value != n)
		ret = damaged(err, object, field, "another number of values");
	*reader = (struct column_reader){ .message = message };
	return ret;
}

static void put_number(unsigned char *to, size_t i, uint64_t number)
{
	memcpy(to + i * sizeof(number), &number, sizeof(number));
}

static void take_runs(struct column_reader *reader, unsigned char *to, size_t n)
{
	const Sdeistate__Column *m = reader->message;

	for (size_t done = 0; done < n;) {
		size_t left = m->run_length[reader->run] - reader->in_run;
		size_t now = n - done < left ? n - done : left;
		uint64_t step = m->run_step[reader->run];
		uint64_t number = m->run_first[reader->run] + reader->in_run * step;

		for (size_t i = 0; i < now; i++)
			put_number(to, done + i, number + i * step);
		done += now;
		reader->in_run += now;
		if (now == left) {
			reader->run++;
			reader->in_run = 0;
		}
	}
}

void column_take(struct column_reader *reader, void *numbers, size_t n)
{
	const Sdeistate__Column *m = reader->message;
	size_t from = reader->n_taken;

	reader->n_taken += n;
	if (m->has_index)
		for (size_t i = 0; i < n; i++)
			put_number(numbers, i, m->table[m->index.data[from + i]]);
	else if (m->n_value)
		memcpy(numbers, &m->value[from], n * sizeof(uint64_t));
	else
		take_runs(reader, numbers, n);
}

int column_read(const Sdeistate__Column *message, void *numbers, size_t n, const char *object,
		const char *field, struct sdeistate_error *err)
{
	struct column_reader reader;
	int ret = column_check(message, n, object, field, &reader, err);

	if (!ret)
		column_take(&reader, numbers, n);
	return ret;
}
