// SPDX-License-Identifier: Apache-2.0
/*
 * vCPUs that left the guest and were not answered (docs/records.md, "pending-exits"). What was
 * answered is drained: the kernel completes an MMIO access only in the next KVM_RUN
 * (Documentation/virt/kvm/api.rst §5, "KVM_EXIT_MMIO").
 */
#include "plan/fields.h"
#include "plan/parts.h"

#include <kvmcore/uapi.h>

#define MAX_LEN    8u
#define CALL_FLAGS (KVM_HYPERCALL_EXIT_SMC | KVM_HYPERCALL_EXIT_16BIT | KVMCORE_EXIT_DIALECT)
#define EXIT_OF(e) OBJECT("pending exit of vcpu %u", (e)->vcpu)

bool present_exits(const struct sdeistate *state)
{
	return state->n_exits > 0;
}

static int read_exits(struct capture *capture, struct kvmcore_exit_state **exit, unsigned int *n)
{
	void *array = NULL;
	int ret = capture_array(capture, KVMCORE_GROUP_VM, KVMCORE_VM_EXITS, "pending exits",
				sizeof(**exit), KVM_SDEI_MAX_VCPUS, &array, n);

	*exit = array;
	return ret;
}

/* --- draining --- */

static int drain(const struct capture *capture, unsigned int vcpu)
{
	const struct kvm_port *port = capture->port;
	int ret = port->run(port->vm, (int)vcpu, 1);

	return ret == -EINTR || ret >= 0
		       ? 0
		       : capture_failed(capture, ret, OBJECT("KVM_RUN, to drain vcpu %u", vcpu));
}

/* A VMM that does not tell has answered what its vCPUs left for (kvmcore/port.h). */
static int drain_by_page(const struct capture *capture)
{
	const struct kvm_port *port = capture->port;
	const struct kvm_run *(*find_page)(void *vm, int vcpu) = port->exit;
	int ret = 0;

	for (unsigned int i = 0; i < port->n_vcpus && find_page && !ret; i++) {
		const struct kvm_run *page = find_page(port->vm, (int)i);

		if (!page || page->exit_reason != KVM_EXIT_MMIO)
			continue;
		if (!port->run)
			return error_set(capture->err, SDEISTATE_PORT_LACKS, -EOPNOTSUPP, "port",
					 "run", "present, to drain vcpu %u|NULL", i);
		ret = drain(capture, i);
	}
	return ret;
}

int capture_drain(struct capture *capture)
{
	CLEANUP(cleanup_free) struct kvmcore_exit_state *exit = NULL;
	unsigned int n = 0;
	int ret = read_exits(capture, &exit, &n);

	if (ret == -ENXIO)
		return drain_by_page(capture);
	for (unsigned int i = 0; i < n && capture->port->run && !ret; i++)
		if (exit[i].answered)
			ret = drain(capture, exit[i].vcpu);
	return ret;
}

/* --- capture --- */

/* Answered, and nobody but the kernel it left can bring the answer to the guest. */
static bool needs_run(const struct kvmcore_exit_state *exit)
{
	return exit->reason == KVM_EXIT_HYPERCALL ? exit->flags & KVMCORE_EXIT_DIALECT
						  : exit->reg == KVMCORE_EXIT_REG_UNKNOWN;
}

int capture_exits(struct capture *capture)
{
	struct sdeistate *state = capture->state;
	int ret = read_exits(capture, &state->exits, &state->n_exits);

	if (ret == -ENXIO)
		return 0;
	for (unsigned int i = 0; i < state->n_exits && !ret; i++) {
		if (!state->exits[i].answered)
			continue;
		if (needs_run(&state->exits[i]))
			return error_set(capture->err, SDEISTATE_PORT_LACKS, -EOPNOTSUPP, "port",
					 "run", "present, to drain vcpu %u|NULL",
					 state->exits[i].vcpu);
		capture_note(capture, EXIT_OF(&state->exits[i]), "answered",
			     "carried, for the port has no run to drain it");
	}
	return ret;
}

/* --- validate --- */

static int validate_call(const struct kvmcore_exit_state *exit, struct sdeistate_error *err)
{
	if (exit->flags & ~CALL_FLAGS)
		return inconsistent(err, EXIT_OF(exit), "flags", "known ones|0x%" PRIx64,
				    (uint64_t)exit->flags);
	if (exit->answered || exit->data || exit->len || exit->reg)
		return inconsistent(err, EXIT_OF(exit), "answered",
				    "0, with the fields of an access|another");
	return 0;
}

static int validate_access(const struct kvmcore_exit_state *exit, struct sdeistate_error *err)
{
	const bool write = exit->flags & KVMCORE_EXIT_WRITE;

	if (exit->flags & ~KVMCORE_EXIT_WRITE)
		return inconsistent(err, EXIT_OF(exit), "flags", "0 or 1|0x%" PRIx64,
				    (uint64_t)exit->flags);
	if (exit->len == 0 || exit->len > MAX_LEN)
		return inconsistent(err, EXIT_OF(exit), "len", "1 to 8|%u", exit->len);
	if (exit->answered > 1)
		return inconsistent(err, EXIT_OF(exit), "answered", "0 or 1|%u", exit->answered);
	if ((exit->len < MAX_LEN && exit->data >> 8 * exit->len) ||
	    (!write && !exit->answered && exit->data))
		return inconsistent(err, EXIT_OF(exit), "data", "what was moved|0x%" PRIx64,
				    (uint64_t)exit->data);
	if (exit->reg > (write ? 0 : KVMCORE_EXIT_REG_UNKNOWN))
		return inconsistent(err, EXIT_OF(exit), "reg", "0 to 32, 0 of a store|%u",
				    exit->reg);
	if (exit->answered && exit->reg == KVMCORE_EXIT_REG_UNKNOWN)
		return inconsistent(err, EXIT_OF(exit), "answered",
				    "0, where only a kernel knows the register|1");
	return 0;
}

