/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tool.h - what every command of both programs stands on
 *
 * A program is a list of verbs. A verb is a row: its words, its option table, its function. The
 * function gets a zeroed argument struct that the option table has filled, and returns an exit
 * code; a failure is reported once, by `return tool_fail(tool, &failure)`.
 *
 * Data goes to stdout, everything else to stderr.
 */
#ifndef TOOLS_COMMON_TOOL_H
#define TOOLS_COMMON_TOOL_H

#include "cleanup.h"
#include "failure.h"
#include "number.h"
#include "option.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

struct tool;

struct verb {
	const char *name;    /* one or two words: "send", "vm call" */
	const char *summary; /* one line, for lists */
	const char *about;   /* paragraphs for the man page, separated by an empty line */
	const struct option_row *options;          /* ends with OPTION_END; NULL: none */
	size_t args_size;                          /* of the struct the options are written to */
	int (*run)(struct tool *tool, void *args); /* returns an exit code */
	/* Instead of run: gets the words as they are, but for --help alone, to hand them to another program. */
	int (*pass)(struct tool *tool, int argc, char **argv);
};

struct program {
	const char *name;
	const char *summary;
	const char *version;
	const char *env_prefix; /* "SDEI_MIGRATE_" */
	const char *config;     /* path below /etc and $XDG_CONFIG_HOME: "sdei-migrate/config" */
	const struct verb *const *verbs;   /* ends with NULL */
	const struct failure_words *words; /* NULL: none of its own */
};

/* One run. */
struct tool {
	const struct program *program;
	const struct verb *verb;
	bool json, quiet, help;
	int verbose;
	bool colour; /* stdout is a terminal and NO_COLOR is not set */
	FILE *out;   /* data; becomes stderr for results once stdout carries bytes */
};

/** tool_main() - the whole of a program's main(): find the verb, parse, run. Return: exit code */
int tool_main(const struct program *program, int argc, char **argv);

/** tool_fail() - report a failure, as JSON or in words. Return: its exit code */
int tool_fail(const struct tool *tool, const struct failure *failure);

/** tool_failure() - the object of a failure as --json prints it, in the program's words; NULL: no
 * memory */
json_t *tool_failure(const struct tool *tool, const struct failure *failure);

/** tool_usage() - a wrong command line: which option, and what was expected. Return: 2 */
int tool_usage(const struct tool *tool, const char *option, const char *expected);

/** tool_no_memory() - report it. Return: exit code */
int tool_no_memory(const struct tool *tool);

/** tool_flush() - have lines that were printed arrive. Return: 0; 1 when they did not, which is reported */
int tool_flush(const struct tool *tool);

/** tool_say() - a message for people, on stderr; silent with --quiet */
void tool_say(const struct tool *tool, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/** tool_detail() - a message shown only with -v */
void tool_detail(const struct tool *tool, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/**
 * tool_result() - print what a command found, and take @object away
 *
 * With --json one line; without, one line per value in words ("name  value", nested names joined by
 * a point). NULL means memory ran out while it was built. Return: 0, or the exit code of a failure.
 */
int tool_result(const struct tool *tool, json_t *object);

/** tool_event() - one JSON line, with --json or without; takes @object away. Return: as
 * tool_result() */
int tool_event(const struct tool *tool, json_t *object);

/** tool_stdout_is_data() - from now on stdout carries bytes; results go to stderr */
void tool_stdout_is_data(struct tool *tool);

/** tool_state_path() - the name of tool_state_dir() alone; creates nothing. Return: as that */
int tool_state_path(const char *given, char **path, struct failure *failure);

/**
 * tool_state_dir() - where records live: @given, or the default for root and for others; created
 *
 * @path gets an owned string. Return: 0; -errno with @failure.
 */
int tool_state_dir(const char *given, char **path, struct failure *failure);

#endif
