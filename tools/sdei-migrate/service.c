// SPDX-License-Identifier: Apache-2.0
#include "service.h"

#include "cancel.h"
#include "client.h"
#include "confine.h"
#include "descriptors.h"
#include "fault.h"
#include "keyring.h"
#include "memory.h"
#include "notify.h"
#include "reserve.h"
#include "thread.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <time.h>

#define MAX_CONNECTIONS 64u
#define REST_MS         200   /* until accepting is tried again, unless a session ends before */
#define TELL_AGAIN_MS   60000 /* what is lacking is not said again sooner */
#define GRACE_MS        1000 /* how long a newcomer that says nothing is safe where all places are taken */
#define FILES_EACH      8 /* of one session: its connections, its event, its memory files */
#define MAX_STATE       (16ULL << 30) /* bytes of a sealed state, unless --max-state says otherwise */

/* The accepting thread's own; the others only tell it that they are done. */
struct service {
	struct tool *tool;
	const struct recv_args *args;
	struct receiver receiver;
	struct keyring keys;
	struct transport_listener *listener;
	int signal_fd, done_fd;
	struct guest {
		pthread_t thread;
		bool used;
		_Atomic bool done;
		int cancel_fd;        /* ends its wait, as long as it has begun nothing */
		_Atomic int64_t came; /* ms; or when its last session was over */
		struct service *service;
		struct transport_stream *stream;
		const struct mover *mover;
		struct visit_result result;
	} guest[MAX_CONNECTIONS];
	unsigned int n_guests;
	int64_t rests_until;          /* ms; nobody is accepted before: something is lacking */
	int64_t told_lack;            /* ms; when that was said; 0: it was not */
	pthread_mutex_t lock;         /* of what is printed, and of code */
	_Atomic bool stopping, ended; /* ended: --once, and its one session is over */
	_Atomic bool lost;            /* the companion cannot come any more, and why: */
	struct failure why;
	int code;
};

static void close_service(struct service *service)
{
	transport_listener_close(service->listener);
	if (service->signal_fd >= 0)
		close(service->signal_fd);
	if (service->done_fd >= 0)
		close(service->done_fd);
	if (service->receiver.mover)
		keyring_leave(&service->keys, service->receiver.mover);
	keyring_close(&service->keys);
	ledger_close(service->receiver.ledger);
	spawner_close(service->receiver.spawner);
	pthread_mutex_destroy(&service->receiver.lock);
	pthread_mutex_destroy(&service->lock);
}

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Who has not said yet what it wants may be told to go. */
static void send_away(struct guest *guest)
{
	const uint64_t one = 1;

	if (guest->used && !guest->result.begun && write(guest->cancel_fd, &one, sizeof(one)) < 0)
		guest->came = 0; /* it was told before */
}

/* All places are taken: the oldest of those that only sit there makes room. */
static void make_room(struct service *service)
{
	struct guest *oldest = NULL;

	for (size_t i = 0; i < MAX_CONNECTIONS; i++) {
		struct guest *guest = &service->guest[i];

		if (guest->used && !guest->result.begun && (!oldest || guest->came < oldest->came))
			oldest = guest;
	}
	if (oldest && now_ms() - oldest->came >= GRACE_MS)
		send_away(oldest);
}

/* With --once a question, or a stranger, is not the one session it waits for. */
static bool counts(const struct visit_result *result)
{
	return !result->visit.resolve && result->state != TRANSPORT_SESSION_NEW &&
	       !transport_id_is_zero(&result->visit.offer.session);
}

static bool is_over(const struct service *service)
{
	return service->stopping || service->ended || service->lost;
}

static bool is_open(void *ctx)
{
	struct guest *guest = ctx;

	guest->came = now_ms();
	return !is_over(guest->service) && keyring_is_current(&guest->service->keys, guest->mover);
}

