// SPDX-License-Identifier: Apache-2.0
#include "request.h"

#include "../state_json.h"
#include "common/cleanup.h"
#include "common/number.h"
#include "status.h"
#include "window.h"

#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>

#define OWNED_WINDOW CLEANUP(window_release)
#define DEFAULT_ATTR 64u   /* bytes shown of an attribute whose size nobody said */
#define ROOM         4096u /* bytes behind an argument that a request gave shorter */
#define MAX_MEM      (1u << 20)

static void free_state(struct sdeistate **state)
{
	sdeistate_free(*state);
}

/* The fd a request means: a vCPU's, or the VM's (-1). */
static int find_fd(struct step *step, int *fd)
{
	*fd = -1;
	if (step->request.vcpu == REQUEST_NO_VCPU)
		return 0;
	*fd = (int)step->request.vcpu;
	return step_needs_vcpu(step);
}

/* --- triggers ----------------------------------------------------------------------------------- */

static int run_inject(struct step *step, json_t **json)
{
	struct kvmcore_reply reply = { 0 };
	int ret = step_needs_vcpu(step);

	if (ret)
		return ret;
	ret = kvmcore_inject(step->machine->core, (int)step->request.vcpu, step->request.event,
			     &reply);
	*json = result_json(ret);
	json_object_set_new(*json, "kick", kick_json(&reply));
	return 0;
}

static const struct field inject_fields[] = {
	REQUEST_VERB,
	REQUEST(vcpu, FIELD_U32, .required = true),
	REQUEST(event, FIELD_U64, .required = true),
	REQUEST(expect, FIELD_JSON, .required = false),
	FIELD_END,
};

static int run_raise(struct step *step, json_t **json)
{
	struct kvmcore_reply reply = { 0 };
	int fd, ret = find_fd(step, &fd);

	if (ret)
		return ret;
	ret = kvmcore_raise(step->machine->core, step->request.intid, fd, &reply);
	*json = result_json(ret);
	json_object_set_new(*json, "kick", kick_json(&reply));
	return 0;
}

static const struct field raise_fields[] = {
	REQUEST_VERB,
	REQUEST(vcpu, FIELD_U32, .required = false),
	REQUEST(intid, FIELD_U32, .required = true),
	REQUEST(expect, FIELD_JSON, .required = false),
	FIELD_END,
};

/* --- device attributes, registers, ioctls ----------------------------------------------------------- */

/* Puts the bytes of "ptr" where the struct at @arg expects their address. */
static int attach(struct step *step, struct window *ptr, uint8_t *arg, size_t len)
{
	const uint64_t offset = step->request.ptr_offset;
	uint64_t address;
	int ret;

	if (!step->request.ptr)
		return 0;
	ret = window_from_hex(step->request.ptr, ptr);
	if (ret)
		return step_refuse(step, "ptr", "hexadecimal bytes");
	if (offset + sizeof(address) > len)
		return step_refuse(step, "ptr_offset", "an offset inside the argument");
	address = (uintptr_t)ptr->data;
	memcpy(arg + offset, &address, sizeof(address));
	return 0;
}

static void show_pointer(const struct step *step, const struct window *ptr, uint8_t *arg,
			 json_t *json)
{
	/* An address of this process means nothing to whoever asked. */
	if (!step->request.ptr)
		return;
	memset(arg + step->request.ptr_offset, 0, sizeof(uint64_t));
	json_object_set_new(json, "ptr", hex_json(ptr->data, ptr->len));
}

static int run_attr(struct step *step, json_t **json)
{
	static const unsigned long ioctls[] = { KVM_SET_DEVICE_ATTR, KVM_GET_DEVICE_ATTR,
						KVM_HAS_DEVICE_ATTR };
	const json_t *data = step->request.data;
	OWNED_WINDOW struct window bytes = { 0 }, ptr = { 0 };
	struct kvm_device_attr attr = { .group = (uint32_t)step->request.group,
					.attr = step->request.attr };
	int fd, ret = find_fd(step, &fd);

	if (ret)
		return ret;
	ret = json_is_string(data) ? window_from_hex(data, &bytes)
	      : data               ? 0
				   : window_zero(DEFAULT_ATTR, &bytes);
	if (ret || (data && !json_is_string(data) && !json_is_null(data)))
		return step_refuse(step, "data", "hexadecimal bytes, or null");
	ret = attach(step, &ptr, bytes.data, bytes.len);
	if (ret)
		return ret;
	attr.addr = (uintptr_t)bytes.data;
	*json = result_json(machine_ioctl(step->machine, fd, ioctls[step->request.action], &attr));
	show_pointer(step, &ptr, bytes.data, *json);
	json_object_set_new(*json, "data", hex_json(bytes.data, bytes.len));
	step->model->touched |= step->request.action == 0;
	return 0;
}

