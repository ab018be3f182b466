// SPDX-License-Identifier: Apache-2.0
#include "sdei/queue.h"
#include "support/check.h"

static struct sdei_event a = { .slot = 3 }, b = { .slot = 7 },
			 c = { .slot = 200, .exposed = { .priority = 1 } };

static bool is_order(const struct sdei_vcpu *queue, uint16_t first, uint16_t second)
{
	return queue_first(queue, SDEI_NORMAL) == first && queue_next(queue, first) == second &&
	       (second == SDEI_NO_SLOT || queue_next(queue, second) == SDEI_NO_SLOT);
}

static void test_order_and_classes(void)
{
	static struct sdei_vcpu queue;

	queue_init(&queue);
	CHECK(queue_first(&queue, SDEI_NORMAL) == SDEI_NO_SLOT && queue.n_queued == 0,
	      "it starts empty");
	queue_put(&queue, &b, 1);
	queue_put(&queue, &a, 1);
	queue_put(&queue, &c, 1);
	CHECK(is_order(&queue, 7, 3), "normal events stand in the order of arrival");
	CHECK(queue_first(&queue, SDEI_CRITICAL) == 200 && queue_next(&queue, 200) == SDEI_NO_SLOT,
	      "critical ones in a list of their own");
	queue_put(&queue, &b, 2);
	CHECK(is_order(&queue, 7, 3) && queue_count(&queue, &b) == 2 && queue.n_queued == 3,
	      "another count moves nothing");
	queue_to_end(&queue, &b);
	CHECK(is_order(&queue, 3, 7), "unless asked to");
	queue_remove(&queue, &a);
	queue_remove(&queue, &a);
	CHECK(is_order(&queue, 7, SDEI_NO_SLOT) && queue.n_queued == 2 && a.n_entries == 0,
	      "removing twice is removing once");
	queue_remove(&queue, &b);
	queue_remove(&queue, &c);
	CHECK(queue.n_queued == 0 && b.n_entries == 0 && c.n_entries == 0,
	      "and then it is empty again");
}

static void test_count_0_is_an_entry(void)
{
	static struct sdei_vcpu queue;

	queue_init(&queue);
	queue_put(&queue, &a, 0);
	CHECK(queue_has(&queue, &a) && queue_count(&queue, &a) == 0 && queue.n_queued == 1,
	      "the posted ABI can set a count of 0");
	queue_remove(&queue, &a);
	CHECK(!queue_has(&queue, &a) && queue_count(&queue, &a) == 0, "no entry counts 0 too");
}

int main(void)
{
	return RUN_TESTS(test_order_and_classes, test_count_0_is_an_entry);
}
