/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lists.h - the lists and fields a delta can name
 *
 * Their numbers stand in files and on the wire: appended to, never changed (docs/records.md, 9.5).
 * A part of the plan without a list here is carried whole when it changes.
 */
#ifndef SDEISTATE_LISTS_H
#define SDEISTATE_LISTS_H

#include <sdeistate/state.h>

#define LIST_NUMBER(record, n) (16u * (record) + (n))
#define LIST_RECORD(number)    ((number) / 16u)

/* Numbers of the things that can happen to an entry; fields follow. */
#define CHANGE_GOES  0u
#define CHANGE_COMES 1u
#define FIRST_FIELD  2u

/* The two fields of a list of shape LIST_QUEUES, and the one of LIST_MEMORY. */
#define QUEUE_LENGTH (FIRST_FIELD + 0u)
#define QUEUE_WORD   (FIRST_FIELD + 1u)
#define MEMORY_WORD  (FIRST_FIELD + 0u)

enum list_shape {
	LIST_ONE,     /* members of struct sdeistate; key 0 */
	LIST_BY_VCPU, /* an array of n_vcpus; key: index */
	LIST_BY_KEY,  /* an array in ascending order of the number its entries begin with */
	LIST_QUEUES,  /* vcpu_events; key: vCPU index */
	LIST_MEMORY,  /* regions; key: index */
};

struct delta_field {
	const char *name;
	size_t offset;
	unsigned int size;  /* bytes of one element: 1, 2, 4 or 8 */
	unsigned int count; /* elements */
	bool binary;        /* 0 and 1 only */
};

struct delta_list {
	uint32_t number;
	const char *name; /* in paths */
	enum list_shape shape;
	size_t array, n;       /* offsets in struct sdeistate; by key: of the count */
	size_t size;           /* of an entry */
	unsigned int key_size; /* by key: 4 or 8 */
	unsigned int max;      /* by key: entries a state may have */
	const struct delta_field *field;
	unsigned int n_fields;
};

extern const struct delta_list delta_lists[];
extern const unsigned int n_delta_lists;

/** delta_list_find() - by number; NULL if there is none */
const struct delta_list *delta_list_find(uint32_t number);

/** delta_list_field() - by number; NULL if the list has none of it */
const struct delta_field *delta_list_field(const struct delta_list *list, uint32_t field);

/** delta_has_lists() - can a change of this record be told by its fields? */
bool delta_has_lists(uint32_t record);

/** delta_entries() - the array of a list; NULL where the state has none */
static inline char *delta_entries(const struct delta_list *list, const struct sdeistate *state)
{
	return *(char *const *)((const char *)state + list->array);
}

/** delta_count() - how many entries a list by key has */
static inline unsigned int *delta_count(const struct delta_list *list,
					const struct sdeistate *state)
{
	return (unsigned int *)(uintptr_t)((const char *)state + list->n);
}

/** delta_key() - the number an entry of a list by key begins with */
uint64_t delta_key(const struct delta_list *list, const char *entry);

#endif
