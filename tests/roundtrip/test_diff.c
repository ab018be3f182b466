// SPDX-License-Identifier: Apache-2.0
/*
 * Differences by field path, and a proof that fails on one.
 */
#include "hooked.h"
#include "scene.h"

#include <sdeistate/sdeistate.h>

struct heard {
	unsigned int n;
	char path[128];
	bool in_a, in_b;
	uint64_t a, b;
	uint32_t record;
	int answer;
};

static int hear(void *user, const struct sdeistate_change *change)
{
	struct heard *heard = user;

	if (heard->n++ == 0) {
		snprintf(heard->path, sizeof(heard->path), "%s", change->path);
		heard->in_a = change->in_a;
		heard->in_b = change->in_b;
		heard->a = change->a;
		heard->b = change->b;
		heard->record = change->record;
	}
	return heard->answer;
}

static struct sdeistate *take(struct model *m)
{
	const struct sdeistate_capture_options options = { .flags = SDEISTATE_CAPTURE_REGS };
	struct sdeistate *state = NULL;

	CHECK(sdeistate_capture(&m->port, &options, &state, NULL) == 0, "captured");
	return state;
}

#define CHANGE(name, statement)               \
	static void name(struct sdeistate *s) \
	{                                     \
		statement;                    \
	}

CHANGE(profile, s->vm.profile = KVMCORE_PROFILE_KVM_V5)
CHANGE(power, s->vcpu[1].mp_state = KVM_MP_STATE_SUSPENDED)
CHANGE(priority, s->exposed[0].priority = 1)
CHANGE(argument, s->registered[0].ep_arg[2] ^= 1)
CHANGE(enabled, s->registered[1].enabled[0] = 0)
CHANGE(intid, s->bindings[0].intid = 41)
CHANGE(handler, s->handlers[0].ep_arg = 5)
CHANGE(queue, s->vcpu_events[s->vcpu[2].first_event].event_count = 9)
CHANGE(pending, s->pending[0].count = 2)
CHANGE(context, s->vcpu_state[0].critical_regs.regs[7] ^= 1)
CHANGE(mask, s->vcpu_state[1].masked ^= 1)
CHANGE(general, s->regs[3].value[32] ^= 1)

static void test_each_field_has_its_path(void)
{
	static const struct {
		void (*change)(struct sdeistate *state);
		const char *path;
		uint32_t record;
	} row[] = {
		{ profile, "vm.profile", SDEISTATE_RECORD_TOPOLOGY },
		{ power, "vcpu[1].mp_state", SDEISTATE_RECORD_TOPOLOGY },
		{ priority, "exposed[0x400000].priority", SDEISTATE_RECORD_SDEI_EXPOSED },
		{ argument, "registered[0x400000].ep_arg[2]", SDEISTATE_RECORD_SDEI_REGISTERED },
		{ enabled, "registered[0x400001].enabled[0]", SDEISTATE_RECORD_SDEI_REGISTERED },
		{ intid, "bindings[0x40800100].intid", SDEISTATE_RECORD_SDEI_BINDINGS },
		{ handler, "handlers[0x40400004@1].ep_arg", SDEISTATE_RECORD_SDEI_HANDLERS },
		{ queue, "vcpu[2].queue[0].event_count", SDEISTATE_RECORD_SDEI_VCPU_EVENTS },
		{ pending, "pending[0x400002].count", SDEISTATE_RECORD_SDEI_PENDING },
		{ context, "vcpu_state[0].critical_regs.regs[7]",
		  SDEISTATE_RECORD_SDEI_VCPU_STATE },
		{ mask, "vcpu_state[1].masked", SDEISTATE_RECORD_SDEI_VCPU_STATE },
		{ general, "vcpu_regs[3].pc", SDEISTATE_RECORD_VCPU_REGS },
	};
	struct model m = scene_everything();
	struct sdeistate *a = take(&m);

	for (size_t i = 0; i < ARRAY_SIZE(row) && a; i++) {
		struct heard heard = { 0 };
		struct sdeistate *b = take(&m);

		REQUIRE(b, "captured");
		CHECK(sdeistate_diff(a, b, hear, &heard) == 0 && heard.n == 0,
		      "the same state does not differ");
		row[i].change(b);
		CHECK(sdeistate_diff(a, b, hear, &heard) == 0 && heard.n == 1, "one change is one");
		if (!CHECK(!strcmp(heard.path, row[i].path), "with its path"))
			fprintf(stderr, "expected %s, heard %s\n", row[i].path, heard.path);
		CHECK(heard.record == row[i].record && heard.in_a && heard.in_b &&
			      heard.a != heard.b,
		      "its record, and both values");
		sdeistate_free(b);
	}
	sdeistate_free(a);
	model_free(&m);
}

