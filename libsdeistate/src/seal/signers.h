/* SPDX-License-Identifier: Apache-2.0 */
/*
 * signers.h - who signed a file, and is that enough?
 */
#ifndef SDEISTATE_SEAL_SIGNERS_H
#define SDEISTATE_SEAL_SIGNERS_H

#include "frame_read.h"
#include "layout.h"

#include <sdeistate/seal.h>

/**
 * signers_sign() - sign prefix and manifest with every key
 *
 * Return: 0, and @block is the caller's to free; -EINVAL usage: a key twice; the errors of sdeistate_sign().
 */
int signers_sign(const struct sdeistate_key *const *signer, unsigned int n_signers,
		 const uint8_t *bytes, size_t len, struct sdeistate_buffer *block,
		 struct sdeistate_error *err);

/**
 * signers_check() - verify the signatures of trusted keys; ignore those of others
 * @opened: signer, n_signers and n_signatures are filled in
 *
 * A key that is revoked, or not believed now, counts as another's; its reason is told when it is missed.
 * Return: 0; -ENOKEY unsigned or unknown-signer; -EKEYREVOKED key-revoked; -EKEYEXPIRED key-expired;
 * -EKEYREJECTED bad-signature; -ENOMEM; -EIO internal.
 */
int signers_check(const struct layout_signatures *signatures, const uint8_t *bytes, size_t len,
		  const struct sdeistate_open_options *options, struct open_watch *watch,
		  struct sdeistate_opened *opened, struct sdeistate_error *err);

/**
 * signers_check_source() - did the key that the manifest names as its source sign it too,
 * and was it believed when the snapshot was made?
 *
 * Return: 0; -ENOKEY unknown-signer; -EKEYEXPIRED key-expired.
 */
int signers_check_source(const struct sdeistate_opened *opened,
			 const struct sdeistate_open_options *options, struct sdeistate_error *err);

#endif
