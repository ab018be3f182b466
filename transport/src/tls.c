// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tls.h"

static int no_memory(const char *object, struct transport_error *err)
{
	return transport_error_fill(err, -ENOMEM, "no-memory", object, "", "|");
}

static bool print_key(X509 *certificate, uint8_t fingerprint[TRANSPORT_FINGERPRINT_SIZE])
{
	uint8_t *der = NULL;
	const int len = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(certificate), &der);
	bool done = false;

	if (len > 0)
		done = EVP_Digest(der, (size_t)len, fingerprint, NULL, EVP_sha256(), NULL) == 1;
	OPENSSL_free(der);
	return done;
}

static bool is_valid_now(const X509 *certificate)
{
	return X509_cmp_current_time(X509_get0_notBefore(certificate)) < 0 &&
	       X509_cmp_current_time(X509_get0_notAfter(certificate)) > 0;
}

static int is_believed(X509_STORE_CTX *store)
{
	X509_STORE_CTX_set_error(store, X509_V_OK);
	return 1;
}

/* The whole of our trust: is the key that was shown pinned, and is the pin in force? */
static int verify_peer(X509_STORE_CTX *store, void *arg)
{
	const struct transport_tls *tls = arg;
	X509 *shown = X509_STORE_CTX_get0_cert(store);
	uint8_t fingerprint[TRANSPORT_FINGERPRINT_SIZE];
	bool bare = false, dated = false;

	X509_STORE_CTX_set_error(store, X509_V_ERR_CERT_UNTRUSTED);
	if (!shown || !print_key(shown, fingerprint))
		return 0;
	for (size_t i = 0; i < tls->n_pins; i++) {
		const struct pin *pin = &tls->pin[i];

		if (memcmp(pin->fingerprint, fingerprint, sizeof(fingerprint)) != 0)
			continue;
		bare = bare || !pin->certificate;
		dated = dated || pin->certificate;
		if (pin->certificate && is_valid_now(pin->certificate))
			return is_believed(store);
	}
	/* A public key beside its certificate does not prolong it. */
	if (bare && !dated)
		return is_believed(store);
	if (dated)
		X509_STORE_CTX_set_error(store, X509_V_ERR_CERT_HAS_EXPIRED);
	return 0;
}

static int load_own(struct transport_tls *tls, const char *key, const char *certificate,
		    struct transport_error *err)
{
	struct stat st;

	if (stat(key, &st) < 0)
		return transport_error_fill(err, -errno, "no-key", key, "private key",
					    "a readable file|%s", strerror(errno));
	if (st.st_mode & 077)
		return transport_error_fill(err, -EACCES, "key-permissions", key, "mode",
					    "0600|0%o", st.st_mode & 0777);
	if (SSL_CTX_use_PrivateKey_file(tls->ctx, key, SSL_FILETYPE_PEM) != 1)
		return transport_error_fill(err, -EINVAL, "no-key", key, "private key",
					    "a PEM private key|none");
	if (access(certificate, R_OK) < 0)
		return transport_error_fill(err, -errno, "no-key", certificate, "certificate",
					    "a readable file|%s", strerror(errno));
	if (SSL_CTX_use_certificate_file(tls->ctx, certificate, SSL_FILETYPE_PEM) != 1 ||
	    SSL_CTX_check_private_key(tls->ctx) != 1)
		return transport_error_fill(err, -EINVAL, "no-key", certificate, "certificate",
					    "a PEM certificate of our key|none");
	return 0;
}

static int add_pin(struct transport_tls *tls, struct pin pin, const char *path,
		   struct transport_error *err)
{
	struct pin *grown;

	if (tls->n_pins == TRANSPORT_MAX_PEERS)
		return transport_error_fill(err, -E2BIG, "over-limit", path, "certificates",
					    "at most %u|more", TRANSPORT_MAX_PEERS);
	grown = realloc(tls->pin, (tls->n_pins + 1) * sizeof(pin));
	if (!grown)
		return no_memory(path, err);
	tls->pin = grown;
	tls->pin[tls->n_pins++] = pin;
	return 0;
}

/* A certificate, or else a public key, which has no dates of its own. */
static bool read_pin(FILE *file, struct pin *pin)
{
	uint8_t *der = NULL;
	EVP_PKEY *key;
	bool done;
	int len;

	pin->certificate = PEM_read_X509(file, NULL, NULL, NULL);
	if (pin->certificate)
		return print_key(pin->certificate, pin->fingerprint);
	rewind(file);
	key = PEM_read_PUBKEY(file, NULL, NULL, NULL);
	len = key ? i2d_PUBKEY(key, &der) : 0;
	done = len > 0 &&
	       EVP_Digest(der, (size_t)len, pin->fingerprint, NULL, EVP_sha256(), NULL) == 1;
	OPENSSL_free(der);
	EVP_PKEY_free(key);
	return done;
}

