// SPDX-License-Identifier: Apache-2.0
#include "calls.h"
#include "psci.h"
#include "smccc.h"

#include <errno.h>
#include <string.h>

#define ID_IS_64BIT 0x40000000u

#define ROW(id, nargs, gate, found, name, handle, feature)                            \
	{                                                                             \
		id, nargs, GATE_##gate, found, false, false, 0, name, handle, feature \
	}
#define PSCI(id, nargs, since, name, handle, feature)                                             \
	{                                                                                         \
		id, nargs, GATE_PSCI, FOUND_PSCI, true, true, PSCI_##since, name, handle, feature \
	}
#define SDEI(id, nargs, name, handle)                                                  \
	{                                                                              \
		id, nargs, GATE_SDEI, FOUND_NOWHERE, true, true, 0, name, handle, NULL \
	}

#define GUARD(id, name)                                                                  \
	{                                                                                \
		id, 3, GATE_GUARD, FOUND_NOWHERE, true, false, 0, name, guard_call, NULL \
	}

/* With a 32-bit id KVM clears the upper halves of x1 to x3, which a guest sees behind a call that leaves them alone. */
#define NARROWED 3

/* Sorted by id: calls_find() searches it, and a unit test keeps it so. */
static const struct call_row row[] = {
	ROW(0x80000000, 0, OPEN, FOUND_PSCI, "SMCCC_VERSION", smccc_version, NULL),
	ROW(0x80000001, 1, OPEN, FOUND_NOWHERE, "SMCCC_ARCH_FEATURES", smccc_arch_features, NULL),
	ROW(0x80003fff, 0, CONDUIT, FOUND_ARCH, "SMCCC_ARCH_WORKAROUND_3", smccc_workaround,
	    smccc_workaround_3_feature),
	ROW(0x80007fff, 1, CONDUIT, FOUND_ARCH, "SMCCC_ARCH_WORKAROUND_2", smccc_workaround,
	    smccc_workaround_2_feature),
	ROW(0x80008000, 0, CONDUIT, FOUND_ARCH, "SMCCC_ARCH_WORKAROUND_1", smccc_workaround,
	    smccc_workaround_1_feature),

	PSCI(0x84000000, 0, 0_2, "PSCI_VERSION", psci_version, NULL),
	PSCI(0x84000001, 3, 0_2, "PSCI_CPU_SUSPEND", psci_cpu_suspend, NULL),
	PSCI(0x84000002, 0, 0_2, "PSCI_CPU_OFF", psci_cpu_off, NULL),
	PSCI(0x84000003, 3, 0_2, "PSCI_CPU_ON", psci_cpu_on, NULL),
	PSCI(0x84000004, 2, 0_2, "PSCI_AFFINITY_INFO", psci_affinity_info, NULL),
	PSCI(0x84000006, 0, 0_2, "PSCI_MIGRATE_INFO_TYPE", psci_migrate_info_type, NULL),
	PSCI(0x84000008, 0, 0_2, "PSCI_SYSTEM_OFF", psci_system_off, NULL),
	PSCI(0x84000009, 0, 0_2, "PSCI_SYSTEM_RESET", psci_system_reset, NULL),
	PSCI(0x8400000a, 1, 1_0, "PSCI_FEATURES", psci_features, NULL),
	PSCI(0x8400000e, NARROWED, 1_0, "PSCI_SYSTEM_SUSPEND", psci_system_suspend,
	     psci_system_suspend_feature),
	PSCI(0x84000012, NARROWED, 1_1, "PSCI_SYSTEM_RESET2", psci_system_reset2, NULL),
	PSCI(0x84000015, 2, 1_3, "PSCI_SYSTEM_OFF2", psci_system_off2, psci_system_off2_feature),
	ROW(0x84000050, 0, TRNG, FOUND_TRNG, "TRNG_VERSION", trng_version, NULL),
	ROW(0x84000051, 1, TRNG, FOUND_TRNG, "TRNG_FEATURES", trng_features, NULL),
	ROW(0x84000052, 0, TRNG, FOUND_TRNG, "TRNG_GET_UUID", trng_get_uuid, NULL),
	ROW(0x84000053, 1, TRNG, FOUND_TRNG, "TRNG_RND", trng_rnd32, NULL),

	ROW(0x86000000, 0, VENDOR, FOUND_NOWHERE, "KVM_FEATURES", smccc_vendor_features, NULL),
	ROW(0x86000001, 1, PTP, FOUND_NOWHERE, "KVM_PTP", smccc_vendor_ptp, NULL),
	ROW(0x8600ff01, 0, VENDOR, FOUND_NOWHERE, "KVM_CALL_UID", smccc_vendor_uid, NULL),

	ROW(0x95c1ba5f, 0, PSCI_0_1, FOUND_NOWHERE, "PSCI_0_1_CPU_OFF", psci_cpu_off, NULL),
	ROW(0x95c1ba60, 3, PSCI_0_1, FOUND_NOWHERE, "PSCI_0_1_CPU_ON", psci_cpu_on, NULL),

	PSCI(0xc4000001, 3, 0_2, "PSCI_CPU_SUSPEND64", psci_cpu_suspend, NULL),
	PSCI(0xc4000003, 3, 0_2, "PSCI_CPU_ON64", psci_cpu_on, NULL),
	PSCI(0xc4000004, 2, 0_2, "PSCI_AFFINITY_INFO64", psci_affinity_info, NULL),
	PSCI(0xc400000e, 2, 1_0, "PSCI_SYSTEM_SUSPEND64", psci_system_suspend,
	     psci_system_suspend_feature),
	PSCI(0xc4000012, 2, 1_1, "PSCI_SYSTEM_RESET2_64", psci_system_reset2, NULL),
	PSCI(0xc4000015, 2, 1_3, "PSCI_SYSTEM_OFF2_64", psci_system_off2, psci_system_off2_feature),
	SDEI(0xc4000020, 0, "SDEI_VERSION", sdei_call_version),
	SDEI(0xc4000021, 5, "SDEI_EVENT_REGISTER", sdei_call_event_register),
	SDEI(0xc4000022, 1, "SDEI_EVENT_ENABLE", sdei_call_event_enable),
	SDEI(0xc4000023, 1, "SDEI_EVENT_DISABLE", sdei_call_event_disable),
	SDEI(0xc4000024, 1, "SDEI_EVENT_CONTEXT", sdei_call_event_context),
	SDEI(0xc4000025, 0, "SDEI_EVENT_COMPLETE", sdei_call_event_complete),
	SDEI(0xc4000026, 1, "SDEI_EVENT_COMPLETE_AND_RESUME", sdei_call_event_complete_and_resume),
	SDEI(0xc4000027, 1, "SDEI_EVENT_UNREGISTER", sdei_call_event_unregister),
	SDEI(0xc4000028, 1, "SDEI_EVENT_STATUS", sdei_call_event_status),
	SDEI(0xc4000029, 2, "SDEI_EVENT_GET_INFO", sdei_call_event_get_info),
	SDEI(0xc400002a, 3, "SDEI_EVENT_ROUTING_SET", sdei_call_event_routing_set),
	SDEI(0xc400002b, 0, "SDEI_PE_MASK", sdei_call_pe_mask),
	SDEI(0xc400002c, 0, "SDEI_PE_UNMASK", sdei_call_pe_unmask),
	SDEI(0xc400002d, 1, "SDEI_INTERRUPT_BIND", sdei_call_interrupt_bind),
	SDEI(0xc400002e, 1, "SDEI_INTERRUPT_RELEASE", sdei_call_interrupt_release),
	SDEI(0xc400002f, 2, "SDEI_EVENT_SIGNAL", sdei_call_event_signal),
	SDEI(0xc4000030, 1, "SDEI_FEATURES", sdei_call_features),
	SDEI(0xc4000031, 0, "SDEI_PRIVATE_RESET", sdei_call_private_reset),
	SDEI(0xc4000032, 0, "SDEI_SHARED_RESET", sdei_call_shared_reset),
	ROW(0xc4000053, 1, TRNG, FOUND_TRNG, "TRNG_RND64", trng_rnd64, NULL),

	ROW(0xc5000020, 1, PV_TIME, FOUND_ARCH | FOUND_PV_TIME, "PV_TIME_FEATURES", pvtime_features,
	    NULL),
	ROW(0xc5000021, 0, PV_TIME, FOUND_PV_TIME, "PV_TIME_ST", pvtime_stolen_time, NULL),

	/* What a number means depends on the VM's variant: src/guard/guard.c */
	GUARD(0xc6000002, "KVM_GUARD_2"),
	GUARD(0xc6000003, "KVM_GUARD_3"),
	GUARD(0xc6000004, "KVM_GUARD_4"),
	GUARD(0xc6000005, "KVM_GUARD_5"),
	GUARD(0xc6000006, "KVM_GUARD_6"),
	GUARD(0xc6000007, "KVM_GUARD_7"),
	GUARD(0xc6000008, "KVM_GUARD_8"),
	GUARD(0xc6000009, "KVM_GUARD_9"),
	GUARD(0xc600000a, "KVM_GUARD_10"),
	GUARD(0xc600000b, "KVM_GUARD_11"),
};

