// SPDX-License-Identifier: Apache-2.0
#include "onereg.h"
#include "exits.h"
#include "user.h"
#include "vm.h"

#include <errno.h>
#include <string.h>

#define MAX_REG_SIZE 256u
#define MPIDR_RES1   (1ULL << 31)

/* One row: a run of @count ids, @step apart. Order: as the kernel lists them. */
struct reg_row {
	uint64_t id;
	uint32_t count, step;
	size_t offset; /* plain registers: where in struct kvmcore_vcpu_regs */
	int (*get)(struct vcpu *vcpu, uint64_t id, void *value); /* NULL: plain */
	int (*set)(struct vcpu *vcpu, uint64_t id, const void *value);
	bool (*is_listed)(const struct vcpu *vcpu, uint64_t id); /* NULL: always */
};

static int mpidr_get(struct vcpu *vcpu, uint64_t id, void *value);
static int mpidr_set(struct vcpu *vcpu, uint64_t id, const void *value);

#define PLAIN(id, n, member)                                                               \
	{                                                                                  \
		(id), (n), 2, offsetof(struct kvmcore_vcpu_regs, member), NULL, NULL, NULL \
	}

static const struct reg_row reg_row[] = {
	PLAIN(KVMCORE_REG_X(0), 31, x),
	PLAIN(KVMCORE_REG_SP, 1, sp),
	PLAIN(KVMCORE_REG_PC, 1, pc),
	PLAIN(KVMCORE_REG_PSTATE, 1, pstate),
	PLAIN(KVMCORE_REG_SP_EL1, 1, sp_el1),
	PLAIN(KVMCORE_REG_ELR_EL1, 1, elr_el1),
	PLAIN(KVMCORE_REG_SPSR_EL1, 1, spsr_el1),
	{ KVMCORE_REG_FW(0), 4, 1, 0, fwreg_get, fwreg_set, fwreg_is_listed },
	{ KVMCORE_REG_FW_BMAP(0), NR_BMAPS, 1, 0, fwreg_get, fwreg_set, fwreg_is_listed },
	{ KVMCORE_REG_MPIDR_EL1, 1, 1, 0, mpidr_get, mpidr_set, NULL },
	PLAIN(KVMCORE_REG_SCTLR_EL1, 1, sctlr_el1),
	PLAIN(KVMCORE_REG_ESR_EL1, 1, esr_el1),
	PLAIN(KVMCORE_REG_FAR_EL1, 1, far_el1),
	PLAIN(KVMCORE_REG_VBAR_EL1, 1, vbar_el1),
};

static int mpidr_get(struct vcpu *vcpu, uint64_t id, void *value)
{
	const uint64_t mpidr = vcpu->mpidr | MPIDR_RES1;

	(void)id;
	memcpy(value, &mpidr, sizeof(mpidr));
	return 0;
}

/* Who a PE is was decided when it was created; the kernel would take another name here. */
static int mpidr_set(struct vcpu *vcpu, uint64_t id, const void *value)
{
	uint64_t mpidr;

	(void)id;
	memcpy(&mpidr, value, sizeof(mpidr));
	return (mpidr & MPIDR_AFFINITY) == vcpu->mpidr ? 0 : -EINVAL;
}

static const struct reg_row *find_row(uint64_t id)
{
	for (size_t i = 0; i < ARRAY_SIZE(reg_row); i++) {
		const struct reg_row *r = &reg_row[i];
		const uint64_t distance = id - r->id;

		if (distance < (uint64_t)r->count * r->step && distance % r->step == 0)
			return r;
	}
	return NULL;
}

static size_t size_of_id(uint64_t id)
{
	return (size_t)1 << ((id & KVM_REG_SIZE_MASK) >> KVM_REG_SIZE_SHIFT);
}

static void *plain(struct vcpu *vcpu, const struct reg_row *row, uint64_t id)
{
	const size_t n = (id - row->id) / row->step;

	return (char *)&vcpu->regs + row->offset + n * sizeof(uint64_t);
}

static int get_value(struct vcpu *vcpu, uint64_t id, void *value)
{
	const struct reg_row *row = find_row(id);

	if (!row)
		return sdei_reg_get(vcpu, id, value);
	if (row->get)
		return row->get(vcpu, id, value);
	memcpy(value, plain(vcpu, row, id), sizeof(uint64_t));
	return 0;
}

