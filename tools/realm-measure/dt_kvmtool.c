// SPDX-License-Identifier: Apache-2.0
/* kvmtool; docs/dtb.md, "kvmtool". */
#include "devicetree.h"

#define RAM_BASE    0x80000000u
#define GIC_DIST    0x3fff0000u
#define REDIST_SIZE 0x20000u
#define ITS_SIZE    0x20000u
#define PHANDLE_GIC 1u
#define PHANDLE_ITS 2u
#define UART_BASE   0x1000000u
#define N_UARTS     4u
#define VIRTIO_BASE 0x3000000u
#define PCI_SPI     64u
#define N_PCI_SLOTS 32u

/* What the arguments change (docs/dtb.md). */
const struct dtb_follows dt_kvmtool_follows[] = {
	{ "/memory", "reg" },
	{ "/chosen", "bootargs" },
	{ "/chosen", "linux,initrd-start" },
	{ "/chosen", "linux,initrd-end" },
	{ "/intc", "reg" },
	{ "/intc/msic", NULL },
	{ "/intc/msic", "reg" },
	{ "/pci", "msi-map" },
	{ "/pmu", NULL },
	{ "/reserved-memory", NULL },
	{ "/reserved-memory/event-log", "reg" },
	{ NULL, NULL },
};

static const struct dt_row gic_rows[] = {
	{ DT_NODE, "intc", NULL, NULL },
	{ DT_TEXT, "compatible", "arm,gic-v3", NULL },
	{ DT_CELLS, "#interrupt-cells", "3", NULL },
	{ DT_FLAG, "interrupt-controller", NULL, NULL },
	{ DT_CELLS, "reg", "0 3fff0000 0 10000 #redist #redist-size", NULL },
	{ DT_CELLS, "phandle", "$gic", NULL },
	{ DT_CELLS, "#address-cells", "2", NULL },
	{ DT_CELLS, "#size-cells", "2", NULL },
	{ DT_FLAG, "ranges", NULL, NULL },
	{ DT_NODE, "msic", NULL, "its" },
	{ DT_TEXT, "compatible", "arm,gic-v3-its", "its" },
	{ DT_FLAG, "msi-controller", NULL, "its" },
	{ DT_CELLS, "phandle", "$its", "its" },
	{ DT_CELLS, "reg", "#its-base 0 20000", "its" },
	{ DT_END, NULL, NULL, "its" },
	{ DT_END, NULL, NULL, NULL },
};

static const struct dt_row uart_rows[] = {
	{ DT_NODE, "U6_16550A@%address", NULL, NULL },
	{ DT_TEXT, "compatible", "ns16550a", NULL },
	{ DT_CELLS, "reg", "#address 0 8", NULL },
	{ DT_CELLS, "interrupts", "0 $spi 4", NULL },
	{ DT_CELLS, "clock-frequency", "1c2000", NULL },
	{ DT_END, NULL, NULL, NULL },
};

static const struct dt_row virtio_rows[] = {
	{ DT_NODE, "virtio@%address", NULL, NULL },
	{ DT_TEXT, "compatible", "virtio,mmio", NULL },
	{ DT_CELLS, "reg", "#address 0 200", NULL },
	{ DT_FLAG, "dma-coherent", NULL, NULL },
	{ DT_CELLS, "interrupts", "0 $spi 1", NULL },
	{ DT_END, NULL, NULL, NULL },
};

static const struct dt_row pci_rows[] = {
	{ DT_NODE, "rtc@1010000", NULL, NULL },
	{ DT_TEXT, "compatible", "motorola,mc146818", NULL },
	{ DT_CELLS, "reg", "0 1010000 0 2", NULL },
	{ DT_END, NULL, NULL, NULL },
	{ DT_NODE, "pci@40000000", NULL, NULL },
	{ DT_TEXT, "device_type", "pci", NULL },
	{ DT_CELLS, "#address-cells", "3", NULL },
	{ DT_CELLS, "#size-cells", "2", NULL },
	{ DT_FLAG, "dma-coherent", NULL, NULL },
	{ DT_CELLS, "bus-range", "0 0", NULL },
	{ DT_TEXT, "compatible", "pci-host-ecam-generic", NULL },
	{ DT_CELLS, "reg", "0 40000000 0 10000000", NULL },
	{ DT_CELLS, "ranges", "1000000 0 0 0 0 0 10000 2000000 0 50000000 0 50000000 0 30000000",
	  NULL },
};

/* Behind interrupt-map, which is computed. */
static const struct dt_row pci_end_rows[] = {
	{ DT_CELLS, "interrupt-map-mask", "f800 0 0 7", NULL },
	{ DT_CELLS, "#interrupt-cells", "1", NULL },
	{ DT_CELLS, "msi-map", "0 $its 0 10000", "its" },
	{ DT_END, NULL, NULL, NULL },
	{ DT_END, NULL, NULL, NULL },
};

/* Pin A of each slot has a line of its own. */
static void emit_pci(struct dt *dt)
{
	uint32_t map[N_PCI_SLOTS * 10], n = 0;

	for (uint32_t slot = 0; slot < N_PCI_SLOTS; slot++) {
		const uint32_t entry[10] = { slot << 11,     0, 0, 1, PHANDLE_GIC, 0, 0, 0,
					     PCI_SPI + slot, 4 };

		for (unsigned int i = 0; i < 10; i++)
			map[n++] = entry[i];
	}
	dt_emit(dt, DT_ROWS(pci_rows));
	fdt_cells(&dt->fdt, "interrupt-map", map, n);
	dt_emit(dt, DT_ROWS(pci_end_rows));
}

static void emit_devices(struct dt *dt, const struct vmm *vmm)
{
	for (uint32_t i = 0; i < N_UARTS; i++) {
		dt_set(dt, "address", UART_BASE + 0x1000 * i);
		dt_set(dt, "spi", i);
		dt_emit(dt, DT_ROWS(uart_rows));
	}
	for (uint32_t i = 0; i < vmm->virtio_mmio; i++) {
		dt_set(dt, "address", VIRTIO_BASE + 0x200 * i);
		dt_set(dt, "spi", N_UARTS + i);
		dt_emit(dt, DT_ROWS(virtio_rows));
	}
}

/* The redistributors lie below the distributor, the ITS below them. */
int dt_kvmtool(const struct vmm *vmm, uint8_t **data, size_t *len)
{
	uint64_t redist_size = (uint64_t)vmm->cpus * REDIST_SIZE;
	struct dt dt = { 0 };
	int ret;

	dt_set(&dt, "gic", PHANDLE_GIC);
	dt_set(&dt, "its", vmm->its ? PHANDLE_ITS : 0);
	dt_set(&dt, "redist", GIC_DIST - redist_size);
	dt_set(&dt, "redist-size", redist_size);
	dt_set(&dt, "its-base", GIC_DIST - redist_size - ITS_SIZE);
	dt_begin(&dt, vmm, RAM_BASE);
	dt_emit(&dt, DT_ROWS(gic_rows));
	dt_event_log(&dt, vmm);
	dt_timer(&dt, 8);
	dt_pmu(&dt, vmm);
	emit_devices(&dt, vmm);
	emit_pci(&dt);
	ret = fdt_take(&dt.fdt, data, len);
	fdt_free(&dt.fdt);
	return ret;
}
