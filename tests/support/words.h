/* SPDX-License-Identifier: Apache-2.0 */
/* words.h - struct kvmcore_regs word by word, as the sets of its registers (KVMCORE_MASK_*) count them */
#ifndef TESTS_SUPPORT_WORDS_H
#define TESTS_SUPPORT_WORDS_H

#include <kvmcore/kvmcore.h>

#define X_WORDS 18u /* x0 to x17 come first */

static inline uint64_t *word_of(struct kvmcore_regs *regs, unsigned int bit)
{
	return (uint64_t *)(void *)regs + bit;
}

/* What KVM_GET_ONE_REG calls it. */
static inline uint64_t word_id(unsigned int bit)
{
	static const uint64_t behind_x[] = { KVMCORE_REG_PC,        KVMCORE_REG_PSTATE,
					     KVMCORE_REG_ELR_EL1,   KVMCORE_REG_SPSR_EL1,
					     KVMCORE_REG_SCTLR_EL1, KVMCORE_REG_VBAR_EL1 };

	return bit < X_WORDS ? KVMCORE_REG_X(bit) : behind_x[bit - X_WORDS];
}

static inline void words_copy(struct kvmcore_regs *to, const struct kvmcore_regs *from,
			      uint32_t set)
{
	struct kvmcore_regs all = *from;

	for (unsigned int bit = 0; bit < KVMCORE_N_MASKED; bit++)
		if (set >> bit & 1)
			*word_of(to, bit) = *word_of(&all, bit);
}

static inline bool words_same(const struct kvmcore_regs *a, const struct kvmcore_regs *b)
{
	struct kvmcore_regs left = *a, right = *b;

	for (unsigned int bit = 0; bit < KVMCORE_N_MASKED; bit++)
		if (*word_of(&left, bit) != *word_of(&right, bit))
			return false;
	return true;
}

/* Where nobody asked for a register there is noise: if it were used, the guest would notice. */
static inline void words_spoil(struct kvmcore_regs *regs, uint32_t set)
{
	for (unsigned int bit = 0; bit < KVMCORE_N_MASKED; bit++)
		if (set >> bit & 1)
			*word_of(regs, bit) = 0xdead0000beef0000ull + bit;
}

#endif
