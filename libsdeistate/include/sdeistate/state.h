/* SPDX-License-Identifier: Apache-2.0 */
/*
 * state.h - the state of one VM, and the way from one VM to another
 *
 *	source:		capture -> validate -> encode
 *	destination:	decode -> validate -> check -> replay -> prove
 *
 * struct sdeistate is plain data in the ABI's own structs, canonical: sorted by event number,
 *padding and everything that means nothing is zero, so that equal states have equal bytes. Owner:
 *whoever got it from capture, decode or convert; sdeistate_free() ends it, with all it points to.
 *
 * A vCPU is named by MPIDR, vcpu_id and creation index. The index of the source runs through every
 * array here; the destination's may differ and is looked up by MPIDR (docs/records.md).
 */
#ifndef SDEISTATE_STATE_H
#define SDEISTATE_STATE_H

#include <kvmcore/port.h>
#include <kvmcore/uapi.h>
#include <sdeistate/error.h>
#include <sdeistate/realm.h>
#include <sdeistate/record.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SDEISTATE_MAX_BINDINGS 128u                      /* 64 private and 64 shared slots */
#define SDEISTATE_MAX_HANDLERS (2u * KVM_SDEI_MAX_VCPUS) /* two contexts run on a PE at most */
#define SDEISTATE_MAX_REGIONS  16u
#define SDEISTATE_MAX_MEMORY   (8u << 20) /* bytes of all regions together */
#define SDEISTATE_N_REGS       41u
#define SDEISTATE_MAX_FILTER   262144u /* ranges, 24 bytes each */
#define SDEISTATE_MAX_FW_REGS  64u
#define SDEISTATE_MAX_GUARD    65536u /* ranges, guarded and shared each */

enum sdeistate_kind {
	SDEISTATE_FINAL, /* of a stopped VM, one consistent cut */
	SDEISTATE_BASE,  /* maybe of a running VM: ground for a delta, never restored */
};

/* Facts about the VM. uuid, generation and kernel describe the source and are not restored. */
struct sdeistate_vm {
	uint8_t uuid[16];
	uint64_t generation;
	uint32_t type;      /* enum kvmcore_vm_type */
	uint32_t profile;   /* enum kvmcore_profile */
	char kernel[16];    /* kernel profile, NUL padded; empty: the VMM does not say */
	uint32_t ipa_bits;  /* 0: the VMM does not say */
	bool has_sdei_info; /* the four below hold (group 0x5344 is there) */
	uint64_t sdei_version;
	uint16_t private_slots, shared_slots;
	uint32_t n_events;
};

/* Position in sdeistate.vcpu = creation index at the source. */
struct sdeistate_vcpu {
	uint32_t vcpu_id;
	uint64_t mpidr;
	uint32_t
		mp_state; /* KVM_MP_STATE_RUNNABLE, _STOPPED or _SUSPENDED; s390: OPERATING, STOPPED */
	uint32_t first_event, n_events; /* its part of sdeistate.vcpu_events */
};

/* Pseudo-registers of one vCPU in profile kvm-v7. */
struct sdeistate_v7 {
	struct kvm_sdei_v7_handler handler[4];
	uint64_t registered, enabled, running, pending;
	struct kvm_sdei_v7_context context;
	uint64_t pe_state;
};

/* General registers of one vCPU; value[i] belongs to sdeistate_reg_id(i). */
struct sdeistate_regs {
	uint64_t value[SDEISTATE_N_REGS];
};

struct sdeistate_region {
	uint64_t ipa;
	size_t size;   /* bytes */
	uint8_t *data; /* owned */
};

/* What a source's kernel has beside what every one has. */
enum sdeistate_s390_part {
	SDEISTATE_S390_TOD = 1u << 0,      /* not of a protected guest */
	SDEISTATE_S390_SUBFUNC = 1u << 1,  /* somebody wrote it, or it reads without */
	SDEISTATE_S390_UV_FEAT = 1u << 2,  /* since Linux 6.6 */
	SDEISTATE_S390_TOPOLOGY = 1u << 3, /* the guest's CPU model has facility 11 */
	SDEISTATE_S390_PARTS = (1u << 4) - 1,
};

