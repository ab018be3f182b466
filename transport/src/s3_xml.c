// SPDX-License-Identifier: Apache-2.0
#include "http.h"

#include <errno.h>
#include <string.h>

/* XML 1.0 §4.6; S3 writes the quotes of an entity tag so. */
static const struct {
	const char *text;
	size_t len;
	char character;
} entities[] = {
	{ "&quot;", 6, '"' }, { "&#34;", 5, '"' }, { "&apos;", 6, '\'' }, { "&#39;", 5, '\'' },
	{ "&lt;", 4, '<' },   { "&gt;", 4, '>' },  { "&amp;", 5, '&' },
};

/* Behind "<name>"; NULL: there is none. Elements with attributes are none of those we look for. */
static const char *find_open(const char *xml, const char *name)
{
	const size_t len = strlen(name);

	for (; (xml = strchr(xml, '<')); xml++)
		if (strncmp(xml + 1, name, len) == 0 && xml[1 + len] == '>')
			return xml + len + 2;
	return NULL;
}

static size_t decode_one(const char *text, char *out)
{
	for (size_t i = 0; *text == '&' && i < sizeof(entities) / sizeof(entities[0]); i++)
		if (strncmp(text, entities[i].text, entities[i].len) == 0) {
			*out = entities[i].character;
			return entities[i].len;
		}
	*out = *text;
	return 1;
}

int s3_xml(const char *xml, const char *name, const char **at, char *out, size_t size)
{
	const char *text = find_open(*at ? *at : xml, name);
	size_t used = 0;

	if (!text)
		return -ENOENT;
	while (*text && *text != '<') {
		if (used + 1 >= size)
			return -E2BIG;
		text += decode_one(text, &out[used++]);
	}
	out[used] = '\0';
	*at = text;
	return 0;
}
