// SPDX-License-Identifier: Apache-2.0
#include "evacuate.h"
#include "memory.h"
#include "verbs.h"

#include <errno.h>
#include <string.h>

struct tally {
	struct tool *tool;
	struct evacuation evacuation;
	unsigned int n[EVACUATE_NR_FATES];
	enum exit_code failed; /* of those that failed; FAILURE where they differ */
};

static void count(struct tally *tally, const struct evacuee *vm)
{
	const enum exit_code code = failure_exit(vm->failure.reason);
	const bool first = tally->n[EVACUATE_FAILED] == 0;

	tally->n[vm->fate]++;
	if (vm->fate == EVACUATE_FAILED)
		tally->failed = first || tally->failed == code ? code : EXIT_CODE_FAILURE;
}

static enum exit_code exit_of(const struct tally *tally)
{
	if (tally->n[EVACUATE_IN_DOUBT])
		return EXIT_CODE_IN_DOUBT;
	if (tally->n[EVACUATE_CANCELLED])
		return EXIT_CODE_CANCELLED;
	return tally->n[EVACUATE_FAILED] ? tally->failed : EXIT_CODE_OK;
}

static bool has_failure(const struct evacuee *vm)
{
	return vm->fate == EVACUATE_FAILED || vm->fate == EVACUATE_IN_DOUBT;
}

static json_t *vm_json(const struct tally *tally, const struct evacuee *vm)
{
	json_t *json =
		has_failure(vm)
			? tool_failure(tally->tool, &vm->failure)
			: json_pack("{s:s, s:i}", "reason",
				    vm->fate == EVACUATE_CANCELLED ? "cancelled" : "ok", "exit",
				    vm->fate == EVACUATE_CANCELLED ? EXIT_CODE_CANCELLED
								   : EXIT_CODE_OK);

	if (!json)
		return NULL;
	json_object_set_new(json, "event", json_string("vm"));
	json_object_set_new(json, "vm", id_json(&vm->uuid));
	json_object_set_new(json, "result", json_string(evacuate_fate_name(vm->fate)));
	json_object_set_new(json, "control", json_string(vm->control));
	json_object_set_new(json, "session",
			    transport_id_is_zero(&vm->session) ? json_null()
							       : id_json(&vm->session));
	json_object_set_new(json, "resolved", json_boolean(vm->settled));
	if (vm->seen) {
		json_object_set_new(json, "type", json_string(vm->info.type));
		json_object_set_new(json, "vcpus", json_integer(vm->info.n_vcpus));
	}
	json_object_set_new(json, "blackout_us", json_integer((json_int_t)vm->blackout_us));
	json_object_set_new(json, "took_us", json_integer((json_int_t)vm->took_us));
	return json;
}

static void print_row(const struct tally *tally, const struct evacuee *vm)
{
	char uuid[TRANSPORT_ID_TEXT_SIZE], why[512] = "";

	transport_id_print(&vm->uuid, uuid);
	if (has_failure(vm))
		snprintf(why, sizeof(why), "%s: %s%s%s", failure_reason_name(vm->failure.reason),
			 vm->failure.object, vm->failure.actual[0] ? ": " : "", vm->failure.actual);
	else if (vm->fate == EVACUATE_MOVED)
		snprintf(why, sizeof(why), "blackout %llu us", (unsigned long long)vm->blackout_us);
	fprintf(tally->tool->out, "%s  %-9s %5u  %s\n", uuid, evacuate_fate_name(vm->fate),
		vm->info.n_vcpus, why);
}

static void tell(void *ctx, const struct evacuee *vm)
{
	struct tally *tally = ctx;

	count(tally, vm);
	if (tally->tool->json)
		tool_event(tally->tool, vm_json(tally, vm));
	else
		print_row(tally, vm);
}

static json_t *total_json(const struct tally *tally)
{
	const struct evacuation *evacuation = &tally->evacuation;
	const uint64_t us = evacuation->ended_us - evacuation->began_us;
	const enum exit_code code = exit_of(tally);
	json_t *json = json_pack("{s:s, s:i, s:I}", "event", "total", "exit", (int)code, "vms",
				 (json_int_t)evacuation->n);

	for (int fate = EVACUATE_MOVED; json && fate < EVACUATE_NR_FATES; fate++)
		json_object_set_new(json, evacuate_fate_name((enum evacuate_fate)fate),
				    json_integer(tally->n[fate]));
	if (!json)
		return NULL;
	json_object_set_new(json, "connections", json_integer(evacuation->connections));
	json_object_set_new(json, "took_us", json_integer((json_int_t)us));
	json_object_set_new(json, "insecure",
			    json_boolean(evacuation->shared.mover.insecure_no_tls));
	return json;
}

