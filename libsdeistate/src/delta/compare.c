// SPDX-License-Identifier: Apache-2.0
#include "delta/compare.h"

#include "delta/element.h"
#include "delta/lists.h"
#include "util.h"

#include <errno.h>

#define BLOCK 64u /* elements that are skipped at once where nothing changed */

/* Where elements of one field go. */
struct place {
	struct changes *changes;
	uint32_t list, field;
	uint64_t key;
};

/* The run that begins at @i, which differs. Return: 0 with *@end behind it */
static int add_run(const struct place *place, const char *a, const char *b, unsigned int size,
		   unsigned int i, unsigned int n, unsigned int *end)
{
	int ret = changes_run(place->changes, place->list, place->key, place->field, i);

	for (; i < n && !ret; i++) {
		const uint64_t value = element_get(b + (size_t)i * size, size);

		if (a && value == element_get(a + (size_t)i * size, size))
			break;
		ret = changes_value(place->changes, value);
	}
	*end = i;
	return ret;
}

/* @n elements of @size bytes; without @a all of them are new. */
static int compare_elements(const struct place *place, const char *a, const char *b,
			    unsigned int size, unsigned int n)
{
	unsigned int i = 0;
	int ret = 0;

	while (i < n && !ret) {
		const size_t at = (size_t)i * size;

		if (a && i + BLOCK <= n && !memcmp(a + at, b + at, (size_t)BLOCK * size))
			i += BLOCK;
		else if (a && !memcmp(a + at, b + at, size))
			i++;
		else
			ret = add_run(place, a, b, size, i, n, &i);
	}
	return ret;
}

static int compare_fields(struct changes *changes, const struct delta_list *list, uint64_t key,
			  const char *a, const char *b)
{
	int ret = 0;

	for (unsigned int i = 0; i < list->n_fields && !ret; i++) {
		const struct delta_field *field = &list->field[i];
		const struct place place = { changes, list->number, FIRST_FIELD + i, key };

		if (memcmp(a + field->offset, b + field->offset,
			   (size_t)field->size * field->count))
			ret = compare_elements(&place, a + field->offset, b + field->offset,
					       field->size, field->count);
	}
	return ret;
}

static int compare_by_vcpu(struct changes *changes, const struct delta_list *list,
			   const struct sdeistate *a, const struct sdeistate *b)
{
	const char *x = delta_entries(list, a), *y = delta_entries(list, b);
	int ret = 0;

	for (unsigned int i = 0; i < b->n_vcpus && !ret; i++, x += list->size, y += list->size)
		if (memcmp(x, y, list->size))
			ret = compare_fields(changes, list, i, x, y);
	return ret;
}

static bool ascends(const struct delta_list *list, const char *entry, unsigned int n)
{
	for (unsigned int i = 1; i < n; i++, entry += list->size)
		if (delta_key(list, entry) >= delta_key(list, entry + list->size))
			return false;
	return true;
}

/* An entry that is new: all zero but its number, then what it has. */
static int add_entry(struct changes *changes, const struct delta_list *list, const char *entry)
{
	static const struct kvm_sdei_registered_event_state zero; /* the largest of them */
	const uint64_t key = delta_key(list, entry);
	int ret = changes_run(changes, list->number, key, CHANGE_COMES, 0);

	return ret ? ret : compare_fields(changes, list, key, (const char *)&zero, entry);
}

static int compare_by_key(struct changes *changes, const struct delta_list *list,
			  const struct sdeistate *a, const struct sdeistate *b)
{
	const char *x = delta_entries(list, a), *y = delta_entries(list, b);
	unsigned int n_a = *delta_count(list, a), n_b = *delta_count(list, b);
	int ret = 0;

	if (!ascends(list, x, n_a) || !ascends(list, y, n_b))
		return -EDOM;
	while ((n_a || n_b) && !ret) {
		const uint64_t p = n_a ? delta_key(list, x) : 0, q = n_b ? delta_key(list, y) : 0;
		const bool from_a = n_a && (!n_b || p <= q), from_b = n_b && (!n_a || q <= p);

		if (from_a && !from_b)
			ret = changes_run(changes, list->number, p, CHANGE_GOES, 0);
		else if (!from_a)
			ret = add_entry(changes, list, y);
		else if (memcmp(x, y, list->size))
			ret = compare_fields(changes, list, p, x, y);
		x += from_a ? list->size : 0;
		y += from_b ? list->size : 0;
		n_a -= from_a;
		n_b -= from_b;
	}
	return ret;
}

