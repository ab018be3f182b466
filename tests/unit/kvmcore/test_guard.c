// SPDX-License-Identifier: Apache-2.0
/*
 * The guest's side of the MMIO guard: every function of every variant (docs/abi-guard.md).
 */
#include "support/model.h"

#include <errno.h>
#include <stdlib.h>

#define FN(n)   (0xc6000000u + (n))
#define UART    0x9000000ULL
#define RAM     0x40000000ULL
#define BEYOND  (1ULL << 40)
#define NOWHERE ((uint64_t)-1)
#define REFUSED ((uint64_t)-3)

struct step {
	const char *promise;
	uint32_t fn;
	uint64_t x1, x2, x3, want, want_x1;
};

static struct model guarded(enum kvmcore_guard_abi abi, uint32_t granule, void **ram)
{
	struct model m =
		model_new(&(struct kvmcore_config){ .guard = abi, .host.page_size = granule }, 1);

	*ram = aligned_alloc(65536, 65536);
	CHECK(*ram && model_memory(&m, 0, RAM, 65536, *ram) == 0, "the guest has memory");
	return m;
}

static void run_steps(enum kvmcore_guard_abi abi, const struct step *step, size_t n)
{
	void *ram;
	struct model m = guarded(abi, 4096, &ram);

	for (size_t i = 0; i < n; i++) {
		const uint64_t x0 =
			model_call(&m, 0, FN(step[i].fn), step[i].x1, step[i].x2, step[i].x3);

		CHECK(x0 == step[i].want, step[i].promise);
		CHECK(m.regs.x[1] == step[i].want_x1 && !m.regs.x[2] && !m.regs.x[3],
		      step[i].promise);
		CHECK(m.reply.exit == KVMCORE_EXIT_NONE && m.reply.returned, step[i].promise);
	}
	model_free(&m);
	free(ram);
}

static void test_series_s(void)
{
	static const struct step step[] = {
		{ "INFO before ENROLL", 2, 0, 0, 0, 4096, 0 },
		{ "INFO ignores its arguments", 2, 1, 2, 3, 4096, 0 },
		{ "MAP before ENROLL", 4, UART, 0, 0, NOWHERE, 0 },
		{ "UNMAP before ENROLL", 5, UART, 0, 0, NOWHERE, 0 },
		{ "ENROLL", 3, 0, 0, 0, 0, 0 },
		{ "ENROLL twice", 3, 0, 0, 0, 0, 0 },
		{ "MAP", 4, UART, 0, 0, 0, 0 },
		{ "MAP twice", 4, UART, 0, 0, 0, 0 },
		{ "MAP with a MAIR index", 4, UART + 4096, 7, 0, 0, 0 },
		{ "MAP unaligned", 4, UART + 8, 0, 0, NOWHERE, 0 },
		{ "MAP of memory", 4, RAM, 0, 0, NOWHERE, 0 },
		{ "MAP beyond the guest's addresses", 4, BEYOND, 0, 0, NOWHERE, 0 },
		{ "MAP of the last page", 4, BEYOND - 4096, 0, 0, 0, 0 },
		{ "UNMAP unaligned rounds down", 5, UART + 8, 0, 0, 0, 0 },
		{ "UNMAP of what is not guarded", 5, UART, 0, 0, NOWHERE, 0 },
		{ "S has no function 6", 6, 0, 0, 0, NOWHERE, 0 },
		{ "nor 7", 7, UART, 0, 0, NOWHERE, 0 },
		{ "nor 11", 11, UART, 1, 0, NOWHERE, 0 },
	};

	run_steps(KVMCORE_GUARD_S, step, ARRAY_SIZE(step));
}

