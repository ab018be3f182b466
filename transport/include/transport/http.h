/* SPDX-License-Identifier: Apache-2.0 */
/*
 * http.h - whole files to and from a server that speaks HTTPS, and an object store that speaks S3
 *
 *	https://host[:port]/path	PUT and GET (RFC 9110), as WebDAV servers take them
 *	s3://bucket/key			the same and multipart uploads, signed with AWS Signature Version 4
 *	http://...			only where it is allowed on purpose
 *
 * Certificates and names are verified; at least TLS 1.2. What fails for a moment (no connection, a connection
 * that breaks, 429, 5xx) is tried again after a pause, a bounded number of times. A redirect of a download is
 * followed, never from https to http, and credentials go to no other host. Whoever waits is woken by cancel_fd.
 * A client belongs to one thread. docs/push.md says what goes over the wire.
 */
#ifndef TRANSPORT_HTTP_H
#define TRANSPORT_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <transport/error.h>

#define TRANSPORT_HTTP_MAX_URL   2048u        /* with the NUL */
#define TRANSPORT_HTTP_MAX_ETAG  128u         /* with the NUL; a longer one is taken for none */
#define TRANSPORT_HTTP_MIN_PART  (5ull << 20) /* S3: of every part but the last */
#define TRANSPORT_HTTP_MAX_PART  (5ull << 30)
#define TRANSPORT_HTTP_MAX_PARTS 10000u
#define TRANSPORT_HTTP_MAX_TRIES 20u

struct transport_http;

/* Texts are borrowed for the call of transport_http_new() only; NULL: none. */
struct transport_http_options {
	const char *ca; /* PEM file of the authorities to believe instead of the system's */
	const char *certificate, *key;       /* PEM files: who we are */
	const char *pin;                     /* the server's public key: "sha256//BASE64" */
	const char *user, *password, *token; /* https: Basic, or Bearer */
	const char *access_key, *secret_key, *session_token; /* s3 */
	const char *region;                                  /* s3; NULL: us-east-1 */
	const char *endpoint;                                /* s3; NULL: Amazon's of the region */
	bool bucket_in_host;  /* s3: BUCKET.endpoint/key, not endpoint/BUCKET/key */
	bool insecure_http;   /* plain http on purpose */
	unsigned int tries;   /* of each request; 0: 6; at most TRANSPORT_HTTP_MAX_TRIES */
	unsigned int wait_ms; /* before the second try, doubled each time; 0: 500 */
	unsigned int stall_s; /* a connection slower than 1 KiB/s so long is dead; 0: 30 */
	uint64_t rate;        /* bytes a second at most; 0: no limit */
	int cancel_fd;        /* readable: give up with -ECANCELED; 0: none */
	/* Both may be NULL. @phase is "push" or "pull"; @total 0: unknown. */
	void (*progress)(void *arg, const char *phase, uint64_t done, uint64_t total);
	void (*note)(void *arg,
		     const char *text); /* what a person wants to know, one line, no secrets */
	void *arg;
};

/* What the server said last and what it came to; filled on failure too. */
struct transport_http_told {
	int status;      /* of HTTP; 0: none */
	int retry_after; /* seconds it asked us to wait; -1: it did not */
	bool has_skew;   /* @skew is known */
	int64_t skew;    /* its clock minus ours, seconds */
	char code[64];   /* S3's name of the error */
	char region[40]; /* S3's region of the bucket */
	char etag[TRANSPORT_HTTP_MAX_ETAG];
	uint64_t size;      /* of the object */
	uint64_t kept;      /* bytes of it that an earlier run or try had moved */
	unsigned int tries; /* requests that were made again */
	unsigned int parts; /* of a multipart upload; 0: one piece */
	bool restarted;     /* begun again from the start, because the object had changed */
	bool unfinished; /* push: the server keeps parts, noted in @records; the next call goes on with them */
	bool stored; /* push: the object is there in spite of the failure */
};

/**
 * transport_http_new() - a client
 *
 * Return: 0; -EINVAL "usage" for settings that contradict each other; -EIO "internal" if libcurl cannot start;
 * -ENOMEM "no-memory".
 */
TRANSPORT_API int transport_http_new(const struct transport_http_options *options,
				     struct transport_http **http, struct transport_error *err);
