// SPDX-License-Identifier: Apache-2.0
#include "option.h"

#include "cleanup.h"
#include "failure.h"
#include "number.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define MAX_ROWS       64u /* of one verb, with the common ones */
#define MAX_LIST_ITEMS 4096u
#define NAME_SIZE      64u

/* One row in the course of parsing. */
struct slot {
	const struct option_row *row;
	void *value;
	bool seen;   /* on the command line */
	bool filled; /* by anything */
};

struct parser {
	struct slot slot[MAX_ROWS];
	size_t n_slots;
	struct failure *failure;
};

bool option_is_positional(const struct option_row *row)
{
	return row->name[0] != '-';
}

void option_env_name(const char *prefix, const struct option_row *row, char *name, size_t size)
{
	name[0] = '\0';
	if (option_is_positional(row))
		return;
	snprintf(name, size, "%s%s", prefix, row->name + 2);
	for (char *c = name + strlen(prefix); *c; c++)
		*c = *c == '-' ? '_' : (char)toupper((unsigned char)*c);
}

static bool takes_value(const struct option_row *row)
{
	return row->type != OPTION_FLAG && row->type != OPTION_COUNT;
}

static int refuse(struct parser *parser, const struct option_row *row, const char *expected,
		  const char *actual)
{
	return failure_set(parser->failure, SDEISTATE_USAGE, -EINVAL, "command line",
			   row ? row->name : NULL, expected, actual);
}

static bool is_choice(const char *choices, const char *word)
{
	const size_t len = strlen(word);

	for (const char *at = choices; len && at; at = strchr(at, '|')) {
		at += *at == '|';
		if (strncmp(at, word, len) == 0 && (at[len] == '|' || at[len] == '\0'))
			return true;
	}
	return false;
}

