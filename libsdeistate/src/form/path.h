/* SPDX-License-Identifier: Apache-2.0 */
/*
 * path.h - a path taken apart, by the lists that deltas use
 */
#ifndef SDEISTATE_FORM_PATH_H
#define SDEISTATE_FORM_PATH_H

#include "delta/lists.h"

#include <sdeistate/form.h>

#define PATH_SIZE 128

struct form_path {
	const struct delta_list *list;
	const struct delta_field *field; /* NULL: the entry */
	uint64_t key;
	bool has_index;
	uint32_t index; /* into the field's array */
};

/** form_path_parse() - Return: 0; -EINVAL usage */
int form_path_parse(const char *text, struct form_path *path, struct sdeistate_error *err);

/** form_path_print() - without an index; @text has room for PATH_SIZE */
void form_path_print(const struct form_path *path, char *text);

/** form_has_paths() - are the entries of this list reached by paths? */
bool form_has_paths(const struct delta_list *list);

/** form_entry() - where an entry is in the state; NULL if it is not there */
char *form_entry(const struct sdeistate *state, const struct form_path *path);

#endif
