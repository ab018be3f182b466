// SPDX-License-Identifier: Apache-2.0
/* kvmtool (lkvm run --realm); docs/dtb.md, "kvmtool". */
#include "common/text.h"
#include "devicetree.h"
#include "vmm.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RAM_BASE     UINT64_C(0x80000000)
#define MIB          (UINT64_C(1) << 20)
#define DTB_LIMIT    (RAM_BASE + 256 * MIB)
#define DTB_ALIGN    (2 * MIB)
#define DTB_SIZE     UINT64_C(0x10000)
#define INITRD_ALIGN 4u

static void init(struct vmm *vmm)
{
	vmm->cpus = 0;
	vmm->firmware_base = RAM_BASE;
	vmm->dtb_room = DTB_SIZE;
	vmm->virtio_devices = 1; /* the default network device */
}

static int cpus(struct vmm *vmm, char *value)
{
	uint64_t n = 0;
	int ret = vmm_count(vmm, "-c", value, 1, VMM_MAX_CPUS, &n);

	vmm->cpus = (uint32_t)n;
	return ret;
}

static int mem(struct vmm *vmm, char *value)
{
	int ret = vmm_size(vmm, "-m", value, &vmm->ram_size);

	if (!ret && vmm->ram_size % (2 * MIB))
		ret = vmm_refuse(vmm, "-m", "a multiple of 2 MiB", value);
	return ret;
}

/* lkvm puts its own words before those of -p (builtin-run.c). */
static int set_bootargs(struct vmm *vmm, const char *params)
{
	const char *root = strstr(params, "root=") ? "" : " root=/dev/vda rw ";
	size_t size = strlen(params) + 64;
	char *text = malloc(size);
	int ret;

	if (!text)
		return vmm_text(vmm, params, &vmm->bootargs);
	snprintf(text, size, " console=hvc0%s%s%s", root, *params ? " " : "", params);
	ret = vmm_text(vmm, text, &vmm->bootargs);
	free(text);
	return ret;
}

static int params(struct vmm *vmm, char *value)
{
	return set_bootargs(vmm, value);
}

static int algo(struct vmm *vmm, char *value)
{
	return vmm_hash(vmm, "--measurement-algo", value);
}

static int realm_pv(struct vmm *vmm, char *value)
{
	size_t len = strlen(value);

	if (len > sizeof(vmm->rpv))
		return vmm_refuse(vmm, "--realm-pv", "at most 64 characters", value);
	memcpy(vmm->rpv, value, len);
	return 0;
}

static int pmu(struct vmm *vmm, char *value)
{
	(void)value;
	vmm->pmu = true;
	return 0;
}

static int pmu_counters(struct vmm *vmm, char *value)
{
	uint64_t n;
	int ret = vmm_count(vmm, "--pmu-counters", value, 0, 31, &n);

	return ret ? ret : caps_request(&vmm->caps, CAP_PMU_NUM_CTRS, n, "kvmtool", vmm->failure);
}

static int disable_sve(struct vmm *vmm, char *value)
{
	(void)value;
	return caps_limit(&vmm->caps, CAP_SVE_VL, 0, "kvmtool", vmm->failure);
}

static int sve_vl(struct vmm *vmm, char *value)
{
	uint64_t n;
	int ret = vmm_count(vmm, "--sve-vl", value, 0, 2048, &n);

	return ret ? ret : caps_request(&vmm->caps, CAP_SVE_VL, n, "kvmtool", vmm->failure);
}

static int irqchip(struct vmm *vmm, char *value)
{
	vmm->its = strcmp(value, "gicv3") != 0;
	return !vmm->its || !strcmp(value, "gicv3-its")
		       ? 0
		       : vmm_refuse(vmm, "--irqchip", "gicv3 or gicv3-its", value);
}

static int transport(struct vmm *vmm, char *value)
{
	vmm->mmio_transport = !strcmp(value, "mmio");
	return vmm->mmio_transport || !strcmp(value, "pci")
		       ? 0
		       : vmm_refuse(vmm, "--virtio-transport", "pci or mmio", value);
}

static int virtio(struct vmm *vmm, char *value)
{
	(void)value;
	vmm->virtio_devices++;
	return 0;
}

static int console(struct vmm *vmm, char *value)
{
	vmm->virtio_devices += !strcmp(value, "virtio");
	return 0;
}

/* mode=none takes the default device away; any other mode is one more. */
static int take_network(struct vmm *vmm, const char *name, char *value)
{
	if (!strcmp(name, "mode") && value && !strcmp(value, "none"))
		vmm->virtio_devices -= vmm->virtio_devices > 0;
	else if (!strcmp(name, "mode"))
		vmm->virtio_devices++;
	return 0;
}

static int network(struct vmm *vmm, char *value)
{
	return vmm_each(vmm, value, take_network);
}

static int kernel(struct vmm *vmm, char *value)
{
	(void)value;
	vmm->use_kernel = true;
	return 0;
}

static int initrd(struct vmm *vmm, char *value)
{
	(void)value;
	vmm->use_initrd = true;
	return 0;
}

static int firmware(struct vmm *vmm, char *value)
{
	(void)value;
	vmm->use_firmware = true;
	return 0;
}

static int firmware_address(struct vmm *vmm, char *value)
{
	return vmm_count(vmm, "--firmware-address", value, 0, UINT64_C(1) << 51,
			 &vmm->firmware_base);
}

static int measurement_log(struct vmm *vmm, char *value)
{
	(void)value;
	vmm->log = true;
	return 0;
}

