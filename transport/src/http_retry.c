// SPDX-License-Identifier: Apache-2.0
#include "http.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#define MAX_WAIT_MS 20000u
#define MAX_ASKED_S 60 /* a server that asks for more is not waited for */

/* What to call an answer that is no success; the first row that fits. */
static const struct {
	int from, to;
	int ret;
	const char *reason, *meaning;
} answers[] = {
	{ 300, 399, -EPROTO, "refused", "a redirect, which is not followed here" },
	{ 401, 401, -EACCES, "refused", "it wants other credentials" },
	{ 403, 403, -EACCES, "refused", "it forbids this" },
	{ 404, 404, -ENOENT, "io", "there is nothing of that name" },
	{ 410, 410, -ENOENT, "io", "it is gone for good" },
	{ 412, 412, -EEXIST, "io", "an object of that name is there" },
	{ 413, 413, -EFBIG, "over-limit", "too large for this server" },
	{ 408, 408, -EAGAIN, "temporary", "it waited too long for us" },
	{ 425, 425, -EAGAIN, "temporary", "too early" },
	{ 429, 429, -EAGAIN, "temporary", "too many requests" },
	{ 501, 501, -EPROTO, "refused", "it cannot do this" },
	{ 505, 505, -EPROTO, "refused", "it cannot do this" },
	{ 507, 507, -ENOSPC, "io", "the server has no room" },
	{ 500, 599, -EAGAIN, "temporary", "the server is in trouble" },
	{ 400, 499, -EPROTO, "refused", "it refuses" },
	{ 0, 999, -EPROTO, "protocol", "no answer to this request" },
};

static size_t find_answer(int status)
{
	size_t i = 0;

	while (status < answers[i].from || status > answers[i].to)
		i++;
	return i;
}

int http_refused(struct transport_http *http, const struct http_target *target,
		 const struct http_reply *reply, struct transport_error *err)
{
	const struct transport_http_told *told = http->told;
	const int status = reply->status < 0 || reply->status > 999 ? 0 : reply->status;
	const size_t row = find_answer(status);

	return transport_error_fill(err, answers[row].ret, answers[row].reason, target->name,
				    "answer", "success|%d%s%s: %s", reply->status,
				    told->code[0] ? " " : "", told->code, answers[row].meaning);
}

bool http_is_passing(int ret, int status)
{
	if (ret)
		return ret == -ECONNRESET || ret == -ECONNREFUSED || ret == -EHOSTUNREACH ||
		       ret == -ETIMEDOUT;
	return status >= 400 && status <= 599 && answers[find_answer(status)].ret == -EAGAIN;
}

/* Twice as long each time; half of it by chance, so that many clients do not come back together. */
static unsigned int wait_before(const struct transport_http *http, unsigned int number)
{
	uint64_t wait = (uint64_t)http->set.wait_ms << (number < 16 ? number - 1 : 15);
	const uint64_t asked =
		http->told->retry_after > 0 ? (uint64_t)http->told->retry_after * 1000 : 0;
	uint32_t chance = 0;

	if (wait > MAX_WAIT_MS)
		wait = MAX_WAIT_MS;
	if (getrandom(&chance, sizeof(chance), GRND_NONBLOCK) != sizeof(chance))
		chance = UINT32_MAX;
	wait = wait / 2 + wait * (chance >> 16) / (2 * 65536);
	return (unsigned int)(asked > wait ? asked : wait);
}

int http_pause(struct transport_http *http, const struct http_target *target, unsigned int number,
	       struct transport_error *err)
{
	struct pollfd cancel = { .fd = http->set.cancel_fd > 0 ? http->set.cancel_fd : -1,
				 .events = POLLIN };
	unsigned int wait;

	if (number >= http->set.tries || http->told->retry_after > MAX_ASKED_S)
		return -EAGAIN;
	wait = wait_before(http, number);
	if (http->told->status >= 400)
		http_note(http, "%s: answer %d%s%s; trying again in %u ms", target->name,
			  http->told->status, http->told->code[0] ? " " : "", http->told->code,
			  wait);
	else
		http_note(http, "%s: the connection failed; trying again in %u ms", target->name,
			  wait);
	http->told->tries++;
	if (poll(&cancel, 1, (int)wait) > 0)
		return transport_error_fill(err, -ECANCELED, "cancelled", "command", "signal", "|");
	return 0;
}

int http_ask(struct transport_http *http, const struct http_request *request,
	     struct http_reply *reply, struct transport_error *err)
{
	for (unsigned int number = 1;; number++) {
		struct transport_error pause;
		const int ret = http_perform(http, request, reply, err);
		int again;

		if (!http_is_passing(ret, reply->status))
			return ret;
		again = http_pause(http, request->target, number, &pause);
		if (again == -ECANCELED) {
			if (err)
				*err = pause;
			return again;
		}
		if (again)
			return ret;
	}
}
