/* SPDX-License-Identifier: Apache-2.0 */
/*
 * uapi_realm.h - the realm part of uapi.h, which includes it
 */
#ifndef KVMCORE_UAPI_REALM_H
#define KVMCORE_UAPI_REALM_H

#include <kvmcore/uapi.h>

/* --- Realms: RFC v1 of the Arm CCA series (27 Jan 2023) and its v8..v11 dialect ------------------ */

#define KVM_CAP_ARM_RME                         300
#define KVM_CAP_ARM_RME_V8                      240 /* v8..v11; number reused by mainline */
#define KVMCORE_VM_TYPE_ARM_SHIFT               8
#define KVMCORE_VM_TYPE_ARM_MASK                0xf00UL
#define KVMCORE_VM_TYPE_ARM_NORMAL              0x000UL
#define KVMCORE_VM_TYPE_ARM_REALM               0x100UL
#define KVM_CAP_ARM_RME_CONFIG_REALM            0
#define KVM_CAP_ARM_RME_CREATE_RD               1
#define KVM_CAP_ARM_RME_INIT_IPA_REALM          2
#define KVM_CAP_ARM_RME_POPULATE_REALM          3
#define KVM_CAP_ARM_RME_ACTIVATE_REALM          4
#define KVM_ARM_VCPU_REC                        7
#define KVM_ARM_VCPU_REC_V8                     9
#define KVM_CAP_ARM_RME_RPV_SIZE                64
#define KVM_CAP_ARM_RME_MEASUREMENT_ALGO_SHA256 0
#define KVM_CAP_ARM_RME_MEASUREMENT_ALGO_SHA512 1
#define KVM_CAP_ARM_RME_CFG_RPV                 0
#define KVM_CAP_ARM_RME_CFG_HASH_ALGO           1
#define KVM_CAP_ARM_RME_CFG_SVE                 2
#define KVM_CAP_ARM_RME_CFG_DBG                 3
#define KVM_CAP_ARM_RME_CFG_PMU                 4
#define KVM_ARM_VCPU_RMM_PSCI_COMPLETE          0x4018aed6UL /* v8..v11 */
#define KVM_ARM_RME_POPULATE_FLAGS_MEASURE      1u

struct kvm_cap_arm_rme_config_item {
	__u32 cfg;
	union {
		struct {
			__u8 rpv[KVM_CAP_ARM_RME_RPV_SIZE];
		};
		struct {
			__u32 hash_algo;
		};
		struct {
			__u32 sve_vq;
		};
		struct {
			__u32 num_brps;
			__u32 num_wrps;
		};
		struct {
			__u32 num_pmu_cntrs;
		};
		__u8 reserved[256];
	};
};

struct kvm_cap_arm_rme_init_ipa_args {
	__u64 init_ipa_base;
	__u64 init_ipa_size;
};

struct kvm_cap_arm_rme_populate_realm_args {
	__u64 populate_ipa_base;
	__u64 populate_ipa_size;
};

/* v8..v11 */
struct kvm_arm_rme_init_ripas {
	__u64 base;
	__u64 size;
	__u64 reserved[2];
};

struct kvm_arm_rme_populate_realm {
	__u64 base;
	__u64 size;
	__u32 flags;
	__u32 reserved[3];
};

struct kvm_arm_rmm_psci_complete {
	__u64 target_mpidr;
	__u32 psci_status;
	__u32 padding[3];
};

/* --- This project's group 0x524D ------------------------------------------------------------------- */

#define KVMCORE_REALM_INFO         0 /* GET struct kvmcore_realm_info */
#define KVMCORE_REALM_STEPS        1 /* GET struct kvmcore_array of kvmcore_realm_step */
#define KVMCORE_REALM_CONTENT      2 /* GET struct kvmcore_realm_content */
#define KVMCORE_REALM_TOKEN        3 /* GET struct kvmcore_realm_token: a token without a REC */
#define KVMCORE_REALM_PLATFORM_KEY 4 /* GET struct kvmcore_realm_platform_key */
#define KVMCORE_REALM_HOST         5 /* GET struct kvmcore_realm_host */
#define KVMCORE_REALM_EXTENDS      6 /* GET struct kvmcore_array of kvmcore_realm_extend */

