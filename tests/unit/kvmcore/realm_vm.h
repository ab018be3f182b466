/* SPDX-License-Identifier: Apache-2.0 */
/*
 * realm_vm.h - a realm with two slots of memory, in either dialect and any state
 */
#ifndef TESTS_REALM_VM_H
#define TESTS_REALM_VM_H

#include "support/model.h"

#include <kvmcore/measure.h>
#include <stdlib.h>
#include <sys/mman.h>

#define PAGE             4096u
#define RAM              0x80000000ULL
#define RAM_SIZE         (16u * PAGE)
#define SHARED           (1ULL << 39) /* the first address of the half that host and realm share */
#define UNSET            0            /* states of struct kvmcore_realm_info */
#define NEW              1
#define ACTIVE           2

#define EACH_DIALECT(v8) for (unsigned int v8 = 0; v8 < 2; v8++)

/* What INIT and POPULATE are given: v1 reads the first half only. */
struct range {
	uint64_t base, size;
	uint32_t flags, reserved[3];
};

struct realm_vm {
	struct model m;
	unsigned int v8;
	uint8_t *ram, *shared;
};

static inline uint8_t *realm_memory(size_t size)
{
	void *at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return at == MAP_FAILED ? NULL : at;
}

static inline int realm_cmd(struct realm_vm *r, uint64_t cmd, const void *arg)
{
	struct kvm_enable_cap e = { .cap = r->v8 ? KVM_CAP_ARM_RME_V8 : KVM_CAP_ARM_RME,
				    .args = { cmd, (uintptr_t)arg } };

	return kvmcore_ioctl(r->m.vm, -1, KVM_ENABLE_CAP, &e);
}

static inline int realm_range(struct realm_vm *r, uint64_t cmd, uint64_t base, uint64_t size)
{
	const struct range range = { .base = base,
				     .size = size,
				     .flags = r->v8 && cmd == KVM_CAP_ARM_RME_POPULATE_REALM };

	return realm_cmd(r, cmd, &range);
}

static inline int realm_finalize_vcpu(struct realm_vm *r, int vcpu)
{
	int feature = r->v8 ? KVM_ARM_VCPU_REC_V8 : KVM_ARM_VCPU_REC;

	return kvmcore_ioctl(r->m.vm, vcpu, KVM_ARM_VCPU_FINALIZE, &feature);
}

static inline struct kvmcore_realm_info realm_info(struct realm_vm *r)
{
	struct kvmcore_realm_info info = { 0 };

	CHECK(model_attr(&r->m, -1, KVM_GET_DEVICE_ATTR, KVMCORE_GROUP_REALM, KVMCORE_REALM_INFO,
			 &info) == 0,
	      "a realm tells about itself");
	return info;
}

/* A realm VM that nothing was done to, with memory in both halves. */
static inline struct realm_vm realm_made(unsigned int v8, const struct kvmcore_config *like)
{
	struct kvmcore_config config = like ? *like : (struct kvmcore_config){ 0 };
	struct realm_vm r = { .v8 = v8 };

	config.type = KVMCORE_VM_REALM;
	config.dialects |= v8 ? KVMCORE_DIALECT_RME_V8 : 0;
	r.m = model_new(&config, 0);
	r.ram = realm_memory(RAM_SIZE);
	r.shared = realm_memory(PAGE);
	CHECK(model_memory(&r.m, 0, RAM, RAM_SIZE, r.ram) == 0 &&
		      model_memory(&r.m, 1, SHARED, PAGE, r.shared) == 0,
	      "a realm has memory");
	return r;
}

/* Bring it to @state with one vCPU; ACTIVE: which may run, and RAM's pages are RAM. */
static inline void realm_bring(struct realm_vm *r, unsigned int state)
{
	if (state == UNSET)
		return;
	CHECK(realm_cmd(r, KVM_CAP_ARM_RME_CREATE_RD, NULL) == 0, "it is created");
	CHECK(kvmcore_vcpu_create(r->m.vm, 0, 0) == 0, "with a vCPU");
	if (state == NEW)
		return;
	CHECK(realm_range(r, KVM_CAP_ARM_RME_INIT_IPA_REALM, RAM, RAM_SIZE) == 0 &&
		      realm_finalize_vcpu(r, 0) == 0 &&
		      realm_cmd(r, KVM_CAP_ARM_RME_ACTIVATE_REALM, NULL) == 0,
	      "it is brought to life");
}

static inline struct realm_vm realm_in(unsigned int v8, unsigned int state,
				       const struct kvmcore_config *like)
{
	struct realm_vm r = realm_made(v8, like);

	realm_bring(&r, state);
	return r;
}

static inline void realm_free(struct realm_vm *r)
{
	model_free(&r->m);
	munmap(r->ram, RAM_SIZE);
	munmap(r->shared, PAGE);
}

/* vCPU 0 calls by SMC with x1.. from @arg. Return: x0 afterwards; r->m.regs has the others */
static inline uint64_t realm_smc(struct realm_vm *r, uint64_t id, const uint64_t *arg, size_t n)
{
	const struct kvmcore_trap smc = { .smc = true };

	kvmcore_vcpu_regs_get(r->m.vm, 0, &r->m.regs);
	r->m.regs.x[0] = id;
	for (size_t i = 0; i < n; i++)
		r->m.regs.x[1 + i] = arg[i];
	kvmcore_vcpu_regs_set(r->m.vm, 0, &r->m.regs);
	CHECK(kvmcore_vcpu_call(r->m.vm, 0, &smc, &r->m.reply) == 0, "the call can be made");
	kvmcore_vcpu_regs_get(r->m.vm, 0, &r->m.regs);
	return r->m.regs.x[0];
}

#define SMC(r, id, ...)                                         \
	realm_smc((r), (id), (const uint64_t[]){ __VA_ARGS__ }, \
		  sizeof((const uint64_t[]){ __VA_ARGS__ }) / sizeof(uint64_t))

#endif
