/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vmm.h - from a VMM's command line to the steps that build its realm
 *
 * For every VMM: create, RAM, images in ascending order, one runnable REC, and what is loaded but not
 * measured. Where images lie and what the device tree says differs; docs/dtb.md.
 */
#ifndef REALM_MEASURE_VMM_H
#define REALM_MEASURE_VMM_H

#include "caps.h"
#include "common/realm/steps.h"

#include <jansson.h>

#define VMM_LOG_SIZE 0x10000u
#define VMM_MAX_CPUS 512u

struct vmm;

/* An option of a VMM: take is NULL where it has no influence on the RIM. */
struct vmm_option {
	const char *name; /* without dashes */
	bool has_value;
	int (*take)(struct vmm *vmm, char *value);
};

/*
 * What a tree has because of the arguments: a property of a node, or with a NULL property the node
 * itself. A path may leave unit addresses out. Ends with a NULL path.
 */
struct dtb_follows {
	const char *path, *property;
};

struct vmm_kind {
	const char *name;
	const struct vmm_option *options; /* ends with a NULL name */
	enum kvmcore_hash hash;           /* unless something says otherwise */
	uint64_t size_unit;               /* of a memory size without suffix */
	void (*init)(struct vmm *vmm);
	int (*place)(struct vmm *vmm); /* load images, decide addresses */
	int (*dtb)(const struct vmm *vmm, uint8_t **data, size_t *len);
	const struct dtb_follows *follows; /* what of a tree changes with arguments */
};

extern const struct vmm_kind vmm_qemu, vmm_kvmtool, vmm_cloudhv;

/* What is said outside of the VMM's own arguments. */
struct vmm_request {
	const char *kernel, *initrd, *firmware, *dtb, *dtb_template, *output_dtb;
	const char *hash; /* NULL: the VMM's */
	struct caps caps;
};

struct vmm_image {
	struct blob *blob; /* owned by the steps */
	uint64_t ipa;
};

struct vmm {
	const struct vmm_kind *kind;
	const struct vmm_request *request;
	struct failure *failure;
	json_t *ignored; /* names of options nobody knows */

	/* What the arguments say. */
	uint32_t cpus;
	bool cpus_said;
	uint32_t topology[4];       /* QEMU: sockets, clusters, cores, threads; 0: not said */
	uint64_t ram_size, max_ram; /* max_ram 0: not said */
	char *bootargs;             /* owned */
	bool its, acpi, log, pmu, serial;
	bool use_kernel, use_initrd, use_firmware;
	uint32_t virtio_mmio, virtio_devices;
	bool mmio_transport;
	uint64_t firmware_base;
	uint8_t rpv[KVMCORE_RPV_SIZE];
	enum kvmcore_hash hash;
	struct caps caps;

	/* What follows from them. */
	uint64_t ram_base, initrd_base, initrd_size, dtb_base, log_base;
	uint64_t dtb_room; /* the tree is zero padded to this; 0: as it is */
	struct kvmcore_rec rec;
	struct vmm_image image[4];
	unsigned int n_images;
	struct steps *steps;
};

/** vmm_find() - "qemu", "kvmtool" or "cloud-hv"; NULL */
const struct vmm_kind *vmm_find(const char *name);

/* What vmm_steps() found besides the steps. */
struct vmm_report {
	json_t *ignored;  /* array, owned by the caller */
	bool unconfirmed; /* the device tree was not given, and nobody published this one */
};

/**
 * vmm_steps() - read @argv and append the steps of the realm it starts
 *
 * Return: 0; -errno with @failure; -ENOMEM.
 */
int vmm_steps(const struct vmm_kind *kind, const struct vmm_request *request, int argc,
	      char *const *argv, struct steps *steps, struct vmm_report *report,
	      struct failure *failure);

/* --- For the VMMs ------------------------------------------------------------------------------- */

/** vmm_refuse() - an argument nobody can follow. Return: -EINVAL */
int vmm_refuse(struct vmm *vmm, const char *option, const char *expected, const char *actual);

/** vmm_add_image() - @blob lies at @ipa; takes it, also on failure */
int vmm_add_image(struct vmm *vmm, struct blob *blob, uint64_t ipa);

/** vmm_load_kernel() - the kernel above @base, as its header says. @header says how much it needs */
int vmm_load_kernel(struct vmm *vmm, uint64_t base, uint64_t *start, uint64_t *end);

/** vmm_load_initrd() - open it, its size going to @vmm; it is placed with vmm_add_image() */
int vmm_load_initrd(struct vmm *vmm, struct blob **blob);

/** vmm_load_firmware() - the firmware at @ipa */
int vmm_load_firmware(struct vmm *vmm, uint64_t ipa);

/** vmm_add_dtb() - the device tree at dtb_base: as given, patched into a template, or generated */
int vmm_add_dtb(struct vmm *vmm);

/** vmm_is_published() - whether somebody published the tree that is generated for these arguments */
bool vmm_is_published(const struct vmm *vmm);

/** vmm_size() - "512M", "1G", ... Return: 0; -EINVAL */
int vmm_size(struct vmm *vmm, const char *option, const char *text, uint64_t *size);

/** vmm_count() - a number from @min to @max. Return: 0; -EINVAL */
int vmm_count(struct vmm *vmm, const char *option, const char *text, uint64_t min, uint64_t max,
	      uint64_t *value);

/** vmm_bool() - on/off and their kin. Return: 0; -EINVAL */
int vmm_bool(struct vmm *vmm, const char *option, const char *text, bool *value);

/** vmm_hash() - a hash algorithm by name. Return: 0; -EINVAL */
int vmm_hash(struct vmm *vmm, const char *option, const char *name);

/** vmm_text() - keep a copy in *@to. Return: 0; -ENOMEM */
int vmm_text(struct vmm *vmm, const char *text, char **to);

/** vmm_each() - split "a=b,c" and give each piece to @take; @value is NULL without "=" */
int vmm_each(struct vmm *vmm, char *list, int (*take)(struct vmm *, const char *, char *));

/** vmm_note() - tell that @option was not followed. Return: 0; -ENOMEM */
int vmm_note(struct vmm *vmm, const char *option);

static inline uint64_t vmm_align(uint64_t value, uint64_t to)
{
	return (value + to - 1) & ~(to - 1);
}

#endif
