// SPDX-License-Identifier: Apache-2.0
#include "delta/decode_delta.h"
#include "delta/lists.h"
#include "plan/parts.h"

#include <stdio.h>

#define PATH_SIZE 128

static void name_change(char *path, const struct delta_list *list, uint64_t key, uint32_t field)
{
	const struct delta_field *of = delta_list_field(list, field);
	char entry[64] = "";

	if (list->shape == LIST_BY_KEY)
		snprintf(entry, sizeof(entry), "[0x%" PRIx64 "]", key);
	else if (list->shape != LIST_ONE)
		snprintf(entry, sizeof(entry), "[%" PRIu64 "]", key);
	/* Members of the state itself bring their own path. */
	if (list->shape == LIST_ONE && of)
		snprintf(path, PATH_SIZE, "%s", of->name);
	else
		snprintf(path, PATH_SIZE, "%s%s%s%s", list->name, entry, of ? "." : "",
			 of ? of->name : "");
}

static int list_records(const struct delta_message *message, sdeistate_delta_fn fn, void *user)
{
	int ret = 0;

	for (size_t i = 0; i < message->n_gone && !ret; i++) {
		const struct sdeistate_delta_change change = { .record = message->gone[i],
							       .what = SDEISTATE_DELTA_GONE,
							       .path = "" };

		ret = fn(user, &change);
	}
	for (unsigned int i = 0; i < message->whole.n_records && !ret; i++) {
		const struct sdeistate_record *record = &message->whole.record[i];
		const struct sdeistate_delta_change change = { .record = record->type,
							       .what = SDEISTATE_DELTA_WHOLE,
							       .path = "",
							       .count = (uint32_t)record->len };

		ret = fn(user, &change);
	}
	return ret;
}

static int list_runs(const struct delta_runs *runs, sdeistate_delta_fn fn, void *user)
{
	const uint64_t *value = runs->value;
	char path[PATH_SIZE];
	int ret = 0;

	for (size_t i = 0; i < runs->n && !ret; i++) {
		const struct sdeistate_delta_change change = {
			.record = LIST_RECORD(runs->list[i]),
			.what = runs->field[i] == CHANGE_GOES    ? SDEISTATE_DELTA_GOES
				: runs->field[i] == CHANGE_COMES ? SDEISTATE_DELTA_COMES
								 : SDEISTATE_DELTA_SET,
			.path = path,
			.first = runs->first[i],
			.count = runs->count[i],
			.value = value,
		};

		name_change(path, delta_list_find(runs->list[i]), runs->key[i], runs->field[i]);
		ret = fn(user, &change);
		value += runs->count[i];
	}
	return ret;
}

int sdeistate_delta_list(const uint8_t *delta, size_t len, sdeistate_delta_fn fn, void *user,
			 struct sdeistate_error *err)
{
	CLEANUP(delta_message_free) struct delta_message message = { .n_gone = 0 };
	int ret = delta_message_read(delta, len, NULL, &message, err);

	if (ret || !fn)
		return ret;
	ret = list_records(&message, fn, user);
	return ret ? ret : list_runs(&message.runs, fn, user);
}
