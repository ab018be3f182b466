// SPDX-License-Identifier: Apache-2.0
#include "text.h"

#include "common/number.h"

bool text_number(const char *text, uint64_t max, uint64_t *value)
{
	uint64_t parsed;

	if (text[0] == '-' || !number_parse(text, &parsed) || parsed > max)
		return false;
	*value = parsed;
	return true;
}

bool text_bytes(const char *text, uint8_t *bytes, size_t room, size_t *len)
{
	long n = hex_parse(text, bytes, room);

	if (n < 0)
		return false;
	*len = (size_t)n;
	return true;
}

static int base64_digit(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	if (c == '+' || c == '-')
		return 62;
	return c == '/' || c == '_' ? 63 : -1;
}

bool text_base64(const char *text, uint8_t *bytes, size_t room, size_t *len)
{
	unsigned int held = 0, bits = 0;
	size_t n = 0;

	for (; *text && *text != '='; text++) {
		int value = base64_digit(*text);

		if (value < 0)
			return false;
		held = (held << 6 | (unsigned int)value) & 0xffff;
		bits += 6;
		if (bits < 8)
			continue;
		bits -= 8;
		if (n == room)
			return false;
		bytes[n++] = (uint8_t)(held >> bits);
	}
	for (; *text; text++)
		if (*text != '=')
			return false;
	*len = n;
	return true;
}

void text_to_base64(const void *bytes, size_t len, char *text)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const uint8_t *b = bytes;

	for (size_t i = 0; i < len; i += 3) {
		unsigned int n = len - i < 3 ? (unsigned int)(len - i) : 3;
		unsigned int v = (unsigned int)b[i] << 16 |
				 (n > 1 ? (unsigned int)b[i + 1] << 8 : 0) | (n > 2 ? b[i + 2] : 0);

		*text++ = digits[v >> 18 & 63];
		*text++ = digits[v >> 12 & 63];
		*text++ = n > 1 ? digits[v >> 6 & 63] : '=';
		*text++ = n > 2 ? digits[v & 63] : '=';
	}
	*text = '\0';
}
