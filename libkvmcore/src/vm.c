// SPDX-License-Identifier: Apache-2.0
#include "vm.h"
#include "error_fill.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

/* VM types with a room of their own appear here with it. */
static const bool type_exists[KVMCORE_NR_VM_TYPES] = {
	[KVMCORE_VM_ARM64] = true,
	[KVMCORE_VM_REALM] = true,
	[KVMCORE_VM_S390] = true,
	[KVMCORE_VM_PROTECTED] = true,
};

#define ALL_DIALECTS \
	(KVMCORE_DIALECT_SDEI_1_0 | KVMCORE_DIALECT_FORWARD_HYPERCALL | KVMCORE_DIALECT_RME_V8)
#define MAX_SLOTS    64u
#define RMM_FEATURES 0x283fce3bf30ULL /* RMI feature register 0 of a 1.0-rel0 monitor */
#define MAX_SPI      988u             /* INTID 32..1019 */
#define MAX_PPI      16u              /* INTID 16..31 */

static int bad(struct kvmcore_error *err, const char *field, const char *expected, uint64_t actual)
{
	return error_fill(err, -EINVAL, "configuration", field, "%s|%llu", expected,
			  (unsigned long long)actual);
}

static int check_type(const struct kvmcore_config *c, struct kvmcore_error *err)
{
	const struct kernel_profile *kernel = kernel_find(c->kernel);

	if (!kernel)
		return error_fill(err, -EINVAL, "configuration", "kernel",
				  "6.1, 6.12, 7.2 or 7.2-pkvm|%.32s", c->kernel);
	if (c->type >= KVMCORE_NR_VM_TYPES || !type_exists[c->type])
		return bad(err, "type", "a type this library has", c->type);
	if (c->type == KVMCORE_VM_PROTECTED && !kernel->has_protected_vms)
		return bad(err, "type", "one this kernel has", c->type);
	return 0;
}

static int check_host(const struct kvmcore_host *host, struct kvmcore_error *err)
{
	if (host->page_size && host->page_size != 4096 && host->page_size != 16384 &&
	    host->page_size != 65536)
		return bad(err, "host.page_size", "4096, 16384 or 65536", host->page_size);
	if (host->workaround_1 > LEVEL_NOT_REQUIRED)
		return bad(err, "host.workaround_1", "0..2", host->workaround_1);
	if (host->workaround_2 > LEVEL2_NOT_REQUIRED)
		return bad(err, "host.workaround_2", "0..3", host->workaround_2);
	if (host->workaround_3 > LEVEL_NOT_REQUIRED)
		return bad(err, "host.workaround_3", "0..2", host->workaround_3);
	if (!kvmcore_rule_name((enum kvmcore_rule)host->rmm_rule))
		return bad(err, "host.rmm_rule", "an enum kvmcore_rule", host->rmm_rule);
	return 0;
}

static int check_config(const struct kvmcore_config *c, struct kvmcore_error *err)
{
	int ret = check_type(c, err);

	if (ret)
		return ret;
	if (c->profile >= KVMCORE_NR_PROFILES)
		return bad(err, "profile", "0..2", c->profile);
	if (c->ipa_bits && (c->ipa_bits < 32 || c->ipa_bits > 52))
		return bad(err, "ipa_bits", "32..52", c->ipa_bits);
	if (c->dialects & ~(uint32_t)ALL_DIALECTS)
		return bad(err, "dialects", "bits 0..2", c->dialects);
	if (c->guard >= KVMCORE_NR_GUARD_ABIS)
		return bad(err, "guard", "0..4", c->guard);
	if (c->n_spi > MAX_SPI)
		return bad(err, "n_spi", "0..988", c->n_spi);
	if (c->n_ppi > MAX_PPI)
		return bad(err, "n_ppi", "0..16", c->n_ppi);
	if (c->slots_given && c->private_slots > MAX_SLOTS)
		return bad(err, "private_slots", "0..64", c->private_slots);
	if (c->slots_given && c->shared_slots > MAX_SLOTS)
		return bad(err, "shared_slots", "0..64", c->shared_slots);
	return check_host(&c->host, err);
}

