// SPDX-License-Identifier: Apache-2.0
#include "tool.h"

#include "help.h"

#include <errno.h>
#include <signal.h>
#include <string.h>

#define N_FILES 2u

struct settings {
	struct option_file file[N_FILES];
	char *path[N_FILES];
};

static void release_settings(struct settings *settings)
{
	for (size_t i = 0; i < N_FILES; i++) {
		free(settings->file[i].text);
		free(settings->path[i]);
	}
}

static char *user_path(const struct program *program)
{
	const char *config = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
	char *path = NULL;
	int len;

	if (config && *config == '/')
		len = asprintf(&path, "%s/%s", config, program->config);
	else
		len = asprintf(&path, "%s/.config/%s", home ? home : "", program->config);
	return len < 0 ? NULL : path;
}

static int read_settings(const struct program *program, struct settings *settings,
			 struct failure *failure)
{
	if (!program->config)
		return 0;
	settings->path[0] = user_path(program);
	if (asprintf(&settings->path[1], "/etc/%s", program->config) < 0)
		settings->path[1] = NULL;
	for (size_t i = 0; i < N_FILES; i++) {
		const int ret = settings->path[i] ? option_file_read(settings->path[i],
								     &settings->file[i], failure)
						  : -ENOMEM;

		if (ret)
			return ret;
	}
	return 0;
}

/* How many words of @argv name @verb; 0: they do not. */
static int match(const struct verb *verb, int argc, char **argv)
{
	const char *space = strchr(verb->name, ' ');
	const size_t first = space ? (size_t)(space - verb->name) : strlen(verb->name);

	if (argc < 1 || strncmp(argv[0], verb->name, first) != 0 || argv[0][first])
		return 0;
	if (!space)
		return 1;
	return argc > 1 && strcmp(argv[1], space + 1) == 0 ? 2 : 0;
}

static const struct verb *find_verb(const struct program *program, int argc, char **argv, int *used)
{
	for (size_t i = 0; program->verbs[i]; i++) {
		*used = match(program->verbs[i], argc, argv);
		if (*used)
			return program->verbs[i];
	}
	return NULL;
}

static bool has_word(int argc, char **argv, const char *word)
{
	for (int i = 0; i < argc; i++)
		if (strcmp(argv[i], word) == 0)
			return true;
	return false;
}

static int run_verb(struct tool *tool, int argc, char **argv)
{
	const struct verb *verb = tool->verb;
	OWNED_MEMORY void *args = calloc(1, verb->args_size ? verb->args_size : 1);
	CLEANUP(release_settings) struct settings settings = { 0 };
	const struct option_table table[] = { { help_common_options, tool },
					      { verb->options, args } };
	const struct option_sources sources = { tool->program->env_prefix, settings.file, N_FILES };
	struct failure failure;
	int ret;

	if (!args)
		return tool_no_memory(tool);
	ret = read_settings(tool->program, &settings, &failure);
	if (ret == 0)
		ret = option_parse(table, ARRAY_SIZE(table), argc, argv, &sources, &failure);
	if (ret == -ENOMEM) {
		ret = tool_no_memory(tool);
	} else if (ret) {
		tool->json = tool->json || has_word(argc, argv, "--json");
		ret = tool_fail(tool, &failure);
	} else if (tool->help) {
		help_verb(tool->program, verb, stdout);
	} else {
		ret = verb->run(tool, args);
	}
	option_release(&table[1]);
	return ret;
}

/* sdei-migrate --generate bash|zsh|man [TEMPLATE], for the build. */
static int run_generate(struct tool *tool, int argc, char **argv)
{
	struct failure failure;

	if (argc < 1)
		return tool_usage(tool, "--generate", "bash, zsh or man TEMPLATE");
	if (generate(tool->program, argv[0], argc > 1 ? argv[1] : NULL, stdout, &failure))
		return tool_fail(tool, &failure);
	return EXIT_CODE_OK;
}

/* Is @word the first of a two-word verb, as vm is of vm status? */
static bool is_group(const struct program *program, const char *word)
{
	const size_t len = strlen(word);

	for (size_t i = 0; len && program->verbs[i]; i++)
		if (strncmp(program->verbs[i]->name, word, len) == 0 &&
		    program->verbs[i]->name[len] == ' ')
			return true;
	return false;
}

/* A group alone, or with a word that is none of its verbs. */
static int run_group(struct tool *tool, int argc, char **argv)
{
	struct failure failure;
	char words[160];

	if (argc > 1 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)) {
		help_group(tool->program, argv[0], stdout);
		return EXIT_CODE_OK;
	}
	snprintf(words, sizeof(words), "%s%s%s", argv[0], argc > 1 ? " " : "",
		 argc > 1 ? argv[1] : "");
	failure_set(&failure, SDEISTATE_USAGE, -EINVAL, "command line", "command",
		    "one of the commands that --help lists", words);
	return tool_fail(tool, &failure);
}

/* What is said without a verb. */
static int run_bare(struct tool *tool, int argc, char **argv)
{
	struct failure failure;

	tool->json = has_word(argc, argv, "--json");
	if (argc && (strcmp(argv[0], "--help") == 0 || strcmp(argv[0], "help") == 0)) {
		help_program(tool->program, stdout);
		return EXIT_CODE_OK;
	}
	if (argc && strcmp(argv[0], "--version") == 0) {
		printf("%s %s\n", tool->program->name, tool->program->version);
		return EXIT_CODE_OK;
	}
	if (argc && is_group(tool->program, argv[0]))
		return run_group(tool, argc, argv);
	if (argc && strcmp(argv[0], "--generate") == 0)
		return run_generate(tool, argc - 1, argv + 1);
	failure_set(&failure, SDEISTATE_USAGE, -EINVAL, "command line", "command",
		    "one of the commands that --help lists", argc ? argv[0] : "nothing");
	return tool_fail(tool, &failure);
}

int tool_main(const struct program *program, int argc, char **argv)
{
	const char *no_colour = getenv("NO_COLOR");
	struct tool tool = {
		.program = program,
		.colour = isatty(STDOUT_FILENO) && !(no_colour && *no_colour),
		.out = stdout,
	};
	int used;

	/* A reader that goes away is an error of write(2), which names what was being written. */
	signal(SIGPIPE, SIG_IGN);
	tool.verb = find_verb(program, argc - 1, argv + 1, &used);
	if (!tool.verb)
		return run_bare(&tool, argc - 1, argv + 1);
	if (tool.verb->pass && !(argc - 1 - used == 1 && strcmp(argv[argc - 1], "--help") == 0))
		return tool.verb->pass(&tool, argc - 1 - used, argv + 1 + used);
	return run_verb(&tool, argc - 1 - used, argv + 1 + used);
}
