// SPDX-License-Identifier: Apache-2.0
/*
 * Texts that people and peers write - limits of keys, rotations, policies, states as JSON - read with each
 * allocation of ours failing once: a failure, nothing leaked, nothing half made. jansson's own are not
 * among them: its 2.14 writes behind a string that it could not lengthen.
 */
#include "form_json.h"
#include "policy_rules.h"
#include "support/check.h"
#include "support/failing_heap.h"

#include <sdeistate/trust.h>
#include <stdlib.h>
#include <string.h>

static struct {
	struct sdeistate_key *old, *successor;
	struct sdeistate_buffer pem, rotation;
	char list[160], form[8192];
} scene;

static const char policy_text[] =
	"{\"policy\":1,\"any_destination\":false,\"max_age\":3600,\"profiles\":[\"spec\"]}";

static struct sdeistate_trust *make_trust(struct sdeistate_error *err, int *ret)
{
	struct sdeistate_trust *trust = sdeistate_trust_new();
	struct sdeistate_pub *pub = NULL;

	*ret = trust ? 0 : -ENOMEM;
	if (!*ret)
		*ret = sdeistate_pub_parse(scene.pem.data, scene.pem.len, NULL, &pub, err);
	if (!*ret)
		*ret = sdeistate_trust_add(trust, pub, err);
	sdeistate_pub_free(pub);
	return trust;
}

static int read_list(struct failure *failure)
{
	struct sdeistate_error err = { .code = 0 };
	int ret;
	struct sdeistate_trust *trust = make_trust(&err, &ret);

	(void)failure;
	if (!ret)
		ret = sdeistate_trust_list_parse(trust, scene.list, strlen(scene.list), "list",
						 &err);
	sdeistate_trust_free(trust);
	return ret;
}

static int read_rotation(struct failure *failure)
{
	struct sdeistate_error err = { .code = 0 };
	int ret;
	struct sdeistate_trust *trust = make_trust(&err, &ret);

	(void)failure;
	if (!ret)
		ret = sdeistate_rotation_apply(trust, (char *)scene.rotation.data,
					       scene.rotation.len, "rotation", &err);
	sdeistate_trust_free(trust);
	return ret;
}

static int read_policy(struct failure *failure)
{
	json_t *json = NULL;
	int ret = policy_parse("policy", (const uint8_t *)policy_text, sizeof(policy_text) - 1,
			       &json, failure);

	CHECK(!ret == !!json, "a policy, or none");
	json_decref(json);
	return ret;
}

static int read_form(struct failure *failure)
{
	json_t *form = json_loads(scene.form, JSON_REJECT_DUPLICATES, NULL);
	struct sdeistate_buffer stream = { NULL, 0 };
	struct sdeistate *state = NULL;
	int ret = form ? form_json_read("form", form, &state, &stream, failure) : -ENOMEM;

	CHECK(!ret || (!state && !stream.data), "a form, or nothing");
	sdeistate_free(state);
	sdeistate_buffer_free(&stream);
	json_decref(form);
	return ret;
}

static const struct {
	const char *name;
	int (*run)(struct failure *failure);
} reading[] = {
	{ "limits", read_list },
	{ "rotation", read_rotation },
	{ "policy", read_policy },
	{ "form", read_form },
};

/* Return: how many allocations there were */
static unsigned int fail_each(size_t which)
{
	struct failure failure;
	const int good = reading[which].run(&failure);
	unsigned int n = 0;

	if (!CHECK(good == 0, "with memory it is read"))
		fprintf(stderr, "%s: %d, %s: %s\n", reading[which].name, good, failure.field,
			failure.expected);
	for (bool reached = true; reached && n < 10000;) {
		const long before = heap.live;
		int ret;

		heap.until_failure = ++n;
		ret = reading[which].run(&failure);
		reached = heap.until_failure == 0;
		heap.until_failure = 0;
		if (!CHECK(reached ? ret != 0 : ret == good, "a failed allocation is a failure"))
			fprintf(stderr, "%s, allocation %u: %d\n", reading[which].name, n, ret);
		if (!CHECK(heap.live == before, "which leaks nothing"))
			fprintf(stderr, "%s, allocation %u: %ld\n", reading[which].name, n,
				heap.live - before);
	}
	return n - 1;
}

/* A seed of the fuzzer.s, which any version reads. */
static void load_form(void)
{
	FILE *file = fopen(TEST_SOURCE_DIR "/fuzz/corpus/form/small.json", "r");
	size_t len = 0;

	if (file) {
		len = fread(scene.form, 1, sizeof(scene.form) - 1, file);
		fclose(file);
	}
	REQUIRE(len > 100, "a form");
}

static void set_scene(void)
{
	char id[2 * SDEISTATE_KEY_ID_SIZE + 1];
	const uint8_t *bytes;

	REQUIRE(sdeistate_key_generate(SDEISTATE_KEY_ED25519, &scene.old, NULL) == 0 &&
			sdeistate_key_generate(SDEISTATE_KEY_P256, &scene.successor, NULL) == 0,
		"keys");
	bytes = sdeistate_pub_id(sdeistate_key_pub(scene.old));
	for (unsigned int i = 0; i < SDEISTATE_KEY_ID_SIZE; i++)
		snprintf(id + 2 * i, 3, "%02x", bytes[i]);
	snprintf(scene.list, sizeof(scene.list),
		 "sdei-migrate trust 1\n%s not-after=2030-12-31T23:59:59Z\n", id);
	CHECK(sdeistate_pub_pem(sdeistate_key_pub(scene.old), &scene.pem, NULL) == 0 &&
		      sdeistate_rotation_make(scene.old, sdeistate_key_pub(scene.successor), 1000,
					      2000, &scene.rotation, NULL) == 0,
	      "texts");
}

static void test_each_allocation_may_fail(void)
{
	unsigned int n = 0;

	load_form();
	set_scene();
	for (size_t i = 0; i < sizeof(reading) / sizeof(reading[0]); i++)
		n += fail_each(i);
	CHECK(n > 20, "there were some");
	sdeistate_key_free(scene.old);
	sdeistate_key_free(scene.successor);
	sdeistate_buffer_free(&scene.pem);
	sdeistate_buffer_free(&scene.rotation);
}

int main(void)
{
	return RUN_TESTS(test_each_allocation_may_fail);
}
