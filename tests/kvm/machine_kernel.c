// SPDX-License-Identifier: Apache-2.0
/*
 * /dev/kvm with a guest of four instructions: the call, a store to an address without memory, which is
 * how it says that it came back, and a branch to itself.
 */
#include "machine.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <unistd.h>

#define MAX_VCPUS   4u
#define RAM_IPA     0x40000000ULL
#define RAM_SIZE    0x200000u
#define CODE        0x1000u
#define CODE_STEP   16u
#define DOORBELL    0x0a000000ULL
#define RUN_SECONDS 5 /* a guest that sleeps is called back */

/* Arm ARM C6: HVC #imm, SMC #imm, STR WZR, [X21], B . */
#define HVC(imm)    (0xd4000002u | (uint32_t)(imm) << 5)
#define SMC(imm)    (0xd4000003u | (uint32_t)(imm) << 5)
#define STR_WZR_X21 0xb90002bfu
#define B_SELF      0x14000000u

struct kernel_vm {
	int dev, vm;
	size_t run_size;
	struct kvm_port_vcpu vcpu[MAX_VCPUS];
	struct {
		int fd;
		struct kvm_run *run;
	} open[MAX_VCPUS];
	unsigned int n;
	uint8_t *ram;
	uint32_t code; /* offset of the next free instruction */
};

static int result_of(int ret)
{
	return ret < 0 ? -errno : ret;
}

