// SPDX-License-Identifier: Apache-2.0
#include "watch.h"

#include "journal.h"
#include "metrics.h"

#include <errno.h>
#include <string.h>

void watch_open(struct watch *watch, const struct tool *tool, const struct watch_options *options,
		enum transport_role role, int timeout_ms)
{
	const bool given = options->progress_fd.given;

	*watch = (struct watch){
		.tool = tool, .options = options, .role = role, .timeout_ms = timeout_ms
	};
	progress_open(&watch->progress, tool, given ? (int)options->progress_fd.value : -1);
	/* A bar is for one session; and who reads JSON may read lines of it. */
	if (!given && (options->silent || (role == TRANSPORT_DESTINATION && !tool->verbose)))
		watch->progress.fd = -1;
	else if (watch->progress.fd < 0 && role == TRANSPORT_SOURCE && tool->json && !tool->quiet)
		watch->progress.fd = STDERR_FILENO;
	watch->progress.bar = watch->progress.bar && role == TRANSPORT_SOURCE && !options->silent;
}

void watch_to_log(struct watch *watch)
{
	if (watch->options->progress_fd.given)
		return;
	watch->progress.fd = STDERR_FILENO;
	watch->progress.bar = false;
}

static const char *side_of(const struct watch *watch)
{
	return watch->role == TRANSPORT_SOURCE ? "source" : "destination";
}

void watch_name(struct watch *watch, const struct transport_id *session,
		const struct transport_id *vm)
{
	watch->session = *session;
	watch->vm = *vm;
	transport_id_print(session, watch->progress.session);
}

static void count_bytes(void *ctx, const struct transport_traffic *traffic)
{
	struct watch *watch = ctx;
	uint64_t done;

	watch->sent = watch->role == TRANSPORT_SOURCE ? traffic->sent : traffic->received;
	done = watch->sent - watch->base;
	if (!watch->phase || !watch->progress.session[0] || !done ||
	    (watch->role == TRANSPORT_SOURCE && !watch->total))
		return;
	/* Heads of messages are nobody's concern. */
	if (watch->total && done > watch->total)
		done = watch->total;
	progress_report(&watch->progress, watch->phase, done, watch->total);
}

void watch_stream(struct watch *watch, struct transport_stream *stream)
{
	transport_stream_observe(stream, count_bytes, watch);
}

/* "send.hello" is phase hello. */
static const char *phase_of(enum transport_step step)
{
	const char *name = transport_step_name(step), *dot = strchr(name, '.');

	return dot ? dot + 1 : name;
}

void watch_step(struct watch *watch, enum transport_step step)
{
	watch->phase = phase_of(step);
	watch->base = watch->sent;
	if (step != TRANSPORT_STEP_SEND_BLOB)
		watch->total = 0;
	if (step == TRANSPORT_STEP_SEND_PAUSE)
		watch->progress.stopped = progress_now();
	if (step == TRANSPORT_STEP_SEND_WAIT_DONE)
		watch->progress.stopped = 0;
	/* From the pause on, somebody waits for the end of each. */
	watch->progress.deadline_ms = watch->role == TRANSPORT_SOURCE &&
						      step >= TRANSPORT_STEP_SEND_PAUSE &&
						      step <= TRANSPORT_STEP_SEND_WAIT_DONE
					      ? watch->timeout_ms
					      : 0;
	if (watch->progress.session[0])
		progress_report(&watch->progress, watch->phase, 0, watch->total);
}

void watch_runs_on(struct watch *watch)
{
	watch->progress.stopped = 0;
}

void watch_total(struct watch *watch, uint64_t bytes)
{
	watch->total = bytes;
	watch->base = watch->sent;
}

static void tell_journal(const struct watch *watch, const struct watch_end *end)
{
	char session[TRANSPORT_ID_TEXT_SIZE], vm[TRANSPORT_ID_TEXT_SIZE], blackout[24], text[160];
	const bool committed = end->state == TRANSPORT_SESSION_COMMITTED;
	const char *state = transport_session_state_name(end->state);
	const struct journal_field field[] = {
		{ "MESSAGE", text },
		{ "PRIORITY", committed ? "6" : "4" },
		{ "SYSLOG_IDENTIFIER", watch->tool->program->name },
		{ "MESSAGE_ID", JOURNAL_SESSION_OVER },
		{ "MIGRATION_ID", session },
		{ "VM", vm },
		{ "SIDE", side_of(watch) },
		{ "PHASE", watch->phase ? watch->phase : "new" },
		{ "OUTCOME", state },
		{ "REASON", end->reason },
		{ "BLACKOUT_USEC", blackout },
	};
	const bool timed = watch->role == TRANSPORT_SOURCE && end->times->blackout;

	transport_id_print(&watch->session, session);
	transport_id_print(&watch->vm, vm);
	snprintf(blackout, sizeof(blackout), "%llu", (unsigned long long)end->times->blackout);
	snprintf(text, sizeof(text), "session %s of VM %s is over at the %s: %s (%s)", session, vm,
		 side_of(watch), state, end->reason);
	journal_send(field, ARRAY_SIZE(field) - !timed);
}

json_t *watch_times(const struct transport_session_times *times)
{
	json_t *json = json_object();

#define X(name, member) json_object_set_new(json, name, json_integer((json_int_t)times->member));
	WATCH_PHASES(X)
#undef X
	return json;
}

void watch_close(struct watch *watch, const struct watch_end *end)
{
	const struct metrics_session counted = { watch->role, end->state, end->times };
	struct failure failure;

	if (watch->progress.session[0])
		progress_report(&watch->progress, transport_session_state_name(end->state), 0, 0);
	progress_close(&watch->progress);
	if (transport_id_is_zero(&watch->session))
		return;
	tell_journal(watch, end);
	if (watch->options->metrics && metrics_count(watch->options->metrics, &counted, &failure))
		tool_say(watch->tool, "%s was not counted: %s%s%s", watch->options->metrics,
			 failure.field, failure.field[0] ? ": " : "",
			 failure.actual[0] ? failure.actual : strerror(-failure.code));
}
