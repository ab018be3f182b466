// SPDX-License-Identifier: Apache-2.0
/*
 * Each invariant of a state broken once: refused, by the name of what is wrong, before anything is set.
 */
#include "scene.h"

#include <errno.h>
#include <sdeistate/sdeistate.h>
#include <stdlib.h>

static struct kvm_sdei_registered_event_state *event_of(struct sdeistate *s, uint64_t num)
{
	for (unsigned int i = 0; i < s->n_registered; i++)
		if (s->registered[i].num == num)
			return &s->registered[i];
	return NULL;
}

static struct kvm_sdei_vcpu_event_state *queued_on(struct sdeistate *s, unsigned int vcpu)
{
	return &s->vcpu_events[s->vcpu[vcpu].first_event];
}

#define MUTATE(name, statement)               \
	static void name(struct sdeistate *s) \
	{                                     \
		statement;                    \
	}

MUTATE(two_mpidrs, s->vcpu[1].mpidr = s->vcpu[0].mpidr)
MUTATE(two_ids, s->vcpu[1].vcpu_id = s->vcpu[0].vcpu_id)
MUTATE(no_mpidr, s->vcpu[1].mpidr |= 1u << 31)
MUTATE(odd_power, s->vcpu[1].mp_state = 3)
MUTATE(odd_profile, s->vm.profile = 9)
MUTATE(many_slots, s->vm.private_slots = 65)
MUTATE(no_info, s->vm.has_sdei_info = false)
MUTATE(queue_count, s->vcpu[2].n_events = 2)
MUTATE(exposed_number, s->exposed[3].num = UINT64_C(1) << 32)
MUTATE(exposed_twice, s->exposed[1].num = s->exposed[0].num)
MUTATE(exposed_type, s->exposed[0].type = 2)
MUTATE(exposed_priority, s->exposed[0].priority = 2)
MUTATE(exposed_notifier, s->exposed[0].notifier = 1)
MUTATE(exposed_padding, s->exposed[0].padding[2] = 1)
MUTATE(registered_unknown, event_of(s, SHARED)->num = SHARED + 1)
MUTATE(registered_twice, s->registered[1].num = s->registered[0].num)
MUTATE(route_mode, event_of(s, SHARED)->route_mode = 2)
MUTATE(private_route, event_of(s, NORMAL)->route_mode = 1)
MUTATE(any_affinity, event_of(s, SHARED)->route_affinity = 0x100)
MUTATE(routed_nowhere, event_of(s, SHARED)->route_mode = 1;
       event_of(s, SHARED)->route_affinity = 0x77)
MUTATE(slot_above, event_of(s, NORMAL)->registered[0] |= 1u << 4)
MUTATE(shared_slot, event_of(s, SHARED)->registered[0] |= 2)
MUTATE(enabled_alone, event_of(s, NORMAL)->enabled[0] |= 2)
MUTATE(nowhere, event_of(s, CRITICAL)->registered[0] = event_of(s, CRITICAL)->enabled[0] = 0)
MUTATE(pending_registered, event_of(s, NORMAL)->unregister_pending[0] |= 1)
MUTATE(pending_idle, event_of(s, NORMAL)->unregister_pending[0] |= 2)
MUTATE(pending_shared, event_of(s, SHARED)->unregister_pending[0] = 1)
MUTATE(hole, event_of(s, NORMAL)->hole[0] = 1)
MUTATE(stale_slot, event_of(s, NORMAL)->ep_arg[9] = 1)
MUTATE(no_entry, event_of(s, NORMAL)->ep_address[0] = 0)
MUTATE(binding_intid, s->bindings[0].intid = 15)
MUTATE(binding_ppi, s->bindings[0].intid = 20)
MUTATE(binding_slot, s->bindings[0].slot = 3)
MUTATE(binding_exposed, s->bindings[0].num = NORMAL)
MUTATE(binding_active, s->bindings[0].active[0] = 2)
MUTATE(handler_vcpu, s->handlers[0].vcpu = 4)
MUTATE(handler_elsewhere, s->handlers[0].vcpu = 2)
MUTATE(handler_kind, s->handlers[0].shared = 1)
MUTATE(handler_unknown, s->handlers[0].num = 0x400009)
MUTATE(handler_registered, s->handlers[0].num = NORMAL)
MUTATE(queued_unknown, queued_on(s, 2)->num = 0x400009)
MUTATE(queued_unregistered, s->n_handlers = 0)
MUTATE(queued_none, queued_on(s, 2)->event_count = 0)
MUTATE(queued_many, queued_on(s, 2)->event_count = 2)
MUTATE(queued_padding, queued_on(s, 2)->padding = 1)
MUTATE(queued_shared, queued_on(s, 2)->num = SHARED)
MUTATE(queued_twice, queued_on(s, 0)[1].num = CRITICAL)
MUTATE(queue_order, struct kvm_sdei_vcpu_event_state first = queued_on(s, 0)[0];
       queued_on(s, 0)[0] = queued_on(s, 0)[1]; queued_on(s, 0)[1] = first)
