// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE
#include "memfd.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define SEALS (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)

static int write_all(int fd, const uint8_t *data, size_t len)
{
	while (len) {
		const ssize_t n = write(fd, data, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		data += n;
		len -= (size_t)n;
	}
	return 0;
}

int memfd_make(const void *data, size_t len, int *fd)
{
	int ret, made = memfd_create("sdei-state", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (made < 0)
		return -errno;
	ret = write_all(made, data, len);
	if (!ret && fcntl(made, F_ADD_SEALS, SEALS) < 0)
		ret = -errno;
	if (ret)
		close(made);
	else
		*fd = made;
	return ret;
}

int memfd_map(int fd, size_t len, const uint8_t **data)
{
	const int seals = fcntl(fd, F_GET_SEALS);
	struct stat st;
	void *map;

	if (seals < 0 || (seals & (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)) !=
				 (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE))
		return -EPERM;
	if (fstat(fd, &st) < 0)
		return -errno;
	if (st.st_size < 0 || (size_t)st.st_size != len || len == 0)
		return -EMSGSIZE;
	map = mmap(NULL, len, PROT_READ, MAP_PRIVATE, fd, 0);
	if (map == MAP_FAILED)
		return -errno;
	*data = map;
	return 0;
}

void memfd_unmap(const uint8_t *data, size_t len)
{
	if (data)
		munmap((void *)(uintptr_t)data, len);
}
