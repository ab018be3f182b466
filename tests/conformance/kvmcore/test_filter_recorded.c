// SPDX-License-Identifier: Apache-2.0
/*
 * The SMCCC filter against what Linux 6.1, 6.12 and 7.2 answered: one fresh VM per row.
 */
#include "replay.h"
#include "support/check.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define PAGE 4096u

static const struct {
	const char *name;
	unsigned long cmd;
} ioctl_of[] = {
	{ "KVM_SET_DEVICE_ATTR", KVM_SET_DEVICE_ATTR },
	{ "KVM_GET_DEVICE_ATTR", KVM_GET_DEVICE_ATTR },
	{ "KVM_HAS_DEVICE_ATTR", KVM_HAS_DEVICE_ATTR },
};

static unsigned long find_ioctl(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(ioctl_of); i++)
		if (!strcmp(ioctl_of[i].name, name))
			return ioctl_of[i].cmd;
	return 0;
}

/* Two pages, the second of which nobody may touch. */
static char *two_pages;

static void unhex(const char *hex, uint8_t *bytes, size_t n)
{
	for (size_t i = 0; i < n && hex[2 * i]; i++) {
		const char digits[3] = { hex[2 * i], hex[2 * i + 1], '\0' };

		bytes[i] = (uint8_t)strtoul(digits, NULL, 16);
	}
}

static struct kvm_smccc_filter read_filter(const json_t *object)
{
	struct kvm_smccc_filter filter = {
		.base = (uint32_t)replay_u64(object, "base"),
		.nr_functions = (uint32_t)replay_u64(object, "nr_functions"),
		.action = (uint8_t)replay_u64(object, "action"),
	};

	unhex(replay_text(object, "pad"), filter.pad, sizeof(filter.pad));
	return filter;
}

/* Where the recorded program had put the struct. */
static uint64_t place(const struct kvm_smccc_filter *filter, const char *where)
{
	unsigned int mapped;
	char *at = two_pages;

	mprotect(two_pages, PAGE, PROT_READ | PROT_WRITE);
	if (!strcmp(where, "NULL"))
		return 0;
	if (!strncmp(where, "0x", 2))
		return strtoull(where, NULL, 16);
	if (sscanf(where, "%u bytes mapped", &mapped) == 1) {
		at = two_pages + PAGE - mapped;
		memcpy(at, filter, mapped);
		return (uintptr_t)at;
	}
	if (!strcmp(where, "unaligned by 1"))
		at++;
	memcpy(at, filter, sizeof(*filter));
	if (!strcmp(where, "read-only page"))
		mprotect(two_pages, PAGE, PROT_READ);
	return (uintptr_t)at;
}

static int set(struct kvmcore_vm *vm, const struct kvm_smccc_filter *filter)
{
	struct kvm_device_attr attr = { .addr = (uintptr_t)filter };

	return kvmcore_ioctl(vm, -1, KVM_SET_DEVICE_ATTR, &attr);
}

/* The rows about many ranges, and what they put in first. */
static const struct volume {
	const char *name;
	uint32_t count, stride;
	bool alternate;
} volume[] = {
	{ "vol-10000-single-stride2", 10000, 2, false },
	{ "vol-10000-single-adjacent-same", 10000, 1, false },
	{ "vol-10000-single-adjacent-alternating", 10000, 1, true },
	{ "vol-100000-single-stride3", 100000, 3, false },
};

/* The row's own name, or a set-up that says "<name> inserted". */
static const struct volume *find_volume(const char *text)
{
	for (size_t i = 0; text && i < ARRAY_SIZE(volume); i++) {
		const size_t len = strlen(volume[i].name);

		if (!strncmp(volume[i].name, text, len) && (text[len] == '\0' || text[len] == ' '))
			return &volume[i];
	}
	return NULL;
}

static int insert_many(struct kvmcore_vm *vm, const struct volume *v)
{
	int ret = 0;

	for (uint32_t i = 0; i < v->count && !ret; i++) {
		const struct kvm_smccc_filter filter = {
			.base = 0xc4000000u + i * v->stride,
			.nr_functions = 1,
			.action =
				v->alternate ? (uint8_t)(1 + i % 2) : KVM_SMCCC_FILTER_FWD_TO_USER,
		};

		ret = set(vm, &filter);
	}
	return ret;
}

