// SPDX-License-Identifier: Apache-2.0
/*
 * What a migration of the posted ABI must not get wrong, one test per case; the case's number in the
 * name.
 */
#include "hooked.h"
#include "scene.h"

#include <sdeistate/sdeistate.h>

static const struct sdeistate_capture_options with_regs = { .flags = SDEISTATE_CAPTURE_REGS };

/* Through bytes into another VM, proved. The source is paused. */
static bool move(struct model *from, struct model *to)
{
	struct sdeistate *state = NULL, *received = NULL;
	struct sdeistate_buffer stream = { .len = 0 };
	struct sdeistate_error err = { 0 };
	uint8_t digest[SDEISTATE_DIGEST_SIZE];
	bool moved =
		CHECK(!sdeistate_capture(&from->port, &with_regs, &state, &err), "captured") &&
		CHECK(!sdeistate_encode(state, &stream, &err), "encoded") &&
		CHECK(!sdeistate_decode(stream.data, stream.len, &received, &err), "decoded") &&
		CHECK(!sdeistate_validate(received, &err), "validated") &&
		CHECK(!sdeistate_replay(received, &to->port, &err), "replayed") &&
		CHECK(!sdeistate_prove(received, &to->port, digest, &err), "proved");

	if (!moved)
		fprintf(stderr, "%s: %s %s: expected %s, found %s\n",
			sdeistate_reason_name(err.reason), err.object, err.field, err.expected,
			err.actual);
	sdeistate_free(state);
	sdeistate_free(received);
	sdeistate_buffer_free(&stream);
	kvmcore_resume(to->vm);
	return moved;
}

static struct sdeistate *take(const struct kvm_port *port)
{
	struct sdeistate *state = NULL;
	struct sdeistate_error err = { 0 };

	if (!CHECK(sdeistate_capture(port, NULL, &state, &err) == 0, "captured"))
		fprintf(stderr, "%s %s: %s, not %s\n", err.object, err.field, err.actual,
			err.expected);
	return state;
}

static void drop(struct model *a, struct model *b)
{
	model_free(a);
	model_free(b);
}

static void test_m1_an_idle_vcpu_stays_idle(void)
{
	struct model from = scene_fresh(KVMCORE_PROFILE_KVM_V5, 2);
	struct model to = scene_fresh(KVMCORE_PROFILE_KVM_V5, 2);
	struct kvm_sdei_vcpu_state state;

	scene_expose(&from);
	CHECK(move(&from, &to), "an idle VM moves");
	CHECK(scene_command(&to, 1, KVM_SDEI_CMD_GET_VCPU_STATE, 1, &state) == 0, "can be read");
	CHECK(state.critical_num == KVM_SDEI_INVALID_EVENT &&
		      state.normal_num == KVM_SDEI_INVALID_EVENT,
	      "nothing runs, and no event 0");
	drop(&from, &to);
}

static void test_m2_nested_handlers_complete_where_they_were(void)
{
	struct model from = scene_everything(), to = scene_fresh(KVMCORE_PROFILE_SPEC, 4);
	struct sdeistate *state = take(&from.port);
	uint64_t inner, outer;

	REQUIRE(state, "captured");
	inner = state->vcpu_state[0].critical_regs.pc;
	outer = state->vcpu_state[0].normal_regs.pc;
	sdeistate_free(state);
	REQUIRE(move(&from, &to), "moves");
	model_call(&to, 0, SDEI_COMPLETE, 0, 0, 0);
	CHECK(scene_pc(&to, 0) == inner, "the critical handler returns to the normal one");
	model_call(&to, 0, SDEI_COMPLETE, 0, 0, 0);
	CHECK(scene_pc(&to, 0) == outer, "and that to what it had interrupted");
	drop(&from, &to);
}

static unsigned int count_runs(struct model *m, int vcpu)
{
	unsigned int n = 0;

	do {
		model_call(m, vcpu, SDEI_COMPLETE, 0, 0, 0);
		n++;
	} while (scene_enter(m, vcpu) == NORMAL && n < 10);
	return n - 1;
}

