/* SPDX-License-Identifier: Apache-2.0 */
/*
 * watch.h - what people and their machines see of a session while it goes on, and of how it ended
 *
 * Progress (tools/common/progress.h), the Prometheus text file of --metrics, and journal entries that bear
 * the session's id on both hosts. None of them ever fails a session or makes it wait.
 */
#ifndef SDEI_MIGRATE_WATCH_H
#define SDEI_MIGRATE_WATCH_H

#include "common/progress.h"

#include <transport/session.h>

struct watch_options {
	struct option_number progress_fd;
	const char *metrics; /* path, or NULL */
	bool silent; /* progress only where --progress-fd wants it: many sessions at a time */
};

/* One session. The caller's; zero it for a connection that may not become one. */
struct watch {
	const struct tool *tool;
	const struct watch_options *options;
	enum transport_role role;
	struct progress progress;
	struct transport_id session, vm;
	const char *phase;   /* of the step it is in */
	uint64_t sent, base; /* bytes on the stream; when the phase began */
	uint64_t total;      /* of the phase's, 0: not known */
	int timeout_ms;
};

/** watch_open() - @timeout_ms: how long a phase may take */
void watch_open(struct watch *watch, const struct tool *tool, const struct watch_options *options,
		enum transport_role role, int timeout_ms);

/** watch_to_log() - standard error is a log from now on: lines go there, unless a descriptor was named */
void watch_to_log(struct watch *watch);

/** watch_name() - which session of which VM it is */
void watch_name(struct watch *watch, const struct transport_id *session,
		const struct transport_id *vm);

/** watch_stream() - count what goes over it, from now on */
void watch_stream(struct watch *watch, struct transport_stream *stream);

/** watch_step() - a step begins */
void watch_step(struct watch *watch, enum transport_step step);

/** watch_runs_on() - the VM goes on where it was: it has stood still long enough */
void watch_runs_on(struct watch *watch);

/** watch_total() - how many bytes the step that comes next sends */
void watch_total(struct watch *watch, uint64_t bytes);

/* How a session ended. */
struct watch_end {
	enum transport_session_state state;
	const char *reason; /* "ok" or that of the failure */
	const struct transport_session_times *times;
};

/* X(name, member of struct transport_session_times): the phases in their order; the waits are for a companion. */
#define WATCH_PHASES(X)             \
	X("hello", hello)           \
	X("record", record)         \
	X("base", base)             \
	X("wait_stop", wait)        \
	X("pause", pause)           \
	X("capture", capture)       \
	X("blob", blob)             \
	X("prepared", prepared)     \
	X("attest", attest)         \
	X("wait_arrival", arrival)  \
	X("relinquish", relinquish) \
	X("done", done)

/** watch_times() - microseconds of each phase as an object; NULL: no memory */
json_t *watch_times(const struct transport_session_times *times);

/** watch_close() - it is over: count it, and say so in the journal */
void watch_close(struct watch *watch, const struct watch_end *end);

#define WATCH_ROWS(type_of_args)                                                               \
	{ .name = "--progress-fd",                                                             \
	  .argument = "N",                                                                     \
	  .help = "write JSON lines of how far it is to this descriptor",                      \
	  .offset = offsetof(type_of_args, watch.progress_fd),                                 \
	  .type = OPTION_NUMBER,                                                               \
	  .max = PROGRESS_MAX_FD },                                                            \
	{                                                                                      \
		.name = "--metrics", .argument = "FILE",                                       \
		.help = "count the session in this Prometheus text file, which several share", \
		.offset = offsetof(type_of_args, watch.metrics), .type = OPTION_TEXT,          \
		.names = OPTION_NAMES_FILE                                                     \
	}

#endif
