// SPDX-License-Identifier: Apache-2.0
/*
 * The Realm Services Interface as TF-RMM 1.0-rel0 answers it: runtime/rsi/ of that tree. Addresses have to lie in the
 * protected half, which the realm shares with nobody.
 */
#include "realm_rsi.h"
#include "calls.h"
#include "dispatch.h"
#include "realm.h"
#include "realm_dialect.h"
#include "realm_keys.h"
#include "realm_log.h"
#include "vm.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define RSI_SUCCESS     UINT64_C(0)
#define RSI_INPUT       UINT64_C(1)
#define RSI_STATE       UINT64_C(2)
#define RSI_INCOMPLETE  UINT64_C(3)

#define RSI_VERSION_1_0 UINT64_C(0x10000)
#define RSI_FIRST       0xc4000190u
#define GRANULE         4096u
#define HOST_CALL_SIZE  256u
#define TOKEN_MAX       8192u /* what ATTESTATION_TOKEN_INIT promises not to exceed */
#define RIPAS_EMPTY     0u
#define RIPAS_RAM       1u
#define RIPAS_DESTROYED 2u
#define CONFIG_RPV      0x200u
#define RSI_CHANGED_ALL 0x3ffffu /* x0 to x17 */
#define RIPAS_REJECT    1u
#define RIPAS_AT_ONCE \
	(UINT64_C(1) << 30) /* bytes one call looks at; a realm asks again for the rest */

struct rsi_host_call_page {
	uint16_t imm;
	uint8_t pad[6];
	uint64_t gprs[31];
};
_Static_assert(sizeof(struct rsi_host_call_page) == HOST_CALL_SIZE, "RsiHostCall");

static bool is_protected(const struct kvmcore_vm *vm, uint64_t ipa, uint64_t size)
{
	const uint64_t half = 1ULL << (vm->config.ipa_bits - 1);

	return ipa < half && size <= half - ipa;
}

static bool is_protected_granule(const struct kvmcore_vm *vm, uint64_t ipa)
{
	return !(ipa & (GRANULE - 1)) && is_protected(vm, ipa, GRANULE);
}

static void rsi_version(struct call *call)
{
	const uint64_t wanted = call->regs->x[1];

	call_return4(call, wanted == RSI_VERSION_1_0 ? RSI_SUCCESS : RSI_INPUT, RSI_VERSION_1_0,
		     RSI_VERSION_1_0, 0);
}

/* No feature register has a bit in 1.0; the index is not checked. */
static void rsi_features(struct call *call)
{
	call_return(call, RSI_SUCCESS);
}

static void rsi_measurement_read(struct call *call)
{
	struct kvmcore_digest value = { 0 };
	const uint64_t index = call->regs->x[1];
	uint64_t word;

	if (index > 4 ||
	    kvmcore_builder_read(call->vm->realm->builder, (unsigned int)index, &value)) {
		call_set(call, 0, RSI_INPUT);
		return;
	}
	call_set(call, 0, RSI_SUCCESS);
	for (unsigned int n = 0; n < 8; n++) {
		memcpy(&word, &value.bytes[8 * n], sizeof(word));
		call_set(call, 1 + n, word);
	}
}

static void rsi_measurement_extend(struct call *call)
{
	const uint64_t index = call->regs->x[1], size = call->regs->x[2];
	int ret = KVMCORE_RSI_ERROR_INPUT;

	if (index <= 4 && size <= 64)
		ret = kvmcore_builder_extend(call->vm->realm->builder, (unsigned int)index,
					     &call->regs->x[3], (size_t)size);
	if (!ret)
		realm_log_extend(call->vm->realm->log, (uint32_t)index, &call->regs->x[3],
				 (uint32_t)size);
	call_return(call, ret ? RSI_INPUT : RSI_SUCCESS);
}

