// SPDX-License-Identifier: Apache-2.0
/*
 * POPULATE that runs out of memory inside RMI_DATA_CREATE: the page's RIPAS is measured, its content is not, and no
 * step can say so. The step list then counts as incomplete, and nobody gets a record of such a realm.
 */
#include "realm_vm.h"

#include <errno.h>
#include <openssl/evp.h>
#include <sdeistate/sdeistate.h>

#define INIT     KVM_CAP_ARM_RME_INIT_IPA_REALM
#define POPULATE KVM_CAP_ARM_RME_POPULATE_REALM

/* Visible, so that a sanitizer's own library links against them too. */
#pragma GCC visibility push(default)
int __real_EVP_DigestFinal_ex(EVP_MD_CTX *ctx, unsigned char *digest, unsigned int *size);
int __wrap_EVP_DigestFinal_ex(EVP_MD_CTX *ctx, unsigned char *digest, unsigned int *size);
#pragma GCC visibility pop

static unsigned int countdown; /* 0: nothing fails */

int __wrap_EVP_DigestFinal_ex(EVP_MD_CTX *ctx, unsigned char *digest, unsigned int *size)
{
	if (countdown && --countdown == 0)
		return 0;
	return __real_EVP_DigestFinal_ex(ctx, digest, size);
}

/* Digests of one page in RFC v1: its content, its RIPAS, its data. */
enum { CONTENT = 1, RIPAS, DATA, PER_PAGE = DATA };

static struct realm_vm fresh(unsigned int v8)
{
	struct realm_vm r = realm_in(v8, NEW, NULL);

	CHECK(realm_range(&r, POPULATE, RAM, PAGE) == 0, "a page goes in");
	return r;
}

static int capture(struct realm_vm *r, struct sdeistate_error *err)
{
	struct sdeistate *state = NULL;
	int ret;

	kvmcore_pause(r->m.vm);
	kvmcore_port(r->m.vm, &r->m.port);
	ret = sdeistate_capture(&r->m.port, NULL, &state, err);
	sdeistate_free(state);
	return ret;
}

static void test_a_page_that_is_half_measured(void)
{
	struct realm_vm r = fresh(0);
	struct sdeistate_error err = { .code = 0 };
	const struct kvmcore_realm_info before = realm_info(&r);
	struct kvmcore_realm_info after;

	countdown = DATA;
	CHECK(realm_range(&r, POPULATE, RAM + PAGE, PAGE) < 0 && !countdown, "its data fails");
	after = realm_info(&r);
	CHECK(memcmp(before.rim, after.rim, sizeof(after.rim)) != 0, "its RIPAS was measured");
	CHECK(after.n_steps == before.n_steps && after.overflowed,
	      "no step says so; the list does");
	CHECK(capture(&r, &err) == -EOPNOTSUPP && err.reason == SDEISTATE_INCOMPATIBLE &&
		      !strcmp(err.object, "realm") && !strcmp(err.field, "steps") &&
		      strstr(err.actual, "not complete"),
	      "and no record is made of it");
	realm_free(&r);
}

static void test_pages_before_it_are_a_step(void)
{
	struct realm_vm r = fresh(0);
	struct sdeistate_error err = { .code = 0 };
	const uint32_t before = realm_info(&r).n_steps;

	countdown = PER_PAGE + DATA;
	CHECK(realm_range(&r, POPULATE, RAM + PAGE, 3 * PAGE) < 0 && !countdown,
	      "the second fails");
	CHECK(realm_info(&r).n_steps == before + 1 && realm_info(&r).overflowed,
	      "the first is a step, and not all of it");
	CHECK(capture(&r, &err) == -EOPNOTSUPP, "which makes no record either");
	realm_free(&r);
}

/* What fails before anything is measured leaves a list that is complete. */
static void test_a_page_that_is_not_measured_at_all(void)
{
	EACH_DIALECT(v8)
	{
		struct realm_vm r = fresh(v8);
		struct sdeistate_error err = { .code = 0 };
		const struct kvmcore_realm_info before = realm_info(&r);
		struct kvmcore_realm_info after;

		countdown = CONTENT;
		CHECK(realm_range(&r, POPULATE, RAM + PAGE, PAGE) < 0 && !countdown, "it fails");
		after = realm_info(&r);
		CHECK(!memcmp(before.rim, after.rim, sizeof(after.rim)) && !after.overflowed,
		      "nothing was measured");
		CHECK(realm_range(&r, POPULATE, RAM + PAGE, PAGE) == 0, "it works again");
		CHECK(capture(&r, &err) == 0, "and a record is made");
		realm_free(&r);
	}
}

int main(void)
{
	return RUN_TESTS(test_a_page_that_is_half_measured, test_pages_before_it_are_a_step,
			 test_a_page_that_is_not_measured_at_all);
}
