/* SPDX-License-Identifier: Apache-2.0 */
/*
 * machine.h - what stands below the control socket and the stream of examples/vmm, without a /dev/kvm
 *
 * The kernel's VM is a model VM of libkvmcore behind a real router, memory is this process's, and the registers
 * that the VMM moves by itself are a list of made-up ones.
 */
#ifndef TESTS_UNIT_VMM_MACHINE_H
#define TESTS_UNIT_VMM_MACHINE_H

#include "support/check.h"
#include "vmm/stream.h"

#define MACHINE_MEMORY (1ull << 20)
#define MACHINE_ITEMS  3u
#define MACHINE_HZ     62500000u

struct machine {
	struct vmm vmm; /* the first member: the VMM's functions are handed this */
	struct vmm_options options;
	struct kvmcore_vm *kernel;
	char folder[32], control[64], incoming[80], outgoing[80];
	uint64_t item[MACHINE_ITEMS]; /* what the VMM's own stream has to bring */
	unsigned int n_opened, n_resumed;
	pthread_t thread;
	bool is_served, owns_folder;
};

/** machine_new() - a VM in a folder of its own; with @waits one that waits for a guest. Return: success */
bool machine_new(struct machine *machine, bool waits, const char *outgoing);
/** machine_new_in() - the same in a folder that is there, and stays when the machine is freed */
bool machine_new_in(struct machine *machine, const char *folder, bool waits, const char *outgoing);
/** machine_serve() - run its control socket in a thread; machine_free() - the end of all */
bool machine_serve(struct machine *machine);
void machine_free(struct machine *machine);
/** machine_reserve() - as if the mover's session had it */
void machine_reserve(struct machine *machine, const struct transport_id *session);
/** machine_load() - wait for the guest that comes, at most @ms. Return: as stream_load() */
int machine_load(struct machine *machine, int ms);
/** machine_knock() - connect to the door of its stream. Return: a descriptor; -1 */
int machine_knock(const struct machine *machine);
/** machine_said() - how many lines all machines have put on standard error */
int machine_said(void);

#endif
