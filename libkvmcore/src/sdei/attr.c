// SPDX-License-Identifier: Apache-2.0
/* Group KVMCORE_GROUP_SDEI: what the posted structs cannot carry. docs/abi-sdei.md. */
#include "array.h"
#include "bind.h"
#include "check.h"
#include "handler.h"
#include "restore.h"
#include "user.h"
#include "vm.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* A PE runs one handler of each class at most. */
#define MAX_HANDLERS (SDEI_NR_CLASSES * KVM_SDEI_MAX_VCPUS)

_Static_assert(MAX_HANDLERS * sizeof(struct kvmcore_sdei_handler) <= SDEI_SCRATCH_LEN,
	       "the scratch buffer holds every list");
_Static_assert(SDEI_NR_SLOTS * sizeof(struct kvmcore_sdei_binding) <= SDEI_SCRATCH_LEN,
	       "the scratch buffer holds every list");

static void free_entries(void *array)
{
	free(*(void **)array);
}

#define AUTO_ENTRIES __attribute__((cleanup(free_entries)))

static int info_get(struct kvmcore_vm *vm, uint64_t addr)
{
	const struct sdei *sdei = &vm->sdei;
	const struct kvmcore_sdei_info info = {
		.profile = vm->config.profile,
		.version = sdei->profile->version,
		.private_slots = sdei->n_slots[0],
		.shared_slots = sdei->n_slots[1],
		.n_events = KVM_SDEI_MAX_EVENTS,
	};

	return user_write(addr, &info, sizeof(info));
}

/* --- HANDLERS ------------------------------------------------------------------------------------- */

static bool is_orphan(const struct sdei_event *event, const struct vcpu *vcpu)
{
	return !event->has_instance &&
	       (event_runs_on(event, vcpu->index) || check_is_announced(event, vcpu));
}

/* Most events run nowhere and are announced nowhere, which their counts tell. */
static bool has_orphans(const struct sdei_event *event)
{
	return !event->has_instance &&
	       (event->n_running || event->announced_on != SDEI_NO_VCPU ||
		bit_count(event->instance.unregister_pending, SDEI_VCPU_WORDS));
}

static uint32_t list_handlers(const struct kvmcore_vm *vm, struct kvmcore_sdei_handler *out)
{
	uint32_t n = 0;

	for (uint32_t slot = 0; slot < SDEI_NR_SLOTS; slot++) {
		const struct sdei_event *event = vm->sdei.event[slot];

		if (!event || !has_orphans(event))
			continue;
		for (uint32_t i = 0; i < vm->n_vcpus && n < MAX_HANDLERS; i++) {
			const uint32_t index = event_index(event, vm->vcpu[i]);

			if (!is_orphan(event, vm->vcpu[i]))
				continue;
			out[n++] = (struct kvmcore_sdei_handler){
				.num = event->exposed.num,
				.vcpu = i,
				.shared = event_is_shared(event),
				.route_mode = event->instance.route_mode,
				.affinity = event->instance.route_affinity,
				.ep_address = event->instance.ep_address[index],
				.ep_arg = event->instance.ep_arg[index],
			};
		}
	}
	return n;
}

static int handlers_get(struct kvmcore_vm *vm, uint64_t addr)
{
	struct kvmcore_sdei_handler *entry = (void *)vm->sdei.scratch;

	return array_give(addr, entry, list_handlers(vm, entry), sizeof(*entry));
}

static bool is_sound_handler(const struct kvmcore_vm *vm, const struct sdei_event *event,
			     const struct kvmcore_sdei_handler *entry)
{
	if (entry->shared != event_is_shared(event) || entry->pad[0] || entry->pad[1] ||
	    entry->vcpu >= vm->n_vcpus || !entry->ep_address || event->has_instance)
		return false;
	if (entry->route_mode == 0)
		return entry->affinity == 0;
	return entry->shared && entry->route_mode == 1 &&
	       entry->affinity == vm->vcpu[entry->vcpu]->mpidr;
}

static int check_handler(const struct kvmcore_vm *vm, const struct kvmcore_sdei_handler *entry)
{
	const struct sdei_event *event;

	if (!vm->sdei.profile->set_checked ||
	    !sdei_number_is_supported(vm->sdei.profile, entry->num))
		return -EINVAL;
	event = event_find(&vm->sdei, entry->num);
	if (!event || (event_is_bound_slot(event) && !event->intid))
		return -ENOENT;
	if (!is_sound_handler(vm, event, entry))
		return -EINVAL;
	for (uint32_t i = 0; i < vm->n_vcpus; i++)
		if ((i == entry->vcpu || entry->shared) && is_orphan(event, vm->vcpu[i]))
			return -EEXIST;
	return 0;
}

/* Each PE runs one handler of a class, and a shared event has one instance. */
static bool handlers_clash(const struct kvmcore_vm *vm, const struct kvmcore_sdei_handler *a,
			   const struct kvmcore_sdei_handler *b)
{
	const struct sdei_event *x = event_find(&vm->sdei, a->num);
	const struct sdei_event *y = event_find(&vm->sdei, b->num);

	return (x == y && a->shared) || (a->vcpu == b->vcpu && event_class(x) == event_class(y));
}

