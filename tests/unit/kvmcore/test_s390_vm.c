// SPDX-License-Identifier: Apache-2.0
/*
 * An s390 VM is no arm64 VM: no guest calls, no SDEI, no filter, no guard, vCPUs with a power state and no more
 * (docs/abi-s390.md, "What else there is").
 */
#include "s390_rig.h"

static void test_nothing_of_arm64_answers(void)
{
	static const uint32_t group[] = { KVMCORE_GROUP_SDEI, KVMCORE_GROUP_FILTER,
					  KVMCORE_GROUP_GUARD, KVMCORE_GROUP_REALM };
	static const unsigned long vm_cmd[] = { KVM_ARM_SDEI_COMMAND,
						KVMCORE_ARM_PREFERRED_TARGET };
	static const unsigned long vcpu_cmd[] = {
		KVM_ARM_SDEI_COMMAND,    KVMCORE_ARM_VCPU_INIT,   KVM_GET_REG_LIST,
		KVMCORE_GET_VCPU_EVENTS, KVMCORE_SET_VCPU_EVENTS, KVM_ARM_VCPU_FINALIZE,
		KVM_SET_DEVICE_ATTR,     KVM_GET_DEVICE_ATTR,     KVM_HAS_DEVICE_ATTR,
	};
	uint64_t room[32] = { 0 };
	struct model m = s390_new(0, false, NULL, 2);

	for (size_t i = 0; i < ARRAY_SIZE(group); i++)
		for (uint64_t attr = 0; attr < 4; attr++)
			CHECK(s390_set(&m, group[i], attr, room) == -ENXIO &&
				      s390_get(&m, group[i], attr, room) == -ENXIO &&
				      s390_has(&m, group[i], attr) == -ENXIO,
			      "a group that is not there");
	for (size_t i = 0; i < ARRAY_SIZE(vm_cmd); i++)
		CHECK(kvmcore_ioctl(m.vm, -1, vm_cmd[i], room) == -ENOTTY, "no such ioctl");
	for (size_t i = 0; i < ARRAY_SIZE(vcpu_cmd); i++)
		CHECK(kvmcore_ioctl(m.vm, 1, vcpu_cmd[i], room) == -ENOTTY, "nor on a vCPU");
	CHECK(kvmcore_ioctl(m.vm, 2, KVM_GET_MP_STATE, room) == -EBADF, "no such vCPU");
	model_free(&m);
}

static void test_no_guest_call(void)
{
	const struct kvmcore_trap hvc = { .smc = false };
	const struct kvmcore_mmio load = { .ipa = 0x1000, .len = 4 };
	struct model m = s390_new(0, false, NULL, 1);
	struct kvmcore_mmio_result result;
	struct kvmcore_regs regs = { .x = { 0xc4000020 } };

	CHECK(kvmcore_call(m.vm, 0, &hvc, &regs, &m.reply) == -EOPNOTSUPP &&
		      regs.x[0] == 0xc4000020,
	      "HVC is not an instruction there");
	CHECK(kvmcore_vcpu_call(m.vm, 0, &hvc, &m.reply) == -EOPNOTSUPP, "of a model vCPU neither");
	CHECK(kvmcore_inject(m.vm, 0, 0, &m.reply) == -EOPNOTSUPP, "no event to inject");
	CHECK(kvmcore_raise(m.vm, 40, 0, &m.reply) == -EOPNOTSUPP, "no interrupt to bind");
	CHECK(kvmcore_vcpu_mmio(m.vm, 0, &load, &result, &m.reply) == -EOPNOTSUPP, "no MMIO");
	CHECK(kvmcore_run(m.vm, 0, false, &m.reply) == 0 && !m.reply.delivered, "it runs");
	CHECK(kvmcore_enter(m.vm, 0, &regs, &m.reply) == 0 && !m.reply.delivered, "and is entered");
	model_free(&m);
}

static int extension(const struct model *m, uintptr_t cap)
{
	return kvmcore_ioctl(m->vm, -1, KVM_CHECK_EXTENSION, (void *)cap);
}

static void test_capabilities(void)
{
	static const uint64_t none[256];
	static const struct {
		uint32_t cap;
		int plain, poor;
	} row[] = {
		{ KVM_CAP_ARM_SDEI, 0, 0 },
		{ KVM_CAP_ARM_MMIO_GUARD, 0, 0 },
		{ KVM_CAP_ARM_NISV_TO_USER, 0, 0 },
		{ KVM_CAP_ARM_PSCI_0_2, 0, 0 },
		{ KVM_CAP_VM_ATTRIBUTES, 1, 1 },
		{ KVM_CAP_S390_SKEYS, 1, 1 },
		{ KVM_CAP_S390_CMMA_MIGRATION, 1, 1 },
		{ KVM_CAP_S390_CPU_TOPOLOGY, 1, 0 },
		{ KVM_CAP_S390_VECTOR_REGISTERS, 1, 0 },
		{ KVM_CAP_S390_HPAGE_1M, 0, 0 },
		{ KVM_CAP_S390_PROTECTED, 0, 1 },
		{ KVM_CAP_NR_VCPUS, 248, 248 },
		{ KVM_CAP_MAX_VCPU_ID, 248, 248 },
	};
	struct model m = s390_new(0, false, NULL, 0), poor;

	poor = s390_new(KVMCORE_S390_PROTECTED | KVMCORE_S390_UCONTROL | KVMCORE_S390_HUGE_PAGES,
			false, none, 0);
	for (size_t i = 0; i < ARRAY_SIZE(row); i++) {
		CHECK(extension(&m, row[i].cap) == row[i].plain, "the default host");
		CHECK(extension(&poor, row[i].cap) == row[i].poor, "a host without facilities");
	}
	CHECK(extension(&m, (uintptr_t)1 << 40) == 0, "no number above 32 bits");
	CHECK(model_enable(&m, KVM_CAP_ARM_NISV_TO_USER, 0) == -EINVAL, "nothing to enable");
	CHECK(kvmcore_ioctl(m.vm, -1, KVM_ENABLE_CAP, BAD) == -EFAULT, "from nowhere");
	CHECK(kvmcore_ioctl(m.vm, -1, KVM_CREATE_VCPU, (void *)248) == -EINVAL, "id 248");
	CHECK(kvmcore_ioctl(m.vm, -1, KVM_CREATE_VCPU, (void *)247) == 0, "id 247");
	model_free(&m);
	model_free(&poor);
}