static void check_m3(enum kvmcore_profile profile, unsigned int more)
{
	struct model from = scene_vm(profile, 2), to = scene_fresh(profile, 2);

	scene_expose(&from);
	scene_register(&from, 0, NORMAL);
	model_call(&from, 0, SDEI_PE_UNMASK, 0, 0, 0);
	scene_trigger(&from, 0, NORMAL);
	CHECK(scene_enter(&from, 0) == NORMAL, "the handler runs");
	for (int i = 0; i < 3; i++)
		scene_trigger(&from, 0, NORMAL);
	kvmcore_pause(from.vm);
	REQUIRE(move(&from, &to), "moves");
	CHECK(count_runs(&to, 0) == more, "as many more runs as the profile says");
	drop(&from, &to);
}

static void test_m3_counted_triggers(void)
{
	check_m3(KVMCORE_PROFILE_KVM_V5, 3);
	check_m3(KVMCORE_PROFILE_SPEC, 1);
}

static void test_m4_a_masked_vcpu_stays_masked(void)
{
	struct model from = scene_everything(), to = scene_fresh(KVMCORE_PROFILE_SPEC, 4);

	REQUIRE(move(&from, &to), "moves");
	CHECK(scene_enter(&to, 2) == KVM_SDEI_INVALID_EVENT, "nothing is delivered");
	model_call(&to, 2, SDEI_PE_UNMASK, 0, 0, 0);
	CHECK(scene_enter(&to, 2) == NORMAL, "until it unmasks");
	drop(&from, &to);
}

static void test_m5_unregister_pending_ends_on_its_vcpu_only(void)
{
	struct model from = scene_vm(KVMCORE_PROFILE_SPEC, 2);
	struct model to = scene_fresh(KVMCORE_PROFILE_SPEC, 2);

	scene_expose(&from);
	scene_register(&from, 0, NORMAL);
	scene_register(&from, 1, NORMAL);
	model_call(&from, 0, SDEI_PE_UNMASK, 0, 0, 0);
	scene_trigger(&from, 0, NORMAL);
	scene_enter(&from, 0);
	CHECK((int64_t)model_call(&from, 0, SDEI_UNREGISTER, NORMAL, 0, 0) == -5, "pending");
	kvmcore_pause(from.vm);
	REQUIRE(move(&from, &to), "moves");
	CHECK(model_call(&to, 0, SDEI_STATUS, NORMAL, 0, 0) == 4, "it runs and is not registered");
	model_call(&to, 0, SDEI_COMPLETE, 0, 0, 0);
	CHECK(model_call(&to, 0, SDEI_STATUS, NORMAL, 0, 0) == 0, "then it is gone");
	CHECK(model_call(&to, 1, SDEI_STATUS, NORMAL, 0, 0) == 3, "not on the other vCPU");
	scene_register(&to, 0, NORMAL);
	drop(&from, &to);
}

static void test_m6_private_handlers_follow_their_vcpu(void)
{
	struct model from = scene_vm(KVMCORE_PROFILE_SPEC, 3), to = { 0 };
	const struct kvmcore_config config = { .profile = KVMCORE_PROFILE_SPEC };
	struct kvmcore_vcpu_regs regs;

	scene_expose(&from);
	for (int i = 0; i < 3; i++)
		scene_register(&from, i, NORMAL);
	kvmcore_pause(from.vm);
	to = model_new(&config, 0);
	kvmcore_pause(to.vm);
	for (unsigned int i = 3; i-- > 0;)
		kvmcore_vcpu_create(to.vm, 3 * i + 1, (uint64_t)(i ^ 1) << 8);
	kvmcore_port(to.vm, &to.port);
	REQUIRE(move(&from, &to), "moves into another order of vCPUs");
	model_call(&to, 2, SDEI_PE_UNMASK, 0, 0, 0);
	scene_trigger(&to, 2, NORMAL);
	CHECK(scene_enter(&to, 2) == NORMAL, "the first vCPU, created last here");
	kvmcore_vcpu_regs_get(to.vm, 2, &regs);
	CHECK(regs.pc == ENTRY(0) && regs.x[1] == ARG(0), "has its own entry and argument");
	drop(&from, &to);
}

