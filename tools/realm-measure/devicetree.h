/* SPDX-License-Identifier: Apache-2.0 */
/*
 * devicetree.h - device trees as tables of rows with variables
 *
 * A row is a node, the end of one, or a property. In names `$v` is a variable in decimal and `%v` in
 * hexadecimal. Cells are hexadecimal numbers; `$v` is one cell, `#v` two. A text of several strings
 * has `|` between them. Rows with a condition are left out where that variable is 0.
 */
#ifndef REALM_MEASURE_DEVICETREE_H
#define REALM_MEASURE_DEVICETREE_H

#include "fdt_writer.h"
#include "vmm.h"

enum dt_kind { DT_NODE, DT_END, DT_TEXT, DT_CELLS, DT_FLAG };

struct dt_row {
	enum dt_kind kind;
	const char *name;  /* node, or property */
	const char *value; /* text or cells */
	const char *when;  /* variable; NULL: always */
};

#define DT_MAX_VARIABLES 24u

struct dt {
	struct fdt fdt;
	unsigned int n;
	struct {
		const char *name;
		uint64_t value;
	} variable[DT_MAX_VARIABLES];
};

/** dt_set() - give a variable a value */
void dt_set(struct dt *dt, const char *name, uint64_t value);

/** dt_emit() - write @n rows; a variable nobody set is our own mistake */
void dt_emit(struct dt *dt, const struct dt_row *row, size_t n);

/** dt_begin() - root properties, chosen, memory, CPUs and PSCI, which all VMMs share */
void dt_begin(struct dt *dt, const struct vmm *vmm, uint64_t ram_base);

/** dt_timer() - the architected timer; @trigger 4 (level high) or 8 (level low) */
void dt_timer(struct dt *dt, uint32_t trigger);

/** dt_pmu() - the PMU's node, if the realm has one */
void dt_pmu(struct dt *dt, const struct vmm *vmm);

/** dt_event_log() - the reserved memory of the measurement log, if there is one */
void dt_event_log(struct dt *dt, const struct vmm *vmm);

/* The whole trees, with variables "gic", "its" and so on inside. Return: 0, *@data owned; -ENOMEM */
int dt_qemu(const struct vmm *vmm, uint8_t **data, size_t *len);
int dt_kvmtool(const struct vmm *vmm, uint8_t **data, size_t *len);
int dt_cloudhv(const struct vmm *vmm, uint8_t **data, size_t *len);

extern const struct dtb_follows dt_qemu_follows[], dt_kvmtool_follows[], dt_cloudhv_follows[];

#define DT_ROWS(table) (table), sizeof(table) / sizeof((table)[0])

#endif
