// SPDX-License-Identifier: Apache-2.0
/* The kernel's VM (Documentation/virt/kvm/api.rst), and a struct kvm_port over its descriptors. */
#include "vmm.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

static int result_of(int ret)
{
	return ret < 0 ? -errno : ret;
}

int kvm_attr(int fd, unsigned long cmd, uint32_t group, uint64_t attr, void *addr)
{
	struct kvm_device_attr device = { .group = group, .attr = attr, .addr = (uintptr_t)addr };

	return result_of(ioctl(fd, cmd, &device));
}

int kvm_get(const struct vcpu *vcpu, uint64_t id, uint64_t *value)
{
	struct kvm_one_reg reg = { .id = id, .addr = (uintptr_t)value };

	*value = 0;
	return result_of(ioctl(vcpu->fd, KVM_GET_ONE_REG, &reg));
}

int kvm_set(const struct vcpu *vcpu, uint64_t id, uint64_t value)
{
	struct kvm_one_reg reg = { .id = id, .addr = (uintptr_t)&value };

	return result_of(ioctl(vcpu->fd, KVM_SET_ONE_REG, &reg));
}

int kvm_mp_state(const struct vcpu *vcpu, uint32_t state)
{
	struct kvm_mp_state mp = { .mp_state = state };

	return result_of(ioctl(vcpu->fd, KVM_SET_MP_STATE, &mp));
}

void *kvm_guest(const struct vmm *vmm, uint64_t ipa, uint64_t size)
{
	if (ipa < BOARD_RAM || size > vmm->options->memory ||
	    ipa - BOARD_RAM > vmm->options->memory - size)
		return NULL;
	return vmm->ram + (ipa - BOARD_RAM);
}

/* --- the port --- */

static int port_ioctl(void *vm, int vcpu, unsigned long cmd, void *arg)
{
	struct vmm *vmm = vm;
	int ret;

	if (vcpu >= (int)vmm->n_vcpus)
		return -EBADF;
	if (vcpu < 0)
		return result_of(ioctl(vmm->fd, cmd, arg));
	gate_hold(&vmm->vcpu[vcpu]);
	ret = result_of(ioctl(vmm->vcpu[vcpu].fd, cmd, arg));
	gate_release(&vmm->vcpu[vcpu]);
	return ret;
}

static int port_run(void *vm, int vcpu, int immediate_exit)
{
	struct vmm *vmm = vm;

	if (vcpu < 0 || vcpu >= (int)vmm->n_vcpus)
		return -EBADF;
	if (immediate_exit)
		vmm->vcpu[vcpu].run->immediate_exit = 1;
	return result_of(ioctl(vmm->vcpu[vcpu].fd, KVM_RUN, 0));
}

static const struct kvm_run *port_exit(void *vm, int vcpu)
{
	const struct vmm *vmm = vm;

	return vcpu < 0 || vcpu >= (int)vmm->n_vcpus ? NULL : vmm->vcpu[vcpu].run;
}

static int port_mem_read(void *vm, uint64_t ipa, void *buf, size_t len)
{
	const void *at = kvm_guest(vm, ipa, len);

	if (!at)
		return -EFAULT;
	memcpy(buf, at, len);
	return 0;
}

static int port_mem_write(void *vm, uint64_t ipa, const void *buf, size_t len)
{
	void *at = kvm_guest(vm, ipa, len);

	if (!at)
		return -EFAULT;
	memcpy(at, buf, len);
	return 0;
}

/* --- making it --- */

int kvm_vcpu_init(struct vcpu *vcpu, bool power_off)
{
	struct kvm_vcpu_init init;
	int ret = result_of(ioctl(vcpu->vmm->fd, KVM_ARM_PREFERRED_TARGET, &init));

	if (ret < 0)
		return ret;
	init.features[0] |= 1u << KVM_ARM_VCPU_PSCI_0_2;
	if (power_off)
		init.features[0] |= 1u << KVM_ARM_VCPU_POWER_OFF;
	return result_of(ioctl(vcpu->fd, KVM_ARM_VCPU_INIT, &init));
}

static int add_vcpu(struct vmm *vmm, unsigned int index)
{
	struct vcpu *vcpu = &vmm->vcpu[index];
	uint64_t mpidr;
	int ret;

	*vcpu = (struct vcpu){ .vmm = vmm, .index = index, .powered = index == 0 };
	vcpu->fd = ioctl(vmm->fd, KVM_CREATE_VCPU, index);
	if (vcpu->fd < 0)
		return -errno;
	vmm->n_vcpus++;
	vcpu->run = mmap(NULL, vmm->run_size, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu->fd, 0);
	if (vcpu->run == MAP_FAILED)
		return -errno;
	ret = kvm_vcpu_init(vcpu, index > 0);
	if (!ret)
		ret = kvm_get(vcpu, KVMCORE_REG_MPIDR_EL1, &mpidr);
	if (!ret)
		vmm->name[index] = (struct kvm_port_vcpu){ index, mpidr & 0xff00ffffffull };
	return ret;
}