static void rsi_realm_config(struct call *call)
{
	const struct kvmcore_realm_params *params = &call->vm->realm->params;
	const uint64_t ipa = call->regs->x[1], width = params->s2sz;
	uint8_t page[GRANULE] = { 0 };

	if (!is_protected_granule(call->vm, ipa)) {
		call_return(call, RSI_INPUT);
		return;
	}
	memcpy(page, &width, sizeof(width));
	page[8] = params->hash == KVMCORE_HASH_SHA512;
	memcpy(page + CONFIG_RPV, params->rpv, sizeof(params->rpv));
	if (memslot_write(&call->vm->memslots, ipa, page, sizeof(page)))
		call_return(call, RSI_INPUT);
	else
		call_return(call, RSI_SUCCESS);
}

static bool is_ram(const struct kvmcore_vm *vm, uint64_t ipa)
{
	const uint64_t page = ipa / GRANULE;

	if (spans_has(&vm->realm->ram, page))
		return true;
	return !spans_has(&vm->realm->emptied, page) &&
	       kvmcore_builder_ripas(vm->realm->builder, ipa) == KVMCORE_RIPAS_RAM;
}

static int set_page(struct kvmcore_vm *vm, uint64_t page, bool ram)
{
	struct spans *in = ram ? &vm->realm->ram : &vm->realm->emptied;
	struct spans *out = ram ? &vm->realm->emptied : &vm->realm->ram;
	const int ret = spans_add(in, page);

	if (!ret)
		spans_remove(out, page);
	return ret;
}

static uint64_t end_of_walk(uint64_t base, uint64_t top)
{
	return top - base > RIPAS_AT_ONCE ? base + RIPAS_AT_ONCE : top;
}

/* The host accepts every change at once; x1 is where it stopped, x2 its answer (0 accepted). */
static void rsi_ipa_state_set(struct call *call)
{
	const uint64_t base = call->regs->x[1], top = call->regs->x[2], ripas = call->regs->x[3];
	struct kvmcore_vm *vm = call->vm;
	uint64_t at = base, end;

	if ((base | top) & (GRANULE - 1) || top <= base || !is_protected(vm, base, top - base) ||
	    ripas > RIPAS_RAM) {
		call_return(call, RSI_INPUT);
		return;
	}
	end = end_of_walk(base, top);
	while (at < end && set_page(vm, at / GRANULE, ripas == RIPAS_RAM) == 0)
		at += GRANULE;
	call_return4(call, RSI_SUCCESS, at, at == base ? RIPAS_REJECT : 0, 0);
}

static void rsi_ipa_state_get(struct call *call)
{
	const uint64_t base = call->regs->x[1], top = call->regs->x[2];
	const struct kvmcore_vm *vm = call->vm;
	uint64_t at = base, end;
	bool ram;

	if ((base | top) & (GRANULE - 1) || top <= base || !is_protected(vm, base, top - base)) {
		call_return(call, RSI_INPUT);
		return;
	}
	end = end_of_walk(base, top);
	ram = is_ram(vm, base);
	while (at < end && is_ram(vm, at) == ram)
		at += GRANULE;
	call_return4(call, RSI_SUCCESS, at, ram ? RIPAS_RAM : RIPAS_EMPTY, 0);
}

static void rsi_token_init(struct call *call)
{
	struct realm_token *token = &call->vm->realm->token;
	uint8_t challenge[REALM_CHALLENGE_SIZE];

	memcpy(challenge, &call->regs->x[1], sizeof(challenge));
	if (realm_token_make(call->vm, challenge, token))
		call_return(call, RSI_STATE);
	else
		call_return4(call, RSI_SUCCESS, TOKEN_MAX, 0, 0);
}

static void end_token(struct realm_token *token)
{
	free(token->bytes);
	*token = (struct realm_token){ 0 };
}

