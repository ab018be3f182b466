// SPDX-License-Identifier: Apache-2.0
/*
 * A device that raises SDEI events at random moments, as a platform's error or watchdog hardware does,
 * and keeps account. It raises an event again only when the handler of the last time has acknowledged it,
 * so that every trigger is one delivery: two edges that wait may be merged (DEN0054 §5.1.16.1).
 *
 *	0x000	ID, "SDEI"
 *	0x004	RUN: 1 raises events
 *	0x008	INTERVAL: microseconds between two, on average; more than 100000 count as that
 *	0x00c	CPUS: set of vCPUs for which private events are raised
 *	0x010	REFUSED: how often the event was not there to be triggered
 *	0x014	SPURIOUS: acknowledgements of what was not raised
 *	0x020	ACK: line << 16 | vCPU, written by a handler
 *	0x024	FORGET: vCPU; what is outstanding there will not be handled any more
 *	0x028	WAIT: how many were raised; a load takes until there is one more, or a second
 *	0x100 + 32 * line	EVENT, FLAGS (0 enabled, 1 shared), RAISED, FORGOTTEN, OUTSTANDING (by vCPU)
 */
#include "vmm.h"

#include <time.h>

enum {
	ID = 0x000,
	RUN = 0x004,
	INTERVAL = 0x008,
	CPUS = 0x00c,
	REFUSED = 0x010,
	SPURIOUS = 0x014,
	ACK = 0x020,
	FORGET = 0x024,
	WAIT = 0x028,
	LINES = 0x100,
};

enum { LINE_EVENT, LINE_FLAGS, LINE_RAISED, LINE_FORGOTTEN, LINE_OUTSTANDING, LINE_WORDS = 8 };

#define IDENTITY     0x49454453u /* "SDEI" */
#define LINE_ENABLED 1u
#define LINE_SHARED  2u
#define REST_US      10000u  /* while nothing is to be raised */
#define MOST_US      100000u /* so that the device's thread sees the VM's end */
#define WAIT_US      1000000u

/* xorshift64: which events come when moves along with the guest. */
static uint32_t draw(struct source *source, uint32_t below)
{
	uint64_t x = source->random ? source->random : 0x5345444901020304u;

	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	source->random = x;
	return below ? (uint32_t)(x >> 32) % below : 0;
}

/* One of the enabled lines. Return: SOURCE_LINES when there is none */
static uint32_t draw_line(struct source *source)
{
	uint32_t enabled[SOURCE_LINES], n = 0;

	for (uint32_t line = 0; line < SOURCE_LINES; line++)
		if (source->line[line].flags & LINE_ENABLED)
			enabled[n++] = line;
	return n ? enabled[draw(source, n)] : SOURCE_LINES;
}

static void raise_one(struct vmm *vmm)
{
	struct source *source = &vmm->source;
	const uint32_t line = draw_line(source);
	const uint32_t cpu = draw(source, vmm->n_vcpus);
	uint32_t bit;

	if (line == SOURCE_LINES || !(source->cpus >> cpu & 1))
		return;
	bit = source->line[line].flags & LINE_SHARED ? 1u : 1u << cpu;
	if (source->line[line].outstanding & bit)
		return;
	source->line[line].outstanding |= bit;
	if (firmware_inject(vmm, cpu, source->line[line].event) == 0) {
		source->line[line].raised++;
	} else {
		source->line[line].outstanding &= ~bit;
		source->refused++;
	}
}

static void acknowledge(struct source *source, uint32_t value)
{
	const uint32_t line = value >> 16, cpu = value & 0xffff;
	uint32_t bit;

	if (line >= SOURCE_LINES || cpu >= BOARD_MAX_VCPUS)
		return;
	bit = source->line[line].flags & LINE_SHARED ? 1u : 1u << cpu;
	if (!(source->line[line].outstanding & bit))
		source->spurious++;
	source->line[line].outstanding &= ~bit;
}