int validate_exits(const struct sdeistate *state, struct sdeistate_error *err)
{
	int ret = 0;

	for (unsigned int i = 0; i < state->n_exits && !ret; i++) {
		const struct kvmcore_exit_state *exit = &state->exits[i];

		if (exit->vcpu >= state->n_vcpus || (i > 0 && exit[-1].vcpu >= exit->vcpu))
			return inconsistent(err, EXIT_OF(exit), "vcpu",
					    "ascending, below %u|another", state->n_vcpus);
		if (exit->reason == KVM_EXIT_HYPERCALL)
			ret = validate_call(exit, err);
		else if (exit->reason == KVM_EXIT_MMIO)
			ret = validate_access(exit, err);
		else
			ret = inconsistent(err, EXIT_OF(exit), "reason", "3 or 6|%u", exit->reason);
	}
	return ret;
}

/* --- destination --- */

/*
 * A kernel makes an unanswered access again, by its instruction, and completes none that it did not
 * begin. Whoever tells of all vCPUs at once executes no instructions and completes what it is given.
 */
static void check_access(struct target *target, const struct kvmcore_exit_state *exit,
			 bool by_kernel)
{
	if (!by_kernel && exit->reg == KVMCORE_EXIT_REG_UNKNOWN)
		obstacle(target, SDEISTATE_INCOMPATIBLE, EXIT_OF(exit), "reg",
			 "a kernel, which makes the load again|a model, and the register is known "
			 "to the source's kernel alone");
	if (by_kernel && exit->answered)
		obstacle(target, SDEISTATE_INCOMPATIBLE, EXIT_OF(exit), "answered",
			 "0: a kernel completes only what it began|1");
}

void check_exits(struct target *target)
{
	const struct sdeistate *state = target->state;
	struct kvmcore_array count = { .capacity = 0 };
	const bool by_kernel = access_attr_get(target->port, KVMCORE_GROUP_VM, KVMCORE_VM_VCPUS,
					       &(struct kvmcore_array){ 0 }) == -ENXIO;
	int ret = access_attr_get(target->port, KVMCORE_GROUP_VM, KVMCORE_VM_EXITS, &count);

	for (unsigned int i = 0; i < state->n_exits; i++)
		if (state->exits[i].reason == KVM_EXIT_MMIO)
			check_access(target, &state->exits[i], by_kernel);

	if (ret == -ENXIO)
		obstacle(target, SDEISTATE_PORT_LACKS, "device attribute group 0x564d", "exits",
			 "present|absent");
	else if (ret == -ENOMEM)
		target->no_memory = ret;
	else if (ret < 0)
		obstacle(target, SDEISTATE_CAPTURE_FAILED, "pending exits", "", "success|%s",
			 strerror(-ret));
}

static int compare_vcpu(const void *a, const void *b)
{
	const struct kvmcore_exit_state *x = a, *y = b;

	return (x->vcpu > y->vcpu) - (x->vcpu < y->vcpu);
}

void sort_exits(struct kvmcore_exit_state *exit, unsigned int n)
{
	if (n)
		qsort(exit, n, sizeof(*exit), compare_vcpu);
}

/* Behind the registers: writing x0 would answer a call. */
int replay_exits(struct target *target)
{
	const struct sdeistate *state = target->state;
	const unsigned int n = state->n_exits;
	CLEANUP(cleanup_free) struct kvmcore_exit_state *exit = malloc((n + 1u) * sizeof(*exit));
	const struct kvmcore_array request = { .capacity = n, .count = n, .ptr = (uintptr_t)exit };

	if (!exit)
		return error_no_memory(target->err, "pending exits");
	memcpy(exit, state->exits, n * sizeof(*exit));
	for (unsigned int i = 0; i < n; i++)
		exit[i].vcpu = target->map[exit[i].vcpu];
	sort_exits(exit, n);
	return replayed(target,
			access_attr_set(target->port, KVMCORE_GROUP_VM, KVMCORE_VM_EXITS, &request),
			"pending exits", "KVM_SET_DEVICE_ATTR");
}

void diff_exits(struct differ *differ)
{
	static const struct field fields[] = {
		FIELD(kvmcore_exit_state, vcpu), FIELD(kvmcore_exit_state, reason),
		FIELD(kvmcore_exit_state, nr),   FIELD(kvmcore_exit_state, flags),
		FIELD(kvmcore_exit_state, data), FIELD(kvmcore_exit_state, len),
		FIELD(kvmcore_exit_state, reg),  FIELD(kvmcore_exit_state, answered),
	};
	static const struct layout layout = {
		"pending_exits",   sizeof(struct kvmcore_exit_state), NULL, false, fields,
		ARRAY_SIZE(fields)
	};

	diff_indexed(differ, &layout, differ->a->exits, differ->a->n_exits, differ->b->exits,
		     differ->b->n_exits);
}