static int load_peer(struct transport_tls *tls, const char *path, struct transport_error *err)
{
	FILE *file = fopen(path, "re");
	struct pin pin = { .certificate = NULL };
	int ret;

	if (!file)
		return transport_error_fill(err, -errno, "io", path, "peer certificate", "|%s",
					    strerror(errno));
	if (!read_pin(file, &pin))
		ret = transport_error_fill(err, -EINVAL, "no-key", path, "peer certificate",
					   "a PEM certificate or public key|none");
	else
		ret = add_pin(tls, pin, path, err);
	fclose(file);
	ERR_clear_error();
	if (ret)
		X509_free(pin.certificate);
	return ret;
}

static bool is_certificate_name(const char *name)
{
	const char *dot = strrchr(name, '.');

	return dot && name[0] != '.' &&
	       (strcmp(dot, ".crt") == 0 || strcmp(dot, ".pem") == 0 || strcmp(dot, ".pub") == 0);
}

static int load_folder(struct transport_tls *tls, const char *folder, struct transport_error *err)
{
	DIR *dir = opendir(folder);
	const struct dirent *entry;
	char path[4096];
	int ret = 0;

	if (!dir)
		return transport_error_fill(err, -errno, "io", folder, "peer certificates", "|%s",
					    strerror(errno));
	while (!ret && (entry = readdir(dir))) {
		if (!is_certificate_name(entry->d_name))
			continue;
		snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
		ret = load_peer(tls, path, err);
	}
	closedir(dir);
	if (!ret && tls->n_pins == 0)
		ret = transport_error_fill(err, -ENOKEY, "no-key", folder, "peer certificates",
					   "a *.crt, *.pem or *.pub file|none");
	return ret;
}

static int load_peers(struct transport_tls *tls, const char *peers, struct transport_error *err)
{
	struct stat st;

	if (stat(peers, &st) < 0)
		return transport_error_fill(err, -errno, "io", peers, "peer certificate", "|%s",
					    strerror(errno));
	return S_ISDIR(st.st_mode) ? load_folder(tls, peers, err) : load_peer(tls, peers, err);
}

/* TLS 1.3 only, mutual, nothing that outlives a connection (RFC 8446 §4.6.1, §8). */
static bool configure(struct transport_tls *tls)
{
	SSL_CTX *ctx = tls->ctx;

	if (SSL_CTX_set_min_proto_version(ctx, TLS1_3_VERSION) != 1 ||
	    SSL_CTX_set_num_tickets(ctx, 0) != 1 || SSL_CTX_set_max_early_data(ctx, 0) != 1)
		return false;
	SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION);
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	/* One system call for a record, not one for its head and one for the rest. */
	SSL_CTX_set_read_ahead(ctx, 1);
	SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
	SSL_CTX_set_cert_verify_callback(ctx, verify_peer, tls);
	return true;
}

struct transport_tls *tls_new(void)
{
	struct transport_tls *made = calloc(1, sizeof(*made));

	if (!made)
		return NULL;
	made->ctx = SSL_CTX_new(TLS_method());
	return made->ctx && configure(made) ? made : transport_tls_free(made);
}

int transport_tls_new(const char *key, const char *certificate, const char *peers,
		      struct transport_tls **tls, struct transport_error *err)
{
	struct transport_tls *made = tls_new();
	int ret = made ? load_own(made, key, certificate, err) : no_memory("TLS", err);

	if (!ret)
		ret = load_peers(made, peers, err);
	ERR_clear_error();
	if (ret)
		transport_tls_free(made);
	else
		*tls = made;
	return ret;
}

struct transport_tls *transport_tls_free(struct transport_tls *tls)
{
	if (!tls)
		return NULL;
	for (size_t i = 0; i < tls->n_pins; i++)
		X509_free(tls->pin[i].certificate);
	free(tls->pin);
	tls_psk_free(tls);
	SSL_CTX_free(tls->ctx);
	free(tls);
	return NULL;
}

int tls_attach(const struct transport_tls *tls, struct transport_stream *stream,
	       struct transport_error *err)
{
	stream->ssl = SSL_new(tls->ctx);
	if (!stream->ssl || SSL_set_rfd(stream->ssl, stream->in_fd) != 1 ||
	    SSL_set_wfd(stream->ssl, stream->out_fd) != 1)
		return no_memory("TLS", err);
	stream->greeted = false;
	stream->is_psk = tls->n_psks > 0;
	return 0;
}

