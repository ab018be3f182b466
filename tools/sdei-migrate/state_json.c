// SPDX-License-Identifier: Apache-2.0
#include "state_json.h"

#include "common/cleanup.h"
#include "common/number.h"

#include <stdbool.h>
#include <string.h>

#define N_CONTEXT_REGS 18u

static const char *const type_name[] = { "arm64", "realm", "s390" };
static const char *const profile_name[] = { "spec", "kvm-v5", "kvm-v7" };

static const char *name_of(const char *const *names, size_t n, uint32_t number)
{
	return number < n ? names[number] : "unknown";
}

void uuid_text(const uint8_t uuid[16], char *text)
{
	static const uint8_t group[] = { 4, 2, 2, 2, 6 };

	for (size_t i = 0; i < ARRAY_SIZE(group); i++) {
		hex_text(uuid, group[i], text);
		uuid += group[i];
		text += 2 * group[i];
		*text++ = i + 1 < ARRAY_SIZE(group) ? '-' : '\0';
	}
}

const char *state_profile_name(const struct sdeistate *state)
{
	return name_of(profile_name, ARRAY_SIZE(profile_name), state->vm.profile);
}

int state_profile_find(const char *name)
{
	for (int i = 0; name && i < (int)ARRAY_SIZE(profile_name); i++)
		if (strcmp(profile_name[i], name) == 0)
			return i;
	return -1;
}

static json_t *event_or_null(uint64_t num)
{
	return num == KVM_SDEI_INVALID_EVENT ? json_null() : number_json(num);
}

static bool has_bit(const __u64 *bitmap, unsigned int bit)
{
	return bitmap[bit / 64] >> bit % 64 & 1;
}

json_t *state_vm_json(const struct sdeistate *state)
{
	const struct sdeistate_vm *vm = &state->vm;
	char uuid[37];
	json_t *json;

	uuid_text(vm->uuid, uuid);
	json = json_pack("{s:s, s:o, s:s, s:s, s:s, s:i, s:i, s:s, s:b}", "uuid", uuid,
			 "generation", number_json(vm->generation), "type",
			 name_of(type_name, ARRAY_SIZE(type_name), vm->type), "profile",
			 name_of(profile_name, ARRAY_SIZE(profile_name), vm->profile), "kernel",
			 vm->kernel, "ipa_bits", (int)vm->ipa_bits, "vcpus", (int)state->n_vcpus,
			 "capture", state->kind == SDEISTATE_FINAL ? "final" : "base", "torn",
			 state->torn);
	if (json && vm->has_sdei_info)
		json_object_set_new(json, "sdei",
				    json_pack("{s:o, s:i, s:i, s:i}", "version",
					      number_json(vm->sdei_version), "private_slots",
					      vm->private_slots, "shared_slots", vm->shared_slots,
					      "max_events", (int)vm->n_events));
	return json;
}

/* --- vCPUs ------------------------------------------------------------------------------------ */

static const char *power_name(uint32_t mp_state)
{
	switch (mp_state) {
	case KVM_MP_STATE_STOPPED:
		return "off";
	case KVM_MP_STATE_SUSPENDED:
		return "suspended";
	default:
		return "on";
	}
}

static json_t *context_json(const __u64 *regs, uint64_t pc, uint64_t pstate)
{
	json_t *json =
		json_pack("{s:o, s:o}", "pc", number_json(pc), "pstate", number_json(pstate));

	for (unsigned int i = 0; json && i < N_CONTEXT_REGS; i++) {
		char name[8];

		snprintf(name, sizeof(name), "x%u", i);
		json_object_set_new(json, name, number_json(regs[i]));
	}
	return json;
}

static void add_context(json_t *contexts, const char *class, uint64_t num,
			const struct kvm_sdei_vcpu_regs_state *regs)
{
	if (num != KVM_SDEI_INVALID_EVENT)
		json_object_set_new(contexts, class,
				    context_json(regs->regs, regs->pc, regs->pstate));
}

