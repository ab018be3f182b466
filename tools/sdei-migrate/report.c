// SPDX-License-Identifier: Apache-2.0
#include "report.h"

#include "html.h"
#include "state_json.h"

#include <string.h>

#define MAX_SPANS 64u
#define CELL_SIZE 512

/* Phases of a hand-over in which no side runs the VM. */
static const char *const dark_phases[] = { "pause", "stop",     "capture",    "delta",
					   "blob",  "prepared", "relinquish", "token" };

static const char *text_of(const json_t *object, const char *name)
{
	const char *text = json_string_value(json_object_get(object, name));

	return text ? text : "";
}

/* --- what each vCPU does ------------------------------------------------------------------------- */

static void say_doing(const json_t *vcpu, char *text, size_t size)
{
	const json_t *running = json_object_get(vcpu, "running");
	const char *critical = text_of(running, "critical"), *normal = text_of(running, "normal");

	if (strcmp(text_of(vcpu, "power"), "on") != 0)
		snprintf(text, size, "%s", text_of(vcpu, "power"));
	else if (*critical && *normal)
		snprintf(text, size, "critical handler of %s, over the normal one of %s", critical,
			 normal);
	else if (*critical || *normal)
		snprintf(text, size, "%s handler of %s", *critical ? "critical" : "normal",
			 *critical ? critical : normal);
	else
		snprintf(text, size, "no handler");
}

static void say_queue(const json_t *vcpu, char *text, size_t size)
{
	const json_t *entry;
	size_t i, len = 0;

	text[0] = '\0';
	json_array_foreach(json_object_get(vcpu, "queued"), i, entry)
	{
		const json_int_t count = json_integer_value(json_object_get(entry, "count"));

		if (len + 48 < size)
			len += (size_t)snprintf(text + len, size - len, "%s%s × %lld",
						i ? ", " : "", text_of(entry, "event"),
						(long long)count);
	}
}

static void vcpu_row(FILE *page, const json_t *vcpu)
{
	char index[16], doing[CELL_SIZE], queue[CELL_SIZE];
	const json_t *regs = json_object_get(vcpu, "regs");

	snprintf(index, sizeof(index), "%lld",
		 (long long)json_integer_value(json_object_get(vcpu, "index")));
	say_doing(vcpu, doing, sizeof(doing));
	say_queue(vcpu, queue, sizeof(queue));
	html_row(page, false,
		 (const char *[]){ index, text_of(vcpu, "mpidr"), doing,
				   json_is_true(json_object_get(vcpu, "masked")) ? "masked" : "",
				   queue, text_of(regs, "pc") },
		 6);
}

static void vcpus(FILE *page, const struct sdeistate *state)
{
	json_t *list = state_vcpus_json(state);
	const json_t *vcpu;
	size_t i;

	html_heading(page, "What each vCPU was doing");
	html_table(page, true);
	html_row(page, true,
		 (const char *[]){ "vCPU", "MPIDR", "doing", "", "queued events", "PC" }, 6);
	json_array_foreach(list, i, vcpu) vcpu_row(page, vcpu);
	html_table(page, false);
	json_decref(list);
}

/* --- events ------------------------------------------------------------------------------------- */

static void event_row(FILE *page, const json_t *event)
{
	const json_t *instance, *instances = json_object_get(event, "instances");
	const json_t *route = json_object_get(event, "route");
	unsigned int registered = 0, enabled = 0;
	char counts[64];
	size_t i;

	json_array_foreach((json_t *)instances, i, instance)
	{
		registered += json_is_true(json_object_get(instance, "registered"));
		enabled += json_is_true(json_object_get(instance, "enabled"));
	}
	snprintf(counts, sizeof(counts), "%u registered, %u enabled", registered, enabled);
	html_row(page, false,
		 (const char *[]){ text_of(event, "num"), text_of(event, "type"),
				   text_of(event, "priority"), counts, text_of(route, "mode"),
				   text_of(route, "affinity") },
		 6);
}

static void events(FILE *page, const struct sdeistate *state)
{
	json_t *list = state_events_json(state);
	const json_t *event;
	size_t i;

	html_heading(page, "SDEI events");
	html_table(page, true);
	html_row(page, true,
		 (const char *[]){ "event", "type", "priority", "handlers", "route", "to" }, 6);
	json_array_foreach(list, i, event) event_row(page, event);
	html_table(page, false);
	json_decref(list);
}

