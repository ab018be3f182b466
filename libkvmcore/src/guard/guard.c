// SPDX-License-Identifier: Apache-2.0
/*
 * The guest's side: which function number means what, and what each call does.
 *
 * S: "KVM: arm64: MMIO guard PV services" v2, patches 04-09. A1, A2: pKVM of the Android common kernel, older
 * and newer. U: Documentation/virt/kvm/arm/hypercalls.rst since Linux 6.12.
 */
#include "guard.h"
#include "calls.h"
#include "vm.h"

#include <errno.h>

#define FIRST_FUNCTION 2u
#define N_FUNCTIONS    10u  /* 2..11 */
#define HAS_RANGE      1u   /* x1 of INFO and MEMINFO in A2 */
#define RANGE_LIMIT    512u /* granules per range call: one table, where the walk of A2 stops */

struct variant;
typedef void guard_fn(struct call *call, const struct variant *variant);

struct variant {
	int64_t failure;         /* x0 of a refused call */
	bool always_on;          /* no ENROLL: the guard holds from the start */
	bool info_takes_nothing; /* x1..x3 of INFO must be 0 */
	bool has_range;
	bool hides_ptp;     /* pKVM lists no PTP in FEATURES, though it answers */
	bool excludes_nisv; /* an enrolled guest and KVM_CAP_ARM_NISV_TO_USER exclude each other */
	bool returns_count; /* x1 of MAP and UNMAP is the number of granules done */
	guard_fn *fn[N_FUNCTIONS];
};

static guard_fn call_info, call_meminfo, call_enroll, call_share, call_unshare, call_relinquish;
static guard_fn call_map, call_unmap_strict, call_unmap_lenient, call_unmap_nothing;
static guard_fn call_range_map, call_range_unmap, call_map_upstream;

static const struct variant variants[] = {
	[KVMCORE_GUARD_S] = {
		.failure = -1, .excludes_nisv = true,
		.fn = { call_info, call_enroll, call_map, call_unmap_strict },
	},
	[KVMCORE_GUARD_A1] = {
		.failure = -3, .info_takes_nothing = true, .hides_ptp = true,
		.fn = { call_meminfo, call_share, call_unshare, call_info, call_enroll, call_map,
			call_unmap_lenient, call_relinquish },
	},
	[KVMCORE_GUARD_A2] = {
		.failure = -3, .info_takes_nothing = true, .hides_ptp = true, .has_range = true,
		.returns_count = true,
		.fn = { call_meminfo, call_share, call_unshare, call_info, call_enroll, call_map,
			call_unmap_nothing, call_relinquish, call_range_map, call_range_unmap },
	},
	[KVMCORE_GUARD_U] = {
		.failure = -3, .info_takes_nothing = true, .hides_ptp = true, .always_on = true,
		.fn = { call_meminfo, call_share, call_unshare, NULL, NULL, call_map_upstream },
	},
	[KVMCORE_GUARD_OFF] = { .failure = -1 },
};

/* A mainline protected VM: memory sharing, but no host side of the guard (recorded from 7.2). */
static const struct variant protected_vm = {
	.failure = -3,
	.info_takes_nothing = true,
	.hides_ptp = true,
	.fn = { call_meminfo, call_share, call_unshare },
};

static const struct variant *variant_of(const struct kvmcore_vm *vm)
{
	if (vm->config.type == KVMCORE_VM_S390)
		return &variants[KVMCORE_GUARD_OFF];
	return vm->config.type == KVMCORE_VM_PROTECTED ? &protected_vm
						       : &variants[vm->config.guard];
}

static uint64_t granule(const struct kvmcore_vm *vm)
{
	return vm->config.host.page_size;
}

static bool is_aligned(const struct kvmcore_vm *vm, uint64_t ipa)
{
	return (ipa & (granule(vm) - 1)) == 0;
}

static bool is_addressable(const struct kvmcore_vm *vm, uint64_t ipa)
{
	return ipa >> vm->config.ipa_bits == 0;
}

static bool has_memory(const struct kvmcore_vm *vm, uint64_t ipa)
{
	return memslot_intersects(&vm->memslots, ipa, granule(vm));
}

static void fail(struct call *call, const struct variant *variant)
{
	call_return(call, (uint64_t)variant->failure);
}

