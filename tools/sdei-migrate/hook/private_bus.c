// SPDX-License-Identifier: Apache-2.0
#include "private_bus.h"

#include "common/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define START_MS 20000

/*
 * Of the two users who get in, anybody may talk to anybody (without the receive rules QEMU's connection hangs), but
 * only one name can be had. dbus-daemon(1), "policy".
 */
static const char config[] =
	"<!DOCTYPE busconfig PUBLIC \"-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN\"\n"
	" \"http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd\">\n"
	"<busconfig>\n"
	"  <listen>%s</listen>\n"
	"  <auth>EXTERNAL</auth>\n"
	"  <policy context=\"default\">\n"
	"    <deny user=\"*\"/>\n"
	"    <allow user=\"%u\"/>\n"
	"    <allow user=\"%u\"/>\n"
	"    <allow send_destination=\"*\"/>\n"
	"    <allow receive_sender=\"*\"/>\n"
	"    <allow own=\"org.qemu.VMState1\"/>\n"
	"  </policy>\n"
	"</busconfig>\n";

static int find_user(const char *user, uid_t *uid, struct failure *failure)
{
	const struct passwd *found;
	char *end;

	*uid = geteuid();
	if (!user)
		return 0;
	found = getpwnam(user);
	*uid = found ? found->pw_uid : (uid_t)strtoul(user, &end, 10);
	if (found || (*user && !*end))
		return 0;
	return failure_set(failure, SDEISTATE_USAGE, -EINVAL, "command line", "--bus-user",
			   "a user of this host", user);
}

static int write_config(const char *address, uid_t user, int *made, struct failure *failure)
{
	OWNED_FD int fd = memfd_create("bus", 0);

	if (strpbrk(address, "<>&\"';"))
		return failure_set(failure, SDEISTATE_USAGE, -EINVAL, "command line", "--bus",
				   "one address to listen at", address);
	if (fd < 0 || dprintf(fd, config, address, (unsigned int)geteuid(), (unsigned int)user) < 0)
		return failure_io(failure, "memory file", errno);
	*made = fd;
	fd = -1;
	return 0;
}

/* In the child: nothing of the helper's but the two descriptors, and not a moment longer than it. */
static void become_bus(char *const argv[], pid_t helper)
{
	sigset_t none;

	/* Signals are blocked in the helper, because a thread waits for them; the bus takes its own. */
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	if (prctl(PR_SET_PDEATHSIG, SIGTERM) == 0 && getppid() == helper && setpgid(0, 0) == 0 &&
	    dup2(STDERR_FILENO, STDOUT_FILENO) >= 0)
		execvp(argv[0], argv);
	_exit(127);
}

static int spawn(int config_fd, int ready_fd, struct private_bus *bus, struct failure *failure)
{
	char file[48], print[48];
	char *const argv[] = { (char[]){ "dbus-daemon" },
			       (char[]){ "--nofork" },
			       (char[]){ "--nopidfile" },
			       file,
			       print,
			       NULL };
	const pid_t helper = getpid();

	snprintf(file, sizeof(file), "--config-file=/proc/self/fd/%d", config_fd);
	snprintf(print, sizeof(print), "--print-address=%d", ready_fd);
	bus->pid = fork();
	if (bus->pid == 0)
		become_bus(argv, helper);
	return bus->pid < 0 ? failure_io(failure, "dbus-daemon", errno) : 0;
}

int private_bus_start(const char *address, const char *user, struct private_bus *bus,
		      struct failure *failure)
{
	OWNED_FD int config_fd = -1;
	OWNED_FD int read_fd = -1;
	int ready[2];
	char line[256];
	uid_t uid;
	int ret = find_user(user, &uid, failure);

	if (!ret)
		ret = write_config(address, uid, &config_fd, failure);
	if (ret)
		return ret;
	if (pipe(ready))
		return failure_io(failure, "pipe", errno);
	read_fd = ready[0];
	fcntl(read_fd, F_SETFD, FD_CLOEXEC);
	ret = spawn(config_fd, ready[1], bus, failure);
	close(ready[1]);
	if (ret)
		return ret;
	if (poll(&(struct pollfd){ .fd = read_fd, .events = POLLIN }, 1, START_MS) > 0 &&
	    read(read_fd, line, sizeof(line)) > 0)
		return 0;
	return failure_set(failure, SDEISTATE_PEER, -ECONNREFUSED, "dbus-daemon", "address",
			   "a bus that listens at --bus", "none");
}

void private_bus_stop(struct private_bus *bus)
{
	if (bus->pid <= 0)
		return;
	kill(bus->pid, SIGTERM);
	waitpid(bus->pid, NULL, 0);
	bus->pid = 0;
}
