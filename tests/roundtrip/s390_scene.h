/* SPDX-License-Identifier: Apache-2.0 */
/*
 * s390_scene.h - an s390 VM with everything on, and one to receive it
 */
#ifndef TESTS_ROUNDTRIP_S390_SCENE_H
#define TESTS_ROUNDTRIP_S390_SCENE_H

#include "support/model.h"

#include <kvmcore/uapi_s390.h>
#include <sdeistate/sdeistate.h>

#define MEM      KVM_S390_VM_MEM_CTRL
#define TOD      KVM_S390_VM_TOD
#define CRYPTO   KVM_S390_VM_CRYPTO
#define CPU      KVM_S390_VM_CPU_MODEL
#define TOPOLOGY KVM_S390_VM_CPU_TOPOLOGY

static inline int set(struct model *m, uint32_t group, uint64_t attr, const void *value)
{
	return model_attr(m, -1, KVM_SET_DEVICE_ATTR, group, attr, value);
}

static inline int get(struct model *m, uint32_t group, uint64_t attr, void *value)
{
	return model_attr(m, -1, KVM_GET_DEVICE_ATTR, group, attr, value);
}

static inline struct model s390_vm(struct kvmcore_config config, unsigned int n_vcpus)
{
	struct model m;

	config.type = KVMCORE_VM_S390;
	m = model_new(&config, n_vcpus);
	kvmcore_pause(m.vm);
	return m;
}

static const struct kvm_s390_vm_tod_clock clock_set = { .epoch_idx = 1, .tod = 0x123456789abc };

/* A guest model smaller than the host's, everything on that can be, two vCPUs, one of them stopped. */
static inline struct model busy(struct kvmcore_config config)
{
	struct kvm_s390_vm_cpu_processor cpu;
	struct kvm_s390_vm_cpu_feat feat;
	struct kvm_s390_vm_cpu_subfunc subfunc;
	struct kvm_mp_state stopped = { KVM_MP_STATE_STOPPED };
	struct model m = s390_vm(config, 0);

	CHECK(get(&m, CPU, 0, &cpu) == 0 && get(&m, CPU, 2, &feat) == 0 &&
		      get(&m, CPU, 4, &subfunc) == 0,
	      "the model a VM starts with");
	cpu.cpuid = 0x1234567839310000;
	cpu.ibc = 0x2a0;
	cpu.fac_list[1] &= ~(1ULL << (127 - 77));
	feat.feat[0] &= feat.feat[0] - 1;
	subfunc.block[3][0] = 0x80;
	CHECK(set(&m, CPU, 0, &cpu) == 0 && set(&m, CPU, 2, &feat) == 0 &&
		      set(&m, CPU, 4, &subfunc) == 0 && set(&m, MEM, 0, NULL) == 0,
	      "another");
	for (unsigned int id = 0; id < 2; id++)
		CHECK(kvmcore_ioctl(m.vm, -1, KVM_CREATE_VCPU, (void *)(uintptr_t)id) == (int)id,
		      "a vCPU");
	CHECK(kvmcore_ioctl(m.vm, 1, KVM_SET_MP_STATE, &stopped) == 0, "stopped");
	CHECK(set(&m, CRYPTO, 0, NULL) == 0 && set(&m, CRYPTO, 1, NULL) == 0 &&
		      set(&m, CRYPTO, 4, NULL) == 0,
	      "key wrapping and AP");
	CHECK(set(&m, TOD, 2, &clock_set) == 0 && set(&m, TOPOLOGY, 0, NULL) == 0,
	      "clock, topology");
	kvmcore_port(m.vm, &m.port);
	return m;
}

static inline struct sdeistate *take(struct model *m)
{
	struct sdeistate_error err = { .code = 0 };
	struct sdeistate *state = NULL;

	if (!CHECK(sdeistate_capture(&m->port, NULL, &state, &err) == 0 &&
			   sdeistate_validate(state, &err) == 0,
		   "an s390 VM is captured"))
		fprintf(stderr, "%s, %s: %s|%s\n", err.object, err.field, err.expected, err.actual);
	return state;
}

#endif
