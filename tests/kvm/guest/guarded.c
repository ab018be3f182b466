// SPDX-License-Identifier: Apache-2.0
/*
 * The first process of a guest that guards its MMIO. Its kernel has let the host emulate the pages that it
 * has mapped itself; this one maps others through /dev/mem, which guards nothing, so that each access there has to
 * end in an abort, at the very instruction and with nothing changed.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <ucontext.h>
#include <unistd.h>

#define MARK     "@J:"
#define PAGE     4096u
#define ACCESSES 200u
#define PATTERN  0x1122334455667788ull

static sigjmp_buf back;
static volatile struct {
	uint64_t pc, address, x[31];
	int code;
} seen;

static void on_bus_error(int number, siginfo_t *info, void *context)
{
	const mcontext_t *at = &((const ucontext_t *)context)->uc_mcontext;

	(void)number;
	seen.pc = at->pc;
	seen.address = at->fault_address;
	seen.code = info->si_code;
	for (unsigned int i = 0; i < 31; i++)
		seen.x[i] = at->regs[i];
	siglongjmp(back, 1);
}

/* One access with a known value in each of x1 to x30. */
__asm__(".text\n"
	".globl access_at, load_here, store_here\n"
	"access_at: stp x29, x30, [sp, #-96]!\n"
	"stp x19, x20, [sp, #16]\n"
	"stp x21, x22, [sp, #32]\n"
	"stp x23, x24, [sp, #48]\n"
	"stp x25, x26, [sp, #64]\n"
	"stp x27, x28, [sp, #80]\n"
	"cmp x1, #0\n"
	"ldr x1, =0x1122334455667788\n"
	".irp n, 2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30\n"
	"add x\\n, x1, #\\n\n"
	".endr\n"
	"b.ne store_here\n"
	"load_here: ldr x1, [x0]\n"
	"b 1f\n"
	"store_here: str x2, [x0]\n"
	"1: ldp x27, x28, [sp, #80]\n"
	"ldp x25, x26, [sp, #64]\n"
	"ldp x23, x24, [sp, #48]\n"
	"ldp x21, x22, [sp, #32]\n"
	"ldp x19, x20, [sp, #16]\n"
	"ldp x29, x30, [sp], #96\n"
	"ret\n"
	".ltorg\n");
void access_at(volatile void *address, uint64_t store);
extern const char load_here[], store_here[];

/* Return: whether it came through */
static int touch(volatile void *address, int store)
{
	if (sigsetjmp(back, 1))
		return 0;
	access_at(address, (uint64_t)store);
	return 1;
}

static int is_intact(const volatile void *address, int store)
{
	int intact = seen.pc == (uint64_t)(uintptr_t)(store ? store_here : load_here) &&
		     seen.x[0] == (uint64_t)(uintptr_t)address && seen.x[1] == PATTERN;

	for (unsigned int i = 2; i < 31; i++)
		intact &= seen.x[i] == PATTERN + i;
	return intact;
}

static volatile void *map(int mem, uint64_t ipa)
{
	void *at = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, mem, (off_t)ipa);

	if (at == MAP_FAILED)
		printf(MARK "{\"mmap\":\"%s\"}\n", strerror(errno));
	return at == MAP_FAILED ? NULL : at;
}

/* Where nobody is, and next to where somebody is. */
static void try_page(int mem, uint64_t ipa)
{
	volatile uint8_t *page = map(mem, ipa);
	unsigned int through = 0, intact = 0;

	for (unsigned int i = 0; page && i < ACCESSES; i++) {
		volatile uint8_t *at = page + i * 8 % PAGE;
		const int store = (int)(i / 3 % 2);

		if (touch(at, store))
			through++;
		else
			intact += (unsigned int)is_intact(at, store);
	}
	printf(MARK "{\"ipa\":%llu,\"tried\":%u,\"through\":%u,\"intact\":%u,\"code\":%d}\n",
	       (unsigned long long)ipa, ACCESSES, through, intact, seen.code);
	fflush(stdout);
}

static void be_first_process(void)
{
	int console;

	mkdir("/dev", 0755);
	mount("devtmpfs", "/dev", "devtmpfs", 0, NULL);
	console = open("/dev/console", O_RDWR);
	for (int fd = 0; console >= 0 && fd < 3; fd++)
		dup2(console, fd);
}

int main(void)
{
	static const uint64_t page[] = { 0x0b000000, 0x09001000, 0x0a000000, 0x10000000 };
	const struct sigaction action = { .sa_sigaction = on_bus_error, .sa_flags = SA_SIGINFO };
	int mem;

	be_first_process();
	sigaction(SIGBUS, &action, NULL);
	sigaction(SIGSEGV, &action, NULL);
	mem = open("/dev/mem", O_RDWR | O_SYNC);
	for (unsigned int i = 0; i < sizeof(page) / sizeof(page[0]); i++)
		try_page(mem, page[i]);
	puts(MARK "{\"guest\":\"done\"}");
	fflush(stdout);
	reboot(RB_POWER_OFF);
}
