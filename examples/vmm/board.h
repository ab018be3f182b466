/* SPDX-License-Identifier: Apache-2.0 */
/*
 * board.h - the guest's physical addresses and interrupts; fdt.c tells the guest
 */
#ifndef VMM_BOARD_H
#define VMM_BOARD_H

#define BOARD_GICD       0x08000000ull
#define BOARD_GICD_SIZE  0x10000ull
#define BOARD_GICR       0x080a0000ull
#define BOARD_GICR_SIZE  0x20000ull /* for each vCPU */
#define BOARD_UART       0x09000000ull
#define BOARD_UART_SIZE  0x1000ull
#define BOARD_UART_SPI   1u
#define BOARD_EVENTS     0x0a000000ull
#define BOARD_EVENT_SIZE 0x1000ull
#define BOARD_RAM        0x40000000ull
/* A realm's IPA space has two halves; the upper one it shares with its host (DEN0137 §A5.2). */
#define BOARD_REALM_IPA_BITS 33u
#define BOARD_SHARED         (1ull << (BOARD_REALM_IPA_BITS - 1))

#define BOARD_MAX_VCPUS      8u /* one redistributor region, one level of affinity */
#define BOARD_NR_IRQS        64u
#define BOARD_FIRST_SPI      32u

#endif
