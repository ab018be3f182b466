/* SPDX-License-Identifier: Apache-2.0 */
/*
 * replay.h - recorded answers of real kernels, held against the model row by row
 *
 * tests/conformance/data/README.md says how they were recorded.
 */
#ifndef TESTS_CONFORMANCE_REPLAY_H
#define TESTS_CONFORMANCE_REPLAY_H

#include <jansson.h>
#include <kvmcore/kvmcore.h>
#include <stdbool.h>
#include <stdint.h>

/* A place where the model differs on purpose; docs/abi.md, "Differences from recorded kernels". */
struct exemption {
	const char *kernel; /* "6.12", or NULL for all */
	const char *row;    /* its name, or the beginning of it before a final '*' */
	const char *reason;
	unsigned int used;
};

/** replay_file() - call @row for each object of a JSON-lines file under tests/conformance/data */
void replay_file(const char *name, const char *kernel,
		 void (*row)(const char *kernel, const json_t *object));

/** replay_result() - one comparison: counts it, excuses it if exempt, else fails with the row's name */
void replay_result(const char *kernel, const char *row, bool equal, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

/** replay_exempt() - @list is used until the next call; a closing row has no reason */
void replay_exempt(struct exemption *list);

/** replay_is_exempt() - does an exemption speak of this row? Counts as its use */
bool replay_is_exempt(const char *kernel, const char *row);

/** replay_check_exemptions() - each exemption was needed by some row */
void replay_check_exemptions(void);

/** replay_u64() - a number, or a string that holds one; absent is 0 */
uint64_t replay_u64(const json_t *object, const char *key);

/** replay_text() - a string; absent is "" */
const char *replay_text(const json_t *object, const char *key);

/** replay_vm() - a VM of @kernel with @n_vcpus initialised vCPUs, or none */
struct kvmcore_vm *replay_vm(const char *kernel, enum kvmcore_vm_type type, unsigned int n_vcpus);

#endif
