// SPDX-License-Identifier: Apache-2.0
#include "pstate.h"

#include <stddef.h>

#define BIT(n) (1ULL << (n))

/* Arm ARM C5.2.19, SPSR_EL1 of an AArch64 state. */
#define PSTATE_MODE    0x1fULL /* M[4:0], M[4] is nRW */
#define PSTATE_NRW     BIT(4)
#define PSTATE_EL_MASK 0xcULL
#define PSTATE_EL1H    0x5ULL
#define PSTATE_DAIF    0x3c0ULL
#define PSTATE_SSBS    BIT(12)
#define PSTATE_ALLINT  BIT(13)
#define PSTATE_PAN     BIT(22)
#define PSTATE_DIT     BIT(24)
#define PSTATE_TCO     BIT(25)
#define PSTATE_NZCV    (0xfULL << 28)
#define PSTATE_PM      BIT(32)
/* Cleared by an exception without further condition: BTYPE, IL, SS, UAO. */

#define SCTLR_SPAN      BIT(23)
#define SCTLR_DSSBS     BIT(44)
#define SCTLR_SPINTMASK BIT(62)

enum when { ALWAYS, SCTLR_BIT_SET, SCTLR_BIT_CLEAR };

/* Bits that an exception sets, on PEs that have them (Arm ARM, AArch64.TakeException). */
static const struct rule {
	uint64_t pstate;
	uint32_t feature;
	enum when when;
	uint64_t sctlr;
} set_on_entry[] = {
	{ PSTATE_PAN, KVMCORE_PE_PAN, SCTLR_BIT_CLEAR, SCTLR_SPAN },
	{ PSTATE_SSBS, KVMCORE_PE_SSBS, SCTLR_BIT_SET, SCTLR_DSSBS },
	{ PSTATE_TCO, KVMCORE_PE_MTE2, ALWAYS, 0 },
	{ PSTATE_ALLINT, KVMCORE_PE_NMI, SCTLR_BIT_CLEAR, SCTLR_SPINTMASK },
	{ PSTATE_PM, KVMCORE_PE_EBEP, ALWAYS, 0 },
};

static bool applies(const struct rule *rule, const struct kvmcore_regs *regs)
{
	if (!(regs->features & rule->feature))
		return false;
	return rule->when == ALWAYS ||
	       !!(regs->sctlr_el1 & rule->sctlr) == (rule->when == SCTLR_BIT_SET);
}

bool pstate_reads_sctlr(uint32_t features)
{
	for (size_t i = 0; i < sizeof(set_on_entry) / sizeof(set_on_entry[0]); i++)
		if (features & set_on_entry[i].feature && set_on_entry[i].when != ALWAYS)
			return true;
	return false;
}

/* A PE without PAN or DIT has zeros there, so that both may be kept unasked. */
uint64_t pstate_take_exception(const struct kvmcore_regs *regs, uint64_t old)
{
	uint64_t pstate =
		(old & (PSTATE_NZCV | PSTATE_DIT | PSTATE_PAN)) | PSTATE_DAIF | PSTATE_EL1H;

	for (size_t i = 0; i < sizeof(set_on_entry) / sizeof(set_on_entry[0]); i++)
		if (applies(&set_on_entry[i], regs))
			pstate |= set_on_entry[i].pstate;
	return pstate;
}

uint64_t pstate_mode_only(uint64_t old)
{
	return (old & ~PSTATE_MODE) | PSTATE_DAIF | PSTATE_EL1H;
}

/* Arm ARM D1.3.1.5: the vector table has a block for each kind of origin; IRQ is 0x80 into it. */
uint64_t pstate_irq_vector(const struct kvmcore_regs *regs, uint64_t old)
{
	uint64_t block;

	if (old & PSTATE_NRW)
		block = 0x600;
	else if (!(old & PSTATE_EL_MASK))
		block = 0x400;
	else
		block = old & 1 ? 0x200 : 0x000;
	return regs->vbar_el1 + block + 0x80;
}
