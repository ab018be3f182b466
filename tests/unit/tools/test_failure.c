// SPDX-License-Identifier: Apache-2.0
#include "common/cleanup.h"
#include "common/failure.h"

#include "support/check.h"

#include <errno.h>
#include <string.h>

/* The numbers users rely on. */
static void test_exit_codes(void)
{
	static const struct {
		enum sdeistate_reason reason;
		int code;
	} row[] = {
		{ SDEISTATE_OK, 0 },
		{ SDEISTATE_USAGE, 2 },
		{ SDEISTATE_BAD_SIGNATURE, 3 },
		{ SDEISTATE_BAD_DIGEST, 3 },
		{ SDEISTATE_POLICY, 4 },
		{ SDEISTATE_PEER, 5 },
		{ SDEISTATE_TIMEOUT, 5 },
		{ SDEISTATE_NEWER, 6 },
		{ SDEISTATE_INCOMPATIBLE, 6 },
		{ SDEISTATE_CANCELLED, 7 },
		{ SDEISTATE_DIFFERS, 8 },
		{ SDEISTATE_IN_DOUBT, 9 },
		{ SDEISTATE_OVER_LIMIT, 10 },
		{ SDEISTATE_BUSY, 11 },
		{ SDEISTATE_VM_NOT_FRESH, 11 },
		{ SDEISTATE_NOTHING_TO_VERIFY, 12 },
		{ SDEISTATE_NOT_OURS, 13 },
		{ SDEISTATE_DAMAGED, 14 },
		{ SDEISTATE_INCONSISTENT, 14 },
		{ SDEISTATE_UNKNOWN_SIGNER, 15 },
		{ SDEISTATE_NO_KEY, 15 },
		{ SDEISTATE_WRONG_AUDIENCE, 16 },
		{ SDEISTATE_ALREADY_USED, 16 },
		{ SDEISTATE_EXPIRED, 16 },
		{ SDEISTATE_TEMPORARY, 75 },
		{ (enum sdeistate_reason)9999, 1 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(row); i++)
		CHECK((int)failure_exit(row[i].reason) == row[i].code,
		      failure_reason_name(row[i].reason));
}

static void test_every_reason_is_told(void)
{
#define X(symbol, number, name) { .reason = SDEISTATE_##symbol },
	static const struct failure failure[] = { SDEISTATE_REASONS(X) };
#undef X

	for (size_t i = 1; i < ARRAY_SIZE(failure); i++) {
		CHECK(*failure_advice(&failure[i]) != '\0', "what to do next is said");
		CHECK(*failure_meaning(failure[i].reason) != '\0', "what happened is said");
	}
}

static void test_the_object(void)
{
	struct sdeistate_error error = {
		.reason = SDEISTATE_NOT_OURS, .code = -ENOMSG, .object = "file", .field = "magic"
	};
	struct failure failure;
	json_t *json;

	CHECK(failure_from(&failure, &error) == -ENOMSG, "the errno is handed on");
	failure.side = FAILURE_DESTINATION;
	failure.vm_source = "running";
	json = failure_json(&failure);
	REQUIRE(json != NULL, "there is memory");
	CHECK(strcmp(json_string_value(json_object_get(json, "reason")), "not-ours") == 0,
	      "the reason is a name");
	CHECK(json_integer_value(json_object_get(json, "exit")) == 13, "the exit code is there");
	CHECK(strcmp(json_string_value(json_object_get(json, "code")), "ENOMSG") == 0,
	      "the errno is a name");
	CHECK(strcmp(json_string_value(json_object_get(json, "side")), "destination") == 0,
	      "the side is there");
	CHECK(json_is_null(json_object_get(json, "expected")), "what is empty is null");
	CHECK(strcmp(json_string_value(
			     json_object_get(json_object_get(json, "vm_state"), "source")),
		     "running") == 0,
	      "the VMs' states are there");
	CHECK(json_is_string(json_object_get(json, "advice")), "advice is there");
	json_decref(json);
}

static void test_long_texts_are_cut(void)
{
	char text[400];
	struct failure failure;

	memset(text, 'x', sizeof(text));
	text[sizeof(text) - 1] = '\0';
	failure_set(&failure, SDEISTATE_IO, -EIO, text, text, text, text);
	CHECK(strlen(failure.object) == sizeof(failure.object) - 1 &&
		      strlen(failure.actual) == sizeof(failure.actual) - 1,
	      "and stay texts");
}

int main(void)
{
	return RUN_TESTS(test_exit_codes, test_every_reason_is_told, test_the_object,
			 test_long_texts_are_cut);
}
