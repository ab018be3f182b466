/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dispatch.h - one guest call, from the trap to the service that answers it
 */
#ifndef KVMCORE_DISPATCH_H
#define KVMCORE_DISPATCH_H

#include <stdbool.h>

struct call;

/** dispatch_call() - answer, refuse or forward @call, whose reply has been started */
void dispatch_call(struct call *call);

/**
 * dispatch_host_call() - the call a realm makes of its host; its registers are in @call
 * @filtered: whether the SMCCC filter has a say
 */
void dispatch_host_call(struct call *call, bool filtered);

#endif