static void tell(void *ctx, const struct visit_result *result)
{
	const struct guest *guest = ctx;
	struct service *service = guest->service;
	int code;

	pthread_mutex_lock(&service->lock);
	code = service_tell(service->tool, result, guest->mover->insecure_no_tls);
	if (service->args->once && counts(result) && !service->ended) {
		service->ended = true;
		service->code = code;
	}
	pthread_mutex_unlock(&service->lock);
}

static void *serve_guest(void *arg)
{
	struct guest *guest = arg;
	const struct receive_desk desk = {
		.ctx = guest,
		.mover = guest->mover,
		.cancel_fd = guest->cancel_fd,
		.is_open = is_open,
		.tell = tell,
	};
	const uint64_t one = 1;

	receive_all(&guest->service->receiver, guest->stream, &desk, &guest->result);
	guest->done = true;
	if (write(guest->service->done_fd, &one, sizeof(one)) < 0)
		guest->done = true; /* the accepting thread looks once a second, too */
	return NULL;
}

static struct guest *free_guest(struct service *service)
{
	for (size_t i = 0; i < MAX_CONNECTIONS; i++)
		if (!service->guest[i].used)
			return &service->guest[i];
	return NULL;
}

/* Who knocks waits in the socket's queue; a session that ends may bring back what is lacking. */
static void rest(struct service *service)
{
	service->rests_until = now_ms() + REST_MS;
}

static void tell_lack(struct service *service, const char *what)
{
	const int64_t now = now_ms();

	if (service->told_lack && now < service->told_lack + TELL_AGAIN_MS)
		return;
	service->told_lack = now;
	tool_say(service->tool,
		 "no connection can be taken now: %s; %u are open, who comes waits until one of "
		 "them ends. For more files at a time raise LimitNOFILE= (ulimit -n)",
		 what, service->n_guests);
}

/* A connection with the keys of now. Its event is there before it, so that it is not taken in vain. */
static int take_connection(struct service *service, struct guest *guest,
			   struct transport_error *err)
{
	int ret;

	guest->cancel_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (guest->cancel_fd < 0)
		return transport_error_fill(err, -errno, "io", "event", "", "|%s", strerror(errno));
	transport_listener_use(service->listener, guest->mover->tls);
	ret = transport_listener_accept(service->listener, &guest->stream, err);
	if (ret)
		close(guest->cancel_fd);
	return ret;
}

/* Return: 0; -errno with @err, and nothing is left of it */
static int admit(struct service *service, struct guest *guest, struct transport_error *err)
{
	int ret = take_connection(service, guest, err);

	if (ret)
		return ret;
	guest->service = service;
	guest->done = false;
	guest->result = (struct visit_result){ .begun = false };
	guest->came = now_ms();
	transport_stream_cancel_by(guest->stream, guest->cancel_fd);
	ret = thread_start(&guest->thread, serve_guest, guest);
	if (!ret)
		return 0;
	transport_stream_close(guest->stream);
	close(guest->cancel_fd);
	return transport_error_fill(err, -ENOMEM, "no-memory", "thread", "", "|%s", strerror(ret));
}

/* Keys that cannot be read let nobody in. */
static void turn_away(struct service *service)
{
	struct transport_stream *stream;

	transport_listener_use(service->listener, NULL);
	if (transport_listener_accept(service->listener, &stream, NULL) == 0)
		transport_stream_close(stream);
	rest(service);
}

static void accept_guest(struct service *service)
{
	struct guest *guest = free_guest(service);
	struct transport_error err;
	int ret;

	if (!guest)
		return;
	guest->mover = keyring_take(&service->keys);
	if (!guest->mover) {
		turn_away(service);
		return;
	}
	ret = admit(service, guest, &err);
	if (ret == 0) {
		guest->used = true;
		service->n_guests++;
		return;
	}
	keyring_leave(&service->keys, guest->mover);
	if (ret == -EAGAIN || ret == -ENODATA)
		return;
	tell_lack(service, err.actual[0] ? err.actual : strerror(-ret));
	rest(service);
}

