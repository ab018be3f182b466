// SPDX-License-Identifier: Apache-2.0
#include "devicetree.h"

#include <assert.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_NAME  64u
#define MAX_CELLS 512u

/* Properties in the order the published trees have them (docs/dtb.md, "Every VMM"). */
static const struct dt_row root_rows[] = {
	{ DT_NODE, "", NULL, NULL },
	{ DT_TEXT, "compatible", "linux,dummy-virt", NULL },
	{ DT_TEXT, "model", "linux,dummy-virt-realm", NULL },
	{ DT_CELLS, "#address-cells", "2", NULL },
	{ DT_CELLS, "#size-cells", "2", NULL },
	{ DT_CELLS, "interrupt-parent", "$gic", NULL },
	{ DT_NODE, "chosen", NULL, NULL },
};

static const struct dt_row memory_rows[] = {
	{ DT_CELLS, "linux,initrd-start", "#initrd", "initrd" },
	{ DT_CELLS, "linux,initrd-end", "#initrd-end", "initrd" },
	{ DT_END, NULL, NULL, NULL },
	{ DT_NODE, "memory@%ram", NULL, NULL },
	{ DT_TEXT, "device_type", "memory", NULL },
	{ DT_CELLS, "reg", "#ram #ram-size", NULL },
	{ DT_END, NULL, NULL, NULL },
	{ DT_NODE, "cpus", NULL, NULL },
	{ DT_CELLS, "#size-cells", "0", NULL },
	{ DT_CELLS, "#address-cells", "1", NULL },
};

static const struct dt_row cpu_rows[] = {
	{ DT_NODE, "cpu@$i", NULL, NULL },          { DT_CELLS, "reg", "$i", NULL },
	{ DT_TEXT, "enable-method", "psci", NULL }, { DT_TEXT, "compatible", "arm,armv8", NULL },
	{ DT_TEXT, "device_type", "cpu", NULL },    { DT_END, NULL, NULL, NULL },
};

static const struct dt_row psci_rows[] = {
	{ DT_END, NULL, NULL, NULL },
	{ DT_NODE, "psci", NULL, NULL },
	{ DT_CELLS, "cpu_on", "c4000003", NULL },
	{ DT_CELLS, "cpu_off", "84000002", NULL },
	{ DT_TEXT, "method", "smc", NULL },
	{ DT_TEXT, "compatible", "arm,psci-1.0|arm,psci-0.2|arm,psci", NULL },
	{ DT_END, NULL, NULL, NULL },
};

static const struct dt_row timer_rows[] = {
	{ DT_NODE, "timer", NULL, NULL },
	{ DT_CELLS, "interrupts", "1 d $trigger 1 e $trigger 1 b $trigger", NULL },
	{ DT_FLAG, "always-on", NULL, NULL },
	{ DT_TEXT, "compatible", "arm,armv8-timer|arm,armv7-timer", NULL },
	{ DT_END, NULL, NULL, NULL },
};

static const struct dt_row pmu_rows[] = {
	{ DT_NODE, "pmu", NULL, NULL },
	{ DT_CELLS, "interrupts", "1 7 4", NULL },
	{ DT_TEXT, "compatible", "arm,armv8-pmuv3", NULL },
	{ DT_END, NULL, NULL, NULL },
};

static const struct dt_row event_log_rows[] = {
	{ DT_NODE, "reserved-memory", NULL, NULL },
	{ DT_CELLS, "#address-cells", "2", NULL },
	{ DT_CELLS, "#size-cells", "2", NULL },
	{ DT_FLAG, "ranges", NULL, NULL },
	{ DT_NODE, "event-log@%log", NULL, NULL },
	{ DT_CELLS, "reg", "#log #log-size", NULL },
	{ DT_TEXT, "compatible", "cc-event-log", NULL },
	{ DT_END, NULL, NULL, NULL },
	{ DT_END, NULL, NULL, NULL },
};

void dt_set(struct dt *dt, const char *name, uint64_t value)
{
	unsigned int i = 0;

	while (i < dt->n && strcmp(dt->variable[i].name, name) != 0)
		i++;
	assert(i < DT_MAX_VARIABLES);
	dt->variable[i].name = name;
	dt->variable[i].value = value;
	if (i == dt->n)
		dt->n++;
}

