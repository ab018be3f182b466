// SPDX-License-Identifier: Apache-2.0
/*
 * What a restore in profile `spec` refuses because no guest could have come there: docs/abi-sdei.md,
 * sections 5 and 6. A refusal leaves no trace.
 */
#include "rig.h"

#include <errno.h>

#define PRIV 0x1001u
#define SHRD 0x1002u
#define CRIT 0x1003u
#define ANY  0x1004u
#define NONE KVM_SDEI_INVALID_EVENT

static void expose_all(struct rig *rig)
{
	rig_expose(rig, PRIV, PRIVATE, NORMAL);
	rig_expose(rig, SHRD, SHARED, NORMAL);
	rig_expose(rig, CRIT, PRIVATE, CRITICAL);
	rig_expose(rig, ANY, SHARED, NORMAL);
}

typedef void spoil_fn(struct kvm_sdei_registered_event_state *event);

static void enabled_only(struct kvm_sdei_registered_event_state *e)
{
	e->enabled[0] = 2;
}
static void nobody(struct kvm_sdei_registered_event_state *e)
{
	e->registered[0] = e->enabled[0] = 0;
}
static void no_such_vcpu(struct kvm_sdei_registered_event_state *e)
{
	e->registered[0] |= 4;
	e->ep_address[2] = 8;
}
static void both(struct kvm_sdei_registered_event_state *e)
{
	e->unregister_pending[0] = 1;
}
static void no_entry(struct kvm_sdei_registered_event_state *e)
{
	e->ep_address[0] = 0;
}
static void stray_entry(struct kvm_sdei_registered_event_state *e)
{
	e->ep_address[1] = 8;
}
static void stray_arg(struct kvm_sdei_registered_event_state *e)
{
	e->ep_arg[511] = 8;
}
static void hole(struct kvm_sdei_registered_event_state *e)
{
	e->hole[3] = 1;
}
static void padding(struct kvm_sdei_registered_event_state *e)
{
	e->padding[0] = 1;
}
static void routed(struct kvm_sdei_registered_event_state *e)
{
	e->route_mode = 1;
	e->route_affinity = RIG_MPIDR(0);
}
static void affine(struct kvm_sdei_registered_event_state *e)
{
	e->route_affinity = RIG_MPIDR(0);
}

static void test_impossible_registered_events_are_refused(void)
{
	static const struct {
		const char *promise;
		spoil_fn *spoil;
	} row[] = {
		{ "enabled without registered", enabled_only },
		{ "registered by nobody", nobody },
		{ "registered by a vCPU that is not there", no_such_vcpu },
		{ "registered and unregister pending", both },
		{ "registered without an entry point", no_entry },
		{ "an entry point nobody registered", stray_entry },
		{ "an argument nobody registered", stray_arg },
		{ "something in the hole", hole },
		{ "something in the padding", padding },
		{ "a private event with a route", routed },
		{ "RM_ANY with an affinity", affine },
	};
	static struct kvm_sdei_registered_event_state event;
	struct rig rig;

	for (size_t i = 0; i < ARRAY_SIZE(row); i++) {
		rig_open_paused(&rig, KVMCORE_PROFILE_SPEC, 2);
		expose_all(&rig);
		event = (struct kvm_sdei_registered_event_state){
			.num = PRIV, .ep_address = { 8 }, .registered = { 1 }, .enabled = { 1 }
		};
		row[i].spoil(&event);
		CHECK(rig_cmd(&rig, -1, KVM_SDEI_CMD_SET_REGISTERED_EVENT, 1, &event) == -EINVAL,
		      row[i].promise);
		CHECK(rig_count(&rig, -1, KVM_SDEI_CMD_GET_REGISTERED_EVENT_COUNT) == 0,
		      "nothing is kept");
		rig_close(&rig);
	}
}

static void test_impossible_routes_of_shared_events_are_refused(void)
{
	static struct kvm_sdei_registered_event_state event;
	struct rig rig;

	rig_open_paused(&rig, KVMCORE_PROFILE_SPEC, 2);
	expose_all(&rig);
	event = (struct kvm_sdei_registered_event_state){ .num = SHRD,
							  .route_mode = 1,
							  .route_affinity = NO_PE,
							  .ep_address = { 8 },
							  .registered = { 1 } };
	CHECK(rig_cmd(&rig, -1, KVM_SDEI_CMD_SET_REGISTERED_EVENT, 1, &event) == -EINVAL,
	      "a PE nobody is");
	event.route_affinity = RIG_MPIDR(1);
	event.registered[0] = 2;
	CHECK(rig_cmd(&rig, -1, KVM_SDEI_CMD_SET_REGISTERED_EVENT, 1, &event) == -EINVAL,
	      "a shared event has one instance, in bit 0");
	event.registered[0] = 1;
	CHECK(rig_cmd(&rig, -1, KVM_SDEI_CMD_SET_REGISTERED_EVENT, 1, &event) == 0,
	      "this one can be");
	rig_close(&rig);
}

