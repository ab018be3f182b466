// SPDX-License-Identifier: Apache-2.0
#include "fields.h"

#include "common/cleanup.h"
#include "common/number.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

int fields_refuse(struct fields *fields, const char *expected, const json_t *actual)
{
	OWNED_MEMORY char *text =
		actual ? json_dumps(actual, JSON_COMPACT | JSON_ENCODE_ANY) : NULL;

	return failure_set(fields->failure, SDEISTATE_USAGE, -EINVAL, fields->object, fields->path,
			   expected, text ? text : "nothing");
}

/* Appends to the path; the caller cuts it back to what this returns. */
static size_t enter(struct fields *fields, const char *format, const char *name, size_t i)
{
	const size_t len = strlen(fields->path);
	char *end = fields->path + len;
	const size_t room = sizeof(fields->path) - len;

	if (name)
		snprintf(end, room, format, len ? "." : "", name);
	else
		snprintf(end, room, "[%zu]", i);
	return len;
}

static int read_number(struct fields *fields, const struct field *field, const json_t *json,
		       void *value)
{
	static const uint64_t largest[] = {
		[FIELD_U8] = UINT8_MAX, [FIELD_U32] = UINT32_MAX, [FIELD_U64] = UINT64_MAX
	};
	const uint64_t max = field->max ? field->max : largest[field->type];
	char expected[96];
	uint64_t number;

	if (!number_from_json(json, &number) || number < field->min || number > max) {
		snprintf(expected, sizeof(expected), "a number from %" PRIu64 " to 0x%" PRIx64,
			 field->min, max);
		return fields_refuse(fields, expected, json);
	}
	if (field->type == FIELD_U8)
		*(uint8_t *)value = (uint8_t)number;
	else if (field->type == FIELD_U32)
		*(uint32_t *)value = (uint32_t)number;
	else
		*(uint64_t *)value = number;
	return 0;
}

static int read_word(struct fields *fields, const struct field *field, const json_t *json,
		     uint32_t *value)
{
	const char *word = json_string_value(json), *at = field->words;
	const size_t len = word ? strlen(word) : 0;

	for (uint32_t i = 0; len && at; i++) {
		if (strncmp(at, word, len) == 0 && (at[len] == '|' || at[len] == '\0')) {
			*value = i;
			return 0;
		}
		at = strchr(at, '|');
		at = at ? at + 1 : NULL;
	}
	return fields_refuse(fields, field->words, json);
}

static int read_value(struct fields *fields, const struct field *field, const json_t *json,
		      void *out)
{
	void *value = (char *)out + field->offset;

	switch (field->type) {
	case FIELD_U8:
	case FIELD_U32:
	case FIELD_U64:
		return read_number(fields, field, json, value);
	case FIELD_BOOL:
		if (!json_is_boolean(json))
			return fields_refuse(fields, "true or false", json);
		*(bool *)value = json_is_true(json);
		return 0;
	case FIELD_WORD:
		return read_word(fields, field, json, value);
	case FIELD_TEXT:
		if (!json_is_string(json))
			return fields_refuse(fields, "a text", json);
		*(const char **)value = json_string_value(json);
		return 0;
	case FIELD_JSON:
		*(const json_t **)value = json;
		return 0;
	case FIELD_OWN:
		break;
	}
	return field->read(fields, json, out);
}

static const struct field *find_field(const struct field *field, const char *name)
{
	for (; field->name; field++)
		if (strcmp(field->name, name) == 0)
			return field;
	return NULL;
}

static int check_names(struct fields *fields, const json_t *json, const struct field *field)
{
	const char *name;
	json_t *value;

	json_object_foreach((json_t *)(uintptr_t)json, name, value)
	{
		if (!find_field(field, name)) {
			enter(fields, "%s%s", name, 0);
			return fields_refuse(fields, "a name the schema knows", value);
		}
	}
	return 0;
}

int fields_read(struct fields *fields, const json_t *json, const struct field *field, void *out)
{
	int ret;

	if (!json_is_object(json))
		return fields_refuse(fields, "an object", json);
	ret = check_names(fields, json, field);
	for (; ret == 0 && field->name; field++) {
		const json_t *value = json_object_get(json, field->name);
		const size_t len = enter(fields, "%s%s", field->name, 0);

		if (value)
			ret = read_value(fields, field, value, out);
		else if (field->required)
			ret = fields_refuse(fields, "a value", NULL);
		fields->path[len] = '\0';
	}
	return ret;
}

int fields_item(struct fields *fields, const json_t *json, size_t i, const struct field *field,
		void *out)
{
	const size_t len = enter(fields, NULL, NULL, i);
	const int ret = fields_read(fields, json_array_get(json, i), field, out);

	fields->path[len] = '\0';
	return ret;
}

int fields_refuse_item(struct fields *fields, size_t i, const char *expected, const json_t *actual)
{
	enter(fields, NULL, NULL, i);
	return fields_refuse(fields, expected, actual);
}

int fields_bits(struct fields *fields, const json_t *json, const char *const *words, size_t n,
		uint32_t *bits)
{
	size_t i, word;
	json_t *item;

	if (!json_is_array(json))
		return fields_refuse(fields, "a list of words", json);
	json_array_foreach((json_t *)(uintptr_t)json, i, item)
	{
		for (word = 0; word < n; word++)
			if (json_is_string(item) && words[word] &&
			    strcmp(json_string_value(item), words[word]) == 0)
				break;
		if (word == n)
			return fields_refuse(fields, "a feature this program knows", item);
		*bits |= 1u << word;
	}
	return 0;
}
