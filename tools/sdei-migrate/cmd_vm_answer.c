// SPDX-License-Identifier: Apache-2.0
/* vm answer, vm filter, vm firmware: what the VMM of a model VM decides about the guest's calls. */
#include "client.h"
#include "verbs.h"

#include <errno.h>
#include <sdeistate/sdeistate.h>
#include <string.h>

#define FILTER_SIZE 24u /* struct kvm_smccc_filter */

struct decide_args {
	const char *control, *action, *name;
	struct option_number vcpu, base, count, value;
	struct option_list values;
};

#define AT(member)  offsetof(struct decide_args, member)
#define ROW_CONTROL CLIENT_CONTROL_ROW(struct decide_args)
#define ROW_VCPU                                                                            \
	{                                                                                   \
		.name = "--vcpu", .argument = "N", .help = "which vCPU, by creation index", \
		.offset = AT(vcpu), .type = OPTION_NUMBER, .max = 511                       \
	}

/* The vCPU, where one was named, goes into @request, which this takes. */
static int ask(const struct tool *tool, const struct decide_args *args, json_t *request)
{
	if (args->vcpu.given)
		json_object_set_new(request, "vcpu", json_integer((json_int_t)args->vcpu.value));
	return client_ask(tool, args->control, request);
}

/* --- vm answer ------------------------------------------------------------------------------------ */

static int run_answer(struct tool *tool, void *opaque)
{
	const struct decide_args *args = opaque;
	json_t *list = json_array();

	for (size_t i = 0; i < args->values.n; i++) {
		uint64_t value;

		if (!number_parse(args->values.item[i], &value)) {
			json_decref(list);
			return tool_usage(tool, "VALUE", "a number");
		}
		json_array_append_new(list, number_json(value));
	}
	return ask(tool, args,
		   json_pack("{s:s, s:i, s:o}", "do", "answer", "vcpu", 0, "args", list));
}

static const struct option_row answer_rows[] = {
	ROW_CONTROL,
	ROW_VCPU,
	{ .name = "VALUE",
	  .help = "x0 to x3 of a forwarded call; the first is what an MMIO load reads",
	  .offset = AT(values),
	  .type = OPTION_LIST },
	OPTION_END,
};

const struct verb verb_vm_answer = {
	.name = "vm answer",
	.summary = "Answer what a vCPU left the guest for",
	.about = "A forwarded call has its result at once; an MMIO access is completed by the "
		 "vCPU's next run.",
	.options = answer_rows,
	.args_size = sizeof(struct decide_args),
	.run = run_answer,
};

/* --- vm filter ------------------------------------------------------------------------------------ */

static int run_filter(struct tool *tool, void *opaque)
{
	static const char *const action[] = { "handle", "deny", "forward" };
	const struct decide_args *args = opaque;
	struct kvm_smccc_filter range = { .base = (uint32_t)args->base.value,
					  .nr_functions = (uint32_t)args->count.value };
	char text[2 * FILTER_SIZE + 1];

	_Static_assert(sizeof(range) == FILTER_SIZE, "struct kvm_smccc_filter");
	while (range.action < ARRAY_SIZE(action) && strcmp(action[range.action], args->action))
		range.action++;
	hex_text((const uint8_t *)&range, sizeof(range), text);
	return ask(tool, args,
		   json_pack("{s:s, s:s, s:i, s:i, s:s}", "do", "attr", "action", "set", "group",
			     KVM_ARM_VM_SMCCC_CTRL, "attr", KVM_ARM_VM_SMCCC_FILTER, "data", text));
}

static const struct option_row filter_rows[] = {
	ROW_CONTROL,
	{ .name = "ACTION",
	  .help = "what becomes of the calls: handle|deny|forward",
	  .offset = AT(action),
	  .type = OPTION_CHOICE,
	  .choices = "handle|deny|forward",
	  .required = true },
	{ .name = "BASE",
	  .help = "first function id",
	  .offset = AT(base),
	  .type = OPTION_NUMBER,
	  .max = UINT32_MAX,
	  .required = true },
	{ .name = "COUNT",
	  .help = "how many",
	  .offset = AT(count),
	  .type = OPTION_NUMBER,
	  .max = UINT32_MAX,
	  .required = true },
	OPTION_END,
};

const struct verb verb_vm_filter = {
	.name = "vm filter",
	.summary = "Deny or forward guest calls; before the VM has run, and for good",
	.about = "vm status lists the ranges. The reply is the ioctl's result and errno.",
	.options = filter_rows,
	.args_size = sizeof(struct decide_args),
	.run = run_filter,
};

/* --- vm firmware ---------------------------------------------------------------------------------- */

#define N_REGS 4u /* of each class */
#define NAME_LIST \
	"psci_version|workaround_1|workaround_2|workaround_3|std|std_hyp|vendor_hyp|vendor_hyp_2"

static uint64_t find_id(const char *name)
{
	for (unsigned int i = 0; i < 2 * N_REGS; i++) {
		const uint64_t id =
			i < N_REGS ? KVMCORE_REG_FW(i) : KVMCORE_REG_FW_BMAP(i - N_REGS);

		if (strcmp(sdeistate_fw_reg_name(id), name) == 0)
			return id;
	}
	return 0;
}

static int run_firmware(struct tool *tool, void *opaque)
{
	const struct decide_args *args = opaque;
	json_t *request = json_pack("{s:s, s:i, s:s, s:o}", "do", "reg", "vcpu", 0, "action",
				    args->value.given ? "set" : "get", "id",
				    number_json(find_id(args->name)));

	if (args->value.given)
		json_object_set_new(request, "value", number_json(args->value.value));
	return ask(tool, args, request);
}

static const struct option_row firmware_rows[] = {
	ROW_CONTROL,
	ROW_VCPU,
	{ .name = "REGISTER",
	  .help = "which: " NAME_LIST,
	  .offset = AT(name),
	  .type = OPTION_CHOICE,
	  .choices = NAME_LIST,
	  .required = true },
	{ .name = "VALUE",
	  .help = "what to set it to; without it the register is read",
	  .offset = AT(value),
	  .type = OPTION_NUMBER },
	OPTION_END,
};

const struct verb verb_vm_firmware = {
	.name = "vm firmware",
	.summary = "Get or set a firmware register by its name",
	.about = "A hypercall bitmap can be set until the VM has run. WORKAROUND registers only "
		 "assert what the host can do (host_levels of the description).",
	.options = firmware_rows,
	.args_size = sizeof(struct decide_args),
	.run = run_firmware,
};
