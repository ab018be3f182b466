/* SPDX-License-Identifier: Apache-2.0 */
/*
 * anchors.h - trust anchors from files
 */
#ifndef TOOLS_COMMON_REALM_ANCHORS_H
#define TOOLS_COMMON_REALM_ANCHORS_H

#include "common/failure.h"

#include <jansson.h>
#include <kvmcore/token.h>

#define ANCHORS_MAX 1024u

struct anchors {
	struct kvmcore_trust_anchor *anchor;
	size_t n;
};

/**
 * anchors_load() - add the keys of a PEM file, a JWK, or a ta.json store
 *
 * Return: 0; -EINVAL, -EIO with @failure; -ENOMEM.
 */
int anchors_load(const char *path, struct anchors *anchors, struct failure *failure);

/** anchors_free() - all zero is allowed */
void anchors_free(struct anchors *anchors);

#define anchors_cleanup __attribute__((cleanup(anchors_free)))

/** anchors_jwk() - a public key as JWK. Return: owned; NULL without memory */
json_t *anchors_jwk(const struct kvmcore_public_key *key);

#endif
