// SPDX-License-Identifier: Apache-2.0
/*
 * Guest memory of a model VM, which nobody else moves. Whoever captures names the regions.
 */
#include "plan/fields.h"
#include "plan/parts.h"

#include <stdio.h>

bool present_memory(const struct sdeistate *state)
{
	return state->n_regions > 0;
}

static int read_region(struct capture *capture, const struct sdeistate_region *want)
{
	struct sdeistate_region *region = &capture->state->regions[capture->state->n_regions];
	int ret;

	region->data = malloc(want->size);
	if (!region->data)
		return error_no_memory(capture->err, "guest memory");
	region->ipa = want->ipa;
	region->size = want->size;
	capture->state->n_regions++;
	ret = capture->port->mem_read(capture->port->vm, region->ipa, region->data, region->size);
	return ret < 0 ? capture_failed(capture, ret,
					OBJECT("guest memory at 0x%" PRIx64, region->ipa))
		       : 0;
}

int capture_memory(struct capture *capture)
{
	const struct sdeistate_capture_options *options = capture->options;
	struct sdeistate *state = capture->state;
	size_t total = 0;
	int ret = 0;

	if (options->n_regions == 0)
		return 0;
	if (options->n_regions > SDEISTATE_MAX_REGIONS)
		return error_set(capture->err, SDEISTATE_OVER_LIMIT, -E2BIG, "guest memory",
				 "regions", "at most %u|%u", SDEISTATE_MAX_REGIONS,
				 options->n_regions);
	if (!capture->port->mem_read)
		return error_set(capture->err, SDEISTATE_PORT_LACKS, -EOPNOTSUPP, "port",
				 "mem_read", "present|NULL");
	for (unsigned int i = 0; i < options->n_regions; i++) {
		if (options->regions[i].size == 0 ||
		    options->regions[i].size > SDEISTATE_MAX_MEMORY - total)
			return error_set(capture->err, SDEISTATE_OVER_LIMIT, -E2BIG, "guest memory",
					 "size", "1 to %u bytes in all|another",
					 SDEISTATE_MAX_MEMORY);
		if (i > 0 && options->regions[i].ipa <
				     options->regions[i - 1].ipa + options->regions[i - 1].size)
			return error_set(capture->err, SDEISTATE_USAGE, -EINVAL, "guest memory",
					 "ipa", "ascending regions apart|another order");
		total += options->regions[i].size;
	}
	state->regions = calloc(options->n_regions, sizeof(*state->regions));
	if (!state->regions)
		return error_no_memory(capture->err, "guest memory");
	for (unsigned int i = 0; i < options->n_regions && !ret; i++)
		ret = read_region(capture, &options->regions[i]);
	return ret;
}

int validate_memory(const struct sdeistate *state, struct sdeistate_error *err)
{
	uint64_t end = 0;

	if (state->n_regions > SDEISTATE_MAX_REGIONS)
		return inconsistent(err, "guest memory", "regions", "at most %u|%u",
				    SDEISTATE_MAX_REGIONS, state->n_regions);
	for (unsigned int i = 0; i < state->n_regions; i++) {
		const struct sdeistate_region *region = &state->regions[i];

		if (region->ipa < end || region->ipa > UINT64_MAX - region->size)
			return inconsistent(err, OBJECT("guest memory at 0x%" PRIx64, region->ipa),
					    "ipa", "ascending regions apart|another order");
		end = region->ipa + region->size;
	}
	return 0;
}

void check_memory(struct target *target)
{
	const struct sdeistate *state = target->state;
	uint8_t byte;

	if (!target->port->mem_write || !target->port->mem_read) {
		obstacle(target, SDEISTATE_PORT_LACKS, "port",
			 target->port->mem_read ? "mem_write" : "mem_read", "present|NULL");
		return;
	}
	for (unsigned int i = 0; i < state->n_regions; i++) {
		const struct sdeistate_region *region = &state->regions[i];
		const uint64_t last = region->ipa + region->size - 1;

		for (uint64_t at = region->ipa;; at = last - at < PAGE ? last : at + PAGE) {
			if (target->port->mem_read(target->port->vm, at, &byte, 1) < 0) {
				obstacle(target, SDEISTATE_INCOMPATIBLE,
					 OBJECT("guest memory at 0x%" PRIx64, at), "",
					 "memory|none");
				break;
			}
			if (at == last)
				break;
		}
	}
}

int replay_memory(struct target *target)
{
	const struct sdeistate *state = target->state;
	int ret = 0;

	for (unsigned int i = 0; i < state->n_regions && !ret; i++) {
		const struct sdeistate_region *region = &state->regions[i];

		ret = target->port->mem_write(target->port->vm, region->ipa, region->data,
					      region->size);
		ret = replayed(target, ret, OBJECT("guest memory at 0x%" PRIx64, region->ipa), "");
	}
	return ret;
}

/* One change per region: where it begins to differ. */
static void diff_region(struct differ *differ, const struct sdeistate_region *a,
			const struct sdeistate_region *b)
{
	char path[64];
	size_t at = 0;

	if (!memcmp(a->data, b->data, a->size))
		return;
	while (a->data[at] == b->data[at])
		at++;
	snprintf(path, sizeof(path), "memory[0x%" PRIx64 "]", a->ipa + at);
	diff_value(differ, path, a->data[at], b->data[at]);
}

void diff_memory(struct differ *differ)
{
	const struct sdeistate *a = differ->a, *b = differ->b;
	char path[64];

	if (a->n_regions != b->n_regions) {
		diff_value(differ, "memory.n_regions", a->n_regions, b->n_regions);
		return;
	}
	for (unsigned int i = 0; i < a->n_regions && !differ->ret; i++) {
		const struct sdeistate_region *x = &a->regions[i], *y = &b->regions[i];

		snprintf(path, sizeof(path), "memory[%u].ipa", i);
		diff_value(differ, path, x->ipa, y->ipa);
		snprintf(path, sizeof(path), "memory[%u].size", i);
		diff_value(differ, path, x->size, y->size);
		if (x->ipa == y->ipa && x->size == y->size)
			diff_region(differ, x, y);
	}
}
