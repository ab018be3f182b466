// SPDX-License-Identifier: Apache-2.0
/*
 * Whatever a VMM sets, in whatever order, and whatever the guest then calls: every call returns, every
 * handler ends, and what GET_VCPU_STATE says can be read. SDEI_SEED repeats one sequence.
 */
#include "rig.h"

#include <time.h>

#define N_RUNS  150u
#define N_STEPS 300u
#define PES     3u

static uint64_t random_state;

static unsigned int pick(unsigned int n)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return (unsigned int)(random_state >> 33) % n;
}

static uint64_t pick_num(void)
{
	static const uint64_t num[] = { 0,        1,          0x400001,   0x400002,   0x400003,
					0x400004, 0x40800000, 0x40800100, 0xffffffff, 0x12345678 };

	return num[pick(ARRAY_SIZE(num))];
}

static void set_exposed(struct rig *rig)
{
	const uint64_t num = pick_num();

	rig_expose(rig, num, num & 1, num >> 1 & 1);
}

static void set_registered(struct rig *rig)
{
	static struct kvm_sdei_registered_event_state event;

	memset(&event, 0, sizeof(event));
	event.num = pick_num();
	event.route_mode = (uint8_t)pick(2);
	event.route_affinity = pick(2) ? 0 : RIG_MPIDR(pick(PES));
	event.registered[0] = pick(8);
	event.enabled[0] = pick(8);
	event.unregister_pending[0] = pick(8);
	for (unsigned int v = 0; v < PES; v++)
		event.ep_address[v] = pick(4) ? 8 : 0;
	rig_cmd(rig, -1, KVM_SDEI_CMD_SET_REGISTERED_EVENT, 1, &event);
}

static void set_vcpu(struct rig *rig)
{
	const struct kvm_sdei_vcpu_event_state entry[] = { { pick_num(), pick(3), 0 },
							   { pick_num(), pick(3), 0 } };
	const struct kvm_sdei_vcpu_state state = { .masked = (uint8_t)pick(2),
						   .critical_num = pick_num(),
						   .normal_num = pick_num() };
	const int v = (int)pick(PES);

	if (pick(2))
		rig_cmd(rig, v, KVM_SDEI_CMD_SET_VCPU_EVENT, 1 + pick(2), entry);
	else
		rig_cmd(rig, v, KVM_SDEI_CMD_SET_VCPU_STATE, 0, &state);
}

static void set_groups(struct rig *rig)
{
	const struct kvmcore_sdei_binding binding = { .num = pick(2) ? 0x40800000 : 0x40800100,
						      .intid = pick(50),
						      .shared = (uint8_t)pick(2) };
	const struct kvmcore_sdei_pending pending = { pick_num(), KVMCORE_SDEI_NO_VCPU, 1 };
	const struct kvmcore_sdei_handler handler = {
		.num = pick_num(), .vcpu = pick(4), .shared = (uint8_t)pick(2), .ep_address = 8
	};

	rig_attr_set(rig, KVMCORE_SDEI_BINDINGS, &binding, 1);
	rig_attr_set(rig, KVMCORE_SDEI_PENDING, &pending, 1);
	rig_attr_set(rig, KVMCORE_SDEI_HANDLERS, &handler, 1);
}

static void guest_calls(struct rig *rig)
{
	const unsigned int v = pick(PES);
	const uint64_t target = RIG_MPIDR(pick(PES));

	if (pick(3) == 0)
		rig_inject(rig, v, pick_num());
	else if (pick(8) == 0)
		kvmcore_raise(rig->vm, pick(50), (int)v, &rig->reply);
	else if (pick(40) == 0)
		call(rig, v, PSCI_CPU_OFF);
	else if (pick(40) == 0)
		call(rig, v, PSCI_CPU_ON, target, 8, 0);
	else
		call(rig, v, (enum call_id)(VERSION + pick(19)), pick_num(),
		     pick(2) ? target : pick(3), pick(2), pick(2), target);
	enter(rig, v);
}

/* Nested at most twice, so that a few COMPLETEs end whatever runs. */
static bool all_handlers_end(struct rig *rig)
{
	bool ended = true;

	for (unsigned int v = 0; v < PES; v++) {
		for (unsigned int i = 0; i < 4; i++)
			call(rig, v, EVENT_COMPLETE, 0);
		ended &= rig->reply.returned;
	}
	return ended;
}

static bool run(uint64_t seed)
{
	static struct kvm_sdei_registered_event_state events[16];
	struct kvmcore_sdei_handler handlers[64];
	bool ended;
	uint64_t n;
	struct rig rig;

	random_state = seed ? seed : 1;
	rig_open(&rig, (enum kvmcore_profile)(seed % KVMCORE_NR_PROFILES), PES);
	for (unsigned int i = 0; i < 10; i++)
		set_exposed(&rig);
	for (unsigned int i = 0; i < N_STEPS; i++) {
		if (i < 60)
			set_groups(&rig);
		if (i < 60 || pick(10) == 0)
			set_registered(&rig);
		if (i < 60 || pick(4) == 0)
			set_vcpu(&rig);
		if (i >= 60)
			guest_calls(&rig);
		rig_cmd(&rig, -1, KVM_SDEI_CMD_GET_REGISTERED_EVENT, 16, events);
		rig_attr_get(&rig, KVMCORE_SDEI_HANDLERS, handlers, 64, &n);
	}
	ended = all_handlers_end(&rig);
	if (!ended)
		fprintf(stderr, "seed %llu: a handler does not end\n", (unsigned long long)seed);
	rig_close(&rig);
	return ended;
}

static void test_nothing_a_vmm_sets_breaks_the_service(void)
{
	const char *given = getenv("SDEI_SEED");
	const uint64_t first = given ? strtoull(given, NULL, 0) : (uint64_t)time(NULL) * 1000;

	printf("seed %llu\n", (unsigned long long)first);
	for (uint64_t seed = first; seed < first + (given ? 1 : N_RUNS); seed++)
		CHECK(run(seed), "every handler ends");
}

int main(void)
{
	return RUN_TESTS(test_nothing_a_vmm_sets_breaks_the_service);
}
