// SPDX-License-Identifier: Apache-2.0
#include "realm_bulk.h"
#include "service.h"
#include "verbs.h"

static int run_recv(struct tool *tool, void *opaque)
{
	return service_run(tool, opaque, NULL);
}

#define AT(member) offsetof(struct recv_args, member)

static const struct option_row rows[] = {
	{ .name = "--listen",
	  .argument = "URI",
	  .help = "tcp:HOST:PORT (0: a free port), unix:PATH, fd:N (a connection, or a socket that "
		  "listens), fd:IN,OUT, "
		  "exec:COMMAND",
	  .offset = AT(mover.uri),
	  .type = OPTION_TEXT,
	  .required = true },
	{ .name = "--control",
	  .argument = "PATH",
	  .help = "control socket of the VMM whose fresh VM takes what comes",
	  .offset = AT(control),
	  .type = OPTION_TEXT,
	  .names = OPTION_NAMES_FILE },
	{ .name = "--vms",
	  .argument = "DIR",
	  .help = "folder of control sockets, UUID.sock for the VM of that UUID",
	  .offset = AT(vms),
	  .type = OPTION_TEXT,
	  .names = OPTION_NAMES_DIRECTORY },
	{ .name = "--spawn",
	  .argument = "COMMAND",
	  .help = "start this for each VM that comes: a VMM that listens at $CONTROL; split at "
		  "blanks, "
		  "quotes and \\ keep them, no shell",
	  .offset = AT(spawn),
	  .type = OPTION_TEXT },
	{ .name = "--once",
	  .help = "end after one session, with its exit code",
	  .offset = AT(once),
	  .type = OPTION_FLAG },
	{ .name = "--dry-run",
	  .help = "take no VM: try out what comes and say what stands in its way",
	  .offset = AT(dry_run),
	  .type = OPTION_FLAG },
	{ .name = "--stay-paused",
	  .help = "do not let the VM run yet; vm resume does",
	  .offset = AT(stay_paused),
	  .type = OPTION_FLAG },
	REALM_FOLDER_ROW(struct recv_args),
	{ .name = "--max-state",
	  .argument = "SIZE",
	  .help = "the largest sealed state to take, a realm's pages among it (default 16G); above "
		  "24M it goes through a file in $TMPDIR",
	  .offset = AT(max_state),
	  .type = OPTION_SIZE,
	  .min = TRANSPORT_SESSION_MAX_BLOB,
	  .max = 1ULL << 37 },
	{ .name = "--override",
	  .argument = "RULE",
	  .help = "take a VM although this rule forbids it; recorded, needs --reason",
	  .offset = AT(word.rule),
	  .type = OPTION_CHOICE,
	  .choices = "rollback" },
	{ .name = "--reason",
	  .argument = "TEXT",
	  .help = "why --override is right; recorded",
	  .offset = AT(word.reason),
	  .type = OPTION_TEXT },
	{ .name = "--no-seccomp",
	  .help = "do not confine itself to the system calls it needs",
	  .offset = AT(no_seccomp),
	  .type = OPTION_FLAG },
	MOVER_KEY_ROW(struct recv_args),
	MOVER_PEER_ROW(struct recv_args),
	POLICY_ROWS(struct recv_args, mover.policy),
	WATCH_ROWS(struct recv_args),
	MOVER_COMMON_ROWS(struct recv_args),
	OPTION_END,
};

const struct verb verb_recv = {
	.name = "recv",
	.summary = "Take VMs that other hosts hand over",
	.about = "Opens, checks, replays and proves what comes into a fresh VM, and lets it run "
		 "when "
		 "the other host has given it away. Answers resolve of other hosts; started again "
		 "with the same --state it ends what it had left.\n\n"
		 "It serves 64 connections at a time. Where all are taken, the oldest of those "
		 "that have "
		 "not said what they want makes room. After SIGTERM or Ctrl-C it ends as soon as "
		 "the "
		 "sessions that have begun are over; a second one does not wait for them.",
	.options = rows,
	.args_size = sizeof(struct recv_args),
	.run = run_recv,
};
