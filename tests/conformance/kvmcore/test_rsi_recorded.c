// SPDX-License-Identifier: Apache-2.0
/*
 * What Linux 7.2.13 asked of RSI while it booted as a realm and fetched a token, held against the model line by line.
 * The answers came from a recording service, not from an RMM, so three kinds of line differ on purpose: difference[].
 */
#include "support/model.h"

#include <inttypes.h>
#include <stdlib.h>
#include <sys/mman.h>

#define TRACE    TEST_SOURCE_DIR "/tests/conformance/data/kernel/l2-linux-7.2.13-rsi-trace.txt"
#define RAM      0x40000000ULL
#define RAM_SIZE (192u << 20)
#define IPA_BITS 33 /* the guest put bit 32 into what it shares */

static const struct {
	const char *name;
	uint64_t id;
} rsi[] = {
	{ "VERSION", 0xc4000190 },       { "ATTEST_TOKEN_INIT", 0xc4000194 },
	{ "REALM_CONFIG", 0xc4000196 },  { "ATTEST_TOKEN_CONTINUE", 0xc4000195 },
	{ "IPA_STATE_SET", 0xc4000197 }, { "IPA_STATE_GET", 0xc4000198 },
};

struct line {
	uint64_t id, arg[4], result[3];
};

/* Which of x0 to x2 the model need not repeat. */
static const struct {
	uint64_t id, x2;
	unsigned int first, last; /* registers that differ */
	const char *reason;
	unsigned int lines;
} difference[] = {
	{ 0xc4000198, 3, 2, 2, "RIPAS DEV came after 1.0: the model has EMPTY and RAM", 2 },
	{ 0xc4000194, 0, 1, 1, "the service promised 5,000 bytes, the model 8,192", 1 },
	{ 0xc4000195, 0, 0, 1,
	  "the service gave 1,500 bytes at a time; the model gives what fits, and its token ends "
	  "sooner",
	  4 },
};

static unsigned int used[ARRAY_SIZE(difference)];

static bool differs(const struct line *line, unsigned int reg)
{
	for (size_t i = 0; i < ARRAY_SIZE(difference); i++)
		if (difference[i].id == line->id && difference[i].x2 == line->result[2] &&
		    reg >= difference[i].first && reg <= difference[i].last) {
			used[i] += reg == difference[i].first;
			return true;
		}
	return false;
}

/* "@RSI t+0.768 VERSION(10000,0,0,0) = 0,10000,10000 flags 1" */
static bool read_line(const char *text, struct line *line)
{
	char name[32];

	line->id = 0;
	if (sscanf(text,
		   "@RSI t+%*s %31[A-Z_](%" SCNx64 ",%" SCNx64 ",%" SCNx64 ",%" SCNx64
		   ") = %" SCNx64 ",%" SCNx64 ",%" SCNx64,
		   name, &line->arg[0], &line->arg[1], &line->arg[2], &line->arg[3],
		   &line->result[0], &line->result[1], &line->result[2]) != 8)
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(rsi); i++)
		if (!strcmp(name, rsi[i].name))
			line->id = rsi[i].id;
	return CHECK(line->id, "every call of the trace has a number");
}

static int command(struct model *m, uint64_t cmd, const void *arg)
{
	struct kvm_enable_cap e = { .cap = KVM_CAP_ARM_RME, .args = { cmd, (uintptr_t)arg } };

	return kvmcore_ioctl(m->vm, -1, KVM_ENABLE_CAP, &e);
}

static struct model start_realm(void *ram)
{
	const struct kvmcore_config config = { .type = KVMCORE_VM_REALM, .ipa_bits = IPA_BITS };
	struct model m = model_new(&config, 0);
	int rec = KVM_ARM_VCPU_REC;

	CHECK(model_memory(&m, 0, RAM, RAM_SIZE, ram) == 0 &&
		      command(&m, KVM_CAP_ARM_RME_CREATE_RD, NULL) == 0 &&
		      kvmcore_vcpu_create(m.vm, 0, 0) == 0 &&
		      kvmcore_ioctl(m.vm, 0, KVM_ARM_VCPU_FINALIZE, &rec) == 0 &&
		      command(&m, KVM_CAP_ARM_RME_ACTIVATE_REALM, NULL) == 0,
	      "a realm with the guest's memory");
	return m;
}

/* x5 and up of the challenge were not recorded: no answer depends on them. */
static void replay(struct model *m, const struct line *line, const char *text)
{
	const struct kvmcore_trap smc = { .smc = true };
	struct kvmcore_vcpu_regs regs;

	kvmcore_vcpu_regs_get(m->vm, 0, &regs);
	regs.x[0] = line->id;
	memcpy(&regs.x[1], line->arg, sizeof(line->arg));
	kvmcore_vcpu_regs_set(m->vm, 0, &regs);
	CHECK(kvmcore_vcpu_call(m->vm, 0, &smc, &m->reply) == 0, "the guest makes its call");
	kvmcore_vcpu_regs_get(m->vm, 0, &regs);
	for (unsigned int n = 0; n < 3; n++)
		if (!differs(line, n) &&
		    !CHECK(regs.x[n] == line->result[n], "the model answers as recorded"))
			fprintf(stderr, "\tx%u is %#" PRIx64 ": %s", n, regs.x[n], text);
}

static void test_a_recorded_boot(void)
{
	void *ram = mmap(NULL, RAM_SIZE, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	FILE *trace = fopen(TRACE, "r");
	unsigned int lines = 0;
	struct line line;
	struct model m;
	char text[256];

	REQUIRE(ram != MAP_FAILED && trace, "memory and trace are there");
	m = start_realm(ram);
	while (fgets(text, sizeof(text), trace))
		if (read_line(text, &line)) {
			replay(&m, &line, text);
			lines++;
		}
	CHECK(lines == 14, "the whole trace");
	for (size_t i = 0; i < ARRAY_SIZE(difference); i++)
		CHECK(used[i] == difference[i].lines, difference[i].reason);
	fclose(trace);
	model_free(&m);
	munmap(ram, RAM_SIZE);
}

int main(void)
{
	return RUN_TESTS(test_a_recorded_boot);
}
