/* SPDX-License-Identifier: Apache-2.0 */
/*
 * parts.h - the functions behind the rows of the plan, and what they share
 *
 * A part's functions stand in plan/<part>.c; its two wire functions in wire/.
 */
#ifndef SDEISTATE_PARTS_H
#define SDEISTATE_PARTS_H

#include "access.h"
#include "error_set.h"
#include "plan/plan.h"
#include "util.h"

#include <errno.h>
#include <inttypes.h>

#define MPIDR_AFFINITY UINT64_C(0xff00ffffff)
#define MAX_QUEUE      (1u + KVM_SDEI_MAX_EVENTS + SDEISTATE_MAX_BINDINGS) /* events of one vCPU */
#define PAGE           4096u

/* --- capture --- */
void capture_note(const struct capture *capture, const char *object, const char *field,
		  const char *format, ...) __attribute__((format(printf, 4, 5)));
/* A GET said @code. Return: @code */
int capture_failed(const struct capture *capture, int code, const char *object);
/* GET an array of one of the commands, COUNT before and after. Return: 0 with *@array, *@n owned */
int capture_commands(struct capture *capture, enum kvm_sdei_command count_command, size_t size,
		     unsigned int max, void **array, unsigned int *n);
/* GET an array of any group. Return: 0 with *@array, *@n owned; -ENXIO, untold: it is absent */
int capture_array(struct capture *capture, uint32_t group, uint64_t attr, const char *object,
		  size_t size, unsigned int max, void **array, unsigned int *n);
/* GET an array with one entry for each vCPU. Return: as capture_array(); -ENXIO: ask each of them */
int capture_per_vcpu(struct capture *capture, uint32_t group, uint64_t attr, const char *object,
		     size_t size, void **array);
/* GET an array of group KVMCORE_GROUP_SDEI; absent is empty where the profile can do without. */
int capture_group(struct capture *capture, uint64_t attr, const char *object, size_t size,
		  unsigned int max, void **array, unsigned int *n);

/* A final capture of a VM of a type that is not carried, by name. */
int capture_refuse_type(const struct capture *capture);
int capture_topology(struct capture *capture);
int capture_exposed(struct capture *capture);
int capture_registered(struct capture *capture);
int capture_bindings(struct capture *capture);
int capture_handlers(struct capture *capture);
int capture_pending(struct capture *capture);
int capture_vcpu_events(struct capture *capture);
int capture_vcpu_state(struct capture *capture);
int capture_v7(struct capture *capture);
int capture_regs(struct capture *capture);
int capture_memory(struct capture *capture);
/* Complete what only waits for the next KVM_RUN; before the epoch is read. */
int capture_drain(struct capture *capture);
int capture_exits(struct capture *capture);
int capture_filter(struct capture *capture);
int capture_fw_regs(struct capture *capture);
int capture_guard(struct capture *capture);
int capture_realm(struct capture *capture);
int capture_s390(struct capture *capture);

/* --- validate --- */
int inconsistent(struct sdeistate_error *err, const char *object, const char *field,
		 const char *format, ...) __attribute__((format(printf, 4, 5)));
int validate_topology(const struct sdeistate *state, struct sdeistate_error *err);
int validate_exposed(const struct sdeistate *state, struct sdeistate_error *err);
int validate_registered(const struct sdeistate *state, struct sdeistate_error *err);
int validate_bindings(const struct sdeistate *state, struct sdeistate_error *err);
int validate_handlers(const struct sdeistate *state, struct sdeistate_error *err);
int validate_pending(const struct sdeistate *state, struct sdeistate_error *err);
int validate_vcpu_events(const struct sdeistate *state, struct sdeistate_error *err);
int validate_vcpu_state(const struct sdeistate *state, struct sdeistate_error *err);
int validate_v7(const struct sdeistate *state, struct sdeistate_error *err);
int validate_regs(const struct sdeistate *state, struct sdeistate_error *err);
int validate_memory(const struct sdeistate *state, struct sdeistate_error *err);
int validate_fw_regs(const struct sdeistate *state, struct sdeistate_error *err);
int validate_exits(const struct sdeistate *state, struct sdeistate_error *err);
int validate_filter(const struct sdeistate *state, struct sdeistate_error *err);
int validate_s390(const struct sdeistate *state, struct sdeistate_error *err);
int validate_guard(const struct sdeistate *state, struct sdeistate_error *err);
int validate_realm(const struct sdeistate *state, struct sdeistate_error *err);

