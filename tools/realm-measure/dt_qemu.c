// SPDX-License-Identifier: Apache-2.0
/* QEMU's virt machine; docs/dtb.md, "QEMU". */
#include "devicetree.h"

#define RAM_BASE      0x40000000u
#define PHANDLE_CLOCK 0x8000u
#define LOW_REDISTS   123u /* 0xf60000 / 0x20000 */
#define VIRTIO_BASE   0x0a000000u
#define VIRTIO_SIZE   0x200u
#define VIRTIO_SPI    16u
#define N_VIRTIO      32u
#define PCI_SPI       3u
#define PCI_LINES     4u

/* What the arguments change (docs/dtb.md). */
const struct dtb_follows dt_qemu_follows[] = {
	{ "/memory", "reg" },
	{ "/chosen", "bootargs" },
	{ "/chosen", "linux,initrd-start" },
	{ "/chosen", "linux,initrd-end" },
	{ "/", "interrupt-parent" },
	{ "/platform-bus@c000000", "interrupt-parent" },
	{ "/intc@8000000", "phandle" },
	{ "/intc@8000000", "reg" },
	{ "/intc@8000000", "#redistributor-regions" },
	{ "/intc@8000000/its@8080000", NULL },
	{ "/intc@8000000/its@8080000", "phandle" },
	{ "/pcie@10000000", "interrupt-map" },
	{ "/pcie@10000000", "msi-map" },
	{ "/pmu", NULL },
	{ "/reserved-memory", NULL },
	{ "/reserved-memory/event-log", "reg" },
	{ NULL, NULL },
};

static const struct dt_row bus_rows[] = {
	{ DT_NODE, "platform-bus@c000000", NULL, NULL },
	{ DT_CELLS, "interrupt-parent", "$gic", NULL },
	{ DT_CELLS, "ranges", "0 0 c000000 2000000", NULL },
	{ DT_CELLS, "#address-cells", "1", NULL },
	{ DT_CELLS, "#size-cells", "1", NULL },
	{ DT_TEXT, "compatible", "qemu,platform|simple-bus", NULL },
	{ DT_END, NULL, NULL, NULL },
};

static const struct dt_row fw_cfg_rows[] = {
	{ DT_NODE, "fw-cfg@9020000", NULL, NULL },
	{ DT_FLAG, "dma-coherent", NULL, NULL },
	{ DT_CELLS, "reg", "0 9020000 0 18", NULL },
	{ DT_TEXT, "compatible", "qemu,fw-cfg-mmio", NULL },
	{ DT_END, NULL, NULL, NULL },
};

static const struct dt_row virtio_rows[] = {
	{ DT_NODE, "virtio_mmio@%address", NULL, NULL },
	{ DT_FLAG, "dma-coherent", NULL, NULL },
	{ DT_CELLS, "interrupts", "0 $spi 1", NULL },
	{ DT_CELLS, "reg", "#address 0 200", NULL },
	{ DT_TEXT, "compatible", "virtio,mmio", NULL },
	{ DT_END, NULL, NULL, NULL },
};

/* Behind interrupt-map, which is computed. */
static const struct dt_row pci_rows[] = {
	{ DT_CELLS, "interrupt-map-mask", "1800 0 0 7", NULL },
	{ DT_CELLS, "#interrupt-cells", "1", NULL },
	{ DT_CELLS, "ranges",
	  "1000000 0 0 0 3eff0000 0 10000 2000000 0 10000000 0 10000000 0 2eff0000 "
	  "3000000 80 0 80 0 80 0",
	  NULL },
	{ DT_CELLS, "reg", "40 10000000 0 10000000", NULL },
	{ DT_CELLS, "msi-map", "0 $its 0 10000", "its" },
	{ DT_FLAG, "dma-coherent", NULL, NULL },
	{ DT_CELLS, "bus-range", "0 ff", NULL },
	{ DT_CELLS, "linux,pci-domain", "0", NULL },
	{ DT_CELLS, "#size-cells", "2", NULL },
	{ DT_CELLS, "#address-cells", "3", NULL },
	{ DT_TEXT, "device_type", "pci", NULL },
	{ DT_TEXT, "compatible", "pci-host-ecam-generic", NULL },
	{ DT_END, NULL, NULL, NULL },
};

