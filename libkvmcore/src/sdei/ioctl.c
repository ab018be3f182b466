// SPDX-License-Identifier: Apache-2.0
/* KVM_ARM_SDEI_COMMAND: KVM SDEI v5, patches 18 and 19/22. Checks stand in check.c. */
#include "check.h"
#include "handler.h"
#include "restore.h"
#include "user.h"
#include "vm.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define MAX_ARRAY (4u << 20) /* bytes; kmalloc() gives no more, and the series asked no other */

struct request {
	struct kvmcore_vm *vm;
	struct vcpu *vcpu; /* NULL on the VM's file descriptor */
	uint64_t arg;
	struct kvm_sdei_cmd cmd;
};

/* Where a GET is in a list. */
struct cursor {
	uint32_t i;
	uint16_t slot;
	bool normal; /* queue: behind the critical list */
};

typedef void fill_fn(const struct request *request, struct cursor *at, void *out);

/* --- Arrays --------------------------------------------------------------------------------------- */

/* The next @count entries of a list that has @n: those there are, then zeros. */
static void fill_entries(const struct request *request, struct cursor *at, uint32_t n, uint8_t *out,
			 uint32_t count, size_t size, fill_fn *fill)
{
	for (uint32_t k = 0; k < count; k++, at->i++) {
		if (at->i < n)
			fill(request, at, out + k * size);
		else
			memset(out + k * size, 0, size);
	}
}

/*
 * As many entries as the caller asks for. What cannot be filled in place is written in pieces, so
 * that no size of array needs memory of its own.
 */
static int give_array(const struct request *request, uint32_t n, size_t size, fill_fn *fill)
{
	const uint32_t count = request->cmd.count;
	const uint32_t per_piece = (uint32_t)(SDEI_SCRATCH_LEN / size);
	uint8_t *scratch = request->vm->sdei.scratch, *place;
	struct cursor at = { 0, SDEI_NO_SLOT, false };
	uint64_t to = request->cmd.pointer;

	if ((uint64_t)count * size > MAX_ARRAY)
		return -ENOMEM;
	place = user_borrow(to, count * size);
	if (place) {
		fill_entries(request, &at, n, place, count, size, fill);
		return 0;
	}
	for (uint32_t done = 0; done < count;) {
		const uint32_t piece = count - done < per_piece ? count - done : per_piece;

		fill_entries(request, &at, n, scratch, piece, size, fill);
		if (user_write(to, scratch, piece * size))
			return -EFAULT;
		to += piece * size;
		done += piece;
	}
	return 0;
}

/* The array of a SET: the caller's own, or a copy of it. */
struct array {
	const void *entry;
	void *copy;
};

static void free_array(struct array *array)
{
	free(array->copy);
}

#define AUTO_ARRAY __attribute__((cleanup(free_array)))

static int take_array(const struct request *request, size_t size, struct array *array)
{
	const uint64_t len = (uint64_t)request->cmd.count * size;

	if (len > MAX_ARRAY)
		return -ENOMEM;
	array->entry = user_borrow(request->cmd.pointer, len);
	if (array->entry)
		return 0;
	array->entry = array->copy = malloc(len);
	if (!array->copy)
		return -ENOMEM;
	return user_read(array->copy, request->cmd.pointer, len);
}

/* The series adds in 32 bits, so that a huge count wraps; a checked profile adds in 64. */
static bool is_over_limit(const struct request *request, uint32_t existing)
{
	const uint64_t sum = (uint64_t)existing + request->cmd.count;

	return (request->vm->sdei.profile->set_checked ? sum : (uint32_t)sum) > KVM_SDEI_MAX_EVENTS;
}

static int put_count(struct request *request, uint32_t count)
{
	request->cmd.count = count;
	return user_write(request->arg, &request->cmd, sizeof(request->cmd));
}

/* --- VM commands ---------------------------------------------------------------------------------- */

