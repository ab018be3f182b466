// SPDX-License-Identifier: Apache-2.0
/*
 * The invariants that take more than one changed field to break: counts, orders, second entries, other types and
 * profiles. Together with the mutants of the plain ones every refusal of sdeistate_validate() is reached.
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

/* The first entry of a list once more. */
#define AGAIN(s, list)                                                              \
	((s)->list = realloc((s)->list, 2 * sizeof(*(s)->list)), (s)->n_##list = 2, \
	 (s)->list[1] = (s)->list[0])

static void drop_queue(struct sdeistate *s, unsigned int vcpu)
{
	const unsigned int n = s->vcpu[vcpu].n_events, first = s->vcpu[vcpu].first_event;

	memmove(&s->vcpu_events[first], &s->vcpu_events[first + n],
		(s->n_vcpu_events - first - n) * sizeof(*s->vcpu_events));
	s->vcpu[vcpu].n_events = 0;
	s->n_vcpu_events -= n;
	for (unsigned int i = vcpu + 1; i < s->n_vcpus; i++)
		s->vcpu[i].first_event -= n;
}

/* Only what kvm-v5 knows, but for what a row leaves in. */
static void as_v5(struct sdeistate *s)
{
	s->vm.profile = KVMCORE_PROFILE_KVM_V5;
	s->n_bindings = 0;
}

static void unregister(struct sdeistate *s, uint64_t num, unsigned int vcpu)
{
	struct kvm_sdei_registered_event_state *event = event_of(s, num);

	event->registered[0] &= ~(UINT64_C(1) << vcpu);
	event->enabled[0] &= ~(UINT64_C(1) << vcpu);
	event->ep_address[vcpu] = event->ep_arg[vcpu] = 0;
}

/* clang-format off */
#define MUTATE(name, ...) static void name(struct sdeistate *s) { __VA_ARGS__; }
MUTATE(wide_ipa, s->vm.ipa_bits = 65)
MUTATE(endless_kernel, memset(s->vm.kernel, 'a', sizeof(s->vm.kernel)))
MUTATE(unknown_type, s->vm.type = KVMCORE_NR_VM_TYPES)
MUTATE(sdei_on_s390, s->vm.type = KVMCORE_VM_S390)
MUTATE(realm_without_log, s->vm.type = KVMCORE_VM_REALM)
MUTATE(vcpus_513, s->n_vcpus = 513)
MUTATE(event_of_nobody, s->n_vcpu_events++)
MUTATE(no_vcpu_state, free(s->vcpu_state); s->vcpu_state = NULL)
MUTATE(shared_event_0, s->exposed[0].num = 0; s->exposed[0].type = 1)
MUTATE(exposed_129, s->n_exposed = 129)
MUTATE(registered_129, s->n_registered = 129)
MUTATE(bindings_129, s->n_bindings = 129)
MUTATE(handlers_1025, s->n_handlers = SDEISTATE_MAX_HANDLERS + 1)
MUTATE(binding_twice, AGAIN(s, bindings))
MUTATE(intid_twice, AGAIN(s, bindings); s->bindings[1].num++)
MUTATE(slot_twice, AGAIN(s, bindings); s->bindings[1].num++; s->bindings[1].intid++)
MUTATE(binding_of_2, s->bindings[0].shared = 2)
MUTATE(binding_of_event_0, s->bindings[0].num = 0)
MUTATE(binding_padding, s->bindings[0].pad[1] = 1)
MUTATE(binding_in_v5, s->vm.profile = KVMCORE_PROFILE_KVM_V5)
MUTATE(handler_twice, AGAIN(s, handlers))
MUTATE(handler_route, s->handlers[0].route_mode = 2)
MUTATE(handler_padding, s->handlers[0].pad[0] = 1)
MUTATE(handler_in_v5, as_v5(s))
MUTATE(pending_twice, AGAIN(s, pending))
MUTATE(pending_in_v5, as_v5(s); s->n_handlers = 0; drop_queue(s, 1))
MUTATE(queued_elsewhere, event_of(s, SHARED)->route_mode = 1;
       event_of(s, SHARED)->route_affinity = s->vcpu[0].mpidr; queued_on(s, 2)->num = SHARED)
MUTATE(queue_of_258, s->vcpu_events = realloc(s->vcpu_events, 600 * sizeof(*s->vcpu_events));
       s->n_vcpu_events += 258 - s->vcpu[3].n_events; s->vcpu[3].n_events = 258)
MUTATE(runs_unhandled, s->vcpu_state[2].normal_num = NORMAL; unregister(s, NORMAL, 2))
MUTATE(runs_twice, queued_on(s, 0)[1].num = SHARED; s->vcpu_state[0].normal_num = SHARED;
       queued_on(s, 2)->num = SHARED; s->vcpu_state[2].normal_num = SHARED)
MUTATE(regions_17, s->regions = calloc(17, sizeof(*s->regions)); s->n_regions = 17)
MUTATE(region_at_the_end, s->regions = calloc(1, sizeof(*s->regions)); s->n_regions = 1;
       s->regions[0] = (struct sdeistate_region){ UINT64_MAX, 8, calloc(1, 8) })
MUTATE(guarded_65537, s->guard.enrolled = true; s->guard.granule = 4096;
       s->n_guarded = SDEISTATE_MAX_GUARD + 1)

