// SPDX-License-Identifier: Apache-2.0
/*
 * The door of attributes: the MMIO guard in each of its variants, from the guest's side and the VMM's, and everything an
 * s390 VM can be asked. After each step what must hold of a guard is looked at.
 *
 * The input is a byte that chooses the VM and then steps of ten bytes: what to do, with what, and a 64-bit word.
 */
#include <kvmcore/kvmcore.h>
#include <kvmcore/uapi_s390.h>
#include <stdlib.h>
#include <string.h>

#define PAGE       4096u
#define MAX_RANGES 64u

struct input {
	const uint8_t *at, *end;
};

static _Alignas(PAGE) uint8_t memory[4 * PAGE];
static uint8_t room[8192]; /* where addresses point to */

static uint64_t take(struct input *in, size_t n)
{
	uint64_t value = 0;

	for (size_t i = 0; i < n && in->at < in->end; i++)
		value |= (uint64_t)*in->at++ << 8 * i;
	return value;
}

/* Mostly one of 256 pages, so that steps meet. */
static uint64_t page_of(uint64_t word)
{
	return word >> 63 ? word : (word & 0xff) * PAGE + (word >> 62 & 1 ? word >> 8 & 0xfff : 0);
}

static int attr(struct kvmcore_vm *vm, unsigned long cmd, uint32_t group, uint64_t number,
		const void *value)
{
	struct kvm_device_attr a = { .group = group, .attr = number, .addr = (uintptr_t)value };

	return kvmcore_ioctl(vm, -1, cmd, &a);
}

/* --- guard ------------------------------------------------------------------------------------------ */

static void do_call(struct kvmcore_vm *vm, uint8_t kind, uint64_t word)
{
	const struct kvmcore_trap trap = { .smc = kind & 0x40, .aarch32 = (kind & 0x30) == 0x30 };
	struct kvmcore_regs regs = { .x = { 0xc6000000 + (kind & 0xf), page_of(word),
					    word >> 16 & 0x3ff, word >> 32 & 1 } };
	struct kvmcore_reply reply;

	if (kind & 0x80)
		regs.x[0] = 0x84000008 + (kind & 1); /* SYSTEM_OFF, SYSTEM_RESET */
	kvmcore_call(vm, 0, &trap, &regs, &reply);
}

static void do_access(struct kvmcore_vm *vm, uint8_t kind, uint64_t word)
{
	const struct kvmcore_mmio access = { .ipa = page_of(word) + (word >> 40 & 0xfff),
					     .len = kind & 0x1f,
					     .write = kind & 0x20,
					     .no_syndrome = kind & 0x40,
					     .reg = (uint8_t)(word >> 56) };
	struct kvmcore_mmio_result result;
	struct kvmcore_reply reply;

	kvmcore_vcpu_mmio(vm, 0, &access, &result, &reply);
	kvmcore_run(vm, 0, kind & 0x80, &reply);
}

static void do_slot(struct kvmcore_vm *vm, uint8_t kind, uint64_t word)
{
	struct kvm_userspace_memory_region region = { .slot = kind & 3,
						      .flags = kind >> 6,
						      .guest_phys_addr = page_of(word),
						      .memory_size = (kind >> 2 & 7) * PAGE / 2,
						      .userspace_addr = (uintptr_t)memory };

	kvmcore_ioctl(vm, -1, KVM_SET_USER_MEMORY_REGION, &region);
}

static void do_state(struct kvmcore_vm *vm, uint8_t kind, uint64_t word)
{
	struct kvmcore_guard_range range[3];
	struct kvmcore_guard_state state = { .abi = kind & 7,
					     .flags = kind >> 3 & 1,
					     .granule = PAGE,
					     .count = word & 3,
					     .ptr = (uintptr_t)range };
	struct kvmcore_array array = { .count = word & 3, .ptr = (uintptr_t)range };

	for (unsigned int i = 0; i < 3; i++)
		range[i] = (struct kvmcore_guard_range){ page_of(word >> (8 + 8 * i) & 0xff),
							 (word >> (32 + 8 * i) & 7) * PAGE };
	if (kind & 0x40)
		range[1].base = word;
	attr(vm, KVM_SET_DEVICE_ATTR, KVMCORE_GROUP_GUARD,
	     kind & 0x80 ? KVMCORE_GUARD_SHARED : KVMCORE_GUARD_STATE,
	     kind & 0x80 ? (void *)&array : (void *)&state);
}

static void do_cap(struct kvmcore_vm *vm, uint8_t kind, uint64_t word)
{
	struct kvm_enable_cap cap = { .cap = KVM_CAP_ARM_NISV_TO_USER };

	(void)word;
	if (kind & 1)
		kvmcore_ioctl(vm, -1, KVM_ENABLE_CAP, &cap);
	else if (kind & 2)
		kvmcore_pause(vm);
	else
		kvmcore_resume(vm);
}

