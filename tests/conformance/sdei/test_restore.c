// SPDX-License-Identifier: Apache-2.0
/*
 * Profile `spec` gives its whole state and takes it again: the thirteen commands for what they can
 * carry, group KVMCORE_GROUP_SDEI for the rest. What cannot be is refused (docs/abi-sdei.md, "Restore").
 */
#include "rig.h"

#include <errno.h>

#define PRIV 0x1001u
#define SHRD 0x1002u
#define CRIT 0x1003u
#define ANY  0x1004u
#define NONE KVM_SDEI_INVALID_EVENT
#define MAX  16u

struct image {
	struct kvm_sdei_exposed_event_state exposed[MAX];
	struct kvm_sdei_registered_event_state registered[MAX];
	struct kvm_sdei_vcpu_event_state queue[4][MAX];
	struct kvm_sdei_vcpu_state state[4];
	struct kvmcore_sdei_handler handler[MAX];
	struct kvmcore_sdei_pending pending[MAX];
	struct kvmcore_sdei_binding binding[MAX];
	uint32_t n_exposed, n_registered, n_queued[4];
	uint64_t n_handlers, n_pending, n_bindings;
};

static void capture(struct rig *rig, struct image *image)
{
	*image = (struct image){ 0 };
	image->n_exposed = rig_count(rig, -1, KVM_SDEI_CMD_GET_EXPOSED_EVENT_COUNT);
	image->n_registered = rig_count(rig, -1, KVM_SDEI_CMD_GET_REGISTERED_EVENT_COUNT);
	rig_cmd(rig, -1, KVM_SDEI_CMD_GET_EXPOSED_EVENT, MAX, image->exposed);
	rig_cmd(rig, -1, KVM_SDEI_CMD_GET_REGISTERED_EVENT, MAX, image->registered);
	for (unsigned int v = 0; v < rig->n; v++) {
		image->n_queued[v] = rig_count(rig, (int)v, KVM_SDEI_CMD_GET_VCPU_EVENT_COUNT);
		rig_cmd(rig, (int)v, KVM_SDEI_CMD_GET_VCPU_EVENT, MAX, image->queue[v]);
		image->state[v] = rig_state(rig, v);
	}
	CHECK(rig_attr_get(rig, KVMCORE_SDEI_HANDLERS, image->handler, MAX, &image->n_handlers) ==
			      0 &&
		      rig_attr_get(rig, KVMCORE_SDEI_PENDING, image->pending, MAX,
				   &image->n_pending) == 0 &&
		      rig_attr_get(rig, KVMCORE_SDEI_BINDINGS, image->binding, MAX,
				   &image->n_bindings) == 0,
	      "the attribute group can be read");
}

static void replay(struct rig *rig, const struct image *image)
{
	CHECK(rig_cmd(rig, -1, KVM_SDEI_CMD_SET_EXPOSED_EVENT, image->n_exposed, image->exposed) ==
		      0,
	      "exposed");
	CHECK(rig_attr_set(rig, KVMCORE_SDEI_BINDINGS, image->binding, image->n_bindings) == 0,
	      "bindings");
	CHECK(rig_cmd(rig, -1, KVM_SDEI_CMD_SET_REGISTERED_EVENT, image->n_registered,
		      image->registered) == 0,
	      "registered");
	CHECK(rig_attr_set(rig, KVMCORE_SDEI_HANDLERS, image->handler, image->n_handlers) == 0,
	      "handlers");
	for (unsigned int v = 0; v < rig->n; v++)
		CHECK(rig_cmd(rig, (int)v, KVM_SDEI_CMD_SET_VCPU_EVENT, image->n_queued[v],
			      image->queue[v]) == 0,
		      "vCPU events");
	CHECK(rig_attr_set(rig, KVMCORE_SDEI_PENDING, image->pending, image->n_pending) == 0,
	      "pending");
	for (unsigned int v = 0; v < rig->n; v++)
		CHECK(rig_cmd(rig, (int)v, KVM_SDEI_CMD_SET_VCPU_STATE, 0, &image->state[v]) == 0,
		      "vCPU state");
}

