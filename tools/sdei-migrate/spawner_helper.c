// SPDX-License-Identifier: Apache-2.0
#include "spawner_helper.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define TICK_MS     200
#define PATIENCE_MS 1000 /* between SIGTERM and SIGKILL */
#define LOOK_TRIES  25   /* 2 ms each: a process closes its files a moment before it is dead */

/* One VMM. */
struct vmm {
	pid_t pid;
	struct spawn_request request;
	unsigned int users; /* sessions that have not said yet what is to become of it */
	bool ended, kept, told_to_end;
	int status;
	int64_t kill_at; /* ms; with told_to_end */
};

struct helper {
	char *const *word;
	struct vmm vmm[SPAWN_MAX_VMMS];
	unsigned int n;
};

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Wait for what has ended, kill what should have, forget what concerns nobody any more. */
static void reap(struct helper *helper)
{
	for (unsigned int i = 0; i < helper->n;) {
		struct vmm *vmm = &helper->vmm[i];

		if (!vmm->ended)
			vmm->ended = waitpid(vmm->pid, &vmm->status, WNOHANG) == vmm->pid;
		if (!vmm->ended && vmm->told_to_end && now_ms() >= vmm->kill_at)
			kill(vmm->pid, SIGKILL);
		if (vmm->ended && (vmm->kept || vmm->told_to_end))
			*vmm = helper->vmm[--helper->n];
		else
			i++;
	}
}

static struct vmm *find(struct helper *helper, pid_t pid)
{
	for (unsigned int i = 0; i < helper->n; i++)
		if (helper->vmm[i].pid == pid)
			return &helper->vmm[i];
	return NULL;
}

static struct vmm *find_of_vm(struct helper *helper, const struct transport_id *vm)
{
	for (unsigned int i = 0; i < helper->n; i++)
		if (!helper->vmm[i].ended && transport_id_equal(&helper->vmm[i].request.vm, vm))
			return &helper->vmm[i];
	return NULL;
}

static int set_variables(const struct spawn_request *request)
{
	char session[TRANSPORT_ID_TEXT_SIZE], vm[TRANSPORT_ID_TEXT_SIZE];

	transport_id_print(&request->session, session);
	transport_id_print(&request->vm, vm);
	return setenv("MIGRATION_ID", session, 1) || setenv("VM_UUID", vm, 1) ||
			       setenv("CONTROL", request->control, 1)
		       ? -ENOMEM
		       : 0;
}

/* A session of its own; no signal is blocked or ignored there. */
static int set_signals(posix_spawnattr_t *attributes)
{
	sigset_t none, all;
	int ret;

	sigemptyset(&none);
	sigfillset(&all);
	ret = posix_spawnattr_setsigmask(attributes, &none);
	if (!ret)
		ret = posix_spawnattr_setsigdefault(attributes, &all);
	if (!ret)
		ret = posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETSID |
								   POSIX_SPAWN_SETSIGMASK |
								   POSIX_SPAWN_SETSIGDEF);
	return ret;
}

/* What it prints goes to UUID.log beside its socket: it may outlive whoever reads recv's. */
static int set_output(posix_spawn_file_actions_t *actions, const char *control)
{
	const size_t len = strlen(control), suffix = strlen(".sock");
	char log[SPAWN_PATH_SIZE + 8];
	int ret;

	snprintf(log, sizeof(log), "%.*s.log", (int)(len > suffix ? len - suffix : len), control);
	ret = posix_spawn_file_actions_addopen(actions, STDOUT_FILENO, log,
					       O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW, 0600);
	return ret ? ret : posix_spawn_file_actions_adddup2(actions, STDOUT_FILENO, STDERR_FILENO);
}

static int run(char *const *word, const char *control, pid_t *pid)
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	int ret = posix_spawnattr_init(&attributes);

	if (ret)
		return -ret;
	ret = posix_spawn_file_actions_init(&actions);
	if (ret) {
		posix_spawnattr_destroy(&attributes);
		return -ret;
	}
	ret = set_signals(&attributes);
	if (!ret)
		ret = set_output(&actions, control);
	if (!ret)
		ret = posix_spawnp(pid, word[0], &actions, &attributes, word, environ);
	posix_spawn_file_actions_destroy(&actions);
	posix_spawnattr_destroy(&attributes);
	return -ret;
}

/* One that was told to end does so now: on its way out it would remove the socket of the new one. */
static bool is_taken(struct helper *helper, const struct transport_id *vm)
{
	struct vmm *vmm = find_of_vm(helper, vm);

	if (!vmm || !vmm->told_to_end)
		return vmm != NULL;
	kill(vmm->pid, SIGKILL);
	vmm->ended = waitpid(vmm->pid, &vmm->status, 0) == vmm->pid;
	return !vmm->ended;
}

