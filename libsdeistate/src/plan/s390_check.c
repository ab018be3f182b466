// SPDX-License-Identifier: Apache-2.0
/*
 * Whether a destination can be the machine an s390 guest believes to be on. KVM validates no facility
 * (kvm_s390_set_processor()); so this does, one obstacle for each that is missing.
 */
#include "plan/parts.h"
#include "plan/s390.h"

#include <stdio.h>

#define CPU KVM_S390_VM_CPU_MODEL

static bool get(struct target *target, const char *object, uint32_t group, uint64_t attr,
		void *value)
{
	const int ret = access_attr_get(target->port, group, attr, value);

	if (ret < 0)
		obstacle(target, SDEISTATE_CAPTURE_FAILED, object, "", "success|%s",
			 strerror(-ret));
	return ret >= 0;
}

static bool has(const struct target *target, uint32_t group, uint64_t attr)
{
	struct kvm_device_attr request = { .group = group, .attr = attr };

	return target->port->ioctl(target->port->vm, ON_VM, KVM_HAS_DEVICE_ATTR, &request) >= 0;
}

/* One obstacle for each bit of @want that @have lacks; bit 0 is the most significant of the first word. */
static void check_bits(struct target *target, const char *name, const __u64 *want,
		       const __u64 *have, unsigned int n_words)
{
	for (unsigned int i = 0; i < n_words; i++)
		for (uint64_t missing = want[i] & ~have[i]; missing; missing &= missing - 1)
			obstacle(target, SDEISTATE_INCOMPATIBLE,
				 OBJECT("s390 %s %u", name,
					64 * i + 63 - (unsigned int)__builtin_ctzll(missing)),
				 "host", "present|absent");
}

/* In the model and in its list: what test_kvm_facility() asks for. */
static void check_machine(struct target *target)
{
	const struct kvm_s390_vm_cpu_processor *want = &target->state->s390->processor;
	CLEANUP(cleanup_free)
	struct kvm_s390_vm_cpu_machine *have = calloc(1, sizeof(*have));
	uint32_t lowest, unblocked;

	if (!have) {
		target->no_memory = -ENOMEM;
		return;
	}
	if (!get(target, "s390 machine", CPU, KVM_S390_VM_CPU_MACHINE, have))
		return;
	check_bits(target, "facility", want->fac_list, have->fac_mask, ARRAY_SIZE(want->fac_list));
	lowest = have->ibc >> 16 & 0xfff;
	unblocked = have->ibc & 0xfff;
	if (want->ibc && lowest && (want->ibc < lowest || want->ibc > unblocked))
		obstacle(target, SDEISTATE_INCOMPATIBLE, "s390 CPU model", "ibc",
			 "0x%x|0x%x to 0x%x", want->ibc, lowest, unblocked);
}

static void check_feat(struct target *target)
{
	struct kvm_s390_vm_cpu_feat have;

	if (get(target, "s390 machine features", CPU, KVM_S390_VM_CPU_MACHINE_FEAT, &have))
		check_bits(target, "CPU feature", target->state->s390->feat.feat, have.feat,
			   ARRAY_SIZE(have.feat));
}

/* Named by instruction, in the order of struct kvm_s390_vm_cpu_subfunc. */
static void check_subfunc(struct target *target)
{
	static const struct {
		const char *name;
		size_t offset, size;
	} part[] = {
		{ "plo", 0, 32 },          { "ptff", 32, 16 },    { "kmac", 48, 16 },
		{ "kmc", 64, 16 },         { "km", 80, 16 },      { "kimd", 96, 16 },
		{ "klmd", 112, 16 },       { "pckmo", 128, 16 },  { "kmctr", 144, 16 },
		{ "kmf", 160, 16 },        { "kmo", 176, 16 },    { "pcc", 192, 16 },
		{ "ppno", 208, 16 },       { "kma", 224, 16 },    { "kdsa", 240, 16 },
		{ "sortl", 256, 32 },      { "dfltcc", 288, 32 }, { "pfcr", 320, 16 },
		{ "reserved", 336, 1712 },
	};
	const uint8_t *want = (const uint8_t *)&target->state->s390->subfunc;
	struct kvm_s390_vm_cpu_subfunc machine;
	const uint8_t *have = (const uint8_t *)&machine;

	if (!(target->state->s390->parts & SDEISTATE_S390_SUBFUNC) ||
	    !get(target, "s390 machine subfunctions", CPU, KVM_S390_VM_CPU_MACHINE_SUBFUNC,
		 &machine))
		return;
	for (unsigned int i = 0; i < ARRAY_SIZE(part); i++) {
		bool missing = false;

		for (size_t k = part[i].offset; k < part[i].offset + part[i].size; k++)
			missing |= want[k] & ~have[k];
		if (missing)
			obstacle(target, SDEISTATE_INCOMPATIBLE,
				 OBJECT("s390 subfunctions of %s", part[i].name), "host",
				 "all the guest has|fewer");
	}
}

