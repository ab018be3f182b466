// SPDX-License-Identifier: Apache-2.0
/* The pseudo-registers of KVM SDEI v7, patch 17/22. Any order of writes works, and none is checked. */
#include "handler.h"
#include "vm.h"

#include <errno.h>
#include <string.h>

#define NR_EVENTS   2u /* event 0 and event 1 */
#define NR_HANDLERS 4u /* registers; those above NR_EVENTS read 0 and ignore writes */

static struct sdei_event *event_of(const struct vcpu *vcpu, uint32_t n)
{
	return vcpu->vm->sdei.event[n];
}

/* --- Words of one bit per event ------------------------------------------------------------------- */

static bool is_registered(const struct vcpu *vcpu, uint32_t n)
{
	return bit_has(event_of(vcpu, n)->instance.registered, vcpu->index);
}

static bool is_enabled(const struct vcpu *vcpu, uint32_t n)
{
	return bit_has(event_of(vcpu, n)->instance.enabled, vcpu->index);
}

static bool is_running(const struct vcpu *vcpu, uint32_t n)
{
	return event_runs_on(event_of(vcpu, n), vcpu->index);
}

static bool is_pending(const struct vcpu *vcpu, uint32_t n)
{
	return queue_count(&vcpu->sdei, event_of(vcpu, n)) > is_running(vcpu, n);
}

static void put_state_bit(struct vcpu *vcpu, uint32_t n, unsigned int bit, bool on)
{
	struct sdei_event *event = event_of(vcpu, n);
	const unsigned int state = event_state(event, vcpu);

	event_state_put(&vcpu->vm->sdei, event, vcpu, on ? state | bit : state & ~bit);
}

static void put_registered(struct vcpu *vcpu, uint32_t n, bool on)
{
	put_state_bit(vcpu, n, STATE_REGISTERED, on);
}

static void put_enabled(struct vcpu *vcpu, uint32_t n, bool on)
{
	put_state_bit(vcpu, n, STATE_ENABLED, on);
}

/* The entry counts the run and the trigger behind it. */
static void put_entry(struct vcpu *vcpu, uint32_t n, uint32_t count)
{
	if (count)
		queue_put(&vcpu->sdei, event_of(vcpu, n), count);
	else
		queue_remove(&vcpu->sdei, event_of(vcpu, n));
}

static void put_pending(struct vcpu *vcpu, uint32_t n, bool on)
{
	put_entry(vcpu, n, (uint32_t)on + is_running(vcpu, n));
}

/* The handler on top is that of the lowest running event. */
static void put_running(struct vcpu *vcpu, uint32_t n, bool on)
{
	struct sdei_event *event = event_of(vcpu, n);
	const uint32_t pending = is_pending(vcpu, n);

	if (is_running(vcpu, n) != on) {
		bit_put(event->running, vcpu->index, on);
		event->n_running += on ? 1u : -1u;
	}
	put_entry(vcpu, n, pending + on);
	vcpu->sdei.handler[SDEI_NORMAL] = NULL;
	vcpu->sdei.num[SDEI_NORMAL] = KVM_SDEI_INVALID_EVENT;
	for (uint32_t i = NR_EVENTS; i-- > 0;)
		if (is_running(vcpu, i))
			handler_put(vcpu, SDEI_NORMAL, event_of(vcpu, i));
}

static const struct word {
	uint64_t id;
	bool (*is)(const struct vcpu *vcpu, uint32_t n);
	void (*put)(struct vcpu *vcpu, uint32_t n, bool on);
} word_row[] = {
	{ KVM_REG_ARM_SDEI_EVENT_REGISTERED, is_registered, put_registered },
	{ KVM_REG_ARM_SDEI_EVENT_ENABLED, is_enabled, put_enabled },
	{ KVM_REG_ARM_SDEI_EVENT_RUNNING, is_running, put_running },
	{ KVM_REG_ARM_SDEI_EVENT_PENDING, is_pending, put_pending },
};

static const struct word *find_word(uint64_t id)
{
	for (size_t i = 0; i < ARRAY_SIZE(word_row); i++)
		if (word_row[i].id == id)
			return &word_row[i];
	return NULL;
}

static void get_word(const struct vcpu *vcpu, const struct word *word, void *buf)
{
	uint64_t value = 0;

	for (uint32_t n = 0; n < NR_EVENTS; n++)
		value |= (uint64_t)word->is(vcpu, n) << n;
	memcpy(buf, &value, sizeof(value));
}

/* Bits of events this kernel does not have vanish without an error. */
static void set_word(struct vcpu *vcpu, const struct word *word, const void *buf)
{
	uint64_t value;

	memcpy(&value, buf, sizeof(value));
	for (uint32_t n = 0; n < NR_EVENTS; n++)
		word->put(vcpu, n, value >> n & 1);
	if (word->id == KVM_REG_ARM_SDEI_EVENT_PENDING && value && !vcpu->sdei.masked)
		vcpu->sdei.requested = true;
}

/* --- Handlers, context, mask ---------------------------------------------------------------------- */

