// SPDX-License-Identifier: Apache-2.0
#include "model.h"

#include "common/cleanup.h"
#include "common/number.h"

#include <errno.h>
#include <string.h>

#define PATH_SIZE 64u

/* Numbers are equal by value, however they are written. */
static bool same_value(const json_t *expected, const json_t *actual)
{
	uint64_t a, b;

	if (number_from_json(expected, &a) && number_from_json(actual, &b))
		return a == b;
	return json_equal(expected, actual);
}

/* Everything @expected says holds of @actual, which may say more. On failure *@path and *@a, *@b tell where. */
static bool holds(const json_t *expected, const json_t *actual, char *path, size_t room,
		  const json_t **a, const json_t **b)
{
	const char *name;
	json_t *value;
	size_t len;

	*a = expected;
	*b = actual;
	if (!json_is_object(expected))
		return same_value(expected, actual);
	json_object_foreach((json_t *)(uintptr_t)expected, name, value)
	{
		len = (size_t)snprintf(path, room, "%s%s", ".", name);
		if (len >= room)
			len = room - 1;
		if (!holds(value, json_object_get(actual, name), path + len, room - len, a, b))
			return false;
		*path = '\0';
	}
	return true;
}

static int differs(struct transport_error *err, size_t step, const char *path,
		   const json_t *expected, const json_t *actual)
{
	OWNED_MEMORY char *a = json_dumps(expected, JSON_COMPACT | JSON_ENCODE_ANY);
	OWNED_MEMORY char *b = actual ? json_dumps(actual, JSON_COMPACT | JSON_ENCODE_ANY) : NULL;
	char object[48];

	snprintf(object, sizeof(object), "script[%zu]", step);
	return transport_error_fill(err, -ESTALE, "differs", object, *path ? path + 1 : path,
				    "%s|%s", a ? a : "", b ? b : "nothing");
}

static int do_step(struct model *model, size_t i, const json_t *request,
		   struct transport_error *err)
{
	const json_t *expected = json_object_get(request, "expect"), *a, *b;
	OWNED_JSON json_t *reply = NULL;
	char path[PATH_SIZE] = "";
	const int ret = model_request(model, request, &reply, err);

	if (ret) {
		char object[sizeof(err->object)];

		snprintf(object, sizeof(object), "script[%zu]: %.64s", i, err->object);
		memcpy(err->object, object, sizeof(object));
		return ret;
	}
	if (!expected || holds(expected, reply, path, sizeof(path), &a, &b))
		return 0;
	return differs(err, i, path, a, b);
}

int model_script(struct model *model, struct transport_error *err)
{
	const json_t *request;
	size_t i;
	int ret = 0;

	json_array_foreach(model->description->script, i, request)
	{
		ret = do_step(model, i, request, err);
		if (ret)
			break;
	}
	return ret;
}
