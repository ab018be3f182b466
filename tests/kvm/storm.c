// SPDX-License-Identifier: Apache-2.0
/*
 * SDEI on /dev/kvm at random moments: several vCPUs run storm_guest.S while events and interrupts come whenever a
 * generator says so. Every delivery has to be handled once, on the vCPU that got it, with no register lost;
 * every refused load is an abort at its own instruction. SDEI_SEED repeats the generator's choices,
 * SDEI_STORM_EVENTS says how many.
 */
#include "support/words.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define N_VCPUS       4u
#define N_EVENTS      4u
#define FIRST_EVENT   0x400000u
#define RAM           0x40000000ull
#define RAM_SIZE      0x100000u
#define PAGES         0x10000u /* each vCPU's page: here and on */
#define DEVICE        0x0a000000ull
#define ANSWER        0x5a5a5a5au
#define EL1H_MASKED   0x3c5u
#define KICK          SIGUSR1
#define CALL_REGS     18u   /* x0 to x17 */
#define MAX_WAITS     60000 /* of a millisecond, until nothing that was begun waits */

extern const char storm_guest[], storm_guest_end[], storm_handler[], storm_handler_end[];

/* Of the device; storm_guest.S has them too. */
enum { ANSWERED = 8, TAKEN = 16, DONE = 24, ACKNOWLEDGE = 32, UNEXPECTED = 40, REFUSED = 0x100 };

struct page {
	uint64_t stop, rounds, bad, irqs, aborts;
	uint64_t handled[N_EVENTS];
	uint64_t bad_argument, bad_abort, resumed;
};

struct vcpu {
	unsigned int index;
	int fd;
	struct kvm_run *run;
	pthread_t thread;
	volatile struct page *page;
	atomic_bool due, line;
	bool undrained;
	uint64_t delivered[N_EVENTS], nested, refused, raised;
};

static struct {
	int dev, vm;
	uint8_t *ram;
	struct kvmcore_vm *core;
	struct vcpu vcpu[N_VCPUS];
} s;

_Noreturn static void die(const char *what)
{
	fprintf(stderr, "storm: %s: %s\n", what, strerror(errno));
	_exit(1);
}

static uint64_t get_reg(struct vcpu *v, uint64_t id)
{
	uint64_t value = 0;
	struct kvm_one_reg reg = { id, (uintptr_t)&value };

	if (ioctl(v->fd, KVM_GET_ONE_REG, &reg))
		die("KVM_GET_ONE_REG");
	return value;
}

static void set_reg(struct vcpu *v, uint64_t id, uint64_t value)
{
	struct kvm_one_reg reg = { id, (uintptr_t)&value };

	if (ioctl(v->fd, KVM_SET_ONE_REG, &reg))
		die("KVM_SET_ONE_REG");
}

/* --- libkvmcore: docs/embedding.md, 2 ---------------------------------------------------------------- */

static void read_registers(struct vcpu *v, struct kvmcore_regs *regs, uint32_t set)
{
	for (unsigned int bit = 0; bit < KVMCORE_N_MASKED; bit++)
		if (set >> bit & 1)
			*word_of(regs, bit) = get_reg(v, word_id(bit));
}

static void write_registers(struct vcpu *v, struct kvmcore_regs *regs, uint32_t set)
{
	for (unsigned int bit = 0; bit < KVMCORE_N_MASKED; bit++)
		if (set >> bit & 1)
			set_reg(v, word_id(bit), *word_of(regs, bit));
}

static void kick(const struct kvmcore_reply *reply)
{
	for (unsigned int i = 0; reply->any_kick && i < N_VCPUS; i++)
		if (reply->kick[0] >> i & 1) {
			atomic_store(&s.vcpu[i].due, true);
			pthread_kill(s.vcpu[i].thread, KICK);
		}
}

static bool in_handler(uint64_t pc)
{
	const uint64_t first = RAM + (uint64_t)(storm_handler - storm_guest);

	return pc >= first && pc < first + (uint64_t)(storm_handler_end - storm_handler);
}

/* @known: of @regs. Return: what of them has to be written */
static uint32_t deliver(struct vcpu *v, struct kvmcore_regs *regs, uint32_t known)
{
	const uint32_t reads = kvmcore_enter_reads(s.core, (int)v->index, regs->features);
	struct kvmcore_reply reply;
	uint64_t pc;

	if (!reads)
		return 0;
	read_registers(v, regs, reads & ~known);
	pc = regs->pc;
	if (kvmcore_enter(s.core, (int)v->index, regs, &reply))
		die("kvmcore_enter");
	kick(&reply);
	if (reply.delivered) {
		v->delivered[regs->x[0] - FIRST_EVENT]++;
		v->nested += in_handler(pc);
	}
	return reply.changed;
}

