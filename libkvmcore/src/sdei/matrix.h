/* SPDX-License-Identifier: Apache-2.0 */
/*
 * matrix.h - the states of one handler instance and what each operation does to them
 *
 * DEN0054 §6.1, table 13. A state is a set of bits, the first three as EVENT_STATUS reports them.
 * docs/states.md draws the same matrices.
 */
#ifndef KVMCORE_SDEI_MATRIX_H
#define KVMCORE_SDEI_MATRIX_H

#include <stdint.h>

#define STATE_REGISTERED 1u
#define STATE_ENABLED    2u
#define STATE_RUNNING    4u
#define STATE_UNREGISTER 8u /* kvm-v5's stored "unregister pending" */
#define NR_STATES        16u

enum sdei_op {
	OP_REGISTER,
	OP_RELEASE, /* SDEI_INTERRUPT_RELEASE */
	OP_ENABLE,
	OP_DISABLE,
	OP_UNREGISTER,
	OP_ROUTING_SET,
	OP_CONTEXT,
	OP_COMPLETE, /* and COMPLETE_AND_RESUME */
	OP_DISPATCH,
	NR_OPS
};

/* A cell that is not written is forbidden. */
struct sdei_cell {
	uint8_t next;
	uint8_t verdict; /* enum sdei_verdict */
};

enum sdei_verdict {
	CELL_FORBIDDEN, /* DENIED, nothing changes */
	CELL_ALLOWED,
	CELL_PENDING, /* the change happens, the call answers PENDING */
};

struct sdei_matrix {
	struct sdei_cell cell[NR_STATES][NR_OPS];
};

extern const struct sdei_matrix sdei_matrix_spec, sdei_matrix_v5, sdei_matrix_v7;

#endif
