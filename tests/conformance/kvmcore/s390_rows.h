/* SPDX-License-Identifier: Apache-2.0 */
/*
 * s390_rows.h - the attribute groups of s390, cell by cell
 */
#ifndef TESTS_CONFORMANCE_S390_ROWS_H
#define TESTS_CONFORMANCE_S390_ROWS_H

#include <kvmcore/kvmcore.h>
#include <stddef.h>
#include <stdint.h>

enum s390_op { SET, GET, HAS };

/* How the VM differs from a fresh one on the default host. */
enum s390_given {
	NO_CMMA = KVMCORE_S390_LACKS_CMMA,
	NO_AP = KVMCORE_S390_LACKS_AP,
	HUGE = KVMCORE_S390_HUGE_PAGES,
	UCONTROL = KVMCORE_S390_UCONTROL,
	PROTECTED = KVMCORE_S390_PROTECTED,
	POOR = 1u << 5, /* a host without facilities */
	VCPU = 1u << 6,
	CMMA_ON = 1u << 7,
	SLOT = 1u << 8,
	LOGGED = 1u << 9, /* with a dirty log */
	STARTED = 1u << 10,
	WRITTEN = 1u << 11, /* PROCESSOR_SUBFUNC */
	OLD = 1u << 12,     /* Linux 6.1 */
	FLAGS = 1u << 13,   /* kvm_device_attr.flags = 1 */
};

/* What kvm_device_attr.addr points to. */
enum s390_data {
	NOTHING, /* NULL */
	NOWHERE, /* an address that is not mapped */
	ZERO,
	ONE,   /* the first byte is 1 */
	ONES,  /* every byte is 0xff */
	ABOVE, /* a limit above the host's */
};

struct s390_row {
	const char *source, *promise;
	enum s390_op op;
	uint32_t group;
	uint64_t attr;
	unsigned int given;
	enum s390_data data;
	int kernel, document;
};

extern const struct s390_row s390_row[];
extern const size_t s390_n_rows;

#endif
