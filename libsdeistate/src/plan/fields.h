/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fields.h - the fields of a struct as data, to tell two of them apart by name
 */
#ifndef SDEISTATE_FIELDS_H
#define SDEISTATE_FIELDS_H

#include "plan/plan.h"

struct field {
	const char *name;
	size_t offset;
	unsigned int size;  /* bytes of one element: 1, 2, 4 or 8 */
	unsigned int count; /* elements; above 1 the path has an index */
};

#define FIELD(type, member)                                                                   \
	{                                                                                     \
#member, offsetof(struct type, member), sizeof(((struct type *)0)->member), 1 \
	}
#define FIELD_ARRAY(type, member)                                                                  \
	{                                                                                          \
#member, offsetof(struct type, member), sizeof(((struct type *)0)->member[0]),     \
			sizeof(((struct type *)0)->member) / sizeof(((struct type *)0)->member[0]) \
	}

/* A kind of struct: how big, how two of an array are ordered, which fields. */
struct layout {
	const char *name; /* path of an array of them */
	size_t size;
	/* Order of the array; both entries begin with a 64-bit number, which names them in a path.
	 */
	int (*compare)(const void *a, const void *b);
	bool by_vcpu; /* the 32 bits behind the number belong to the name */
	const struct field *fields;
	unsigned int n_fields;
};

/** diff_struct() - every field in which @a and @b differ; NULL for a side that has none */
void diff_struct(struct differ *differ, const struct layout *layout, const char *path,
		 const void *a, const void *b);

/** diff_sorted() - two arrays in the layout's order, entry by entry */
void diff_sorted(struct differ *differ, const struct layout *layout, const void *a,
		 unsigned int n_a, const void *b, unsigned int n_b);

/** diff_indexed() - two arrays by position, "name[i]"; an array that is NULL has no entries */
void diff_indexed(struct differ *differ, const struct layout *layout, const void *a,
		  unsigned int n_a, const void *b, unsigned int n_b);

/** diff_value() - one number */
void diff_value(struct differ *differ, const char *path, uint64_t a, uint64_t b);

/** compare_num() - by the 64-bit number an entry begins with */
int compare_num(const void *a, const void *b);

/** sort_entries() - put an array into its layout's order, unless it is; equal states get equal
 * bytes */
void sort_entries(const struct layout *layout, void *array, unsigned int n);

extern const struct layout exposed_layout, registered_layout, binding_layout, handler_layout,
	pending_layout, queue_layout, vcpu_state_layout, v7_layout;

#endif
