// SPDX-License-Identifier: Apache-2.0
#include "confine.h"
#include "support/check.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define SANITIZED 77

static void *nothing(void *arg)
{
	return arg;
}

static int no_kill(void)
{
	return kill(getpid(), 0) < 0 && errno == EPERM ? 0 : 1;
}

static int ordinary(void)
{
	const int fd = open("/dev/null", O_RDWR), made = socket(AF_INET, SOCK_STREAM, 0);
	pthread_t thread;

	return fd >= 0 && made >= 0 && write(fd, "a", 1) == 1 &&
			       pthread_create(&thread, NULL, nothing, NULL) == 0 &&
			       pthread_join(thread, NULL) == 0
		       ? 0
		       : 1;
}

static int no_new_code(void)
{
	return mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) ==
				       MAP_FAILED &&
			       errno == EPERM
		       ? 0
		       : 1;
}

static int no_packets(void)
{
	return socket(AF_PACKET, SOCK_RAW, 0) < 0 && errno == EPERM ? 0 : 1;
}

static int no_privileges(void)
{
	return prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) < 0 && errno == EPERM ? 0 : 1;
}

static int no_other_program(void)
{
	execl("/bin/true", "true", NULL);
	return 1;
}

static int no_namespace(void)
{
	return unshare(CLONE_NEWUSER) < 0 ? 2 : 1;
}

/* What a confined process comes to; a signal is negative. */
static int run_confined(int (*run)(void), bool may_kill)
{
	const pid_t pid = fork();
	struct failure failure;
	int status = 0;

	if (pid == 0) {
		if (confine_process(may_kill, &failure))
			_exit(99);
		_exit(run());
	}
	waitpid(pid, &status, 0);
	return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

static void test_what_a_mover_needs_goes_on(void)
{
	CHECK(run_confined(ordinary, false) == 0, "files, sockets and threads");
}

static void test_what_it_does_not_need_is_refused(void)
{
	CHECK(run_confined(no_new_code, false) == 0, "memory with new code in it");
	CHECK(run_confined(no_packets, false) == 0, "raw packets");
	CHECK(run_confined(no_kill, false) == 0, "signals to others");
	CHECK(run_confined(no_kill, true) == 1, "unless it has to end a command");
	CHECK(run_confined(no_privileges, false) == 0, "prctl beyond a thread's name");
}

static void test_what_nobody_calls_by_mistake_ends_it(void)
{
	CHECK(run_confined(no_other_program, false) == -SIGSYS, "another program");
	CHECK(run_confined(no_namespace, false) == -SIGSYS, "a namespace of its own");
}

/* Is there a filter in this build? A sanitizer's runtime does not live with one. */
static int has_filter(void)
{
	char line[128];
	FILE *status = fopen("/proc/self/status", "re");
	int mode = 0;

	while (status && fgets(line, sizeof(line), status))
		if (sscanf(line, "Seccomp: %d", &mode) == 1)
			break;
	return mode == 2 ? 0 : SANITIZED;
}

int main(void)
{
	if (run_confined(has_filter, false) == SANITIZED)
		return SKIP_TESTS("this build has a sanitizer and therefore no filter");
	return RUN_TESTS(test_what_a_mover_needs_goes_on, test_what_it_does_not_need_is_refused,
			 test_what_nobody_calls_by_mistake_ends_it);
}
