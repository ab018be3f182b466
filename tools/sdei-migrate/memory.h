/* SPDX-License-Identifier: Apache-2.0 */
/*
 * memory.h - what the allocator does with memory that is given back
 */
#ifndef SDEI_MIGRATE_MEMORY_H
#define SDEI_MIGRATE_MEMORY_H

/**
 * memory_keep() - from now on keep what is freed, for the next step of a hand-over
 *
 * By default large blocks go back to the kernel at once and come again as pages it has to clear, each a fault
 * in the blackout. Up to 64 MiB are kept. For programs that take part in a hand-over, at their start.
 */
void memory_keep(void);

/** memory_return() - give what is free to the kernel after all; for the time between two hand-overs */
void memory_return(void);

#endif
