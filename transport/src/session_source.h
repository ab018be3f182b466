/* SPDX-License-Identifier: Apache-2.0 */
/*
 * session_source.h - the source's driver, and what its parts share
 */
#ifndef TRANSPORT_SESSION_SOURCE_H
#define TRANSPORT_SESSION_SOURCE_H

#include "session_link.h"

struct source {
	struct session_link link;
	const struct transport_source_ops *ops;
	void *ctx;
	struct transport_progress *progress;
	struct transport_session_times *times;
	uint8_t digest[TRANSPORT_DIGEST_SIZE]; /* of the captured state */
	bool has_since;                        /* the peer keeps a base */
	uint8_t since[TRANSPORT_DIGEST_SIZE];  /* its digest */
	uint64_t pause_began;
	bool recorded; /* or perhaps: outcome() is due */
	bool runs_on;  /* a dry run has let its VM go */
};

/** source_now_us() - a clock that only goes forward */
uint64_t source_now_us(void);

/** source_fault() - tell the caller which step comes. Return: what it says */
int source_fault(struct source *source, enum transport_step step, struct transport_error *err);

/** source_move() - take a transition. Return: 0; -EPERM internal */
int source_move(struct source *source, enum transport_session_event event,
		struct transport_error *err);

/** source_expect() - as session_link_expect() */
int source_expect(struct source *source, enum session_message type, int timeout_ms,
		  struct session_in *in, struct transport_error *err);

/**
 * source_rehearse() - the whole way with the VM still running, and what the last state may be told from
 *
 * docs/protocol.md, 3.6 and 3.11. Return: 0; what would have failed with the VM standing still.
 */
int source_rehearse(struct source *source, struct transport_error *err);

/** source_since() - the base that the peer keeps; NULL: none */
const uint8_t *source_since(const struct source *source);

/** source_check_blackout() - is @us still short enough? Return: 0; -ETIME over-limit */
int source_check_blackout(const struct source *source, const char *what, uint64_t us,
			  struct transport_error *err);

#endif
