/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kvmcore/token.h - Arm CCA attestation tokens: parse, verify, build
 *
 * A token is a collection of two signed claim sets: the platform's, signed by the CPAK, and the
 * realm's, signed by the RAK. The platform's challenge is the hash of the RAK, which binds the two.
 *
 * Sources: draft-ffm-rats-cca-token (claims, tag 399), the RMM specification DEN0137 (realm profile
 * 2.0.0), RFC 9052 (COSE_Sign1), the collection of tag 907 as TF-RMM and ccatoken write it.
 * docs/measurements.md, "Tokens", says where this reader is tolerant and where it is strict.
 */
#ifndef KVMCORE_TOKEN_H
#define KVMCORE_TOKEN_H

#include <kvmcore/error.h>
#include <kvmcore/measure.h>

#define KVMCORE_TOKEN_MAX         65536u
#define KVMCORE_MAX_SW_COMPONENTS 64u
#define KVMCORE_IMPLEMENTATION_ID 32u
#define KVMCORE_INSTANCE_ID       33u
#define KVMCORE_CHALLENGE_SIZE    64u
#define KVMCORE_MAX_UNKNOWN       8u

/* Bytes or text that belong to somebody else; @data is NULL for a claim that is not there. */
struct kvmcore_span {
	const uint8_t *data;
	size_t len;
};

/* --- Keys ----------------------------------------------------------------------------------------
 */

enum kvmcore_curve { KVMCORE_P256, KVMCORE_P384, KVMCORE_P521, KVMCORE_NR_CURVES };

#define KVMCORE_MAX_POINT 133u

/* A public EC key as an uncompressed point: 04 || x || y. */
struct kvmcore_public_key {
	enum kvmcore_curve curve;
	uint8_t point[KVMCORE_MAX_POINT];
	size_t len; /* 65, 97 or 133 */
};

/**
 * kvmcore_public_key_from_point() - a key from its uncompressed point
 *
 * Return: 0; -EINVAL if @len fits no curve or the point is not on it; -ENOMEM.
 */
KVMCORE_API int kvmcore_public_key_from_point(const void *point, size_t len,
					      struct kvmcore_public_key *key);

/**
 * kvmcore_public_key_from_pem() - a key from "BEGIN PUBLIC KEY"
 *
 * Return: 0; -EINVAL for anything but one EC key on P-256, P-384 or P-521; -ENOMEM.
 */
KVMCORE_API int kvmcore_public_key_from_pem(const void *pem, size_t len,
					    struct kvmcore_public_key *key);

/** kvmcore_curve_name() - "P-256", "P-384", "P-521"; NULL for another number */
KVMCORE_API const char *kvmcore_curve_name(enum kvmcore_curve curve);

struct kvmcore_signing_key;

/**
 * kvmcore_signing_key_generate() - a fresh private key
 *
 * Return: 0, with *@key to be freed by kvmcore_signing_key_destroy(); -EINVAL; -ENOMEM.
 */
KVMCORE_API int kvmcore_signing_key_generate(enum kvmcore_curve curve,
					     struct kvmcore_signing_key **key);

/** kvmcore_signing_key_from_pem() - a private key from unencrypted PEM. Return: 0; -EINVAL; -ENOMEM
 */
KVMCORE_API int kvmcore_signing_key_from_pem(const void *pem, size_t len,
					     struct kvmcore_signing_key **key);

/** kvmcore_signing_key_public() - its public half */
KVMCORE_API const struct kvmcore_public_key *kvmcore_signing_key_public(
	const struct kvmcore_signing_key *key);

/** kvmcore_signing_key_destroy() - NULL is allowed. Return: NULL */
KVMCORE_API struct kvmcore_signing_key *kvmcore_signing_key_destroy(
	struct kvmcore_signing_key *key);

/* --- Claims --------------------------------------------------------------------------------------
 */

/* Keys of claims that no rule knows: ignored, but told. Negative keys and text keys count as ~0. */
struct kvmcore_unknown_claims {
	unsigned int n; /* may be more than are listed */
	uint64_t key[KVMCORE_MAX_UNKNOWN];
};

