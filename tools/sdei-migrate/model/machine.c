// SPDX-License-Identifier: Apache-2.0
#include "machine.h"

#include "common/cleanup.h"
#include "realm.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#define PAGE  4096u
#define CHUNK 4096u /* pages */

/* --- the port: the core's, except that a vCPU created through it shows up in its list ------------- */

/* Hands @ret on; a vCPU that it created is in the port from then on. */
static int take_result(struct machine *machine, unsigned long cmd, int ret)
{
	if (cmd == KVM_CREATE_VCPU && ret >= 0) {
		kvmcore_port(machine->core, &machine->core_port);
		machine->port.vcpus = machine->core_port.vcpus;
		machine->port.n_vcpus = machine->core_port.n_vcpus;
	}
	return ret;
}

int machine_ioctl(struct machine *machine, int vcpu, unsigned long cmd, void *arg)
{
	return take_result(machine, cmd, kvmcore_ioctl(machine->core, vcpu, cmd, arg));
}

static int port_ioctl(void *vm, int vcpu, unsigned long cmd, void *arg)
{
	struct machine *machine = vm;

	return take_result(machine, cmd,
			   machine->core_port.ioctl(machine->core_port.vm, vcpu, cmd, arg));
}

static uint64_t port_epoch(void *vm)
{
	struct machine *machine = vm;

	return machine->core_port.epoch(machine->core_port.vm);
}

static int port_run(void *vm, int vcpu, int immediate_exit)
{
	struct machine *machine = vm;

	return machine->core_port.run(machine->core_port.vm, vcpu, immediate_exit);
}

static const struct kvm_run *port_exit(void *vm, int vcpu)
{
	struct machine *machine = vm;

	return machine->core_port.exit(machine->core_port.vm, vcpu);
}

static int port_mem_read(void *vm, uint64_t ipa, void *buf, size_t len)
{
	struct machine *machine = vm;

	return machine->core_port.mem_read(machine->core_port.vm, ipa, buf, len);
}

static int port_mem_write(void *vm, uint64_t ipa, const void *buf, size_t len)
{
	struct machine *machine = vm;

	return machine->core_port.mem_write(machine->core_port.vm, ipa, buf, len);
}

static void make_port(struct machine *machine)
{
	kvmcore_port(machine->core, &machine->core_port);
	machine->port = (struct kvm_port){
		.vm = machine,
		.ioctl = port_ioctl,
		.epoch = port_epoch,
		.run = port_run,
		.exit = port_exit,
		.mem_read = port_mem_read,
		.mem_write = port_mem_write,
		.vcpus = machine->core_port.vcpus,
		.n_vcpus = machine->core_port.n_vcpus,
	};
}

/* --- building ------------------------------------------------------------------------------------- */

/* What the ioctl @what stands for needs; KVM's own reasons. */
static const char *needed(int code)
{
	switch (code) {
	case -EEXIST:
		return "no two of the same";
	case -ERANGE:
	case -E2BIG:
		return "not so many";
	case -ENOENT:
		return "only features that the VM offers";
	default:
		return "values that KVM takes";
	}
}

static int refuse(struct transport_error *err, const char *what, int code)
{
	return transport_error_fill(err, code, "usage", "model VM", what, "%s|%s", needed(code),
				    strerrorname_np(-code));
}

static int refuse_vcpu(struct transport_error *err, unsigned int i, const struct model_vcpu *vcpu,
		       int code)
{
	return transport_error_fill(err, code, "usage", "model VM", "vcpus",
				    "%s|vCPU %u: vcpu_id %u, MPIDR 0x%llx: %s", needed(code), i,
				    (unsigned int)vcpu->vcpu_id, (unsigned long long)vcpu->mpidr,
				    strerrorname_np(-code));
}

/* Which two events bear one number, told by name: the ioctl says only that there are such. */
static int find_twice(const struct model_description *description, struct transport_error *err)
{
	for (unsigned int i = 0; i < description->n_exposed; i++)
		for (unsigned int k = 0; k < i; k++)
			if (description->exposed[i].num == description->exposed[k].num)
				return transport_error_fill(
					err, -EEXIST, "usage", "model VM", "exposed",
					"every event once|exposed[%u] and exposed[%u] are 0x%llx",
					k, i, (unsigned long long)description->exposed[i].num);
	return 0;
}

