/* SPDX-License-Identifier: Apache-2.0 */
/*
 * limits.h - every bound of a sealed file, in one place
 *
 * A writer refuses to exceed them and a reader refuses a file that does, before it allocates.
 * docs/format.md, chapter "Limits", names the same numbers. The bounds of the record stream
 * itself stand in record.h.
 */
#ifndef SDEISTATE_LIMITS_H
#define SDEISTATE_LIMITS_H

#include <sdeistate/record.h>

#define SDEISTATE_MAX_MANIFEST        (64u << 10) /* bytes of the encoded manifest */
#define SDEISTATE_MAX_SIGNATURES      16u
#define SDEISTATE_MAX_SIGNATURE       4096u       /* bytes of one signature */
#define SDEISTATE_MAX_SIGNATURE_BLOCK (64u << 10) /* bytes, with its header */
#define SDEISTATE_MAX_AUDIENCE        64u
#define SDEISTATE_MAX_RECIPIENTS      64u
#define SDEISTATE_MAX_FRAMES          64u
#define SDEISTATE_MAX_CHUNK           (1u << 20) /* bytes of one piece of a zstd frame */
#define SDEISTATE_MAX_ENVELOPE        (SDEISTATE_MAX_CHUNK + (64u << 10)) /* the same, encrypted */
#define SDEISTATE_MAX_CHUNKS          (64u << 10)    /* pieces of one payload frame */
#define SDEISTATE_MAX_FRAME           (64ull << 30)  /* bytes of a bulk frame, expanded */
#define SDEISTATE_MAX_PAYLOAD         (256ull << 30) /* bytes of all frames as stored */
#define SDEISTATE_MAX_WINDOW_LOG      23u            /* 8 MiB, the decoder's memory */
#define SDEISTATE_MIN_WINDOW_LOG      10u
#define SDEISTATE_MAX_NAME            63u /* bytes of a profile's name */
#define SDEISTATE_MAX_NONCE           64u
#define SDEISTATE_MAX_TYPE            127u        /* bytes of the type string of a signed message */
#define SDEISTATE_MAX_MESSAGE         (16u << 20) /* bytes of a signed message */
#define SDEISTATE_MAX_KEY_FILE        (64u << 10) /* bytes of a PEM or certificate file */
#define SDEISTATE_MAX_TRUST           4096u       /* keys in one trust set */

#endif
