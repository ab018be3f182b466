// SPDX-License-Identifier: Apache-2.0
/* QEMU's virt machine with an rme-guest object; docs/dtb.md, "QEMU". */
#include "common/text.h"
#include "devicetree.h"
#include "vmm.h"

#include <string.h>

#define RAM_BASE     UINT64_C(0x40000000)
#define MAX_RAM      (UINT64_C(255) << 30)
#define MIB          (UINT64_C(1) << 20)
#define IPA_BITS     41u /* the high PCI window needs 40, and one is for shared memory */
#define DTB_RESERVED MIB

static void init(struct vmm *vmm)
{
	vmm->ram_size = 128 * MIB;
}

static int take_mem(struct vmm *vmm, const char *name, char *value)
{
	if (!value)
		return vmm_size(vmm, "-m", name, &vmm->ram_size);
	if (!strcmp(name, "size"))
		return vmm_size(vmm, "-m", value, &vmm->ram_size);
	if (!strcmp(name, "maxmem"))
		return vmm_size(vmm, "-m", value, &vmm->max_ram);
	return strcmp(name, "slots") != 0 ? vmm_note(vmm, name) : 0;
}

/* Room for hotplug moves the devices above RAM, and nobody published such a tree. */
static int m(struct vmm *vmm, char *value)
{
	int ret = vmm_each(vmm, value, take_mem);

	return ret || !vmm->max_ram || vmm->max_ram == vmm->ram_size
		       ? ret
		       : vmm_refuse(vmm, "-m", "maxmem as large as size: no memory hotplug",
				    "another");
}

static int take_smp(struct vmm *vmm, const char *name, char *value)
{
	static const char *const parts[] = { "sockets", "clusters", "cores", "threads" };
	uint64_t n = 0;
	int ret;

	if (!value || !strcmp(name, "cpus") || !strcmp(name, "maxcpus")) {
		bool max = value && !strcmp(name, "maxcpus");

		ret = vmm_count(vmm, "-smp", value ? value : name, 1, VMM_MAX_CPUS, &n);
		if (!ret && vmm->cpus_said && vmm->cpus != n)
			ret = vmm_refuse(vmm, "-smp", "as many CPUs as maxcpus",
					 max ? "more" : "less");
		vmm->cpus = ret ? vmm->cpus : (uint32_t)n;
		vmm->cpus_said = true;
		return ret;
	}
	for (unsigned int i = 0; i < 4; i++)
		if (!strcmp(name, parts[i])) {
			ret = vmm_count(vmm, "-smp", value, 1, VMM_MAX_CPUS, &n);
			vmm->topology[i] = (uint32_t)n;
			return ret;
		}
	return vmm_note(vmm, name);
}

/* Without a number of CPUs it is the product of what was said. */
static int smp(struct vmm *vmm, char *value)
{
	uint64_t product = 1;
	int ret;

	vmm->cpus_said = false;
	ret = vmm_each(vmm, value, take_smp);
	for (unsigned int i = 0; i < 4; i++)
		product *= vmm->topology[i] ? vmm->topology[i] : 1;
	if (ret || product == 1)
		return ret;
	if (product > VMM_MAX_CPUS || (vmm->cpus_said && vmm->cpus % product))
		return vmm_refuse(vmm, "-smp", "a topology that fits the number of CPUs",
				  "another");
	if (!vmm->cpus_said)
		vmm->cpus = (uint32_t)product;
	return 0;
}

static int take_object(struct vmm *vmm, const char *name, char *value)
{
	size_t len;

	if (!strcmp(name, "rme-guest") || !strcmp(name, "id"))
		return 0;
	if (!strcmp(name, "measurement-algorithm"))
		return vmm_hash(vmm, "measurement-algorithm", value);
	if (!strcmp(name, "measurement-log"))
		return vmm_bool(vmm, "measurement-log", value, &vmm->log);
	if (strcmp(name, "personalization-value") != 0)
		return vmm_refuse(vmm, "-object rme-guest", "a property of rme-guest", name);
	if (value && text_base64(value, vmm->rpv, sizeof(vmm->rpv), &len))
		return 0;
	return vmm_refuse(vmm, "personalization-value", "base64 of at most 64 bytes",
			  value ? value : "nothing");
}

