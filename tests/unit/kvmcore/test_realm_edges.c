// SPDX-License-Identifier: Apache-2.0
/*
 * Where a realm's lists end, and calls that come before an answer was taken: docs/abi-realm.md.
 */
#include "realm_vm.h"

#include <errno.h>

#define HOST_CALL 0xc4000199u
#define EXTEND    0xc4000193u
#define VENDOR    0xc6000010u
#define MAX_STEPS 65536u
#define MAX_CALLS 4096u

static void test_a_full_step_list_says_so(void)
{
	struct realm_vm r = realm_in(0, NEW, NULL);

	for (unsigned int i = realm_info(&r).n_steps; i < MAX_STEPS; i++)
		if (realm_range(&r, KVM_CAP_ARM_RME_INIT_IPA_REALM, RAM, PAGE))
			break;
	CHECK(realm_info(&r).n_steps == MAX_STEPS && !realm_info(&r).overflowed,
	      "it holds 65,536 steps");
	CHECK(realm_range(&r, KVM_CAP_ARM_RME_INIT_IPA_REALM, RAM, PAGE) == 0,
	      "one more is done all the same");
	CHECK(realm_info(&r).n_steps == MAX_STEPS && realm_info(&r).overflowed,
	      "and the list says that it is not complete");
	realm_free(&r);
}

static void test_a_long_list_of_extends_is_given_up(void)
{
	struct realm_vm r = realm_in(0, ACTIVE, NULL);
	struct kvmcore_array array = { .capacity = 0 };

	for (unsigned int i = 0; i < MAX_CALLS; i++)
		SMC(&r, EXTEND, 1 + i % 4, 8, i);
	CHECK(model_attr(&r.m, -1, KVM_GET_DEVICE_ATTR, KVMCORE_GROUP_REALM, KVMCORE_REALM_EXTENDS,
			 &array) == 0 &&
		      array.count == MAX_CALLS,
	      "4,096 calls are known");
	CHECK(SMC(&r, EXTEND, 1, 0) == 0, "one more is answered");
	CHECK(model_attr(&r.m, -1, KVM_GET_DEVICE_ATTR, KVMCORE_GROUP_REALM, KVMCORE_REALM_EXTENDS,
			 &array) == -EOVERFLOW,
	      "and then none of them");
	realm_free(&r);
}

/* v8 with a host call that its VMM has to answer. */
static struct realm_vm waiting(void)
{
	struct realm_vm r = realm_made(1, NULL);
	const uint64_t call[32] = { 0, VENDOR };

	CHECK(model_filter(&r.m, VENDOR, 1, KVM_SMCCC_FILTER_FWD_TO_USER) == 0, "it is forwarded");
	realm_bring(&r, ACTIVE);
	memcpy(r.ram, call, sizeof(call));
	SMC(&r, HOST_CALL, RAM, 0x102, 0x103, 0x104, 0x105);
	CHECK(r.m.reply.exit == KVMCORE_EXIT_HYPERCALL, "the VMM is asked");
	CHECK(model_set_reg(&r.m, 0, KVMCORE_REG_X(0), 0x600d) == 0, "and answers");
	return r;
}

static uint64_t answered(const struct realm_vm *r)
{
	uint64_t x0;

	memcpy(&x0, r->ram + 8, sizeof(x0));
	return x0;
}

static void test_a_call_takes_the_answer_first(void)
{
	struct realm_vm r = waiting();
	const struct kvmcore_trap smc = { .smc = true };

	CHECK(kvmcore_vcpu_call(r.m.vm, 0, &smc, &r.m.reply) == 0, "the vCPU goes on with a call");
	kvmcore_vcpu_regs_get(r.m.vm, 0, &r.m.regs);
	CHECK(answered(&r) == 0x600d, "the answer is in the page");
	CHECK(r.m.regs.x[5] == 0x105, "and the realm has its own registers back");
	realm_free(&r);
}

static void test_an_access_takes_the_answer_first(void)
{
	struct realm_vm r = waiting();
	const struct kvmcore_mmio load = { .ipa = RAM + PAGE, .len = 8, .reg = 5 };
	struct kvmcore_mmio_result result;

	CHECK(kvmcore_vcpu_mmio(r.m.vm, 0, &load, &result, &r.m.reply) == 0, "it loads");
	kvmcore_vcpu_regs_get(r.m.vm, 0, &r.m.regs);
	CHECK(answered(&r) == 0x600d && r.m.regs.x[0] == 0 && r.m.regs.x[1] == RAM,
	      "behind its answered call");
	realm_free(&r);
}

