// SPDX-License-Identifier: Apache-2.0
#include "delta/element.h"
#include "error_set.h"
#include "form/path.h"
#include "plan/parts.h"
#include "util.h"

#include <errno.h>
#include <inttypes.h>

int sdeistate_form_new(enum kvmcore_profile profile, unsigned int n_vcpus, struct sdeistate **state,
		       struct sdeistate_error *err)
{
	struct sdeistate *made;

	if (!n_vcpus || n_vcpus > KVM_SDEI_MAX_VCPUS ||
	    (unsigned int)profile > KVMCORE_PROFILE_KVM_V7)
		return error_set(err, SDEISTATE_USAGE, -EINVAL, "form", "vcpus",
				 "1 to %u, and a profile|%u", KVM_SDEI_MAX_VCPUS, n_vcpus);
	made = calloc(1, sizeof(*made));
	if (made) {
		made->vm.profile = (uint32_t)profile;
		made->n_vcpus = n_vcpus;
		made->vcpu = calloc(n_vcpus, sizeof(*made->vcpu));
		if (profile == KVMCORE_PROFILE_KVM_V7)
			made->v7 = calloc(n_vcpus, sizeof(*made->v7));
		else
			made->vcpu_state = calloc(n_vcpus, sizeof(*made->vcpu_state));
	}
	if (!made || !made->vcpu || !(made->v7 || made->vcpu_state)) {
		sdeistate_free(made);
		return error_no_memory(err, "form");
	}
	*state = made;
	return 0;
}

static int wrong(const char *text, struct sdeistate_error *err, const char *expected)
{
	return error_set(err, SDEISTATE_USAGE, -EINVAL, text, "", "%s|", expected);
}

/* Room for one more entry, in its place by key. */
static int insert(struct sdeistate *state, const struct form_path *path, char **entry,
		  struct sdeistate_error *err)
{
	const struct delta_list *list = path->list;
	char **entries = (char **)(uintptr_t)((char *)state + list->array);
	unsigned int *n = delta_count(list, state), at = *n;
	char *grown;

	if (*n >= list->max)
		return error_set(err, SDEISTATE_OVER_LIMIT, -E2BIG, list->name, "entries",
				 "at most %u|more", list->max);
	if (list->key_size < 8 && path->key >> (8 * list->key_size))
		return error_set(err, SDEISTATE_USAGE, -EINVAL, list->name, "number",
				 "%u bits|0x%" PRIx64, 8 * list->key_size, path->key);
	grown = realloc(*entries, (*n + 1) * list->size);
	if (!grown)
		return error_no_memory(err, list->name);
	*entries = grown;
	while (at && delta_key(list, grown + (at - 1) * list->size) > path->key)
		at--;
	memmove(grown + (at + 1) * list->size, grown + at * list->size, (*n - at) * list->size);
	*entry = grown + at * list->size;
	memset(*entry, 0, list->size);
	element_set(*entry, list->key_size, path->key);
	++*n;
	return 0;
}

/* An array with one entry a vCPU that the state has not had yet. */
static int make_array(struct sdeistate *state, const struct delta_list *list,
		      struct sdeistate_error *err)
{
	char **entries = (char **)(uintptr_t)((char *)state + list->array);

	if (!*entries)
		*entries = calloc(state->n_vcpus, list->size);
	return *entries ? 0 : error_no_memory(err, list->name);
}

/* The whole queue of a vCPU: what stands behind it moves. */
static int set_queue(struct sdeistate *state, const char *text, uint64_t index,
		     const uint64_t *value, uint32_t n, struct sdeistate_error *err)
{
	struct sdeistate_vcpu *vcpu = &state->vcpu[index];
	const unsigned int old = vcpu->n_events, new = n / 2;
	const unsigned int total = state->n_vcpu_events - old + new;
	const unsigned int behind = state->n_vcpu_events - vcpu->first_event - old;
	struct kvm_sdei_vcpu_event_state *events;

	if (n % 2 || new > MAX_QUEUE)
		return wrong(text, err,
			     "pairs of event number and count, as many as a queue holds");
	events = calloc(total + 1, sizeof(*events));
	if (!events)
		return error_no_memory(err, text);
	if (state->n_vcpu_events) {
		memcpy(events, state->vcpu_events, vcpu->first_event * sizeof(*events));
		memcpy(events + vcpu->first_event + new,
		       state->vcpu_events + vcpu->first_event + old, behind * sizeof(*events));
	}
	for (unsigned int i = 0; i < new; i++)
		events[vcpu->first_event + i] = (struct kvm_sdei_vcpu_event_state){
			.num = value[2 * i],
			.event_count = (uint32_t)value[2 * i + 1],
		};
	free(state->vcpu_events);
	state->vcpu_events = events;
	state->n_vcpu_events = total;
	vcpu->n_events = new;
	for (uint64_t i = index + 1; i < state->n_vcpus; i++)
		state->vcpu[i].first_event = state->vcpu[i].first_event - old + new;
	return 0;
}

