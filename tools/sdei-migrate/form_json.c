// SPDX-License-Identifier: Apache-2.0
#include "form_json.h"

#include "state_json.h"

#include <errno.h>
#include <string.h>

#define VERSION 1

static int wrong(struct failure *failure, const char *object, const char *field,
		 const char *expected)
{
	return failure_set(failure, SDEISTATE_USAGE, -EINVAL, object, field, expected, NULL);
}

/* --- to JSON ------------------------------------------------------------------------------------ */

static int add_field(void *user, const char *path, const uint64_t *value, uint32_t n)
{
	json_t *numbers;

	if (n == 0)
		return json_object_set_new(user, path, json_null());
	if (n == 1)
		return json_object_set_new(user, path, number_json(value[0]));
	numbers = json_array();
	for (uint32_t i = 0; i < n; i++)
		json_array_append_new(numbers, number_json(value[i]));
	return json_object_set_new(user, path, numbers);
}

static void add_record(json_t *json, const struct sdeistate_record *record)
{
	const uint32_t number = record->type & ~SDEISTATE_RECORD_OPTIONAL;
	const char *known = sdeistate_record_name(number);
	char name[16];

	snprintf(name, sizeof(name), "%u", number);
	if (!sdeistate_form_covers(number))
		json_object_set_new(json, known ? known : name,
				    json_pack("{s:i, s:b, s:o}", "number", (int)number, "optional",
					      record->type != number, "body",
					      hex_json(record->body, record->len)));
}

json_t *form_json(const struct sdeistate *state, const struct sealed_records *records)
{
	OWNED_MEMORY struct sdeistate_index *index = malloc(sizeof(*index));
	json_t *fields = json_object(), *bodies = json_object();
	const bool whole =
		index && sdeistate_index_stream(records->data, records->len, index, NULL) == 0;

	if (!whole || !fields || sdeistate_form_each(state, add_field, fields)) {
		json_decref(fields);
		json_decref(bodies);
		return NULL;
	}
	for (unsigned int i = 0; i < index->n_records; i++)
		add_record(bodies, &index->record[i]);
	return json_pack("{s:i, s:s, s:i, s:o, s:o}", "form", VERSION, "profile",
			 state_profile_name(state), "vcpus", (int)state->n_vcpus, "fields", fields,
			 "records", bodies);
}

/* --- from JSON ---------------------------------------------------------------------------------- */

static int read_number(const json_t *json, uint64_t *value)
{
	if (json_is_integer(json) && json_integer_value(json) >= 0)
		*value = (uint64_t)json_integer_value(json);
	else if (!json_is_string(json) || !number_parse(json_string_value(json), value))
		return -EINVAL;
	return 0;
}

/* @value has room for SDEISTATE_FORM_MAX_VALUES. */
static int read_numbers(const json_t *json, uint64_t *value, uint32_t *n)
{
	const json_t *item;
	size_t i;

	*n = 0;
	if (json_is_null(json))
		return 0;
	*n = 1;
	if (!json_is_array(json))
		return read_number(json, value);
	if (json_array_size(json) > SDEISTATE_FORM_MAX_VALUES)
		return -E2BIG;
	*n = (uint32_t)json_array_size(json);
	json_array_foreach((json_t *)json, i,
			   item) if (read_number(item, &value[i])) return -EINVAL;
	return 0;
}

static int set_fields(struct sdeistate *state, const json_t *fields, struct failure *failure)
{
	OWNED_MEMORY uint64_t *value = calloc(SDEISTATE_FORM_MAX_VALUES, sizeof(*value));
	struct sdeistate_error error;
	const char *path;
	json_t *numbers;

	if (!value)
		return failure_set(failure, SDEISTATE_NO_MEMORY, -ENOMEM, NULL, NULL, NULL, NULL);
	json_object_foreach((json_t *)fields, path, numbers)
	{
		uint32_t n;

		if (read_numbers(numbers, value, &n))
			return wrong(failure, path, "numbers",
				     "a number, a list of at most 2048 of them, or null");
		if (sdeistate_form_set(state, path, value, n, &error))
			return failure_from(failure, &error);
	}
	return 0;
}

static int make_state(const char *path, const json_t *form, struct sdeistate **state,
		      struct failure *failure)
{
	const int profile = state_profile_find(json_string_value(json_object_get(form, "profile")));
	const json_int_t vcpus = json_integer_value(json_object_get(form, "vcpus"));
	struct sdeistate_error error;

	if (json_integer_value(json_object_get(form, "form")) != VERSION)
		return wrong(failure, path, "form", "an object with \"form\": 1");
	if (profile < 0)
		return wrong(failure, path, "profile", "spec, kvm-v5 or kvm-v7");
	if (vcpus < 1 || vcpus > (json_int_t)KVM_SDEI_MAX_VCPUS)
		return wrong(failure, path, "vcpus", "a number from 1 to 512");
	if (!json_is_object(json_object_get(form, "fields")))
		return wrong(failure, path, "fields", "an object: paths and numbers");
	if (sdeistate_form_new((enum kvmcore_profile)profile, (unsigned int)vcpus, state, &error))
		return failure_from(failure, &error);
	return set_fields(*state, json_object_get(form, "fields"), failure);
}

