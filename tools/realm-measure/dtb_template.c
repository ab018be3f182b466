// SPDX-License-Identifier: Apache-2.0
#include "dtb_template.h"

#include <errno.h>
#include <libfdt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROOM        (4u << 20)
#define CPU_PHANDLE 0x8000u /* QEMU counts CPUs down to the one above this (hw/arm/virt.c) */

struct patch {
	struct vmm *vmm;
	const void *from, *made;
	void *fdt; /* what comes out, ROOM bytes */
};

static int no_memory(struct vmm *vmm)
{
	return failure_set(vmm->failure, SDEISTATE_NO_MEMORY, -ENOMEM, NULL, NULL, NULL, NULL);
}

static int lacks(struct patch *p, const char *path, const char *property)
{
	char expected[160];

	snprintf(expected, sizeof(expected), "a tree with %s%s%s", path, property ? " " : "",
		 property ? property : "");
	return vmm_refuse(p->vmm, "--dtb-template", expected, "one without");
}

static int changed(struct patch *p, int status)
{
	return status ? vmm_refuse(p->vmm, "--dtb-template", "a tree of at most 4 MiB",
				   fdt_strerror(status))
		      : 0;
}

/* libfdt leaves old bytes behind a value whose length is no multiple of four. Return: of libfdt */
static int set_value(struct patch *p, int node, const char *name, const void *value, int len)
{
	int status = fdt_setprop(p->fdt, node, name, value, len);
	uint8_t *written = status ? NULL : fdt_getprop_w(p->fdt, node, name, NULL);

	if (written)
		memset(written + len, 0, -(size_t)len & 3);
	return status;
}

static int follow_node(struct patch *p, const char *path)
{
	bool wanted = fdt_path_offset(p->made, path) >= 0;
	int node = fdt_path_offset(p->fdt, path);

	if (wanted && node < 0)
		return lacks(p, path, NULL);
	return wanted || node < 0 ? 0 : changed(p, fdt_del_node(p->fdt, node));
}

/* A node that moved has another unit address. */
static int follow_name(struct patch *p, int from, int to)
{
	const char *now = fdt_get_name(p->fdt, to, NULL), *name = fdt_get_name(p->made, from, NULL);

	return strchr(now, '@') && strcmp(now, name) != 0 ? fdt_set_name(p->fdt, to, name) : 0;
}

static int follow_property(struct patch *p, const char *path, const char *property)
{
	int from = fdt_path_offset(p->made, path), to = fdt_path_offset(p->fdt, path), len = 0;
	const void *value = from < 0 ? NULL : fdt_getprop(p->made, from, property, &len);
	bool there = to >= 0 && fdt_getprop(p->fdt, to, property, NULL);

	if (value && !there)
		return lacks(p, path, property);
	if (value) {
		int status = set_value(p, to, property, value, len);

		return changed(p, status ? status : follow_name(p, from, to));
	}
	return there ? changed(p, fdt_delprop(p->fdt, to, property)) : 0;
}

/* Devices on the root: those that were not asked for go, those that are new cannot be placed. */
static int follow_devices(struct patch *p)
{
	char path[64];
	int node, next;

	fdt_for_each_subnode(node, p->made, 0)
	{
		snprintf(path, sizeof(path), "/%.60s", fdt_get_name(p->made, node, NULL));
		path[strcspn(path, "@")] = strncmp(path, "/virtio@", 8) ? '\0' : '@';
		if (fdt_path_offset(p->fdt, path) < 0)
			return lacks(p, path, NULL);
	}
	for (node = fdt_first_subnode(p->fdt, 0); node >= 0; node = next) {
		const char *name = fdt_get_name(p->fdt, node, NULL);

		next = fdt_next_subnode(p->fdt, node);
		if (!strncmp(name, "virtio@", 7) && fdt_subnode_offset(p->made, 0, name) < 0) {
			if (fdt_del_node(p->fdt, node))
				return no_memory(p->vmm);
			next = fdt_first_subnode(p->fdt, 0);
		}
	}
	return 0;
}

/* --- CPUs ----------------------------------------------------------------------------------------- */

static bool is_cpu(const char *name)
{
	return !strncmp(name, "cpu@", 4);
}

static uint32_t count_cpus(const void *fdt, int cpus)
{
	uint32_t n = 0;
	int node;

	fdt_for_each_subnode(node, fdt, cpus)
	{
		n += is_cpu(fdt_get_name(fdt, node, NULL));
	}
	return n;
}

