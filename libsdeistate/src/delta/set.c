// SPDX-License-Identifier: Apache-2.0
#include "delta/set.h"

#include "delta/element.h"
#include "delta/lists.h"
#include "plan/parts.h"

/* The runs of one list: Those from @run up to @end; @value belongs to the first of them. */
struct setter {
	const struct delta_runs *runs;
	struct sdeistate *state;
	const struct delta_list *list;
	size_t run, end;
	const uint64_t *value;
	struct sdeistate_error *err;
};

static int missing(const struct setter *setter, uint64_t key, const char *expected,
		   const char *actual)
{
	return error_set(setter->err, SDEISTATE_DAMAGED, -EBADMSG, "record delta", "key",
			 "%s[0x%" PRIx64 "] %s|%s", setter->list->name, key, expected, actual);
}

static void set_elements(const struct setter *setter, size_t run, const uint64_t *value,
			 char *entry)
{
	const struct delta_field *field = delta_list_field(setter->list, setter->runs->field[run]);

	for (uint32_t i = 0; i < setter->runs->count[run]; i++)
		element_set(entry + field->offset +
				    (size_t)(setter->runs->first[run] + i) * field->size,
			    field->size, value[i]);
}

/* --- lists by key ------------------------------------------------------------------------------ */

static size_t count_runs(const struct setter *setter, uint32_t what)
{
	size_t n = 0;

	for (size_t run = setter->run; run < setter->end; run++)
		n += setter->runs->field[run] == what;
	return n;
}

/* The next run from @run on, @step apart, that says @what; setter->end or run - 1 if there is none. */
static size_t next_run(const struct setter *setter, size_t run, uint32_t what)
{
	while (run < setter->end && setter->runs->field[run] != what)
		run++;
	return run;
}

/* One pass from the front: what goes is closed up. */
static int remove_entries(const struct setter *setter)
{
	const size_t size = setter->list->size;
	char *entries = delta_entries(setter->list, setter->state), *to = entries;
	unsigned int *n = delta_count(setter->list, setter->state);
	size_t run = next_run(setter, setter->run, CHANGE_GOES);

	for (unsigned int i = 0; i < *n; i++) {
		const char *from = entries + i * size;

		if (run < setter->end && delta_key(setter->list, from) == setter->runs->key[run]) {
			run = next_run(setter, run + 1, CHANGE_GOES);
			continue;
		}
		if (to != from)
			memcpy(to, from, size);
		to += size;
	}
	if (run < setter->end)
		return missing(setter, setter->runs->key[run], "in the base, to go", "not there");
	*n = (unsigned int)((size_t)(to - entries) / size);
	return 0;
}

/* One pass from the back: room is made for what comes, zero but its number. */
static int insert_entries(const struct setter *setter, unsigned int n_new)
{
	const size_t size = setter->list->size;
	char *entries = delta_entries(setter->list, setter->state);
	unsigned int *n = delta_count(setter->list, setter->state), left = *n;
	char *to = entries + (*n + n_new) * size;

	for (size_t run = setter->end; run-- > setter->run;) {
		const uint64_t key = setter->runs->key[run];

		if (setter->runs->field[run] != CHANGE_COMES)
			continue;
		while (left && delta_key(setter->list, entries + (left - 1) * size) > key) {
			to -= size;
			memcpy(to, entries + --left * size, size);
		}
		if (left && delta_key(setter->list, entries + (left - 1) * size) == key)
			return missing(setter, key, "not in the base, to come", "there");
		to -= size;
		memset(to, 0, size);
		memcpy(to, &key, setter->list->key_size);
	}
	*n += n_new;
	return 0;
}

static int make_room(const struct setter *setter, size_t n_new)
{
	const struct delta_list *list = setter->list;
	char **entries = (char **)((char *)setter->state + list->array);
	const unsigned int n = *delta_count(list, setter->state);
	char *grown;

	if (n_new > list->max || n + n_new > list->max)
		return error_set(setter->err, SDEISTATE_OVER_LIMIT, -E2BIG, "record delta",
				 list->name, "at most %u entries|%zu", list->max, n + n_new);
	grown = realloc(*entries, (n + n_new + 1) * list->size);
	if (!grown)
		return error_no_memory(setter->err, "delta");
	*entries = grown;
	return 0;
}

