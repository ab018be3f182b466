// SPDX-License-Identifier: Apache-2.0
/* What guest calls cost, beside a mutex locked and unlocked, which every call does once. */
#include "bench.h"

#include <kvmcore/kvmcore.h>
#include <pthread.h>
#include <stdio.h>

#define EVENT      0x400000u
#define ENTRY      0xffff800010080000u
#define SAMPLES    2001u
#define BATCH      100u
#define VERSION_NS 50.0

struct guest {
	struct kvmcore_vm *vm;
	struct kvmcore_regs regs;
	uint32_t version, enroll, leave, enable, unmask, signal, complete;
};

static int lock_unlock(void *ctx)
{
	pthread_mutex_t *lock = ctx;

	return pthread_mutex_lock(lock) || pthread_mutex_unlock(lock);
}

/* A call that must succeed. The handler's own call gives no value back: the guest goes on elsewhere. */
static int call(struct guest *guest, uint32_t fid, uint64_t x1, uint64_t x2)
{
	const struct kvmcore_trap hvc = { 0 };
	struct kvmcore_reply reply;

	guest->regs.x[0] = fid;
	guest->regs.x[1] = x1;
	guest->regs.x[2] = x2;
	guest->regs.x[3] = guest->regs.x[4] = guest->regs.x[5] = 0;
	return kvmcore_call(guest->vm, 0, &hvc, &guest->regs, &reply);
}

static int succeed(struct guest *guest, uint32_t fid, uint64_t x1, uint64_t x2)
{
	const int ret = call(guest, fid, x1, x2);

	return ret ? ret : (int64_t)guest->regs.x[0] < 0;
}

static int version(void *ctx)
{
	struct guest *guest = ctx;

	return succeed(guest, guest->version, 0, 0);
}

static int enroll_and_leave(void *ctx)
{
	struct guest *guest = ctx;

	return succeed(guest, guest->enroll, EVENT, ENTRY) ||
	       succeed(guest, guest->leave, EVENT, 0);
}

/* Event 0 may be signalled by the guest itself; it is delivered at the next entry. */
static int signal_enter_complete(void *ctx)
{
	struct guest *guest = ctx;
	struct kvmcore_reply reply;

	if (succeed(guest, guest->signal, 0, 0) ||
	    kvmcore_enter(guest->vm, 0, &guest->regs, &reply) || !reply.delivered)
		return -1;
	return call(guest, guest->complete, 0, 0);
}

static int make_guest(struct guest *guest)
{
	static const struct kvmcore_config plain = { .profile = KVMCORE_PROFILE_SPEC };
	struct kvm_sdei_exposed_event_state event = { .num = EVENT };
	struct kvm_sdei_cmd expose = { .cmd = KVM_SDEI_CMD_SET_EXPOSED_EVENT,
				       .count = 1,
				       .pointer = (uintptr_t)&event };

	guest->version = (uint32_t)kvmcore_call_id("SDEI_VERSION");
	guest->enroll = (uint32_t)kvmcore_call_id("SDEI_EVENT_REGISTER");
	guest->leave = (uint32_t)kvmcore_call_id("SDEI_EVENT_UNREGISTER");
	guest->enable = (uint32_t)kvmcore_call_id("SDEI_EVENT_ENABLE");
	guest->unmask = (uint32_t)kvmcore_call_id("SDEI_PE_UNMASK");
	guest->signal = (uint32_t)kvmcore_call_id("SDEI_EVENT_SIGNAL");
	guest->complete = (uint32_t)kvmcore_call_id("SDEI_EVENT_COMPLETE");
	guest->regs = (struct kvmcore_regs){ .pc = 0xffff800010001000, .pstate = 0x60000005 };
	if (kvmcore_vm_create(&plain, &guest->vm, NULL) ||
	    kvmcore_vcpu_create(guest->vm, 0, 0) < 0 ||
	    kvmcore_ioctl(guest->vm, -1, KVM_ARM_SDEI_COMMAND, &expose))
		return -1;
	kvmcore_resume(guest->vm);
	return succeed(guest, guest->enroll, 0, ENTRY) || succeed(guest, guest->enable, 0, 0) ||
	       succeed(guest, guest->unmask, 0, 0);
}

int main(void)
{
	pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
	struct guest guest = { 0 };
	struct bench_time lock, one;

	if (make_guest(&guest)) {
		fputs("bench_hypercalls: the guest cannot be set up\n", stderr);
		return 1;
	}
	bench_title("Guest calls");
	lock = bench_time(lock_unlock, &mutex, SAMPLES, BATCH);
	one = bench_time(version, &guest, SAMPLES, BATCH);
	bench_row("SDEI_VERSION", one, "lock + unlock", lock.p50);
	bench_row("REGISTER + UNREGISTER", bench_time(enroll_and_leave, &guest, SAMPLES, BATCH),
		  "2 × lock + unlock", 2 * lock.p50);
	bench_row("SIGNAL + enter + COMPLETE",
		  bench_time(signal_enter_complete, &guest, SAMPLES, BATCH), "3 × lock + unlock",
		  3 * lock.p50);
	bench_goal("SDEI_VERSION p50 in ns", one.p50, VERSION_NS);
	kvmcore_vm_destroy(guest.vm);
	return 0;
}
