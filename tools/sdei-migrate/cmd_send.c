// SPDX-License-Identifier: Apache-2.0
#include "client.h"
#include "send.h"
#include "verbs.h"

static int run_send(struct tool *tool, void *opaque)
{
	return send_command(tool, opaque, NULL);
}

#define AT(member) offsetof(struct send_args, member)

static const struct option_row rows[] = {
	CLIENT_CONTROL_ROW(struct send_args),
	{ .name = "--to",
	  .argument = "URI",
	  .help = "where the other host's recv listens: tcp:HOST:PORT, unix:PATH, fd:N, "
		  "exec:COMMAND",
	  .offset = AT(mover.uri),
	  .type = OPTION_TEXT,
	  .required = true },
	MOVER_KEY_ROW(struct send_args),
	MOVER_PEER_ROW(struct send_args),
	POLICY_ROWS(struct send_args, mover.policy),
	REALM_SEND_ROWS(struct send_args),
	{ .name = "--limit-rate",
	  .argument = "RATE",
	  .help = "send no more bytes a second than this (K, M, G) while the VM runs, and of a "
		  "realm's pages",
	  .offset = AT(limit_rate),
	  .type = OPTION_SIZE,
	  .min = 64 << 10 },
	{ .name = "--max-blackout",
	  .argument = "MS",
	  .help = "do not let the VM stand still for longer: not at all if the rehearsal says so, "
		  "and it runs on here if it comes to that",
	  .offset = AT(max_blackout),
	  .type = OPTION_NUMBER,
	  .min = 1,
	  .max = 3600000 },
	{ .name = "--on-timeout",
	  .argument = "WHAT",
	  .help = "what a blackout above --max-blackout leads to (default cancel)",
	  .offset = AT(on_timeout),
	  .type = OPTION_CHOICE,
	  .choices = "cancel|ignore" },
	{ .name = "--level",
	  .argument = "LEVEL",
	  .help = "how to compress: auto (by size and distance), stored, -131072 to -1 (fast), 1 "
		  "to "
		  "19 (small)",
	  .offset = AT(level),
	  .type = OPTION_TEXT },
	{ .name = "--dry-run",
	  .help = "do all of it up to the last step, and let the VM run on here: it stops only to "
		  "be captured, and nothing is used up on either host",
	  .offset = AT(dry_run),
	  .type = OPTION_FLAG },
	{ .name = "--local",
	  .help = "the other recv is on this host, at unix:PATH, of this user or root; large state "
		  "is "
		  "handed over as a memory file",
	  .offset = AT(local),
	  .type = OPTION_FLAG },
	{ .name = "--detach",
	  .help = "end as soon as the other host is ready, and go on in the background; status, "
		  "cancel and resolve take the session's id",
	  .offset = AT(detach),
	  .type = OPTION_FLAG },
	WATCH_ROWS(struct send_args),
	MOVER_COMMON_ROWS(struct send_args),
	OPTION_END,
};

const struct verb verb_send = {
	.name = "send",
	.summary = "Hand a VM over to another host",
	.about = "Stops the VM, sends its sealed state, and gives the right to run it away once "
		 "the other host has replayed and proved it. Until then a failure lets the VM run "
		 "on here. Exit code 6 and the list of obstacles if it cannot take it. If the last "
		 "answer is lost the session is in doubt (exit code 9), "
		 "and resolve ends it.\n\n"
		 "Ctrl-C (SIGINT, SIGTERM, SIGHUP) gives it up, lets the VM run on here and ends "
		 "with 7; "
		 "once the right to run has been given away it goes on to its end. A second one "
		 "ends "
		 "the command at once, and resolve cleans up.",
	.options = rows,
	.args_size = sizeof(struct send_args),
	.run = run_send,
};
