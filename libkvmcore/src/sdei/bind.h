/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bind.h - interrupts that a guest turned into events
 *
 * Each slot has its number for good: SDEI_BOUND_PRIVATE + n for a PPI, SDEI_BOUND_SHARED + n for an
 * SPI. An interrupt is active while its event's handler runs, which is therefore not stored.
 */
#ifndef KVMCORE_SDEI_BIND_H
#define KVMCORE_SDEI_BIND_H

#include "event.h"

/** bind_init() - the slots of a VM. Return: 0; -ENOMEM */
int bind_init(struct sdei *sdei);

/** bind_is_spi() / bind_is_ppi() - is @intid such a line of this VM? */
bool bind_is_spi(const struct sdei *sdei, uint64_t intid);
bool bind_is_ppi(const struct sdei *sdei, uint64_t intid);

/** bind_slot() - the event of slot @n; shared or private. NULL above the VM's number of slots */
struct sdei_event *bind_slot(const struct sdei *sdei, bool shared, uint32_t n);

/** bind_find() - the event @intid is bound to, or NULL */
struct sdei_event *bind_find(const struct sdei *sdei, uint64_t intid);

/** bind_release_all() - every slot whose event nobody uses. Return: was that all of them? */
bool bind_release_all(struct kvmcore_vm *vm);

#endif
