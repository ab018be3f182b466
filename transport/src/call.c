// SPDX-License-Identifier: Apache-2.0
#include "call.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"

#define SLICE_MS 50

void call_open(struct call *call, enum transport_verb verb)
{
	*call = (struct call){
		.verb = verb_find((uint16_t)verb),
		.body.max = TRANSPORT_CONTROL_MAX_BODY,
	};
}

void call_release(struct call *call)
{
	for (unsigned int i = 0; i < call->fds.n_fds; i++)
		close(call->fds.fd[i]);
	transport_buffer_free(&call->body);
}

/* As long as somebody is told of it, in slices. Return: as poll() */
static int wait_slices(struct transport_control *control, struct pollfd *pfd,
		       const struct call *call)
{
	int n, left;

	do {
		left = clock_left_ms(call->deadline);
		n = poll(pfd, 1, control->waiting && left > SLICE_MS ? SLICE_MS : left);
		if (n == 0 && control->waiting)
			control->waiting(control->waiting_ctx);
	} while ((n < 0 && errno == EINTR) || (n == 0 && clock_left_ms(call->deadline) > 0));
	return n;
}

static int wait_for(struct transport_control *control, short events, const struct call *call,
		    struct transport_error *err)
{
	struct pollfd pfd = { .fd = control->channel.fd, .events = events };
	const int n = wait_slices(control, &pfd, call);

	if (n < 0)
		return transport_error_fill(err, -errno, "peer", call->verb->object, "", "%s|",
					    strerror(errno));
	if (n == 0)
		return transport_error_fill(err, -ETIMEDOUT, "timeout", call->verb->object, "reply",
					    "within %d ms|none", control->timeout_ms);
	return 0;
}

static int broken(const struct call *call, int code, struct transport_error *err)
{
	switch (code) {
	case -ENOMEM:
		return transport_error_fill(err, code, "no-memory", call->verb->object, "", "|");
	case -E2BIG:
	case -EBADMSG:
		return transport_error_fill(err, -EBADMSG, "protocol", call->verb->object, "reply",
					    "a message within the limits|another");
	default:
		return transport_error_fill(err, -ECONNRESET, "peer", call->verb->object,
					    "connection", "a reply|the VMM closed it");
	}
}

/* @unheard: the VMM has gone before it had the whole request, be there another behind it or not. */
static int push(struct transport_control *control, const struct call *call, bool *unheard,
		struct transport_error *err)
{
	int ret;

	while ((ret = channel_send(&control->channel)) == 0) {
		ret = wait_for(control, POLLOUT, call, err);
		if (ret)
			return ret;
	}
	/* A VMM that refuses us may have closed already; what it said is still to be read. */
	*unheard = ret == -EPIPE &&
		   control->channel.out_done < TRANSPORT_WIRE_HEADER_SIZE + call->body.len;
	return ret < 0 && ret != -EPIPE ? broken(call, ret, err) : 0;
}

/* @perhaps: it may be there; who has just asked need not look */
static int pull(struct transport_control *control, const struct call *call, bool perhaps,
		struct transport_error *err)
{
	int ret = perhaps ? channel_receive(&control->channel) : 0;

	while (ret == 0) {
		ret = wait_for(control, POLLIN, call, err);
		if (ret)
			return ret;
		ret = channel_receive(&control->channel);
	}
	return ret < 0 ? broken(call, ret, err) : 0;
}

static int check_header(const struct transport_control *control, const struct call *call,
			struct transport_error *err)
{
	const struct transport_header *header = &control->channel.header;

	if (header->type != call->verb->type || header->id != call->id ||
	    (header->flags & ~VERB_ERROR) != VERB_REPLY)
		return transport_error_fill(err, -EBADMSG, "protocol", call->verb->object, "reply",
					    "the reply to request %llu|type 0x%x, flags 0x%x",
					    (unsigned long long)call->id, header->type,
					    header->flags);
	return 0;
}

static int read_reply(struct transport_control *control, struct call *call,
		      struct transport_error *err)
{
	const struct channel *channel = &control->channel;
	struct transport_error said;
	int ret = check_header(control, call, err);