/* Sorted runs that never touch, and no device where there is memory. */
static void check_guard(struct kvmcore_vm *vm)
{
	static struct kvmcore_guard_range range[MAX_RANGES];
	struct kvmcore_array array = { .capacity = MAX_RANGES, .ptr = (uintptr_t)range };
	struct kvm_port port;
	uint64_t next = 0;
	uint8_t byte;

	if (attr(vm, KVM_GET_DEVICE_ATTR, KVMCORE_GROUP_GUARD, KVMCORE_GUARD_RANGES, &array))
		return; /* more than there is room for */
	kvmcore_port(vm, &port);
	for (uint64_t i = 0; i < array.count; i++) {
		if (!range[i].size || (range[i].base | range[i].size) % PAGE ||
		    (i && range[i].base <= next))
			abort();
		next = range[i].base + range[i].size;
		for (uint64_t at = range[i].base; at < next && at < range[i].base + 8 * PAGE;
		     at += PAGE)
			if (port.mem_read(port.vm, at, &byte, 1) == 0)
				abort();
	}
}

/* --- s390 ------------------------------------------------------------------------------------------- */

static void do_s390_attr(struct kvmcore_vm *vm, uint8_t kind, uint64_t word)
{
	static const unsigned long cmd[] = { KVM_SET_DEVICE_ATTR, KVM_GET_DEVICE_ATTR,
					     KVM_HAS_DEVICE_ATTR, KVM_SET_DEVICE_ATTR };
	struct kvm_device_attr a = { .flags = word >> 63,
				     .group = kind & 7,
				     .attr = kind >> 3 & 0xf,
				     .addr = word >> 62 & 1 ? word : (uintptr_t)room };

	if (a.group == 7)
		a.group = KVMCORE_GROUP_S390;
	memcpy(room + (word & 0x7f8), &word, sizeof(word));
	kvmcore_ioctl(vm, -1, cmd[word >> 60 & 3], &a);
}

static void do_s390_pages(struct kvmcore_vm *vm, uint8_t kind, uint64_t word)
{
	static const unsigned long cmd[] = { KVM_S390_GET_SKEYS, KVM_S390_SET_SKEYS,
					     KVM_S390_GET_CMMA_BITS, KVM_S390_SET_CMMA_BITS };
	struct kvm_s390_skeys keys = { .start_gfn = word & 0xff,
				       .count = word >> 8 & 0x3ff,
				       .skeydata_addr = (uintptr_t)room,
				       .flags = kind >> 7 };
	struct kvm_s390_cmma_log log = { .start_gfn = word & 0xff,
					 .count = word >> 8 & 0x3ff,
					 .flags = kind >> 2 & 3,
					 .mask = word << 16,
					 .values = (uintptr_t)room };

	if (kind & 0x40)
		keys.start_gfn = log.start_gfn = word;
	kvmcore_ioctl(vm, -1, cmd[kind & 3], kind & 2 ? (void *)&log : (void *)&keys);
}

static void do_s390_vcpu(struct kvmcore_vm *vm, uint8_t kind, uint64_t word)
{
	struct kvm_mp_state state = { (uint32_t)word & 0xf };
	struct kvmcore_reply reply;

	switch (kind & 7) {
	case 0:
		kvmcore_ioctl(vm, -1, KVM_CREATE_VCPU, (void *)(uintptr_t)(word & 0xff));
		break;
	case 1:
		kvmcore_ioctl(vm, 0, KVM_SET_MP_STATE, &state);
		break;
	case 2:
		kvmcore_run(vm, 0, word & 1, &reply);
		break;
	case 3:
		kvmcore_pause(vm);
		break;
	case 4:
		kvmcore_resume(vm);
		break;
	default:
		kvmcore_ioctl(vm, (int)(kind >> 3 & 1) - 1, word & 0xffffffff, room);
	}
}

typedef void step_fn(struct kvmcore_vm *vm, uint8_t kind, uint64_t word);

static step_fn *const guard_step[] = { do_call, do_call,  do_call, do_access,
				       do_slot, do_state, do_cap,  do_call };
static step_fn *const s390_step[] = { do_s390_attr,  do_s390_attr, do_s390_attr, do_slot,
				      do_s390_pages, do_s390_vcpu, do_s390_attr, do_s390_pages };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const kernel[] = { "6.1", "6.12", "7.2", "7.2-pkvm" };
	struct input in = { data, data + size };
	const uint8_t choice = (uint8_t)take(&in, 1);
	const bool s390 = choice & 1;
	const struct kvmcore_config config = {
		.type = s390 ? KVMCORE_VM_S390 : KVMCORE_VM_ARM64,
		.kernel = kernel[choice >> 6],
		.guard = (enum kvmcore_guard_abi)((choice >> 1 & 7) % KVMCORE_NR_GUARD_ABIS),
		.s390_strict_document = choice & 0x20,
		.host = { .s390_lacks = choice & 0x10 ? choice >> 1 & 0x1f : 0 },
	};
	struct kvmcore_vm *vm = NULL;

	memset(room, 0, sizeof(room));
	if (kvmcore_vm_create(&config, &vm, NULL))
		return 0;
	if (!s390 && kvmcore_vcpu_create(vm, 0, 0) < 0)
		abort();
	if (!s390 && !(choice & 0x20))
		kvmcore_resume(vm);
	while (in.at < in.end) {
		const uint8_t what = take(&in, 1) & 7, kind = (uint8_t)take(&in, 1);

		(s390 ? s390_step : guard_step)[what](vm, kind, take(&in, 8));
		if (!s390)
			check_guard(vm);
	}
	kvmcore_vm_destroy(vm);
	return 0;
}
