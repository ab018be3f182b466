/* SPDX-License-Identifier: Apache-2.0 */
/* realm_rsi.h - the realm's own calls to the monitor */
#ifndef KVMCORE_REALM_RSI_H
#define KVMCORE_REALM_RSI_H

#include <kvmcore/kvmcore.h>

struct call;
struct vcpu;

/** rsi_has() - is @id one of RSI's ten calls? */
bool rsi_has(uint32_t id);

/** rsi_call() - answer one of them */
void rsi_call(struct call *call);

/** rsi_reads() - the registers one of them reads, as kvmcore_call_reads() has them */
uint32_t rsi_reads(uint32_t id);

/** rsi_finish_host_call() - the VMM has answered: @regs become the realm's own again */
void rsi_finish_host_call(struct vcpu *vcpu, struct kvmcore_regs *regs,
			  struct kvmcore_reply *reply);

#endif
