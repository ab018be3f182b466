/* SPDX-License-Identifier: Apache-2.0 */
/*
 * profile.h - in what the three behaviours differ, as data
 *
 * `spec` is DEN0054 as Arm's own implementation and tests read it; `kvm-v5` and `kvm-v7` are the
 * posted KVM series with their quirks. docs/abi-sdei.md has the same rows in words.
 */
#ifndef KVMCORE_SDEI_PROFILE_H
#define KVMCORE_SDEI_PROFILE_H

#include "matrix.h"

#include <kvmcore/kvmcore.h>

/* Results of a call, DEN0054 §5.1. */
enum sdei_code {
	SDEI_SUCCESS = 0,
	SDEI_NOT_SUPPORTED = -1,
	SDEI_INVALID_PARAMETERS = -2,
	SDEI_DENIED = -3,
	SDEI_PENDING = -5,
	SDEI_OUT_OF_RESOURCE = -10,
};

/* Calls that name an event. */
enum sdei_by_event {
	BY_REGISTER,
	BY_ENABLE,
	BY_DISABLE,
	BY_UNREGISTER,
	BY_STATUS,
	BY_GET_INFO,
	BY_ROUTING_SET,
	NR_BY_EVENT
};

/* What such a call answers when the event is not there; SDEI_SUCCESS: it goes on. */
struct sdei_absent {
	int8_t unsupported;  /* not an event number of this profile */
	int8_t unexposed;    /* a number, but no event */
	int8_t unregistered; /* an event, but registered nowhere in the VM */
};

enum sdei_numbers { NUMBERS_SPEC, NUMBERS_V5, NUMBERS_V7 };

/* Who is reset by a reset call, and what it answers if one of them runs. */
enum sdei_reset {
	RESET_OWN_PRIVATE, /* the caller's private events; all or nothing */
	RESET_SHARED,      /* shared events and bindings; nothing if one runs */
	RESET_ALL_PRIVATE, /* private events of every vCPU */
	RESET_ALL_SHARED,  /* shared events, on every vCPU, bindings untouched */
	RESET_OWN_BITS,    /* registered and enabled bits of the caller, nothing else */
	RESET_NOTHING,
};

struct sdei_profile {
	uint64_t version;
	const struct sdei_matrix *matrix;
	const struct sdei_absent *absent; /* [NR_BY_EVENT] */
	enum sdei_numbers numbers;
	uint8_t n_builtin;   /* events 0 .. n-1 are there without being exposed */
	bool builtin_listed; /* and GET_EXPOSED_EVENT shows them */

	/* Arguments */
	bool number_is_32_bit;    /* upper half of x1 ignored */
	bool entry_checked;       /* REGISTER refuses entry point 0 */
	bool mpidr_checked;       /* REGISTER, ROUTING_SET: RM_PE needs a PE that exists */
	bool context_param_first; /* EVENT_CONTEXT: parameter before "does anything run" */
	bool signal_has_target;   /* EVENT_SIGNAL: x2 names the PE; else the caller is it */

	/* Registration */
	bool private_unrouted; /* private events keep neither mode nor affinity */
	bool first_route_is_affinity; /* the REGISTER that creates the instance stores its affinity as mode */
	bool unregister_keeps_pending;
	bool unregister_pending_stored;
	bool limit_registered; /* OUT_OF_RESOURCE from 128 registered events on */

	/* Triggers */
	bool counted;     /* each trigger is one more run */
	bool held;        /* a trigger waits while the PE is masked or the event disabled */
	bool signal_held; /* so does EVENT_SIGNAL; else INVALID_PARAMETERS */

	/* Delivery */
	bool on_request;      /* only after a request, as KVM_REQ_SDEI */
	bool delivery_checks; /* mask, enable and registration are looked at again */
	bool lowest_first;    /* by number, not by arrival */
	bool complete_requests;
	bool unmask_requests; /* PE_UNMASK and EVENT_ENABLE */
	bool entry_zeroes_x4_x17;
	bool entry_writes_spsr;
	bool entry_takes_exception; /* PSTATE by the rules of exception entry, not just mode and DAIF */

	/* Results */
	bool complete_denied; /* COMPLETE outside a handler says so in x0 */
	bool resume_at_x1;    /* COMPLETE_AND_RESUME; else an IRQ is injected */
	bool mask_tells_change;
	bool status_counts_queued;   /* STATUS: running if any vCPU holds the event */
	bool signaled_inverted;      /* GET_INFO: 0 means it can be signalled */
	bool has_routing;            /* EVENT_ROUTING_SET and GET_INFO of routing */
	bool route_any_has_affinity; /* GET_INFO(affinity) answers for RM_ANY too */
	int8_t route_private;        /* ROUTING_SET on a private event */
	bool has_binding;
	enum sdei_reset private_reset, shared_reset;
	int8_t reset_running; /* a reset that meets a running handler */
	int8_t relative_mode; /* FEATURES 1 */

	/* VMM side */
	bool set_checked; /* every invariant, not only what the series checked */
	bool pe_power;    /* CPU_ON, CPU_OFF and suspend touch SDEI state (DEN0054 §6.5) */
};

/** sdei_profile_of() - the row of a profile that exists */
const struct sdei_profile *sdei_profile_of(enum kvmcore_profile profile);

/** sdei_number_is_supported() - could @num be an event of this profile? */
bool sdei_number_is_supported(const struct sdei_profile *profile, uint64_t num);

#endif
