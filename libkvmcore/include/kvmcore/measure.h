/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kvmcore/measure.h - the measurements of an Arm CCA realm, as the RMM makes them
 *
 * Three layers, each usable alone:
 *   - pure steps on a register: kvmcore_rim_*, kvmcore_rem_extend;
 *   - a realm under construction: kvmcore_builder_*, which knows the translation tables and
 * therefore which calls the RMM would refuse and how often it measures;
 *   - hashing the granules of an image of any size on all cores: kvmcore_image_hash.
 *
 * Sources: DEN0137 (RMM specification) 1.0-bet0, 1.0-rel0 and 2.0-bet, as implemented by TF-RMM at
 * the tags of the same names; docs/measurements.md says which rule does what.
 */
#ifndef KVMCORE_MEASURE_H
#define KVMCORE_MEASURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifndef KVMCORE_API
#define KVMCORE_API __attribute__((visibility("default")))
#endif

#define KVMCORE_GRANULE_SIZE 4096u
#define KVMCORE_RPV_SIZE     64u
#define KVMCORE_NR_REMS      4u
#define KVMCORE_REC_GPRS     8u

/* How many translation tables one realm under construction may have (2 TiB in 4 KiB pages). */
#define KVMCORE_MAX_RTTS (1u << 20)

/* Which version of the RMM specification decides what is measured. */
enum kvmcore_rule {
	KVMCORE_RULE_1_0,  /* 1.0-rel0; 1.0-eac5 and 1.1 measure the same */
	KVMCORE_RULE_BET0, /* 1.0-bet0, RMI ABI 56.0 */
	KVMCORE_RULE_2_0,
	KVMCORE_NR_RULES
};

/* Values of RmiHashAlgorithm. */
enum kvmcore_hash {
	KVMCORE_HASH_SHA256,
	KVMCORE_HASH_SHA512,
	KVMCORE_HASH_SHA384, /* rule 2.0 only */
	KVMCORE_NR_HASHES
};

/* A measurement register, or a digest in one: the digest first, then zeros. */
struct kvmcore_digest {
	uint8_t bytes[64];
};

/* Flags of a realm (RmiRealmFlags). */
#define KVMCORE_REALM_LPA2 (1u << 0)
#define KVMCORE_REALM_SVE  (1u << 1)
#define KVMCORE_REALM_PMU  (1u << 2)

/* What RMI_REALM_CREATE is given (RmiRealmParams). */
struct kvmcore_realm_params {
	uint64_t flags;        /* KVMCORE_REALM_*; other bits are measured as given */
	uint32_t s2sz;         /* IPA bits, the unprotected half included */
	uint32_t sve_vl;       /* vector bits / 128 - 1 */
	uint32_t num_bps;      /* breakpoints - 1 */
	uint32_t num_wps;      /* watchpoints - 1 */
	uint32_t pmu_num_ctrs; /* event counters */
	enum kvmcore_hash hash;
	int level_start; /* of the translation; kvmcore_level_start() is what Linux uses */
	uint16_t vmid;   /* not measured */
	uint8_t rpv[KVMCORE_RPV_SIZE]; /* not measured */
};

/* What RMI_REC_CREATE is given (RmiRecParams). */
struct kvmcore_rec {
	uint64_t flags; /* bit 0: runnable */
	uint64_t mpidr; /* checked, not measured */
	uint64_t pc;
	uint64_t gprs[KVMCORE_REC_GPRS];
};

#define KVMCORE_REC_RUNNABLE 1u
#define KVMCORE_DATA_MEASURE 1u

/* --- Names and sizes ----------------------------------------------------------------------------
 */

/** kvmcore_rule_name() - "1.0", "bet0", "2.0"; NULL for another number */
KVMCORE_API const char *kvmcore_rule_name(enum kvmcore_rule rule);

/** kvmcore_rule_find() - the rule of that name. Return: 0; -ENOENT */
KVMCORE_API int kvmcore_rule_find(const char *name, enum kvmcore_rule *rule);

/** kvmcore_hash_name() - "sha-256", "sha-512", "sha-384"; NULL for another number */
KVMCORE_API const char *kvmcore_hash_name(enum kvmcore_hash hash);

