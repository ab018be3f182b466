// SPDX-License-Identifier: Apache-2.0
#include "tool.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>

#define MAX_PATH_TEXT 256u

static void say(const struct tool *tool, const char *format, va_list list)
{
	fprintf(stderr, "%s: ", tool->program->name);
	vfprintf(stderr, format, list);
	fputc('\n', stderr);
}

void tool_say(const struct tool *tool, const char *format, ...)
{
	va_list list;

	if (tool->quiet)
		return;
	va_start(list, format);
	say(tool, format, list);
	va_end(list);
}

void tool_detail(const struct tool *tool, const char *format, ...)
{
	va_list list;

	if (tool->verbose == 0 || tool->quiet)
		return;
	va_start(list, format);
	say(tool, format, list);
	va_end(list);
}

static void say_vm_state(const char *which, const char *state)
{
	if (state)
		fprintf(stderr, "  the %s VM is now: %s\n", which, state);
}

static const struct failure_words *find_words(const struct tool *tool, enum sdeistate_reason reason)
{
	const struct failure_words *words = tool->program->words;

	while (words && words->meaning && words->reason != reason)
		words++;
	return words && words->meaning ? words : NULL;
}

static const char *advice_of(const struct tool *tool, const struct failure *failure)
{
	const struct failure_words *words = find_words(tool, failure->reason);

	return words && !failure->advice ? words->advice : failure_advice(failure);
}

static void explain(const struct tool *tool, const struct failure *failure)
{
	const struct failure_words *words = find_words(tool, failure->reason);

	fprintf(stderr, "%s: %s", tool->program->name,
		words ? words->meaning : failure_meaning(failure->reason));
	if (failure->object[0])
		fprintf(stderr, ": %s", failure->object);
	if (failure->field[0])
		fprintf(stderr, "%s%s", failure->object[0] ? ", " : ": ", failure->field);
	/* A wrong command line is no system error. */
	if (failure->code && !failure->actual[0] && failure->reason != SDEISTATE_USAGE)
		fprintf(stderr, " (%s)", strerror(-failure->code));
	fputc('\n', stderr);
	if (failure->expected[0])
		fprintf(stderr, "  expected: %s\n", failure->expected);
	if (failure->actual[0])
		fprintf(stderr, "  actual:   %s\n", failure->actual);
	if (failure->side != FAILURE_LOCAL)
		fprintf(stderr, "  found by: the %s\n", failure_side_name(failure->side));
	say_vm_state("source", failure->vm_source);
	say_vm_state("destination", failure->vm_destination);
	fprintf(stderr, "  what to do: %s\n", advice_of(tool, failure));
}

static void print_line(FILE *out, const json_t *object)
{
	json_dumpf(object, out, JSON_COMPACT | JSON_ENCODE_ANY);
	fputc('\n', out);
	fflush(out);
}

json_t *tool_failure(const struct tool *tool, const struct failure *failure)
{
	struct failure told = *failure;

	told.advice = advice_of(tool, failure);
	return failure_json(&told);
}

int tool_fail(const struct tool *tool, const struct failure *failure)
{
	OWNED_JSON json_t *object = tool->json ? tool_failure(tool, failure) : NULL;

	if (object)
		print_line(tool->out, object);
	/* A reason that nobody gets there is said here. */
	if (!object || ferror(tool->out))
		explain(tool, failure);
	return (int)failure_exit(failure->reason);
}

int tool_usage(const struct tool *tool, const char *option, const char *expected)
{
	struct failure failure;

	failure_set(&failure, SDEISTATE_USAGE, -EINVAL, "command line", option, expected, NULL);
	return tool_fail(tool, &failure);
}

int tool_no_memory(const struct tool *tool)
{
	struct failure failure;

	failure_set(&failure, SDEISTATE_NO_MEMORY, -ENOMEM, NULL, NULL, NULL, NULL);
	return tool_fail(tool, &failure);
}

static bool is_leaf(const json_t *json)
{
	size_t i;
	const json_t *element;

	if (json_is_object(json))
		return json_object_size(json) == 0;
	json_array_foreach((json_t *)json, i, element) if (json_is_object(element) ||
							   json_is_array(element)) return false;
	return true;
}

static void print_leaf(FILE *out, const json_t *json)
{
	size_t i;
	const json_t *element;

	if (json_is_string(json)) {
		fputs(json_string_value(json), out);
	} else if (json_is_array(json)) {
		json_array_foreach((json_t *)json, i, element)
		{
			fputs(i ? " " : "", out);
			print_leaf(out, element);
		}
	} else if (json_is_null(json)) {
		fputc('-', out);
	} else {
		json_dumpf(json, out, JSON_COMPACT | JSON_ENCODE_ANY);
	}
}

/* Depth is bounded: what is printed was built by us, a few levels deep. */
static void print_text(FILE *out, const char *path, const json_t *json)
{
	char inner[MAX_PATH_TEXT];
	const char *name;
	json_t *value;
	size_t i;

	if (is_leaf(json)) {
		fprintf(out, "%-16s ", path);
		print_leaf(out, json);
		fputc('\n', out);
		return;
	}
	json_object_foreach((json_t *)json, name, value)
	{
		snprintf(inner, sizeof(inner), "%s%s%s", path, *path ? "." : "", name);
		print_text(out, inner, value);
	}
	json_array_foreach((json_t *)json, i, value)
	{
		snprintf(inner, sizeof(inner), "%s[%zu]", path, i);
		print_text(out, inner, value);
	}
}

int tool_flush(const struct tool *tool)
{
	struct failure failure;

	if (fflush(tool->out) == 0 && !ferror(tool->out))
		return EXIT_CODE_OK;
	failure_io(&failure, "output", errno);
	/* What cannot be said there is said here, in words: stderr has no reader of JSON. */
	explain(tool, &failure);
	return (int)failure_exit(failure.reason);
}

int tool_result(const struct tool *tool, json_t *object)
{
	OWNED_JSON json_t *owned = object;

	if (!owned)
		return tool_no_memory(tool);
	if (tool->json)
		print_line(tool->out, owned);
	else
		print_text(tool->out, "", owned);
	return tool_flush(tool);
}

int tool_event(const struct tool *tool, json_t *object)
{
	OWNED_JSON json_t *owned = object;

	if (!owned)
		return tool_no_memory(tool);
	print_line(tool->out, owned);
	return tool_flush(tool);
}

void tool_stdout_is_data(struct tool *tool)
{
	tool->out = stderr;
}
