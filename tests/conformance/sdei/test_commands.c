// SPDX-License-Identifier: Apache-2.0
/*
 * KVM_ARM_SDEI_COMMAND: the thirteen commands of KVM SDEI v5, patches 18 and 19/22, with their checks
 * in the order of the series. The second half is what profile `spec` checks beyond them: restore.
 */
#include "rig.h"

#include <errno.h>

#define PRIV 0x400001u
#define SHRD 0x400002u
#define CRIT 0x400003u
#define BADP ((const void *)8) /* nobody's memory */

#define EXPOSED(num, type, prio)                   \
	{                                          \
		(num), (type), 1, (prio), { 0 }, 0 \
	}
#define NONE KVM_SDEI_INVALID_EVENT

static void open_v5(struct rig *rig)
{
	rig_open_paused(rig, KVMCORE_PROFILE_KVM_V5, 2);
	rig_expose(rig, 0, PRIVATE, NORMAL);
	rig_expose(rig, PRIV, PRIVATE, NORMAL);
	rig_expose(rig, SHRD, SHARED, NORMAL);
	rig_expose(rig, CRIT, PRIVATE, CRITICAL);
}

static void test_common_checks(void)
{
	struct kvm_sdei_cmd cmd = { .cmd = KVM_SDEI_CMD_GET_VERSION };
	struct rig rig;

	open_v5(&rig);
	CHECK(kvmcore_ioctl(rig.vm, -1, KVM_ARM_SDEI_COMMAND, NULL) == -EFAULT,
	      "an unreadable command");
	CHECK(rig_cmd(&rig, -1, 13, 0, NULL) == -EINVAL &&
		      rig_cmd(&rig, 0, ~0u, 0, NULL) == -EINVAL,
	      "an unknown command");
	for (uint32_t c = 0; c <= KVM_SDEI_CMD_INJECT_EVENT; c++)
		CHECK(rig_cmd(&rig, c < KVM_SDEI_CMD_GET_VCPU_EVENT_COUNT ? 0 : -1, c, 0, NULL) ==
			      -EINVAL,
		      "a command of the other kind of file descriptor");
	CHECK(kvmcore_ioctl(rig.vm, -1, KVM_ARM_SDEI_COMMAND, &cmd) == 0 &&
		      cmd.version == 0x10000 && cmd.cmd == KVM_SDEI_CMD_GET_VERSION,
	      "GET_VERSION writes 1.0.0 back");
	CHECK(rig_count(&rig, -1, KVM_SDEI_CMD_GET_EXPOSED_EVENT_COUNT) == 4,
	      "four exposed events");
	CHECK(rig_count(&rig, -1, KVM_SDEI_CMD_GET_REGISTERED_EVENT_COUNT) == 0, "none registered");
	CHECK(rig_count(&rig, 0, KVM_SDEI_CMD_GET_VCPU_EVENT_COUNT) == 0, "none queued");
	for (uint32_t c = KVM_SDEI_CMD_GET_EXPOSED_EVENT; c < KVM_SDEI_CMD_GET_VCPU_STATE; c++) {
		if (c == KVM_SDEI_CMD_GET_REGISTERED_EVENT_COUNT ||
		    c == KVM_SDEI_CMD_GET_VCPU_EVENT_COUNT)
			continue;
		CHECK(rig_cmd(&rig, c < KVM_SDEI_CMD_GET_VCPU_EVENT_COUNT ? -1 : 0, c, 0, BADP) ==
			      0,
		      "count 0 touches no pointer");
		CHECK(rig_cmd(&rig, c < KVM_SDEI_CMD_GET_VCPU_EVENT_COUNT ? -1 : 0, c, 1, BADP) ==
			      -EFAULT,
		      "count 1 does");
	}
	CHECK(rig_cmd(&rig, 0, KVM_SDEI_CMD_GET_VCPU_STATE, 0, BADP) == -EFAULT &&
		      rig_cmd(&rig, 0, KVM_SDEI_CMD_SET_VCPU_STATE, 0, BADP) == -EFAULT,
	      "GET and SET_VCPU_STATE ignore the count");
	rig_close(&rig);
}