/** kvmcore_hash_find() - the algorithm of that name, with or without hyphen. Return: 0; -ENOENT */
KVMCORE_API int kvmcore_hash_find(const char *name, enum kvmcore_hash *hash);

/** kvmcore_hash_size() - bytes of a digest: 32, 64 or 48; 0 for another number */
KVMCORE_API size_t kvmcore_hash_size(enum kvmcore_hash hash);

/** kvmcore_rule_has_hash() - whether realms under @rule may use @hash */
KVMCORE_API bool kvmcore_rule_has_hash(enum kvmcore_rule rule, enum kvmcore_hash hash);

/** kvmcore_level_start() - where Linux starts the translation of @s2sz bits (32..52): 2, 1 or 0 */
KVMCORE_API int kvmcore_level_start(uint32_t s2sz);

/* --- Pure steps: each computes the next value of a register --------------------------------------
 */

/*
 * All of them return 0; -EINVAL for a rule or hash that does not exist or do not go together;
 * -ENOMEM; -EIO when the crypto library fails. The register is written on success only.
 */

/** kvmcore_digest() - hash @len bytes at @data */
KVMCORE_API int kvmcore_digest(enum kvmcore_hash hash, const void *data, size_t len,
			       struct kvmcore_digest *digest);

/** kvmcore_rim_create() - the RIM that a new realm has */
KVMCORE_API int kvmcore_rim_create(enum kvmcore_rule rule,
				   const struct kvmcore_realm_params *params,
				   struct kvmcore_digest *rim);

/**
 * kvmcore_rim_extend_data() - a granule was added at @ipa
 * @content: the granule's digest; ignored (may be NULL) without KVMCORE_DATA_MEASURE in @flags
 *
 * Return: as said above; -EINVAL also for measured data without a digest.
 */
KVMCORE_API int kvmcore_rim_extend_data(enum kvmcore_rule rule, enum kvmcore_hash hash,
					uint64_t ipa, uint64_t flags,
					const struct kvmcore_digest *content,
					struct kvmcore_digest *rim);

/** kvmcore_rim_extend_rec() - a REC was created; leaves @rim alone where the rule does not measure
 * it */
KVMCORE_API int kvmcore_rim_extend_rec(enum kvmcore_rule rule, enum kvmcore_hash hash,
				       const struct kvmcore_rec *rec, struct kvmcore_digest *rim);

/**
 * kvmcore_rim_extend_ripas() - one translation entry of @level (0..3) at @ipa got RIPAS RAM
 *
 * Rule 1.0 measures the entry as [base, top), bet0 as (ipa, level), 2.0 not at all.
 * Return: as said above; -EINVAL also for another level.
 */
KVMCORE_API int kvmcore_rim_extend_ripas(enum kvmcore_rule rule, enum kvmcore_hash hash,
					 uint64_t ipa, int level, struct kvmcore_digest *rim);

/**
 * kvmcore_rem_extend() - REM = H(REM || value), neither part padded
 * @size: 0..64 bytes
 *
 * Return: as said above; -EINVAL also for a larger @size.
 */
KVMCORE_API int kvmcore_rem_extend(enum kvmcore_hash hash, const void *value, size_t size,
				   struct kvmcore_digest *rem);

/* --- A realm under construction ------------------------------------------------------------------
 */

/*
 * The RMM's answer to a call: status in bits 7:0, the level of an RTT error in bits 15:8. Functions
 * of the builder return it (>= 0), or a negative errno when we, not the RMM, failed: -ENOMEM,
 * -ENOSPC beyond KVMCORE_MAX_RTTS, -EIO. A call that was not answered with success changed nothing.
 */
enum kvmcore_rmi {
	KVMCORE_RMI_SUCCESS = 0,
	KVMCORE_RMI_ERROR_INPUT = 1,
	KVMCORE_RMI_ERROR_REALM = 2,
	KVMCORE_RMI_ERROR_REC = 3,
	KVMCORE_RMI_ERROR_RTT = 4,
};

#define KVMCORE_RMI_STATUS(r) ((r)&0xff)
#define KVMCORE_RMI_INDEX(r)  ((int8_t)((r) >> 8 & 0xff))

