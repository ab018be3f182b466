// SPDX-License-Identifier: Apache-2.0
#include "error_set.h"
#include "trust.h"
#include "util.h"

#include <errno.h>
#include <stdio.h>
#include <time.h>

#define HEADER    "sdei-migrate trust 1\n"
#define LINE_SIZE 256 /* the longest line has an id and three times */
#define ID_DIGITS (2u * SDEISTATE_KEY_ID_SIZE)

/* What may stand behind a key's id, in this order. docs/trust.md */
static const struct {
	const char *name;
	size_t offset;
} words[] = {
	{ "not-before=", offsetof(struct sdeistate_validity, not_before) },
	{ "not-after=", offsetof(struct sdeistate_validity, not_after) },
	{ "revoked=", offsetof(struct sdeistate_validity, revoked) },
};

void trust_print_id(const uint8_t id[SDEISTATE_KEY_ID_SIZE], char text[ID_DIGITS + 1])
{
	static const char digits[] = "0123456789abcdef";

	for (unsigned int i = 0; i < SDEISTATE_KEY_ID_SIZE; i++) {
		text[2 * i] = digits[id[i] >> 4];
		text[2 * i + 1] = digits[id[i] & 15];
	}
	text[ID_DIGITS] = '\0';
}

static int digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

int trust_parse_id(const char *text, uint8_t id[SDEISTATE_KEY_ID_SIZE])
{
	if (strnlen(text, ID_DIGITS) != ID_DIGITS)
		return -EINVAL;
	for (unsigned int i = 0; i < SDEISTATE_KEY_ID_SIZE; i++) {
		const int high = digit(text[2 * i]), low = digit(text[2 * i + 1]);

		if (high < 0 || low < 0)
			return -EINVAL;
		id[i] = (uint8_t)(high << 4 | low);
	}
	return 0;
}

/* Years beyond 9999 do not fit; they all mean "never". */
#define LAST_SECOND 253402300799u

void sdeistate_time_print(uint64_t seconds, char text[SDEISTATE_TIME_SIZE])
{
	const time_t when = (time_t)(seconds < LAST_SECOND ? seconds : LAST_SECOND);
	struct tm tm;

	gmtime_r(&when, &tm);
	strftime(text, SDEISTATE_TIME_SIZE, "%Y-%m-%dT%H:%M:%SZ", &tm);
}

int sdeistate_time_parse(const char *text, uint64_t *seconds)
{
	char alone[SDEISTATE_TIME_SIZE] = "", again[SDEISTATE_TIME_SIZE];
	const size_t len = sizeof(alone) - 1;
	struct tm tm = { 0 };
	const char *end;
	time_t when;

	if (strnlen(text, len) < len)
		return -EINVAL;
	memcpy(alone, text, len);
	end = strptime(alone, "%Y-%m-%dT%H:%M:%SZ", &tm);
	if (end != alone + len)
		return -EINVAL;
	when = timegm(&tm);
	if (when < 0)
		return -EINVAL;
	/* strptime() takes the 31st of any month. */
	sdeistate_time_print((uint64_t)when, again);
	if (memcmp(again, alone, len) != 0)
		return -EINVAL;
	*seconds = (uint64_t)when;
	return 0;
}

static const char *parse_word(const char *at, struct sdeistate_validity *validity, size_t *next)
{
	for (size_t i = *next; i < ARRAY_SIZE(words); i++) {
		const size_t len = strlen(words[i].name);
		uint64_t *value = (uint64_t *)(void *)((char *)validity + words[i].offset);

		if (strncmp(at, words[i].name, len) != 0)
			continue;
		*next = i + 1;
		/* 1970 itself would read as "no limit". */
		if (sdeistate_time_parse(at + len, value) || !*value)
			return NULL;
		return at + len + SDEISTATE_TIME_SIZE - 1;
	}
	return NULL;
}

/* @line: "ID not-before=TIME not-after=TIME revoked=TIME", each time optional, at least one there. */
static int parse_line(struct sdeistate_trust *trust, const char *line, struct sdeistate_error *err)
{
	struct sdeistate_validity validity = { 0 };
	uint8_t id[SDEISTATE_KEY_ID_SIZE];
	const char *at = line + ID_DIGITS;
	size_t next = 0;

	if (trust_parse_id(line, id))
		return -EINVAL;
	do {
		if (*at != ' ')
			return -EINVAL;
		at = parse_word(at + 1, &validity, &next);
	} while (at && *at);
	if (!at || (validity.not_after && validity.not_after < validity.not_before))
		return -EINVAL;
	return trust_narrow(trust, id, &validity, err);
}

static int wrong_line(const char *name, size_t number, const char *line,
		      struct sdeistate_error *err)
{
	return error_set(err, SDEISTATE_DAMAGED, -EBADMSG, OBJECT("%s", name),
			 OBJECT("line %zu", number),
			 "a key id and not-before=, not-after=, revoked=, each with a time such as "
			 "2026-01-31T00:00:00Z|%.100s",
			 line);
}

int sdeistate_trust_list_parse(struct sdeistate_trust *trust, const char *text, size_t len,
			       const char *name, struct sdeistate_error *err)
{
	const size_t head = strlen(HEADER);
	const char *end = text + len;

	if (len > SDEISTATE_MAX_TRUST_LIST)
		return error_set(err, SDEISTATE_OVER_LIMIT, -E2BIG, name, "size",
				 "at most %u bytes|%zu bytes", SDEISTATE_MAX_TRUST_LIST, len);
	if (len < head || memcmp(text, HEADER, head) != 0)
		return error_set(err, SDEISTATE_DAMAGED, -EBADMSG, name, "line 1",
				 "sdei-migrate trust 1|");
	text += head;
	for (size_t number = 2; text < end; number++) {
		const char *stop = memchr(text, '\n', (size_t)(end - text));
		const size_t n = (size_t)((stop ? stop : end) - text);
		char line[LINE_SIZE];
		int ret;

		snprintf(line, sizeof(line), "%.*s", (int)(n < LINE_SIZE ? n : LINE_SIZE - 1),
			 text);
		/* A zero byte inside, a line that is too long or has no end: not what was written. */
		if (strlen(line) != n || !stop)
			return wrong_line(name, number, line, err);
		ret = n && line[0] != '#' ? parse_line(trust, line, err) : 0;
		if (ret == -EINVAL)
			return wrong_line(name, number, line, err);
		if (ret)
			return ret;
		text = stop + 1;
	}
	return 0;
}

static size_t print_limit(const struct trust_limit *limit, char *out)
{
	size_t len = ID_DIGITS;

	trust_print_id(limit->id, out);
	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		const uint64_t *value =
			(const uint64_t *)(const void *)((const char *)&limit->validity +
							 words[i].offset);
		char when[SDEISTATE_TIME_SIZE];

		if (!*value)
			continue;
		sdeistate_time_print(*value, when);
		len += (size_t)snprintf(out + len, LINE_SIZE - len, " %s%s", words[i].name, when);
	}
	out[len] = '\n';
	return len + 1;
}

int sdeistate_trust_list_print(const struct sdeistate_trust *trust, struct sdeistate_buffer *text,
			       struct sdeistate_error *err)
{
	char *out = malloc(strlen(HEADER) + (trust->n_limits + 1) * LINE_SIZE);
	size_t len = strlen(HEADER);

	if (!out)
		return error_no_memory(err, "trust list");
	memcpy(out, HEADER, len);
	for (size_t i = 0; i < trust->n_limits; i++)
		len += print_limit(&trust->limit[i], out + len);
	*text = (struct sdeistate_buffer){ (uint8_t *)out, len };
	return 0;
}
