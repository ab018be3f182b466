/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pstate.h - PSTATE and vectors at the points where the service sends a PE somewhere
 */
#ifndef KVMCORE_SDEI_PSTATE_H
#define KVMCORE_SDEI_PSTATE_H

#include <kvmcore/kvmcore.h>

/** pstate_take_exception() - PSTATE behind an exception to EL1 taken at PSTATE @old */
uint64_t pstate_take_exception(const struct kvmcore_regs *regs, uint64_t old);

/** pstate_reads_sctlr() - does SCTLR_EL1 matter for it on a PE with @features? */
bool pstate_reads_sctlr(uint32_t features);

/** pstate_mode_only() - @old with AArch64, EL1h and DAIF set; all that the posted series did */
uint64_t pstate_mode_only(uint64_t old);

/** pstate_irq_vector() - where an IRQ to EL1 goes when it is taken at PSTATE @old */
uint64_t pstate_irq_vector(const struct kvmcore_regs *regs, uint64_t old);

#endif
