/* SPDX-License-Identifier: Apache-2.0 */
/*
 * check.h - the two words every test is written with
 *
 * CHECK(condition, sentence) counts one promise; RUN_TESTS(f, g, ...) runs the functions and is the
 * exit code of main(). The sentence is what a reader of a failed run sees first.
 */
#ifndef TESTS_SUPPORT_CHECK_H
#define TESTS_SUPPORT_CHECK_H

#include <CUnit/Basic.h>
#include <CUnit/CUnit.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#ifndef ARRAY_SIZE
#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#endif

/* What the code under test promises; prints the sentence when it is broken. */
#define CHECK(condition, sentence) \
	check_that((condition), (sentence), #condition, __FILE__, __LINE__)

/* The same where going on makes no sense. */
#define REQUIRE(condition, sentence)             \
	do {                                     \
		if (!CHECK(condition, sentence)) \
			return;                  \
	} while (0)

#define RUN_TESTS(...) \
	run_tests((const struct check_test[]){ CHECK_EACH(__VA_ARGS__){ NULL, NULL } })

/* A test that cannot run here says why and is counted as skipped. */
#define SKIP_TESTS(reason) (printf("SKIP %s\n", (reason)), 77)

struct check_test {
	const char *name;
	void (*run)(void);
};

static inline bool check_that(bool held, const char *sentence, const char *condition,
			      const char *file, int line)
{
	if (!held)
		fprintf(stderr, "%s:%d: broken promise: %s\n\t%s\n", file, line, sentence,
			condition);
	CU_assertImplementation(held, (unsigned int)line, sentence, file, "", CU_FALSE);
	return held;
}

static inline int run_tests(const struct check_test *test)
{
	CU_pSuite suite;
	unsigned int failures;

	if (CU_initialize_registry() != CUE_SUCCESS)
		return 1;
	suite = CU_add_suite("promises", NULL, NULL);
	for (; suite && test->run; test++)
		CU_add_test(suite, test->name, test->run);
	CU_basic_set_mode(CU_BRM_VERBOSE);
	CU_basic_run_tests();
	failures = CU_get_number_of_failures() + CU_get_number_of_tests_failed();
	if (CU_get_number_of_asserts() == 0)
		failures++; /* a program that checked nothing has not passed */
	CU_cleanup_registry();
	return failures ? 1 : 0;
}

/* One row per name, by counting them. */
/* clang-format off */
#define CHECK_ROW(f)		{ #f, f },
#define CHECK_EACH_1(f)		CHECK_ROW(f)
#define CHECK_EACH_2(f, ...)	CHECK_ROW(f) CHECK_EACH_1(__VA_ARGS__)
#define CHECK_EACH_3(f, ...)	CHECK_ROW(f) CHECK_EACH_2(__VA_ARGS__)
#define CHECK_EACH_4(f, ...)	CHECK_ROW(f) CHECK_EACH_3(__VA_ARGS__)
#define CHECK_EACH_5(f, ...)	CHECK_ROW(f) CHECK_EACH_4(__VA_ARGS__)
#define CHECK_EACH_6(f, ...)	CHECK_ROW(f) CHECK_EACH_5(__VA_ARGS__)
#define CHECK_EACH_7(f, ...)	CHECK_ROW(f) CHECK_EACH_6(__VA_ARGS__)
#define CHECK_EACH_8(f, ...)	CHECK_ROW(f) CHECK_EACH_7(__VA_ARGS__)
#define CHECK_EACH_9(f, ...)	CHECK_ROW(f) CHECK_EACH_8(__VA_ARGS__)
#define CHECK_EACH_10(f, ...)	CHECK_ROW(f) CHECK_EACH_9(__VA_ARGS__)
#define CHECK_EACH_11(f, ...)	CHECK_ROW(f) CHECK_EACH_10(__VA_ARGS__)
#define CHECK_EACH_12(f, ...)	CHECK_ROW(f) CHECK_EACH_11(__VA_ARGS__)
#define CHECK_EACH_13(f, ...)	CHECK_ROW(f) CHECK_EACH_12(__VA_ARGS__)
#define CHECK_EACH_14(f, ...)	CHECK_ROW(f) CHECK_EACH_13(__VA_ARGS__)
#define CHECK_EACH_15(f, ...)	CHECK_ROW(f) CHECK_EACH_14(__VA_ARGS__)
#define CHECK_EACH_16(f, ...)	CHECK_ROW(f) CHECK_EACH_15(__VA_ARGS__)
#define CHECK_COUNT(_1, _2, _3, _4, _5, _6, _7, _8, _9, _10, _11, _12, _13, _14, _15, _16, n, ...) n
#define CHECK_EACH(...) \
	CHECK_COUNT(__VA_ARGS__, CHECK_EACH_16, CHECK_EACH_15, CHECK_EACH_14, CHECK_EACH_13, \
		    CHECK_EACH_12, CHECK_EACH_11, CHECK_EACH_10, CHECK_EACH_9, CHECK_EACH_8, \
		    CHECK_EACH_7, CHECK_EACH_6, CHECK_EACH_5, CHECK_EACH_4, CHECK_EACH_3, \
		    CHECK_EACH_2, CHECK_EACH_1, )(__VA_ARGS__)
/* clang-format on */

#endif