/* Profiles spec and kvm-v5: up to two handlers nested, a queue. */
static void add_handlers(json_t *json, const struct kvm_sdei_vcpu_state *vcpu)
{
	json_t *contexts = json_object();

	add_context(contexts, "critical", vcpu->critical_num, &vcpu->critical_regs);
	add_context(contexts, "normal", vcpu->normal_num, &vcpu->normal_regs);
	json_object_set_new(json, "masked", json_boolean(vcpu->masked));
	json_object_set_new(json, "running",
			    json_pack("{s:o, s:o}", "critical", event_or_null(vcpu->critical_num),
				      "normal", event_or_null(vcpu->normal_num)));
	json_object_set_new(json, "contexts", contexts);
}

static json_t *queue_json(const struct kvm_sdei_vcpu_event_state *event, unsigned int n)
{
	json_t *list = json_array();

	for (unsigned int i = 0; i < n; i++)
		json_array_append_new(list,
				      json_pack("{s:o, s:i}", "event", number_json(event[i].num),
						"count", (int)event[i].event_count));
	return list;
}

/* Profile kvm-v7: bitmaps of the events 0 and 1. */
static void add_v7(json_t *json, const struct sdeistate_v7 *v7)
{
	json_t *handlers = json_array();

	for (unsigned int i = 0; i < 2; i++)
		json_array_append_new(handlers,
				      json_pack("{s:o, s:o}", "address",
						number_json(v7->handler[i].ep_addr), "argument",
						number_json(v7->handler[i].ep_arg)));
	json_object_set_new(json, "masked", json_boolean(v7->pe_state != 0));
	json_object_set_new(json, "v7",
			    json_pack("{s:o, s:o, s:o, s:o, s:o}", "registered",
				      number_json(v7->registered), "enabled",
				      number_json(v7->enabled), "running", number_json(v7->running),
				      "pending", number_json(v7->pending), "handlers", handlers));
	if (v7->running)
		json_object_set_new(json, "contexts",
				    json_pack("{s:o}", "normal",
					      context_json(v7->context.regs, v7->context.pc,
							   v7->context.pstate)));
}

static json_t *regs_json(const struct sdeistate_regs *regs)
{
	json_t *json = json_object();

	for (unsigned int i = 0; i < SDEISTATE_N_REGS; i++)
		json_object_set_new(json, sdeistate_reg_name(i), number_json(regs->value[i]));
	return json;
}

static json_t *vcpu_json(const struct sdeistate *state, unsigned int i)
{
	const struct sdeistate_vcpu *vcpu = &state->vcpu[i];
	json_t *json =
		json_pack("{s:i, s:i, s:o, s:s}", "index", (int)i, "vcpu_id", (int)vcpu->vcpu_id,
			  "mpidr", number_json(vcpu->mpidr), "power", power_name(vcpu->mp_state));

	if (!json)
		return NULL;
	if (state->vcpu_state)
		add_handlers(json, &state->vcpu_state[i]);
	json_object_set_new(json, "queued",
			    queue_json(vcpu->n_events ? &state->vcpu_events[vcpu->first_event]
						      : NULL,
				       vcpu->n_events));
	if (state->v7)
		add_v7(json, &state->v7[i]);
	if (state->regs)
		json_object_set_new(json, "regs", regs_json(&state->regs[i]));
	return json;
}

json_t *state_vcpus_json(const struct sdeistate *state)
{
	json_t *list = json_array();

	for (unsigned int i = 0; i < state->n_vcpus; i++)
		json_array_append_new(list, vcpu_json(state, i));
	return list;
}

/* --- events ------------------------------------------------------------------------------------- */

static const struct kvm_sdei_exposed_event_state *find_exposed(const struct sdeistate *state,
							       uint64_t num)
{
	for (unsigned int i = 0; i < state->n_exposed; i++)
		if (state->exposed[i].num == num)
			return &state->exposed[i];
	return NULL;
}

static const struct kvm_sdei_registered_event_state *find_registered(const struct sdeistate *state,
								     uint64_t num)
{
	for (unsigned int i = 0; i < state->n_registered; i++)
		if (state->registered[i].num == num)
			return &state->registered[i];
	return NULL;
}

