// SPDX-License-Identifier: Apache-2.0
/*
 * The SMCCC filter (KVM_ARM_VM_SMCCC_FILTER, arch/arm64/kvm/hypercalls.c since Linux 6.4). The
 * kernel's own attribute cannot be read; group 0x5346 gives back what the VMM set (docs/abi.md,
 * "SMCCC filter").
 */
#include "plan/fields.h"
#include "plan/parts.h"

#include <stdio.h>

#define NR_ACTIONS (KVM_SMCCC_FILTER_FWD_TO_USER + 1u)
#define RANGE(r)   OBJECT("SMCCC filter range 0x%x", (r)->base)

static const struct field range_fields[] = {
	FIELD(kvm_smccc_filter, nr_functions),
	FIELD(kvm_smccc_filter, action),
};

static int compare_base(const void *a, const void *b)
{
	const struct kvm_smccc_filter *x = a, *y = b;

	return (x->base > y->base) - (x->base < y->base);
}

static const struct layout range_layout = {
	.name = "filter",
	.size = sizeof(struct kvm_smccc_filter),
	.compare = compare_base,
	.fields = range_fields,
	.n_fields = ARRAY_SIZE(range_fields),
};

bool present_filter(const struct sdeistate *state)
{
	return state->n_filter > 0;
}

#define MAX_NOTED   16u
#define MAX_ANSWERS 4096u

/* Forwarded calls end in the VMM, whose part in them no record can carry. */
static void note_forwarded(const struct capture *capture)
{
	const struct sdeistate *state = capture->state;
	unsigned int n = 0;

	for (unsigned int i = 0; i < state->n_filter; i++)
		if (state->filter[i].action == KVM_SMCCC_FILTER_FWD_TO_USER && n++ < MAX_NOTED)
			capture_note(capture, RANGE(&state->filter[i]), "action",
				     "forwarded: the destination's VMM must answer these calls as "
				     "this one does");
	if (n > MAX_NOTED)
		capture_note(capture, "SMCCC filter", "action", "%u more ranges are forwarded",
			     n - MAX_NOTED);
}

int capture_filter(struct capture *capture)
{
	struct sdeistate *state = capture->state;
	struct kvmcore_filter_info info = { .n_ranges = 0 };
	void *array = NULL;
	int ret = access_attr_get(capture->port, KVMCORE_GROUP_FILTER, KVMCORE_FILTER_INFO, &info);

	if (ret == -ENXIO)
		return 0;
	if (ret < 0)
		return capture_failed(capture, ret, "SMCCC filter");
	ret = capture_array(capture, KVMCORE_GROUP_FILTER, KVMCORE_FILTER_RANGES, "SMCCC filter",
			    sizeof(*state->filter), SDEISTATE_MAX_FILTER, &array, &state->n_filter);
	if (ret)
		return ret;
	state->filter = array;
	state->filter_reserved_set = state->n_filter ? info.reserved_set : 0;
	sort_entries(&range_layout, state->filter, state->n_filter);
	note_forwarded(capture);
	return 0;
}

/* Calls nobody may decide, on any kernel: the architecture's own, by SMC32 and by SMC64. */
static bool is_reserved(uint32_t first, uint32_t last)
{
	return (first <= 0x8000ffffu && last >= 0x80000000u) ||
	       (first <= 0xc000ffffu && last >= 0xc0000000u);
}

static int validate_range(const struct sdeistate *state, unsigned int i,
			  struct sdeistate_error *err)
{
	static const struct kvm_smccc_filter zero;
	const struct kvm_smccc_filter *range = &state->filter[i];
	const uint32_t last = range->base + range->nr_functions - 1;

	if (range->nr_functions == 0 || last < range->base)
		return inconsistent(err, RANGE(range), "nr_functions",
				    "1 up to the end of the numbers|%u", range->nr_functions);
	if (range->action >= NR_ACTIONS)
		return inconsistent(err, RANGE(range), "action", "below %u|%u", NR_ACTIONS,
				    range->action);
	if (memcmp(range->pad, zero.pad, sizeof(zero.pad)))
		return inconsistent(err, RANGE(range), "pad", "0|not 0");
	if (is_reserved(range->base, last))
		return inconsistent(err, RANGE(range), "base", "no reserved call|one of them");
	if (i > 0 && (range[-1].base >= range->base ||
		      range[-1].base + (range[-1].nr_functions - 1) >= range->base))
		return inconsistent(err, RANGE(range), "base",
				    "ascending ranges apart|another order");
	return 0;
}

int validate_filter(const struct sdeistate *state, struct sdeistate_error *err)
{
	int ret = 0;

	if (state->n_filter > SDEISTATE_MAX_FILTER)
		return inconsistent(err, "SMCCC filter", "ranges", "at most %u|%u",
				    SDEISTATE_MAX_FILTER, state->n_filter);
	for (unsigned int i = 0; i < state->n_filter && !ret; i++)
		ret = validate_range(state, i, err);
	return ret;
}

