// SPDX-License-Identifier: Apache-2.0
/* The scripts of tests/golden/realm: what the real TF-RMM printed, line by line. */
#include "common/number.h"
#include "script.h"
#include "support/check.h"

#include <jansson.h>
#include <string.h>

/* Two lists that a run has to produce, and how far it is in each. */
struct lines {
	const json_t *want;
	size_t at;
	const char *promise;
};

struct golden {
	struct lines answers, registers;
};

static void expect(struct lines *l, const char *line)
{
	const char *want = json_string_value(json_array_get(l->want, l->at++));

	if (!CHECK(want && !strcmp(line, want), l->promise))
		fprintf(stderr, "\twant %s\n\tgot  %s\n", want ? want : "(nothing)", line);
}

/* DATA prints nothing when it succeeds: that is how the driver of TF-RMM was written. */
static bool is_silent(const struct step *step, const struct outcome *out)
{
	return !out->rmi && (step->kind == STEP_DATA || step->kind == STEP_DATA_UNKNOWN ||
			     step->kind == STEP_RIPAS_LEVEL);
}

static int compare(void *user, const struct step *step, const struct outcome *out)
{
	struct golden *g = user;
	char line[256];

	if (step->kind == STEP_RIM || step->kind == STEP_REM) {
		int n = snprintf(line, sizeof(line), "%s ", step_name(step->kind));

		hex_text(out->value.bytes, kvmcore_hash_size(out->hash), line + n);
		expect(&g->registers, line);
	} else if (!is_silent(step, out)) {
		outcome_text(step, out, line, sizeof(line));
		expect(&g->answers, line);
	}
	return 0;
}

static void run_vector(const json_t *vector)
{
	const json_t *lines = json_object_get(vector, "script");
	struct golden g = {
		.answers = { json_object_get(vector, "oracle_status"), 0, "a call is answered so" },
		.registers = { json_object_get(vector, "expect"), 0, "a register reads so" },
	};
	steps_cleanup struct steps steps = { 0 };
	struct kvmcore_builder *builder = NULL;
	struct kvmcore_error err;
	const json_t *line;
	size_t i;

	REQUIRE(!kvmcore_rule_find(json_string_value(json_object_get(vector, "model")),
				   &steps.rule),
		"the rule of the vector is known");
	json_array_foreach((json_t *)(uintptr_t)lines, i, line)
		REQUIRE(!script_parse_line(&steps, json_string_value(line), (unsigned int)i + 1,
					   &err),
			"every line of a golden script is understood");
	CHECK(!steps_run(&steps, 0x283fce3bf30, 0, NULL, compare, &g, &builder), "the script runs");
	CHECK(g.answers.at == json_array_size(g.answers.want), "every answer was given");
	CHECK(g.registers.at == json_array_size(g.registers.want), "every register was printed");
	kvmcore_builder_destroy(builder);
}

static void run_file(const char *path, size_t n)
{
	json_t *file = json_load_file(path, 0, NULL);
	json_t *vectors = json_object_get(file, "vectors");
	const json_t *vector;
	size_t i;

	CHECK(json_array_size(vectors) == n, "the golden file holds all its vectors");
	json_array_foreach(vectors, i, vector) run_vector(vector);
	json_decref(file);
}

static void test_rule_1_0_answers_as_tf_rmm_rel0(void)
{
	run_file(TEST_SOURCE_DIR "/tests/golden/realm/rim-golden.json", 29);
}

static void test_rule_bet0_answers_as_tf_rmm_v0_3(void)
{
	run_file(TEST_SOURCE_DIR "/tests/golden/realm/rim-golden-bet0.json", 8);
}

int main(void)
{
	return RUN_TESTS(test_rule_1_0_answers_as_tf_rmm_rel0,
			 test_rule_bet0_answers_as_tf_rmm_v0_3);
}
