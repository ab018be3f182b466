/* SPDX-License-Identifier: Apache-2.0 */
/*
 * plan.h - the one ordered list of what a state consists of
 *
 * A part is one record and all that is ever done with it. The order of the table is the order in
 * which a destination has to be filled (KVM SDEI v5, patches 18/22 and 19/22: exposed before
 * registered before queued before running); capture, validation, check and comparison follow it
 * too. A new kind of state is a new row.
 */
#ifndef SDEISTATE_PLAN_H
#define SDEISTATE_PLAN_H

#include <sdeistate/state.h>

struct ProtobufCMessage;
struct ProtobufCMessageDescriptor;
struct reader;
struct scratch;

/* A capture in progress. */
struct capture {
	const struct kvm_port *port;
	const struct sdeistate_capture_options *options;
	struct sdeistate *state;
	bool changed; /* a count read differently afterwards */
	struct sdeistate_error *err;
};

/* A destination being checked or filled. */
struct target {
	const struct sdeistate *state;
	const struct kvm_port *port;
	const struct sdeistate_realm_source *contents; /* NULL: a realm's pages are in its memory */
	const struct sdeistate *found; /* what a base capture of the destination saw; check only */
	bool create;                   /* it has no vCPUs yet: the replay creates them */
	bool same_order;               /* map is the identity */
	uint32_t map[KVM_SDEI_MAX_VCPUS]; /* index of the source -> index of the destination */
	struct sdeistate_obstacles obstacles;
	int no_memory; /* -ENOMEM once the list could not grow */
	struct sdeistate_error *err;
};

/* A comparison in progress. */
struct differ {
	const struct sdeistate *a, *b;
	sdeistate_diff_fn fn;
	void *user;
	uint32_t record;
	int ret; /* what fn said last; other than 0 ends it */
};

#define ON_SPEC  (1u << KVMCORE_PROFILE_SPEC)
#define ON_V5    (1u << KVMCORE_PROFILE_KVM_V5)
#define ON_V7    (1u << KVMCORE_PROFILE_KVM_V7)
#define ON_QUEUE (ON_SPEC | ON_V5) /* profiles that speak through the 13 commands */
#define ON_ALL   (ON_QUEUE | ON_V7)

#define OF(name) (1u << KVMCORE_VM_##name)
#define OF_ANY   ((1u << KVMCORE_NR_VM_TYPES) - 1)
#define OF_ARM   (OF_ANY & ~OF(S390))

struct part {
	enum sdeistate_record_type record;
	unsigned int profiles, types; /* where it belongs: ON_*, OF_* */
	/* Whether a state of such a profile has it; NULL: always. */
	bool (*present)(const struct sdeistate *state);
	int (*capture)(struct capture *capture);
	int (*validate)(const struct sdeistate *state, struct sdeistate_error *err);
	void (*check)(struct target *target);
	int (*replay)(struct target *target);
	struct ProtobufCMessage *(*encode)(const struct sdeistate *state, struct scratch *scratch);
	const struct ProtobufCMessageDescriptor *schema;
	int (*decode)(const struct ProtobufCMessage *message, struct reader *reader);
	void (*diff)(struct differ *differ);
};

extern const struct part plan[];
extern const unsigned int plan_length;

/** plan_find() - the part with record number @number. Return: NULL if nobody knows it */
const struct part *plan_find(uint32_t number);

/** plan_belongs() - can a VM like this one have @part? */
bool plan_belongs(const struct part *part, const struct sdeistate_vm *vm);

/** plan_has() - does a state consist of @part too? */
bool plan_has(const struct part *part, const struct sdeistate *state);

#endif
