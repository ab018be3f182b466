// SPDX-License-Identifier: Apache-2.0
#include "web.h"

#include "client.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sdeistate/seal.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define REMARKABLE_SKEW 120 /* seconds; S3 refuses 900 */
#define COPY_SIZE       (256u << 10)
#define MAX_NAME        256u

static const char *first_of(const char *given, const char *const *env)
{
	for (; !given && *env; env++) {
		const char *value = getenv(*env);

		given = value && *value ? value : NULL;
	}
	return given;
}

static void show_progress(void *arg, const char *phase, uint64_t done, uint64_t total)
{
	progress_report(arg, phase, done, total);
}

static void show_note(void *arg, const char *text)
{
	const struct progress *progress = arg;
	const struct web *web =
		(const struct web *)((const char *)progress - offsetof(struct web, progress));

	tool_say(web->tool, "%s%s", progress->bar && progress->phase[0] ? "\n" : "", text);
}

static int open_client(const struct web_args *args, struct web *web, struct failure *failure)
{
	static const char *const regions[] = { "AWS_REGION", "AWS_DEFAULT_REGION", NULL };
	static const char *const endpoints[] = { "AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", NULL };
	const char *endpoint = first_of(args->endpoint, endpoints);
	const struct transport_http_options options = {
		.ca = args->ca,
		.certificate = args->certificate,
		.key = args->key,
		.pin = args->pin,
		.user = web->credentials.user,
		.password = web->credentials.password,
		.token = web->credentials.token,
		.access_key = web->credentials.access_key,
		.secret_key = web->credentials.secret_key,
		.session_token = web->credentials.session_token,
		.region = first_of(args->region, regions),
		.endpoint = endpoint,
		.bucket_in_host =
			args->addressing ? strcmp(args->addressing, "host") == 0 : !endpoint,
		.insecure_http = args->insecure,
		.tries = (unsigned int)args->tries.value,
		.stall_s = (unsigned int)args->stall.value,
		.rate = args->rate.value,
		.cancel_fd = web->cancel.fd,
		.progress = show_progress,
		.note = show_note,
		.arg = &web->progress,
	};
	struct transport_error err;

	return transport_http_new(&options, &web->http, &err) ? client_failure(failure, &err) : 0;
}

int web_open(struct tool *tool, const struct web_args *args, struct web *web,
	     struct failure *failure)
{
	int ret = progress_check(&args->progress_fd, failure);

	if (ret)
		return ret;
	web->tool = tool;
	signal(SIGPIPE, SIG_IGN);
	progress_open(&web->progress, tool,
		      args->progress_fd.given ? (int)args->progress_fd.value : -1);
	ret = cancel_open(&web->cancel, tool, NULL, CANCEL_SOURCE, failure);
	if (ret)
		return ret;
	ret = credentials_load(args->credentials, &web->credentials, failure);
	return ret ? ret : open_client(args, web, failure);
}

void web_hold(struct web *web)
{
	cancel_hold(&web->cancel);
}

void web_close(struct web *web)
{
	if (!web->tool)
		return;
	progress_close(&web->progress);
	web->http = transport_http_free(web->http);
	credentials_release(&web->credentials);
	cancel_close(&web->cancel);
}

/* --- failures ------------------------------------------------------------------------------------------ */

/* What to do, by reason and errno; the first row that fits. 0: any. */
static const struct {
	enum sdeistate_reason reason;
	int code;
	const char *advice;
} advices[] = {
	{ SDEISTATE_IO, -EEXIST, "Choose another name, or allow it with --overwrite." },
	{ SDEISTATE_IO, -ENOENT, "Check the name; a bucket or folder has to exist before." },
	{ SDEISTATE_IO, -ENOSPC, "Make room, and try again." },
	{ SDEISTATE_REFUSED, -EACCES, "Check the credentials, and what they are allowed to do." },
	{ SDEISTATE_PEER_UNTRUSTED, 0,
	  "If you trust the server, name its authority with --ca; check its name and the clock." },
	{ SDEISTATE_NO_KEY, -ENOKEY,
	  "Name a file with --credentials, or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY." },
	{ SDEISTATE_OVER_LIMIT, -E2BIG, "Nothing was kept. Allow more with --max-size." },
	{ SDEISTATE_OVER_LIMIT, -EFBIG, "Take a larger --part-size, or another server." },
	{ SDEISTATE_TEMPORARY, 0, "The server is overloaded or in trouble: try again later." },
	{ SDEISTATE_TORN, 0, "Push again when nobody writes to the file." },
	{ SDEISTATE_BAD_DIGEST, 0,
	  "Do not use what the server has: it is not what was sent. Push or pull again." },
	{ SDEISTATE_BUSY, 0, "Wait for the other push or pull of the same name." },
};

static const char *advice_for(const struct failure *failure)
{
	for (size_t i = 0; i < ARRAY_SIZE(advices); i++)
		if (advices[i].reason == failure->reason &&
		    (!advices[i].code || advices[i].code == failure->code))
			return advices[i].advice;
	return failure_advice(failure);
}

