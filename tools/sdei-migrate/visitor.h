/* SPDX-License-Identifier: Apache-2.0 */
/*
 * visitor.h - one connection of recv, as the session's callbacks see it
 */
#ifndef SDEI_MIGRATE_VISITOR_H
#define SDEI_MIGRATE_VISITOR_H

#include "reserve.h"

struct visitor {
	struct visitor *next;
	struct receiver *receiver;
	const struct mover *mover; /* the connection's keys */
	struct transport_stream *stream;
	struct reservation vm;
	struct visit_result *result;
	struct transport_progress *progress; /* while it is in the list */
	struct ledger_session session;
	uint64_t generation; /* the VM's here */
	struct transport_issues obstacles;
	struct watch watch;
	struct sdeistate_workspace *workspace; /* may be NULL */
	int latency_fd;                        /* latency_hold(); 0: none */
};

/* Callbacks of a session whose ctx is a visitor: transport/session.h. */
int visitor_fault(void *ctx, enum transport_step step, struct transport_error *err);
int visitor_base(void *ctx, const struct transport_buffer *blob,
		 const uint8_t nonce[TRANSPORT_NONCE_SIZE], struct transport_rehearsal *done,
		 struct transport_error *err);
int visitor_stage(void *ctx, const struct transport_buffer *blob,
		  const uint8_t nonce[TRANSPORT_NONCE_SIZE], const uint8_t *since,
		  uint8_t digest[TRANSPORT_DIGEST_SIZE], struct transport_error *err);

/** visitor_is_refusal() - did the VMM say no, or was nothing understood of what it said? See transport/control.h */
bool visitor_is_refusal(int code);

#endif
