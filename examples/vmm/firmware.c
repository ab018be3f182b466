// SPDX-License-Identifier: Apache-2.0
/*
 * The firmware the guest talks to: libkvmcore, behind the SMCCC filter. docs/embedding.md, 1 and 2.
 */
#include "vmm.h"

#include <errno.h>
#include <linux/kvm.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

#define RESET        3 /* exit status */
#define AFTER_RESET \
	(KVMCORE_MASK_X(0) | KVMCORE_MASK_PC) /* all else is as KVM_ARM_VCPU_INIT leaves it */
#define PSCI_1_1 0x10001u
#define ALL      (GUEST_PLAIN | GUEST_REALM | GUEST_GUARDED)

/* Calls that the kernel hands to us, and that libkvmcore answers; ascending. */
static const struct {
	struct kvmcore_call_range range;
	unsigned int kinds; /* enum guest_kind */
} forwarded[] = {
	{ { 0x84000000u, 0x8400001fu }, ALL },           /* PSCI, DEN0022 */
	{ { 0x86000000u, 0x86000000u }, GUEST_GUARDED }, /* vendor hypervisor services: which */
	{ { 0x8600ff01u, 0x8600ff01u }, GUEST_GUARDED }, /* and whose */
	{ { 0xc4000000u, 0xc400001fu }, ALL },           /* PSCI, 64 bit */
	{ { 0xc4000020u, 0xc400003fu }, ALL & ~GUEST_REALM }, /* SDEI, DEN0054 */
	{ { 0xc4000190u, 0xc400019fu }, GUEST_REALM },        /* RSI, DEN0137 */
	{ { 0xc6000002u, 0xc600000bu }, GUEST_GUARDED },      /* docs/abi-guard.md */
};

/* Events this board can raise; the guest asks for their type and priority (DEN0054 §5.1.10). */
static const struct kvm_sdei_exposed_event_state events[] = {
	{ .num = 0x400000, .type = 0, .priority = 0 },
	{ .num = 0x400001, .type = 0, .priority = 1 },
	{ .num = 0x400002, .type = 1, .priority = 0 },
	{ .num = 0x400003, .type = 1, .priority = 1 },
};

/* Whoever has something due leaves the guest, to come back through kvmcore_enter(). */
static void kick(struct vmm *vmm, const struct kvmcore_reply *reply)
{
	for (unsigned int i = 0; reply->any_kick && i < vmm->n_vcpus; i++) {
		if (!(reply->kick[i / 64] >> i % 64 & 1))
			continue;
		atomic_store(&vmm->vcpu[i].due, true);
		gate_kick(&vmm->vcpu[i]);
	}
}

/* --- power: libkvmcore decides, the kernel's vCPUs follow ------------------------------------------ */

/* Everything of the PE is gone but its timers, which this board keeps powered ("always-on" in its tree). */
static int power_down(struct vcpu *vcpu)
{
	static const uint64_t timer[] = {
		KVM_REG_ARM_TIMER_CVAL,
		KVM_REG_ARM_TIMER_CTL,
		KVM_REG_ARM_PTIMER_CVAL,
		KVM_REG_ARM_PTIMER_CTL,
	};
	uint64_t value[COUNT(timer)];
	int ret = 0;

	for (size_t i = 0; i < COUNT(timer) && !ret; i++)
		ret = kvm_get(vcpu, timer[i], &value[i]);
	if (!ret)
		ret = kvm_vcpu_init(vcpu, false);
	for (size_t i = 0; i < COUNT(timer) && !ret; i++)
		ret = kvm_set(vcpu, timer[i], value[i]);
	return ret;
}

/* Documentation/virt/kvm/api.rst, KVM_SET_MP_STATE: a suspended vCPU's KVM_RUN waits for an interrupt. */
static int suspend(struct vcpu *vcpu, const struct kvmcore_reply *reply)
{
	int ret = reply->returned ? 0 : power_down(vcpu);

	vcpu->standby = reply->returned;
	vcpu->asleep = !reply->returned;
	return ret ? ret : kvm_mp_state(vcpu, KVM_MP_STATE_SUSPENDED);
}

static int apply_power(struct vcpu *vcpu, const struct kvmcore_reply *reply)
{
	switch (reply->power) {
	case KVMCORE_POWER_ON:
		gate_start(&vcpu->vmm->vcpu[reply->power_vcpu], reply->power_entry,
			   reply->power_context);
		return 0;
	case KVMCORE_POWER_OFF:
		gate_stop(vcpu);
		return kvm_mp_state(vcpu, KVM_MP_STATE_STOPPED);
	case KVMCORE_POWER_SUSPEND:
		return suspend(vcpu, reply);
	case KVMCORE_POWER_NONE:
		break;
	}
	return 0;
}