static void forget(struct source *source, uint32_t cpu)
{
	for (unsigned int i = 0; i < SOURCE_LINES && cpu < BOARD_MAX_VCPUS; i++) {
		const uint32_t bit = source->line[i].flags & LINE_SHARED ? 0 : 1u << cpu;

		if (source->line[i].outstanding & bit)
			source->line[i].forgotten++;
		source->line[i].outstanding &= ~bit;
	}
}

static uint32_t load_line(const struct source *source, uint32_t word)
{
	const uint32_t line = word / LINE_WORDS;

	if (line >= SOURCE_LINES)
		return 0;
	switch (word % LINE_WORDS) {
	case LINE_EVENT:
		return source->line[line].event;
	case LINE_FLAGS:
		return source->line[line].flags;
	case LINE_RAISED:
		return source->line[line].raised;
	case LINE_FORGOTTEN:
		return source->line[line].forgotten;
	case LINE_OUTSTANDING:
		return source->line[line].outstanding;
	}
	return 0;
}

static void store_line(struct source *source, uint32_t word, uint32_t value)
{
	const uint32_t line = word / LINE_WORDS;

	if (line >= SOURCE_LINES)
		return;
	if (word % LINE_WORDS == LINE_EVENT)
		source->line[line].event = value;
	if (word % LINE_WORDS == LINE_FLAGS)
		source->line[line].flags = value;
}

static uint32_t count_raised(const struct source *source)
{
	uint32_t raised = 0;

	for (unsigned int line = 0; line < SOURCE_LINES; line++)
		raised += source->line[line].raised;
	return raised;
}

static uint64_t now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

bool source_is_ready(struct vcpu *vcpu, uint32_t offset)
{
	const uint32_t raised = count_raised(&vcpu->vmm->source);

	if (offset != WAIT)
		return true;
	if (!vcpu->wait_end_us) {
		vcpu->wait_end_us = now_us() + WAIT_US;
		vcpu->wait_raised = raised;
	}
	if (raised == vcpu->wait_raised && now_us() < vcpu->wait_end_us)
		return false;
	vcpu->wait_end_us = 0;
	return true;
}

uint32_t source_load(struct vmm *vmm, uint32_t offset)
{
	const struct source *source = &vmm->source;

	switch (offset) {
	case ID:
		return IDENTITY;
	case RUN:
		return source->running;
	case INTERVAL:
		return source->interval_us;
	case CPUS:
		return source->cpus;
	case REFUSED:
		return source->refused;
	case SPURIOUS:
		return source->spurious;
	case WAIT:
		return count_raised(source);
	}
	return offset >= LINES ? load_line(source, (offset - LINES) / 4) : 0;
}

void source_store(struct vmm *vmm, uint32_t offset, uint32_t value)
{
	struct source *source = &vmm->source;

	switch (offset) {
	case RUN:
		source->running = value & 1;
		break;
	case INTERVAL:
		source->interval_us = value;
		break;
	case CPUS:
		source->cpus = value;
		break;
	case ACK:
		acknowledge(source, value);
		break;
	case FORGET:
		forget(source, value);
		break;
	default:
		if (offset >= LINES)
			store_line(source, (offset - LINES) / 4, value);
	}
}

static uint32_t interval_of(const struct source *source)
{
	return source->interval_us < MOST_US ? source->interval_us : MOST_US;
}

static void rest(uint32_t us)
{
	const struct timespec time = { us / 1000000, us % 1000000 * 1000 };

	nanosleep(&time, NULL);
}

void *source_main(void *opaque)
{
	struct vmm *vmm = opaque;
	uint32_t us = REST_US;
	bool ending = false;

	while (!ending) {
		rest(us);
		pthread_mutex_lock(&vmm->lock);
		us = REST_US;
		if (vmm->running && !vmm->ending && vmm->source.running) {
			raise_one(vmm);
			us = draw(&vmm->source, 2 * interval_of(&vmm->source) + 1);
		}
		ending = vmm->ending;
		pthread_mutex_unlock(&vmm->lock);
	}
	return NULL;
}
