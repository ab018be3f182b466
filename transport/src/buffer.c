// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <transport/wire.h>

#define SMALLEST 256u

/* Doubles; never realloc(), which would leave a copy of guest registers behind. */
static int grow(struct transport_buffer *buffer, size_t need)
{
	size_t size = buffer->size ? buffer->size : SMALLEST;
	uint8_t *data;

	while (size < need)
		size = size > SIZE_MAX / 2 ? need : size * 2;
	if (size > buffer->max)
		size = buffer->max;
	data = malloc(size);
	if (!data)
		return -ENOMEM;
	if (buffer->len)
		memcpy(data, buffer->data, buffer->len);
	OPENSSL_clear_free(buffer->data, buffer->size);
	buffer->data = data;
	buffer->size = size;
	return 0;
}

int transport_buffer_append(struct transport_buffer *buffer, const void *data, size_t len)
{
	int ret;

	if (buffer->mapped || len > buffer->max || buffer->len > buffer->max - len)
		return -E2BIG;
	if (buffer->len + len > buffer->size) {
		ret = grow(buffer, buffer->len + len);
		if (ret)
			return ret;
	}
	if (len)
		memcpy(buffer->data + buffer->len, data, len);
	buffer->len += len;
	return 0;
}

void transport_buffer_adopt(struct transport_buffer *buffer, void *map, size_t len)
{
	buffer->data = map;
	buffer->len = len;
	buffer->size = len;
	buffer->mapped = true;
}

void transport_buffer_free(struct transport_buffer *buffer)
{
	if (buffer->mapped)
		munmap(buffer->data, buffer->size);
	else
		OPENSSL_clear_free(buffer->data, buffer->size);
	buffer->mapped = false;
	buffer->data = NULL;
	buffer->len = 0;
	buffer->size = 0;
}
