// SPDX-License-Identifier: Apache-2.0
#include "steps.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define MAX_REGS      1024u

uint64_t steps_u64(const json_t *object, const char *key)
{
	const json_t *value = json_object_get(object, key);

	if (json_is_string(value))
		return strtoull(json_string_value(value), NULL, 0);
	return (uint64_t)json_integer_value(value);
}

static const char *text(const json_t *object, const char *key)
{
	const char *value = json_string_value(json_object_get(object, key));

	return value ? value : "";
}

static int port_ioctl(struct scene *s, int vcpu, unsigned long cmd, void *arg)
{
	return s->m.port.ioctl(s->m.port.vm, vcpu, cmd, arg);
}

/* --- Device attributes ---------------------------------------------------------------------------- */

/* Two pages, of which nobody may touch the second: @at says where in them the struct stands. */
static uint64_t place(const struct kvm_smccc_filter *filter, const json_t *where, char **pages)
{
	const size_t page = (size_t)sysconf(_SC_PAGESIZE);
	const char *word = json_is_string(where) ? json_string_value(where) : "ok";
	size_t n = json_is_integer(where) ? (size_t)json_integer_value(where) : sizeof(*filter);
	char *at;

	*pages = NULL;
	if (!strcmp(word, "null"))
		return 0;
	if (!strncmp(word, "0x", 2))
		return strtoull(word, NULL, 16);
	*pages = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (*pages == MAP_FAILED) {
		*pages = NULL;
		return 0;
	}
	at = *pages + (json_is_integer(where) ? page - n : !strcmp(word, "unaligned"));
	memcpy(at, filter, n);
	mprotect(*pages + page, page, PROT_NONE);
	if (!strcmp(word, "readonly"))
		mprotect(*pages, page, PROT_READ);
	return (uintptr_t)at;
}

static struct kvm_smccc_filter read_filter(const json_t *step)
{
	struct kvm_smccc_filter filter = {
		.base = (uint32_t)steps_u64(step, "base"),
		.nr_functions = (uint32_t)steps_u64(step, "nr"),
		.action = (uint8_t)steps_u64(step, "action"),
	};
	const char *pad = text(step, "pad");

	for (size_t i = 0; i < sizeof(filter.pad) && pad[2 * i] && pad[2 * i + 1]; i++) {
		const char digits[3] = { pad[2 * i], pad[2 * i + 1], '\0' };

		filter.pad[i] = (uint8_t)strtoul(digits, NULL, 16);
	}
	return filter;
}

static unsigned long attr_command(const char *word)
{
	if (!strcmp(word, "get"))
		return KVM_GET_DEVICE_ATTR;
	return !strcmp(word, "has") ? KVM_HAS_DEVICE_ATTR : KVM_SET_DEVICE_ATTR;
}

static json_t *do_attr(struct scene *s, const json_t *step)
{
	const struct kvm_smccc_filter filter = read_filter(step);
	const unsigned long cmd = attr_command(text(step, "cmd"));
	const char *on = text(step, "on");
	char *pages;
	struct kvm_device_attr attr = {
		.flags = (uint32_t)steps_u64(step, "flags"),
		.group = (uint32_t)steps_u64(step, "group"),
		.attr = steps_u64(step, "attr"),
		.addr = place(&filter, json_object_get(step, "at"), &pages),
	};
	int ret;

	if (!strcmp(on, "system"))
		ret = machine_system_ioctl(s->host, cmd, &attr);
	else
		ret = port_ioctl(s, strcmp(on, "vcpu") ? -1 : 0, cmd, &attr);
	if (pages)
		munmap(pages, 2 * (size_t)sysconf(_SC_PAGESIZE));
	return json_integer(ret);
}

/* Many ranges of one call each; says how many went in and what the first that did not was told. */
static json_t *do_many(struct scene *s, const json_t *step)
{
	const uint64_t count = steps_u64(step, "count"), stride = steps_u64(step, "stride");
	uint64_t i;
	int ret = 0;

	for (i = 0; i < count; i++) {
		struct kvm_smccc_filter filter = {
			.base = (uint32_t)(steps_u64(step, "base") + i * stride),
			.nr_functions = 1,
			.action = steps_u64(step, "alternate") ? (uint8_t)(1 + i % 2) : 2,
		};
		struct kvm_device_attr attr = { .addr = (uintptr_t)&filter };

		ret = port_ioctl(s, -1, KVM_SET_DEVICE_ATTR, &attr);
		if (ret)
			break;
	}
	return json_pack("[I,i]", (json_int_t)i, ret);
}

/* --- vCPUs and their registers -------------------------------------------------------------------- */

static int init_vcpu(struct scene *s, int vcpu)
{
	struct kvm_vcpu_init init = { .target = 0 };
	int ret = port_ioctl(s, -1, KVMCORE_ARM_PREFERRED_TARGET, &init);

	if (ret)
		return ret;
	init.features[0] |= 1u << KVM_ARM_VCPU_PSCI_0_2;
	return port_ioctl(s, vcpu, KVMCORE_ARM_VCPU_INIT, &init);
}

static int add_vcpu(struct scene *s, unsigned int n, bool initialised)
{
	const int vcpu = port_ioctl(s, -1, KVM_CREATE_VCPU, (void *)(uintptr_t)n);

	if (vcpu < 0 || !initialised)
		return vcpu;
	return init_vcpu(s, vcpu);
}

