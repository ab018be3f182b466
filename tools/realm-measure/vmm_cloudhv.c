// SPDX-License-Identifier: Apache-2.0
/* cloud-hypervisor; docs/dtb.md, "cloud-hypervisor". No published value confirms it. */
#include "common/text.h"
#include "devicetree.h"
#include "vmm.h"

#include <string.h>

#define RAM_BASE    UINT64_C(0x40000000)
#define KERNEL_BASE (RAM_BASE + 0x400000)
#define IPA_BITS    48u

static void init(struct vmm *vmm)
{
	vmm->ram_size = UINT64_C(512) << 20;
}

static int take_platform(struct vmm *vmm, const char *name, char *value)
{
	if (!strcmp(name, "measurement_algo"))
		return vmm_hash(vmm, "measurement_algo", value);
	if (strcmp(name, "personalization_value") != 0)
		return vmm_note(vmm, name);
	if (!value || strlen(value) > sizeof(vmm->rpv))
		return vmm_refuse(vmm, "personalization_value", "at most 64 characters",
				  value ? value : "nothing");
	memcpy(vmm->rpv, value, strlen(value));
	return 0;
}

static int platform(struct vmm *vmm, char *value)
{
	return vmm_each(vmm, value, take_platform);
}

static int take_cpus(struct vmm *vmm, const char *name, char *value)
{
	uint64_t n = 1;
	int ret;

	if (strcmp(name, "boot") != 0)
		return vmm_note(vmm, name);
	ret = vmm_count(vmm, "--cpus boot", value, 1, VMM_MAX_CPUS, &n);
	vmm->cpus = (uint32_t)n;
	return ret;
}

static int cpus(struct vmm *vmm, char *value)
{
	return vmm_each(vmm, value, take_cpus);
}

static int take_memory(struct vmm *vmm, const char *name, char *value)
{
	if (strcmp(name, "size") != 0)
		return vmm_note(vmm, name);
	return vmm_size(vmm, "--memory size", value ? value : "", &vmm->ram_size);
}

static int memory(struct vmm *vmm, char *value)
{
	return vmm_each(vmm, value, take_memory);
}

static int cmdline(struct vmm *vmm, char *value)
{
	return vmm_text(vmm, value, &vmm->bootargs);
}

static int serial(struct vmm *vmm, char *value)
{
	vmm->serial = strcmp(value, "off") != 0;
	return 0;
}

static int kernel(struct vmm *vmm, char *value)
{
	(void)value;
	vmm->use_kernel = true;
	return 0;
}

static int initramfs(struct vmm *vmm, char *value)
{
	(void)value;
	vmm->use_initrd = true;
	return 0;
}

static const struct vmm_option options[] = {
	{ "platform", true, platform },
	{ "cpus", true, cpus },
	{ "memory", true, memory },
	{ "cmdline", true, cmdline },
	{ "serial", true, serial },
	{ "kernel", true, kernel },
	{ "initramfs", true, initramfs },
	{ "disk", true, NULL },
	{ "net", true, NULL },
	{ "rng", true, NULL },
	{ "fs", true, NULL },
	{ "console", true, NULL },
	{ "vsock", true, NULL },
	{ "log-file", true, NULL },
	{ "api-socket", true, NULL },
	{ "event-monitor", true, NULL },
	{ "seccomp", true, NULL },
	{ "dtb", true, NULL },
	{ "v", false, NULL },
	{ NULL, false, NULL },
};

static int place_initrd(struct vmm *vmm)
{
	struct blob *blob = NULL;
	int ret = vmm_load_initrd(vmm, &blob);

	if (ret)
		return ret;
	if (blob->size > vmm->ram_size) {
		blob_free(blob);
		return vmm_refuse(vmm, "-i", "an initrd that fits into RAM", "more");
	}
	vmm->initrd_base = RAM_BASE + vmm->ram_size - vmm_align(blob->size, KVMCORE_GRANULE_SIZE);
	return vmm_add_image(vmm, blob, vmm->initrd_base);
}

static int place(struct vmm *vmm)
{
	uint64_t start, end;
	int ret = caps_request(&vmm->caps, CAP_IPA_BITS, IPA_BITS, "cloud-hv", vmm->failure);

	if (!ret)
		ret = caps_limit(&vmm->caps, CAP_SVE_VL, 0, "cloud-hv", vmm->failure);
	if (!ret && vmm->use_kernel)
		ret = vmm_load_kernel(vmm, KERNEL_BASE, &start, &end);
	if (!ret && vmm->use_initrd)
		ret = place_initrd(vmm);
	vmm->ram_base = RAM_BASE;
	vmm->dtb_base = RAM_BASE;
	vmm->rec.pc = KERNEL_BASE;
	vmm->rec.gprs[0] = vmm->dtb_base;
	return ret;
}

const struct vmm_kind vmm_cloudhv = {
	.name = "cloud-hv",
	.options = options,
	.hash = KVMCORE_HASH_SHA512,
	.size_unit = 1,
	.init = init,
	.place = place,
	.dtb = dt_cloudhv,
	.follows = dt_cloudhv_follows,
};