static void answer_call(struct vcpu *v)
{
	const struct kvmcore_trap hvc = { .smc = false };
	struct kvmcore_regs regs = { .features = 0 };
	struct kvmcore_reply reply;
	const uint32_t id = (uint32_t)v->run->hypercall.nr;
	const uint32_t reads = kvmcore_call_reads(s.core, id, regs.features);
	uint32_t writes;

	words_spoil(&regs, ~reads);
	read_registers(v, &regs, reads);
	regs.x[0] = id;
	if (kvmcore_call(s.core, (int)v->index, &hvc, &regs, &reply))
		die("kvmcore_call");
	writes = reply.changed & ~reply.cleared;
	kick(&reply);
	writes |= deliver(v, &regs, reads | reply.changed);
	write_registers(v, &regs, writes);
}

/* --- exits --------------------------------------------------------------------------------------------- */

/* Without a GIC in the kernel a line leads straight to the vCPU (api.rst, KVM_IRQ_LINE). */
static void set_line(struct vcpu *v, bool up)
{
	struct kvm_irq_level level = { .irq = v->index << KVM_ARM_IRQ_VCPU_SHIFT |
					      KVM_ARM_IRQ_TYPE_CPU << KVM_ARM_IRQ_TYPE_SHIFT,
				       .level = up };

	if (up) /* before the guest can take it down */
		atomic_store(&v->line, true);
	if (ioctl(s.vm, KVM_IRQ_LINE, &level))
		die("KVM_IRQ_LINE");
	if (!up)
		atomic_store(&v->line, false);
}

static void refuse(struct vcpu *v)
{
	struct kvmcore_arm64_vcpu_events events = { .ext_dabt_pending = 1 };

	v->run->exit_reason = KVM_EXIT_UNKNOWN; /* docs/abi.md, Power */
	if (ioctl(v->fd, KVMCORE_SET_VCPU_EVENTS, &events))
		die("KVM_SET_VCPU_EVENTS");
	v->refused++;
}

/* Return: goes on */
static bool answer_access(struct vcpu *v)
{
	const uint32_t answer = ANSWER;

	v->undrained = true;
	switch (v->run->mmio.phys_addr - DEVICE) {
	case ANSWERED:
		memcpy(v->run->mmio.data, &answer, sizeof(answer));
		return true;
	case TAKEN:
		return true;
	case ACKNOWLEDGE:
		set_line(v, false);
		return true;
	case REFUSED:
		refuse(v);
		return true;
	case DONE:
		return false;
	}
	errno = EFAULT;
	die("an exception that nobody expects");
}

static __thread struct kvm_run *own_run;

static void on_kick(int number)
{
	(void)number;
	if (own_run)
		__atomic_store_n(&own_run->immediate_exit, 1, __ATOMIC_SEQ_CST);
}

static int run(struct vcpu *v, bool immediate)
{
	int ret;

	if (immediate)
		v->run->immediate_exit = 1;
	ret = ioctl(v->fd, KVM_RUN, 0) < 0 ? -errno : 0;
	__atomic_store_n(&v->run->immediate_exit, 0, __ATOMIC_SEQ_CST);
	v->undrained = false;
	if (ret && ret != -EINTR)
		die("KVM_RUN");
	return ret;
}

static void enter(struct vcpu *v)
{
	struct kvmcore_regs regs = { .features = 0 };
	uint32_t writes;

	words_spoil(&regs, ~0u);
	if (v->undrained)
		run(v, true);
	writes = deliver(v, &regs, 0);
	write_registers(v, &regs, writes);
}

static void *main_of_vcpu(void *opaque)
{
	struct vcpu *v = opaque;
	bool going = true;

	own_run = v->run;
	while (going) {
		if (atomic_exchange(&v->due, false))
			enter(v);
		if (run(v, false))
			continue;
		if (v->run->exit_reason == KVM_EXIT_HYPERCALL)
			answer_call(v);
		else if (v->run->exit_reason == KVM_EXIT_MMIO)
			going = answer_access(v);
		else
			die("an exit that nobody expects");
	}
	own_run = NULL;
	return NULL;
}

/* --- making it ----------------------------------------------------------------------------------------- */

static void forward_sdei(void)
{
	struct kvm_smccc_filter filter = { .base = 0xc4000020u,
					   .nr_functions = 32,
					   .action = KVM_SMCCC_FILTER_FWD_TO_USER };
	struct kvm_device_attr attr = { .group = KVM_ARM_VM_SMCCC_CTRL,
					.attr = KVM_ARM_VM_SMCCC_FILTER,
					.addr = (uintptr_t)&filter };

	if (ioctl(s.vm, KVM_SET_DEVICE_ATTR, &attr))
		die("the SMCCC filter");
}

