// SPDX-License-Identifier: Apache-2.0
/* What the guest begins with (Documentation/arch/arm64/booting.rst). */
#include "vmm.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MIB2        0x200000ull
#define TREE_SIZE   0x10000u
#define TREE        BOARD_RAM /* the 2 MiB below the kernel */
#define IMAGE_BASE  (BOARD_RAM + MIB2)
#define IMAGE_MAGIC 0x644d5241u /* "ARM\x64" */

/* booting.rst, "4. Call the kernel image": the first 64 bytes. */
struct image_header {
	uint32_t code[2];
	uint64_t text_offset, image_size, flags;
	uint64_t reserved[3];
	uint32_t magic, pe;
};

static int read_all(int fd, uint8_t *to, size_t size)
{
	while (size) {
		const ssize_t n = read(fd, to, size);

		if (n <= 0)
			return n ? -errno : -EIO;
		to += n;
		size -= (size_t)n;
	}
	return 0;
}

static void note_image(struct vmm *vmm, uint64_t ipa, uint64_t size)
{
	vmm->image[vmm->n_images].ipa = ipa;
	vmm->image[vmm->n_images++].size = size;
}

static void close_fd(const int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

static int read_file(const struct vmm *vmm, const char *path, uint64_t ipa, uint64_t *size)
{
	CLEANUP(close_fd) const int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat status;
	uint8_t *to;

	if (fd < 0 || fstat(fd, &status) < 0)
		return -errno;
	*size = (uint64_t)status.st_size;
	to = kvm_guest(vmm, ipa, *size);
	return to ? read_all(fd, to, *size) : -E2BIG;
}

/* The whole of a file into guest memory. Return: its size; -errno */
static int64_t load_file(struct vmm *vmm, const char *path, uint64_t ipa)
{
	uint64_t size = 0;
	int ret = vmm_told(read_file(vmm, path, ipa, &size), path);

	if (ret)
		return ret;
	note_image(vmm, ipa, size);
	return (int64_t)size;
}

/* Return: where it begins; 0 if it is no kernel */
static uint64_t place_kernel(struct vmm *vmm, uint64_t *end)
{
	const struct image_header *header;
	int64_t size = load_file(vmm, vmm->options->kernel, IMAGE_BASE);

	if (size < 0)
		return 0;
	header = kvm_guest(vmm, IMAGE_BASE, sizeof(*header)); /* zero beyond a short file */
	if (!header || header->magic != IMAGE_MAGIC || header->text_offset) {
		vmm_say("%s: no arm64 kernel that begins at a multiple of 2 MiB",
			vmm->options->kernel);
		return 0;
	}
	if (!kvm_guest(vmm, IMAGE_BASE, header->image_size)) {
		vmm_say("%s: its image_size is beyond the guest's memory", vmm->options->kernel);
		return 0;
	}
	*end = IMAGE_BASE +
	       (header->image_size > (uint64_t)size ? header->image_size : (uint64_t)size);
	return IMAGE_BASE;
}

/* For whoever has to know the bytes that a realm was measured with. */
static int write_tree(const struct vmm *vmm, const void *tree)
{
	FILE *file = vmm->options->tree ? fopen(vmm->options->tree, "w") : NULL;
	int ret = 0;

	if (!vmm->options->tree)
		return 0;
	if (!file || fwrite(tree, 1, TREE_SIZE, file) != TREE_SIZE)
		ret = -errno;
	if (file && fclose(file))
		ret = -errno;
	return ret;
}

int loader_load(struct vmm *vmm)
{
	uint64_t end = 0, entry = place_kernel(vmm, &end), initrd;
	int64_t size = 0;
	void *tree = kvm_guest(vmm, TREE, TREE_SIZE);
	int ret;

	if (!entry || !tree)
		return -EINVAL;
	initrd = (end + MIB2 - 1) & ~(MIB2 - 1);
	if (vmm->options->initrd)
		size = load_file(vmm, vmm->options->initrd, initrd);
	if (size < 0)
		return (int)size;
	ret = vmm_told(fdt_build(vmm, initrd, (uint64_t)size, tree, TREE_SIZE), "the device tree");
	note_image(vmm, TREE, TREE_SIZE);
	if (!ret)
		ret = vmm_told(write_tree(vmm, tree), vmm->options->tree);
	if (!ret)
		ret = kvm_set(&vmm->vcpu[0], KVMCORE_REG_PC, entry);
	if (!ret)
		ret = kvm_set(&vmm->vcpu[0], KVMCORE_REG_X(0), TREE);
	if (!ret && vmm->options->kind == GUEST_REALM)
		ret = vmm_told(realm_build(vmm), "the realm");
	return ret;
}
