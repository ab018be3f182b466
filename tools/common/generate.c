// SPDX-License-Identifier: Apache-2.0
#include "file.h"
#include "help.h"

#include <errno.h>
#include <string.h>

#define MAX_TEMPLATE (1u << 20)

/* --- troff ------------------------------------------------------------------------------------ */

static void print_troff(const char *text, FILE *out)
{
	for (const char *c = text; *c; c++) {
		if (*c == '\\')
			fputs("\\e", out);
		else if (*c == '-')
			fputs("\\-", out);
		else if (c[0] == '\n' && c[1] == '\n')
			fputs("\n.PP", out);
		else
			fputc(*c, out);
		if (c[0] == '\n' && (c[1] == '.' || c[1] == '\''))
			fputs("\\&", out);
	}
}

static void man_row(const struct program *program, const struct option_row *row, FILE *out)
{
	(void)program;
	fputs(".TP\n\\fB", out);
	if (row->letter)
		fprintf(out, "\\-%c\\fR, \\fB", row->letter);
	print_troff(row->name, out);
	fputs("\\fR", out);
	if (row->argument)
		fprintf(out, " \\fI%s\\fR", row->argument);
	fputc('\n', out);
	print_troff(row->help, out);
	if (row->choices) {
		fputs(": ", out);
		print_troff(row->choices, out);
	}
	if (row->fallback) {
		fputs("; default ", out);
		print_troff(row->fallback, out);
	}
	fputs(".\n", out);
}

static void man_rows(const struct program *program, const struct option_row *row, FILE *out)
{
	for (; row && row->name; row++)
		man_row(program, row, out);
}

static void man_synopsis(const struct program *program, FILE *out)
{
	for (size_t i = 0; program->verbs[i]; i++) {
		help_usage(program, program->verbs[i], true, out);
		fputs("\n.br\n", out);
	}
}

static void man_verbs(const struct program *program, FILE *out)
{
	for (size_t i = 0; program->verbs[i]; i++) {
		const struct verb *verb = program->verbs[i];

		fprintf(out, ".SS %s\n", verb->name);
		print_troff(verb->summary, out);
		fputs(".\n", out);
		if (verb->about) {
			fputs(".PP\n", out);
			print_troff(verb->about, out);
			fputc('\n', out);
		}
		man_rows(program, verb->options, out);
	}
	fputs(".SS Options of every command\n", out);
	man_rows(program, help_common_options, out);
}

static void man_environment(const struct program *program, FILE *out)
{
	fprintf(out,
		"Every option can be given as a variable: \\fB%s\\fR and its name in capitals, "
		"with\n"
		"\\fB_\\fR for \\fB\\-\\fR. A flag is \\fByes\\fR or \\fBno\\fR; the items of an "
		"option that may be\nrepeated are separated by commas.\n",
		program->env_prefix);
}

static void man_exit(const struct program *program, FILE *out)
{
	(void)program;
	for (const struct exit_meaning *row = failure_exit_meanings(); row->meaning; row++) {
		fprintf(out, ".TP\n\\fB%d\\fR\n", row->code);
		print_troff(row->meaning, out);
		fputc('\n', out);
	}
}

static void man_version(const struct program *program, FILE *out)
{
	fprintf(out, "%s\n", program->version);
}

static const struct {
	const char *marker;
	void (*print)(const struct program *program, FILE *out);
} parts[] = {
	{ "@SYNOPSIS@", man_synopsis },
	{ "@VERBS@", man_verbs },
	{ "@EXIT@", man_exit },
	{ "@VERSION@", man_version },
	{ "@ENVIRONMENT@", man_environment },
};

static void man_line(const struct program *program, const char *line, FILE *out)
{
	for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
		if (strcmp(line, parts[i].marker) == 0) {
			parts[i].print(program, out);
			return;
		}
	}
	fprintf(out, "%s\n", line);
}

static int man_page(const struct program *program, const char *template_path, FILE *out,
		    struct failure *failure)
{
	OWNED_MEMORY uint8_t *data = NULL;
	size_t len;
	const int ret = file_read(template_path, MAX_TEMPLATE, &data, &len, failure);

	if (ret)
		return ret;
	for (char *rest = (char *)data, *line; (line = strsep(&rest, "\n"));)
		if (rest || *line)
			man_line(program, line, out);
	return 0;
}

/* --- completion
 * ----------------------------------------------------------------------------------- */

static void print_names(const struct option_row *row, FILE *out)
{
	for (; row && row->name; row++)
		if (!option_is_positional(row))
			fprintf(out, " %s", row->name);
}

static void print_choices(const char *choices, FILE *out)
{
	for (const char *c = choices; *c; c++)
		fputc(*c == '|' ? ' ' : *c, out);
}

static void bash_value(const struct option_row *row, FILE *out)
{
	fprintf(out, "\t*\" %s\") COMPREPLY=($(compgen ", row->name);
	if (row->choices) {
		fputs("-W \"", out);
		print_choices(row->choices, out);
		fputs("\"", out);
	} else {
		fputs(row->names == OPTION_NAMES_DIRECTORY ? "-d" : "-f", out);
	}
	fputs(" -- \"$cur\")); return ;;\n", out);
}

static void bash_verb(const struct verb *verb, FILE *out)
{
	fprintf(out, "\t\"%s\") words=\"--help --json --verbose --quiet", verb->name);
	print_names(verb->options, out);
	for (const struct option_row *row = verb->options; row && row->name; row++)
		if (option_is_positional(row) && row->choices) {
			fputc(' ', out);
			print_choices(row->choices, out);
		}
	fputs("\" ;;\n", out);
}