/* An s390 VM; what belongs to a part that is not there is 0. Wrapping keys are never part of it. */
struct sdeistate_s390 {
	uint32_t flags; /* KVMCORE_S390_INFO_* */
	uint32_t parts; /* set of enum sdeistate_s390_part */
	struct kvm_s390_vm_cpu_processor processor;
	struct kvm_s390_vm_cpu_feat feat;
	struct kvm_s390_vm_cpu_subfunc subfunc;
	uint64_t uv_feat;
	uint8_t epoch_idx; /* the guest's clock, standing */
	uint64_t tod;
	bool topology_changed;
};

/* A firmware pseudo-register; it belongs to the VM. */
struct sdeistate_fw_reg {
	uint64_t id; /* one-register id of class 0x14 or 0x16 */
	uint64_t value;
};

/* A record nobody here knows, which its writer called optional. */
struct sdeistate_unknown {
	uint32_t type; /* with SDEISTATE_RECORD_OPTIONAL */
	size_t len;
	uint8_t *body; /* owned */
};

struct sdeistate {
	enum sdeistate_kind kind;
	bool torn; /* base only: the VM ran or changed during the capture */
	struct sdeistate_vm vm;
	struct sdeistate_vcpu *vcpu;
	unsigned int n_vcpus;
	struct sdeistate_s390
		*s390; /* of an s390 VM, which has nothing of SDEI, filter or guard; or NULL */
	/* Profiles spec and kvm-v5. */
	struct kvm_sdei_exposed_event_state *exposed;
	unsigned int n_exposed;
	struct kvm_sdei_registered_event_state *registered;
	unsigned int n_registered;
	struct kvmcore_sdei_binding *bindings;
	unsigned int n_bindings;
	struct kvmcore_sdei_handler *handlers;
	unsigned int n_handlers;
	struct kvm_sdei_vcpu_event_state *vcpu_events; /* all vCPUs', each in queue order */
	unsigned int n_vcpu_events;
	struct kvmcore_sdei_pending *pending;
	unsigned int n_pending;
	struct kvm_sdei_vcpu_state *vcpu_state; /* n_vcpus of them */
	/* Profile kvm-v7. */
	struct sdeistate_v7 *v7; /* n_vcpus of them */
	/* Every profile: firmware registers, ascending by id; none where the VMM does not say. */
	struct sdeistate_fw_reg *fw_regs;
	unsigned int n_fw_regs;
	/* Every profile: SMCCC filter ranges, ascending, one per successful SET. */
	struct kvm_smccc_filter *filter;
	unsigned int n_filter;
	uint32_t filter_reserved_set; /* as struct kvmcore_filter_info; 0 without ranges */
	struct {
		uint32_t abi; /* enum kvmcore_guard_abi */
		bool enrolled;
		uint64_t granule; /* bytes */
	} guard;                  /* all 0 where nothing is enrolled, guarded or shared */
	struct kvmcore_guard_range *guarded, *shared; /* each ascending */
	unsigned int n_guarded, n_shared;
	struct sdeistate_realm *realm; /* of a VM of type realm; else NULL */
	/* Every profile: vCPUs that left the guest and have no answer, ascending. */
	struct kvmcore_exit_state *exits;
	unsigned int n_exits;
	/* What was asked for in addition. */
	struct sdeistate_regs *regs; /* n_vcpus of them, or NULL */
	struct sdeistate_region *regions;
	unsigned int n_regions;
	struct sdeistate_unknown *unknown;
	unsigned int n_unknown;
};

/**
 * typedef sdeistate_notice - something a person should know though the call went on
 * @object: which thing, e.g. "registered event 0x400000"
 * @field: which part of it
 * @text: what was found and what was made of it
 */
typedef void (*sdeistate_notice)(void *user, const char *object, const char *field,
				 const char *text);

enum sdeistate_capture_flags {
	SDEISTATE_CAPTURE_REGS = 1u << 0, /* general registers too: nobody else moves them */
	SDEISTATE_CAPTURE_DROP_NOTIFIERS = 1u
					   << 1, /* notice and zero a notifier; else it refuses */
	SDEISTATE_CAPTURE_COLD = 1u
				 << 2, /* an active realm, to be started again; else it refuses */
};

