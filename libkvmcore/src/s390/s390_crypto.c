// SPDX-License-Identifier: Apache-2.0
/*
 * Groups CRYPTO and CPU_TOPOLOGY. A wrapping key is made anew at each enable and can never be read: a migrated VM
 * gets new ones. arch/s390/kvm/kvm-s390.c, kvm_s390_vm_set_crypto(), kvm_s390_set_topo_change_indication().
 */
#include "s390_attr.h"
#include "user.h"
#include "vm.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/rand.h>

static bool has_key_wrapping(const struct s390 *s)
{
	return s390_has_facility(s, S390_FACILITY_MSA3);
}

static int renew_key(struct kvmcore_vm *vm, bool *flag, uint8_t *key, size_t len)
{
	if (!has_key_wrapping(vm->s390))
		return -EINVAL;
	if (RAND_bytes(key, (int)len) != 1)
		return -EIO;
	*flag = true;
	return 0;
}

static int drop_key(struct kvmcore_vm *vm, bool *flag, uint8_t *key, size_t len)
{
	if (!has_key_wrapping(vm->s390))
		return -EINVAL;
	OPENSSL_cleanse(key, len);
	*flag = false;
	return 0;
}

static int enable_aes(struct kvmcore_vm *vm, uint64_t addr)
{
	(void)addr;
	return renew_key(vm, &vm->s390->aes_kw, vm->s390->aes_key, S390_AES_KEY_SIZE);
}

static int enable_dea(struct kvmcore_vm *vm, uint64_t addr)
{
	(void)addr;
	return renew_key(vm, &vm->s390->dea_kw, vm->s390->dea_key, S390_DEA_KEY_SIZE);
}

static int disable_aes(struct kvmcore_vm *vm, uint64_t addr)
{
	(void)addr;
	return drop_key(vm, &vm->s390->aes_kw, vm->s390->aes_key, S390_AES_KEY_SIZE);
}

static int disable_dea(struct kvmcore_vm *vm, uint64_t addr)
{
	(void)addr;
	return drop_key(vm, &vm->s390->dea_kw, vm->s390->dea_key, S390_DEA_KEY_SIZE);
}

static int set_apie(struct kvmcore_vm *vm, bool on)
{
	if (!vm->s390->host.ap)
		return -EOPNOTSUPP;
	vm->s390->apie = on;
	return 0;
}

static int enable_apie(struct kvmcore_vm *vm, uint64_t addr)
{
	(void)addr;
	return set_apie(vm, true);
}

static int disable_apie(struct kvmcore_vm *vm, uint64_t addr)
{
	(void)addr;
	return set_apie(vm, false);
}

static int has_apie(struct kvmcore_vm *vm, uint64_t addr)
{
	(void)addr;
	return vm->s390->host.ap ? 0 : -ENXIO;
}

/* HAS answers 0 for the key rows even without the facility. */
static const struct s390_attr_row rows[] = {
	{ KVM_S390_VM_CRYPTO_ENABLE_AES_KW, enable_aes, NULL, NULL },
	{ KVM_S390_VM_CRYPTO_ENABLE_DEA_KW, enable_dea, NULL, NULL },
	{ KVM_S390_VM_CRYPTO_DISABLE_AES_KW, disable_aes, NULL, NULL },
	{ KVM_S390_VM_CRYPTO_DISABLE_DEA_KW, disable_dea, NULL, NULL },
	{ KVM_S390_VM_CRYPTO_ENABLE_APIE, enable_apie, NULL, has_apie },
	{ KVM_S390_VM_CRYPTO_DISABLE_APIE, disable_apie, NULL, has_apie },
};

const struct s390_attr_group s390_crypto = {
	.group = KVM_S390_VM_CRYPTO,
	.row = rows,
	.n_rows = sizeof(rows) / sizeof(rows[0]),
};

static bool has_topology(const struct s390 *s)
{
	return s390_has_facility(s, S390_FACILITY_TOPOLOGY);
}

/* The attribute's number is the value. */
static int set_topology(struct kvmcore_vm *vm, uint64_t attr)
{
	if (!has_topology(vm->s390))
		return -ENXIO;
	vm->s390->topology_changed = attr != 0;
	return 0;
}

static int get_topology(struct kvmcore_vm *vm, uint64_t addr)
{
	const uint8_t changed = vm->s390->topology_changed;

	if (!has_topology(vm->s390))
		return -ENXIO;
	return user_write(addr, &changed, sizeof(changed));
}

static int has_topology_attr(struct kvmcore_vm *vm, uint64_t attr)
{
	(void)attr;
	return has_topology(vm->s390) ? 0 : -ENXIO;
}

const struct s390_attr_group s390_topology = {
	.group = KVM_S390_VM_CPU_TOPOLOGY,
	.set_number = set_topology,
	.get_any = get_topology,
	.has_any = has_topology_attr,
};
