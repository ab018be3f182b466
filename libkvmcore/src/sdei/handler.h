/* SPDX-License-Identifier: Apache-2.0 */
/*
 * handler.h - a handler starts and ends
 */
#ifndef KVMCORE_SDEI_HANDLER_H
#define KVMCORE_SDEI_HANDLER_H

#include "trigger.h"

#define CHANGED_CONTEXT (0x3ffffu | KVMCORE_MASK_PC | KVMCORE_MASK_PSTATE)

/** handler_top() - the class of the handler on top, or SDEI_NR_CLASSES if none runs */
enum sdei_class handler_top(const struct sdei_vcpu *pe);

/** handler_put() - @event runs in @class on @vcpu from now on; registers are someone else's business */
void handler_put(struct vcpu *vcpu, enum sdei_class class, struct sdei_event *event);

/** handler_clear() - nothing runs in @class on @vcpu from now on */
void handler_clear(struct vcpu *vcpu, enum sdei_class class);

/** handler_end() - the handler on top completes: the interrupted registers come back */
void handler_end(struct vcpu *vcpu, enum sdei_class class, struct kvmcore_regs *regs,
		 struct kvmcore_reply *reply);

/** handler_end_and_resume() - the same, but going on at @address as if an exception had been taken */
void handler_end_and_resume(struct vcpu *vcpu, enum sdei_class class, uint64_t address,
			    struct kvmcore_regs *regs, struct kvmcore_reply *reply);

#endif
