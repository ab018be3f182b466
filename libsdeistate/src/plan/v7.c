// SPDX-License-Identifier: Apache-2.0
/*
 * Pseudo-registers of KVM SDEI v7 (27 May 2022, patches 17/22 to 20/22): per vCPU, any order of
 * writes.
 */
#include "plan/fields.h"
#include "plan/parts.h"

#define NAME(vcpu) OBJECT("pseudo-registers of vcpu %u", (vcpu))
#define EVENTS     3u /* bits of events 0 and 1, the only ones */

static const struct {
	uint64_t id;
	size_t offset;
	const char *name;
} v7_register[] = {
#define REGISTER(reg, member)                                       \
	{                                                           \
		reg, offsetof(struct sdeistate_v7, member), #member \
	}
	REGISTER(KVM_REG_ARM_SDEI_EVENT_HANDLER(0), handler[0]),
	REGISTER(KVM_REG_ARM_SDEI_EVENT_HANDLER(1), handler[1]),
	REGISTER(KVM_REG_ARM_SDEI_EVENT_HANDLER(2), handler[2]),
	REGISTER(KVM_REG_ARM_SDEI_EVENT_HANDLER(3), handler[3]),
	REGISTER(KVM_REG_ARM_SDEI_EVENT_REGISTERED, registered),
	REGISTER(KVM_REG_ARM_SDEI_EVENT_ENABLED, enabled),
	REGISTER(KVM_REG_ARM_SDEI_EVENT_RUNNING, running),
	REGISTER(KVM_REG_ARM_SDEI_EVENT_PENDING, pending),
	REGISTER(KVM_REG_ARM_SDEI_EVENT_CONTEXT, context),
	REGISTER(KVM_REG_ARM_SDEI_PE_STATE, pe_state),
#undef REGISTER
};

/* What a handler that has completed, or was never there, leaves behind means nothing. */
static void tidy(struct sdeistate_v7 *v7)
{
	memset(v7->context.reserved, 0, sizeof(v7->context.reserved));
	if (!v7->running)
		memset(&v7->context, 0, sizeof(v7->context));
	for (unsigned int i = 0; i < ARRAY_SIZE(v7->handler); i++)
		if (!((v7->registered | v7->running) >> i & 1))
			memset(&v7->handler[i], 0, sizeof(v7->handler[i]));
	v7->pe_state = v7->pe_state != 0;
}

int capture_v7(struct capture *capture)
{
	struct sdeistate *state = capture->state;

	state->v7 = calloc(state->n_vcpus + 1u, sizeof(*state->v7));
	if (!state->v7)
		return error_no_memory(capture->err, "pseudo-registers");
	for (unsigned int i = 0; i < state->n_vcpus; i++) {
		char *base = (char *)&state->v7[i];

		for (size_t r = 0; r < ARRAY_SIZE(v7_register); r++) {
			int ret = access_reg_get(capture->port, (int)i, v7_register[r].id,
						 base + v7_register[r].offset);

			if (ret < 0)
				return capture_failed(capture, ret,
						      OBJECT("pseudo-register %s of vcpu %u",
							     v7_register[r].name, i));
		}
		tidy(&state->v7[i]);
	}
	return 0;
}

static int validate_vcpu(const struct sdeistate_v7 *v7, unsigned int i, struct sdeistate_error *err)
{
	static const struct sdeistate_v7 zero;
	uint64_t all = v7->registered | v7->enabled | v7->running | v7->pending;

	if (all & ~(uint64_t)EVENTS)
		return inconsistent(err, NAME(i), "events", "bits 0 and 1|0x%" PRIx64, all);
	if (v7->enabled & ~v7->registered)
		return inconsistent(err, NAME(i), "enabled", "only where registered|0x%" PRIx64,
				    v7->enabled);
	if (v7->running == EVENTS)
		return inconsistent(err, NAME(i), "running", "one event at most|both");
	if (v7->pe_state > 1)
		return inconsistent(err, NAME(i), "pe_state", "0 or 1|%" PRIu64, v7->pe_state);
	if (memcmp(v7->context.reserved, zero.context.reserved, sizeof(zero.context.reserved)) ||
	    (!v7->running && memcmp(&v7->context, &zero.context, sizeof(zero.context))))
		return inconsistent(err, NAME(i), "context", "zero where unused|not zero");
	for (unsigned int n = 0; n < ARRAY_SIZE(v7->handler); n++)
		if (!((v7->registered | v7->running) >> n & 1) &&
		    memcmp(&v7->handler[n], &zero.handler[n], sizeof(zero.handler[n])))
			return inconsistent(err, NAME(i), "handler", "zero where unused|not zero");
	return 0;
}

int validate_v7(const struct sdeistate *state, struct sdeistate_error *err)
{
	int ret = 0;

	for (unsigned int i = 0; i < state->n_vcpus && !ret; i++)
		ret = validate_vcpu(&state->v7[i], i, err);
	return ret;
}

void check_v7(struct target *target)
{
	for (unsigned int i = 0; i < target->found->n_vcpus && target->found->v7; i++) {
		const struct sdeistate_v7 *v7 = &target->found->v7[i];

		if (v7->registered | v7->running | v7->pending)
			obstacle(target, SDEISTATE_VM_NOT_FRESH, OBJECT("vcpu %u", i),
				 "registered, running and pending events",
				 "none|0x%" PRIx64 ", 0x%" PRIx64 ", 0x%" PRIx64, v7->registered,
				 v7->running, v7->pending);
	}
}

int replay_v7(struct target *target)
{
	const struct sdeistate *state = target->state;
	int ret = 0;

	for (unsigned int i = 0; i < state->n_vcpus; i++) {
		const char *base = (const char *)&state->v7[i];

		for (size_t r = 0; r < ARRAY_SIZE(v7_register) && !ret; r++) {
			ret = access_reg_set(target->port, (int)target->map[i], v7_register[r].id,
					     base + v7_register[r].offset);
			if (ret < 0)
				return replayed(target, ret, NAME(i), v7_register[r].name);
			ret = 0;
		}
	}
	return ret;
}

void diff_v7(struct differ *differ)
{
	const struct sdeistate *a = differ->a, *b = differ->b;

	diff_indexed(differ, &v7_layout, a->v7, a->v7 ? a->n_vcpus : 0, b->v7,
		     b->v7 ? b->n_vcpus : 0);
}
