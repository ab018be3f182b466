// SPDX-License-Identifier: Apache-2.0
/*
 * The commands behind KVM_ENABLE_CAP, and KVM_ARM_VCPU_FINALIZE: each checks in the order of the posted series, then
 * asks the monitor (the builder), whose refusal becomes -ENXIO. docs/abi.md, "Realms", lists the orders.
 */
#include "measure/builder.h"
#include "realm.h"
#include "realm_dialect.h"
#include "realm_log.h"
#include "user.h"
#include "vm.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define GRANULE           4096u
#define LEAF_LEVEL        3
#define FEATURE_SVE       (1ULL << 9)
#define FEATURE_SVE_VL(r) ((uint32_t)((r) >> 10 & 0xf))
#define FEATURE_HASH(n)   (1ULL << (32 + (n)))

/* 0, our own failure, or -ENXIO for whatever the monitor refused. */
static int from_rmi(int answer)
{
	if (answer < 0)
		return answer == -ENOSPC ? -ENOMEM : answer;
	return answer ? -ENXIO : 0;
}

static void read_rim(const struct realm *realm, __u8 rim[64])
{
	struct kvmcore_digest digest = { 0 };

	kvmcore_builder_read(realm->builder, 0, &digest);
	memcpy(rim, digest.bytes, sizeof(digest.bytes));
}

static void log_step(struct realm *realm, struct kvmcore_realm_step *step,
		     struct kvmcore_digest *content)
{
	read_rim(realm, step->rim);
	realm_log_add(realm->log, step, content);
}

/* --- CONFIG_REALM ----------------------------------------------------------------------------- */

static int set_rpv(struct kvmcore_vm *vm, const struct kvm_cap_arm_rme_config_item *item)
{
	memcpy(vm->realm->params.rpv, item->rpv, sizeof(item->rpv));
	return 0;
}

static int set_hash(struct kvmcore_vm *vm, const struct kvm_cap_arm_rme_config_item *item)
{
	if (item->hash_algo > KVM_CAP_ARM_RME_MEASUREMENT_ALGO_SHA512 ||
	    !(vm->config.host.rmm_features & FEATURE_HASH(item->hash_algo)))
		return -EINVAL;
	vm->realm->params.hash = item->hash_algo == KVM_CAP_ARM_RME_MEASUREMENT_ALGO_SHA512
					 ? KVMCORE_HASH_SHA512
					 : KVMCORE_HASH_SHA256;
	return 0;
}

/* The value goes to the monitor as it was given, although the monitor reads it as one less. */
static int set_sve(struct kvmcore_vm *vm, const struct kvm_cap_arm_rme_config_item *item)
{
	const uint64_t features = vm->config.host.rmm_features;

	if (!(features & FEATURE_SVE) || item->sve_vq > FEATURE_SVE_VL(features))
		return -EINVAL;
	vm->realm->params.flags |= KVMCORE_REALM_SVE;
	vm->realm->params.sve_vl = item->sve_vq;
	return 0;
}

static int (*const set_item[])(struct kvmcore_vm *, const struct kvm_cap_arm_rme_config_item *) = {
	[KVM_CAP_ARM_RME_CFG_RPV] = set_rpv,
	[KVM_CAP_ARM_RME_CFG_HASH_ALGO] = set_hash,
	[KVM_CAP_ARM_RME_CFG_SVE] = set_sve, /* DBG and PMU: v1 declares them and refuses them */
};

static int config_realm(struct kvmcore_vm *vm, uint64_t addr)
{
	struct kvm_cap_arm_rme_config_item item;

	if (vm->realm->state != REALM_NONE)
		return realm_dialect(vm)->config_late;
	if (user_read(&item, addr, sizeof(item)))
		return -EFAULT;
	if (item.cfg > realm_dialect(vm)->max_config)
		return -EINVAL;
	return set_item[item.cfg](vm, &item);
}

/* --- CREATE_RD, CREATE_REALM --------------------------------------------------------------------- */

static int create_realm(struct kvmcore_vm *vm, uint64_t addr)
{
	struct kvmcore_realm_step step = { .kind = KVMCORE_REALM_STEP_CREATE };
	struct realm *realm = vm->realm;
	int ret;

	(void)addr;
	if (vm->n_vcpus && !realm_dialect(vm)->vcpus_before_create)
		return -EBUSY;
	if (realm->state != REALM_NONE)
		return -EEXIST;
	ret = from_rmi(kvmcore_builder_create(vm->config.host.rmm_rule, &realm->params,
					      vm->config.host.rmm_features, &realm->builder));
	if (ret)
		return ret;
	realm->state = REALM_NEW;
	log_step(realm, &step, NULL);
	return 0;
}