static int remove_cpus(struct patch *p, int cpus)
{
	int node = fdt_first_subnode(p->fdt, cpus), status;

	while (node >= 0) {
		if (!is_cpu(fdt_get_name(p->fdt, node, NULL))) {
			node = fdt_next_subnode(p->fdt, node);
			continue;
		}
		status = fdt_del_node(p->fdt, node);
		if (status)
			return changed(p, status);
		node = fdt_first_subnode(p->fdt, cpus);
	}
	return 0;
}

/* A property as the first CPU has it, but for its number and its phandle. */
static int set_cpu_property(struct patch *p, int node, uint32_t i, const char *name,
			    const void *value, int len)
{
	if (!strcmp(name, "reg") && len == 4)
		return fdt_setprop_u32(p->fdt, node, name, i);
	if (!strcmp(name, "reg") && len == 8)
		return fdt_setprop_u64(p->fdt, node, name, i);
	if (!strcmp(name, "phandle"))
		return fdt_setprop_u32(p->fdt, node, name, CPU_PHANDLE + p->vmm->cpus - i);
	return set_value(p, node, name, value, len);
}

/* libfdt puts new properties first: the last one is added first. */
static int add_cpu(struct patch *p, int cpus, int model, uint32_t i)
{
	int offset[32], n = 0, at, len;
	char name[16];
	int node;

	snprintf(name, sizeof(name), "cpu@%u", i);
	node = fdt_add_subnode(p->fdt, cpus, name);
	if (node < 0)
		return node;
	fdt_for_each_property_offset(at, p->from, model)
	{
		if (n == (int)(sizeof(offset) / sizeof(offset[0])))
			return -FDT_ERR_NOSPACE;
		offset[n++] = at;
	}
	while (n > 0) {
		const char *property = NULL;
		const void *value = fdt_getprop_by_offset(p->from, offset[--n], &property, &len);
		int status = set_cpu_property(p, node, i, property, value, len);

		if (status)
			return status;
	}
	return 0;
}

/* As many as there are now, each like the first. */
static int follow_cpus(struct patch *p)
{
	int cpus = fdt_path_offset(p->fdt, "/cpus");
	int model = fdt_path_offset(p->from, "/cpus/cpu@0");
	int ret;

	if (cpus < 0 || model < 0)
		return lacks(p, "/cpus/cpu@0", NULL);
	if (count_cpus(p->fdt, cpus) == p->vmm->cpus)
		return 0;
	if (fdt_subnode_offset(p->fdt, cpus, "cpu-map") >= 0)
		return vmm_refuse(p->vmm, "--dtb-template",
				  "a tree made with as many CPUs, since it has a cpu-map",
				  "another number");
	ret = remove_cpus(p, cpus);
	for (uint32_t i = p->vmm->cpus; !ret && i-- > 0;)
		ret = changed(p, add_cpu(p, cpus, model, i));
	return ret;
}

/* --- The whole -------------------------------------------------------------------------------------- */

/* QEMU writes more room than it needs and loads all of it; others load what there is. */
static void finish(struct patch *p)
{
	uint32_t before = fdt_totalsize(p->from), now;
	uint32_t full = fdt_off_dt_strings(p->from) + fdt_size_dt_strings(p->from);

	fdt_pack(p->fdt);
	now = fdt_totalsize(p->fdt);
	memset((uint8_t *)p->fdt + now, 0, ROOM - now);
	if (before > full && before > now)
		fdt_set_totalsize(p->fdt, before);
}

static int patch(struct patch *p)
{
	const struct dtb_follows *row = p->vmm->kind->follows;
	int ret = changed(p, fdt_open_into(p->from, p->fdt, ROOM));

	if (!ret)
		ret = follow_cpus(p);
	if (!ret)
		ret = follow_devices(p);
	for (; !ret && row->path; row++)
		ret = row->property ? follow_property(p, row->path, row->property)
				    : follow_node(p, row->path);
	if (!ret)
		finish(p);
	return ret;
}

int dtb_template_patch(struct vmm *vmm, const void *from, const void *made, uint8_t **data,
		       size_t *len)
{
	struct patch p = { .vmm = vmm, .from = from, .made = made, .fdt = malloc(ROOM) };
	int ret = p.fdt ? patch(&p) : no_memory(vmm);

	if (ret) {
		free(p.fdt);
		return ret;
	}
	*data = p.fdt;
	*len = fdt_totalsize(p.fdt);
	return 0;
}
