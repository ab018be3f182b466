/* SPDX-License-Identifier: Apache-2.0 */
/*
 * scene.h - one VM with everything in flight, made by calls of a guest
 *
 * vCPU 0: a critical handler over a normal one, and interrupt 40 bound
 * vCPU 1: a handler that unregistered itself and still runs
 * vCPU 2: masked, with an event queued
 * vCPU 3: off
 * A shared event for any PE waits for one, and the filter denies a few calls.
 */
#ifndef TESTS_ROUNDTRIP_SCENE_H
#define TESTS_ROUNDTRIP_SCENE_H

#include "support/model.h"

#define SDEI(n)         (0xc4000020u + (n))
#define SDEI_REGISTER   SDEI(1)
#define SDEI_ENABLE     SDEI(2)
#define SDEI_COMPLETE   SDEI(5)
#define SDEI_UNREGISTER SDEI(7)
#define SDEI_STATUS     SDEI(8)
#define SDEI_PE_MASK    SDEI(11)
#define SDEI_PE_UNMASK  SDEI(12)
#define SDEI_BIND       SDEI(13)
#define PSCI_CPU_OFF    0x84000002u

#define NORMAL          0x400000u
#define CRITICAL        0x400001u
#define SHARED          0x400002u
#define LEAVING         0x40400004u
#define BOUND           0x40800100u
#define ENTRY(n)        (0xffff800008010000u + 0x100 * (n))
#define ARG(n)          (0xffff0000fe000000u + 0x1c000 * (n))

static const struct kvm_sdei_exposed_event_state scene_events[] = {
	{ .num = NORMAL, .signaled = 1 },
	{ .num = CRITICAL, .priority = 1 },
	{ .num = SHARED, .type = 1 },
	{ .num = LEAVING },
};

static inline int scene_command(struct model *m, int vcpu, uint32_t cmd, uint32_t count,
				const void *entries)
{
	struct kvm_sdei_cmd command = { .cmd = cmd, .count = count, .pointer = (uintptr_t)entries };

	return kvmcore_ioctl(m->vm, vcpu, KVM_ARM_SDEI_COMMAND, &command);
}

/* A VM with vCPUs of sparse ids in another order than their MPIDRs, running. */
static inline struct model scene_vm(enum kvmcore_profile profile, unsigned int n_vcpus)
{
	const struct kvmcore_config config = { .profile = profile };
	struct model m = model_new(&config, 0);

	for (unsigned int i = 0; i < n_vcpus; i++)
		CHECK(kvmcore_vcpu_create(m.vm, 3 * i + 1, (uint64_t)(i ^ 1) << 8) == (int)i,
		      "a vCPU can be made");
	kvmcore_port(m.vm, &m.port);
	return m;
}

static inline void scene_expose(struct model *m)
{
	CHECK(scene_command(m, -1, KVM_SDEI_CMD_SET_EXPOSED_EVENT, ARRAY_SIZE(scene_events),
			    scene_events) == 0,
	      "events can be exposed");
}

/* Register with entry and argument of this vCPU, and enable. */
static inline void scene_register(struct model *m, int vcpu, uint64_t event)
{
	struct kvmcore_vcpu_regs regs;

	kvmcore_vcpu_regs_get(m->vm, vcpu, &regs);
	regs.x[4] = regs.x[5] = 0;
	kvmcore_vcpu_regs_set(m->vm, vcpu, &regs);
	CHECK(model_call(m, vcpu, SDEI_REGISTER, event, ENTRY((unsigned int)vcpu),
			 ARG((unsigned int)vcpu)) == 0,
	      "an event can be registered");
	CHECK(model_call(m, vcpu, SDEI_ENABLE, event, 0, 0) == 0, "and enabled");
}

static inline void scene_trigger(struct model *m, int vcpu, uint64_t event)
{
	CHECK(kvmcore_inject(m->vm, vcpu, event, &m->reply) == 0, "an event can be triggered");
}

/* Enter the guest. Return: the event delivered, or KVM_SDEI_INVALID_EVENT */
static inline uint64_t scene_enter(struct model *m, int vcpu)
{
	struct kvmcore_vcpu_regs regs;

	CHECK(kvmcore_run(m->vm, vcpu, false, &m->reply) == 0, "a vCPU can be entered");
	kvmcore_vcpu_regs_get(m->vm, vcpu, &regs);
	return m->reply.delivered ? regs.x[0] : KVM_SDEI_INVALID_EVENT;
}

static inline uint64_t scene_pc(struct model *m, int vcpu)
{
	struct kvmcore_vcpu_regs regs;

	kvmcore_vcpu_regs_get(m->vm, vcpu, &regs);
	return regs.pc;
}

static inline struct model scene_everything(void)
{
	struct model m = scene_vm(KVMCORE_PROFILE_SPEC, 4);

	CHECK(model_filter(&m, 0x84000050u, 4, KVM_SMCCC_FILTER_DENY) == 0, "calls can be denied");
	scene_expose(&m);
	scene_register(&m, 0, NORMAL);
	scene_register(&m, 0, CRITICAL);
	scene_register(&m, 1, LEAVING);
	scene_register(&m, 2, NORMAL);
	scene_register(&m, 0, SHARED);
	model_call(&m, 0, SDEI_BIND, 40, 0, 0);
	model_call(&m, 0, SDEI_PE_UNMASK, 0, 0, 0);
	model_call(&m, 1, SDEI_PE_UNMASK, 0, 0, 0);
	scene_trigger(&m, 0, NORMAL);
	CHECK(scene_enter(&m, 0) == NORMAL, "a normal handler runs");
	scene_trigger(&m, 0, CRITICAL);
	CHECK(scene_enter(&m, 0) == CRITICAL, "a critical one interrupts it");
	scene_trigger(&m, 1, LEAVING);
	CHECK(scene_enter(&m, 1) == LEAVING, "another runs");
	model_call(&m, 1, SDEI_UNREGISTER, LEAVING, 0, 0);
	scene_trigger(&m, 2, NORMAL);
	scene_trigger(&m, 2, SHARED);
	model_call(&m, 3, PSCI_CPU_OFF, 0, 0, 0);
	kvmcore_pause(m.vm);
	return m;
}

/* The same vCPUs and nothing else: a destination. */
static inline struct model scene_fresh(enum kvmcore_profile profile, unsigned int n_vcpus)
{
	struct model m = scene_vm(profile, n_vcpus);

	kvmcore_pause(m.vm);
	return m;
}

#endif