/* Does the destination's VMM name who answers all of @range? @answer ascends. */
static bool is_answered(const struct kvm_smccc_filter *range,
			const struct kvmcore_call_range *answer, unsigned int n)
{
	const uint32_t last = range->base + range->nr_functions - 1;
	uint32_t next = range->base;

	for (unsigned int i = 0; i < n; i++) {
		if (answer[i].last < next)
			continue;
		if (answer[i].first > next)
			return false;
		if (answer[i].last >= last)
			return true;
		next = answer[i].last + 1;
	}
	return false;
}

/* A forwarded call that nobody answers would hand the guest its own function id as the result. */
static void check_answers(struct target *target)
{
	const struct sdeistate *state = target->state;
	struct capture capture = { .port = target->port };
	CLEANUP(cleanup_free) void *array = NULL;
	unsigned int n = 0, n_open = 0;
	int ret = capture_array(&capture, KVMCORE_GROUP_FILTER, KVMCORE_FILTER_ANSWERS,
				"SMCCC filter", sizeof(struct kvmcore_call_range), MAX_ANSWERS,
				&array, &n);

	if (ret && ret != -ENXIO) {
		obstacle(target, SDEISTATE_CAPTURE_FAILED, "SMCCC filter", "answers", "success|%s",
			 strerror(-ret));
		return;
	}
	for (unsigned int i = 0; i < state->n_filter; i++) {
		const struct kvm_smccc_filter *range = &state->filter[i];

		if (range->action == KVM_SMCCC_FILTER_FWD_TO_USER &&
		    !is_answered(range, array, n) && n_open++ < MAX_NOTED)
			obstacle(target, SDEISTATE_INCOMPATIBLE, RANGE(range), "action",
				 "forwarded to a VMM that answers these calls|it names none that "
				 "does");
	}
	if (n_open > MAX_NOTED)
		obstacle(target, SDEISTATE_INCOMPATIBLE, "SMCCC filter", "action",
			 "calls that are answered|%u more ranges are not", n_open - MAX_NOTED);
}

void check_filter(struct target *target)
{
	struct kvmcore_filter_info info = { .n_ranges = 0 };
	int ret = access_attr_get(target->port, KVMCORE_GROUP_FILTER, KVMCORE_FILTER_INFO, &info);

	if (ret == -ENXIO) {
		obstacle(target, SDEISTATE_PORT_LACKS, "device attribute group 0x5346", "info",
			 "present|absent");
		return;
	}
	if (ret < 0) {
		obstacle(target, SDEISTATE_CAPTURE_FAILED, "SMCCC filter", "", "success|%s",
			 strerror(-ret));
		return;
	}
	if (info.reserved_set != target->state->filter_reserved_set)
		obstacle(target, SDEISTATE_INCOMPATIBLE, "SMCCC filter", "reserved_set", "%u|%u",
			 target->state->filter_reserved_set, info.reserved_set);
	if (info.has_run)
		obstacle(target, SDEISTATE_VM_NOT_FRESH, "SMCCC filter", "has_run",
			 "a VM that never ran|ran");
	check_answers(target);
}

int replay_filter(struct target *target)
{
	const struct sdeistate *state = target->state;
	int ret = 0;

	for (unsigned int i = 0; i < state->n_filter && !ret; i++) {
		ret = access_attr_set(target->port, KVM_ARM_VM_SMCCC_CTRL, KVM_ARM_VM_SMCCC_FILTER,
				      &state->filter[i]);
		ret = replayed(target, ret, RANGE(&state->filter[i]), "KVM_SET_DEVICE_ATTR");
	}
	return ret;
}

void diff_filter(struct differ *differ)
{
	const struct kvm_smccc_filter *x = differ->a->filter, *y = differ->b->filter;
	unsigned int n_a = differ->a->n_filter, n_b = differ->b->n_filter;
	char path[64];

	if (n_a && n_b)
		diff_value(differ, "filter.reserved_set", differ->a->filter_reserved_set,
			   differ->b->filter_reserved_set);
	while ((n_a || n_b) && !differ->ret) {
		int order = !n_a ? 1 : !n_b ? -1 : compare_base(x, y);

		snprintf(path, sizeof(path), "filter[0x%x]", order <= 0 ? x->base : y->base);
		diff_struct(differ, &range_layout, path, order <= 0 ? x : NULL,
			    order >= 0 ? y : NULL);
		if (order <= 0) {
			x++;
			n_a--;
		}
		if (order >= 0) {
			y++;
			n_b--;
		}
	}
}