static void set_ranges(struct kvmcore_vm *vm, const char *kernel, const char *name,
		       const json_t *setup)
{
	const json_t *range;
	size_t i;

	json_array_foreach(setup, i, range)
	{
		const struct kvm_smccc_filter filter = read_filter(range);
		const int want = -(int)replay_u64(range, "errno");
		const int got = set(vm, &filter);

		replay_result(kernel, name, got == want, "set-up range %zu: %d, not %d", i, got,
			      want);
	}
}

/* What was done to the VM before the row's own ioctl. */
static void set_up(struct kvmcore_vm *vm, const char *kernel, const char *name, const json_t *setup)
{
	struct kvm_vcpu_init init = { .target = KVM_ARM_TARGET_GENERIC_V8,
				      .features = { 1u << KVM_ARM_VCPU_PSCI_0_2 } };
	const char *text = json_is_string(setup) ? json_string_value(setup) : "";
	const struct volume *many = find_volume(text);
	struct kvmcore_reply reply;

	set_ranges(vm, kernel, name, setup);
	if (many)
		insert_many(vm, many);
	if (strstr(text, "has run"))
		CHECK(kvmcore_run(vm, 0, true, &reply) == -EINTR, "the vCPU runs once");
	if (strstr(text, "INIT again"))
		CHECK(kvmcore_ioctl(vm, 0, KVMCORE_ARM_VCPU_INIT, &init) == 0,
		      "the vCPU can be initialised again");
}

static int do_one(struct kvmcore_vm *vm, const char *kernel, const json_t *inputs)
{
	const json_t *object = json_object_get(inputs, "filter");
	const struct kvm_smccc_filter filter = read_filter(object);
	const unsigned long cmd = find_ioctl(replay_text(inputs, "ioctl"));
	const char *fd = replay_text(inputs, "fd");
	struct kvm_device_attr attr = {
		.flags = (uint32_t)replay_u64(inputs, "flags"),
		.group = (uint32_t)replay_u64(inputs, "group"),
		.attr = replay_u64(inputs, "attr"),
		.addr = place(&filter, replay_text(inputs, "addr")),
	};

	CHECK(cmd, "the row names an ioctl");
	if (!strcmp(fd, "/dev/kvm"))
		return kvmcore_system_ioctl(kernel, cmd, &attr);
	return kvmcore_ioctl(vm, strcmp(fd, "vcpu") ? -1 : 0, cmd, &attr);
}

static void row(const char *kernel, const json_t *object)
{
	const json_t *inputs = json_object_get(object, "inputs");
	const char *name = replay_text(object, "name");
	const int want = -(int)replay_u64(object, "errno");
	struct kvmcore_reply reply;
	struct kvmcore_vm *vm;
	int got;

	if (!strcmp(name, "_meta"))
		return;
	vm = replay_vm(kernel, KVMCORE_VM_ARM64, 1);
	set_up(vm, kernel, name, json_object_get(inputs, "setup"));
	if (!strcmp(replay_text(inputs, "ioctl"), "KVM_RUN"))
		got = kvmcore_run(vm, 0, replay_u64(inputs, "immediate_exit"), &reply);
	else if (json_object_get(inputs, "count"))
		got = insert_many(vm, find_volume(name));
	else
		got = do_one(vm, kernel, inputs);
	replay_result(kernel, name, got == want, "%d, not %d", got, want);
	kvmcore_vm_destroy(vm);
}

static void test_filter_answers_as_recorded(void)
{
	two_pages =
		mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	REQUIRE(two_pages != MAP_FAILED, "two pages can be mapped");
	mprotect(two_pages + PAGE, PAGE, PROT_NONE);
	replay_file("smccc-filter-kernel-6.1.176.jsonl", "6.1", row);
	replay_file("smccc-filter-kernel-6.12.107.jsonl", "6.12", row);
	replay_file("smccc-filter-kernel-7.2.13.jsonl", "7.2", row);
	munmap(two_pages, 2 * PAGE);
}

int main(void)
{
	return RUN_TESTS(test_filter_answers_as_recorded);
}
