// SPDX-License-Identifier: Apache-2.0
#include "confine.h"

#include <errno.h>
#include <linux/sched.h>
#include <seccomp.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define HAS_SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define HAS_SANITIZER 1
#endif
#endif

/* What a mover that listens, talks, waits and keeps its ledger calls. A name that this machine lacks is passed over. */
static const char *const allowed[] = {
	/* memory */
	"brk",
	"madvise",
	"memfd_create",
	"mremap",
	"munmap",
	/* files: the ledger, locks, metrics, what a realm's pages are kept in */
	"access",
	"close",
	"copy_file_range",
	"creat",
	"dup",
	"dup2",
	"dup3",
	"faccessat",
	"faccessat2",
	"fadvise64",
	"fallocate",
	"fchmod",
	"fchmodat",
	"fchown",
	"fcntl",
	"fdatasync",
	"flock",
	"fstat",
	"fstatfs",
	"fsync",
	"ftruncate",
	"getcwd",
	"getdents64",
	"lseek",
	"lstat",
	"mkdir",
	"mkdirat",
	"newfstatat",
	"open",
	"openat",
	"pread64",
	"preadv",
	"pwrite64",
	"pwritev",
	"read",
	"readlink",
	"readlinkat",
	"readv",
	"rename",
	"renameat",
	"renameat2",
	"rmdir",
	"sendfile",
	"stat",
	"statfs",
	"statx",
	"umask",
	"unlink",
	"unlinkat",
	"utimensat",
	"write",
	"writev",
	/* sockets, but socket(2) itself */
	"accept",
	"accept4",
	"bind",
	"connect",
	"getpeername",
	"getsockname",
	"getsockopt",
	"listen",
	"recvfrom",
	"recvmmsg",
	"recvmsg",
	"sendmmsg",
	"sendmsg",
	"sendto",
	"setsockopt",
	"shutdown",
	"socketpair",
	/* waiting */
	"epoll_create1",
	"epoll_ctl",
	"epoll_pwait",
	"epoll_wait",
	"eventfd2",
	"pipe2",
	"poll",
	"ppoll",
	"pselect6",
	"select",
	"signalfd4",
	"timerfd_create",
	"timerfd_settime",
	/* threads and signals of its own */
	"exit",
	"exit_group",
	"futex",
	"get_robust_list",
	"getpid",
	"getppid",
	"gettid",
	"membarrier",
	"restart_syscall",
	"rseq",
	"rt_sigaction",
	"rt_sigpending",
	"rt_sigprocmask",
	"rt_sigreturn",
	"rt_sigtimedwait",
	"sched_getaffinity",
	"sched_yield",
	"set_robust_list",
	"set_tid_address",
	"sigaltstack",
	"tgkill",
	"wait4",
	"waitid",
	/* time */
	"clock_getres",
	"clock_gettime",
	"clock_nanosleep",
	"gettimeofday",
	"nanosleep",
	"time",
	/* who and where it is */
	"getegid",
	"geteuid",
	"getgid",
	"getrandom",
	"getresgid",
	"getresuid",
	"getrlimit",
	"getrusage",
	"getuid",
	"prlimit64",
	"sysinfo",
	"uname",
};

/* Nothing here ever comes to these by itself: who calls them is not us any more. */
static const char *const deadly[] = {
	"add_key",
	"bpf",
	"chroot",
	"delete_module",
	"execve",
	"execveat",
	"finit_module",
	"init_module",
	"io_uring_setup",
	"kexec_load",
	"keyctl",
	"mount",
	"move_mount",
	"open_by_handle_at",
	"perf_event_open",
	"personality",
	"pivot_root",
	"process_vm_readv",
	"process_vm_writev",
	"ptrace",
	"reboot",
	"request_key",
	"setns",
	"setuid",
	"setgid",
	"setresuid",
	"setresgid",
	"setreuid",
	"setregid",
	"swapon",
	"umount2",
	"unshare",
	"userfaultfd",
};

/* Allowed where one argument is as it should be. */
static const struct {
	const char *call;
	struct scmp_arg_cmp argument;
} conditional[] = {
#define EQUAL(number, value)                                \
	{                                                   \
		(number), SCMP_CMP_EQ, (uint64_t)(value), 0 \
	}
#define WITHOUT(number, bits)                                     \
	{                                                         \
		(number), SCMP_CMP_MASKED_EQ, (uint64_t)(bits), 0 \
	}
	/* No code that was not there when it began. */
	{ "mmap", WITHOUT(2, PROT_EXEC) },
	{ "mprotect", WITHOUT(1, PROT_EXEC) },
	/* Threads, and no namespaces of their own. */
	{ "clone", WITHOUT(0, CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWPID |
				      CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP) },
	{ "socket", EQUAL(0, AF_UNIX) },
	{ "socket", EQUAL(0, AF_INET) },
	{ "socket", EQUAL(0, AF_INET6) },
	{ "ioctl", EQUAL(1, TCGETS) },
	{ "ioctl", EQUAL(1, TIOCGWINSZ) },
	{ "ioctl", EQUAL(1, FIONREAD) },
	{ "ioctl", EQUAL(1, FIONBIO) },
	{ "prctl", EQUAL(0, PR_SET_NAME) },
};

static int add(scmp_filter_ctx filter, uint32_t action, const char *call)
{
	const int number = seccomp_syscall_resolve_name(call);

	return number == __NR_SCMP_ERROR ? 0 : seccomp_rule_add(filter, action, number, 0);
}

static int add_all(scmp_filter_ctx filter, bool may_kill)
{
	int ret = 0;

	for (size_t i = 0; i < ARRAY_SIZE(allowed) && !ret; i++)
		ret = add(filter, SCMP_ACT_ALLOW, allowed[i]);
	for (size_t i = 0; i < ARRAY_SIZE(deadly) && !ret; i++)
		ret = add(filter, SCMP_ACT_KILL_PROCESS, deadly[i]);
	for (size_t i = 0; i < ARRAY_SIZE(conditional) && !ret; i++)
		ret = seccomp_rule_add_array(filter, SCMP_ACT_ALLOW,
					     seccomp_syscall_resolve_name(conditional[i].call), 1,
					     &conditional[i].argument);
	/* Its flags cannot be looked at; the C library takes clone instead (clone(2)). */
	if (!ret)
		ret = add(filter, SCMP_ACT_ERRNO(ENOSYS), "clone3");
	if (!ret && may_kill)
		ret = add(filter, SCMP_ACT_ALLOW, "kill");
	return ret;
}

static int load_filter(bool may_kill)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));
	int ret = filter ? add_all(filter, may_kill) : -ENOMEM;

	if (!ret)
		ret = seccomp_load(filter);
	seccomp_release(filter);
	return ret;
}

int confine_process(bool may_kill, struct failure *failure)
{
	int ret = prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ? -errno : 0;

#ifdef HAS_SANITIZER
	(void)load_filter;
	(void)may_kill;
#else
	if (!ret)
		ret = load_filter(may_kill);
#endif
	return ret ? failure_io(failure, "system call filter", -ret) : 0;
}
