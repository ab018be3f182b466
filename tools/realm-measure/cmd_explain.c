// SPDX-License-Identifier: Apache-2.0
#include "common/realm/explain.h"
#include "measured.h"
#include "verbs.h"

#include <errno.h>
#include <string.h>

struct explain_args {
	struct input_args input;
	const char *a, *b, *rule_b;
};

static const struct option_row options[] = {
	{ .name = "A",
	  .help = "a script, a JSON description, an event log or a snapshot",
	  .offset = offsetof(struct explain_args, a),
	  .type = OPTION_TEXT,
	  .names = OPTION_NAMES_FILE,
	  .required = true },
	{ .name = "B",
	  .help = "the one to compare it with",
	  .offset = offsetof(struct explain_args, b),
	  .type = OPTION_TEXT,
	  .names = OPTION_NAMES_FILE,
	  .required = true },
	{ .name = "--rule",
	  .argument = "RULE",
	  .help = "which RMM measures A, and B without --rule-b (default: 1.0)",
	  .offset = offsetof(struct explain_args, input.rule),
	  .type = OPTION_CHOICE,
	  .choices = "1.0|bet0|2.0" },
	{ .name = "--rule-b",
	  .argument = "RULE",
	  .help = "which RMM measures B",
	  .offset = offsetof(struct explain_args, rule_b),
	  .type = OPTION_CHOICE,
	  .choices = "1.0|bet0|2.0" },
	{ .name = "--key",
	  .argument = "FILE",
	  .help = "private key to decrypt a snapshot with",
	  .offset = offsetof(struct explain_args, input.key),
	  .type = OPTION_TEXT,
	  .names = OPTION_NAMES_FILE },
	{ .name = "--image",
	  .argument = "FILE",
	  .help = "an image that a log may name by its digest; may be given again",
	  .offset = offsetof(struct explain_args, input.image),
	  .type = OPTION_LIST,
	  .names = OPTION_NAMES_FILE },
	OPTION_END,
};

static json_t *rim_json(const struct measured *m)
{
	return m->exists ? hex_json(m->value[0].bytes, kvmcore_hash_size(m->hash)) : json_null();
}

static int report(const struct tool *tool, const struct explanation *e, const struct measured *a,
		  const struct measured *b)
{
	json_t *json =
		json_pack("{s:b, s:s, s:s, s:o, s:o}", "equal", e->cause == SDEISTATE_CAUSE_NONE,
			  "cause", sdeistate_realm_cause_name(e->cause), "advice",
			  sdeistate_realm_cause_advice(e->cause), "rim_a", rim_json(a), "rim_b",
			  rim_json(b));
	int ret;

	if (e->cause != SDEISTATE_CAUSE_NONE) {
		json_object_set_new(json, "step", json_integer((json_int_t)e->op));
		json_object_set_new(json, "field", json_string(e->what));
		json_object_set_new(json, "a", json_string(e->a));
		json_object_set_new(json, "b", json_string(e->b));
		if (e->line_a || e->line_b) {
			json_object_set_new(json, "line_a", json_integer(e->line_a));
			json_object_set_new(json, "line_b", json_integer(e->line_b));
		}
	}
	if (e->has_page)
		json_object_set_new(json, "page", number_json(e->ipa));
	if (e->has_offset)
		json_object_set_new(json, "offset", json_integer(e->offset));
	ret = tool_result(tool, json);
	return ret ? ret : e->cause == SDEISTATE_CAUSE_NONE ? EXIT_CODE_OK : EXIT_CODE_DIFFERS;
}

static int compare_stated(void *user, const struct step *step, const struct outcome *out)
{
	bool *stated = user;

	if (!step->has_expect)
		return 0;
	*stated = true;
	return memcmp(step->expect.bytes, out->value.bytes, kvmcore_hash_size(out->hash)) ? 1 : 0;
}

/* Return: 1 if the list states RIMs and they come out under @rule; 0 if not; -errno */
static int states_rims_of(struct steps *steps, enum kvmcore_rule rule)
{
	const enum kvmcore_rule said = steps->rule;
	struct kvmcore_builder *builder = NULL;
	bool stated = false;
	int ret;

	steps->rule = rule;
	ret = steps_run(steps, 0, 0, NULL, compare_stated, &stated, &builder);
	steps->rule = said;
	kvmcore_builder_destroy(builder);
	return ret < 0 ? ret : !ret && stated;
}

/* RIMs that were measured elsewhere tell by which rule, whatever the list says of itself. */
static int find_rule(struct steps *steps)
{
	int fits = states_rims_of(steps, steps->rule);

	for (int rule = 0; !fits && rule < KVMCORE_NR_RULES; rule++) {
		fits = states_rims_of(steps, (enum kvmcore_rule)rule);
		if (fits > 0)
			steps->rule = (enum kvmcore_rule)rule;
	}
	return fits < 0 ? fits : 0;
}

static int load(struct tool *tool, const struct input_args *args, const char *path,
		struct input *input, struct measured *m)
{
	struct tool silent = *tool;
	struct failure failure = { 0 };

	silent.json = true;
	silent.quiet = true;
	if (input_load_any(path, args, input, &failure))
		return tool_fail(tool, &failure);
	if (!args->rule && find_rule(&input->steps))
		return tool_no_memory(tool);
	if (measured_run(&silent, args, input, false, m, &failure))
		return tool_fail(tool, &failure);
	return EXIT_CODE_OK;
}

static int run(struct tool *tool, void *arguments)
{
	const struct explain_args *args = arguments;
	input_cleanup struct input a = { 0 }, b = { 0 };
	measured_cleanup struct measured ma = { 0 }, mb = { 0 };
	struct input_args args_b = args->input;
	struct explanation e;
	int ret = load(tool, &args->input, args->a, &a, &ma);

	if (args->rule_b)
		args_b.rule = args->rule_b;
	if (!ret)
		ret = load(tool, &args_b, args->b, &b, &mb);
	if (ret)
		return ret;
	if (explain(&a.steps, &b.steps, &e))
		return tool_no_memory(tool);
	return report(tool, &e, &ma, &mb);
}

const struct verb verb_explain = {
	.name = "explain",
	.summary = "Say where two realms begin to differ, and why",
	.about = "Compares two lists of steps, page by page. Ends with 0 if they are equal and 8 "
		 "if not.",
	.options = options,
	.args_size = sizeof(struct explain_args),
	.run = run,
};
