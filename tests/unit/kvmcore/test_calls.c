// SPDX-License-Identifier: Apache-2.0
/*
 * The one table of calls, the ways around it, and the small services.
 */
#include "calls.h"
#include "support/model.h"

#include <errno.h>
#include <sys/mman.h>

#define NOT_SUPPORTED (-1ULL)
#define RAM           0x40000000ULL
#define PAGE          4096u

static void test_every_call_is_found_by_id_and_by_name(void)
{
	unsigned int n = 0;

	for (uint32_t owner = 0; owner <= 0xff; owner++) { /* bits 31:24, then 16 of function */
		for (uint32_t function = 0; function <= 0x1ffff; function++) {
			const uint32_t id = owner << 24 | function;
			const char *name = kvmcore_call_name(id);

			if (!name)
				continue;
			CHECK(kvmcore_call_id(name) == (int64_t)id, "a name stands for one id");
			n++;
		}
	}
	for (uint32_t id = 0x95c10000; id <= 0x95c1ffff; id++) /* PSCI 0.1 as KVM numbered it */
		n += kvmcore_call_name(id) && kvmcore_call_id(kvmcore_call_name(id)) == (int64_t)id;
	CHECK(n >= 50, "each row is found, so the table is sorted");
	CHECK(kvmcore_call_id("SDEI_VERSION") == 0xc4000020 &&
		      kvmcore_call_id("SDEI_SHARED_RESET") == 0xc4000032,
	      "SDEI is in it");
	CHECK(kvmcore_call_id("NONSENSE") == -ENOENT && kvmcore_call_id(NULL) == -ENOENT &&
		      !kvmcore_call_name(0xc4000033),
	      "what is not in it has no name");
}

/* A call that only its own conduit answers: docs/abi.md, "SMCCC". */
static void test_conduits(void)
{
	static const struct {
		const char *promise;
		struct kvmcore_trap trap;
		uint64_t id, want, x1;
	} row[] = {
		{ "a workaround by HVC", { .smc = false }, 0x80008000, 0, 0 },
		{ "a workaround by SMC", { .smc = true }, 0x80008000, NOT_SUPPORTED, 0 },
		{ "HVC's immediate is ignored", { .imm = 9 }, 0x80000000, 0x10001, 0 },
		{ "SMC with an immediate",
		  { .smc = true, .imm = 9 },
		  0x80000000,
		  NOT_SUPPORTED,
		  0x77 },
		{ "SMC without", { .smc = true }, 0x80000000, 0x10001, 0 },
	};
	struct model m = model_new(&(struct kvmcore_config){ 0 }, 1);

	for (size_t i = 0; i < ARRAY_SIZE(row); i++) {
		struct kvmcore_regs regs = { .x = { row[i].id, 0x77, 0x77, 0x77 } };

		CHECK(kvmcore_call(m.vm, 0, &row[i].trap, &regs, &m.reply) == 0 &&
			      regs.x[0] == row[i].want && regs.x[1] == row[i].x1 &&
			      m.reply.returned,
		      row[i].promise);
	}
	model_free(&m);
}

static void test_the_pure_step_tells_what_changed(void)
{
	const struct kvmcore_trap hvc = { 0 };
	struct model m = model_new(&(struct kvmcore_config){ 0 }, 1);
	struct kvmcore_regs regs = { .x = { 0x80000000, 1, 2, 3, 4 }, .pc = 0x1004 };

	memset(&m.reply, 0xff, sizeof(m.reply));
	CHECK(kvmcore_call(m.vm, 0, &hvc, &regs, &m.reply) == 0 && m.reply.changed == 0xf &&
		      m.reply.exit == KVMCORE_EXIT_NONE && !m.reply.any_kick &&
		      m.reply.power == KVMCORE_POWER_NONE,
	      "x0 to x3 and nothing else");
	CHECK(regs.pc == 0x1004 && regs.x[4] == 4, "PC is the caller's");
	kvmcore_vcpu_regs_get(m.vm, 0, &m.regs);
	CHECK(m.regs.x[0] == 0, "a model vCPU is not involved");
	CHECK(kvmcore_call(m.vm, 1, &hvc, &regs, &m.reply) == -EBADF, "there is no second");
	model_free(&m);
}