const struct call_row *calls_find(uint32_t id)
{
	const struct call_row *base = row;
	size_t n = ARRAY_SIZE(row);

	while (n > 1) {
		const size_t half = n / 2;

		base += base[half].id <= id ? half : 0;
		n -= half;
	}
	return base->id == id ? base : NULL;
}

uint32_t calls_reads(const struct kvmcore_vm *vm, const struct call_row *r, uint32_t features)
{
	if (r->handle == sdei_call_event_complete_and_resume)
		return sdei_resume_reads(vm, features);
	return (KVMCORE_MASK_X(r->nargs + 1) - 1) & ~KVMCORE_MASK_X(0);
}

static bool psci_knows(const struct call *call, const struct call_row *r)
{
	const uint32_t version = fwreg_psci_version(call->vcpu);

	return version != PSCI_0_1 && version >= r->since;
}

bool calls_is_open(const struct call *call, const struct call_row *r)
{
	const struct kvmcore_vm *vm = call->vm;

	if (call->trap->aarch32 && r->id & ID_IS_64BIT)
		return false;
	switch ((enum call_gate)r->gate) {
	case GATE_OPEN:
		return true;
	case GATE_PSCI:
		return psci_knows(call, r);
	case GATE_PSCI_0_1:
		return fwreg_psci_version(call->vcpu) == PSCI_0_1;
	case GATE_GUARD:
		return guard_answers(vm, r->id & 0xffff);
	case GATE_TRNG:
		return fwreg_has_bit(vm, BMAP_STD, 0);
	case GATE_PV_TIME:
		return fwreg_has_bit(vm, BMAP_STD_HYP, 0);
	case GATE_VENDOR:
		return fwreg_has_bit(vm, BMAP_VENDOR_HYP, 0);
	case GATE_PTP:
		return fwreg_has_bit(vm, BMAP_VENDOR_HYP, 1);
	case GATE_SDEI:
		return vm->config.profile != KVMCORE_PROFILE_KVM_V7 ||
		       fwreg_has_bit(vm, BMAP_STD, 1);
	case GATE_CONDUIT:
	case NR_GATES:
		break;
	}
	return false;
}

uint64_t calls_discover(const struct call *call, uint32_t id, enum call_found by)
{
	const struct call_row *r = calls_find(id);

	if (!r || !(r->found & by))
		return SMCCC_NOT_SUPPORTED;
	if (r->gate != GATE_CONDUIT && !calls_is_open(call, r))
		return SMCCC_NOT_SUPPORTED;
	return r->feature ? r->feature(call) : SMCCC_SUCCESS;
}

void call_exit_system_event(struct call *call, uint32_t type, uint64_t data)
{
	call->reply->returned = false;
	call->reply->exit = KVMCORE_EXIT_SYSTEM_EVENT;
	call->reply->event_type = type;
	call->reply->event_data = data;
}

int64_t kvmcore_call_id(const char *name)
{
	for (size_t i = 0; name && i < ARRAY_SIZE(row); i++)
		if (!strcmp(row[i].name, name))
			return row[i].id;
	return -ENOENT;
}

const char *kvmcore_call_name(uint32_t id)
{
	const struct call_row *r = calls_find(id);

	return r ? r->name : NULL;
}