static struct spawn_answer start(struct helper *helper, const struct spawn_request *request)
{
	struct spawn_answer answer = { .ret = 0 };

	if (is_taken(helper, &request->vm))
		answer.ret = -EBUSY;
	else if (helper->n == SPAWN_MAX_VMMS)
		answer.ret = -E2BIG;
	else
		answer.ret = set_variables(request);
	/* What a dead VMM left there would be in the way of the new one. */
	if (!answer.ret)
		unlink(request->control);
	if (!answer.ret)
		answer.ret = run(helper->word, request->control, &answer.pid);
	if (!answer.ret)
		helper->vmm[helper->n++] =
			(struct vmm){ .pid = answer.pid, .request = *request, .users = 1 };
	return answer;
}

/* Another session has met it: what it was started for may come to nothing, and it must not end for that. */
static struct spawn_answer share(struct helper *helper, const struct spawn_request *request)
{
	struct vmm *vmm = find_of_vm(helper, &request->vm);

	if (!vmm)
		return (struct spawn_answer){ .pid = 0 };
	if (vmm->told_to_end)
		return (struct spawn_answer){ .ret = -EBUSY };
	vmm->users++;
	return (struct spawn_answer){ .pid = vmm->pid };
}

static void end(struct vmm *vmm)
{
	vmm->users--;
	if (vmm->users || vmm->kept)
		return;
	vmm->told_to_end = true;
	vmm->kill_at = now_ms() + PATIENCE_MS;
	unlink(vmm->request.control);
	if (!vmm->ended)
		kill(vmm->pid, SIGTERM);
}

static struct spawn_answer look(struct vmm *vmm)
{
	const pid_t pid = vmm->pid;

	for (int i = 0; i < LOOK_TRIES && !vmm->ended; i++) {
		vmm->ended = waitpid(pid, &vmm->status, WNOHANG) == pid;
		if (!vmm->ended)
			nanosleep(&(struct timespec){ .tv_nsec = 2000000 }, NULL);
	}
	return (struct spawn_answer){ .ret = vmm->ended ? -ECHILD : 0, .status = vmm->status };
}

static struct spawn_answer obey(struct helper *helper, const struct spawn_order *order)
{
	struct vmm *vmm = find(helper, order->pid);

	if (order->verb == SPAWN_START)
		return start(helper, &order->request);
	if (order->verb == SPAWN_SHARE)
		return share(helper, &order->request);
	if (!vmm)
		return (struct spawn_answer){ .ret = -ESRCH };
	if (order->verb == SPAWN_LOOK)
		return look(vmm);
	if (order->verb == SPAWN_KEEP)
		vmm->kept = true;
	if (order->verb == SPAWN_END)
		end(vmm);
	return (struct spawn_answer){ .ret = 0 };
}

/* Nothing that recv has open goes to a VMM. */
static void set_apart(int fd)
{
	const int null = open("/dev/null", O_RDWR);

	setsid();
	for (int number = STDIN_FILENO; null >= 0 && number <= STDERR_FILENO; number++)
		dup2(null, number);
	for (int number = 1; number < SIGRTMIN; number++)
		if (number == SIGINT || number == SIGHUP || number == SIGPIPE)
			signal(number, SIG_IGN);
	if (fd > STDERR_FILENO + 1)
		close_range(STDERR_FILENO + 1, (unsigned int)fd - 1, 0);
	close_range((unsigned int)fd + 1, ~0u, 0);
	unsetenv("NOTIFY_SOCKET");
	unsetenv("LISTEN_FDS");
	unsetenv("LISTEN_PID");
	unsetenv("LISTEN_FDNAMES");
}

void spawn_help(int fd, char *const *word)
{
	struct helper helper = { .word = word };
	struct pollfd pfd = { .fd = fd, .events = POLLIN };
	struct spawn_order order;
	struct spawn_answer answer;
	ssize_t n = 1;

	set_apart(fd);
	while (n != 0) {
		n = -1;
		if (poll(&pfd, 1, helper.n ? TICK_MS : -1) > 0)
			n = recv(fd, &order, sizeof(order), 0);
		reap(&helper);
		if (n != (ssize_t)sizeof(order))
			continue;
		answer = obey(&helper, &order);
		reap(&helper);
		if (send(fd, &answer, sizeof(answer), MSG_NOSIGNAL) < 0)
			break;
	}
	_exit(EXIT_SUCCESS);
}
