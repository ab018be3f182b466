// SPDX-License-Identifier: Apache-2.0
#include "states.h"

#include <errno.h>
#include <kvmcore/uapi.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_EVENT 0x400000u           /* a number of both profiles */
#define TEXT        0xffff800008010000u /* entry points: so many bytes from here */
#define TEXT_SIZE   0x01000000u
#define PER_CPU     0xffff0000fe000000u /* arguments: per-CPU variables */
#define STRIDE      0x0001c000u         /* from one CPU's area to the next one's */
#define STACK       0xffff800012000000u

const struct bench_state bench_states[BENCH_N_STATES] = {
	{ "4/2", 4, 2, 0, 4 },
	{ "64/8", 64, 8, 2, 32 },
	{ "512/64", 512, 64, 4, 32 },
	{ "512/128", 512, 128, 128, 32 },
};

/* xorshift64*, always from the same seed. */
static uint64_t next_random(uint64_t *random)
{
	*random ^= *random >> 12;
	*random ^= *random << 25;
	*random ^= *random >> 27;
	return *random * 0x2545f4914f6cdd1du;
}

unsigned int bench_vcpu_id(unsigned int i)
{
	return i;
}

uint64_t bench_vcpu_mpidr(unsigned int i)
{
	return (i & 0xf) | (uint64_t)(i >> 4 & 0xff) << 8;
}

size_t bench_state_raw_size(const struct bench_state *state)
{
	size_t running = state->n_queued ? 0 : state->n_vcpus / state->one_in;

	return state->n_events * (sizeof(struct kvm_sdei_exposed_event_state) +
				  sizeof(struct kvm_sdei_registered_event_state)) +
	       (state->n_vcpus * state->n_queued + running) *
		       sizeof(struct kvm_sdei_vcpu_event_state) +
	       state->n_vcpus * sizeof(struct kvm_sdei_vcpu_state);
}

static int set(const struct kvm_port *port, int vcpu, uint32_t cmd, uint32_t count, void *entries)
{
	struct kvm_sdei_cmd command = { .cmd = cmd, .count = count, .pointer = (uintptr_t)entries };

	return port->ioctl(port->vm, vcpu, KVM_ARM_SDEI_COMMAND, &command);
}

static int expose(const struct bench_state *state, const struct kvm_port *port)
{
	struct kvm_sdei_exposed_event_state event[KVM_SDEI_MAX_EVENTS] = { 0 };

	for (unsigned int i = 0; i < state->n_events; i++)
		event[i].num = FIRST_EVENT + i;
	return set(port, -1, KVM_SDEI_CMD_SET_EXPOSED_EVENT, state->n_events, event);
}

static int register_all(const struct bench_state *state, const struct kvm_port *port,
			uint64_t *random)
{
	struct kvm_sdei_registered_event_state *event = calloc(state->n_events, sizeof(*event));
	int ret;

	if (!event)
		return -ENOMEM;
	for (unsigned int i = 0; i < state->n_events; i++) {
		uint64_t entry = TEXT + next_random(random) % TEXT_SIZE / 4 * 4;
		uint64_t variable = PER_CPU + next_random(random) % STRIDE / 16 * 16;

		event[i].num = FIRST_EVENT + i;
		for (unsigned int n = 0; n < state->n_vcpus; n++) {
			event[i].ep_address[n] = entry;
			event[i].ep_arg[n] = variable + (uint64_t)n * STRIDE;
			event[i].registered[n / 64] |= UINT64_C(1) << (n % 64);
		}
		memcpy(event[i].enabled, event[i].registered, sizeof(event[i].enabled));
	}
	ret = set(port, -1, KVM_SDEI_CMD_SET_REGISTERED_EVENT, state->n_events, event);
	free(event);
	return ret;
}

/* @n different events in any order: the first of a shuffle. */
static unsigned int shuffle(const struct bench_state *state, unsigned int n,
			    struct kvm_sdei_vcpu_event_state *queue, uint64_t *random)
{
	unsigned int event[KVM_SDEI_MAX_EVENTS];

	for (unsigned int i = 0; i < state->n_events; i++)
		event[i] = i;
	for (unsigned int i = 0; i < n && i < state->n_events; i++) {
		unsigned int j = i + (unsigned int)(next_random(random) % (state->n_events - i));
		unsigned int taken = event[j];

		event[j] = event[i];
		queue[i] = (struct kvm_sdei_vcpu_event_state){ .num = FIRST_EVENT + taken,
							       .event_count = 1 };
	}
	return n;
}

/* What a kernel's registers look like: text, stack, small numbers. */
static void interrupt(struct kvm_sdei_vcpu_state *vcpu, unsigned int n, uint64_t num,
		      uint64_t *random)
{
	struct kvm_sdei_vcpu_regs_state *regs = &vcpu->normal_regs;

	vcpu->normal_num = num;
	for (unsigned int i = 0; i < 18; i++) {
		uint64_t value = next_random(random);

		regs->regs[i] = i % 3 == 0   ? TEXT + value % TEXT_SIZE
				: i % 3 == 1 ? STACK + 0x10000 * n + value % 0x4000
					     : value % 0x1000;
	}
	regs->pc = TEXT + next_random(random) % TEXT_SIZE / 4 * 4;
	regs->pstate = 0x60400005;
}

static int fill_vcpu(const struct bench_state *state, const struct kvm_port *port, unsigned int n,
		     uint64_t *random)
{
	struct kvm_sdei_vcpu_event_state queue[KVM_SDEI_MAX_EVENTS];
	struct kvm_sdei_vcpu_state vcpu = { .masked = n % 8 == 7,
					    .critical_num = KVM_SDEI_INVALID_EVENT,
					    .normal_num = KVM_SDEI_INVALID_EVENT };
	unsigned int n_queued = state->n_queued;
	int ret;

	if (n % state->one_in == 0 && n_queued == 0)
		n_queued = 1;
	shuffle(state, n_queued, queue, random);
	if (n % state->one_in == 0)
		interrupt(&vcpu, n, queue[0].num, random);
	ret = set(port, (int)n, KVM_SDEI_CMD_SET_VCPU_EVENT, n_queued, queue);
	return ret < 0 ? ret : set(port, (int)n, KVM_SDEI_CMD_SET_VCPU_STATE, 1, &vcpu);
}

int bench_state_fill(const struct bench_state *state, const struct kvm_port *port)
{
	uint64_t random = 0x5de1;
	int ret;

	if (port->n_vcpus != state->n_vcpus)
		return -EINVAL;
	ret = expose(state, port);
	if (ret >= 0)
		ret = register_all(state, port, &random);
	for (unsigned int n = 0; n < state->n_vcpus && ret >= 0; n++)
		ret = fill_vcpu(state, port, n, &random);
	return ret < 0 ? ret : 0;
}
