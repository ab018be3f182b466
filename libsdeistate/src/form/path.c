// SPDX-License-Identifier: Apache-2.0
#include "form/path.h"

#include "error_set.h"
#include "util.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

bool form_has_paths(const struct delta_list *list)
{
	return list->shape != LIST_MEMORY;
}

bool sdeistate_form_covers(uint32_t record)
{
	for (unsigned int i = 0; i < n_delta_lists; i++)
		if (LIST_RECORD(delta_lists[i].number) == record && form_has_paths(&delta_lists[i]))
			return true;
	return false;
}

void form_path_print(const struct form_path *path, char *text)
{
	const char *field = path->field ? path->field->name : NULL;
	char entry[32];

	/* Members of the state itself bring their own path. */
	if (path->list->shape == LIST_ONE) {
		snprintf(text, PATH_SIZE, "%s", field ? field : path->list->name);
		return;
	}
	snprintf(entry, sizeof(entry), path->list->shape == LIST_BY_KEY ? "0x%" PRIx64 : "%" PRIu64,
		 path->key);
	snprintf(text, PATH_SIZE, "%s[%s]%s%s", path->list->name, entry, field ? "." : "",
		 field ? field : "");
}

/* "[NUMBER]" at @at; NULL: it is not. */
static const char *parse_index(const char *at, uint64_t *number)
{
	char *end;

	if (at[0] != '[' || !isdigit((unsigned char)at[1]))
		return NULL;
	errno = 0;
	*number = strtoull(at + 1, &end, 0);
	return errno || *end != ']' ? NULL : end + 1;
}

/* The list whose name, with what stands for an entry, begins the path; the longest name wins. */
static const char *find_list(const char *text, struct form_path *path)
{
	const char *rest = NULL;
	size_t longest = 0;

	for (unsigned int i = 0; i < n_delta_lists; i++) {
		const struct delta_list *list = &delta_lists[i];
		const size_t len = strlen(list->name);
		uint64_t key;
		const char *behind;

		if (!form_has_paths(list) || list->shape == LIST_ONE || len < longest ||
		    strncmp(text, list->name, len) != 0)
			continue;
		behind = parse_index(text + len, &key);
		if (!behind)
			continue;
		path->list = list;
		path->key = key;
		rest = behind;
		longest = len;
	}
	return rest;
}

/* A field at the start of @text; @rest becomes what is behind it. */
static const struct delta_field *find_field(const struct delta_list *list, const char *text,
					    const char **rest)
{
	for (unsigned int i = 0; i < list->n_fields; i++) {
		const size_t len = strlen(list->field[i].name);

		if (strncmp(text, list->field[i].name, len) == 0 &&
		    (!text[len] || text[len] == '[')) {
			*rest = text + len;
			return &list->field[i];
		}
	}
	return NULL;
}

static bool find_member(const char *text, struct form_path *path, const char **rest)
{
	for (unsigned int i = 0; i < n_delta_lists && !path->field; i++) {
		if (delta_lists[i].shape != LIST_ONE)
			continue;
		path->list = &delta_lists[i];
		path->field = find_field(path->list, text, rest);
	}
	return path->field;
}

static int no_path(const char *text, const char *expected, struct sdeistate_error *err)
{
	return error_set(err, SDEISTATE_USAGE, -EINVAL, "path", "", "%s|%.100s", expected, text);
}

int form_path_parse(const char *text, struct form_path *path, struct sdeistate_error *err)
{
	struct form_path made = { .list = NULL };
	const char *rest = find_list(text, &made);
	uint64_t index;

	if (rest && *rest == '.')
		made.field = find_field(made.list, rest + 1, &rest);
	else if (rest && !*rest)
		goto out;
	else if (!rest)
		find_member(text, &made, &rest);
	if (!made.field)
		return no_path(text, "a path as show --form prints it", err);
	if (*rest) {
		rest = parse_index(rest, &index);
		if (!rest || *rest || index >= made.field->count)
			return no_path(text, "an index inside the array", err);
		made.has_index = true;
		made.index = (uint32_t)index;
	}
out:
	*path = made;
	return 0;
}

char *form_entry(const struct sdeistate *state, const struct form_path *path)
{
	const struct delta_list *list = path->list;
	char *entries;
	unsigned int n;

	if (list->shape == LIST_ONE)
		return (char *)(uintptr_t)state;
	if (list->shape == LIST_QUEUES)
		return NULL;
	entries = delta_entries(list, state);
	if (list->shape == LIST_BY_VCPU)
		return entries && path->key < state->n_vcpus ? entries + path->key * list->size
							     : NULL;
	n = *delta_count(list, state);
	for (unsigned int i = 0; i < n; i++)
		if (delta_key(list, entries + i * list->size) == path->key)
			return entries + i * list->size;
	return NULL;
}
