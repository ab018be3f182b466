// SPDX-License-Identifier: Apache-2.0
/*
 * Firmware registers from VM to VM: every direction of every register, what a destination may lack,
 * and what it may have more (Documentation/virt/kvm/arm/fw-pseudo-registers.rst).
 */
#include "hooked.h"
#include "scene.h"

#include <sdeistate/sdeistate.h>
#include <stdlib.h>

#define PSCI KVMCORE_REG_FW(0)
#define WA_1 KVMCORE_REG_FW(1)
#define WA_2 KVMCORE_REG_FW(2)
#define WA_3 KVMCORE_REG_FW(3)
#define BMAP KVMCORE_REG_FW_BMAP

static struct model paused(const char *kernel, uint8_t level_1, uint8_t level_2, uint8_t level_3)
{
	const struct kvmcore_config config = {
		.kernel = kernel,
		.host = { .levels_given = true,
			  .workaround_1 = level_1,
			  .workaround_2 = level_2,
			  .workaround_3 = level_3 },
	};
	struct model m = model_new(&config, 2);

	kvmcore_pause(m.vm);
	return m;
}

static struct model on(const char *kernel)
{
	return paused(kernel, 2, 0, 1);
}

static struct sdeistate *take(struct model *m)
{
	struct sdeistate *state = NULL;

	CHECK(sdeistate_capture(&m->port, NULL, &state, NULL) == 0, "a VM is captured");
	return state;
}

static uint64_t *value_of(struct sdeistate *state, uint64_t id)
{
	for (unsigned int i = 0; i < state->n_fw_regs; i++)
		if (state->fw_regs[i].id == id)
			return &state->fw_regs[i].value;
	return NULL;
}

/* How many obstacles speak of that register? */
static unsigned int obstacles_about(const struct sdeistate *state, const struct kvm_port *port,
				    const char *name)
{
	struct sdeistate_obstacles all = { .n = 0 };
	char object[64];
	unsigned int n = 0;

	snprintf(object, sizeof(object), "firmware register %s", name);
	sdeistate_check(state, port, &all, NULL);
	for (unsigned int i = 0; i < all.n; i++)
		n += !strcmp(all.list[i].object, object) &&
		     all.list[i].reason == SDEISTATE_INCOMPATIBLE;
	sdeistate_obstacles_free(&all);
	return n;
}

/* Over the wire and into @to, and the same afterwards. */
static void cross(struct sdeistate *state, struct model *to)
{
	struct sdeistate_buffer bytes = { .len = 0 };
	struct sdeistate *received = NULL;
	uint8_t digest[SDEISTATE_DIGEST_SIZE], sent[SDEISTATE_DIGEST_SIZE];

	CHECK(sdeistate_encode(state, &bytes, NULL) == 0, "encoded");
	REQUIRE(sdeistate_decode(bytes.data, bytes.len, &received, NULL) == 0, "decoded");
	CHECK(sdeistate_replay(received, &to->port, NULL) == 0, "replayed");
	CHECK(sdeistate_prove(received, &to->port, digest, NULL) == 0, "proved");
	CHECK(sdeistate_digest(state, sent, NULL) == 0 && !memcmp(sent, digest, sizeof(sent)),
	      "with the digest of what was sent");
	sdeistate_buffer_free(&bytes);
	sdeistate_free(received);
}

static void test_values_cross(void)
{
	static const struct {
		uint64_t id, value;
	} reg[] = {
		{ PSCI, 0x10000 }, { BMAP(0), 0 }, { BMAP(1), 0 }, { BMAP(2), 1 }, { BMAP(3), 2 },
	};
	struct model from = on("7.2"), to = on("7.2");
	struct sdeistate *state;

	for (unsigned int i = 0; i < ARRAY_SIZE(reg); i++)
		CHECK(model_set_reg(&from, 0, reg[i].id, reg[i].value) == 0, "a value is chosen");
	state = take(&from);
	REQUIRE(state, "captured");
	CHECK(state->n_fw_regs == 8, "every register is there");
	cross(state, &to);
	for (unsigned int i = 0; i < ARRAY_SIZE(reg); i++) {
		uint64_t value = ~0ull;

		CHECK(model_get_reg(&to, 1, reg[i].id, &value) == 0 && value == reg[i].value,
		      "and has its value at the destination");
	}
	sdeistate_free(state);
	model_free(&from);
	model_free(&to);
}

static void test_psci_goes_to_a_kernel_that_knows_it(void)
{
	struct model old = on("6.12"), new = on("7.2");
	struct sdeistate *from_old = take(&old), *from_new = take(&new);
	struct model to_old = on("6.12"), to_new = on("7.2");
	uint64_t version = 0;

	REQUIRE(from_old && from_new, "captured");
	CHECK(obstacles_about(from_new, &to_old.port, "psci_version") == 1,
	      "1.3 does not go to a kernel of 1.1");
	CHECK(obstacles_about(from_new, &to_old.port, "vendor_hyp_2") == 0,
	      "a register at rest may be missing there");
	cross(from_old, &to_new);
	CHECK(model_get_reg(&to_new, 0, PSCI, &version) == 0 && version == 0x10001,
	      "1.1 goes to a kernel of 1.3, and stays 1.1");
	sdeistate_free(from_new);
	CHECK(model_set_reg(&new, 0, PSCI, 0x10001) == 0, "a VMM lowers it in time");
	from_new = take(&new);
	REQUIRE(from_new, "captured");
	cross(from_new, &to_old);
	sdeistate_free(from_new);
	sdeistate_free(from_old);
	model_free(&old);
	model_free(&new);
	model_free(&to_old);
	model_free(&to_new);
}