/* --- INIT_IPA_REALM, INIT_RIPAS_REALM -------------------------------------------------------------- */

/* A range that is refused may still leave tables behind, by which later ones are measured: it is a step too. */
static int init_ripas(struct kvmcore_vm *vm, uint64_t base, uint64_t size)
{
	struct kvmcore_realm_step step = { .kind = KVMCORE_REALM_STEP_INIT_RIPAS,
					   .base = base,
					   .size = size };
	struct kvmcore_ripas_walk walk = { .end = base };
	const uint32_t tables = vm->realm->builder->space.n_tables;
	int answer, ret;

	if (!size)
		return 0;
	answer = kvmcore_builder_init_ripas_range(vm->realm->builder, base, base + size,
						  realm_dialect(vm)->policy, &walk);
	ret = from_rmi(answer);
	if (ret == -ENXIO && KVMCORE_RMI_STATUS(answer) == KVMCORE_RMI_ERROR_RTT &&
	    KVMCORE_RMI_INDEX(answer) == LEAF_LEVEL)
		ret = -EINVAL; /* the page holds data already */
	step.done = walk.end - base;
	step.result = (uint32_t)-ret;
	if (answer < 0)
		vm->realm->log->overflowed = true; /* nobody knows which tables were made */
	if (!ret || step.done || vm->realm->builder->space.n_tables != tables)
		log_step(vm->realm, &step, NULL);
	return ret;
}

static int init_ipa_realm(struct kvmcore_vm *vm, uint64_t addr)
{
	const bool v8 = realm_dialect(vm)->populate_has_flags;
	struct kvm_arm_rme_init_ripas in = { 0 };

	if (user_read(&in, addr, v8 ? sizeof(in) : sizeof(struct kvm_cap_arm_rme_init_ipa_args)))
		return -EFAULT;
	if (in.base + in.size < in.base || in.reserved[0] || in.reserved[1])
		return -EINVAL;
	if (vm->realm->state != REALM_NEW)
		return realm_dialect(vm)->wrong_state;
	return init_ripas(vm, in.base, in.size);
}

/* --- POPULATE_REALM ----------------------------------------------------------------------------------- */

/*
 * A granule is all or nothing, unless memory runs out on the way: then tables or a RIPAS stay behind that no step
 * tells of, and the log says that it is not complete.
 */
static int populate_granule(struct kvmcore_vm *vm, uint64_t ipa, uint64_t flags,
			    struct kvmcore_digest *digest)
{
	struct kvmcore_builder *builder = vm->realm->builder;
	uint8_t page[GRANULE];
	bool measured = false;
	int answer, ret;

	if (memslot_read(&vm->memslots, ipa, page, sizeof(page)))
		return -EFAULT;
	ret = kvmcore_digest(vm->realm->params.hash, page, sizeof(page), digest);
	if (ret)
		return ret;
	answer = kvmcore_builder_map(builder, ipa, LEAF_LEVEL);
	if (!answer && !realm_dialect(vm)->populate_has_flags) {
		answer = kvmcore_builder_init_ripas_level(builder, ipa, LEAF_LEVEL);
		measured = !answer;
	}
	if (!answer)
		answer = kvmcore_builder_data(builder, ipa, flags, digest);
	if (answer < 0 || (answer && measured))
		vm->realm->log->overflowed = true;
	return from_rmi(answer);
}

/* Not atomic: what came before the granule that failed stays populated and measured. */
static int populate(struct kvmcore_vm *vm, uint64_t base, uint64_t size, uint64_t flags)
{
	struct kvmcore_realm_step step = {
		.kind = KVMCORE_REALM_STEP_POPULATE, .base = base, .size = size, .flags = flags
	};
	struct kvmcore_digest *digest = calloc(size / GRANULE + 1, sizeof(*digest));
	int ret = digest ? 0 : -ENOMEM;

	while (!ret && step.done < size) {
		ret = populate_granule(vm, base + step.done, flags, &digest[step.done / GRANULE]);
		if (!ret)
			step.done += GRANULE;
	}
	step.result = (uint32_t)-ret;
	if (step.done)
		log_step(vm->realm, &step, digest);
	else
		free(digest);
	return ret;
}

