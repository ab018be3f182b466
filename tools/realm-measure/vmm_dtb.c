// SPDX-License-Identifier: Apache-2.0
/* The device tree a VMM loads: given, patched or generated; docs/dtb.md. */
#include "common/cleanup.h"
#include "common/file.h"
#include "dtb_template.h"
#include "payload.h"
#include "vmm.h"

#include <errno.h>
#include <libfdt.h>
#include <string.h>

#define MAX_DTB (2u << 20)

static int no_memory(struct vmm *vmm)
{
	return failure_set(vmm->failure, SDEISTATE_NO_MEMORY, -ENOMEM, NULL, NULL, NULL, NULL);
}

static int open_dtb(struct vmm *vmm, const char *path, struct blob **blob)
{
	struct blob *made = NULL;
	int ret = payload_open(path, "DTB", &made, vmm->failure);

	if (!ret && fdt_check_full(made->bytes, made->size > MAX_DTB ? MAX_DTB : made->size)) {
		ret = failure_set(vmm->failure, SDEISTATE_NOT_OURS, -EINVAL, path, NULL,
				  "a flattened device tree", "something else");
		blob_free(made);
	} else if (!ret) {
		*blob = made;
	}
	return ret;
}

/* Takes @data. kvmtool loads a fixed size. */
static int fill_up(struct vmm *vmm, uint8_t *data, size_t len, struct blob **blob)
{
	uint8_t *grown;

	if (vmm->dtb_room && len > vmm->dtb_room) {
		free(data);
		return vmm_refuse(vmm, "device tree", "at most 64 KiB", "more");
	}
	if (len < vmm->dtb_room) {
		grown = realloc(data, vmm->dtb_room);
		if (!grown) {
			free(data);
			return no_memory(vmm);
		}
		memset(grown + len, 0, vmm->dtb_room - len);
		data = grown;
		len = vmm->dtb_room;
	}
	return payload_from_bytes("DTB", data, len, blob) ? no_memory(vmm) : 0;
}

static int generated_dtb(struct vmm *vmm, struct blob **blob)
{
	uint8_t *data = NULL;
	size_t len = 0;

	if (vmm->kind->dtb(vmm, &data, &len))
		return no_memory(vmm);
	return fill_up(vmm, data, len, blob);
}

static int patched_dtb(struct vmm *vmm, struct blob **blob)
{
	uint8_t *made = NULL, *data = NULL;
	struct blob *from = NULL;
	size_t len = 0;
	int ret = open_dtb(vmm, vmm->request->dtb_template, &from);

	if (ret)
		return ret;
	if (vmm->kind->dtb(vmm, &made, &len))
		ret = no_memory(vmm);
	else
		ret = dtb_template_patch(vmm, from->bytes, made, &data, &len);
	free(made);
	blob_free(from);
	return ret ? ret : fill_up(vmm, data, len, blob);
}

static int make_dtb(struct vmm *vmm, struct blob **blob)
{
	const struct vmm_request *request = vmm->request;

	if (request->dtb && request->dtb_template)
		return vmm_refuse(vmm, "--dtb-template", "no --dtb beside it", "both");
	if (request->dtb)
		return open_dtb(vmm, request->dtb, blob);
	return request->dtb_template ? patched_dtb(vmm, blob) : generated_dtb(vmm, blob);
}

int vmm_add_dtb(struct vmm *vmm)
{
	const char *output = vmm->request->output_dtb;
	struct blob *blob = NULL;
	int ret = make_dtb(vmm, &blob);

	if (!ret && output)
		ret = file_write(output, blob->bytes, blob->size, 0644, vmm->failure);
	if (ret) {
		blob_free(blob);
		return ret;
	}
	return vmm_add_image(vmm, blob, vmm->dtb_base);
}

/* Device trees that somebody published, by what they depend on (docs/dtb.md, "Confirmed"). */
static const struct {
	const struct vmm_kind *kind;
	uint32_t cpus;
	uint64_t ram_size;
	const char *bootargs;
	uint64_t initrd_size;
	bool pmu;
} published[] = {
	{ &vmm_qemu, 1, 128u << 20, NULL, 0, false },
	{ &vmm_qemu, 1, 128u << 20, NULL, 0, true },
	{ &vmm_qemu, 2, 1u << 30, NULL, 0, false },
	{ &vmm_qemu, 2, 1u << 30, "root=/dev/vda2", 0, false },
	{ &vmm_qemu, 2, 1u << 30, NULL, 14, false },
	{ &vmm_qemu, 2, 1u << 30, "root=/dev/vda2", 14, false },
	{ &vmm_kvmtool, 1, 512u << 20, " console=hvc0 root=/dev/vda rw ", 0, false },
};

bool vmm_is_published(const struct vmm *vmm)
{
	if (vmm->request->dtb_template || json_array_size(vmm->ignored) || !vmm->its ||
	    vmm->log_base || vmm->virtio_mmio)
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(published); i++)
		if (published[i].kind == vmm->kind && published[i].cpus == vmm->cpus &&
		    published[i].ram_size == vmm->ram_size && published[i].pmu == vmm->pmu &&
		    published[i].initrd_size == vmm->initrd_size &&
		    !strcmp(published[i].bootargs ? published[i].bootargs : "",
			    vmm->bootargs ? vmm->bootargs : ""))
			return true;
	return false;
}
