/* SPDX-License-Identifier: Apache-2.0 */
/*
 * descriptors.h - the files this process has open, and how many it may have
 */
#ifndef SDEI_MIGRATE_DESCRIPTORS_H
#define SDEI_MIGRATE_DESCRIPTORS_H

#include <stdbool.h>
#include <stddef.h>

/** descriptors_allow() - raise the soft limit for @n of them, up to the hard one. Return: are so many allowed? */
bool descriptors_allow(size_t n);

/**
 * descriptors_are_open() - of fd:N and fd:IN,OUT; true for another URI
 *
 * To be asked before this process opens anything that could get those numbers.
 */
bool descriptors_are_open(const char *uri);

/** descriptors_take_stdout() - does an fd: URI write to standard output? */
bool descriptors_take_stdout(const char *uri);

#endif
