// SPDX-License-Identifier: Apache-2.0
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <transport/error.h>

static void put(char *out, size_t size, const char *text)
{
	size_t len = strnlen(text, size - 1);

	memcpy(out, text, len);
	out[len] = '\0';
}

int transport_error_fill(struct transport_error *err, int code, const char *reason,
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
	err->code = code;
	put(err->reason, sizeof(err->reason), reason);
	put(err->object, sizeof(err->object), object);
	put(err->field, sizeof(err->field), field);
	put(err->expected, sizeof(err->expected), text);
	put(err->actual, sizeof(err->actual), bar ? bar + 1 : "");
	return code;
}
