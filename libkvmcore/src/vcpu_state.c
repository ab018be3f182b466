// SPDX-License-Identifier: Apache-2.0
#include "vcpu_state.h"
#include "exits.h"
#include "user.h"
#include "vm.h"

#include <errno.h>
#include <string.h>

#define FEATURE(name)  (1u << KVM_ARM_VCPU_##name)
#define KNOWN_FEATURES 0xffu /* what a kernel has a name for */
#define MODEL_FEATURES (FEATURE(POWER_OFF) | FEATURE(PSCI_0_2) | FEATURE(PMU_V3) | PTRAUTH)
#define PTRAUTH        (FEATURE(PTRAUTH_ADDRESS) | FEATURE(PTRAUTH_GENERIC))

/* Order: kvm_vcpu_init_check_features(), arch/arm64/kvm/arm.c. */
static int check_features(const struct kvmcore_vm *vm, const struct kvm_vcpu_init *init)
{
	const uint32_t rec = vm->realm ? 1u << realm_rec_feature(vm) : 0; /* docs/abi-realm.md */
	const uint32_t features = init->features[0] & ~rec;

	if (features & ~KNOWN_FEATURES)
		return -ENOENT;
	for (size_t i = 1; i < ARRAY_SIZE(init->features); i++)
		if (init->features[i])
			return -ENOENT;
	if (features & ~MODEL_FEATURES)
		return -EINVAL;
	if ((features & PTRAUTH) && (features & PTRAUTH) != PTRAUTH)
		return -EINVAL;
	return 0;
}

/* POWER_OFF says how this initialisation ends; it is no feature to remember. */
int vcpu_ioctl_init(struct kvmcore_vm *vm, struct vcpu *vcpu, void *arg)
{
	struct kvm_vcpu_init init;
	uint32_t features;
	int ret;

	if (user_read(&init, (uintptr_t)arg, sizeof(init)))
		return -EFAULT;
	if (init.target != KVM_ARM_TARGET_GENERIC_V8)
		return -EINVAL;
	ret = check_features(vm, &init);
	if (ret)
		return ret;
	features = init.features[0] & ~FEATURE(POWER_OFF);
	if (vcpu->features_fixed && features != vcpu->features)
		return -EINVAL;
	vcpu->features = features;
	vcpu->features_fixed = true;
	vcpu->initialised = true;
	vcpu_reset(vcpu, 0, 0);
	vcpu->power = init.features[0] & FEATURE(POWER_OFF) ? POWER_OFF : POWER_ON;
	sdei_power_changed(vcpu);
	return 0;
}

static const uint32_t mp_state_of[] = {
	[POWER_ON] = KVM_MP_STATE_RUNNABLE,
	[POWER_OFF] = KVM_MP_STATE_STOPPED,
	[POWER_SUSPENDED] = KVM_MP_STATE_SUSPENDED,
};

uint32_t vcpu_mp_state(const struct vcpu *vcpu)
{
	return mp_state_of[vcpu->power];
}

int vcpu_ioctl_get_mp_state(struct kvmcore_vm *vm, struct vcpu *vcpu, void *arg)
{
	const struct kvm_mp_state state = { vcpu_mp_state(vcpu) };

	(void)vm;
	return user_write((uintptr_t)arg, &state, sizeof(state));
}

int vcpu_ioctl_set_mp_state(struct kvmcore_vm *vm, struct vcpu *vcpu, void *arg)
{
	struct kvm_mp_state state;

	(void)vm;
	if (user_read(&state, (uintptr_t)arg, sizeof(state)))
		return -EFAULT;
	for (size_t i = 0; i < ARRAY_SIZE(mp_state_of); i++) {
		if (mp_state_of[i] == state.mp_state) {
			vcpu->power = (enum power_state)i;
			sdei_power_changed(vcpu);
			return 0;
		}
	}
	return -EINVAL;
}

