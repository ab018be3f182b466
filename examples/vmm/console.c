// SPDX-License-Identifier: Apache-2.0
/*
 * What the guest writes to its UART, on standard output. A thread of its own writes it, so that a reader who stops
 * reading stops neither the guest nor the control socket; what finds no room meanwhile is lost, and told.
 */
#include "vmm.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define ROOM    65536u
#define LINE_NS 20000000 /* how long the rest of a line is waited for */
#define LAST_S  1        /* how long a reader is waited for at the end */

struct console {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	pthread_t thread;
	bool ending, written;
	uint32_t first, n;
	unsigned long lost;
	uint8_t ring[ROOM];
};

static void soon(struct timespec *time, long seconds, long ns)
{
	clock_gettime(CLOCK_MONOTONIC, time);
	time->tv_sec += seconds + (time->tv_nsec + ns) / 1000000000;
	time->tv_nsec = (time->tv_nsec + ns) % 1000000000;
}

/* A line at a time rather than a byte. Return: bytes at *@from that are there to be written, 0 at the end. With the lock */
static uint32_t wait_for_text(struct console *console, const uint8_t **from)
{
	struct timespec end;

	while (!console->n && !console->ending)
		pthread_cond_wait(&console->changed, &console->lock);
	soon(&end, 0, LINE_NS);
	if (!console->ending)
		pthread_cond_clockwait(&console->changed, &console->lock, CLOCK_MONOTONIC, &end);
	*from = console->ring + console->first;
	return console->n < ROOM - console->first ? console->n : ROOM - console->first;
}

static void *write_main(void *opaque)
{
	struct console *console = opaque;
	const uint8_t *from;
	uint32_t n;

	pthread_mutex_lock(&console->lock);
	while ((n = wait_for_text(console, &from))) {
		ssize_t done;

		pthread_mutex_unlock(&console->lock);
		done = write(STDOUT_FILENO, from, n);
		pthread_mutex_lock(&console->lock);
		if (done < 0 && errno != EINTR) {
			done = n; /* nobody will ever read it */
			console->lost += n;
		}
		n = done > 0 ? (uint32_t)done : 0;
		console->first = (console->first + n) % ROOM;
		console->n -= n;
	}
	console->written = true;
	pthread_cond_broadcast(&console->changed);
	pthread_mutex_unlock(&console->lock);
	return NULL;
}

void console_put(struct vmm *vmm, uint8_t byte)
{
	struct console *console = vmm->console;

	pthread_mutex_lock(&console->lock);
	if (console->n < ROOM)
		console->ring[(console->first + console->n++) % ROOM] = byte;
	else
		console->lost++;
	if (console->n == 1 || byte == '\n')
		pthread_cond_broadcast(&console->changed);
	pthread_mutex_unlock(&console->lock);
}

int console_open(struct vmm *vmm)
{
	struct console *console = calloc(1, sizeof(*console));
	int ret;

	if (!console)
		return -ENOMEM;
	pthread_mutex_init(&console->lock, NULL);
	pthread_cond_init(&console->changed, NULL);
	ret = -pthread_create(&console->thread, NULL, write_main, console);
	if (ret)
		free(console);
	else
		vmm->console = console;
	return ret;
}

/* A thread that still stands in write() is let go with the process. */
static bool finish(struct console *console)
{
	struct timespec end;
	int ret = 0;

	soon(&end, LAST_S, 0);
	pthread_mutex_lock(&console->lock);
	console->ending = true;
	pthread_cond_broadcast(&console->changed);
	while (!console->written && !ret)
		ret = pthread_cond_clockwait(&console->changed, &console->lock, CLOCK_MONOTONIC,
					     &end);
	console->lost += console->n;
	pthread_mutex_unlock(&console->lock);
	return !ret;
}

void console_close(struct vmm *vmm)
{
	struct console *console = vmm->console;
	bool written;

	if (!console)
		return;
	written = finish(console);
	if (console->lost)
		vmm_say("%lu bytes of the console are lost: nobody read them", console->lost);
	vmm->console = NULL;
	if (!written)
		return;
	pthread_join(console->thread, NULL);
	free(console);
}