/* Success, with the number of granules in x1 where the variant says so. */
static void succeed(struct call *call, const struct variant *variant, uint64_t granules)
{
	call_return4(call, 0, variant->returns_count ? granules : 0, 0, 0);
}

#define FEATURE_PTP (1u << 1)

void guard_call(struct call *call)
{
	const struct variant *variant = variant_of(call->vm);
	const uint32_t number = (uint32_t)call->regs->x[0] & 0xffff;
	guard_fn *fn = variant->fn[number - FIRST_FUNCTION];

	if (!fn || call->trap->aarch32)
		call_return(call, (uint64_t)-1);
	else
		fn(call, variant);
}

uint64_t guard_features(const struct call *call, uint64_t bitmap)
{
	const struct variant *variant = variant_of(call->vm);

	if (variant->hides_ptp)
		bitmap &= ~(uint64_t)FEATURE_PTP;
	if (call->trap->aarch32 || (variant->excludes_nisv && call->vm->nisv_to_user))
		return bitmap;
	for (uint32_t i = 0; i < N_FUNCTIONS; i++)
		if (variant->fn[i])
			bitmap |= 1u << (FIRST_FUNCTION + i);
	return bitmap;
}

bool guard_excludes_nisv(const struct kvmcore_vm *vm)
{
	return vm->guard.enrolled && variant_of(vm)->excludes_nisv;
}

bool guard_answers(const struct kvmcore_vm *vm, uint32_t number)
{
	return number >= FIRST_FUNCTION && number < FIRST_FUNCTION + N_FUNCTIONS &&
	       variant_of(vm)->fn[number - FIRST_FUNCTION];
}

bool guard_may_be(const struct kvmcore_vm *vm, bool enrolled)
{
	const struct variant *variant = variant_of(vm);

	if (variant->always_on || !enrolled)
		return variant->always_on == enrolled;
	for (uint32_t i = 0; i < N_FUNCTIONS; i++)
		if (variant->fn[i] == call_enroll)
			return true;
	return false;
}

static bool takes_nothing(const struct call *call)
{
	return !call->regs->x[1] && !call->regs->x[2] && !call->regs->x[3];
}

static void call_info(struct call *call, const struct variant *variant)
{
	if (variant->info_takes_nothing && !takes_nothing(call))
		fail(call, variant);
	else
		call_return4(call, granule(call->vm), variant->has_range ? HAS_RANGE : 0, 0, 0);
}

static void call_meminfo(struct call *call, const struct variant *variant)
{
	call_info(call, variant);
}

static void call_enroll(struct call *call, const struct variant *variant)
{
	if (variant->excludes_nisv && call->vm->nisv_to_user) {
		fail(call, variant);
		return;
	}
	call->vm->guard.enrolled = true;
	call_return(call, 0);
}

/* S maps what its in-kernel GICv2 CPU interface covers without a note: the hardware answers there. */
static bool is_gicv2_cpu(const struct call *call, const struct variant *variant, uint64_t ipa)
{
	return variant == &variants[KVMCORE_GUARD_S] && call->vm->config.gicv2_cpu_base &&
	       ipa == call->vm->config.gicv2_cpu_base;
}

static bool map_one(struct call *call, const struct variant *variant, uint64_t ipa)
{
	struct kvmcore_vm *vm = call->vm;

	if (!is_addressable(vm, ipa) || has_memory(vm, ipa))
		return false;
	return is_gicv2_cpu(call, variant, ipa) ||
	       spans_add(&vm->guard.guarded, ipa / granule(vm)) == 0;
}

static void call_map(struct call *call, const struct variant *variant)
{
	const uint64_t ipa = call->regs->x[1];

	if (!call->vm->guard.enrolled || !is_aligned(call->vm, ipa) || !map_one(call, variant, ipa))
		fail(call, variant);
	else
		succeed(call, variant, 1);
}

static void call_map_upstream(struct call *call, const struct variant *variant)
{
	if (call->regs->x[2] || call->regs->x[3])
		fail(call, variant);
	else
		call_map(call, variant);
}

