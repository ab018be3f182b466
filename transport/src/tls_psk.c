// SPDX-License-Identifier: Apache-2.0
/* External pre-shared keys: RFC 8446, sections 2.2 and 4.2.11; the file is that of GnuTLS's psktool and of QEMU. */
#include "tls.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* An external key belongs to one hash; SHA-256 unless agreed otherwise (RFC 8446, 4.2.11), so to this suite. */
#define SUITE_NAME "TLS_AES_128_GCM_SHA256"
static const uint8_t suite[] = { 0x13, 0x01 };

#define MAX_FILE 16384u

void tls_psk_free(struct transport_tls *tls)
{
	if (tls->psk)
		OPENSSL_cleanse(tls->psk, tls->n_psks * sizeof(*tls->psk));
	free(tls->psk);
	tls->psk = NULL;
	tls->n_psks = 0;
}

static SSL_SESSION *make_session(SSL *ssl, const struct psk *psk)
{
	SSL_SESSION *session = SSL_SESSION_new();
	const SSL_CIPHER *cipher = SSL_CIPHER_find(ssl, suite);

	if (session && cipher && SSL_SESSION_set1_master_key(session, psk->key, psk->len) == 1 &&
	    SSL_SESSION_set_cipher(session, cipher) == 1 &&
	    SSL_SESSION_set1_id_context(session, suite, sizeof(suite)) == 1 &&
	    SSL_SESSION_set_protocol_version(session, TLS1_3_VERSION) == 1)
		return session;
	SSL_SESSION_free(session);
	return NULL;
}

/* The client's end: offer the first key of the file. May be asked twice. */
static int offer(SSL *ssl, const EVP_MD *md, const unsigned char **id, size_t *id_len,
		 SSL_SESSION **session)
{
	const struct transport_tls *tls = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));

	*session = NULL;
	if (md && EVP_MD_get_type(md) != NID_sha256)
		return 1; /* without one: the greeting sees that none was used */
	*session = make_session(ssl, &tls->psk[0]);
	*id = (const unsigned char *)tls->psk[0].identity;
	*id_len = strlen(tls->psk[0].identity);
	return *session != NULL;
}

/* The server's end: whose key is it? */
static int find(SSL *ssl, const unsigned char *identity, size_t len, SSL_SESSION **session)
{
	const struct transport_tls *tls = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));

	*session = NULL;
	for (size_t i = 0; i < tls->n_psks; i++) {
		const struct psk *psk = &tls->psk[i];

		if (strlen(psk->identity) != len || memcmp(psk->identity, identity, len) != 0)
			continue;
		*session = make_session(ssl, psk);
		return *session != NULL;
	}
	return 1;
}

/* Who shows a certificate does not know the key. */
static int refuse(X509_STORE_CTX *store, void *arg)
{
	(void)arg;
	X509_STORE_CTX_set_error(store, X509_V_ERR_CERT_UNTRUSTED);
	return 0;
}

static int bad_line(const char *path, size_t line, const char *expected,
		    struct transport_error *err)
{
	/* Never what was found: it may be a key. */
	return transport_error_fill(err, -EINVAL, "no-key", path, "pre-shared key",
				    "%s|something else in line %zu", expected, line);
}

static int digit(char c)
{
	static const char digits[] = "0123456789abcdef";
	const char *at = c ? strchr(digits, tolower((unsigned char)c)) : NULL;

	return at ? (int)(at - digits) : -1;
}

/* Return: the key's bytes; 0 for what is no key */
static size_t read_hex(const char *text, uint8_t key[TLS_MAX_PSK])
{
	const size_t len = strlen(text);

	if (len % 2 || len < 2 * TLS_MIN_PSK || len > 2 * TLS_MAX_PSK)
		return 0;
	for (size_t i = 0; i < len / 2; i++) {
		const int high = digit(text[2 * i]), low = digit(text[2 * i + 1]);

		if (high < 0 || low < 0)
			return 0;
		key[i] = (uint8_t)(high << 4 | low);
	}
	return len / 2;
}

static bool is_identity(const char *text)
{
	const size_t len = strlen(text);

	if (len == 0 || len > TLS_MAX_IDENTITY)
		return false;
	for (size_t i = 0; i < len; i++)
		if (!isalnum((unsigned char)text[i]) && !strchr("._-@", text[i]))
			return false;
	return true;
}