static void expose_all(struct rig *rig)
{
	rig_expose(rig, PRIV, PRIVATE, NORMAL);
	rig_expose(rig, SHRD, SHARED, NORMAL);
	rig_expose(rig, CRIT, PRIVATE, CRITICAL);
	rig_expose(rig, ANY, SHARED, NORMAL);
}

/* Of everything something; four vCPUs as the demo has them, and more. */
static void fill(struct rig *rig)
{
	uint64_t ppi;

	rig_open(rig, KVMCORE_PROFILE_SPEC, 4);
	expose_all(rig);
	ppi = (uint64_t)call(rig, 0, INTERRUPT_BIND, 29);
	call(rig, 0, INTERRUPT_BIND, 40);
	for (unsigned int v = 0; v < 3;
	     v++) { /* vCPU 0: critical over normal, both with more behind */
		rig_arm(rig, v, PRIV);
		rig_arm(rig, v, CRIT);
		rig_arm(rig, v, ppi);
	}
	rig_inject(rig, 0, PRIV);
	enter(rig, 0);
	rig_inject(rig, 0, CRIT);
	enter(rig, 0);
	rig_inject(rig, 0, PRIV);
	kvmcore_raise(rig->vm, 29, 0, &rig->reply);
	rig_inject(rig, 1, PRIV); /* vCPU 1: running, not registered any more */
	enter(rig, 1);
	call(rig, 1, EVENT_UNREGISTER, PRIV);
	call(rig, 2, PE_MASK); /* vCPU 2: masked, one waits; one disabled, one waits */
	rig_inject(rig, 2, CRIT);
	call(rig, 2, EVENT_DISABLE, PRIV);
	rig_inject(rig, 2, PRIV);
	rig_register(rig, 0, ANY, RM_ANY, 0); /* waits in the VM */
	rig_inject(rig, 0, ANY);
	rig_register(rig, 3, SHRD, RM_PE, RIG_MPIDR(3)); /* vCPU 3: an orphan of a shared event */
	call(rig, 3, EVENT_ENABLE, SHRD);
	call(rig, 3, PE_UNMASK);
	rig_inject(rig, 3, SHRD);
	enter(rig, 3);
	call(rig, 3, EVENT_UNREGISTER, SHRD);
}

static void test_what_is_captured_can_be_replayed_and_is_the_same(void)
{
	static struct image first, second;
	struct rig rig, copy;

	fill(&rig);
	capture(&rig, &first);
	CHECK(first.n_handlers == 1 && first.handler[0].num == SHRD && first.handler[0].vcpu == 3 &&
		      first.handler[0].shared == 1 && first.handler[0].affinity == RIG_MPIDR(3),
	      "a handler registered nowhere is in HANDLERS");
	CHECK(first.n_pending == 1 && first.pending[0].num == ANY,
	      "what no PE holds is in PENDING");
	CHECK(first.n_bindings == 2, "bindings are in BINDINGS");
	CHECK(first.registered[0].unregister_pending[0] == 2 &&
		      first.registered[0].registered[0] == 5,
	      "unregister pending is running and not registered");
	rig_open_paused(&copy, KVMCORE_PROFILE_SPEC, 4);
	replay(&copy, &first);
	capture(&copy, &second);
	CHECK(!memcmp(&first, &second, sizeof(first)), "captured again, every byte is the same");
	rig_close(&copy);
	rig_close(&rig);
}

/* Runs every vCPU until nothing is delivered, and writes down what it saw. */
static unsigned int run_on(struct rig *rig, uint64_t *seen, unsigned int max)
{
	unsigned int n = 0;

	for (unsigned int v = 0; v < rig->n; v++)
		do {
			if (rig->reply.delivered && n < max)
				seen[n++] = rig->regs[v].x[0] << 8 | v;
			while (call(rig, v, EVENT_COMPLETE, 0), !rig->reply.returned)
				if (n < max)
					seen[n++] = rig->regs[v].pc;
		} while (enter(rig, v));
	return n;
}

