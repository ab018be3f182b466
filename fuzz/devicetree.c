// SPDX-License-Identifier: Apache-2.0
/*
 * The device tree's door: bytes that claim to be one, and parameters from which one is generated. What
 * is generated has to be a tree for libfdt.
 */
#include "devicetree.h"

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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct vmm vmm = { 0 };

	if (len < 16)
		return 0;
	fdt_check_full(data, len);
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
