// SPDX-License-Identifier: Apache-2.0
/*
 * Firmware pseudo-registers (Documentation/virt/kvm/arm/fw-pseudo-registers.rst): what firmware
 * the guest was told it has. They are read through a vCPU and belong to the VM. docs/records.md,
 * "fw-regs" and "Destination".
 */
#include "plan/fields.h"
#include "plan/parts.h"

#include <kvmcore/uapi.h>
#include <stdio.h>

#define PSCI_0_1      1u
#define LEVEL2_HIGH   3u /* mitigated, or not needed: WORKAROUND_2 tells both as this */
#define WA2_AVAILABLE 2u
#define NR_KNOWN      ARRAY_SIZE(known)
#define MAX_LISTED    4096u /* registers of one vCPU; a kernel has some hundreds */

_Static_assert(sizeof(struct sdeistate_fw_reg) == sizeof(struct kvmcore_vm_fw_reg) &&
		       offsetof(struct sdeistate_fw_reg, value) ==
			       offsetof(struct kvmcore_vm_fw_reg, value),
	       "KVMCORE_VM_FW_REGS gives them as they are");

/* How a destination has to compare with the source. */
enum fw_rule {
	FW_PSCI,     /* the same or a newer one it knows */
	FW_LEVEL,    /* at least as well mitigated */
	FW_LEVEL_2,  /* likewise, in WORKAROUND_2's own words */
	FW_BITS,     /* every bit of it exists there */
	FW_BITS_OFF, /* likewise, where a new VM has none although the kernel knows them */
	FW_SAME,     /* nobody knows what it means */
};

/* What a register holds in a VM nobody told anything; without it, it has to be there. */
struct fw_known {
	uint64_t id;
	const char *name;
	enum fw_rule rule;
	bool has_reset;
	uint64_t reset;
	uint64_t bits; /* FW_BITS_OFF: those a kernel knows that has the register */
};

static const struct fw_known known[] = {
	{ KVMCORE_REG_FW(0), "psci_version", FW_PSCI, false, 0, 0 },
	{ KVMCORE_REG_FW(1), "workaround_1", FW_LEVEL, true, 0, 0 },
	{ KVMCORE_REG_FW(2), "workaround_2", FW_LEVEL_2, true, 0, 0 },
	{ KVMCORE_REG_FW(3), "workaround_3", FW_LEVEL, true, 0, 0 },
	{ KVMCORE_REG_FW_BMAP(0), "std", FW_BITS, false, 0x1, 0 },
	{ KVMCORE_REG_FW_BMAP(1), "std_hyp", FW_BITS, false, 0x1, 0 },
	{ KVMCORE_REG_FW_BMAP(2), "vendor_hyp", FW_BITS, false, 0x3, 0 },
	{ KVMCORE_REG_FW_BMAP(3), "vendor_hyp_2", FW_BITS_OFF, true, 0, 0x3 },
};

static const struct fw_known *find_known(uint64_t id)
{
	static const struct fw_known stranger = { .rule = FW_SAME };

	for (unsigned int i = 0; i < NR_KNOWN; i++)
		if (known[i].id == id)
			return &known[i];
	return &stranger;
}

const char *sdeistate_fw_reg_name(uint64_t id)
{
	return find_known(id)->name;
}

#define REGISTER(id) OBJECT("firmware register %s", name_of(id, (char[24]){ "" }))

static const char *name_of(uint64_t id, char text[24])
{
	const char *name = sdeistate_fw_reg_name(id);

	if (name)
		return name;
	snprintf(text, 24, "0x%" PRIx64, id);
	return text;
}

/* One register of the firmware's two classes, 64 bits wide; kvm-v7's own are another record. */
static bool is_fw_reg(uint64_t id, uint32_t profile)
{
	const uint64_t n = id & 0xffff;

	if ((id & ~UINT64_C(0xffff)) == KVMCORE_REG_FW_BMAP(0))
		return true;
	if ((id & ~UINT64_C(0xffff)) != KVMCORE_REG_FW(0))
		return false;
	return profile != KVMCORE_PROFILE_KVM_V7 || n < 4 || n > 0xd;
}

bool present_fw_regs(const struct sdeistate *state)
{
	return state->n_fw_regs > 0;
}

