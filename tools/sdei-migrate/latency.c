// SPDX-License-Identifier: Apache-2.0
#include "latency.h"

#include <fcntl.h>
#include <stdint.h>
#include <unistd.h>

/* Linux, Documentation/power/pm_qos_interface.rst: a 32-bit number of microseconds, in force while the file is open. */
int latency_hold(void)
{
	const int32_t none = 0;
	const int fd = open("/dev/cpu_dma_latency", O_WRONLY | O_CLOEXEC);

	if (fd > 0 && write(fd, &none, sizeof(none)) == sizeof(none))
		return fd;
	if (fd > 0)
		close(fd);
	return 0;
}

int latency_release(int fd)
{
	if (fd > 0)
		close(fd);
	return 0;
}