static int check_handlers(const struct kvmcore_vm *vm, const struct kvmcore_sdei_handler *entry,
			  size_t n)
{
	int ret;

	for (size_t i = 0; i < n; i++) {
		ret = check_handler(vm, &entry[i]);
		if (ret)
			return ret;
		for (size_t k = 0; k < i; k++)
			if (handlers_clash(vm, &entry[i], &entry[k]))
				return -EINVAL;
	}
	return 0;
}

static void announce(struct kvmcore_vm *vm, const struct kvmcore_sdei_handler *entry)
{
	struct sdei_event *event = event_find(&vm->sdei, entry->num);
	const uint32_t index = event_index(event, vm->vcpu[entry->vcpu]);

	event->instance.route_mode = entry->route_mode;
	event->instance.route_affinity = entry->affinity;
	event->instance.ep_address[index] = entry->ep_address;
	event->instance.ep_arg[index] = entry->ep_arg;
	if (entry->shared)
		event->announced_on = entry->vcpu;
	else
		bit_add(event->instance.unregister_pending, entry->vcpu);
}

static int handlers_set(struct kvmcore_vm *vm, uint64_t addr)
{
	AUTO_ENTRIES struct kvmcore_sdei_handler *entry = NULL;
	size_t n = 0;
	int ret;

	ret = array_take(addr, sizeof(*entry), MAX_HANDLERS, (void **)&entry, &n);
	if (!ret)
		ret = check_handlers(vm, entry, n);
	for (size_t i = 0; !ret && i < n; i++)
		announce(vm, &entry[i]);
	return ret;
}

/* --- PENDING -------------------------------------------------------------------------------------- */

static int pending_get(struct kvmcore_vm *vm, uint64_t addr)
{
	const struct sdei *sdei = &vm->sdei;
	struct kvmcore_sdei_pending *entry = (void *)sdei->scratch;
	uint32_t n = 0;

	for (uint32_t slot = 0; slot < SDEI_NR_SLOTS; slot++)
		if (bit_has(sdei->any_pending, slot))
			entry[n++] = (struct kvmcore_sdei_pending){
				.num = sdei->event[slot]->exposed.num,
				.vcpu = KVMCORE_SDEI_NO_VCPU,
				.count = 1,
			};
	return array_give(addr, entry, n, sizeof(*entry));
}

static int check_pending(const struct sdei *sdei, const struct kvmcore_sdei_pending *entry)
{
	const struct sdei_event *event;

	if (!sdei->profile->set_checked || !sdei_number_is_supported(sdei->profile, entry->num) ||
	    entry->vcpu != KVMCORE_SDEI_NO_VCPU || entry->count != 1)
		return -EINVAL;
	event = event_find(sdei, entry->num);
	if (!event || !event->has_instance)
		return -ENOENT;
	if (!event_routes_any(event))
		return -EINVAL;
	return bit_has(sdei->any_pending, event->slot) ? -EEXIST : 0;
}

static int pending_set(struct kvmcore_vm *vm, uint64_t addr)
{
	AUTO_ENTRIES struct kvmcore_sdei_pending *entry = NULL;
	struct sdei *sdei = &vm->sdei;
	size_t n = 0;
	int ret;

	ret = array_take(addr, sizeof(*entry), SDEI_NR_SLOTS, (void **)&entry, &n);
	for (size_t i = 0; !ret && i < n; i++) {
		ret = check_pending(sdei, &entry[i]);
		for (size_t k = 0; !ret && k < i; k++)
			if (entry[k].num == entry[i].num)
				ret = -EINVAL;
	}
	for (size_t i = 0; !ret && i < n; i++)
		trigger_any_put(sdei, event_find(sdei, entry[i].num), true);
	return ret;
}

/* --- BINDINGS ------------------------------------------------------------------------------------- */

static int bindings_get(struct kvmcore_vm *vm, uint64_t addr)
{
	const struct sdei *sdei = &vm->sdei;
	struct kvmcore_sdei_binding *entry = (void *)sdei->scratch;
	uint32_t n = 0;

	for (unsigned int shared = 0; shared < 2; shared++)
		for (uint8_t i = 0; i < sdei->n_slots[shared]; i++) {
			const struct sdei_event *event = bind_slot(sdei, shared, i);

			if (!event->intid)
				continue;
			entry[n] = (struct kvmcore_sdei_binding){ .num = event->exposed.num,
								  .intid = event->intid,
								  .shared = (uint8_t)shared,
								  .slot = i };
			if (shared)
				entry[n].active[0] = event->n_running > 0;
			else
				memcpy(entry[n].active, event->running, sizeof(event->running));
			n++;
		}
	return array_give(addr, entry, n, sizeof(*entry));
}

