// SPDX-License-Identifier: Apache-2.0
/* cloud-hypervisor; docs/dtb.md, "cloud-hypervisor". No published tree confirms it. */
#include "devicetree.h"

#define RAM_BASE    0x40000000u
#define GIC_DIST    0x8ff0000u
#define REDIST_SIZE 0x20000u
#define ITS_SIZE    0x20000u
#define PHANDLE_GIC 1u
#define PHANDLE_ITS 2u
#define PHANDLE_CLK 3u

/* What the arguments change (docs/dtb.md). */
const struct dtb_follows dt_cloudhv_follows[] = {
	{ "/memory", "reg" },
	{ "/chosen", "bootargs" },
	{ "/chosen", "linux,initrd-start" },
	{ "/chosen", "linux,initrd-end" },
	{ "/intc", "reg" },
	{ "/intc/its", "reg" },
	{ "/pl011", NULL },
	{ "/pmu", NULL },
	{ "/reserved-memory", NULL },
	{ "/reserved-memory/event-log", "reg" },
	{ NULL, NULL },
};

static const struct dt_row gic_rows[] = {
	{ DT_NODE, "intc@8ff0000", NULL, NULL },
	{ DT_CELLS, "phandle", "$gic", NULL },
	{ DT_CELLS, "reg", "0 8ff0000 0 10000 #redist #redist-size", NULL },
	{ DT_CELLS, "#redistributor-regions", "1", NULL },
	{ DT_TEXT, "compatible", "arm,gic-v3", NULL },
	{ DT_FLAG, "ranges", NULL, NULL },
	{ DT_CELLS, "#size-cells", "2", NULL },
	{ DT_CELLS, "#address-cells", "2", NULL },
	{ DT_FLAG, "interrupt-controller", NULL, NULL },
	{ DT_CELLS, "#interrupt-cells", "3", NULL },
	{ DT_NODE, "its@%its-base", NULL, NULL },
	{ DT_CELLS, "phandle", "$its", NULL },
	{ DT_CELLS, "reg", "#its-base 0 20000", NULL },
	{ DT_CELLS, "#msi-cells", "1", NULL },
	{ DT_FLAG, "msi-controller", NULL, NULL },
	{ DT_TEXT, "compatible", "arm,gic-v3-its", NULL },
	{ DT_END, NULL, NULL, NULL },
	{ DT_END, NULL, NULL, NULL },
};

static const struct dt_row clock_rows[] = {
	{ DT_NODE, "apb-pclk", NULL, NULL },
	{ DT_CELLS, "phandle", "$clock", NULL },
	{ DT_TEXT, "clock-output-names", "clk24mhz", NULL },
	{ DT_CELLS, "clock-frequency", "16e3600", NULL },
	{ DT_CELLS, "#clock-cells", "0", NULL },
	{ DT_TEXT, "compatible", "fixed-clock", NULL },
	{ DT_END, NULL, NULL, NULL },
	{ DT_NODE, "pl031@9010000", NULL, NULL },
	{ DT_TEXT, "clock-names", "apb_pclk", NULL },
	{ DT_CELLS, "reg", "0 9010000 0 1000", NULL },
	{ DT_CELLS, "clocks", "$clock", NULL },
	{ DT_CELLS, "interrupts", "0 8 4", NULL },
	{ DT_TEXT, "compatible", "arm,pl031|arm,primecell", NULL },
	{ DT_END, NULL, NULL, NULL },
	{ DT_NODE, "pl011@9000000", NULL, "serial" },
	{ DT_TEXT, "clock-names", "apb_pclk", "serial" },
	{ DT_CELLS, "reg", "0 9000000 0 1000", "serial" },
	{ DT_CELLS, "clocks", "$clock", "serial" },
	{ DT_CELLS, "interrupts", "0 b 1", "serial" },
	{ DT_TEXT, "compatible", "arm,pl011|arm,primecell", "serial" },
	{ DT_END, NULL, NULL, "serial" },
	{ DT_NODE, "pcie@30000000", NULL, NULL },
	{ DT_CELLS, "ranges",
	  "1000000 0 0 0 9050000 0 10000 2000000 0 10000000 0 10000000 0 20000000 "
	  "3000000 2 0 2 0 3ffd 0",
	  NULL },
	{ DT_CELLS, "reg", "0 30000000 0 100000", NULL },
	{ DT_CELLS, "msi-map", "0 $its 0 100", NULL },
	{ DT_FLAG, "dma-coherent", NULL, NULL },
	{ DT_CELLS, "bus-range", "0 0", NULL },
	{ DT_CELLS, "linux,pci-domain", "0", NULL },
	{ DT_CELLS, "#size-cells", "2", NULL },
	{ DT_CELLS, "#address-cells", "3", NULL },
	{ DT_TEXT, "device_type", "pci", NULL },
	{ DT_TEXT, "compatible", "pci-host-ecam-generic", NULL },
	{ DT_END, NULL, NULL, NULL },
	{ DT_END, NULL, NULL, NULL },
};

int dt_cloudhv(const struct vmm *vmm, uint8_t **data, size_t *len)
{
	uint64_t redist_size = (uint64_t)vmm->cpus * REDIST_SIZE;
	struct vmm with_pmu = *vmm;
	struct dt dt = { 0 };
	int ret;

	with_pmu.pmu = true;
	dt_set(&dt, "gic", PHANDLE_GIC);
	dt_set(&dt, "its", PHANDLE_ITS);
	dt_set(&dt, "clock", PHANDLE_CLK);
	dt_set(&dt, "serial", vmm->serial);
	dt_set(&dt, "redist", GIC_DIST - redist_size);
	dt_set(&dt, "redist-size", redist_size);
	dt_set(&dt, "its-base", GIC_DIST - redist_size - ITS_SIZE);
	dt_begin(&dt, vmm, RAM_BASE);
	dt_emit(&dt, DT_ROWS(gic_rows));
	dt_timer(&dt, 4);
	dt_pmu(&dt, &with_pmu);
	dt_emit(&dt, DT_ROWS(clock_rows));
	ret = fdt_take(&dt.fdt, data, len);
	fdt_free(&dt.fdt);
	return ret;
}