struct kvmcore_realm_claims {
	struct kvmcore_span profile;              /* 265 */
	struct kvmcore_span challenge;            /* 10, 64 bytes */
	struct kvmcore_span instance_id;          /* 256, profile 2.0.0 */
	struct kvmcore_span rpv;                  /* 44235, 64 bytes */
	struct kvmcore_span hash;                 /* 44236, "sha-256" ... */
	struct kvmcore_span public_key;           /* 44237, a COSE_Key or 04 || x || y */
	struct kvmcore_span rim;                  /* 44238, 32, 48 or 64 bytes */
	struct kvmcore_span rem[KVMCORE_NR_REMS]; /* 44239 */
	struct kvmcore_span public_key_hash;      /* 44240 */
	bool has_mec_policy;
	uint64_t mec_policy; /* 44243, 0 or 1 */
	struct kvmcore_unknown_claims unknown;
};

struct kvmcore_sw_component {
	struct kvmcore_span type, measurement, version, signer_id, hash; /* 1, 2, 4, 5, 6 */
};

struct kvmcore_platform_claims {
	struct kvmcore_span profile;           /* 265 */
	struct kvmcore_span challenge;         /* 10, 32, 48 or 64 bytes: the binding */
	struct kvmcore_span implementation_id; /* 2396 */
	struct kvmcore_span instance_id;       /* 256 */
	struct kvmcore_span config;            /* 2401 */
	uint64_t lifecycle;                    /* 2395 */
	struct kvmcore_span hash;              /* 2402 */
	struct kvmcore_span service;           /* 2400 */
	unsigned int n_components;
	struct kvmcore_sw_component component[KVMCORE_MAX_SW_COMPONENTS]; /* 2399 */
	struct kvmcore_unknown_claims unknown;
};

enum kvmcore_lifecycle {
	KVMCORE_LIFECYCLE_UNKNOWN,
	KVMCORE_LIFECYCLE_ASSEMBLY,
	KVMCORE_LIFECYCLE_PROVISIONING,
	KVMCORE_LIFECYCLE_SECURED,
	KVMCORE_LIFECYCLE_NON_PLATFORM_DEBUG,
	KVMCORE_LIFECYCLE_RECOVERABLE_DEBUG,
	KVMCORE_LIFECYCLE_DECOMMISSIONED,
	KVMCORE_NR_LIFECYCLES
};

/** kvmcore_lifecycle() - the state a claim's value stands for. Return: 0; -EINVAL outside the
 * ranges */
KVMCORE_API int kvmcore_lifecycle(uint64_t value, enum kvmcore_lifecycle *lifecycle);

/** kvmcore_lifecycle_name() - e.g. "secured"; NULL for another number */
KVMCORE_API const char *kvmcore_lifecycle_name(enum kvmcore_lifecycle lifecycle);

/* --- Parsing -------------------------------------------------------------------------------------
 */

struct kvmcore_token;

/* How the two halves are wrapped. */
enum kvmcore_envelope {
	KVMCORE_ENVELOPE_399 = 399, /* RMM 1.0: {44234: bstr, 44241: bstr} */
	KVMCORE_ENVELOPE_907 = 907, /* today: {44234: [263, bstr], 44241: [263, bstr]} */
};

/* COSE algorithms of a signature. */
enum kvmcore_cose { KVMCORE_ES256 = -7, KVMCORE_ES384 = -35, KVMCORE_ES512 = -36 };

/**
 * kvmcore_token_parse() - read a token; nothing is verified
 *
 * Return: 0, with *@token to be freed by kvmcore_token_destroy(); -EBADMSG if the bytes are not one
 * well-formed token (trailing bytes, duplicate keys, indefinite lengths included); -EPROTO if a
 * claim is missing or breaks its rule; -EOPNOTSUPP for an unknown algorithm; -E2BIG above
 * KVMCORE_TOKEN_MAX; -ENOMEM. @err names the claim.
 */
KVMCORE_API int kvmcore_token_parse(const void *data, size_t len, struct kvmcore_token **token,
				    struct kvmcore_error *err);

/**
 * kvmcore_token_parse_realm() - the same for a bare realm claim set, without collection or
 * signature
 *
 * The result has realm claims only; kvmcore_token_verify() refuses it.
 * Return: as kvmcore_token_parse().
 */
KVMCORE_API int kvmcore_token_parse_realm(const void *data, size_t len,
					  struct kvmcore_token **token, struct kvmcore_error *err);

/** kvmcore_token_parse_platform() - the same for a bare platform claim set */
KVMCORE_API int kvmcore_token_parse_platform(const void *data, size_t len,
					     struct kvmcore_token **token,
					     struct kvmcore_error *err);

