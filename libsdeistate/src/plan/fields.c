// SPDX-License-Identifier: Apache-2.0
#include "plan/fields.h"

#include "util.h"

#include <inttypes.h>
#include <stdio.h>

#define PATH_SIZE 128

int compare_num(const void *a, const void *b)
{
	__u64 x = *(const __u64 *)a, y = *(const __u64 *)b;

	return (x > y) - (x < y);
}

void sort_entries(const struct layout *layout, void *array, unsigned int n)
{
	const char *entry = array;

	for (unsigned int i = 1; i < n; i++)
		if (layout->compare(entry + (i - 1) * layout->size, entry + i * layout->size) > 0) {
			qsort(array, n, layout->size, layout->compare);
			return;
		}
}

static void tell(struct differ *differ, const char *path, bool in_a, bool in_b, uint64_t a,
		 uint64_t b)
{
	const struct sdeistate_change change = {
		.record = differ->record, .path = path, .in_a = in_a, .in_b = in_b, .a = a, .b = b
	};

	if (!differ->ret)
		differ->ret = differ->fn(differ->user, &change);
}

void diff_value(struct differ *differ, const char *path, uint64_t a, uint64_t b)
{
	if (a != b)
		tell(differ, path, true, true, a, b);
}

static uint64_t read_element(const char *at, unsigned int size)
{
	uint64_t value = 0;

	memcpy(&value, at, size); /* both ends of the ABI are little-endian */
	return value;
}

static void diff_field(struct differ *differ, const struct field *field, const char *path,
		       const char *a, const char *b)
{
	char element[PATH_SIZE];

	if (!memcmp(a, b, (size_t)field->size * field->count))
		return;
	for (unsigned int i = 0; i < field->count && !differ->ret; i++) {
		uint64_t x = read_element(a + i * field->size, field->size);
		uint64_t y = read_element(b + i * field->size, field->size);

		if (field->count > 1)
			snprintf(element, sizeof(element), "%s.%s[%u]", path, field->name, i);
		else
			snprintf(element, sizeof(element), "%s.%s", path, field->name);
		diff_value(differ, element, x, y);
	}
}

void diff_struct(struct differ *differ, const struct layout *layout, const char *path,
		 const void *a, const void *b)
{
	if (!a || !b) {
		tell(differ, path, a != NULL, b != NULL, 0, 0);
		return;
	}
	if (!memcmp(a, b, layout->size))
		return;
	for (unsigned int i = 0; i < layout->n_fields && !differ->ret; i++) {
		const struct field *field = &layout->fields[i];

		diff_field(differ, field, path, (const char *)a + field->offset,
			   (const char *)b + field->offset);
	}
}

static void name_entry(char *path, const struct layout *layout, const void *entry)
{
	uint64_t num = *(const __u64 *)entry;
	uint32_t vcpu;

	memcpy(&vcpu, (const char *)entry + sizeof(num), sizeof(vcpu));

	if (layout->by_vcpu)
		snprintf(path, PATH_SIZE, "%s[0x%" PRIx64 "@%u]", layout->name, num, vcpu);
	else
		snprintf(path, PATH_SIZE, "%s[0x%" PRIx64 "]", layout->name, num);
}

void diff_sorted(struct differ *differ, const struct layout *layout, const void *a,
		 unsigned int n_a, const void *b, unsigned int n_b)
{
	const char *x = a, *y = b;
	char path[PATH_SIZE];

	while ((n_a || n_b) && !differ->ret) {
		int order = !n_a ? 1 : !n_b ? -1 : layout->compare(x, y);

		if (order || memcmp(x, y, layout->size)) {
			name_entry(path, layout, order <= 0 ? x : y);
			diff_struct(differ, layout, path, order <= 0 ? x : NULL,
				    order >= 0 ? y : NULL);
		}
		if (order <= 0) {
			x += layout->size;
			n_a--;
		}
		if (order >= 0) {
			y += layout->size;
			n_b--;
		}
	}
}

void diff_indexed(struct differ *differ, const struct layout *layout, const void *a,
		  unsigned int n_a, const void *b, unsigned int n_b)
{
	unsigned int n = n_a > n_b ? n_a : n_b;
	char path[PATH_SIZE];

	for (unsigned int i = 0; i < n && !differ->ret; i++) {
		const char *x = i < n_a ? (const char *)a + i * layout->size : NULL;
		const char *y = i < n_b ? (const char *)b + i * layout->size : NULL;

		if (x && y && !memcmp(x, y, layout->size))
			continue;
		snprintf(path, sizeof(path), "%s[%u]", layout->name, i);
		diff_struct(differ, layout, path, x, y);
	}
}
