/* SPDX-License-Identifier: Apache-2.0 */
/*
 * frame_plain.h - a zstd frame whose blocks are the bytes themselves (RFC 8878 §3.1.1.2.2, Raw_Block)
 */
#ifndef SDEISTATE_SEAL_FRAME_PLAIN_H
#define SDEISTATE_SEAL_FRAME_PLAIN_H

#include <stddef.h>
#include <stdint.h>

/** frame_plain_bound() - the most that frame_plain() writes for @len bytes */
size_t frame_plain_bound(size_t len);

/** frame_plain() - write the frame; @len is below 2^32. Return: its length */
size_t frame_plain(const uint8_t *bytes, size_t len, uint8_t *frame);

/** frame_xxh64() - XXH64 with seed 0: what a frame's checksum is the low half of */
uint64_t frame_xxh64(const uint8_t *bytes, size_t len);

#endif