/** kvmcore_token_destroy() - NULL is allowed; the claims go with it. Return: NULL */
KVMCORE_API struct kvmcore_token *kvmcore_token_destroy(struct kvmcore_token *token);

/** kvmcore_token_realm() - the realm's claims, valid as long as @token; NULL if it has none */
KVMCORE_API const struct kvmcore_realm_claims *kvmcore_token_realm(
	const struct kvmcore_token *token);

/** kvmcore_token_platform() - the platform's claims, likewise */
KVMCORE_API const struct kvmcore_platform_claims *kvmcore_token_platform(
	const struct kvmcore_token *token);

/** kvmcore_token_envelope() - how it was wrapped; 0 for a bare claim set */
KVMCORE_API int kvmcore_token_envelope(const struct kvmcore_token *token);

/** kvmcore_token_algorithms() - the two COSE algorithms (enum kvmcore_cose); 0 for a bare claim set
 */
KVMCORE_API void kvmcore_token_algorithms(const struct kvmcore_token *token, int *platform,
					  int *realm);

/* --- Verifying -----------------------------------------------------------------------------------
 */

/* Whom to believe about which platform. */
struct kvmcore_trust_anchor {
	struct kvmcore_public_key key;
	bool has_ids; /* else for every platform */
	uint8_t implementation_id[KVMCORE_IMPLEMENTATION_ID];
	uint8_t instance_id[KVMCORE_INSTANCE_ID];
};

/* What a verification found, step by step. */
enum kvmcore_check {
	KVMCORE_CHECK_NOT_DONE,
	KVMCORE_CHECK_OK,
	KVMCORE_CHECK_FAILED,
	KVMCORE_CHECK_NO_KEY, /* platform signature: no trust anchor is for this platform */
};

struct kvmcore_token_verdict {
	enum kvmcore_check platform_signature;
	enum kvmcore_check realm_signature;
	enum kvmcore_check binding;   /* platform challenge == hash of the RAK claim */
	enum kvmcore_check profile;   /* the two profiles may stand together */
	enum kvmcore_check challenge; /* NOT_DONE without one */
	enum kvmcore_check lifecycle;
};

struct kvmcore_token_policy {
	const struct kvmcore_trust_anchor *anchor;
	size_t n_anchors;
	const void *challenge; /* the verifier's nonce; NULL: not compared */
	size_t challenge_len;  /* up to 64 bytes; compared zero padded */
	bool any_lifecycle;    /* else the platform has to be secured */
};

/**
 * kvmcore_token_verify() - all steps of a verification but the appraisal of measurements
 * @verdict: written in any case; every step that can be done is done
 *
 * Return: 0 if every step is OK; -ENOKEY if no anchor is for this platform; -EKEYREJECTED for a
 * wrong signature, binding or challenge; -EPROTO for profiles that do not go together; -EPERM for
 * the lifecycle; -EINVAL for a bare claim set or too long a challenge; -ENOMEM. The first of these,
 * in this order, is returned and described in @err.
 */
KVMCORE_API int kvmcore_token_verify(const struct kvmcore_token *token,
				     const struct kvmcore_token_policy *policy,
				     struct kvmcore_token_verdict *verdict,
				     struct kvmcore_error *err);

/* --- Building ------------------------------------------------------------------------------------
 */

/*
 * What a token is made from. Spans left NULL are absent; realm.public_key, realm.public_key_hash
 * and platform.challenge are filled in by the builder: the RAK as a COSE_Key with a realm profile,
 * as a raw point without, and its digest under @binding_hash.
 */
struct kvmcore_token_draft {
	enum kvmcore_envelope envelope;
	struct kvmcore_realm_claims realm;
	struct kvmcore_platform_claims platform;
	enum kvmcore_hash binding_hash;
	const struct kvmcore_signing_key *cpak, *rak;
};

/**
 * kvmcore_token_build() - sign both halves and wrap them
 *
 * Return: 0, with *@data of *@len bytes to be freed by free(); -EPROTO if the result would break a
 * rule of the parser (@err names the claim); -EINVAL for another envelope or a missing key;
 * -ENOMEM.
 */
KVMCORE_API int kvmcore_token_build(const struct kvmcore_token_draft *draft, uint8_t **data,
				    size_t *len, struct kvmcore_error *err);

#endif
