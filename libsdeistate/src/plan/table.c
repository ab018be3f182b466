// SPDX-License-Identifier: Apache-2.0
#include "plan/parts.h"
#include "wire/wire.h"

/* One row; @condition tells whether a state of such a VM has it (NULL: always). */
#define PART_IF(condition, number, where, of, name)                                             \
	{                                                                                       \
		.record = SDEISTATE_RECORD_##number, .profiles = (where), .types = (of),        \
		.present = (condition), .capture = capture_##name, .validate = validate_##name, \
		.check = check_##name, .replay = replay_##name, .encode = wire_encode_##name,   \
		.schema = &sdeistate__##name##__descriptor, .decode = wire_decode_##name,       \
		.diff = diff_##name,                                                            \
	}
#define PART(number, where, of, name)          PART_IF(NULL, number, where, of, name)
#define OPTIONAL_PART(number, where, of, name) PART_IF(present_##name, number, where, of, name)

/* The order in which a destination is filled. The numbers order the stream; the two need not agree.
 */
const struct part plan[] = {
	PART(TOPOLOGY, ON_ALL, OF_ANY, topology),
	PART(S390, ON_ALL, OF(S390), s390),
	OPTIONAL_PART(FW_REGS, ON_ALL, OF_ARM, fw_regs),
	OPTIONAL_PART(FILTER, ON_ALL, OF_ARM, filter),
	OPTIONAL_PART(GUARD, ON_ALL, OF_ARM, guard),
	PART(SDEI_EXPOSED, ON_QUEUE, OF_ARM, exposed),
	PART(SDEI_BINDINGS, ON_QUEUE, OF_ARM, bindings),
	PART(SDEI_REGISTERED, ON_QUEUE, OF_ARM, registered),
	PART(SDEI_HANDLERS, ON_QUEUE, OF_ARM, handlers),
	PART(SDEI_VCPU_EVENTS, ON_QUEUE, OF_ARM, vcpu_events),
	PART(SDEI_PENDING, ON_QUEUE, OF_ARM, pending),
	PART(SDEI_VCPU_STATE, ON_QUEUE, OF_ARM, vcpu_state),
	PART(SDEI_V7, ON_V7, OF_ARM, v7),
	OPTIONAL_PART(VCPU_REGS, ON_ALL, OF_ARM, regs),
	OPTIONAL_PART(PENDING_EXITS, ON_ALL, OF_ARM, exits),
	OPTIONAL_PART(MEMORY, ON_ALL, OF_ANY, memory),
	OPTIONAL_PART(REALM, ON_ALL, OF(REALM), realm),
};
const unsigned int plan_length = ARRAY_SIZE(plan);

const struct part *plan_find(uint32_t number)
{
	for (unsigned int i = 0; i < plan_length; i++)
		if (plan[i].record == number)
			return &plan[i];
	return NULL;
}

bool plan_belongs(const struct part *part, const struct sdeistate_vm *vm)
{
	return vm->profile < KVMCORE_NR_PROFILES && part->profiles >> vm->profile & 1 &&
	       vm->type < KVMCORE_NR_VM_TYPES && part->types >> vm->type & 1;
}

bool plan_has(const struct part *part, const struct sdeistate *state)
{
	return plan_belongs(part, &state->vm) && (!part->present || part->present(state));
}
