// SPDX-License-Identifier: Apache-2.0
#include "form_json.h"
#include "realm_bulk.h"
#include "state_json.h"
#include "verbs.h"

#include <string.h>

struct show_args {
	const char *file, *key, *base;
	struct option_list trust;
	bool events, vcpus, filter, guard, realm, firmware, exits, keys, schema, form;
};

static json_t *schema_json(const struct sealed *sealed)
{
	return json_pack("{s:o, s:o, s:o, s:b}", "id",
			 hex_json(sealed->opened->manifest.schema_id, SDEISTATE_SCHEMA_SIZE),
			 "ours", hex_json(sdeistate_schema_id(), SDEISTATE_SCHEMA_SIZE), "records",
			 sealed_records_json(sealed), "same",
			 memcmp(sealed->opened->manifest.schema_id, sdeistate_schema_id(),
				SDEISTATE_SCHEMA_SIZE) == 0);
}

/* In words the changes are only counted. */
static json_t *delta_json(const struct sealed *sealed, const struct tool *tool)
{
	json_t *json = sealed_delta_json(sealed);

	if (!tool->json)
		json_object_del(json, "changes");
	return json;
}

/* What is shown without a part being named: a summary, and with --json everything. */
static json_t *everything(const struct sealed *sealed, const struct tool *tool)
{
	json_t *json = json_pack("{s:o, s:o}", "snapshot", sealed_manifest_json(sealed), "keys",
				 sealed_keys_json(sealed));

	if (json && sealed->opened->manifest.kind == SDEISTATE_KIND_DELTA)
		json_object_set_new(json, "delta", delta_json(sealed, tool));
	if (json && tool->json && !sealed->state)
		json_object_set_new(json, "schema", schema_json(sealed));
	if (!json || !sealed->state)
		return json;
	if (!tool->json) {
		json_object_set_new(json, "vm", state_vm_json(sealed->state));
		json_object_set_new(json, "events", json_integer(sealed->state->n_registered));
		return json;
	}
	json_object_set_new(json, "schema", schema_json(sealed));
	json_object_set_new(json, "state", state_json(sealed->state));
	return json;
}

static json_t *parts(const struct sealed *sealed, const struct show_args *args)
{
	json_t *json = json_object();

	if (args->events && sealed->state)
		json_object_set_new(json, "events", state_events_json(sealed->state));
	if (args->vcpus && sealed->state)
		json_object_set_new(json, "vcpus", state_vcpus_json(sealed->state));
	if (args->filter && sealed->state)
		json_object_set_new(json, "filter", state_filter_json(sealed->state));
	if (args->guard && sealed->state)
		json_object_set_new(json, "guard", state_guard_json(sealed->state));
	if (args->realm && sealed->state)
		json_object_set_new(json, "realm", state_realm_json(sealed->state));
	if (args->firmware && sealed->state)
		json_object_set_new(json, "firmware", state_firmware_json(sealed->state));
	if (args->exits && sealed->state)
		json_object_set_new(json, "pending_exits", state_exits_json(sealed->state));
	if (args->keys)
		json_object_set_new(json, "keys", sealed_keys_json(sealed));
	if (args->schema)
		json_object_set_new(json, "schema", schema_json(sealed));
	if (args->form && sealed->state) {
		const struct sealed_records records = sealed_records(sealed);

		json_object_set_new(json, "form", form_json(sealed->state, &records));
	}
	return json;
}

static int run_show(struct tool *tool, void *opaque)
{
	const struct show_args *args = opaque;
	const struct sealed_options options = {
		.path = args->file,
		.trust = &args->trust,
		.key = args->key,
		.base = args->base,
		.flags = SDEISTATE_OPEN_ANY_AUDIENCE | SDEISTATE_OPEN_ANY_TIME |
			 (args->trust.n ? 0 : SDEISTATE_OPEN_ANY_SIGNER),
	};
	OWNED_SEALED struct sealed sealed = { .fd = -1 };
	const bool some = args->events || args->vcpus || args->filter || args->guard ||
			  args->realm || args->firmware || args->exits || args->keys ||
			  args->schema || args->form;
	struct failure failure;
	json_t *json;

	/* What is called verified has been read to its end. */
	if (sealed_open(&options, &sealed, &failure) ||
	    (args->trust.n && realm_bulk_verify(&sealed, &failure)) ||
	    ((args->events || args->vcpus) &&
	     sealed.opened->manifest.kind == SDEISTATE_KIND_DELTA &&
	     sealed_has_state(&sealed, args->file, &failure)))
		return tool_fail(tool, &failure);
	if (args->trust.n == 0)
		tool_say(tool,
			 "%s: nobody has vouched for what is shown; --trust checks the signature",
			 args->file);
	json = some ? parts(&sealed, args) : everything(&sealed, tool);
	json_object_set_new(json, "verified", json_boolean(args->trust.n > 0));
	return tool_result(tool, json);
}

#define AT(member) offsetof(struct show_args, member)
#define FLAG(word, member, text)                                                          \
	{                                                                                 \
		.name = (word), .help = (text), .offset = AT(member), .type = OPTION_FLAG \
	}

static const struct option_row rows[] = {
	FLAG("--events", events, "exposed and registered events with their handlers"),
	FLAG("--vcpus", vcpus, "vCPUs: power, mask, handlers that run, queues, saved contexts"),
	FLAG("--filter", filter, "SMCCC filter: which calls are denied or forwarded"),
	FLAG("--guard", guard, "MMIO guard: what the guest enrolled, guarded and shared"),
	FLAG("--realm", realm, "how an Arm CCA realm was built: parameters, steps, RIM after each"),
	FLAG("--firmware", firmware, "firmware registers: PSCI version, mitigations, hypercalls"),
	FLAG("--exits", exits, "vCPUs that left the guest and wait for their VMM's answer"),
	FLAG("--keys", keys, "who signed it and who may restore it"),
	FLAG("--schema", schema, "the schema's id and the records of the file"),
	FLAG("--form", form, "every field by its path; encode reads it back"),
	SEALED_TRUST_ROW(struct show_args, trust, "show only what these keys signed"),
	SEALED_BASE_ROW(struct show_args, base,
			"of a delta: show the state it makes of this snapshot"),
	SEALED_KEY_ROW(struct show_args, key),
	SEALED_FILE_ROW(struct show_args, file),
	OPTION_END,
};

const struct verb verb_show = {
	.name = "show",
	.summary = "Say what is in a snapshot",
	.about = "Without --trust the signature is not looked at, and the output says so "
		 "(verified: false). "
		 "The JSON form is described in docs/show.md and only grows.",
	.options = rows,
	.args_size = sizeof(struct show_args),
	.run = run_show,
};