static int check_values(const struct form_path *path, const char *text, const uint64_t *value,
			uint32_t n, struct sdeistate_error *err)
{
	const struct delta_field *field = path->field;
	const uint64_t max = field->binary     ? 1
			     : field->size < 8 ? (UINT64_C(1) << (8 * field->size)) - 1
					       : UINT64_MAX;

	if (n > (path->has_index ? 1 : field->count) || (path->has_index && !n))
		return error_set(err, SDEISTATE_USAGE, -EINVAL, text, "numbers", "at most %u|%u",
				 path->has_index ? 1 : field->count, n);
	for (uint32_t i = 0; i < n; i++)
		if (value[i] > max)
			return error_set(err, SDEISTATE_USAGE, -EINVAL, text, "value",
					 "at most 0x%" PRIx64 "|0x%" PRIx64, max, value[i]);
	return 0;
}

static void write_values(const struct form_path *path, char *entry, const uint64_t *value,
			 uint32_t n)
{
	const struct delta_field *field = path->field;
	const uint32_t first = path->has_index ? path->index : 0;
	const uint32_t end = path->has_index ? first + 1 : field->count;

	for (uint32_t i = first; i < end; i++)
		element_set(entry + field->offset + (size_t)i * field->size, field->size,
			    i - first < n ? value[i - first] : 0);
}

/* Where the numbers go; makes room for an entry that is not there. */
static int reach(struct sdeistate *state, const struct form_path *path, const char *text,
		 char **entry, struct sdeistate_error *err)
{
	int ret;

	if (path->list->shape != LIST_ONE && path->list->shape != LIST_BY_KEY &&
	    path->key >= state->n_vcpus)
		return wrong(text, err, "the index of a vCPU");
	if (path->list->shape == LIST_BY_VCPU) {
		ret = make_array(state, path->list, err);
		if (ret)
			return ret;
	}
	*entry = form_entry(state, path);
	if (!*entry && path->list->shape == LIST_BY_KEY)
		return insert(state, path, entry, err);
	return 0;
}

int sdeistate_form_set(struct sdeistate *state, const char *text, const uint64_t *value, uint32_t n,
		       struct sdeistate_error *err)
{
	struct form_path path;
	char *entry = NULL;
	int ret = form_path_parse(text, &path, err);

	if (ret)
		return ret;
	if (!path.field && (n || path.list->shape != LIST_BY_KEY))
		return wrong(text, err, "a field of it");
	if (path.field && path.list->shape != LIST_QUEUES)
		ret = check_values(&path, text, value, n, err);
	ret = ret ? ret : reach(state, &path, text, &entry, err);
	if (ret)
		return ret;
	if (path.list->shape == LIST_QUEUES) {
		if (path.has_index || path.field != &path.list->field[1])
			return wrong(text, err, "queue[N].word as a whole");
		return set_queue(state, text, path.key, value, n, err);
	}
	if (path.field)
		write_values(&path, entry, value, n);
	return 0;
}

int sdeistate_form_remove(struct sdeistate *state, const char *text, struct sdeistate_error *err)
{
	struct form_path path;
	unsigned int *n;
	char *entry, *entries;
	int ret = form_path_parse(text, &path, err);

	if (ret)
		return ret;
	entry = path.list->shape == LIST_BY_KEY && !path.field ? form_entry(state, &path) : NULL;
	if (!entry)
		return wrong(text, err, "an entry that is there, such as pending[0x400000]");
	entries = delta_entries(path.list, state);
	n = delta_count(path.list, state);
	--*n;
	memmove(entry, entry + path.list->size, *n * path.list->size - (size_t)(entry - entries));
	return 0;
}
