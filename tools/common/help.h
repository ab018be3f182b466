/* SPDX-License-Identifier: Apache-2.0 */
/*
 * help.h - texts made from the option tables
 */
#ifndef TOOLS_COMMON_HELP_H
#define TOOLS_COMMON_HELP_H

#include "tool.h"

/* The rows every verb has; their values stand in struct tool. */
extern const struct option_row help_common_options[];

/** help_program() - the verbs, one a line */
void help_program(const struct program *program, FILE *out);

/** help_group() - the verbs whose first word is @group, one a line */
void help_group(const struct program *program, const char *group, FILE *out);

/** help_verb() - usage, summary and options of one verb */
void help_verb(const struct program *program, const struct verb *verb, FILE *out);

/** help_usage() - the usage line alone, without a line end; @bold marks words for troff */
void help_usage(const struct program *program, const struct verb *verb, bool troff, FILE *out);

/**
 * generate() - a whole file made from the tables: "bash", "zsh", or a man page from its template
 *
 * In a template the lines @SYNOPSIS@, @VERBS@, @ENVIRONMENT@ and @EXIT@ are replaced.
 * Return: 0; -EINVAL for an unknown @kind; -errno if the template cannot be read.
 */
int generate(const struct program *program, const char *kind, const char *template_path, FILE *out,
	     struct failure *failure);

#endif
