/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fields.h - JSON objects read by tables: which names there are, and where their values go
 */
#ifndef SDEI_MIGRATE_MODEL_FIELDS_H
#define SDEI_MIGRATE_MODEL_FIELDS_H

#include "common/failure.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FIELDS_MAX_PATH 64u

/* One reading: where we are in the document, for failures. */
struct fields {
	const char *object;
	char path[FIELDS_MAX_PATH];
	struct failure *failure;
};

enum field_type {
	FIELD_U8,
	FIELD_U32,
	FIELD_U64,
	FIELD_BOOL,
	FIELD_WORD, /* its place in words, as a uint32_t (an enum) */
	FIELD_TEXT, /* const char *, borrowed from the document */
	FIELD_JSON, /* const json_t *, borrowed */
	FIELD_OWN,  /* by a function of its own, which gets the whole struct */
};

struct field {
	const char *name;
	enum field_type type;
	size_t offset;
	bool required;
	uint64_t min, max; /* max 0: what the type holds */
	const char *words; /* "one|two|three" */
	int (*read)(struct fields *fields, const json_t *json, void *out);
};

/* A table ends with a row without a name. */
#define FIELD_END            \
	{                    \
		.name = NULL \
	}

/**
 * fields_read() - write the values of @json's names to @out; absent names leave it as it is
 *
 * Return: 0; -EINVAL with a failure that names the place: not an object, an unknown name, a missing one,
 * a wrong value.
 */
int fields_read(struct fields *fields, const json_t *json, const struct field *field, void *out);

/** fields_item() - the same for element @i of the array @json */
int fields_item(struct fields *fields, const json_t *json, size_t i, const struct field *field,
		void *out);

/** fields_refuse_item() - a failure at element @i of the present place. Return: -EINVAL */
int fields_refuse_item(struct fields *fields, size_t i, const char *expected, const json_t *actual);

/** fields_bits() - a list of words as bits: word i of @words sets bit i of *@bits */
int fields_bits(struct fields *fields, const json_t *json, const char *const *words, size_t n,
		uint32_t *bits);

/** fields_refuse() - a failure at the present place. Return: -EINVAL */
int fields_refuse(struct fields *fields, const char *expected, const json_t *actual);

#endif
