// SPDX-License-Identifier: Apache-2.0
/*
 * A model vCPU's exits: what its kvm_run page says, and what the next run does about it.
 */
#include "support/model.h"

#include <errno.h>
#include <sys/mman.h>

#define INSN 0x40001000ULL
#define UART 0x9000000ULL
#define RAM  0x40000000ULL
#define PAGE 4096u

static const struct kvmcore_config plain = { .kernel = "6.12" };

static struct kvm_run *page_of(const struct model *m)
{
	return (struct kvm_run *)(uintptr_t)m->port.exit(m->port.vm, 0);
}

static void set_pc(struct model *m)
{
	kvmcore_vcpu_regs_get(m->vm, 0, &m->regs);
	m->regs.pc = INSN;
	m->regs.pstate = 0x3c5;
	kvmcore_vcpu_regs_set(m->vm, 0, &m->regs);
}

static int touch(struct model *m, const struct kvmcore_mmio *access)
{
	struct kvmcore_mmio_result result;
	int ret = kvmcore_vcpu_mmio(m->vm, 0, access, &result, &m->reply);

	kvmcore_vcpu_regs_get(m->vm, 0, &m->regs);
	return ret;
}

static void test_a_load_is_finished_by_the_next_run(void)
{
	const struct kvmcore_mmio load = { .ipa = UART, .len = 2, .reg = 7 };
	struct model m = model_new(&plain, 1);

	set_pc(&m);
	CHECK(touch(&m, &load) == 0 && m.reply.exit == KVMCORE_EXIT_MMIO && m.regs.pc == INSN,
	      "PC stays at the load");
	CHECK(page_of(&m)->exit_reason == KVM_EXIT_MMIO && page_of(&m)->mmio.phys_addr == UART &&
		      page_of(&m)->mmio.len == 2 && !page_of(&m)->mmio.is_write,
	      "the page says what is wanted");
	memcpy(page_of(&m)->mmio.data, "\x34\x12\xff\xff", 4);
	kvmcore_pause(m.vm);
	CHECK(m.port.run(m.port.vm, 0, 1) == -EINTR, "a drain works while paused");
	kvmcore_vcpu_regs_get(m.vm, 0, &m.regs);
	CHECK(m.regs.x[7] == 0x1234 && m.regs.pc == INSN + 4, "data arrives, PC moves on");
	CHECK(m.port.run(m.port.vm, 0, 1) == -EINTR, "again");
	kvmcore_vcpu_regs_get(m.vm, 0, &m.regs);
	CHECK(m.regs.pc == INSN + 4, "nothing is finished twice");
	model_free(&m);
}

static void test_a_store_tells_its_data(void)
{
	const struct kvmcore_mmio store = {
		.ipa = UART, .len = 8, .write = true, .value = { 0x1122334455667788ULL }
	};
	struct model m = model_new(&plain, 1);
	uint64_t data;

	set_pc(&m);
	touch(&m, &store);
	memcpy(&data, page_of(&m)->mmio.data, sizeof(data));
	CHECK(page_of(&m)->mmio.is_write && data == store.value[0], "in the page");
	model_call(&m, 0, 0x80000000, 0, 0, 0);
	CHECK(m.regs.pc == INSN + 8, "the next thing the vCPU does comes behind it");
	CHECK(page_of(&m)->exit_reason == KVM_EXIT_UNKNOWN, "and the page forgets the exit");
	model_free(&m);
}

static void test_where_memory_is_nothing_leaves(void)
{
	struct kvmcore_mmio access = {
		.ipa = RAM + 16, .len = 16, .write = true, .value = { 0x55, 0x66 }
	};
	struct model m = model_new(&plain, 1);
	char *mem = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	model_memory(&m, 0, RAM, PAGE, mem);
	set_pc(&m);
	CHECK(touch(&m, &access) == 0 && m.reply.exit == KVMCORE_EXIT_NONE && m.regs.pc == INSN + 4,
	      "a store to memory just happens");
	CHECK(mem[16] == 0x55 && mem[24] == 0x66, "and is there");
	access = (struct kvmcore_mmio){ .ipa = RAM + 24, .len = 4, .reg = 3 };
	CHECK(touch(&m, &access) == 0 && m.regs.x[3] == 0x66, "a load too");
	model_free(&m);
	munmap(mem, PAGE);
}

