// SPDX-License-Identifier: Apache-2.0
/*
 * Capabilities, VM creation, register lists and (protected) VMs under pKVM against what real kernels
 * answered.
 */
#include "replay.h"
#include "support/check.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define PROTECTED 0x80000000u
#define INSN      0x40001000ULL

static struct exemption caps_exemptions[] = {
	{ "7.2", "create_vm 0x800000*", "recorded without kvm-arm.mode=protected; see pkvm-*", 0 },
	{ NULL, NULL, NULL, 0 },
};

static struct exemption pkvm_exemptions[] = {
	{ "7.2", "call 0x80000000 0xc6000003", "the row does not name the page it shares", 0 },
	{ "7.2", "call 0x80000000 0xc6000004", "likewise", 0 },
	{ "7.2", "call 0x80000000 0xc4000020", "the core has an SDEI service", 0 },
	{ NULL, NULL, NULL, 0 },
};

static void cap_row(const char *kernel, const json_t *object)
{
	struct kvmcore_vm *vm = replay_vm(kernel, KVMCORE_VM_ARM64, 0);
	void *cap = (void *)(uintptr_t)replay_u64(object, "nr");
	const int dev = (int)json_number_value(json_object_get(object, "dev"));
	const int on_vm = (int)json_number_value(json_object_get(object, "vm"));
	int got = kvmcore_system_ioctl(kernel, KVM_CHECK_EXTENSION, cap);

	/* ioctl(2) says -1 for any error */
	replay_result(kernel, replay_text(object, "cap"), (got < 0 ? -1 : got) == dev,
		      "on the system: %d, not %d", got, dev);
	got = kvmcore_ioctl(vm, -1, KVM_CHECK_EXTENSION, cap);
	replay_result(kernel, replay_text(object, "cap"), (got < 0 ? -1 : got) == on_vm,
		      "on a VM: %d, not %d", got, on_vm);
	kvmcore_vm_destroy(vm);
}

/* KVM_CREATE_VM's argument: bits 7:0 are the IPA size, 0 for the default; the rest is the type. */
static int create(const char *kernel, uint32_t type, struct kvmcore_vm **vm)
{
	const struct kvmcore_config config = {
		.kernel = kernel,
		.ipa_bits = type & 0xff,
		.type = type & PROTECTED ? KVMCORE_VM_PROTECTED : KVMCORE_VM_ARM64,
	};

	if (type & ~(PROTECTED | 0xff))
		return -EINVAL; /* no name of ours stands for such a type */
	return kvmcore_vm_create(&config, vm, NULL);
}

static void create_row(const char *kernel, const json_t *object)
{
	const int want = strcmp(replay_text(object, "errno"), "EINVAL") ? 0 : -EINVAL;
	struct kvmcore_vm *vm = NULL;
	char name[64];
	int got = create(kernel, (uint32_t)replay_u64(object, "type"), &vm);

	snprintf(name, sizeof(name), "create_vm %s", replay_text(object, "type"));
	replay_result(kernel, name, got == want, "%d, not %d", got, want);
	kvmcore_vm_destroy(vm);
}

static void caps_row(const char *kernel, const json_t *object)
{
	if (!strcmp(replay_text(object, "name"), "cap"))
		cap_row(kernel, object);
	else if (!strcmp(replay_text(object, "name"), "create_vm"))
		create_row(kernel, object);
}

static void test_capabilities_answer_as_recorded(void)
{
	replay_exempt(caps_exemptions);
	replay_file("kvm-caps-kernel-6.12.107-max.jsonl", "6.12", caps_row);
	replay_file("kvm-caps-kernel-7.2.13-max.jsonl", "7.2", caps_row);
	replay_check_exemptions();
}

/* --- Register lists -------------------------------------------------------------------------------- */

#define MAX_REGS 512u

static size_t read_list(const char *name, uint64_t *id)
{
	char path[512];
	size_t n = 0;
	FILE *file;

	snprintf(path, sizeof(path), TEST_SOURCE_DIR "/tests/conformance/data/kernel/%s", name);
	file = fopen(path, "r");
	while (file && n < MAX_REGS && fscanf(file, "%" SCNx64, &id[n]) == 1)
		n++;
	if (file)
		fclose(file);
	return n;
}