/* Event 0 of profile spec exists without being exposed (DEN0054 §4.1). */
static bool is_shared(const struct kvm_sdei_exposed_event_state *exposed)
{
	return exposed && exposed->type;
}

static json_t *instance_json(const struct kvm_sdei_registered_event_state *event, unsigned int i,
			     bool shared)
{
	return json_pack("{s:o, s:b, s:b, s:b, s:o, s:o}", "vcpu",
			 shared ? json_null() : json_integer(i), "registered",
			 has_bit(event->registered, i), "enabled", has_bit(event->enabled, i),
			 "unregister_pending", has_bit(event->unregister_pending, i), "address",
			 number_json(event->ep_address[i]), "argument",
			 number_json(event->ep_arg[i]));
}

static void add_registration(json_t *json, const struct sdeistate *state,
			     const struct kvm_sdei_registered_event_state *event, bool shared)
{
	const unsigned int n = shared ? 1 : state->n_vcpus;
	json_t *list = json_array();

	for (unsigned int i = 0; i < n && i < KVM_SDEI_MAX_VCPUS; i++)
		if (has_bit(event->registered, i) || has_bit(event->unregister_pending, i))
			json_array_append_new(list, instance_json(event, i, shared));
	json_object_set_new(json, "instances", list);
	json_object_set_new(json, "route",
			    json_pack("{s:s, s:o}", "mode", event->route_mode ? "pe" : "any",
				      "affinity", number_json(event->route_affinity)));
}

static json_t *event_json(const struct sdeistate *state, uint64_t num)
{
	const struct kvm_sdei_exposed_event_state *exposed = find_exposed(state, num);
	const struct kvm_sdei_registered_event_state *registered = find_registered(state, num);
	const bool shared = is_shared(exposed);
	json_t *json = json_pack("{s:o, s:b, s:s, s:s, s:i}", "num", number_json(num), "exposed",
				 exposed != NULL, "type", shared ? "shared" : "private", "priority",
				 exposed && exposed->priority ? "critical" : "normal", "signaled",
				 exposed ? exposed->signaled : 0);

	if (json && registered)
		add_registration(json, state, registered, shared);
	return json;
}

json_t *state_events_json(const struct sdeistate *state)
{
	json_t *list = json_array();
	unsigned int e = 0, r = 0;

	/* Both lists are sorted by number. */
	while (e < state->n_exposed || r < state->n_registered) {
		const uint64_t a = e < state->n_exposed ? state->exposed[e].num : UINT64_MAX;
		const uint64_t b = r < state->n_registered ? state->registered[r].num : UINT64_MAX;

		json_array_append_new(list, event_json(state, a < b ? a : b));
		e += a <= b;
		r += b <= a;
	}
	return list;
}

/* --- the rest ------------------------------------------------------------------------------------- */

static json_t *bindings_json(const struct sdeistate *state)
{
	json_t *list = json_array();

	for (unsigned int i = 0; i < state->n_bindings; i++) {
		const struct kvmcore_sdei_binding *binding = &state->bindings[i];

		json_array_append_new(list, json_pack("{s:o, s:i, s:s, s:i}", "event",
						      number_json(binding->num), "intid",
						      (int)binding->intid, "type",
						      binding->shared ? "shared" : "private",
						      "slot", binding->slot));
	}
	return list;
}

static json_t *handlers_json(const struct sdeistate *state)
{
	json_t *list = json_array();

	for (unsigned int i = 0; i < state->n_handlers; i++) {
		const struct kvmcore_sdei_handler *handler = &state->handlers[i];

		json_array_append_new(list, json_pack("{s:o, s:i, s:s, s:o, s:o}", "event",
						      number_json(handler->num), "vcpu",
						      (int)handler->vcpu, "type",
						      handler->shared ? "shared" : "private",
						      "address", number_json(handler->ep_address),
						      "argument", number_json(handler->ep_arg)));
	}
	return list;
}

static json_t *pending_json(const struct sdeistate *state)
{
	json_t *list = json_array();

	for (unsigned int i = 0; i < state->n_pending; i++) {
		const struct kvmcore_sdei_pending *pending = &state->pending[i];

		json_array_append_new(list, json_pack("{s:o, s:o, s:i}", "event",
						      number_json(pending->num), "vcpu",
						      pending->vcpu == KVMCORE_SDEI_NO_VCPU
							      ? json_null()
							      : json_integer(pending->vcpu),
						      "count", (int)pending->count));
	}
	return list;
}