static void test_m6_a_vm_without_vcpus_gets_them(void)
{
	const struct kvmcore_config config = { .profile = KVMCORE_PROFILE_SPEC };
	struct model from = model_new(&config, 3), to = model_new(&config, 0);
	struct sdeistate_error err = { 0 };
	uint8_t digest[SDEISTATE_DIGEST_SIZE];
	struct sdeistate *state;

	scene_expose(&from);
	scene_register(&from, 2, NORMAL);
	kvmcore_pause(from.vm);
	kvmcore_pause(to.vm);
	state = take(&from.port);
	REQUIRE(state, "captured");
	CHECK(sdeistate_replay(state, &to.port, &err) == 0, "replayed");
	kvmcore_port(to.vm, &to.port);
	CHECK(to.port.n_vcpus == 3, "with the vCPUs of the source");
	CHECK(sdeistate_prove(state, &to.port, digest, &err) == 0, "and proved");
	sdeistate_free(state);
	drop(&from, &to);
}

struct notices {
	unsigned int n;
	char object[96], field[64], text[256];
};

static void note(void *user, const char *object, const char *field, const char *text)
{
	struct notices *notices = user;

	notices->n++;
	snprintf(notices->object, sizeof(notices->object), "%s", object);
	snprintf(notices->field, sizeof(notices->field), "%s", field);
	snprintf(notices->text, sizeof(notices->text), "%s", text);
}

static void check_m7(uint64_t affinity)
{
	struct model from = scene_vm(KVMCORE_PROFILE_KVM_V5, 2);
	struct model to = scene_fresh(KVMCORE_PROFILE_KVM_V5, 2);
	struct notices notices = { 0 };
	const struct sdeistate_capture_options options = { .notice = note,
							   .notice_user = &notices };
	struct kvmcore_vcpu_regs regs = { .x = { [4] = 1, [5] = affinity } };
	struct sdeistate *state = NULL;

	scene_expose(&from);
	kvmcore_vcpu_regs_set(from.vm, 0, &regs);
	CHECK(model_call(&from, 0, SDEI_REGISTER, SHARED, ENTRY(0), ARG(0)) == 0, "registers");
	kvmcore_pause(from.vm);
	REQUIRE(sdeistate_capture(&from.port, &options, &state, NULL) == 0, "captured");
	CHECK(state->registered[0].route_mode == 1, "one PE was asked for");
	CHECK(notices.n == 1 && !strcmp(notices.object, "registered event 0x400002") &&
		      !strcmp(notices.field, "route_mode") && strstr(notices.text, "lost"),
	      "and the repair is told");
	CHECK(sdeistate_replay(state, &to.port, NULL) == 0, "the destination takes it");
	sdeistate_free(state);
	drop(&from, &to);
}

static void test_m7_a_route_mode_that_is_an_affinity_is_repaired(void)
{
	check_m7(5);
	check_m7(0x100);
}

static void test_m8_events_the_destination_has_exposed(void)
{
	struct kvm_sdei_exposed_event_state same = { .num = NORMAL, .signaled = 1 };
	struct kvm_sdei_exposed_event_state other = { .num = NORMAL, .signaled = 1, .priority = 1 };
	struct model from = scene_everything();
	struct model to = scene_fresh(KVMCORE_PROFILE_SPEC, 4);
	struct model not_to = scene_fresh(KVMCORE_PROFILE_SPEC, 4);
	struct sdeistate_obstacles obstacles = { 0 };
	struct sdeistate *state = take(&from.port);

	REQUIRE(state, "captured");
	scene_command(&to, -1, KVM_SDEI_CMD_SET_EXPOSED_EVENT, 1, &same);
	scene_command(&not_to, -1, KVM_SDEI_CMD_SET_EXPOSED_EVENT, 1, &other);
	CHECK(move(&from, &to), "the same event may be there");
	CHECK(sdeistate_check(state, &not_to.port, &obstacles, NULL) == -EOPNOTSUPP, "no other");
	CHECK(obstacles.n == 1 && obstacles.list[0].reason == SDEISTATE_INCOMPATIBLE &&
		      !strcmp(obstacles.list[0].object, "exposed event 0x400000"),
	      "the event is named");
	sdeistate_obstacles_free(&obstacles);
	sdeistate_free(state);
	model_free(&not_to);
	drop(&from, &to);
}

