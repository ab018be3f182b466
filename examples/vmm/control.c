// SPDX-License-Identifier: Apache-2.0
/* The control socket: docs/embedding.md, 3. What the callbacks have to do with states is in sdei-migrate's vmm.h. */
#include "stream.h"

#include <errno.h>
#include <linux/kvm.h>
#include <poll.h>
#include <sdei-migrate/vmm.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define LINGER 2 /* seconds in which the mover may ask for the end again (docs/control.md, 4.7) */

static time_t seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec;
}

static void free_state(struct sdeistate **state)
{
	sdeistate_free(*state);
}

static int failed(struct transport_error *err, int ret, const char *what)
{
	return ret ? transport_error_fill(err, ret, "internal", "VM", what, "success|%s",
					  strerror(-ret))
		   : 0;
}

static int op_info(void *vm, struct transport_vm_info *info, struct transport_error *err)
{
	const struct vmm *vmm = vm;
	struct kvmcore_vm_info core;
	struct kvm_device_attr attr = { .group = KVMCORE_GROUP_VM,
					.attr = KVMCORE_VM_INFO,
					.addr = (uintptr_t)&core };
	int ret = vmm->port.ioctl ? vmm->port.ioctl(vmm->port.vm, -1, KVM_GET_DEVICE_ATTR, &attr)
				  : -ENODEV;

	if (ret)
		return failed(err, ret, "info");
	*info = (struct transport_vm_info){ .type = "arm64",
					    .n_vcpus = vmm->n_vcpus,
					    .generation = core.generation };
	memcpy(info->uuid.bytes, core.uuid, sizeof(info->uuid.bytes));
	snprintf(info->profile, sizeof(info->profile), "%s",
		 kvmcore_profile_name((enum kvmcore_profile)core.profile));
	snprintf(info->kernel, sizeof(info->kernel), "%.*s", (int)sizeof(core.kernel), core.kernel);
	return 0;
}

/* A guest that has asked for its reset gets it first, so that nobody moves one that waits for it. */
static int op_pause(void *vm, struct transport_error *err)
{
	struct vmm *vmm = vm;
	int ret;

	ret = gate_pause(vmm);
	if (!ret && vmm->resetting)
		ret = vmm_reset(vmm);
	return failed(err, ret, "pause");
}

static int op_resume(void *vm, struct transport_error *err)
{
	stream_stop(vm);
	return failed(err, gate_resume(vm), "resume");
}

/* Where a pause has found the vCPUs. */
static void describe(const struct vmm *vmm)
{
	unsigned int off = 0, masked = 0, handling = 0, nested = 0, queued = 0, open = 0;

	for (unsigned int i = 0; i < vmm->n_vcpus; i++) {
		struct kvmcore_vcpu_status status;
		struct kvmcore_exit_state exit;

		if (kvmcore_vcpu_status(vmm->core, (int)i, &status))
			continue;
		const bool critical = status.critical_num != KVM_SDEI_INVALID_EVENT;
		const bool normal = status.normal_num != KVM_SDEI_INVALID_EVENT;

		off += !status.powered;
		masked += status.powered && status.masked;
		handling += critical || normal;
		nested += critical && normal;
		queued += status.n_queued > (unsigned int)critical + normal;
		open += sdeistate_router_exit(vmm->router, (int)i, &exit) == 0;
	}
	vmm_say("{\"paused\":{\"off\":%u,\"masked\":%u,\"in_handler\":%u,\"nested\":%u,"
		"\"queued\":%u,\"in_exit\":%u}}",
		off, masked, handling, nested, queued, open);
}

/* Memory, registers and devices are ours to move: they begin to, as soon as SDEI's state is taken. */
static int op_capture(void *vm, enum transport_capture_kind kind,
		      const struct transport_state *base, struct transport_buffer *out,
		      struct transport_error *err)
{
	struct vmm *vmm = vm;
	const struct sdeistate_capture_options options = {
		.kind = kind == TRANSPORT_CAPTURE_BASE ? SDEISTATE_BASE : SDEISTATE_FINAL,
	};
	int ret;