static void test_what_only_one_side_has(void)
{
	struct model m = scene_everything();
	struct sdeistate *a = take(&m), *b = take(&m);
	struct heard heard = { 0 }, stopped = { .answer = 7 };

	REQUIRE(a && b, "captured");
	b->n_registered--;
	CHECK(sdeistate_diff(a, b, hear, &heard) == 0 && heard.n == 1 && heard.in_a && !heard.in_b,
	      "an event that is gone is one change");
	CHECK(!strcmp(heard.path, "registered[0x400002]"), "named without a field");
	b->n_exposed--;
	CHECK(sdeistate_diff(a, b, hear, &stopped) == 7 && stopped.n == 1,
	      "whoever listens may end it");
	sdeistate_free(a);
	sdeistate_free(b);
	model_free(&m);
}

/* A destination that keeps one argument wrong. */
static void spoil(struct hooked *hooked, int vcpu, unsigned long cmd, void *arg)
{
	struct kvm_sdei_cmd *command = arg;
	struct kvm_sdei_registered_event_state *event = (void *)(uintptr_t)command->pointer;

	(void)vcpu;
	(void)hooked;
	if (cmd == KVM_ARM_SDEI_COMMAND && command->cmd == KVM_SDEI_CMD_GET_REGISTERED_EVENT &&
	    command->count)
		event[0].ep_arg[0] ^= 4;
}

static void test_a_proof_names_what_differs(void)
{
	struct model m = scene_everything(), to = scene_fresh(KVMCORE_PROFILE_SPEC, 4);
	struct sdeistate *state = take(&m);
	uint8_t digest[SDEISTATE_DIGEST_SIZE] = { 0 }, untouched[SDEISTATE_DIGEST_SIZE] = { 0 };
	struct sdeistate_error err = { 0 };
	struct hooked hooked;

	REQUIRE(state, "captured");
	hooked_begin(&hooked, to.vm);
	CHECK(sdeistate_replay(state, &hooked.port, &err) == 0, "replayed");
	hooked.tamper = spoil;
	CHECK(sdeistate_prove(state, &hooked.port, digest, &err) == -ESTALE &&
		      err.reason == SDEISTATE_DIFFERS,
	      "a difference fails the proof");
	CHECK(!strcmp(err.field, "registered[0x400000].ep_arg[0]"), "by the field's path");
	CHECK(strstr(err.expected, "ep_arg[0]=0x") && strcmp(err.expected, err.actual),
	      "with both values");
	CHECK(!memcmp(digest, untouched, sizeof(digest)), "and no digest is given");
	hooked.tamper = NULL;
	CHECK(sdeistate_prove(state, &hooked.port, digest, &err) == 0, "else it holds");
	sdeistate_free(state);
	model_free(&m);
	model_free(&to);
}

/* --- Conversion: what is kept, and what is told ----------------------------------------------------- */

static void test_v7_and_v5_tell_event_0_alike(void)
{
	struct model m = scene_vm(KVMCORE_PROFILE_KVM_V7, 2);
	struct sdeistate *v7 = NULL, *v5 = NULL, *again = NULL;
	struct heard heard = { 0 };

	scene_register(&m, 0, 0);
	model_call(&m, 0, SDEI_PE_UNMASK, 0, 0, 0);
	scene_trigger(&m, 0, 0);
	CHECK(scene_enter(&m, 0) == 0, "event 0 runs");
	scene_trigger(&m, 0, 0);
	kvmcore_pause(m.vm);
	v7 = take(&m);
	REQUIRE(v7, "captured");
	CHECK(sdeistate_convert(v7, KVMCORE_PROFILE_KVM_V5, 0, NULL, NULL, &v5, NULL) == 0,
	      "nothing is lost on the way");
	CHECK(v5 && v5->n_vcpu_events == 1 && v5->vcpu_events[0].event_count == 2,
	      "the run and the trigger behind it are counted");
	CHECK(v5 && sdeistate_convert(v5, KVMCORE_PROFILE_KVM_V7, 0, NULL, NULL, &again, NULL) == 0,
	      "nor on the way back");
	CHECK(again && sdeistate_diff(v7, again, hear, &heard) == 0 && heard.n == 0,
	      "it is the same state");
	sdeistate_free(v7);
	sdeistate_free(v5);
	sdeistate_free(again);
	model_free(&m);
}

