// SPDX-License-Identifier: Apache-2.0
#include "calls.h"
#include "smccc.h"

#include <string.h>
#include <sys/random.h>

/* Arm DEN0098, True Random Number Generator Firmware Interface; arch/arm64/kvm/trng.c. */
#define TRNG_1_0                0x10000
#define TRNG_INVALID_PARAMETERS (-2)
#define TRNG_NO_ENTROPY         (-3)

void trng_version(struct call *call)
{
	call_return(call, TRNG_1_0);
}

/* The whole of x1 is the id: stray upper bits name no function. */
void trng_features(struct call *call)
{
	const uint64_t id = call->regs->x[1];

	call_return(call, id >> 32 ? SMCCC_NOT_SUPPORTED
				   : calls_discover(call, (uint32_t)id, FOUND_TRNG));
}

/* 0d21e000-4384-11eb-8070-5244554e5a4c, in the byte order of SMCCC's UID calls. */
void trng_get_uuid(struct call *call)
{
	call_return4(call, 0x00e0210d, 0xeb118443, 0x44527080, 0x4c5a4e55);
}

static bool draw(const struct kvmcore_vm *vm, void *buf, size_t len)
{
	if (vm->config.random)
		return vm->config.random(vm->config.random_user, buf, len) == 0;
	return getrandom(buf, len, 0) == (ssize_t)len;
}

/* @n_bits of entropy, the rest of the three words zero. */
static bool draw_bits(const struct kvmcore_vm *vm, uint64_t word[3], uint32_t n_bits)
{
	memset(word, 0, 3 * sizeof(word[0]));
	if (n_bits && !draw(vm, word, (n_bits + 7) / 8))
		return false;
	if (n_bits % 64)
		word[n_bits / 64] &= (1ULL << n_bits % 64) - 1;
	return true;
}

void trng_rnd32(struct call *call)
{
	uint64_t word[3];

	if ((uint32_t)call->regs->x[1] > 96)
		call_return_error(call, TRNG_INVALID_PARAMETERS);
	else if (!draw_bits(call->vm, word, (uint32_t)call->regs->x[1]))
		call_return_error(call, TRNG_NO_ENTROPY);
	else
		call_return4(call, SMCCC_SUCCESS, (uint32_t)word[1], word[0] >> 32,
			     (uint32_t)word[0]);
}

void trng_rnd64(struct call *call)
{
	uint64_t word[3];

	if ((uint32_t)call->regs->x[1] > 192)
		call_return_error(call, TRNG_INVALID_PARAMETERS);
	else if (!draw_bits(call->vm, word, (uint32_t)call->regs->x[1]))
		call_return_error(call, TRNG_NO_ENTROPY);
	else
		call_return4(call, SMCCC_SUCCESS, word[2], word[1], word[0]);
}