/* What else the state has: filter, guard and what later records bring. */
static void others(FILE *page, const struct sdeistate *state)
{
	static const char *const shown[] = { "vm", "vcpus", "events" };
	json_t *whole = state_json(state);
	const char *name;
	json_t *value;

	json_object_foreach(whole, name, value)
	{
		bool is_shown =
			json_is_null(value) || (json_is_array(value) && !json_array_size(value));

		for (size_t i = 0; i < ARRAY_SIZE(shown); i++)
			is_shown = is_shown || strcmp(name, shown[i]) == 0;
		if (is_shown)
			continue;
		html_heading(page, name);
		if (json_is_object(value)) {
			html_facts(page, value);
		} else {
			json_t *wrapped = json_pack("{s:O}", name, value);

			html_facts(page, wrapped);
			json_decref(wrapped);
		}
	}
	json_decref(whole);
}

static void sizes(FILE *page, const struct sealed *sealed)
{
	const struct sdeistate_index *index = &sealed->opened->index;
	struct html_span span[MAX_SPANS];
	size_t n = 0;

	for (unsigned int i = 0; i < index->n_records && n < MAX_SPANS; i++) {
		const char *name =
			sdeistate_record_name(index->record[i].type & ~SDEISTATE_RECORD_OPTIONAL);

		span[n++] = (struct html_span){ .name = name ? name : "unknown record",
						.length = index->record[i].len };
	}
	if (!n)
		return;
	html_heading(page, "Sizes of the records, before compression");
	html_bars(page, span, n, "bytes");
}

void report_snapshot(FILE *page, const struct sealed *sealed, bool trusted)
{
	json_t *manifest = sealed_manifest_json(sealed), *keys = sealed_keys_json(sealed);

	if (trusted)
		html_note(page, false,
			  "Verified: %u trusted key(s) signed it; digests and records "
			  "are right. Audience and single use were not checked.",
			  sealed->opened->n_signers);
	else
		html_note(page, true, "Nobody has vouched for what is shown here.");
	html_heading(page, "Snapshot");
	html_facts(page, manifest);
	html_heading(page, "Keys");
	html_facts(page, keys);
	if (sealed->state) {
		json_t *vm = state_vm_json(sealed->state);

		html_heading(page, "VM");
		html_facts(page, vm);
		json_decref(vm);
		vcpus(page, sealed->state);
		events(page, sealed->state);
		others(page, sealed->state);
	}
	sizes(page, sealed);
	json_decref(manifest);
	json_decref(keys);
}

/* --- a hand-over ------------------------------------------------------------------------------- */

static bool is_dark(const char *phase)
{
	for (size_t i = 0; i < ARRAY_SIZE(dark_phases); i++)
		if (strcmp(dark_phases[i], phase) == 0)
			return true;
	return false;
}

static void timeline(FILE *page, const json_t *phases)
{
	struct html_span span[MAX_SPANS];
	const char *name;
	json_t *value;
	size_t n = 0;

	json_object_foreach((json_t *)phases, name, value)
	{
		const json_int_t length = json_integer_value(value);

		if (n < MAX_SPANS)
			span[n++] = (struct html_span){ .name = name,
							.length = length > 0 ? (uint64_t)length : 0,
							.dark = is_dark(name) };
	}
	if (!n)
		return;
	html_heading(page, "Phases; the VM stood still in the dark ones");
	html_timeline(page, span, n);
}

void report_record(FILE *page, const json_t *record)
{
	const char *reason = text_of(record, "reason");
	json_t *facts = json_copy((json_t *)record);

	if (strcmp(reason, "ok") == 0)
		html_note(page, false, "The VM was handed over; it stood still for %lld µs.",
			  (long long)json_integer_value(json_object_get(record, "blackout_us")));
	else
		html_note(page, true, "The hand-over failed: %s. %s", reason,
			  text_of(record, "advice"));
	timeline(page, json_object_get(record, "phases_us"));
	html_heading(page, "Hand-over");
	json_object_del(facts, "phases_us");
	html_facts(page, facts);
	json_decref(facts);
}