/* PRIV registered on both vCPUs, CRIT on vCPU 0, SHRD on PE 1, ANY anywhere. */
static void prepare(struct rig *rig)
{
	static struct kvm_sdei_registered_event_state event[4];

	rig_open_paused(rig, KVMCORE_PROFILE_SPEC, 2);
	expose_all(rig);
	memset(event, 0, sizeof(event));
	for (unsigned int i = 0; i < 4; i++)
		event[i] = (struct kvm_sdei_registered_event_state){ .ep_address = { 8 },
								     .registered = { 1 } };
	event[0].num = PRIV;
	event[0].ep_address[1] = 8;
	event[0].registered[0] = 3;
	event[1].num = CRIT;
	event[2].num = SHRD;
	event[2].route_mode = 1;
	event[2].route_affinity = RIG_MPIDR(1);
	event[3].num = ANY;
	CHECK(rig_cmd(rig, -1, KVM_SDEI_CMD_SET_REGISTERED_EVENT, 4, event) == 0,
	      "four registered events");
}

static void test_impossible_vcpu_events_are_refused(void)
{
	static const struct {
		const char *promise;
		struct kvm_sdei_vcpu_event_state entry[2];
		uint32_t n;
		int want;
	} row[] = {
		{ "a number of no event", { { 1ULL << 31, 1, 0 } }, 1, -EINVAL },
		{ "an event that is not there", { { 0x1099, 1, 0 } }, 1, -ENOENT },
		{ "an event nobody registered", { { 0, 1, 0 } }, 1, -ENOENT },
		{ "a trigger", { { PRIV, 1, 0 } }, 1, 0 },
		{ "a run and a trigger", { { PRIV, 2, 0 } }, 1, 0 },
		{ "a count of 0", { { PRIV, 0, 0 } }, 1, -EINVAL },
		{ "a count of 3", { { PRIV, 3, 0 } }, 1, -EINVAL },
		{ "padding", { { PRIV, 1, 1 } }, 1, -EINVAL },
		{ "twice in one array", { { PRIV, 1, 0 }, { PRIV, 1, 0 } }, 2, -EINVAL },
		{ "routed to another PE", { { SHRD, 1, 0 } }, 1, -EINVAL },
		{ "any PE, running", { { ANY, 1, 0 } }, 1, 0 },
		{ "any PE, with a trigger behind", { { ANY, 2, 0 } }, 1, -EINVAL },
	};
	struct rig rig;

	for (size_t i = 0; i < ARRAY_SIZE(row); i++) {
		prepare(&rig);
		CHECK(rig_cmd(&rig, 0, KVM_SDEI_CMD_SET_VCPU_EVENT, row[i].n, row[i].entry) ==
			      row[i].want,
		      row[i].promise);
		CHECK(row[i].want || rig_cmd(&rig, 0, KVM_SDEI_CMD_SET_VCPU_EVENT, 1,
					     row[i].entry) == -EEXIST,
		      "the same again does not add up: -EEXIST (M12)");
		rig_close(&rig);
	}
}

static void test_impossible_vcpu_states_are_refused(void)
{
	static const struct kvm_sdei_vcpu_event_state entry[] = { { PRIV, 2, 0 },
								  { CRIT, 1, 0 },
								  { ANY, 1, 0 } };
	static const struct {
		const char *promise;
		uint32_t n_queued;
		uint8_t masked;
		uint64_t critical, normal;
		uint64_t stray;
		int want;
	} row[] = {
		{ "a run and its trigger", 2, 0, NONE, PRIV, 0, 0 },
		{ "both classes", 2, 0, CRIT, PRIV, 0, 0 },
		{ "two triggers and no run", 1, 0, NONE, NONE, 0, -EINVAL },
		{ "the same event twice", 1, 0, PRIV, PRIV, 0, -EINVAL },
		{ "a normal event as critical", 1, 0, PRIV, NONE, 0, -EINVAL },
		{ "a critical event as normal", 2, 0, NONE, CRIT, 0, -EINVAL },
		{ "a run without an entry", 0, 0, CRIT, NONE, 0, -EINVAL },
		{ "event 0 is no word for none", 0, 0, 0, 0, 0, -EINVAL },
		{ "a number of no event", 0, 0, 0xff400000, NONE, 0, -EINVAL },
		{ "mask 2", 0, 2, NONE, NONE, 0, -EINVAL },
		{ "a context without a run", 0, 0, NONE, NONE, 1, -EINVAL },
		{ "any PE, held but not running", 3, 0, NONE, PRIV, 0, -EINVAL },
		{ "nothing", 0, 1, NONE, NONE, 0, 0 },
	};
	struct kvm_sdei_vcpu_state state;
	struct rig rig;

	for (size_t i = 0; i < ARRAY_SIZE(row); i++) {
		prepare(&rig);
		rig_cmd(&rig, 0, KVM_SDEI_CMD_SET_VCPU_EVENT, row[i].n_queued, entry);
		state = (struct kvm_sdei_vcpu_state){ .masked = row[i].masked,
						      .critical_num = row[i].critical,
						      .normal_num = row[i].normal,
						      .normal_regs = { .pc = row[i].stray } };
		CHECK(rig_cmd(&rig, 0, KVM_SDEI_CMD_SET_VCPU_STATE, 0, &state) == row[i].want,
		      row[i].promise);
		CHECK(row[i].want == 0 || (rig_state(&rig, 0).masked == 1 &&
					   rig_state(&rig, 0).normal_num == NONE),
		      "a refused state changes nothing");
		rig_close(&rig);
	}
}