static void collect_guests(struct service *service)
{
	for (size_t i = 0; i < MAX_CONNECTIONS; i++) {
		struct guest *guest = &service->guest[i];

		if (!guest->used || !guest->done)
			continue;
		pthread_join(guest->thread, NULL);
		close(guest->cancel_fd);
		keyring_leave(&service->keys, guest->mover);
		guest->used = false;
		service->n_guests--;
		service->rests_until = 0;
	}
}

/* Sessions that have begun come to their end; a second signal does not wait for it. */
static void stop(struct service *service, int number)
{
	if (service->stopping)
		cancel_die(number);
	service->stopping = true;
	notify_manager("STOPPING=1");
	for (size_t i = 0; i < MAX_CONNECTIONS; i++)
		send_away(&service->guest[i]);
	if (service->n_guests)
		tool_say(service->tool, "waiting for sessions to end; once more ends it at once");
}

static void read_events(struct service *service, const struct pollfd *pfd)
{
	struct signalfd_siginfo info;
	uint64_t count;

	if (pfd[0].revents && read(service->signal_fd, &info, sizeof(info)) == sizeof(info))
		stop(service, (int)info.ssi_signo);
	if (pfd[1].revents && read(service->done_fd, &count, sizeof(count)) < 0)
		return;
	/* Who came with the signal would not be sent away any more. */
	if (pfd[2].revents && !is_over(service))
		accept_guest(service);
}

/* A session that has begun finds it out by itself. */
static void look_after(struct service *service)
{
	const struct companion_destination *companion = service->receiver.companion;

	if (companion->look(companion->ctx, &service->why) == 0)
		return;
	service->lost = true;
	for (size_t i = 0; i < MAX_CONNECTIONS; i++)
		send_away(&service->guest[i]);
}

static int companion_fd(const struct service *service)
{
	return service->receiver.companion && !service->lost ? service->receiver.companion->fd : -1;
}

static bool rests(const struct service *service)
{
	return now_ms() < service->rests_until;
}

static bool somebody_waits(const struct service *service)
{
	struct pollfd pfd = { .fd = transport_listener_fd(service->listener), .events = POLLIN };

	return pfd.fd >= 0 && poll(&pfd, 1, 0) > 0;
}

/* Serve until a signal, or with --once until the session is over; then let the others end. */
static void serve(struct service *service)
{
	while (!is_over(service) || service->n_guests) {
		const bool over = is_over(service);
		const bool full = service->n_guests == MAX_CONNECTIONS;
		const bool deaf = full || over || rests(service);
		struct pollfd pfd[] = {
			{ .fd = service->signal_fd, .events = POLLIN },
			{ .fd = service->done_fd, .events = POLLIN },
			{ .fd = deaf ? -1 : transport_listener_fd(service->listener),
			  .events = POLLIN },
			{ .fd = companion_fd(service), .events = POLLIN },
		};

		if (full && !over && somebody_waits(service))
			make_room(service);
		if (poll(pfd, ARRAY_SIZE(pfd), full ? 50 : deaf ? REST_MS : 1000) > 0)
			read_events(service, pfd);
		if (pfd[3].revents)
			look_after(service);
		collect_guests(service);
		if (!over && transport_listener_fd(service->listener) < 0 && !service->n_guests)
			return; /* fd: and exec: bring one connection */
	}
}

static int check_args(struct tool *tool, const struct recv_args *args)
{
	if (!descriptors_are_open(args->mover.uri))
		return tool_usage(tool, "--listen", "descriptors that are open");
	if (args->word.rule && (!args->word.reason || !args->word.reason[0]))
		return tool_usage(tool, "--reason", "why the rule does not count, for the record");
	if (!!args->control + !!args->vms + !!args->spawn != 1)
		return tool_usage(tool, "--control",
				  "--control PATH, --vms DIR or --spawn COMMAND, one of them");
	return 0;
}