static int set_value(struct vcpu *vcpu, uint64_t id, const void *value)
{
	const struct reg_row *row = find_row(id);

	if (!row)
		return sdei_reg_set(vcpu, id, value);
	if (row->set)
		return row->set(vcpu, id, value);
	memcpy(plain(vcpu, row, id), value, sizeof(uint64_t));
	if (id == KVMCORE_REG_X(0))
		exits_answered_by_x0(vcpu);
	return 0;
}

/* Does the model have this register at all? The value is looked at only if so. */
static bool is_known(struct vcpu *vcpu, uint64_t id)
{
	const struct reg_row *row = find_row(id);
	const uint64_t *sdei;

	if (row)
		return !row->is_listed || row->is_listed(vcpu, id);
	for (sdei = sdei_reg_list(vcpu->vm); *sdei; sdei++)
		if (*sdei == id)
			return true;
	return false;
}

/* kvm_arch_vcpu_ioctl(): not initialised, then the struct, then the id, then the value. */
static int read_request(struct vcpu *vcpu, void *arg, struct kvm_one_reg *reg)
{
	if (!vcpu->initialised)
		return -ENOEXEC;
	if (user_read(reg, (uintptr_t)arg, sizeof(*reg)))
		return -EFAULT;
	return is_known(vcpu, reg->id) ? 0 : -ENOENT;
}

int onereg_get(struct kvmcore_vm *vm, struct vcpu *vcpu, void *arg)
{
	uint8_t value[MAX_REG_SIZE] = { 0 };
	struct kvm_one_reg reg;
	int ret = read_request(vcpu, arg, &reg);

	(void)vm;
	if (!ret)
		ret = get_value(vcpu, reg.id, value);
	return ret ? ret : user_write(reg.addr, value, size_of_id(reg.id));
}

int onereg_set(struct kvmcore_vm *vm, struct vcpu *vcpu, void *arg)
{
	uint8_t value[MAX_REG_SIZE];
	struct kvm_one_reg reg;
	int ret = read_request(vcpu, arg, &reg);

	if (!ret && vm->realm)
		ret = realm_check_reg(vcpu, reg.id);
	if (ret)
		return ret;
	if (user_read(value, reg.addr, size_of_id(reg.id)))
		return -EFAULT;
	return set_value(vcpu, reg.id, value);
}

/* SDEI's registers are firmware registers: they stand behind class 0x14's own and before the
 * bitmaps. */
static unsigned int list_sdei(const struct vcpu *vcpu, uint64_t *id)
{
	const uint64_t *sdei = sdei_reg_list(vcpu->vm);
	unsigned int n = 0;

	for (; sdei[n]; n++)
		if (id)
			id[n] = sdei[n];
	return n;
}

/* Every id in the kernel's order; @id NULL counts only. */
static unsigned int list_all(const struct vcpu *vcpu, uint64_t *id)
{
	unsigned int n = 0;

	for (size_t i = 0; i < ARRAY_SIZE(reg_row); i++) {
		const struct reg_row *r = &reg_row[i];

		if (r->id == KVMCORE_REG_FW_BMAP(0))
			n += list_sdei(vcpu, id ? &id[n] : NULL);
		for (uint32_t k = 0; k < r->count; k++) {
			const uint64_t this = r->id + (uint64_t)k * r->step;

			if (r->is_listed && !r->is_listed(vcpu, this))
				continue;
			if (id)
				id[n] = this;
			n++;
		}
	}
	return n;
}

#define MAX_LISTED 128u

int onereg_list(struct kvmcore_vm *vm, struct vcpu *vcpu, void *arg)
{
	struct kvm_reg_list list;
	uint64_t id[MAX_LISTED], room;

	if (!vcpu->initialised)
		return -ENOEXEC;
	if (vm->realm && realm_may_run(vcpu))
		return -EPERM;
	if (user_read(&list, (uintptr_t)arg, sizeof(list)))
		return -EFAULT;
	room = list.n;
	list.n = list_all(vcpu, NULL);
	if (user_write((uintptr_t)arg, &list, sizeof(list)))
		return -EFAULT;
	if (room < list.n || list.n > MAX_LISTED)
		return -E2BIG;
	list_all(vcpu, id);
	return user_write((uintptr_t)arg + sizeof(list), id, list.n * sizeof(id[0]));
}