static int append(struct option_list *list, const char *text)
{
	const char **grown;

	if (list->n == MAX_LIST_ITEMS)
		return -E2BIG;
	grown = realloc(list->item, (list->n + 1) * sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	list->item = grown;
	list->item[list->n++] = text;
	return 0;
}

/* A bound as one would write it: 24M. */
static void print_bound(enum option_type type, uint64_t value, char text[24])
{
	static const char suffix[] = " KMG";
	unsigned int unit = 0;

	while (type == OPTION_SIZE && value && value % 1024 == 0 && suffix[unit + 1]) {
		value /= 1024;
		unit++;
	}
	snprintf(text, 24, "%" PRIu64 "%.*s", value, unit ? 1 : 0, suffix + unit);
}

static int refuse_number(struct parser *parser, const struct option_row *row, const char *text)
{
	const char *what = row->type == OPTION_SIZE ? "a size" : "a number";
	char min[24], max[24], expected[96];

	print_bound(row->type, row->min, min);
	print_bound(row->type, row->max, max);
	if (row->max)
		snprintf(expected, sizeof(expected), "%s from %s to %s", what, min, max);
	else if (row->min)
		snprintf(expected, sizeof(expected), "%s, at least %s", what, min);
	else
		snprintf(expected, sizeof(expected), "%s of up to 64 bits", what);
	return refuse(parser, row, expected, text[0] ? text : "an empty one");
}

static bool is_within(const struct option_row *row, const char *text, uint64_t value)
{
	/* -1 is understood as a pattern of 64 bits; where there is a least value it is none. */
	if (row->min && text[0] == '-')
		return false;
	return value >= row->min && (!row->max || value <= row->max);
}

static int store_number(struct parser *parser, struct slot *slot, const char *text)
{
	const struct option_row *row = slot->row;
	struct option_number *number = slot->value;
	uint64_t value;
	const bool understood = row->type == OPTION_SIZE ? number_parse_size(text, &value)
							 : number_parse(text, &value);

	if (!understood || !is_within(row, text, value))
		return refuse_number(parser, row, text);
	*number = (struct option_number){ .given = true, .value = value };
	return 0;
}

static int store_flag(struct parser *parser, struct slot *slot, const char *text)
{
	const bool on = !text || is_choice("1|yes|true|on", text);

	if (!on && !is_choice("0|no|false|off", text))
		return refuse(parser, slot->row, "yes or no", text);
	if (slot->row->type == OPTION_COUNT)
		*(int *)slot->value += on;
	else
		*(bool *)slot->value = on;
	return 0;
}

/* Where a file is named, its URI is as good; a file that is really called so is ./file:... */
static const char *path_of(const struct option_row *row, const char *text)
{
	const bool uri = row->names == OPTION_NAMES_FILE && text && strncmp(text, "file:", 5) == 0;

	return uri ? text + 5 : text;
}

static int store(struct parser *parser, struct slot *slot, const char *text)
{
	slot->filled = true;
	text = path_of(slot->row, text);
	if (slot->row->names != OPTION_NAMES_NOTHING && text && !*text)
		return refuse(parser, slot->row, "a name", "an empty one");
	switch (slot->row->type) {
	case OPTION_FLAG:
	case OPTION_COUNT:
		return store_flag(parser, slot, text);
	case OPTION_NUMBER:
	case OPTION_SIZE:
		return store_number(parser, slot, text);
	case OPTION_LIST:
		return append(slot->value, text);
	case OPTION_CHOICE:
		if (!is_choice(slot->row->choices, text))
			return refuse(parser, slot->row, slot->row->choices, text);
		break;
	case OPTION_TEXT:
		break;
	}
	*(const char **)slot->value = text;
	return 0;
}

static struct slot *find_long(struct parser *parser, const char *word, size_t len)
{
	for (size_t i = 0; i < parser->n_slots; i++) {
		const char *name = parser->slot[i].row->name;

		if (strncmp(name, word, len) == 0 && name[len] == '\0' && name[0] == '-')
			return &parser->slot[i];
	}
	return NULL;
}

static struct slot *find_letter(struct parser *parser, char letter)
{
	for (size_t i = 0; i < parser->n_slots; i++)
		if (parser->slot[i].row->letter == letter)
			return &parser->slot[i];
	return NULL;
}

/* The next positional row that still takes a word: a list takes all that are left. */
static struct slot *find_positional(struct parser *parser)
{
	for (size_t i = 0; i < parser->n_slots; i++) {
		struct slot *slot = &parser->slot[i];

		if (option_is_positional(slot->row) &&
		    (!slot->seen || slot->row->type == OPTION_LIST))
			return slot;
	}
	return NULL;
}

static int give(struct parser *parser, struct slot *slot, const char *text)
{
	if (slot->seen && slot->row->type != OPTION_LIST && slot->row->type != OPTION_COUNT)
		return refuse(parser, slot->row, "given once", "given again");
	slot->seen = true;
	return store(parser, slot, text);
}

/* "-o FILE", "-oFILE", "-qv". Return: words used, or -errno */
static int parse_letters(struct parser *parser, const char *word, const char *next)
{
	for (const char *c = word + 1; *c; c++) {
		struct slot *slot = find_letter(parser, *c);
		const char *value = c[1] ? c + 1 : next;
		int ret;

		if (!slot)
			return refuse(parser, NULL, "a known option", word);
		if (!takes_value(slot->row)) {
			ret = give(parser, slot, NULL);
			if (ret)
				return ret;
			continue;
		}
		if (!value)
			return refuse(parser, slot->row, slot->row->argument, "nothing");
		ret = give(parser, slot, value);
		return ret ? ret : 1 + (value == next);
	}
	return 1;
}

/* "--key FILE", "--key=FILE". Return: words used, or -errno */
static int parse_long(struct parser *parser, const char *word, const char *next)
{
	const size_t len = strcspn(word, "=");
	struct slot *slot = find_long(parser, word, len);
	const char *value = word[len] ? word + len + 1 : NULL;
	int ret;

	if (!slot)
		return refuse(parser, NULL, "a known option", word);
	if (!takes_value(slot->row))
		return value ? refuse(parser, slot->row, "no value", value)
		       : (ret = give(parser, slot, NULL)) ? ret
							  : 1;
	if (!value && !next)
		return refuse(parser, slot->row, slot->row->argument, "nothing");
	ret = give(parser, slot, value ? value : next);
	return ret ? ret : 1 + !value;
}

static bool is_negative_number(const char *word)
{
	return word[0] == '-' && isdigit((unsigned char)word[1]);
}

static int parse_positional(struct parser *parser, const char *word)
{
	struct slot *slot = find_positional(parser);
	int ret;

	if (!slot)
		return refuse(parser, NULL, "no more arguments", word);
	ret = give(parser, slot, word);
	return ret ? ret : 1;
}

static int parse_words(struct parser *parser, int argc, char **argv)
{
	bool bare = false;

	for (int i = 0, used; i < argc; i += used) {
		const char *word = argv[i], *next = i + 1 < argc ? argv[i + 1] : NULL;

		if (bare || word[0] != '-' || !word[1] || is_negative_number(word)) {
			used = parse_positional(parser, word);
		} else if (strcmp(word, "--") == 0) {
			bare = true;
			used = 1;
		} else {
			used = word[1] == '-' ? parse_long(parser, word, next)
					      : parse_letters(parser, word, next);
		}
		if (used < 0)
			return used;
	}
	return 0;
}

static const char *look_up(const struct option_file *file, const char *name)
{
	for (size_t at = 0; at < file->len;) {
		const char *key = file->text + at, *value = key + strlen(key) + 1;

		if (strcmp(key, name) == 0)
			return value;
		at = (size_t)(value + strlen(value) + 1 - file->text);
	}
	return NULL;
}

static const char *find_elsewhere(const struct option_sources *sources,
				  const struct option_row *row)
{
	char name[NAME_SIZE];
	const char *text = NULL;

	if (!option_is_positional(row)) {
		option_env_name(sources->env_prefix, row, name, sizeof(name));
		text = getenv(name);
		for (size_t i = 0; !text && i < sources->n_files; i++)
			text = look_up(&sources->file[i], row->name + 2);
	}
	return text && *text ? text : row->fallback;
}

/* A list from a variable or file: the pieces between commas, kept behind the pointers in one block.
 */
static int split(struct parser *parser, struct slot *slot, const char *text)
{
	struct option_list *list = slot->value;
	size_t n = 1;
	char *copy;

	for (const char *c = text; *c; c++)
		n += *c == ',';
	if (n > MAX_LIST_ITEMS)
		return refuse(parser, slot->row, "a shorter list", text);
	list->item = malloc(n * sizeof(*list->item) + strlen(text) + 1);
	if (!list->item)
		return -ENOMEM;
	copy = memcpy(list->item + n, text, strlen(text) + 1);
	for (char *piece = strsep(&copy, ","); piece; piece = strsep(&copy, ",")) {
		const char *name = path_of(slot->row, piece);

		if (slot->row->names != OPTION_NAMES_NOTHING && !*name)
			return refuse(parser, slot->row, "a name", "an empty one");
		list->item[list->n++] = name;
	}
	slot->filled = true;
	return 0;
}

static int fill_rest(struct parser *parser, const struct option_sources *sources)
{
	for (size_t i = 0; i < parser->n_slots; i++) {
		struct slot *slot = &parser->slot[i];
		const char *text = slot->seen ? NULL : find_elsewhere(sources, slot->row);
		int ret = 0;

		if (text)
			ret = slot->row->type == OPTION_LIST ? split(parser, slot, text)
							     : store(parser, slot, text);
		if (ret)
			return ret;
	}
	return 0;
}

static int check_required(struct parser *parser)
{
	for (size_t i = 0; i < parser->n_slots; i++)
		if (parser->slot[i].row->required && !parser->slot[i].filled)
			return refuse(parser, parser->slot[i].row,
				      parser->slot[i].row->argument ? parser->slot[i].row->argument
								    : "a value",
				      "nothing");
	return 0;
}

static bool wants_help(const struct parser *parser)
{
	for (size_t i = 0; i < parser->n_slots; i++)
		if (parser->slot[i].seen && strcmp(parser->slot[i].row->name, "--help") == 0)
			return true;
	return false;
}

int option_parse(const struct option_table *table, size_t n_tables, int argc, char **argv,
		 const struct option_sources *sources, struct failure *failure)
{
	struct parser parser = { .failure = failure };
	int ret;

	for (size_t t = 0; t < n_tables; t++)
		for (const struct option_row *row = table[t].row; row && row->name; row++) {
			if (parser.n_slots == MAX_ROWS)
				return failure_set(failure, SDEISTATE_INTERNAL, -E2BIG,
						   "option table", NULL, NULL, NULL);
			parser.slot[parser.n_slots++] = (struct slot){
				.row = row,
				.value = (char *)table[t].args + row->offset,
			};
		}
	ret = parse_words(&parser, argc, argv);
	if (ret || wants_help(&parser))
		return ret;
	ret = fill_rest(&parser, sources);
	return ret ? ret : check_required(&parser);
}

void option_release(const struct option_table *table)
{
	for (const struct option_row *row = table->row; row && row->name; row++) {
		if (row->type == OPTION_LIST) {
			struct option_list *list = (void *)((char *)table->args + row->offset);

			free(list->item);
			*list = (struct option_list){ 0 };
		}
	}
}
