// SPDX-License-Identifier: Apache-2.0
#include "model.h"

#include "common/cleanup.h"
#include "move.h"

#include <errno.h>
#include <string.h>

static const char *const type_name[] = { "arm64", "realm", "s390" };

static int op_info(void *vm, struct transport_vm_info *info, struct transport_error *err)
{
	struct model *model = vm;
	struct kvmcore_vm_info core;
	const int ret = machine_info(model->machine, &core);

	if (ret)
		return transport_error_fill(err, ret, "internal", "model VM", "info", "|");
	*info = (struct transport_vm_info){ .n_vcpus = core.n_vcpus,
					    .generation = core.generation,
					    .model = true };
	memcpy(info->uuid.bytes, core.uuid, sizeof(info->uuid.bytes));
	snprintf(info->type, sizeof(info->type), "%s",
		 core.type < ARRAY_SIZE(type_name) ? type_name[core.type] : "unknown");
	snprintf(info->profile, sizeof(info->profile), "%s",
		 kvmcore_profile_name((enum kvmcore_profile)core.profile));
	snprintf(info->kernel, sizeof(info->kernel), "%.*s", (int)sizeof(core.kernel), core.kernel);
	return 0;
}

static int op_pause(void *vm, struct transport_error *err)
{
	struct model *model = vm;
	const int ret = kvmcore_pause(model->machine->core);

	/* Already paused is what was asked for. */
	return ret && ret != -EINVAL
		       ? transport_error_fill(err, ret, "internal", "model VM", "pause", "|")
		       : 0;
}

static int op_resume(void *vm, struct transport_error *err)
{
	struct model *model = vm;
	const int ret = kvmcore_resume(model->machine->core);

	model->given = sdeistate_base_free(model->given);
	return ret && ret != -EBUSY
		       ? transport_error_fill(err, ret, "internal", "model VM", "resume", "|")
		       : 0;
}

static bool is_fresh(struct model *model)
{
	struct kvmcore_vm_info info;

	return !model->touched && machine_info(model->machine, &info) == 0 && !info.has_run;
}

static int op_reserve(void *vm, const struct transport_id *session, struct transport_error *err)
{
	struct model *model = vm;

	(void)session;
	if (model->status.state != TRANSPORT_VM_ENDED && !is_fresh(model))
		return transport_error_fill(err, -EEXIST, "vm-not-fresh", "model VM", "",
					    "a VM that has not run|it has state of its own");
	return op_pause(vm, err);
}

static int op_read(void *vm, uint32_t part, uint64_t offset, size_t len,
		   struct transport_buffer *out, struct transport_error *err)
{
	struct model *model = vm;

	return realm_read(model->machine, part, offset, len, out, err);
}

static int op_load(void *vm, uint32_t part, uint64_t offset, const struct transport_state *bytes,
		   struct transport_error *err)
{
	struct model *model = vm;

	return realm_spool_add(&model->spool, part, offset, bytes, err);
}

static int op_token(void *vm, const uint8_t challenge[TRANSPORT_CHALLENGE_SIZE],
		    struct transport_buffer *out, struct transport_error *err)
{
	struct model *model = vm;

	if (!model->staged)
		return transport_error_fill(err, -EINVAL, "internal", "model VM", "token",
					    "a staged state|none");
	return realm_token(model->staged, challenge, out, err);
}

static int op_commit(void *vm, bool stay_paused, struct transport_error *err)
{
	struct model *model = vm;
	struct machine *former = model->machine;
	int ret;

	if (!model->staged)
		return transport_error_fill(err, -EINVAL, "internal", "model VM", "commit",
					    "a staged state|none");
	model->machine = model->staged;
	model->staged = NULL;
	model->touched = true;
	ret = stay_paused ? 0 : op_resume(vm, err);
	/* Only now: the guest has waited long enough. */
	machine_free(former);
	move_forget(model);
	return ret;
}

static void op_discard(void *vm)
{
	struct model *model = vm;

	model->staged = machine_free(model->staged);
	realm_spool_clear(&model->spool);
	move_forget(model);
}

/* The state stays readable for a look back; the VM is stopped and can never be resumed. */
static void op_end(void *vm)
{
	struct model *model = vm;

	kvmcore_pause(model->machine->core);
	move_forget(model);
}

static int op_model(void *vm, const char *request, size_t len, struct transport_buffer *out,
		    struct transport_error *err)
{
	struct model *model = vm;
	json_error_t error;
	OWNED_JSON json_t *asked = json_loadb(request, len, JSON_REJECT_DUPLICATES, &error);
	OWNED_JSON json_t *reply = NULL;
	OWNED_MEMORY char *text = NULL;
	int ret;

	if (!asked)
		return transport_error_fill(err, -EINVAL, "usage", "model request", "", "JSON|%s",
					    error.text);
	ret = model_request(model, asked, &reply, err);
	if (ret)
		return ret;
	text = json_dumps(reply, JSON_COMPACT | JSON_ENCODE_ANY);
	if (!text)
		return transport_error_fill(err, -ENOMEM, "no-memory", "model reply", "", "|");
	ret = transport_buffer_append(out, text, strlen(text));
	return ret ? transport_error_fill(err, ret, "over-limit", "model reply", "size",
					  "at most %zu bytes|%zu", out->max, strlen(text))
		   : 0;
}

static void op_changed(void *vm, const struct transport_vm_status *status)
{
	struct model *model = vm;

	model->status = *status;
}

const struct transport_control_ops *model_ops(void)
{
	static const struct transport_control_ops ops = {
		.info = op_info,
		.pause = op_pause,
		.resume = op_resume,
		.capture = move_capture,
		.capture_since = move_capture_since,
		.check = move_check,
		.rehearse = move_rehearse,
		.reserve = op_reserve,
		.stage = move_stage,
		.commit = op_commit,
		.discard = op_discard,
		.end = op_end,
		.read = op_read,
		.load = op_load,
		.token = op_token,
		.model = op_model,
		.changed = op_changed,
	};

	return &ops;
}

int model_new(struct model_description *description, struct model **model,
	      struct transport_error *err)
{
	struct model *made = calloc(1, sizeof(*made));
	int ret;

	if (!made) {
		description_free(description);
		return transport_error_fill(err, -ENOMEM, "no-memory", "model VM", "", "|");
	}
	made->description = description;
	ret = machine_new(description, NULL, &made->machine, err);
	if (ret == 0)
		ret = kvmcore_resume(made->machine->core);
	if (ret)
		made = model_free(made);
	else
		*model = made;
	return ret;
}

struct model *model_free(struct model *model)
{
	if (!model)
		return NULL;
	machine_free(model->machine);
	machine_free(model->staged);
	realm_spool_clear(&model->spool);
	move_forget(model);
	description_free(model->description);
	free(model);
	return NULL;
}