/* Records that have no fields; their bodies are owned by the list. */
struct bodies {
	struct sdeistate_record record[SDEISTATE_MAX_RECORDS];
	unsigned int n;
};

static void release_bodies(struct bodies *bodies)
{
	for (unsigned int i = 0; i < bodies->n; i++)
		free((void *)(uintptr_t)bodies->record[i].body);
}

static int read_body(const char *name, const json_t *json, struct bodies *bodies,
		     struct failure *failure)
{
	const char *digits = json_string_value(json_object_get(json, "body"));
	const json_int_t number = json_integer_value(json_object_get(json, "number"));
	struct sdeistate_record *record = &bodies->record[bodies->n];
	uint8_t *body;
	long len;

	if (!digits || number < 1 || number >= (json_int_t)SDEISTATE_RECORD_OPTIONAL ||
	    bodies->n == SDEISTATE_MAX_RECORDS)
		return wrong(failure, name, "record", "{\"number\": N, \"body\": \"hexadecimal\"}");
	body = malloc(strlen(digits) / 2 + 1);
	if (!body)
		return failure_set(failure, SDEISTATE_NO_MEMORY, -ENOMEM, name, NULL, NULL, NULL);
	len = hex_parse(digits, body, strlen(digits) / 2);
	*record = (struct sdeistate_record){ .type = (uint32_t)number, .body = body };
	bodies->n++;
	if (len < 0)
		return wrong(failure, name, "body", "hexadecimal digits, two a byte");
	record->len = (size_t)len;
	if (json_is_true(json_object_get(json, "optional")))
		record->type |= SDEISTATE_RECORD_OPTIONAL;
	return 0;
}

static int join(const json_t *form, const struct sdeistate *state, struct sdeistate_buffer *stream,
		struct failure *failure)
{
	CLEANUP(release_bodies) struct bodies bodies = { .n = 0 };
	struct sdeistate_error error;
	const char *name;
	json_t *json;
	int ret;

	json_object_foreach(json_object_get(form, "records"), name, json)
	{
		ret = read_body(name, json, &bodies, failure);
		if (ret)
			return ret;
	}
	return sdeistate_form_join(state, bodies.record, bodies.n, stream, &error)
		       ? failure_from(failure, &error)
		       : 0;
}

int form_json_read(const char *path, const json_t *form, struct sdeistate **state,
		   struct sdeistate_buffer *stream, struct failure *failure)
{
	CLEANUP(sdeistate_buffer_free) struct sdeistate_buffer made = { NULL, 0 };
	OWNED_STATE struct sdeistate *fields = NULL;
	OWNED_STATE struct sdeistate *whole = NULL;
	struct sdeistate_error error;
	int ret = make_state(path, form, &fields, failure);

	ret = ret ? ret : join(form, fields, &made, failure);
	if (ret)
		return ret;
	if (sdeistate_decode(made.data, made.len, &whole, &error) ||
	    sdeistate_validate(whole, &error))
		return failure_from(failure, &error);
	*state = whole;
	whole = NULL;
	*stream = made;
	made = (struct sdeistate_buffer){ NULL, 0 };
	return 0;
}

int form_change(struct sdeistate *state, const char *change, struct failure *failure)
{
	OWNED_MEMORY uint64_t *value = calloc(SDEISTATE_FORM_MAX_VALUES, sizeof(*value));
	OWNED_MEMORY char *path = strdup(change);
	char *rest = path ? strchr(path, '=') : NULL, *number;
	struct sdeistate_error error;
	uint32_t n = 0;

	if (!value || !path)
		return failure_set(failure, SDEISTATE_NO_MEMORY, -ENOMEM, NULL, NULL, NULL, NULL);
	if (!rest)
		return wrong(failure, "command line", "--set",
			     "PATH=NUMBER or PATH=NUMBER,NUMBER,...");
	*rest++ = '\0';
	/* Nothing behind the sign: no numbers, so all become zero. */
	while (rest && *rest && (number = strsep(&rest, ","))) {
		if (n == SDEISTATE_FORM_MAX_VALUES)
			return failure_set(failure, SDEISTATE_OVER_LIMIT, -E2BIG, path, "value",
					   "at most 2048 numbers", "more");
		if (!number_parse(number, &value[n++]))
			return failure_set(failure, SDEISTATE_USAGE, -EINVAL, path, "value",
					   "a number, such as 7 or 0x7", number);
	}
	return sdeistate_form_set(state, path, value, n, &error) ? failure_from(failure, &error)
								 : 0;
}