static const struct field attr_fields[] = {
	REQUEST_VERB,
	REQUEST(action, FIELD_WORD, .required = true, .words = "set|get|has"),
	REQUEST(vcpu, FIELD_U32, .required = false),
	REQUEST(group, FIELD_U64, .required = true, .max = UINT32_MAX),
	REQUEST(attr, FIELD_U64, .required = true),
	REQUEST(data, FIELD_JSON, .required = false),
	REQUEST(ptr, FIELD_JSON, .required = false),
	REQUEST(ptr_offset, FIELD_U32, .required = false),
	REQUEST(expect, FIELD_JSON, .required = false),
	FIELD_END,
};

static int fill_register(struct step *step, struct window *bytes, size_t size)
{
	const json_t *value = step->request.value;
	uint64_t number;
	int ret;

	if (step->request.action == 0 || (value && size <= sizeof(number))) {
		ret = window_zero(size, bytes);
		if (ret || step->request.action == 0)
			return ret;
		ret = step_number(step, "value", value, &number);
		if (ret == 0)
			memcpy(bytes->data, &number, size);
		return ret;
	}
	ret = window_from_hex(value, bytes);
	return ret == 0 && bytes->len == size
		       ? 0
		       : step_refuse(step, "value", "a number, or as many bytes as the id says");
}

static int run_reg(struct step *step, json_t **json)
{
	const unsigned int log =
		(unsigned int)((step->request.id & KVM_REG_SIZE_MASK) >> KVM_REG_SIZE_SHIFT);
	const size_t size = (size_t)1 << log;
	OWNED_WINDOW struct window bytes = { 0 };
	struct kvm_one_reg reg = { .id = step->request.id };
	uint64_t number = 0;
	int ret = step_needs_vcpu(step);

	if (ret == 0)
		ret = fill_register(step, &bytes, size);
	if (ret)
		return ret;
	reg.addr = (uintptr_t)bytes.data;
	ret = machine_ioctl(step->machine, (int)step->request.vcpu,
			    step->request.action ? KVM_SET_ONE_REG : KVM_GET_ONE_REG, &reg);
	*json = result_json(ret);
	step->model->touched |= step->request.action == 1;
	/* A register that is not there has no value; its id may say any size up to 32 KiB. */
	if (ret < 0)
		return 0;
	if (size > sizeof(number)) {
		json_object_set_new(*json, "data", hex_json(bytes.data, size));
		return 0;
	}
	memcpy(&number, bytes.data, size);
	json_object_set_new(*json, "value", number_json(number));
	return 0;
}

static const struct field reg_fields[] = {
	REQUEST_VERB,
	REQUEST(action, FIELD_WORD, .required = true, .words = "get|set"),
	REQUEST(vcpu, FIELD_U32, .required = true),
	REQUEST(id, FIELD_U64, .required = true),
	REQUEST(value, FIELD_JSON, .required = false),
	REQUEST(expect, FIELD_JSON, .required = false),
	FIELD_END,
};

/* An ioctl without a struct takes its argument as a number: the bytes are that number. */
static void *scalar(const struct window *bytes)
{
	uint64_t value = 0;

	memcpy(&value, bytes->data, bytes->len < sizeof(value) ? bytes->len : sizeof(value));
	return (void *)(uintptr_t)value;
}

static int run_ioctl(struct step *step, json_t **json)
{
	OWNED_WINDOW struct window bytes = { 0 }, ptr = { 0 };
	OWNED_MEMORY uint8_t *arg = NULL;
	int fd, ret = find_fd(step, &fd);

	if (ret)
		return ret;
	if (window_from_hex(step->request.data, &bytes))
		return step_refuse(step, "data", "hexadecimal bytes");
	arg = calloc(1, bytes.len + ROOM);
	if (!arg)
		return step_fail(step, -ENOMEM);
	memcpy(arg, bytes.data, bytes.len);
	ret = attach(step, &ptr, arg, bytes.len);
	if (ret)
		return ret;
	ret = machine_ioctl(step->machine, fd, step->request.nr,
			    _IOC_SIZE(step->request.nr) ? arg : scalar(&bytes));
	*json = result_json(ret);
	show_pointer(step, &ptr, arg, *json);
	json_object_set_new(*json, "data", hex_json(arg, bytes.len));
	return 0;
}

