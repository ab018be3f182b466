/* SPDX-License-Identifier: Apache-2.0 */
/*
 * request.h - model-only verbs: what they share
 *
 * A verb is a row: its name, the fields it takes, its function. Requests and replies are those of
 * docs/model.md.
 */
#ifndef SDEI_MIGRATE_MODEL_REQUEST_H
#define SDEI_MIGRATE_MODEL_REQUEST_H

#include "fields.h"
#include "model.h"

#define REQUEST_NO_VCPU 0xffffffffu

/* What any request may say; each verb's table says which of it. */
struct request {
	const char *verb;
	uint32_t vcpu; /* creation index */
	uint32_t action, imm, intid, ptr_offset;
	bool smc, no_syndrome, immediate_exit;
	uint64_t event, group, attr, id, nr, ipa, len;
	const json_t *fid, *args, *set, *data, *value, *ptr, *expect;
};

/* One request being carried out. */
struct step {
	struct model *model;
	struct machine *machine;
	const json_t *asked; /* the whole request, as it came */
	struct request request;
	struct transport_error *err;
};

struct request_verb {
	const char *name;
	const struct field *fields;
	bool changes; /* the VM is no longer fresh afterwards */
	int (*run)(struct step *step, json_t **reply);
};

/* The guest's side: call, run, mmio, regs. Ends with a row without a name. */
extern const struct request_verb request_guest_verbs[];

/* The VMM's side: inject, raise, attr, reg, ioctl, mem, answer, status. */
extern const struct request_verb request_vmm_verbs[];

/* Rows of a verb's table: a member under its own name, and what every verb has. */
#define REQUEST(member, field_type, ...)                                                     \
	{                                                                                    \
#member, field_type, .offset = offsetof(struct request, member), __VA_ARGS__ \
	}
#define REQUEST_VERB                                                                         \
	{                                                                                    \
		"do", FIELD_TEXT, .offset = offsetof(struct request, verb), .required = true \
	}

/** step_fail() - the core refused: say it in words. Return: @code */
int step_fail(struct step *step, int code);

/** step_refuse() - the request is wrong: @field of it, or of its set, is what it got. Return: -EINVAL */
int step_refuse(struct step *step, const char *field, const char *expected);

/** step_number() - a number of a request. Return: 0; -EINVAL */
int step_number(struct step *step, const char *field, const json_t *json, uint64_t *value);

/** step_needs_vcpu() - the vCPU exists; those of a realm are created now. Return: 0; -EINVAL */
int step_needs_vcpu(struct step *step);

/** exit_json() - an exit to the VMM, or null; NULL: no memory */
json_t *exit_json(const struct kvmcore_reply *reply);

/** kick_json() - the vCPUs that have to leave the guest; NULL: no memory */
json_t *kick_json(const struct kvmcore_reply *reply);

/** result_json() - {ret, errno} of an ioctl; NULL: no memory */
json_t *result_json(int ret);

#endif
