// SPDX-License-Identifier: Apache-2.0
/*
 * The registers at the edges of a handler: DEN0054 §4.2.1 (entry), §5.1.6 (COMPLETE), §5.1.7 and §5.2.2
 * (COMPLETE_AND_RESUME), and what the posted series did instead.
 */
#include "rig.h"

#define CRIT      0x400003u

#define DAIF      0x3c0u
#define EL1H      0x5u
#define NZCV      0xf0000000u
#define SSBS      (1ULL << 12)
#define ALLINT    (1ULL << 13)
#define IL        (1ULL << 20)
#define SS        (1ULL << 21)
#define PAN       (1ULL << 22)
#define UAO       (1ULL << 23)
#define DIT       (1ULL << 24)
#define TCO       (1ULL << 25)
#define BTYPE     (3ULL << 10)
#define PM        (1ULL << 32)
#define SPAN      (1ULL << 23)
#define DSSBS     (1ULL << 44)
#define SPINTMASK (1ULL << 62)

static void arm(struct rig *rig, enum kvmcore_profile profile)
{
	rig_open(rig, profile, 1);
	if (profile == KVMCORE_PROFILE_KVM_V5)
		rig_expose(rig, 0, PRIVATE, NORMAL);
	if (profile != KVMCORE_PROFILE_KVM_V7)
		rig_expose(rig, CRIT, PRIVATE, CRITICAL);
	rig_arm(rig, 0, 0);
}

/* The interrupted context of every test here. */
static struct kvmcore_regs interrupted(const struct rig *rig)
{
	struct kvmcore_regs regs = rig->regs[0];

	for (unsigned int i = 0; i < 18; i++)
		regs.x[i] = 0xc0de0000u + i;
	regs.pc = 0xffff800000123456u;
	regs.pstate = NZCV | 0x0; /* EL0, interrupts open */
	regs.elr_el1 = 0xe11;
	regs.spsr_el1 = 0x5b5b;
	return regs;
}

static struct kvmcore_regs deliver(struct rig *rig)
{
	rig->regs[0] = interrupted(rig);
	CHECK(rig_inject(rig, 0, 0) == 0 && enter(rig, 0), "the event is delivered");
	return rig->regs[0];
}

static bool same_x(const struct kvmcore_regs *a, const struct kvmcore_regs *b, unsigned int from)
{
	return !memcmp(&a->x[from], &b->x[from], (18 - from) * sizeof(a->x[0]));
}

static void test_entry_of_spec(void)
{
	struct rig rig;
	struct kvmcore_regs before, in;

	arm(&rig, KVMCORE_PROFILE_SPEC);
	before = interrupted(&rig);
	in = deliver(&rig);
	CHECK(in.x[0] == 0 && in.x[1] == ARG(0, 0), "x0 is the event, x1 the handler's argument");
	CHECK(in.x[2] == before.pc && in.x[3] == before.pstate,
	      "x2 and x3 are interrupted PC and PSTATE");
	CHECK(in.pc == ENTRY(0, 0), "PC is the entry point");
	CHECK((in.pstate & (DAIF | 0x1f)) == (DAIF | EL1H), "EL1h with DAIF masked");
	CHECK(same_x(&in, &before, 4), "x4 to x17 are the interrupted ones: Linux reads them live");
	CHECK(in.elr_el1 == before.elr_el1 && in.spsr_el1 == before.spsr_el1,
	      "ELR_EL1 and SPSR_EL1 are untouched");
	CHECK(rig.reply.changed == (0xf | KVMCORE_MASK_PC | KVMCORE_MASK_PSTATE),
	      "the reply names what changed");
	rig_close(&rig);
}

static void test_entry_of_the_series(void)
{
	static const struct kvmcore_regs zero;
	struct rig rig;
	struct kvmcore_regs in;

	for (enum kvmcore_profile profile = KVMCORE_PROFILE_KVM_V5; profile < KVMCORE_NR_PROFILES;
	     profile++) {
		arm(&rig, profile);
		in = deliver(&rig);
		CHECK(same_x(&in, &zero, 4), "x4 to x17 are zero");
		CHECK(in.pstate == (NZCV | DAIF | EL1H), "of PSTATE only mode and DAIF change");
		CHECK((rig.reply.changed & 0x3ffff) == 0x3ffff, "the reply names x0 to x17");
		rig_close(&rig);
	}
}

