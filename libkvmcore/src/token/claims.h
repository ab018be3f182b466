/* SPDX-License-Identifier: Apache-2.0 */
/*
 * token/claims.h - the claims of a realm and of a platform, and their rules
 */
#ifndef TOKEN_CLAIMS_H
#define TOKEN_CLAIMS_H

#include "token/tree.h"

/** claims_read_realm() - from a decoded map. Return: 0; -EPROTO with the claim in @err */
int claims_read_realm(const cbor_item_t *map, struct kvmcore_realm_claims *claims,
		      struct kvmcore_error *err);

/** claims_read_platform() - the same for a platform */
int claims_read_platform(const cbor_item_t *map, struct kvmcore_platform_claims *claims,
			 struct kvmcore_error *err);

/** claims_is() - whether @span holds exactly @text */
bool claims_is(struct kvmcore_span span, const char *text);

/** claims_hash() - the algorithm a claim names. Return: 0; -ENOENT */
int claims_hash(struct kvmcore_span name, enum kvmcore_hash *hash);

/* Profiles that exist. */
#define PROFILE_REALM_1_0       "tag:arm.com,2023:realm#1.0.0"
#define PROFILE_REALM_2_0       "tag:arm.com,2024:realm#2.0.0"
#define PROFILE_PLATFORM        "tag:arm.com,2023:cca_platform#1.0.0"
#define PROFILE_PLATFORM_LEGACY "http://arm.com/CCA-SSD/1.0.0"

/* Claim keys. */
enum claim_key {
	CLAIM_CHALLENGE = 10,
	CLAIM_INSTANCE_ID = 256,
	CLAIM_PROFILE = 265,
	CLAIM_LIFECYCLE = 2395,
	CLAIM_IMPLEMENTATION_ID = 2396,
	CLAIM_SW_COMPONENTS = 2399,
	CLAIM_SERVICE = 2400,
	CLAIM_CONFIG = 2401,
	CLAIM_PLATFORM_HASH = 2402,
	CLAIM_RPV = 44235,
	CLAIM_HASH = 44236,
	CLAIM_PUBLIC_KEY = 44237,
	CLAIM_RIM = 44238,
	CLAIM_REMS = 44239,
	CLAIM_PUBLIC_KEY_HASH = 44240,
	CLAIM_MEC_POLICY = 44243,
};

/* Keys within a software component. */
enum component_key {
	COMPONENT_TYPE = 1,
	COMPONENT_MEASUREMENT = 2,
	COMPONENT_VERSION = 4,
	COMPONENT_SIGNER_ID = 5,
	COMPONENT_HASH = 6,
};

#endif
