/* SPDX-License-Identifier: Apache-2.0 */
/* s390_rig.h - an s390 VM, its attributes in a word each */
#ifndef TESTS_KVMCORE_S390_RIG_H
#define TESTS_KVMCORE_S390_RIG_H

#include "support/model.h"

#include <errno.h>
#include <kvmcore/uapi_s390.h>

#define BAD ((void *)8) /* an address that is never mapped */

/* Facility words without @number, counted from the most significant bit. */
static inline void s390_without(uint64_t *list, unsigned int number)
{
	list[number / 64] &= ~(1ULL << (63 - number % 64));
}

static inline struct model s390_new(uint32_t lacks, bool document, const uint64_t *facilities,
				    unsigned int n_vcpus)
{
	const struct kvmcore_config config = {
		.type = KVMCORE_VM_S390,
		.s390_strict_document = document,
		.host = { .s390_lacks = lacks, .s390_facilities = facilities },
	};

	return model_new(&config, n_vcpus);
}

static inline int s390_set(struct model *m, uint32_t group, uint64_t attr, const void *value)
{
	return model_attr(m, -1, KVM_SET_DEVICE_ATTR, group, attr, value);
}

static inline int s390_get(struct model *m, uint32_t group, uint64_t attr, void *value)
{
	return model_attr(m, -1, KVM_GET_DEVICE_ATTR, group, attr, value);
}

static inline int s390_has(struct model *m, uint32_t group, uint64_t attr)
{
	return model_attr(m, -1, KVM_HAS_DEVICE_ATTR, group, attr, NULL);
}

#endif