static int set_state(struct model *m, uint32_t state)
{
	struct kvm_mp_state s = { state };

	return kvmcore_ioctl(m->vm, 0, KVM_SET_MP_STATE, &s);
}

static void test_a_vcpu(void)
{
	struct kvm_one_reg reg = { .id = KVMCORE_REG_X(0) };
	struct kvm_mp_state state = { 0 };
	struct model m = s390_new(0, false, NULL, 1);

	for (unsigned long cmd = 0; cmd < 2; cmd++) {
		const unsigned long nr = cmd ? KVM_GET_ONE_REG : KVM_SET_ONE_REG;

		CHECK(kvmcore_ioctl(m.vm, 0, nr, BAD) == -EFAULT, "a register from nowhere");
		CHECK(kvmcore_ioctl(m.vm, 0, nr, &reg) == -EINVAL, "none is modelled");
	}
	CHECK(kvmcore_ioctl(m.vm, 0, KVM_GET_MP_STATE, &state) == 0 &&
		      state.mp_state == KVM_MP_STATE_OPERATING,
	      "OPERATING at first");
	CHECK(set_state(&m, KVM_MP_STATE_STOPPED) == 0, "stopped");
	CHECK(kvmcore_ioctl(m.vm, 0, KVM_GET_MP_STATE, &state) == 0 &&
		      state.mp_state == KVM_MP_STATE_STOPPED,
	      "is read back");
	CHECK(kvmcore_run(m.vm, 0, false, &m.reply) == -EINTR, "and does not run");
	CHECK(set_state(&m, KVM_MP_STATE_RUNNABLE) == -ENXIO, "RUNNABLE is another's");
	CHECK(set_state(&m, KVM_MP_STATE_CHECK_STOP) == -ENXIO, "CHECK_STOP");
	CHECK(set_state(&m, KVM_MP_STATE_LOAD) == -ENXIO, "LOAD");
	CHECK(kvmcore_ioctl(m.vm, 0, KVM_SET_MP_STATE, BAD) == -EFAULT, "from nowhere");
	CHECK(set_state(&m, KVM_MP_STATE_OPERATING) == 0, "operating");
	model_free(&m);
}

static void test_what_no_attribute_tells(void)
{
	struct kvmcore_s390_info info = { .pad = 1 };
	struct model m = s390_new(0, false, NULL, 0);
	struct model arm = model_new(&(struct kvmcore_config){ 0 }, 0);
	uint8_t topology = 7;

	CHECK(s390_get(&m, KVMCORE_GROUP_S390, 0, &info) == 0 && info.flags == 0 && info.pad == 0,
	      "nothing is on");
	s390_set(&m, KVM_S390_VM_MEM_CTRL, KVM_S390_VM_MEM_ENABLE_CMMA, NULL);
	s390_set(&m, KVM_S390_VM_CRYPTO, KVM_S390_VM_CRYPTO_ENABLE_AES_KW, NULL);
	s390_set(&m, KVM_S390_VM_CRYPTO, KVM_S390_VM_CRYPTO_ENABLE_APIE, NULL);
	CHECK(s390_get(&m, KVMCORE_GROUP_S390, 0, &info) == 0 &&
		      info.flags == (KVMCORE_S390_INFO_CMMA | KVMCORE_S390_INFO_AES_KW |
				     KVMCORE_S390_INFO_APIE),
	      "what was switched on");
	CHECK(s390_get(&m, KVMCORE_GROUP_S390, 0, BAD) == -EFAULT, "to nowhere");
	CHECK(s390_get(&m, KVMCORE_GROUP_S390, 1, &info) == -ENXIO &&
		      s390_has(&m, KVMCORE_GROUP_S390, 1) == -ENXIO &&
		      s390_has(&m, KVMCORE_GROUP_S390, 0) == 0 &&
		      s390_set(&m, KVMCORE_GROUP_S390, 0, &info) == -ENXIO,
	      "one attribute, read only");
	CHECK(s390_has(&arm, KVMCORE_GROUP_S390, 0) == -ENXIO, "arm64 has it not");
	CHECK(kvmcore_vcpu_create(m.vm, 0, 0) == 0 &&
		      s390_get(&m, KVM_S390_VM_CPU_TOPOLOGY, 0, &topology) == 0 && topology == 1,
	      "a new vCPU is a new topology");
	model_free(&m);
	model_free(&arm);
}

int main(void)
{
	return RUN_TESTS(test_nothing_of_arm64_answers, test_no_guest_call, test_capabilities,
			 test_a_vcpu, test_what_no_attribute_tells);
}