/* All zero captures a final state of a VM that tells its profile itself. */
struct sdeistate_capture_options {
	enum sdeistate_kind kind;
	unsigned int flags; /* enum sdeistate_capture_flags */
	bool profile_given; /* for a port without group 0x564D */
	enum kvmcore_profile profile;
	const struct sdeistate_region
		*regions; /* guest memory to take; data is ignored; borrowed */
	unsigned int n_regions;
	sdeistate_notice notice; /* may be NULL */
	void *notice_user;
};

/**
 * sdeistate_capture() - read the state of a VM through a port
 * @options: may be NULL for the defaults
 *
 * A final capture demands an even epoch that does not change meanwhile, and counts that read the
 * same afterwards. The state comes out canonical. In profile kvm-v5 a route mode that the series
 * stored as the low byte of the affinity is repaired and noticed.
 *
 * Return: 0 with *@state owned by the caller; -EOPNOTSUPP port-lacks (a member or a group that is
 * needed) or, of a final capture, incompatible (the VM holds what no record carries: docs/records.md,
 * 6.6); -EBUSY vm-running; -EAGAIN torn (it changed during the capture); -EINVAL usage
 * (@options) or inconsistent (a notifier; a struct no state can hold); -E2BIG over-limit; -ENOMEM;
 * else the GET's own errno with capture-failed.
 */
SDEISTATE_API int sdeistate_capture(const struct kvm_port *port,
				    const struct sdeistate_capture_options *options,
				    struct sdeistate **state, struct sdeistate_error *err);

/** sdeistate_free() - end a state; NULL is allowed; registers and memory are wiped. Return: NULL */
SDEISTATE_API struct sdeistate *sdeistate_free(struct sdeistate *state);

/**
 * sdeistate_validate() - is the state consistent in itself?
 *
 * Every invariant of docs/records.md, "Invariants" (DEN0054 §6.1 table 13, and what the series' SET
 * commands assume). A base that is torn is not held to what only a consistent cut can keep.
 * Return: 0; -EINVAL inconsistent with object, field, expected and actual.
 */
SDEISTATE_API int sdeistate_validate(const struct sdeistate *state, struct sdeistate_error *err);

/**
 * sdeistate_encode() - the record stream of a state (record.h)
 *
 * The same state always gives the same bytes.
 * Return: 0 with @buffer owned by the caller; -EINVAL inconsistent for what the schema cannot
 * carry; -E2BIG over-limit; -ENOMEM.
 */
SDEISTATE_API int sdeistate_encode(const struct sdeistate *state, struct sdeistate_buffer *buffer,
				   struct sdeistate_error *err);

/**
 * sdeistate_decode() - a state from a record stream
 *
 * Takes canonical bodies only (docs/records.md): no unknown, repeated or missing field. Allocates at most
 * 4 x (the decoded structs) + 16 MiB. Does not validate.
 * Return: 0 with *@state owned by the caller; -EBADMSG damaged; -EOPNOTSUPP unknown-record (a
 * mandatory record of an unknown number); -E2BIG over-limit; -ENOMEM.
 */
SDEISTATE_API int sdeistate_decode(const uint8_t *stream, size_t len, struct sdeistate **state,
				   struct sdeistate_error *err);

/* Why a destination cannot take a state; owned, freed by sdeistate_obstacles_free(). */
struct sdeistate_obstacles {
	struct sdeistate_error *list;
	unsigned int n;
};

/** sdeistate_obstacles_free() - leaves an empty list */
SDEISTATE_API void sdeistate_obstacles_free(struct sdeistate_obstacles *obstacles);

/**
 * sdeistate_check() - can this VM take the state? Changes nothing in it
 *
 * Return: 0 if nothing stands in the way; -EOPNOTSUPP with *@obstacles listing all reasons and @err
 * the first one; -EINVAL base-only or inconsistent; -ENOMEM; else a GET's errno with
 * capture-failed.
 * *@obstacles is written on 0 and on -EOPNOTSUPP.
 */
SDEISTATE_API int sdeistate_check(const struct sdeistate *state, const struct kvm_port *port,
				  struct sdeistate_obstacles *obstacles,
				  struct sdeistate_error *err);

