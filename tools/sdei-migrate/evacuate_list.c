// SPDX-License-Identifier: Apache-2.0
/* Which VMs there are, and in which order they go. */
#include "evacuate.h"

#include <dirent.h>
#include <errno.h>
#include <string.h>

#define SUFFIX ".sock"

/* UUID.sock, as --vms wants it; what is called otherwise is no VM. */
static bool parse_name(const char *name, struct transport_id *uuid)
{
	const size_t len = strlen(name), end = sizeof(SUFFIX) - 1;
	char text[TRANSPORT_ID_TEXT_SIZE];

	if (len != TRANSPORT_ID_TEXT_SIZE - 1 + end || strcmp(name + len - end, SUFFIX) != 0)
		return false;
	memcpy(text, name, sizeof(text) - 1);
	text[sizeof(text) - 1] = 0;
	return transport_id_parse(text, uuid) == 0;
}

static int no_memory(struct failure *failure)
{
	return failure_set(failure, SDEISTATE_NO_MEMORY, -ENOMEM, "evacuation", NULL, NULL, NULL);
}

static int add_vm(struct evacuation *evacuation, const char *name, const struct transport_id *uuid,
		  struct failure *failure)
{
	struct evacuee *grown, *vm;

	if (evacuation->n == EVACUATE_MAX_VMS)
		return failure_set(failure, SDEISTATE_OVER_LIMIT, -E2BIG, evacuation->args->vms,
				   "control sockets", "at most 65536", "more");
	/* Doubled whenever it is a power of two. */
	if ((evacuation->n & (evacuation->n - 1)) == 0) {
		grown = realloc(evacuation->vm,
				(evacuation->n ? 2 * evacuation->n : 1) * sizeof(*grown));
		if (!grown)
			return no_memory(failure);
		evacuation->vm = grown;
	}
	vm = &evacuation->vm[evacuation->n];
	*vm = (struct evacuee){ .uuid = *uuid, .first = SIZE_MAX };
	if (asprintf(&vm->control, "%s/%s", evacuation->args->vms, name) < 0)
		return no_memory(failure);
	evacuation->n++;
	return 0;
}

static int by_uuid(const void *a, const void *b)
{
	const struct evacuee *left = a, *right = b;

	return memcmp(&left->uuid, &right->uuid, sizeof(left->uuid));
}

static int mark_first(struct evacuation *evacuation, struct failure *failure)
{
	const struct option_list *first = &evacuation->args->first;

	for (size_t i = 0; i < first->n; i++) {
		struct evacuee wanted = { .control = NULL }, *found = NULL;

		if (transport_id_parse(first->item[i], &wanted.uuid) == 0 && evacuation->n)
			found = bsearch(&wanted, evacuation->vm, evacuation->n, sizeof(wanted),
					by_uuid);
		if (!found)
			return failure_set(failure, SDEISTATE_USAGE, -EINVAL, "command line",
					   "--first", "the UUID of a VM in --vms", first->item[i]);
		found->first = i;
	}
	return 0;
}

int evacuate_list(struct evacuation *evacuation, struct failure *failure)
{
	const char *folder = evacuation->args->vms;
	DIR *dir = opendir(folder);
	const struct dirent *entry;
	struct transport_id uuid;
	int ret = 0;

	if (!dir)
		return failure_io(failure, folder, errno);
	while (!ret && (entry = readdir(dir)))
		if (parse_name(entry->d_name, &uuid))
			ret = add_vm(evacuation, entry->d_name, &uuid, failure);
	closedir(dir);
	if (ret)
		return ret;
	if (evacuation->n)
		qsort(evacuation->vm, evacuation->n, sizeof(*evacuation->vm), by_uuid);
	return mark_first(evacuation, failure);
}

static int compare(size_t left, size_t right)
{
	return (left > right) - (left < right);
}

/*
 * The more there is to rebuild, the more can go wrong with it and the longer it stands still: realms before
 * others, many vCPUs before few, and what runs before what an operator has stopped anyway.
 */
static int by_risk(const struct evacuee *left, const struct evacuee *right)
{
	const bool left_realm = strcmp(left->info.type, "realm") == 0;
	const bool right_realm = strcmp(right->info.type, "realm") == 0;

	if (left_realm != right_realm)
		return left_realm ? -1 : 1;
	if (left->info.n_vcpus != right->info.n_vcpus)
		return compare(right->info.n_vcpus, left->info.n_vcpus);
	return compare(left->held, right->held);
}

static int by_order(const struct evacuee *left, const struct evacuee *right, int sign)
{
	int order = compare(left->first, right->first);

	if (!order)
		order = sign * by_risk(left, right);
	return order ? order : by_uuid(left, right);
}

static int highest_first(const void *a, const void *b)
{
	return by_order(a, b, 1);
}

static int lowest_first(const void *a, const void *b)
{
	return by_order(a, b, -1);
}

static int named_order(const void *a, const void *b)
{
	return by_order(a, b, 0);
}

void evacuate_sort(struct evacuation *evacuation)
{
	const char *order = evacuation->args->order;

	if (evacuation->n)
		qsort(evacuation->vm, evacuation->n, sizeof(*evacuation->vm),
		      strcmp(order, "risk") == 0    ? highest_first
		      : strcmp(order, "small") == 0 ? lowest_first
						    : named_order);
}