static void test_pkvm_a1(void)
{
	static const struct step step[] = {
		{ "MEMINFO", 2, 0, 0, 0, 4096, 0 },
		{ "MEMINFO with an argument", 2, 0, 1, 0, REFUSED, 0 },
		{ "INFO", 5, 0, 0, 0, 4096, 0 },
		{ "INFO with an argument", 5, 1, 0, 0, REFUSED, 0 },
		{ "MAP before ENROLL", 7, UART, 0, 0, REFUSED, 0 },
		{ "UNMAP before ENROLL", 8, UART, 0, 0, REFUSED, 0 },
		{ "ENROLL", 6, 9, 9, 9, 0, 0 },
		{ "ENROLL twice", 6, 0, 0, 0, 0, 0 },
		{ "MAP", 7, UART, 0, 0, 0, 0 },
		{ "MAP twice", 7, UART, 0, 0, 0, 0 },
		{ "MAP unaligned", 7, UART + 1, 0, 0, REFUSED, 0 },
		{ "MAP of memory", 7, RAM, 0, 0, REFUSED, 0 },
		{ "MAP beyond the guest's addresses", 7, BEYOND, 0, 0, REFUSED, 0 },
		{ "UNMAP", 8, UART, 0, 0, 0, 0 },
		{ "UNMAP of what is not guarded", 8, UART, 0, 0, 0, 0 },
		{ "SHARE", 3, RAM, 0, 0, 0, 0 },
		{ "SHARE of what is shared", 3, RAM, 0, 0, REFUSED, 0 },
		{ "SHARE unaligned", 3, RAM + 8, 0, 0, REFUSED, 0 },
		{ "SHARE with an argument", 3, RAM + 4096, 1, 0, REFUSED, 0 },
		{ "SHARE of no memory", 3, UART, 0, 0, REFUSED, 0 },
		{ "UNSHARE of what is not shared", 4, RAM + 4096, 0, 0, REFUSED, 0 },
		{ "UNSHARE with an argument", 4, RAM, 0, 1, REFUSED, 0 },
		{ "UNSHARE unaligned", 4, RAM + 8, 0, 0, REFUSED, 0 },
		{ "UNSHARE", 4, RAM, 0, 0, 0, 0 },
		{ "UNSHARE twice", 4, RAM, 0, 0, REFUSED, 0 },
		{ "RELINQUISH of memory", 9, RAM, 0, 0, 0, 0 },
		{ "RELINQUISH of none", 9, UART, 0, 0, REFUSED, 0 },
		{ "A1 has no ranges", 10, UART, 1, 0, NOWHERE, 0 },
		{ "nor their end", 11, UART, 1, 0, NOWHERE, 0 },
	};

	run_steps(KVMCORE_GUARD_A1, step, ARRAY_SIZE(step));
}

static void test_pkvm_a2(void)
{
	static const struct step step[] = {
		{ "MEMINFO tells of ranges", 2, 0, 0, 0, 4096, 1 },
		{ "INFO too", 5, 0, 0, 0, 4096, 1 },
		{ "INFO with an argument", 5, 0, 0, 1, REFUSED, 0 },
		{ "MAP before ENROLL", 7, UART, 0, 0, REFUSED, 0 },
		{ "a range before ENROLL", 10, UART, 1, 0, REFUSED, 0 },
		{ "ENROLL", 6, 0, 0, 0, 0, 0 },
		{ "MAP does one page whatever x2 says", 7, UART, 9, 9, 0, 1 },
		{ "a range", 10, UART, 4, 0, 0, 4 },
		{ "a range of nothing", 10, UART, 0, 0, REFUSED, 0 },
		{ "a range with x3", 10, UART, 1, 1, REFUSED, 0 },
		{ "a range unaligned", 10, UART + 8, 1, 0, REFUSED, 0 },
		{ "a range over the reach of a table", 10, UART, 4096, 0, 0, 512 },
		{ "a range up to memory", 10, RAM - 8192, 8, 0, 0, 2 },
		{ "a range in memory", 10, RAM, 8, 0, REFUSED, 0 },
		{ "a range up to the last address", 10, BEYOND - 4096, 2, 0, 0, 1 },
		{ "a range beyond it", 10, BEYOND, 2, 0, REFUSED, 0 },
		{ "a range that would wrap", 10, ~0xfffULL, 2, 0, REFUSED, 0 },
		{ "UNMAP says 0", 8, UART, 0, 0, 0, 1 },
		{ "the end of a range says how long it was", 11, UART, 4, 0, 0, 4 },
	};

	run_steps(KVMCORE_GUARD_A2, step, ARRAY_SIZE(step));
}

static void test_upstream_u(void)
{
	static const struct step step[] = {
		{ "MEMINFO", 2, 0, 0, 0, 4096, 0 },
		{ "MEMINFO with an argument", 2, 1, 0, 0, REFUSED, 0 },
		{ "the guard needs no ENROLL", 7, UART, 0, 0, 0, 0 },
		{ "and takes a page twice", 7, UART, 0, 0, 0, 0 },
		{ "x2 must be 0", 7, UART, 1, 0, REFUSED, 0 },
		{ "and x3", 7, UART, 0, 1, REFUSED, 0 },
		{ "unaligned", 7, UART + 8, 0, 0, REFUSED, 0 },
		{ "memory", 7, RAM, 0, 0, REFUSED, 0 },
		{ "SHARE", 3, RAM, 0, 0, 0, 0 },
		{ "UNSHARE", 4, RAM, 0, 0, 0, 0 },
		{ "no INFO", 5, 0, 0, 0, NOWHERE, 0 },
		{ "no ENROLL", 6, 0, 0, 0, NOWHERE, 0 },
		{ "no UNMAP", 8, UART, 0, 0, NOWHERE, 0 },
		{ "no RELINQUISH", 9, RAM, 0, 0, NOWHERE, 0 },
	};

	run_steps(KVMCORE_GUARD_U, step, ARRAY_SIZE(step));
}

