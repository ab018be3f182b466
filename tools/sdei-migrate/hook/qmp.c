// SPDX-License-Identifier: Apache-2.0
#include "qmp.h"

#include "common/cleanup.h"

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>

#define CALL_MS 20000 /* a QEMU that has just begun, on a busy machine, takes its time */
#define TRY_MS  50

struct qmp {
	int fd;
	char *line; /* QMP_MAX_LINE bytes, @len of them in use */
	size_t len;
	enum qmp_event event[QMP_MAX_EVENTS];
	unsigned int n_events;
	json_int_t n_calls;
};

/* Which events matter, and what they say of a migration; the others are passed over. */
static const struct {
	const char *name, *status; /* status NULL: whatever it is */
	enum qmp_event event;
} words[] = {
	{ "RESUME", NULL, QMP_RESUME },
	{ "MIGRATION", "setup", QMP_STARTED },
	{ "STOP", NULL, QMP_STOP },
	{ "MIGRATION", "pre-switchover", QMP_PARKED },
	{ "MIGRATION", "cancelling", QMP_CANCELLING },
	{ "MIGRATION", "completed", QMP_COMPLETED },
	{ "MIGRATION", "failed", QMP_FAILED },
	{ "MIGRATION", "cancelled", QMP_CANCELLED },
};

static int fail_peer(struct failure *failure, int code, const char *actual)
{
	return failure_set(failure, code == -ETIMEDOUT ? SDEISTATE_TIMEOUT : SDEISTATE_PEER, code,
			   "QMP", "connection", "an answer of QEMU", actual);
}

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int note_event(struct qmp *qmp, const json_t *message, struct failure *failure)
{
	const char *name = json_string_value(json_object_get(message, "event"));
	const char *status =
		json_string_value(json_object_get(json_object_get(message, "data"), "status"));

	for (size_t i = 0; name && i < ARRAY_SIZE(words); i++) {
		if (strcmp(name, words[i].name) != 0 ||
		    (words[i].status && (!status || strcmp(status, words[i].status) != 0)))
			continue;
		if (qmp->n_events == QMP_MAX_EVENTS)
			return failure_set(failure, SDEISTATE_OVER_LIMIT, -E2BIG, "QMP", "events",
					   "at most 64 that wait", "more");
		qmp->event[qmp->n_events++] = words[i].event;
		break;
	}
	return 0;
}

/* Wait until @until (0: do not) for more bytes. Return: 0; -EAGAIN; -errno with @failure */
static int fill(struct qmp *qmp, int64_t until, struct failure *failure)
{
	struct pollfd pfd = { .fd = qmp->fd, .events = POLLIN };
	const int64_t left = until ? until - now_ms() : 0;
	ssize_t got;

	if (poll(&pfd, 1, left > 0 ? (int)left : 0) <= 0)
		return until ? fail_peer(failure, -ETIMEDOUT, "none in time") : -EAGAIN;
	got = recv(qmp->fd, qmp->line + qmp->len, QMP_MAX_LINE - qmp->len, MSG_DONTWAIT);
	if (got > 0) {
		qmp->len += (size_t)got;
		return 0;
	}
	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	return fail_peer(failure, -ECONNRESET, "QEMU closed it");
}

/* One message, whole. Return: 0; -EAGAIN; -errno with @failure */
static int read_message(struct qmp *qmp, int64_t until, json_t **message, struct failure *failure)
{
	json_error_t error;
	char *end;
	int ret = 0;

	while (!ret && !(end = memchr(qmp->line, '\n', qmp->len))) {
		if (qmp->len == QMP_MAX_LINE)
			return failure_set(failure, SDEISTATE_OVER_LIMIT, -E2BIG, "QMP", "message",
					   "at most 1 MiB", "more");
		ret = fill(qmp, until, failure);
	}
	if (ret)
		return ret;
	*message = json_loadb(qmp->line, (size_t)(end - qmp->line), 0, &error);
	qmp->len -= (size_t)(end + 1 - qmp->line);
	memmove(qmp->line, end + 1, qmp->len);
	if (*message)
		return 0;
	return failure_set(failure, SDEISTATE_PROTOCOL, -EBADMSG, "QMP", "message", "JSON",
			   error.text);
}

static int send_all(struct qmp *qmp, const char *text, struct failure *failure)
{
	const size_t len = strlen(text);

	/* A command is far smaller than a socket's buffer; QEMU that takes none is gone. */
	if (send(qmp->fd, text, len, MSG_NOSIGNAL | MSG_DONTWAIT) == (ssize_t)len)
		return 0;
	return fail_peer(failure, -EPIPE, "QEMU does not take commands");
}

static int refused(const char *command, const json_t *error, struct failure *failure)
{
	const char *text = json_string_value(json_object_get(error, "desc"));

	return failure_set(failure, SDEISTATE_REFUSED, -EPERM, "QEMU", command, "obeyed",
			   text ? text : "refused");
}

/* An answer that comes after its call has given up is nobody's. */
static bool is_answer(const json_t *message, json_int_t id)
{
	return !json_object_get(message, "event") &&
	       json_integer_value(json_object_get(message, "id")) == id;
}