/**
 * sdeistate_replay() - give the state to a fresh, paused VM
 *
 * Checks first. vCPUs are created if the destination has none; a port that counts its vCPUs once, as
 * kvmcore_port() does, has to be filled again afterwards. All or nothing is the caller's:
 * after a failure past the check the VM holds a part and must be destroyed. Return: 0; the check's
 * errors with nothing changed; else the SET's errno with replay-failed, naming the object.
 */
SDEISTATE_API int sdeistate_replay(const struct sdeistate *state, const struct kvm_port *port,
				   struct sdeistate_error *err);

/**
 * sdeistate_replay_realm() - the same for a state with a realm whose pages are not in guest memory yet
 * @contents: where they are; NULL: in memory already
 *
 * The RIM is compared after every step, and the first difference ends it before the realm is activated.
 * Return: as sdeistate_replay(); -ESTALE differs, the field being the name of a cause (realm.h).
 */
SDEISTATE_API int sdeistate_replay_realm(const struct sdeistate *state, const struct kvm_port *port,
					 const struct sdeistate_realm_source *contents,
					 struct sdeistate_error *err);

/**
 * sdeistate_prove() - capture again and compare
 * @digest: the recaptured state's digest, in the source's order of vCPUs, SDEISTATE_DIGEST_SIZE bytes; NULL:
 * that of @state is known, and what is equal has it too
 *
 * Return: 0 if nothing differs; -ESTALE differs, naming the first fields; the capture's errors.
 */
SDEISTATE_API int sdeistate_prove(const struct sdeistate *state, const struct kvm_port *port,
				  uint8_t *digest, struct sdeistate_error *err);

/** sdeistate_digest() - of the state's stream (record.h). Return: 0; as sdeistate_encode() */
SDEISTATE_API int sdeistate_digest(const struct sdeistate *state,
				   uint8_t digest[SDEISTATE_DIGEST_SIZE],
				   struct sdeistate_error *err);

/* One difference. A thing that only one side has is named without a field. */
struct sdeistate_change {
	uint32_t record;  /* enum sdeistate_record_type */
	const char *path; /* "registered[0x400000].ep_arg[3]"; borrowed during the call */
	bool in_a, in_b;
	uint64_t a, b; /* values, where there is a field of up to 8 bytes */
};

/** typedef sdeistate_diff_fn - takes one difference; other than 0 ends the comparison */
typedef int (*sdeistate_diff_fn)(void *user, const struct sdeistate_change *change);

/**
 * sdeistate_diff() - every difference of two states, by field path, in the order of the plan
 *
 * vCPUs are compared index by index, events by number.
 * Return: 0, also with differences; what @fn returned, if that was not 0.
 */
SDEISTATE_API int sdeistate_diff(const struct sdeistate *a, const struct sdeistate *b,
				 sdeistate_diff_fn fn, void *user);

enum sdeistate_convert_flags {
	SDEISTATE_CONVERT_LOSSY = 1u
				  << 0, /* go on where the target cannot say what the source does */
};

/**
 * sdeistate_convert() - the same state as another profile tells it
 * @loss: called for everything the target profile cannot carry; may be NULL
 *
 * Return: 0 with *@converted owned by the caller; -EOPNOTSUPP lossy if something is lost and
 * SDEISTATE_CONVERT_LOSSY is not set (all losses have been told), or incompatible: an s390 VM has no profile; -EINVAL
 * inconsistent, base-only, or usage: no such profile; -ENOMEM.
 */
SDEISTATE_API int sdeistate_convert(const struct sdeistate *state, enum kvmcore_profile profile,
				    unsigned int flags, sdeistate_notice loss, void *user,
				    struct sdeistate **converted, struct sdeistate_error *err);

/** sdeistate_reg_id() - the one-reg id of a general register. Return: id; 0 for @i >= N_REGS */
SDEISTATE_API uint64_t sdeistate_reg_id(unsigned int i);

/** sdeistate_reg_name() - "x0".."x30", "sp", "pc" etc.; NULL for @i >= N_REGS */
SDEISTATE_API const char *sdeistate_reg_name(unsigned int i);

/** sdeistate_fw_reg_name() - "psci_version", "workaround_1", "std" etc.; NULL for another id */
SDEISTATE_API const char *sdeistate_fw_reg_name(uint64_t id);

#endif
