/* SPDX-License-Identifier: Apache-2.0 */
/*
 * latency.h - while a VM stands still, no processor of this host goes to sleep
 */
#ifndef SDEI_MIGRATE_LATENCY_H
#define SDEI_MIGRATE_LATENCY_H

/**
 * latency_hold() - ask the kernel for processors that wake at once
 *
 * Until latency_release(), or the end of the process. Who may not ask (it takes root, or a permission on
 * /dev/cpu_dma_latency) gets nothing and goes on.
 * Return: a descriptor for latency_release(); 0: none.
 */
int latency_hold(void);

/** latency_release() - let them sleep again; takes 0. Return: 0 */
int latency_release(int fd);

#endif