static void test_m9_more_than_half_the_limit_exposed_on_both_sides(void)
{
	struct kvm_sdei_exposed_event_state event[100] = { 0 };
	struct model from = scene_fresh(KVMCORE_PROFILE_KVM_V5, 1);
	struct model to = scene_fresh(KVMCORE_PROFILE_KVM_V5, 1);

	for (unsigned int i = 0; i < ARRAY_SIZE(event); i++)
		event[i].num = NORMAL + i;
	scene_command(&from, -1, KVM_SDEI_CMD_SET_EXPOSED_EVENT, 100, event);
	scene_command(&to, -1, KVM_SDEI_CMD_SET_EXPOSED_EVENT, 100, event);
	CHECK(scene_command(&to, -1, KVM_SDEI_CMD_SET_EXPOSED_EVENT, 100, event) == -ERANGE,
	      "the series counts an event that is exposed again");
	CHECK(move(&from, &to), "a replay does not expose again");
	drop(&from, &to);
}

static void test_m10_the_order_of_the_plan_is_the_one_that_works(void)
{
	struct model from = scene_everything(), to = scene_fresh(KVMCORE_PROFILE_SPEC, 4);
	struct sdeistate *s = take(&from.port);
	struct kvm_sdei_vcpu_event_state *queue;

	REQUIRE(s, "captured");
	queue = &s->vcpu_events[s->vcpu[2].first_event];
	CHECK(scene_command(&to, -1, KVM_SDEI_CMD_SET_REGISTERED_EVENT, 1, s->registered) ==
		      -ENOENT,
	      "registered before exposed is refused");
	CHECK(scene_command(&to, 2, KVM_SDEI_CMD_SET_VCPU_EVENT, 1, queue) == -ENOENT,
	      "queued before registered is refused");
	CHECK(scene_command(&to, 0, KVM_SDEI_CMD_SET_VCPU_STATE, 1, &s->vcpu_state[0]) == -EINVAL,
	      "running before queued is refused");
	CHECK(scene_command(&to, 0, KVM_SDEI_CMD_SET_EXPOSED_EVENT, 1, s->exposed) == -EINVAL,
	      "so is a VM's command on a vCPU");
	CHECK(sdeistate_replay(s, &to.port, NULL) == 0, "the plan meets none of it");
	sdeistate_free(s);
	drop(&from, &to);
}

/* The guest registers or unregisters between COUNT and GET. */
static void one_more(struct hooked *hooked, int vcpu, unsigned long cmd, void *arg)
{
	struct kvm_sdei_cmd *command = arg;

	(void)vcpu;
	if (cmd == KVM_ARM_SDEI_COMMAND &&
	    command->cmd == KVM_SDEI_CMD_GET_REGISTERED_EVENT_COUNT && hooked->tampered++ == 0)
		command->count++;
}

static void test_m11_a_count_that_moves_is_seen(void)
{
	const struct sdeistate_capture_options base = { .kind = SDEISTATE_BASE };
	struct model from = scene_everything();
	struct sdeistate_error err = { 0 };
	struct sdeistate *state = NULL;
	struct hooked hooked;

	hooked_begin(&hooked, from.vm);
	hooked.tamper = one_more;
	CHECK(sdeistate_capture(&hooked.port, NULL, &state, &err) == -EAGAIN &&
		      err.reason == SDEISTATE_TORN && !strcmp(err.field, "count"),
	      "a final capture is torn");
	hooked.tampered = 0;
	REQUIRE(sdeistate_capture(&hooked.port, &base, &state, &err) == 0, "a base may be");
	CHECK(state->torn, "and is marked");
	CHECK(state->n_registered == 3, "zeroes past the count are no event 0");
	CHECK(sdeistate_validate(state, &err) == 0, "it is still a base");
	CHECK(sdeistate_replay(state, &from.port, &err) == -EINVAL &&
		      err.reason == SDEISTATE_BASE_ONLY,
	      "and never restored");
	sdeistate_free(state);
	model_free(&from);
}

