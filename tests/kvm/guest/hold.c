// SPDX-License-Identifier: Apache-2.0
/*
 * hold - known values in every register at EL0, over and over, while events interrupt it
 *
 *	hold TURNS	until SIGTERM; then one line of JSON
 *	hold abort IPA, hold odd-abort IPA	load from a device address without a device, by an instruction that the
 *		syndrome describes, or does not: what a refused access does to the program
 */
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

uint64_t hold(uint64_t turns);

static volatile sig_atomic_t ending;

static void on_term(int number)
{
	(void)number;
	ending = 1;
}

static int run(uint64_t turns)
{
	uint64_t rounds = 0, bad = 0;

	signal(SIGTERM, on_term);
	for (; !ending; rounds++)
		bad += hold(turns) != 0;
	printf("{\"user_rounds\":%" PRIu64 ",\"user_bad\":%" PRIu64 "}\n", rounds, bad);
	return bad != 0;
}

/* Loads, each by its own label; SIGBUS tells where it stood. The syndrome does not describe one that moves its base. */
extern const char load_at[], odd_load_at[];
static const char *expected_at;

static void on_bus(int number, siginfo_t *info, void *opaque)
{
	const ucontext_t *context = opaque;
	const uint64_t pc = context->uc_mcontext.pc;

	(void)number;
	(void)info;
	printf("{\"abort_at\":%" PRId64 "}\n", (int64_t)(pc - (uintptr_t)expected_at));
	fflush(stdout);
	_exit(0);
}

static uint32_t load(const char *at)
{
	uint32_t value;

	expected_at = load_at;
	__asm__ volatile("\n	.globl load_at\nload_at:\n	ldr %w0, [%1]"
			 : "=r"(value)
			 : "r"(at)
			 : "memory");
	return value;
}

static uint32_t odd_load(const char *at)
{
	uint32_t value;

	expected_at = odd_load_at;
	__asm__ volatile("\n	.globl odd_load_at\nodd_load_at:\n	ldr %w0, [%1], #4"
			 : "=r"(value), "+r"(at)
			 :
			 : "memory");
	return value;
}

static int touch(uint64_t ipa, uint32_t (*load_from)(const char *at))
{
	const struct sigaction action = { .sa_sigaction = on_bus, .sa_flags = SA_SIGINFO };
	const uint64_t page = ipa & ~UINT64_C(4095);
	const int fd = open("/dev/mem", O_RDONLY | O_SYNC);
	const char *at = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, (off_t)page);

	if (fd < 0 || at == MAP_FAILED) {
		perror("/dev/mem");
		return 1;
	}
	sigaction(SIGBUS, &action, NULL);
	printf("{\"loaded\":%u}\n", load_from(at + (ipa - page)));
	return 1;
}

int main(int argc, char **argv)
{
	if (argc == 3 && strcmp(argv[1], "abort") == 0)
		return touch(strtoull(argv[2], NULL, 0), load);
	if (argc == 3 && strcmp(argv[1], "odd-abort") == 0)
		return touch(strtoull(argv[2], NULL, 0), odd_load);
	return argc == 2 ? run(strtoull(argv[1], NULL, 0)) : 2;
}
