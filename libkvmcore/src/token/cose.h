/* SPDX-License-Identifier: Apache-2.0 */
/*
 * token/cose.h - COSE_Sign1 (RFC 9052 §4.2)
 */
#ifndef TOKEN_COSE_H
#define TOKEN_COSE_H

#include "token/key.h"
#include "token/tree.h"

/* One signed half. The spans live in @tree. */
struct cose {
	cbor_item_t *tree;
	struct kvmcore_span protected, payload, signature;
	int algorithm;
	enum kvmcore_curve curve; /* that goes with it */
};

/**
 * cose_parse() - read tag 18 and what is in it
 *
 * Return: 0; -EBADMSG; -EOPNOTSUPP for an unknown algorithm or a critical header; -ENOMEM.
 */
int cose_parse(struct kvmcore_span bytes, const char *object, struct cose *cose,
	       struct kvmcore_error *err);

/** cose_close() - all zero is allowed */
void cose_close(struct cose *cose);

/** cose_verify() - Return: 0; -EKEYREJECTED, also for a key of another curve; -ENOMEM */
int cose_verify(const struct cose *cose, const struct kvmcore_public_key *key);

/** cose_build() - sign @payload. Return: 0, *@data owned; -ENOMEM; -EIO */
int cose_build(const struct kvmcore_signing_key *key, struct kvmcore_span payload, uint8_t **data,
	       size_t *len);

#endif