static json_t *memory_json(const struct sdeistate *state)
{
	json_t *list = json_array();

	for (unsigned int i = 0; i < state->n_regions; i++)
		json_array_append_new(list, json_pack("{s:o, s:o}", "base",
						      number_json(state->regions[i].ipa), "size",
						      number_json(state->regions[i].size)));
	return list;
}

json_t *state_filter_json(const struct sdeistate *state)
{
	static const char *const action[] = { "handle", "deny", "forward" };
	json_t *list = json_array();

	for (unsigned int i = 0; i < state->n_filter; i++) {
		const struct kvm_smccc_filter *range = &state->filter[i];

		json_array_append_new(list,
				      json_pack("{s:o, s:I, s:s}", "base", number_json(range->base),
						"count", (json_int_t)range->nr_functions, "action",
						range->action < ARRAY_SIZE(action)
							? action[range->action]
							: "unknown"));
	}
	return json_pack("{s:o, s:I}", "ranges", list, "reserved_set",
			 (json_int_t)state->filter_reserved_set);
}

static json_t *ranges_json(const struct kvmcore_guard_range *range, unsigned int n)
{
	json_t *list = json_array();

	for (unsigned int i = 0; i < n; i++)
		json_array_append_new(list,
				      json_pack("{s:o, s:o}", "base", number_json(range[i].base),
						"size", number_json(range[i].size)));
	return list;
}

json_t *state_guard_json(const struct sdeistate *state)
{
	static const char *const abi[] = { "S", "A1", "A2", "U", "off" };

	if (state->guard.granule == 0)
		return json_null();
	return json_pack("{s:s, s:b, s:o, s:o, s:o}", "abi",
			 state->guard.abi < ARRAY_SIZE(abi) ? abi[state->guard.abi] : "unknown",
			 "enrolled", state->guard.enrolled, "granule",
			 number_json(state->guard.granule), "ranges",
			 ranges_json(state->guarded, state->n_guarded), "shared",
			 ranges_json(state->shared, state->n_shared));
}

json_t *state_firmware_json(const struct sdeistate *state)
{
	json_t *list = json_array();

	for (unsigned int i = 0; i < state->n_fw_regs; i++)
		json_array_append_new(list,
				      json_pack("{s:s?, s:o, s:o}", "name",
						sdeistate_fw_reg_name(state->fw_regs[i].id), "id",
						number_json(state->fw_regs[i].id), "value",
						number_json(state->fw_regs[i].value)));
	return list;
}

json_t *state_exits_json(const struct sdeistate *state)
{
	json_t *list = json_array();

	for (unsigned int i = 0; i < state->n_exits; i++) {
		const struct kvmcore_exit_state *exit = &state->exits[i];
		const bool call = exit->reason == KVM_EXIT_HYPERCALL;

		json_array_append_new(list,
				      json_pack("{s:i, s:s, s:o, s:o, s:o, s:i, s:i, s:b}", "vcpu",
						(int)exit->vcpu, "reason",
						call ? "hypercall" : "mmio",
						call ? "nr" : "address", number_json(exit->nr),
						"flags", number_json(exit->flags), "data",
						number_json(exit->data), "len", exit->len, "reg",
						exit->reg, "answered", exit->answered != 0));
	}
	return list;
}

json_t *state_json(const struct sdeistate *state)
{
	return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "vm",
			 state_vm_json(state), "vcpus", state_vcpus_json(state), "events",
			 state_events_json(state), "bindings", bindings_json(state),
			 "unregistered_handlers", handlers_json(state), "pending",
			 pending_json(state), "memory", memory_json(state), "filter",
			 state_filter_json(state), "guard", state_guard_json(state), "firmware",
			 state_firmware_json(state), "s390", state_s390_json(state),
			 "pending_exits", state_exits_json(state), "realm",
			 state_realm_json(state));
}