static const struct sdeistate_fw_reg *find_reg(const struct sdeistate *state, uint64_t id)
{
	for (unsigned int i = 0; i < state->n_fw_regs; i++)
		if (state->fw_regs[i].id == id)
			return &state->fw_regs[i];
	return NULL;
}

/* --- capture --- */

/* All ids vCPU 0 has. Return: 0 with *@list owned; a GET's errno */
static int list_ids(const struct capture *capture, struct kvm_reg_list **list)
{
	struct kvm_reg_list count = { .n = 0 };
	CLEANUP(cleanup_free) struct kvm_reg_list *ids = NULL;
	int ret = capture->port->ioctl(capture->port->vm, 0, KVM_GET_REG_LIST, &count);

	if (ret < 0 && ret != -E2BIG)
		return ret;
	if (count.n > MAX_LISTED)
		return -E2BIG;
	ids = calloc(1, sizeof(*ids) + count.n * sizeof(ids->reg[0]));
	if (!ids)
		return -ENOMEM;
	ids->n = count.n;
	ret = capture->port->ioctl(capture->port->vm, 0, KVM_GET_REG_LIST, ids);
	if (ret < 0)
		return ret;
	if (ids->n > count.n)
		return -EAGAIN;
	*list = TAKE(ids);
	return 0;
}

static int add_reg(struct capture *capture, uint64_t id)
{
	struct sdeistate *state = capture->state;
	struct sdeistate_fw_reg *reg = &state->fw_regs[state->n_fw_regs];
	int ret;

	if (find_reg(state, id))
		return 0;
	if (state->n_fw_regs == SDEISTATE_MAX_FW_REGS)
		return error_set(capture->err, SDEISTATE_OVER_LIMIT, -E2BIG, "firmware registers",
				 "count", "at most %u|more", SDEISTATE_MAX_FW_REGS);
	ret = access_reg_get(capture->port, 0, id, &reg->value);
	if (ret == -ENOENT)
		return 0;
	if (ret < 0)
		return capture_failed(capture, ret, REGISTER(id));
	reg->id = id;
	state->n_fw_regs++;
	return 0;
}

/* The VM has one PSCI version; a vCPU made without PSCI_0_2 reads 0.1 all the same. */
static int check_agreement(struct capture *capture)
{
	const struct sdeistate *state = capture->state;
	const struct sdeistate_fw_reg *psci = find_reg(state, KVMCORE_REG_FW(0));
	CLEANUP(cleanup_free) void *array = NULL;
	const struct kvmcore_vm_vcpu *told;
	int ret = capture_per_vcpu(capture, KVMCORE_GROUP_VM, KVMCORE_VM_VCPUS, "vcpus",
				   sizeof(*told), &array);

	if (ret && ret != -ENXIO)
		return ret;
	told = array;
	for (unsigned int i = 1; i < state->n_vcpus && psci; i++) {
		uint64_t value = told ? told[i].psci_version : 0;

		ret = value ? 0 : access_reg_get(capture->port, (int)i, psci->id, &value);
		if (ret < 0)
			return capture_failed(capture, ret, REGISTER(psci->id));
		if (value != psci->value)
			return error_set(capture->err, SDEISTATE_INCOMPATIBLE, -EOPNOTSUPP,
					 OBJECT("firmware registers of vcpu %u", i), "psci_version",
					 "0x%" PRIx64 ", as vcpu 0 has|0x%" PRIx64, psci->value,
					 value);
	}
	return 0;
}

static int compare_id(const void *a, const void *b)
{
	const struct sdeistate_fw_reg *x = a, *y = b;

	return (x->id > y->id) - (x->id < y->id);
}

int capture_fw_regs(struct capture *capture)
{
	CLEANUP(cleanup_free) struct kvm_reg_list *list = NULL;
	struct sdeistate *state = capture->state;
	const bool final = capture->options->kind == SDEISTATE_FINAL;
	int ret;

	if (state->n_vcpus == 0 ||
	    (state->vm.type != KVMCORE_VM_ARM64 && state->vm.type != KVMCORE_VM_PROTECTED))
		return 0;
	state->fw_regs = calloc(SDEISTATE_MAX_FW_REGS, sizeof(*state->fw_regs));
	if (!state->fw_regs)
		return error_no_memory(capture->err, "firmware registers");
	ret = list_ids(capture, &list);
	if (ret == -ENOEXEC && !final)
		return 0; /* a vCPU nobody initialised tells nothing */
	if (ret == -ENOMEM)
		return error_no_memory(capture->err, "firmware registers");
	if (ret < 0)
		return capture_failed(capture, ret, "KVM_GET_REG_LIST");
	for (uint64_t i = 0; i < list->n && !ret; i++)
		if (is_fw_reg(list->reg[i], state->vm.profile))
			ret = add_reg(capture, list->reg[i]);
	if (!ret && final)
		ret = check_agreement(capture);
	qsort(state->fw_regs, state->n_fw_regs, sizeof(*state->fw_regs), compare_id);
	return ret;
}

