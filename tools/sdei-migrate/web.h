/* SPDX-License-Identifier: Apache-2.0 */
/*
 * web.h - what push and pull share: options, client, progress, Ctrl-C, what to do about a failure
 */
#ifndef SDEI_MIGRATE_WEB_H
#define SDEI_MIGRATE_WEB_H

#include "cancel.h"
#include "common/progress.h"
#include "credentials.h"

#include <transport/http.h>

struct web_args {
	const char *ca, *certificate, *key, *pin;
	const char *credentials, *region, *endpoint, *addressing;
	struct option_number tries, stall, rate, progress_fd, max_size;
	bool insecure, any_file;
};

/* clang-format off */
#define WEB_ROW(args_, name_, argument_, member_, type_, ...) \
	{ .name = (name_), .argument = (argument_), .offset = offsetof(args_, web.member_), .type = (type_), __VA_ARGS__ }
#define WEB_ROWS(args_) \
	WEB_ROW(args_, "--credentials", "FILE", credentials, OPTION_TEXT, .names = OPTION_NAMES_FILE, \
		.help = "keys for s3, user and password or token for https; else the environment's AWS_..."), \
	WEB_ROW(args_, "--region", "NAME", region, OPTION_TEXT, \
		.help = "of the bucket; else AWS_REGION, AWS_DEFAULT_REGION, us-east-1"), \
	WEB_ROW(args_, "--endpoint", "URL", endpoint, OPTION_TEXT, \
		.help = "an object store that is not Amazon's; else AWS_ENDPOINT_URL_S3, AWS_ENDPOINT_URL"), \
	WEB_ROW(args_, "--addressing", "WHERE", addressing, OPTION_CHOICE, .choices = "path|host", \
		.help = "where the bucket's name stands; else in the path with --endpoint, in the host without"), \
	WEB_ROW(args_, "--ca", "FILE", ca, OPTION_TEXT, .names = OPTION_NAMES_FILE, \
		.help = "certificates (PEM) of the authorities to believe, instead of the system's"), \
	WEB_ROW(args_, "--client-cert", "FILE", certificate, OPTION_TEXT, .names = OPTION_NAMES_FILE, \
		.help = "certificate (PEM) to show the server"), \
	WEB_ROW(args_, "--client-key", "FILE", key, OPTION_TEXT, .names = OPTION_NAMES_FILE, \
		.help = "its private key (PEM)"), \
	WEB_ROW(args_, "--pin", "HASH", pin, OPTION_TEXT, \
		.help = "the server's public key besides, as sha256//BASE64"), \
	WEB_ROW(args_, "--tries", "N", tries, OPTION_NUMBER, .fallback = "6", .min = 1, .max = TRANSPORT_HTTP_MAX_TRIES, \
		.help = "how often to try what fails for a moment"), \
	WEB_ROW(args_, "--stall-time", "SECONDS", stall, OPTION_NUMBER, .fallback = "30", .min = 1, .max = 3600, \
		.help = "give up a connection that is slower than 1 KiB/s for so long"), \
	WEB_ROW(args_, "--limit-rate", "BYTES", rate, OPTION_SIZE, .min = 1, .max = 1ull << 40, \
		.help = "a second at most"), \
	WEB_ROW(args_, "--max-size", "SIZE", max_size, OPTION_SIZE, .fallback = "16G", .min = 1, .max = 1ull << 50, \
		.help = "refuse more than this"), \
	WEB_ROW(args_, "--any-file", NULL, any_file, OPTION_FLAG, \
		.help = "the file need not be one that sdei-migrate sealed"), \
	WEB_ROW(args_, "--progress-fd", "N", progress_fd, OPTION_NUMBER, .max = PROGRESS_MAX_FD, \
		.help = "write progress as JSON lines to this descriptor"), \
	WEB_ROW(args_, "--insecure-no-tls", NULL, insecure, OPTION_FLAG, \
		.help = "allow http:// URLs; everybody on the way reads and changes what goes over them")
/* clang-format on */

/* All zero is empty. Must not move once it is open. */
struct web {
	const struct tool *tool;
	struct cancel cancel;
	struct progress progress;
	struct credentials credentials;
	struct transport_http *http;
	struct transport_http_told told;
};

/** web_open() - from now on Ctrl-C is heeded: it ends the process, which says so. Return: 0; -errno with @failure. To be closed in either case */
int web_open(struct tool *tool, const struct web_args *args, struct web *web,
	     struct failure *failure);

/** web_hold() - from now on Ctrl-C ends the transfer, not the process */
void web_hold(struct web *web);

/** web_close() - for owned locals */
void web_close(struct web *web);
#define OWNED_WEB CLEANUP(web_close)

/** web_failure() - the library's failure with advice that fits; @size of @advice. Return: its errno */
int web_failure(const struct web *web, const struct transport_error *err, char *advice, size_t size,
		struct failure *failure);

/**
 * web_check_file() - do the @size bytes of @fd begin as a sealed file does, and are there as many as it says?
 *
 * Return: 0; -ENOMSG not-ours; -EBADMSG damaged; -errno io.
 */
int web_check_file(int fd, uint64_t size, const char *name, struct failure *failure);

/** web_spool() - an empty file without a name in $TMPDIR. Return: 0 with @fd; -errno with @failure */
int web_spool(int *fd, struct failure *failure);

/** web_copy() - from @from, from where it stands to its end, to @to; at most @max bytes. Return: 0; -errno */
int web_copy(int from, int to, uint64_t max, const char *name, struct failure *failure);

/** web_result() - reason, exit and what both verbs tell. NULL: no memory */
json_t *web_result(const struct web *web, const struct web_args *args, const char *file,
		   const char *url);

#endif
