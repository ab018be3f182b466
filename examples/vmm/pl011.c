// SPDX-License-Identifier: Apache-2.0
/* The console: Arm PrimeCell UART (PL011), DDI0183G. What the guest writes goes to standard output. */
#include "vmm.h"

#include <linux/kvm.h>
#include <string.h>
#include <sys/ioctl.h>

/* Offsets, DDI0183G table 3-1. */
enum {
	DR = 0x00,
	FR = 0x18,
	IBRD = 0x24,
	FBRD = 0x28,
	LCR_H = 0x2c,
	CR = 0x30,
	IFLS = 0x34,
	IMSC = 0x38,
	RIS = 0x3c,
	MIS = 0x40,
	ICR = 0x44,
	PERIPH_ID = 0xfe0,
};

#define FR_RXFE (1u << 4)
#define FR_RXFF (1u << 6)
#define FR_TXFE (1u << 7)
#define INT_RX  (1u << 4)
#define INT_TX  (1u << 5)
#define INT_RT  (1u << 6) /* receive timeout: there is something, though less than the level */

#define FIFO    16u

void pl011_level(struct vmm *vmm)
{
	struct kvm_irq_level line = {
		.irq = KVM_ARM_IRQ_TYPE_SPI << KVM_ARM_IRQ_TYPE_SHIFT |
		       (BOARD_FIRST_SPI + BOARD_UART_SPI),
		.level = (vmm->uart.ris & vmm->uart.imsc) != 0,
	};

	ioctl(vmm->fd, KVM_IRQ_LINE, &line);
}

void pl011_reset(struct vmm *vmm)
{
	vmm->uart = (struct pl011){ .cr = 0x300, .ifls = 0x12, .ris = INT_TX };
}

static uint32_t take_byte(struct vmm *vmm)
{
	struct pl011 *uart = &vmm->uart;
	const uint8_t byte = uart->fifo[0];

	if (uart->n_fifo == 0)
		return 0;
	uart->n_fifo--;
	memmove(uart->fifo, uart->fifo + 1, uart->n_fifo);
	if (uart->n_fifo == 0)
		uart->ris &= ~(INT_RX | INT_RT);
	pl011_level(vmm);
	return byte;
}

void pl011_type(struct vmm *vmm, uint8_t byte)
{
	struct pl011 *uart = &vmm->uart;

	pthread_mutex_lock(&vmm->lock);
	if (uart->n_fifo < FIFO) {
		uart->fifo[uart->n_fifo++] = byte;
		uart->ris |= INT_RX | INT_RT;
		pl011_level(vmm);
	}
	pthread_mutex_unlock(&vmm->lock);
}

/* DDI0183G §3.3.14: what the driver looks at to know a PL011 r1p4, and a PrimeCell. */
static uint32_t identity(uint32_t offset)
{
	static const uint8_t id[] = { 0x11, 0x10, 0x34, 0x00, 0x0d, 0xf0, 0x05, 0xb1 };

	return offset >= PERIPH_ID ? id[(offset - PERIPH_ID) / 4 % sizeof(id)] : 0;
}

uint32_t pl011_load(struct vmm *vmm, uint32_t offset)
{
	const struct pl011 *uart = &vmm->uart;

	switch (offset) {
	case DR:
		return take_byte(vmm);
	case FR:
		return FR_TXFE | (uart->n_fifo == 0 ? FR_RXFE : 0) |
		       (uart->n_fifo == FIFO ? FR_RXFF : 0);
	case IBRD:
		return uart->ibrd;
	case FBRD:
		return uart->fbrd;
	case LCR_H:
		return uart->lcr;
	case CR:
		return uart->cr;
	case IFLS:
		return uart->ifls;
	case IMSC:
		return uart->imsc;
	case RIS:
		return uart->ris;
	case MIS:
		return uart->ris & uart->imsc;
	}
	return identity(offset);
}

void pl011_store(struct vmm *vmm, uint32_t offset, uint32_t value)
{
	struct pl011 *uart = &vmm->uart;

	switch (offset) {
	case DR:
		console_put(vmm, value & 0xff);
		break;
	case IBRD:
		uart->ibrd = value;
		break;
	case FBRD:
		uart->fbrd = value;
		break;
	case LCR_H:
		uart->lcr = value;
		break;
	case CR:
		uart->cr = value;
		break;
	case IFLS:
		uart->ifls = value;
		break;
	case IMSC:
		uart->imsc = value;
		break;
	case ICR: /* there is always room to transmit */
		uart->ris = (uart->ris & ~value) | INT_TX;
		break;
	}
	pl011_level(vmm);
}