static char *find_entry(const struct setter *setter, uint64_t key)
{
	char *entries = delta_entries(setter->list, setter->state);
	size_t low = 0, high = *delta_count(setter->list, setter->state);

	while (low < high) {
		const size_t middle = low + (high - low) / 2;
		char *entry = entries + middle * setter->list->size;
		const uint64_t number = delta_key(setter->list, entry);

		if (number == key)
			return entry;
		if (number < key)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

static int set_by_key(const struct setter *setter)
{
	const size_t n_old = count_runs(setter, CHANGE_GOES),
		     n_new = count_runs(setter, CHANGE_COMES);
	const uint64_t *value = setter->value;
	int ret = 0;

	if (n_old)
		ret = remove_entries(setter);
	if (!ret && n_new)
		ret = make_room(setter, n_new);
	if (!ret && n_new)
		ret = insert_entries(setter, (unsigned int)n_new);
	for (size_t run = setter->run; run < setter->end && !ret; run++) {
		char *entry;

		if (setter->runs->field[run] < FIRST_FIELD)
			continue;
		entry = find_entry(setter, setter->runs->key[run]);
		if (!entry)
			return missing(setter, setter->runs->key[run], "in the base", "not there");
		set_elements(setter, run, value, entry);
		value += setter->runs->count[run];
	}
	return ret;
}

/* --- the other shapes ---------------------------------------------------------------------------- */

static int set_one(const struct setter *setter)
{
	const uint64_t *value = setter->value;

	for (size_t run = setter->run; run < setter->end; run++) {
		set_elements(setter, run, value, (char *)setter->state);
		value += setter->runs->count[run];
	}
	return 0;
}

static int set_by_vcpu(const struct setter *setter)
{
	char *entries = delta_entries(setter->list, setter->state);
	const uint64_t *value = setter->value;

	for (size_t run = setter->run; run < setter->end; run++) {
		const uint64_t vcpu = setter->runs->key[run];

		if (vcpu >= setter->state->n_vcpus || !entries)
			return missing(setter, vcpu, "in the base", "not there");
		set_elements(setter, run, value, entries + vcpu * setter->list->size);
		value += setter->runs->count[run];
	}
	return 0;
}

/* New lengths first; entries that stay are kept, further ones are zero until they are set. */
static int set_lengths(const struct setter *setter)
{
	struct sdeistate *state = setter->state;
	const uint64_t *value = setter->value;
	uint32_t length[KVM_SDEI_MAX_VCPUS];
	struct kvm_sdei_vcpu_event_state *events;
	unsigned int total = 0;

	for (unsigned int i = 0; i < state->n_vcpus; i++)
		length[i] = state->vcpu[i].n_events;
	for (size_t run = setter->run; run < setter->end; run++) {
		if (setter->runs->field[run] == QUEUE_LENGTH)
			length[setter->runs->key[run]] = (uint32_t)*value;
		value += setter->runs->count[run];
	}
	for (unsigned int i = 0; i < state->n_vcpus; i++)
		total += length[i];
	events = calloc(total + 1u, sizeof(*events));
	if (!events)
		return error_no_memory(setter->err, "delta");
	state->n_vcpu_events = total;
	total = 0;
	for (unsigned int i = 0; i < state->n_vcpus; i++) {
		struct sdeistate_vcpu *vcpu = &state->vcpu[i];
		const uint32_t kept = vcpu->n_events < length[i] ? vcpu->n_events : length[i];

		if (kept)
			memcpy(&events[total], &state->vcpu_events[vcpu->first_event],
			       kept * sizeof(*events));
		vcpu->first_event = total;
		vcpu->n_events = length[i];
		total += length[i];
	}
	free(state->vcpu_events);
	state->vcpu_events = events;
	return 0;
}

static int set_queues(const struct setter *setter)
{
	struct sdeistate *state = setter->state;
	const uint64_t *value = setter->value;
	int ret = 0;

	for (size_t run = setter->run; run < setter->end; run++)
		if (setter->runs->key[run] >= state->n_vcpus)
			return missing(setter, setter->runs->key[run], "in the base", "not there");
	if (next_run(setter, setter->run, QUEUE_LENGTH) < setter->end)
		ret = set_lengths(setter);
	for (size_t run = setter->run; run < setter->end && !ret; run++) {
		const struct sdeistate_vcpu *vcpu = &state->vcpu[setter->runs->key[run]];
		const uint64_t end = (uint64_t)setter->runs->first[run] + setter->runs->count[run];

		if (setter->runs->field[run] == QUEUE_WORD && end > 2u * vcpu->n_events)
			return missing(setter, setter->runs->key[run], "that long", "shorter");
		if (setter->runs->field[run] == QUEUE_WORD)
			set_elements(setter, run, value,
				     (char *)&state->vcpu_events[vcpu->first_event]);
		value += setter->runs->count[run];
	}
	return ret;
}

static int set_memory(const struct setter *setter)
{
	const uint64_t *value = setter->value;

	for (size_t run = setter->run; run < setter->end; run++) {
		const uint64_t key = setter->runs->key[run];
		const struct sdeistate_region *region;

		if (key >= setter->state->n_regions)
			return missing(setter, key, "in the base", "not there");
		region = &setter->state->regions[key];
		for (uint32_t i = 0; i < setter->runs->count[run]; i++, value++) {
			const size_t at = 8 * ((size_t)setter->runs->first[run] + i);

			if (at >= region->size)
				return missing(setter, key, "that large", "smaller");
			memcpy(region->data + at, value,
			       region->size - at < 8 ? region->size - at : 8);
		}
	}
	return 0;
}

static int set_list(const struct setter *setter)
{
	switch (setter->list->shape) {
	case LIST_ONE:
		return set_one(setter);
	case LIST_BY_VCPU:
		return set_by_vcpu(setter);
	case LIST_BY_KEY:
		return set_by_key(setter);
	case LIST_QUEUES:
		return set_queues(setter);
	case LIST_MEMORY:
		return set_memory(setter);
	}
	return -EINVAL;
}

int set_changes(const struct delta_message *message, struct sdeistate *state, uint64_t *touched,
		struct sdeistate_error *err)
{
	struct setter setter = {
		.runs = &message->runs, .state = state, .value = message->runs.value, .err = err
	};
	uint64_t records = 0;
	int ret = 0;

	while (setter.end < message->runs.n && !ret) {
		setter.run = setter.end;
		setter.list = delta_list_find(message->runs.list[setter.run]);
		while (setter.end < message->runs.n &&
		       message->runs.list[setter.end] == setter.list->number)
			setter.end++;
		ret = set_list(&setter);
		for (size_t run = setter.run; run < setter.end; run++)
			setter.value += message->runs.count[run];
		records |= UINT64_C(1) << LIST_RECORD(setter.list->number);
	}
	if (!ret)
		*touched = records;
	return ret;
}
