// SPDX-License-Identifier: GPL-2.0-only
#include <linux/math64.h>

#include <asm/arch_timer.h>

#include "watch.h"

u64 bench_calls(u32 function, u64 a, u64 b, unsigned int n)
{
	const u64 begin = arch_timer_read_counter();
	unsigned int i;

	for (i = 0; i < n; i++)
		smccc(function, a, b);
	return div64_u64((u64)n * arch_timer_get_cntfrq(), arch_timer_read_counter() - begin);
}
