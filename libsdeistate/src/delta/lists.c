// SPDX-License-Identifier: Apache-2.0
#include "delta/lists.h"

#include "plan/field_names.h"
#include "plan/parts.h"

#define SIZE_OF(type, member) sizeof(((struct type *)0)->member)
#define FIELD(type, member)                                                                      \
	{                                                                                        \
		.name = #member, .offset = offsetof(struct type, member), SIZE_OF(type, member), \
		.count = 1                                                                       \
	}
#define BINARY(type, member)                                                                     \
	{                                                                                        \
		.name = #member, .offset = offsetof(struct type, member), SIZE_OF(type, member), \
		.count = 1, .binary = true                                                       \
	}
#define ARRAY(type, member)                                               \
	{                                                                 \
		.name = #member, .offset = offsetof(struct type, member), \
		.size = SIZE_OF(type, member[0]),                         \
		.count = SIZE_OF(type, member) / SIZE_OF(type, member[0]) \
	}

/* A field's number is FIRST_FIELD plus its place here: new ones at the end. */
static const struct delta_field vm_fields[] = {
	BINARY(sdeistate, kind),           BINARY(sdeistate, torn),
	ARRAY(sdeistate, vm.uuid),         FIELD(sdeistate, vm.generation),
	FIELD(sdeistate, vm.type),         ARRAY(sdeistate, vm.kernel),
	FIELD(sdeistate, vm.ipa_bits),     BINARY(sdeistate, vm.has_sdei_info),
	FIELD(sdeistate, vm.sdei_version), FIELD(sdeistate, vm.private_slots),
	FIELD(sdeistate, vm.shared_slots), FIELD(sdeistate, vm.n_events),
};

static const struct delta_field vcpu_fields[] = {
	FIELD(sdeistate_vcpu, vcpu_id),
	FIELD(sdeistate_vcpu, mpidr),
	FIELD(sdeistate_vcpu, mp_state),
};

static const struct delta_field exposed_fields[] = { EXPOSED_FIELDS(FIELD) };

static const struct delta_field registered_fields[] = { REGISTERED_FIELDS(FIELD, ARRAY) };

static const struct delta_field binding_fields[] = { BINDING_FIELDS(FIELD, ARRAY) };

static const struct delta_field queue_fields[] = {
	{ .name = "length", .size = 4, .count = 1 },
	{ .name = "word", .size = 8, .count = 2 * MAX_QUEUE }, /* number and count in turn */
};

static const struct delta_field pending_fields[] = { PENDING_FIELDS(FIELD) };

static const struct delta_field vcpu_state_fields[] = { VCPU_STATE_FIELDS(FIELD, ARRAY, BINARY) };

static const struct delta_field v7_fields[] = { V7_FIELDS(FIELD, ARRAY) };

static const struct delta_field regs_fields[] = {
	ARRAY(sdeistate_regs, value),
};

static const struct delta_field memory_fields[] = {
	{ .name = "word", .size = 8, .count = SDEISTATE_MAX_MEMORY / 8 },
};

static const struct delta_field filter_fields[] = {
	FIELD(sdeistate, filter_reserved_set),
};

static const struct delta_field filter_range_fields[] = {
	FIELD(kvm_smccc_filter, nr_functions),
	FIELD(kvm_smccc_filter, action),
};

static const struct delta_field guard_fields[] = {
	FIELD(sdeistate, guard.abi),
	BINARY(sdeistate, guard.enrolled),
	FIELD(sdeistate, guard.granule),
};

static const struct delta_field guard_range_fields[] = {
	FIELD(kvmcore_guard_range, size),
};

static const struct delta_field fw_reg_fields[] = {
	FIELD(sdeistate_fw_reg, value),
};

static const struct delta_field exit_fields[] = {
	FIELD(kvmcore_exit_state, reason),    FIELD(kvmcore_exit_state, nr),
	FIELD(kvmcore_exit_state, flags),     FIELD(kvmcore_exit_state, data),
	FIELD(kvmcore_exit_state, len),       FIELD(kvmcore_exit_state, reg),
	BINARY(kvmcore_exit_state, answered),
};

