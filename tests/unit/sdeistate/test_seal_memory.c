// SPDX-License-Identifier: Apache-2.0
/* Linked with --wrap, so that the library's own calls of malloc() and calloc() come here. */
#include "sealed.h"
#include "support/check.h"
#include "support/failing_heap.h"

#include <errno.h>

static int seal_once(struct sealed *s, struct sdeistate_error *err)
{
	struct sdeistate_buffer file = { NULL, 0 };
	int ret = sdeistate_seal(&s->request, &file, err);

	heap.until_failure = 0;
	CHECK((ret == 0) == (file.data != NULL), "what failed gives nothing");
	sdeistate_buffer_free(&file);
	return ret;
}

static int open_once(struct sealed *s, struct sdeistate_error *err)
{
	struct sdeistate_opened *opened = NULL;
	struct sdeistate_buffer file = { NULL, 0 };
	unsigned int left = heap.until_failure;
	int ret;

	heap.until_failure = 0;
	if (sdeistate_seal(&s->request, &file, err))
		return -EIO;
	heap.until_failure = left;
	ret = sdeistate_open(file.data, file.len, &s->options, &opened, err);
	heap.until_failure = 0;
	CHECK((ret == 0) == (opened != NULL), "what failed gives nothing");
	sdeistate_opened_free(opened);
	sdeistate_buffer_free(&file);
	return ret;
}

static int cosign_once(struct sealed *s, struct sdeistate_error *err)
{
	struct sdeistate_buffer file = { NULL, 0 }, more = { NULL, 0 };
	unsigned int left = heap.until_failure;
	int ret;

	heap.until_failure = 0;
	if (sdeistate_seal(&s->request, &file, err))
		return -EIO;
	heap.until_failure = left;
	ret = sdeistate_cosign(file.data, file.len, s->other, &more, err);
	heap.until_failure = 0;
	sdeistate_buffer_free(&file);
	sdeistate_buffer_free(&more);
	return ret;
}

static int key_once(struct sealed *s, struct sdeistate_error *err)
{
	struct sdeistate_buffer pem = { NULL, 0 };
	struct sdeistate_pub *pub = NULL;
	int ret = sdeistate_pub_pem(sdeistate_key_pub(s->key), &pem, err);

	ret = ret ? ret : sdeistate_pub_parse(pem.data, pem.len, NULL, &pub, err);
	heap.until_failure = 0;
	sdeistate_pub_free(pub);
	sdeistate_buffer_free(&pem);
	return ret;
}

/* Fails the first allocation, then the second, until the call needs no more. */
static void check_all(struct sealed *s, int (*once)(struct sealed *, struct sdeistate_error *))
{
	unsigned int n = 0;
	int ret;

	do {
		struct sdeistate_error err = { 0 };

		heap.until_failure = n + 1;
		ret = once(s, &err);
		CHECK(ret == 0 || (ret == -ENOMEM && err.reason == SDEISTATE_NO_MEMORY),
		      "a failed allocation is reported as one");
	} while (ret && ++n < 200);
	CHECK(!ret && n > 1, "and with enough memory it works");
}

static void test_every_allocation_may_fail(void)
{
	static int (*const call[])(struct sealed *,
				   struct sdeistate_error *) = { seal_once, open_once, cosign_once,
								 key_once };
	const struct sdeistate_key *secret[1];
	struct sealed s;

	REQUIRE(sealed_setup(&s, SDEISTATE_KEY_ED25519) == 0 && sealed_trust(&s, s.key) == 0,
		"set up");
	secret[0] = s.other;
	s.options.secret = secret;
	s.options.n_secrets = 1;
	for (size_t i = 0; i < ARRAY_SIZE(call); i++)
		check_all(&s, call[i]);
	s.request.recipient = s.self;
	s.request.n_recipients = 1;
	check_all(&s, seal_once);
	check_all(&s, open_once);
	sealed_teardown(&s);
}

int main(void)
{
	return RUN_TESTS(test_every_allocation_may_fail);
}