static const struct dt_row device_rows[] = {
	{ DT_NODE, "pl031@9010000", NULL, NULL },
	{ DT_TEXT, "clock-names", "apb_pclk", NULL },
	{ DT_CELLS, "reg", "0 9010000 0 1000", NULL },
	{ DT_CELLS, "clocks", "$clock", NULL },
	{ DT_CELLS, "interrupts", "0 2 4", NULL },
	{ DT_TEXT, "compatible", "arm,pl031|arm,primecell", NULL },
	{ DT_END, NULL, NULL, NULL },
	{ DT_NODE, "pl011@9000000", NULL, NULL },
	{ DT_TEXT, "clock-names", "uartclk|apb_pclk", NULL },
	{ DT_CELLS, "reg", "0 9000000 0 1000", NULL },
	{ DT_CELLS, "clocks", "$clock $clock", NULL },
	{ DT_CELLS, "interrupts", "0 1 4", NULL },
	{ DT_TEXT, "compatible", "arm,pl011|arm,primecell", NULL },
	{ DT_END, NULL, NULL, NULL },
};

static const struct dt_row gic_rows[] = {
	{ DT_NODE, "intc@8000000", NULL, NULL },
	{ DT_CELLS, "phandle", "$gic", NULL },
	{ DT_CELLS, "reg", "0 8000000 0 10000 0 80a0000 0 f60000", "one-region" },
	{ DT_CELLS, "reg", "0 8000000 0 10000 0 80a0000 0 f60000 40 0 0 4000000", "two-regions" },
	{ DT_CELLS, "#redistributor-regions", "$regions", NULL },
	{ DT_TEXT, "compatible", "arm,gic-v3", NULL },
	{ DT_FLAG, "ranges", NULL, NULL },
	{ DT_CELLS, "#size-cells", "2", NULL },
	{ DT_CELLS, "#address-cells", "2", NULL },
	{ DT_FLAG, "interrupt-controller", NULL, NULL },
	{ DT_CELLS, "#interrupt-cells", "3", NULL },
	{ DT_NODE, "its@8080000", NULL, "its" },
	{ DT_CELLS, "phandle", "$its", "its" },
	{ DT_CELLS, "reg", "0 8080000 0 20000", "its" },
	{ DT_CELLS, "#msi-cells", "1", "its" },
	{ DT_FLAG, "msi-controller", NULL, "its" },
	{ DT_TEXT, "compatible", "arm,gic-v3-its", "its" },
	{ DT_END, NULL, NULL, "its" },
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
	{ DT_END, NULL, NULL, NULL },
};

/* Four slots and four pins share four lines, turned by one from slot to slot. */
static void emit_pci(struct dt *dt, uint32_t gic)
{
	uint32_t map[PCI_LINES * PCI_LINES * 10], n = 0;

	for (uint32_t slot = 0; slot < PCI_LINES; slot++)
		for (uint32_t pin = 0; pin < PCI_LINES; pin++) {
			const uint32_t entry[10] = {
				slot << 11, 0,   0,
				pin + 1,    gic, 0,
				0,          0,   PCI_SPI + (pin + slot) % PCI_LINES,
				4,
			};

			for (unsigned int i = 0; i < 10; i++)
				map[n++] = entry[i];
		}
	fdt_node(&dt->fdt, "pcie@10000000");
	fdt_cells(&dt->fdt, "interrupt-map", map, n);
	dt_emit(dt, DT_ROWS(pci_rows));
}

static void emit_virtio(struct dt *dt)
{
	for (uint32_t i = 0; i < N_VIRTIO; i++) {
		dt_set(dt, "address", VIRTIO_BASE + i * VIRTIO_SIZE);
		dt_set(dt, "spi", VIRTIO_SPI + i);
		dt_emit(dt, DT_ROWS(virtio_rows));
	}
}

/* Phandles are given out one for the clock, one for each CPU, then for GIC and ITS. */
int dt_qemu(const struct vmm *vmm, uint8_t **data, size_t *len)
{
	uint32_t gic = PHANDLE_CLOCK + vmm->cpus + 1;
	uint32_t regions = vmm->cpus > LOW_REDISTS ? 2 : 1;
	struct dt dt = { 0 };
	int ret;

	dt_set(&dt, "gic", gic);
	dt_set(&dt, "its", vmm->its ? gic + 1 : 0);
	dt_set(&dt, "clock", PHANDLE_CLOCK);
	dt_set(&dt, "regions", regions);
	dt_set(&dt, "one-region", regions == 1);
	dt_set(&dt, "two-regions", regions == 2);
	dt_begin(&dt, vmm, RAM_BASE);
	dt_emit(&dt, DT_ROWS(bus_rows));
	dt_event_log(&dt, vmm);
	dt_emit(&dt, DT_ROWS(fw_cfg_rows));
	emit_virtio(&dt);
	emit_pci(&dt, gic);
	dt_emit(&dt, DT_ROWS(device_rows));
	dt_pmu(&dt, vmm);
	dt_emit(&dt, DT_ROWS(gic_rows));
	dt_timer(&dt, 4);
	dt_emit(&dt, DT_ROWS(clock_rows));
	ret = fdt_take(&dt.fdt, data, len);
	fdt_free(&dt.fdt);
	return ret;
}