#define NUMBER(record, at) LIST_NUMBER((uint32_t)SDEISTATE_RECORD_##record, at)
#define FIELDS(list)       .field = (list), .n_fields = ARRAY_SIZE(list)
#define ONE(record, label, list)                                                              \
	{                                                                                     \
		.number = NUMBER(record, 0), .name = (label), .shape = LIST_ONE, FIELDS(list) \
	}
#define BY_VCPU(record, at, member, list)                                             \
	{                                                                             \
		.number = NUMBER(record, at), .name = #member, .shape = LIST_BY_VCPU, \
		.array = offsetof(struct sdeistate, member),                          \
		.size = sizeof(*((struct sdeistate *)0)->member), FIELDS(list)        \
	}
#define BY_KEY(record, at, label, member, key, most, list)                           \
	{                                                                            \
		.number = NUMBER(record, at), .name = (label), .shape = LIST_BY_KEY, \
		.array = offsetof(struct sdeistate, member),                         \
		.n = offsetof(struct sdeistate, n_##member),                         \
		.size = sizeof(*((struct sdeistate *)0)->member), .key_size = (key), \
		.max = (most), FIELDS(list)                                          \
	}

/* Ascending. */
const struct delta_list delta_lists[] = {
	ONE(TOPOLOGY, "vm", vm_fields),
	BY_VCPU(TOPOLOGY, 1, vcpu, vcpu_fields),
	BY_KEY(SDEI_EXPOSED, 0, "exposed", exposed, 8, KVM_SDEI_MAX_EVENTS, exposed_fields),
	BY_KEY(SDEI_REGISTERED, 0, "registered", registered, 8, KVM_SDEI_MAX_EVENTS,
	       registered_fields),
	BY_KEY(SDEI_BINDINGS, 0, "bindings", bindings, 8, SDEISTATE_MAX_BINDINGS, binding_fields),
	{ .number = NUMBER(SDEI_VCPU_EVENTS, 0),
	  .name = "queue",
	  .shape = LIST_QUEUES,
	  FIELDS(queue_fields) },
	BY_KEY(SDEI_PENDING, 0, "pending", pending, 8, MAX_QUEUE, pending_fields),
	BY_VCPU(SDEI_VCPU_STATE, 0, vcpu_state, vcpu_state_fields),
	BY_VCPU(SDEI_V7, 0, v7, v7_fields),
	BY_VCPU(VCPU_REGS, 0, regs, regs_fields),
	{ .number = NUMBER(MEMORY, 0),
	  .name = "memory",
	  .shape = LIST_MEMORY,
	  FIELDS(memory_fields) },
	ONE(FILTER, "filter", filter_fields),
	BY_KEY(FILTER, 1, "filter.range", filter, 4, SDEISTATE_MAX_FILTER, filter_range_fields),
	BY_KEY(FW_REGS, 0, "fw_regs", fw_regs, 8, SDEISTATE_MAX_FW_REGS, fw_reg_fields),
	ONE(GUARD, "guard", guard_fields),
	BY_KEY(GUARD, 1, "guard.range", guarded, 8, SDEISTATE_MAX_GUARD, guard_range_fields),
	BY_KEY(GUARD, 2, "guard.shared", shared, 8, SDEISTATE_MAX_GUARD, guard_range_fields),
	BY_KEY(PENDING_EXITS, 0, "pending_exits", exits, 4, KVM_SDEI_MAX_VCPUS, exit_fields),
};
const unsigned int n_delta_lists = ARRAY_SIZE(delta_lists);

const struct delta_list *delta_list_find(uint32_t number)
{
	for (unsigned int i = 0; i < n_delta_lists; i++)
		if (delta_lists[i].number == number)
			return &delta_lists[i];
	return NULL;
}

const struct delta_field *delta_list_field(const struct delta_list *list, uint32_t field)
{
	if (field < FIRST_FIELD || field - FIRST_FIELD >= list->n_fields)
		return NULL;
	return &list->field[field - FIRST_FIELD];
}

bool delta_has_lists(uint32_t record)
{
	for (unsigned int i = 0; i < n_delta_lists; i++)
		if (LIST_RECORD(delta_lists[i].number) == record)
			return true;
	return false;
}

uint64_t delta_key(const struct delta_list *list, const char *entry)
{
	uint64_t key = 0;

	memcpy(&key, entry, list->key_size); /* both ends of the ABI are little-endian */
	return key;
}
