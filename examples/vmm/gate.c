// SPDX-License-Identifier: Apache-2.0
/*
 * Who may enter the guest. A vCPU that is switched off waits here and not in KVM_RUN, where it would hold
 * the kernel's lock of its registers; one that is told to leave comes here with its exit unanswered.
 */
#include "vmm.h"

#include <errno.h>
#include <linux/kvm.h>
#include <pthread.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

#define A_LITTLE_NS 20000000

void gate_kick(struct vcpu *vcpu)
{
	/* Without a thread there is nobody to leave, and where there was no memory for it no page either. */
	if (!vcpu->has_thread)
		return;
	__atomic_store_n(&vcpu->run->immediate_exit, 1, __ATOMIC_SEQ_CST);
	pthread_kill(vcpu->thread, SIGUSR1);
}

/* As PSCI has it: registers as after power-up, but for where it begins (DEN0022 §6.4). */
static int begin(struct vcpu *vcpu, uint64_t entry, uint64_t context)
{
	int ret = kvm_vcpu_init(vcpu, false);

	if (!ret)
		ret = kvm_set(vcpu, KVMCORE_REG_PC, entry);
	return ret ? ret : kvm_set(vcpu, KVMCORE_REG_X(0), context);
}

/* Told once, not at each awakening: two that wait would wake each other for ever. */
static void wait_here(struct vcpu *vcpu)
{
	if (!vcpu->parked)
		pthread_cond_broadcast(&vcpu->vmm->changed);
	vcpu->parked = true;
	pthread_cond_wait(&vcpu->vmm->changed, &vcpu->vmm->lock);
}

static bool may_enter(const struct vcpu *vcpu)
{
	return vcpu->vmm->running && !vcpu->vmm->resetting && vcpu->powered && !vcpu->held;
}

int gate_pass(struct vcpu *vcpu)
{
	struct vmm *vmm = vcpu->vmm;
	int ret = 0;

	pthread_mutex_lock(&vmm->lock);
	while (!ret && !vmm->ending && (vcpu->starting || !may_enter(vcpu))) {
		if (!vcpu->starting) {
			wait_here(vcpu);
			continue;
		}
		ret = begin(vcpu, vcpu->entry, vcpu->context);
		vcpu->starting = false;
		vcpu->powered = true;
	}
	vcpu->parked = false;
	ret = ret ? ret : !vmm->ending;
	pthread_mutex_unlock(&vmm->lock);
	return ret;
}

void gate_leave(struct vcpu *vcpu)
{
	pthread_mutex_lock(&vcpu->vmm->lock);
	vcpu->has_left = true;
	pthread_cond_broadcast(&vcpu->vmm->changed);
	pthread_mutex_unlock(&vcpu->vmm->lock);
}

void gate_start(struct vcpu *vcpu, uint64_t entry, uint64_t context)
{
	pthread_mutex_lock(&vcpu->vmm->lock);
	vcpu->starting = true;
	vcpu->entry = entry;
	vcpu->context = context;
	pthread_cond_broadcast(&vcpu->vmm->changed);
	pthread_mutex_unlock(&vcpu->vmm->lock);
}

void gate_stop(struct vcpu *vcpu)
{
	pthread_mutex_lock(&vcpu->vmm->lock);
	vcpu->powered = false;
	pthread_mutex_unlock(&vcpu->vmm->lock);
}

static bool all_parked(const struct vmm *vmm)
{
	bool parked = true;

	for (unsigned int i = 0; i < vmm->n_vcpus; i++)
		parked &= vmm->vcpu[i].parked && !vmm->vcpu[i].starting;
	return parked;
}

void gate_wait_a_little(struct vmm *vmm)
{
	struct timespec soon;

	clock_gettime(CLOCK_MONOTONIC, &soon);
	soon.tv_nsec += A_LITTLE_NS;
	soon.tv_sec += soon.tv_nsec / 1000000000;
	soon.tv_nsec %= 1000000000;
	pthread_cond_clockwait(&vmm->changed, &vmm->lock, CLOCK_MONOTONIC, &soon);
}

int gate_pause(struct vmm *vmm)
{
	bool ran;
	int ret;

	pthread_mutex_lock(&vmm->lock);
	ran = vmm->running;
	vmm->running = false;
	while (!all_parked(vmm) && !vmm->ending) {
		for (unsigned int i = 0; i < vmm->n_vcpus; i++)
			if (!vmm->vcpu[i].parked)
				gate_kick(&vmm->vcpu[i]);
		gate_wait_a_little(vmm);
	}
	ret = vmm->ending ? -ESHUTDOWN : ran ? timer_stop(vmm) : 0;
	if (ret) {
		vmm->running = ran;
		pthread_cond_broadcast(&vmm->changed);
	}
	pthread_mutex_unlock(&vmm->lock);
	if (!ret)
		kvmcore_pause(vmm->core);
	return ret;
}