static json_t *do_init(struct scene *s, const json_t *step)
{
	(void)step;
	return json_integer(init_vcpu(s, 0));
}

static json_t *do_run(struct scene *s, const json_t *step)
{
	(void)step;
	return json_integer(s->m.port.run(s->m.port.vm, 0, 1));
}

static json_t *hex(uint64_t value)
{
	char digits[24];

	snprintf(digits, sizeof(digits), "0x%" PRIx64, value);
	return json_string(digits);
}

static json_t *do_get(struct scene *s, const json_t *step)
{
	uint64_t value = 0;
	struct kvm_one_reg reg = { steps_u64(step, "id"), (uintptr_t)&value };
	const int ret = port_ioctl(s, 0, KVM_GET_ONE_REG, &reg);

	return json_pack("[i,o]", ret, ret ? json_null() : hex(value));
}

static json_t *do_set(struct scene *s, const json_t *step)
{
	uint64_t value = steps_u64(step, "value");
	struct kvm_one_reg reg = { steps_u64(step, "id"), (uintptr_t)&value };

	return json_integer(port_ioctl(s, 0, KVM_SET_ONE_REG, &reg));
}

static json_t *do_cap(struct scene *s, const json_t *step)
{
	void *cap = (void *)(uintptr_t)steps_u64(step, "nr");

	return json_pack("[i,i]", machine_system_ioctl(s->host, KVM_CHECK_EXTENSION, cap),
			 port_ioctl(s, -1, KVM_CHECK_EXTENSION, cap));
}

static json_t *do_events(struct scene *s, const json_t *step)
{
	struct kvmcore_arm64_vcpu_events events;
	int ret;

	(void)step;
	memset(&events, 0x5a, sizeof(events));
	ret = port_ioctl(s, 0, KVMCORE_GET_VCPU_EVENTS, &events);
	return json_pack("[i,i,i,i]", ret, events.serror_pending, events.serror_has_esr,
			 events.ext_dabt_pending);
}

static json_t *do_mp(struct scene *s, const json_t *step)
{
	struct kvm_mp_state mp = { 99 };
	int ret = port_ioctl(s, 0, KVM_GET_MP_STATE, &mp);

	(void)step;
	return json_pack("[i,i]", ret, (int)mp.mp_state);
}

static bool is_firmware(uint64_t id)
{
	const uint64_t class = id >> 16 & 0xfff;

	return class == 0x14 || class == 0x16;
}

/* How long the list is depends on the CPU; which firmware registers are in it, on the kernel. */
static json_t *do_reglist(struct scene *s, const json_t *step)
{
	struct kvm_reg_list *list = calloc(1, sizeof(*list) + MAX_REGS * sizeof(uint64_t));
	json_t *ids = json_array();
	int probe, ret;

	(void)step;
	if (!list)
		return ids;
	probe = port_ioctl(s, 0, KVM_GET_REG_LIST, list);
	list->n = MAX_REGS;
	ret = port_ioctl(s, 0, KVM_GET_REG_LIST, list);
	for (uint64_t i = 0; !ret && i < list->n; i++)
		if (is_firmware(list->reg[i]))
			json_array_append_new(ids, hex(list->reg[i]));
	free(list);
	return json_pack("[i,i,o]", probe, ret, ids);
}

static json_t *do_call(struct scene *s, const json_t *step)
{
	return steps_call(&s->m, step);
}

static json_t *do_access(struct scene *s, const json_t *step)
{
	return steps_access(&s->m, step);
}

/* --- Rows ------------------------------------------------------------------------------------------ */

static const struct {
	const char *word;
	json_t *(*play)(struct scene *s, const json_t *step);
} steps[] = {
	{ "attr", do_attr },     { "many", do_many },       { "init", do_init },
	{ "run", do_run },       { "get", do_get },         { "set", do_set },
	{ "call", do_call },     { "cap", do_cap },         { "mp", do_mp },
	{ "events", do_events }, { "reglist", do_reglist }, { "access", do_access },
};

static json_t *play(struct scene *s, const json_t *step)
{
	for (size_t i = 0; i < ARRAY_SIZE(steps); i++)
		if (!strcmp(steps[i].word, text(step, "do")))
			return steps[i].play(s, step);
	return json_string("unknown step");
}

static void begin(struct scene *s, const json_t *row)
{
	steps_end(s);
	s->ret = machine_open(s->host, &s->m);
	for (unsigned int n = 0; !s->ret && n < steps_u64(row, "vcpus"); n++) {
		const int ret = add_vcpu(s, n, !json_is_true(json_object_get(row, "bare")));

		s->ret = ret < 0 ? ret : 0;
	}
}

void steps_end(struct scene *s)
{
	if (s->m.own)
		machine_close(&s->m);
}

json_t *steps_row(struct scene *s, const json_t *row)
{
	json_t *seen = json_array();
	const json_t *step;
	size_t i;

	if (!json_is_true(json_object_get(row, "continues")))
		begin(s, row);
	if (s->ret || !s->m.own) {
		json_array_append_new(seen, json_sprintf("no machine: %s", strerror(-s->ret)));
	} else {
		json_array_foreach(json_object_get(row, "steps"), i, step)
			json_array_append_new(seen, play(s, step));
	}
	return json_pack("{s:O,s:o}", "name", json_object_get(row, "name"), "seen", seen);
}