static void test_without_a_syndrome(void)
{
	struct kvmcore_mmio access = { .ipa = UART, .len = 8, .no_syndrome = true, .write = true };
	struct model m = model_new(&plain, 1);

	CHECK(touch(&m, &access) == -ENOSYS, "KVM gives up");
	access.no_syndrome = false;
	access.len = 16;
	CHECK(touch(&m, &access) == -ENOSYS, "no pair of registers has a syndrome");
	CHECK(model_enable(&m, KVM_CAP_ARM_NISV_TO_USER, 0) == 0, "unless the VMM wants it");
	set_pc(&m);
	CHECK(touch(&m, &access) == 0 && m.reply.exit == KVMCORE_EXIT_NISV &&
		      page_of(&m)->exit_reason == 28 && page_of(&m)->arm_nisv.fault_ipa == UART &&
		      page_of(&m)->arm_nisv.esr_iss == 1u << 6,
	      "then it hears where, and that it was a store");
	kvmcore_run(m.vm, 0, true, &m.reply);
	kvmcore_vcpu_regs_get(m.vm, 0, &m.regs);
	CHECK(m.regs.pc == INSN, "and moves PC itself");
	model_free(&m);
}

static void test_bad_accesses(void)
{
	struct model m = model_new(&plain, 1);

	CHECK(touch(&m, &(struct kvmcore_mmio){ .ipa = UART, .len = 0 }) == -EINVAL, "empty");
	CHECK(touch(&m, &(struct kvmcore_mmio){ .ipa = UART, .len = 17 }) == -EINVAL, "too long");
	CHECK(touch(&m, &(struct kvmcore_mmio){ .ipa = ~0ULL, .len = 4 }) == -EINVAL, "wrapping");
	kvmcore_pause(m.vm);
	CHECK(touch(&m, &(struct kvmcore_mmio){ .ipa = UART, .len = 4 }) == -EBUSY, "while paused");
	model_free(&m);
}

static void test_run_refuses_in_order(void)
{
	struct model m = model_new(&plain, 0);
	struct kvm_vcpu_init init = { .target = KVM_ARM_TARGET_GENERIC_V8,
				      .features = { 1u << KVM_ARM_VCPU_POWER_OFF } };

	CHECK(kvmcore_run(m.vm, 0, true, &m.reply) == -EBADF, "there has to be a vCPU");
	kvmcore_ioctl(m.vm, -1, KVM_CREATE_VCPU, NULL);
	CHECK(kvmcore_run(m.vm, 0, true, &m.reply) == -ENOEXEC, "and its INIT");
	CHECK(model_filter(&m, 0xc4000020, 1, 2) == 0, "which does not count as a run");
	CHECK(kvmcore_ioctl(m.vm, 0, KVMCORE_ARM_VCPU_INIT, &init) == 0, "INIT");
	CHECK(kvmcore_run(m.vm, 0, false, &m.reply) == -EINTR && m.reply.exit == KVMCORE_EXIT_INTR,
	      "a PE that is off does nothing");
	CHECK(model_filter(&m, 0xc4000021, 1, 2) == -EBUSY, "but the VM has run now");
	page_of(&m)->immediate_exit = 1;
	CHECK(kvmcore_run(m.vm, 0, false, &m.reply) == -EINTR, "the page's own flag counts");
	model_free(&m);
}