/* Answers to the realm's own calls. */
enum kvmcore_rsi { KVMCORE_RSI_SUCCESS = 0, KVMCORE_RSI_ERROR_INPUT = 1 };

enum kvmcore_ripas { KVMCORE_RIPAS_EMPTY, KVMCORE_RIPAS_RAM };

/* How a host cuts a range that becomes RAM into blocks. */
enum kvmcore_ripas_policy {
	KVMCORE_RIPAS_LARGEST, /* as large as the tables allow: Linux after RFC v1, all VMM tools */
	KVMCORE_RIPAS_RFC_V1,  /* never above start level + 1 */
	KVMCORE_RIPAS_PAGES,   /* 4 KiB each: POPULATE of RFC v1 */
};

/* How a host's walk over a range went. */
struct kvmcore_ripas_walk {
	unsigned int calls; /* that succeeded */
	uint64_t end;       /* first address that was not reached */
};

struct kvmcore_builder;

/** kvmcore_rmi_name() - "RMI_SUCCESS", "RMI_ERROR_INPUT", ...; "RMI_ERROR_?" for another status */
KVMCORE_API const char *kvmcore_rmi_name(int result);

/**
 * kvmcore_builder_create() - RMI_REALM_CREATE
 * @rmm_features: RMI feature register 0 of the host; 0: only what the architecture limits
 *
 * Return: an RMI answer with *@builder written on success; -EINVAL for an unknown rule; -ENOMEM;
 * -EIO. The caller frees it with kvmcore_builder_destroy().
 */
KVMCORE_API int kvmcore_builder_create(enum kvmcore_rule rule,
				       const struct kvmcore_realm_params *params,
				       uint64_t rmm_features, struct kvmcore_builder **builder);

/** kvmcore_builder_destroy() - NULL is allowed. Return: NULL */
KVMCORE_API struct kvmcore_builder *kvmcore_builder_destroy(struct kvmcore_builder *builder);

/** kvmcore_builder_rtt_create() - RMI_RTT_CREATE of the table of @level that covers @ipa */
KVMCORE_API int kvmcore_builder_rtt_create(struct kvmcore_builder *builder, uint64_t ipa,
					   int level);

/** kvmcore_builder_map() - what a host does first: create the tables missing for @ipa down to
 * @level */
KVMCORE_API int kvmcore_builder_map(struct kvmcore_builder *builder, uint64_t ipa, int level);

/**
 * kvmcore_builder_init_ripas() - one RMI_RTT_INIT_RIPAS call
 *
 * Walks as deep as tables exist and takes consecutive entries of that one table.
 * Under bet0, whose call takes (ipa, level), each entry counts as one such call.
 * Return: as said above, with *@out_top, the first address that was not reached, on success.
 */
KVMCORE_API int kvmcore_builder_init_ripas(struct kvmcore_builder *builder, uint64_t base,
					   uint64_t top, uint64_t *out_top);

/** kvmcore_builder_init_ripas_level() - the same for one entry of exactly @level, as bet0 has it */
KVMCORE_API int kvmcore_builder_init_ripas_level(struct kvmcore_builder *builder, uint64_t ipa,
						 int level);

/**
 * kvmcore_builder_init_ripas_range() - a host's loop over [@base, @top), tables added as needed
 *
 * @walk is written in any case and says how far it came; what was done before a failing call stays.
 * Return: as said above.
 */
KVMCORE_API int kvmcore_builder_init_ripas_range(struct kvmcore_builder *builder, uint64_t base,
						 uint64_t top, enum kvmcore_ripas_policy policy,
						 struct kvmcore_ripas_walk *walk);

/** kvmcore_builder_data() - RMI_DATA_CREATE; @content as in kvmcore_rim_extend_data() */
KVMCORE_API int kvmcore_builder_data(struct kvmcore_builder *builder, uint64_t ipa, uint64_t flags,
				     const struct kvmcore_digest *content);

/** kvmcore_builder_data_unknown() - RMI_DATA_CREATE_UNKNOWN: a page that is never measured */
KVMCORE_API int kvmcore_builder_data_unknown(struct kvmcore_builder *builder, uint64_t ipa);

