// SPDX-License-Identifier: Apache-2.0
/*
 * Whatever fails on the way fails by name, leaks nothing and leaves no half state: each allocation
 * once, each ioctl once, and what a port lacks. The program is linked with malloc() and its kin wrapped.
 */
#include "hooked.h"
#include "scene.h"
#include "support/failing_heap.h"

#include <sdeistate/router.h>
#include <sdeistate/sdeistate.h>
#include <stdlib.h>

/* One operation on what the others need; freed again. Return: its result */
struct stage {
	struct kvm_port *from;
	struct sdeistate *state;
	struct sdeistate_buffer stream;
	struct sdeistate_error err;
};

static int do_capture(struct stage *stage)
{
	const struct sdeistate_region region = { .ipa = 0x40000000, .size = 8192 };
	const struct sdeistate_capture_options options = { .flags = SDEISTATE_CAPTURE_REGS,
							   .regions = &region,
							   .n_regions = 1 };
	struct sdeistate *state = NULL;
	int ret = sdeistate_capture(stage->from, &options, &state, &stage->err);

	CHECK(!ret || !state, "a failed capture gives nothing");
	sdeistate_free(state);
	return ret;
}

static int do_encode(struct stage *stage)
{
	struct sdeistate_buffer stream = { .len = 0 };
	int ret = sdeistate_encode(stage->state, &stream, &stage->err);

	CHECK(!ret || !stream.data, "a failed encode gives nothing");
	sdeistate_buffer_free(&stream);
	return ret;
}

static int do_decode(struct stage *stage)
{
	struct sdeistate *state = NULL;
	int ret = sdeistate_decode(stage->stream.data, stage->stream.len, &state, &stage->err);

	CHECK(!ret || !state, "a failed decode gives nothing");
	sdeistate_free(state);
	return ret;
}

static int do_convert(struct stage *stage)
{
	struct sdeistate *state = NULL;
	int ret = sdeistate_convert(stage->state, KVMCORE_PROFILE_KVM_V7, SDEISTATE_CONVERT_LOSSY,
				    NULL, NULL, &state, &stage->err);

	CHECK(!ret || !state, "a failed conversion gives nothing");
	sdeistate_free(state);
	return ret;
}

static int do_move(struct stage *stage)
{
	const struct kvmcore_config config = { .profile = KVMCORE_PROFILE_SPEC };
	static _Alignas(4096) uint8_t memory[8192];
	uint8_t digest[SDEISTATE_DIGEST_SIZE];
	struct model to = model_new(&config, 0);
	int ret;

	for (unsigned int i = 4; i-- > 0;)
		kvmcore_vcpu_create(to.vm, 3 * i + 1, (uint64_t)(i ^ 1) << 8);
	model_memory(&to, 0, 0x40000000, sizeof(memory), memory);
	kvmcore_pause(to.vm);
	kvmcore_port(to.vm, &to.port);
	ret = sdeistate_replay(stage->state, &to.port, &stage->err);
	if (!ret)
		ret = sdeistate_prove(stage->state, &to.port, digest, &stage->err);
	model_free(&to);
	return ret;
}

static int do_refuse(struct stage *stage)
{
	struct sdeistate_obstacles obstacles = { 0 };
	int ret = sdeistate_check(stage->state, stage->from, &obstacles, &stage->err);

	sdeistate_obstacles_free(&obstacles);
	return ret == -EOPNOTSUPP ? 0 : ret;
}

/* Fields that change, entries that come and go, a record that comes whole. */
static void change(struct sdeistate *state)
{
	state->vcpu_state[0].masked ^= 1;
	state->registered[0].ep_arg[0] ^= 8;
	state->filter[0].base ^= 0x100;
	state->regions[0].data[5] ^= 1;
	state->fw_regs[1].value ^= 1;
	state->guarded[0].size ^= 0x3000;
	state->exits[0].nr ^= 8;
	for (unsigned int i = 0; i < SDEISTATE_N_REGS; i++)
		state->regs[0].value[i] ^= UINT64_C(0x5555) << i;
}

