// SPDX-License-Identifier: Apache-2.0
/*
 * The boot of a pKVM guest, Linux 6.12, as it was recorded: guard U answers each call as the VMM did
 * that booted it, and in the end guards and shares what that guest asked for.
 */
#include "support/model.h"

#include <inttypes.h>
#include <stdlib.h>

#define TRACE     TEST_SOURCE_DIR "/tests/conformance/data/kernel/l2-linux-6.12-pkvm-guard-trace.txt"
#define RAM       0x40000000ULL
#define RAM_SIZE  (64u << 20)
#define MAP       0xc6000007u
#define SHARE     0xc6000003u
#define UNMATCHED "a line of the trace is a call or its summary"

struct trace {
	unsigned int calls, maps, shares;
};

static void replay_line(struct model *m, const char *line, struct trace *trace)
{
	uint64_t x1, x2, x3, want;
	uint32_t id;

	REQUIRE(sscanf(line,
		       "@GUARD t+%*u.%*u %" SCNx32 "(%" SCNx64 ",%" SCNx64 ",%" SCNx64
		       ") = %" SCNu64,
		       &id, &x1, &x2, &x3, &want) == 5,
		UNMATCHED);
	CHECK(model_call(m, 0, id, x1, x2, x3) == want, line);
	trace->calls++;
	trace->maps += id == MAP;
	trace->shares += id == SHARE;
}

static void check_summary(const char *line, const struct trace *trace)
{
	unsigned int maps, pages, shares;

	REQUIRE(sscanf(line, "@GUARDSTAT map calls %u pages %u share %u", &maps, &pages, &shares) ==
			3,
		UNMATCHED);
	CHECK(trace->maps == maps, "the trace has all of its MAP calls");
	CHECK(trace->shares == shares, "and all of its SHARE calls");
}

static void check_ranges(struct model *m, uint64_t attr, const struct kvmcore_guard_range *want,
			 size_t n, const char *promise)
{
	struct kvmcore_guard_range range[8] = { 0 };
	struct kvmcore_array array = { .capacity = ARRAY_SIZE(range), .ptr = (uintptr_t)range };

	CHECK(model_attr(m, -1, KVM_GET_DEVICE_ATTR, KVMCORE_GROUP_GUARD, attr, &array) == 0 &&
		      array.count == n && !memcmp(range, want, n * sizeof(*want)),
	      promise);
}

static void replay(struct model *m, struct trace *trace)
{
	FILE *file = fopen(TRACE, "r");
	char line[256];

	REQUIRE(file, "the trace is there");
	while (fgets(line, sizeof(line), file)) {
		if (!strncmp(line, "@GUARDSTAT", 10))
			check_summary(line, trace);
		else
			replay_line(m, line, trace);
	}
	fclose(file);
}

static void test_a_pkvm_guest_boots(void)
{
	static const struct kvmcore_guard_range guarded[] = {
		{ 0x8000000, 0x10000 }, /* GIC distributor */
		{ 0x80a0000, 0x20000 }, /* redistributor */
		{ 0x9000000, 0x1000 },  /* UART */
	};
	static const struct kvmcore_guard_range shared[] = { { 0x40920000, 0x60000 } };
	struct model m = model_new(&(struct kvmcore_config){ .guard = KVMCORE_GUARD_U }, 1);
	void *ram = aligned_alloc(4096, RAM_SIZE);
	struct trace trace = { 0 };

	CHECK(ram && model_memory(&m, 0, RAM, RAM_SIZE, ram) == 0, "the guest has memory");
	replay(&m, &trace);
	CHECK(trace.calls == 149, "each recorded call was made");
	check_ranges(&m, KVMCORE_GUARD_RANGES, guarded, ARRAY_SIZE(guarded),
		     "GIC and UART are guarded, nothing else");
	check_ranges(&m, KVMCORE_GUARD_SHARED, shared, ARRAY_SIZE(shared), "one pool is shared");
	model_free(&m);
	free(ram);
}

int main(void)
{
	return RUN_TESTS(test_a_pkvm_guest_boots);
}
