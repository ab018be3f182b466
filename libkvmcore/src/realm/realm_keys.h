/* SPDX-License-Identifier: Apache-2.0 */
/*
 * realm_keys.h - what the modelled host signs attestation tokens with
 *
 * The platform key stands for the one a real platform was born with. It is a test key of this host and must never be
 * anybody's default trust anchor.
 */
#ifndef KVMCORE_REALM_KEYS_H
#define KVMCORE_REALM_KEYS_H

#include "realm.h"

struct realm_keys;

struct realm_keys *realm_keys_free(struct realm_keys *keys);

/** realm_token_make() - a token of the realm as it is, for @challenge. Return: 0; -ENOMEM; -EIO */
int realm_token_make(struct kvmcore_vm *vm, const uint8_t challenge[REALM_CHALLENGE_SIZE],
		     struct realm_token *token);

/** realm_platform_key() - whom a verifier of these tokens has to trust. Return: 0; -ENOMEM; -EIO */
int realm_platform_key(struct kvmcore_vm *vm, struct kvmcore_realm_platform_key *out);

#endif
