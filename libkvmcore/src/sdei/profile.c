// SPDX-License-Identifier: Apache-2.0
#include "profile.h"
#include "sdei.h"

#define VERSION(major, minor, vendor) \
	((uint64_t)(major) << 48 | (uint64_t)(minor) << 32 | (uint64_t)(vendor))
#define VENDOR_KVM 0x4b564du /* "KVM" */

#define INV        SDEI_INVALID_PARAMETERS
#define DEN        SDEI_DENIED
#define OK         SDEI_SUCCESS

static const struct sdei_absent absent_spec[NR_BY_EVENT] = {
	[BY_REGISTER] = { INV, INV, OK },    [BY_ENABLE] = { INV, INV, OK },
	[BY_DISABLE] = { INV, INV, OK },     [BY_UNREGISTER] = { INV, INV, OK },
	[BY_STATUS] = { INV, INV, OK },      [BY_GET_INFO] = { INV, INV, OK },
	[BY_ROUTING_SET] = { INV, INV, OK },
};

/* Patches 05, 06, 08, 10, 11, 12/22 of v5: each call looks the event up in its own way. */
static const struct sdei_absent absent_v5[NR_BY_EVENT] = {
	[BY_REGISTER] = { INV, INV, OK },     [BY_ENABLE] = { INV, DEN, DEN },
	[BY_DISABLE] = { INV, DEN, DEN },     [BY_UNREGISTER] = { INV, INV, INV },
	[BY_STATUS] = { INV, OK, OK },        [BY_GET_INFO] = { INV, INV, OK },
	[BY_ROUTING_SET] = { INV, INV, INV },
};

static const struct sdei_profile profiles[KVMCORE_NR_PROFILES] = {
	[KVMCORE_PROFILE_SPEC] = {
		.version = VERSION(1, 0, 0),
		.matrix = &sdei_matrix_spec,
		.absent = absent_spec,
		.numbers = NUMBERS_SPEC,
		.n_builtin = 1,
		.number_is_32_bit = true,
		.entry_checked = true,
		.mpidr_checked = true,
		.context_param_first = true,
		.signal_has_target = true,
		.private_unrouted = true,
		.limit_registered = true,
		.held = true,
		.delivery_checks = true,
		.entry_takes_exception = true,
		.complete_denied = true,
		.resume_at_x1 = true,
		.mask_tells_change = true,
		.signaled_inverted = true,
		.has_routing = true,
		.route_private = INV,
		.has_binding = true,
		.private_reset = RESET_OWN_PRIVATE,
		.shared_reset = RESET_SHARED,
		.reset_running = DEN,
		.relative_mode = INV,
		.set_checked = true,
		.pe_power = true,
	},
	[KVMCORE_PROFILE_KVM_V5] = {
		.version = VERSION(1, 1, VENDOR_KVM),
		.matrix = &sdei_matrix_v5,
		.absent = absent_v5,
		.numbers = NUMBERS_V5,
		.first_route_is_affinity = true,
		.unregister_pending_stored = true,
		.limit_registered = true,
		.counted = true,
		.on_request = true,
		.complete_requests = true,
		.entry_zeroes_x4_x17 = true,
		.entry_writes_spsr = true,
		.status_counts_queued = true,
		.has_routing = true,
		.route_any_has_affinity = true,
		.route_private = DEN,
		.private_reset = RESET_ALL_SHARED,	/* the type test is inverted */
		.shared_reset = RESET_ALL_PRIVATE,
		.reset_running = SDEI_PENDING,
		.relative_mode = OK,
	},
	[KVMCORE_PROFILE_KVM_V7] = {
		.version = VERSION(1, 1, VENDOR_KVM),
		.matrix = &sdei_matrix_v7,
		.absent = absent_spec,
		.numbers = NUMBERS_V7,
		.n_builtin = 2,
		.builtin_listed = true,
		.number_is_32_bit = true,
		.private_unrouted = true,
		.unregister_keeps_pending = true,
		.held = true,
		.signal_held = true,
		.on_request = true,
		.delivery_checks = true,
		.lowest_first = true,
		.unmask_requests = true,
		.entry_zeroes_x4_x17 = true,
		.resume_at_x1 = true,
		.private_reset = RESET_OWN_BITS,
		.shared_reset = RESET_NOTHING,
		.relative_mode = OK,
	},
};

const struct sdei_profile *sdei_profile_of(enum kvmcore_profile profile)
{
	return &profiles[profile];
}

/* DEN0054 §4.4: bit 31 and bits 29:24 are zero. Bound events have numbers that no VMM may expose. */
static bool is_spec_number(uint64_t num)
{
	return num >> 31 == 0 && (num & 0x3f000000u) == 0;
}

/* KVM SDEI v5, patch 02/22: bits 23:22 are 01; nothing looks at bits 31:24. */
static bool is_v5_number(uint64_t num)
{
	return num == 0 || (num >> 32 == 0 && (num >> 22 & 3) == 1);
}

bool sdei_number_is_supported(const struct sdei_profile *profile, uint64_t num)
{
	switch (profile->numbers) {
	case NUMBERS_SPEC:
		return is_spec_number(num);
	case NUMBERS_V5:
		return is_v5_number(num);
	case NUMBERS_V7:
		return num < profile->n_builtin;
	}
	return false;
}
