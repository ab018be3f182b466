/* SPDX-License-Identifier: Apache-2.0 */
/*
 * walk.h - a VM in a random state, reached the way guests reach theirs
 *
 * A walk exposes events and then lets random vCPUs make random SDEI and PSCI calls, take interrupts and
 * enter the guest. The same seed always walks the same way, so two VMs can be walked on side by side.
 */
#ifndef TESTS_ROUNDTRIP_WALK_H
#define TESTS_ROUNDTRIP_WALK_H

#include <kvmcore/kvmcore.h>

struct walk {
	uint64_t random; /* state of the generator */
	enum kvmcore_profile profile;
	unsigned int n_vcpus;
	bool one_pe; /* shared events are always routed: which PE takes another is not determined */
};

/** walk_begin() - the generator's state for a seed */
struct walk walk_begin(uint64_t seed, enum kvmcore_profile profile, unsigned int n_vcpus);

/** walk_vm() - a VM of the walk's profile, its vCPUs in the order @order gives (NULL: by number) */
struct kvmcore_vm *walk_vm(const struct walk *walk, const unsigned int *order);

/** walk_start() - expose events of every kind the profile has, and let most PEs register. Return: 0; -errno */
int walk_start(struct walk *walk, struct kvmcore_vm *vm);

/**
 * walk_steps() - @n random steps; the VM is resumed for them and paused afterwards
 * @at: creation index of vCPU i of the walk (NULL: i)
 *
 * Return: a digest of the registers the guest saw, to compare two walks.
 */
uint64_t walk_steps(struct walk *walk, struct kvmcore_vm *vm, unsigned int n,
		    const unsigned int *at);

/** walk_interrupt() - on about every second PE let a normal and then a critical event come in, as handlers allow */
void walk_interrupt(struct walk *walk, struct kvmcore_vm *vm);

/** walk_number() - the next random number below @n */
uint64_t walk_number(struct walk *walk, uint64_t n);

#endif
