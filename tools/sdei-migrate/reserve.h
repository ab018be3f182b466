/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reserve.h - the VM that takes what comes: which one it is, and what former sessions left in it
 */
#ifndef SDEI_MIGRATE_RESERVE_H
#define SDEI_MIGRATE_RESERVE_H

#include "receive.h"

/* The VM that a session has got. */
struct reservation {
	struct transport_control
		*control; /* the caller's to close; may be set after a failure, too */
	pid_t vmm;        /* started for this session or shared with it; 0: it was there */
};

/**
 * reserve_vm() - find the VM for an offer, or have a VMM started for it, and reserve it for its session
 * @path: becomes the control socket's
 *
 * Return: 0; -EBUSY busy: a session that is alive has it; errors of the VMM and of spawner_start().
 */
int reserve_vm(struct receiver *receiver, const struct transport_offer *offer,
	       char path[LEDGER_PATH_SIZE], struct reservation *reservation,
	       struct transport_error *err);

/** reserve_explain() - a VMM that was started and has died is why. Return: @ret */
int reserve_explain(const struct receiver *receiver, const struct reservation *reservation, int ret,
		    struct transport_error *err);

/** reserve_end() - the session is over, and stands there: end the VMM that was started for nothing */
void reserve_end(const struct receiver *receiver, struct reservation *reservation,
		 enum transport_session_state state);

/** reserve_check() - before anybody comes: is there a VM, or a folder of them? Return: 0; -errno with @failure */
int reserve_check(const struct receiver *receiver, struct failure *failure);

#endif