static void check_uv_feat(struct target *target)
{
	const uint64_t want = target->state->s390->uv_feat;
	uint64_t have = 0;

	if (want && has(target, CPU, KVM_S390_VM_CPU_MACHINE_UV_FEAT_GUEST) &&
	    !get(target, "s390 machine UV features", CPU, KVM_S390_VM_CPU_MACHINE_UV_FEAT_GUEST,
		 &have))
		return;
	if (want & ~have)
		obstacle(target, SDEISTATE_INCOMPATIBLE, "s390 UV features", "host",
			 "0x%" PRIx64 "|0x%" PRIx64, want, have);
}

/* Neither can be switched on where the host lacks it; CMMA cannot be switched off again. */
static void check_switches(struct target *target, uint32_t found)
{
	const uint32_t want = target->state->s390->flags;

	if (want & KVMCORE_S390_INFO_CMMA &&
	    !has(target, KVM_S390_VM_MEM_CTRL, KVM_S390_VM_MEM_ENABLE_CMMA))
		obstacle(target, SDEISTATE_INCOMPATIBLE, "s390 CMMA", "host", "present|absent");
	if (want & KVMCORE_S390_INFO_APIE &&
	    !has(target, KVM_S390_VM_CRYPTO, KVM_S390_VM_CRYPTO_ENABLE_APIE))
		obstacle(target, SDEISTATE_INCOMPATIBLE, "s390 AP interpretation", "host",
			 "present|absent");
	if ((want ^ found) & KVMCORE_S390_INFO_PROTECTED)
		obstacle(target, SDEISTATE_INCOMPATIBLE, "s390", "protected", "%d|%d",
			 !!(want & KVMCORE_S390_INFO_PROTECTED),
			 !!(found & KVMCORE_S390_INFO_PROTECTED));
	if (found & ~want & ~KVMCORE_S390_INFO_PROTECTED)
		obstacle(target, SDEISTATE_VM_NOT_FRESH, "s390", "flags",
			 "nothing on that the state has off|0x%x",
			 found & ~want & ~KVMCORE_S390_INFO_PROTECTED);
}

/* With a vCPU the model is fixed: it has to be the guest's already. */
static void check_fixed_model(struct target *target)
{
	const struct sdeistate_s390 *want = target->state->s390, *have = target->found->s390;
	const bool same = !memcmp(&want->processor, &have->processor, sizeof(have->processor)) &&
			  !memcmp(&want->feat, &have->feat, sizeof(have->feat)) &&
			  (!(want->parts & SDEISTATE_S390_SUBFUNC) ||
			   !memcmp(&want->subfunc, &have->subfunc, sizeof(have->subfunc))) &&
			  want->uv_feat == have->uv_feat &&
			  !((want->flags & ~have->flags) & KVMCORE_S390_INFO_CMMA);

	if (target->port->n_vcpus && !same)
		obstacle(target, SDEISTATE_INCOMPATIBLE, "vcpus", "count",
			 "none yet, or the guest's own CPU model and CMMA|%u",
			 target->port->n_vcpus);
}

void check_s390(struct target *target)
{
	if (!target->found->s390)
		return; /* another type of VM, which is told already */
	check_machine(target);
	check_feat(target);
	check_subfunc(target);
	check_uv_feat(target);
	check_switches(target, target->found->s390->flags);
	check_fixed_model(target);
}
