// SPDX-License-Identifier: Apache-2.0
/*
 * From creation to activation: the RIM that a monitor of 1.0-bet0 reports for the same commands, the list of steps
 * that says how far each came, RECs, and what a realm VM refuses besides.
 * The RIMs stand in tests/golden/realm/rim-golden-bet0.json, which TF-RMM v0.3.0 printed.
 */
#include "realm_vm.h"

#include <errno.h>
#include <jansson.h>

#define GOLDEN   TEST_SOURCE_DIR "/tests/golden/realm/rim-golden-bet0.json"
#define INIT     KVM_CAP_ARM_RME_INIT_IPA_REALM
#define POPULATE KVM_CAP_ARM_RME_POPULATE_REALM
#define DTB      0x8fe00000ULL
#define DTB_SIZE (4u * PAGE)
#define MAX_STEP 16u

/* "rim HEX", line @n of a golden vector. */
static bool is_golden(const json_t *vector, size_t n, const uint8_t rim[64])
{
	const char *want = json_string_value(json_array_get(json_object_get(vector, "expect"), n));
	char line[4 + 128 + 1] = "rim ";
	const size_t size = want ? (strlen(want) - 4) / 2 : 0;

	for (size_t i = 0; i < size && i < 64; i++)
		snprintf(line + 4 + 2 * i, 3, "%02x", rim[i]);
	return size && !strcmp(line, want);
}

static json_t *load_vector(const char *name)
{
	json_t *file = json_load_file(GOLDEN, 0, NULL), *vector, *found = NULL;
	size_t i;

	json_array_foreach(json_object_get(file, "vectors"), i, vector)
	{
		if (!strcmp(json_string_value(json_object_get(vector, "name")), name))
			found = json_incref(vector);
	}
	json_decref(file);
	return found;
}

/* Pages by turns full of 0x11 and the sequence of the golden scripts. */
static void fill(uint8_t *at, size_t size)
{
	for (size_t i = 0; i < size; i++)
		at[i] = i / PAGE % 2 ? (uint8_t)(i % PAGE ^ i % PAGE >> 8) : 0x11;
}

static uint32_t get_steps(struct realm_vm *r, struct kvmcore_realm_step step[MAX_STEP])
{
	struct kvmcore_array array = { .capacity = MAX_STEP, .ptr = (uintptr_t)step };

	CHECK(model_attr(&r->m, -1, KVM_GET_DEVICE_ATTR, KVMCORE_GROUP_REALM, KVMCORE_REALM_STEPS,
			 &array) == 0,
	      "the steps can be read");
	return (uint32_t)array.count;
}

static void make_vcpus(struct realm_vm *r, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++)
		CHECK(kvmcore_vcpu_create(r->m.vm, i, i) == (int)i, "a vCPU");
}

static void live(const char *name, uint32_t hash)
{
	const struct kvmcore_config bet0 = { .host.rmm_rule = KVMCORE_RULE_BET0 };
	struct kvm_cap_arm_rme_config_item item = { .cfg = KVM_CAP_ARM_RME_CFG_HASH_ALGO };
	struct kvmcore_realm_step step[MAX_STEP] = { 0 };
	struct realm_vm r = realm_made(0, &bet0);
	uint8_t *dtb = realm_memory(DTB_SIZE);
	json_t *vector = load_vector(name);

	item.hash_algo = hash;
	fill(r.ram, RAM_SIZE);
	fill(dtb, DTB_SIZE);
	CHECK(model_memory(&r.m, 2, DTB, DTB_SIZE, dtb) == 0, "memory for the device tree");
	CHECK(realm_cmd(&r, KVM_CAP_ARM_RME_CONFIG_REALM, &item) == 0 &&
		      realm_cmd(&r, KVM_CAP_ARM_RME_CREATE_RD, NULL) == 0,
	      "CONFIG and CREATE");
	make_vcpus(&r, 2);
	CHECK(model_set_reg(&r.m, 0, KVMCORE_REG_PC, RAM) == 0 &&
		      model_set_reg(&r.m, 0, KVMCORE_REG_X(0), DTB) == 0,
	      "where the first vCPU starts");
	CHECK(realm_range(&r, INIT, RAM, 256u << 20) == 0, "INIT of 256 MiB");
	CHECK(realm_range(&r, POPULATE, RAM, 8 * PAGE) == 0 &&
		      realm_range(&r, POPULATE, DTB, 4 * PAGE) == 0,
	      "POPULATE");
	CHECK(realm_finalize_vcpu(&r, 0) == 0 && realm_finalize_vcpu(&r, 1) == 0, "two RECs");
	CHECK(realm_cmd(&r, KVM_CAP_ARM_RME_ACTIVATE_REALM, NULL) == 0, "ACTIVATE");
	CHECK(get_steps(&r, step) == 7, "each of them is a step");
	CHECK(is_golden(vector, 0, step[0].rim) && is_golden(vector, 1, step[1].rim) &&
		      is_golden(vector, 2, step[3].rim) && is_golden(vector, 3, step[6].rim),
	      "the RIM is TF-RMM's at every point it was asked for");
	CHECK(is_golden(vector, 3, realm_info(&r).rim), "and at the end");
	json_decref(vector);
	realm_free(&r);
	munmap(dtb, DTB_SIZE);
}

