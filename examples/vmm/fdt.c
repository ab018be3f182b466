// SPDX-License-Identifier: Apache-2.0
/*
 * The device tree: what board.h says, in the words of the kernel's bindings. Below
 * Documentation/devicetree/bindings they are arm/cpus.yaml, arm/psci.yaml, arm/firmware/sdei.txt,
 * cpu/idle-states.yaml, interrupt-controller/arm,gic-v3.yaml, timer/arm,arch_timer.yaml and
 * serial/pl011.yaml.
 */
#include "vmm.h"

#include <errno.h>
#include <libfdt.h>
#include <stdio.h>
#include <string.h>

#define PHANDLE_GIC   1u
#define PHANDLE_CLOCK 2u
#define PHANDLE_IDLE  3u /* and the next */
#define UART_HZ       24000000u
#define GIC_SPI       0u
#define GIC_PPI       1u
#define LEVEL_HIGH    4u
#define LEVEL_LOW     8u

static void cell(void *fdt, const char *name, uint32_t value)
{
	fdt_property_u32(fdt, name, value);
}

static void text(void *fdt, const char *name, const char *value)
{
	fdt_property(fdt, name, value, (int)strlen(value) + 1);
}

/* Pairs of 64-bit numbers: addresses and sizes. */
static void ranges(void *fdt, const char *name, const uint64_t *value, unsigned int n)
{
	fdt64_t out[8];

	for (unsigned int i = 0; i < n; i++)
		out[i] = cpu_to_fdt64(value[i]);
	fdt_property(fdt, name, out, (int)(n * sizeof(out[0])));
}

static void cells(void *fdt, const char *name, const uint32_t *value, unsigned int n)
{
	fdt32_t out[16];

	for (unsigned int i = 0; i < n; i++)
		out[i] = cpu_to_fdt32(value[i]);
	fdt_property(fdt, name, out, (int)(n * sizeof(out[0])));
}

static void begin(void *fdt, const char *name, uint64_t base)
{
	char node[64];

	snprintf(node, sizeof(node), "%s@%llx", name, (unsigned long long)base);
	fdt_begin_node(fdt, node);
}

static const char *conduit(const struct vmm *vmm)
{
	return vmm->options->smc || vmm->options->kind == GUEST_REALM ? "smc" : "hvc";
}

static void add_chosen(void *fdt, const struct vmm *vmm, uint64_t initrd, uint64_t size)
{
	fdt_begin_node(fdt, "chosen");
	text(fdt, "bootargs", vmm->options->cmdline);
	text(fdt, "stdout-path", "/uart@9000000");
	if (size) {
		fdt_property_u64(fdt, "linux,initrd-start", initrd);
		fdt_property_u64(fdt, "linux,initrd-end", initrd + size);
	}
	fdt_end_node(fdt);
	begin(fdt, "memory", BOARD_RAM);
	text(fdt, "device_type", "memory");
	ranges(fdt, "reg", (uint64_t[]){ BOARD_RAM, vmm->options->memory }, 2);
	fdt_end_node(fdt);
}

/* Two depths of sleep (idle-states.yaml): registers kept, and all of the PE but its timers gone. */
static void add_idle_states(void *fdt)
{
	static const struct {
		const char *name;
		uint32_t parameter, enter_us, exit_us, least_us;
	} state[] = {
		{ "standby", 0x00000001, 100, 100, 5000 },
		{ "power-down", 0x00010000, 500, 500, 100000 },
	};

	fdt_begin_node(fdt, "idle-states");
	text(fdt, "entry-method", "psci");
	for (uint32_t i = 0; i < 2; i++) {
		fdt_begin_node(fdt, state[i].name);
		text(fdt, "compatible", "arm,idle-state");
		cell(fdt, "arm,psci-suspend-param", state[i].parameter);
		cell(fdt, "entry-latency-us", state[i].enter_us);
		cell(fdt, "exit-latency-us", state[i].exit_us);
		cell(fdt, "min-residency-us", state[i].least_us);
		cell(fdt, "phandle", PHANDLE_IDLE + i);
		fdt_end_node(fdt);
	}
	fdt_end_node(fdt);
}

static void add_cpus(void *fdt, const struct vmm *vmm)
{
	fdt_begin_node(fdt, "cpus");
	cell(fdt, "#address-cells", 1);
	cell(fdt, "#size-cells", 0);
	for (unsigned int i = 0; i < vmm->n_vcpus; i++) {
		begin(fdt, "cpu", vmm->name[i].mpidr);
		text(fdt, "device_type", "cpu");
		text(fdt, "compatible", "arm,armv8");
		text(fdt, "enable-method", "psci");
		cell(fdt, "reg", (uint32_t)vmm->name[i].mpidr);
		cells(fdt, "cpu-idle-states", (uint32_t[]){ PHANDLE_IDLE, PHANDLE_IDLE + 1 }, 2);
		fdt_end_node(fdt);
	}
	add_idle_states(fdt);
	fdt_end_node(fdt);
}

