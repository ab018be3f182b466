// SPDX-License-Identifier: Apache-2.0
/* Life of a realm, and what a realm VM refuses elsewhere. The commands that build it: realm_build.c. */
#include "realm.h"
#include "calls.h"
#include "realm_dialect.h"
#include "realm_keys.h"
#include "realm_log.h"
#include "realm_rsi.h"
#include "smccc.h"
#include "user.h"
#include "vm.h"

#include <errno.h>
#include <stdlib.h>

/* RMI feature register 0 of 1.0-rel0; docs/abi.md, "Realms", has the layout. */
#define FEATURE_NUM_BPS(r) ((uint32_t)((r) >> 14 & 0x3f))
#define FEATURE_NUM_WPS(r) ((uint32_t)((r) >> 20 & 0x3f))

int realm_init(struct kvmcore_vm *vm)
{
	struct realm *realm = calloc(1, sizeof(*realm));

	if (!realm)
		return -ENOMEM;
	realm->log = calloc(1, sizeof(*realm->log));
	if (!realm->log) {
		free(realm);
		return -ENOMEM;
	}
	realm->params.s2sz = vm->config.ipa_bits;
	realm->params.level_start = kvmcore_level_start(vm->config.ipa_bits);
	realm->params.num_bps = FEATURE_NUM_BPS(vm->config.host.rmm_features);
	realm->params.num_wps = FEATURE_NUM_WPS(vm->config.host.rmm_features);
	vm->realm = realm;
	return 0;
}

void realm_exit(struct kvmcore_vm *vm)
{
	struct realm *realm = vm->realm;

	if (!realm)
		return;
	if (realm->state != REALM_NONE)
		realm->state = REALM_DYING;
	kvmcore_builder_destroy(realm->builder);
	realm_log_free(realm->log);
	realm_keys_free(realm->keys);
	spans_clear(&realm->ram);
	spans_clear(&realm->emptied);
	free(realm->token.bytes);
	free(realm);
	vm->realm = NULL;
}

uint32_t realm_cap(const struct kvmcore_vm *vm)
{
	return realm_dialect(vm)->cap;
}

unsigned int realm_rec_feature(const struct kvmcore_vm *vm)
{
	return realm_dialect(vm)->rec_feature;
}

/* kvm_arm_vcpu_is_finalized() of the series. */
int realm_may_run(const struct vcpu *vcpu)
{
	return vcpu->has_rec && vcpu->vm->realm->state == REALM_ACTIVE ? 0 : -EPERM;
}

/* Series v2, "Validate register access for a Realm VM"; widened in v10. */
int realm_check_reg(const struct vcpu *vcpu, uint64_t id)
{
	const struct realm_dialect *dialect = realm_dialect(vcpu->vm);

	if (id == KVMCORE_REG_PC)
		return 0;
	for (unsigned int n = 0; n <= dialect->max_gpr; n++)
		if (id == KVMCORE_REG_X(n))
			return 0;
	return -EINVAL;
}

/* The allow list of v10: what a realm VM still answers for. */
static const uint32_t allowed_caps[] = {
	KVM_CAP_IRQCHIP,
	KVM_CAP_ARM_PSCI,
	KVM_CAP_ARM_PSCI_0_2,
	KVM_CAP_NR_VCPUS,
	KVM_CAP_MAX_VCPUS,
	KVM_CAP_MAX_VCPU_ID,
	KVM_CAP_MSI_DEVID,
	KVM_CAP_ARM_VM_IPA_SIZE,
	KVM_CAP_ARM_PTRAUTH_ADDRESS,
	KVM_CAP_ARM_PTRAUTH_GENERIC,
	KVM_CAP_ARM_RME_V8,
};

bool realm_allows_cap(const struct kvmcore_vm *vm, uint32_t cap)
{
	if (!(vm->config.dialects & KVMCORE_DIALECT_RME_V8))
		return true; /* v1 has no list */
	for (size_t i = 0; i < ARRAY_SIZE(allowed_caps); i++)
		if (allowed_caps[i] == cap)
			return true;
	return false;
}

/* A realm's faults all count as writes, so a read-only slot could never be used. */
int realm_check_slot(const struct kvmcore_vm *vm, const struct kvm_userspace_memory_region *region)
{
	(void)vm;
	return region->flags & KVM_MEM_READONLY ? -EINVAL : 0;
}

static bool is_psci(const struct call_row *row)
{
	return row->gate == GATE_PSCI || row->gate == GATE_PSCI_0_1;
}

/* runtime/core/exit.c of TF-RMM: SMCCC_VERSION, PSCI and RSI; every other function is unknown there. */
void realm_call(struct call *call)
{
	const uint32_t id = (uint32_t)call->regs->x[0];
	const struct call_row *row = calls_find(id);

	if (!call->trap->smc)
		call_return(call, SMCCC_NOT_SUPPORTED);
	else if (rsi_has(id))
		rsi_call(call);
	else if (row &&
		 (row->handle == smccc_version || (is_psci(row) && calls_is_open(call, row))))
		row->handle(call);
	else
		call_return(call, SMCCC_NOT_SUPPORTED);
}

void realm_settle(struct vcpu *vcpu)
{
	struct kvmcore_reply reply = { .changed = 0 };
	struct kvmcore_regs regs;

	if (!vcpu->host_call.active)
		return;
	vcpu_regs_load(vcpu, &regs);
	rsi_finish_host_call(vcpu, &regs, &reply);
	vcpu_regs_store(vcpu, &regs);
}

/*
 * Series v7, "Allow passing the PSCI result": KVM looks for the REC and the target, then asks RMI_PSCI_COMPLETE, which
 * refuses (RMI_ERROR_INPUT) unless the caller's request waits. KVM itself completes every request of this model's
 * realms before the vCPU exits, so none ever does.
 */
int realm_psci_complete(struct vcpu *vcpu, uint64_t addr)
{
	struct kvm_arm_rmm_psci_complete in;

	if (!vcpu->vm->realm || !(vcpu->vm->config.dialects & KVMCORE_DIALECT_RME_V8))
		return -EINVAL;
	if (!vcpu->has_rec)
		return -EPERM;
	return user_read(&in, addr, sizeof(in)) ? -EFAULT : -EINVAL;
}

void realm_enter(struct vcpu *vcpu, struct kvmcore_regs *regs, struct kvmcore_reply *reply)
{
	if (vcpu->host_call.active)
		rsi_finish_host_call(vcpu, regs, reply);
}
