// SPDX-License-Identifier: Apache-2.0
#include "model/description.h"

#include "support/check.h"

#include <errno.h>
#include <string.h>

static struct model_description *parse(const char *text, struct failure *failure, int *ret)
{
	struct model_description *description = NULL;
	json_t *json = json_loads(text, 0, NULL);

	*ret = description_parse(json, "test", &description, failure);
	json_decref(json);
	return description;
}

static void test_everything_but_vcpus_has_a_default(void)
{
	struct failure failure;
	int ret;
	struct model_description *d = parse("{\"vcpus\":[{},{\"vcpu_id\":18}]}", &failure, &ret);

	REQUIRE(ret == 0, "the shortest description is taken");
	CHECK(d->config.profile == KVMCORE_PROFILE_SPEC && d->config.type == KVMCORE_VM_ARM64,
	      "profile spec, type arm64");
	CHECK(d->n_memory == 1 && d->memory[0].base == 0x80000000u && d->memory[0].size == 2u << 20,
	      "2 MiB at 0x80000000");
	CHECK(!d->has_uuid && d->n_exposed == 0 && !d->script && !d->config.slots_given,
	      "no identity, no events, no script, the core's own slots");
	CHECK(d->vcpu[0].on && d->vcpu[0].mpidr == 0 &&
		      d->vcpu[0].features == 1u << KVM_ARM_VCPU_PSCI_0_2,
	      "a vCPU is on and has PSCI");
	CHECK(d->vcpu[1].mpidr == 0x102, "its MPIDR is the one KVM derives from its id");
	description_free(d);
}

static void test_every_name_arrives(void)
{
	static const char text[] =
		"{\"uuid\":\"00112233-4455-6677-8899-aabbccddeeff\",\"generation\":\"0x5\","
		"\"profile\":\"kvm-v7\",\"kernel\":\"7.2\",\"type\":\"realm\",\"ipa_bits\":48,"
		"\"vcpus\":[{\"mpidr\":\"0xff00000001\",\"on\":false,\"features\":[\"rec\"]}],"
		"\"memory\":[],\"exposed\":[{\"num\":\"0x400001\",\"type\":\"shared\","
		"\"priority\":\"critical\",\"signaled\":0}],\"spi\":64,\"ppi\":8,"
		"\"bind_slots\":{\"private\":1,\"shared\":2},\"guard\":\"A2\","
		"\"host_levels\":{\"workaround_2\":3,\"ssbs\":true},\"pe_features\":[\"uao\"],"
		"\"dialects\":[\"rme-v8\"],\"script\":[{\"do\":\"status\"}]}";
	struct failure failure;
	int ret;
	struct model_description *d = parse(text, &failure, &ret);

	REQUIRE(ret == 0, "a description that uses every name is taken");
	CHECK(d->has_uuid && d->config.uuid[0] == 0 && d->config.uuid[15] == 0xff, "uuid");
	CHECK(d->config.generation == 5, "generation");
	CHECK(d->config.profile == KVMCORE_PROFILE_KVM_V7, "profile");
	CHECK(strcmp(d->config.kernel, "7.2") == 0, "kernel");
	CHECK(d->config.type == KVMCORE_VM_REALM && d->config.ipa_bits == 48, "type, ipa_bits");
	CHECK(d->vcpu[0].mpidr == 0xff00000001u, "a vCPU's mpidr");
	CHECK(d->vcpu[0].features == (1u << KVM_ARM_VCPU_REC | 1u << KVM_ARM_VCPU_POWER_OFF),
	      "its features, and power-off where it is not on");
	CHECK(d->n_memory == 0, "no memory at all");
	CHECK(d->exposed[0].num == 0x400001 && d->exposed[0].type == 1 &&
		      d->exposed[0].priority == 1 && d->exposed[0].signaled == 0,
	      "an event");
	CHECK(d->config.n_spi == 64 && d->config.n_ppi == 8, "interrupts");
	CHECK(d->config.slots_given && d->config.private_slots == 1 && d->config.shared_slots == 2,
	      "slots");
	CHECK(d->config.guard == KVMCORE_GUARD_A2, "guard");
	CHECK(d->config.host.levels_given && d->config.host.workaround_2 == 3 &&
		      d->config.host.ssbs,
	      "host levels");
	CHECK(d->config.pe_features == KVMCORE_PE_UAO, "features of a PE");
	CHECK(d->config.dialects == KVMCORE_DIALECT_RME_V8, "dialects");
	CHECK(json_array_size(d->script) == 1, "script");
	description_free(d);
}

static void test_the_place_of_a_mistake_is_named(void)
{
	static const struct {
		const char *text, *field;
	} row[] = {
		{ "[]", "" },
		{ "{}", "vcpus" },
		{ "{\"vcpus\":7}", "vcpus" },
		{ "{\"vcpus\":[7]}", "vcpus[0]" },
		{ "{\"vcpus\":[{},{\"mpidr\":\"0x80000000\"}]}", "vcpus[1]" },
		{ "{\"vcpus\":[{\"features\":\"psci-0.2\"}]}", "vcpus[0].features" },
		{ "{\"vcpus\":[{}],\"bind_slots\":{\"private\":65}}", "bind_slots.private" },
		{ "{\"vcpus\":[{}],\"host_levels\":{\"workaround_1\":3}}",
		  "host_levels.workaround_1" },
		{ "{\"vcpus\":[{}],\"memory\":[{\"base\":\"0xfffffffffffff000\",\"size\":"
		  "\"0x2000\"}]}",
		  "memory[0]" },
		{ "{\"vcpus\":[{}],\"memory\":[{\"base\":0,\"size\":\"0x20000000\"}]}",
		  "memory[0].size" },
		{ "{\"vcpus\":[{}],\"exposed\":[{\"num\":0},{\"num\":\"zero\"}]}",
		  "exposed[1].num" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(row); i++) {
		struct failure failure = { 0 };
		int ret;
		struct model_description *d = parse(row[i].text, &failure, &ret);

		CHECK(ret == -EINVAL && !d && failure.reason == SDEISTATE_USAGE &&
			      strcmp(failure.field, row[i].field) == 0,
		      row[i].text);
		description_free(d);
	}
}

int main(void)
{
	return RUN_TESTS(test_everything_but_vcpus_has_a_default, test_every_name_arrives,
			 test_the_place_of_a_mistake_is_named);
}