static int add_vcpu(struct kernel_vm *k, struct kvm_port *port, void *id)
{
	int fd;

	if (k->n == MAX_VCPUS)
		return -ENOSPC;
	fd = ioctl(k->vm, KVM_CREATE_VCPU, id);
	if (fd < 0)
		return -errno;
	k->open[k->n].fd = fd;
	k->open[k->n].run = mmap(NULL, k->run_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (k->open[k->n].run == MAP_FAILED)
		return -errno;
	k->vcpu[k->n].vcpu_id = (uint32_t)(uintptr_t)id;
	port->n_vcpus = ++k->n;
	return (int)k->n - 1;
}

static int do_ioctl(void *vm, int vcpu, unsigned long cmd, void *arg)
{
	struct machine *m = vm;
	struct kernel_vm *k = m->own;

	if (vcpu >= (int)k->n)
		return -EBADF;
	if (vcpu >= 0)
		return result_of(ioctl(k->open[vcpu].fd, cmd, arg));
	if (cmd == KVM_CREATE_VCPU)
		return add_vcpu(k, &m->port, arg);
	return result_of(ioctl(k->vm, cmd, arg));
}

static int run(void *vm, int vcpu, int immediate_exit)
{
	struct kernel_vm *k = ((struct machine *)vm)->own;
	int ret;

	if (vcpu < 0 || vcpu >= (int)k->n)
		return -EBADF;
	k->open[vcpu].run->immediate_exit = immediate_exit != 0;
	ret = result_of(ioctl(k->open[vcpu].fd, KVM_RUN, 0));
	k->open[vcpu].run->immediate_exit = 0;
	return ret;
}

static const struct kvm_run *exit_page(void *vm, int vcpu)
{
	struct kernel_vm *k = ((struct machine *)vm)->own;

	return vcpu >= 0 && vcpu < (int)k->n ? k->open[vcpu].run : NULL;
}

static uint8_t *ram_at(struct kernel_vm *k, uint64_t ipa, size_t len)
{
	if (ipa < RAM_IPA || len > RAM_SIZE || ipa - RAM_IPA > RAM_SIZE - len)
		return NULL;
	return k->ram + (ipa - RAM_IPA);
}

static int mem_read(void *vm, uint64_t ipa, void *buf, size_t len)
{
	const uint8_t *at = ram_at(((struct machine *)vm)->own, ipa, len);

	if (!at)
		return -EFAULT;
	memcpy(buf, at, len);
	return 0;
}

static int mem_write(void *vm, uint64_t ipa, const void *buf, size_t len)
{
	uint8_t *at = ram_at(((struct machine *)vm)->own, ipa, len);

	if (!at)
		return -EFAULT;
	memcpy(at, buf, len);
	return 0;
}

static int give_memory(struct kernel_vm *k)
{
	struct kvm_userspace_memory_region region = { .guest_phys_addr = RAM_IPA,
						      .memory_size = RAM_SIZE };

	k->ram = mmap(NULL, RAM_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (k->ram == MAP_FAILED)
		return -ENOMEM;
	region.userspace_addr = (uintptr_t)k->ram;
	return result_of(ioctl(k->vm, KVM_SET_USER_MEMORY_REGION, &region));
}

int machine_open(const struct machine_host *host, struct machine *m)
{
	struct kernel_vm *k = calloc(1, sizeof(*k));
	int ret;

	(void)host;
	if (!k)
		return -ENOMEM;
	k->dev = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	k->vm = k->dev < 0 ? -1 : ioctl(k->dev, KVM_CREATE_VM, 0);
	if (k->vm < 0) {
		ret = -errno;
		if (k->dev >= 0)
			close(k->dev);
		free(k);
		return ret;
	}
	k->run_size = (size_t)ioctl(k->dev, KVM_GET_VCPU_MMAP_SIZE, 0);
	k->code = CODE;
	*m = (struct machine){ .own = k,
			       .port = { .vm = m,
					 .ioctl = do_ioctl,
					 .run = run,
					 .exit = exit_page,
					 .mem_read = mem_read,
					 .mem_write = mem_write,
					 .vcpus = k->vcpu } };
	ret = give_memory(k);
	if (ret)
		machine_close(m);
	return ret;
}

void machine_close(struct machine *m)
{
	struct kernel_vm *k = m->own;

	for (unsigned int i = 0; i < k->n; i++) {
		munmap(k->open[i].run, k->run_size);
		close(k->open[i].fd);
	}
	close(k->vm);
	close(k->dev);
	if (k->ram)
		munmap(k->ram, RAM_SIZE);
	free(k);
	m->own = NULL;
}

int machine_system_ioctl(const struct machine_host *host, unsigned long cmd, void *arg)
{
	int dev = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	int ret;

	(void)host;
	if (dev < 0)
		return -errno;
	ret = result_of(ioctl(dev, cmd, arg));
	close(dev);
	return ret;
}

static int set_reg(struct machine *m, uint64_t id, uint64_t value)
{
	struct kvm_one_reg reg = { id, (uintptr_t)&value };

	return m->port.ioctl(m->port.vm, 0, KVM_SET_ONE_REG, &reg);
}

/* @first and what comes behind it, at a place that no instruction cache knows. */
static int put_code(struct machine *m, uint32_t first)
{
	struct kernel_vm *k = m->own;
	const uint32_t code[] = { first, STR_WZR_X21, B_SELF };
	uint8_t *at = k->ram + k->code;

	if (k->n == 0 || k->code + CODE_STEP > RAM_SIZE)
		return -EBADF;
	memcpy(at, code, sizeof(code));
	__builtin___clear_cache((char *)at, (char *)at + sizeof(code));
	m->insn = RAM_IPA + k->code;
	k->code += CODE_STEP;
	return set_reg(m, KVMCORE_REG_PC, m->insn);
}

static int set_registers(struct machine *m, const uint64_t *x)
{
	int ret = set_reg(m, KVMCORE_REG_X(21), DOORBELL);

	for (unsigned int i = 0; i < CALL_REGS && !ret; i++)
		ret = set_reg(m, KVMCORE_REG_X(i), x[i]);
	return ret;
}

int machine_place(struct machine *m, const struct machine_call *call)
{
	int ret = put_code(m, call->smc ? SMC(call->imm) : HVC(call->imm));

	return ret ? ret : set_registers(m, call->x);
}

static void ignore(int signal)
{
	(void)signal;
}

static void call_back_in(int seconds)
{
	const struct sigaction action = { .sa_handler = ignore }; /* no SA_RESTART: EINTR */
	const struct itimerval timer = { .it_value = { .tv_sec = seconds } };

	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &timer, NULL);
}

int machine_go(struct machine *m)
{
	const struct kvm_run *page = m->port.exit(m->port.vm, 0);
	int ret;

	if (!page)
		return -EBADF;
	call_back_in(RUN_SECONDS);
	ret = m->port.run(m->port.vm, 0, 0);
	call_back_in(0);
	if (ret)
		return ret;
	if (page->exit_reason != KVM_EXIT_MMIO || page->mmio.phys_addr != DOORBELL)
		return 0;
	/* The store is completed by the next run, which would move a PC that was set meanwhile. */
	ret = m->port.run(m->port.vm, 0, 1);
	return ret == -EINTR ? 1 : ret;
}

int machine_access(struct machine *m, const struct machine_access *access)
{
	/* STR{B,H,} [WX]0, [X1] and LDR{B,H,} [WX]0, [X1]: the size is in the top two bits */
	const uint32_t size = (uint32_t)__builtin_ctz(access->len) << 30;
	const uint64_t x[CALL_REGS] = { access->value, access->ipa };
	int ret = put_code(m, size | (access->write ? 0x39000020u : 0x39400020u));

	if (!ret)
		ret = set_registers(m, x);
	return ret ? ret : machine_go(m);
}