MUTATE(pending_private, s->pending[0].num = NORMAL)
MUTATE(pending_placed, s->pending[0].vcpu = 0)
MUTATE(pending_count, s->pending[0].count = 2)
MUTATE(pending_routed, event_of(s, SHARED)->route_mode = 1;
       event_of(s, SHARED)->route_affinity = s->vcpu[0].mpidr)
MUTATE(masked, s->vcpu_state[0].masked = 2)
MUTATE(state_padding, s->vcpu_state[0].padding[6] = 1)
MUTATE(idle_regs, s->vcpu_state[2].normal_regs.pc = 1)
MUTATE(runs_nothing, s->vcpu_state[2].normal_num = 0x400009)
MUTATE(wrong_class, s->vcpu_state[0].normal_num = CRITICAL)
MUTATE(runs_unqueued, s->vcpu_state[2].critical_num = CRITICAL)
MUTATE(runs_unregistered, s->vcpu_state[3].normal_num = 0)
MUTATE(runs_off, s->vcpu[0].mp_state = KVM_MP_STATE_STOPPED)
MUTATE(v7_too, s->v7 = calloc(4, sizeof(*s->v7)))

static const struct {
	void (*mutate)(struct sdeistate *state);
	const char *object, *field;
} mutant[] = {
	{ two_mpidrs, "vcpu 1", "mpidr" },
	{ two_ids, "vcpu 1", "vcpu_id" },
	{ no_mpidr, "vcpu 1", "mpidr" },
	{ odd_power, "vcpu 1", "mp_state" },
	{ odd_profile, "vm", "profile" },
	{ many_slots, "vm", "slots" },
	{ no_info, "vm", "sdei_info" },
	{ queue_count, "vcpu 3", "first_event" },
	{ exposed_number, "exposed event 0x100000000", "num" },
	{ exposed_twice, "exposed event 0x400000", "num" },
	{ exposed_type, "exposed event 0x400000", "type" },
	{ exposed_priority, "exposed event 0x400000", "priority" },
	{ exposed_notifier, "exposed event 0x400000", "notifier" },
	{ exposed_padding, "exposed event 0x400000", "padding" },
	{ registered_unknown, "registered event 0x400003", "num" },
	{ registered_twice, "registered event 0x400000", "num" },
	{ route_mode, "registered event 0x400002", "route_mode" },
	{ private_route, "registered event 0x400000", "route_mode" },
	{ any_affinity, "registered event 0x400002", "route_affinity" },
	{ routed_nowhere, "registered event 0x400002", "route_affinity" },
	{ slot_above, "registered event 0x400000", "registered" },
	{ shared_slot, "registered event 0x400002", "registered" },
	{ enabled_alone, "registered event 0x400000", "enabled" },
	{ nowhere, "registered event 0x400001", "registered" },
	{ pending_registered, "registered event 0x400000", "unregister_pending" },
	{ pending_idle, "registered event 0x400000", "unregister_pending" },
	{ pending_shared, "registered event 0x400002", "unregister_pending" },
	{ hole, "registered event 0x400000", "padding" },
	{ stale_slot, "registered event 0x400000", "ep_address" },
	{ no_entry, "registered event 0x400000", "ep_address" },
	{ binding_intid, "binding 0x40800100", "intid" },
	{ binding_ppi, "binding 0x40800100", "intid" },
	{ binding_slot, "binding 0x40800100", "slot" },
	{ binding_exposed, "binding 0x400000", "num" },
	{ binding_active, "binding 0x40800100", "active" },
	{ handler_vcpu, "handler of event 0x40400004 on vcpu 4", "vcpu" },
	{ handler_elsewhere, "handler of event 0x40400004 on vcpu 2", "vcpu" },
	{ handler_kind, "handler of event 0x40400004 on vcpu 1", "shared" },
	{ handler_unknown, "handler of event 0x400009 on vcpu 1", "num" },
	{ handler_registered, "handler of event 0x400000 on vcpu 1", "num" },
	{ queued_unknown, "queued event 0x400009 of vcpu 2", "num" },
	{ queued_unregistered, "queued event 0x40400004 of vcpu 1", "num" },
	{ queued_none, "queued event 0x400000 of vcpu 2", "event_count" },
	{ queued_many, "queued event 0x400000 of vcpu 2", "event_count" },
	{ queued_padding, "queued event 0x400000 of vcpu 2", "padding" },
	{ queued_shared, "queued event 0x400002 of vcpu 2", "vcpu" },
	{ queued_twice, "queued event 0x400001 of vcpu 0", "num" },
	{ queue_order, "queued event 0x400001 of vcpu 0", "position" },
	{ pending_private, "pending event 0x400000", "num" },
	{ pending_placed, "pending event 0x400002", "vcpu" },
	{ pending_count, "pending event 0x400002", "count" },
	{ pending_routed, "pending event 0x400002", "route_mode" },
	{ masked, "vcpu 0", "masked" },
	{ state_padding, "vcpu 0", "padding" },
	{ idle_regs, "vcpu 2", "normal_regs" },
	{ runs_nothing, "vcpu 2", "normal_num" },
	{ wrong_class, "vcpu 0", "normal_num" },
	{ runs_unqueued, "vcpu 2", "critical_num" },
	{ runs_unregistered, "vcpu 3", "normal_num" },
	{ runs_off, "vcpu 0", "critical_num" },
	{ v7_too, "vm", "sdei-v7" },
};