static void test_m11_an_epoch_that_moves_is_seen(void)
{
	struct model from = scene_everything();
	struct sdeistate_error err = { 0 };
	struct sdeistate *state = NULL;
	struct hooked hooked;

	hooked_begin(&hooked, from.vm);
	hooked.epoch_jumps_at = 10;
	CHECK(sdeistate_capture(&hooked.port, NULL, &state, &err) == -EAGAIN &&
		      err.reason == SDEISTATE_TORN && !strcmp(err.field, "epoch"),
	      "a change in between is torn");
	kvmcore_resume(from.vm);
	CHECK(sdeistate_capture(&from.port, NULL, &state, &err) == -EBUSY &&
		      err.reason == SDEISTATE_VM_RUNNING,
	      "a running VM is no final state");
	model_free(&from);
}

static void test_m12_a_second_replay_is_refused_whole(void)
{
	struct model from = scene_everything(), to = scene_fresh(KVMCORE_PROFILE_SPEC, 4);
	struct sdeistate_obstacles obstacles = { 0 };
	struct sdeistate *state = take(&from.port);
	uint8_t digest[SDEISTATE_DIGEST_SIZE];
	struct sdeistate_error err = { 0 };

	REQUIRE(state, "captured");
	CHECK(sdeistate_replay(state, &to.port, &err) == 0, "the first time");
	CHECK(sdeistate_replay(state, &to.port, &err) == -EOPNOTSUPP &&
		      err.reason == SDEISTATE_VM_NOT_FRESH,
	      "not the second");
	CHECK(sdeistate_check(state, &to.port, &obstacles, &err) == -EOPNOTSUPP, "told by check");
	CHECK(obstacles.n >= 3 + 1 + 1 + 1 + 3 + 2, "with all that is there already");
	CHECK(sdeistate_prove(state, &to.port, digest, &err) == 0, "and nothing was added");
	sdeistate_obstacles_free(&obstacles);
	sdeistate_free(state);
	drop(&from, &to);
}

static void test_m16_another_profile_is_an_obstacle(void)
{
	struct model from = scene_fresh(KVMCORE_PROFILE_KVM_V5, 2);
	struct model to = scene_fresh(KVMCORE_PROFILE_KVM_V7, 2);
	struct sdeistate_obstacles obstacles = { 0 };
	struct sdeistate *state;

	scene_expose(&from);
	state = take(&from.port);
	REQUIRE(state, "captured");
	CHECK(sdeistate_check(state, &to.port, &obstacles, NULL) == -EOPNOTSUPP &&
		      !strcmp(obstacles.list[0].field, "profile"),
	      "a version that reads the same does not make the same ABI");
	sdeistate_obstacles_free(&obstacles);
	sdeistate_free(state);
	drop(&from, &to);
}

int main(void)
{
	return RUN_TESTS(test_m1_an_idle_vcpu_stays_idle,
			 test_m2_nested_handlers_complete_where_they_were, test_m3_counted_triggers,
			 test_m4_a_masked_vcpu_stays_masked,
			 test_m5_unregister_pending_ends_on_its_vcpu_only,
			 test_m6_private_handlers_follow_their_vcpu,
			 test_m6_a_vm_without_vcpus_gets_them,
			 test_m7_a_route_mode_that_is_an_affinity_is_repaired,
			 test_m8_events_the_destination_has_exposed,
			 test_m9_more_than_half_the_limit_exposed_on_both_sides,
			 test_m10_the_order_of_the_plan_is_the_one_that_works,
			 test_m11_a_count_that_moves_is_seen, test_m11_an_epoch_that_moves_is_seen,
			 test_m12_a_second_replay_is_refused_whole,
			 test_m16_another_profile_is_an_obstacle);
}
