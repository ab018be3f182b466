// SPDX-License-Identifier: Apache-2.0
/* What a stranger writes first; tests/install/consume builds it against the installed library. */
#include <kvmcore/kvmcore.h>

#include <stdio.h>

int main(void)
{
	struct kvmcore_config config = { 0 };
	struct kvmcore_error error;
	struct kvmcore_vm *vm;

	if (kvmcore_vm_create(&config, &vm, &error))
		return 1;
	if (kvmcore_vcpu_create(vm, 0, 0) != 0)
		return 1;
	printf("%u vCPU, profile %s\n", kvmcore_vcpu_count(vm),
	       kvmcore_profile_name(config.profile));
	return kvmcore_vm_destroy(vm) ? 1 : 0;
}
