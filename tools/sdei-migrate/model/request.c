// SPDX-License-Identifier: Apache-2.0
#include "request.h"

#include "common/cleanup.h"
#include "common/number.h"
#include "status.h"

#include <errno.h>
#include <string.h>

int step_fail(struct step *step, int code)
{
	char object[32];

	snprintf(object, sizeof(object), "vcpu %u", step->request.vcpu);
	switch (code) {
	case -EBUSY:
		return transport_error_fill(step->err, code, "busy", "model VM", "state",
					    "a running VM|it is %s",
					    transport_vm_state_name(step->model->status.state));
	case -EBADF:
		return transport_error_fill(step->err, code, "usage", object, "", "below %u|%u",
					    kvmcore_vcpu_count(step->machine->core),
					    step->request.vcpu);
	case -EPERM:
		/* kvmcore/kvmcore.h: a realm's vCPU runs once it has its REC and the realm is active. */
		if (step->machine->description->config.type == KVMCORE_VM_REALM &&
		    !status_realm_active(step->machine))
			return transport_error_fill(step->err, code, "refused", "realm", "state",
						    "active, its vCPUs finalized|%s",
						    status_realm_state(step->machine));
		return transport_error_fill(step->err, code, "refused", object, "power",
					    "a vCPU that may run|it is off");
	case -ENOMEM:
		return transport_error_fill(step->err, code, "no-memory", object, "", "|");
	default:
		return transport_error_fill(step->err, code, "refused", object, step->request.verb,
					    "what the VM can do|%s", strerrorname_np(-code));
	}
}

int step_refuse(struct step *step, const char *field, const char *expected)
{
	const json_t *got = json_object_get(step->asked, field);
	OWNED_MEMORY char *text = NULL;
	int ret;

	if (!got)
		got = json_object_get(step->request.set, field);
	text = got ? json_dumps(got, JSON_COMPACT | JSON_ENCODE_ANY) : NULL;
	ret = transport_error_fill(step->err, -EINVAL, "usage", "model request", field, "|%s",
				   text ? text : "nothing");
	/* Not by the format: an expected text may hold the bar that splits it. */
	snprintf(step->err->expected, sizeof(step->err->expected), "%s", expected);
	return ret;
}

int step_number(struct step *step, const char *field, const json_t *json, uint64_t *value)
{
	return number_from_json(json, value) ? 0 : step_refuse(step, field, "a number");
}

int step_needs_vcpu(struct step *step)
{
	const int ret = machine_complete(step->machine, step->err);

	if (ret)
		return ret;
	return step->request.vcpu < kvmcore_vcpu_count(step->machine->core)
		       ? 0
		       : step_fail(step, -EBADF);
}

json_t *exit_json(const struct kvmcore_reply *reply)
{
	switch (reply->exit) {
	case KVMCORE_EXIT_NONE:
		break;
	case KVMCORE_EXIT_HYPERCALL:
		return json_pack("{s:s, s:o, s:o}", "reason", "hypercall", "nr",
				 number_json(reply->nr), "flags", number_json(reply->flags));
	case KVMCORE_EXIT_SYSTEM_EVENT:
		return json_pack("{s:s, s:i, s:o}", "reason", "system_event", "type",
				 (int)reply->event_type, "data", number_json(reply->event_data));
	case KVMCORE_EXIT_MMIO:
		return json_pack("{s:s}", "reason", "mmio");
	case KVMCORE_EXIT_INTR:
		return json_pack("{s:s}", "reason", "intr");
	case KVMCORE_EXIT_NISV:
		return json_pack("{s:s}", "reason", "nisv");
	}
	return json_null();
}

json_t *kick_json(const struct kvmcore_reply *reply)
{
	json_t *list = json_array();

	for (unsigned int i = 0; reply->any_kick && i < KVMCORE_MAX_VCPUS; i++)
		if (reply->kick[i / 64] >> i % 64 & 1)
			json_array_append_new(list, json_integer(i));
	return list;
}

json_t *result_json(int ret)
{
	return json_pack("{s:i, s:s}", "ret", ret < 0 ? -1 : ret, "errno",
			 ret < 0 ? strerrorname_np(-ret) : "0");
}

static const struct request_verb *find_verb(const struct request_verb *verb, const char *name)
{
	for (; verb->name; verb++)
		if (strcmp(verb->name, name) == 0)
			return verb;
	return NULL;
}

static int take_failure(struct transport_error *err, const struct failure *failure)
{
	return transport_error_fill(err, failure->code, "usage", failure->object, failure->field,
				    "%s|%s", failure->expected, failure->actual);
}

int model_request(struct model *model, const json_t *request, json_t **reply,
		  struct transport_error *err)
{
	struct step step = { .model = model,
			     .machine = model->machine,
			     .asked = request,
			     .request = { .vcpu = REQUEST_NO_VCPU },
			     .err = err };
	const char *name = json_string_value(json_object_get(request, "do"));
	const struct request_verb *verb = NULL;
	struct failure failure;
	struct fields fields = { .object = "model request", .failure = &failure };
	int ret;

	if (name)
		verb = find_verb(request_guest_verbs, name);
	if (name && !verb)
		verb = find_verb(request_vmm_verbs, name);
	if (!verb)
		return step_refuse(&step, "do", "one of the verbs of docs/model.md");
	if (fields_read(&fields, request, verb->fields, &step.request))
		return take_failure(err, &failure);
	ret = verb->run(&step, reply);
	if (ret == 0 && verb->changes)
		model->touched = true;
	if (ret == 0 && !*reply)
		return step_fail(&step, -ENOMEM);
	return ret;
}
