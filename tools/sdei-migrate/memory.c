// SPDX-License-Identifier: Apache-2.0
#include "memory.h"

#include <malloc.h>

#define KEPT (64 << 20)
/* The largest that mallopt(3) takes where long has 64 bits; states are at most 24 MiB. */
#define LARGEST (32 << 20)

void memory_keep(void)
{
	mallopt(M_MMAP_THRESHOLD, LARGEST);
	mallopt(M_TRIM_THRESHOLD, KEPT);
}

void memory_return(void)
{
	malloc_trim(0);
}