void gate_hold(struct vcpu *vcpu)
{
	struct vmm *vmm = vcpu->vmm;

	pthread_mutex_lock(&vmm->lock);
	vcpu->held = true;
	while (vcpu->has_thread && !vcpu->parked && !vcpu->has_left) {
		gate_kick(vcpu);
		gate_wait_a_little(vmm);
	}
	pthread_mutex_unlock(&vmm->lock);
}

void gate_release(struct vcpu *vcpu)
{
	pthread_mutex_lock(&vcpu->vmm->lock);
	vcpu->held = false;
	pthread_cond_broadcast(&vcpu->vmm->changed);
	pthread_mutex_unlock(&vcpu->vmm->lock);
}

int gate_resume(struct vmm *vmm)
{
	int ret;

	pthread_mutex_lock(&vmm->lock);
	ret = timer_go(vmm);
	if (!ret)
		ret = kvmcore_resume(vmm->core);
	if (!ret) {
		vmm->running = true;
		vmm->fresh = false;
		pthread_cond_broadcast(&vmm->changed);
	}
	pthread_mutex_unlock(&vmm->lock);
	return ret;
}

/* With the lock held */
static void call_out(struct vmm *vmm)
{
	for (unsigned int i = 0; i < vmm->n_vcpus; i++)
		gate_kick(&vmm->vcpu[i]);
	pthread_cond_broadcast(&vmm->changed);
}

static void end_threads(struct vmm *vmm, int result)
{
	pthread_mutex_lock(&vmm->lock);
	if (!vmm->ending) {
		vmm->ending = true;
		vmm->result = result;
	}
	call_out(vmm);
	pthread_mutex_unlock(&vmm->lock);
}

void gate_wake(const struct vmm *vmm)
{
	const uint64_t one = 1;

	if (write(vmm->wake, &one, sizeof(one)) < 0)
		return; /* it is awake already */
}

void gate_end(struct vmm *vmm, int result)
{
	end_threads(vmm, result);
	gate_wake(vmm);
}

void gate_reset(struct vmm *vmm)
{
	pthread_mutex_lock(&vmm->lock);
	vmm->resetting = true;
	call_out(vmm);
	pthread_mutex_unlock(&vmm->lock);
	gate_wake(vmm);
}

static void leave_guest(int number)
{
	(void)number;
}

int gate_open(struct vmm *vmm)
{
	const struct sigaction action = { .sa_handler = leave_guest }; /* no SA_RESTART: EINTR */
	int ret = 0;

	sigaction(SIGUSR1, &action, NULL);
	pthread_mutex_lock(&vmm->lock);
	vmm->ending = vmm->resetting = false;
	for (unsigned int i = 0; i < vmm->n_vcpus && !ret; i++) {
		struct vcpu *vcpu = &vmm->vcpu[i];

		ret = -pthread_create(&vcpu->thread, NULL, vcpu_main, vcpu);
		vcpu->has_thread = !ret;
	}
	if (!ret)
		ret = -pthread_create(&vmm->source_thread, NULL, source_main, vmm);
	vmm->has_source_thread = !ret;
	pthread_mutex_unlock(&vmm->lock);
	return ret;
}

static bool all_left(const struct vmm *vmm)
{
	bool left = true;

	for (unsigned int i = 0; i < vmm->n_vcpus; i++)
		left &= vmm->vcpu[i].has_left || !vmm->vcpu[i].has_thread;
	return left;
}

/* A thread may kick any other as long as it lives; so none is joined before all have come to their end. */
void gate_close(struct vmm *vmm)
{
	end_threads(vmm, vmm->result);
	if (vmm->has_source_thread)
		pthread_join(vmm->source_thread, NULL);
	vmm->has_source_thread = false;
	pthread_mutex_lock(&vmm->lock);
	while (!all_left(vmm))
		pthread_cond_wait(&vmm->changed, &vmm->lock);
	pthread_mutex_unlock(&vmm->lock);
	for (unsigned int i = 0; i < vmm->n_vcpus; i++) {
		if (vmm->vcpu[i].has_thread)
			pthread_join(vmm->vcpu[i].thread, NULL);
		vmm->vcpu[i].has_thread = false;
	}
	vmm->running = false;
}