static int add_psk(struct transport_tls *tls, const char *path, char *text, size_t line,
		   struct transport_error *err)
{
	char *colon = strchr(text, ':');
	struct psk *psk = &tls->psk[tls->n_psks];

	if (tls->n_psks == TLS_MAX_PSKS)
		return transport_error_fill(err, -E2BIG, "over-limit", path, "pre-shared keys",
					    "at most %u|more", TLS_MAX_PSKS);
	if (colon)
		*colon = '\0';
	if (!colon || !is_identity(text))
		return bad_line(path, line, "NAME:HEX, a name of up to 64 letters, digits and ._-@",
				err);
	psk->len = read_hex(colon + 1, psk->key);
	if (!psk->len)
		return bad_line(path, line, "a key of 64 to 128 hexadecimal digits", err);
	for (size_t i = 0; i < tls->n_psks; i++)
		if (strcmp(tls->psk[i].identity, text) == 0)
			return bad_line(path, line, "each name once", err);
	memcpy(psk->identity, text, strlen(text) + 1);
	tls->n_psks++;
	return 0;
}

static int parse(struct transport_tls *tls, const char *path, char *text,
		 struct transport_error *err)
{
	size_t line = 0;
	char *next;
	int ret = 0;

	for (; text && !ret; text = next) {
		next = strchr(text, '\n');
		if (next)
			*next++ = '\0';
		line++;
		if (text[0] && text[0] != '#')
			ret = add_psk(tls, path, text, line, err);
	}
	if (!ret && tls->n_psks == 0)
		ret = transport_error_fill(err, -ENOKEY, "no-key", path, "pre-shared key",
					   "NAME:HEX|no line of that form");
	return ret;
}

static int file_error(const char *path, int code, struct transport_error *err)
{
	return transport_error_fill(err, code, "no-key", path, "pre-shared key",
				    "a readable file|%s", strerror(-code));
}

static int check_file(int fd, const char *path, struct transport_error *err)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return file_error(path, -errno, err);
	if (!S_ISREG(st.st_mode))
		return transport_error_fill(err, -EINVAL, "no-key", path, "pre-shared key",
					    "a file|something else");
	if (st.st_mode & 077)
		return transport_error_fill(err, -EACCES, "key-permissions", path, "mode",
					    "0600|0%o", st.st_mode & 0777);
	if (st.st_uid != geteuid() && st.st_uid != 0)
		return transport_error_fill(err, -EACCES, "key-permissions", path, "owner",
					    "this user or root|user %u", st.st_uid);
	if (st.st_size >= MAX_FILE)
		return transport_error_fill(err, -E2BIG, "over-limit", path, "size",
					    "below %u bytes|%lld", MAX_FILE, (long long)st.st_size);
	return 0;
}

static int load(struct transport_tls *tls, const char *path, struct transport_error *err)
{
	char text[MAX_FILE];
	const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	ssize_t len = 0;
	int ret;

	if (fd < 0)
		return file_error(path, -errno, err);
	ret = check_file(fd, path, err);
	if (!ret) {
		len = read(fd, text, sizeof(text) - 1);
		ret = len < 0 ? file_error(path, -errno, err) : 0;
	}
	close(fd);
	if (!ret) {
		text[len] = '\0';
		ret = parse(tls, path, text, err);
	}
	OPENSSL_cleanse(text, sizeof(text));
	return ret;
}

static int no_memory(struct transport_error *err)
{
	return transport_error_fill(err, -ENOMEM, "no-memory", "TLS", "", "|");
}

int transport_tls_new_psk(const char *path, struct transport_tls **tls, struct transport_error *err)
{
	struct transport_tls *made = tls_new();
	int ret = 0;

	if (!made)
		return no_memory(err);
	made->psk = calloc(TLS_MAX_PSKS, sizeof(*made->psk));
	if (!made->psk || SSL_CTX_set_ciphersuites(made->ctx, SUITE_NAME) != 1)
		ret = no_memory(err);
	if (!ret)
		ret = load(made, path, err);
	if (ret) {
		transport_tls_free(made);
		return ret;
	}
	SSL_CTX_set_app_data(made->ctx, made);
	/* The library counts them as sessions which need a name. */
	SSL_CTX_set_session_id_context(made->ctx, suite, sizeof(suite));
	SSL_CTX_set_psk_use_session_callback(made->ctx, offer);
	SSL_CTX_set_psk_find_session_callback(made->ctx, find);
	SSL_CTX_set_cert_verify_callback(made->ctx, refuse, NULL);
	*tls = made;
	return 0;
}