static int get_version(struct request *request)
{
	return put_count(request, KVM_SDEI_ABI_VERSION); /* version and count share a place */
}

static int get_exposed_count(struct request *request)
{
	return put_count(request, request->vm->sdei.n_exposed);
}

static void fill_exposed(const struct request *request, struct cursor *at, void *out)
{
	const struct sdei *sdei = &request->vm->sdei;

	memcpy(out, &sdei->event[sdei->exposed[at->i]]->exposed,
	       sizeof(struct kvm_sdei_exposed_event_state));
}

static int get_exposed(struct request *request)
{
	return give_array(request, request->vm->sdei.n_exposed,
			  sizeof(struct kvm_sdei_exposed_event_state), fill_exposed);
}

static int set_exposed(struct request *request)
{
	AUTO_ARRAY struct array array = { .copy = NULL };
	struct sdei *sdei = &request->vm->sdei;
	int ret;

	if (is_over_limit(request, sdei->n_exposed))
		return -ERANGE;
	ret = take_array(request, sizeof(struct kvm_sdei_exposed_event_state), &array);
	if (!ret)
		ret = check_exposed(sdei, array.entry, request->cmd.count);
	if (!ret)
		ret = restore_exposed(sdei, array.entry, request->cmd.count);
	return ret;
}

static int get_registered_count(struct request *request)
{
	return put_count(request, request->vm->sdei.n_registered);
}

static void fill_registered(const struct request *request, struct cursor *at, void *out)
{
	const struct sdei *sdei = &request->vm->sdei;

	restore_report(request->vm, sdei->event[sdei->registered[at->i]], out);
}

static int get_registered(struct request *request)
{
	return give_array(request, request->vm->sdei.n_registered,
			  sizeof(struct kvm_sdei_registered_event_state), fill_registered);
}

static int set_registered(struct request *request)
{
	AUTO_ARRAY struct array array = { .copy = NULL };
	const struct kvm_sdei_registered_event_state *entry;
	struct kvmcore_vm *vm = request->vm;
	int ret;

	if (is_over_limit(request, vm->sdei.n_registered))
		return -ERANGE;
	ret = take_array(request, sizeof(*entry), &array);
	entry = array.entry;
	if (!ret)
		ret = check_registered(vm, entry, request->cmd.count);
	for (uint32_t i = 0; !ret && i < request->cmd.count; i++)
		restore_registered(&vm->sdei, &entry[i]);
	return ret;
}

/* --- vCPU commands -------------------------------------------------------------------------------- */

static int get_vcpu_event_count(struct request *request)
{
	return put_count(request, request->vcpu->sdei.n_queued);
}

/* Critical events first, each list in the order of arrival. */
static void fill_vcpu_event(const struct request *request, struct cursor *at, void *out)
{
	const struct sdei_vcpu *pe = &request->vcpu->sdei;
	struct kvm_sdei_vcpu_event_state entry = { 0 };

	if (at->i == 0)
		at->slot = queue_first(pe, SDEI_CRITICAL);
	else
		at->slot = queue_next(pe, at->slot);
	if (at->slot == SDEI_NO_SLOT && !at->normal) {
		at->normal = true;
		at->slot = queue_first(pe, SDEI_NORMAL);
	}
	entry.num = request->vm->sdei.event[at->slot]->exposed.num;
	entry.event_count = pe->entry[at->slot].count;
	memcpy(out, &entry, sizeof(entry));
}

static int get_vcpu_event(struct request *request)
{
	return give_array(request, request->vcpu->sdei.n_queued,
			  sizeof(struct kvm_sdei_vcpu_event_state), fill_vcpu_event);
}

static int set_vcpu_event(struct request *request)
{
	AUTO_ARRAY struct array array = { .copy = NULL };
	const struct kvm_sdei_vcpu_event_state *entry;
	int ret;

	ret = take_array(request, sizeof(*entry), &array);
	entry = array.entry;
	if (!ret)
		ret = check_vcpu_events(request->vcpu, entry, request->cmd.count);
	for (uint32_t i = 0; !ret && i < request->cmd.count; i++)
		restore_vcpu_event(request->vcpu, &entry[i]);
	return ret;
}

