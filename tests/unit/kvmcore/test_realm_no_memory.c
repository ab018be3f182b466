// SPDX-License-Identifier: Apache-2.0
/*
 * Every allocation of a realm's life fails once: the step says -ENOMEM and works when it is tried again, and the
 * realm's measurement is that of a life in which nothing failed.
 */
#include "realm_vm.h"
#include "support/failing_heap.h"

#include <errno.h>

static int create(struct realm_vm *r)
{
	return realm_cmd(r, KVM_CAP_ARM_RME_CREATE_RD, NULL);
}

static int make_vcpu(struct realm_vm *r)
{
	return kvmcore_vcpu_create(r->m.vm, 0, 0);
}

static int init(struct realm_vm *r)
{
	return realm_range(r, KVM_CAP_ARM_RME_INIT_IPA_REALM, RAM, 4u << 20);
}

static int populate(struct realm_vm *r)
{
	return realm_range(r, KVM_CAP_ARM_RME_POPULATE_REALM, RAM + (8u << 10), PAGE);
}

static int finalize(struct realm_vm *r)
{
	return realm_finalize_vcpu(r, 0);
}

static int activate(struct realm_vm *r)
{
	return realm_cmd(r, KVM_CAP_ARM_RME_ACTIVATE_REALM, NULL);
}

static int (*const step[])(struct realm_vm *) = {
	create, make_vcpu, init, populate, finalize, activate,
};

static int persist(struct realm_vm *r, int (*what)(struct realm_vm *))
{
	const int ret = what(r);

	if (ret != -ENOMEM || !heap.failed)
		return ret;
	heap.failed = false;
	return what(r);
}

/* Return: did allocation @n exist? */
static bool live(unsigned int n, uint8_t rim[64])
{
	struct realm_vm r = realm_made(1, NULL);
	struct kvmcore_realm_info info;
	bool fired;

	heap.failed = false;
	heap.until_failure = n;
	for (size_t i = 0; i < ARRAY_SIZE(step); i++)
		CHECK(persist(&r, step[i]) == 0, "a step fails with -ENOMEM, once");
	fired = n && !heap.until_failure;
	heap.until_failure = 0;
	info = realm_info(&r);
	memcpy(rim, info.rim, 64);
	realm_free(&r);
	return fired;
}

static void test_each_allocation_fails_once(void)
{
	uint8_t want[64], rim[64];
	unsigned int n = 1;

	live(0, want);
	for (; live(n, rim); n++)
		CHECK(!memcmp(rim, want, 64), "and measures the same");
	CHECK(n > 5, "there were some");
}

int main(void)
{
	return RUN_TESTS(test_each_allocation_fails_once);
}