static void test_a_whole_life(void)
{
	live("bet0-vm-rfc-v1-sha256", KVM_CAP_ARM_RME_MEASUREMENT_ALGO_SHA256);
	live("bet0-vm-rfc-v1-sha512", KVM_CAP_ARM_RME_MEASUREMENT_ALGO_SHA512);
}

/* v1 measures the RIPAS of a page once for the range and once for the page; v8 once. */
static void test_measured_twice(void)
{
	EACH_DIALECT(v8)
	{
		struct realm_vm r = realm_in(v8, NEW, NULL);
		const struct kvmcore_realm_info info = realm_info(&r);
		struct kvmcore_digest rim, page;

		memcpy(rim.bytes, info.rim, 64);
		CHECK(realm_range(&r, INIT, RAM, PAGE) == 0 &&
			      realm_range(&r, INIT, RAM, PAGE) == 0,
		      "the same range twice");
		CHECK(realm_range(&r, POPULATE, RAM, PAGE) == 0, "and populated");
		for (unsigned int n = 0; n < 3 - v8; n++)
			kvmcore_rim_extend_ripas(KVMCORE_RULE_1_0, KVMCORE_HASH_SHA256, RAM, 3,
						 &rim);
		kvmcore_digest(KVMCORE_HASH_SHA256, r.ram, PAGE, &page);
		kvmcore_rim_extend_data(KVMCORE_RULE_1_0, KVMCORE_HASH_SHA256, RAM, 1, &page, &rim);
		CHECK(!memcmp(realm_info(&r).rim, rim.bytes, 64),
		      "RIPAS: thrice in v1, twice in v8");
		CHECK(realm_range(&r, INIT, RAM, PAGE) == -EINVAL, "a page with data is refused");
		CHECK(realm_range(&r, POPULATE, RAM, PAGE) == -ENXIO, "and not populated again");
		CHECK(!memcmp(realm_info(&r).rim, rim.bytes, 64), "nor measured");
		realm_free(&r);
	}
}

/* v8 without the flag: address and order count, content does not. */
static void test_unmeasured_content(void)
{
	uint8_t rim[2][64];

	for (unsigned int flags = 0; flags < 2; flags++) {
		struct range range = { .base = RAM, .size = PAGE, .flags = flags };
		struct realm_vm r = realm_in(1, NEW, NULL);
		struct kvmcore_realm_info info = realm_info(&r);
		struct kvmcore_digest page, own;

		memcpy(own.bytes, info.rim, 64);
		r.ram[7] = 7;
		kvmcore_digest(KVMCORE_HASH_SHA256, r.ram, PAGE, &page);
		CHECK(realm_cmd(&r, POPULATE, &range) == 0, "a page");
		kvmcore_rim_extend_data(KVMCORE_RULE_1_0, KVMCORE_HASH_SHA256, RAM, flags, &page,
					&own);
		info = realm_info(&r);
		memcpy(rim[flags], info.rim, 64);
		CHECK(!memcmp(rim[flags], own.bytes, 64), "one data descriptor");
		realm_free(&r);
	}
	CHECK(memcmp(rim[0], rim[1], 64), "the flag makes the difference");
}

static int get_content(struct realm_vm *r, uint32_t step, struct kvmcore_realm_content *content,
		       uint8_t *digest, uint64_t capacity)
{
	*content = (struct kvmcore_realm_content){ .step = step,
						   .capacity = capacity,
						   .ptr = (uintptr_t)digest };
	return model_attr(&r->m, -1, KVM_GET_DEVICE_ATTR, KVMCORE_GROUP_REALM,
			  KVMCORE_REALM_CONTENT, content);
}

static void check_content(struct realm_vm *r, uint32_t step, uint32_t n)
{
	struct kvmcore_realm_content content;
	struct kvmcore_digest digest;
	uint8_t got[16 * 32];

	CHECK(get_content(r, step, &content, got, n - 1) == -ENOSPC && content.count == n &&
		      content.hash_size == 32,
	      "too little room: how much it takes");
	CHECK(get_content(r, step, &content, got, 16) == 0 && content.count == n, "digests");
	for (uint32_t i = 0; i < n; i++) {
		kvmcore_digest(KVMCORE_HASH_SHA256, r->ram + i * PAGE, PAGE, &digest);
		CHECK(!memcmp(got + 32 * i, digest.bytes, 32), "of the pages, in order");
	}
	CHECK(get_content(r, 0, &content, got, 16) == 0 && content.count == 0,
	      "a step without content");
	CHECK(get_content(r, 99, &content, got, 16) == -EINVAL, "no such step");
	CHECK(model_attr(&r->m, -1, KVM_GET_DEVICE_ATTR, KVMCORE_GROUP_REALM, KVMCORE_REALM_CONTENT,
			 NULL) == -EFAULT,
	      "no struct");
}