static int object(struct vmm *vmm, char *value)
{
	if (strncmp(value, "rme-guest", 9) != 0 || (value[9] && value[9] != ','))
		return vmm_note(vmm, value);
	return vmm_each(vmm, value, take_object);
}

static int take_machine(struct vmm *vmm, const char *name, char *value)
{
	if ((!value && !strcmp(name, "virt")) || !strcmp(name, "type") ||
	    !strcmp(name, "confidential-guest-support"))
		return 0;
	if (!strcmp(name, "its"))
		return vmm_bool(vmm, "its", value, &vmm->its);
	if (!strcmp(name, "acpi"))
		return vmm_bool(vmm, "acpi", value, &vmm->acpi);
	if (!strcmp(name, "gic-version")) {
		if (value &&
		    (!strcmp(value, "3") || !strcmp(value, "host") || !strcmp(value, "max")))
			return 0;
		return vmm_refuse(vmm, "gic-version", "3, host or max", value ? value : "nothing");
	}
	if (!strcmp(name, "highmem"))
		return vmm_refuse(vmm, "-machine", "highmem as it is by default", name);
	return value ? vmm_note(vmm, name) : vmm_refuse(vmm, "-machine", "virt", name);
}

static int machine(struct vmm *vmm, char *value)
{
	return vmm_each(vmm, value, take_machine);
}

/* sve=off, or sve<bits>=on|off: the largest that is left. */
static int take_sve(struct vmm *vmm, const char *name, const char *value)
{
	struct caps *caps = &vmm->caps;
	uint64_t bits, now = caps->given[CAP_SVE_VL] ? caps->value[CAP_SVE_VL] : 0;
	bool on = true;
	int ret = vmm_bool(vmm, name, value, &on);

	if (ret)
		return ret;
	if (!name[3])
		return on ? 0 : caps_limit(caps, CAP_SVE_VL, 0, "-cpu", vmm->failure);
	ret = vmm_count(vmm, name, name + 3, 128, 2048, &bits);
	if (ret)
		return ret;
	if (!on)
		return now >= bits ? caps_limit(caps, CAP_SVE_VL, bits == 128 ? 0 : bits / 2,
						"-cpu", vmm->failure)
				   : 0;
	return now >= bits ? 0 : caps_request(caps, CAP_SVE_VL, bits, "-cpu", vmm->failure);
}

static int take_cpu(struct vmm *vmm, const char *name, char *value)
{
	static const struct {
		const char *name;
		enum cap cap;
	} limits[] = { { "num-breakpoints", CAP_NUM_BPS },
		       { "num-watchpoints", CAP_NUM_WPS },
		       { "num-pmu-counters", CAP_PMU_NUM_CTRS } };
	uint64_t n;
	int ret;

	if (!value)
		return strcmp(name, "host") && strcmp(name, "max")
			       ? vmm_refuse(vmm, "-cpu", "host", name)
			       : 0;
	if (!strcmp(name, "pmu"))
		return vmm_bool(vmm, "pmu", value, &vmm->pmu);
	if (!strncmp(name, "sve", 3))
		return take_sve(vmm, name, value);
	for (unsigned int i = 0; i < 3; i++)
		if (!strcmp(name, limits[i].name)) {
			ret = vmm_count(vmm, name, value, 0, 64, &n);
			return ret ? ret
				   : caps_request(&vmm->caps, limits[i].cap, n, "-cpu",
						  vmm->failure);
		}
	return vmm_note(vmm, name);
}

static int cpu(struct vmm *vmm, char *value)
{
	return vmm_each(vmm, value, take_cpu);
}

static int append(struct vmm *vmm, char *value)
{
	return vmm_text(vmm, value, &vmm->bootargs);
}