static size_t list_of_model(const char *kernel, uint64_t *id)
{
	struct kvmcore_vm *vm = replay_vm(kernel, KVMCORE_VM_ARM64, 1);
	struct kvm_reg_list *list = calloc(1, sizeof(*list) + MAX_REGS * sizeof(uint64_t));
	size_t n = 0;

	list->n = MAX_REGS;
	if (CHECK(kvmcore_ioctl(vm, 0, KVM_GET_REG_LIST, list) == 0, "the list can be read")) {
		n = list->n;
		memcpy(id, list->reg, n * sizeof(*id));
	}
	free(list);
	kvmcore_vm_destroy(vm);
	return n;
}

static void check_list(const char *file, const char *kernel)
{
	uint64_t recorded[MAX_REGS], ours[MAX_REGS];
	const size_t n_recorded = read_list(file, recorded), n = list_of_model(kernel, ours);
	size_t at = 0;

	CHECK(n_recorded > 200 && n > 40, "both lists are there");
	for (size_t i = 0; i < n; i++) {
		while (at < n_recorded && recorded[at] != ours[i])
			at++;
		replay_result(kernel, file, at < n_recorded, "%#" PRIx64 " is not in order",
			      ours[i]);
	}
	/* and the model has every firmware register the kernel has */
	for (size_t i = 0; i < n_recorded; i++) {
		bool found =
			(recorded[i] >> 16 & 0xfff) != 0x14 && (recorded[i] >> 16 & 0xfff) != 0x16;

		for (size_t k = 0; k < n; k++)
			found = found || ours[k] == recorded[i];
		replay_result(kernel, file, found, "%#" PRIx64 " is missing", recorded[i]);
	}
}

static void test_registers_are_listed_in_the_kernels_order(void)
{
	replay_exempt(NULL);
	check_list("reg-list-kernel-6.12.107-max.txt", "6.12");
	check_list("reg-list-kernel-6.12.107-neoverse-n1.txt", "6.12");
	check_list("reg-list-kernel-7.2.13-max.txt", "7.2");
	check_list("reg-list-kernel-7.2.13-neoverse-n1.txt", "7.2");
}

/* --- pKVM ------------------------------------------------------------------------------------------- */

static enum kvmcore_vm_type type_of(const json_t *object)
{
	return replay_u64(object, "type") ? KVMCORE_VM_PROTECTED : KVMCORE_VM_ARM64;
}

static void name_row(char *name, size_t size, const json_t *object)
{
	snprintf(name, size, "%s %s %s", replay_text(object, "name"), replay_text(object, "type"),
		 replay_text(object, "fn"));
}

static int filter_attr(struct kvmcore_vm *vm, unsigned long cmd)
{
	const struct kvm_smccc_filter sdei = { .base = 0xc4000020u,
					       .nr_functions = 32,
					       .action = KVM_SMCCC_FILTER_FWD_TO_USER };
	struct kvm_device_attr attr = { .addr = (uintptr_t)&sdei };

	return kvmcore_ioctl(vm, -1, cmd, &attr);
}

static int errno_of(const json_t *object)
{
	return strcmp(replay_text(object, "errno_name"), "EINVAL") ? 0 : -EINVAL;
}