/* Did this handshake fail over a certificate, ours or theirs? */
static bool is_about_trust(unsigned long error)
{
	static const int reasons[] = {
		SSL_R_CERTIFICATE_VERIFY_FAILED,       SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE,
		SSL_R_TLSV1_ALERT_UNKNOWN_CA,          SSL_R_SSLV3_ALERT_BAD_CERTIFICATE,
		SSL_R_SSLV3_ALERT_CERTIFICATE_UNKNOWN, SSL_R_SSLV3_ALERT_CERTIFICATE_EXPIRED,
		SSL_R_TLSV1_ALERT_ACCESS_DENIED,       SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED,
		SSL_R_SSLV3_ALERT_CERTIFICATE_REVOKED, SSL_R_SSLV3_ALERT_UNSUPPORTED_CERTIFICATE,
	};

	for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++)
		if (ERR_GET_LIB(error) == ERR_LIB_SSL && ERR_GET_REASON(error) == reasons[i])
			return true;
	return false;
}

static int tls_fail(const struct transport_stream *stream, struct transport_error *err)
{
	const unsigned long error = ERR_peek_error();
	const char *text = ERR_reason_error_string(error);

	if (stream->is_psk && !stream->greeted)
		return transport_error_fill(err, -EACCES, "peer-untrusted", stream->name,
					    "pre-shared key",
					    "a name and a key that both ends have|%s",
					    text ? text : "another");
	if (is_about_trust(error) && ERR_GET_REASON(error) >= SSL_AD_REASON_OFFSET)
		return transport_error_fill(err, -EACCES, "peer-untrusted", stream->name,
					    "this host's certificate",
					    "one that the other side pins, too|%s",
					    text ? text : "refused there");
	if (is_about_trust(error))
		return transport_error_fill(err, -EACCES, "peer-untrusted", stream->name,
					    "certificate", "one that is pinned and in force|%s",
					    text ? text : "another");
	return transport_error_fill(err, -EPROTO, "peer", stream->name, "TLS", "TLS 1.3|%s",
				    text ? text : "a broken connection");
}

/*
 * In TLS 1.3 a client is done before its certificate was looked at (RFC 8446, section 4.4.2.4): refused, it
 * often sees no alert, but a connection that breaks before the first answer.
 */
static int tls_broken(const struct transport_stream *stream, int code, struct transport_error *err)
{
	if (stream->is_server || stream->answered)
		return stream_fail(stream, code, err);
	return transport_error_fill(err, code, "peer", stream->name, "first answer",
				    "a peer that takes this host's %s and answers|%s",
				    stream->is_psk ? "key" : "certificate", strerror(-code));
}

/* What a call that returned @ret means. Return: as tls_move(). */
static int tls_result(const struct transport_stream *stream, int ret, enum stream_way *way,
		      struct transport_error *err)
{
	const int saved = errno;

	switch (SSL_get_error(stream->ssl, ret)) {
	case SSL_ERROR_WANT_READ:
		*way = STREAM_READ;
		return -EAGAIN;
	case SSL_ERROR_WANT_WRITE:
		*way = STREAM_WRITE;
		return -EAGAIN;
	case SSL_ERROR_ZERO_RETURN:
		return 0;
	case SSL_ERROR_SYSCALL:
		return tls_broken(stream, saved ? -saved : -ECONNRESET, err);
	default:
		return tls_fail(stream, err);
	}
}

int tls_greet(struct transport_stream *stream, int64_t deadline, struct transport_error *err)
{
	enum stream_way way;
	X509 *shown;
	int ret;

	for (;;) {
		ERR_clear_error();
		errno = 0;
		ret = stream->is_server ? SSL_accept(stream->ssl) : SSL_connect(stream->ssl);
		if (ret == 1)
			break;
		ret = tls_result(stream, ret, &way, err);
		if (ret == 0)
			ret = stream_fail(stream, -ECONNRESET, err);
		if (ret == -EAGAIN)
			ret = stream_wait(stream, way, deadline, err);
		if (ret)
			return ret;
	}
	/* Without a certificate the key is all that there is: it must have been used. */
	if (stream->is_psk)
		return SSL_session_reused(stream->ssl) ? 0 : tls_fail(stream, err);
	shown = SSL_get0_peer_certificate(stream->ssl);
	if (!shown || !print_key(shown, stream->peer))
		return tls_fail(stream, err);
	return 0;
}

int tls_move(struct transport_stream *stream, enum stream_way *way, void *data, size_t len,
	     size_t *moved, struct transport_error *err)
{
	int ret;

	ERR_clear_error();
	errno = 0;
	ret = *way == STREAM_READ ? SSL_read_ex(stream->ssl, data, len, moved)
				  : SSL_write_ex(stream->ssl, data, len, moved);
	if (ret == 1 && *way == STREAM_READ)
		stream->answered = true;
	return ret == 1 ? 1 : tls_result(stream, ret, way, err);
}