static int open_signals(struct service *service, struct failure *failure)
{
	const sigset_t set = cancel_signals();

	pthread_sigmask(SIG_BLOCK, &set, NULL);
	service->signal_fd = signalfd(-1, &set, SFD_CLOEXEC);
	service->done_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	return service->signal_fd < 0 || service->done_fd < 0
		       ? failure_io(failure, "signals", errno)
		       : 0;
}

static int open_service(struct service *service, struct failure *failure)
{
	const struct recv_args *args = service->args;
	struct receiver *receiver = &service->receiver;
	struct transport_stream_options options;
	struct transport_error err;
	int ret = fault_check(failure);

	if (!ret)
		ret = progress_check(&args->watch.progress_fd, failure);
	/* Before the first thread, and before there is a key in memory. */
	if (!ret && args->spawn)
		ret = spawner_open(args->spawn, args->state, &receiver->spawner, failure);
	if (!ret && args->spawn)
		receiver->vms = spawner_folder(receiver->spawner);
	if (!ret)
		ret = open_signals(service, failure);
	if (!ret)
		ret = keyring_open(&service->keys, service->tool, &args->mover, failure);
	receiver->keys = &service->keys;
	if (!ret)
		receiver->mover = keyring_take(receiver->keys);
	if (!ret)
		ret = ledger_open(args->state, &receiver->ledger, failure);
	if (!ret)
		ret = receive_settle(receiver, failure);
	if (ret < 0)
		return ret;
	if (ret > 0)
		tool_say(service->tool, "%d sessions stay in doubt: see sdei-migrate status", ret);
	options = mover_stream_options(receiver->mover);
	if (transport_listener_open(args->mover.uri, &options, &service->listener, &err))
		return client_failure(failure, &err);
	return reserve_check(receiver, failure);
}

static int say_cancelled(const struct tool *tool)
{
	struct failure failure;

	failure_set(&failure, SDEISTATE_CANCELLED, -ECANCELED, "command", "signal", "a session",
		    "none came");
	failure.vm_destination = "none";
	return tool_fail(tool, &failure);
}

int service_run(struct tool *tool, const struct recv_args *args,
		const struct companion_destination *companion)
{
	CLEANUP(close_service)
	struct service service = {
		.tool = tool,
		.args = args,
		.receiver = { .tool = tool,
			      .watch = args->watch,
			      .control = args->control,
			      .vms = args->vms,
			      .realm_contents = args->realm_contents,
			      .max_state =
				      args->max_state.given ? args->max_state.value : MAX_STATE,
			      .stay_paused = args->stay_paused,
			      .dry_run = args->dry_run,
			      .word = args->word.rule ? &args->word : NULL,
			      .companion = companion,
			      .lock = PTHREAD_MUTEX_INITIALIZER },
		.lock = PTHREAD_MUTEX_INITIALIZER,
		.signal_fd = -1,
		.done_fd = -1,
	};
	struct failure failure;
	int ret = check_args(tool, args);

	if (ret)
		return ret;
	/* There the session's bytes travel; an event among them would break it. */
	if (descriptors_take_stdout(args->mover.uri))
		tool_stdout_is_data(tool);
	memory_keep();
	descriptors_allow(FILES_EACH * MAX_CONNECTIONS);
	if (open_service(&service, &failure) ||
	    (!args->no_seccomp &&
	     confine_process(strncmp(args->mover.uri, "exec:", 5) == 0, &failure)))
		return tool_fail(tool, &failure);
	ret = tool_event(tool, json_pack("{s:s, s:s, s:b}", "event", "ready", "uri",
					 transport_listener_uri(service.listener), "insecure",
					 service.receiver.mover->insecure_no_tls));
	if (ret)
		return ret;
	notify_manager("READY=1");
	serve(&service);
	if (service.lost && !service.ended)
		return tool_fail(tool, &service.why);
	return service.stopping && args->once && !service.ended ? say_cancelled(tool)
								: service.code;
}
