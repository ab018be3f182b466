/* SPDX-License-Identifier: Apache-2.0 */
/* realm_dialect.h - what differs between the posted versions of the realm ABI: data, not code */
#ifndef KVMCORE_REALM_DIALECT_H
#define KVMCORE_REALM_DIALECT_H

#include <kvmcore/kvmcore.h>
#include <kvmcore/measure.h>

struct realm_dialect {
	uint32_t cap;
	unsigned int rec_feature;
	int wrong_vm;    /* a command on a VM that is no realm */
	int config_late; /* CONFIG after CREATE */
	int wrong_state; /* a build command outside NEW */
	bool vcpus_before_create;
	bool populate_has_flags; /* and POPULATE issues no INIT_RIPAS of its own */
	bool filters_host_calls; /* RSI_HOST_CALL is looked up in the SMCCC filter */
	unsigned int max_config; /* highest cfg id that is implemented */
	unsigned int max_gpr;    /* KVM_SET_ONE_REG takes x0 to this one, and pc */
	enum kvmcore_ripas_policy policy;
};

/** realm_dialect() - the one this VM speaks */
const struct realm_dialect *realm_dialect(const struct kvmcore_vm *vm);

#endif
