/* SPDX-License-Identifier: Apache-2.0 */
/*
 * parts.h - a sealed file in pieces, because QEMU takes 1 MiB from each Id (docs/qemu.md, "Parts")
 *
 *	part 0	    the file, or its first MiB
 *	part 1..    what follows of it, a MiB each but the last
 *	the others  a sealed file of their own, of kind empty, that names the session
 */
#ifndef SDEI_MIGRATE_HOOK_PARTS_H
#define SDEI_MIGRATE_HOOK_PARTS_H

#include "common/failure.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PARTS_MAX 8u
#define PARTS_SIZE \
	(1u << 20) /* bytes of one; QEMU backends/dbus-vmstate.c, DBUS_VMSTATE_SIZE_LIMIT */

/* Borrowed bytes. */
struct part {
	const uint8_t *data;
	size_t len;
};

/**
 * parts_cut() - lay @file over @n parts; those it does not need become @empty
 *
 * Return: 0, and all of @part are borrowed from @file and @empty; -E2BIG over-limit.
 */
int parts_cut(const struct part *file, const struct part *empty, unsigned int n, struct part *part,
	      struct failure *failure);

/**
 * parts_used() - over how many of @n parts lies the file that begins in @part[0]?
 *
 * Believes nothing but lengths. Return: 0; -ENOMSG not-ours, -EBADMSG damaged, -E2BIG over-limit.
 */
int parts_used(const struct part *part, unsigned int n, unsigned int *used,
	       struct failure *failure);

#endif
