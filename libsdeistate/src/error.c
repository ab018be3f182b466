// SPDX-License-Identifier: Apache-2.0
#include "error_set.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

const char *sdeistate_reason_name(enum sdeistate_reason reason)
{
	switch (reason) {
#define X(symbol, number, name)  \
	case SDEISTATE_##symbol: \
		return name;
		SDEISTATE_REASONS(X)
#undef X
	}
	return NULL;
}

int error_set(struct sdeistate_error *err, enum sdeistate_reason reason, int code,
	      const char *object, const char *field, const char *format, ...)
{
	char text[sizeof(err->expected) + sizeof(err->actual)];
	va_list args;
	char *bar;

	if (!err)
		return code;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	bar = strchr(text, '|');
	if (bar)
		*bar = '\0';
	err->reason = reason;
	err->code = code;
	snprintf(err->object, sizeof(err->object), "%s", object);
	snprintf(err->field, sizeof(err->field), "%s", field);
	snprintf(err->expected, sizeof(err->expected), "%.*s", (int)sizeof(err->expected) - 1,
		 text);
	snprintf(err->actual, sizeof(err->actual), "%.*s", (int)sizeof(err->actual) - 1,
		 bar ? bar + 1 : "");
	return code;
}

int error_no_memory(struct sdeistate_error *err, const char *object)
{
	return error_set(err, SDEISTATE_NO_MEMORY, -ENOMEM, object, "", "memory|none left");
}

const char *error_object(struct error_object *object, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(object->text, sizeof(object->text), format, args);
	va_end(args);
	return object->text;
}
