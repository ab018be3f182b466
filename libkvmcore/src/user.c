// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE /* process_vm_readv() */
#include "user.h"

#include <errno.h>
#include <stdbool.h>
#include <sys/uio.h>
#include <unistd.h>

/*
 * The kernel copies for us and says EFAULT where a load or store of our own would end the process:
 * what copy_from_user() and copy_to_user() are to the ioctls that this library models.
 */
typedef ssize_t copy_fn(pid_t pid, const struct iovec *local, unsigned long n_local,
			const struct iovec *remote, unsigned long n_remote, unsigned long flags);

static int copy(copy_fn *move, void *here, uint64_t there, size_t len)
{
	struct iovec local = { here, len }, remote = { (void *)(uintptr_t)there, len };
	pid_t self;

	if (len == 0)
		return 0;
	if (there == 0 || there + len < there)
		return -EFAULT;
	self = getpid();
	while (remote.iov_len) {
		ssize_t n = move(self, &local, 1, &remote, 1, 0);

		if (n <= 0)
			return -EFAULT;
		local.iov_base = (char *)local.iov_base + n;
		remote.iov_base = (char *)remote.iov_base + n;
		local.iov_len -= (size_t)n;
		remote.iov_len -= (size_t)n;
	}
	return 0;
}

int user_read(void *to, uint64_t from, size_t len)
{
	return copy(process_vm_readv, to, from, len);
}

int user_write(uint64_t to, const void *from, size_t len)
{
	return copy(process_vm_writev, (void *)(uintptr_t)from, to, len);
}
