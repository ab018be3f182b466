// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <string.h>
#include <transport/wire.h>

/* RFC 4122 §4.4. */
int transport_id_random(struct transport_id *id)
{
	struct transport_id fresh;

	if (RAND_bytes(fresh.bytes, sizeof(fresh.bytes)) != 1)
		return -EIO;
	fresh.bytes[6] = (fresh.bytes[6] & 0x0f) | 0x40;
	fresh.bytes[8] = (fresh.bytes[8] & 0x3f) | 0x80;
	*id = fresh;
	return 0;
}

bool transport_id_is_zero(const struct transport_id *id)
{
	static const struct transport_id none;

	return transport_id_equal(id, &none);
}

bool transport_id_equal(const struct transport_id *a, const struct transport_id *b)
{
	return memcmp(a->bytes, b->bytes, sizeof(a->bytes)) == 0;
}

static bool is_dash(size_t place)
{
	return place == 8 || place == 13 || place == 18 || place == 23;
}

void transport_id_print(const struct transport_id *id, char text[TRANSPORT_ID_TEXT_SIZE])
{
	static const char digit[] = "0123456789abcdef";
	size_t nibble = 0;

	for (size_t i = 0; i < TRANSPORT_ID_TEXT_SIZE - 1; i++) {
		if (is_dash(i)) {
			text[i] = '-';
			continue;
		}
		text[i] = digit[id->bytes[nibble / 2] >> (nibble % 2 ? 0 : 4) & 0xf];
		nibble++;
	}
	text[TRANSPORT_ID_TEXT_SIZE - 1] = '\0';
}

static int digit_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -EINVAL;
}

int transport_id_parse(const char *text, struct transport_id *id)
{
	struct transport_id found = { { 0 } };
	size_t nibble = 0;
	int value;

	if (strlen(text) != TRANSPORT_ID_TEXT_SIZE - 1)
		return -EINVAL;
	for (size_t i = 0; i < TRANSPORT_ID_TEXT_SIZE - 1; i++) {
		if (is_dash(i)) {
			if (text[i] != '-')
				return -EINVAL;
			continue;
		}
		value = digit_value(text[i]);
		if (value < 0)
			return -EINVAL;
		found.bytes[nibble / 2] |= (uint8_t)(value << (nibble % 2 ? 0 : 4));
		nibble++;
	}
	*id = found;
	return 0;
}
