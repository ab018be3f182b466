// SPDX-License-Identifier: Apache-2.0
#include "support/model.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

static void test_a_bad_configuration_is_named(void)
{
	static const struct {
		struct kvmcore_config config;
		const char *field;
	} row[] = {
		{ { .kernel = "5.17" }, "kernel" },
		{ { .type = KVMCORE_NR_VM_TYPES }, "type" },
		{ { .type = KVMCORE_VM_PROTECTED }, "type" },
		{ { .profile = KVMCORE_NR_PROFILES }, "profile" },
		{ { .ipa_bits = 31 }, "ipa_bits" },
		{ { .ipa_bits = 53 }, "ipa_bits" },
		{ { .dialects = 8 }, "dialects" },
		{ { .guard = KVMCORE_NR_GUARD_ABIS }, "guard" },
		{ { .n_spi = 989 }, "n_spi" },
		{ { .n_ppi = 17 }, "n_ppi" },
		{ { .slots_given = true, .private_slots = 65 }, "private_slots" },
		{ { .slots_given = true, .shared_slots = 65 }, "shared_slots" },
		{ { .host = { .page_size = 8192 } }, "host.page_size" },
		{ { .host = { .workaround_1 = 3 } }, "host.workaround_1" },
		{ { .host = { .workaround_2 = 4 } }, "host.workaround_2" },
		{ { .host = { .workaround_3 = 3 } }, "host.workaround_3" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(row); i++) {
		struct kvmcore_vm *vm = (void *)1;
		struct kvmcore_error err = { 0 };

		CHECK(kvmcore_vm_create(&row[i].config, &vm, &err) == -EINVAL &&
			      !strcmp(err.field, row[i].field) && vm == (void *)1,
		      row[i].field);
		CHECK(kvmcore_vm_create(&row[i].config, &vm, NULL) == -EINVAL,
		      "also without an error");
	}
	CHECK(kvmcore_vm_destroy(NULL) == NULL, "destroying nothing is nothing");
}

static void test_vcpus_have_one_name_each(void)
{
	struct model m = model_new(&(struct kvmcore_config){ 0 }, 0);

	CHECK(kvmcore_vcpu_create(m.vm, 5, 0x8100000200ULL) == 0, "any affinity");
	CHECK(kvmcore_vcpu_create(m.vm, 5, 1) == -EEXIST, "a vcpu_id once");
	CHECK(kvmcore_vcpu_create(m.vm, 6, 0x8100000200ULL) == -EEXIST, "an MPIDR once");
	CHECK(kvmcore_vcpu_create(m.vm, 6, 1ULL << 31) == -EINVAL, "affinity fields only");
	CHECK(kvmcore_vcpu_create(m.vm, 512, 1) == -EINVAL, "ids end at 511");
	CHECK(kvmcore_ioctl(m.vm, -1, KVM_CREATE_VCPU, (void *)0x123) == 1, "the kernel's way");
	kvmcore_port(m.vm, &m.port);
	CHECK(m.port.n_vcpus == 2 && m.port.vcpus[1].vcpu_id == 0x123 &&
		      m.port.vcpus[1].mpidr == 0x1203,
	      "derives the MPIDR from the id, sixteen to a cluster");
	CHECK(kvmcore_ioctl(m.vm, 2, KVM_GET_MP_STATE, NULL) == -EBADF, "there is no third");
	CHECK(kvmcore_vcpu_count(m.vm) == 2, "two were made");
	model_free(&m);
}

static void test_there_is_room_for_all(void)
{
	struct model m = model_new(&(struct kvmcore_config){ 0 }, 512);

	CHECK(kvmcore_vcpu_create(m.vm, 511, 0x1000) == -EINVAL, "and no more");
	kvmcore_port(m.vm, &m.port);
	CHECK(m.port.n_vcpus == 512 && m.port.vcpus[511].mpidr == 511, "in the order of creation");
	model_free(&m);
}

static void test_the_epoch_tells_of_changes(void)
{
	struct model m = model_new(&(struct kvmcore_config){ 0 }, 1);
	uint64_t epoch = kvmcore_epoch(m.vm), value = 0;
	struct kvm_mp_state state = { 0 };

	CHECK(epoch % 2 == 1, "odd while running");
	CHECK(kvmcore_resume(m.vm) == -EBUSY && kvmcore_pause(m.vm) == 0 &&
		      kvmcore_pause(m.vm) == -EINVAL,
	      "pause and resume take turns");
	epoch = kvmcore_epoch(m.vm);
	CHECK(epoch % 2 == 0, "even while paused");
	model_get_reg(&m, 0, KVMCORE_REG_X(0), &value);
	kvmcore_ioctl(m.vm, 0, KVM_GET_MP_STATE, &state);
	model_attr(&m, -1, KVM_HAS_DEVICE_ATTR, KVM_ARM_VM_SMCCC_CTRL, 0, NULL);
	CHECK(kvmcore_epoch(m.vm) == epoch, "looking changes nothing");
	model_set_reg(&m, 0, KVMCORE_REG_FW(99), 0);
	CHECK(kvmcore_epoch(m.vm) == epoch, "neither does a refusal");
	model_set_reg(&m, 0, KVMCORE_REG_X(0), 5);
	CHECK(kvmcore_epoch(m.vm) != epoch && kvmcore_epoch(m.vm) % 2 == 0, "a SET does");
	model_free(&m);
}

static void test_a_paused_vm_does_not_move(void)
{
	const struct kvmcore_trap hvc = { 0 };
	struct kvmcore_regs regs = { .x = { 0x80000000 } };
	struct model m = model_new(&(struct kvmcore_config){ 0 }, 1);

	kvmcore_pause(m.vm);
	CHECK(kvmcore_call(m.vm, 0, &hvc, &regs, &m.reply) == -EBUSY, "no calls");
	CHECK(kvmcore_vcpu_call(m.vm, 0, &hvc, &m.reply) == -EBUSY, "no calls of a model vCPU");
	CHECK(kvmcore_enter(m.vm, 0, &regs, &m.reply) == -EBUSY, "no entries");
	CHECK(kvmcore_run(m.vm, 0, false, &m.reply) == -EBUSY, "no runs");
	CHECK(kvmcore_run(m.vm, 0, true, &m.reply) == -EINTR, "but what is pending can be drained");
	CHECK(regs.x[0] == 0x80000000, "and registers stay");
	model_free(&m);
}

static void test_a_vm_says_who_it_is(void)
{
	const struct kvmcore_config config = { .uuid = { 1, 2, 3 },
					       .generation = 7,
					       .kernel = "7.2",
					       .profile = KVMCORE_PROFILE_KVM_V5,
					       .ipa_bits = 48 };
	struct model m = model_new(&config, 3);
	struct kvmcore_vm_info info;

	CHECK(model_attr(&m, -1, KVM_HAS_DEVICE_ATTR, KVMCORE_GROUP_VM, KVMCORE_VM_INFO, NULL) ==
			      0 &&
		      model_attr(&m, -1, KVM_GET_DEVICE_ATTR, KVMCORE_GROUP_VM, KVMCORE_VM_INFO,
				 &info) == 0,
	      "in a group of its own");
	CHECK(info.uuid[2] == 3 && info.generation == 7 && !strcmp(info.kernel, "7.2") &&
		      info.profile == KVMCORE_PROFILE_KVM_V5 && info.ipa_bits == 48 &&
		      info.n_vcpus == 3 && info.type == KVMCORE_VM_ARM64 && !info.has_run,
	      "completely");
	kvmcore_run(m.vm, 0, true, &m.reply);
	model_attr(&m, -1, KVM_GET_DEVICE_ATTR, KVMCORE_GROUP_VM, KVMCORE_VM_INFO, &info);
	CHECK(info.has_run, "and that it has run");
	CHECK(model_attr(&m, -1, KVM_GET_DEVICE_ATTR, KVMCORE_GROUP_VM, 6, &info) == -ENXIO &&
		      model_attr(&m, -1, KVM_SET_DEVICE_ATTR, KVMCORE_GROUP_VM, 0, &info) ==
			      -ENXIO &&
		      model_attr(&m, -1, KVM_GET_DEVICE_ATTR, KVMCORE_GROUP_VM, 0, NULL) == -EFAULT,
	      "wrong questions are refused");
	model_free(&m);
}

static int array_of_regs(struct model *m, unsigned long cmd, struct kvmcore_vm_regs *regs,
			 uint64_t n)
{
	struct kvmcore_array array = { .capacity = n, .count = n, .ptr = (uintptr_t)regs };

	return model_attr(m, -1, cmd, KVMCORE_GROUP_VM, KVMCORE_VM_REGS, &array);
}

static void test_all_registers_move_at_once(void)
{
	struct model m = model_new(&(struct kvmcore_config){ 0 }, 2);
	struct kvmcore_vm_regs regs[2], again[2];
	struct kvmcore_vm_vcpu vcpu[3];
	struct kvmcore_array all = { .capacity = 3, .ptr = (uintptr_t)vcpu };
	struct kvm_mp_state stopped = { KVM_MP_STATE_STOPPED };
	uint64_t x3 = 0, far = 0, psci = 0;

	kvmcore_ioctl(m.vm, 0, KVM_SET_MP_STATE, &stopped);
	for (uint8_t i = 0; i < 2; i++)
		memset(&regs[i], 0x10 + i, sizeof(regs[i]));
	regs[1].x[3] = 3;
	regs[0].far_el1 = 0x1234;
	CHECK(model_attr(&m, -1, KVM_HAS_DEVICE_ATTR, KVMCORE_GROUP_VM, KVMCORE_VM_REGS, NULL) ==
			      0 &&
		      array_of_regs(&m, KVM_SET_DEVICE_ATTR, regs, 2) == 0 &&
		      array_of_regs(&m, KVM_GET_DEVICE_ATTR, again, 2) == 0 &&
		      !memcmp(regs, again, sizeof(regs)),
	      "written and read");
	model_get_reg(&m, 0, KVMCORE_REG_FW(0), &psci);
	model_get_reg(&m, 1, KVMCORE_REG_X(3), &x3);
	model_get_reg(&m, 0, KVMCORE_REG_FAR_EL1, &far);
	CHECK(x3 == regs[1].x[3] && far == regs[0].far_el1, "the registers of KVM_GET_ONE_REG");
	CHECK(array_of_regs(&m, KVM_SET_DEVICE_ATTR, regs, 1) == -EINVAL &&
		      array_of_regs(&m, KVM_GET_DEVICE_ATTR, again, 1) == -ENOSPC,
	      "of every vCPU");
	kvmcore_run(m.vm, 0, true, &m.reply);
	CHECK(array_of_regs(&m, KVM_SET_DEVICE_ATTR, regs, 2) == -EBUSY &&
		      array_of_regs(&m, KVM_GET_DEVICE_ATTR, again, 2) == 0,
	      "and set before the VM has run");
	kvmcore_ioctl(m.vm, -1, KVM_CREATE_VCPU, (void *)2);
	CHECK(array_of_regs(&m, KVM_GET_DEVICE_ATTR, again, 3) == -ENOEXEC,
	      "a vCPU without KVM_ARM_VCPU_INIT has none");
	CHECK(model_attr(&m, -1, KVM_GET_DEVICE_ATTR, KVMCORE_GROUP_VM, KVMCORE_VM_VCPUS, &all) ==
			      0 &&
		      all.count == 3 && vcpu[0].mp_state == KVM_MP_STATE_STOPPED &&
		      vcpu[1].mp_state == KVM_MP_STATE_RUNNABLE && vcpu[0].psci_version == psci &&
		      psci && vcpu[2].psci_version == 0,
	      "but power and no PSCI");
	model_free(&m);
}

static void test_memory_and_firmware_before_any_vcpu(void)
{
	static _Alignas(4096) uint8_t memory[8192];
	struct model m = model_new(&(struct kvmcore_config){ .kernel = "7.2" }, 0);
	struct kvmcore_vm_memory slot[3];
	struct kvmcore_vm_fw_reg fw[9];
	struct kvmcore_array slots = { .capacity = 3, .ptr = (uintptr_t)slot };
	struct kvmcore_array regs = { .capacity = 9, .ptr = (uintptr_t)fw };
	const uint32_t group = KVMCORE_GROUP_VM;
	uint64_t value = 0;

	CHECK(model_memory(&m, 0, 0x80000000, 8192, memory) == 0 &&
		      model_memory(&m, 1, 0x40000000, 4096, memory) == 0,
	      "two slots");
	CHECK(model_attr(&m, -1, KVM_GET_DEVICE_ATTR, group, KVMCORE_VM_MEMORY, &slots) == 0 &&
		      slots.count == 2 && slot[0].base == 0x40000000 && slot[0].size == 4096 &&
		      slot[1].base == 0x80000000 && slot[1].size == 8192,
	      "ascending");
	CHECK(model_attr(&m, -1, KVM_GET_DEVICE_ATTR, group, KVMCORE_VM_FW_REGS, &regs) == 0 &&
		      regs.count == 8 && fw[0].id == KVMCORE_REG_FW(0) &&
		      fw[7].id == KVMCORE_REG_FW_BMAP(3),
	      "eight registers");
	kvmcore_vcpu_create(m.vm, 0, 0);
	for (unsigned int i = 0; i < 8; i++)
		CHECK(model_get_reg(&m, 0, fw[i].id, &value) == 0 && value == fw[i].value,
		      "with what a vCPU made now reads");
	CHECK(model_attr(&m, -1, KVM_SET_DEVICE_ATTR, group, KVMCORE_VM_MEMORY, &slots) == -ENXIO &&
		      model_attr(&m, -1, KVM_SET_DEVICE_ATTR, group, KVMCORE_VM_FW_REGS, &regs) ==
			      -ENXIO,
	      "neither can be set");
	model_free(&m);
}

static void test_the_filter_reads_back(void)
{
	struct model m = model_new(&(struct kvmcore_config){ 0 }, 1);
	struct kvmcore_filter_info info;
	struct kvm_smccc_filter range[4];
	struct kvmcore_array array = { 0 };
	const uint32_t group = KVMCORE_GROUP_FILTER;

	kvmcore_pause(m.vm);
	CHECK(model_filter(&m, 0xc4000030, 2, 1) == 0 && model_filter(&m, 0xc4000020, 16, 2) == 0,
	      "two ranges");
	CHECK(model_attr(&m, -1, KVM_GET_DEVICE_ATTR, group, KVMCORE_FILTER_INFO, &info) == 0 &&
		      info.n_ranges == 2 && info.reserved_set == 0 && !info.has_run,
	      "are counted");
	CHECK(model_attr(&m, -1, KVM_GET_DEVICE_ATTR, group, KVMCORE_FILTER_RANGES, &array) == 0 &&
		      array.count == 2,
	      "the count can be asked for");
	array = (struct kvmcore_array){ .capacity = 1, .ptr = (uintptr_t)range };
	CHECK(model_attr(&m, -1, KVM_GET_DEVICE_ATTR, group, KVMCORE_FILTER_RANGES, &array) ==
			      -ENOSPC &&
		      array.count == 2,
	      "too little room is told, with the count");
	array.capacity = 4;
	CHECK(model_attr(&m, -1, KVM_GET_DEVICE_ATTR, group, KVMCORE_FILTER_RANGES, &array) == 0 &&
		      range[0].base == 0xc4000020 && range[0].nr_functions == 16 &&
		      range[0].action == 2 && range[1].base == 0xc4000030 && range[1].action == 1,
	      "they come back sorted");
	array.pad = 1;
	CHECK(model_attr(&m, -1, KVM_GET_DEVICE_ATTR, group, KVMCORE_FILTER_RANGES, &array) ==
		      -EINVAL,
	      "padding is refused");
	CHECK(model_attr(&m, -1, KVM_SET_DEVICE_ATTR, group, KVMCORE_FILTER_RANGES, &array) ==
			      -ENXIO &&
		      model_attr(&m, -1, KVM_HAS_DEVICE_ATTR, group, 3, NULL) == -ENXIO,
	      "there is nothing to set");
	model_free(&m);
}

static void test_what_the_vmm_answers(void)
{
	static const struct kvmcore_call_range good[] = { { 0xc4000020, 0xc400003f },
							  { 0xc6000050, 0xc6000050 } };
	static const struct kvmcore_call_range bad[][2] = {
		{ { 5, 4 }, { 6, 7 } },
		{ { 5, 6 }, { 6, 7 } },
	};
	const struct kvmcore_config config = { .kernel = "6.12" };
	const uint32_t group = KVMCORE_GROUP_FILTER;
	struct model m = model_new(&config, 1);
	struct kvmcore_call_range read[2] = { 0 };
	struct kvmcore_array array = { .count = 2, .ptr = (uintptr_t)good };

	kvmcore_run(m.vm, 0, true, &m.reply);
	CHECK(model_attr(&m, -1, KVM_SET_DEVICE_ATTR, group, KVMCORE_FILTER_ANSWERS, &array) == 0,
	      "may be said at any time");
	for (unsigned int i = 0; i < 2; i++) {
		array.ptr = (uintptr_t)bad[i];
		CHECK(model_attr(&m, -1, KVM_SET_DEVICE_ATTR, group, KVMCORE_FILTER_ANSWERS,
				 &array) == -EINVAL,
		      "ascending and apart");
	}
	array = (struct kvmcore_array){ .capacity = 2, .ptr = (uintptr_t)read };
	CHECK(model_attr(&m, -1, KVM_GET_DEVICE_ATTR, group, KVMCORE_FILTER_ANSWERS, &array) == 0 &&
		      array.count == 2 && !memcmp(read, good, sizeof(good)),
	      "and reads back; a refused one changes nothing");
	model_free(&m);
}

static void test_a_ports_caller_vouches_for_its_pointers(void)
{
	struct model m = model_new(&(struct kvmcore_config){ 0 }, 1);
	void *wrong = (void *)0xffff800000000000ULL;
	struct kvm_mp_state state = { 99 };

	CHECK(m.port.ioctl(m.port.vm, 0, KVM_GET_MP_STATE, &state) == 0 && state.mp_state == 0,
	      "a good one is used");
	CHECK(m.port.ioctl(m.port.vm, 0, KVM_GET_MP_STATE, NULL) == -EFAULT, "NULL is looked for");
	CHECK(kvmcore_ioctl(m.vm, 0, KVM_GET_MP_STATE, wrong) == -EFAULT,
	      "and an ioctl beside the port looks for all");
	model_free(&m);
}

/* Which kernel keeps what for itself in which VM. */
static void test_reserved_ids_differ_by_vm_type(void)
{
	static const struct {
		const char *promise, *kernel;
		enum kvmcore_vm_type type;
		uint32_t id;
		int want;
		uint32_t set;
	} row[] = {
		{ "6.1 has no filter", "6.1", KVMCORE_VM_ARM64, 0xc4000020, -EINVAL, 0 },
		{ "an ordinary VM may forward pKVM's", "7.2", KVMCORE_VM_ARM64, 0xc6000002, 0, 0 },
		{ "a protected one has no filter", "7.2", KVMCORE_VM_PROTECTED, 0xc4000020, -EINVAL,
		  0 },
		{ "or keeps those", "7.2-pkvm", KVMCORE_VM_PROTECTED, 0xc6000002, -EEXIST, 1 },
		{ "to their last", "7.2-pkvm", KVMCORE_VM_PROTECTED, 0xc600003f, -EEXIST, 1 },
		{ "and no further", "7.2-pkvm", KVMCORE_VM_PROTECTED, 0xc6000040, 0, 1 },
		{ "and the UID", "7.2-pkvm", KVMCORE_VM_PROTECTED, 0x8600ff01, -EEXIST, 1 },
		{ "beside the architecture's", "7.2-pkvm", KVMCORE_VM_PROTECTED, 0xc0000000,
		  -EEXIST, 1 },
		{ "others not", "7.2-pkvm", KVMCORE_VM_PROTECTED, 0xc4000020, 0, 1 },
		{ "nor in its ordinary VMs", "7.2-pkvm", KVMCORE_VM_ARM64, 0xc6000002, 0, 0 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(row); i++) {
		const struct kvmcore_config config = { .kernel = row[i].kernel,
						       .type = row[i].type };
		struct model m = model_new(&config, 0);
		struct kvmcore_filter_info info;

		CHECK(model_filter(&m, row[i].id, 1, KVM_SMCCC_FILTER_FWD_TO_USER) == row[i].want,
		      row[i].promise);
		CHECK(model_attr(&m, -1, KVM_GET_DEVICE_ATTR, KVMCORE_GROUP_FILTER,
				 KVMCORE_FILTER_INFO, &info) == 0 &&
			      info.reserved_set == row[i].set,
		      row[i].promise);
		model_free(&m);
	}
}

/* Whenever it says no, entering delivers nothing; and it says no while nothing waits. */
static void test_may_deliver_is_never_wrong_when_it_says_no(void)
{
	struct model m = model_new(&(struct kvmcore_config){ 0 }, 2);
	static const uint64_t trigger = 0; /* not a call: from outside */
	static const uint64_t call[] = {
		0xc4000022,             /* EVENT_ENABLE */
		0xc400002c,             /* PE_UNMASK */
		trigger,    0xc4000025, /* EVENT_COMPLETE */
		0xc400002b,             /* PE_MASK */
		trigger,    0xc400002c, trigger, 0xc4000025, 0xc4000025, 0xc4000023,
	};
	const struct kvmcore_trap hvc = { 0 };
	unsigned int delivered = 0;

	CHECK(model_call(&m, 0, 0xc4000021, 0, 0x40001000, 0) == 0, "event 0 is registered");
	for (size_t i = 0; i < sizeof(call) / sizeof(call[0]); i++) {
		struct kvmcore_regs regs = { .x = { call[i] }, .pstate = 0x3c5 };
		bool may;

		CHECK((call[i] == trigger ? kvmcore_inject(m.vm, 0, 0, &m.reply)
					  : kvmcore_call(m.vm, 0, &hvc, &regs, &m.reply)) == 0,
		      "each step is taken");
		may = kvmcore_may_deliver(m.vm, 0);
		CHECK(kvmcore_enter(m.vm, 0, &regs, &m.reply) == 0, "and the guest entered");
		CHECK(may == m.reply.delivered, "it knew");
		delivered += m.reply.delivered;
	}
	CHECK(delivered == 3, "at once, after the mask, and after the one before");
	CHECK(!kvmcore_may_deliver(m.vm, 1) && !kvmcore_may_deliver(m.vm, 2), "nothing elsewhere");
	model_free(&m);
}

/* Each thread is a vCPU; the sanitizer is the judge of what they do to each other. */
static void *be_a_vcpu(void *arg)
{
	const struct kvmcore_trap hvc = { 0 };
	struct kvmcore_vm *vm = arg;
	struct kvmcore_reply reply;
	static const uint64_t id[] = { 0x80000000, 0x84000000, 0xc4000004, 0x8400000a };

	for (int i = 0; i < 2000; i++) {
		struct kvmcore_regs regs = { .x = { id[i % 4], (uint64_t)(i % 5) } };

		kvmcore_call(vm, i % 4, &hvc, &regs, &reply);
		kvmcore_enter(vm, i % 4, &regs, &reply);
		kvmcore_epoch(vm);
	}
	return NULL;
}

static void test_vcpus_run_in_parallel(void)
{
	struct model m = model_new(&(struct kvmcore_config){ 0 }, 4);
	const uint64_t before = kvmcore_epoch(m.vm);
	pthread_t thread[4];

	for (int i = 0; i < 4; i++)
		REQUIRE(pthread_create(&thread[i], NULL, be_a_vcpu, m.vm) == 0,
			"threads can start");
	for (int i = 0; i < 4; i++)
		pthread_join(thread[i], NULL);
	CHECK(kvmcore_epoch(m.vm) == before + 4ULL * 2000 * 2 * 2, "each step is one change");
	model_free(&m);
}

int main(void)
{
	return RUN_TESTS(test_memory_and_firmware_before_any_vcpu,
			 test_a_bad_configuration_is_named, test_vcpus_have_one_name_each,
			 test_there_is_room_for_all, test_the_epoch_tells_of_changes,
			 test_a_paused_vm_does_not_move, test_a_vm_says_who_it_is,
			 test_all_registers_move_at_once, test_what_the_vmm_answers,
			 test_the_filter_reads_back, test_reserved_ids_differ_by_vm_type,
			 test_a_ports_caller_vouches_for_its_pointers,
			 test_may_deliver_is_never_wrong_when_it_says_no,
			 test_vcpus_run_in_parallel);
}
