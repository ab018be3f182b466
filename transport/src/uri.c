// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "stream.h"

const char *uri_scheme(const char *uri, const char *name)
{
	const size_t len = strlen(name);

	return strncmp(uri, name, len) == 0 && uri[len] == ':' ? uri + len + 1 : NULL;
}

static int copy(const char *from, size_t len, char *to, size_t size)
{
	if (len >= size)
		return -EINVAL;
	memcpy(to, from, len);
	to[len] = '\0';
	return 0;
}

/* RFC 3986 §3.2.2: an IPv6 address stands in brackets. */
int uri_split(const char *text, char host[256], char port[16])
{
	const char *colon = strrchr(text, ':');
	size_t len;

	if (!colon || !colon[1] || strspn(colon + 1, "0123456789") != strlen(colon + 1))
		return -EINVAL;
	len = (size_t)(colon - text);
	if (len > 1 && text[0] == '[' && text[len - 1] == ']') {
		text++;
		len -= 2;
	} else if (memchr(text, ':', len)) {
		return -EINVAL;
	}
	/* getaddrinfo() would take what is beyond modulo 65536: another port. */
	if (strtoul(colon + 1, NULL, 10) > UINT16_MAX)
		return -EINVAL;
	if (copy(text, len, host, 256) || copy(colon + 1, strlen(colon + 1), port, 16))
		return -EINVAL;
	return 0;
}
