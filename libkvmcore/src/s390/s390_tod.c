// SPDX-License-Identifier: Apache-2.0
/*
 * Group TOD: the guest's clock = the host's + epoch. LOW sets the low 64 bits and treats the epoch index as 0; EXT
 * carries the index too. arch/s390/kvm/kvm-s390.c, kvm_s390_{set,get}_tod*().
 */
#include "s390_attr.h"
#include "user.h"
#include "vm.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#define SECONDS_1900_TO_1970 2208988800ULL
#define TOD_PER_MICROSECOND  4096 /* bit 51 of the clock ticks once a microsecond */

static __int128 read_host_tod(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return ((__int128)((uint64_t)now.tv_sec + SECONDS_1900_TO_1970) * 1000000000 +
		now.tv_nsec) *
	       TOD_PER_MICROSECOND / 1000;
}

static __int128 read_guest_tod(const struct s390 *s)
{
	return s->frozen ? s->frozen_at : read_host_tod() + s->epoch;
}

static void write_guest_tod(struct s390 *s, __int128 tod)
{
	if (s->frozen)
		s->frozen_at = tod;
	s->epoch = tod - read_host_tod();
}

void s390_pause(struct kvmcore_vm *vm)
{
	vm->s390->frozen_at = read_guest_tod(vm->s390);
	vm->s390->frozen = true;
}

void s390_resume(struct kvmcore_vm *vm)
{
	if (!vm->s390->frozen)
		return;
	vm->s390->frozen = false;
	vm->s390->epoch = vm->s390->frozen_at - read_host_tod();
}

static int enter(struct kvmcore_vm *vm, const struct kvm_device_attr *attr, bool set)
{
	if (attr->flags)
		return -EINVAL;
	if (set && vm->s390->protected_guest)
		return -EOPNOTSUPP;
	return 0;
}

static bool has_multiple_epoch(const struct s390 *s)
{
	return s390_has_facility(s, S390_FACILITY_MULTIPLE_EPOCH);
}

static int set_low(struct kvmcore_vm *vm, uint64_t addr)
{
	uint64_t tod;

	if (user_read(&tod, addr, sizeof(tod)))
		return -EFAULT;
	write_guest_tod(vm->s390, tod);
	return 0;
}

static int get_low(struct kvmcore_vm *vm, uint64_t addr)
{
	const uint64_t tod = (uint64_t)read_guest_tod(vm->s390);

	return user_write(addr, &tod, sizeof(tod));
}

static int set_high(struct kvmcore_vm *vm, uint64_t addr)
{
	uint8_t high;

	(void)vm;
	if (user_read(&high, addr, sizeof(high)))
		return -EFAULT;
	return high ? -EINVAL : 0;
}

static int get_high(struct kvmcore_vm *vm, uint64_t addr)
{
	const uint8_t high = 0;

	(void)vm;
	return user_write(addr, &high, sizeof(high));
}

static int set_ext(struct kvmcore_vm *vm, uint64_t addr)
{
	struct kvm_s390_vm_tod_clock in;

	if (user_read(&in, addr, sizeof(in)))
		return -EFAULT;
	if (in.epoch_idx && !has_multiple_epoch(vm->s390))
		return -EINVAL;
	write_guest_tod(vm->s390, (__int128)in.epoch_idx << 64 | in.tod);
	return 0;
}

static int get_ext(struct kvmcore_vm *vm, uint64_t addr)
{
	const __int128 tod = read_guest_tod(vm->s390);
	struct kvm_s390_vm_tod_clock out;

	memset(&out, 0, sizeof(out)); /* the hole too */
	out.tod = (uint64_t)tod;
	if (has_multiple_epoch(vm->s390))
		out.epoch_idx = (uint8_t)(tod >> 64);
	return user_write(addr, &out, sizeof(out));
}

/* The kernel forgot EXT in its HAS; the document lists it. */
static int has_ext(struct kvmcore_vm *vm, uint64_t addr)
{
	(void)addr;
	return vm->s390->strict_document ? 0 : -ENXIO;
}

static const struct s390_attr_row rows[] = {
	{ KVM_S390_VM_TOD_LOW, set_low, get_low, NULL },
	{ KVM_S390_VM_TOD_HIGH, set_high, get_high, NULL },
	{ KVM_S390_VM_TOD_EXT, set_ext, get_ext, has_ext },
};

const struct s390_attr_group s390_tod = {
	.group = KVM_S390_VM_TOD,
	.row = rows,
	.n_rows = sizeof(rows) / sizeof(rows[0]),
	.enter = enter,
};