static int add_memory(struct vmm *vmm)
{
	const uint64_t size = vmm->options->memory;
	struct kvm_userspace_memory_region region = { .guest_phys_addr = BOARD_RAM,
						      .memory_size = size };
	int ret;

	if (vmm->shared && BOARD_RAM + size > vmm->shared) {
		vmm_say("a realm has room for %llu MiB of memory",
			(unsigned long long)(vmm->shared - BOARD_RAM) >> 20);
		return -E2BIG;
	}
	vmm->ram = mmap(NULL, size, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (vmm->ram == MAP_FAILED)
		return -errno;
	madvise(vmm->ram, size, MADV_HUGEPAGE);
	region.userspace_addr = (uintptr_t)vmm->ram;
	ret = result_of(ioctl(vmm->fd, KVM_SET_USER_MEMORY_REGION, &region));
	if (ret || !vmm->shared)
		return ret;
	region.slot = 1; /* the same memory, as the realm shows it to its host */
	region.guest_phys_addr |= vmm->shared;
	return result_of(ioctl(vmm->fd, KVM_SET_USER_MEMORY_REGION, &region));
}

/* What the PE has decides PSTATE when a handler is entered (DEN0054 §4.2.1). */
static int read_features(struct vmm *vmm)
{
	static const struct {
		uint64_t id;
		unsigned int shift, least;
		uint32_t feature;
	} field[] = {
		{ KVMCORE_REG_SYS(3u, 0u, 0u, 7u, 1u), 20, 1, KVMCORE_PE_PAN }, /* MMFR1 */
		{ KVMCORE_REG_SYS(3u, 0u, 0u, 7u, 2u), 4, 1, KVMCORE_PE_UAO },  /* MMFR2 */
		{ KVMCORE_REG_SYS(3u, 0u, 0u, 4u, 0u), 48, 1, KVMCORE_PE_DIT }, /* PFR0 */
		{ KVMCORE_REG_SYS(3u, 0u, 0u, 4u, 1u), 0, 1, KVMCORE_PE_BTI },  /* PFR1 */
		{ KVMCORE_REG_SYS(3u, 0u, 0u, 4u, 1u), 4, 1, KVMCORE_PE_SSBS },
		{ KVMCORE_REG_SYS(3u, 0u, 0u, 4u, 1u), 8, 2, KVMCORE_PE_MTE2 },
		{ KVMCORE_REG_SYS(3u, 0u, 0u, 4u, 1u), 36, 1, KVMCORE_PE_NMI },
		{ KVMCORE_REG_SYS(3u, 0u, 0u, 5u, 1u), 48, 1, KVMCORE_PE_EBEP }, /* DFR1 */
	};
	uint64_t value;
	int ret = 0;

	for (size_t i = 0; i < sizeof(field) / sizeof(field[0]) && !ret; i++) {
		ret = kvm_get(&vmm->vcpu[0], field[i].id, &value);
		if (!ret && (value >> field[i].shift & 0xf) >= field[i].least)
			vmm->pe_features |= field[i].feature;
	}
	return ret;
}

/* An access without memory and without a syndrome is ours to refuse; without this it would end KVM_RUN with an error. */
static int ask_for_odd_accesses(const struct vmm *vmm)
{
	struct kvm_enable_cap cap = { .cap = KVM_CAP_ARM_NISV_TO_USER };

	return result_of(ioctl(vmm->fd, KVM_ENABLE_CAP, &cap));
}

static int fill(struct vmm *vmm)
{
	int ret = vmm_told(add_memory(vmm), "the guest's memory");

	if (!ret)
		ret = vmm_told(ask_for_odd_accesses(vmm), "KVM_CAP_ARM_NISV_TO_USER");
	for (unsigned int i = 0; i < vmm->options->n_vcpus && !ret; i++)
		ret = vmm_told(add_vcpu(vmm, i), "a vCPU");
	if (!ret)
		ret = vmm_told(read_features(vmm), "a vCPU's ID registers");
	if (!ret)
		ret = vmm_told(gic_create(vmm), "a GICv3 in the kernel");
	vmm->kernel = (struct kvm_port){
		.vm = vmm,
		.ioctl = port_ioctl,
		.run = port_run,
		.exit = port_exit,
		.mem_read = port_mem_read,
		.mem_write = port_mem_write,
		.vcpus = vmm->name,
		.n_vcpus = vmm->n_vcpus,
	};
	return ret;
}

int kvm_open(struct vmm *vmm)
{
	int ret;

	vmm->fd = vmm->gic = -1;
	vmm->n_vcpus = 0;
	vmm->kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	if (vmm->kvm < 0)
		return vmm_told(-errno, "/dev/kvm");
	ret = result_of(ioctl(vmm->kvm, KVM_GET_VCPU_MMAP_SIZE, 0));
	if (ret < 0)
		return vmm_told(ret, "/dev/kvm: KVM_GET_VCPU_MMAP_SIZE");
	vmm->run_size = (size_t)ret;
	vmm->fd = ioctl(vmm->kvm, KVM_CREATE_VM, 0);
	return vmm->fd < 0 ? vmm_told(-errno, "/dev/kvm: KVM_CREATE_VM") : fill(vmm);
}

static void close_fd(int fd)
{
	if (fd >= 0)
		close(fd);
}

void kvm_close(struct vmm *vmm)
{
	for (unsigned int i = 0; i < vmm->n_vcpus; i++) {
		if (vmm->vcpu[i].run && vmm->vcpu[i].run != MAP_FAILED)
			munmap(vmm->vcpu[i].run, vmm->run_size);
		close_fd(vmm->vcpu[i].fd);
	}
	vmm->n_vcpus = 0;
	close_fd(vmm->gic);
	close_fd(vmm->kvm);
	pthread_mutex_lock(&vmm->lock); /* the keyboard's thread still has the devices */
	close_fd(vmm->fd);
	vmm->gic = vmm->fd = vmm->kvm = -1;
	pthread_mutex_unlock(&vmm->lock);
	if (vmm->ram && vmm->ram != MAP_FAILED)
		munmap(vmm->ram, vmm->options->memory);
	vmm->ram = NULL;
}