static void test_off_answers_nothing(void)
{
	void *ram;
	struct model m = guarded(KVMCORE_GUARD_OFF, 4096, &ram);
	bool none = true;

	for (uint32_t n = 2; n <= 11; n++)
		none = none && model_call(&m, 0, FN(n), 0, 0, 0) == NOWHERE;
	CHECK(none, "as mainline, no function at all");
	model_free(&m);
	free(ram);
}

static void test_features_list_what_is_there(void)
{
	static const struct {
		const char *promise;
		enum kvmcore_guard_abi abi;
		uint64_t want;
	} row[] = {
		{ "S adds 2 to 5", KVMCORE_GUARD_S, 0x3f },
		{ "A1 has 2 to 9, no PTP", KVMCORE_GUARD_A1, 0x3fd },
		{ "A2 has 2 to 11, no PTP", KVMCORE_GUARD_A2, 0xffd },
		{ "U has 2, 3, 4 and 7, no PTP", KVMCORE_GUARD_U, 0x9d },
		{ "off has what the kernel has", KVMCORE_GUARD_OFF, 0x3 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(row); i++) {
		struct model m = model_new(&(struct kvmcore_config){ .guard = row[i].abi }, 1);

		CHECK(model_call(&m, 0, 0x86000000, 0, 0, 0) == row[i].want, row[i].promise);
		CHECK(m.regs.x[1] == 0 && m.regs.x[2] == 0 && m.regs.x[3] == 0,
		      "and nothing in the other words");
		model_free(&m);
	}
}

static void test_granules(void)
{
	static const uint32_t granule[] = { 4096, 16384, 65536 };

	for (size_t i = 0; i < ARRAY_SIZE(granule); i++) {
		const uint32_t size = granule[i];
		void *ram;
		struct model m = guarded(KVMCORE_GUARD_A1, size, &ram);

		CHECK(model_call(&m, 0, FN(5), 0, 0, 0) == size, "INFO tells the host's page");
		CHECK(model_call(&m, 0, FN(6), 0, 0, 0) == 0, "ENROLL");
		CHECK(model_call(&m, 0, FN(7), UART, 0, 0) == 0, "a granule");
		CHECK(model_call(&m, 0, FN(7), UART + size, 0, 0) == 0, "the next");
		CHECK(model_call(&m, 0, FN(7), UART + size / 2, 0, 0) == REFUSED,
		      "not half of one");
		CHECK(model_call(&m, 0, FN(7), RAM + 65536, 0, 0) == 0, "the one behind memory");
		model_free(&m);
		free(ram);
	}
}

static void test_the_gicv2_hole_of_s(void)
{
	const struct kvmcore_config config = { .guard = KVMCORE_GUARD_S,
					       .gicv2_cpu_base = 0x8010000 };
	struct model m = model_new(&config, 1);
	struct kvmcore_guard_state info;

	model_call(&m, 0, FN(3), 0, 0, 0);
	CHECK(model_call(&m, 0, FN(4), 0x8010000, 0, 0) == 0, "the CPU interface may be mapped");
	CHECK(model_attr(&m, -1, KVM_GET_DEVICE_ATTR, KVMCORE_GROUP_GUARD, KVMCORE_GUARD_INFO,
			 &info) == 0 &&
		      info.count == 0,
	      "and leaves no note");
	CHECK(model_call(&m, 0, FN(5), 0x8010000, 0, 0) == NOWHERE, "so it cannot be unmapped");
	model_free(&m);
}

static void test_many_pages_are_one_range(void)
{
	struct model m = model_new(&(struct kvmcore_config){ .guard = KVMCORE_GUARD_U }, 1);
	struct kvmcore_guard_range range = { 0 };
	struct kvmcore_array array = { .capacity = 1, .ptr = (uintptr_t)&range };
	bool mapped = true;

	for (uint64_t i = 0; i < 262144 && mapped; i++)
		mapped = model_call(&m, 0, FN(7), RAM + i * 4096, 0, 0) == 0;
	CHECK(mapped, "262,144 pages one after the other");
	CHECK(model_attr(&m, -1, KVM_GET_DEVICE_ATTR, KVMCORE_GROUP_GUARD, KVMCORE_GUARD_RANGES,
			 &array) == 0 &&
		      array.count == 1 && range.base == RAM && range.size == 1ULL << 30,
	      "are one range of 1 GiB");
	model_free(&m);
}

int main(void)
{
	return RUN_TESTS(test_series_s, test_pkvm_a1, test_pkvm_a2, test_upstream_u,
			 test_off_answers_nothing, test_features_list_what_is_there, test_granules,
			 test_the_gicv2_hole_of_s, test_many_pages_are_one_range);
}
