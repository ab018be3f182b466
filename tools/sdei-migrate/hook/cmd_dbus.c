// SPDX-License-Identifier: Apache-2.0
#include "../cancel.h"
#include "../client.h"
#include "../memory.h"
#include "../mover.h"
#include "guard.h"
#include "private_bus.h"

#include <errno.h>
#include <string.h>
#include <systemd/sd-daemon.h>

#define QEMU_START_MS 30000 /* until QEMU has its monitor, once it has its bus */

extern const struct verb verb_dbus;

/* One run of the helper, on either side. */
struct rider {
	struct tool *tool;
	const struct hook_args *args;
	struct cancel cancel;
	struct private_bus private_bus;
	struct bus *bus;
	struct qmp *qmp;   /* NULL: nobody watches QEMU */
	struct side *side; /* of the one that is used */
	struct source source;
	struct destination destination;
};

static void close_rider(struct rider *rider)
{
	rider->bus = bus_close(rider->bus);
	qmp_close(rider->qmp);
	private_bus_stop(&rider->private_bus);
	source_close(&rider->source);
	destination_close(&rider->destination);
	cancel_close(&rider->cancel);
}

static bool is_source(const struct hook_args *args)
{
	return strcmp(args->role, "source") == 0;
}

/* What nobody watches without QMP, in words. */
static const char *const unwatched[] = {
	"that QEMU was given -S and return-path",
	"that the destination does not run when no Load came",
	"whether the migration completed: call Clear, or Resume if it failed",
};

static int check_args(struct tool *tool, const struct hook_args *args)
{
	if (is_source(args) && !args->sealing.key)
		return tool_usage(tool, "--key", "the private key to sign with");
	if (is_source(args) && args->sealing.audience.n == 0 && !args->sealing.any_destination)
		return tool_usage(tool, "--to-audience",
				  "--to-audience PUB for each destination, or --any-destination");
	if (strcmp(args->run_when, "resume") == 0 && !args->qmp)
		return tool_usage(tool, "--run-when", "--qmp: only QEMU's monitor tells");
	if (args->bus_user && !args->private_bus)
		return tool_usage(tool, "--bus-user", "--private-bus, whose policy names him");
	if (args->no_qmp_guard == !!args->qmp)
		return tool_usage(tool, "--qmp",
				  args->qmp ? "--qmp or --no-qmp-guard, not both"
					    : "QEMU's monitor, or --no-qmp-guard: see --help");
	return 0;
}

static int open_side(struct rider *rider, struct failure *failure)
{
	if (is_source(rider->args)) {
		rider->side = &rider->source.side;
		return source_open(rider->tool, rider->args, &rider->source, failure);
	}
	rider->side = &rider->destination.side;
	return destination_open(rider->tool, rider->args, &rider->destination, failure);
}

/* sd_notify(3): at the destination QEMU is started once the unit is, and needs its bus then. */
static void say_started(void)
{
	sd_notify(0, "READY=1");
}

static int start_bus(struct rider *rider, struct failure *failure)
{
	const struct hook_args *args = rider->args;
	int ret = private_bus_start(args->bus, args->bus_user, &rider->private_bus, failure);

	if (ret)
		return ret;
	if (!is_source(args))
		say_started();
	return tool_event(rider->tool, json_pack("{s:s, s:s}", "event", "bus", "bus", args->bus));
}

static int open_rider(struct rider *rider, struct failure *failure)
{
	const struct hook_args *args = rider->args;
	const bool source = is_source(args);
	int ret = cancel_open(&rider->cancel, rider->tool, args->control,
			      source ? CANCEL_SOURCE : CANCEL_DESTINATION, failure);

	/* QEMU needs its bus when it starts, and the guard needs QEMU: so the bus is first. */
	if (!ret && args->private_bus)
		ret = start_bus(rider, failure);
	if (!ret && args->qmp)
		ret = guard_open(args->qmp, args->private_bus ? QEMU_START_MS : 0, !source,
				 &rider->qmp, failure);
	cancel_hold(&rider->cancel);
	if (!ret)
		ret = open_side(rider, failure);
	return ret ? ret
		   : bus_open(args->bus, args->id, (unsigned int)args->ids.value,
			      source ? &source_ops : &destination_ops,
			      source ? (void *)&rider->source : (void *)&rider->destination,
			      &rider->bus, failure);
}

static int say_ready(const struct rider *rider)
{
	json_t *ids = json_array();

	say_started();
	for (unsigned int i = 0; i < rider->args->ids.value; i++)
		json_array_append_new(ids, json_string(bus_id(rider->bus, i)));
	return tool_event(rider->tool,
			  json_pack("{s:s, s:s, s:s, s:o, s:o, s:b}", "event", "ready", "role",
				    rider->args->role, "bus", rider->args->bus, "ids", ids,
				    "session", id_json(&rider->side->session.offer.session),
				    "guard", rider->qmp != NULL));
}

/* Without a guard a failed Save is over when QEMU has had each part; the destination refuses them by name. */
static bool is_over(const struct rider *rider)
{
	const struct side *side = rider->side;

	return side->state == SIDE_OVER || (side->failed && !rider->qmp && is_source(rider->args) &&
					    source_all_asked(&rider->source));
}

