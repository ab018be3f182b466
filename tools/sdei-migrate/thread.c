// SPDX-License-Identifier: Apache-2.0
#include "thread.h"

#define STACK_SIZE (1u << 20) /* bytes */

int thread_start(pthread_t *thread, void *(*run)(void *arg), void *arg)
{
	pthread_attr_t attr;
	int ret = pthread_attr_init(&attr);

	if (ret)
		return ret;
	ret = pthread_attr_setstacksize(&attr, STACK_SIZE);
	if (!ret)
		ret = pthread_create(thread, &attr, run, arg);
	pthread_attr_destroy(&attr);
	return ret;
}
