// SPDX-License-Identifier: Apache-2.0
#include "common/realm/anchors.h"
#include "endorsements.h"
#include "measured.h"
#include "token_file.h"
#include "verbs.h"

#include <errno.h>
#include <string.h>

struct reference_args {
	struct input_args input;
	const char *format, *token, *template;
	struct option_list anchor;
};

static const struct option_row options[] = {
	{ .name = "--format",
	  .argument = "FORMAT",
	  .help = "comid: CoMID JSON; rv: a store of reference values; ta: one of trust anchors",
	  .offset = offsetof(struct reference_args, format),
	  .type = OPTION_CHOICE,
	  .choices = "comid|rv|ta",
	  .required = true },
	{ .name = "--token",
	  .argument = "FILE",
	  .help = "take the values, or the platform's ids, from a token; it is not verified",
	  .offset = offsetof(struct reference_args, token),
	  .type = OPTION_TEXT,
	  .names = OPTION_NAMES_FILE },
	{ .name = "--trust-anchor",
	  .argument = "FILE",
	  .help = "the platform's key, for ta",
	  .offset = offsetof(struct reference_args, anchor),
	  .type = OPTION_LIST,
	  .names = OPTION_NAMES_FILE },
	{ .name = "--endorsements-template",
	  .argument = "FILE",
	  .help = "a CoMID in JSON of which all but the measurements stays, for comid",
	  .offset = offsetof(struct reference_args, template),
	  .type = OPTION_TEXT,
	  .names = OPTION_NAMES_FILE },
	INPUT_FILE_ROWS(struct reference_args, input),
	INPUT_LOG_ROWS(struct reference_args, input),
	INPUT_VMM_ROWS(struct reference_args, input),
	OPTION_END,
};

static json_t *hex(struct kvmcore_span span)
{
	return hex_json(span.data, span.len);
}

static json_t *platform_store(const struct kvmcore_platform_claims *p)
{
	json_t *components = json_array();

	for (unsigned int i = 0; i < p->n_components; i++) {
		const struct kvmcore_sw_component *c = &p->component[i];
		json_t *entry = json_pack("{s:o, s:o}", "measurement-value", hex(c->measurement),
					  "signer-id", hex(c->signer_id));

		if (c->type.data)
			json_object_set_new(entry, "component-type",
					    json_stringn((const char *)c->type.data, c->type.len));
		json_array_append_new(components, entry);
	}
	return json_pack("[{s:o, s:o, s:o}]", "implementation-id", hex(p->implementation_id),
			 "sw-components", components, "platform-configuration", hex(p->config));
}

static json_t *store(const struct realm_values *v)
{
	json_t *rems = json_array(), *realm;

	for (unsigned int i = 0; i < KVMCORE_NR_REMS; i++)
		json_array_append_new(rems, hex(v->rem[i]));
	realm = json_pack("[{s:o, s:o, s:o}]", "initial-measurement", hex(v->rim),
			  "extensible-measurements", rems, "personalization-value", hex(v->rpv));
	return json_pack("{s:o, s:o}", "platform",
			 v->platform ? platform_store(v->platform) : json_array(), "realm", realm);
}

static int print(const struct tool *tool, json_t *json)
{
	int ret =
		json ? json_dumpf(json, tool->out, tool->json ? JSON_COMPACT : JSON_INDENT(2)) : -1;

	json_decref(json);
	if (ret)
		return tool_no_memory(tool);
	fputc('\n', tool->out);
	return fflush(tool->out) ? EXIT_CODE_FAILURE : EXIT_CODE_OK;
}

static int print_values(const struct tool *tool, const struct reference_args *args,
			const struct realm_values *v)
{
	struct failure failure = { 0 };
	json_t *json = NULL;

	if (strcmp(args->format, "comid") != 0)
		return print(tool, store(v));
	if (endorsements_comid(v, args->template, &json, &failure))
		return tool_fail(tool, &failure);
	return print(tool, json);
}

static int print_anchors(const struct tool *tool, const struct reference_args *args,
			 const struct kvmcore_platform_claims *p)
{
	anchors_cleanup struct anchors anchors = { 0 };
	struct failure failure = { 0 };
	json_t *list;

	if (args->anchor.n != 1)
		return tool_usage(tool, "--trust-anchor", "the platform's key");
	if (anchors_load(args->anchor.item[0], &anchors, &failure))
		return tool_fail(tool, &failure);
	list = json_array();
	for (size_t i = 0; i < anchors.n; i++)
		json_array_append_new(list,
				      json_pack("{s:o, s:o, s:o}", "pkey",
						anchors_jwk(&anchors.anchor[i].key),
						"implementation-id", hex(p->implementation_id),
						"instance-id", hex(p->instance_id)));
	return print(tool, list);
}

static int from_token(const struct tool *tool, const struct reference_args *args)
{
	token_cleanup struct kvmcore_token *token = NULL;
	const struct kvmcore_realm_claims *r;
	struct failure failure = { 0 };
	struct realm_values v = { 0 };

	if (token_file_load(args->token, &token, &failure))
		return tool_fail(tool, &failure);
	if (!strcmp(args->format, "ta"))
		return print_anchors(tool, args, kvmcore_token_platform(token));
	r = kvmcore_token_realm(token);
	snprintf(v.hash, sizeof(v.hash), "%.*s", (int)r->hash.len, r->hash.data);
	v.rim = r->rim;
	v.rpv = r->rpv;
	memcpy(v.rem, r->rem, sizeof(v.rem));
	v.platform = kvmcore_token_platform(token);
	return print_values(tool, args, &v);
}

static int from_steps(const struct tool *tool, const struct reference_args *args)
{
	input_cleanup struct input input = { 0 };
	measured_cleanup struct measured m = { 0 };
	struct failure failure = { 0 };
	struct tool silent = *tool;
	struct realm_values v;

	if (!strcmp(args->format, "ta"))
		return tool_usage(tool, "--token", "a token of the platform");
	silent.json = true;
	if (input_load(&args->input, &input, &failure) ||
	    measured_run(&silent, &args->input, &input, false, &m, &failure))
		return tool_fail(tool, &failure);
	if (!m.exists)
		return tool_usage(tool, "input", "steps that create a realm");
	endorsements_values(&m, &v);
	return print_values(tool, args, &v);
}

static int run(struct tool *tool, void *arguments)
{
	const struct reference_args *args = arguments;

	if (args->template && strcmp(args->format, "comid") != 0)
		return tool_usage(tool, "--endorsements-template", "--format comid beside it");
	return args->token ? from_token(tool, args) : from_steps(tool, args);
}

const struct verb verb_reference = {
	.name = "reference",
	.summary = "Write reference values or trust anchors for a verifier",
	.about = "Values come from steps, a VMM's command line, or a token that somebody has "
		 "verified.",
	.options = options,
	.args_size = sizeof(struct reference_args),
	.run = run,
};