static const struct vmm_option options[] = {
	{ "c", true, cpus },
	{ "cpus", true, cpus },
	{ "m", true, mem },
	{ "mem", true, mem },
	{ "p", true, params },
	{ "params", true, params },
	{ "k", true, kernel },
	{ "kernel", true, kernel },
	{ "i", true, initrd },
	{ "initrd", true, initrd },
	{ "f", true, firmware },
	{ "firmware", true, firmware },
	{ "firmware-address", true, firmware_address },
	{ "measurement-algo", true, algo },
	{ "measurement-log", false, measurement_log },
	{ "realm-pv", true, realm_pv },
	{ "pmu", false, pmu },
	{ "pmu-counters", true, pmu_counters },
	{ "disable-sve", false, disable_sve },
	{ "sve-vl", true, sve_vl },
	{ "sve-max-vl", true, sve_vl },
	{ "irqchip", true, irqchip },
	{ "virtio-transport", true, transport },
	{ "balloon", false, virtio },
	{ "rng", false, virtio },
	{ "9p", true, virtio },
	{ "vsock", true, virtio },
	{ "d", true, virtio },
	{ "disk", true, virtio },
	{ "console", true, console },
	{ "n", true, network },
	{ "network", true, network },
	{ "realm", false, NULL },
	{ "restricted_mem", false, NULL },
	{ "name", true, NULL },
	{ "dev", true, NULL },
	{ "tty", true, NULL },
	{ "hugetlbfs", true, NULL },
	{ "loglevel", true, NULL },
	{ "no-dhcp", false, NULL },
	{ "nodefaults", false, NULL },
	{ "debug", false, NULL },
	{ "debug-single-step", false, NULL },
	{ "debug-ioport", false, NULL },
	{ "debug-mmio", false, NULL },
	{ "debug-iodelay", true, NULL },
	{ "no-pvtime", false, NULL },
	{ "vcpu-affinity", true, NULL },
	{ "disable-mte", false, NULL },
	{ "force-pci", false, NULL },
	{ "dtb", true, NULL },
	{ NULL, false, NULL },
};

/* One bit more than the end of RAM needs: its upper half is shared with the host. */
static uint64_t ipa_bits(const struct vmm *vmm)
{
	uint64_t last = RAM_BASE + vmm->ram_size - 1, bits = 32;

	while (last >> bits)
		bits++;
	return bits + 1;
}

static int place_initrd(struct vmm *vmm)
{
	struct blob *blob = NULL;
	int ret = vmm_load_initrd(vmm, &blob);

	if (ret)
		return ret;
	if (blob->size + INITRD_ALIGN > vmm->dtb_base - RAM_BASE) {
		blob_free(blob);
		return vmm_refuse(vmm, "-i", "an initrd that fits below the device tree", "more");
	}
	vmm->initrd_base = vmm_align(vmm->dtb_base - blob->size - INITRD_ALIGN, INITRD_ALIGN);
	return vmm_add_image(vmm, blob, vmm->initrd_base);
}

/* arm/fdt.c: 64 KiB for the tree below the first 256 MiB or the end of RAM, 2 MiB aligned. */
static int place_dtb(struct vmm *vmm)
{
	uint64_t limit =
		RAM_BASE + vmm->ram_size < DTB_LIMIT ? RAM_BASE + vmm->ram_size : DTB_LIMIT;

	if (vmm->ram_size < 4 * MIB)
		return vmm_refuse(vmm, "-m", "at least 4 MiB", "less");
	if (vmm->log) {
		limit -= VMM_LOG_SIZE;
		vmm->log_base = limit;
	}
	vmm->dtb_base = vmm_align(limit - DTB_ALIGN - DTB_SIZE, DTB_ALIGN);
	vmm->rec.gprs[0] = vmm->dtb_base;
	return 0;
}

static int place_images(struct vmm *vmm)
{
	uint64_t start, end;
	int ret = 0;

	if (vmm->use_kernel) {
		ret = vmm_load_kernel(vmm, RAM_BASE, &start, &end);
		vmm->rec.pc = RAM_BASE;
	}
	if (!ret && vmm->use_initrd)
		ret = place_initrd(vmm);
	if (!ret && vmm->use_firmware) {
		ret = vmm_load_firmware(vmm, vmm->firmware_base);
		vmm->rec.pc = vmm->firmware_base;
	}
	return ret;
}

static int place(struct vmm *vmm)
{
	int ret = 0;

	if (!vmm->cpus)
		return vmm_refuse(vmm, "-c", "a number of CPUs", "nothing");
	if (!vmm->ram_size)
		return vmm_refuse(vmm, "-m", "a size of RAM", "nothing");
	if (!vmm->bootargs)
		ret = set_bootargs(vmm, "");
	if (!ret)
		ret = caps_request(&vmm->caps, CAP_IPA_BITS, ipa_bits(vmm), "kvmtool",
				   vmm->failure);
	if (!ret)
		ret = place_dtb(vmm);
	if (!ret)
		ret = place_images(vmm);
	vmm->ram_base = RAM_BASE;
	vmm->virtio_mmio = vmm->mmio_transport ? vmm->virtio_devices : 0;
	return ret;
}

const struct vmm_kind vmm_kvmtool = {
	.name = "kvmtool",
	.options = options,
	.hash = KVMCORE_HASH_SHA256,
	.size_unit = MIB,
	.init = init,
	.place = place,
	.dtb = dt_kvmtool,
	.follows = dt_kvmtool_follows,
};
