/* SPDX-License-Identifier: Apache-2.0 */
/* s390_attr.h - one row per attribute: who answers SET, GET and HAS */
#ifndef KVMCORE_S390_ATTR_H
#define KVMCORE_S390_ATTR_H

#include "s390.h"

/* @addr is the caller's pointer; -errno or 0. */
typedef int s390_attr_fn(struct kvmcore_vm *vm, uint64_t addr);

struct s390_attr_row {
	uint64_t attr;
	s390_attr_fn *set, *get; /* NULL: -ENXIO */
	s390_attr_fn *has;       /* NULL: always there */
};

struct s390_attr_group {
	uint32_t group;
	const struct s390_attr_row *row;
	unsigned int n_rows;
	unsigned int n_late; /* of them, at the end: rows that kernels before 6.6 do not know */
	/* before the attribute is looked up; NULL: nothing to check */
	int (*enter)(struct kvmcore_vm *vm, const struct kvm_device_attr *attr, bool set);
	/* instead of rows, where the attribute number is itself a value; NULL: rows decide */
	int (*set_number)(struct kvmcore_vm *vm, uint64_t attr);
	s390_attr_fn *get_any, *has_any;
};

extern const struct s390_attr_group s390_mem_ctrl, s390_tod, s390_crypto, s390_cpu_model,
	s390_migration, s390_topology;

/** s390_has_facility() - does the guest have it: in its CPU model and on the host (test_kvm_facility()) */
bool s390_has_facility(const struct s390 *s, unsigned int number);

#endif