static int follow_qemu(struct rider *rider, struct failure *failure)
{
	if (!rider->qmp)
		return 0;
	return is_source(rider->args) ? guard_source(rider->qmp, &rider->source, failure)
				      : guard_destination(rider->qmp, &rider->destination, failure);
}

static unsigned int watch(const struct rider *rider, struct pollfd *pfd, int *timeout_ms)
{
	unsigned int n = 0;

	pfd[n++] = (struct pollfd){ .fd = rider->cancel.fd, .events = POLLIN };
	if (rider->qmp)
		pfd[n++] = (struct pollfd){ .fd = qmp_fd(rider->qmp), .events = POLLIN };
	return rider->bus ? n + bus_poll(rider->bus, pfd + n, timeout_ms) : n;
}

static int answer(struct rider *rider, struct failure *failure)
{
	int ret = rider->bus ? bus_process(rider->bus, failure) : 0;

	/* What has left cannot be called back: QEMU still tells how it ended. */
	if (ret && rider->qmp && rider->side->state != SIDE_WAITING) {
		rider->bus = bus_close(rider->bus);
		ret = 0;
	}
	return ret;
}

static int serve(struct rider *rider, struct failure *failure)
{
	struct pollfd pfd[PARTS_MAX + 2];
	struct transport_error err;
	int ret = 0;

	while (!ret && !is_over(rider)) {
		int timeout_ms = -1;
		const unsigned int n = watch(rider, pfd, &timeout_ms);

		if (poll(pfd, n, timeout_ms) < 0 && errno != EINTR)
			return failure_io(failure, "poll", errno);
		if (cancel_asked(&rider->cancel, &err))
			return client_failure(failure, &err);
		ret = answer(rider, failure);
		if (!ret && !is_over(rider))
			ret = follow_qemu(rider, failure);
	}
	return ret;
}

/* It ends before its migration has: what the VM is, and what is to be done. */
static void give_up(struct rider *rider, struct failure *failure)
{
	struct side *side = rider->side;
	struct failure ignored;

	if (!is_source(rider->args)) {
		destination_drop(&rider->destination, "the helper ended");
		failure->vm_destination = vm_state_or(rider->args->control, 1000, "unknown");
		return;
	}
	if (side->state == SIDE_GIVEN) {
		if (failure->reason != SDEISTATE_IN_DOUBT)
			failure_set(failure, SDEISTATE_IN_DOUBT, -EINPROGRESS, "migration",
				    "outcome", "Clear or Resume", "neither came");
		failure->advice =
			"Ask the destination's QEMU whether it completed. If it failed or is gone, "
			"let the VM run here again: sdei-migrate resolve ID --run-on source "
			"--reason TEXT; if it completed: --run-on destination. status lists the "
			"ID.";
		side_settle(side, TRANSPORT_SESSION_IN_DOUBT, "the helper ended", &ignored);
	} else if (side->state == SIDE_WAITING) {
		side_settle(side, TRANSPORT_SESSION_ABORTED, "nothing was saved", &ignored);
	}
	failure->vm_source = vm_state_or(rider->args->control, 1000, "unknown");
}

static int finish(struct rider *rider)
{
	struct side *side = rider->side;
	const struct transport_id *session = &side->session.offer.session;
	const bool source = is_source(rider->args);
	struct failure failure;

	/* The answer first: QEMU waits for it with its VM stopped. */
	rider->bus = bus_close(rider->bus);
	if (side->failed) {
		if (source && side->state == SIDE_WAITING)
			side_settle(side, TRANSPORT_SESSION_ABORTED, "Save failed", &failure);
		return tool_fail(rider->tool, &side->why);
	}
	if (!source && side_settle(side, TRANSPORT_SESSION_COMMITTED, NULL, &failure))
		return tool_fail(rider->tool, &failure);
	return tool_result(rider->tool,
			   json_pack("{s:s, s:i, s:s, s:o, s:o, s:s}", "reason", "ok", "exit", 0,
				     "role", rider->args->role, "session", id_json(session),
				     "snapshot", id_json(&side->session.offer.snapshot), "vm_state",
				     vm_state_or(rider->args->control, 1000, "unknown")));
}

static int run_dbus(struct tool *tool, void *opaque)
{
	CLEANUP(close_rider) struct rider rider = { .tool = tool, .args = opaque };
	struct failure failure;
	int ret = check_args(tool, opaque);

	if (ret)
		return ret;
	memory_keep();
	if (open_rider(&rider, &failure)) {
		if (rider.side && rider.side->control)
			give_up(&rider, &failure);
		return tool_fail(tool, &failure);
	}
	for (size_t i = 0; !rider.qmp && i < ARRAY_SIZE(unwatched); i++)
		tool_say(tool, "not watched: %s", unwatched[i]);
	if (say_ready(&rider))
		return EXIT_CODE_FAILURE;
	if (serve(&rider, &failure)) {
		give_up(&rider, &failure);
		return tool_fail(tool, &failure);
	}
	return finish(&rider);
}

