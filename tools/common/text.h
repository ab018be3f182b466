/* SPDX-License-Identifier: Apache-2.0 */
/*
 * text.h - numbers and bytes from text, all or nothing
 */
#ifndef TOOLS_COMMON_TEXT_H
#define TOOLS_COMMON_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Characters that @len bytes take in base64, with the terminator. */
#define BASE64_SIZE(len) (((len) + 2) / 3 * 4 + 1)

/** text_number() - decimal or 0x, no sign, no more than @max. Return: whether it is one */
bool text_number(const char *text, uint64_t max, uint64_t *value);

/** text_bytes() - pairs of hex digits into at most @room bytes. Return: whether all of @text is */
bool text_bytes(const char *text, uint8_t *bytes, size_t room, size_t *len);

/** text_base64() - either alphabet, padded or not, into at most @room bytes. Return: whether it is */
bool text_base64(const char *text, uint8_t *bytes, size_t room, size_t *len);

/** text_to_base64() - standard alphabet, padded; @text has room for BASE64_SIZE(len) */
void text_to_base64(const void *bytes, size_t len, char *text);

#endif