/* The table of hypercalls.c, all of it: source, host, taken. */
static void test_each_direction_of_the_levels(void)
{
	for (uint8_t value = 0; value <= 2; value++)
		for (uint8_t host = 0; host <= 2; host++) {
			struct model from = paused("6.12", value, 0, value);
			struct model to = paused("6.12", host, 0, host);
			struct sdeistate *state = take(&from);
			const unsigned int refused = value > host;

			REQUIRE(state, "captured");
			CHECK(obstacles_about(state, &to.port, "workaround_1") == refused &&
				      obstacles_about(state, &to.port, "workaround_3") == refused,
			      "a guest never finds itself less protected");
			if (!refused)
				cross(state, &to);
			sdeistate_free(state);
			model_free(&from);
			model_free(&to);
		}
}

static void test_each_direction_of_workaround_2(void)
{
	static const uint64_t values[] = { 0, 1, 2, 3, 0x12 };

	for (unsigned int i = 0; i < ARRAY_SIZE(values); i++)
		for (uint8_t host = 0; host <= 3; host++) {
			struct model from = on("6.12"), to = paused("6.12", 2, host, 1);
			struct sdeistate *state = take(&from);
			unsigned int refused;

			REQUIRE(state && value_of(state, WA_2), "captured");
			*value_of(state, WA_2) = values[i];
			refused = obstacles_about(state, &to.port, "workaround_2");
			CHECK(refused == (model_set_reg(&to, 0, WA_2, values[i]) != 0),
			      "the check says what the SET would");
			sdeistate_free(state);
			model_free(&from);
			model_free(&to);
		}
}

/* A destination whose kernel knows fewer bits, or has lost a register. */
static void fewer_bits(struct hooked *hooked, int vcpu, unsigned long cmd, void *arg)
{
	struct kvm_one_reg *reg = arg;

	(void)hooked;
	(void)vcpu;
	if (cmd == KVM_GET_ONE_REG && reg->id == BMAP(2))
		*(uint64_t *)(uintptr_t)reg->addr = 1;
}

static void test_all_reasons_are_listed_at_once(void)
{
	struct model from = on("7.2"), to = paused("6.12", 1, 0, 0);
	struct sdeistate_obstacles all = { .n = 0 };
	struct hooked hooked;
	struct sdeistate *state;

	CHECK(model_set_reg(&from, 0, BMAP(3), 3) == 0, "the VMM forwards DISCOVER_IMPL");
	state = take(&from);
	REQUIRE(state, "captured");
	hooked_begin(&hooked, to.vm);
	hooked.tamper = fewer_bits;
	CHECK(sdeistate_check(state, &hooked.port, &all, NULL) == -EOPNOTSUPP && all.n == 5,
	      "version, two levels, a bit and a register");
	CHECK(obstacles_about(state, &hooked.port, "vendor_hyp") == 1, "the bit");
	CHECK(obstacles_about(state, &hooked.port, "vendor_hyp_2") == 1,
	      "a register may be missing only at rest");
	CHECK(obstacles_about(state, &hooked.port, "workaround_1") == 1 &&
		      obstacles_about(state, &hooked.port, "workaround_3") == 1,
	      "the levels");
	sdeistate_obstacles_free(&all);
	sdeistate_free(state);
	model_free(&from);
	model_free(&to);
}

static void test_a_register_nobody_knows(void)
{
	struct model from = on("6.12"), to = on("6.12");
	struct sdeistate *state = take(&from);

	REQUIRE(state && state->n_fw_regs == 7, "captured");
	state->fw_regs = realloc(state->fw_regs, 8 * sizeof(*state->fw_regs));
	REQUIRE(state->fw_regs, "memory");
	state->fw_regs[state->n_fw_regs++] = (struct sdeistate_fw_reg){ BMAP(9), 0 };
	CHECK(sdeistate_validate(state, NULL) == 0, "may be in a state");
	CHECK(obstacles_about(state, &to.port, "0x6030000000160009") == 1,
	      "and has to be at the destination, even at 0");
	sdeistate_free(state);
	model_free(&from);
	model_free(&to);
}

#define MUTATE(name, statement)               \
	static void name(struct sdeistate *s) \
	{                                     \
		statement;                    \
	}

MUTATE(foreign, s->fw_regs[0].id = KVMCORE_REG_PC)
MUTATE(twice, s->fw_regs[1].id = s->fw_regs[0].id)
MUTATE(too_many, s->n_fw_regs = SDEISTATE_MAX_FW_REGS + 1)

