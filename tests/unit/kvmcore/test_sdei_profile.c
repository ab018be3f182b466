// SPDX-License-Identifier: Apache-2.0
#include "sdei/profile.h"
#include "support/check.h"

static void test_event_numbers(void)
{
	static const struct {
		const char *promise;
		uint64_t num;
		bool spec, v5, v7;
	} row[] = {
		{ "0 is an event everywhere", 0, true, true, true },
		{ "1 has type 00 in v5", 1, true, false, true },
		{ "2 is none in v7", 2, true, false, false },
		{ "the last before type 01", 0x3fffff, true, false, false },
		{ "the lowest virtual number", 0x400000, true, true, false },
		{ "the highest one", 0x7fffff, true, true, false },
		{ "type 10", 0x800000, true, false, false },
		{ "type 11", 0xc00000, true, false, false },
		{ "bit 24 is reserved", 0x1400000, false, true, false },
		{ "bit 29 is reserved", 0x20400000, false, true, false },
		{ "bit 30 is the vendor's", 0x40400000, true, true, false },
		{ "bit 31 is no event", 0x80400000, false, true, false },
		{ "the sentinel is none", 0xffffffff, false, false, false },
		{ "33 bits are too many", 0x100400000, false, false, false },
	};

	for (size_t i = 0; i < ARRAY_SIZE(row); i++)
		CHECK(sdei_number_is_supported(sdei_profile_of(KVMCORE_PROFILE_SPEC), row[i].num) ==
				      row[i].spec &&
			      sdei_number_is_supported(sdei_profile_of(KVMCORE_PROFILE_KVM_V5),
						       row[i].num) == row[i].v5 &&
			      sdei_number_is_supported(sdei_profile_of(KVMCORE_PROFILE_KVM_V7),
						       row[i].num) == row[i].v7,
		      row[i].promise);
}

int main(void)
{
	return RUN_TESTS(test_event_numbers);
}
