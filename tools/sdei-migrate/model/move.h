/* SPDX-License-Identifier: Apache-2.0 */
/*
 * move.h - the state of a model VM on its way out and in: whole, or what changed since a base
 */
#ifndef SDEI_MIGRATE_MODEL_MOVE_H
#define SDEI_MIGRATE_MODEL_MOVE_H

#include "model.h"

/* Callbacks of a control server: transport/control.h says what each does. */
int move_capture(void *vm, enum transport_capture_kind kind, const struct transport_state *base,
		 struct transport_buffer *out, struct transport_error *err);
int move_capture_since(void *vm, enum transport_capture_kind kind,
		       const uint8_t base[TRANSPORT_DIGEST_SIZE], struct transport_buffer *out,
		       struct transport_error *err);
int move_check(void *vm, const struct transport_state *records, struct transport_issues *issues,
	       struct transport_error *err);
int move_rehearse(void *vm, const struct transport_state *records, struct transport_issues *issues,
		  struct transport_rehearsal *done, struct transport_error *err);
int move_stage(void *vm, const struct transport_stage *request,
	       uint8_t digest[TRANSPORT_DIGEST_SIZE], struct transport_error *err);

/** move_forget() - bases and the spare VM are of no use any more */
void move_forget(struct model *model);

#endif