static void test_each_broken_rule_is_named(void)
{
	static const struct {
		void (*mutate)(struct sdeistate *state);
		const char *object, *field;
	} row[] = {
		{ foreign, "firmware register 0x6030000000100040", "id" },
		{ twice, "firmware register psci_version", "id" },
		{ too_many, "firmware registers", "count" },
	};
	struct model m = on("6.12");

	for (unsigned int i = 0; i < ARRAY_SIZE(row); i++) {
		struct sdeistate_error err = { .code = 0 };
		struct sdeistate *state = take(&m);

		REQUIRE(state, "captured");
		row[i].mutate(state);
		CHECK(sdeistate_validate(state, &err) == -EINVAL &&
			      !strcmp(err.object, row[i].object) &&
			      !strcmp(err.field, row[i].field),
		      row[i].object);
		sdeistate_free(state);
	}
	model_free(&m);
}

/* A state of an older release has no such record: its VM was as a new one. */
static void test_a_state_without_them(void)
{
	struct model from = on("6.12"), to = on("6.12"), odd = on("6.12");
	struct sdeistate_obstacles all = { .n = 0 };
	struct sdeistate *state = take(&from);

	REQUIRE(state, "captured");
	state->n_fw_regs = 0;
	CHECK(model_set_reg(&odd, 0, BMAP(1), 0) == 0, "somebody chose");
	CHECK(sdeistate_check(state, &odd.port, &all, NULL) == -EOPNOTSUPP && all.n == 1 &&
		      all.list[0].reason == SDEISTATE_VM_NOT_FRESH,
	      "a destination where somebody chose otherwise is none");
	sdeistate_obstacles_free(&all);
	cross(state, &to);
	sdeistate_free(state);
	model_free(&from);
	model_free(&to);
	model_free(&odd);
}

/* Nothing to read them through: what its first vCPU would have decides, before there is one. */
static void test_a_destination_without_vcpus(void)
{
	static const struct {
		const char *kernel;
		uint8_t level_1, level_2, level_3;
		const char *name;
	} row[] = {
		{ "6.12", 2, 0, 1, "psci_version" },
		{ "7.2", 1, 0, 1, "workaround_1" },
		{ "7.2", 2, 0, 0, "workaround_3" },
		{ "7.2", 2, 0, 1, NULL },
	};
	struct model from = paused("7.2", 2, 0, 1);
	struct sdeistate *state = take(&from);

	REQUIRE(state, "captured");
	for (unsigned int i = 0; i < ARRAY_SIZE(row); i++) {
		const struct kvmcore_config config = {
			.kernel = row[i].kernel,
			.host = { .levels_given = true,
				  .workaround_1 = row[i].level_1,
				  .workaround_2 = row[i].level_2,
				  .workaround_3 = row[i].level_3 },
		};
		struct model to = model_new(&config, 0);
		struct sdeistate_error err = { .code = 0 };

		kvmcore_pause(to.vm);
		CHECK(obstacles_about(state, &to.port, "workaround_1") +
				      obstacles_about(state, &to.port, "workaround_3") +
				      obstacles_about(state, &to.port, "psci_version") ==
			      (row[i].name ? 1 : 0),
		      row[i].kernel);
		if (row[i].name)
			CHECK(obstacles_about(state, &to.port, row[i].name) == 1 &&
				      sdeistate_replay(state, &to.port, &err) == -EOPNOTSUPP &&
				      to.port.n_vcpus == 0,
			      "refused by name before the first vCPU is made");
		else
			CHECK(sdeistate_replay(state, &to.port, &err) == 0, "taken");
		model_free(&to);
	}
	sdeistate_free(state);
	model_free(&from);
}

static void test_vcpus_that_disagree(void)
{
	const struct kvmcore_config config = { .kernel = "6.12" };
	struct model m = model_new(&config, 1);
	struct kvm_vcpu_init init = { .target = KVM_ARM_TARGET_GENERIC_V8 };
	struct sdeistate_error err = { .code = 0 };
	struct sdeistate *state = NULL;

	kvmcore_pause(m.vm);
	CHECK(kvmcore_ioctl(m.vm, -1, KVM_CREATE_VCPU, (void *)1) == 1 &&
		      kvmcore_ioctl(m.vm, 1, KVMCORE_ARM_VCPU_INIT, &init) == 0,
	      "a vCPU without PSCI 0.2 can be made");
	kvmcore_port(m.vm, &m.port);
	CHECK(sdeistate_capture(&m.port, NULL, &state, &err) == -EOPNOTSUPP &&
		      !strcmp(err.object, "firmware registers of vcpu 1") &&
		      !strcmp(err.field, "psci_version"),
	      "one version for all is what can be carried");
	model_free(&m);
}

int main(void)
{
	return RUN_TESTS(test_values_cross, test_psci_goes_to_a_kernel_that_knows_it,
			 test_each_direction_of_the_levels, test_each_direction_of_workaround_2,
			 test_all_reasons_are_listed_at_once, test_a_register_nobody_knows,
			 test_each_broken_rule_is_named, test_a_state_without_them,
			 test_a_destination_without_vcpus, test_vcpus_that_disagree);
}
