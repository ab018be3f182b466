/* SPDX-License-Identifier: Apache-2.0 */
/*
 * states.h - the reference states behind every size and figure of this project
 *
 * Named by vCPUs/events. Entry points lie in kernel text, each CPU's argument at base + n x stride as a
 * per-CPU variable has it, most PEs are idle. The same state comes out each time.
 */
#ifndef BENCH_STATES_H
#define BENCH_STATES_H

#include <kvmcore/port.h>
#include <stddef.h>

struct bench_state {
	const char *name; /* "512/64" */
	unsigned int n_vcpus;
	unsigned int n_events; /* exposed, and registered on every vCPU */
	unsigned int n_queued; /* events in each vCPU's queue */
	unsigned int one_in;   /* of so many vCPUs, one runs a handler */
};

#define BENCH_N_STATES 4u
extern const struct bench_state bench_states[BENCH_N_STATES];

/** bench_vcpu_id() - of vCPU @i */
unsigned int bench_vcpu_id(unsigned int i);

/** bench_vcpu_mpidr() - of vCPU @i: what KVM makes of its id */
uint64_t bench_vcpu_mpidr(unsigned int i);

/**
 * bench_state_fill() - give a fresh VM with the state's vCPUs the rest of it
 *
 * Works in profiles spec and kvm-v5. Return: 0; -EINVAL for another number of vCPUs; -ENOMEM; the errno
 * of a SET.
 */
int bench_state_fill(const struct bench_state *state, const struct kvm_port *port);

/** bench_state_raw_size() - bytes of the ABI's structs that hold it */
size_t bench_state_raw_size(const struct bench_state *state);

#endif
