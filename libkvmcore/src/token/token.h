/* SPDX-License-Identifier: Apache-2.0 */
/*
 * token/token.h - a parsed token: the trees its claims point into
 */
#ifndef TOKEN_TOKEN_H
#define TOKEN_TOKEN_H

#include "token/cose.h"

#define KEY_PLATFORM       44234u
#define KEY_REALM          44241u
#define CONTENT_FORMAT_EAT 263u /* application/eat+cwt */

struct kvmcore_token {
	int envelope; /* 0: one bare claim set */
	struct cose platform_cose, realm_cose;
	cbor_item_t *platform_tree, *realm_tree;
	bool has_platform, has_realm, has_rak;
	struct kvmcore_platform_claims platform;
	struct kvmcore_realm_claims realm;
	struct kvmcore_public_key rak;
};

#endif