int qmp_call_within(struct qmp *qmp, int ms, const char *command, json_t *arguments,
		    json_t **result, struct failure *failure)
{
	const json_int_t id = ++qmp->n_calls;
	OWNED_JSON json_t *request =
		json_pack("{s:s, s:I, s:o*}", "execute", command, "id", id, "arguments", arguments);
	OWNED_MEMORY char *text = json_dumps(request, JSON_COMPACT);
	const int64_t until = now_ms() + ms;
	int ret;

	if (!text)
		return failure_set(failure, SDEISTATE_NO_MEMORY, -ENOMEM, "QMP", NULL, NULL, NULL);
	ret = send_all(qmp, text, failure);
	while (!ret) {
		OWNED_JSON json_t *message = NULL;
		const json_t *error;

		ret = read_message(qmp, until, &message, failure);
		if (ret)
			break;
		if (!is_answer(message, id)) {
			ret = note_event(qmp, message, failure);
			continue;
		}
		error = json_object_get(message, "error");
		if (error)
			return refused(command, error, failure);
		if (result)
			*result = json_incref(json_object_get(message, "return"));
		return 0;
	}
	return ret;
}

int qmp_call(struct qmp *qmp, const char *command, json_t *arguments, json_t **result,
	     struct failure *failure)
{
	return qmp_call_within(qmp, CALL_MS, command, arguments, result, failure);
}

int qmp_next(struct qmp *qmp, enum qmp_event *event, struct failure *failure)
{
	int ret = 0;

	while (!ret && !qmp->n_events) {
		OWNED_JSON json_t *message = NULL;

		ret = read_message(qmp, 0, &message, failure);
		if (!ret)
			ret = note_event(qmp, message, failure);
	}
	if (ret && ret != -EAGAIN)
		return ret;
	*event = qmp->n_events ? qmp->event[0] : QMP_NOTHING;
	if (qmp->n_events)
		memmove(qmp->event, qmp->event + 1, --qmp->n_events * sizeof(qmp->event[0]));
	return 0;
}

int qmp_wait(struct qmp *qmp, int ms, int wake, enum qmp_event *event, struct failure *failure)
{
	const int64_t until = now_ms() + ms;
	int ret = qmp_next(qmp, event, failure);

	while (!ret && *event == QMP_NOTHING) {
		struct pollfd pfd[] = { { .fd = qmp->fd, .events = POLLIN },
					{ .fd = wake, .events = POLLIN } };
		const int64_t left = until - now_ms();

		if (left <= 0 || poll(pfd, ARRAY_SIZE(pfd), (int)left) <= 0 || pfd[1].revents)
			return 0;
		ret = qmp_next(qmp, event, failure);
	}
	return ret;
}

int qmp_fd(const struct qmp *qmp)
{
	return qmp->fd;
}

pid_t qmp_pid(const struct qmp *qmp)
{
	struct ucred peer = { .pid = 0 };
	socklen_t len = sizeof(peer);

	return getsockopt(qmp->fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) ? 0 : peer.pid;
}

/* Return: 0; the errno */
static int try_connect(const struct sockaddr_un *address, int *made)
{
	OWNED_FD int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || connect(fd, (const struct sockaddr *)address, sizeof(*address)))
		return errno;
	*made = fd;
	fd = -1;
	return 0;
}

static int connect_to(const char *path, int patience_ms, int *made, struct failure *failure)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	const int64_t until = now_ms() + patience_ms;
	int error;

	if (strlen(path) >= sizeof(address.sun_path))
		return failure_set(failure, SDEISTATE_USAGE, -EINVAL, "command line", "--qmp",
				   "a path of at most 107 bytes", path);
	memcpy(address.sun_path, path, strlen(path) + 1);
	for (error = try_connect(&address, made);
	     (error == ENOENT || error == ECONNREFUSED) && now_ms() < until;
	     error = try_connect(&address, made))
		nanosleep(&(struct timespec){ .tv_nsec = TRY_MS * 1000000 }, NULL);
	if (!error)
		return 0;
	return failure_set(failure, SDEISTATE_PEER, -error, path, "QMP", "a QEMU that listens",
			   strerror(error));
}

int qmp_open(const char *path, int patience_ms, struct qmp **made, struct failure *failure)
{
	OWNED_JSON json_t *greeting = NULL;
	struct qmp *qmp = calloc(1, sizeof(*qmp));
	int ret = 0;

	if (qmp)
		*qmp = (struct qmp){ .fd = -1, .line = malloc(QMP_MAX_LINE) };
	if (!qmp || !qmp->line)
		ret = failure_set(failure, SDEISTATE_NO_MEMORY, -ENOMEM, "QMP", NULL, NULL, NULL);
	if (!ret)
		ret = connect_to(path, patience_ms, &qmp->fd, failure);
	if (!ret)
		ret = read_message(qmp, now_ms() + CALL_MS, &greeting, failure);
	if (!ret && !json_object_get(greeting, "QMP"))
		ret = failure_set(failure, SDEISTATE_PROTOCOL, -EBADMSG, path, "greeting", "QMP's",
				  "another");
	if (!ret)
		ret = qmp_call(qmp, "qmp_capabilities", NULL, NULL, failure);
	if (ret)
		qmp_close(qmp);
	else
		*made = qmp;
	return ret;
}

struct qmp *qmp_close(struct qmp *qmp)
{
	if (qmp) {
		if (qmp->fd >= 0)
			close(qmp->fd);
		free(qmp->line);
		free(qmp);
	}
	return NULL;
}