static void test_init_checks_features(void)
{
	static const struct {
		const char *promise;
		struct kvm_vcpu_init init;
		int want;
	} row[] = {
		{ "another CPU", { 0, { 0 } }, -EINVAL },
		{ "a feature without a name", { 5, { 1u << 31 } }, -ENOENT },
		{ "a second word", { 5, { 0, 1 } }, -ENOENT },
		{ "32-bit guests", { 5, { 1u << KVM_ARM_VCPU_EL1_32BIT } }, -EINVAL },
		{ "half of pointer authentication", { 5, { 1u << 5 } }, -EINVAL },
		{ "PSCI and PMU", { 5, { 0xc } }, 0 },
		{ "the same again", { 5, { 0xc } }, 0 },
		{ "off to begin with", { 5, { 0xd } }, 0 },
		{ "others later", { 5, { 0x4 } }, -EINVAL },
	};
	struct model m = model_new(&plain, 0);
	struct kvm_vcpu_init init = { 0 };
	struct kvm_mp_state state = { 0 };

	kvmcore_ioctl(m.vm, -1, KVM_CREATE_VCPU, NULL);
	CHECK(kvmcore_ioctl(m.vm, 0, KVMCORE_ARM_VCPU_INIT, NULL) == -EFAULT, "no struct");
	for (size_t i = 0; i < ARRAY_SIZE(row); i++)
		CHECK(kvmcore_ioctl(m.vm, 0, KVMCORE_ARM_VCPU_INIT, (void *)&row[i].init) ==
			      row[i].want,
		      row[i].promise);
	kvmcore_ioctl(m.vm, 0, KVM_GET_MP_STATE, &state);
	CHECK(state.mp_state == KVM_MP_STATE_STOPPED, "POWER_OFF stops it");
	CHECK(kvmcore_ioctl(m.vm, -1, KVMCORE_ARM_PREFERRED_TARGET, &init) == 0 &&
		      init.target == KVM_ARM_TARGET_GENERIC_V8,
	      "the preferred target is generic");
	model_free(&m);
}

static void test_mp_states(void)
{
	static const uint32_t state[] = { KVM_MP_STATE_RUNNABLE, KVM_MP_STATE_STOPPED,
					  KVM_MP_STATE_SUSPENDED };
	struct model m = model_new(&plain, 1);
	struct kvm_mp_state mp;

	for (size_t i = 0; i < ARRAY_SIZE(state); i++) {
		mp.mp_state = state[i];
		CHECK(kvmcore_ioctl(m.vm, 0, KVM_SET_MP_STATE, &mp) == 0, "is taken");
		mp.mp_state = 99;
		CHECK(kvmcore_ioctl(m.vm, 0, KVM_GET_MP_STATE, &mp) == 0 && mp.mp_state == state[i],
		      "and given back");
	}
	mp.mp_state = KVM_MP_STATE_HALTED;
	CHECK(kvmcore_ioctl(m.vm, 0, KVM_SET_MP_STATE, &mp) == -EINVAL, "arm64 has no others");
	CHECK(kvmcore_ioctl(m.vm, 0, KVM_SET_MP_STATE, NULL) == -EFAULT, "no struct");
	model_free(&m);
}

static void test_vcpu_events(void)
{
	struct kvmcore_arm64_vcpu_events events = { .serror_pending = 1,
						    .serror_has_esr = 1,
						    .serror_esr = 0x123 };
	struct model m = model_new(&plain, 1);

	CHECK(kvmcore_ioctl(m.vm, 0, KVMCORE_SET_VCPU_EVENTS, &events) == 0, "an SError is pended");
	memset(&events, 0xff, sizeof(events));
	CHECK(kvmcore_ioctl(m.vm, 0, KVMCORE_GET_VCPU_EVENTS, &events) == 0 &&
		      events.serror_pending == 1 && events.serror_esr == 0x123 &&
		      events.reserved[11] == 0,
	      "and read back");
	events.serror_esr = 1u << 25;
	CHECK(kvmcore_ioctl(m.vm, 0, KVMCORE_SET_VCPU_EVENTS, &events) == -EINVAL,
	      "a syndrome has 25 bits");
	events = (struct kvmcore_arm64_vcpu_events){ .pad = { 0, 1 } };
	CHECK(kvmcore_ioctl(m.vm, 0, KVMCORE_SET_VCPU_EVENTS, &events) == -EINVAL, "padding");
	events = (struct kvmcore_arm64_vcpu_events){ .reserved = { [11] = 1 } };
	CHECK(kvmcore_ioctl(m.vm, 0, KVMCORE_SET_VCPU_EVENTS, &events) == -EINVAL,
	      "reserved words");
	model_free(&m);
}

