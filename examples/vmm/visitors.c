// SPDX-License-Identifier: Apache-2.0
/*
 * Who comes to the door of a guest's stream. Anybody may connect and say nothing; so many are listened to at once,
 * and the first that names the mover's session is the one. The others are sent away then, or when it is time, or
 * when so many have come after them that there is no room.
 */
#include "stream.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <time.h>

#define REST_MS 200  /* while no connection can be taken */
#define TELL_MS 1000 /* between two lines about those who were sent away */

struct visitor {
	struct transport_stream *stream;
	struct stream_hello hello;
	size_t have;   /* bytes of it */
	int64_t until; /* ms */
};

struct visitors {
	struct vmm *vmm;
	struct visitor list[MAX_VISITORS]; /* who has come first, first */
	unsigned int n;
};

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Whoever can connect could fill the disk with it. */
static void tell(struct stream *stream, const struct transport_error *why)
{
	stream->n_untold++;
	if (now_ms() < stream->tell_at)
		return;
	vmm_say("no guest came: %s %s %s %s (%u sent away)", why->object, why->field, why->reason,
		strerror(-why->code), stream->n_untold);
	stream->n_untold = 0;
	stream->tell_at = now_ms() + TELL_MS;
}

static void forget(struct visitors *visitors, unsigned int which)
{
	visitors->n--;
	memmove(&visitors->list[which], &visitors->list[which + 1],
		(visitors->n - which) * sizeof(visitors->list[0]));
}

static void send_away(struct visitors *visitors, unsigned int which,
		      const struct transport_error *why)
{
	transport_stream_close(visitors->list[which].stream);
	forget(visitors, which);
	tell(visitors->vmm->stream, why);
}

static int refuse(struct transport_error *err, const char *what)
{
	return transport_error_fill(err, -EBADMSG, "damaged", "guest's stream", what, "|");
}

/* Does this guest belong to what the mover's session brings? Nothing does before one has reserved this VM. */
static bool is_expected(struct vmm *vmm, const struct transport_id *session)
{
	bool is;

	pthread_mutex_lock(&vmm->lock);
	is = !transport_id_is_zero(session) && transport_id_equal(session, &vmm->session);
	pthread_mutex_unlock(&vmm->lock);
	return is;
}

static int judge(struct vmm *vmm, const struct stream_hello *hello, struct transport_error *err)
{
	if (hello->magic != STREAM_MAGIC || hello->item_size != sizeof(struct item) ||
	    hello->devices_size != sizeof(struct devices))
		return refuse(err, "version");
	if (hello->n_vcpus != vmm->n_vcpus || hello->memory != vmm->options->memory)
		return refuse(err, "vCPUs or memory: another number than here");
	if (hello->counter_hz != timer_hz())
		return refuse(err, "counter: another frequency than here");
	return is_expected(vmm, &hello->session)
		       ? 0
		       : refuse(err, "session: not the one that has this VM");
}

/* What it has said by now. Return: 1: it is the one; 0: there is more to come; -errno */
static int hear(struct visitors *visitors, struct visitor *visitor, struct transport_error *err)
{
	uint8_t *to = (uint8_t *)&visitor->hello + visitor->have;
	size_t got;
	int ret = transport_stream_read_some(visitor->stream, to,
					     sizeof(visitor->hello) - visitor->have, 0, &got, err);

	if (ret == -ETIMEDOUT)
		return 0;
	if (!ret && got == 0)
		ret = transport_error_fill(err, -ENODATA, "peer", "guest's stream", "hello",
					   "a guest|nothing");
	if (ret)
		return ret;
	visitor->have += got;
	if (visitor->have < sizeof(visitor->hello))
		return 0;
	ret = judge(visitors->vmm, &visitor->hello, err);
	return ret ? ret : 1;
}

/* Return: whether it is the one, whose stream is *@stream then; who says anything else is gone */
static bool attend(struct visitors *visitors, unsigned int which, struct transport_stream **stream)
{
	struct transport_error err = { .reason = "" };
	const int ret = hear(visitors, &visitors->list[which], &err);

	if (ret < 0)
		send_away(visitors, which, &err);
	if (ret <= 0)
		return false;
	*stream = visitors->list[which].stream;
	forget(visitors, which);
	return true;
}

/* Those whose time is over, and who has been silent longest if more than @most would stay. */
static void send_silent_away(struct visitors *visitors, unsigned int most)
{
	struct transport_error err;

	transport_error_fill(&err, -ETIMEDOUT, "timeout", "guest's stream", "hello",
			     "a guest|silence");
	while (visitors->n && (visitors->n > most || visitors->list[0].until <= now_ms()))
		send_away(visitors, 0, &err);
}

/* Return: as attend(): most have said who they are before they are let in */
static bool let_in(struct visitors *visitors, struct transport_stream **stream)
{
	struct stream *own = visitors->vmm->stream;
	struct pollfd cancel = { .fd = own->cancel, .events = POLLIN };
	struct transport_stream *who = NULL;
	const int ret = transport_listener_accept(own->listener, &who, NULL);

	/* Without descriptors who comes waits in the queue, and calls for ever. */
	if (ret && ret != -EAGAIN)
		poll(&cancel, 1, REST_MS);
	if (ret)
		return false;
	send_silent_away(visitors, MAX_VISITORS - 1);
	visitors->list[visitors->n++] =
		(struct visitor){ .stream = who, .until = now_ms() + STREAM_HELLO_MS };
	return attend(visitors, visitors->n - 1, stream);
}

/* Return: whether somebody is the one */
static bool look_round(struct visitors *visitors, const struct pollfd *said,
		       struct transport_stream **stream)
{
	for (unsigned int i = visitors->n; i-- > 0;)
		if (said[i].revents && attend(visitors, i, stream))
			return true;
	return false;
}

static int patience(const struct visitors *visitors)
{
	const int64_t left = visitors->n ? visitors->list[0].until - now_ms() : -1;

	return !visitors->n ? -1 : left > 0 ? (int)left : 0;
}

/* One step. Return: 1: *@stream is the one; 0: nobody yet; -ECANCELED */
static int step(struct visitors *visitors, struct transport_stream **stream)
{
	enum { CANCEL, DOOR, FIRST };
	const struct stream *own = visitors->vmm->stream;
	struct pollfd wait[FIRST + MAX_VISITORS] = {
		[CANCEL] = { .fd = own->cancel, .events = POLLIN },
		[DOOR] = { .fd = transport_listener_fd(own->listener), .events = POLLIN },
	};

	for (unsigned int i = 0; i < visitors->n; i++)
		wait[FIRST + i] =
			(struct pollfd){ .fd = transport_stream_fd(visitors->list[i].stream),
					 .events = POLLIN };
	if (poll(wait, FIRST + visitors->n, patience(visitors)) < 0)
		return 0;
	if (wait[CANCEL].revents)
		return -ECANCELED;
	if (look_round(visitors, wait + FIRST, stream))
		return 1;
	if (wait[DOOR].revents && let_in(visitors, stream))
		return 1;
	send_silent_away(visitors, MAX_VISITORS);
	return 0;
}

int visitors_wait(struct vmm *vmm, struct transport_stream **stream)
{
	struct visitors visitors = { .vmm = vmm };
	int ret = 0;

	while (ret == 0)
		ret = step(&visitors, stream);
	while (visitors.n)
		transport_stream_close(visitors.list[--visitors.n].stream);
	return ret < 0 ? ret : 0;
}
