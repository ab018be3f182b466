// SPDX-License-Identifier: Apache-2.0
/*
 * A wall clock that a test can set, for LD_PRELOAD: the real one plus the seconds that the file of CLOCK_OFFSET holds
 * now. The monotonic clock is left alone, as the kernel leaves it when somebody sets the time.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define EXPORTED __attribute__((visibility("default")))

/* What the program calls by these names; the headers' own declarations stay as they are. */
EXPORTED int set_clock_gettime(clockid_t clock, struct timespec *now) __asm__("clock_gettime");
EXPORTED int set_gettimeofday(struct timeval *restrict now,
			      void *restrict zone) __asm__("gettimeofday");
EXPORTED time_t set_time(time_t *where) __asm__("time");

static const volatile int64_t *offset;

__attribute__((constructor)) static void map_offset(void)
{
	const char *path = getenv("CLOCK_OFFSET");
	const int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	void *map = fd < 0 ? MAP_FAILED : mmap(NULL, sizeof(*offset), PROT_READ, MAP_SHARED, fd, 0);

	if (map != MAP_FAILED)
		offset = map;
	if (fd >= 0)
		close(fd);
}

int set_clock_gettime(clockid_t clock, struct timespec *now)
{
	const long ret = syscall(SYS_clock_gettime, clock, now);

	if (ret == 0 && clock == CLOCK_REALTIME && offset)
		now->tv_sec += *offset;
	return (int)ret;
}

int set_gettimeofday(struct timeval *restrict now, void *restrict zone)
{
	struct timespec ts;
	const int ret = set_clock_gettime(CLOCK_REALTIME, &ts);

	(void)zone;
	*now = (struct timeval){ .tv_sec = ts.tv_sec, .tv_usec = ts.tv_nsec / 1000 };
	return ret;
}

time_t set_time(time_t *where)
{
	struct timespec ts = { .tv_sec = -1 };

	set_clock_gettime(CLOCK_REALTIME, &ts);
	if (where)
		*where = ts.tv_sec;
	return ts.tv_sec;
}
