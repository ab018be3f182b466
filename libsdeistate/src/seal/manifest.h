/* SPDX-License-Identifier: Apache-2.0 */
/*
 * manifest.h - the signed description of a file, as bytes and as a struct
 */
#ifndef SDEISTATE_SEAL_MANIFEST_H
#define SDEISTATE_SEAL_MANIFEST_H

#include <sdeistate/seal.h>

/** manifest_encode() - canonical bytes; revision and id stand in the prefix instead. Return: 0; -ENOMEM */
int manifest_encode(const struct sdeistate_manifest *manifest, struct sdeistate_buffer *bytes,
		    struct sdeistate_error *err);

/**
 * manifest_decode() - read bytes that a trusted key has signed
 * @peek: the prefix in front of them, signed with them
 *
 * Shape only: sizes of fields, presence, canonical encoding. manifest_check() knows the rules.
 * Return: 0; -EBADMSG inconsistent; -E2BIG over-limit; -ENOMEM.
 */
int manifest_decode(const uint8_t *bytes, size_t len, const struct sdeistate_peek *peek,
		    struct sdeistate_manifest *manifest, struct sdeistate_error *err);

/**
 * manifest_check() - does a manifest keep every rule of docs/format.md, chapter 4?
 *
 * A writer asks before it signs, a reader after it decoded.
 * Return: 0; -EBADMSG inconsistent; -E2BIG over-limit; -EOPNOTSUPP unknown-record: a mandatory frame of
 * a type that this library does not know.
 */
int manifest_check(const struct sdeistate_manifest *manifest, uint64_t payload_size,
		   struct sdeistate_error *err);

#endif