/* The recorded guest told its results by a store to nowhere, hence exit 6 where the call returned. */
static void pkvm_call_row(const char *kernel, const char *name, const json_t *object)
{
	struct kvmcore_vm *vm = replay_vm(kernel, type_of(object), 1);
	const bool leaves = replay_u64(object, "exit") == KVM_EXIT_HYPERCALL;
	const bool is_random = replay_u64(object, "fn") == 0x86000001;
	const struct kvmcore_trap trap = { .imm = 0 };
	struct kvmcore_vcpu_regs regs = { .x = { replay_u64(object, "fn") }, .pc = INSN };
	struct kvmcore_reply reply;

	if (type_of(object) == KVMCORE_VM_ARM64)
		CHECK(filter_attr(vm, KVM_SET_DEVICE_ATTR) == 0, "SDEI is forwarded");
	kvmcore_vcpu_regs_set(vm, 0, &regs);
	kvmcore_resume(vm);
	CHECK(kvmcore_vcpu_call(vm, 0, &trap, &reply) == 0, "the call can be made");
	kvmcore_vcpu_regs_get(vm, 0, &regs);
	replay_result(kernel, name, (reply.exit == KVMCORE_EXIT_HYPERCALL) == leaves, "exit %d",
		      reply.exit);
	for (unsigned int i = 0; i < 4 && !is_random; i++) {
		const char reg[3] = { 'x', (char)('0' + i), '\0' };

		replay_result(kernel, name, regs.x[i] == replay_u64(object, reg), "%s is %#" PRIx64,
			      reg, regs.x[i]);
	}
	kvmcore_vm_destroy(vm);
}

static void mmio_row(const char *kernel, const char *name, const json_t *object)
{
	const struct kvmcore_mmio store = { .ipa = 0x9000000, .len = 4, .write = true };
	struct kvmcore_vm *vm = replay_vm(kernel, type_of(object), 1);
	struct kvmcore_vcpu_regs regs = { .pc = INSN };
	struct kvmcore_mmio_result result;
	struct kvmcore_reply reply;
	struct kvm_port port;

	kvmcore_vcpu_regs_set(vm, 0, &regs);
	kvmcore_resume(vm);
	kvmcore_port(vm, &port);
	CHECK(kvmcore_vcpu_mmio(vm, 0, &store, &result, &reply) == 0 &&
		      port.exit(port.vm, 0)->exit_reason == KVM_EXIT_MMIO,
	      "a store to nowhere leaves the guest");
	kvmcore_vcpu_regs_get(vm, 0, &regs);
	replay_result(kernel, name, regs.pc - INSN == replay_u64(object, "pc_minus_insn_at_exit"),
		      "pc at the exit");
	replay_result(kernel, name, port.run(port.vm, 0, 1) == -EINTR, "immediate exit");
	kvmcore_vcpu_regs_get(vm, 0, &regs);
	replay_result(kernel, name, regs.pc - INSN == replay_u64(object, "pc_minus_insn_after"),
		      "pc after the next run");
	kvmcore_vm_destroy(vm);
}

static void pkvm_row(const char *kernel, const json_t *object)
{
	const char *kind = replay_text(object, "name");
	struct kvmcore_vm *vm;
	char name[96];
	int got;

	name_row(name, sizeof(name), object);
	if (!strcmp(kind, "call")) {
		pkvm_call_row(kernel, name, object);
	} else if (!strcmp(replay_text(object, "kind"), "mmio-pc")) {
		mmio_row(kernel, name, object);
	} else if (!strcmp(kind, "has-filter") || !strcmp(kind, "set-filter")) {
		vm = replay_vm(kernel, type_of(object), 1);
		got = filter_attr(vm, *kind == 'h' ? KVM_HAS_DEVICE_ATTR : KVM_SET_DEVICE_ATTR);
		replay_result(kernel, name, got == errno_of(object), "%d", got);
		kvmcore_vm_destroy(vm);
	} else if (!strcmp(kind, "create")) {
		vm = NULL;
		got = create(kernel, (uint32_t)replay_u64(object, "type"), &vm);
		replay_result(kernel, name, got == errno_of(object), "%d", got);
		kvmcore_vm_destroy(vm);
	} else {
		CHECK(false, "the row is of a known kind");
	}
}

static void test_pkvm_answers_as_recorded(void)
{
	replay_exempt(pkvm_exemptions);
	replay_file("pkvm-kernel-7.2.13.jsonl", "7.2", pkvm_row);
	replay_check_exemptions();
}

int main(void)
{
	return RUN_TESTS(test_capabilities_answer_as_recorded,
			 test_registers_are_listed_in_the_kernels_order,
			 test_pkvm_answers_as_recorded);
}