static int do_delta(struct stage *stage)
{
	struct sdeistate_buffer delta = { .len = 0 };
	struct sdeistate_base *base = NULL;
	int ret = sdeistate_base_new(stage->stream.data, stage->stream.len, &base, &stage->err);

	CHECK(!ret || !base, "a failed base gives nothing");
	if (!ret) {
		change(stage->state);
		ret = sdeistate_delta_compute(base, stage->state, &delta, &stage->err);
		change(stage->state);
		CHECK(!ret || !delta.data, "a failed delta gives nothing");
	}
	if (!ret) {
		ret = sdeistate_delta_apply(base, delta.data, delta.len, &stage->err);
		CHECK(!ret || sdeistate_delta_apply(base, delta.data, delta.len, NULL) != -EBADMSG,
		      "what failed half-way is not gone on with");
	}
	sdeistate_buffer_free(&delta);
	sdeistate_base_free(base);
	return ret;
}

/* The same VM as kernel and service of a router: made, a range set, captured, and taken by another. */
static int do_router(struct stage *stage)
{
	static const struct kvm_smccc_filter known = { .base = 0x84000050u,
						       .nr_functions = 4,
						       .action = KVM_SMCCC_FILTER_DENY };
	const struct sdeistate_router_options options = { .kernel = stage->from,
							  .service = stage->from,
							  .filter = &known,
							  .n_filter = 1,
							  .filter_given = true };
	struct sdeistate_obstacles obstacles = { 0 };
	struct sdeistate_router *router = NULL;
	struct sdeistate *state = NULL;
	struct kvm_port port;
	int ret = sdeistate_router_new(&options, &router, &stage->err);

	CHECK(!ret || !router, "a failed router is none");
	if (!ret) {
		sdeistate_router_port(router, &port);
		ret = sdeistate_capture(&port, NULL, &state, &stage->err);
		/* What a port says is passed on as its own words. */
		if (ret == -ENOMEM && stage->err.reason == SDEISTATE_CAPTURE_FAILED)
			stage->err.reason = SDEISTATE_NO_MEMORY;
		CHECK(!ret || !state, "a failed capture gives nothing");
	}
	if (!ret) {
		ret = sdeistate_check(stage->state, &port, &obstacles, &stage->err);
		if (ret == -ENOMEM && stage->err.reason == SDEISTATE_CAPTURE_FAILED)
			stage->err.reason = SDEISTATE_NO_MEMORY;
		ret = ret == -EOPNOTSUPP ? 0 : ret;
	}
	sdeistate_obstacles_free(&obstacles);
	sdeistate_free(state);
	sdeistate_router_free(router);
	return ret;
}

static const struct {
	const char *name;
	int (*run)(struct stage *stage);
} operation[] = {
	{ "capture", do_capture }, { "encode", do_encode }, { "decode", do_decode },
	{ "convert", do_convert }, { "move", do_move },     { "refuse", do_refuse },
	{ "delta", do_delta },     { "router", do_router },
};

static _Alignas(4096) uint8_t source_memory[8192];

static bool set_stage(struct stage *stage, struct model *m)
{
	const struct sdeistate_region region = { .ipa = 0x40000000, .size = 8192 };
	const struct sdeistate_capture_options options = { .flags = SDEISTATE_CAPTURE_REGS,
							   .regions = &region,
							   .n_regions = 1 };

	memset(source_memory, 0x5a, sizeof(source_memory));
	CHECK(model_memory(m, 0, 0x40000000, sizeof(source_memory), source_memory) == 0, "memory");
	stage->from = &m->port;
	return CHECK(!sdeistate_capture(&m->port, &options, &stage->state, NULL), "captured") &&
	       CHECK(!sdeistate_encode(stage->state, &stage->stream, NULL), "encoded");
}

static void free_stage(struct stage *stage)
{
	sdeistate_free(stage->state);
	sdeistate_buffer_free(&stage->stream);
}

static void fail_each_allocation(struct stage *stage, size_t which)
{
	unsigned int n = 0;
	int ret;

	do {
		long before = heap.live;

		stage->err = (struct sdeistate_error){ .code = 0 };
		heap.until_failure = ++n;
		ret = operation[which].run(stage);
		if (heap.until_failure) { /* it was never reached: everything went well */
			heap.until_failure = 0;
			CHECK(ret == 0, "it works with all the memory it wants");
			return;
		}
		if (!CHECK(ret == -ENOMEM && stage->err.reason == SDEISTATE_NO_MEMORY,
			   "a failed allocation is -ENOMEM"))
			fprintf(stderr, "%s, allocation %u: %d\n", operation[which].name, n, ret);
		if (!CHECK(heap.live == before, "and leaks nothing"))
			fprintf(stderr, "%s, allocation %u: %ld\n", operation[which].name, n,
				heap.live - before);
	} while (n < 10000);
	CHECK(false, "an operation ends");
}