struct kvmcore_realm_info {
	__u32 state; /* 0 none, 1 new, 2 active, 3 dying */
	__u32 rule;  /* enum kvmcore_rule of measure.h */
	__u32 hash;  /* enum kvmcore_hash */
	__u32 s2sz;
	__u64 flags;                                  /* of the realm parameters */
	__u32 sve_vl, num_bps, num_wps, pmu_num_ctrs; /* as encoded in the parameters */
	__u32 level_start;
	__u32 n_recs;
	__u32 n_steps;
	__u32 overflowed; /* the step list is not complete */
	__u8 rpv[64];
	__u8 rim[64];
	__u8 rem[4][64];
};

enum kvmcore_realm_step_kind {
	KVMCORE_REALM_STEP_CREATE,
	KVMCORE_REALM_STEP_INIT_RIPAS,
	KVMCORE_REALM_STEP_POPULATE,
	KVMCORE_REALM_STEP_REC,
	KVMCORE_REALM_STEP_ACTIVATE,
	KVMCORE_NR_REALM_STEPS
};

struct kvmcore_realm_step {
	__u32 kind;
	__u32 result;     /* 0, or the errno of a step that was done in part */
	__u64 base, size; /* INIT_RIPAS, POPULATE; done: how many bytes of it happened */
	__u64 done;
	__u64 flags;     /* POPULATE: bit 0 measured; REC: bit 0 runnable */
	__u64 mpidr, pc; /* REC */
	__u64 gprs[8];
	__u8 rim[64]; /* after it */
};

struct kvmcore_realm_content {
	__u32 step;            /* a POPULATE step */
	__u32 hash_size;       /* out: bytes of each digest */
	__u64 capacity, count; /* digests; as in struct kvmcore_array */
	__u64 ptr;
};

struct kvmcore_realm_token {
	__u8 challenge[64];
	__u64 capacity, count; /* bytes; as in struct kvmcore_array */
	__u64 ptr;
};

/* What this host offers a realm, whatever the realm's state. */
struct kvmcore_realm_host {
	__u64 features;    /* RMI feature register 0, layout of 1.0-rel0 */
	__u32 cap;         /* the dialect: KVM_CAP_ARM_RME or KVM_CAP_ARM_RME_V8 */
	__u32 rec_feature; /* KVM_ARM_VCPU_REC or KVM_ARM_VCPU_REC_V8 */
	__u32 rule;        /* enum kvmcore_rule */
	__u32 pad;
};

/* One RSI_MEASUREMENT_EXTEND that succeeded, in order. */
struct kvmcore_realm_extend {
	__u32 index; /* 1..4 */
	__u32 size;  /* bytes of value, 0..64 */
	__u8 value[64];
};

/* What a verifier of this host's tokens has to trust. A test key, made by the model. */
struct kvmcore_realm_platform_key {
	__u32 curve; /* enum kvmcore_curve of token.h */
	__u32 len;   /* bytes of the point */
	__u8 point[136];
	__u8 implementation_id[32];
	__u8 instance_id[40]; /* 33 of them */
};

KVMCORE_ABI_SIZE(struct kvm_cap_arm_rme_config_item, 260);
KVMCORE_ABI_OFFSET(struct kvm_cap_arm_rme_config_item, rpv, 4);
KVMCORE_ABI_SIZE(struct kvm_cap_arm_rme_init_ipa_args, 16);
KVMCORE_ABI_SIZE(struct kvm_cap_arm_rme_populate_realm_args, 16);
KVMCORE_ABI_SIZE(struct kvm_arm_rme_init_ripas, 32);
KVMCORE_ABI_SIZE(struct kvm_arm_rme_populate_realm, 32);
KVMCORE_ABI_SIZE(struct kvm_arm_rmm_psci_complete, 24);
KVMCORE_ABI_SIZE(struct kvmcore_realm_info, 440);
KVMCORE_ABI_SIZE(struct kvmcore_realm_step, 184);
KVMCORE_ABI_SIZE(struct kvmcore_realm_content, 32);
KVMCORE_ABI_SIZE(struct kvmcore_realm_token, 88);
KVMCORE_ABI_SIZE(struct kvmcore_realm_platform_key, 216);
KVMCORE_ABI_SIZE(struct kvmcore_realm_host, 24);
KVMCORE_ABI_SIZE(struct kvmcore_realm_extend, 72);

#endif