static void add_firmware(void *fdt, const struct vmm *vmm)
{
	static const char psci[] = "arm,psci-1.0\0arm,psci-0.2";

	fdt_begin_node(fdt, "psci");
	fdt_property(fdt, "compatible", psci, sizeof(psci));
	text(fdt, "method", conduit(vmm));
	fdt_end_node(fdt);
	if (vmm->options->kind == GUEST_REALM) /* whose monitor has no SDEI */
		return;
	fdt_begin_node(fdt, "firmware");
	fdt_begin_node(fdt, "sdei");
	text(fdt, "compatible", "arm,sdei-1.0");
	text(fdt, "method", conduit(vmm));
	fdt_end_node(fdt);
	fdt_end_node(fdt);
}

static void add_gic_and_timer(void *fdt, const struct vmm *vmm)
{
	const uint64_t gic[] = { BOARD_GICD, BOARD_GICD_SIZE, BOARD_GICR,
				 BOARD_GICR_SIZE * vmm->n_vcpus };
	static const uint32_t timer[] = { GIC_PPI, 13, LEVEL_LOW, GIC_PPI, 14, LEVEL_LOW,
					  GIC_PPI, 11, LEVEL_LOW, GIC_PPI, 10, LEVEL_LOW };

	begin(fdt, "interrupt-controller", BOARD_GICD);
	text(fdt, "compatible", "arm,gic-v3");
	cell(fdt, "#interrupt-cells", 3);
	fdt_property(fdt, "interrupt-controller", NULL, 0);
	ranges(fdt, "reg", gic, 4);
	cell(fdt, "phandle", PHANDLE_GIC);
	fdt_end_node(fdt);
	fdt_begin_node(fdt, "timer");
	text(fdt, "compatible", "arm,armv8-timer");
	cells(fdt, "interrupts", timer, 12);
	fdt_property(fdt, "always-on", NULL, 0);
	fdt_end_node(fdt);
}

static void add_devices(void *fdt)
{
	static const char uart[] = "arm,pl011\0arm,primecell";
	static const char clocks[] = "uartclk\0apb_pclk";

	fdt_begin_node(fdt, "apb-pclk");
	text(fdt, "compatible", "fixed-clock");
	cell(fdt, "#clock-cells", 0);
	cell(fdt, "clock-frequency", UART_HZ);
	cell(fdt, "phandle", PHANDLE_CLOCK);
	fdt_end_node(fdt);
	begin(fdt, "uart", BOARD_UART);
	fdt_property(fdt, "compatible", uart, sizeof(uart));
	ranges(fdt, "reg", (uint64_t[]){ BOARD_UART, BOARD_UART_SIZE }, 2);
	cells(fdt, "interrupts", (uint32_t[]){ GIC_SPI, BOARD_UART_SPI, LEVEL_HIGH }, 3);
	cells(fdt, "clocks", (uint32_t[]){ PHANDLE_CLOCK, PHANDLE_CLOCK }, 2);
	fdt_property(fdt, "clock-names", clocks, sizeof(clocks));
	fdt_end_node(fdt);
	begin(fdt, "event-source", BOARD_EVENTS);
	text(fdt, "compatible", "sdei-migrate,event-source");
	ranges(fdt, "reg", (uint64_t[]){ BOARD_EVENTS, BOARD_EVENT_SIZE }, 2);
	fdt_end_node(fdt);
}

int fdt_build(const struct vmm *vmm, uint64_t initrd, uint64_t initrd_size, void *buffer,
	      size_t size)
{
	fdt_create(buffer, (int)size);
	fdt_finish_reservemap(buffer);
	fdt_begin_node(buffer, "");
	text(buffer, "compatible", "linux,dummy-virt");
	cell(buffer, "#address-cells", 2);
	cell(buffer, "#size-cells", 2);
	cell(buffer, "interrupt-parent", PHANDLE_GIC);
	add_chosen(buffer, vmm, initrd, initrd_size);
	add_cpus(buffer, vmm);
	add_firmware(buffer, vmm);
	add_gic_and_timer(buffer, vmm);
	add_devices(buffer);
	fdt_end_node(buffer);
	/* Room that ran out before has run out here, too. */
	return fdt_finish(buffer) ? -E2BIG : 0;
}