/* The modelled CPUs have the RAS extension, so an SError always has a syndrome. */
int vcpu_ioctl_get_events(struct kvmcore_vm *vm, struct vcpu *vcpu, void *arg)
{
	struct kvmcore_arm64_vcpu_events events = vcpu->events;

	(void)vm;
	events.serror_has_esr = 1;
	return user_write((uintptr_t)arg, &events, sizeof(events));
}

#define ESR_ISS_MASK 0x1ffffffULL

static bool is_padded(const struct kvmcore_arm64_vcpu_events *events)
{
	static const struct kvmcore_arm64_vcpu_events none;

	return memcmp(events->pad, none.pad, sizeof(none.pad)) ||
	       memcmp(events->reserved, none.reserved, sizeof(none.reserved));
}

/* Documentation/virt/kvm/api.rst §4.31: an abort to inject is taken at once, so it never reads
 * back. */
int vcpu_ioctl_set_events(struct kvmcore_vm *vm, struct vcpu *vcpu, void *arg)
{
	struct kvmcore_arm64_vcpu_events events;

	(void)vm;
	if (user_read(&events, (uintptr_t)arg, sizeof(events)))
		return -EFAULT;
	if (is_padded(&events))
		return -EINVAL;
	if (events.serror_pending && events.serror_has_esr && events.serror_esr & ~ESR_ISS_MASK)
		return -EINVAL;
	if (events.serror_pending) {
		vcpu->events.serror_pending = 1;
		vcpu->events.serror_esr = events.serror_has_esr ? events.serror_esr : 0;
	}
	if (events.ext_dabt_pending) {
		exits_refuse(vcpu);
		vcpu_inject_abort(vcpu, vcpu->fault_va);
	}
	return 0;
}

#define PSTATE_MODE       0xfu
#define PSTATE_MODE_EL0   0x0u
#define PSTATE_SP_SEL     0x1u
#define PSTATE_EL1H       0x5u
#define PSTATE_DAIF       0x3c0u
#define PSTATE_KEPT       0xf1000000u /* NZCV, DIT */
#define PSTATE_PAN        (1u << 22)
#define SCTLR_SPAN        (1u << 23)

#define VECTOR_EL1_SP0    0x000u
#define VECTOR_EL1_SPX    0x200u
#define VECTOR_LOWER_EL64 0x400u

#define ESR_EC_DABT_LOWER 0x24ULL
#define ESR_EC_DABT_SAME  0x25ULL
#define ESR_IL            (1ULL << 25)
#define ESR_FSC_EXTABT    0x10ULL
#define ESR_UPPER         0xffffffff00000000ULL

void vcpu_inject_abort(struct vcpu *vcpu, uint64_t va)
{
	struct kvmcore_vcpu_regs *r = &vcpu->regs;
	const bool from_el0 = (r->pstate & PSTATE_MODE) == PSTATE_MODE_EL0;
	const uint64_t ec = from_el0 ? ESR_EC_DABT_LOWER : ESR_EC_DABT_SAME;
	uint64_t vector = VECTOR_LOWER_EL64;

	vcpu->pending = PENDING_NONE; /* the access that was to be finished has failed */
	if (!from_el0)
		vector = r->pstate & PSTATE_SP_SEL ? VECTOR_EL1_SPX : VECTOR_EL1_SP0;
	r->esr_el1 = ec << 26 | ESR_IL | ESR_FSC_EXTABT;
	if (vcpu->vm->kernel->abort_esr_signed)
		r->esr_el1 |= ESR_UPPER;
	r->far_el1 = va;
	r->elr_el1 = r->pc;
	r->spsr_el1 = r->pstate;
	r->pc = r->vbar_el1 + vector;
	r->pstate = (r->pstate & (PSTATE_KEPT | PSTATE_PAN)) | PSTATE_DAIF | PSTATE_EL1H;
	if (!(r->sctlr_el1 & SCTLR_SPAN))
		r->pstate |= PSTATE_PAN;
}
