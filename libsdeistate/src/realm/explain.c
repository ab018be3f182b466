// SPDX-License-Identifier: Apache-2.0
/* A step gave another RIM than at the source: what of it differs, in the words of `realm-measure explain`. */
#include "plan/parts.h"
#include "realm/realm.h"

#include <stdio.h>

#define RIM_TEXT  65u /* 32 bytes are enough to tell two RIMs apart */
#define PAGE_TEXT 17u

static void cleanup_realm(struct sdeistate_realm **realm)
{
	realm_free(*realm);
}

/* As many bytes as @size takes. */
static const char *hex(const uint8_t *bytes, char *text, size_t size)
{
	for (size_t i = 0; i < size / 2; i++)
		snprintf(text + 2 * i, 3, "%02x", bytes[i]);
	return text;
}

/* The first page that the destination had with other bytes. Return: whether there is one */
static bool find_page(const struct target *target, uint32_t i, uint64_t *page, char a[PAGE_TEXT],
		      char b[PAGE_TEXT])
{
	const struct sdeistate_realm *realm = target->state->realm;
	const struct sdeistate_realm_source *source = target->contents;
	const size_t size = sdeistate_realm_hash_size(realm->hash);
	const uint64_t n = realm->step[i].done / PAGE;
	CLEANUP(cleanup_free) uint8_t *have = NULL;
	uint8_t want[64];
	uint64_t first = 0;

	if (realm->step[i].kind != KVMCORE_REALM_STEP_POPULATE || !source ||
	    realm_step_hashes(target->port, i, n, size, &have, NULL))
		return false;
	for (uint32_t k = 0; k < i; k++)
		if (realm->step[k].kind == KVMCORE_REALM_STEP_POPULATE)
			first += realm->step[k].done / PAGE;
	for (uint64_t k = 0; k < n; k++) {
		if (source->read(source->user, SDEISTATE_REALM_HASHES, (first + k) * size, want,
				 size))
			return false;
		if (!memcmp(want, have + k * size, size))
			continue;
		*page = realm->step[i].base + k * PAGE;
		hex(want, a, PAGE_TEXT);
		hex(have + k * size, b, PAGE_TEXT);
		return true;
	}
	return false;
}

/* What was asked of the monitor, here and there. */
static void find_difference(const struct sdeistate_realm *a, const struct sdeistate_realm *b,
			    uint32_t i, struct sdeistate_realm_difference *out)
{
	const struct sdeistate_realm_limits x = realm_limits(a), y = realm_limits(b);

	*out = (struct sdeistate_realm_difference){ SDEISTATE_CAUSE_TABLES, "level", 0, 0 };
	if (a->rule != b->rule)
		*out = (struct sdeistate_realm_difference){ SDEISTATE_CAUSE_RULE, "rule", a->rule,
							    b->rule };
	else if (sdeistate_realm_compare_limits(&x, &y, out) || i >= b->n_steps)
		return;
	else if (a->step[i].kind == KVMCORE_REALM_STEP_REC)
		sdeistate_realm_compare_rec(&a->step[i], &b->step[i], out);
	else if (a->step[i].base != b->step[i].base)
		*out = (struct sdeistate_realm_difference){ SDEISTATE_CAUSE_RAM_RANGE, "base",
							    a->step[i].base, b->step[i].base };
	else if (a->step[i].done != b->step[i].done)
		*out = (struct sdeistate_realm_difference){ SDEISTATE_CAUSE_RAM_RANGE, "done",
							    a->step[i].done, b->step[i].done };
}

int realm_explain(struct target *target, uint32_t i)
{
	static const struct sdeistate_capture_options look = { .kind = SDEISTATE_BASE };
	const struct sdeistate_realm *realm = target->state->realm;
	const struct kvmcore_realm_step *step = &realm->step[i];
	const char *object = OBJECT("realm step %u (%s 0x%" PRIx64 ")", i,
				    sdeistate_realm_step_name(step->kind), (uint64_t)step->base);
	CLEANUP(cleanup_realm) struct sdeistate_realm *found = NULL;
	struct capture capture = { .port = target->port, .options = &look };
	struct sdeistate_realm_difference difference;
	char want[RIM_TEXT], have[RIM_TEXT], a[PAGE_TEXT], b[PAGE_TEXT];
	uint64_t page;

	if (realm_read(&capture, &found))
		return error_set(target->err, SDEISTATE_DIFFERS, -ESTALE, object, "rim",
				 "RIM %s|another", hex(step->rim, want, RIM_TEXT));
	hex(step->rim, want, RIM_TEXT);
	hex(found->rim, have, RIM_TEXT);
	if (find_page(target, i, &page, a, b))
		return error_set(target->err, SDEISTATE_DIFFERS, -ESTALE, object,
				 sdeistate_realm_cause_name(SDEISTATE_CAUSE_PAGE_CONTENT),
				 "page 0x%" PRIx64 " %s, RIM %s|page 0x%" PRIx64 " %s, RIM %s",
				 page, a, want, page, b, have);
	find_difference(realm, found, i, &difference);
	if (difference.a == difference.b)
		return error_set(target->err, SDEISTATE_DIFFERS, -ESTALE, object,
				 sdeistate_realm_cause_name(difference.cause), "RIM %s|RIM %s",
				 want, have);
	return error_set(target->err, SDEISTATE_DIFFERS, -ESTALE, object,
			 sdeistate_realm_cause_name(difference.cause),
			 "%s 0x%" PRIx64 ", RIM %s|%s 0x%" PRIx64 ", RIM %s", difference.what,
			 difference.a, want, difference.what, difference.b, have);
}
