/* SPDX-License-Identifier: Apache-2.0 */
/* What docs/embedding.md takes for granted in a VMM; tests/install/consume compiles its C behind this. */
#include "vmm.h"

#include <errno.h>
#include <kvmcore/kvmcore.h>
#include <linux/kvm.h>
#include <pthread.h>
#include <sdeistate/router.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>

struct vmm;

struct vcpu {
	struct vmm *vmm;
	int index, fd;
	uint32_t id;
	uint64_t mpidr;
	struct kvm_run *run;
	pthread_t thread;
	bool has_called, by_smc, is_awake;
	uint32_t called, features;
};

struct vmm {
	struct kvmcore_vm *core;
	struct vcpu vcpu[8];
	unsigned int n_vcpus;
	struct sdeistate_router *router;
	struct kvm_port service, port;
};

int read_registers(const struct vcpu *vcpu, struct kvmcore_regs *regs, uint32_t set);
int write_registers(const struct vcpu *vcpu, const struct kvmcore_regs *regs, uint32_t set);
int apply_power(struct vcpu *vcpu, const struct kvmcore_reply *reply);
void kick(struct vmm *vmm, const struct kvmcore_reply *reply);
