/* SPDX-License-Identifier: Apache-2.0 */
/*
 * option.h - the one table of a verb's options
 *
 * A verb states its options and positional arguments as rows. Parsing, --help, the man page, shell
 * completion, the environment variables and the configuration files all read the same rows.
 *
 * A value is looked for in this order: command line, environment (PREFIX_NAME), the user's
 * configuration file, the system's, the row's fallback.
 */
#ifndef TOOLS_COMMON_OPTION_H
#define TOOLS_COMMON_OPTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct failure;
struct program;

enum option_type {
	OPTION_FLAG,   /* bool */
	OPTION_COUNT,  /* int: how often it was given */
	OPTION_TEXT,   /* const char *, NULL if absent */
	OPTION_CHOICE, /* const char *, one word of choices */
	OPTION_NUMBER, /* struct option_number, min..max */
	OPTION_SIZE,   /* the same, with K, M or G */
	OPTION_LIST,   /* struct option_list; may be given again; "a,b" in environment and files */
};

/* What the value names, for completion. A file may be named by its URI, file:PATH; the value is then PATH. */
enum option_names { OPTION_NAMES_NOTHING, OPTION_NAMES_FILE, OPTION_NAMES_DIRECTORY };

struct option_number {
	bool given;
	uint64_t value;
};

struct option_list {
	const char **item;
	size_t n;
};

struct option_row {
	const char *name;     /* "--key"; a positional argument has no dashes: "FILE" */
	const char *argument; /* what stands for the value in help; NULL for a flag */
	const char *help;     /* one line, no full stop */
	size_t offset;        /* of the value in the verb's argument struct */
	enum option_type type;
	enum option_names names;
	char letter; /* one-letter form, or 0 */
	bool required;
	const char *choices;  /* OPTION_CHOICE: "one|two|three" */
	const char *fallback; /* parsed as if it had been given */
	uint64_t min,
		max; /* OPTION_NUMBER, OPTION_SIZE: what is taken, both included; max 0: no greatest value */
};

/* A table ends with a row without a name. */
#define OPTION_END           \
	{                    \
		.name = NULL \
	}

/* Where a value may come from besides the command line and the environment. */
struct option_file {
	const char *path;
	char *text; /* owned, cut into NAME\0VALUE\0 */
	size_t len;
};

struct option_sources {
	const char *env_prefix;         /* "SDEI_MIGRATE_" */
	const struct option_file *file; /* strongest first */
	size_t n_files;
};

struct option_table {
	const struct option_row *row;
	void *args; /* zeroed before parsing */
};

/** option_is_positional() - does this row stand for a bare argument? */
bool option_is_positional(const struct option_row *row);

/** option_env_name() - PREFIX + the name in capitals, into @name; empty for a positional argument
 */
void option_env_name(const char *prefix, const struct option_row *row, char *name, size_t size);

/**
 * option_parse() - read @argc words into the argument structs of @table (@n_tables of them)
 *
 * Texts stay where they are (command line, environment, configuration); lists are owned by the
 * argument struct and given back by option_release().
 * Return: 0; -EINVAL with a usage failure in @failure; -ENOMEM.
 */
int option_parse(const struct option_table *table, size_t n_tables, int argc, char **argv,
		 const struct option_sources *sources, struct failure *failure);

/** option_release() - give back the lists of one table */
void option_release(const struct option_table *table);

/**
 * option_file_read() - read a configuration file: lines "name = value", '#' begins a comment
 *
 * A missing file is an empty one. Return: 0; -EINVAL, -EIO, -E2BIG with @failure; -ENOMEM.
 */
int option_file_read(const char *path, struct option_file *file, struct failure *failure);

#endif
