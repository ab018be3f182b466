// SPDX-License-Identifier: GPL-2.0-only
/*
 * The MMIO guard of variant S ("KVM: arm64: MMIO guard PV services" v2): a guest names the pages that its host may
 * emulate. Nothing is guarded before it enrols, and nothing else is accessible afterwards; so no CPU may run in between.
 */
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/of.h>
#include <linux/of_address.h>
#include <linux/printk.h>
#include <linux/stop_machine.h>

#include "watch.h"

#define VENDOR_FEATURES 0x86000000
#define GUARD_INFO      0xC6000002
#define GUARD_ENROLL    0xC6000003
#define GUARD_MAP       0xC6000004
#define HAS_GUARD       0x1c /* bits of those three in FEATURES */

struct pages {
	const u64 *page;
	unsigned int n;
};

static int enroll(void *opaque)
{
	const struct pages *pages = opaque;
	unsigned long ret = smccc(GUARD_ENROLL, 0, 0);
	unsigned int i;

	for (i = 0; i < pages->n && !ret; i++)
		ret = smccc(GUARD_MAP, pages->page[i], 0);
	return ret ? -EIO : 0;
}

static int enroll_with(const u64 *pages, unsigned int n)
{
	struct pages all = { pages, n };
	const unsigned long granule = smccc(GUARD_INFO, 0, 0);

	if ((smccc(VENDOR_FEATURES, 0, 0) & HAS_GUARD) != HAS_GUARD || granule != PAGE_SIZE)
		return -EOPNOTSUPP;
	return stop_machine(enroll, &all, NULL);
}

/* What the host emulates. Before the first event: a handler must not run while half of it is guarded. */
int guard_devices(void)
{
	static const char *const device[] = { "arm,pl011", "sdei-migrate,event-source" };
	u64 page[ARRAY_SIZE(device)];
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(device); i++) {
		struct device_node *node = of_find_compatible_node(NULL, NULL, device[i]);
		struct resource place;
		const int ret = node ? of_address_to_resource(node, 0, &place) : -ENODEV;

		of_node_put(node);
		if (ret)
			return ret;
		page[i] = place.start;
	}
	return enroll_with(page, ARRAY_SIZE(page));
}