/* The defaults that the header promises for a zero. */
static void complete_config(struct kvmcore_config *c)
{
	c->kernel = NULL; /* vm->kernel has it; the caller's string may go */
	c->ipa_bits = c->ipa_bits ? c->ipa_bits : 40;
	c->n_spi = c->n_spi ? c->n_spi : 32;
	c->n_ppi = c->n_ppi ? c->n_ppi : MAX_PPI;
	if (!c->slots_given)
		c->private_slots = c->shared_slots = 3;
	c->host.page_size = c->host.page_size ? c->host.page_size : 4096;
	c->host.rmm_features = c->host.rmm_features ? c->host.rmm_features : RMM_FEATURES;
}

/* What needs memory. kvmcore_vm_destroy() undoes as much of it as was done. */
static int init_rooms(struct kvmcore_vm *vm)
{
	int ret = sdei_init(vm);

	if (!ret && vm->config.host.platform_pem) {
		vm->platform_pem = strdup(vm->config.host.platform_pem);
		ret = vm->platform_pem ? 0 : -ENOMEM;
	}
	if (!ret && vm->config.type == KVMCORE_VM_REALM)
		ret = realm_init(vm);
	if (!ret && vm->config.type == KVMCORE_VM_S390)
		ret = s390_init(vm);
	vm->config.host.platform_pem = NULL;
	vm->config.host.s390_facilities = NULL;
	return ret;
}

int kvmcore_vm_create(const struct kvmcore_config *config, struct kvmcore_vm **out,
		      struct kvmcore_error *err)
{
	struct kvmcore_vm *vm;
	int ret = check_config(config, err);

	if (ret)
		return ret;
	vm = calloc(1, sizeof(*vm));
	if (!vm)
		return error_fill(err, -ENOMEM, "VM", "", "%zu bytes", sizeof(*vm));
	pthread_mutex_init(&vm->lock, NULL);
	vm->config = *config;
	vm->kernel = kernel_find(config->kernel);
	complete_config(&vm->config);
	fwreg_init(vm);
	guard_init(vm);
	ret = init_rooms(vm);
	if (ret) {
		kvmcore_vm_destroy(vm);
		return error_fill(err, ret, "VM", "services", "memory");
	}
	*out = vm;
	return 0;
}

struct kvmcore_vm *kvmcore_vm_destroy(struct kvmcore_vm *vm)
{
	if (!vm)
		return NULL;
	for (unsigned int i = 0; i < vm->n_vcpus; i++)
		vcpu_destroy(vm->vcpu[i]);
	vcpu_unmap_runs(vm);
	sdei_exit(vm);
	guard_exit(vm);
	realm_exit(vm);
	s390_exit(vm);
	if (vm->platform_pem)
		OPENSSL_cleanse(vm->platform_pem, strlen(vm->platform_pem));
	free(vm->platform_pem);
	filter_exit(&vm->filter);
	free(vm->answers);
	memslot_exit(&vm->memslots);
	free(vm->vcpu);
	free(vm->port_vcpu);
	pthread_mutex_destroy(&vm->lock);
	free(vm);
	return NULL;
}

/* Most VMMs take the MPIDRs that the kernel derives from ids in a row: that vCPU is asked first. */
struct vcpu *vm_vcpu_by_mpidr(const struct kvmcore_vm *vm, uint64_t mpidr)
{
	const uint64_t likely =
		(mpidr & 0xf) | (mpidr >> 8 & 0xff) << 4 | (mpidr >> 16 & 0xff) << 12;

	if (likely < vm->n_vcpus && vm->port_vcpu[likely].mpidr == mpidr)
		return vm->vcpu[likely];
	for (unsigned int i = 0; i < vm->n_vcpus; i++)
		if (vm->port_vcpu[i].mpidr == mpidr)
			return vm->vcpu[i];
	return NULL;
}

