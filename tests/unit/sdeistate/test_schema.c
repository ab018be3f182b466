// SPDX-License-Identifier: Apache-2.0
/*
 * The rules every message of the schema keeps, so that no input can make the unpacker recurse, and
 * absence is always visible.
 */
#include "plan/plan.h"
#include "support/check.h"

#include <protobuf-c/protobuf-c.h>

static void check_fields(const ProtobufCMessageDescriptor *schema, unsigned int depth)
{
	CHECK(depth < 2, "a record's message holds columns, and a column no message");
	for (unsigned int i = 0; i < schema->n_fields && depth < 2; i++) {
		const ProtobufCFieldDescriptor *field = &schema->fields[i];

		CHECK(field->label != PROTOBUF_C_LABEL_REQUIRED, "no field is required");
		CHECK(field->label != PROTOBUF_C_LABEL_NONE, "presence is explicit");
		if (field->type == PROTOBUF_C_TYPE_MESSAGE) {
			CHECK(field->label == PROTOBUF_C_LABEL_OPTIONAL, "no message repeats");
			check_fields(field->descriptor, depth + 1);
		} else if (field->label == PROTOBUF_C_LABEL_REPEATED) {
			CHECK(field->flags & PROTOBUF_C_FIELD_FLAG_PACKED,
			      "what repeats is packed");
		}
	}
}

static void test_no_message_recurses_and_presence_is_explicit(void)
{
	for (unsigned int i = 0; i < plan_length; i++)
		check_fields(plan[i].schema, 0);
}

static void test_the_plan_names_each_record_once(void)
{
	uint64_t seen = 0;

	for (unsigned int i = 0; i < plan_length; i++) {
		CHECK(!(seen >> plan[i].record & 1), "a record is one part");
		CHECK(sdeistate_record_name(plan[i].record), "with a name");
		CHECK(plan_find(plan[i].record) == &plan[i], "found by its number");
		seen |= UINT64_C(1) << plan[i].record;
	}
	CHECK(plan[0].record == SDEISTATE_RECORD_TOPOLOGY, "the topology tells the profile first");
	CHECK(!plan_find(63), "a number without a part has none");
}

int main(void)
{
	return RUN_TESTS(test_no_message_recurses_and_presence_is_explicit,
			 test_the_plan_names_each_record_once);
}
