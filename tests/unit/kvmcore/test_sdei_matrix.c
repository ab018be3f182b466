// SPDX-License-Identifier: Apache-2.0
/* What holds for the matrices as a whole; their cells are tested by tests/conformance/sdei. */
#include "sdei/matrix.h"
#include "support/check.h"

static const struct sdei_matrix *const matrix[] = { &sdei_matrix_spec, &sdei_matrix_v5,
						    &sdei_matrix_v7 };

static void test_forbidden_cells_lead_nowhere(void)
{
	for (size_t m = 0; m < ARRAY_SIZE(matrix); m++)
		for (unsigned int s = 0; s < NR_STATES; s++)
			for (unsigned int op = 0; op < NR_OPS; op++)
				CHECK(matrix[m]->cell[s][op].verdict != CELL_FORBIDDEN ||
					      matrix[m]->cell[s][op].next == 0,
				      "a forbidden cell names no state");
}

static void test_only_dispatch_starts_and_only_complete_ends_a_run(void)
{
	for (size_t m = 0; m < ARRAY_SIZE(matrix); m++)
		for (unsigned int s = 0; s < NR_STATES; s++)
			for (unsigned int op = 0; op < NR_OPS; op++) {
				const struct sdei_cell *cell = &matrix[m]->cell[s][op];

				if (cell->verdict == CELL_FORBIDDEN)
					continue;
				if (op == OP_DISPATCH)
					CHECK(cell->next & STATE_RUNNING, "dispatch starts a run");
				else if (op == OP_COMPLETE)
					CHECK(s & STATE_RUNNING && !(cell->next & STATE_RUNNING),
					      "COMPLETE ends one");
				else
					CHECK((cell->next & STATE_RUNNING) == (s & STATE_RUNNING),
					      "nothing else touches it");
			}
}

static void test_spec_never_enables_what_is_not_registered(void)
{
	for (unsigned int s = 0; s < NR_STATES; s++)
		for (unsigned int op = 0; op < NR_OPS; op++) {
			const struct sdei_cell *cell = &sdei_matrix_spec.cell[s][op];
			const bool possible = s < STATE_UNREGISTER &&
					      (!(s & STATE_ENABLED) || s & STATE_REGISTERED);

			CHECK(possible || cell->verdict == CELL_FORBIDDEN,
			      "in an impossible state every operation is forbidden");
			CHECK(!(cell->next & STATE_ENABLED) || cell->next & STATE_REGISTERED,
			      "no operation leads into one");
		}
}

int main(void)
{
	return RUN_TESTS(test_forbidden_cells_lead_nowhere,
			 test_only_dispatch_starts_and_only_complete_ends_a_run,
			 test_spec_never_enables_what_is_not_registered);
}
