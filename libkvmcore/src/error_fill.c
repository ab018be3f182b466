// SPDX-License-Identifier: Apache-2.0
#include "error_fill.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int error_fill(struct kvmcore_error *err, int code, const char *object, const char *field,
	       const char *format, ...)
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
	err->code = code;
	snprintf(err->object, sizeof(err->object), "%s", object);
	snprintf(err->field, sizeof(err->field), "%s", field);
	snprintf(err->expected, sizeof(err->expected), "%.*s", (int)sizeof(err->expected) - 1,
		 text);
	snprintf(err->actual, sizeof(err->actual), "%.*s", (int)sizeof(err->actual) - 1,
		 bar ? bar + 1 : "");
	return code;
}