	if (ret)
		return ret;
	if (channel->header.flags & VERB_ERROR) {
		ret = verb_get_error(channel->body.data, channel->body.len, &said, err);
		if (!ret && err)
			*err = said;
		return ret ? ret : said.code;
	}
	memcpy(call->reply_fds.fd, channel->in_fd, sizeof(call->reply_fds.fd));
	call->reply_fds.n_fds = channel->n_in_fds;
	return transport_wire_parse(channel->body.data, channel->body.len, call->verb->reply,
				    call->verb->n_reply, call->verb->object, &call->reply, err);
}

static int queue(struct transport_control *control, struct call *call)
{
	const struct transport_header header = { (uint32_t)call->body.len, call->verb->type, 0,
						 ++control->last_id };
	const unsigned int n_fds = call->fds.n_fds;

	call->id = header.id;
	call->fds.n_fds = 0;
	return channel_queue(&control->channel, &header, &call->body, call->fds.fd, n_fds);
}

/* Wait for one reply and understand it; it stays valid until the next call. */
static int take(struct transport_control *control, struct call *call, bool perhaps,
		struct transport_error *err)
{
	int ret;

	channel_next(&control->channel);
	ret = pull(control, call, perhaps, err);
	return ret ? ret : read_reply(control, call, err);
}

bool call_is_ahead(const struct transport_control *control, enum transport_verb verb)
{
	return control->ahead && control->ahead->type == verb;
}

int call_take(struct transport_control *control, struct call *call, struct transport_error *err)
{
	call->id = control->ahead_id;
	call->deadline = clock_now_ms() + control->timeout_ms;
	control->ahead = NULL;
	return take(control, call, true, err);
}

/* Nobody wants to know any more; what the VMM said does not matter, only that it said it. */
static int drop_ahead(struct transport_control *control, struct transport_error *err)
{
	OWNED_CALL struct call dropped = { .verb = control->ahead, .id = control->ahead_id };

	if (!control->ahead)
		return 0;
	control->ahead = NULL;
	dropped.deadline = clock_now_ms() + control->timeout_ms;
	channel_next(&control->channel);
	return pull(control, &dropped, true, err);
}

static int never_heard(const struct call *call, struct transport_error *err)
{
	return transport_error_fill(err, -EPIPE, "peer", call->verb->object, "connection",
				    "a VMM that takes a request|it was gone before");
}

static int make(struct transport_control *control, struct call *call, struct call *next,
		struct transport_error *err)
{
	bool unheard = false;
	int ret = drop_ahead(control, err);

	if (ret)
		return ret == -ECONNRESET ? never_heard(call, err) : ret;
	/* The VMM may answer both together: it has the time of both. */
	call->deadline = clock_now_ms() + (next ? 2 : 1) * (int64_t)control->timeout_ms;
	ret = queue(control, call);
	if (!ret && next)
		ret = queue(control, next);
	if (ret)
		return broken(call, ret, err);
	ret = push(control, call, &unheard, err);
	if (!ret && next) {
		control->ahead = next->verb;
		control->ahead_id = next->id;
	}
	if (!ret)
		ret = take(control, call, false, err);
	return ret == -ECONNRESET && unheard ? never_heard(call, err) : ret;
}

int call_make(struct transport_control *control, struct call *call, struct transport_error *err)
{
	return make(control, call, NULL, err);
}

int call_make_two(struct transport_control *control, struct call *call, struct call *next,
		  struct transport_error *err)
{
	return make(control, call, next, err);
}

int call_unsendable(const struct call *call, int code, struct transport_error *err)
{
	return transport_error_fill(err, code, code == -ENOMEM ? "no-memory" : "over-limit",
				    call->verb->object, "request", "%s|", strerror(-code));
}

int call_for_session(struct transport_control *control, enum transport_verb verb,
		     const struct transport_id *session, struct call *call,
		     struct transport_error *err)
{
	int ret;

	call_open(call, verb);
	ret = transport_wire_put_id(&call->body, TAG_SESSION, session);
	return ret ? call_unsendable(call, ret, err) : call_make(control, call, err);
}
