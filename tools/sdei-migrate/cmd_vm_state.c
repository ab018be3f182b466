// SPDX-License-Identifier: Apache-2.0
/* vm pause, vm resume, vm status: what every VMM behind a control socket answers. */
#include "client.h"
#include "verbs.h"

#include <string.h>

struct state_args {
	const char *control;
};

static const struct option_row rows[] = { CLIENT_CONTROL_ROW(struct state_args), OPTION_END };

/* The session of nobody is the operator's. */
static const struct transport_id operator_session;

static json_t *status_json(const struct transport_vm_status *status)
{
	char session[TRANSPORT_ID_TEXT_SIZE];

	transport_id_print(&status->session, session);
	return json_pack("{s:s, s:b, s:b, s:o}", "state", transport_vm_state_name(status->state),
			 "may_run", status->may_run, "held", status->held, "session",
			 transport_id_is_zero(&status->session) ? json_null()
								: json_string(session));
}

static int change(struct tool *tool, const struct state_args *args,
		  int (*act)(struct transport_control *control, const struct transport_id *session,
			     struct transport_error *err))
{
	OWNED_CONTROL struct transport_control *control = NULL;
	struct transport_vm_status status;
	struct transport_error err;

	if (transport_control_open(args->control, CLIENT_TIMEOUT_MS, &control, &err) ||
	    act(control, &operator_session, &err) ||
	    transport_control_status(control, &status, &err))
		return client_fail(tool, &err);
	return tool_result(tool, status_json(&status));
}

static int run_pause(struct tool *tool, void *args)
{
	return change(tool, args, transport_control_pause);
}

const struct verb verb_vm_pause = {
	.name = "vm pause",
	.summary = "Stop a VM until vm resume",
	.options = rows,
	.args_size = sizeof(struct state_args),
	.run = run_pause,
};

static int run_resume(struct tool *tool, void *args)
{
	return change(tool, args, transport_control_resume);
}

const struct verb verb_vm_resume = {
	.name = "vm resume",
	.summary = "Let a VM that vm pause stopped run again",
	.options = rows,
	.args_size = sizeof(struct state_args),
	.run = run_resume,
};

static json_t *info_json(const struct transport_vm_info *info)
{
	char uuid[TRANSPORT_ID_TEXT_SIZE];

	transport_id_print(&info->uuid, uuid);
	return json_pack("{s:s, s:s, s:s, s:s, s:i, s:o}", "uuid", uuid, "type", info->type,
			 "profile", info->profile, "kernel", info->kernel, "n_vcpus",
			 (int)info->n_vcpus, "generation", number_json(info->generation));
}

static int run_status(struct tool *tool, void *opaque)
{
	const struct state_args *args = opaque;
	OWNED_CONTROL struct transport_control *control = NULL;
	OWNED_JSON json_t *model = NULL;
	struct transport_vm_status status;
	struct transport_vm_info info;
	struct transport_error err;
	json_t *json;

	if (transport_control_open(args->control, CLIENT_TIMEOUT_MS, &control, &err) ||
	    transport_control_status(control, &status, &err) ||
	    transport_control_info(control, &info, &err) ||
	    (info.model && client_model(control, json_pack("{s:s}", "do", "status"), &model, &err)))
		return client_fail(tool, &err);
	json = status_json(&status);
	json_object_set_new(json, "info", info_json(&info));
	json_object_update_missing(json, model);
	return tool_result(tool, json);
}

const struct verb verb_vm_status = {
	.name = "vm status",
	.summary = "Say what a VM is doing, and whether it may run",
	.options = rows,
	.args_size = sizeof(struct state_args),
	.run = run_status,
};
