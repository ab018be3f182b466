/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SDEI_MIGRATE_THREAD_H
#define SDEI_MIGRATE_THREAD_H

#include <pthread.h>

/**
 * thread_start() - run @run in a thread of its own, to be joined
 *
 * Its stack is 1 MiB: a stack counts as memory of the process, used or not, and there may be many. Return: 0; a
 * positive errno, as pthread_create().
 */
int thread_start(pthread_t *thread, void *(*run)(void *arg), void *arg);

#endif
