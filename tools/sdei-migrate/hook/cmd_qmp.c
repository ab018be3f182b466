// SPDX-License-Identifier: Apache-2.0
#include "../client.h"
#include "../resolve.h"
#include "../send.h"
#include "../service.h"
#include "args.h"
#include "qmp_destination.h"
#include "qmp_follow.h"
#include "qmp_source.h"

#include <errno.h>
#include <string.h>

extern const struct verb verb_qmp;

struct qmp_args {
	const char *control, *qmp, *role, *state;
	const char *to, *migrate_uri;     /* source */
	const char *listen, *incoming;    /* destination */
	const char *id, *run_on, *reason; /* to resolve */
	struct mover_options mover;
	bool stay_paused;
};

static bool is_source(const struct qmp_args *args)
{
	return args->role && strcmp(args->role, "source") == 0;
}

/* What each of the three ways to be called needs; the others' it must not have. */
static int check_args(struct tool *tool, const struct qmp_args *args)
{
	const bool source = is_source(args), resolves = args->id;
	const struct {
		const char *name, *given, *what;
		bool wanted, allowed;
	} rows[] = {
		{ "--role", args->role, "source or destination, or --resolve ID", !resolves,
		  !resolves },
		{ "--control", args->control, "the VMM's control socket", !resolves, !resolves },
		{ "--migrate-uri", args->migrate_uri, "where QEMU migrates to; source only",
		  !resolves && source, !resolves && source },
		{ "--to", args->to, "where the destination's hook listens; source only",
		  !resolves && source, resolves || source },
		{ "--incoming", args->incoming, "where QEMU's migration comes in; destination only",
		  !resolves && !source, !resolves && !source },
		{ "--listen", args->listen, "where this hook listens; destination only",
		  !resolves && !source, !resolves && !source },
		{ "--run-on", args->run_on, "--resolve ID and --reason TEXT, too",
		  resolves && args->reason, resolves && args->reason && args->reason[0] },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (rows[i].given ? !rows[i].allowed : rows[i].wanted)
			return tool_usage(tool, rows[i].name, rows[i].what);
	return 0;
}

/* A realm's pages would have to be read while QEMU's migration is parked. */
static int check_type(const struct qmp_args *args, struct failure *failure)
{
	OWNED_CONTROL struct transport_control *control = NULL;
	struct transport_vm_info vm;
	struct transport_error err;

	if (transport_control_open(args->control, CLIENT_TIMEOUT_MS, &control, &err) ||
	    transport_control_info(control, &vm, &err))
		return client_failure(failure, &err);
	if (strcmp(vm.type, "realm") != 0)
		return 0;
	return failure_set(failure, SDEISTATE_INCOMPATIBLE, -EOPNOTSUPP, args->control, "type",
			   "a VM that stops with QEMU's machine",
			   "a realm, which moves by send and recv");
}

static int run_source(struct tool *tool, const struct qmp_args *args)
{
	CLEANUP(qmp_source_close) struct qmp_source source = { .qmp = NULL };
	struct send_args send = { .control = args->control,
				  .state = args->state,
				  .mover = args->mover };
	struct companion_source companion;
	struct failure failure;

	if (check_type(args, &failure) ||
	    qmp_source_open(args->qmp, args->migrate_uri, &source, &failure))
		return tool_fail(tool, &failure);
	send.mover.uri = args->to;
	companion = qmp_source_companion(&source);
	return send_command(tool, &send, &companion);
}

/* The VM is where it belongs; what is wrong is QEMU's. */
static int say_stuck(const struct tool *tool, const struct qmp_args *args,
		     struct qmp_destination *destination)
{
	struct failure *how = &destination->how;

	how->vm_destination = vm_state_or(args->control, 1000, "unknown");
	how->advice = destination->released
			      ? "The session is committed: the VM and QEMU's machine belong here. "
				"Issue cont to QEMU."
			      : "The session is aborted: QEMU's machine must not run here. End "
				"this QEMU.";
	return tool_fail(tool, how);
}

static int run_destination(struct tool *tool, const struct qmp_args *args)
{
	CLEANUP(qmp_destination_close)
	struct qmp_destination destination = { .qmp = NULL };
	struct recv_args recv = { .control = args->control,
				  .state = args->state,
				  .once = true,
				  .stay_paused = args->stay_paused,
				  .mover = args->mover };
	struct companion_destination companion;
	struct failure failure;
	int code;

	if (check_type(args, &failure) ||
	    qmp_destination_open(tool, args->qmp, args->incoming, &destination, &failure))
		return tool_fail(tool, &failure);
	recv.mover.uri = args->listen;
	companion = qmp_destination_companion(&destination);
	code = service_run(tool, &recv, &companion);
	return destination.stuck ? say_stuck(tool, args, &destination) : code;
}

static int run_resolve(struct tool *tool, const struct qmp_args *args)
{
	struct resolve_args resolve = { .id = args->id,
					.run_on = args->run_on,
					.reason = args->reason,
					.state = args->state,
					.mover = args->mover };
	struct ledger_session session;
	struct settle_report report;
	struct failure failure;
	const char *qemu;
	json_t *json;

	resolve.mover.uri = args->to;
	if (resolve_session(&resolve, &session, &report, &failure))
		return tool_fail(tool, &failure);
	if (!settle_is_over(&session))
		return resolve_in_doubt(tool, &session, &report);
	if (qmp_follow(args->qmp, &session, report.vm_here, &qemu, &failure))
		return tool_fail(tool, &failure);
	json = settle_json(&session, &report);
	if (json)
		json_object_set_new(json, "qemu", json_string(qemu));
	return tool_result(tool, json);
}

static int run_qmp(struct tool *tool, void *opaque)
{
	const struct qmp_args *args = opaque;
	int ret = check_args(tool, args);

	if (ret)
		return ret;
	if (args->id)
		return run_resolve(tool, args);
	return is_source(args) ? run_source(tool, args) : run_destination(tool, args);
}

#define AT(member) offsetof(struct qmp_args, member)

static const struct option_row rows[] = {
	{ .name = "--qmp",
	  .argument = "PATH",
	  .help = "QEMU's monitor, a QMP socket for this hook alone",
	  .offset = AT(qmp),
	  .type = OPTION_TEXT,
	  .names = OPTION_NAMES_FILE,
	  .required = true },
	HOOK_ROLE_ROW(struct qmp_args, false),
	{ .name = "--control",
	  .argument = "PATH",
	  .help = "control socket of the VMM",
	  .offset = AT(control),
	  .type = OPTION_TEXT,
	  .names = OPTION_NAMES_FILE },
	{ .name = "--migrate-uri",
	  .argument = "URI",
	  .help = "source: where QEMU migrates to, in its words: tcp:HOST:PORT, unix:PATH",
	  .offset = AT(migrate_uri),
	  .type = OPTION_TEXT },
	{ .name = "--to",
	  .argument = "URI",
	  .help = "source: where the destination's hook listens: tcp:HOST:PORT, unix:PATH, "
		  "exec:COMMAND",
	  .offset = AT(to),
	  .type = OPTION_TEXT },
	{ .name = "--incoming",
	  .argument = "URI",
	  .help = "destination: where QEMU's migration comes in, in its words (tcp:HOST:0: a free "
		  "port)",
	  .offset = AT(incoming),
	  .type = OPTION_TEXT },
	{ .name = "--listen",
	  .argument = "URI",
	  .help = "destination: where this hook listens, as recv does",
	  .offset = AT(listen),
	  .type = OPTION_TEXT },
	{ .name = "--stay-paused",
	  .help = "destination: let neither the VM nor QEMU run yet",
	  .offset = AT(stay_paused),
	  .type = OPTION_FLAG },
	{ .name = "--resolve",
	  .argument = "ID",
	  .help = "end a session as resolve does, and let QEMU follow: run, or end",
	  .offset = AT(id),
	  .type = OPTION_TEXT },
	{ .name = "--run-on",
	  .argument = "SIDE",
	  .help = "with --resolve: source or destination, when nobody can tell any more",
	  .offset = AT(run_on),
	  .type = OPTION_CHOICE,
	  .choices = "source|destination" },
	{ .name = "--reason",
	  .argument = "TEXT",
	  .help = "with --run-on: why you decide so; recorded",
	  .offset = AT(reason),
	  .type = OPTION_TEXT },
	MOVER_KEY_ROW(struct qmp_args),
	MOVER_PEER_ROW(struct qmp_args),
	POLICY_ROWS(struct qmp_args, mover.policy),
	MOVER_COMMON_ROWS(struct qmp_args),
	OPTION_END,
};

const struct verb verb_qmp = {
	.name = "qmp",
	.summary = "Hand a VM over while its QEMU's migration stands still before the switchover",
	.about =
		"Drives one migration of QEMU through its monitor, and a session of send and recv "
		"beside it. QEMU sends its memory; when it has stopped its machine, the VM behind "
		"--control stops, its state goes over, is replayed and proved there, and only then "
		"QEMU may go on. When both QEMUs have completed, the VM is given away; when it "
		"runs at the destination, so does QEMU (cont). Until then whatever fails lets both "
		"run on at the source.\n\n"
		"The destination's QEMU is started with -S -incoming defer and its hook before the "
		"source's. The hooks set the capabilities events, return-path and "
		"pause-before-switchover, and refuse postcopy and a QEMU that libvirt manages. "
		"After a crash, or where the last answer was lost, --resolve ID ends the session "
		"on this host and lets QEMU follow.",
	.options = rows,
	.args_size = sizeof(struct qmp_args),
	.run = run_qmp,
};
