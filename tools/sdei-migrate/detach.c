// SPDX-License-Identifier: Apache-2.0
#include "detach.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

char *detach_log(const char *state, const struct transport_id *session)
{
	OWNED_MEMORY char *folder = NULL;
	char id[TRANSPORT_ID_TEXT_SIZE], *path = NULL;
	struct failure failure;

	if (tool_state_path(state, &folder, &failure))
		return NULL;
	transport_id_print(session, id);
	return asprintf(&path, "%s/send-%s.log", folder, id) < 0 ? NULL : path;
}

/* What the child says when it leaves: the session's id, as bytes. */
static bool hear(int fd, struct transport_id *session)
{
	ssize_t n;

	do
		n = read(fd, session->bytes, sizeof(session->bytes));
	while (n < 0 && errno == EINTR);
	return n == (ssize_t)sizeof(session->bytes);
}

static int exit_of(pid_t child)
{
	int status;

	while (waitpid(child, &status, 0) < 0 && errno == EINTR)
		;
	return WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_CODE_FAILURE;
}

static json_t *says(pid_t child, const struct transport_id *session)
{
	char id[TRANSPORT_ID_TEXT_SIZE];

	transport_id_print(session, id);
	return json_pack("{s:s, s:i, s:s, s:s, s:i}", "reason", "ok", "exit", 0, "session", id,
			 "state", "detached", "pid", (int)child);
}

/* Ctrl-C is the child's to answer; it hears it, too. */
static int wait_for(struct tool *tool, pid_t child, int fd)
{
	struct transport_id session;
	bool left;

	signal(SIGINT, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	left = hear(fd, &session);
	close(fd);
	return left ? tool_result(tool, says(child, &session)) : exit_of(child);
}

int detach_begin(struct detach *detach, struct tool *tool, int *code, struct failure *failure)
{
	int ends[2];
	pid_t child;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return failure_io(failure, "pipe", errno);
	child = fork();
	if (child < 0) {
		close(ends[0]);
		close(ends[1]);
		return failure_io(failure, "background command", errno);
	}
	if (child == 0) {
		close(ends[0]);
		detach->tell_fd = ends[1];
		/* Who kills the command that waits means this one. */
		prctl(PR_SET_PDEATHSIG, SIGTERM);
		return 0;
	}
	close(ends[1]);
	*code = wait_for(tool, child, ends[0]);
	return 1;
}

static int take_output(int fd)
{
	OWNED_FD int nothing = open("/dev/null", O_RDONLY | O_CLOEXEC);

	if (nothing < 0 || dup2(nothing, STDIN_FILENO) < 0 || dup2(fd, STDOUT_FILENO) < 0 ||
	    dup2(fd, STDERR_FILENO) < 0)
		return -errno;
	return 0;
}

int detach_leave(struct detach *detach, struct tool *tool, const char *state,
		 const struct transport_id *session, struct failure *failure)
{
	OWNED_MEMORY char *path = detach_log(state, session);
	OWNED_FD int fd =
		path ? open(path, O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_NOFOLLOW | O_CLOEXEC,
			    0600)
		     : -1;
	ssize_t n;

	if (fd < 0)
		return failure_io(failure, path ? path : "log", path ? errno : ENOMEM);
	prctl(PR_SET_PDEATHSIG, 0);
	n = write(detach->tell_fd, session->bytes, sizeof(session->bytes));
	close(detach->tell_fd);
	detach->wanted = false;
	if (n != (ssize_t)sizeof(session->bytes))
		return failure_io(failure, "command", EPIPE);
	setsid();
	/* The log is lines of JSON; nobody is there to be talked to. */
	tool->json = true;
	tool->quiet = true;
	return take_output(fd) ? failure_io(failure, path, errno) : 0;
}