static int check_binding(const struct kvmcore_vm *vm, const struct kvmcore_sdei_binding *entry)
{
	const struct sdei *sdei = &vm->sdei;
	const struct sdei_event *event;

	if (entry->shared > 1 || entry->pad[0] || entry->pad[1] ||
	    !bit_all_below(entry->active, SDEI_VCPU_WORDS, entry->shared ? 1 : vm->n_vcpus) ||
	    !(entry->shared ? bind_is_spi(sdei, entry->intid) : bind_is_ppi(sdei, entry->intid)))
		return -EINVAL;
	event = bind_slot(sdei, entry->shared, entry->slot);
	if (!event)
		return -ENOENT;
	if (event->exposed.num != entry->num)
		return -EINVAL;
	return event->intid || bind_find(sdei, entry->intid) ? -EEXIST : 0;
}

/* "Active" is what will run; the handlers that a restore brings decide. */
static int bindings_set(struct kvmcore_vm *vm, uint64_t addr)
{
	AUTO_ENTRIES struct kvmcore_sdei_binding *entry = NULL;
	size_t n = 0;
	int ret;

	ret = array_take(addr, sizeof(*entry), 2u * SDEI_MAX_SLOTS_PER_TYPE, (void **)&entry, &n);
	for (size_t i = 0; !ret && i < n; i++) {
		ret = check_binding(vm, &entry[i]);
		for (size_t k = 0; !ret && k < i; k++)
			if (entry[k].num == entry[i].num || entry[k].intid == entry[i].intid)
				ret = -EINVAL;
	}
	for (size_t i = 0; !ret && i < n; i++)
		bind_slot(&vm->sdei, entry[i].shared, entry[i].slot)->intid = entry[i].intid;
	return ret;
}

/* --- All vCPUs at once ---------------------------------------------------------------------------- */

static void fill_queues(const void *from, void *out)
{
	const struct kvmcore_vm *vm = from;
	struct kvmcore_sdei_pending *entry = out;
	__u64 num[SDEI_NR_SLOTS] = { 0 }; /* an event is large, its number is not */

	for (uint32_t slot = 0; slot < SDEI_NR_SLOTS; slot++)
		if (vm->sdei.event[slot])
			num[slot] = vm->sdei.event[slot]->exposed.num;
	for (uint32_t i = 0; i < vm->n_vcpus; i++)
		for (int class = SDEI_CRITICAL; class >= SDEI_NORMAL; class --) {
			const struct sdei_vcpu *pe = &vm->vcpu[i]->sdei;

			for (uint16_t slot = queue_first(pe, (enum sdei_class) class);
			     slot != SDEI_NO_SLOT; slot = queue_next(pe, slot))
				*entry++ = (struct kvmcore_sdei_pending){
					.num = num[slot],
					.vcpu = i,
					.count = pe->entry[slot].count,
				};
		}
}

static int queues_get(struct kvmcore_vm *vm, uint64_t addr)
{
	size_t n = 0;

	for (uint32_t i = 0; i < vm->n_vcpus; i++)
		n += vm->vcpu[i]->sdei.n_queued;
	return array_fill(addr, fill_queues, vm, n, sizeof(struct kvmcore_sdei_pending));
}

static void fill_vcpus(const void *from, void *out)
{
	const struct kvmcore_vm *vm = from;
	struct kvm_sdei_vcpu_state *state = out;

	for (uint32_t i = 0; i < vm->n_vcpus; i++)
		restore_report_vcpu(vm->vcpu[i], &state[i]);
}

static int vcpus_get(struct kvmcore_vm *vm, uint64_t addr)
{
	return array_fill(addr, fill_vcpus, vm, vm->n_vcpus, sizeof(struct kvm_sdei_vcpu_state));
}

/* --- Dispatch ------------------------------------------------------------------------------------- */

static const struct attr {
	int (*get)(struct kvmcore_vm *vm, uint64_t addr);
	int (*set)(struct kvmcore_vm *vm, uint64_t addr);
} attr_row[] = {
	[KVMCORE_SDEI_INFO] = { info_get, NULL },
	[KVMCORE_SDEI_HANDLERS] = { handlers_get, handlers_set },
	[KVMCORE_SDEI_PENDING] = { pending_get, pending_set },
	[KVMCORE_SDEI_BINDINGS] = { bindings_get, bindings_set },
	[KVMCORE_SDEI_QUEUES] = { queues_get, NULL },
	[KVMCORE_SDEI_VCPUS] = { vcpus_get, NULL },
};

int sdei_attr_has(struct kvmcore_vm *vm, uint64_t attr)
{
	(void)vm;
	return attr < ARRAY_SIZE(attr_row) ? 0 : -ENXIO;
}

int sdei_attr_get(struct kvmcore_vm *vm, uint64_t attr, uint64_t addr)
{
	return attr < ARRAY_SIZE(attr_row) ? attr_row[attr].get(vm, addr) : -ENXIO;
}

int sdei_attr_set(struct kvmcore_vm *vm, uint64_t attr, uint64_t addr)
{
	if (attr >= ARRAY_SIZE(attr_row) || !attr_row[attr].set)
		return -ENXIO;
	return vm->has_run_once ? -EBUSY : attr_row[attr].set(vm, addr);
}
