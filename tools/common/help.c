// SPDX-License-Identifier: Apache-2.0
#include "help.h"

#include <string.h>

#define NAME_WIDTH 28

const struct option_row help_common_options[] = {
	{ .name = "--help",
	  .help = "show this text",
	  .offset = offsetof(struct tool, help),
	  .type = OPTION_FLAG,
	  .letter = 'h' },
	{ .name = "--json",
	  .help = "print JSON: one object, or one object per line for events",
	  .offset = offsetof(struct tool, json),
	  .type = OPTION_FLAG },
	{ .name = "--verbose",
	  .help = "say more; may be repeated",
	  .offset = offsetof(struct tool, verbose),
	  .type = OPTION_COUNT,
	  .letter = 'v' },
	{ .name = "--quiet",
	  .help = "say nothing that is not a result or a failure",
	  .offset = offsetof(struct tool, quiet),
	  .type = OPTION_FLAG,
	  .letter = 'q' },
	OPTION_END,
};

static void print_positional(const struct option_row *row, bool troff, FILE *out)
{
	const char *word = row->type == OPTION_CHOICE ? row->choices : row->name;
	const bool bare = row->required;
	const char *more = row->type == OPTION_LIST ? "..." : "";

	if (troff)
		fprintf(out, " %s\\fI%s\\fR%s%s", bare ? "" : "[", word, more, bare ? "" : "]");
	else
		fprintf(out, " %s%s%s%s", bare ? "" : "[", word, more, bare ? "" : "]");
}

static void print_required(const struct option_row *row, bool troff, FILE *out)
{
	if (troff)
		fprintf(out, " \\fB\\%s\\fR \\fI%s\\fR", row->name, row->argument);
	else
		fprintf(out, " %s %s", row->name, row->argument);
}

void help_usage(const struct program *program, const struct verb *verb, bool troff, FILE *out)
{
	bool optional = false;

	fprintf(out, troff ? "\\fB%s %s\\fR" : "%s %s", program->name, verb->name);
	for (const struct option_row *row = verb->options; row && row->name; row++) {
		if (option_is_positional(row))
			continue;
		if (row->required)
			print_required(row, troff, out);
		else
			optional = true;
	}
	fputs(optional ? " [options]" : "", out);
	for (const struct option_row *row = verb->options; row && row->name; row++)
		if (option_is_positional(row))
			print_positional(row, troff, out);
}

static void print_row(const struct program *program, const struct option_row *row, FILE *out)
{
	char name[96], env[64];
	int len = 0;

	if (row->letter)
		len = snprintf(name, sizeof(name), "-%c, ", row->letter);
	snprintf(name + len, sizeof(name) - (size_t)len, "%s%s%s", row->name,
		 row->argument ? " " : "", row->argument ? row->argument : "");
	fprintf(out, "  %-*s  %s", NAME_WIDTH, name, row->help);
	if (row->fallback)
		fprintf(out, " (default %s)", row->fallback);
	option_env_name(program->env_prefix, row, env, sizeof(env));
	if (row->offset != offsetof(struct tool, help) && *env)
		fprintf(out, " [%s]", env);
	fputc('\n', out);
}

static void print_rows(const struct program *program, const struct option_row *row, bool positional,
		       FILE *out)
{
	for (; row && row->name; row++)
		if (option_is_positional(row) == positional)
			print_row(program, row, out);
}

static bool has_rows(const struct option_row *row, bool positional)
{
	for (; row && row->name; row++)
		if (option_is_positional(row) == positional)
			return true;
	return false;
}

void help_verb(const struct program *program, const struct verb *verb, FILE *out)
{
	fputs("usage: ", out);
	help_usage(program, verb, false, out);
	fprintf(out, "\n\n%s.\n", verb->summary);
	if (has_rows(verb->options, true)) {
		fputs("\narguments:\n", out);
		print_rows(program, verb->options, true, out);
	}
	if (has_rows(verb->options, false)) {
		fputs("\noptions:\n", out);
		print_rows(program, verb->options, false, out);
	}
	fputs("\noptions of every command:\n", out);
	print_rows(program, help_common_options, false, out);
}

void help_group(const struct program *program, const char *group, FILE *out)
{
	const size_t len = strlen(group);

	fprintf(out, "usage: %s %s COMMAND [options] ...\n\ncommands:\n", program->name, group);
	for (size_t i = 0; program->verbs[i]; i++)
		if (strncmp(program->verbs[i]->name, group, len) == 0 &&
		    program->verbs[i]->name[len] == ' ')
			fprintf(out, "  %-16s  %s\n", program->verbs[i]->name,
				program->verbs[i]->summary);
	fprintf(out, "\n%s %s COMMAND --help shows the options of a command.\n", program->name,
		group);
}

void help_program(const struct program *program, FILE *out)
{
	fprintf(out, "usage: %s COMMAND [options] ...\n\n%s.\n\ncommands:\n", program->name,
		program->summary);
	for (size_t i = 0; program->verbs[i]; i++)
		fprintf(out, "  %-16s  %s\n", program->verbs[i]->name, program->verbs[i]->summary);
	fprintf(out, "\n%s COMMAND --help shows the options of a command.\n", program->name);
}
