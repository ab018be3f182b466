// SPDX-License-Identifier: Apache-2.0
#include "delta/element.h"
#include "error_set.h"
#include "form/path.h"
#include "util.h"

#include <errno.h>

struct lister {
	const struct sdeistate *state;
	sdeistate_form_fn fn;
	void *user;
	uint64_t *value; /* room for SDEISTATE_FORM_MAX_VALUES */
};

static int tell(const struct lister *lister, const struct form_path *path, uint32_t n)
{
	char text[PATH_SIZE];

	form_path_print(path, text);
	return lister->fn(lister->user, text, lister->value, n);
}

/* Numbers of a field up to the last that is not zero; one where that tells something. */
static uint32_t read_field(const struct lister *lister, const struct delta_field *field,
			   const char *entry)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < field->count; i++) {
		lister->value[i] =
			element_get(entry + field->offset + (size_t)i * field->size, field->size);
		if (lister->value[i])
			n = i + 1;
	}
	return n;
}

static int list_entry(const struct lister *lister, struct form_path *path, const char *entry)
{
	bool told = false;
	int ret = 0;

	for (unsigned int i = 0; i < path->list->n_fields && !ret; i++) {
		uint32_t n;

		path->field = &path->list->field[i];
		n = read_field(lister, path->field, entry);
		if (!n)
			continue;
		ret = tell(lister, path, n);
		told = true;
	}
	path->field = NULL;
	return ret || told || path->list->shape != LIST_BY_KEY ? ret : tell(lister, path, 0);
}

static int list_queue(const struct lister *lister, struct form_path *path)
{
	const struct sdeistate_vcpu *vcpu = &lister->state->vcpu[path->key];
	const struct kvm_sdei_vcpu_event_state *event;

	if (!vcpu->n_events || 2 * vcpu->n_events > SDEISTATE_FORM_MAX_VALUES)
		return vcpu->n_events ? -E2BIG : 0;
	event = lister->state->vcpu_events + vcpu->first_event;
	for (uint32_t i = 0; i < vcpu->n_events; i++) {
		lister->value[2 * i] = event[i].num;
		lister->value[2 * i + 1] = event[i].event_count;
	}
	/* The second field; the first is the length, which the numbers tell. */
	path->field = &path->list->field[1];
	return tell(lister, path, 2 * vcpu->n_events);
}

static int list_by_vcpu(const struct lister *lister, struct form_path *path)
{
	const char *entries =
		path->list->shape == LIST_QUEUES ? NULL : delta_entries(path->list, lister->state);
	int ret = 0;

	for (path->key = 0; path->key < lister->state->n_vcpus && !ret; path->key++) {
		path->field = NULL;
		if (path->list->shape == LIST_QUEUES)
			ret = list_queue(lister, path);
		else if (entries)
			ret = list_entry(lister, path, entries + path->key * path->list->size);
	}
	return ret;
}

static int list_by_key(const struct lister *lister, struct form_path *path)
{
	const char *entries = delta_entries(path->list, lister->state);
	const unsigned int n = *delta_count(path->list, lister->state);
	int ret = 0;

	for (unsigned int i = 0; i < n && !ret; i++) {
		const char *entry = entries + i * path->list->size;

		path->key = delta_key(path->list, entry);
		ret = list_entry(lister, path, entry);
	}
	return ret;
}

static int list_one(const struct lister *lister, const struct delta_list *list)
{
	struct form_path path = { .list = list };

	switch (list->shape) {
	case LIST_ONE:
		return list_entry(lister, &path, (const char *)lister->state);
	case LIST_BY_KEY:
		return list_by_key(lister, &path);
	case LIST_BY_VCPU:
	case LIST_QUEUES:
		return list_by_vcpu(lister, &path);
	case LIST_MEMORY:
		break;
	}
	return 0;
}

int sdeistate_form_each(const struct sdeistate *state, sdeistate_form_fn fn, void *user)
{
	CLEANUP(cleanup_free)
	uint64_t *value = calloc(SDEISTATE_FORM_MAX_VALUES, sizeof(*value));
	const struct lister lister = { state, fn, user, value };
	int ret = value ? 0 : -ENOMEM;

	for (unsigned int i = 0; i < n_delta_lists && !ret; i++)
		ret = list_one(&lister, &delta_lists[i]);
	return ret;
}