/* x1 a granule, x2 an offset in it, x3 how much fits: x1 comes back as how much was written. */
static void rsi_token_continue(struct call *call)
{
	struct realm_token *token = &call->vm->realm->token;
	const uint64_t ipa = call->regs->x[1], offset = call->regs->x[2], size = call->regs->x[3];
	size_t n;

	if (!token->bytes) {
		call_return(call, RSI_STATE);
		return;
	}
	if (!is_protected_granule(call->vm, ipa) || offset >= GRANULE || size > GRANULE - offset) {
		call_return(call, RSI_INPUT);
		return;
	}
	n = token->len - token->given;
	n = n < size ? n : (size_t)size;
	if (memslot_write(&call->vm->memslots, ipa + offset, token->bytes + token->given, n)) {
		call_return(call, RSI_INPUT);
		return;
	}
	token->given += n;
	call_return4(call, token->given < token->len ? RSI_INCOMPLETE : RSI_SUCCESS, n, 0, 0);
	if (token->given == token->len)
		end_token(token);
}

static bool is_host_call(const struct kvmcore_vm *vm, uint64_t ipa)
{
	return !(ipa & (HOST_CALL_SIZE - 1)) && is_protected(vm, ipa, HOST_CALL_SIZE);
}

/*
 * The host sees the registers that stand in the structure at x1 and answers in them; the realm's own stay hidden.
 * A call that leaves to the VMM is finished by rsi_finish_host_call() before the vCPU enters again.
 */
static void rsi_host_call(struct call *call)
{
	struct realm_host_call *pending = &call->vcpu->host_call;
	const uint64_t ipa = call->regs->x[1];
	struct rsi_host_call_page page;

	if (!is_host_call(call->vm, ipa) ||
	    memslot_read(&call->vm->memslots, ipa, &page, sizeof(page))) {
		call_return(call, RSI_INPUT);
		return;
	}
	pending->active = true;
	pending->ipa = ipa;
	memcpy(pending->x, call->regs->x, sizeof(pending->x));
	memcpy(call->regs->x, page.gprs, sizeof(call->regs->x));
	dispatch_host_call(call, realm_dialect(call->vm)->filters_host_calls);
	if (call->reply->exit == KVMCORE_EXIT_NONE)
		rsi_finish_host_call(call->vcpu, call->regs, call->reply);
	else
		reply_change(call->reply, RSI_CHANGED_ALL);
}

void rsi_finish_host_call(struct vcpu *vcpu, struct kvmcore_regs *regs, struct kvmcore_reply *reply)
{
	struct realm_host_call *pending = &vcpu->host_call;
	const uint64_t answer = pending->ipa + offsetof(struct rsi_host_call_page, gprs);
	const int ret = memslot_write(&vcpu->vm->memslots, answer, regs->x, sizeof(regs->x));

	memcpy(regs->x, pending->x, sizeof(regs->x));
	regs->x[0] = ret ? RSI_INPUT : RSI_SUCCESS;
	reply_change(reply, RSI_CHANGED_ALL);
	pending->active = false;
}

/* x1 to x<n>; a host call keeps all of x0 to x17 while the host has its own. */
#define ARGS(n) ((KVMCORE_MASK_X((n) + 1) - 1) & ~KVMCORE_MASK_X(0))

static const struct {
	void (*handle)(struct call *call);
	uint32_t reads;
} service[] = {
	{ rsi_version, ARGS(1) },          { rsi_features, 0 },
	{ rsi_measurement_read, ARGS(1) }, { rsi_measurement_extend, ARGS(10) },
	{ rsi_token_init, ARGS(8) },       { rsi_token_continue, ARGS(3) },
	{ rsi_realm_config, ARGS(1) },     { rsi_ipa_state_set, ARGS(3) },
	{ rsi_ipa_state_get, ARGS(2) },    { rsi_host_call, ARGS(17) },
};

bool rsi_has(uint32_t id)
{
	return id >= RSI_FIRST && id < RSI_FIRST + ARRAY_SIZE(service);
}

void rsi_call(struct call *call)
{
	service[(uint32_t)call->regs->x[0] - RSI_FIRST].handle(call);
}

uint32_t rsi_reads(uint32_t id)
{
	return service[id - RSI_FIRST].reads;
}