	if (base && base->len)
		return transport_error_fill(err, -EOPNOTSUPP, "port-lacks", "capture", "base",
					    "a full capture|a delta was asked for");
	ret = vmm_capture(&vmm->port, &options, out, err);
	if (ret || kind != TRANSPORT_CAPTURE_FINAL)
		return ret;
	describe(vmm);
	return failed(err, stream_send(vmm), "stream");
}

static int op_check(void *vm, const struct transport_state *records,
		    struct transport_issues *issues, struct transport_error *err)
{
	struct vmm *vmm = vm;
	CLEANUP(free_state) struct sdeistate *state = NULL;
	int ret = vmm_decode(records, &state, err);

	return ret ? ret : vmm_check(&vmm->port, state, issues, err);
}

static int op_reserve(void *vm, const struct transport_id *session, struct transport_error *err)
{
	const struct vmm *vmm = vm;

	(void)session;
	if (!vmm->fresh || !vmm->options->incoming)
		return transport_error_fill(err, -EEXIST, "vm-not-fresh", "VM", "",
					    "one that waits for a guest|it has one");
	return 0;
}

/* The generation is the session's to say; so libkvmcore's VM is made now, in front of the kernel's that waits. */
static int begin_anew(struct vmm *vmm, const struct sdeistate *state, uint64_t generation)
{
	firmware_free(vmm);
	vmm->generation = generation;
	return firmware_new(vmm, vmm->options->has_uuid ? vmm->options->uuid : state->vm.uuid,
			    false);
}

static int op_stage(void *vm, const struct transport_stage *stage,
		    uint8_t digest[TRANSPORT_DIGEST_SIZE], struct transport_error *err)
{
	struct vmm *vmm = vm;
	CLEANUP(free_state) struct sdeistate *state = NULL;
	int ret;

	if (stage->base.len)
		return transport_error_fill(err, -EOPNOTSUPP, "port-lacks", "stage", "base",
					    "a full state|a delta");
	ret = vmm_decode(&stage->records, &state, err);
	if (!ret)
		ret = failed(err, begin_anew(vmm, state, stage->generation), "firmware");
	if (!ret)
		ret = vmm_stage(&vmm->port, state, NULL, digest, err);
	return ret ? ret : failed(err, firmware_adopt(vmm), "PSCI version");
}

static int op_prepared(void *vm, bool *prepared, struct transport_error *err)
{
	struct vmm *vmm = vm;
	int ret = stream_load(vmm, err);

	*prepared = !ret;
	return ret == -ETIMEDOUT ? 0 : ret;
}

/* Where each vCPU stands: off, asleep, or before an answer that it still has to get. */
static int settle(struct vcpu *vcpu)
{
	struct kvmcore_exit_state state;
	struct kvm_mp_state mp;
	const struct kvm_port *kernel = &vcpu->vmm->kernel;
	int ret = kernel->ioctl(kernel->vm, (int)vcpu->index, KVM_GET_MP_STATE, &mp);

	if (ret)
		return ret;
	pthread_mutex_lock(&vcpu->vmm->lock);
	vcpu->powered = mp.mp_state != KVM_MP_STATE_STOPPED;
	vcpu->asleep = mp.mp_state == KVM_MP_STATE_SUSPENDED;
	vcpu->open = sdeistate_router_exit(vcpu->vmm->router, (int)vcpu->index, &state) == 0;
	pthread_mutex_unlock(&vcpu->vmm->lock);
	atomic_store(&vcpu->due, true);
	return 0;
}

