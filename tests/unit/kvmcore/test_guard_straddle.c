// SPDX-License-Identifier: Apache-2.0
/*
 * Accesses of 1 to 16 bytes over every seam of two pages, each of them memory, read-only memory, guarded or nothing;
 * the expectation is made byte by byte (docs/abi-guard.md, "Access check").
 */
#include "support/model.h"

#include <errno.h>
#include <stdlib.h>

#define S_ENROLL 0xc6000003u
#define S_MAP    0xc6000004u
#define PAGE     4096u
#define BASE     0x10000000ULL
#define VA       0xffff800000000000ULL
#define MAX_LEN  16u

enum kind { MEMORY, READ_ONLY, GUARDED, NOTHING, NR_KINDS };

struct pair {
	struct model m;
	enum kind kind[2];
	uint8_t *ram;
};

static void make_page(struct pair *p, unsigned int i)
{
	struct kvm_userspace_memory_region slot = {
		.slot = i,
		.flags = p->kind[i] == READ_ONLY ? KVM_MEM_READONLY : 0,
		.guest_phys_addr = BASE + i * PAGE,
		.memory_size = PAGE,
		.userspace_addr = (uintptr_t)(p->ram + i * PAGE),
	};

	if (p->kind[i] == GUARDED)
		CHECK(model_call(&p->m, 0, S_MAP, BASE + i * PAGE, 0, 0) == 0, "a guarded page");
	else if (p->kind[i] != NOTHING)
		CHECK(kvmcore_ioctl(p->m.vm, -1, KVM_SET_USER_MEMORY_REGION, &slot) == 0, "a slot");
}

static struct pair make(enum kind first, enum kind second, bool enrolled)
{
	struct pair p = { .kind = { first, second }, .ram = aligned_alloc(PAGE, 2 * PAGE) };

	p.m = model_new(&(struct kvmcore_config){ .guard = KVMCORE_GUARD_S }, 1);
	if (enrolled)
		model_call(&p.m, 0, S_ENROLL, 0, 0, 0);
	for (unsigned int i = 0; i < 2; i++)
		make_page(&p, i);
	for (unsigned int i = 0; i < 2 * PAGE; i++)
		p.ram[i] = (uint8_t)(i * 7);
	return p;
}

static enum kind kind_at(const struct pair *p, uint64_t ipa)
{
	const uint64_t page = (ipa - BASE) / PAGE;

	return page < 2 ? p->kind[page] : NOTHING;
}

static bool is_backed(enum kind kind, bool write)
{
	return kind == MEMORY || (kind == READ_ONLY && !write);
}

/* What kvmcore_vcpu_mmio() returns, and whether the guest is aborted; @fault: the first byte without memory. */
static int expect(const struct pair *p, bool enrolled, const struct kvmcore_mmio *a,
		  uint64_t *fault, bool *aborted)
{
	uint64_t at = a->ipa;

	while (at < a->ipa + a->len && is_backed(kind_at(p, at), a->write))
		at++;
	*fault = at;
	*aborted = false;
	if (at == a->ipa + a->len)
		return 0;
	if (enrolled)
		*aborted = a->len > 8 || kind_at(p, at) != GUARDED ||
			   kind_at(p, at + a->len - 1) != GUARDED;
	return !*aborted && a->len > 8 ? -ENOSYS : 0;
}

static void check_memory(const struct pair *p, const struct kvmcore_mmio *a)
{
	uint8_t *at = p->ram + (a->ipa - BASE);
	const size_t in_reg = a->len < 8 ? a->len : 8;

	if (a->write)
		CHECK(memcmp(at, a->value, a->len) == 0, "a store reaches every byte");
	else
		CHECK(memcmp(&p->m.regs.x[3], at, in_reg) == 0, "a load brings every byte");
}

static void check_fault(const struct pair *p, const struct kvmcore_mmio *a, uint64_t fault)
{
	const struct kvm_run *run = p->m.port.exit(p->m.port.vm, 0);

	CHECK(p->m.reply.exit == KVMCORE_EXIT_MMIO && run->exit_reason == KVM_EXIT_MMIO, "an exit");
	CHECK(run->mmio.phys_addr == fault, "at the first byte without memory");
	CHECK(run->mmio.len == a->len && run->mmio.is_write == a->write, "with the whole length");
}

static void check_access(struct pair *p, bool enrolled, struct kvmcore_mmio a)
{
	struct kvmcore_mmio_result result = { 0 };
	uint8_t before[2 * PAGE];
	uint64_t fault;
	bool aborted;
	const int wanted = expect(p, enrolled, &a, &fault, &aborted);

	a.va = VA + a.ipa;
	memcpy(before, p->ram, sizeof(before));
	CHECK(kvmcore_vcpu_mmio(p->m.vm, 0, &a, &result, &p->m.reply) == wanted, "the result");
	kvmcore_vcpu_regs_get(p->m.vm, 0, &p->m.regs);
	if (wanted == 0 && fault == a.ipa + a.len) {
		check_memory(p, &a);
	} else {
		CHECK(result.aborted == aborted, "an abort where the guard says so");
		CHECK(memcmp(before, p->ram, sizeof(before)) == 0, "no byte of memory is touched");
		if (wanted == 0 && !aborted)
			check_fault(p, &a, fault);
		if (aborted)
			CHECK(result.far == VA + fault, "FAR is where the first such byte is");
	}
	kvmcore_run(p->m.vm, 0, true, &p->m.reply);
	memcpy(p->ram, before, sizeof(before));
}

static void check_seam(enum kind first, enum kind second, bool enrolled)
{
	struct pair p = make(first, second, enrolled);

	/* @in_first bytes of the access lie in the first page, from none to all. */
	for (unsigned int len = 1; len <= MAX_LEN; len++)
		for (unsigned int in_first = 0; in_first <= len; in_first++)
			for (unsigned int write = 0; write < 2; write++)
				check_access(&p, enrolled,
					     (struct kvmcore_mmio){
						     .ipa = BASE + PAGE - in_first,
						     .len = len,
						     .write = write,
						     .value = { 0x1122334455667788, ~0ULL },
						     .reg = 3,
					     });
	model_free(&p.m);
	free(p.ram);
}

static void test_every_seam(void)
{
	for (unsigned int first = 0; first < NR_KINDS; first++)
		for (unsigned int second = 0; second < NR_KINDS; second++)
			for (unsigned int enrolled = 0; enrolled < 2; enrolled++)
				if (enrolled || (first != GUARDED && second != GUARDED))
					check_seam(first, second, enrolled);
}

int main(void)
{
	return RUN_TESTS(test_every_seam);
}
