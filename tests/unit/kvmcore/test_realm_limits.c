// SPDX-License-Identifier: Apache-2.0
/*
 * RECs, and what a realm VM refuses: KVM_RUN too early, registers, read-only slots, capabilities. Patches 10 and 19
 * of RFC v1, "Validate register access for a Realm VM" of v2 and v10; docs/abi-realm.md.
 */
#include "realm_vm.h"

#include <errno.h>

#define CREATE   KVM_CAP_ARM_RME_CREATE_RD
#define ACTIVATE KVM_CAP_ARM_RME_ACTIVATE_REALM

static int init_vcpu(struct realm_vm *r, int vcpu, uint32_t features)
{
	const struct kvm_vcpu_init init = { .target = KVM_ARM_TARGET_GENERIC_V8,
					    .features = { features } };

	return kvmcore_ioctl(r->m.vm, vcpu, KVMCORE_ARM_VCPU_INIT, (void *)&init);
}

static int finalize(struct realm_vm *r, int vcpu, int feature)
{
	return kvmcore_ioctl(r->m.vm, vcpu, KVM_ARM_VCPU_FINALIZE, &feature);
}

static void test_finalize(void)
{
	EACH_DIALECT(v8)
	{
		const int rec = v8 ? KVM_ARM_VCPU_REC_V8 : KVM_ARM_VCPU_REC;
		struct realm_vm r = realm_made(v8, NULL);
		void *const id1 = (void *)1, *const id0 = NULL;

		CHECK(realm_cmd(&r, CREATE, NULL) == 0 &&
			      kvmcore_ioctl(r.m.vm, -1, KVM_CREATE_VCPU, id1) == 0 &&
			      kvmcore_ioctl(r.m.vm, -1, KVM_CREATE_VCPU, id0) == 1,
		      "two vCPUs, the second first");
		CHECK(kvmcore_ioctl(r.m.vm, 0, KVM_ARM_VCPU_FINALIZE, NULL) == -ENOEXEC,
		      "not initialised: before anything else");
		CHECK(init_vcpu(&r, 0, 1u << KVM_ARM_VCPU_PSCI_0_2 | 1u << rec) == 0,
		      "INIT takes the feature of the dialect");
		CHECK(init_vcpu(&r, 1, 1u << rec) == 0, "and without PSCI");
		CHECK(kvmcore_ioctl(r.m.vm, 0, KVM_ARM_VCPU_FINALIZE, NULL) == -EFAULT,
		      "a number has to be there");
		CHECK(finalize(&r, 0, KVM_ARM_VCPU_SVE) == -EPERM, "SVE, which was not asked for");
		CHECK(finalize(&r, 0, v8 ? KVM_ARM_VCPU_REC : KVM_ARM_VCPU_REC_V8) == -EINVAL,
		      "the other dialect's number");
		CHECK(finalize(&r, 0, -1) == -EINVAL, "no number");
		CHECK(finalize(&r, 1, rec) == -EINVAL, "PSCI 0.2 is needed");
		CHECK(finalize(&r, 0, rec) == -ENXIO, "MPIDR 1 is not the first REC's");
		CHECK(realm_info(&r).n_recs == 0 && realm_info(&r).n_steps == 1, "no REC yet");
		realm_free(&r);
	}
}

