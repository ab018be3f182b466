// SPDX-License-Identifier: Apache-2.0
#include "caps.h"

#include "common/cleanup.h"
#include "common/file.h"
#include "common/text.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <string.h>

#define MAX_FILE 65536u

static const struct {
	const char *name;
	uint64_t min, max;
	bool power_of_two; /* or 0 */
	bool is_bool;
} caps_row[CAP_NR] = {
	[CAP_IPA_BITS] = { "ipa_bits", 32, 52, false, false },
	[CAP_NUM_BPS] = { "num_bps", 2, 64, false, false },
	[CAP_NUM_WPS] = { "num_wps", 2, 64, false, false },
	[CAP_PMU_NUM_CTRS] = { "pmu_num_ctrs", 0, 31, false, false },
	[CAP_SVE_VL] = { "sve_vl", 128, 2048, true, false },
	[CAP_PMU] = { "pmu", 0, 1, false, true },
	[CAP_LPA2] = { "lpa2", 0, 1, false, true },
};

const char *caps_name(enum cap cap)
{
	return caps_row[cap].name;
}

static bool is_legal(enum cap cap, uint64_t value)
{
	if (caps_row[cap].power_of_two && (value & (value - 1)))
		return false;
	if (caps_row[cap].power_of_two && value == 0)
		return true;
	return value >= caps_row[cap].min && value <= caps_row[cap].max;
}

static int refuse(enum cap cap, uint64_t value, const char *source, struct failure *failure)
{
	char expected[64], actual[32];

	snprintf(expected, sizeof(expected), "%s%" PRIu64 " to %" PRIu64 "%s",
		 caps_row[cap].power_of_two ? "0, or " : "", caps_row[cap].min, caps_row[cap].max,
		 caps_row[cap].power_of_two ? ", a power of two" : "");
	snprintf(actual, sizeof(actual), "%" PRIu64, value);
	return failure_set(failure, SDEISTATE_USAGE, -EINVAL, source, caps_row[cap].name, expected,
			   actual);
}

int caps_limit(struct caps *caps, enum cap cap, uint64_t value, const char *source,
	       struct failure *failure)
{
	if (!is_legal(cap, value))
		return refuse(cap, value, source, failure);
	if (!caps->given[cap] || value < caps->value[cap])
		caps->value[cap] = value;
	caps->given[cap] = true;
	return 0;
}

int caps_request(struct caps *caps, enum cap cap, uint64_t value, const char *source,
		 struct failure *failure)
{
	char expected[64], actual[32];

	if (is_legal(cap, value) && caps->given[cap] && value > caps->value[cap]) {
		snprintf(expected, sizeof(expected), "at most %" PRIu64, caps->value[cap]);
		snprintf(actual, sizeof(actual), "%" PRIu64, value);
		return failure_set(failure, SDEISTATE_INCOMPATIBLE, -EOPNOTSUPP, source,
				   caps_row[cap].name, expected, actual);
	}
	return caps_limit(caps, cap, value, source, failure);
}

static int find(const char *name, enum cap *cap)
{
	for (unsigned int i = 0; i < CAP_NR; i++)
		if (!strcmp(caps_row[i].name, name)) {
			*cap = (enum cap)i;
			return 0;
		}
	return -ENOENT;
}

static int unknown_key(const char *path, const char *name, struct failure *failure)
{
	return failure_set(failure, SDEISTATE_USAGE, -EINVAL, path, name,
			   "ipa_bits, num_bps, num_wps, pmu_num_ctrs, sve_vl, pmu or lpa2", name);
}

/* "true" and "false" are for the yes-or-no ones only, numbers for the others. */
static int set_text(struct caps *caps, const char *path, const char *name, const char *value,
		    struct failure *failure)
{
	uint64_t number = 0;
	enum cap cap;

	if (find(name, &cap))
		return unknown_key(path, name, failure);
	if (caps_row[cap].is_bool ? strcmp(value, "true") && strcmp(value, "false")
				  : !text_number(value, UINT64_MAX, &number))
		return failure_set(failure, SDEISTATE_USAGE, -EINVAL, path, name,
				   caps_row[cap].is_bool ? "true or false" : "a number", value);
	if (caps_row[cap].is_bool)
		number = !strcmp(value, "true");
	return caps_limit(caps, cap, number, path, failure);
}

static char *trim(char *text)
{
	size_t len;

	text += strspn(text, " \t\r");
	len = strlen(text);
	while (len && isspace((unsigned char)text[len - 1]))
		text[--len] = '\0';
	return text;
}

static int load_lines(struct caps *caps, const char *path, char *text, struct failure *failure)
{
	char *line;
	int ret = 0;

	while (!ret && (line = strsep(&text, "\n"))) {
		char *value;

		line[strcspn(line, "#")] = '\0';
		line = trim(line);
		if (!*line)
			continue;
		value = strchr(line, '=');
		if (!value)
			return failure_set(failure, SDEISTATE_USAGE, -EINVAL, path, NULL,
					   "name = value", line);
		*value++ = '\0';
		ret = set_text(caps, path, trim(line), trim(value), failure);
	}
	return ret;
}

static int load_json(struct caps *caps, const char *path, const char *text, size_t len,
		     struct failure *failure)
{
	OWNED_JSON json_t *root = json_loadb(text, len, JSON_REJECT_DUPLICATES, NULL);
	const char *name;
	json_t *value;
	int ret = 0;

	if (!json_is_object(root))
		return failure_set(failure, SDEISTATE_USAGE, -EINVAL, path, NULL, "a JSON object",
				   "something else");
	json_object_foreach(root, name, value)
	{
		OWNED_MEMORY char *text_value = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);

		if (!text_value)
			return failure_set(failure, SDEISTATE_NO_MEMORY, -ENOMEM, path, NULL, NULL,
					   NULL);
		ret = set_text(caps, path, name, text_value, failure);
		if (ret)
			break;
	}
	return ret;
}

int caps_load(struct caps *caps, const char *path, struct failure *failure)
{
	OWNED_MEMORY uint8_t *data = NULL;
	size_t len;
	char *text;
	int ret = file_read(path, MAX_FILE, &data, &len, failure);

	if (ret)
		return ret;
	text = (char *)data;
	if (text[strspn(text, " \t\r\n")] == '{')
		return load_json(caps, path, text, len, failure);
	return load_lines(caps, path, text, failure);
}