static uint64_t get(const struct dt *dt, const char *name, size_t len)
{
	for (unsigned int i = 0; i < dt->n; i++)
		if (strlen(dt->variable[i].name) == len &&
		    !strncmp(dt->variable[i].name, name, len))
			return dt->variable[i].value;
	assert(false);
	return 0;
}

static void expand_name(const struct dt *dt, const char *name, char out[MAX_NAME])
{
	size_t fixed = strcspn(name, "$%");
	int n = snprintf(out, MAX_NAME, "%.*s", (int)fixed, name);

	if (name[fixed])
		snprintf(out + n, MAX_NAME - (size_t)n, name[fixed] == '$' ? "%llu" : "%llx",
			 (unsigned long long)get(dt, name + fixed + 1, strlen(name + fixed + 1)));
}

static void emit_cells(struct dt *dt, const struct dt_row *row)
{
	uint32_t cell[MAX_CELLS];
	size_t n = 0;

	for (const char *at = row->value; *at; at += strspn(at, " ")) {
		size_t len = strcspn(at, " ");

		assert(n + 2 <= MAX_CELLS);
		if (*at == '#') {
			uint64_t value = get(dt, at + 1, len - 1);

			cell[n++] = (uint32_t)(value >> 32);
			cell[n++] = (uint32_t)value;
		} else if (*at == '$') {
			cell[n++] = (uint32_t)get(dt, at + 1, len - 1);
		} else {
			cell[n++] = (uint32_t)strtoul(at, NULL, 16);
		}
		at += len;
	}
	fdt_cells(&dt->fdt, row->name, cell, n);
}

static void emit_text(struct dt *dt, const struct dt_row *row)
{
	char text[256];
	size_t len = strlen(row->value) + 1;

	assert(len <= sizeof(text));
	memcpy(text, row->value, len);
	for (char *c = text; *c; c++)
		if (*c == '|')
			*c = '\0';
	fdt_bytes(&dt->fdt, row->name, text, len);
}

static void emit(struct dt *dt, const struct dt_row *row)
{
	char name[MAX_NAME];

	switch (row->kind) {
	case DT_NODE:
		expand_name(dt, row->name, name);
		fdt_node(&dt->fdt, name);
		break;
	case DT_END:
		fdt_end(&dt->fdt);
		break;
	case DT_TEXT:
		emit_text(dt, row);
		break;
	case DT_CELLS:
		emit_cells(dt, row);
		break;
	case DT_FLAG:
		fdt_bytes(&dt->fdt, row->name, NULL, 0);
		break;
	}
}

void dt_emit(struct dt *dt, const struct dt_row *row, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!row[i].when || get(dt, row[i].when, strlen(row[i].when)))
			emit(dt, &row[i]);
}

void dt_begin(struct dt *dt, const struct vmm *vmm, uint64_t ram_base)
{
	dt_set(dt, "ram", ram_base);
	dt_set(dt, "ram-size", vmm->ram_size);
	dt_set(dt, "initrd", vmm->initrd_size ? vmm->initrd_base : 0);
	dt_set(dt, "initrd-end", vmm->initrd_base + vmm->initrd_size);
	dt_emit(dt, DT_ROWS(root_rows));
	if (vmm->bootargs)
		fdt_bytes(&dt->fdt, "bootargs", vmm->bootargs, strlen(vmm->bootargs) + 1);
	dt_emit(dt, DT_ROWS(memory_rows));
	for (uint32_t i = 0; i < vmm->cpus; i++) {
		dt_set(dt, "i", i);
		dt_emit(dt, DT_ROWS(cpu_rows));
	}
	dt_emit(dt, DT_ROWS(psci_rows));
}

void dt_timer(struct dt *dt, uint32_t trigger)
{
	dt_set(dt, "trigger", trigger);
	dt_emit(dt, DT_ROWS(timer_rows));
}

void dt_pmu(struct dt *dt, const struct vmm *vmm)
{
	if (vmm->pmu)
		dt_emit(dt, DT_ROWS(pmu_rows));
}

void dt_event_log(struct dt *dt, const struct vmm *vmm)
{
	if (!vmm->log_base)
		return;
	dt_set(dt, "log", vmm->log_base);
	dt_set(dt, "log-size", VMM_LOG_SIZE);
	dt_emit(dt, DT_ROWS(event_log_rows));
}
