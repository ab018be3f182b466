// SPDX-License-Identifier: Apache-2.0
#include "common/file.h"
#include "common/text.h"
#include "endorsements.h"
#include "verbs.h"

#include <errno.h>
#include <string.h>

struct compute_args {
	struct input_args input;
	bool steps, no_measurements, print_b64;
	const char *endorsements, *template;
};

static const struct option_row options[] = {
	INPUT_FILE_ROWS(struct compute_args, input),
	INPUT_LOG_ROWS(struct compute_args, input),
	INPUT_VMM_ROWS(struct compute_args, input),
	{ .name = "--steps",
	  .help = "show each step with the RIM behind it",
	  .offset = offsetof(struct compute_args, steps),
	  .type = OPTION_FLAG },
	{ .name = "--no-measurements",
	  .help = "only check the parameters and write the device tree; no image is hashed",
	  .offset = offsetof(struct compute_args, no_measurements),
	  .type = OPTION_FLAG },
	{ .name = "--print-b64",
	  .help = "print registers in base64 instead of hex",
	  .offset = offsetof(struct compute_args, print_b64),
	  .type = OPTION_FLAG },
	{ .name = "--endorsements-output",
	  .argument = "FILE",
	  .help = "write the reference values as CoMID JSON there as well",
	  .offset = offsetof(struct compute_args, endorsements),
	  .type = OPTION_TEXT,
	  .names = OPTION_NAMES_FILE },
	{ .name = "--endorsements-template",
	  .argument = "FILE",
	  .help = "a CoMID in JSON of which all but the measurements stays",
	  .offset = offsetof(struct compute_args, template),
	  .type = OPTION_TEXT,
	  .names = OPTION_NAMES_FILE },
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

static void print_registers(const struct tool *tool, const struct measured *m, bool base64)
{
	size_t n = kvmcore_hash_size(m->hash);
	char text[129];

	for (unsigned int i = 0; i < 1 + KVMCORE_NR_REMS; i++) {
		if (base64)
			text_to_base64(m->value[i].bytes, n, text);
		else
			hex_text(m->value[i].bytes, n, text);
		if (i)
			fprintf(tool->out, "REM%u: %s\n", i - 1, text);
		else
			fprintf(tool->out, "RIM: %s\n", text);
	}
}

static int print_text(const struct tool *tool, const struct input *input, const struct measured *m,
		      bool base64)
{
	print_steps(tool, m);
	if (!input->is_script && m->exists)
		print_registers(tool, m, base64);
	if (input->report.unconfirmed)
		tool_say(tool, "unconfirmed: nobody published a value for this VMM and arguments");
	return fflush(tool->out) ? EXIT_CODE_FAILURE : EXIT_CODE_OK;
}

static void add_report(json_t *json, const struct input *input)
{
	if (!input->report.ignored)
		return;
	json_object_set(json, "ignored", input->report.ignored);
	json_object_set_new(json, "unconfirmed", json_boolean(input->report.unconfirmed));
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
	add_report(json, input);
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

/* Everything but the images: what the RMM would refuse is found without a byte hashed. */
static int check_only(struct tool *tool, const struct compute_args *args, struct input *input)
{
	measured_cleanup struct measured m = { 0 };
	struct failure failure = { 0 };
	json_t *json;
	size_t n = 0;

	for (size_t i = 0; i < input->steps.n; i++)
		if (input->steps.step[i].kind != STEP_IMAGE) {
			input->steps.step[n] = input->steps.step[i];
			input->steps.step[n++].has_expect = false;
		}
	input->steps.n = n;
	if (measured_run(tool, &args->input, input, false, &m, &failure))
		return tool_fail(tool, &failure);
	json = json_pack("{s:s, s:i, s:s}", "checked", "parameters", "refused", (int)m.refused,
			 "rule", kvmcore_rule_name(m.rule));
	add_report(json, input);
	return tool_result(tool, json);
}

static int write_endorsements(const struct compute_args *args, const struct measured *m,
			      struct failure *failure)
{
	OWNED_MEMORY char *text = NULL;
	OWNED_JSON json_t *json = NULL;
	struct realm_values values;
	int ret;

	if (!args->endorsements)
		return 0;
	if (!m->exists)
		return failure_set(failure, SDEISTATE_USAGE, -EINVAL, "steps", "realm_create",
				   "a realm", "none");
	endorsements_values(m, &values);
	ret = endorsements_comid(&values, args->template, &json, failure);
	if (ret)
		return ret;
	text = json_dumps(json, JSON_INDENT(2));
	if (!text)
		return failure_set(failure, SDEISTATE_NO_MEMORY, -ENOMEM, NULL, NULL, NULL, NULL);
	return file_write(args->endorsements, text, strlen(text), 0644, failure);
}

static bool is_stdout(const char *path)
{
	return path && !strcmp(path, "-");
}

static int run(struct tool *tool, void *arguments)
{
	const struct compute_args *args = arguments;
	input_cleanup struct input input = { 0 };
	measured_cleanup struct measured m = { 0 };
	struct failure failure = { 0 };

	if (args->template && !args->endorsements)
		return tool_usage(tool, "--endorsements-template",
				  "--endorsements-output beside it");
	if (args->endorsements && args->no_measurements)
		return tool_usage(tool, "--no-measurements", "no --endorsements-output beside it");
	if (is_stdout(args->input.output_dtb) || is_stdout(args->endorsements))
		tool_stdout_is_data(tool);
	if (input_load(&args->input, &input, &failure))
		return tool_fail(tool, &failure);
	tell_ignored(tool, &input);
	if (args->no_measurements)
		return check_only(tool, args, &input);
	if (measured_run(tool, &args->input, &input, args->steps, &m, &failure))
		return tool_fail(tool, &failure);
	if (write_endorsements(args, &m, &failure))
		return tool_fail(tool, &failure);
	return tool->json ? print_json(tool, &input, &m)
			  : print_text(tool, &input, &m, args->print_b64);
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
