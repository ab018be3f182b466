// SPDX-License-Identifier: Apache-2.0
#include "cancel.h"

#include "mover.h"
#include "thread.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>

#define STATUS_MS 1000

sigset_t cancel_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	return set;
}

void cancel_die(int number)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, number);
	signal(number, SIG_DFL);
	pthread_sigmask(SIG_UNBLOCK, &set, NULL);
	raise(number);
}

static void say_and_end(const struct cancel *cancel, int number)
{
	const char *vm =
		cancel->control ? vm_state_or(cancel->control, STATUS_MS, "unknown") : NULL;
	struct failure failure;

	failure_set(&failure, SDEISTATE_CANCELLED, -ECANCELED, "command", "signal", NULL,
		    strsignal(number));
	failure.vm_source = cancel->side == CANCEL_SOURCE ? vm : NULL;
	failure.vm_destination = cancel->side != CANCEL_SOURCE ? vm : vm ? "none" : NULL;
	/* The others may be in the middle of anything: no destructor runs. */
	_exit(tool_fail(cancel->tool, &failure));
}

static void take_signal(struct cancel *cancel, int number)
{
	const uint64_t one = 1;

	if (cancel->asked)
		cancel_die(number);
	pthread_mutex_lock(&cancel->lock);
	if (cancel->at_will)
		say_and_end(cancel, number);
	cancel->asked = true;
	pthread_mutex_unlock(&cancel->lock);
	if (write(cancel->fd, &one, sizeof(one)) < 0)
		cancel_die(number);
	tool_say(cancel->tool, "cancelling; once more ends it at once");
}

static void *wait_for_signals(void *arg)
{
	struct cancel *cancel = arg;
	struct pollfd pfd[] = {
		{ .fd = cancel->signal_fd, .events = POLLIN },
		{ .fd = cancel->stop_fd, .events = POLLIN },
	};
	struct signalfd_siginfo info;

	for (;;) {
		if (poll(pfd, ARRAY_SIZE(pfd), -1) < 0)
			continue;
		if (pfd[1].revents)
			return NULL;
		if (read(cancel->signal_fd, &info, sizeof(info)) == sizeof(info))
			take_signal(cancel, (int)info.ssi_signo);
	}
}

/* Never 0, even where standard input is closed: 0 means none. */
static int make_event(void)
{
	const int made = eventfd(0, EFD_CLOEXEC);
	const int fd = made < 0 ? -1 : fcntl(made, F_DUPFD_CLOEXEC, 3);

	if (made >= 0)
		close(made);
	return fd;
}

int cancel_open(struct cancel *cancel, const struct tool *tool, const char *control,
		enum cancel_side side, struct failure *failure)
{
	const sigset_t set = cancel_signals();
	int ret;

	*cancel = (struct cancel){ .tool = tool,
				   .control = control,
				   .side = side,
				   .at_will = true,
				   .lock = PTHREAD_MUTEX_INITIALIZER,
				   .open = true };
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	cancel->signal_fd = signalfd(-1, &set, SFD_CLOEXEC);
	cancel->stop_fd = make_event();
	cancel->fd = make_event();
	if (cancel->signal_fd < 0 || cancel->stop_fd < 0 || cancel->fd < 0)
		return failure_io(failure, "signals", errno);
	ret = thread_start(&cancel->thread, wait_for_signals, cancel);
	if (!ret)
		return 0;
	close(cancel->stop_fd);
	cancel->stop_fd = -1;
	return failure_io(failure, "signals", ret);
}

void cancel_hold(struct cancel *cancel)
{
	pthread_mutex_lock(&cancel->lock);
	cancel->at_will = false;
	pthread_mutex_unlock(&cancel->lock);
}

int cancel_asked(const struct cancel *cancel, struct transport_error *err)
{
	const sigset_t set = cancel_signals();
	bool pending = cancel->asked;
	sigset_t now;

	/* The thread may not have had its turn yet. */
	sigpending(&now);
	for (int number = 1; number < SIGRTMIN && !pending; number++)
		pending = sigismember(&set, number) == 1 && sigismember(&now, number) == 1;
	if (!pending)
		return 0;
	return transport_error_fill(err, -ECANCELED, "cancelled", "command", "signal", "|");
}

void cancel_close(struct cancel *cancel)
{
	const uint64_t one = 1;

	if (!cancel->open)
		return;
	if (cancel->stop_fd >= 0 && cancel->signal_fd >= 0 && cancel->fd >= 0 &&
	    write(cancel->stop_fd, &one, sizeof(one)) == sizeof(one))
		pthread_join(cancel->thread, NULL);
	if (cancel->signal_fd >= 0)
		close(cancel->signal_fd);
	if (cancel->stop_fd >= 0)
		close(cancel->stop_fd);
	if (cancel->fd >= 0)
		close(cancel->fd);
	pthread_mutex_destroy(&cancel->lock);
	cancel->open = false;
}