MUTATE(v7_event_2, s->v7[1].registered = 4)
MUTATE(v7_enabled_alone, s->v7[0].enabled = 1)
MUTATE(v7_both_run, s->v7[0].running = 3)
MUTATE(v7_masked_twice, s->v7[0].pe_state = 2)
MUTATE(v7_idle_context, s->v7[0].context.pc = 1)
MUTATE(v7_idle_handler, s->v7[0].handler[0].ep_arg = 1)
MUTATE(v7_commands, s->exposed = calloc(1, sizeof(*s->exposed)); s->n_exposed = 1)
MUTATE(v7_absent, free(s->v7); s->v7 = NULL)
/* clang-format on */

struct mutant {
	void (*mutate)(struct sdeistate *state);
	const char *object, *field;
};

static const struct mutant mutants[] = {
	{ wide_ipa, "vm", "ipa_bits" },
	{ endless_kernel, "vm", "kernel" },
	{ unknown_type, "vm", "type" },
	{ sdei_on_s390, "vm", "sdei_info" },
	{ realm_without_log, "vm", "realm" },
	{ vcpus_513, "vcpus", "count" },
	{ event_of_nobody, "vcpus", "n_events" },
	{ no_vcpu_state, "vm", "sdei-vcpu-state" },
	{ shared_event_0, "exposed event 0x0", "type" },
	{ exposed_129, "exposed events", "count" },
	{ registered_129, "registered events", "count" },
	{ bindings_129, "bindings", "count" },
	{ handlers_1025, "handlers", "count" },
	{ binding_twice, "binding 0x40800100", "num" },
	{ intid_twice, "binding 0x40800101", "intid" },
	{ slot_twice, "binding 0x40800101", "slot" },
	{ binding_of_2, "binding 0x40800100", "shared" },
	{ binding_of_event_0, "binding 0x0", "num" },
	{ binding_padding, "binding 0x40800100", "pad" },
	{ binding_in_v5, "bindings", "count" },
	{ handler_twice, "handler of event 0x40400004 on vcpu 1", "num" },
	{ handler_route, "handler of event 0x40400004 on vcpu 1", "route_mode" },
	{ handler_padding, "handler of event 0x40400004 on vcpu 1", "pad" },
	{ handler_in_v5, "handler of event 0x40400004 on vcpu 1", "registered" },
	{ pending_twice, "pending event 0x400002", "num" },
	{ pending_in_v5, "pending events", "count" },
	{ queued_elsewhere, "queued event 0x400002 of vcpu 2", "vcpu" },
	{ queue_of_258, "vcpu 3", "events" },
	{ runs_unhandled, "vcpu 2", "normal_num" },
	{ runs_twice, "shared event 0x400002", "running" },
	{ regions_17, "guest memory", "regions" },
	{ region_at_the_end, "guest memory at 0xffffffffffffffff", "ipa" },
	{ guarded_65537, "MMIO guard", "ranges" },
}, v7_mutants[] = {
	{ v7_event_2, "pseudo-registers of vcpu 1", "events" },
	{ v7_enabled_alone, "pseudo-registers of vcpu 0", "enabled" },
	{ v7_both_run, "pseudo-registers of vcpu 0", "running" },
	{ v7_masked_twice, "pseudo-registers of vcpu 0", "pe_state" },
	{ v7_idle_context, "pseudo-registers of vcpu 0", "context" },
	{ v7_idle_handler, "pseudo-registers of vcpu 0", "handler" },
	{ v7_commands, "vm", "events of the 13 commands" },
	{ v7_absent, "vm", "sdei-v7" },
};

/* Counts are put back before the state is freed: some of them are lies. */
static void check_mutant(struct model *m, const struct mutant *mutant)
{
	struct sdeistate *state = NULL;
	struct sdeistate_error err = { 0 };
	unsigned int n_vcpus;

	REQUIRE(sdeistate_capture(&m->port, NULL, &state, &err) == 0 &&
			sdeistate_validate(state, &err) == 0,
		"what is captured is consistent");
	n_vcpus = state->n_vcpus;
	mutant->mutate(state);
	CHECK(sdeistate_validate(state, &err) == -EINVAL && err.reason == SDEISTATE_INCONSISTENT,
	      "a broken invariant is inconsistent");
	if (!CHECK(!strcmp(err.object, mutant->object) && !strcmp(err.field, mutant->field),
		   "and named"))
		fprintf(stderr, "expected '%s' '%s', got '%s' '%s' (%s, not %s)\n", mutant->object,
			mutant->field, err.object, err.field, err.actual, err.expected);
	CHECK(err.expected[0] && err.actual[0], "with what was expected and what was found");
	state->n_vcpus = n_vcpus;
	sdeistate_free(state);
}

static void test_each_rare_invariant_is_named(void)
{
	struct model m = scene_everything();

	for (size_t i = 0; i < ARRAY_SIZE(mutants); i++)
		check_mutant(&m, &mutants[i]);
	model_free(&m);
}

static void test_each_invariant_of_v7_is_named(void)
{
	struct model m = scene_fresh(KVMCORE_PROFILE_KVM_V7, 2);

	for (size_t i = 0; i < ARRAY_SIZE(v7_mutants); i++)
		check_mutant(&m, &v7_mutants[i]);
	model_free(&m);
}

int main(void)
{
	return RUN_TESTS(test_each_rare_invariant_is_named, test_each_invariant_of_v7_is_named);
}