static void test_the_series_keeps_other_pstate_bits(void)
{
	struct rig rig;

	arm(&rig, KVMCORE_PROFILE_KVM_V7);
	rig.regs[0].pstate = IL | SS | UAO | TCO | BTYPE | SSBS | 0x10; /* from AArch32 */
	rig_inject(&rig, 0, 0);
	CHECK(enter(&rig, 0) &&
		      rig.regs[0].pstate == (IL | SS | UAO | TCO | BTYPE | SSBS | DAIF | EL1H),
	      "IL, SS, UAO, TCO, BTYPE and SSBS are kept");
	rig_close(&rig);
}

/* Arm ARM, AArch64.TakeException, as TF-A's create_spsr() applies it. */
static void test_pstate_rules_of_spec(void)
{
	static const struct {
		const char *promise;
		uint32_t features;
		uint64_t old, sctlr, set, clear;
	} row[] = {
		{ "NZCV is kept", 0, NZCV, 0, NZCV, 0 },
		{ "IL and SS are cleared", 0, IL | SS, 0, 0, IL | SS },
		{ "DIT is kept", KVMCORE_PE_DIT, DIT, 0, DIT, 0 },
		{ "DIT is not set", KVMCORE_PE_DIT, 0, 0, 0, DIT },
		{ "UAO is cleared", KVMCORE_PE_UAO, UAO, 0, 0, UAO },
		{ "BTYPE is cleared", KVMCORE_PE_BTI, BTYPE, 0, 0, BTYPE },
		{ "PAN is set if SPAN is 0", KVMCORE_PE_PAN, 0, 0, PAN, 0 },
		{ "PAN 1 is kept if SPAN is 1", KVMCORE_PE_PAN, PAN, SPAN, PAN, 0 },
		{ "PAN 0 is kept if SPAN is 1", KVMCORE_PE_PAN, 0, SPAN, 0, PAN },
		{ "without PAN nothing sets it", 0, 0, 0, 0, PAN },
		{ "SSBS is DSSBS: 1", KVMCORE_PE_SSBS, 0, DSSBS, SSBS, 0 },
		{ "SSBS is DSSBS: 0", KVMCORE_PE_SSBS, SSBS, 0, 0, SSBS },
		{ "TCO is set", KVMCORE_PE_MTE2, 0, 0, TCO, 0 },
		{ "without MTE nothing sets TCO", 0, 0, 0, 0, TCO },
		{ "ALLINT is set if SPINTMASK is 0", KVMCORE_PE_NMI, 0, 0, ALLINT, 0 },
		{ "ALLINT is clear if SPINTMASK is 1", KVMCORE_PE_NMI, ALLINT, SPINTMASK, 0,
		  ALLINT },
		{ "PM is set", KVMCORE_PE_EBEP, 0, 0, PM, 0 },
		{ "from AArch32 the handler is AArch64", 0, 0x1f, 0, EL1H, 0x1a },
		{ "from EL1t the handler uses SP_EL1", 0, 0x4, 0, EL1H, 0 },
	};
	struct rig rig;

	for (size_t i = 0; i < ARRAY_SIZE(row); i++) {
		arm(&rig, KVMCORE_PROFILE_SPEC);
		rig.regs[0].features = row[i].features;
		rig.regs[0].sctlr_el1 = row[i].sctlr;
		rig.regs[0].pstate = row[i].old;
		rig_inject(&rig, 0, 0);
		CHECK(enter(&rig, 0) && (rig.regs[0].pstate & row[i].set) == row[i].set &&
			      !(rig.regs[0].pstate & row[i].clear) &&
			      (rig.regs[0].pstate & (DAIF | 0x1f)) == (DAIF | EL1H),
		      row[i].promise);
		CHECK(rig.regs[0].x[3] == row[i].old, "x3 is the interrupted PSTATE, unchanged");
		rig_close(&rig);
	}
}

