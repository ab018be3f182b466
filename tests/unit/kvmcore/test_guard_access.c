// SPDX-License-Identifier: Apache-2.0
/*
 * What the guard does to accesses, to memory slots and to KVM_CAP_ARM_NISV_TO_USER, and how it ends.
 */
#include "support/model.h"

#include <errno.h>
#include <stdlib.h>

#define S_ENROLL        0xc6000003u
#define S_MAP           0xc6000004u
#define S_UNMAP         0xc6000005u
#define PSCI_OFF        0x84000008u
#define PSCI_RESET      0x84000009u
#define UART            0x9000000ULL
#define RAM             0x40000000ULL
#define PAGE            4096u
#define MEMSLOT_NUMBERS 32767u
#define INSN            0x40001000ULL
#define VBAR            0xffff000000010000ULL
#define VA              0xffff800012345678ULL
#define NOWHERE         ((uint64_t)-1)

static const struct kvmcore_config series = { .guard = KVMCORE_GUARD_S };

/* Pages UART and UART + PAGE are guarded. */
static struct model guarded(void)
{
	struct model m = model_new(&series, 1);

	CHECK(model_call(&m, 0, S_ENROLL, 0, 0, 0) == 0, "ENROLL");
	CHECK(model_call(&m, 0, S_MAP, UART, 0, 0) == 0, "a page");
	CHECK(model_call(&m, 0, S_MAP, UART + PAGE, 0, 0) == 0, "and the next");
	return m;
}

static uint64_t count_ranges(struct model *m, uint64_t attr)
{
	struct kvmcore_array array = { 0 };

	CHECK(model_attr(m, -1, KVM_GET_DEVICE_ATTR, KVMCORE_GROUP_GUARD, attr, &array) == 0,
	      "ranges can be counted");
	return array.count;
}

static bool is_enrolled(struct model *m)
{
	struct kvmcore_guard_state info = { 0 };

	CHECK(model_attr(m, -1, KVM_GET_DEVICE_ATTR, KVMCORE_GROUP_GUARD, KVMCORE_GUARD_INFO,
			 &info) == 0,
	      "INFO can be read");
	return info.flags == 1;
}

static void test_which_accesses_pass(void)
{
	static const struct {
		const char *promise;
		struct kvmcore_mmio access;
		bool aborted;
	} row[] = {
		{ "the first byte of a guarded page", { .ipa = UART, .len = 4 }, false },
		{ "the last bytes of a guarded page", { .ipa = UART + PAGE - 4, .len = 4 }, false },
		{ "over the seam of two", { .ipa = UART + PAGE - 4, .len = 8 }, false },
		{ "the last bytes of the last", { .ipa = UART + 2 * PAGE - 8, .len = 8 }, false },
		{ "a byte behind it", { .ipa = UART + 2 * PAGE, .len = 1 }, true },
		{ "a byte before the first", { .ipa = UART - 1, .len = 1 }, true },
		{ "into the first", { .ipa = UART - 4, .len = 8 }, true },
		{ "out of the last", { .ipa = UART + 2 * PAGE - 4, .len = 8 }, true },
		{ "a store elsewhere", { .ipa = 0x1000, .len = 4, .write = true }, true },
		{ "no syndrome, guarded", { .ipa = UART, .len = 4, .no_syndrome = true }, true },
		{ "no syndrome, elsewhere", { .ipa = 0, .len = 4, .no_syndrome = true }, true },
	};
	struct kvmcore_mmio_result result;
	struct model m = guarded();

	for (size_t i = 0; i < ARRAY_SIZE(row); i++) {
		CHECK(kvmcore_vcpu_mmio(m.vm, 0, &row[i].access, &result, &m.reply) == 0,
		      row[i].promise);
		CHECK(result.aborted == row[i].aborted, row[i].promise);
		CHECK(m.reply.exit == (row[i].aborted ? KVMCORE_EXIT_NONE : KVMCORE_EXIT_MMIO),
		      row[i].promise);
	}
	model_free(&m);
}

static void test_before_enroll_all_pass(void)
{
	const struct kvmcore_mmio load = { .ipa = UART, .len = 4 };
	struct kvmcore_mmio_result result;
	struct model m = model_new(&series, 1);

	CHECK(kvmcore_vcpu_mmio(m.vm, 0, &load, &result, &m.reply) == 0 && !result.aborted &&
		      m.reply.exit == KVMCORE_EXIT_MMIO,
	      "a guest that is not enrolled is emulated as ever");
	model_free(&m);
}