/* Held against the kernels by scripts/test kvm; docs/abi.md, "Power". */
static void test_a_refused_access_may_come_back(void)
{
	static const struct {
		const char *kernel, *promise;
		uint64_t esr_upper;
		unsigned int moved; /* by a second run, from the vector */
	} row[] = {
		{ "6.1", "6.1 completes it in the second run", 0xffffffff, 4 },
		{ "6.12", "so does 6.12", 0, 4 },
		{ "7.2", "7.2 does not", 0, 0 },
	};
	struct kvmcore_arm64_vcpu_events events = { .ext_dabt_pending = 1 };
	struct kvmcore_mmio load = { .ipa = UART, .len = 4, .reg = 7 };

	for (size_t i = 0; i < 2 * ARRAY_SIZE(row); i++) {
		const bool told = i >= ARRAY_SIZE(row); /* the VMM wrote another exit reason */
		const size_t at = i % ARRAY_SIZE(row);
		struct model m = model_new(&(struct kvmcore_config){ .kernel = row[at].kernel }, 1);

		set_pc(&m);
		touch(&m, &load);
		kvmcore_ioctl(m.vm, 0, KVMCORE_SET_VCPU_EVENTS, &events);
		kvmcore_run(m.vm, 0, true, &m.reply);
		kvmcore_vcpu_regs_get(m.vm, 0, &m.regs);
		CHECK(m.regs.pc == m.regs.vbar_el1 + 0x200 && m.regs.elr_el1 == INSN &&
			      m.regs.esr_el1 >> 32 == row[at].esr_upper,
		      "the first run takes the abort alone");
		if (told)
			page_of(&m)->exit_reason = KVM_EXIT_UNKNOWN;
		kvmcore_run(m.vm, 0, true, &m.reply);
		kvmcore_vcpu_regs_get(m.vm, 0, &m.regs);
		CHECK(m.regs.pc == m.regs.vbar_el1 + 0x200 + (told ? 0 : row[at].moved),
		      row[at].promise);
		model_free(&m);
	}
}

static void test_an_abort_is_injected(void)
{
	static const struct {
		const char *promise;
		uint64_t pstate, vector, esr;
	} row[] = {
		{ "from EL1h", 0x600003c5, 0x200, 0x96000010 },
		{ "from EL1t", 0x4, 0x000, 0x96000010 },
		{ "from EL0", 0x0, 0x400, 0x92000010 },
	};
	struct kvmcore_arm64_vcpu_events events = { .ext_dabt_pending = 1 };
	struct kvmcore_mmio load = { .ipa = UART, .va = 0xffff800010001234ULL, .len = 4 };

	for (size_t i = 0; i < ARRAY_SIZE(row); i++) {
		struct model m = model_new(&plain, 1);

		set_pc(&m);
		m.regs.vbar_el1 = 0xffff800010000000ULL;
		m.regs.pstate = row[i].pstate;
		kvmcore_vcpu_regs_set(m.vm, 0, &m.regs);
		touch(&m, &load);
		CHECK(kvmcore_ioctl(m.vm, 0, KVMCORE_SET_VCPU_EVENTS, &events) == 0,
		      row[i].promise);
		kvmcore_vcpu_regs_get(m.vm, 0, &m.regs);
		CHECK(m.regs.pc == m.regs.vbar_el1 + row[i].vector &&
			      m.regs.esr_el1 == row[i].esr && m.regs.far_el1 == load.va &&
			      m.regs.elr_el1 == INSN && m.regs.spsr_el1 == row[i].pstate,
		      row[i].promise);
		CHECK((m.regs.pstate & 0x3cf) == 0x3c5 &&
			      (m.regs.pstate & 0xf0000000) == (row[i].pstate & 0xf0000000),
		      "EL1h, masked, condition flags kept");
		kvmcore_run(m.vm, 0, true, &m.reply);
		kvmcore_vcpu_regs_get(m.vm, 0, &m.regs);
		CHECK(m.regs.pc == m.regs.vbar_el1 + row[i].vector,
		      "the load is not finished any more");
		model_free(&m);
	}
}

int main(void)
{
	return RUN_TESTS(test_a_load_is_finished_by_the_next_run, test_a_store_tells_its_data,
			 test_where_memory_is_nothing_leaves, test_without_a_syndrome,
			 test_bad_accesses, test_run_refuses_in_order, test_init_checks_features,
			 test_mp_states, test_vcpu_events, test_a_refused_access_may_come_back,
			 test_an_abort_is_injected);
}
