/* SPDX-License-Identifier: Apache-2.0 */
/*
 * number.h - numbers and bytes as people and JSON write them
 */
#ifndef TOOLS_COMMON_NUMBER_H
#define TOOLS_COMMON_NUMBER_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/**
 * number_parse() - "123", "0x7b" or "-1" (the 64-bit two's complement); nothing may follow
 *
 * Return: true, with *@value written; false for anything else, including what does not fit.
 */
bool number_parse(const char *text, uint64_t *value);

/** number_parse_size() - a decimal or hexadecimal number with an optional K, M or G (powers of
 * 1024) */
bool number_parse_size(const char *text, uint64_t *value);

/** number_json() - @value as the "0x..." string that stands for 64 bits in our JSON; NULL: no
 * memory */
json_t *number_json(uint64_t value);

/** number_from_json() - the reverse; a non-negative JSON integer is taken as well. Return:
 * understood */
bool number_from_json(const json_t *json, uint64_t *value);

/** hex_parse() - bytes from hexadecimal digits, at most @max. Return: how many; -1 if malformed */
long hex_parse(const char *text, uint8_t *bytes, size_t max);

/** hex_text() - the digits of @bytes, lower case; @text has room for 2 * @len + 1 */
void hex_text(const void *bytes, size_t len, char *text);

/** hex_json() - the same as a JSON string; NULL: no memory */
json_t *hex_json(const void *bytes, size_t len);

#endif