static void test_a_service_enters_first(void)
{
	struct realm_vm r = waiting();
	const struct kvmcore_trap smc = { .smc = true };
	struct kvmcore_regs regs = { .x = { 0x600d } };

	CHECK(kvmcore_call(r.m.vm, 0, &smc, &regs, &r.m.reply) == -EBUSY,
	      "registers are an answer or a call, not both");
	CHECK(kvmcore_enter(r.m.vm, 0, &regs, &r.m.reply) == 0 && answered(&r) == 0x600d &&
		      regs.x[1] == RAM,
	      "entering takes the answer");
	CHECK(kvmcore_call(r.m.vm, 0, &smc, &regs, &r.m.reply) == 0, "then it may call");
	realm_free(&r);
}

#define CPU_ON        0xc4000003u
#define AFFINITY_INFO 0xc4000004u

/* The two requests that name another REC are answered before the vCPU leaves its realm. */
static void test_no_psci_request_waits(void)
{
	struct kvm_arm_rmm_psci_complete in = { .target_mpidr = 1 };
	struct kvm_mp_state off = { .mp_state = KVM_MP_STATE_STOPPED };
	struct realm_vm r = realm_in(1, NEW, NULL);

	CHECK(kvmcore_vcpu_create(r.m.vm, 1, 1) == 1 &&
		      kvmcore_ioctl(r.m.vm, 1, KVM_SET_MP_STATE, &off) == 0 &&
		      realm_finalize_vcpu(&r, 0) == 0 && realm_finalize_vcpu(&r, 1) == 0 &&
		      realm_cmd(&r, KVM_CAP_ARM_RME_ACTIVATE_REALM, NULL) == 0,
	      "a realm has two RECs");
	CHECK(SMC(&r, AFFINITY_INFO, 1, 0) == 1, "the other is off, which KVM says itself");
	CHECK(kvmcore_ioctl(r.m.vm, 0, KVM_ARM_VCPU_RMM_PSCI_COMPLETE, &in) == -EINVAL,
	      "nothing is left to answer");
	CHECK(SMC(&r, CPU_ON, 1, RAM, 0) == 0 && SMC(&r, AFFINITY_INFO, 1, 0) == 0,
	      "it is called, and on");
	for (in.target_mpidr = 0; in.target_mpidr < 3; in.target_mpidr++)
		CHECK(kvmcore_ioctl(r.m.vm, 0, KVM_ARM_VCPU_RMM_PSCI_COMPLETE, &in) == -EINVAL,
		      "nothing is left to answer, whoever is named");
	realm_free(&r);
}

static void test_psci_complete(void)
{
	struct kvm_arm_rmm_psci_complete in = { .target_mpidr = 0 };
	struct realm_vm v1 = realm_in(0, ACTIVE, NULL), r = realm_in(1, ACTIVE, NULL),
			young = realm_in(1, NEW, NULL);

	CHECK(kvmcore_ioctl(v1.m.vm, 0, KVM_ARM_VCPU_RMM_PSCI_COMPLETE, &in) == -EINVAL,
	      "RFC v1 has no such command");
	CHECK(kvmcore_ioctl(young.m.vm, 0, KVM_ARM_VCPU_RMM_PSCI_COMPLETE, &in) == -EPERM,
	      "a vCPU without a REC has nothing to complete");
	CHECK(kvmcore_ioctl(r.m.vm, 0, KVM_ARM_VCPU_RMM_PSCI_COMPLETE, NULL) == -EFAULT,
	      "the struct is read");
	CHECK(kvmcore_ioctl(r.m.vm, 0, KVM_ARM_VCPU_RMM_PSCI_COMPLETE, &in) == -EINVAL,
	      "the monitor refuses where no request waits");
	CHECK(kvmcore_ioctl(r.m.vm, -1, KVM_ARM_VCPU_RMM_PSCI_COMPLETE, &in) == -EINVAL,
	      "it is a vCPU's");
	realm_free(&young);
	realm_free(&r);
	realm_free(&v1);
}

int main(void)
{
	return RUN_TESTS(test_a_full_step_list_says_so, test_a_long_list_of_extends_is_given_up,
			 test_a_call_takes_the_answer_first, test_an_access_takes_the_answer_first,
			 test_a_service_enters_first, test_psci_complete,
			 test_no_psci_request_waits);
}
