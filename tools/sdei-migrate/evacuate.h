/* SPDX-License-Identifier: Apache-2.0 */
/*
 * evacuate.h - all VMs of a host, over a few warm connections
 *
 * What a former run left is ended first, then every VM is looked at, put in order, and handed over. What
 * goes wrong with one VM stops no other. docs/evacuate.md.
 */
#ifndef SDEI_MIGRATE_EVACUATE_H
#define SDEI_MIGRATE_EVACUATE_H

#include "send.h"

#define EVACUATE_MAX_PARALLEL 64u
#define EVACUATE_MAX_VMS      65536u

/* X(symbol, name): what became of a VM. */
#define EVACUATE_FATES(X)                                                      \
	X(WAITING, "waiting")     /* not yet */                                \
	X(MOVED, "moved")         /* by this run */                            \
	X(MOVED_BEFORE, "before") /* by a former one, as the ledger says */    \
	X(NOT_HERE, "not-here")   /* it has left, or it only comes */          \
	X(FAILED, "failed")       /* it is where it was; failure says why */   \
	X(IN_DOUBT, "in-doubt")   /* only resolve, or another run, can tell */ \
	X(CANCELLED, "cancelled") /* by a signal; it is where it was */

enum evacuate_fate {
#define X(symbol, name) EVACUATE_##symbol,
	EVACUATE_FATES(X)
#undef X
		EVACUATE_NR_FATES
};

struct evacuate_args {
	struct send_args send; /* first; control is unused */
	const char *vms;
	struct option_number parallel;
	struct option_list first; /* UUIDs */
	const char *order;
};

/* One DIR/UUID.sock. */
struct evacuee {
	char *control;
	struct transport_id uuid;
	struct transport_control *vmm; /* kept open between the look and the hand-over; NULL: not */
	struct transport_vm_info info;
	bool seen, held;
	bool settled; /* a session that was in doubt was ended */
	bool told;
	size_t first; /* its place in --first; SIZE_MAX: none */
	enum evacuate_fate fate;
	struct transport_id session; /* the last; zero: none */
	uint64_t blackout_us, took_us;
	struct failure failure; /* FAILED and IN_DOUBT */
};

/* One run. The caller zeroes it and fills the first part. */
struct evacuation {
	const struct tool *tool;
	const struct evacuate_args *args;
	/* A VM's fate is known; one call at a time. */
	void (*tell)(void *ctx, const struct evacuee *vm);
	void *ctx;

	struct send_shared shared;
	struct evacuee *vm;
	size_t n, next;
	bool keep_open;                   /* there are descriptors for a connection to every VMM */
	bool moving;                      /* VMs have been touched */
	pthread_mutex_t lock;             /* of next and what follows */
	unsigned int connections, rounds; /* rounds: how often who was busy is tried again */
	bool unreachable;                 /* nobody answers at --to, and why: */
	struct failure why;
	uint64_t began_us, ended_us;
};

/** evacuate_fate_name() - "moved" etc. */
const char *evacuate_fate_name(enum evacuate_fate fate);

/** evacuate_open() - keys, ledger, and the list of VMs. Return: 0; -errno with @failure */
int evacuate_open(struct evacuation *evacuation, struct failure *failure);

/** evacuate_run() - move what can be moved. Return: 0; -errno with @failure where nothing could begin */
int evacuate_run(struct evacuation *evacuation, struct failure *failure);

/** evacuate_close() - for owned locals, too */
void evacuate_close(struct evacuation *evacuation);

/** evacuate_list() - fill vm and n from the folder, by UUID. Return: 0; -errno with @failure */
int evacuate_list(struct evacuation *evacuation, struct failure *failure);

/** evacuate_sort() - highest risk first, or as --order and --first say */
void evacuate_sort(struct evacuation *evacuation);

#endif
