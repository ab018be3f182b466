// SPDX-License-Identifier: Apache-2.0
#include "http.h"

#include <errno.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#define CHUNK (256u << 10)

static void close_context(EVP_MD_CTX *const *context)
{
	EVP_MD_CTX_free(*context);
}

#define OWNED_DIGEST __attribute__((cleanup(close_context))) EVP_MD_CTX

static int begin(EVP_MD_CTX **context, const EVP_MD *digest, const char *wanted)
{
	if (!wanted)
		return 0;
	*context = EVP_MD_CTX_new();
	return *context && EVP_DigestInit_ex(*context, digest, NULL) == 1 ? 0 : -ENOMEM;
}

static void write_hex(const unsigned char *value, unsigned int len, char *out)
{
	static const char digit[] = "0123456789abcdef";

	for (unsigned int i = 0; i < len; i++) {
		out[2 * i] = digit[value[i] >> 4];
		out[2 * i + 1] = digit[value[i] & 15];
	}
	out[2 * len] = '\0';
}

static int end(EVP_MD_CTX *context, char *out)
{
	unsigned char value[EVP_MAX_MD_SIZE];
	unsigned int len = 0;

	if (!context)
		return 0;
	if (EVP_DigestFinal_ex(context, value, &len) != 1)
		return -EIO;
	write_hex(value, len, out);
	return 0;
}

int http_digest_text(const char *text, char sha256[HTTP_HEX_SHA256])
{
	unsigned char value[EVP_MAX_MD_SIZE];
	unsigned int len = 0;

	if (EVP_Digest(text, strlen(text), value, &len, EVP_sha256(), NULL) != 1)
		return -ENOMEM;
	write_hex(value, len, sha256);
	return 0;
}

static int feed(int fd, uint64_t offset, uint64_t size, void *chunk, EVP_MD_CTX *sha,
		EVP_MD_CTX *md5)
{
	while (size) {
		const size_t want = size < CHUNK ? (size_t)size : CHUNK;
		const ssize_t got = pread(fd, chunk, want, (off_t)offset);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -errno;
		if (got == 0)
			return -ESTALE;
		if ((sha && EVP_DigestUpdate(sha, chunk, (size_t)got) != 1) ||
		    (md5 && EVP_DigestUpdate(md5, chunk, (size_t)got) != 1))
			return -EIO;
		offset += (uint64_t)got;
		size -= (uint64_t)got;
	}
	return 0;
}

int http_digests(int fd, uint64_t offset, uint64_t size, char sha256[HTTP_HEX_SHA256],
		 char md5[HTTP_HEX_MD5])
{
	OWNED_DIGEST *sha = NULL;
	OWNED_DIGEST *md = NULL;
	void *chunk = malloc(CHUNK);
	int ret = chunk ? 0 : -ENOMEM;

	if (ret == 0)
		ret = begin(&sha, EVP_sha256(), sha256);
	if (ret == 0)
		ret = begin(&md, EVP_md5(), md5);
	if (ret == 0)
		ret = feed(fd, offset, size, chunk, sha, md);
	free(chunk);
	if (ret == 0)
		ret = end(sha, sha256);
	return ret ? ret : end(md, md5);
}

/* An entity tag stands in quotes (RFC 9110 §8.8.3), which S3 leaves out in some answers. */
static const char *bare(const char *etag, size_t *len)
{
	*len = strlen(etag);
	if (*len >= 2 && etag[0] == '"' && etag[*len - 1] == '"') {
		*len -= 2;
		return etag + 1;
	}
	return etag;
}

bool http_tag_is_md5(const char *etag)
{
	size_t len;
	const char *text = bare(etag, &len);

	return len == 32 && strspn(text, "0123456789abcdefABCDEF") >= 32;
}

bool http_tag_equals(const char *etag, const char *hex)
{
	size_t len;
	const char *text = bare(etag, &len);

	return len == strlen(hex) && strncasecmp(text, hex, len) == 0;
}
