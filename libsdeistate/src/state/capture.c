// SPDX-License-Identifier: Apache-2.0
#include "state/capture.h"

#include "plan/parts.h"

#define KNOWN_FLAGS                                                                \
	((unsigned int)SDEISTATE_CAPTURE_REGS | SDEISTATE_CAPTURE_DROP_NOTIFIERS | \
	 SDEISTATE_CAPTURE_COLD)

static void cleanup_state(struct sdeistate **state)
{
	sdeistate_free(*state);
}

int capture_has_port(const struct kvm_port *port, enum sdeistate_kind kind,
		     struct sdeistate_error *err)
{
	if (!port->ioctl)
		return error_set(err, SDEISTATE_PORT_LACKS, -EOPNOTSUPP, "port", "ioctl",
				 "present|NULL");
	if (kind == SDEISTATE_FINAL && !port->epoch)
		return error_set(err, SDEISTATE_PORT_LACKS, -EOPNOTSUPP, "port", "epoch",
				 "present, for a consistent cut|NULL");
	return 0;
}

static int check_options(const struct sdeistate_capture_options *options,
			 struct sdeistate_error *err)
{
	if (options->kind != SDEISTATE_FINAL && options->kind != SDEISTATE_BASE)
		return error_set(err, SDEISTATE_USAGE, -EINVAL, "capture", "kind", "0 or 1|%d",
				 (int)options->kind);
	if (options->flags & ~KNOWN_FLAGS)
		return error_set(err, SDEISTATE_USAGE, -EINVAL, "capture", "flags",
				 "known flags|0x%x", options->flags);
	if (options->profile_given && options->profile >= KVMCORE_NR_PROFILES)
		return error_set(err, SDEISTATE_USAGE, -EINVAL, "capture", "profile", "below %d|%d",
				 KVMCORE_NR_PROFILES, (int)options->profile);
	return 0;
}

/* GET_VERSION is the same since v4 of the series: it can only refuse, not tell (patch 18/22). */
static int check_version(const struct capture *capture)
{
	struct kvm_sdei_cmd command = { .cmd = KVM_SDEI_CMD_GET_VERSION };
	int ret;

	if (!(ON_QUEUE >> capture->state->vm.profile & 1) ||
	    capture->state->vm.type == KVMCORE_VM_S390)
		return 0;
	ret = capture->port->ioctl(capture->port->vm, ON_VM, KVM_ARM_SDEI_COMMAND, &command);
	if (ret < 0)
		return capture_failed(capture, ret, "KVM_SDEI_CMD_GET_VERSION");
	if (command.version != KVM_SDEI_ABI_VERSION)
		return error_set(capture->err, SDEISTATE_INCOMPATIBLE, -EOPNOTSUPP,
				 "KVM_SDEI_CMD_GET_VERSION", "version", "0x%x|0x%x",
				 KVM_SDEI_ABI_VERSION, command.version);
	return 0;
}

static int capture_parts(struct capture *capture)
{
	int ret = plan[0].capture(capture); /* the topology tells the profile */

	if (!ret && capture->state->vm.profile >= KVMCORE_NR_PROFILES)
		return error_set(capture->err, SDEISTATE_INCOMPATIBLE, -EOPNOTSUPP, "vm", "profile",
				 "below %d|%u", KVMCORE_NR_PROFILES, capture->state->vm.profile);
	if (!ret)
		ret = check_version(capture);
	for (unsigned int i = 1; i < plan_length && !ret; i++)
		if (plan_belongs(&plan[i], &capture->state->vm))
			ret = plan[i].capture(capture);
	return ret;
}

int sdeistate_capture(const struct kvm_port *port, const struct sdeistate_capture_options *options,
		      struct sdeistate **state, struct sdeistate_error *err)
{
	static const struct sdeistate_capture_options defaults;
	CLEANUP(cleanup_state) struct sdeistate *taken = NULL;
	struct capture capture = { .port = port,
				   .options = options ? options : &defaults,
				   .err = err };
	const bool final = capture.options->kind == SDEISTATE_FINAL;
	uint64_t before, after;
	int ret = check_options(capture.options, err);

	if (!ret)
		ret = capture_has_port(port, capture.options->kind, err);
	if (ret)
		return ret;
	before = port->epoch ? port->epoch(port->vm) : 0;
	if (final && before % 2)
		return error_set(err, SDEISTATE_VM_RUNNING, -EBUSY, "vm", "epoch",
				 "even: stopped|%" PRIu64, before);
	taken = calloc(1, sizeof(*taken));
	if (!taken)
		return error_no_memory(err, "state");
	taken->kind = capture.options->kind;
	capture.state = taken;
	ret = final ? capture_drain(&capture) : 0;
	if (ret)
		return ret;
	before = port->epoch ? port->epoch(port->vm) : 0;
	ret = capture_parts(&capture);
	if (ret)
		return ret;
	after = port->epoch ? port->epoch(port->vm) : 0;
	if (final && (capture.changed || after != before))
		return error_set(err, SDEISTATE_TORN, -EAGAIN, "vm",
				 capture.changed ? "count" : "epoch",
				 "unchanged during the capture|%" PRIu64 " became %" PRIu64, before,
				 after);
	taken->torn = !final && (capture.changed || before % 2 || after != before || !port->epoch);
	*state = TAKE(taken);
	return 0;
}
