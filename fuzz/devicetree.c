// SPDX-License-Identifier: Apache-2.0
/*
 * The device tree's door: bytes that claim to be one, as a template too, and parameters from which one is
 * generated. What is generated or patched has to be a tree for libfdt.
 */
#include "devicetree.h"
#include "dtb_template.h"

#include <libfdt.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void generate(struct vmm *vmm, int (*make)(const struct vmm *, uint8_t **, size_t *))
{
	uint8_t *tree = NULL;
	size_t len = 0;

	if (make(vmm, &tree, &len))
		return;
	if (fdt_check_full(tree, len))
		abort();
	free(tree);
}

static void patch(const struct vmm_kind *kind, const uint8_t *from)
{
	struct failure failure = { 0 };
	struct vmm vmm = {
		.kind = kind, .failure = &failure, .cpus = 3, .ram_size = 1u << 30, .its = true
	};
	uint8_t *made = NULL, *tree = NULL;
	size_t len = 0;

	if (kind->dtb(&vmm, &made, &len))
		return;
	if (dtb_template_patch(&vmm, from, made, &tree, &len)) {
		if (!failure.reason)
			abort(); /* a refusal is explained */
	} else if (fdt_check_full(tree, len)) {
		abort();
	}
	free(made);
	free(tree);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct vmm vmm = { 0 };

	if (len < 16)
		return 0;
	if (len <= 65536 && !fdt_check_full(data, len)) {
		patch(&vmm_qemu, data);
		patch(&vmm_kvmtool, data);
		patch(&vmm_cloudhv, data);
	}
	vmm.cpus = 1 + (data[0] | data[1] << 8) % VMM_MAX_CPUS;
	memcpy(&vmm.ram_size, data + 2, 6);
	vmm.its = data[8] & 1;
	vmm.pmu = data[8] & 2;
	vmm.serial = data[8] & 4;
	vmm.log_base = data[8] & 8 ? 0x80000000 : 0;
	vmm.virtio_mmio = data[9] % 32;
	vmm.initrd_size = data[10];
	vmm.initrd_base = 0x88000000;
	vmm.bootargs = strndup((const char *)data + 11, len - 11);
	generate(&vmm, dt_qemu);
	generate(&vmm, dt_kvmtool);
	generate(&vmm, dt_cloudhv);
	free(vmm.bootargs);
	return 0;
}
