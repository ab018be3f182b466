// SPDX-License-Identifier: Apache-2.0
#include "walk.h"

#include <string.h>

#define N_EVENTS 6u
#define CALL(n)  (0xc4000020u + (n))

enum {
	REGISTER = CALL(1),
	ENABLE = CALL(2),
	DISABLE = CALL(3),
	CONTEXT = CALL(4),
	COMPLETE = CALL(5),
	RESUME = CALL(6),
	UNREGISTER = CALL(7),
	STATUS = CALL(8),
	ROUTING_SET = CALL(10),
	PE_MASK = CALL(11),
	PE_UNMASK = CALL(12),
	BIND = CALL(13),
	RELEASE = CALL(14),
	SIGNAL = CALL(15),
	CPU_ON = 0xc4000003u,
	CPU_OFF = 0x84000002u,
};

/* Private and shared, normal and critical, by number. */
static const struct kvm_sdei_exposed_event_state exposed[N_EVENTS] = {
	{ .num = 0x400000, .type = 0, .signaled = 1, .priority = 0 },
	{ .num = 0x400001, .type = 0, .signaled = 0, .priority = 1 },
	{ .num = 0x400002, .type = 1, .signaled = 0, .priority = 0 },
	{ .num = 0x400003, .type = 1, .signaled = 0, .priority = 1 },
	{ .num = 0x40400004, .type = 0, .signaled = 0, .priority = 0 },
	{ .num = 0, .type = 0, .signaled = 1, .priority = 0 },
};

struct walk walk_begin(uint64_t seed, enum kvmcore_profile profile, unsigned int n_vcpus)
{
	return (struct walk){ .random = seed, .profile = profile, .n_vcpus = n_vcpus };
}

/* splitmix64 */
uint64_t walk_number(struct walk *walk, uint64_t n)
{
	uint64_t z = walk->random += 0x9e3779b97f4a7c15u;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return (z ^ z >> 31) % n;
}

/* Affinity fields of vCPU @i: two clusters, so that creation order and MPIDR are not the same thing. */
static uint64_t mpidr_of(unsigned int i)
{
	return (i & 7) | (uint64_t)(i >> 3) << 8;
}

struct kvmcore_vm *walk_vm(const struct walk *walk, const unsigned int *order)
{
	const struct kvmcore_config config = { .uuid = { 1, 2, 3 }, .profile = walk->profile };
	struct kvmcore_vm *vm;

	if (kvmcore_vm_create(&config, &vm, NULL))
		return NULL;
	for (unsigned int i = 0; i < walk->n_vcpus; i++) {
		unsigned int n = order ? order[i] : i;

		if (kvmcore_vcpu_create(vm, 2 * n + 1, mpidr_of(n)) != (int)i)
			return kvmcore_vm_destroy(vm);
	}
	return vm;
}

/* An event the guest might name: exposed, event 0, bound, event 1 of v7; often the one that runs. */
static uint64_t pick_event(struct walk *walk, struct kvmcore_vm *vm, int vcpu)
{
	struct kvmcore_vcpu_status status;

	if (kvmcore_vcpu_status(vm, vcpu, &status) == 0 && walk_number(walk, 3) == 0 &&
	    status.normal_num != KVM_SDEI_INVALID_EVENT)
		return status.normal_num;
	if (walk->profile == KVMCORE_PROFILE_KVM_V7)
		return walk_number(walk, 2);
	if (walk->profile == KVMCORE_PROFILE_SPEC && walk_number(walk, 4) == 0)
		return (walk_number(walk, 2) ? 0x40800000 : 0x40800100) + walk_number(walk, 2);
	return exposed[walk_number(walk, N_EVENTS)].num;
}

/* Registers of a call; what a handler cannot have is refused by the core, as it would be. */
static void fill_call(struct walk *walk, uint32_t id, uint64_t event,
		      struct kvmcore_vcpu_regs *regs)
{
	uint64_t one_pe = walk_number(walk, 2) || walk->one_pe;
	uint64_t pe = mpidr_of((unsigned int)walk_number(walk, walk->n_vcpus));

	regs->x[0] = id;
	regs->x[1] = event;
	if (id == REGISTER) {
		regs->x[2] = 0xffff800010000000 + 0x100 * walk_number(walk, 64);
		regs->x[3] = 0xffff000040000000 + 0x2000 * walk_number(walk, 512);
		regs->x[4] = one_pe;
		regs->x[5] = one_pe ? pe : 0;
	} else if (id == ROUTING_SET) {
		regs->x[2] = one_pe;
		regs->x[3] = one_pe ? pe : 0;
	} else if (id == BIND) {
		regs->x[1] = one_pe ? 16 + walk_number(walk, 16) : 32 + walk_number(walk, 32);
	} else if (id == SIGNAL) {
		regs->x[1] = 0;
		regs->x[2] = pe;
	} else if (id == RESUME) {
		regs->x[1] = 0xffff800010200280;
	} else if (id == COMPLETE || id == CONTEXT) {
		regs->x[1] = walk_number(walk, 2);
	} else if (id == CPU_ON) {
		regs->x[1] = pe;
		regs->x[2] = 0x40200000;
		regs->x[3] = walk_number(walk, 4);
	}
}