static void apply_exit(struct vcpu *vcpu, const struct kvmcore_reply *reply)
{
	const struct vmm_options *options = vcpu->vmm->options;
	const bool resets = reply->event_type == KVM_SYSTEM_EVENT_RESET;

	if (reply->exit != KVMCORE_EXIT_SYSTEM_EVENT)
		return;
	vmm_say("the guest %s", resets ? "resets" : "switches off");
	if (resets && options->kernel && !options->no_reboot) {
		gate_reset(vcpu->vmm);
		return;
	}
	if (resets && !options->kernel)
		vmm_say("what it begins with is on the host where it began");
	gate_end(vcpu->vmm, resets ? RESET : 0);
}

/* --- calls and events ------------------------------------------------------------------------------- */

/*
 * Delivers what is due, if anything is, to the registers that @step has or gets now. An event wakes a PE that is in
 * standby.
 */
static int deliver(struct vcpu *vcpu, struct step *step)
{
	const uint32_t reads =
		kvmcore_enter_reads(vcpu->vmm->core, (int)vcpu->index, step->regs.features);
	struct kvmcore_reply reply;
	int ret;

	if (!reads)
		return 0;
	ret = step_read(vcpu, step, reads);
	if (!ret)
		ret = kvmcore_enter(vcpu->vmm->core, (int)vcpu->index, &step->regs, &reply);
	if (ret)
		return ret;
	step_take(step, &reply);
	kick(vcpu->vmm, &reply);
	return reply.delivered ? vcpu_end_standby(vcpu) : 0;
}

int firmware_enter(struct vcpu *vcpu)
{
	struct step step = { .regs.features = vcpu->vmm->pe_features };
	int ret = deliver(vcpu, &step);

	return ret ? ret : step_write(vcpu, &step);
}

int firmware_call(struct vcpu *vcpu, uint32_t id, bool smc)
{
	struct vmm *vmm = vcpu->vmm;
	const struct kvmcore_trap trap = { .smc = smc };
	struct step step = { .regs = { .x = { id }, .features = vmm->pe_features } };
	struct kvmcore_reply reply;
	int ret = step_read(vcpu, &step, kvmcore_call_reads(vmm->core, id, vmm->pe_features));

	if (!ret)
		ret = kvmcore_call(vmm->core, (int)vcpu->index, &trap, &step.regs, &reply);
	if (ret)
		return ret;
	step_take(&step, &reply);
	kick(vmm, &reply);
	ret = apply_power(vcpu, &reply); /* before the registers are written, which it may reset */
	if (vcpu->asleep)
		step.writes = AFTER_RESET;
	apply_exit(vcpu, &reply);
	/* The call may have unmasked, enabled or completed something. */
	if (!ret && vcpu->powered && !vcpu->asleep)
		ret = deliver(vcpu, &step);
	return ret ? ret : step_write(vcpu, &step);
}

int firmware_inject(struct vmm *vmm, unsigned int vcpu, uint32_t event)
{
	struct kvmcore_reply reply;
	int ret = kvmcore_inject(vmm->core, (int)vcpu, event, &reply);

	if (!ret)
		kick(vmm, &reply);
	return ret;
}

/* --- set-up ----------------------------------------------------------------------------------------- */

#define MAX_TEXT 65536u

static char *read_text(const char *path)
{
	FILE *file = fopen(path, "r");
	char *text = file ? calloc(1, MAX_TEXT) : NULL;

	if (text && fread(text, 1, MAX_TEXT - 1, file) == 0) {
		free(text);
		text = NULL;
		errno = EIO;
	}
	if (file)
		fclose(file);
	return text;
}

/* The model answers PSCI_VERSION as the kernel below does. */
static const char *kernel_profile(const struct vmm *vmm)
{
	uint64_t version;

	return kvm_get(&vmm->vcpu[0], KVMCORE_REG_FW(0), &version) == 0 && version > PSCI_1_1
		       ? "7.2"
		       : "6.12";
}

/* @pem: what signs the realm's tokens; the caller frees it */
static int be_monitor(const struct vmm *vmm, struct kvmcore_config *config, char **pem)
{
	config->type = KVMCORE_VM_REALM;
	config->ipa_bits = BOARD_REALM_IPA_BITS;
	config->dialects = KVMCORE_DIALECT_RME_V8;
	if (!vmm->options->platform_key)
		return 0;
	*pem = read_text(vmm->options->platform_key);
	config->host.platform_pem = *pem;
	return *pem ? 0 : -errno;
}

