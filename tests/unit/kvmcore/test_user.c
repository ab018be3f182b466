// SPDX-License-Identifier: Apache-2.0
#include "support/check.h"
#include "user.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define PAGE    4096u
#define N_PAGES 12u

/* @n pages, and behind them one that nobody may touch. */
static char *map(size_t n)
{
	char *at = mmap(NULL, (n + 1) * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			-1, 0);

	if (at == MAP_FAILED)
		return NULL;
	mprotect(at + n * PAGE, PAGE, PROT_NONE);
	return at;
}

static void test_a_wrong_address_is_efault(void)
{
	char buf[64] = { 0 };

	CHECK(user_read(buf, 0, 8) == -EFAULT && user_write(0, buf, 8) == -EFAULT, "NULL");
	CHECK(user_read(buf, 8, 8) == -EFAULT && user_write(8, buf, 8) == -EFAULT, "almost NULL");
	CHECK(user_read(buf, 0xffff800000000000ULL, 8) == -EFAULT &&
		      user_write(0xffff800000000000ULL, buf, 8) == -EFAULT,
	      "the kernel's");
	CHECK(user_read(buf, UINT64_MAX - 4, 64) == -EFAULT, "one that wraps");
	CHECK(user_read(buf, 0, 0) == 0 && user_write(0, buf, 0) == 0, "nothing can be anywhere");
}

/* Lengths around the word and page limits of the short way, ending @slack bytes before the hole. */
static const size_t length[] = { 1,
				 2,
				 7,
				 8,
				 9,
				 15,
				 16,
				 24,
				 64,
				 4095,
				 4096,
				 4097,
				 8192,
				 8 * 4096,
				 8 * 4096 + 1,
				 10 * 4096,
				 10 * 4096 + 17 };

static void test_every_length_ends_where_memory_ends(void)
{
	char *area = map(N_PAGES), *copy = malloc(N_PAGES * PAGE);

	REQUIRE(area && copy, "memory can be had");
	for (size_t i = 0; i < N_PAGES * PAGE; i++)
		area[i] = (char)(i * 7 + i / PAGE);
	for (size_t i = 0; i < ARRAY_SIZE(length); i++) {
		char *at = area + N_PAGES * PAGE - length[i];
		const uint64_t addr = (uintptr_t)at;

		CHECK(user_read(copy, addr, length[i]) == 0 && !memcmp(copy, at, length[i]),
		      "what is there is read");
		CHECK(user_read(copy, addr + 1, length[i]) == -EFAULT, "one byte more is not");
		memset(copy, (int)(0x40 + i), length[i]);
		CHECK(user_write(addr, copy, length[i]) == 0 && !memcmp(copy, at, length[i]),
		      "what is there is written");
		CHECK(user_write(addr + 1, copy, length[i]) == -EFAULT, "one byte more is not");
	}
	free(copy);
	munmap(area, (N_PAGES + 1) * PAGE);
}

static void test_neighbours_stay(void)
{
	char *area = map(4), buf[PAGE + 64];
	bool same = true;

	REQUIRE(area, "memory can be had");
	memset(buf, 0x55, sizeof(buf));
	for (size_t offset = PAGE - 40; offset < PAGE + 40; offset++) {
		memset(area, 0x22, 4 * PAGE);
		CHECK(user_write((uintptr_t)area + offset, buf, 24) == 0, "a write anywhere");
		for (size_t i = 0; i < 4 * PAGE; i++)
			same = same && area[i] == (i >= offset && i < offset + 24 ? 0x55 : 0x22);
	}
	CHECK(same, "bytes beside it are untouched");
	munmap(area, 5 * PAGE);
}

static void test_rights_count(void)
{
	char *area = map(3), buf[64] = { 0 };

	REQUIRE(area, "memory can be had");
	mprotect(area, PAGE, PROT_READ);
	CHECK(user_read(buf, (uintptr_t)area, 64) == 0, "read-only memory can be read");
	CHECK(user_write((uintptr_t)area, buf, 64) == -EFAULT, "but not written");
	CHECK(user_write((uintptr_t)area + PAGE - 32, buf, 64) == -EFAULT, "not even half of it");
	mprotect(area + PAGE, PAGE, PROT_NONE);
	CHECK(user_read(buf, (uintptr_t)area + PAGE - 32, 64) == -EFAULT, "a hole is a hole");
	munmap(area, 4 * PAGE);
}

int main(void)
{
	return RUN_TESTS(test_a_wrong_address_is_efault, test_every_length_ends_where_memory_ends,
			 test_neighbours_stay, test_rights_count);
}
