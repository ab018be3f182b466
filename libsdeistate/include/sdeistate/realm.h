/* SPDX-License-Identifier: Apache-2.0 */
/*
 * realm.h - what another host needs to build the same realm, and where two of them differ
 *
 * A realm cannot be read out (DEN0137 has no call for it): what moves is how it was built. The list of its steps,
 * each with the RIM after it, is record 17; the pages that were measured and their digests are payload frames of
 * their own (docs/records.md, 4.14).
 */
#ifndef SDEISTATE_REALM_H
#define SDEISTATE_REALM_H

#include <kvmcore/port.h>
#include <kvmcore/uapi.h>
#include <sdeistate/error.h>
#include <sdeistate/record.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sdeistate;

#define SDEISTATE_REALM_GRANULE      4096u
#define SDEISTATE_REALM_MAX_STEPS    65536u
#define SDEISTATE_REALM_MAX_GRANULES (1u << 24) /* 64 GiB of contents */
#define SDEISTATE_REALM_MAX_EXTENDS  4096u
#define SDEISTATE_REALM_REGS         32u /* x0..x30, pc */

enum sdeistate_realm_state {
	SDEISTATE_REALM_NONE,   /* configured, perhaps */
	SDEISTATE_REALM_NEW,    /* created, being built */
	SDEISTATE_REALM_ACTIVE, /* was running: it can only be started again */
};

/* The host's registers of a vCPU: what its REC is, or will be, created with. */
struct sdeistate_realm_regs {
	uint64_t value[SDEISTATE_REALM_REGS];
};

/* As struct kvmcore_realm_info and kvmcore_realm_host; digests are zero padded to 64 bytes. */
struct sdeistate_realm {
	uint32_t dialect; /* KVM_CAP_ARM_RME or KVM_CAP_ARM_RME_V8 */
	uint32_t state;   /* enum sdeistate_realm_state */
	uint32_t rule, hash, s2sz;
	uint64_t flags;
	uint32_t sve_vl, num_bps, num_wps, pmu_num_ctrs, level_start;
	uint8_t rpv[64];
	uint8_t rim[64];
	uint8_t rem[4][64]; /* of the source; they begin with zero again wherever it is built */
	struct kvmcore_realm_step *step;
	uint32_t n_steps;
	uint64_t n_granules;                          /* of all POPULATE steps together */
	uint8_t hashes_digest[SDEISTATE_DIGEST_SIZE]; /* SHA-256 of their digests, in order */
	bool has_extends;                             /* the VMM knows what the realm extended */
	struct kvmcore_realm_extend *extend;
	uint32_t n_extends;
	struct sdeistate_realm_regs *regs; /* one for each vCPU */
};

/** sdeistate_realm_hash_size() - bytes of a digest: 32, 64 or 48; 0 for another algorithm */
SDEISTATE_API size_t sdeistate_realm_hash_size(uint32_t hash);

/** sdeistate_realm_hash_name() - "sha-256", "sha-512", "sha-384"; NULL for another number */
SDEISTATE_API const char *sdeistate_realm_hash_name(uint32_t hash);

/** sdeistate_realm_rule_name() - "1.0", "bet0", "2.0"; NULL for another number */
SDEISTATE_API const char *sdeistate_realm_rule_name(uint32_t rule);

/** sdeistate_realm_step_name() - "create", "init-ripas", "populate", "rec", "activate"; NULL */
SDEISTATE_API const char *sdeistate_realm_step_name(uint32_t kind);

/* --- bulk: what stands beside the records ---------------------------------------------------------- */

/* The two parts, by the number of their payload frame. */
enum sdeistate_realm_part {
	SDEISTATE_REALM_CONTENTS = 2, /* the pages of all POPULATE steps, one after the other */
	SDEISTATE_REALM_HASHES = 3, /* their digests in the realm's algorithm, in the same order */
};