static int create_core(struct vmm *vmm, const uint8_t *uuid)
{
	struct kvmcore_config config = { .profile = KVMCORE_PROFILE_SPEC,
					 .generation = vmm->generation,
					 .kernel = kernel_profile(vmm),
					 .guard = vmm->options->guard };
	struct kvm_vcpu_init init = { .target = KVM_ARM_TARGET_GENERIC_V8 };
	struct kvmcore_error error;
	char *pem = NULL;
	int ret = 0;

	if (uuid)
		memcpy(config.uuid, uuid, sizeof(config.uuid));
	if (vmm->options->kind == GUEST_REALM)
		ret = be_monitor(vmm, &config, &pem);
	if (!ret)
		ret = kvmcore_vm_create(&config, &vmm->core, &error);
	free(pem);
	if (!ret && vmm->options->kind != GUEST_PLAIN)
		ret = guard_memory(vmm);
	if (!ret && vmm->options->kind == GUEST_REALM)
		ret = realm_create(vmm);
	for (unsigned int i = 0; i < vmm->n_vcpus && ret >= 0; i++) {
		ret = kvmcore_vcpu_create(vmm->core, vmm->name[i].vcpu_id, vmm->name[i].mpidr);
		init.features[0] =
			1u << KVM_ARM_VCPU_PSCI_0_2 | (i ? 1u << KVM_ARM_VCPU_POWER_OFF : 0);
		if (ret >= 0)
			ret = kvmcore_ioctl(vmm->core, (int)i, KVMCORE_ARM_VCPU_INIT, &init);
	}
	if (ret < 0)
		return ret;
	kvmcore_port(vmm->core, &vmm->service);
	return 0;
}

static int create_router(struct vmm *vmm)
{
	const struct sdeistate_router_options options = { .kernel = &vmm->kernel,
							  .service = &vmm->service };
	const struct kvmcore_array answers = { .count = vmm->n_answered,
					       .ptr = (uintptr_t)vmm->answered };
	struct kvm_device_attr attr = { .group = KVMCORE_GROUP_FILTER,
					.attr = KVMCORE_FILTER_ANSWERS,
					.addr = (uintptr_t)&answers };
	struct sdeistate_error error;
	int ret = sdeistate_router_new(&options, &vmm->router, &error);

	if (ret)
		return ret;
	sdeistate_router_port(vmm->router, &vmm->port);
	return vmm->port.ioctl(vmm->port.vm, -1, KVM_SET_DEVICE_ATTR, &attr);
}

static int forward_calls(struct vmm *vmm)
{
	int ret = 0;

	for (unsigned int i = 0; i < vmm->n_answered && !ret; i++) {
		struct kvm_smccc_filter filter = {
			.base = vmm->answered[i].first,
			.nr_functions = vmm->answered[i].last - vmm->answered[i].first + 1,
			.action = KVM_SMCCC_FILTER_FWD_TO_USER,
		};
		struct kvm_device_attr attr = { .group = KVM_ARM_VM_SMCCC_CTRL,
						.attr = KVM_ARM_VM_SMCCC_FILTER,
						.addr = (uintptr_t)&filter };

		ret = vmm->port.ioctl(vmm->port.vm, -1, KVM_SET_DEVICE_ATTR, &attr);
	}
	return ret;
}

static int expose_events(struct vmm *vmm)
{
	struct kvm_sdei_cmd expose = { .cmd = KVM_SDEI_CMD_SET_EXPOSED_EVENT,
				       .count = COUNT(events),
				       .pointer = (uintptr_t)events };

	return vmm->port.ioctl(vmm->port.vm, -1, KVM_ARM_SDEI_COMMAND, &expose);
}

int firmware_new(struct vmm *vmm, const uint8_t *uuid, bool filter)
{
	int ret;

	vmm->n_answered = 0;
	for (size_t i = 0; i < COUNT(forwarded); i++)
		if (forwarded[i].kinds & vmm->options->kind)
			vmm->answered[vmm->n_answered++] = forwarded[i].range;
	ret = create_core(vmm, uuid);
	if (!ret)
		ret = create_router(vmm);
	if (!ret && filter)
		ret = vmm_told(forward_calls(vmm), "the SMCCC filter, which Linux has since 6.4");
	if (!ret && filter && vmm->options->kind != GUEST_REALM)
		ret = expose_events(vmm);
	return ret;
}

void firmware_free(struct vmm *vmm)
{
	vmm->router = sdeistate_router_free(vmm->router);
	vmm->core = kvmcore_vm_destroy(vmm->core);
	vmm->port = vmm->service = (struct kvm_port){ .vm = NULL };
}

int firmware_adopt(struct vmm *vmm)
{
	int ret = 0;

	for (unsigned int i = 0; i < vmm->n_vcpus && ret >= 0; i++) {
		uint64_t version;
		struct kvm_one_reg reg = { .id = KVMCORE_REG_FW(0), .addr = (uintptr_t)&version };

		ret = kvm_get(&vmm->vcpu[i], KVMCORE_REG_FW(0), &version);
		if (ret >= 0)
			ret = kvmcore_ioctl(vmm->core, (int)i, KVM_SET_ONE_REG, &reg);
	}
	return ret;
}
