// SPDX-License-Identifier: Apache-2.0
/* One hand-over as a command: run it, and say how it went. */
#include "advice.h"
#include "client.h"
#include "issues.h"
#include "memory.h"
#include "send.h"

#include <string.h>

static const char *source_state(const struct transport_offer *offer)
{
	if (!offer->dry_run)
		return "ended";
	return offer->held ? "paused" : "running";
}

static json_t *result(const struct sender *sender, const struct transport_progress *progress,
		      const struct transport_session_times *times)
{
	const struct transport_offer *offer = &sender->session.offer;
	json_t *json;

	json = json_pack(
		"{s:s, s:i, s:o, s:o, s:o, s:s, s:b, s:{s:s, s:s}, s:I, s:I, s:o, s:I, s:b, "
		"s:i, s:b}",
		"reason", "ok", "exit", 0, "session", id_json(&offer->session), "vm",
		id_json(&offer->vm.uuid), "snapshot", id_json(&offer->snapshot), "state",
		offer->dry_run ? "tried" : "committed", "dry_run", offer->dry_run, "vm_state",
		"source", source_state(offer), "destination",
		offer->dry_run   ? "none"
		: progress->held ? "paused"
				 : "running",
		"blackout_us", (json_int_t)times->blackout, "estimate_us",
		(json_int_t)times->estimate, "phases_us", watch_times(times), "blob_bytes",
		(json_int_t)times->blob_size, "delta", times->delta, "bases", (int)times->rounds,
		"insecure", sender->shared->mover.insecure_no_tls);
	return realm_sender_tell(&sender->realm, json);
}

/* What the failure means for the two VMs, and what is to be done. */
static void judge(struct failure *failure, enum transport_session_state state,
		  const struct sender *sender, char advice[], size_t size)
{
	const struct companion_source *companion = sender->companion;
	char text[TRANSPORT_ID_TEXT_SIZE];

	transport_id_print(&sender->session.offer.session, text);
	failure->vm_destination = "none";
	if (state == TRANSPORT_SESSION_ABORTED)
		return;
	failure->vm_destination = state == TRANSPORT_SESSION_COMMITTED ? "running" : "unknown";
	snprintf(advice, size, "%s run: sdei-migrate %s %s",
		 state == TRANSPORT_SESSION_COMMITTED
			 ? "The VM was handed over, but that is not on record here;"
			 : "Keep both VMs as they are and",
		 companion ? companion->resolve : "resolve", text);
	failure->advice = advice;
}

static int report(struct tool *tool, struct sender *sender,
		  const struct transport_progress *progress, const struct transport_error *err)
{
	struct failure failure;
	char advice[160];

	client_failure(&failure, err);
	failure.advice = strcmp(err->object, "blackout") == 0
				 ? "Allow more with --max-blackout, or --on-timeout ignore."
				 : realm_advice(err);
	if (!failure.advice)
		failure.advice = advice_source(&failure);
	failure.side = progress->peers_error ? FAILURE_DESTINATION : FAILURE_LOCAL;
	if (sender->advice)
		failure.advice = sender->advice;
	judge(&failure, transport_session_state(progress), sender, advice, sizeof(advice));
	sender->control = transport_control_close(sender->control);
	failure.vm_source =
		vm_state_or(sender->session.control, sender->shared->mover.timeout_ms, "gone");
	/* Another send was faster: where its VM went is not for this one to say. */
	if (strcmp(failure.vm_source, "ended") == 0 && strcmp(failure.vm_destination, "none") == 0)
		failure.vm_destination = "unknown";
	return issues_fail_as(tool, progress->obstacles, &failure);
}

static int open_sender(const struct tool *tool, struct sender *sender, struct failure *failure)
{
	int ret = send_share(tool, sender->args, sender->shared, failure);

	if (!ret)
		ret = send_meet(sender, failure);
	return ret ? ret : send_connect(sender, failure);
}

int send_command(struct tool *tool, const struct send_args *args,
		 const struct companion_source *companion)
{
	CLEANUP(send_unshare) struct send_shared shared = { .ledger = NULL };
	CLEANUP(send_close)
	struct sender sender = { .args = args,
				 .shared = &shared,
				 .companion = companion,
				 .detach.wanted = args->detach,
				 .tool = tool,
				 .live = { .fd = -1 } };
	struct transport_issues obstacles = { .n_issues = 0 };
	struct transport_progress progress = { .role = TRANSPORT_SOURCE, .obstacles = &obstacles };
	struct transport_session_times times;
	struct transport_error err;
	struct failure failure;
	int code, ret = args->detach ? detach_begin(&sender.detach, tool, &code, &failure) : 0;

	if (ret)
		return ret > 0 ? code : tool_fail(tool, &failure);
	memory_keep();
	if (open_sender(tool, &sender, &failure)) {
		failure.vm_source = vm_state_or(sender.args->control, 1000, "unknown");
		failure.vm_destination = "none";
		failure.advice = failure.advice ? failure.advice : advice_source(&failure);
		return tool_fail(tool, &failure);
	}
	if (send_run(&sender, &progress, &times, &err))
		return report(tool, &sender, &progress, &err);
	return tool_result(tool, result(&sender, &progress, &times));
}
