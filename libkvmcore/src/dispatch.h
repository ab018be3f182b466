/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dispatch.h - one guest call, from the trap to the service that answers it
 */
#ifndef KVMCORE_DISPATCH_H
#define KVMCORE_DISPATCH_H

struct call;

/** dispatch_call() - answer, refuse or forward @call, whose reply has been started */
void dispatch_call(struct call *call);

#endif