static int add_memory(struct machine *machine, struct transport_error *err)
{
	const struct model_description *description = machine->description;

	for (unsigned int i = 0; i < description->n_memory; i++) {
		const struct model_memory *memory = &description->memory[i];
		struct kvm_userspace_memory_region region = {
			.slot = i,
			.guest_phys_addr = memory->base,
			.memory_size = memory->size,
		};
		void *bytes = mmap(NULL, memory->size, PROT_READ | PROT_WRITE,
				   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
		int ret;

		if (bytes == MAP_FAILED)
			return transport_error_fill(err, -ENOMEM, "no-memory", "model VM", "memory",
						    "|");
		machine->memory[i] = bytes;
		region.userspace_addr = (uintptr_t)bytes;
		ret = kvmcore_ioctl(machine->core, -1, KVM_SET_USER_MEMORY_REGION, &region);
		if (ret < 0)
			return refuse(err, "memory", ret);
	}
	return 0;
}

static int expose(struct machine *machine, struct transport_error *err)
{
	const struct model_description *description = machine->description;
	struct kvm_sdei_cmd cmd = {
		.cmd = KVM_SDEI_CMD_SET_EXPOSED_EVENT,
		.count = description->n_exposed,
		.pointer = (uintptr_t)description->exposed,
	};
	int ret;

	if (description->n_exposed == 0)
		return 0;
	ret = find_twice(description, err);
	if (ret)
		return ret;
	ret = kvmcore_ioctl(machine->core, -1, KVM_ARM_SDEI_COMMAND, &cmd);
	return ret < 0 ? refuse(err, "exposed", ret) : 0;
}

static int add_vcpu(struct machine *machine, const struct model_vcpu *vcpu,
		    struct transport_error *err)
{
	struct kvm_vcpu_init init = { .target = KVM_ARM_TARGET_GENERIC_V8,
				      .features = { vcpu->features } };
	const int index = kvmcore_vcpu_create(machine->core, vcpu->vcpu_id, vcpu->mpidr);
	int ret;

	if (index < 0)
		return refuse_vcpu(err, kvmcore_vcpu_count(machine->core), vcpu, index);
	if (machine->description->config.type == KVMCORE_VM_S390)
		return 0;
	ret = kvmcore_ioctl(machine->core, index, KVMCORE_ARM_VCPU_INIT, &init);
	return ret < 0 ? refuse(err, "vcpus, features", ret) : 0;
}

int machine_complete(struct machine *machine, struct transport_error *err)
{
	int ret = 0;

	for (unsigned int i = kvmcore_vcpu_count(machine->core);
	     ret == 0 && i < machine->description->n_vcpus; i++)
		ret = add_vcpu(machine, &machine->description->vcpu[i], err);
	make_port(machine);
	return ret;
}

/* What this host's VMM would do with calls that the filter forwards to it. */
static int name_answers(struct machine *machine, struct transport_error *err)
{
	const struct model_description *description = machine->description;
	struct kvmcore_array answers = { .count = description->n_answers,
					 .ptr = (uintptr_t)description->answers };
	struct kvm_device_attr attr = { .group = KVMCORE_GROUP_FILTER,
					.attr = KVMCORE_FILTER_ANSWERS,
					.addr = (uintptr_t)&answers };
	int ret;

	if (description->n_answers == 0)
		return 0;
	ret = kvmcore_ioctl(machine->core, -1, KVM_SET_DEVICE_ATTR, &attr);
	return ret < 0 ? refuse(err, "answers", ret) : 0;
}

static int build(struct machine *machine, const struct kvmcore_config *config,
		 struct transport_error *err)
{
	struct kvmcore_error error;
	int ret;

	ret = kvmcore_vm_create(config, &machine->core, &error);
	if (ret)
		return transport_error_fill(err, ret, "usage", "model VM", error.field, "%s|%s",
					    error.expected, error.actual);
	make_port(machine);
	ret = add_memory(machine, err);
	if (ret == 0)
		ret = name_answers(machine, err);
	if (ret == 0 && config->type == KVMCORE_VM_ARM64)
		ret = machine_complete(machine, err);
	return ret ? ret : expose(machine, err);
}

int machine_new(const struct model_description *description,
		const struct machine_identity *identity, struct machine **machine,
		struct transport_error *err)
{
	struct kvmcore_config config = description->config;
	struct machine *made = calloc(1, sizeof(*made));
	int ret;

	if (!made)
		return transport_error_fill(err, -ENOMEM, "no-memory", "model VM", "", "|");
	made->description = description;
	if (identity) {
		memcpy(config.uuid, identity->uuid, sizeof(config.uuid));
		config.generation = identity->generation;
	}
	ret = build(made, &config, err);
	if (ret)
		made = machine_free(made);
	else
		*machine = made;
	return ret;
}

struct machine *machine_free(struct machine *machine)
{
	if (!machine)
		return NULL;
	kvmcore_vm_destroy(machine->core);
	for (unsigned int i = 0; i < machine->description->n_memory; i++)
		if (machine->memory[i])
			munmap(machine->memory[i], machine->description->memory[i].size);
	free(machine);
	return NULL;
}

/* --- looking -------------------------------------------------------------------------------------- */

int machine_info(struct machine *machine, struct kvmcore_vm_info *info)
{
	struct kvm_device_attr attr = {
		.group = KVMCORE_GROUP_VM,
		.attr = KVMCORE_VM_INFO,
		.addr = (uintptr_t)info,
	};
	const int ret = kvmcore_ioctl(machine->core, -1, KVM_GET_DEVICE_ATTR, &attr);

	return ret < 0 ? ret : 0;
}

static bool is_zero(const uint8_t *page)
{
	return page[0] == 0 && memcmp(page, page + 1, PAGE - 1) == 0;
}

/*
 * Pages nobody touched are not in core, and reading them would bring them in: ask for CHUNK of them at a time,
 * because this is done while the VM stands still.
 */
static bool is_written(const uint8_t *bytes, uint64_t size, uint64_t at, unsigned char *resident)
{
	const uint64_t page = at / PAGE % CHUNK, left = size - at;

	if (page == 0 && mincore((void *)(uintptr_t)(bytes + at),
				 left < CHUNK * PAGE ? left : CHUNK * PAGE, resident) < 0)
		memset(resident, 1, CHUNK);
	return resident[page] && !is_zero(bytes + at);
}

/* Runs of written pages of memory @i. Return: how many; more than @room if they do not fit */
static unsigned int find_runs(const struct machine *machine, unsigned int i,
			      const struct realm_pages *realm, struct sdeistate_region *region,
			      unsigned int room)
{
	const struct model_memory *memory = &machine->description->memory[i];
	const uint8_t *bytes = machine->memory[i];
	unsigned char resident[CHUNK];
	bool inside = false;
	unsigned int n = 0;

	for (uint64_t at = 0; at < memory->size; at += PAGE) {
		const bool written = is_written(bytes, memory->size, at, resident) &&
				     !realm_pages_has(realm, memory->base + at);

		if (written && inside)
			region[n - 1].size += PAGE;
		else if (written && n++ < room)
			region[n - 1] = (struct sdeistate_region){ memory->base + at, PAGE, NULL };
		if (n > room)
			return n;
		inside = written;
	}
	return n;
}

unsigned int machine_written(const struct machine *machine,
			     struct sdeistate_region region[SDEISTATE_MAX_REGIONS])
{
	CLEANUP(realm_pages_release) struct realm_pages realm;
	unsigned int n = 0;

	if (realm_pages_read(machine, &realm))
		return 0;
	for (unsigned int i = 0; i < machine->description->n_memory; i++) {
		/* One place is kept for each memory that still follows. */
		const unsigned int room =
			SDEISTATE_MAX_REGIONS - n - (machine->description->n_memory - 1 - i);
		const unsigned int found = find_runs(machine, i, &realm, region + n, room);

		if (found <= room) {
			n += found;
			continue;
		}
		region[n++] =
			(struct sdeistate_region){ machine->description->memory[i].base,
						   machine->description->memory[i].size, NULL };
	}
	return n;
}
