// SPDX-License-Identifier: Apache-2.0
#include "model/machine.h"
#include "model/window.h"

#include "support/check.h"

#include <errno.h>
#include <string.h>

#define BASE 0x80000000u

static struct model_description *describe(const char *text)
{
	struct model_description *description = NULL;
	struct failure failure;
	json_t *json = json_loads(text, 0, NULL);

	description_parse(json, "test", &description, &failure);
	json_decref(json);
	return description;
}

static void test_identity(void)
{
	const struct machine_identity identity = { .uuid = { 1, 2, 3 }, .generation = 9 };
	struct model_description *description = describe("{\"vcpus\":[{},{},{}]}");
	struct machine *machine = NULL;
	struct kvmcore_vm_info info;
	struct transport_error err;

	REQUIRE(description && machine_new(description, &identity, &machine, &err) == 0,
		"a machine is built");
	CHECK(machine_info(machine, &info) == 0 && info.n_vcpus == 3 && info.generation == 9 &&
		      memcmp(info.uuid, identity.uuid, sizeof(info.uuid)) == 0,
	      "it is who it was told to be");
	CHECK(machine->port.n_vcpus == 3 && machine->port.vcpus[2].vcpu_id == 2,
	      "its port lists the vCPUs");
	CHECK(machine->port.epoch(machine) % 2 == 0 && !info.has_run, "it is paused and fresh");
	CHECK(machine->port.ioctl(machine, -1, KVM_CREATE_VCPU, (void *)(uintptr_t)7) == 3 &&
		      machine->port.n_vcpus == 4 && machine->port.vcpus[3].vcpu_id == 7,
	      "a vCPU created through the port shows up in it");
	machine_free(machine);
	description_free(description);
}

static void test_written_pages(void)
{
	struct model_description *description = describe(
		"{\"vcpus\":[{}],\"memory\":[{\"base\":\"0x80000000\",\"size\":\"0x100000\"},"
		"{\"base\":\"0x90000000\",\"size\":\"0x100000\"}]}");
	struct sdeistate_region region[SDEISTATE_MAX_REGIONS];
	struct machine *machine = NULL;
	struct transport_error err;
	const uint8_t byte = 1;

	REQUIRE(description && machine_new(description, NULL, &machine, &err) == 0,
		"a machine is built");
	CHECK(machine_written(machine, region) == 0, "fresh memory is not worth taking");
	machine->port.mem_write(machine, BASE + 0x1fff, &byte, 1);
	machine->port.mem_write(machine, BASE + 0x2000, &byte, 1);
	machine->port.mem_write(machine, 0x900ff000u, &byte, 1);
	CHECK(machine_written(machine, region) == 2, "neighbouring pages are one region");
	CHECK(region[0].ipa == BASE + 0x1000 && region[0].size == 0x2000, "of whole pages");
	CHECK(region[1].ipa == 0x900ff000u && region[1].size == 0x1000, "up to the last one");
	for (unsigned int i = 0; i < 40; i++)
		machine->port.mem_write(machine, BASE + 0x2000 * i, &byte, 1);
	CHECK(machine_written(machine, region) == 2 && region[0].ipa == BASE &&
		      region[0].size == 0x100000 && region[1].ipa == 0x900ff000u,
	      "too many regions become the whole memory, and leave room for the next");
	machine_free(machine);
	description_free(description);
}

static void test_a_refused_description(void)
{
	struct model_description *description =
		describe("{\"vcpus\":[{\"mpidr\":1},{\"mpidr\":1}]}");
	struct machine *machine = NULL;
	struct transport_error err = { 0 };

	REQUIRE(description != NULL, "the description itself is well formed");
	CHECK(machine_new(description, NULL, &machine, &err) == -EEXIST && !machine &&
		      strcmp(err.field, "vcpus") == 0,
	      "what the core refuses is named");
	description_free(description);
}

static void test_windows(void)
{
	struct window window = { 0 };
	json_t *good = json_string("00ff10"), *half = json_string("0"), *number = json_integer(1);

	CHECK(window_from_hex(good, &window) == 0 && window.len == 3 && window.data[1] == 0xff,
	      "digits become bytes");
	CHECK(((uintptr_t)window.data + window.len) % 4096 == 0, "that end where memory ends");
	window_release(&window);
	CHECK(!window.data && window.len == 0, "a released window is empty");
	CHECK(window_from_hex(half, &window) == -EINVAL &&
		      window_from_hex(number, &window) == -EINVAL,
	      "half a byte and what is no text are refused");
	CHECK(window_zero(0, &window) == 0 && window.len == 0, "no bytes are a window too");
	window_release(&window);
	json_decref(good);
	json_decref(half);
	json_decref(number);
}

int main(void)
{
	return RUN_TESTS(test_identity, test_written_pages, test_a_refused_description,
			 test_windows);
}