static void get_handler(const struct vcpu *vcpu, uint32_t n, void *buf)
{
	struct kvm_sdei_v7_handler handler = { 0 };

	if (n < NR_EVENTS) {
		handler.ep_addr = event_of(vcpu, n)->instance.ep_address[vcpu->index];
		handler.ep_arg = event_of(vcpu, n)->instance.ep_arg[vcpu->index];
	}
	memcpy(buf, &handler, sizeof(handler));
}

static void set_handler(struct vcpu *vcpu, uint32_t n, const void *buf)
{
	struct kvm_sdei_v7_handler handler;

	if (n >= NR_EVENTS)
		return;
	memcpy(&handler, buf, sizeof(handler));
	event_of(vcpu, n)->instance.ep_address[vcpu->index] = handler.ep_addr;
	event_of(vcpu, n)->instance.ep_arg[vcpu->index] = handler.ep_arg;
}

/* The last 96 bytes are neither read nor written. */
static void get_context(const struct vcpu *vcpu, void *buf)
{
	const struct kvm_sdei_vcpu_regs_state *context = &vcpu->sdei.context[SDEI_NORMAL];
	struct kvm_sdei_v7_context *out = buf;

	out->pc = context->pc;
	out->pstate = context->pstate;
	memcpy(out->regs, context->regs, sizeof(out->regs));
}

static void set_context(struct vcpu *vcpu, const void *buf)
{
	struct kvm_sdei_vcpu_regs_state *context = &vcpu->sdei.context[SDEI_NORMAL];
	const struct kvm_sdei_v7_context *in = buf;

	context->pc = in->pc;
	context->pstate = in->pstate;
	memcpy(context->regs, in->regs, sizeof(in->regs));
}

static void set_mask(struct vcpu *vcpu, const void *buf)
{
	struct kvmcore_reply nobody = { 0 };
	uint64_t value;

	memcpy(&value, buf, sizeof(value));
	vcpu->sdei.masked = value != 0;
	trigger_update(vcpu, &nobody);
	for (uint32_t n = 0; !value && n < NR_EVENTS; n++)
		if (is_pending(vcpu, n))
			vcpu->sdei.requested = true;
}

/* --- Dispatch ------------------------------------------------------------------------------------- */

static bool has_registers(const struct kvmcore_vm *vm)
{
	return vm->sdei.profile->numbers == NUMBERS_V7;
}

static bool is_handler(uint64_t id)
{
	return id >= KVM_REG_ARM_SDEI_EVENT_HANDLER(0) &&
	       id < KVM_REG_ARM_SDEI_EVENT_HANDLER(NR_HANDLERS);
}

int sdei_reg_get(struct vcpu *vcpu, uint64_t id, void *buf)
{
	const uint64_t masked = vcpu->sdei.masked;

	if (!has_registers(vcpu->vm))
		return -ENOENT;
	if (find_word(id))
		get_word(vcpu, find_word(id), buf);
	else if (is_handler(id))
		get_handler(vcpu, (uint32_t)(id - KVM_REG_ARM_SDEI_EVENT_HANDLER(0)), buf);
	else if (id == KVM_REG_ARM_SDEI_EVENT_CONTEXT)
		get_context(vcpu, buf);
	else if (id == KVM_REG_ARM_SDEI_PE_STATE)
		memcpy(buf, &masked, sizeof(masked));
	else
		return -ENOENT;
	return 0;
}

int sdei_reg_set(struct vcpu *vcpu, uint64_t id, const void *buf)
{
	if (!has_registers(vcpu->vm))
		return -ENOENT;
	if (find_word(id))
		set_word(vcpu, find_word(id), buf);
	else if (is_handler(id))
		set_handler(vcpu, (uint32_t)(id - KVM_REG_ARM_SDEI_EVENT_HANDLER(0)), buf);
	else if (id == KVM_REG_ARM_SDEI_EVENT_CONTEXT)
		set_context(vcpu, buf);
	else if (id == KVM_REG_ARM_SDEI_PE_STATE)
		set_mask(vcpu, buf);
	else
		return -ENOENT;
	return 0;
}

const uint64_t *sdei_reg_list(const struct kvmcore_vm *vm)
{
	static const uint64_t none[] = { 0 };
	static const uint64_t ids[] = {
		KVM_REG_ARM_SDEI_EVENT_HANDLER(0),
		KVM_REG_ARM_SDEI_EVENT_HANDLER(1),
		KVM_REG_ARM_SDEI_EVENT_HANDLER(2),
		KVM_REG_ARM_SDEI_EVENT_HANDLER(3),
		KVM_REG_ARM_SDEI_EVENT_REGISTERED,
		KVM_REG_ARM_SDEI_EVENT_ENABLED,
		KVM_REG_ARM_SDEI_EVENT_RUNNING,
		KVM_REG_ARM_SDEI_EVENT_PENDING,
		KVM_REG_ARM_SDEI_EVENT_CONTEXT,
		KVM_REG_ARM_SDEI_PE_STATE,
		0,
	};

	return has_registers(vm) ? ids : none;
}