static int get_vcpu_state(struct request *request)
{
	struct kvm_sdei_vcpu_state state;

	restore_report_vcpu(request->vcpu, &state);
	return user_write(request->cmd.pointer, &state, sizeof(state));
}

static int set_vcpu_state(struct request *request)
{
	struct kvm_sdei_vcpu_state state;
	int ret;

	if (user_read(&state, request->cmd.pointer, sizeof(state)))
		return -EFAULT;
	ret = check_vcpu_state(request->vcpu, &state);
	if (!ret)
		restore_vcpu_state(request->vcpu, &state);
	return ret;
}

static int inject_event(struct request *request)
{
	struct kvmcore_reply nobody = { 0 }; /* kvmcore_inject() is who tells whom to kick */

	return sdei_inject(request->vcpu, request->cmd.num, &nobody);
}

/* --- Dispatch ------------------------------------------------------------------------------------- */

enum level { LEVEL_VM, LEVEL_VCPU };

static const struct command {
	enum level level;
	bool is_array; /* count 0 is done before anything is looked at */
	bool changes;
	int (*run)(struct request *request);
} command[] = {
	[KVM_SDEI_CMD_GET_VERSION] = { LEVEL_VM, false, false, get_version },
	[KVM_SDEI_CMD_GET_EXPOSED_EVENT_COUNT] = { LEVEL_VM, false, false, get_exposed_count },
	[KVM_SDEI_CMD_GET_EXPOSED_EVENT] = { LEVEL_VM, true, false, get_exposed },
	[KVM_SDEI_CMD_SET_EXPOSED_EVENT] = { LEVEL_VM, true, true, set_exposed },
	[KVM_SDEI_CMD_GET_REGISTERED_EVENT_COUNT] = { LEVEL_VM, false, false,
						      get_registered_count },
	[KVM_SDEI_CMD_GET_REGISTERED_EVENT] = { LEVEL_VM, true, false, get_registered },
	[KVM_SDEI_CMD_SET_REGISTERED_EVENT] = { LEVEL_VM, true, true, set_registered },
	[KVM_SDEI_CMD_GET_VCPU_EVENT_COUNT] = { LEVEL_VCPU, false, false, get_vcpu_event_count },
	[KVM_SDEI_CMD_GET_VCPU_EVENT] = { LEVEL_VCPU, true, false, get_vcpu_event },
	[KVM_SDEI_CMD_SET_VCPU_EVENT] = { LEVEL_VCPU, true, true, set_vcpu_event },
	[KVM_SDEI_CMD_GET_VCPU_STATE] = { LEVEL_VCPU, false, false, get_vcpu_state },
	[KVM_SDEI_CMD_SET_VCPU_STATE] = { LEVEL_VCPU, false, true, set_vcpu_state },
	[KVM_SDEI_CMD_INJECT_EVENT] = { LEVEL_VCPU, false, true, inject_event },
};

int sdei_ioctl(struct kvmcore_vm *vm, struct vcpu *vcpu, void *arg)
{
	struct request request = { .vm = vm, .vcpu = vcpu, .arg = (uintptr_t)arg };
	const struct command *row;
	int ret;

	if (user_read(&request.cmd, request.arg, sizeof(request.cmd)))
		return -EFAULT;
	if (request.cmd.cmd >= ARRAY_SIZE(command))
		return -EINVAL;
	row = &command[request.cmd.cmd];
	if (row->level != (vcpu ? LEVEL_VCPU : LEVEL_VM))
		return -EINVAL;
	if (row->is_array && request.cmd.count == 0)
		return 0;
	ret = row->run(&request);
	if (row->changes && !ret)
		vm_changed(vm);
	return ret;
}
