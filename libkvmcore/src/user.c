// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE /* process_vm_readv() */
#include "user.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

/*
 * What copy_from_user() and copy_to_user() are to the ioctls that this library models: a wrong address
 * gives EFAULT and not the end of the process. Only the kernel can tell, and there are two ways to ask:
 *   - short copies: a system call that reads or writes a few bytes at an address and does nothing else
 *     is tried on each page, then memcpy() does the work;
 *   - long ones: process_vm_readv() and process_vm_writev() on ourselves, which cost eight times as
 *     much to begin with. Where a sandbox forbids them the short way serves any length.
 * Memory that another thread unmaps in between is beyond both this and the promise.
 */
#define PAGE        4096u
#define SHORT_PAGES 8u
#define WORD        8u

_Static_assert(_NSIG / 8 >= WORD, "a signal set has as many bytes as are looked at");

/* Reads one signal set; the unknown `how` is refused afterwards, so nothing happens. */
static bool can_read(uintptr_t at)
{
	return syscall(SYS_rt_sigprocmask, -1, at & ~(uintptr_t)(WORD - 1), NULL, WORD) == 0 ||
	       errno != EFAULT;
}

/* Stores this thread's signal set, which the copy overwrites. */
static bool can_write_word(uintptr_t at)
{
	return syscall(SYS_rt_sigprocmask, SIG_BLOCK, NULL, at, WORD) == 0;
}

/* Stores less than a word: random bytes, which the copy overwrites. */
static bool can_write_bytes(uintptr_t at, size_t len)
{
	const long n = syscall(SYS_getrandom, at, len, GRND_NONBLOCK);

	return n < 0 ? errno != EFAULT : (size_t)n == len;
}

/* The first byte of the page behind @at. */
static uintptr_t next_page(uintptr_t at)
{
	return (at | (PAGE - 1)) + 1;
}

static bool is_readable(uintptr_t from, size_t len)
{
	for (uintptr_t at = from; at - from < len; at = next_page(at))
		if (!can_read(at))
			return false;
	return true;
}

/* Every word that is tried lies inside the range, the last one perhaps moved back a little. */
static bool is_writable(uintptr_t to, size_t len)
{
	if (len < WORD)
		return can_write_bytes(to, len);
	for (uintptr_t at = to; at - to < len; at = next_page(at))
		if (!can_write_word(at - to > len - WORD ? to + len - WORD : at))
			return false;
	return true;
}

typedef ssize_t copy_fn(pid_t pid, const struct iovec *local, unsigned long n_local,
			const struct iovec *remote, unsigned long n_remote, unsigned long flags);

/* Return: 0; -EFAULT; -EPERM if this way is closed */
static int copy_long(copy_fn *move, void *here, uint64_t there, size_t len)
{
	struct iovec local = { here, len }, remote = { (void *)(uintptr_t)there, len };
	const pid_t self = getpid();

	while (remote.iov_len) {
		const ssize_t n = move(self, &local, 1, &remote, 1, 0);

		if (n < 0 && errno != EFAULT)
			return -EPERM;
		if (n <= 0)
			return -EFAULT;
		local.iov_base = (char *)local.iov_base + n;
		remote.iov_base = (char *)remote.iov_base + n;
		local.iov_len -= (size_t)n;
		remote.iov_len -= (size_t)n;
	}
	return 0;
}

/* Asked several times per ioctl: where the thread's block is known needs no call to find out. */
static _Thread_local __attribute__((tls_model("initial-exec"))) bool is_vouched;

bool user_vouch(bool vouched)
{
	const bool before = is_vouched;

	is_vouched = vouched;
	return before;
}

static bool is_address(uint64_t at, size_t len)
{
	return at >= PAGE && at + len >= at;
}

void *user_borrow(uint64_t at, size_t len)
{
	if (!is_vouched || !is_address(at, len) || at % WORD)
		return NULL;
	return (void *)(uintptr_t)at;
}

int user_read(void *to, uint64_t from, size_t len)
{
	int ret = -EPERM;

	if (len == 0)
		return 0;
	if (!is_address(from, len))
		return -EFAULT;
	if (!is_vouched && len > SHORT_PAGES * PAGE)
		ret = copy_long(process_vm_readv, to, from, len);
	if (ret != -EPERM)
		return ret;
	if (!is_vouched && !is_readable((uintptr_t)from, len))
		return -EFAULT;
	memcpy(to, (const void *)(uintptr_t)from, len);
	return 0;
}

int user_write(uint64_t to, const void *from, size_t len)
{
	int ret = -EPERM;

	if (len == 0)
		return 0;
	if (!is_address(to, len))
		return -EFAULT;
	if (!is_vouched && len > SHORT_PAGES * PAGE)
		ret = copy_long(process_vm_writev, (void *)(uintptr_t)from, to, len);
	if (ret != -EPERM)
		return ret;
	if (!is_vouched && !is_writable((uintptr_t)to, len))
		return -EFAULT;
	memcpy((void *)(uintptr_t)to, from, len);
	return 0;
}