/* Three pages, then one without memory behind it, then one that is populated already. */
static void test_populate_in_part(void)
{
	EACH_DIALECT(v8)
	{
		struct realm_vm r = realm_in(v8, NEW, NULL);
		struct kvmcore_realm_step step[MAX_STEP];
		struct kvmcore_realm_info info;

		fill(r.ram, RAM_SIZE);
		mprotect(r.ram + 3 * PAGE, PAGE, PROT_NONE);
		CHECK(realm_range(&r, POPULATE, RAM, 8 * PAGE) == -EFAULT, "memory that is gone");
		mprotect(r.ram + 3 * PAGE, PAGE, PROT_READ | PROT_WRITE);
		info = realm_info(&r);
		CHECK(get_steps(&r, step) == 2 && step[1].kind == KVMCORE_REALM_STEP_POPULATE &&
			      step[1].base == RAM && step[1].size == 8 * PAGE &&
			      step[1].done == 3 * PAGE && step[1].result == EFAULT &&
			      step[1].flags == 1,
		      "the step says how far it came, and why no further");
		CHECK(!memcmp(step[1].rim, info.rim, 64) && memcmp(step[0].rim, info.rim, 64),
		      "what came before it is measured");
		check_content(&r, 1, 3);
		CHECK(realm_range(&r, POPULATE, RAM + 2 * PAGE, 2 * PAGE) == -ENXIO,
		      "the third page has data");
		CHECK(realm_info(&r).n_steps == 2 && !memcmp(realm_info(&r).rim, info.rim, 64),
		      "a command that did nothing is no step");
		CHECK(realm_range(&r, POPULATE, RAM + 3 * PAGE, 5 * PAGE) == 0, "the rest");
		realm_free(&r);
	}
}

/* INIT that runs into data: what was done before stays, and is in the list. */
static void test_init_in_part(void)
{
	EACH_DIALECT(v8)
	{
		struct realm_vm r = realm_in(v8, NEW, NULL);
		struct kvmcore_realm_step step[MAX_STEP];

		CHECK(realm_range(&r, POPULATE, RAM + 2 * PAGE, PAGE) == 0, "data");
		CHECK(realm_range(&r, INIT, RAM, 4 * PAGE) == -EINVAL, "in the way");
		CHECK(get_steps(&r, step) == 3 && step[2].kind == KVMCORE_REALM_STEP_INIT_RIPAS &&
			      step[2].size == 4 * PAGE && step[2].done == 2 * PAGE &&
			      step[2].result == EINVAL,
		      "two pages were done");
		realm_free(&r);
	}
}

static void test_step_lists(void)
{
	struct realm_vm r = realm_in(0, ACTIVE, NULL);
	struct kvmcore_array array = { 0 };
	struct kvmcore_realm_step step[MAX_STEP];
	const struct kvm_device_attr unknown = { .group = KVMCORE_GROUP_REALM,
						 .attr = KVMCORE_REALM_EXTENDS + 1 };

	CHECK(model_attr(&r.m, -1, KVM_GET_DEVICE_ATTR, KVMCORE_GROUP_REALM, KVMCORE_REALM_STEPS,
			 &array) == 0 &&
		      array.count == 4,
	      "the count alone");
	array = (struct kvmcore_array){ .capacity = 3, .ptr = (uintptr_t)step };
	CHECK(model_attr(&r.m, -1, KVM_GET_DEVICE_ATTR, KVMCORE_GROUP_REALM, KVMCORE_REALM_STEPS,
			 &array) == -ENOSPC &&
		      array.count == 4,
	      "too little room");
	for (uint64_t attr = 0; attr <= KVMCORE_REALM_EXTENDS; attr++)
		CHECK(model_attr(&r.m, -1, KVM_HAS_DEVICE_ATTR, KVMCORE_GROUP_REALM, attr, NULL) ==
			      0,
		      "attributes 0 to 6");
	CHECK(kvmcore_ioctl(r.m.vm, -1, KVM_HAS_DEVICE_ATTR, (void *)&unknown) == -ENXIO &&
		      kvmcore_ioctl(r.m.vm, -1, KVM_GET_DEVICE_ATTR, (void *)&unknown) == -ENXIO,
	      "and no other");
	CHECK(model_attr(&r.m, -1, KVM_SET_DEVICE_ATTR, KVMCORE_GROUP_REALM, 0, &array) == -ENXIO,
	      "none of them can be set");
	CHECK(model_attr(&r.m, -1, KVM_GET_DEVICE_ATTR, KVMCORE_GROUP_REALM, 0, NULL) == -EFAULT,
	      "INFO without a struct");
	realm_free(&r);
}

int main(void)
{
	return RUN_TESTS(test_a_whole_life, test_measured_twice, test_unmeasured_content,
			 test_populate_in_part, test_init_in_part, test_step_lists);
}