static void test_the_copy_goes_on_as_the_original_would(void)
{
	uint64_t one[64] = { 0 }, two[64] = { 0 };
	static struct image image;
	struct rig rig, copy;
	unsigned int n;

	fill(&rig);
	capture(&rig, &image);
	rig_open_paused(&copy, KVMCORE_PROFILE_SPEC, 4);
	replay(&copy, &image);
	rig_go(&copy);
	memcpy(copy.regs, rig.regs, sizeof(rig.regs));
	for (unsigned int v = 0; v < 4; v++) {
		call(&rig, v, PE_UNMASK);
		call(&copy, v, PE_UNMASK);
	}
	n = run_on(&rig, one, 64);
	CHECK(n > 8 && run_on(&copy, two, 64) == n && !memcmp(one, two, sizeof(one)),
	      "every handler completes at the same place, and what waited follows in the same "
	      "order");
	rig_close(&copy);
	rig_close(&rig);
}

static void test_restored_triggers_are_delivered(void)
{
	struct kvm_sdei_registered_event_state *priv = calloc(1, sizeof(*priv));
	const struct kvm_sdei_vcpu_event_state entry = { PRIV, 1, 0 };
	struct kvm_sdei_vcpu_state state = { .masked = 1,
					     .critical_num = NONE,
					     .normal_num = NONE };
	struct rig rig;

	REQUIRE(priv, "memory");
	*priv = (struct kvm_sdei_registered_event_state){
		.num = PRIV, .ep_address = { 8 }, .registered = { 1 }, .enabled = { 1 }
	};
	for (unsigned int masked = 0; masked < 2; masked++) {
		rig_open_paused(&rig, KVMCORE_PROFILE_SPEC, 1);
		expose_all(&rig);
		rig_cmd(&rig, -1, KVM_SDEI_CMD_SET_REGISTERED_EVENT, 1, priv);
		rig_cmd(&rig, 0, KVM_SDEI_CMD_SET_VCPU_EVENT, 1, &entry);
		state.masked = (uint8_t)masked;
		CHECK(rig_cmd(&rig, 0, KVM_SDEI_CMD_SET_VCPU_STATE, 0, &state) == 0,
		      "the state is set");
		rig_go(&rig);
		CHECK(enter(&rig, 0) == !masked,
		      "an unmasked PE runs it at once, a masked one does not (M4)");
		call(&rig, 0, PE_UNMASK);
		CHECK(enter(&rig, 0) == masked, "but on unmask");
		rig_close(&rig);
	}
	free(priv);
}

/* --- Refusals ------------------------------------------------------------------------------------- */

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

static void test_info_says_what_the_service_is(void)
{
	struct kvmcore_sdei_info info = { 0 };
	struct kvm_device_attr attr = { .group = KVMCORE_GROUP_SDEI,
					.attr = KVMCORE_SDEI_INFO,
					.addr = (uintptr_t)&info };
	struct rig rig;

	rig_open_paused(&rig, KVMCORE_PROFILE_SPEC, 1);
	CHECK(kvmcore_ioctl(rig.vm, -1, KVM_GET_DEVICE_ATTR, &attr) == 0, "INFO can be read");
	CHECK(info.profile == KVMCORE_PROFILE_SPEC && info.version == 0x0001000000000000 &&
		      info.private_slots == 3 && info.shared_slots == 3 && info.n_events == 128,
	      "profile, version, slots and limit");
	rig_close(&rig);
}

int main(void)
{
	return RUN_TESTS(test_what_is_captured_can_be_replayed_and_is_the_same,
			 test_the_copy_goes_on_as_the_original_would,
			 test_restored_triggers_are_delivered,
			 test_impossible_registered_events_are_refused,
			 test_impossible_routes_of_shared_events_are_refused,
			 test_impossible_vcpu_events_are_refused,
			 test_impossible_vcpu_states_are_refused,
			 test_one_shared_handler_runs_in_the_system,
			 test_groups_are_set_before_the_vm_runs,
			 test_info_says_what_the_service_is);
}