struct losses {
	unsigned int n;
	bool binding, pending, version;
};

static void note_loss(void *user, const char *object, const char *field, const char *text)
{
	struct losses *losses = user;

	losses->n++;
	losses->binding |= !strcmp(object, "event 0x40800100") && !strcmp(field, "binding");
	losses->pending |= !strcmp(object, "event 0x400002") && !strcmp(field, "pending");
	losses->version |= !strcmp(field, "sdei_version") && strstr(text, "0x10001004b564d");
}

/* The handler that left while running: v5 keeps it registered on its vCPU, marked. */
static bool keeps_leaving_handler(const struct sdeistate *state)
{
	for (unsigned int i = 0; i < state->n_registered; i++)
		if (state->registered[i].num == LEAVING)
			return state->registered[i].registered[0] == 2 &&
			       state->registered[i].unregister_pending[0] == 2;
	return false;
}

/* Every 64-bit word of what a vCPU holds in v7 is a field of its own. */
static void test_no_word_of_v7_is_overlooked(void)
{
	struct sdeistate_v7 held[2] = { { .running = 0 } };
	struct sdeistate_vcpu vcpu = { .mpidr = 0 };
	struct sdeistate a = {
		.vm.profile = KVMCORE_PROFILE_KVM_V7, .vcpu = &vcpu, .n_vcpus = 1, .v7 = &held[0]
	};
	struct sdeistate b = a;
	const size_t reserved = offsetof(struct sdeistate_v7, context.reserved) / 8;
	char before[128] = "";

	b.v7 = &held[1];
	for (size_t i = 0; i < sizeof(held[0]) / 8; i++) {
		struct heard heard = { 0 };

		if (i >= reserved && i < reserved + ARRAY_SIZE(held[0].context.reserved))
			continue; /* zero in a valid state */
		((uint64_t *)&held[1])[i] = 1;
		CHECK(sdeistate_diff(&a, &b, hear, &heard) == 0 && heard.n == 1,
		      "one word is one change");
		CHECK(strcmp(heard.path, before) != 0, "with a path of its own");
		snprintf(before, sizeof(before), "%s", heard.path);
		((uint64_t *)&held[1])[i] = 0;
	}
}

static void test_losses_are_told_by_name(void)
{
	struct model m = scene_everything();
	struct sdeistate *state = take(&m), *converted = NULL;
	struct sdeistate_error err = { 0 };
	struct losses losses = { 0 };

	REQUIRE(state, "captured");
	CHECK(sdeistate_convert(state, KVMCORE_PROFILE_KVM_V5, 0, note_loss, &losses, &converted,
				&err) == -EOPNOTSUPP &&
		      err.reason == SDEISTATE_LOSSY && !converted,
	      "refused by default");
	CHECK(losses.binding && losses.pending && losses.version, "with the whole list");
	CHECK(sdeistate_convert(state, KVMCORE_PROFILE_KVM_V5, SDEISTATE_CONVERT_LOSSY, NULL, NULL,
				&converted, &err) == 0,
	      "unless it is allowed");
	CHECK(converted && keeps_leaving_handler(converted), "what v5 can say is said its way");
	sdeistate_free(state);
	sdeistate_free(converted);
	model_free(&m);
}

int main(void)
{
	return RUN_TESTS(test_each_field_has_its_path, test_what_only_one_side_has,
			 test_a_proof_names_what_differs, test_v7_and_v5_tell_event_0_alike,
			 test_no_word_of_v7_is_overlooked, test_losses_are_told_by_name);
}