/** kvmcore_builder_rec() - RMI_REC_CREATE: the MPIDR of the n-th REC has to encode n */
KVMCORE_API int kvmcore_builder_rec(struct kvmcore_builder *builder, const struct kvmcore_rec *rec);

/** kvmcore_builder_activate() - RMI_REALM_ACTIVATE: from now on the RIM is constant */
KVMCORE_API int kvmcore_builder_activate(struct kvmcore_builder *builder);

/**
 * kvmcore_builder_extend() - RSI_MEASUREMENT_EXTEND
 *
 * It is the realm's call, so the realm's state is not asked for: one that never ran never makes it.
 * Return: KVMCORE_RSI_SUCCESS; KVMCORE_RSI_ERROR_INPUT for @index outside 1..4 or @size above 64;
 * -ENOMEM; -EIO.
 */
KVMCORE_API int kvmcore_builder_extend(struct kvmcore_builder *builder, unsigned int index,
				       const void *value, size_t size);

/**
 * kvmcore_builder_read() - RSI_MEASUREMENT_READ: 0 is the RIM, 1..4 the REMs
 *
 * Return: KVMCORE_RSI_SUCCESS; KVMCORE_RSI_ERROR_INPUT above 4.
 */
KVMCORE_API int kvmcore_builder_read(const struct kvmcore_builder *builder, unsigned int index,
				     struct kvmcore_digest *value);

/** kvmcore_builder_ripas() - the RIPAS of the page at @ipa; EMPTY outside the protected half */
KVMCORE_API enum kvmcore_ripas kvmcore_builder_ripas(const struct kvmcore_builder *builder,
						     uint64_t ipa);

/** kvmcore_builder_params() - what the realm was created with; borrowed */
KVMCORE_API const struct kvmcore_realm_params *kvmcore_builder_params(
	const struct kvmcore_builder *builder);

/** kvmcore_builder_rule() - the rule it is measured by */
KVMCORE_API enum kvmcore_rule kvmcore_builder_rule(const struct kvmcore_builder *builder);

/* --- Images of any size
 * --------------------------------------------------------------------------- */

/*
 * Bytes that go to consecutive granules. The first byte stands @lead bytes into the first granule;
 * what the image does not cover is zero. Either @map holds all of it or @read brings the next
 * bytes.
 */
struct kvmcore_image {
	const void *map;
	int (*read)(void *user, void *buf,
		    size_t len); /* exactly @len bytes; 0 or a negative errno */
	void *user;
	uint64_t size;
	uint32_t lead; /* 0..4095 */
};

/* Gets the digests of @n granules, in order, beginning with granule @first; non-zero ends the run.
 */
typedef int kvmcore_image_sink(void *user, uint64_t first, uint32_t n,
			       const struct kvmcore_digest *digest);

/** kvmcore_image_granules() - how many granules @image covers */
KVMCORE_API uint64_t kvmcore_image_granules(const struct kvmcore_image *image);

/**
 * kvmcore_image_hash() - the digest of every granule of @image
 * @threads: how many hash, the caller's among them; 0: one per core; at most 64
 * @sink: called on the caller's thread only, with ascending @first
 *
 * Memory does not depend on the image's size: 16 MiB at most, plus the threads' stacks.
 * Return: 0; what @sink or @read returned; -EINVAL (lead, hash); -ENOMEM; -EIO.
 */
KVMCORE_API int kvmcore_image_hash(enum kvmcore_hash hash, const struct kvmcore_image *image,
				   unsigned int threads, kvmcore_image_sink *sink, void *user);

/* How far kvmcore_builder_image() is; non-zero stops it. */
typedef int kvmcore_image_progress(void *user, uint64_t done, uint64_t granules);

/**
 * kvmcore_builder_image() - measured RMI_DATA_CREATE of every granule of @image, from @ipa on
 * @ipa: of the first granule, aligned
 * @progress: may be NULL
 *
 * Granules before a refused one stay. Return: an RMI answer, or an errno as kvmcore_image_hash().
 */
KVMCORE_API int kvmcore_builder_image(struct kvmcore_builder *builder, uint64_t ipa,
				      const struct kvmcore_image *image, unsigned int threads,
				      kvmcore_image_progress *progress, void *user);

#endif