static void make_call(struct walk *walk, struct kvmcore_vm *vm, int vcpu, uint32_t id,
		      uint64_t event)
{
	struct kvmcore_reply reply;
	const struct kvmcore_trap hvc = { .smc = false };
	struct kvmcore_vcpu_regs regs;

	kvmcore_vcpu_regs_get(vm, vcpu, &regs);
	fill_call(walk, id, event, &regs);
	kvmcore_vcpu_regs_set(vm, vcpu, &regs);
	kvmcore_vcpu_call(vm, vcpu, &hvc, &reply);
}

static uint64_t mix(uint64_t digest, const struct kvmcore_vcpu_regs *regs)
{
	uint64_t word[sizeof(*regs) / sizeof(uint64_t)];

	memcpy(word, regs, sizeof(word));
	for (size_t i = 0; i < sizeof(word) / sizeof(word[0]); i++)
		digest = (digest ^ word[i]) * 0x100000001b3u;
	return digest;
}

static void take_step(struct walk *walk, struct kvmcore_vm *vm, int vcpu)
{
	static const uint32_t call[] = { REGISTER,  ENABLE,      ENABLE,     DISABLE, CONTEXT,
					 COMPLETE,  COMPLETE,    COMPLETE,   RESUME,  UNREGISTER,
					 STATUS,    ROUTING_SET, PE_MASK,    BIND,    RELEASE,
					 SIGNAL,    SIGNAL,      UNREGISTER, CPU_ON,  PE_UNMASK,
					 PE_UNMASK, CPU_OFF,     REGISTER,   ENABLE };
	struct kvmcore_reply reply;
	uint64_t event = pick_event(walk, vm, vcpu);
	uint32_t intid = (uint32_t)(16 + walk_number(walk, 48));
	uint32_t id = call[walk_number(walk, sizeof(call) / sizeof(call[0]))];

	switch (walk_number(walk, 8)) {
	case 0:
		kvmcore_run(vm, vcpu, false, &reply);
		break;
	case 1:
	case 2:
	case 3:
		kvmcore_inject(vm, vcpu, event, &reply);
		if (walk_number(walk, 2))
			kvmcore_run(vm, vcpu, false, &reply);
		break;
	case 4:
		kvmcore_raise(vm, intid, vcpu, &reply);
		break;
	default:
		make_call(walk, vm, vcpu, id, event);
	}
}

uint64_t walk_steps(struct walk *walk, struct kvmcore_vm *vm, unsigned int n,
		    const unsigned int *at)
{
	uint64_t digest = 0xcbf29ce484222325u;

	kvmcore_resume(vm);
	for (unsigned int i = 0; i < n; i++) {
		unsigned int vcpu = (unsigned int)walk_number(walk, walk->n_vcpus);
		struct kvmcore_vcpu_regs regs = { .pc = 0 };

		vcpu = at ? at[vcpu] : vcpu;
		take_step(walk, vm, (int)vcpu);
		kvmcore_vcpu_regs_get(vm, (int)vcpu, &regs);
		digest = mix(digest, &regs);
	}
	kvmcore_pause(vm);
	return digest;
}

/* Boot: every PE registers and enables about every second event, and most unmask. */
static void register_events(struct walk *walk, struct kvmcore_vm *vm)
{
	kvmcore_resume(vm);
	for (unsigned int i = 0; i < walk->n_vcpus; i++) {
		for (unsigned int n = 0; n < N_EVENTS; n++) {
			uint64_t event =
				walk->profile == KVMCORE_PROFILE_KVM_V7 ? n % 2 : exposed[n].num;

			if (walk_number(walk, 2))
				continue;
			make_call(walk, vm, (int)i, REGISTER, event);
			make_call(walk, vm, (int)i, ENABLE, event);
		}
		if (walk_number(walk, 8))
			make_call(walk, vm, (int)i, PE_UNMASK, 0);
	}
	kvmcore_pause(vm);
}

int walk_start(struct walk *walk, struct kvmcore_vm *vm)
{
	struct kvm_sdei_cmd cmd = { .cmd = KVM_SDEI_CMD_SET_EXPOSED_EVENT,
				    .count = N_EVENTS,
				    .pointer = (uintptr_t)exposed };
	int ret = 0;

	if (walk->profile != KVMCORE_PROFILE_KVM_V7)
		ret = kvmcore_ioctl(vm, -1, KVM_ARM_SDEI_COMMAND, &cmd);
	if (!ret)
		register_events(walk, vm);
	return ret;
}

void walk_interrupt(struct walk *walk, struct kvmcore_vm *vm)
{
	struct kvmcore_vcpu_status status;
	struct kvmcore_reply reply;

	kvmcore_resume(vm);
	for (int i = 0; i < (int)walk->n_vcpus; i++) {
		if (walk_number(walk, 2))
			continue;
		for (unsigned int n = 0; n < 2; n++) {
			kvmcore_inject(vm, i, exposed[n].num, &reply);
			kvmcore_run(vm, i, false, &reply);
		}
		kvmcore_vcpu_status(vm, i, &status);
		if (status.normal_num != KVM_SDEI_INVALID_EVENT && walk_number(walk, 4) == 0)
			make_call(walk, vm, i, UNREGISTER, status.normal_num);
	}
	kvmcore_pause(vm);
}
