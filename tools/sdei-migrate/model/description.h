/* SPDX-License-Identifier: Apache-2.0 */
/*
 * description.h - a model VM as a JSON file describes it
 *
 * docs/model.schema.json is the description's schema; this reader is as strict: unknown names are
 * refused, and every failure names the place in the file.
 */
#ifndef SDEI_MIGRATE_MODEL_DESCRIPTION_H
#define SDEI_MIGRATE_MODEL_DESCRIPTION_H

#include "common/failure.h"

#include <jansson.h>
#include <kvmcore/kvmcore.h>

#define MODEL_MAX_ANSWERS     64u /* ranges of forwarded calls */
#define MODEL_MAX_MEMORY      16u
#define MODEL_MAX_MEMORY_SIZE (256u << 20) /* bytes of all of it */
#define MODEL_MAX_FILE        (8u << 20) /* bytes of a description; the largest state takes 5 MB */

struct model_vcpu {
	uint64_t mpidr;
	uint32_t vcpu_id;
	bool on;
	uint32_t features; /* first word of kvm_vcpu_init.features */
};

struct model_memory {
	uint64_t base, size; /* bytes, multiples of 4096 */
};

struct model_description {
	struct kvmcore_config config; /* its kernel and s390_facilities point below */
	char kernel[16];
	bool has_uuid; /* this VM and no other; else it becomes whoever moves in */
	struct model_vcpu vcpu[KVMCORE_MAX_VCPUS];
	unsigned int n_vcpus;
	struct model_memory memory[MODEL_MAX_MEMORY];
	unsigned int n_memory;
	struct kvm_sdei_exposed_event_state exposed[KVM_SDEI_MAX_EVENTS];
	unsigned int n_exposed;
	uint64_t s390_facilities[256]; /* where config.host.s390_facilities points to */
	struct kvmcore_call_range answers[MODEL_MAX_ANSWERS]; /* ascending */
	unsigned int n_answers;
	json_t *script;     /* array, owned; NULL: none */
	char *platform_pem; /* config.host.platform_pem, owned; NULL: none */
};

/**
 * description_read() - read and check a description
 * @path: file, or "-"
 *
 * Return: 0 with an object owned by the caller; -EINVAL with a usage failure that names the place;
 * -E2BIG, -errno of the file; -ENOMEM.
 */
int description_read(const char *path, struct model_description **description,
		     struct failure *failure);

/** description_parse() - the same from JSON that is already there; @name stands for the file in failures */
int description_parse(const json_t *json, const char *name, struct model_description **description,
		      struct failure *failure);

/** description_free() - takes NULL. Return: NULL */
struct model_description *description_free(struct model_description *description);

#endif