/* With a guard, and a vCPU that waits for the answer to a load from what is guarded. */
static struct model everything_and_an_exit(void)
{
	const struct kvmcore_mmio load = { .ipa = 0x10000000, .len = 4, .reg = 9 };
	struct kvmcore_mmio_result result;
	struct model m = scene_everything();

	kvmcore_resume(m.vm);
	model_call(&m, 2, 0xc6000003u, 0, 0, 0);
	model_call(&m, 2, 0xc6000004u, load.ipa, 0, 0);
	CHECK(kvmcore_vcpu_mmio(m.vm, 2, &load, &result, &m.reply) == 0 &&
		      m.reply.exit == KVMCORE_EXIT_MMIO,
	      "it waits");
	kvmcore_pause(m.vm);
	return m;
}

static void test_each_allocation_may_fail(void)
{
	struct model m = everything_and_an_exit();
	struct stage stage = { 0 };

	if (set_stage(&stage, &m))
		for (size_t i = 0; i < ARRAY_SIZE(operation); i++)
			fail_each_allocation(&stage, i);
	free_stage(&stage);
	model_free(&m);
}

/* Return: how many GETs there are */
static unsigned int fail_each_get(struct model *m, bool one_by_one)
{
	const struct sdeistate_capture_options options = { .flags = SDEISTATE_CAPTURE_REGS };
	struct sdeistate_error err;
	struct sdeistate *state = NULL;
	struct hooked hooked;
	unsigned int n = 0, total;

	hooked_begin(&hooked, m->vm);
	hooked.one_by_one = one_by_one;
	if (!CHECK(sdeistate_capture(&hooked.port, &options, &state, NULL) == 0, "captured"))
		return 0;
	state = sdeistate_free(state);
	total = hooked.n_ioctls;
	while (n++ < total) {
		hooked.n_ioctls = 0;
		hooked.fail_at = n;
		hooked.fail_code = -EIO;
		CHECK(sdeistate_capture(&hooked.port, &options, &state, &err) == -EIO && !state,
		      "any GET that fails fails the capture");
		CHECK(err.reason == SDEISTATE_CAPTURE_FAILED && err.object[0], "and is named");
	}
	return total;
}

static void test_each_get_may_fail(void)
{
	struct model m = scene_everything();

	CHECK(fail_each_get(&m, true) > 190, "there were GETs to fail, four vCPUs one by one");
	CHECK(fail_each_get(&m, false) > 20, "and at once");
	model_free(&m);
}

static void fail_each_set(bool one_by_one)
{
	const struct sdeistate_capture_options options = { .flags = SDEISTATE_CAPTURE_REGS };
	struct model m = scene_everything();
	struct sdeistate *state = NULL;
	unsigned int n = 0, n_named = 0;
	int ret = -EIO;

	REQUIRE(sdeistate_capture(&m.port, &options, &state, NULL) == 0, "captured");
	while (ret && n < 1000) {
		struct model to = scene_fresh(KVMCORE_PROFILE_SPEC, 4);
		uint64_t epoch = kvmcore_epoch(to.vm);
		struct sdeistate_error err = { 0 };
		struct hooked hooked;

		hooked_begin(&hooked, to.vm);
		hooked.one_by_one = one_by_one;
		hooked.fail_at = ++n;
		hooked.fail_code = -EIO;
		ret = sdeistate_replay(state, &hooked.port, &err);
		CHECK(!ret || err.object[0], "any ioctl that fails is named");
		CHECK(!ret || err.reason == SDEISTATE_REPLAY_FAILED ||
			      kvmcore_epoch(to.vm) == epoch,
		      "before the first SET nothing has changed");
		n_named += err.reason == SDEISTATE_REPLAY_FAILED;
		model_free(&to);
	}
	CHECK(ret == 0, "until none fails");
	CHECK(n_named > 10, "SETs among them");
	sdeistate_free(state);
	model_free(&m);
}

static void test_each_set_may_fail(void)
{
	fail_each_set(true);
	fail_each_set(false);
}

