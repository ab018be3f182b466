/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A tight loop in which every register has a known value: whatever interrupts it has to bring all of them
 * back. The stack pointer is checked by the way home.
 */
#include <linux/linkage.h>
#include "watch.h"

	.macro	number reg, n
	mov	\reg, #(WATCH_VALUE(\n) & 0xffff)
	movk	\reg, #((WATCH_VALUE(\n) >> 16) & 0xffff), lsl #16
	movk	\reg, #((WATCH_VALUE(\n) >> 32) & 0xffff), lsl #32
	movk	\reg, #((WATCH_VALUE(\n) >> 48) & 0xffff), lsl #48
	.endm

	.text
SYM_FUNC_START(sdei_watch_loop)
	stp	x29, x30, [sp, #-128]!
	stp	x19, x20, [sp, #16]
	stp	x21, x22, [sp, #32]
	stp	x23, x24, [sp, #48]
	stp	x25, x26, [sp, #64]
	stp	x27, x28, [sp, #80]
	stp	x18, x0, [sp, #96]
	.irp	n, 2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30
	number	x\n, \n
	.endr
	mov	x1, #0
	cmp	xzr, xzr		/* Z and C; nothing in the loop writes flags */
SYM_INNER_LABEL(sdei_watch_hold, SYM_L_GLOBAL)
1:	add	x1, x1, #1
	sub	x0, x0, #1
	cbnz	x0, 1b
SYM_INNER_LABEL(sdei_watch_hold_end, SYM_L_GLOBAL)
	mrs	x0, nzcv		/* from here on x0 gathers what differs */
	eor	x0, x0, #WATCH_NZCV
	str	x1, [sp, #112]
	.irp	n, 2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30
	number	x1, \n
	eor	x1, x1, x\n
	orr	x0, x0, x1
	.endr
	ldr	x1, [sp, #112]
	ldp	x18, x2, [sp, #96]
	eor	x1, x1, x2
	orr	x0, x0, x1
	ldp	x27, x28, [sp, #80]
	ldp	x25, x26, [sp, #64]
	ldp	x23, x24, [sp, #48]
	ldp	x21, x22, [sp, #32]
	ldp	x19, x20, [sp, #16]
	ldp	x29, x30, [sp], #128
	ret
SYM_FUNC_END(sdei_watch_loop)