static void test_the_filter_stands_before_the_table(void)
{
	struct model m = model_new(&(struct kvmcore_config){ .kernel = "7.2" }, 1);

	CHECK(model_filter(&m, 0x84000000, 1, KVM_SMCCC_FILTER_DENY) == 0 &&
		      model_filter(&m, 0xc6000040, 2, KVM_SMCCC_FILTER_FWD_TO_USER) == 0,
	      "two ranges");
	CHECK(model_call(&m, 0, 0x84000000, 1, 1, 1) == NOT_SUPPORTED && m.regs.x[1] == 0 &&
		      m.regs.x[3] == 0,
	      "DENY reads as not supported");
	CHECK(model_call(&m, 0, 0xffffffffc6000040, 5, 0, 0) == 0xffffffffc6000040 &&
		      m.reply.exit == KVMCORE_EXIT_HYPERCALL && m.reply.nr == 0xc6000040 &&
		      !m.reply.returned,
	      "DISCOVER_IMPL goes to the VMM, which sees the low half as its number");
	CHECK(model_set_reg(&m, 0, KVMCORE_REG_FW_BMAP(3), 3) == -EBUSY,
	      "its bits are fixed by now");
	model_free(&m);
}

static int from_counter(void *user, void *buf, size_t len)
{
	unsigned char *byte = buf, *next = user;

	while (len--)
		*byte++ = ++*next;
	return 0;
}

static int from_nowhere(void *user, void *buf, size_t len)
{
	(void)user;
	(void)buf;
	(void)len;
	return -EIO;
}

/* Arm DEN0098: entropy fills x3 first, then x2, then x1. */
static void test_trng(void)
{
	unsigned char counter = 0;
	struct kvmcore_config config = { .random = from_counter, .random_user = &counter };
	struct model m = model_new(&config, 1);

	CHECK(model_call(&m, 0, 0x84000051, 0xc4000053, 0, 0) == 0, "RND64 is announced");
	CHECK(model_call(&m, 0, 0x84000051, 0x1c4000053, 0, 0) == NOT_SUPPORTED,
	      "by the whole of x1");
	CHECK(model_call(&m, 0, 0x84000051, 0x84000000, 0, 0) == NOT_SUPPORTED, "PSCI is not here");
	CHECK(model_call(&m, 0, 0x84000052, 0, 0, 0) == 0x00e0210d && m.regs.x[3] == 0x4c5a4e55,
	      "the implementation has its name");
	CHECK(model_call(&m, 0, 0xc4000053, 68, 0, 0) == 0 &&
		      m.regs.x[3] == 0x0807060504030201ULL && m.regs.x[2] == 0x9 &&
		      m.regs.x[1] == 0,
	      "68 bits and no more");
	counter = 0;
	CHECK(model_call(&m, 0, 0x84000053, 96, 0, 0) == 0 && m.regs.x[3] == 0x04030201 &&
		      m.regs.x[2] == 0x08070605 && m.regs.x[1] == 0x0c0b0a09,
	      "96 bits in three halves");
	CHECK(model_call(&m, 0, 0x84000053, 97, 0, 0) == -2ULL, "97 are too many");
	CHECK(model_call(&m, 0, 0xc4000053, 192, 0, 0) == 0 && m.regs.x[1] != 0,
	      "192 in three words");
	model_free(&m);
	config.random = from_nowhere;
	m = model_new(&config, 1);
	CHECK(model_call(&m, 0, 0xc4000053, 8, 0, 0) == -3ULL && m.regs.x[3] == 0, "no entropy");
	model_free(&m);
}