static void bash_commands(const struct program *program, FILE *out)
{
	fputs("\tcommands=\"", out);
	for (size_t i = 0; program->verbs[i]; i++)
		fprintf(out, "%s%s", i ? "\n" : "", program->verbs[i]->name);
	fputs("\"\n", out);
}

static void bash(const struct program *program, FILE *out)
{
	char function[64];

	snprintf(function, sizeof(function), "_%s", program->name);
	for (char *c = function; *c; c++)
		*c = *c == '-' ? '_' : *c;
	fprintf(out,
		"# bash completion for %s, made from its option tables\n%s() {\n"
		"\tlocal cur=${COMP_WORDS[COMP_CWORD]} line=\" ${COMP_WORDS[*]:1:COMP_CWORD-1}\"\n"
		"\tlocal one=${COMP_WORDS[1]} two=\"${COMP_WORDS[1]} ${COMP_WORDS[2]}\" words= "
		"commands\n",
		program->name, function);
	bash_commands(program, out);
	fputs("\tcase $line in\n", out);
	for (size_t i = 0; program->verbs[i]; i++)
		for (const struct option_row *row = program->verbs[i]->options; row && row->name;
		     row++)
			if (row->choices && !option_is_positional(row))
				bash_value(row, out);
	fputs("\tesac\n\tif ((COMP_CWORD == 1)); then\n"
	      "\t\tCOMPREPLY=($(compgen -W \"$(cut -d' ' -f1 <<<\"$commands\" | sort -u)\" -- "
	      "\"$cur\"))\n\t\treturn\n\tfi\n",
	      out);
	fputs("\tif ((COMP_CWORD == 2)) && grep -q \"^$one \" <<<\"$commands\"; then\n"
	      "\t\tCOMPREPLY=($(compgen -W \"$(sed -n \"s/^$one //p\" <<<\"$commands\")\" -- "
	      "\"$cur\"))\n\t\treturn\n\tfi\n"
	      "\tgrep -qx \"$two\" <<<\"$commands\" || two=$one\n\tcase $two in\n",
	      out);
	for (size_t i = 0; program->verbs[i]; i++)
		bash_verb(program->verbs[i], out);
	fprintf(out,
		"\tesac\n\tif [[ $cur == -* ]]; then\n"
		"\t\tCOMPREPLY=($(compgen -W \"$words\" -- \"$cur\"))\n\telse\n"
		"\t\tCOMPREPLY=($(compgen -f -W \"${words//--*([^ ])/}\" -- \"$cur\"))\n\tfi\n}\n"
		"shopt -s extglob\ncomplete -o filenames -F %s %s\n",
		function, program->name);
}

static void zsh_row(const struct option_row *row, FILE *out)
{
	fprintf(out, " '%s%s[", row->type == OPTION_LIST ? "*" : "", row->name);
	for (const char *c = row->help; *c; c++)
		if (!strchr("[]':", *c))
			fputc(*c, out);
	fputs("]", out);
	if (row->argument) {
		fputs(":value:", out);
		if (row->choices) {
			fputc('(', out);
			print_choices(row->choices, out);
			fputc(')', out);
		} else if (row->names == OPTION_NAMES_DIRECTORY) {
			fputs("_files -/", out);
		} else if (row->names == OPTION_NAMES_FILE) {
			fputs("_files", out);
		}
	}
	fputs("'", out);
}

static void zsh(const struct program *program, FILE *out)
{
	fprintf(out,
		"#compdef %s\n# made from the option tables of %s\n"
		"local -a commands\ncommands=(\n",
		program->name, program->name);
	for (size_t i = 0; program->verbs[i]; i++)
		fprintf(out, "\t'%s'\n", program->verbs[i]->name);
	fputs(")\nlocal two=\"$words[2] $words[3]\"\nif (( CURRENT == 2 )); then\n"
	      "\tcompadd -- ${(u)commands%% *}\n\treturn\nfi\n"
	      "if (( CURRENT == 3 )) && [[ -n ${(M)commands:#$words[2] *} ]]; then\n"
	      "\tcompadd -- ${${(M)commands:#$words[2] *}#* }\n\treturn\nfi\n"
	      "(( ${commands[(Ie)$two]} )) || two=$words[2]\ncase $two in\n",
	      out);
	for (size_t i = 0; program->verbs[i]; i++) {
		fprintf(out, "'%s') _arguments", program->verbs[i]->name);
		for (const struct option_row *row = help_common_options; row->name; row++)
			zsh_row(row, out);
		for (const struct option_row *row = program->verbs[i]->options; row && row->name;
		     row++)
			if (!option_is_positional(row))
				zsh_row(row, out);
		fputs(" '*:file:_files' ;;\n", out);
	}
	fputs("esac\n", out);
}

int generate(const struct program *program, const char *kind, const char *template_path, FILE *out,
	     struct failure *failure)
{
	if (strcmp(kind, "bash") == 0)
		bash(program, out);
	else if (strcmp(kind, "zsh") == 0)
		zsh(program, out);
	else if (strcmp(kind, "man") == 0 && template_path)
		return man_page(program, template_path, out, failure);
	else
		return failure_set(failure, SDEISTATE_USAGE, -EINVAL, "command line", "--generate",
				   "bash, zsh or man TEMPLATE", kind);
	return 0;
}
