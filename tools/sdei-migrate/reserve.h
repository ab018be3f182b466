/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reserve.h - the VM that takes what comes: which one it is, and what former sessions left in it
 */
#ifndef SDEI_MIGRATE_RESERVE_H
#define SDEI_MIGRATE_RESERVE_H

#include "receive.h"

/**
 * reserve_vm() - find the VM for an offer and reserve it for its session
 * @path: becomes the control socket's
 * @control: becomes the connection to it, also after some failures; the caller's to close
 *
 * Return: 0; -EBUSY busy: a session that is alive has it; errors of the VMM.
 */
int reserve_vm(struct receiver *receiver, const struct transport_offer *offer,
	       char path[LEDGER_PATH_SIZE], struct transport_control **control,
	       struct transport_error *err);

#endif
