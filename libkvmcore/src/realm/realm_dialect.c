// SPDX-License-Identifier: Apache-2.0
/*
 * RFC v1: "arm64: Support for Arm CCA in KVM", patches 05-23 of 28. v8: the same series from v7 to v11, whose vCPU
 * registers replace the config items for SVE, debug and PMU.
 */
#include "realm_dialect.h"
#include "vm.h"

#include <errno.h>

static const struct realm_dialect rfc_v1 = {
	.cap = KVM_CAP_ARM_RME,
	.rec_feature = KVM_ARM_VCPU_REC,
	.wrong_vm = -EINVAL, /* v1 itself follows a NULL pointer here */
	.config_late = -EBUSY,
	.wrong_state = -EBUSY,
	.max_config = KVM_CAP_ARM_RME_CFG_SVE,
	.max_gpr = 7,
	.policy = KVMCORE_RIPAS_RFC_V1,
};

static const struct realm_dialect v8 = {
	.cap = KVM_CAP_ARM_RME_V8,
	.rec_feature = KVM_ARM_VCPU_REC_V8,
	.wrong_vm = -EINVAL,
	.config_late = -EINVAL,
	.wrong_state = -EINVAL,
	.vcpus_before_create = true,
	.populate_has_flags = true,
	.filters_host_calls = true,
	.max_config = KVM_CAP_ARM_RME_CFG_HASH_ALGO,
	.max_gpr = 30,
	.policy = KVMCORE_RIPAS_LARGEST,
};

const struct realm_dialect *realm_dialect(const struct kvmcore_vm *vm)
{
	return vm->config.dialects & KVMCORE_DIALECT_RME_V8 ? &v8 : &rfc_v1;
}