/* --- check --- */
void obstacle(struct target *target, enum sdeistate_reason reason, const char *object,
	      const char *field, const char *format, ...) __attribute__((format(printf, 5, 6)));
void check_topology(struct target *target);
void check_exposed(struct target *target);
void check_registered(struct target *target);
void check_bindings(struct target *target);
void check_handlers(struct target *target);
void check_pending(struct target *target);
void check_vcpu_events(struct target *target);
void check_vcpu_state(struct target *target);
void check_v7(struct target *target);
void check_regs(struct target *target);
void check_memory(struct target *target);
void check_exits(struct target *target);
void check_filter(struct target *target);
void check_fw_regs(struct target *target);
/* What the destination holds and the state does not speak of. */
void check_fw_regs_left(struct target *target);
void check_guard(struct target *target);
void check_realm(struct target *target);
void check_s390(struct target *target);

/* --- replay --- */
/* A SET said @code (>= 0: fine). Return: 0 or @code */
int replayed(const struct target *target, int code, const char *object, const char *field);
/* SET an array of group KVMCORE_GROUP_SDEI; nothing to do without entries. */
int replay_group(const struct target *target, uint64_t attr, const char *object, const void *array,
		 unsigned int n);
int replay_topology(struct target *target);
int replay_exposed(struct target *target);
int replay_registered(struct target *target);
int replay_bindings(struct target *target);
int replay_handlers(struct target *target);
int replay_pending(struct target *target);
int replay_vcpu_events(struct target *target);
int replay_vcpu_state(struct target *target);
int replay_v7(struct target *target);
int replay_regs(struct target *target);
int replay_memory(struct target *target);
int replay_exits(struct target *target);
int replay_filter(struct target *target);
int replay_fw_regs(struct target *target);
int replay_guard(struct target *target);
int replay_realm(struct target *target);
/* The CPU model and CMMA, which have to be there before the first vCPU. */
int replay_s390_model(struct target *target);
int replay_s390(struct target *target);

/* --- prove --- */
/* Let @again say what @state does where the destination may differ by right. Return: 0; -ENOMEM */
int adopt_fw_regs(struct sdeistate *again, const struct sdeistate *state,
		  struct sdeistate_error *err);

/* --- diff --- */
void diff_topology(struct differ *differ);
void diff_exposed(struct differ *differ);
void diff_registered(struct differ *differ);
void diff_bindings(struct differ *differ);
void diff_handlers(struct differ *differ);
void diff_pending(struct differ *differ);
void diff_vcpu_events(struct differ *differ);
void diff_vcpu_state(struct differ *differ);
void diff_v7(struct differ *differ);
void diff_regs(struct differ *differ);
void diff_memory(struct differ *differ);
void diff_exits(struct differ *differ);
void diff_filter(struct differ *differ);
/* By vCPU. */
void sort_exits(struct kvmcore_exit_state *exit, unsigned int n);
void diff_fw_regs(struct differ *differ);
void diff_guard(struct differ *differ);
void diff_realm(struct differ *differ);
void diff_s390(struct differ *differ);

bool present_regs(const struct sdeistate *state);
bool present_memory(const struct sdeistate *state);
bool present_fw_regs(const struct sdeistate *state);
bool present_exits(const struct sdeistate *state);
bool present_filter(const struct sdeistate *state);
bool present_guard(const struct sdeistate *state);
bool present_realm(const struct sdeistate *state);

#endif
