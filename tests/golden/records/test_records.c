// SPDX-License-Identifier: Apache-2.0
/*
 * A stream with records 12 to 15, as the first release wrote it: still read, still the same bytes, still taken by a
 * destination.
 */
#include "support/model.h"

#include <sdeistate/sdeistate.h>
#include <stdio.h>

#define FORWARDED 0xc6000050u

static uint8_t bytes[1 << 16];

static size_t read_golden(void)
{
	FILE *file = fopen(GOLDEN_FOLDER "/filter-firmware-guard-exits.records", "rb");
	size_t len = file ? fread(bytes, 1, sizeof(bytes), file) : 0;

	if (file)
		fclose(file);
	return len;
}

static void test_it_is_read_as_it_was_written(void)
{
	struct sdeistate_buffer again = { .len = 0 };
	struct sdeistate *state = NULL;
	const size_t len = read_golden();

	REQUIRE(len && sdeistate_decode(bytes, len, &state, NULL) == 0, "it is read");
	CHECK(sdeistate_validate(state, NULL) == 0, "and consistent");
	CHECK(state->n_filter == 2 && state->filter[1].base == FORWARDED &&
		      state->filter[1].action == KVM_SMCCC_FILTER_FWD_TO_USER,
	      "the filter");
	CHECK(state->n_fw_regs == 8 && state->fw_regs[0].value == 0x10001 &&
		      state->fw_regs[5].value == 0 && state->fw_regs[7].value == 1,
	      "the firmware registers");
	CHECK(state->guard.enrolled && state->n_guarded == 1 &&
		      state->guarded[0].base == 0x10000000u,
	      "the guard");
	CHECK(state->n_exits == 2 && state->exits[0].nr == FORWARDED && state->exits[1].reg == 9,
	      "the vCPUs that wait");
	CHECK(sdeistate_encode(state, &again, NULL) == 0 && again.len == len &&
		      !memcmp(again.data, bytes, len),
	      "it is written with the same bytes");
	sdeistate_buffer_free(&again);
	sdeistate_free(state);
}

static void test_it_is_taken(void)
{
	static const struct kvmcore_call_range answer = { FORWARDED, FORWARDED };
	const struct kvmcore_array answers = { .count = 1, .ptr = (uintptr_t)&answer };
	const struct kvmcore_config config = { .kernel = "7.2" };
	struct model m = model_new(&config, 3);
	uint8_t digest[SDEISTATE_DIGEST_SIZE];
	struct sdeistate *state = NULL;

	kvmcore_pause(m.vm);
	REQUIRE(sdeistate_decode(bytes, read_golden(), &state, NULL) == 0, "it is read");
	CHECK(model_attr(&m, -1, KVM_SET_DEVICE_ATTR, KVMCORE_GROUP_FILTER, KVMCORE_FILTER_ANSWERS,
			 &answers) == 0 &&
		      sdeistate_replay(state, &m.port, NULL) == 0 &&
		      sdeistate_prove(state, &m.port, digest, NULL) == 0,
	      "a destination takes it and proves it");
	sdeistate_free(state);
	model_free(&m);
}

int main(void)
{
	return RUN_TESTS(test_it_is_read_as_it_was_written, test_it_is_taken);
}