static void open_core(void)
{
	static struct kvm_sdei_exposed_event_state event[N_EVENTS];
	const struct kvmcore_config config = { .profile = KVMCORE_PROFILE_SPEC };
	struct kvm_sdei_cmd expose = { .cmd = KVM_SDEI_CMD_SET_EXPOSED_EVENT,
				       .count = N_EVENTS,
				       .pointer = (uintptr_t)event };

	for (unsigned int i = 0; i < N_EVENTS; i++)
		event[i] = (struct kvm_sdei_exposed_event_state){ .num = FIRST_EVENT + i,
								  .type = (uint8_t)(i / 2),
								  .priority = (uint8_t)(i % 2) };
	if (kvmcore_vm_create(&config, &s.core, NULL))
		die("kvmcore_vm_create");
	for (unsigned int i = 0; i < N_VCPUS; i++)
		if (kvmcore_vcpu_create(s.core, i, i) != (int)i)
			die("kvmcore_vcpu_create");
	if (kvmcore_ioctl(s.core, -1, KVM_ARM_SDEI_COMMAND, &expose) || kvmcore_resume(s.core))
		die("the core");
}

static void open_vcpu(unsigned int i)
{
	struct vcpu *v = &s.vcpu[i];
	struct kvm_vcpu_init init;
	const int size = ioctl(s.dev, KVM_GET_VCPU_MMAP_SIZE, 0);

	v->index = i;
	v->page = (volatile struct page *)(s.ram + PAGES + i * 4096u);
	v->fd = ioctl(s.vm, KVM_CREATE_VCPU, i);
	if (v->fd < 0 || size < 0 || ioctl(s.vm, KVM_ARM_PREFERRED_TARGET, &init))
		die("a vCPU");
	init.features[0] |= 1u << KVM_ARM_VCPU_PSCI_0_2;
	v->run = mmap(NULL, (size_t)size, PROT_READ | PROT_WRITE, MAP_SHARED, v->fd, 0);
	if (v->run == MAP_FAILED || ioctl(v->fd, KVM_ARM_VCPU_INIT, &init))
		die("a vCPU");
	set_reg(v, KVMCORE_REG_X(0), RAM + PAGES + i * 4096u);
	set_reg(v, KVMCORE_REG_X(1), i);
	set_reg(v, KVMCORE_REG_PC, RAM);
	set_reg(v, KVMCORE_REG_PSTATE, EL1H_MASKED);
}