/* A signature of another time looks like a wrong one, and one for another region, too. */
static void choose_advice(const struct transport_http_told *told, const struct failure *failure,
			  char *advice, size_t size)
{
	const bool refused = told->status >= 300 && told->status < 500;
	const int64_t skew = told->has_skew ? told->skew : 0;

	if (refused && (skew > REMARKABLE_SKEW || skew < -REMARKABLE_SKEW))
		snprintf(advice, size,
			 "This clock is %" PRId64 " seconds %s the server's: set it, for a "
			 "signature holds for 15 minutes.",
			 skew < 0 ? -skew : skew, skew > 0 ? "behind" : "ahead of");
	else if (refused && told->region[0] && told->status != 404)
		snprintf(advice, size, "The bucket is in another region: --region %s. %s",
			 told->region, advice_for(failure));
	else if (failure->reason == SDEISTATE_TEMPORARY && told->retry_after > 0)
		snprintf(advice, size, "The server asks to be left alone for %d seconds.",
			 told->retry_after);
	else
		snprintf(advice, size, "%s", advice_for(failure));
}

int web_failure(const struct web *web, const struct transport_error *err, char *advice, size_t size,
		struct failure *failure)
{
	client_failure(failure, err);
	choose_advice(&web->told, failure, advice, size);
	failure->advice = advice;
	return failure->code;
}

/* --- files --------------------------------------------------------------------------------------------- */

int web_check_file(int fd, uint64_t size, const char *name, struct failure *failure)
{
	uint8_t prefix[SDEISTATE_PREFIX_SIZE];
	struct sdeistate_error error;
	struct sdeistate_peek peek;
	const ssize_t got = pread(fd, prefix, sizeof(prefix), 0);
	char expected[48], actual[32];
	int ret;

	if (got < 0)
		return failure_io(failure, name, errno);
	ret = sdeistate_peek(prefix, (size_t)got, &peek, &error);
	if (ret) {
		failure_from(failure, &error);
		snprintf(failure->object, sizeof(failure->object), "%s", name);
		failure->advice =
			ret == -ENOMSG ? "Check the name; other files go with --any-file." : NULL;
		return ret;
	}
	if (peek.payload_size < size &&
	    SDEISTATE_PREFIX_SIZE + peek.manifest_size + peek.payload_size <= size)
		return 0;
	snprintf(expected, sizeof(expected), "more than %" PRIu64 " bytes", peek.payload_size);
	snprintf(actual, sizeof(actual), "%" PRIu64, size);
	return failure_set(failure, SDEISTATE_DAMAGED, -EBADMSG, name, "length", expected, actual);
}

int web_spool(int *fd, struct failure *failure)
{
	const char *folder = getenv("TMPDIR");
	OWNED_MEMORY char *path = NULL;

	folder = folder && *folder ? folder : "/tmp";
	*fd = open(folder, O_RDWR | O_TMPFILE | O_EXCL | O_CLOEXEC, 0600);
	if (*fd >= 0)
		return 0;
	/* A file system without such files. */
	if (asprintf(&path, "%s/sdei-migrate.XXXXXX", folder) < 0) {
		path = NULL;
		return failure_io(failure, folder, ENOMEM);
	}
	*fd = mkostemp(path, O_CLOEXEC);
	if (*fd < 0)
		return failure_io(failure, folder, errno);
	unlink(path);
	return 0;
}

static int put(int to, const char *data, size_t len, struct failure *failure)
{
	while (len) {
		const ssize_t done = write(to, data, len);

		if (done < 0 && errno != EINTR)
			return failure_io(failure, "output", errno);
		data += done > 0 ? done : 0;
		len -= done > 0 ? (size_t)done : 0;
	}
	return 0;
}

int web_copy(int from, int to, uint64_t max, const char *name, struct failure *failure)
{
	OWNED_MEMORY char *chunk = malloc(COPY_SIZE);
	char expected[48];
	uint64_t done = 0;
	int ret = chunk ? 0 : failure_io(failure, name, ENOMEM);

	while (ret == 0) {
		const ssize_t got = read(from, chunk, COPY_SIZE);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return failure_io(failure, name, errno);
		if (got == 0)
			return 0;
		done += (uint64_t)got;
		if (done > max) {
			snprintf(expected, sizeof(expected), "at most %" PRIu64 " bytes", max);
			failure_set(failure, SDEISTATE_OVER_LIMIT, -E2BIG, name, "size", expected,
				    "more");
			failure->advice = "Allow more with --max-size.";
			return -E2BIG;
		}
		ret = put(to, chunk, (size_t)got, failure);
	}
	return ret;
}

json_t *web_result(const struct web *web, const struct web_args *args, const char *file,
		   const char *url)
{
	const struct transport_http_told *told = &web->told;
	char name[MAX_NAME];
	json_t *json;

	transport_http_name(url, name, sizeof(name));
	json = json_pack("{s:s, s:i, s:s, s:s, s:I, s:I, s:i, s:o}", "reason", "ok", "exit", 0,
			 "file", file, "url", name, "bytes", (json_int_t)told->size, "kept_bytes",
			 (json_int_t)told->kept, "repeated", (int)told->tries, "etag",
			 told->etag[0] ? json_string(told->etag) : json_null());
	if (json && args->insecure)
		json_object_set_new(json, "insecure_no_tls", json_true());
	return json;
}