static void print_total(const struct tally *tally)
{
	const struct evacuation *evacuation = &tally->evacuation;

	fprintf(tally->tool->out, "%zu VMs:", evacuation->n);
	for (int fate = EVACUATE_MOVED; fate < EVACUATE_NR_FATES; fate++)
		if (tally->n[fate])
			fprintf(tally->tool->out, " %u %s,", tally->n[fate],
				evacuate_fate_name((enum evacuate_fate)fate));
	fprintf(tally->tool->out, " in %.3f s over %u connections%s\n",
		(double)(evacuation->ended_us - evacuation->began_us) / 1e6,
		evacuation->connections,
		evacuation->shared.mover.insecure_no_tls ? ", insecure" : "");
}

static void close_tally(struct tally *tally)
{
	evacuate_close(&tally->evacuation);
}

static int run_evacuate(struct tool *tool, void *opaque)
{
	struct evacuate_args *args = opaque;
	CLEANUP(close_tally)
	struct tally tally = { .tool = tool,
			       .evacuation = { .tool = tool, .args = args, .tell = tell } };
	struct failure failure;
	int ret;

	tally.evacuation.ctx = &tally;
	args->send.watch.silent = true;
	memory_keep();
	if (evacuate_open(&tally.evacuation, &failure))
		return tool_fail(tool, &failure);
	if (!tool->json)
		fprintf(tool->out, "%-36s  %-9s %5s\n", "VM", "result", "vCPUs");
	if (evacuate_run(&tally.evacuation, &failure))
		return tool_fail(tool, &failure);
	if (tool->json)
		ret = tool_event(tool, total_json(&tally));
	else
		print_total(&tally), ret = tool_flush(tool);
	return ret ? ret : (int)exit_of(&tally);
}

#define AT(member) offsetof(struct evacuate_args, member)

/* The rows that send has, too, are of its struct. */
_Static_assert(offsetof(struct evacuate_args, send) == 0, "one base for both");

static const struct option_row rows[] = {
	{ .name = "--vms",
	  .argument = "DIR",
	  .help = "folder of control sockets, UUID.sock for the VM of that UUID",
	  .offset = AT(vms),
	  .type = OPTION_TEXT,
	  .names = OPTION_NAMES_DIRECTORY,
	  .required = true },
	{ .name = "--to",
	  .argument = "URI",
	  .help = "where the other host's recv listens: tcp:HOST:PORT, unix:PATH, exec:COMMAND",
	  .offset = AT(send.mover.uri),
	  .type = OPTION_TEXT,
	  .required = true },
	{ .name = "--parallel",
	  .argument = "N",
	  .help = "how many VMs at a time, each over a connection that is used again (default 32)",
	  .offset = AT(parallel),
	  .type = OPTION_NUMBER,
	  .min = 1,
	  .max = EVACUATE_MAX_PARALLEL },
	{ .name = "--order",
	  .argument = "ORDER",
	  .help = "which VM goes first: the one with most to rebuild, the one with least, or by "
		  "UUID",
	  .offset = AT(order),
	  .type = OPTION_CHOICE,
	  .choices = "risk|small|uuid",
	  .fallback = "risk" },
	{ .name = "--first",
	  .argument = "UUID",
	  .help = "this VM before all others; may be repeated",
	  .offset = AT(first),
	  .type = OPTION_LIST },
	{ .name = "--limit-rate",
	  .argument = "RATE",
	  .help = "send at most so many bytes a second over each connection",
	  .offset = AT(send.limit_rate),
	  .type = OPTION_SIZE,
	  .min = 64 << 10 },
	MOVER_KEY_ROW(struct send_args),
	MOVER_PEER_ROW(struct send_args),
	POLICY_ROWS(struct send_args, mover.policy),
	REALM_SEND_ROWS(struct send_args),
	WATCH_ROWS(struct send_args),
	MOVER_COMMON_ROWS(struct send_args),
	OPTION_END,
};

const struct verb verb_evacuate = {
	.name = "evacuate",
	.summary = "Hand all VMs of this host over to another one",
	.about = "Ends first what a former run left in doubt, looks at every VM behind a socket "
		 "DIR/UUID.sock, and hands over those that are here, several at a time. What goes "
		 "wrong with one VM stops no other. It can be interrupted in any way and run "
		 "again.\n\n"
		 "Realms go first, then VMs with many vCPUs, and those last that an operator has "
		 "paused; --order and --first say otherwise. A VM of at most 16 vCPUs is moved "
		 "without the trial that send makes first.\n\n"
		 "Prints a row for each VM as it ends, and a total; with --json an object for "
		 "each, "
		 "with event vm and event total. The result of a VM is moved, before (by a former "
		 "run), "
		 "not-here (it has left, or is only coming), failed, in-doubt or cancelled.\n\n"
		 "Exit code 9 if a VM is in doubt; else 7 if a signal came before all had begun; "
		 "else, if "
		 "VMs failed, the code of their failure, or 1 if they failed for several reasons; "
		 "else 0. "
		 "If nobody answers at --to, the VMs that have not begun stay where they are.\n\n"
		 "Ctrl-C (SIGINT, SIGTERM, SIGHUP) begins no other VM and ends those that have "
		 "begun "
		 "as it ends send. A second one ends the command at once.",
	.options = rows,
	.args_size = sizeof(struct evacuate_args),
	.run = run_evacuate,
};