static void test_recs_come_in_order(void)
{
	EACH_DIALECT(v8)
	{
		struct realm_vm r = realm_in(v8, NEW, NULL);
		struct kvmcore_realm_info info;
		uint8_t rim[64];

		CHECK(kvmcore_vcpu_create(r.m.vm, 1, 1) == 1, "a second vCPU");
		CHECK(realm_finalize_vcpu(&r, 1) == -ENXIO, "not before the first");
		CHECK(realm_finalize_vcpu(&r, 0) == 0, "the first");
		CHECK(realm_finalize_vcpu(&r, 0) == -ENXIO, "once only");
		info = realm_info(&r);
		memcpy(rim, info.rim, 64);
		CHECK(realm_finalize_vcpu(&r, 1) == 0, "then the second");
		info = realm_info(&r);
		CHECK(info.n_recs == 2 && !memcmp(rim, info.rim, 64),
		      "which is not runnable, and not measured");
		CHECK(realm_cmd(&r, ACTIVATE, NULL) == 0 &&
			      kvmcore_vcpu_create(r.m.vm, 2, 2) == 2 &&
			      realm_finalize_vcpu(&r, 2) == -ENOENT,
		      "too late for a third");
		CHECK(kvmcore_run(r.m.vm, 2, false, &r.m.reply) == -EPERM, "it never runs");
		realm_free(&r);
	}
}

static void test_finalize_before_creation(void)
{
	struct realm_vm r = realm_made(1, NULL);

	CHECK(kvmcore_vcpu_create(r.m.vm, 0, 0) == 0, "v8 allows vCPUs early");
	CHECK(realm_finalize_vcpu(&r, 0) == -ENOENT, "but no RECs");
	CHECK(realm_cmd(&r, CREATE, NULL) == 0, "nor do they hinder the creation");
	CHECK(realm_finalize_vcpu(&r, 0) == 0, "then a REC");
	realm_free(&r);
}

static void test_run(void)
{
	EACH_DIALECT(v8)
	{
		const struct kvmcore_trap smc = { .smc = true };
		struct realm_vm r = realm_in(v8, NEW, NULL);
		struct kvm_reg_list list = { 0 };

		CHECK(kvmcore_ioctl(r.m.vm, -1, KVM_CREATE_VCPU, (void *)1) == 1 &&
			      kvmcore_run(r.m.vm, 1, false, &r.m.reply) == -ENOEXEC,
		      "before INIT");
		CHECK(kvmcore_run(r.m.vm, 0, false, &r.m.reply) == -EPERM, "without a REC");
		CHECK(realm_finalize_vcpu(&r, 0) == 0 &&
			      kvmcore_run(r.m.vm, 0, false, &r.m.reply) == -EPERM,
		      "with one, in a realm that is not active");
		CHECK(kvmcore_run(r.m.vm, 0, true, &r.m.reply) == -EPERM,
		      "even to come back at once");
		CHECK(kvmcore_vcpu_call(r.m.vm, 0, &smc, &r.m.reply) == -EPERM, "it makes no call");
		CHECK(kvmcore_ioctl(r.m.vm, 0, KVM_GET_REG_LIST, &list) == -EPERM,
		      "and has no list");
		CHECK(realm_cmd(&r, ACTIVATE, NULL) == 0 &&
			      kvmcore_run(r.m.vm, 0, false, &r.m.reply) == 0,
		      "in an active realm it runs");
		CHECK(kvmcore_ioctl(r.m.vm, 0, KVM_GET_REG_LIST, &list) == -E2BIG && list.n,
		      "and has a list");
		realm_free(&r);
	}
}

static const struct {
	const char *promise;
	uint64_t id;
	int want[2];
} reg_row[] = {
	{ "x0", KVMCORE_REG_X(0), { 0, 0 } },
	{ "x7", KVMCORE_REG_X(7), { 0, 0 } },
	{ "x8", KVMCORE_REG_X(8), { -EINVAL, 0 } },
	{ "x30", KVMCORE_REG_X(30), { -EINVAL, 0 } },
	{ "pc", KVMCORE_REG_PC, { 0, 0 } },
	{ "sp", KVMCORE_REG_SP, { -EINVAL, -EINVAL } },
	{ "pstate", KVMCORE_REG_PSTATE, { -EINVAL, -EINVAL } },
	{ "elr_el1", KVMCORE_REG_ELR_EL1, { -EINVAL, -EINVAL } },
	{ "the PSCI version", KVMCORE_REG_FW(0), { -EINVAL, -EINVAL } },
	{ "service bits", KVMCORE_REG_FW_BMAP(0), { -EINVAL, -EINVAL } },
	{ "PMCR_EL0, which no model vCPU has",
	  KVMCORE_REG_SYS(3u, 3u, 9u, 12u, 0u),
	  { -ENOENT, -ENOENT } },
	{ "what no vCPU has", KVMCORE_REG_FW(99), { -ENOENT, -ENOENT } },
};

