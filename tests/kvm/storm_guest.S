/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The guest of storm.c: EL1 without MMU, on each of several vCPUs. It fills its registers with known values,
 * waits, and looks at them again; in between it calls, loads and stores, and loads from where it may not. What it
 * counts stands in a page of its own, which storm.c reads: struct page there has the offsets.
 */
#define STOP 0
#define ROUNDS 8
#define BAD 16
#define IRQS 24
#define ABORTS 32
#define HANDLED 40		/* four of them */
#define BAD_ARGUMENT 72
#define BAD_ABORT 80
#define RESUMED 88

#define DEVICE 0x0a000000
#define ANSWERED 8		/* offsets in the device */
#define TAKEN 16
#define DONE 24
#define ACKNOWLEDGE 32
#define UNEXPECTED 40
#define REFUSED 0x100

#define ANSWER 0x5a5a5a5a
#define ARGUMENT 0x5a5a0000	/* exclusive or with the event's number */
#define FIRST_EVENT 0x400000

	.macro set reg, value
	movz	\reg, #((\value) & 0xffff)
	movk	\reg, #((\value) >> 16 & 0xffff), lsl #16
	.endm

	.macro count offset, page, through
	ldr	\through, [\page, #\offset]
	add	\through, \through, #1
	str	\through, [\page, #\offset]
	.endm

	.section .rodata
	.balign 2048
	.globl storm_guest, storm_guest_end, storm_handler, storm_handler_end
storm_guest:
	/* The vectors (Arm ARM D1.4.1). Entry 0 is also where a vCPU begins: x0 its page, x1 its number. */
	b	start
	.balign 0x200
	b	synchronous
	.balign 0x80
	b	interrupt
	.balign 0x80
	b	unexpected
	.balign 0x80
	b	unexpected
	.balign 0x400

start:
	mov	x20, x0
	mov	x19, x1
	msr	tpidr_el1, x20
	adr	x2, storm_guest
	msr	vbar_el1, x2
	add	sp, x20, #4096
	set	x21, DEVICE
	mov	x22, #0
	/* Events 0 and 1 are private; 2 and 3 are shared, and vCPU 0 registers them. */
1:	set	x1, FIRST_EVENT
	add	x1, x1, x22
	set	x3, ARGUMENT
	eor	x3, x3, x1
	adr	x2, storm_handler
	mov	x4, #0
	mov	x5, #0
	set	x0, 0xc4000021		/* EVENT_REGISTER */
	hvc	#0
	cbnz	x0, 2f
	set	x1, FIRST_EVENT
	add	x1, x1, x22
	set	x0, 0xc4000022		/* EVENT_ENABLE */
	hvc	#0
	cbz	x0, 3f
2:	count	BAD, x20, x24
3:	add	x22, x22, #1
	cmp	x22, #2
	b.lo	1b
	cbnz	x19, 4f
	cmp	x22, #4
	b.lo	1b
4:	set	x0, 0xc400002c		/* PE_UNMASK */
	hvc	#0
	msr	daifclr, #2

round:	ldr	x22, [x20, #STOP]
	cbnz	x22, done
	count	ROUNDS, x20, x22
	.irp	n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17
	mov	x\n, #(0x1100 + \n)
	.endr
	mov	x23, #300
5:	subs	x23, x23, #1
	b.ne	5b
	.irp	n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17
	mov	x24, #(0x1100 + \n)
	cmp	x24, x\n
	b.ne	bad
	.endr
	set	x1, FIRST_EVENT
	set	x0, 0xc4000028		/* EVENT_STATUS: registered and enabled */
	hvc	#0
	and	x0, x0, #3
	cmp	x0, #3
	b.ne	bad
	ldr	w5, [x21, #ANSWERED]
	set	x6, ANSWER
	cmp	x5, x6
	b.ne	bad
	str	w5, [x21, #TAKEN]
	mov	x7, #0x777
refused:
	ldr	w7, [x21, #REFUSED]
	cmp	x7, #0x777
	b.ne	bad
	tst	x22, #7
	b.ne	round
	set	x0, 0xc400002b		/* PE_MASK */
	hvc	#0
	set	x0, 0xc400002c		/* PE_UNMASK */
	hvc	#0
	b	round
bad:	count	BAD, x20, x24
	b	round
done:	str	wzr, [x21, #DONE]
	b	done

	/* The refused load, and nothing else: at its own address, to the next instruction. */
synchronous:
	stp	x0, x1, [sp, #-16]!
	stp	x2, x3, [sp, #-16]!
	count	ABORTS, x20, x0
	mrs	x0, esr_el1
	set	x1, 0x96000010
	cmp	x0, x1
	b.ne	6f
	mrs	x0, elr_el1
	adr	x1, refused
	cmp	x0, x1
	b.ne	6f
	mrs	x0, far_el1
	add	x1, x21, #REFUSED
	cmp	x0, x1
	b.eq	7f
6:	count	BAD_ABORT, x20, x0
7:	adr	x1, refused
	add	x1, x1, #4
	msr	elr_el1, x1
	b	leave

interrupt:
	stp	x0, x1, [sp, #-16]!
	stp	x2, x3, [sp, #-16]!
	count	IRQS, x20, x0
	str	wzr, [x21, #ACKNOWLEDGE]
leave:	ldp	x2, x3, [sp], #16
	ldp	x0, x1, [sp], #16
	eret

unexpected:
	str	wzr, [x21, #UNEXPECTED]
	b	unexpected

	/* x0 event, x1 argument, x2 PC, x3 PSTATE; x0 to x17 may be used, and nothing else. */
	.balign 8
storm_handler:
	mrs	x4, tpidr_el1
	set	x5, ARGUMENT
	eor	x5, x5, x0
	cmp	x5, x1
	b.eq	8f
	count	BAD_ARGUMENT, x4, x5
8:	and	x6, x0, #3
	add	x6, x4, x6, lsl #3
	count	HANDLED, x6, x5
	mov	x7, x3
	.irp	n, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17
	mov	x\n, #(0x2200 + \n)
	.endr
	mov	x5, #300		/* a critical event may come */
9:	subs	x5, x5, #1
	b.ne	9b
	.irp	n, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17
	mov	x5, #(0x2200 + \n)
	cmp	x5, x\n
	b.ne	10f
	.endr
	b	11f
10:	count	BAD, x4, x5
11:	ldr	x5, [x4, #ROUNDS]
	tbz	x5, #0, 12f
	tbnz	x7, #7, 12f		/* interrupts were masked: ELR_EL1 is somebody's */
	count	RESUMED, x4, x5
	adr	x1, resume
	set	x0, 0xc4000026		/* EVENT_COMPLETE_AND_RESUME */
	hvc	#0
12:	mov	x1, #0
	set	x0, 0xc4000025		/* EVENT_COMPLETE */
	hvc	#0
	b	unexpected
storm_handler_end:
resume:	eret
storm_guest_end:
