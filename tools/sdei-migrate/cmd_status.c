// SPDX-License-Identifier: Apache-2.0
#include "detach.h"
#include "fault.h"
#include "settle.h"
#include "verbs.h"

#include <errno.h>
#include <unistd.h>

struct status_args {
	const char *id, *state;
	bool list_fault_points;
};

static json_t *session_json(const struct ledger_session *session)
{
	return json_pack("{s:o, s:o, s:o, s:s, s:s, s:s, s:s, s:o, s:b, s:s, s:I, s:I}", "session",
			 id_json(&session->offer.session), "vm", id_json(&session->offer.vm.uuid),
			 "snapshot", id_json(&session->offer.snapshot), "side",
			 session->role == TRANSPORT_SOURCE ? "source" : "destination", "state",
			 transport_session_state_name(session->state), "control", session->control,
			 "peer", session->peer, "generation",
			 number_json(session->offer.vm.generation), "overridden",
			 session->overridden, "note", session->note, "began",
			 (json_int_t)session->began, "changed", (json_int_t)session->changed);
}

static int add_session(void *ctx, const struct ledger_session *session)
{
	return json_array_append_new(ctx, session_json(session)) ? -ENOMEM : 0;
}

static int show_all(struct tool *tool, struct ledger *ledger)
{
	json_t *list = json_array();
	struct failure failure;
	int ret = list ? ledger_each(ledger, add_session, list, &failure) : -ENOMEM;

	if (ret == 0)
		return tool_result(tool, json_pack("{s:o}", "sessions", list));
	json_decref(list);
	return ret == -ENOMEM ? tool_no_memory(tool) : tool_fail(tool, &failure);
}

static int show_one(struct tool *tool, struct ledger *ledger, const char *state,
		    const struct transport_id *id)
{
	OWNED_MEMORY char *log = detach_log(state, id);
	struct ledger_session session;
	struct failure failure;
	json_t *json;

	if (ledger_find(ledger, id, &session, &failure))
		return tool_fail(tool, &failure);
	json = session_json(&session);
	if (json && log && access(log, R_OK) == 0)
		json_object_set_new(json, "log", json_string(log));
	if (json)
		json_object_set_new(json, "vm_here",
				    json_string(vm_state_or(session.control, 1000, "gone")));
	return tool_result(tool, json);
}

static int run_status(struct tool *tool, void *opaque)
{
	const struct status_args *args = opaque;
	OWNED_LEDGER struct ledger *ledger = NULL;
	struct transport_id id;
	struct failure failure;
	int ret;

	if (args->list_fault_points)
		return tool_result(tool, json_pack("{s:o}", "fault_points", fault_list()));
	if (args->id && transport_id_parse(args->id, &id)) {
		failure_set(&failure, SDEISTATE_USAGE, -EINVAL, "command line", "ID",
			    "a session's id", args->id);
		return tool_fail(tool, &failure);
	}
	ret = ledger_open_existing(args->state, &ledger, &failure);
	/* A host that has never moved a VM has no ledger and no sessions; a folder that is named has one. */
	if (ret == -ENOENT && !args->state && !args->id)
		return tool_result(tool, json_pack("{s:[]}", "sessions"));
	if (ret)
		return tool_fail(tool, &failure);
	return args->id ? show_one(tool, ledger, args->state, &id) : show_all(tool, ledger);
}

#define AT(member) offsetof(struct status_args, member)

static const struct option_row rows[] = {
	{ .name = "ID", .help = "only this session", .offset = AT(id), .type = OPTION_TEXT },
	LEDGER_STATE_ROW(struct status_args, state),
	{ .name = "--list-fault-points",
	  .help = "for tests: what SDEI_FAULT can name in this build",
	  .offset = AT(list_fault_points),
	  .type = OPTION_FLAG },
	OPTION_END,
};

const struct verb verb_status = {
	.name = "status",
	.summary = "List the sessions of this host",
	.options = rows,
	.args_size = sizeof(struct status_args),
	.run = run_status,
};