static void test_complete_restores_the_interrupted_context(void)
{
	struct rig rig;
	struct kvmcore_regs before;

	for (enum kvmcore_profile profile = 0; profile < KVMCORE_NR_PROFILES; profile++) {
		arm(&rig, profile);
		before = interrupted(&rig);
		deliver(&rig);
		rig.regs[0].x[17] = 0xbad;
		rig.regs[0].elr_el1 = 0xe22;
		call(&rig, 0, EVENT_COMPLETE, 0);
		CHECK(same_x(&rig.regs[0], &before, 0),
		      "x0 to x17 come back, and no result is written");
		CHECK(rig.regs[0].pc == before.pc && rig.regs[0].pstate == before.pstate,
		      "so do PC and PSTATE");
		CHECK(rig.regs[0].elr_el1 == 0xe22, "ELR_EL1 is the guest's own business");
		CHECK(!rig.reply.returned, "the caller does not go on behind its call");
		rig_close(&rig);
	}
}

static void test_resume_looks_like_an_exception(void)
{
	struct rig rig;
	struct kvmcore_regs before;
	const uint64_t vector = 0xffff800000010280u;

	for (enum kvmcore_profile profile = 0; profile < KVMCORE_NR_PROFILES; profile++) {
		if (profile == KVMCORE_PROFILE_KVM_V5)
			continue; /* ignores x1: test_v5.c */
		arm(&rig, profile);
		before = interrupted(&rig);
		deliver(&rig);
		call(&rig, 0, EVENT_COMPLETE_AND_RESUME, vector);
		CHECK(rig.regs[0].pc == vector, "PC is x1");
		CHECK(same_x(&rig.regs[0], &before, 0), "x0 to x17 come back");
		CHECK(rig.regs[0].elr_el1 == before.pc && rig.regs[0].spsr_el1 == before.pstate,
		      "ELR_EL1 and SPSR_EL1 tell what was interrupted");
		CHECK((rig.regs[0].pstate & (DAIF | 0x1f)) == (DAIF | EL1H),
		      "PSTATE is EL1h, DAIF masked");
		CHECK((rig.reply.changed & (KVMCORE_MASK_ELR_EL1 | KVMCORE_MASK_SPSR_EL1)) ==
			      (KVMCORE_MASK_ELR_EL1 | KVMCORE_MASK_SPSR_EL1),
		      "the reply names ELR_EL1 and SPSR_EL1");
		rig_close(&rig);
	}
}

static void test_context_is_that_of_the_handler_on_top(void)
{
	struct rig rig;
	struct kvmcore_regs normal;

	arm(&rig, KVMCORE_PROFILE_SPEC);
	rig_arm(&rig, 0, CRIT);
	deliver(&rig);
	for (unsigned int i = 0; i < 18; i++)
		CHECK(call(&rig, 0, EVENT_CONTEXT, i) == (int64_t)(0xc0de0000u + i),
		      "EVENT_CONTEXT gives each interrupted register");
	normal = rig.regs[0];
	rig_inject(&rig, 0, CRIT);
	CHECK(enter(&rig, 0) && rig.regs[0].x[0] == CRIT,
	      "a critical event interrupts a normal handler");
	CHECK(rig.regs[0].x[2] == normal.pc, "what it interrupted is the normal handler");
	CHECK(call(&rig, 0, EVENT_CONTEXT, 5) == (int64_t)normal.x[5],
	      "the context is the normal handler's");
	call(&rig, 0, EVENT_COMPLETE, 0);
	CHECK(rig.regs[0].pc == normal.pc && same_x(&rig.regs[0], &normal, 0),
	      "the first COMPLETE returns into the normal handler");
	CHECK(call(&rig, 0, EVENT_CONTEXT, 5) == 0xc0de0005, "whose context is still there");
	call(&rig, 0, EVENT_COMPLETE, 0);
	CHECK(rig.regs[0].pc == 0xffff800000123456u, "the second one to where it all began");
	CHECK(call(&rig, 0, EVENT_COMPLETE, 0) == DEN, "a third has nothing to complete");
	rig_close(&rig);
}

int main(void)
{
	return RUN_TESTS(test_entry_of_spec, test_entry_of_the_series,
			 test_the_series_keeps_other_pstate_bits, test_pstate_rules_of_spec,
			 test_complete_restores_the_interrupted_context,
			 test_resume_looks_like_an_exception,
			 test_context_is_that_of_the_handler_on_top);
}
