// SPDX-License-Identifier: Apache-2.0
#include "status.h"

#include "common/cleanup.h"
#include "common/number.h"

#include <errno.h>
#include <kvmcore/kvmcore.h>
#include <kvmcore/measure.h>
#include <kvmcore/uapi_realm.h>

static int get(struct machine *machine, uint32_t group, uint64_t attr, void *value)
{
	struct kvm_device_attr request = {
		.group = group,
		.attr = attr,
		.addr = (uintptr_t)value,
	};

	return kvmcore_ioctl(machine->core, -1, KVM_GET_DEVICE_ATTR, &request);
}

/* The entries of an array attribute (kvmcore/uapi.h, struct kvmcore_array). NULL: none, or no memory. */
static void *get_array(struct machine *machine, uint32_t group, uint64_t attr, size_t entry,
		       uint64_t *count)
{
	struct kvmcore_array array = { 0 };
	void *entries;
	const int ret = get(machine, group, attr, &array);

	*count = 0;
	if ((ret < 0 && ret != -ENOSPC) || array.count == 0)
		return NULL;
	entries = calloc(array.count, entry);
	if (!entries)
		return NULL;
	array.capacity = array.count;
	array.ptr = (uintptr_t)entries;
	if (get(machine, group, attr, &array) < 0) {
		free(entries);
		return NULL;
	}
	*count = array.count;
	return entries;
}

json_t *status_filter_json(struct machine *machine)
{
	static const char *const action[] = { "handle", "deny", "forward" };
	OWNED_MEMORY struct kvm_smccc_filter *range = NULL;
	struct kvmcore_filter_info info;
	json_t *list = json_array();
	uint64_t n;

	if (get(machine, KVMCORE_GROUP_FILTER, KVMCORE_FILTER_INFO, &info) < 0) {
		json_decref(list);
		return json_null();
	}
	range = get_array(machine, KVMCORE_GROUP_FILTER, KVMCORE_FILTER_RANGES, sizeof(*range), &n);
	for (uint64_t i = 0; i < n; i++)
		json_array_append_new(list, json_pack("{s:o, s:I, s:s}", "base",
						      number_json(range[i].base), "count",
						      (json_int_t)range[i].nr_functions, "action",
						      range[i].action < ARRAY_SIZE(action)
							      ? action[range[i].action]
							      : "unknown"));
	return json_pack("{s:o, s:b}", "ranges", list, "locked", info.has_run);
}

json_t *status_guard_json(struct machine *machine)
{
	static const char *const abi[] = { "S", "A1", "A2", "U", "off" };
	OWNED_MEMORY struct kvmcore_guard_range *range = NULL;
	struct kvmcore_guard_state info;
	json_t *list = json_array();
	uint64_t n;

	if (get(machine, KVMCORE_GROUP_GUARD, KVMCORE_GUARD_INFO, &info) < 0) {
		json_decref(list);
		return json_null();
	}
	range = get_array(machine, KVMCORE_GROUP_GUARD, KVMCORE_GUARD_RANGES, sizeof(*range), &n);
	for (uint64_t i = 0; i < n; i++)
		json_array_append_new(list,
				      json_pack("{s:o, s:o}", "base", number_json(range[i].base),
						"size", number_json(range[i].size)));
	return json_pack("{s:s, s:b, s:o, s:o}", "abi",
			 info.abi < ARRAY_SIZE(abi) ? abi[info.abi] : "unknown", "enrolled",
			 info.flags & 1, "granule", number_json(info.granule), "ranges", list);
}

#define REALM_ACTIVE 2u /* struct kvmcore_realm_info, state */

const char *status_realm_state(struct machine *machine)
{
	static const char *const state[] = { "none", "new", "active", "dying" };
	struct kvmcore_realm_info info;

	if (get(machine, KVMCORE_GROUP_REALM, KVMCORE_REALM_INFO, &info) < 0)
		return state[0];
	return info.state < ARRAY_SIZE(state) ? state[info.state] : "unknown";
}

bool status_realm_active(struct machine *machine)
{
	struct kvmcore_realm_info info;

	return get(machine, KVMCORE_GROUP_REALM, KVMCORE_REALM_INFO, &info) == 0 &&
	       info.state == REALM_ACTIVE;
}

json_t *status_realm_json(struct machine *machine)
{
	struct kvmcore_realm_info info;
	const char *hash;
	json_t *rem;
	size_t size;

	if (get(machine, KVMCORE_GROUP_REALM, KVMCORE_REALM_INFO, &info) < 0)
		return json_null();
	hash = kvmcore_hash_name((enum kvmcore_hash)info.hash);
	size = kvmcore_hash_size((enum kvmcore_hash)info.hash);
	rem = json_array();
	for (size_t i = 0; i < ARRAY_SIZE(info.rem); i++)
		json_array_append_new(rem, hex_json(info.rem[i], size));
	return json_pack("{s:s, s:s, s:i, s:i, s:o, s:o}", "state", status_realm_state(machine),
			 "hash", hash ? hash : "unknown", "recs", (int)info.n_recs, "steps",
			 (int)info.n_steps, "rim", hex_json(info.rim, size), "rem", rem);
}