static void test_huge_counts_cost_nothing(void)
{
	struct rig rig;

	open_v5(&rig);
	CHECK(rig_cmd(&rig, -1, KVM_SDEI_CMD_GET_EXPOSED_EVENT, ~0u, BADP) == -ENOMEM,
	      "GET_EXPOSED");
	CHECK(rig_cmd(&rig, -1, KVM_SDEI_CMD_GET_REGISTERED_EVENT, 1u << 20, BADP) == -ENOMEM,
	      "GET_REGISTERED");
	CHECK(rig_cmd(&rig, 0, KVM_SDEI_CMD_GET_VCPU_EVENT, ~0u, BADP) == -ENOMEM,
	      "GET_VCPU_EVENT");
	CHECK(rig_cmd(&rig, 0, KVM_SDEI_CMD_SET_VCPU_EVENT, ~0u, BADP) == -ENOMEM,
	      "SET_VCPU_EVENT");
	CHECK(rig_cmd(&rig, -1, KVM_SDEI_CMD_SET_EXPOSED_EVENT, 125, BADP) == -ERANGE,
	      "the limit comes first");
	CHECK(rig_cmd(&rig, -1, KVM_SDEI_CMD_SET_REGISTERED_EVENT, 129, BADP) == -ERANGE,
	      "for both SETs of the VM");
	rig_close(&rig);
}

static void test_set_exposed_checks(void)
{
	static const struct {
		const char *promise;
		struct kvm_sdei_exposed_event_state event[2];
		uint32_t n;
		int v5, spec;
	} row[] = {
		{ "type 10 in bits 23:22", { EXPOSED(0x800001, 0, 0) }, 1, -EINVAL, 0 },
		{ "type 00 in bits 23:22", { EXPOSED(1, 0, 0) }, 1, -EINVAL, 0 },
		{ "more than 32 bits", { EXPOSED(0x100400000, 0, 0) }, 1, -EINVAL, -EINVAL },
		{ "the sentinel", { EXPOSED(NONE, 0, 0) }, 1, -EINVAL, -EINVAL },
		{ "bits 31:24 are not looked at in v5",
		  { EXPOSED(0xff400000, 0, 0) },
		  1,
		  0,
		  -EINVAL },
		{ "bit 30 is the vendor's", { EXPOSED(0x40400000, 0, 0) }, 1, 0, 0 },
		{ "a number of a bound event", { EXPOSED(0x40800000, 0, 0) }, 1, -EINVAL, -EINVAL },
		{ "type 2", { EXPOSED(0x400010, 2, 0) }, 1, -EINVAL, -EINVAL },
		{ "priority 2", { EXPOSED(0x400010, 0, 2) }, 1, -EINVAL, -EINVAL },
		{ "signaled 7 is kept as it is", { { 0x400010, 0, 7, 0, { 0 }, 0 } }, 1, 0, 0 },
		{ "another type", { EXPOSED(PRIV, 1, 0) }, 1, -EEXIST, -EEXIST },
		{ "another priority", { EXPOSED(PRIV, 0, 1) }, 1, -EEXIST, -EEXIST },
		{ "another signaled", { { PRIV, 0, 0, 0, { 0 }, 0 } }, 1, -EEXIST, -EEXIST },
		{ "the same again", { EXPOSED(PRIV, 0, 0) }, 1, 0, 0 },
		{ "twice in one array",
		  { EXPOSED(0x400010, 0, 0), EXPOSED(0x400010, 0, 0) },
		  2,
		  -EINVAL,
		  -EINVAL },
		{ "the first wrong entry decides",
		  { EXPOSED(PRIV, 1, 0), EXPOSED(0x400010, 2, 0) },
		  2,
		  -EEXIST,
		  -EEXIST },
		{ "a notifier is a host's address",
		  { { 0x400010, 0, 0, 0, { 0 }, 0xffff800011223344 } },
		  1,
		  0,
		  -EINVAL },
		{ "padding", { { 0x400010, 0, 0, 0, { 1 }, 0 } }, 1, 0, -EINVAL },
	};
	struct rig rig;
	int ret;

	for (size_t i = 0; i < ARRAY_SIZE(row); i++) {
		for (enum kvmcore_profile p = KVMCORE_PROFILE_SPEC; p <= KVMCORE_PROFILE_KVM_V5;
		     p++) {
			rig_open_paused(&rig, p, 1);
			rig_expose(&rig, PRIV, PRIVATE, NORMAL);
			ret = rig_cmd(&rig, -1, KVM_SDEI_CMD_SET_EXPOSED_EVENT, row[i].n,
				      row[i].event);
			CHECK(ret == (p == KVMCORE_PROFILE_SPEC ? row[i].spec : row[i].v5),
			      row[i].promise);
			CHECK(!ret || rig_count(&rig, -1, KVM_SDEI_CMD_GET_EXPOSED_EVENT_COUNT) ==
					      1,
			      "a refused array leaves no trace");
			rig_close(&rig);
		}
	}
}

