/* SPDX-License-Identifier: Apache-2.0 */
/*
 * realm/realm.h - what the realm's part of the plan shares
 */
#ifndef SDEISTATE_REALM_REALM_H
#define SDEISTATE_REALM_REALM_H

#include <sdeistate/realm.h>

struct capture;
struct target;

#define REALM_GROUP "device attribute group 0x524d"

/** realm_free() - with all it points to; NULL is allowed. Return: NULL */
struct sdeistate_realm *realm_free(struct sdeistate_realm *realm);

/** realm_read() - what the VM tells of its realm. Return: 0 with *@realm owned; a GET's errno, told */
int realm_read(struct capture *capture, struct sdeistate_realm **realm);

/** realm_reg_id() - the one-reg id of the host's register @i of a vCPU */
uint64_t realm_reg_id(unsigned int i);

/** realm_digest_name() - the name OpenSSL has for an algorithm; NULL for another number */
const char *realm_digest_name(uint32_t hash);

/** realm_step_hashes() - the digests of the pages of a step, as the VM has them. Return: 0; -errno, told */
int realm_step_hashes(const struct kvm_port *port, uint32_t step, uint64_t n, size_t hash_size,
		      uint8_t **hashes, struct sdeistate_error *err);

/** realm_begin() - configure and create, before there are vCPUs. Return: 0; the replay's errors */
int realm_begin(struct target *target);

/** realm_explain() - step @i gave another RIM: say why. Return: -ESTALE */
int realm_explain(struct target *target, uint32_t i);

/** realm_limits() - what decides the first RIM */
struct sdeistate_realm_limits realm_limits(const struct sdeistate_realm *realm);

#endif
