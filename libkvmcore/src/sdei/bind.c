// SPDX-License-Identifier: Apache-2.0
#include "bind.h"
#include "calls.h"
#include "trigger.h"
#include "vm.h"

#include <errno.h>

#define FIRST_PPI 16u
#define FIRST_SPI 32u

bool bind_is_ppi(const struct sdei *sdei, uint64_t intid)
{
	return intid >= FIRST_PPI && intid < FIRST_PPI + sdei->n_ppi;
}

bool bind_is_spi(const struct sdei *sdei, uint64_t intid)
{
	return intid >= FIRST_SPI && intid < FIRST_SPI + sdei->n_spi;
}

struct sdei_event *bind_slot(const struct sdei *sdei, bool shared, uint32_t n)
{
	if (n >= sdei->n_slots[shared])
		return NULL;
	return sdei->event[SDEI_FIRST_BOUND + (shared ? SDEI_MAX_SLOTS_PER_TYPE : 0) + n];
}

static int create_slots(struct sdei *sdei, bool shared, uint32_t first_num)
{
	const uint32_t first = SDEI_FIRST_BOUND + (shared ? SDEI_MAX_SLOTS_PER_TYPE : 0);

	for (uint32_t n = 0; n < sdei->n_slots[shared]; n++) {
		const struct kvm_sdei_exposed_event_state exposed = { .num = first_num + n,
								      .type = shared };

		if (!event_create(sdei, (uint16_t)(first + n), &exposed))
			return -ENOMEM;
	}
	return 0;
}

int bind_init(struct sdei *sdei)
{
	if (create_slots(sdei, false, SDEI_BOUND_PRIVATE))
		return -ENOMEM;
	return create_slots(sdei, true, SDEI_BOUND_SHARED);
}

struct sdei_event *bind_find(const struct sdei *sdei, uint64_t intid)
{
	const bool shared = intid >= FIRST_SPI;

	if (intid < FIRST_PPI)
		return NULL;
	for (uint32_t n = 0; n < sdei->n_slots[shared]; n++)
		if (bind_slot(sdei, shared, n)->intid == intid)
			return bind_slot(sdei, shared, n);
	return NULL;
}

static struct sdei_event *find_free(const struct sdei *sdei, bool shared)
{
	for (uint32_t n = 0; n < sdei->n_slots[shared]; n++)
		if (!bind_slot(sdei, shared, n)->intid)
			return bind_slot(sdei, shared, n);
	return NULL;
}

/* DEN0054 §5.1.14 */
static int64_t bind(struct sdei *sdei, uint32_t intid)
{
	struct sdei_event *event;

	if (!bind_is_ppi(sdei, intid) && !bind_is_spi(sdei, intid))
		return SDEI_INVALID_PARAMETERS;
	event = bind_find(sdei, intid);
	if (!event) {
		event = find_free(sdei, bind_is_spi(sdei, intid));
		if (!event)
			return SDEI_OUT_OF_RESOURCE;
		event->intid = intid;
	}
	return (int64_t)event->exposed.num;
}

void sdei_call_interrupt_bind(struct call *call)
{
	struct sdei *sdei = &call->vm->sdei;

	if (!sdei->profile->has_binding)
		call_return_error(call, SDEI_NOT_SUPPORTED);
	else
		call_return_error(call, bind(sdei, (uint32_t)call->regs->x[1]));
}

/* Registered or running anywhere: DEN0054 table 13 has RELEASE in one row only. */
static bool is_used(const struct sdei_event *event)
{
	return event->has_instance || event->n_running;
}

/* DEN0054 §5.1.15 */
static int release(struct sdei *sdei, uint64_t num)
{
	struct sdei_event *event = event_find(sdei, num);

	if (!event || !event_is_bound_slot(event) || !event->intid)
		return SDEI_INVALID_PARAMETERS;
	if (is_used(event))
		return SDEI_DENIED;
	event->intid = 0;
	return SDEI_SUCCESS;
}

void sdei_call_interrupt_release(struct call *call)
{
	struct sdei *sdei = &call->vm->sdei;

	if (!sdei->profile->has_binding)
		call_return_error(call, SDEI_NOT_SUPPORTED);
	else
		call_return_error(call, release(sdei, (uint32_t)call->regs->x[1]));
}

bool bind_release_all(struct kvmcore_vm *vm)
{
	bool all = true;

	for (uint32_t slot = SDEI_FIRST_BOUND; slot < SDEI_NR_SLOTS; slot++) {
		struct sdei_event *event = vm->sdei.event[slot];

		if (!event || !event->intid)
			continue;
		if (is_used(event))
			all = false;
		else
			event->intid = 0;
	}
	return all;
}

/*
 * An interrupt whose event nobody registered is lost: DEN0054 table 13 has no dispatch in that state,
 * and a trigger needs an instance to wait for.
 */
int sdei_raise(struct kvmcore_vm *vm, uint32_t intid, int vcpu, struct kvmcore_reply *reply)
{
	const bool ppi = bind_is_ppi(&vm->sdei, intid);
	struct vcpu *target = vm_vcpu(vm, ppi ? vcpu : 0);
	struct sdei_event *event;

	if (!ppi && !bind_is_spi(&vm->sdei, intid))
		return -EINVAL;
	if (ppi && !target)
		return -EBADF;
	event = bind_find(&vm->sdei, intid);
	if (!event)
		return -ENOENT;
	if (target && event_state(event, target) & STATE_REGISTERED)
		trigger_fire(target, event, NULL, reply);
	return 0;
}