static int check_populate(const struct kvmcore_vm *vm, uint64_t base, uint64_t size)
{
	const struct memslot *slot;

	if ((base | size) & (GRANULE - 1) || base + size < base)
		return -EINVAL;
	slot = memslot_find(&vm->memslots, base);
	if (!slot)
		return -EFAULT;
	return base + size > slot->ipa + slot->size ? -EINVAL : 0;
}

static int populate_realm(struct kvmcore_vm *vm, uint64_t addr)
{
	const bool v8 = realm_dialect(vm)->populate_has_flags;
	struct kvm_arm_rme_populate_realm in = { 0 };
	int ret;

	if (user_read(&in, addr,
		      v8 ? sizeof(in) : sizeof(struct kvm_cap_arm_rme_populate_realm_args)))
		return -EFAULT;
	if (vm->realm->state != REALM_NEW)
		return realm_dialect(vm)->wrong_state;
	if (!v8)
		in.flags = KVM_ARM_RME_POPULATE_FLAGS_MEASURE;
	else if (in.flags & ~KVM_ARM_RME_POPULATE_FLAGS_MEASURE || in.reserved[0] ||
		 in.reserved[1] || in.reserved[2])
		return -EINVAL;
	ret = check_populate(vm, in.base, in.size);
	return ret || !in.size ? ret : populate(vm, in.base, in.size, in.flags);
}

/* --- ACTIVATE_REALM, REC --------------------------------------------------------------------------------- */

static int activate_realm(struct kvmcore_vm *vm, uint64_t addr)
{
	struct kvmcore_realm_step step = { .kind = KVMCORE_REALM_STEP_ACTIVATE };
	int ret;

	(void)addr;
	if (vm->realm->state != REALM_NEW)
		return realm_dialect(vm)->wrong_state;
	ret = from_rmi(kvmcore_builder_activate(vm->realm->builder));
	if (ret)
		return ret;
	vm->realm->state = REALM_ACTIVE;
	log_step(vm->realm, &step, NULL);
	return 0;
}

static int (*const command[])(struct kvmcore_vm *, uint64_t) = {
	[KVM_CAP_ARM_RME_CONFIG_REALM] = config_realm,
	[KVM_CAP_ARM_RME_CREATE_RD] = create_realm,
	[KVM_CAP_ARM_RME_INIT_IPA_REALM] = init_ipa_realm,
	[KVM_CAP_ARM_RME_POPULATE_REALM] = populate_realm,
	[KVM_CAP_ARM_RME_ACTIVATE_REALM] = activate_realm,
};

/* No realm: v1 has an order of its own for CREATE_RD alone. */
static int refuse_vm(const struct kvmcore_vm *vm, uint64_t cmd)
{
	if (cmd != KVM_CAP_ARM_RME_CREATE_RD || vm->config.dialects & KVMCORE_DIALECT_RME_V8)
		return realm_dialect(vm)->wrong_vm;
	return vm->n_vcpus ? -EBUSY : -EEXIST;
}

int realm_enable_cap(struct kvmcore_vm *vm, const struct kvm_enable_cap *cap)
{
	if (cap->flags || cap->args[0] >= ARRAY_SIZE(command))
		return -EINVAL;
	if (!vm->realm)
		return refuse_vm(vm, cap->args[0]);
	return command[cap->args[0]](vm, cap->args[1]);
}

int realm_finalize(struct vcpu *vcpu)
{
	struct kvmcore_vm *vm = vcpu->vm;
	struct kvmcore_realm_step step = { .kind = KVMCORE_REALM_STEP_REC };
	struct kvmcore_rec rec = { .mpidr = vcpu->mpidr, .pc = vcpu->regs.pc };
	int ret;

	if (!vm->realm)
		return -EINVAL;
	if (vm->realm->state != REALM_NEW)
		return -ENOENT;
	if (!(vcpu->features & 1u << KVM_ARM_VCPU_PSCI_0_2))
		return -EINVAL;
	rec.flags = vcpu->vcpu_id == 0 ? KVMCORE_REC_RUNNABLE : 0;
	memcpy(rec.gprs, vcpu->regs.x, sizeof(rec.gprs));
	ret = vcpu->has_rec ? -ENXIO : from_rmi(kvmcore_builder_rec(vm->realm->builder, &rec));
	if (ret)
		return ret;
	vcpu->has_rec = true;
	step.flags = rec.flags;
	step.mpidr = rec.mpidr;
	step.pc = rec.pc;
	memcpy(step.gprs, rec.gprs, sizeof(step.gprs));
	log_step(vm->realm, &step, NULL);
	return 0;
}