/* A queue's entries as words, number and count in turn; its padding is zero. */
static int compare_queue(struct changes *changes, const struct delta_list *list, unsigned int vcpu,
			 const struct sdeistate *a, const struct sdeistate *b)
{
	const struct sdeistate_vcpu *p = &a->vcpu[vcpu], *q = &b->vcpu[vcpu];
	const char *x = (const char *)(a->vcpu_events + p->first_event);
	const char *y = (const char *)(b->vcpu_events + q->first_event);
	const struct place place = { changes, list->number, QUEUE_WORD, vcpu };
	const unsigned int size = sizeof(*a->vcpu_events), word = sizeof(uint64_t);
	const unsigned int both = p->n_events < q->n_events ? p->n_events : q->n_events;
	int ret = 0;

	if (p->n_events != q->n_events) {
		ret = changes_run(changes, list->number, vcpu, QUEUE_LENGTH, 0);
		if (!ret)
			ret = changes_value(changes, q->n_events);
	}
	if (!ret && both)
		ret = compare_elements(&place, x, y, word, both * size / word);
	if (ret || q->n_events == both)
		return ret;
	ret = changes_run(changes, list->number, vcpu, QUEUE_WORD, both * size / word);
	for (unsigned int i = both * size / word; i < q->n_events * size / word && !ret; i++)
		ret = changes_value(changes, element_get(y + (size_t)i * word, word));
	return ret;
}

static int compare_queues(struct changes *changes, const struct delta_list *list,
			  const struct sdeistate *a, const struct sdeistate *b)
{
	int ret = 0;

	for (unsigned int i = 0; i < b->n_vcpus && !ret; i++)
		ret = compare_queue(changes, list, i, a, b);
	return ret;
}

/* What is left behind the last whole word of a region. */
static int compare_tail(const struct place *place, const struct sdeistate_region *x,
			const struct sdeistate_region *y)
{
	const size_t words = x->size / 8, tail = x->size % 8;
	uint64_t p = 0, q = 0;
	int ret;

	memcpy(&p, x->data + 8 * words, tail);
	memcpy(&q, y->data + 8 * words, tail);
	if (p == q)
		return 0;
	ret = changes_run(place->changes, place->list, place->key, place->field, (uint32_t)words);
	return ret ? ret : changes_value(place->changes, q);
}

static int compare_memory(struct changes *changes, const struct delta_list *list,
			  const struct sdeistate *a, const struct sdeistate *b)
{
	int ret = 0;

	if (a->n_regions != b->n_regions)
		return -EDOM;
	for (unsigned int i = 0; i < b->n_regions && !ret; i++) {
		const struct sdeistate_region *x = &a->regions[i], *y = &b->regions[i];
		const struct place place = { changes, list->number, MEMORY_WORD, i };

		if (x->ipa != y->ipa || x->size != y->size)
			return -EDOM;
		ret = compare_elements(&place, (const char *)x->data, (const char *)y->data, 8,
				       (unsigned int)(x->size / 8));
		if (!ret)
			ret = compare_tail(&place, x, y);
	}
	return ret;
}

static int compare_list(struct changes *changes, const struct delta_list *list,
			const struct sdeistate *a, const struct sdeistate *b)
{
	switch (list->shape) {
	case LIST_ONE:
		return compare_fields(changes, list, 0, (const char *)a, (const char *)b);
	case LIST_BY_VCPU:
		return compare_by_vcpu(changes, list, a, b);
	case LIST_BY_KEY:
		return compare_by_key(changes, list, a, b);
	case LIST_QUEUES:
		return compare_queues(changes, list, a, b);
	case LIST_MEMORY:
		return compare_memory(changes, list, a, b);
	}
	return -EDOM;
}

int compare_record(struct changes *changes, uint32_t record, const struct sdeistate *a,
		   const struct sdeistate *b)
{
	int ret = 0;

	for (unsigned int i = 0; i < n_delta_lists && !ret; i++)
		if (LIST_RECORD(delta_lists[i].number) == record)
			ret = compare_list(changes, &delta_lists[i], a, b);
	return ret;
}
