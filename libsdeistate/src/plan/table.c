// SPDX-License-Identifier: Apache-2.0
#include "plan/parts.h"
#include "wire/wire.h"

/* One row; @condition tells whether a state of such a profile has it (NULL: always). */
#define PART_IF(condition, number, where, name)                                                   \
	{                                                                                         \
		.record = SDEISTATE_RECORD_##number, .profiles = (where), .present = (condition), \
		.capture = capture_##name, .validate = validate_##name, .check = check_##name,    \
		.replay = replay_##name, .encode = wire_encode_##name,                            \
		.schema = &sdeistate__##name##__descriptor, .decode = wire_decode_##name,         \
		.diff = diff_##name,                                                              \
	}
#define PART(number, where, name)          PART_IF(NULL, number, where, name)
#define OPTIONAL_PART(number, where, name) PART_IF(present_##name, number, where, name)

/* The order in which a destination is filled. The numbers order the stream; the two need not agree.
 */
const struct part plan[] = {
	PART(TOPOLOGY, ON_ALL, topology),
	OPTIONAL_PART(FILTER, ON_ALL, filter),
	OPTIONAL_PART(GUARD, ON_ALL, guard),
	PART(SDEI_EXPOSED, ON_QUEUE, exposed),
	PART(SDEI_BINDINGS, ON_QUEUE, bindings),
	PART(SDEI_REGISTERED, ON_QUEUE, registered),
	PART(SDEI_HANDLERS, ON_QUEUE, handlers),
	PART(SDEI_VCPU_EVENTS, ON_QUEUE, vcpu_events),
	PART(SDEI_PENDING, ON_QUEUE, pending),
	PART(SDEI_VCPU_STATE, ON_QUEUE, vcpu_state),
	PART(SDEI_V7, ON_V7, v7),
	OPTIONAL_PART(VCPU_REGS, ON_ALL, regs),
	OPTIONAL_PART(MEMORY, ON_ALL, memory),
	OPTIONAL_PART(REALM, ON_ALL, realm),
};
const unsigned int plan_length = ARRAY_SIZE(plan);

const struct part *plan_find(uint32_t number)
{
	for (unsigned int i = 0; i < plan_length; i++)
		if (plan[i].record == number)
			return &plan[i];
	return NULL;
}

bool plan_has(const struct part *part, const struct sdeistate *state)
{
	return part->profiles >> state->vm.profile & 1 && (!part->present || part->present(state));
}