static void test_pv_time(void)
{
	struct model m = model_new(&(struct kvmcore_config){ 0 }, 2);
	unsigned char *mem =
		mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	const uint64_t good = RAM + 64, crooked = RAM + 32, nowhere = RAM + PAGE;
	const uint32_t group = KVM_ARM_VCPU_PVTIME_CTRL;
	uint64_t ipa = 0;

	model_memory(&m, 0, RAM, PAGE, mem);
	memset(mem, 0xff, PAGE);
	CHECK(model_attr(&m, 0, KVM_HAS_DEVICE_ATTR, group, 0, NULL) == 0 &&
		      model_attr(&m, 0, KVM_HAS_DEVICE_ATTR, group, 1, NULL) == -ENXIO,
	      "a vCPU attribute");
	CHECK(model_attr(&m, 0, KVM_GET_DEVICE_ATTR, group, 0, &ipa) == 0 && ipa == ~0ULL,
	      "not set at first");
	CHECK(model_call(&m, 0, 0x80000001, 0xc5000020, 0, 0) == 0, "the service is there");
	CHECK(model_call(&m, 0, 0xc5000020, 0xc5000021, 0, 0) == NOT_SUPPORTED &&
		      model_call(&m, 0, 0xc5000021, 0, 0, 0) == NOT_SUPPORTED,
	      "but no time is kept");
	CHECK(model_attr(&m, 0, KVM_SET_DEVICE_ATTR, group, 1, &good) == -ENXIO, "no attribute");
	CHECK(model_attr(&m, 0, KVM_SET_DEVICE_ATTR, group, 0, NULL) == -EFAULT, "no value");
	CHECK(model_attr(&m, 0, KVM_SET_DEVICE_ATTR, group, 0, &crooked) == -EINVAL, "64 bytes");
	CHECK(model_attr(&m, 0, KVM_SET_DEVICE_ATTR, group, 0, &nowhere) == -EINVAL, "in memory");
	CHECK(model_attr(&m, 0, KVM_SET_DEVICE_ATTR, group, 0, &good) == 0, "taken");
	CHECK(model_attr(&m, 0, KVM_SET_DEVICE_ATTR, group, 0, &good) == -EEXIST, "once");
	CHECK(model_attr(&m, 0, KVM_SET_DEVICE_ATTR, group, 0, &crooked) == -EINVAL,
	      "a crooked one is told apart first");
	CHECK(model_call(&m, 0, 0xc5000020, 0xc5000020, 0, 0) == 0 &&
		      model_call(&m, 0, 0xc5000020, 0xc5000021, 0, 0) == 0 &&
		      model_call(&m, 0, 0xc5000020, 0xc4000053, 0, 0) == NOT_SUPPORTED,
	      "both calls are announced, others not");
	CHECK(model_call(&m, 0, 0xc5000021, 0, 0, 0) == good, "the guest is told where");
	CHECK(mem[63] == 0xff && mem[64] == 0 && mem[127] == 0 && mem[128] == 0xff,
	      "and finds 64 bytes of zero there");
	CHECK(model_call(&m, 1, 0xc5000021, 0, 0, 0) == NOT_SUPPORTED, "each vCPU has its own");
	model_free(&m);
	munmap(mem, PAGE);
}

static void test_vendor_calls(void)
{
	struct model m = model_new(&(struct kvmcore_config){ .kernel = "7.2" }, 1);

	CHECK(model_call(&m, 0, 0x86000001, 2, 0, 0) == NOT_SUPPORTED, "PTP has two counters");
	CHECK(model_call(&m, 0, 0x86000001, 0, 0, 0) != NOT_SUPPORTED &&
		      (m.regs.x[0] << 32 | m.regs.x[1]) > 1000000000ULL * 1500000000,
	      "virtual: nanoseconds since 1970");
	CHECK(model_set_reg(&m, 0, KVMCORE_REG_FW_BMAP(3), 0) == 0, "the same value after a run");
	model_free(&m);
	m = model_new(&(struct kvmcore_config){ .kernel = "7.2", .guard = KVMCORE_GUARD_OFF }, 1);
	CHECK(model_set_reg(&m, 0, KVMCORE_REG_FW_BMAP(3), 3) == 0 &&
		      model_call(&m, 0, 0x86000000, 0, 0, 0) == 3 && m.regs.x[2] == 3,
	      "the second vendor word is announced in x2");
	CHECK(model_call(&m, 0, 0xc6000040, 0, 0, 0) == NOT_SUPPORTED, "and answered by nobody");
	model_free(&m);
}

static void test_a_2017_vmm_gets_sdei_by_hvc(void)
{
	const struct kvmcore_trap smc = { .smc = true };
	struct model m =
		model_new(&(struct kvmcore_config){ .dialects = KVMCORE_DIALECT_SDEI_1_0 }, 1);
	struct kvmcore_regs regs = { .x = { 0xc4000020 } };

	CHECK(model_call(&m, 0, 0xc4000020, 0, 0, 0) != 0xc4000020, "not before it is enabled");
	CHECK(kvmcore_ioctl(m.vm, -1, KVM_CHECK_EXTENSION, (void *)KVM_CAP_ARM_SDEI_1_0) == 1 &&
		      model_enable(&m, KVM_CAP_ARM_SDEI_1_0, 0) == 0,
	      "a VM made for it can enable it");
	CHECK(model_call(&m, 0, 0xc400003f, 0, 0, 0) == 0xc400003f &&
		      m.reply.exit == KVMCORE_EXIT_HYPERCALL && m.reply.nr == 0xc400003f,
	      "SDEI leaves");
	kvmcore_call(m.vm, 0, &smc, &regs, &m.reply);
	CHECK(m.reply.exit == KVMCORE_EXIT_NONE, "not by SMC");
	CHECK(model_call(&m, 0, 0x80000000, 0, 0, 0) == 0x10001, "other calls stay");
	model_free(&m);
	m = model_new(&(struct kvmcore_config){ 0 }, 1);
	CHECK(kvmcore_ioctl(m.vm, -1, KVM_CHECK_EXTENSION, (void *)KVM_CAP_ARM_SDEI_1_0) == 0 &&
		      model_enable(&m, KVM_CAP_ARM_SDEI_1_0, 0) == -EINVAL &&
		      model_enable(&m, KVM_CAP_FORWARD_HYPERCALL, 0) == -EINVAL,
	      "other VMs do not know either dialect");
	model_free(&m);
}