static void test_u_holds_from_the_start(void)
{
	const struct kvmcore_mmio load = { .ipa = UART, .len = 4 };
	struct kvmcore_mmio_result result;
	struct model m = model_new(&(struct kvmcore_config){ .guard = KVMCORE_GUARD_U }, 1);

	CHECK(kvmcore_vcpu_mmio(m.vm, 0, &load, &result, &m.reply) == 0 && result.aborted,
	      "nothing is guarded yet, so nothing passes");
	model_call(&m, 0, 0xc6000007, UART, 0, 0);
	CHECK(kvmcore_vcpu_mmio(m.vm, 0, &load, &result, &m.reply) == 0 && !result.aborted,
	      "what the guest allows does");
	model_free(&m);
}

static void test_the_abort_the_guest_sees(void)
{
	static const struct {
		const char *promise;
		uint64_t pstate;
		bool from_el0;
		uint64_t esr, vector;
	} row[] = {
		{ "from EL1 on its own stack", 0x3c5, false, 0x96000010, 0x200 },
		{ "from EL0 by its PSTATE", 0x0, false, 0x92000010, 0x400 },
		{ "from EL0 by the access", 0x5, true, 0x92000010, 0x400 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(row); i++) {
		const struct kvmcore_mmio load = {
			.ipa = 0x1000, .va = VA, .len = 4, .from_el0 = row[i].from_el0, .reg = 3
		};
		struct kvmcore_mmio_result result;
		struct model m = guarded();

		kvmcore_vcpu_regs_get(m.vm, 0, &m.regs);
		m.regs.pc = INSN;
		m.regs.pstate = row[i].pstate;
		m.regs.vbar_el1 = VBAR;
		m.regs.x[3] = 0x33;
		kvmcore_vcpu_regs_set(m.vm, 0, &m.regs);
		CHECK(kvmcore_vcpu_mmio(m.vm, 0, &load, &result, &m.reply) == 0 && result.aborted,
		      row[i].promise);
		kvmcore_vcpu_regs_get(m.vm, 0, &m.regs);
		CHECK(result.esr == row[i].esr && m.regs.esr_el1 == row[i].esr, "ESR_EL1");
		CHECK(result.far == VA && m.regs.far_el1 == VA, "FAR_EL1 is the virtual address");
		CHECK(m.regs.pc == VBAR + row[i].vector, "the vector");
		CHECK(m.regs.elr_el1 == INSN, "ELR_EL1 is the access itself");
		CHECK((m.regs.pstate & 0x3cf) == 0x3c5, "EL1, all masked");
		CHECK(m.regs.x[3] == 0x33, "no register was loaded");
		CHECK(kvmcore_run(m.vm, 0, true, &m.reply) == -EINTR, "a drain");
		kvmcore_vcpu_regs_get(m.vm, 0, &m.regs);
		CHECK(m.regs.pc == VBAR + row[i].vector, "finds nothing to finish");
		model_free(&m);
	}
}

static void test_a_reset_ends_it(void)
{
	static const uint32_t end[] = { PSCI_OFF, PSCI_RESET };
	static const enum kvmcore_guard_abi abi[] = { KVMCORE_GUARD_S, KVMCORE_GUARD_U };

	for (size_t i = 0; i < 4; i++) {
		const bool always = abi[i / 2] == KVMCORE_GUARD_U;
		struct model m = model_new(&(struct kvmcore_config){ .guard = abi[i / 2] }, 1);
		void *ram = aligned_alloc(PAGE, PAGE);

		model_memory(&m, 0, RAM, PAGE, ram);
		model_call(&m, 0, S_ENROLL, always ? RAM : 0, 0, 0); /* U: MEM_SHARE */
		model_call(&m, 0, always ? 0xc6000007 : S_MAP, UART, 0, 0);
		CHECK(count_ranges(&m, KVMCORE_GUARD_RANGES) == 1 && is_enrolled(&m), "guarded");
		CHECK(count_ranges(&m, KVMCORE_GUARD_SHARED) == always, "shared");
		model_call(&m, 0, end[i % 2], 0, 0, 0);
		CHECK(m.reply.exit == KVMCORE_EXIT_SYSTEM_EVENT, "the guest ends");
		CHECK(count_ranges(&m, KVMCORE_GUARD_RANGES) == 0, "no range survives");
		CHECK(count_ranges(&m, KVMCORE_GUARD_SHARED) == 0, "no shared page survives");
		CHECK(is_enrolled(&m) == always, "nor ENROLL; U holds without one");
		model_free(&m);
		free(ram);
	}
}

static void test_no_slot_over_a_guarded_page(void)
{
	struct model m = guarded();
	char *ram = aligned_alloc(PAGE, 8 * PAGE);

	CHECK(model_memory(&m, 0, UART, PAGE, ram) == -EEXIST, "right on it");
	CHECK(model_memory(&m, 0, UART - 4 * PAGE, 8 * PAGE, ram) == -EEXIST, "around it");
	CHECK(model_memory(&m, 0, UART - PAGE, PAGE, ram) == 0, "before it");
	CHECK(model_memory(&m, 1, UART + 2 * PAGE, PAGE, ram + PAGE) == 0, "behind it");
	CHECK(model_memory(&m, 0, UART, PAGE, ram) == -EEXIST, "no move onto it either");
	CHECK(model_memory(&m, 2, UART + 1, PAGE, ram) == -EINVAL,
	      "a malformed one is EINVAL first");
	CHECK(model_memory(&m, MEMSLOT_NUMBERS, UART, PAGE, ram) == -EINVAL,
	      "so is a slot too many");
	CHECK(model_memory(&m, 0, UART, 2 * PAGE, ram) == -EINVAL, "and another size of a slot");
	CHECK(model_call(&m, 0, S_UNMAP, UART, 0, 0) == 0, "once the guest gives it up");
	CHECK(model_memory(&m, 2, UART, PAGE, ram + 2 * PAGE) == 0, "memory may be there");
	CHECK(model_call(&m, 0, S_MAP, UART, 0, 0) == NOWHERE, "and then no MAP");
	CHECK(model_memory(&m, 2, 0, 0, NULL) == 0, "removal is never refused");
	model_free(&m);
	free(ram);
}

static int extension(const struct model *m, uintptr_t cap)
{
	return kvmcore_ioctl(m->vm, -1, KVM_CHECK_EXTENSION, (void *)cap);
}

static void test_enroll_forbids_nisv(void)
{
	struct model m = model_new(&series, 1);

	CHECK(extension(&m, KVM_CAP_ARM_MMIO_GUARD) == 1, "the series' capability");
	CHECK(extension(&m, KVM_CAP_ARM_NISV_TO_USER) == 1, "both are offered");
	CHECK(model_call(&m, 0, S_ENROLL, 0, 0, 0) == 0, "the guest is first");
	CHECK(extension(&m, KVM_CAP_ARM_NISV_TO_USER) == 0, "NISV is offered no more");
	CHECK(model_enable(&m, KVM_CAP_ARM_NISV_TO_USER, 0) == -EINVAL, "nor to be had");
	model_free(&m);
}

static void test_nisv_forbids_enroll(void)
{
	struct model m = model_new(&series, 1);

	CHECK(model_enable(&m, KVM_CAP_ARM_NISV_TO_USER, 0) == 0, "the VMM is first");
	CHECK(extension(&m, KVM_CAP_ARM_MMIO_GUARD) == 0, "the guard is offered no more");
	CHECK(model_call(&m, 0, S_ENROLL, 0, 0, 0) == NOWHERE && !is_enrolled(&m), "no ENROLL");
	CHECK(model_call(&m, 0, S_MAP, UART, 0, 0) == NOWHERE, "so no MAP");
	CHECK(model_call(&m, 0, 0xc6000002, 0, 0, 0) == 4096, "INFO all the same");
	CHECK(model_call(&m, 0, 0x86000000, 0, 0, 0) == 3, "FEATURES does not list it");
	model_free(&m);
}

static void test_nisv_is_no_matter_to_pkvm(void)
{
	struct model m = model_new(&(struct kvmcore_config){ .guard = KVMCORE_GUARD_A1 }, 1);

	CHECK(model_enable(&m, KVM_CAP_ARM_NISV_TO_USER, 0) == 0, "NISV");
	CHECK(model_call(&m, 0, 0xc6000006, 0, 0, 0) == 0, "and ENROLL");
	CHECK(extension(&m, KVM_CAP_ARM_NISV_TO_USER) == 1, "still offered");
	CHECK(extension(&m, KVM_CAP_ARM_MMIO_GUARD) == 0, "the series' capability is not");
	CHECK(model_call(&m, 0, 0x86000000, 0, 0, 0) == 0x3fd, "FEATURES as without");
	model_free(&m);
}

int main(void)
{
	return RUN_TESTS(test_which_accesses_pass, test_before_enroll_all_pass,
			 test_u_holds_from_the_start, test_the_abort_the_guest_sees,
			 test_a_reset_ends_it, test_no_slot_over_a_guarded_page,
			 test_enroll_forbids_nisv, test_nisv_forbids_enroll,
			 test_nisv_is_no_matter_to_pkvm);
}