/* Part of a range may be done: the guest goes on where x1 says the walk stopped. */
static void call_range_map(struct call *call, const struct variant *variant)
{
	const struct kvmcore_vm *vm = call->vm;
	const uint64_t ipa = call->regs->x[1], wanted = call->regs->x[2];
	const uint64_t limit = wanted < RANGE_LIMIT ? wanted : RANGE_LIMIT;
	uint64_t done = 0;

	if (vm->guard.enrolled && is_aligned(vm, ipa) && !call->regs->x[3] &&
	    is_addressable(vm, ipa))
		while (done < limit && map_one(call, variant, ipa + done * granule(vm)))
			done++;
	if (done)
		succeed(call, variant, done);
	else
		fail(call, variant);
}

/* S does not look at the alignment, and refuses what is not guarded. */
static void call_unmap_strict(struct call *call, const struct variant *variant)
{
	struct kvmcore_vm *vm = call->vm;

	if (!vm->guard.enrolled ||
	    spans_remove(&vm->guard.guarded, call->regs->x[1] / granule(vm)) != 0)
		fail(call, variant);
	else
		succeed(call, variant, 1);
}

/* A1: whatever the address, 0. */
static void call_unmap_lenient(struct call *call, const struct variant *variant)
{
	struct kvmcore_vm *vm = call->vm;

	if (!vm->guard.enrolled) {
		fail(call, variant);
		return;
	}
	spans_remove(&vm->guard.guarded, call->regs->x[1] / granule(vm));
	succeed(call, variant, 1);
}

/* The newest A2 keeps the mapping: a repeated MAP cannot fail, so nothing has to be undone. */
static void call_unmap_nothing(struct call *call, const struct variant *variant)
{
	succeed(call, variant, 1);
}

static void call_range_unmap(struct call *call, const struct variant *variant)
{
	succeed(call, variant, call->regs->x[2]);
}

/* Memory the guest opens to its host: only where there is memory, and only once. */
static void call_share(struct call *call, const struct variant *variant)
{
	struct kvmcore_vm *vm = call->vm;
	const uint64_t ipa = call->regs->x[1], page = ipa / granule(vm);

	if (!is_aligned(vm, ipa) || call->regs->x[2] || call->regs->x[3] || !has_memory(vm, ipa) ||
	    spans_has(&vm->guard.shared, page) || spans_add(&vm->guard.shared, page) != 0)
		fail(call, variant);
	else
		succeed(call, variant, 1);
}

static void call_unshare(struct call *call, const struct variant *variant)
{
	struct kvmcore_vm *vm = call->vm;
	const uint64_t ipa = call->regs->x[1];

	if (!is_aligned(vm, ipa) || call->regs->x[2] || call->regs->x[3] ||
	    spans_remove(&vm->guard.shared, ipa / granule(vm)) != 0)
		fail(call, variant);
	else
		succeed(call, variant, 1);
}

/* The guest gives a page of memory back; the host may take it. A model has nothing to reclaim. */
static void call_relinquish(struct call *call, const struct variant *variant)
{
	if (!is_aligned(call->vm, call->regs->x[1]) || !has_memory(call->vm, call->regs->x[1]))
		fail(call, variant);
	else
		succeed(call, variant, 1);
}

void guard_init(struct kvmcore_vm *vm)
{
	vm->guard = (struct guard){ .enrolled = variant_of(vm)->always_on };
}

void guard_exit(struct kvmcore_vm *vm)
{
	spans_clear(&vm->guard.guarded);
	spans_clear(&vm->guard.shared);
}

void guard_reset(struct kvmcore_vm *vm)
{
	guard_exit(vm);
	guard_init(vm);
}

/*
 * io_mem_abort() of S, and the check at EL2 of A1 and A2: an access without syndrome is never device access; both
 * ends of an access have to lie in guarded granules.
 */
bool guard_refuses(const struct kvmcore_vm *vm, uint64_t ipa, uint32_t len, bool no_syndrome)
{
	const uint64_t last = ipa + (len - 1);

	if (!vm->guard.enrolled)
		return false;
	if (no_syndrome)
		return true;
	return !spans_has(&vm->guard.guarded, ipa / granule(vm)) ||
	       !spans_has(&vm->guard.guarded, last / granule(vm));
}

bool guard_blocks_slot(const struct kvmcore_vm *vm, uint64_t ipa, uint64_t size)
{
	return size && spans_meets(&vm->guard.guarded, ipa / granule(vm),
				   (ipa + (size - 1)) / granule(vm) - ipa / granule(vm) + 1);
}
