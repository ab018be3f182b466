// SPDX-License-Identifier: Apache-2.0
#include "smccc.h"
#include "calls.h"

#include <time.h>

#define VERSION_1_1             0x10001
#define WORKAROUND_UNAFFECTED   1ULL
#define WORKAROUND_NOT_REQUIRED ((uint64_t)-2)

void smccc_version(struct call *call)
{
	call_return(call, VERSION_1_1);
}

void smccc_arch_features(struct call *call)
{
	call_return(call, calls_discover(call, (uint32_t)call->regs->x[1], FOUND_ARCH));
}

/* WORKAROUND_1 and _3: 0 where the call helps, 1 where no one needs it. */
static uint64_t mitigation(uint8_t level)
{
	switch (level) {
	case LEVEL_AVAILABLE:
		return SMCCC_SUCCESS;
	case LEVEL_NOT_REQUIRED:
		return WORKAROUND_UNAFFECTED;
	}
	return SMCCC_NOT_SUPPORTED;
}

uint64_t smccc_workaround_1_feature(const struct call *call)
{
	return mitigation(call->vm->fwreg.workaround_1);
}

uint64_t smccc_workaround_3_feature(const struct call *call)
{
	return mitigation(call->vm->fwreg.workaround_3);
}

/* KVM never lets a guest switch the call. */
uint64_t smccc_workaround_2_feature(const struct call *call)
{
	return call->vm->fwreg.workaround_2 == LEVEL2_NOT_REQUIRED ? WORKAROUND_NOT_REQUIRED
								   : SMCCC_NOT_SUPPORTED;
}

/* arch/arm64/kvm/hyp/hyp-entry.S answers these before anything else and leaves x2 and x3 alone. */
void smccc_workaround(struct call *call)
{
	call_set(call, 0, SMCCC_SUCCESS);
	call_set(call, 1, 0);
}

/* 28b46fb6-2ec5-11e9-a9ca-4b564d003a74: how a guest knows KVM. */
void smccc_vendor_uid(struct call *call)
{
	call_return4(call, 0xb66fb428, 0xe911c52e, 0x564bcaa9, 0x743a004d);
}

void smccc_vendor_features(struct call *call)
{
	const struct fwreg *fw = &call->vm->fwreg;

	call_return4(call, guard_features(call, fw->bmap[BMAP_VENDOR_HYP]), 0,
		     fw->bmap[BMAP_VENDOR_HYP_2], 0);
}

static uint64_t nanoseconds(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* The model's counters run at 1 GHz and have no offset: virtual and physical are the same. */
void smccc_vendor_ptp(struct call *call)
{
	uint64_t time, cycles;

	if ((uint32_t)call->regs->x[1] > 1) {
		call_return(call, SMCCC_NOT_SUPPORTED);
		return;
	}
	time = nanoseconds(CLOCK_REALTIME);
	cycles = nanoseconds(CLOCK_MONOTONIC_RAW);
	call_return4(call, time >> 32, (uint32_t)time, cycles >> 32, (uint32_t)cycles);
}
