/* SPDX-License-Identifier: Apache-2.0 */
/*
 * user.h - memory the caller of an ioctl named by address, which may not be there
 */
#ifndef KVMCORE_USER_H
#define KVMCORE_USER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** user_read() - copy in. Return: 0; -EFAULT if any byte is not readable */
int user_read(void *to, uint64_t from, size_t len);

/** user_write() - copy out. Return: 0; -EFAULT if any byte is not writable */
int user_write(uint64_t to, const void *from, size_t len);

/**
 * user_vouch() - from now on this thread's caller does (not) vouch for the addresses it names
 *
 * While it does, only NULL is looked for: asking the kernel about an address costs more than all the
 * rest of a short ioctl. A port's caller is a library of ours, whose buffers are its own.
 * Return: what held before, to be put back.
 */
bool user_vouch(bool vouched);

/**
 * user_borrow() - the memory itself, to read or fill it in place and not by way of a copy
 *
 * Return: NULL unless the caller vouches for it and it is aligned to eight bytes; copy then.
 */
void *user_borrow(uint64_t at, size_t len);

#endif