/** transport_http_free() - close what is open, wipe its secrets; takes NULL. Return: NULL */
TRANSPORT_API struct transport_http *transport_http_free(struct transport_http *http);

/** transport_http_is_url() - does @text begin with https:, http: or s3:? */
TRANSPORT_API bool transport_http_is_url(const char *text);

/**
 * transport_http_name() - @url as it may be shown: without a query, which may hold a signature
 *
 * Cut to @size with its NUL.
 */
TRANSPORT_API void transport_http_name(const char *url, char *name, size_t size);

/* A file to be pushed. */
struct transport_push {
	int fd;             /* a regular file; its offset is not used */
	bool overwrite;     /* an object of that name may be replaced */
	uint64_t part_size; /* s3: a larger file goes in parts of this size; 0: 16 MiB */
	const char *
		records; /* s3: an existing folder for notes of unfinished uploads; NULL: none, no resuming */
};

/**
 * transport_http_push() - store a file as @url
 *
 * Without @push->overwrite the server is asked first, and told with "If-None-Match: *" not to replace anything;
 * a server that does not know that condition can be raced between the two. Every part of a multipart upload is
 * compared with the MD5 that the server answers, where that is one. An upload that was interrupted stays at the
 * server, noted in @push->records, and the next call goes on with it if file, URL and part size are the same.
 * Return: 0; -EINVAL "usage" for a URL that is none of ours, "no-key" for a client certificate or authorities that libcurl cannot
 * use; -EEXIST "io" if the object exists; -ENOENT "io" for
 * 404; -EACCES "refused" for 401 and 403, -EPROTO "refused" for another 4xx; -EFBIG "over-limit" for 413 or a file
 * of more than TRANSPORT_HTTP_MAX_PARTS parts; -ENOSPC "io" for 507; -EAGAIN "temporary" for 429 and 5xx after
 * all tries; -ETIMEDOUT "timeout"; -EACCES "peer-untrusted" for its certificate; -EBADMSG "bad-digest" if it
 * stored something else; -EBUSY "busy" if another process pushes there; -ESTALE "torn" if the file changed
 * meanwhile; -EPROTO "protocol"; -ENOKEY "no-key" for s3 without keys; -ECANCELED "cancelled"; -ECONNREFUSED, -EHOSTUNREACH,
 * -ECONNRESET "peer" (network); another -errno "io" (file); -ENOMEM.
 */
TRANSPORT_API int transport_http_push(struct transport_http *http, const char *url,
				      const struct transport_push *push,
				      struct transport_http_told *told,
				      struct transport_error *err);

/**
 * transport_http_abandon() - have the server forget the unfinished upload noted in @records for @url
 *
 * Return: 0; -ENOENT "io" if none is noted; else as transport_http_push().
 */
TRANSPORT_API int transport_http_abandon(struct transport_http *http, const char *url,
					 const char *records, struct transport_http_told *told,
					 struct transport_error *err);

/* A file to be pulled. */
struct transport_pull {
	int fd;           /* a regular file, open for reading and writing; its offset is not used */
	uint64_t have;    /* so many bytes of it are there already */
	const char *etag; /* of the object they belong to; needed if @have is not 0 */
	uint64_t max_size; /* more is refused, if the server says it before anything is written */
	/*
	 * Called when bytes of an object are about to be written from its start. @etag is empty if an interrupted
	 * pull cannot go on later. May be NULL. Return: 0; -errno, which ends the pull.
	 */
	int (*begin)(void *arg, const char *etag, struct transport_error *err);
	void *arg;
};

/**
 * transport_http_pull() - fetch @url into a file
 *
 * A connection that breaks is taken up where it broke (RFC 9110 §14.2, with If-Range or If-Match) if the object
 * has a strong entity tag; an object that has changed meanwhile is fetched from its start again. An S3 object
 * whose tag is an MD5 is compared with it.
 * Return: 0, and the file has exactly the object's bytes; -E2BIG "over-limit" for more than max_size; -ELOOP "protocol" for more
 * than five redirects; what begin() returned; else as
 * transport_http_push(). On failure the file has @told->size bytes of the object that begin() was told last.
 */
TRANSPORT_API int transport_http_pull(struct transport_http *http, const char *url,
				      const struct transport_pull *pull,
				      struct transport_http_told *told,
				      struct transport_error *err);

#endif
