/* SPDX-License-Identifier: Apache-2.0 */
/*
 * uint64_t hold(uint64_t turns): a loop at EL0 with a known value in each of x2..x30, v0..v31 and the flags; x0 counts
 * down, x1 up. Returns 0 if all of them held.
 */
#define VALUE(n) ((n) * 0x0003000100020000 + (n) * 0x111 + 0x0e10)
#define FLAGS    0x90000000		/* N and V */

	.macro	number reg, n
	mov	\reg, #(VALUE(\n) & 0xffff)
	movk	\reg, #((VALUE(\n) >> 16) & 0xffff), lsl #16
	movk	\reg, #((VALUE(\n) >> 32) & 0xffff), lsl #32
	movk	\reg, #((VALUE(\n) >> 48) & 0xffff), lsl #48
	.endm

	.text
	.globl	hold
	.type	hold, %function
hold:
	stp	x29, x30, [sp, #-208]!
	stp	x19, x20, [sp, #16]
	stp	x21, x22, [sp, #32]
	stp	x23, x24, [sp, #48]
	stp	x25, x26, [sp, #64]
	stp	x27, x28, [sp, #80]
	stp	x18, x0, [sp, #96]
	stp	d8, d9, [sp, #128]
	stp	d10, d11, [sp, #144]
	stp	d12, d13, [sp, #160]
	stp	d14, d15, [sp, #176]
	.irp	n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
	number	x1, \n
	dup	v\n\().2d, x1
	.endr
	.irp	n, 2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30
	number	x\n, \n
	.endr
	mov	x1, #FLAGS
	msr	nzcv, x1
	mov	x1, #0
1:	add	x1, x1, #1
	sub	x0, x0, #1
	cbnz	x0, 1b
	mrs	x0, nzcv		/* from here on x0 gathers what differs */
	eor	x0, x0, #0x80000000
	eor	x0, x0, #0x10000000
	str	x1, [sp, #112]
	.irp	n, 2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30
	number	x1, \n
	eor	x1, x1, x\n
	orr	x0, x0, x1
	.endr
	.irp	n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
	number	x1, \n
	mov	x2, v\n\().d[0]
	mov	x3, v\n\().d[1]
	eor	x2, x2, x1
	eor	x3, x3, x1
	orr	x0, x0, x2
	orr	x0, x0, x3
	.endr
	ldr	x1, [sp, #112]
	ldp	x18, x2, [sp, #96]
	eor	x1, x1, x2
	orr	x0, x0, x1
	ldp	d14, d15, [sp, #176]
	ldp	d12, d13, [sp, #160]
	ldp	d10, d11, [sp, #144]
	ldp	d8, d9, [sp, #128]
	ldp	x27, x28, [sp, #80]
	ldp	x25, x26, [sp, #64]
	ldp	x23, x24, [sp, #48]
	ldp	x21, x22, [sp, #32]
	ldp	x19, x20, [sp, #16]
	ldp	x29, x30, [sp], #208
	ret
	.size	hold, . - hold
	.section .note.GNU-stack, "", %progbits