static struct sdeistate *take(struct model *m)
{
	struct sdeistate *state = NULL;
	struct sdeistate_error err = { 0 };

	if (!CHECK(sdeistate_capture(&m->port, NULL, &state, &err) == 0, "the scene is captured"))
		fprintf(stderr, "%s %s: %s, not %s\n", err.object, err.field, err.actual,
			err.expected);
	return state;
}

static void test_the_scene_holds_everything(void)
{
	struct model m = scene_everything();
	struct sdeistate_error err = { 0 };
	struct sdeistate *s = take(&m);

	REQUIRE(s, "captured");
	CHECK(sdeistate_validate(s, &err) == 0, "and is consistent");
	CHECK(s->n_exposed == 4 && s->n_registered == 3 && s->n_bindings == 1, "events");
	CHECK(s->n_handlers == 1 && s->handlers[0].vcpu == 1, "a handler registered nowhere");
	CHECK(s->n_pending == 1 && s->pending[0].num == SHARED, "a trigger no PE has taken");
	CHECK(s->vcpu_state[0].critical_num == CRITICAL && s->vcpu_state[0].normal_num == NORMAL,
	      "nested handlers");
	CHECK(s->vcpu_state[2].masked && s->vcpu[2].n_events == 1, "a masked PE with a queue");
	CHECK(s->vcpu[3].mp_state == KVM_MP_STATE_STOPPED, "a PE that is off");
	sdeistate_free(s);
	model_free(&m);
}

static void test_each_broken_invariant_is_named(void)
{
	struct model m = scene_everything(), to = scene_fresh(KVMCORE_PROFILE_SPEC, 4);
	uint64_t epoch = kvmcore_epoch(to.vm);

	for (size_t i = 0; i < ARRAY_SIZE(mutant); i++) {
		struct sdeistate_error err = { 0 };
		struct sdeistate *state = take(&m);

		REQUIRE(state, "captured");
		mutant[i].mutate(state);
		CHECK(sdeistate_validate(state, &err) == -EINVAL &&
			      err.reason == SDEISTATE_INCONSISTENT,
		      "a broken invariant is inconsistent");
		if (!CHECK(!strcmp(err.object, mutant[i].object) &&
				   !strcmp(err.field, mutant[i].field),
			   "and named"))
			fprintf(stderr, "row %zu: expected '%s' '%s', got '%s' '%s' (%s, not %s)\n",
				i, mutant[i].object, mutant[i].field, err.object, err.field,
				err.actual, err.expected);
		CHECK(err.expected[0] && err.actual[0],
		      "with what was expected and what was found");
		CHECK(sdeistate_replay(state, &to.port, &err) == -EINVAL, "it is not replayed");
		sdeistate_free(state);
	}
	CHECK(kvmcore_epoch(to.vm) == epoch, "nothing at the destination has changed");
	model_free(&m);
	model_free(&to);
}

int main(void)
{
	return RUN_TESTS(test_the_scene_holds_everything, test_each_broken_invariant_is_named);
}