/* --- validate --- */

int validate_fw_regs(const struct sdeistate *state, struct sdeistate_error *err)
{
	if (state->n_fw_regs > SDEISTATE_MAX_FW_REGS)
		return inconsistent(err, "firmware registers", "count", "at most %u|%u",
				    SDEISTATE_MAX_FW_REGS, state->n_fw_regs);
	for (unsigned int i = 0; i < state->n_fw_regs; i++) {
		const struct sdeistate_fw_reg *reg = &state->fw_regs[i];

		if (!is_fw_reg(reg->id, state->vm.profile))
			return inconsistent(err, REGISTER(reg->id), "id",
					    "of class 0x14 or 0x16|another");
		if (i > 0 && reg[-1].id >= reg->id)
			return inconsistent(err, REGISTER(reg->id), "id",
					    "ascending, each once|another order");
	}
	return 0;
}

/* --- check --- */

/* WORKAROUND_2 collapses: only a host that needs no mitigation, or has it, takes 2 and 3. */
static uint64_t level_2(uint64_t value)
{
	return (value & 0xf) >= WA2_AVAILABLE ? LEVEL2_HIGH : 0;
}

static const char *explain(enum fw_rule rule)
{
	switch (rule) {
	case FW_PSCI:
		return "a version this kernel knows, at least";
	case FW_LEVEL:
	case FW_LEVEL_2:
		return "a host mitigated as well, at least";
	case FW_BITS:
	case FW_BITS_OFF:
		return "all bits of";
	case FW_SAME:
		break;
	}
	return "exactly";
}

/* Documentation/virt/kvm/arm/fw-pseudo-registers.rst and hypercalls.c: which values a SET takes. */
static bool is_taken(const struct fw_known *reg, uint64_t want, uint64_t have)
{
	switch (reg->rule) {
	case FW_PSCI:
		return (want == PSCI_0_1) == (have == PSCI_0_1) && want <= have;
	case FW_LEVEL:
		return want <= have;
	case FW_LEVEL_2:
		return level_2(want) <= (have & 0xf);
	case FW_BITS:
		return !(want & ~have);
	case FW_BITS_OFF:
		return !(want & ~(have | reg->bits));
	case FW_SAME:
		break;
	}
	return want == have;
}

static void check_one(struct target *target, const struct sdeistate *found,
		      const struct sdeistate_fw_reg *want)
{
	const struct fw_known *reg = find_known(want->id);
	const struct sdeistate_fw_reg *have = find_reg(found, want->id);

	if (!have) {
		if (!reg->has_reset || want->value != reg->reset)
			obstacle(target, SDEISTATE_INCOMPATIBLE, REGISTER(want->id), "id",
				 "present, for 0x%" PRIx64 "|absent", want->value);
		return;
	}
	if (!is_taken(reg, want->value, have->value))
		obstacle(target, SDEISTATE_INCOMPATIBLE, REGISTER(want->id), "value",
			 "%s 0x%" PRIx64 "|0x%" PRIx64, explain(reg->rule), want->value,
			 have->value);
}

static void check_all(struct target *target, const struct sdeistate *found)
{
	const struct sdeistate *state = target->state;

	for (unsigned int i = 0; i < state->n_fw_regs; i++)
		check_one(target, found, &state->fw_regs[i]);
}

/* Without a vCPU to read them through; who does not tell them so will refuse the SET. */
static void check_future(struct target *target)
{
	struct sdeistate_error err = { .code = 0 };
	struct capture look = { .port = target->port, .err = &err };
	CLEANUP(cleanup_free) void *regs = NULL;
	struct sdeistate found = { .fw_regs = NULL };
	int ret = capture_array(&look, KVMCORE_GROUP_VM, KVMCORE_VM_FW_REGS, "firmware registers",
				sizeof(*found.fw_regs), SDEISTATE_MAX_FW_REGS, &regs,
				&found.n_fw_regs);

	found.fw_regs = regs;
	if (ret == -ENOMEM)
		target->no_memory = ret;
	else if (ret && ret != -ENXIO)
		obstacle(target, err.reason, err.object, err.field, "%s|%s", err.expected,
			 err.actual);
	else if (!ret)
		check_all(target, &found);
}

