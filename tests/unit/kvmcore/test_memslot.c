// SPDX-License-Identifier: Apache-2.0
#include "support/model.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>

#define PAGE 4096u
#define RAM  0x40000000ULL

static char *map(size_t pages)
{
	char *at = mmap(NULL, pages * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
			0);

	return at == MAP_FAILED ? NULL : at;
}

static void test_a_region_is_checked_in_order(void)
{
	char *mem = map(16);
	const uint64_t user = (uintptr_t)mem;
	const struct {
		const char *promise;
		struct kvm_userspace_memory_region region;
		int want;
	} row[] = {
		{ "an unknown flag", { 0, 8, RAM, PAGE, user }, -EINVAL },
		{ "a size that is no page's", { 0, 0, RAM, PAGE + 1, user }, -EINVAL },
		{ "an address that is no page's", { 0, 0, RAM + 1, PAGE, user }, -EINVAL },
		{ "memory that is no page's", { 0, 0, RAM, PAGE, user + 1 }, -EINVAL },
		{ "too high a number", { 32767, 0, RAM, PAGE, user }, -EINVAL },
		{ "a region that wraps", { 0, 0, ~0ULL << 12, 2 * PAGE, user }, -EINVAL },
		{ "a region above the guest's addresses",
		  { 0, 0, 1ULL << 40, PAGE, user },
		  -EFAULT },
		{ "no slot to remove", { 0, 0, RAM, 0, user }, -EINVAL },
		{ "four pages", { 0, 0, RAM, 4 * PAGE, user }, 0 },
		{ "the same again", { 0, 0, RAM, 4 * PAGE, user }, 0 },
		{ "a slot over it", { 1, 0, RAM + 3 * PAGE, PAGE, user }, -EEXIST },
		{ "a slot around it", { 1, 0, RAM - PAGE, 8 * PAGE, user }, -EEXIST },
		{ "a slot behind it", { 1, 0, RAM + 4 * PAGE, PAGE, user + 4 * PAGE }, 0 },
		{ "another size", { 0, 0, RAM, 3 * PAGE, user }, -EINVAL },
		{ "other memory", { 0, 0, RAM, 4 * PAGE, user + PAGE }, -EINVAL },
		{ "read-only all of a sudden",
		  { 0, KVM_MEM_READONLY, RAM, 4 * PAGE, user },
		  -EINVAL },
		{ "the dirty log", { 0, KVM_MEM_LOG_DIRTY_PAGES, RAM, 4 * PAGE, user }, 0 },
		{ "a move onto another", { 0, 0, RAM + 2 * PAGE, 4 * PAGE, user }, -EEXIST },
		{ "a move", { 0, 0, RAM - 8 * PAGE, 4 * PAGE, user }, 0 },
		{ "its old place is free", { 2, 0, RAM, 4 * PAGE, user + 8 * PAGE }, 0 },
		{ "removal", { 1, 0, 0, 0, 0 }, 0 },
		{ "removal once only", { 1, 0, 0, 0, 0 }, -EINVAL },
	};
	struct model m = model_new(&(struct kvmcore_config){ 0 }, 0);

	for (size_t i = 0; i < ARRAY_SIZE(row); i++)
		CHECK(kvmcore_ioctl(m.vm, -1, KVM_SET_USER_MEMORY_REGION, (void *)&row[i].region) ==
			      row[i].want,
		      row[i].promise);
	CHECK(kvmcore_ioctl(m.vm, -1, KVM_SET_USER_MEMORY_REGION, NULL) == -EFAULT,
	      "no struct at all");
	model_free(&m);
	munmap(mem, 16 * PAGE);
}

static void test_memory_is_reached_by_guest_address(void)
{
	struct model m = model_new(&(struct kvmcore_config){ 0 }, 0);
	char *low = map(2), *high = map(2), buf[64];

	CHECK(model_memory(&m, 7, RAM + 2 * PAGE, 2 * PAGE, high) == 0 &&
		      model_memory(&m, 3, RAM, 2 * PAGE, low) == 0,
	      "two slots, side by side");
	memset(buf, 0x5a, sizeof(buf));
	CHECK(m.port.mem_write(m.port.vm, RAM + 2 * PAGE - 32, buf, 64) == 0,
	      "a write over the seam");
	CHECK(low[2 * PAGE - 1] == 0x5a && high[0] == 0x5a && high[31] == 0x5a && high[32] == 0,
	      "lands in both");
	memset(buf, 0, sizeof(buf));
	CHECK(m.port.mem_read(m.port.vm, RAM + 2 * PAGE - 32, buf, 64) == 0 && buf[0] == 0x5a &&
		      buf[63] == 0x5a,
	      "and is read back");
	CHECK(m.port.mem_read(m.port.vm, RAM - 1, buf, 2) == -EFAULT, "no slot before");
	CHECK(m.port.mem_read(m.port.vm, RAM + 4 * PAGE - 1, buf, 2) == -EFAULT, "no slot behind");
	munmap(low, 2 * PAGE);
	CHECK(m.port.mem_read(m.port.vm, RAM, buf, 1) == -EFAULT, "memory that went away");
	model_free(&m);
	munmap(high, 2 * PAGE);
}

static void test_many_slots_stay_sorted(void)
{
	struct model m = model_new(&(struct kvmcore_config){ 0 }, 0);
	char *mem = map(1), byte;
	bool found = true;

	for (uint32_t i = 0; i < 1000; i++)
		found = found &&
			model_memory(&m, i, RAM + (i * 617 % 1000) * 2 * PAGE, PAGE, mem) == 0;
	for (uint32_t i = 0; i < 2000; i++)
		found = found && m.port.mem_read(m.port.vm, RAM + i * PAGE, &byte, 1) ==
					 (i % 2 ? -EFAULT : 0);
	CHECK(found, "each slot and each gap is where it was put");
	model_free(&m);
	munmap(mem, PAGE);
}

int main(void)
{
	return RUN_TESTS(test_a_region_is_checked_in_order, test_memory_is_reached_by_guest_address,
			 test_many_slots_stay_sorted);
}