#define AT(member) offsetof(struct hook_args, member)

static const struct option_row rows[] = {
	CLIENT_CONTROL_ROW(struct hook_args),
	{ .name = "--bus",
	  .argument = "ADDRESS",
	  .help = "D-Bus address that QEMU's dbus-vmstate object is given, as "
		  "unix:path=/run/vm/bus",
	  .offset = AT(bus),
	  .type = OPTION_TEXT,
	  .required = true },
	HOOK_ROLE_ROW(struct hook_args, true),
	{ .name = "--id",
	  .argument = "ID",
	  .help = "the Id that QEMU knows the state by, the same on both sides",
	  .offset = AT(id),
	  .type = OPTION_TEXT,
	  .fallback = "sdei.0" },
	{ .name = "--ids",
	  .argument = "N",
	  .help = "so many Ids, counted on from --id, of 1 MiB each; the same on both sides",
	  .offset = AT(ids),
	  .type = OPTION_NUMBER,
	  .min = 1,
	  .max = PARTS_MAX,
	  .fallback = "1" },
	{ .name = "--key",
	  .argument = "FILE",
	  .help = "source: private key to sign with; destination: its own, for the audience",
	  .offset = AT(sealing.key),
	  .type = OPTION_TEXT,
	  .names = OPTION_NAMES_FILE },
	{ .name = "--to-audience",
	  .argument = "PUB",
	  .help = "source: public key of a destination that may take it; may be repeated",
	  .offset = AT(sealing.audience),
	  .type = OPTION_LIST,
	  .names = OPTION_NAMES_FILE },
	{ .name = "--any-destination",
	  .help = "source: whoever has it may take it",
	  .offset = AT(sealing.any_destination),
	  .type = OPTION_FLAG },
	{ .name = "--encrypt-to",
	  .argument = "CRT",
	  .help = "source: certificate or public key (p256, p384) of who can read it; may be "
		  "repeated",
	  .offset = AT(sealing.recipients),
	  .type = OPTION_LIST,
	  .names = OPTION_NAMES_FILE },
	{ .name = "--trust",
	  .argument = "PUB|DIR",
	  .help = "destination: public key of whoever may have signed it, or a folder of them",
	  .offset = AT(trust),
	  .type = OPTION_LIST,
	  .names = OPTION_NAMES_FILE },
	{ .name = "--qmp",
	  .argument = "PATH",
	  .help = "QEMU's monitor, a QMP socket for this helper alone: see that nothing runs twice",
	  .offset = AT(qmp),
	  .type = OPTION_TEXT,
	  .names = OPTION_NAMES_FILE },
	{ .name = "--run-when",
	  .argument = "WHEN",
	  .help = "run at the destination when QEMU has completed there, by a cont of its helper; "
		  "or "
		  "when whoever migrates resumes QEMU, as libvirt does once the source has "
		  "completed. The same on both sides",
	  .offset = AT(run_when),
	  .type = OPTION_CHOICE,
	  .choices = "completed|resume",
	  .fallback = "completed" },
	{ .name = "--no-qmp-guard",
	  .help = "run although nobody watches QEMU, and what that leaves open is on you",
	  .offset = AT(no_qmp_guard),
	  .type = OPTION_FLAG },
	{ .name = "--private-bus",
	  .help = "start a bus of its own at --bus, for this user and --bus-user alone",
	  .offset = AT(private_bus),
	  .type = OPTION_FLAG },
	{ .name = "--bus-user",
	  .argument = "USER",
	  .help = "who runs QEMU; without it, this user",
	  .offset = AT(bus_user),
	  .type = OPTION_TEXT },
	{ .name = "--stay-paused",
	  .help = "destination: do not let the VM behind the control socket run yet",
	  .offset = AT(stay_paused),
	  .type = OPTION_FLAG },
	{ .name = "--timeout",
	  .argument = "MS",
	  .help = "how long the VMM may take in a call; QEMU gives up after 25000",
	  .offset = AT(timeout),
	  .type = OPTION_NUMBER,
	  .min = 10,
	  .max = 20000,
	  .fallback = "5000" },
	LEDGER_STATE_ROW(struct hook_args, state),
	POLICY_ROWS(struct hook_args, policy),
	OPTION_END,
};

const struct verb verb_dbus = {
	.name = "dbus",
	.summary = "Ride along as a helper of QEMU's dbus-vmstate object",
	.about =
		"Serves one VM and one migration. At the source Save stops the VM behind "
		"--control, "
		"captures and seals its state, gives up the right to run it, and answers. At the "
		"destination Load opens, checks, replays and proves it before it answers, so that "
		"whatever is wrong fails QEMU's migration by name.\n\n"
		"With --qmp the helper insists on return-path and -S, lets the destination run "
		"(cont) "
		"after a verified Load alone, stops it if somebody else does, and ends the "
		"source's VM or lets it run again as QEMU says. QEMU does not say on the bus how a "
		"migration ended: without --qmp the source's VM runs nowhere until Clear or Resume "
		"of org.sdeimig.Hook1 is called.",
	.options = rows,
	.args_size = sizeof(struct hook_args),
	.run = run_dbus,
};
