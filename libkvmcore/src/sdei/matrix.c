// SPDX-License-Identifier: Apache-2.0
#include "matrix.h"

/*
 * Names for the rows: G registered, E enabled, R running, U unregister pending (stored).
 * Columns in the order of enum sdei_op.
 */
enum { NIL = 0, G = 1, GE = 3, R = 4, GR = 5, GER = 7, U = 8, GRU = 13, GERU = 15, E = 2, ER = 6 };

/* clang-format off */
#define NO	{ 0, CELL_FORBIDDEN }
#define TO(s)	{ s, CELL_ALLOWED }
#define PE(s)	{ s, CELL_PENDING }

/* DEN0054 table 13. Enabled without registered does not exist, so E and ER have no row. */
const struct sdei_matrix sdei_matrix_spec = { .cell = {
	/*        REGISTER RELEASE  ENABLE   DISABLE  UNREGIST ROUTING  CONTEXT  COMPLETE DISPATCH */
	[NIL] = { TO(G),   TO(NIL), NO,      NO,      NO,      NO,      NO,      NO,      NO },
	[G]   = { NO,      NO,      TO(GE),  TO(G),   TO(NIL), TO(G),   NO,      NO,      NO },
	[GE]  = { NO,      NO,      TO(GE),  TO(G),   TO(NIL), NO,      NO,      NO,      TO(GER) },
	[GR]  = { NO,      NO,      TO(GER), TO(GR),  PE(R),   NO,      TO(GR),  TO(G),   NO },
	[GER] = { NO,      NO,      TO(GER), TO(GR),  PE(R),   NO,      TO(GER), TO(GE),  NO },
	[R]   = { NO,      NO,      NO,      NO,      PE(R),   NO,      TO(R),   TO(NIL), NO },
} };

/*
 * KVM SDEI v5, patches 05 to 14/22. Delivery looks at nothing but the queue, the running bit is not
 * part of what REGISTER and DISABLE look at, and the pending bit outlives COMPLETE.
 */
const struct sdei_matrix sdei_matrix_v5 = { .cell = {
	/*        REGISTER RELEASE  ENABLE   DISABLE  UNREGIST ROUTING  CONTEXT  COMPLETE DISPATCH */
	[NIL] = { TO(G),   NO,      NO,      NO,      NO,      NO,      NO,      NO,      TO(R) },
	[G]   = { NO,      NO,      TO(GE),  TO(G),   TO(NIL), TO(G),   NO,      NO,      TO(GR) },
	[GE]  = { NO,      NO,      TO(GE),  TO(G),   TO(NIL), NO,      NO,      NO,      TO(GER) },
	[GR]  = { NO,      NO,      TO(GER), TO(GR),  PE(GRU), NO,      TO(GR),  TO(G),   TO(GR) },
	[GER] = { NO,      NO,      TO(GER), TO(GR),  PE(GERU),NO,      TO(GER), TO(GE),  TO(GER) },
	[R]   = { TO(GR),  NO,      NO,      NO,      NO,      NO,      TO(R),   TO(NIL), TO(R) },
	[U]   = { NO,      NO,      NO,      NO,      NO,      NO,      NO,      NO,      TO(U | R) },
	[U|R] = { NO,      NO,      NO,      NO,      NO,      NO,      TO(U|R), TO(U),   TO(U | R) },
	[U|G] = { NO,      NO,      NO,      NO,      PE(U|G), NO,      NO,      NO,      TO(GRU) },
	[U|GE]= { NO,      NO,      NO,      NO,      PE(U|GE),NO,      NO,      NO,      TO(GERU) },
	[GRU] = { NO,      NO,      NO,      NO,      PE(GRU), NO,      TO(GRU), TO(U),   TO(GRU) },
	[GERU]= { NO,      NO,      NO,      NO,      PE(GERU),NO,      TO(GERU),TO(U),   TO(GERU) },
	/* Enabled without registered: SET_REGISTERED_EVENT does not look at its bitmaps. */
	[E]   = { TO(GE),  NO,      NO,      NO,      NO,      NO,      NO,      NO,      TO(ER) },
	[ER]  = { TO(GER), NO,      NO,      NO,      NO,      NO,      TO(ER),  TO(E),   TO(ER) },
	[U|E] = { NO,      NO,      NO,      NO,      NO,      NO,      NO,      NO,      TO(U|ER) },
	[U|ER]= { NO,      NO,      NO,      NO,      NO,      NO,      TO(U|ER),TO(U),   TO(U|ER) },
} };

/* KVM SDEI v7, patches 05 to 14/22. Pseudo-register writes can make E and ER, so both have rows. */
const struct sdei_matrix sdei_matrix_v7 = { .cell = {
	/*        REGISTER RELEASE  ENABLE   DISABLE  UNREGIST ROUTING  CONTEXT  COMPLETE DISPATCH */
	[NIL] = { TO(G),   NO,      NO,      NO,      NO,      NO,      NO,      NO,      NO },
	[G]   = { NO,      NO,      TO(GE),  TO(G),   TO(NIL), NO,      NO,      NO,      NO },
	[E]   = { TO(GE),  NO,      NO,      NO,      NO,      NO,      NO,      NO,      NO },
	[GE]  = { NO,      NO,      TO(GE),  TO(G),   TO(NIL), NO,      NO,      NO,      TO(GER) },
	[GR]  = { NO,      NO,      TO(GER), TO(GR),  PE(R),   NO,      TO(GR),  TO(G),   NO },
	[GER] = { NO,      NO,      TO(GER), TO(GR),  PE(R),   NO,      TO(GER), TO(GE),  NO },
	[R]   = { NO,      NO,      NO,      NO,      PE(R),   NO,      TO(R),   TO(NIL), NO },
	[ER]  = { NO,      NO,      NO,      NO,      PE(ER),  NO,      TO(ER),  TO(E),   NO },
} };
/* clang-format on */
