// SPDX-License-Identifier: Apache-2.0
/*
 * make_records FILE: the record stream of a model VM with a filter, chosen firmware registers, a guard, and vCPUs that wait
 * for their VMM. FILE is kept in the tree: every later release has to read it.
 */
#include "support/model.h"

#include <sdeistate/sdeistate.h>
#include <stdio.h>

#define FORWARDED    0xc6000050u
#define GUARD_ENROLL 0xc6000003u
#define GUARD_MAP    0xc6000004u
#define DEVICE       0x10000000u

static struct model make(void)
{
	const struct kvmcore_config config = { .uuid = { 0x13, 0x15 },
					       .generation = 3,
					       .kernel = "7.2" };
	const struct kvmcore_mmio load = { .ipa = DEVICE, .len = 4, .reg = 9 };
	struct kvmcore_mmio_result result;
	struct model m = model_new(&config, 3);

	model_filter(&m, FORWARDED, 1, KVM_SMCCC_FILTER_FWD_TO_USER);
	model_filter(&m, 0x84000050u, 4, KVM_SMCCC_FILTER_DENY);
	model_set_reg(&m, 0, KVMCORE_REG_FW(0), 0x10001);
	model_set_reg(&m, 0, KVMCORE_REG_FW_BMAP(1), 0);
	model_set_reg(&m, 0, KVMCORE_REG_FW_BMAP(3), 1);
	model_call(&m, 0, GUARD_ENROLL, 0, 0, 0);
	model_call(&m, 0, GUARD_MAP, DEVICE, 0, 0);
	model_call(&m, 1, FORWARDED, 5, 0, 0);
	kvmcore_vcpu_mmio(m.vm, 2, &load, &result, &m.reply);
	kvmcore_pause(m.vm);
	return m;
}

static const char *path;

static void test_it_is_written(void)
{
	const struct sdeistate_capture_options options = { .flags = SDEISTATE_CAPTURE_REGS };
	struct model m = make();
	struct sdeistate_buffer bytes = { .len = 0 };
	struct sdeistate *state = NULL;

	REQUIRE(sdeistate_capture(&m.port, &options, &state, NULL) == 0, "captured");
	CHECK(sdeistate_encode(state, &bytes, NULL) == 0 &&
		      sdeistate_write_file(path, bytes.data, bytes.len, 0644, true, NULL) == 0,
	      "written");
	sdeistate_buffer_free(&bytes);
	sdeistate_free(state);
	model_free(&m);
}

int main(int argc, char **argv)
{
	if (argc != 2) {
		fprintf(stderr, "usage: make_records FILE\n");
		return 2;
	}
	path = argv[1];
	return RUN_TESTS(test_it_is_written);
}
