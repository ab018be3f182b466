// SPDX-License-Identifier: Apache-2.0
#include "measured.h"
#include "verbs.h"

#include <errno.h>

struct compute_args {
	struct input_args input;
	bool steps;
};

static const struct option_row options[] = {
	INPUT_FILE_ROWS(struct compute_args, input),
	INPUT_VMM_ROWS(struct compute_args, input),
	{ .name = "--steps",
	  .help = "show each step with the RIM behind it",
	  .offset = offsetof(struct compute_args, steps),
	  .type = OPTION_FLAG },
	OPTION_END,
};

static void print_steps(const struct tool *tool, const struct measured *m)
{
	const json_t *step, *value;
	const char *key;
	size_t i;

	json_array_foreach(m->steps, i, step)
	{
		fprintf(tool->out, "step %zu:", i + 1);
		json_object_foreach((json_t *)(uintptr_t)step, key, value)
		{
			if (json_is_string(value))
				fprintf(tool->out, " %s=%s", key, json_string_value(value));
			else
				fprintf(tool->out, " %s=%" JSON_INTEGER_FORMAT, key,
					json_integer_value(value));
		}
		fputc('\n', tool->out);
	}
}

static int print_text(const struct tool *tool, const struct input *input, const struct measured *m)
{
	char hex[129];

	print_steps(tool, m);
	if (!input->is_script && m->exists)
		for (unsigned int i = 0; i < 1 + KVMCORE_NR_REMS; i++) {
			hex_text(m->value[i].bytes, kvmcore_hash_size(m->hash), hex);
			if (i)
				fprintf(tool->out, "REM%u: %s\n", i - 1, hex);
			else
				fprintf(tool->out, "RIM: %s\n", hex);
		}
	if (input->report.unconfirmed)
		tool_say(tool, "unconfirmed: nobody published a value for this VMM and arguments");
	return fflush(tool->out) ? EXIT_CODE_FAILURE : EXIT_CODE_OK;
}

static int print_json(const struct tool *tool, const struct input *input, const struct measured *m)
{
	json_t *json = json_pack("{s:s, s:i, s:O}", "rule", kvmcore_rule_name(m->rule), "refused",
				 (int)m->refused, "output", m->printed);
	json_t *rems = json_array();
	size_t n = kvmcore_hash_size(m->hash);

	if (m->exists) {
		json_object_set_new(json, "hash", json_string(kvmcore_hash_name(m->hash)));
		json_object_set_new(json, "rim", hex_json(m->value[0].bytes, n));
		for (unsigned int i = 1; i <= KVMCORE_NR_REMS; i++)
			json_array_append_new(rems, hex_json(m->value[i].bytes, n));
		json_object_set_new(json, "rpv", hex_json(m->rpv, sizeof(m->rpv)));
	}
	json_object_set_new(json, "rem", rems);
	if (input->report.ignored) {
		json_object_set(json, "ignored", input->report.ignored);
		json_object_set_new(json, "unconfirmed", json_boolean(input->report.unconfirmed));
	}
	if (m->steps)
		json_object_set(json, "steps", m->steps);
	return tool_result(tool, json);
}

static void tell_ignored(const struct tool *tool, const struct input *input)
{
	const json_t *name;
	size_t i;

	json_array_foreach(input->report.ignored, i, name)
		tool_say(tool, "not followed: %s", json_string_value(name));
}

static int run(struct tool *tool, void *arguments)
{
	const struct compute_args *args = arguments;
	input_cleanup struct input input = { 0 };
	measured_cleanup struct measured m = { 0 };
	struct failure failure = { 0 };

	if (input_load(&args->input, &input, &failure))
		return tool_fail(tool, &failure);
	tell_ignored(tool, &input);
	if (measured_run(tool, &args->input, &input, args->steps, &m, &failure))
		return tool_fail(tool, &failure);
	return tool->json ? print_json(tool, &input, &m) : print_text(tool, &input, &m);
}

const struct verb verb_compute = {
	.name = "compute",
	.summary = "Compute the measurements of a realm",
	.about = "Reads how a realm is built, from a script, a JSON description or the command "
		 "line of "
		 "a VMM, and prints its RIM and REMs. Of a VMM's command line only the VMM's "
		 "options "
		 "stand behind its name; the files it loads are named by -k, -i and -f in front of "
		 "it.",
	.options = options,
	.args_size = sizeof(struct compute_args),
	.run = run,
};
