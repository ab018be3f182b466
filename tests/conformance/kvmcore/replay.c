// SPDX-License-Identifier: Apache-2.0
#include "replay.h"
#include "support/check.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DATA TEST_SOURCE_DIR "/tests/conformance/data/kernel/"

static struct exemption *exemptions;

void replay_file(const char *name, const char *kernel,
		 void (*row)(const char *kernel, const json_t *object))
{
	char path[512], *line = NULL;
	size_t room = 0;
	unsigned int n = 0;
	FILE *file;

	snprintf(path, sizeof(path), DATA "%s", name);
	file = fopen(path, "r");
	REQUIRE(file, "the recorded answers are there");
	while (getline(&line, &room, file) > 0) {
		json_t *object = json_loads(line, JSON_DECODE_INT_AS_REAL, NULL);

		if (CHECK(object, "each line is an object"))
			row(kernel, object);
		json_decref(object);
		n++;
	}
	CHECK(n > 0, "the file is not empty");
	free(line);
	fclose(file);
}

void replay_exempt(struct exemption *list)
{
	exemptions = list;
}

static bool covers(const struct exemption *e, const char *kernel, const char *row)
{
	const size_t len = strlen(e->row);

	if (e->kernel && strcmp(e->kernel, kernel))
		return false;
	if (len && e->row[len - 1] == '*')
		return !strncmp(e->row, row, len - 1);
	return !strcmp(e->row, row);
}

bool replay_is_exempt(const char *kernel, const char *row)
{
	for (struct exemption *e = exemptions; e && e->reason; e++) {
		if (covers(e, kernel, row)) {
			e->used++;
			return true;
		}
	}
	return false;
}

void replay_check_exemptions(void)
{
	for (struct exemption *e = exemptions; e && e->reason; e++)
		if (!CHECK(e->used, "each exemption excuses a row that would fail"))
			fprintf(stderr, "\t%s: %s\n", e->row, e->reason);
}

void replay_result(const char *kernel, const char *row, bool equal, const char *format, ...)
{
	va_list args;

	if (equal || replay_is_exempt(kernel, row)) {
		CHECK(true, "as recorded");
		return;
	}
	CHECK(false, "the model answers as the kernel did");
	fprintf(stderr, "\t%s, row %s: ", kernel, row);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
}

uint64_t replay_u64(const json_t *object, const char *key)
{
	const json_t *value = json_object_get(object, key);

	if (json_is_string(value))
		return strtoull(json_string_value(value), NULL, 0);
	if (json_is_real(value)) /* jansson has no unsigned 64-bit integers */
		return json_real_value(value) >= 0x1p64 ? UINT64_MAX
							: (uint64_t)json_real_value(value);
	return (uint64_t)json_integer_value(value);
}

const char *replay_text(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : "";
}

struct kvmcore_vm *replay_vm(const char *kernel, enum kvmcore_vm_type type, unsigned int n_vcpus)
{
	const struct kvmcore_config
		config = { .kernel = kernel,
			   .type = type,
			   .guard = KVMCORE_GUARD_OFF /* no mainline host has one */ };
	struct kvm_vcpu_init init = { .target = KVM_ARM_TARGET_GENERIC_V8,
				      .features = { 1u << KVM_ARM_VCPU_PSCI_0_2 } };
	struct kvmcore_vm *vm;

	if (!CHECK(kvmcore_vm_create(&config, &vm, NULL) == 0, "a VM can be made"))
		return NULL;
	for (unsigned int i = 0; i < n_vcpus; i++) {
		CHECK(kvmcore_ioctl(vm, -1, KVM_CREATE_VCPU, (void *)(uintptr_t)i) == (int)i,
		      "a vCPU can be made");
		CHECK(kvmcore_ioctl(vm, (int)i, KVMCORE_ARM_VCPU_INIT, &init) == 0,
		      "it can be initialised");
	}
	return vm;
}