static void test_one_shared_handler_runs_in_the_system(void)
{
	const struct kvm_sdei_vcpu_event_state any = { ANY, 1, 0 };
	const struct kvm_sdei_vcpu_state state = { .critical_num = NONE, .normal_num = ANY };
	struct rig rig;

	prepare(&rig);
	CHECK(rig_cmd(&rig, 0, KVM_SDEI_CMD_SET_VCPU_EVENT, 1, &any) == 0 &&
		      rig_cmd(&rig, 0, KVM_SDEI_CMD_SET_VCPU_STATE, 0, &state) == 0,
	      "it runs on vCPU 0");
	CHECK(rig_cmd(&rig, 1, KVM_SDEI_CMD_SET_VCPU_EVENT, 1, &any) == -EINVAL,
	      "so it is not on vCPU 1");
	rig_close(&rig);
}

static void test_groups_are_set_before_the_vm_runs(void)
{
	struct kvmcore_sdei_binding binding = { .num = 0x40800000, .intid = 23 };
	struct kvmcore_sdei_pending pending = { ANY, KVMCORE_SDEI_NO_VCPU, 1 };
	struct kvmcore_sdei_handler handler = { .num = 0, .vcpu = 0, .ep_address = 8 };
	uint64_t n = 0;
	struct rig rig;

	prepare(&rig);
	binding.slot = 1;
	CHECK(rig_attr_set(&rig, KVMCORE_SDEI_BINDINGS, &binding, 1) == -EINVAL,
	      "number and slot disagree");
	binding.slot = 0;
	binding.shared = 1;
	CHECK(rig_attr_set(&rig, KVMCORE_SDEI_BINDINGS, &binding, 1) == -EINVAL,
	      "a PPI is not shared");
	binding.shared = 0;
	CHECK(rig_attr_set(&rig, KVMCORE_SDEI_BINDINGS, &binding, 1) == 0, "a binding");
	CHECK(rig_attr_set(&rig, KVMCORE_SDEI_BINDINGS, &binding, 1) == -EEXIST, "again");
	CHECK(rig_attr_set(&rig, KVMCORE_SDEI_PENDING, &pending, 1) == 0,
	      "a trigger that no PE holds");
	CHECK(rig_attr_set(&rig, KVMCORE_SDEI_PENDING, &pending, 1) == -EEXIST, "again");
	pending.num = SHRD;
	CHECK(rig_attr_set(&rig, KVMCORE_SDEI_PENDING, &pending, 1) == -EINVAL,
	      "one PE would hold this one");
	handler.num = PRIV;
	CHECK(rig_attr_set(&rig, KVMCORE_SDEI_HANDLERS, &handler, 1) == -EINVAL,
	      "a registered event's handler is not here");
	handler.num = 0;
	CHECK(rig_attr_set(&rig, KVMCORE_SDEI_HANDLERS, &handler, 1) == 0,
	      "a handler registered nowhere");
	CHECK(rig_attr_set(&rig, KVMCORE_SDEI_HANDLERS, &handler, 1) == -EEXIST, "again");
	CHECK(rig_attr_get(&rig, KVMCORE_SDEI_HANDLERS, &handler, 0, &n) == -ENOSPC && n == 1,
	      "no room: the count");
	CHECK(rig_attr_get(&rig, KVMCORE_SDEI_HANDLERS, NULL, 0, &n) == 0 && n == 1,
	      "no pointer: the count alone");
	CHECK(rig_attr_set(&rig, KVMCORE_SDEI_INFO, &handler, 1) == -ENXIO, "INFO cannot be set");
	CHECK(rig_attr_get(&rig, 9, &handler, 0, &n) == -ENXIO, "there is no attribute 9");
	rig_go(&rig);
	enter(&rig, 0);
	CHECK(rig_attr_set(&rig, KVMCORE_SDEI_BINDINGS, &binding, 1) == -EBUSY &&
		      rig_attr_set(&rig, KVMCORE_SDEI_PENDING, &pending, 1) == -EBUSY &&
		      rig_attr_set(&rig, KVMCORE_SDEI_HANDLERS, &handler, 1) == -EBUSY,
	      "once the VM has run it is too late");
	rig_close(&rig);
}

int main(void)
{
	return RUN_TESTS(test_impossible_registered_events_are_refused,
			 test_impossible_routes_of_shared_events_are_refused,
			 test_impossible_vcpu_events_are_refused,
			 test_impossible_vcpu_states_are_refused,
			 test_one_shared_handler_runs_in_the_system,
			 test_groups_are_set_before_the_vm_runs);
}