static void test_event_0_exists_without_being_exposed(void)
{
	const struct kvm_sdei_exposed_event_state zero = EXPOSED(0, PRIVATE, NORMAL),
						  wrong = EXPOSED(0, SHARED, NORMAL);
	struct rig rig;

	rig_open_paused(&rig, KVMCORE_PROFILE_SPEC, 1);
	CHECK(rig_count(&rig, -1, KVM_SDEI_CMD_GET_EXPOSED_EVENT_COUNT) == 0,
	      "spec: it is not listed");
	CHECK(rig_cmd(&rig, -1, KVM_SDEI_CMD_SET_EXPOSED_EVENT, 1, &wrong) == -EEXIST,
	      "it is private and normal");
	CHECK(rig_cmd(&rig, -1, KVM_SDEI_CMD_SET_EXPOSED_EVENT, 1, &zero) == 0 &&
		      rig_count(&rig, -1, KVM_SDEI_CMD_GET_EXPOSED_EVENT_COUNT) == 1,
	      "a VMM may expose it all the same");
	rig_close(&rig);
	rig_open_paused(&rig, KVMCORE_PROFILE_KVM_V7, 1);
	CHECK(rig_count(&rig, -1, KVM_SDEI_CMD_GET_EXPOSED_EVENT_COUNT) == 2,
	      "v7 lists its two events");
	CHECK(rig_expose(&rig, PRIV, PRIVATE, NORMAL) == -EINVAL, "and takes no other");
	rig_close(&rig);
}

static void test_v5_set_registered_checks(void)
{
	static struct kvm_sdei_registered_event_state two[2];
	struct rig rig;

	open_v5(&rig);
	two[0].num = 0x800000;
	CHECK(rig_cmd(&rig, -1, KVM_SDEI_CMD_SET_REGISTERED_EVENT, 1, two) == -EINVAL,
	      "an unsupported number");
	two[0].num = 0x400099;
	two[0].route_mode = 2;
	CHECK(rig_cmd(&rig, -1, KVM_SDEI_CMD_SET_REGISTERED_EVENT, 1, two) == -EINVAL,
	      "route mode before exposure");
	two[0].route_mode = 1;
	CHECK(rig_cmd(&rig, -1, KVM_SDEI_CMD_SET_REGISTERED_EVENT, 1, two) == -ENOENT,
	      "not exposed");
	two[0].num = two[1].num = PRIV;
	CHECK(rig_cmd(&rig, -1, KVM_SDEI_CMD_SET_REGISTERED_EVENT, 2, two) == -EINVAL,
	      "twice in one array");
	memset(two[0].hole, 0xaa, sizeof(two[0].hole));
	two[0].enabled[7] = ~0ULL;
	CHECK(rig_cmd(&rig, -1, KVM_SDEI_CMD_SET_REGISTERED_EVENT, 1, two) == 0,
	      "bitmaps are not validated");
	CHECK(rig_count(&rig, -1, KVM_SDEI_CMD_GET_REGISTERED_EVENT_COUNT) == 1,
	      "an event registered by nobody counts");
	CHECK(rig_cmd(&rig, -1, KVM_SDEI_CMD_SET_REGISTERED_EVENT, 1, two) == -EEXIST, "again");
	CHECK(rig_cmd(&rig, -1, KVM_SDEI_CMD_GET_REGISTERED_EVENT, 1, &two[1]) == 0 &&
		      two[1].hole[0] == 0 && two[1].enabled[7] == ~0ULL,
	      "bitmaps come back, the hole is zero");
	rig_close(&rig);
}