static void open_vm(void)
{
	struct kvm_userspace_memory_region region = { .guest_phys_addr = RAM,
						      .memory_size = RAM_SIZE };

	s.dev = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	s.vm = s.dev < 0 ? -1 : ioctl(s.dev, KVM_CREATE_VM, 0);
	s.ram = mmap(NULL, RAM_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (s.vm < 0 || s.ram == MAP_FAILED)
		die("a VM");
	memcpy(s.ram, storm_guest, (size_t)(storm_guest_end - storm_guest));
	__builtin___clear_cache((char *)s.ram, (char *)s.ram + RAM_SIZE);
	region.userspace_addr = (uintptr_t)s.ram;
	if (ioctl(s.vm, KVM_SET_USER_MEMORY_REGION, &region))
		die("memory");
	forward_sdei();
	for (unsigned int i = 0; i < N_VCPUS; i++)
		open_vcpu(i);
}

/* --- the storm ------------------------------------------------------------------------------------------ */

static uint64_t next_random(uint64_t *state)
{
	*state ^= *state << 13; /* xorshift64 */
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

static void sleep_us(uint64_t us)
{
	const struct timespec pause = { .tv_nsec = (long)us * 1000 };

	nanosleep(&pause, NULL);
}

static void wait_until_all_turn(void)
{
	for (unsigned int i = 0; i < N_VCPUS; i++)
		while (s.vcpu[i].page->rounds == 0)
			sleep_us(1000);
}

static void blow(uint64_t seed, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++) {
		const uint64_t r = next_random(&seed);
		struct vcpu *v = &s.vcpu[r % N_VCPUS];
		struct kvmcore_reply reply;

		if (kvmcore_inject(s.core, (int)v->index, FIRST_EVENT + (r >> 8) % N_EVENTS,
				   &reply))
			die("kvmcore_inject");
		kick(&reply);
		if ((r >> 16) % 3 == 0 && !atomic_load(&v->line)) {
			v->raised++;
			set_line(v, true);
		}
		sleep_us((r >> 24) % 1500);
	}
}

/* Nothing is queued, nothing runs, no line is up. */
static bool is_calm(const struct vcpu *v, bool tell)
{
	struct kvmcore_vcpu_status now;

	if (kvmcore_vcpu_status(s.core, (int)v->index, &now))
		die("kvmcore_vcpu_status");
	if (tell)
		fprintf(stderr,
			"storm: vCPU %u: %u queued, %#" PRIx64 " and %#" PRIx64 ", line %d\n",
			v->index, now.n_queued, now.critical_num, now.normal_num,
			atomic_load(&v->line));
	return !now.n_queued && now.critical_num == KVM_SDEI_INVALID_EVENT &&
	       now.normal_num == KVM_SDEI_INVALID_EVENT && !atomic_load(&v->line);
}

static void wait_until_calm(void)
{
	for (unsigned int calm = 0, n = 0; calm < N_VCPUS; n++) {
		calm = 0;
		for (unsigned int i = 0; i < N_VCPUS; i++)
			calm += is_calm(&s.vcpu[i], n == MAX_WAITS);
		errno = ETIME;
		if (calm < N_VCPUS && n == MAX_WAITS)
			die("what was begun does not end");
		sleep_us(1000);
	}
}

static unsigned int check(const struct vcpu *v)
{
	const volatile struct page *page = v->page;
	unsigned int wrong = 0;

#define EQUAL(what, a, b)                                                                        \
	do {                                                                                     \
		if ((a) != (b)) {                                                                \
			fprintf(stderr, "storm: vCPU %u: %s: %" PRIu64 " against %" PRIu64 "\n", \
				v->index, what, (uint64_t)(a), (uint64_t)(b));                   \
			wrong++;                                                                 \
		}                                                                                \
	} while (0)

	for (unsigned int i = 0; i < N_EVENTS; i++)
		EQUAL("handled and delivered", page->handled[i], v->delivered[i]);
	EQUAL("interrupts taken and raised", page->irqs, v->raised);
	EQUAL("aborts taken and refused", page->aborts, v->refused);
	EQUAL("registers lost", page->bad, 0u);
	EQUAL("arguments wrong", page->bad_argument, 0u);
	EQUAL("aborts wrong", page->bad_abort, 0u);
	return wrong;
}

static unsigned int tell(void)
{
	const char *path = getenv("SDEI_FORWARD_REPORT");
	uint64_t delivered[N_EVENTS] = { 0 }, nested = 0, aborts = 0, irqs = 0, resumed = 0;
	unsigned int wrong = 0;
	FILE *file;

	for (unsigned int i = 0; i < N_VCPUS; i++) {
		const struct vcpu *v = &s.vcpu[i];

		wrong += check(v);
		for (unsigned int n = 0; n < N_EVENTS; n++)
			delivered[n] += v->delivered[n];
		nested += v->nested;
		aborts += v->refused;
		irqs += v->raised;
		resumed += v->page->resumed;
	}
	for (unsigned int n = 0; n < N_EVENTS; n++)
		wrong += delivered[n] == 0;
	file = path ? fopen(path, "w") : NULL;
	if (file) {
		fprintf(file,
			"{\"events\":%" PRIu64 ",\"nested\":%" PRIu64 ",\"resumed\":%" PRIu64
			",\"interrupts\":%" PRIu64 ",\"aborts\":%" PRIu64 "}",
			delivered[0] + delivered[1] + delivered[2] + delivered[3], nested, resumed,
			irqs, aborts);
		fclose(file);
	}
	return wrong;
}

int main(void)
{
	const struct sigaction action = { .sa_handler = on_kick };
	const char *seed = getenv("SDEI_SEED"), *events = getenv("SDEI_STORM_EVENTS");

	sigaction(KICK, &action, NULL);
	open_vm();
	open_core();
	for (unsigned int i = 0; i < N_VCPUS; i++)
		if (pthread_create(&s.vcpu[i].thread, NULL, main_of_vcpu, &s.vcpu[i]))
			die("a thread");
	wait_until_all_turn();
	blow(seed ? strtoull(seed, NULL, 0) | 1 : 1,
	     events ? (unsigned int)strtoul(events, NULL, 0) : 2000);
	wait_until_calm();
	for (unsigned int i = 0; i < N_VCPUS; i++)
		s.vcpu[i].page->stop = 1;
	for (unsigned int i = 0; i < N_VCPUS; i++)
		pthread_join(s.vcpu[i].thread, NULL);
	s.core = kvmcore_vm_destroy(s.core);
	return tell() ? 1 : 0;
}
