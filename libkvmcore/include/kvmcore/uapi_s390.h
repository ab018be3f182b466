/* SPDX-License-Identifier: Apache-2.0 */
/*
 * uapi_s390.h - the VM attributes of KVM on s390 (arch/s390/include/uapi/asm/kvm.h)
 *
 * The generic VM attribute interface was made for these groups. Names carry the kernel's numbers; where the host is
 * s390 itself, <linux/kvm.h> has them already.
 */
#ifndef KVMCORE_UAPI_S390_H
#define KVMCORE_UAPI_S390_H

#include <kvmcore/uapi.h>

#ifndef __s390x__
#define KVM_S390_VM_MEM_CTRL                    0
#define KVM_S390_VM_TOD                         1
#define KVM_S390_VM_CRYPTO                      2
#define KVM_S390_VM_CPU_MODEL                   3
#define KVM_S390_VM_MIGRATION                   4
#define KVM_S390_VM_CPU_TOPOLOGY                5

#define KVM_S390_VM_MEM_ENABLE_CMMA             0
#define KVM_S390_VM_MEM_CLR_CMMA                1
#define KVM_S390_VM_MEM_LIMIT_SIZE              2
#define KVM_S390_NO_MEM_LIMIT                   UINT64_MAX

#define KVM_S390_VM_TOD_LOW                     0
#define KVM_S390_VM_TOD_HIGH                    1
#define KVM_S390_VM_TOD_EXT                     2

#define KVM_S390_VM_CRYPTO_ENABLE_AES_KW        0
#define KVM_S390_VM_CRYPTO_ENABLE_DEA_KW        1
#define KVM_S390_VM_CRYPTO_DISABLE_AES_KW       2
#define KVM_S390_VM_CRYPTO_DISABLE_DEA_KW       3
#define KVM_S390_VM_CRYPTO_ENABLE_APIE          4
#define KVM_S390_VM_CRYPTO_DISABLE_APIE         5

#define KVM_S390_VM_CPU_PROCESSOR               0
#define KVM_S390_VM_CPU_MACHINE                 1
#define KVM_S390_VM_CPU_PROCESSOR_FEAT          2
#define KVM_S390_VM_CPU_MACHINE_FEAT            3
#define KVM_S390_VM_CPU_PROCESSOR_SUBFUNC       4
#define KVM_S390_VM_CPU_MACHINE_SUBFUNC         5

#define KVM_S390_VM_CPU_PROCESSOR_UV_FEAT_GUEST 6 /* these two since Linux 6.6 */
#define KVM_S390_VM_CPU_MACHINE_UV_FEAT_GUEST   7

#define KVM_S390_VM_MIGRATION_STOP              0
#define KVM_S390_VM_MIGRATION_START             1
#define KVM_S390_VM_MIGRATION_STATUS            2

struct kvm_s390_vm_tod_clock {
	__u8 epoch_idx;
	__u64 tod;
};

struct kvm_s390_vm_cpu_processor {
	__u64 cpuid;
	__u16 ibc;
	__u8 pad[6];
	__u64 fac_list[256];
};

struct kvm_s390_vm_cpu_machine {
	__u64 cpuid;
	__u32 ibc;
	__u8 pad[4];
	__u64 fac_mask[256];
	__u64 fac_list[256];
};

struct kvm_s390_vm_cpu_feat {
	__u64 feat[16]; /* 1024 bits, the most significant is number 0 */
};

struct kvm_s390_vm_cpu_subfunc {
	__u8 plo[32];
	__u8 block[14][16]; /* ptff kmac kmc km kimd klmd pckmo kmctr kmf kmo pcc ppno kma kdsa */
	__u8 sortl[32];
	__u8 dfltcc[32];
	__u8 reserved[1728];
};
#endif

/*
 * KVMCORE_GROUP_S390: what a VMM set and no kernel lets it read. A VMM on a real s390 kernel keeps it from its own
 * calls and offers the group.
 */
#define KVMCORE_S390_INFO      0 /* GET struct kvmcore_s390_info */

#define KVMCORE_S390_INFO_CMMA (1u << 0) /* collaborative memory management is on */
#define KVMCORE_S390_INFO_AES_KW \
	(1u << 1) /* AES key wrapping is; the key itself is not to be had */
#define KVMCORE_S390_INFO_DEA_KW    (1u << 2)
#define KVMCORE_S390_INFO_APIE      (1u << 3) /* AP instructions are interpreted */
#define KVMCORE_S390_INFO_PROTECTED (1u << 4) /* the ultravisor keeps the clock */

struct kvmcore_s390_info {
	__u32 flags;
	__u32 pad;
};

KVMCORE_ABI_SIZE(struct kvm_s390_vm_tod_clock, 16);
KVMCORE_ABI_SIZE(struct kvm_s390_vm_cpu_processor, 2064);
KVMCORE_ABI_OFFSET(struct kvm_s390_vm_cpu_processor, fac_list, 16);
KVMCORE_ABI_SIZE(struct kvm_s390_vm_cpu_machine, 4112);
KVMCORE_ABI_OFFSET(struct kvm_s390_vm_cpu_machine, fac_list, 2064);
KVMCORE_ABI_SIZE(struct kvm_s390_vm_cpu_feat, 128);
KVMCORE_ABI_SIZE(struct kvm_s390_vm_cpu_subfunc, 2048);
KVMCORE_ABI_SIZE(struct kvmcore_s390_info, 8);

#endif