static const struct field ioctl_fields[] = {
	REQUEST_VERB,
	REQUEST(vcpu, FIELD_U32, .required = false),
	REQUEST(nr, FIELD_U64, .required = true, .max = UINT32_MAX),
	REQUEST(data, FIELD_JSON, .required = true),
	REQUEST(ptr, FIELD_JSON, .required = false),
	REQUEST(ptr_offset, FIELD_U32, .required = false),
	REQUEST(expect, FIELD_JSON, .required = false),
	FIELD_END,
};

/* --- memory --------------------------------------------------------------------------------------- */

static int run_mem(struct step *step, json_t **json)
{
	const struct kvm_port *port = &step->machine->port;
	const bool write = step->request.action == 1;
	OWNED_WINDOW struct window bytes = { 0 };
	int ret;

	ret = write ? window_from_hex(step->request.data, &bytes)
		    : window_zero(step->request.len, &bytes);
	if (ret)
		return step_refuse(step, "data", "hexadecimal bytes");
	ret = write ? port->mem_write(port->vm, step->request.ipa, bytes.data, bytes.len)
		    : port->mem_read(port->vm, step->request.ipa, bytes.data, bytes.len);
	step->model->touched |= write;
	*json = result_json(ret);
	json_object_set_new(*json, "data", ret < 0 ? json_null() : hex_json(bytes.data, bytes.len));
	return 0;
}

static const struct field mem_fields[] = {
	REQUEST_VERB,
	REQUEST(action, FIELD_WORD, .required = true, .words = "read|write"),
	REQUEST(ipa, FIELD_U64, .required = true),
	REQUEST(len, FIELD_U64, .required = false, .max = MAX_MEM),
	REQUEST(data, FIELD_JSON, .required = false),
	REQUEST(expect, FIELD_JSON, .required = false),
	FIELD_END,
};

/* --- answering an exit ------------------------------------------------------------------------- */

#define N_RESULTS 4u /* x0..x3 of a call; an MMIO load takes the first */

static int run_answer(struct step *step, json_t **json)
{
	const json_t *args = step->request.args;
	uint64_t value[N_RESULTS] = { 0 };
	size_t i;
	json_t *item;
	int ret = step_needs_vcpu(step);

	if (ret == 0 && args && (!json_is_array(args) || json_array_size(args) > N_RESULTS))
		ret = step_refuse(step, "args", "a list of at most 4 numbers");
	json_array_foreach((json_t *)(uintptr_t)args, i, item)
	{
		if (ret)
			break;
		ret = step_number(step, "args", item, &value[i]);
	}
	if (ret)
		return ret;
	*json = result_json(kvmcore_answer(step->machine->core, (int)step->request.vcpu, value));
	return 0;
}

static const struct field answer_fields[] = {
	REQUEST_VERB,
	REQUEST(vcpu, FIELD_U32, .required = true),
	REQUEST(args, FIELD_JSON, .required = false),
	REQUEST(expect, FIELD_JSON, .required = false),
	FIELD_END,
};

/* --- the whole ------------------------------------------------------------------------------------ */

static int run_status(struct step *step, json_t **json)
{
	const struct sdeistate_capture_options options = { .kind = SDEISTATE_BASE };
	CLEANUP(free_state) struct sdeistate *state = NULL;
	const struct transport_vm_status *status = &step->model->status;
	struct sdeistate_error error;

	if (sdeistate_capture(&step->machine->port, &options, &state, &error))
		return transport_error_fill(step->err, error.code,
					    sdeistate_reason_name(error.reason), error.object,
					    error.field, "%s|%s", error.expected, error.actual);
	*json = state_json(state);
	json_object_set_new(*json, "state", json_string(transport_vm_state_name(status->state)));
	json_object_set_new(*json, "may_run", json_boolean(status->state == TRANSPORT_VM_RUNNING));
	json_object_set_new(*json, "filter", status_filter_json(step->machine));
	json_object_set_new(*json, "guard", status_guard_json(step->machine));
	json_object_set_new(*json, "realm", status_realm_json(step->machine));
	json_object_set_new(*json, "epoch", number_json(kvmcore_epoch(step->machine->core)));
	return 0;
}

static const struct field status_fields[] = {
	REQUEST_VERB,
	REQUEST(expect, FIELD_JSON, .required = false),
	FIELD_END,
};

const struct request_verb request_vmm_verbs[] = {
	{ "inject", inject_fields, true, run_inject },
	{ "raise", raise_fields, true, run_raise },
	{ "attr", attr_fields, false, run_attr },
	{ "reg", reg_fields, false, run_reg },
	{ "ioctl", ioctl_fields, true, run_ioctl },
	{ "mem", mem_fields, false, run_mem },
	{ "answer", answer_fields, true, run_answer },
	{ "status", status_fields, false, run_status },
	{ NULL, NULL, false, NULL },
};