static void test_v5_set_vcpu_event_checks(void)
{
	static struct kvm_sdei_registered_event_state priv = { .num = PRIV, .registered = { 1 } };
	struct kvm_sdei_vcpu_event_state entry = { 0x800000, 1, 0 };
	struct rig rig;

	open_v5(&rig);
	CHECK(rig_cmd(&rig, 0, KVM_SDEI_CMD_SET_VCPU_EVENT, 1, &entry) == -EINVAL,
	      "an unsupported number");
	entry.num = 0x400099;
	CHECK(rig_cmd(&rig, 0, KVM_SDEI_CMD_SET_VCPU_EVENT, 1, &entry) == -ENOENT, "not exposed");
	entry.num = PRIV;
	CHECK(rig_cmd(&rig, 0, KVM_SDEI_CMD_SET_VCPU_EVENT, 1, &entry) == -ENOENT,
	      "not registered");
	rig_cmd(&rig, -1, KVM_SDEI_CMD_SET_REGISTERED_EVENT, 1, &priv);
	CHECK(rig_cmd(&rig, 1, KVM_SDEI_CMD_SET_VCPU_EVENT, 1, &entry) == 0,
	      "registered by any vCPU is enough");
	entry.event_count = 0;
	CHECK(rig_cmd(&rig, 0, KVM_SDEI_CMD_SET_VCPU_EVENT, 1, &entry) == 0 &&
		      rig_count(&rig, 0, KVM_SDEI_CMD_GET_VCPU_EVENT_COUNT) == 1,
	      "a count of 0 is accepted");
	rig_close(&rig);
}

static void test_v5_set_vcpu_state_checks(void)
{
	struct kvm_sdei_vcpu_state state = { .masked = 3, .critical_num = 0, .normal_num = NONE };
	struct rig rig;

	open_v5(&rig);
	CHECK(rig_cmd(&rig, 0, KVM_SDEI_CMD_SET_VCPU_STATE, 0, &state) == -EINVAL,
	      "0 is event 0, and nothing of it is queued");
	state.critical_num = 0x12345678;
	state.normal_num = NONE;
	CHECK(rig_cmd(&rig, 0, KVM_SDEI_CMD_SET_VCPU_STATE, 0, &state) == 0,
	      "an unsupported number means none");
	CHECK(rig_state(&rig, 0).critical_num == 0x12345678 && rig_state(&rig, 0).masked == 3,
	      "and is stored as it is, like the mask");
	rig_close(&rig);
}

static void test_v5_inject_checks(void)
{
	struct rig rig;

	open_v5(&rig);
	rig_go(&rig);
	CHECK(rig_inject(&rig, 0, 0x800000) == -EINVAL, "an unsupported number");
	CHECK(rig_inject(&rig, 0, 0x400099) == -ENOENT && rig_inject(&rig, 0, PRIV) == -ENOENT,
	      "not registered");
	rig_register(&rig, 1, PRIV, 0, 0);
	CHECK(rig_inject(&rig, 0, PRIV) == -EPERM, "not registered by this vCPU");
	CHECK(rig_inject(&rig, 1, PRIV) == -EPERM, "not enabled");
	call(&rig, 1, EVENT_ENABLE, PRIV);
	CHECK(rig_inject(&rig, 1, PRIV) == -EPERM, "masked");
	call(&rig, 1, PE_UNMASK);
	CHECK(rig_inject(&rig, 1, PRIV) == 0 && kicks(&rig, 1), "queued, and the vCPU is kicked");
	CHECK(rig_cmd(&rig, 1, KVM_SDEI_CMD_INJECT_EVENT, 0, (void *)(uintptr_t)PRIV) == 0 &&
		      rig_queued(&rig, 1, PRIV) == 2,
	      "the command does the same");
	rig_close(&rig);
}

static void test_queue_order(void)
{
	struct kvm_sdei_vcpu_event_state got[3];
	struct rig rig;

	open_v5(&rig);
	rig_go(&rig);
	rig_arm(&rig, 0, PRIV);
	rig_arm(&rig, 0, 0);
	rig_arm(&rig, 0, CRIT);
	rig_inject(&rig, 0, PRIV);
	rig_inject(&rig, 0, 0);
	rig_inject(&rig, 0, CRIT);
	CHECK(rig_cmd(&rig, 0, KVM_SDEI_CMD_GET_VCPU_EVENT, 3, got) == 0 && got[0].num == CRIT &&
		      got[1].num == PRIV && got[2].num == 0,
	      "critical events first, then normal ones in the order of arrival");
	rig_close(&rig);
}

int main(void)
{
	return RUN_TESTS(test_common_checks, test_huge_counts_cost_nothing, test_set_exposed_checks,
			 test_event_0_exists_without_being_exposed, test_v5_set_registered_checks,
			 test_v5_set_vcpu_event_checks, test_v5_set_vcpu_state_checks,
			 test_v5_inject_checks, test_queue_order);
}