static bool is_above_all(const struct kvmcore_vm *vm, uint32_t vcpu_id, uint64_t mpidr)
{
	const struct kvm_port_vcpu *last = vm->n_vcpus ? &vm->port_vcpu[vm->n_vcpus - 1] : NULL;

	return !last || (vm->ascending && vcpu_id > last->vcpu_id && mpidr > last->mpidr);
}

static bool is_taken(const struct kvmcore_vm *vm, uint32_t vcpu_id, uint64_t mpidr)
{
	if (is_above_all(vm, vcpu_id, mpidr))
		return false;
	for (unsigned int i = 0; i < vm->n_vcpus; i++)
		if (vm->port_vcpu[i].vcpu_id == vcpu_id || vm->port_vcpu[i].mpidr == mpidr)
			return true;
	return false;
}

/* One more entry in both tables; what is there already stays valid if it fails. */
static int grow_tables(struct kvmcore_vm *vm)
{
	const size_t n = vm->n_vcpus + 1;
	struct kvm_port_vcpu *port_vcpu;
	struct vcpu **vcpu;

	if (vm->n_vcpus & (vm->n_vcpus - 1))
		return 0; /* room up to the next power of two */
	vcpu = realloc(vm->vcpu, 2 * n * sizeof(*vcpu));
	if (!vcpu)
		return -ENOMEM;
	vm->vcpu = vcpu;
	port_vcpu = realloc(vm->port_vcpu, 2 * n * sizeof(*port_vcpu));
	if (!port_vcpu)
		return -ENOMEM;
	vm->port_vcpu = port_vcpu;
	return 0;
}

int vm_vcpu_create(struct kvmcore_vm *vm, uint32_t vcpu_id, uint64_t mpidr)
{
	const unsigned int max = vm->s390 ? S390_MAX_VCPUS : KVMCORE_MAX_VCPUS;
	struct vcpu *vcpu;
	int ret;

	if (vcpu_id >= max || vm->n_vcpus == max || mpidr & ~MPIDR_AFFINITY)
		return -EINVAL;
	if (is_taken(vm, vcpu_id, mpidr))
		return -EEXIST;
	ret = grow_tables(vm);
	if (!ret)
		ret = vcpu_create(vm, vcpu_id, mpidr, &vcpu);
	if (ret)
		return ret;
	vm->ascending = is_above_all(vm, vcpu_id, mpidr);
	vm->vcpu[vm->n_vcpus] = vcpu;
	vm->port_vcpu[vm->n_vcpus] = (struct kvm_port_vcpu){ vcpu_id, mpidr };
	if (vm->s390)
		s390_vcpu_created(vm);
	vm_changed(vm);
	return (int)vm->n_vcpus++;
}

int kvmcore_vcpu_create(struct kvmcore_vm *vm, uint32_t vcpu_id, uint64_t mpidr)
{
	int index;

	pthread_mutex_lock(&vm->lock);
	index = vm_vcpu_create(vm, vcpu_id, mpidr);
	if (index >= 0) {
		vm->vcpu[index]->initialised = true;
		vm->vcpu[index]->features = 1u << KVM_ARM_VCPU_PSCI_0_2;
	}
	pthread_mutex_unlock(&vm->lock);
	return index;
}

int kvmcore_resume(struct kvmcore_vm *vm)
{
	int ret = -EBUSY;

	pthread_mutex_lock(&vm->lock);
	if (!vm->running) {
		vm->running = true;
		if (vm->s390)
			s390_resume(vm);
		vm->epoch++;
		ret = 0;
	}
	pthread_mutex_unlock(&vm->lock);
	return ret;
}

int kvmcore_pause(struct kvmcore_vm *vm)
{
	int ret = -EINVAL;

	pthread_mutex_lock(&vm->lock);
	if (vm->running) {
		vm->running = false;
		if (vm->s390)
			s390_pause(vm);
		vm->epoch++;
		ret = 0;
	}
	pthread_mutex_unlock(&vm->lock);
	return ret;
}

uint64_t kvmcore_epoch(struct kvmcore_vm *vm)
{
	uint64_t epoch;

	pthread_mutex_lock(&vm->lock);
	epoch = vm->epoch;
	pthread_mutex_unlock(&vm->lock);
	return epoch;
}