static void test_registers(void)
{
	EACH_DIALECT(v8)
	{
		struct realm_vm r = realm_in(v8, NEW, NULL);

		for (size_t i = 0; i < ARRAY_SIZE(reg_row); i++) {
			uint64_t value = 0;
			const int get = model_get_reg(&r.m, 0, reg_row[i].id, &value);

			CHECK(model_set_reg(&r.m, 0, reg_row[i].id, value) == reg_row[i].want[v8],
			      reg_row[i].promise);
			CHECK(get == (reg_row[i].want[v8] == -ENOENT ? -ENOENT : 0),
			      "reading is not restricted");
		}
		realm_free(&r);
	}
}

static void test_slots(void)
{
	EACH_DIALECT(v8)
	{
		struct realm_vm r = realm_made(v8, NULL);
		struct kvm_userspace_memory_region slot = { .slot = 5,
							    .flags = KVM_MEM_READONLY,
							    .guest_phys_addr = 2 * RAM,
							    .memory_size = PAGE,
							    .userspace_addr = (uintptr_t)r.ram };

		CHECK(kvmcore_ioctl(r.m.vm, -1, KVM_SET_USER_MEMORY_REGION, &slot) == -EINVAL,
		      "no read-only slot");
		slot.flags = 0;
		CHECK(kvmcore_ioctl(r.m.vm, -1, KVM_SET_USER_MEMORY_REGION, &slot) == 0,
		      "the same to be written");
		realm_free(&r);
	}
}

static int extension(struct realm_vm *r, uintptr_t cap)
{
	return kvmcore_ioctl(r->m.vm, -1, KVM_CHECK_EXTENSION, (void *)cap);
}

static void test_capabilities(void)
{
	static const uint32_t hidden[] = { KVM_CAP_ARM_NISV_TO_USER, KVM_CAP_ARM_SYSTEM_SUSPEND,
					   KVM_CAP_ARM_MMIO_GUARD, KVM_CAP_ARM_SDEI };

	EACH_DIALECT(v8)
	{
		struct realm_vm r = realm_made(v8, NULL);

		CHECK(extension(&r, v8 ? KVM_CAP_ARM_RME_V8 : KVM_CAP_ARM_RME) == 1,
		      "the dialect's own number");
		CHECK(extension(&r, v8 ? KVM_CAP_ARM_RME : 299) == 0, "and no other");
		CHECK(extension(&r, KVM_CAP_ARM_PSCI_0_2) == 1, "PSCI stays");
		CHECK(extension(&r, KVM_CAP_MAX_VCPUS) > 0, "and how many vCPUs there may be");
		CHECK(model_enable(&r.m, KVM_CAP_ARM_SYSTEM_SUSPEND, 0) == (v8 ? -EINVAL : 0),
		      "v8 lets nothing else be enabled");
		for (size_t i = 0; v8 && i < ARRAY_SIZE(hidden); i++)
			CHECK(extension(&r, hidden[i]) == 0, "v8 hides the rest");
		realm_free(&r);
	}
}

static void test_page_size(void)
{
	const struct kvmcore_config host = { .host.page_size = 65536 };
	struct model m = model_new(&host, 0);

	CHECK(kvmcore_ioctl(m.vm, -1, KVM_CHECK_EXTENSION, (void *)KVM_CAP_ARM_RME) == 0,
	      "realms need a host with pages of 4 KiB");
	model_free(&m);
}

int main(void)
{
	return RUN_TESTS(test_finalize, test_recs_come_in_order, test_finalize_before_creation,
			 test_run, test_registers, test_slots, test_capabilities, test_page_size);
}