void check_fw_regs(struct target *target)
{
	if (target->create)
		check_future(target);
	else
		check_all(target, target->found);
}

/* A bitmap the state says nothing about stays as a new VM has it. */
static bool is_reset(const struct sdeistate *state, const struct fw_known *reg, uint64_t value)
{
	const bool v7 = state->vm.profile == KVMCORE_PROFILE_KVM_V7;

	if (reg->rule != FW_BITS && reg->rule != FW_BITS_OFF)
		return true;
	return value == (v7 && reg->id == KVMCORE_REG_FW_BMAP(0) ? 0x3 : reg->reset);
}

void check_fw_regs_left(struct target *target)
{
	const struct sdeistate *found = target->found;

	for (unsigned int i = 0; i < found->n_fw_regs; i++) {
		const struct sdeistate_fw_reg *have = &found->fw_regs[i];

		if (!find_reg(target->state, have->id) &&
		    !is_reset(found, find_known(have->id), have->value))
			obstacle(target, SDEISTATE_VM_NOT_FRESH, REGISTER(have->id), "value",
				 "as in a new VM: the state has none|0x%" PRIx64, have->value);
	}
}

/* --- replay --- */

int replay_fw_regs(struct target *target)
{
	const struct sdeistate *state = target->state;
	int ret = 0;

	for (unsigned int i = 0; i < state->n_fw_regs && !ret; i++) {
		const struct sdeistate_fw_reg *reg = &state->fw_regs[i];
		const struct fw_known *rules = find_known(reg->id);

		ret = access_reg_set(target->port, (int)target->map[0], reg->id, &reg->value);
		if (ret == -ENOENT && rules->has_reset && reg->value == rules->reset)
			ret = 0;
		ret = replayed(target, ret, REGISTER(reg->id), "KVM_SET_ONE_REG");
	}
	return ret;
}

/* --- prove --- */

/* A kernel may have a register more at rest, or one less; levels are those of the host it is. */
int adopt_fw_regs(struct sdeistate *again, const struct sdeistate *state,
		  struct sdeistate_error *err)
{
	struct sdeistate_fw_reg *regs = calloc(state->n_fw_regs + 1u, sizeof(*regs));

	if (!regs)
		return error_no_memory(err, "firmware registers");
	for (unsigned int i = 0; i < state->n_fw_regs; i++) {
		const struct fw_known *rules = find_known(state->fw_regs[i].id);
		const struct sdeistate_fw_reg *have = find_reg(again, state->fw_regs[i].id);
		const bool level = rules->rule == FW_LEVEL || rules->rule == FW_LEVEL_2;

		regs[i] = state->fw_regs[i];
		if (have && !(level && is_taken(rules, regs[i].value, have->value)))
			regs[i].value = have->value;
	}
	free(again->fw_regs);
	again->fw_regs = regs;
	again->n_fw_regs = state->n_fw_regs;
	return 0;
}

/* --- diff --- */

void diff_fw_regs(struct differ *differ)
{
	static const struct field fields[] = { FIELD(sdeistate_fw_reg, value) };
	static const struct layout layout = { "fw_regs", sizeof(struct sdeistate_fw_reg),
					      NULL,      false,
					      fields,    ARRAY_SIZE(fields) };
	const struct sdeistate *a = differ->a, *b = differ->b;
	const struct sdeistate_fw_reg *x = a->fw_regs, *y = b->fw_regs;
	unsigned int n_a = a->n_fw_regs, n_b = b->n_fw_regs;

	while ((n_a || n_b) && !differ->ret) {
		const int order = !n_a ? 1 : !n_b ? -1 : compare_id(x, y);
		char path[64];

		snprintf(path, sizeof(path), "fw_regs[%s]",
			 name_of(order <= 0 ? x->id : y->id, (char[24]){ "" }));
		diff_struct(differ, &layout, path, order <= 0 ? x : NULL, order >= 0 ? y : NULL);
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