static void test_a_2019_vmm_gets_everything(void)
{
	const struct kvmcore_config config = { .dialects = KVMCORE_DIALECT_FORWARD_HYPERCALL };
	const struct kvmcore_trap hvc5 = { .imm = 5 };
	struct model m = model_new(&config, 1);
	struct kvmcore_vcpu_regs regs = { .x = { 0xc4000020, 11, 12, 13, 14, 15, 16 } };
	struct kvm_run *run = (struct kvm_run *)(uintptr_t)m.port.exit(m.port.vm, 0);

	CHECK(model_enable(&m, KVM_CAP_FORWARD_HYPERCALL, 2) == -EINVAL, "one option exists");
	CHECK(model_enable(&m, KVM_CAP_FORWARD_HYPERCALL, 1) == 0, "without PSCI");
	kvmcore_vcpu_regs_set(m.vm, 0, &regs);
	CHECK(kvmcore_vcpu_call(m.vm, 0, &hvc5, &m.reply) == 0 &&
		      run->exit_reason == KVM_EXIT_HYPERCALL && run->hypercall.nr == 5,
	      "nr is the immediate");
	CHECK(run->hypercall.args[0] == 0xc4000020 && run->hypercall.args[5] == 15,
	      "args are x0..x5");
	run->hypercall.args[0] = 0xaaaa;
	run->hypercall.args[3] = 0xdddd;
	run->hypercall.args[4] = 0xeeee;
	kvmcore_run(m.vm, 0, true, &m.reply);
	kvmcore_vcpu_regs_get(m.vm, 0, &regs);
	CHECK(regs.x[0] == 0xaaaa && regs.x[3] == 0xdddd && regs.x[4] == 14,
	      "and four of them come back in the next run");
	CHECK(model_call(&m, 0, 0x84000000, 0, 0, 0) == 0x10001, "PSCI stays, as asked");
	model_free(&m);
	m = model_new(&config, 1);
	model_enable(&m, KVM_CAP_FORWARD_HYPERCALL, 0);
	model_call(&m, 0, 0x84000000, 0, 0, 0);
	CHECK(m.reply.exit == KVMCORE_EXIT_HYPERCALL, "or goes too");
	model_free(&m);
}

static void test_capabilities_are_enabled_in_order(void)
{
	struct kvm_enable_cap cap = { .cap = KVM_CAP_ARM_NISV_TO_USER, .flags = 1 };
	struct model m = model_new(&(struct kvmcore_config){ 0 }, 1);

	CHECK(kvmcore_ioctl(m.vm, -1, KVM_ENABLE_CAP, NULL) == -EFAULT, "no struct");
	CHECK(kvmcore_ioctl(m.vm, -1, KVM_ENABLE_CAP, &cap) == -EINVAL, "no flags");
	CHECK(model_enable(&m, 99999, 0) == -EINVAL, "no such capability");
	CHECK(model_enable(&m, KVM_CAP_ARM_NISV_TO_USER, 0) == 0, "one that exists");
	CHECK(kvmcore_ioctl(m.vm, 0, KVM_ENABLE_CAP, &cap) == -EINVAL, "not on a vCPU");
	CHECK(kvmcore_ioctl(m.vm, -1, 0xae99, NULL) == -EINVAL, "an unknown ioctl");
	CHECK(kvmcore_system_ioctl(NULL, KVM_GET_API_VERSION, NULL) == 12 &&
		      kvmcore_system_ioctl(NULL, KVM_GET_VCPU_MMAP_SIZE, NULL) == 8192 &&
		      kvmcore_system_ioctl("5.0", KVM_GET_API_VERSION, NULL) == -ENODEV,
	      "the system answers for itself");
	model_free(&m);
}

int main(void)
{
	return RUN_TESTS(test_every_call_is_found_by_id_and_by_name, test_conduits,
			 test_the_pure_step_tells_what_changed,
			 test_the_filter_stands_before_the_table, test_trng, test_pv_time,
			 test_vendor_calls, test_a_2017_vmm_gets_sdei_by_hvc,
			 test_a_2019_vmm_gets_everything, test_capabilities_are_enabled_in_order);
}