static void test_what_a_port_lacks_is_named(void)
{
	const struct sdeistate_region region = { .ipa = 0x40000000, .size = 16 };
	const struct sdeistate_capture_options memory = { .regions = &region, .n_regions = 1 };
	struct model m = scene_everything();
	struct sdeistate *state = NULL;
	struct sdeistate_error err;
	struct kvm_port port = m.port;

	port.epoch = NULL;
	CHECK(sdeistate_capture(&port, NULL, &state, &err) == -EOPNOTSUPP &&
		      err.reason == SDEISTATE_PORT_LACKS && !strcmp(err.field, "epoch"),
	      "a final capture needs an epoch");
	port = m.port;
	port.mem_read = NULL;
	CHECK(sdeistate_capture(&port, &memory, &state, &err) == -EOPNOTSUPP &&
		      !strcmp(err.field, "mem_read"),
	      "memory needs mem_read");
	port.ioctl = NULL;
	CHECK(sdeistate_capture(&port, NULL, &state, &err) == -EOPNOTSUPP &&
		      !strcmp(err.field, "ioctl"),
	      "everything needs ioctl");
	model_free(&m);
}

static void test_a_bare_kernel_of_the_series_will_do(void)
{
	struct model from = scene_vm(KVMCORE_PROFILE_KVM_V5, 2);
	struct model to = scene_fresh(KVMCORE_PROFILE_KVM_V5, 2);
	const struct sdeistate_capture_options given = { .profile_given = true,
							 .profile = KVMCORE_PROFILE_KVM_V5 };
	uint8_t digest[SDEISTATE_DIGEST_SIZE];
	struct sdeistate_error err = { 0 };
	struct sdeistate *state = NULL;
	struct hooked source, destination;

	scene_expose(&from);
	scene_register(&from, 1, CRITICAL);
	kvmcore_pause(from.vm);
	hooked_begin(&source, from.vm);
	hooked_begin(&destination, to.vm);
	source.no_groups = destination.no_groups = true;
	CHECK(sdeistate_capture(&source.port, NULL, &state, &err) == -EOPNOTSUPP &&
		      err.reason == SDEISTATE_PORT_LACKS && !strcmp(err.field, "profile"),
	      "it does not say which profile it is");
	REQUIRE(sdeistate_capture(&source.port, &given, &state, &err) == 0, "told, it works");
	CHECK(sdeistate_replay(state, &destination.port, &err) == 0, "here too");
	CHECK(sdeistate_prove(state, &destination.port, digest, &err) == 0, "and is proved");
	sdeistate_free(state);
	model_free(&from);
	model_free(&to);
}

static void add_notifier(struct hooked *hooked, int vcpu, unsigned long cmd, void *arg)
{
	struct kvm_sdei_cmd *command = arg;
	struct kvm_sdei_exposed_event_state *event = (void *)(uintptr_t)command->pointer;

	(void)vcpu;
	if (cmd == KVM_ARM_SDEI_COMMAND && command->cmd == KVM_SDEI_CMD_GET_EXPOSED_EVENT)
		event[1].notifier = 0xffff800011112222u + hooked->tampered;
}

static void count_note(void *user, const char *object, const char *field, const char *text)
{
	(void)text;
	if (!strcmp(object, "exposed event 0x400001") && !strcmp(field, "notifier"))
		++*(unsigned int *)user;
}

static void test_a_kernel_pointer_never_leaves(void)
{
	unsigned int told = 0;
	const struct sdeistate_capture_options drop = { .flags = SDEISTATE_CAPTURE_DROP_NOTIFIERS,
							.notice = count_note,
							.notice_user = &told };
	struct model m = scene_everything();
	struct sdeistate *state = NULL;
	struct sdeistate_error err;
	struct hooked hooked;

	hooked_begin(&hooked, m.vm);
	hooked.tamper = add_notifier;
	CHECK(sdeistate_capture(&hooked.port, NULL, &state, &err) == -EINVAL &&
		      err.reason == SDEISTATE_INCONSISTENT && !strcmp(err.field, "notifier"),
	      "a notifier refuses the capture");
	REQUIRE(sdeistate_capture(&hooked.port, &drop, &state, &err) == 0,
		"unless told to drop it");
	CHECK(told == 1, "which is noticed");
	CHECK(state->exposed[1].notifier == 0, "and done");
	sdeistate_free(state);
	model_free(&m);
}

int main(void)
{
	return RUN_TESTS(test_each_allocation_may_fail, test_each_get_may_fail,
			 test_each_set_may_fail, test_what_a_port_lacks_is_named,
			 test_a_bare_kernel_of_the_series_will_do,
			 test_a_kernel_pointer_never_leaves);
}
