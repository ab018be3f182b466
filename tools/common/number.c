// SPDX-License-Identifier: Apache-2.0
#include "number.h"

#include "cleanup.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <string.h>

static bool parse_digits(const char *text, uint64_t *value, const char **end)
{
	const bool hex = text[0] == '0' && (text[1] == 'x' || text[1] == 'X');
	char *stop;

	/* strtoull() would skip blanks and take signs of its own. */
	if (!isxdigit((unsigned char)text[hex ? 2 : 0]) || (!hex && !isdigit((unsigned char)*text)))
		return false;
	errno = 0;
	*value = strtoull(text, &stop, hex ? 16 : 10);
	*end = stop;
	return errno == 0;
}

bool number_parse(const char *text, uint64_t *value)
{
	const bool negative = *text == '-';
	const char *end;
	uint64_t digits;

	if (!parse_digits(text + negative, &digits, &end) || *end)
		return false;
	if (negative && digits > (uint64_t)INT64_MAX + 1)
		return false;
	*value = negative ? 0 - digits : digits;
	return true;
}

bool number_parse_size(const char *text, uint64_t *value)
{
	static const char suffix[] = "KMG";
	const char *end, *unit;
	uint64_t digits;
	unsigned int shift = 0;

	if (!parse_digits(text, &digits, &end))
		return false;
	if (*end) {
		unit = strchr(suffix, *end);
		if (!unit || end[1])
			return false;
		shift = 10 * (unsigned int)(unit - suffix + 1);
	}
	if (digits > UINT64_MAX >> shift)
		return false;
	*value = digits << shift;
	return true;
}

json_t *number_json(uint64_t value)
{
	return json_sprintf("0x%" PRIx64, value);
}

bool number_from_json(const json_t *json, uint64_t *value)
{
	if (json_is_string(json))
		return number_parse(json_string_value(json), value);
	if (!json_is_integer(json) || json_integer_value(json) < 0)
		return false;
	*value = (uint64_t)json_integer_value(json);
	return true;
}

static int digit_value(char digit)
{
	if (!isxdigit((unsigned char)digit))
		return -1;
	return isdigit((unsigned char)digit) ? digit - '0' : (digit | 0x20) - 'a' + 10;
}

long hex_parse(const char *text, uint8_t *bytes, size_t max)
{
	const size_t len = strlen(text);

	if (len % 2 || len / 2 > max)
		return -1;
	for (size_t i = 0; i < len; i += 2) {
		const int high = digit_value(text[i]), low = digit_value(text[i + 1]);

		if (high < 0 || low < 0)
			return -1;
		bytes[i / 2] = (uint8_t)(high << 4 | low);
	}
	return (long)(len / 2);
}

void hex_text(const void *bytes, size_t len, char *text)
{
	static const char digit[] = "0123456789abcdef";
	const uint8_t *byte = bytes;

	for (size_t i = 0; i < len; i++) {
		text[2 * i] = digit[byte[i] >> 4];
		text[2 * i + 1] = digit[byte[i] & 15];
	}
	text[2 * len] = '\0';
}

json_t *hex_json(const void *bytes, size_t len)
{
	OWNED_MEMORY char *text = malloc(2 * len + 1);

	if (!text)
		return NULL;
	hex_text(bytes, len, text);
	return json_stringn(text, 2 * len);
}