/** sdeistate_realm_part_size() - bytes of a part of @realm; 0 for no part */
SDEISTATE_API uint64_t sdeistate_realm_part_size(const struct sdeistate_realm *realm,
						 uint32_t part);

/**
 * sdeistate_realm_part_read() - bytes of a part, from the VM that was captured
 * @realm: of a capture of this VM
 * @offset, @len: inside the part
 *
 * Contents are guest memory as it is now, so ask before the realm or its VMM changes them; each page that
 * is asked for whole is the caller's to hold against its digest.
 * Return: 0; -EINVAL usage; -EOPNOTSUPP port-lacks; -ENOMEM; a GET's errno with capture-failed.
 */
SDEISTATE_API int sdeistate_realm_part_read(const struct sdeistate_realm *realm,
					    const struct kvm_port *port, uint32_t part,
					    uint64_t offset, void *buf, size_t len,
					    struct sdeistate_error *err);

/* Gives the parts to a replay. */
struct sdeistate_realm_source {
	/* Exactly @len bytes of @part from @offset on. Return: 0; -ENODATA: it is not there; -errno */
	int (*read)(void *user, uint32_t part, uint64_t offset, void *buf, size_t len);
	void *user;
};

/* --- where two realms begin to differ ---------------------------------------------------------------- */

/* Why two RIMs differ. Names are stable (docs/measurements.md, "Causes"). */
enum sdeistate_realm_cause {
	SDEISTATE_CAUSE_NONE, /* they do not */
	SDEISTATE_CAUSE_RULE,
	SDEISTATE_CAUSE_HASH,
	SDEISTATE_CAUSE_HOST_LIMITS,
	SDEISTATE_CAUSE_IPA_SIZE,
	SDEISTATE_CAUSE_RAM_RANGE,
	SDEISTATE_CAUSE_TABLES,
	SDEISTATE_CAUSE_DEVICE_TREE,
	SDEISTATE_CAUSE_IMAGE,
	SDEISTATE_CAUSE_PAGE_CONTENT,
	SDEISTATE_CAUSE_PAGE_ORDER,
	SDEISTATE_CAUSE_PLACEMENT,
	SDEISTATE_CAUSE_ENTRY,
	SDEISTATE_CAUSE_STEP_ORDER,
	SDEISTATE_CAUSE_LENGTH,
	SDEISTATE_NR_CAUSES
};

/** sdeistate_realm_cause_name() - e.g. "host-limits"; NULL for another number */
SDEISTATE_API const char *sdeistate_realm_cause_name(enum sdeistate_realm_cause cause);

/** sdeistate_realm_cause_advice() - what it probably comes from, in words; NULL for another number */
SDEISTATE_API const char *sdeistate_realm_cause_advice(enum sdeistate_realm_cause cause);

/* The first thing in which two of them differ. */
struct sdeistate_realm_difference {
	enum sdeistate_realm_cause cause;
	const char *what; /* a parameter; static */
	uint64_t a, b;    /* its two values */
};

/* What decides the first RIM (struct kvmcore_realm_params of kvmcore/measure.h). */
struct sdeistate_realm_limits {
	uint32_t hash;
	uint64_t flags;
	uint32_t s2sz, sve_vl, num_bps, num_wps, pmu_num_ctrs;
	int level_start;
};

/** sdeistate_realm_compare_limits() - two creations. Return: do they differ? @out is written then */
SDEISTATE_API bool sdeistate_realm_compare_limits(const struct sdeistate_realm_limits *a,
						  const struct sdeistate_realm_limits *b,
						  struct sdeistate_realm_difference *out);

/** sdeistate_realm_compare_rec() - two RECs, by flags, pc and gprs of a step. Return: as above */
SDEISTATE_API bool sdeistate_realm_compare_rec(const struct kvmcore_realm_step *a,
					       const struct kvmcore_realm_step *b,
					       struct sdeistate_realm_difference *out);

#endif