/* These have no node in the device tree; of the others nobody has looked. */
static int device(struct vmm *vmm, char *value)
{
	static const char *const harmless[] = { "virtconsole",       "virtio-blk-pci",
						"virtio-serial-pci", "virtio-net-pci",
						"virtio-9p-pci",     "virtio-fs-pci",
						"virtio-rng-pci",    NULL };
	size_t len = strcspn(value, ",");

	for (const char *const *h = harmless; *h; h++)
		if (strlen(*h) == len && !strncmp(*h, value, len))
			return 0;
	return vmm_note(vmm, value);
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

static int bios(struct vmm *vmm, char *value)
{
	(void)value;
	vmm->use_firmware = true;
	return 0;
}

static const struct vmm_option options[] = {
	{ "m", true, m },
	{ "smp", true, smp },
	{ "object", true, object },
	{ "M", true, machine },
	{ "machine", true, machine },
	{ "cpu", true, cpu },
	{ "append", true, append },
	{ "device", true, device },
	{ "kernel", true, kernel },
	{ "initrd", true, initrd },
	{ "bios", true, bios },
	{ "dtb", true, NULL },
	{ "drive", true, NULL },
	{ "fsdev", true, NULL },
	{ "chardev", true, NULL },
	{ "netdev", true, NULL },
	{ "mon", true, NULL },
	{ "serial", true, NULL },
	{ "monitor", true, NULL },
	{ "display", true, NULL },
	{ "name", true, NULL },
	{ "enable-kvm", false, NULL },
	{ "nographic", false, NULL },
	{ "nodefaults", false, NULL },
	{ "no-reboot", false, NULL },
	{ NULL, false, NULL },
};

/* hw/arm/boot.c: direct boot puts the initrd half-way up, at most 128 MiB, and the tree behind it. */
static int place_direct(struct vmm *vmm)
{
	uint64_t start, end, half = vmm->ram_size / 2 < 128 * MIB ? vmm->ram_size / 2 : 128 * MIB;
	struct blob *blob = NULL;
	int ret = vmm_load_kernel(vmm, RAM_BASE, &start, &end);

	if (ret)
		return ret;
	vmm->rec.pc = RAM_BASE;
	vmm->initrd_base = RAM_BASE + half;
	if (vmm->initrd_base < end)
		vmm->initrd_base = end;
	vmm->initrd_base = vmm_align(vmm->initrd_base, KVMCORE_GRANULE_SIZE);
	if (vmm->use_initrd) {
		ret = vmm_load_initrd(vmm, &blob);
		if (!ret)
			ret = vmm_add_image(vmm, blob, vmm->initrd_base);
	}
	vmm->dtb_base = vmm_align(vmm->initrd_base + vmm->initrd_size, 2 * MIB);
	return ret;
}

/* With firmware the tree is at the start of RAM; kernel and initrd go through fw_cfg. */
static int place(struct vmm *vmm)
{
	int ret = 0;

	if (vmm->ram_size > MAX_RAM)
		return vmm_refuse(vmm, "-m", "at most 255 GiB", "more");
	if (!vmm->caps.given[CAP_IPA_BITS])
		return vmm_refuse(vmm, "--ipa-bits", "what the host has, here or in a -c file",
				  "nothing");
	ret = caps_request(&vmm->caps, CAP_IPA_BITS, IPA_BITS, "qemu", vmm->failure);
	if (ret)
		return ret;
	vmm->ram_base = RAM_BASE;
	vmm->dtb_base = RAM_BASE;
	vmm->rec.pc = RAM_BASE;
	if (vmm->use_firmware) {
		ret = vmm_load_firmware(vmm, 0);
		vmm->rec.pc = 0;
	} else if (vmm->use_kernel) {
		ret = place_direct(vmm);
	}
	if (!vmm->use_firmware)
		vmm->rec.gprs[0] = vmm->dtb_base;
	if (vmm->log)
		vmm->log_base = vmm->dtb_base + DTB_RESERVED;
	return ret;
}

const struct vmm_kind vmm_qemu = {
	.name = "qemu",
	.options = options,
	.hash = KVMCORE_HASH_SHA512,
	.size_unit = MIB,
	.init = init,
	.place = place,
	.dtb = dt_qemu,
	.follows = dt_qemu_follows,
};
