/* SPDX-License-Identifier: Apache-2.0 */
/*
 * token/tree.h - CBOR from a peer, read strictly (RFC 8949; docs/measurements.md, "Tokens")
 */
#ifndef TOKEN_TREE_H
#define TOKEN_TREE_H

#include <cbor.h>
#include <kvmcore/error.h>
#include <kvmcore/token.h>

#define TREE_MAX_DEPTH 12u
#define TREE_MAX_PAIRS 256u

/**
 * tree_load() - decode exactly one item of @len bytes
 * @object: what it is, for @err
 *
 * Refused: trailing bytes, indefinite lengths, duplicate keys, text that is not UTF-8, more than
 * TREE_MAX_DEPTH levels, a map of more than TREE_MAX_PAIRS pairs. Order and length of integers are
 * free. Return: 0, *@root owned; -EBADMSG; -ENOMEM.
 */
int tree_load(const void *data, size_t len, const char *object, cbor_item_t **root,
	      struct kvmcore_error *err);

/** tree_free() - NULL is allowed */
void tree_free(cbor_item_t **root);

#define tree_cleanup __attribute__((cleanup(tree_free)))

/** tree_bytes() - the content of a byte string; NULL data if it is none */
struct kvmcore_span tree_bytes(const cbor_item_t *item);

/** tree_text() - the content of a text string; NULL data if it is none */
struct kvmcore_span tree_text(const cbor_item_t *item);

/** tree_find() - the value under a non-negative integer key of a map; NULL */
const cbor_item_t *tree_find(const cbor_item_t *map, uint64_t key);

/** tree_find_int() - the same for a key of either sign */
const cbor_item_t *tree_find_int(const cbor_item_t *map, int64_t key);

/** tree_int() - a small integer of either sign. Return: whether it is one */
bool tree_int(const cbor_item_t *item, int64_t *value);

/** tree_untag() - what stands behind @tag; NULL if @item is not tagged so */
const cbor_item_t *tree_untag(const cbor_item_t *item, uint64_t tag);

/** tree_type_name() - for messages */
const char *tree_type_name(const cbor_item_t *item);

#endif
