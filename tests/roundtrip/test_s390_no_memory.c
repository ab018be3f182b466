// SPDX-License-Identifier: Apache-2.0
/*
 * Capture, encoding, decoding, check, replay and proof of an s390 VM, each allocation failing once.
 */
#include "s390_scene.h"
#include "support/failing_heap.h"

#include <errno.h>

static struct {
	struct model m;
	struct sdeistate *state;
	struct sdeistate_buffer stream;
	struct sdeistate_error err;
} stage;

static int do_capture(void)
{
	struct sdeistate *state = NULL;
	int ret = sdeistate_capture(&stage.m.port, NULL, &state, &stage.err);

	CHECK(!ret || !state, "a failed capture gives nothing");
	sdeistate_free(state);
	return ret;
}

static int do_encode(void)
{
	struct sdeistate_buffer stream = { .len = 0 };
	int ret = sdeistate_encode(stage.state, &stream, &stage.err);

	sdeistate_buffer_free(&stream);
	return ret;
}

static int do_decode(void)
{
	struct sdeistate *state = NULL;
	int ret = sdeistate_decode(stage.stream.data, stage.stream.len, &state, &stage.err);

	CHECK(!ret || !state, "a failed decode gives nothing");
	sdeistate_free(state);
	return ret;
}

/* libkvmcore is a shared object here: its allocations are its own tests' business. */
static int do_move(void)
{
	struct model to = s390_vm((struct kvmcore_config){ 0 }, 0);
	uint8_t digest[SDEISTATE_DIGEST_SIZE];
	int ret = sdeistate_replay(stage.state, &to.port, &stage.err);

	kvmcore_port(to.vm, &to.port);
	if (!ret)
		ret = sdeistate_prove(stage.state, &to.port, digest, &stage.err);
	model_free(&to);
	return ret;
}

static int do_refuse(void)
{
	struct sdeistate_obstacles obstacles = { 0 };
	int ret = sdeistate_check(stage.state, &stage.m.port, &obstacles, &stage.err);

	sdeistate_obstacles_free(&obstacles);
	return ret == -EOPNOTSUPP ? 0 : ret;
}

static const struct {
	const char *name;
	int (*run)(void);
} operation[] = {
	{ "capture", do_capture }, { "encode", do_encode }, { "decode", do_decode },
	{ "move", do_move },       { "refuse", do_refuse },
};

static void fail_each_allocation(size_t which)
{
	unsigned int n = 0;
	int ret;

	do {
		const long before = heap.live;

		stage.err = (struct sdeistate_error){ .code = 0 };
		heap.until_failure = ++n;
		ret = operation[which].run();
		if (heap.until_failure) { /* it was never reached: everything went well */
			heap.until_failure = 0;
			CHECK(ret == 0 && n > 1, "it works with all the memory it wants");
			return;
		}
		if (!CHECK(ret == -ENOMEM && heap.live == before, "-ENOMEM, and nothing is lost"))
			fprintf(stderr, "%s, allocation %u: %d\n", operation[which].name, n, ret);
	} while (n < 1000);
	CHECK(false, "an operation ends");
}

static void test_each_allocation_may_fail(void)
{
	stage.m = busy((struct kvmcore_config){ 0 });
	stage.state = take(&stage.m);
	REQUIRE(stage.state && sdeistate_encode(stage.state, &stage.stream, NULL) == 0, "a state");
	for (size_t i = 0; i < ARRAY_SIZE(operation); i++)
		fail_each_allocation(i);
	sdeistate_buffer_free(&stage.stream);
	sdeistate_free(stage.state);
	model_free(&stage.m);
}

int main(void)
{
	return RUN_TESTS(test_each_allocation_may_fail);
}