static int op_commit(void *vm, bool stay_paused, struct transport_error *err)
{
	struct vmm *vmm = vm;
	int ret = 0;

	for (unsigned int i = 0; i < vmm->n_vcpus && !ret; i++)
		ret = settle(&vmm->vcpu[i]);
	stream_unlisten(vmm);
	vmm->fresh = false;
	if (!ret && !stay_paused)
		ret = gate_resume(vmm);
	return failed(err, ret, "commit");
}

/* What the kernel's VM was told it cannot forget: another takes its place. */
static void op_discard(void *vm)
{
	struct vmm *vmm = vm;

	vmm_close(vmm);
	if (vmm_open(vmm))
		gate_end(vmm, 1);
}

static void op_end(void *vm)
{
	struct vmm *vmm = vm;

	stream_stop(vmm);
	vmm->is_gone = true;
	vmm->gone_at = seconds();
}

static void op_changed(void *vm, const struct transport_vm_status *status)
{
	struct vmm *vmm = vm;

	pthread_mutex_lock(&vmm->lock);
	vmm->session = status->session;
	pthread_mutex_unlock(&vmm->lock);
}

static const struct transport_control_ops ops = {
	.info = op_info,
	.pause = op_pause,
	.resume = op_resume,
	.capture = op_capture,
	.check = op_check,
	.reserve = op_reserve,
	.stage = op_stage,
	.prepared = op_prepared,
	.commit = op_commit,
	.discard = op_discard,
	.end = op_end,
	.changed = op_changed,
};

int control_open(struct vmm *vmm)
{
	const struct transport_server_options options = { .max_clients = 8 };
	__typeof__(transport_server_add) *const add =
		vmm->options->incoming ? transport_server_add_empty : transport_server_add;
	struct transport_error err = { .reason = "" };
	int ret;

	if (!vmm->options->control)
		return 0;
	ret = transport_server_new(&options, &vmm->server, &err);
	if (!ret)
		ret = add(vmm->server, vmm->options->control, &ops, vmm, &err);
	if (ret)
		vmm_say("%s: %s", vmm->options->control, err.reason);
	return ret;
}

void control_close(struct vmm *vmm)
{
	vmm->server = transport_server_free(vmm->server);
}

static bool is_over(struct vmm *vmm)
{
	bool ending;

	pthread_mutex_lock(&vmm->lock);
	ending = vmm->ending;
	pthread_mutex_unlock(&vmm->lock);
	return ending || vmm->stopped || (vmm->is_gone && seconds() > vmm->gone_at + LINGER);
}

/* All of its threads end with the old VM; so this is for the thread that is none of them. */
static int reset_if_asked(struct vmm *vmm)
{
	bool asked, running;
	int ret;

	pthread_mutex_lock(&vmm->lock);
	asked = vmm->resetting && !vmm->ending;
	running = vmm->running;
	pthread_mutex_unlock(&vmm->lock);
	if (!asked)
		return 0;
	ret = vmm_reset(vmm);
	return ret || !running ? ret : gate_resume(vmm);
}

/*
 * Until something is to be looked at; once a second the server looks after its clients' deadlines. Who wakes us may have
 * what a mover waits for.
 */
static void wait_for_work(const struct vmm *vmm)
{
	const int server = vmm->server ? transport_server_fd(vmm->server) : -1;
	struct pollfd wait[] = { { .fd = vmm->wake, .events = POLLIN },
				 { .fd = server, .events = POLLIN } };
	uint64_t drained;

	poll(wait, 2, vmm->server ? 1000 : -1);
	if (read(vmm->wake, &drained, sizeof(drained)) > 0 && vmm->server)
		transport_server_wake(vmm->server);
}

int control_run(struct vmm *vmm)
{
	struct transport_error err = { .reason = "" };
	int ret = 0;

	while (ret == 0 && !is_over(vmm)) {
		wait_for_work(vmm);
		if (vmm->server)
			ret = transport_server_step(vmm->server, 0, &err);
		if (ret == 0)
			ret = reset_if_asked(vmm);
	}
	return ret < 0 ? ret : 0;
}
