/* SPDX-License-Identifier: Apache-2.0 */
/*
 * descriptors.h - how many files this process may have open
 */
#ifndef SDEI_MIGRATE_DESCRIPTORS_H
#define SDEI_MIGRATE_DESCRIPTORS_H

#include <stdbool.h>
#include <stddef.h>

/** descriptors_allow() - raise the soft limit for @n of them, up to the hard one. Return: are so many allowed? */
bool descriptors_allow(size_t n);

#endif
