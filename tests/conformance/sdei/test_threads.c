// SPDX-License-Identifier: Apache-2.0
/*
 * One thread per vCPU and one that raises lines and reads the state, all at once. What is promised is
 * what survives any order: triggers of event 0 are never lost without a run behind them, a shared event
 * runs once per trigger and on one PE at a time, and ThreadSanitizer has nothing to say.
 */
#include "rig.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

#define N        6u
#define SIGNALS  2000u
#define TRIGGERS 200u
#define SPI      40u

struct shared {
	struct rig rig; /* each thread uses its own regs[]; replies are its own too */
	uint64_t num;   /* the bound SPI event, any PE */
	atomic_uint runs, inside, overlaps, finished;
	atomic_uint private_runs[N];
};

struct pe {
	struct shared *all;
	unsigned int v;
	struct kvmcore_regs regs;
};

static int64_t pe_call(struct pe *pe, enum call_id id, uint64_t x1, uint64_t x2)
{
	static const struct kvmcore_trap hvc = { 0 };
	struct kvmcore_reply reply;

	pe->regs.x[0] = 0xc4000000u + (unsigned int)id;
	pe->regs.x[1] = x1;
	pe->regs.x[2] = x2;
	if (kvmcore_call(pe->all->rig.vm, (int)pe->v, &hvc, &pe->regs, &reply))
		abort();
	return (int64_t)pe->regs.x[0];
}

/* An entry and, if something is delivered, its whole handler. */
static bool pe_enter(struct pe *pe)
{
	struct shared *all = pe->all;
	struct kvmcore_reply reply;

	if (kvmcore_enter(all->rig.vm, (int)pe->v, &pe->regs, &reply))
		abort();
	if (!reply.delivered)
		return false;
	if (pe->regs.x[0] == all->num) {
		if (atomic_fetch_add(&all->inside, 1))
			atomic_fetch_add(&all->overlaps, 1);
		atomic_fetch_add(&all->runs, 1);
		atomic_fetch_sub(&all->inside, 1);
	} else {
		atomic_fetch_add(&all->private_runs[pe->v], 1);
	}
	pe_call(pe, EVENT_COMPLETE, 0, 0);
	return true;
}

static void *pe_thread(void *arg)
{
	struct pe *pe = arg;

	for (unsigned int i = 0; i < SIGNALS; i++) {
		pe_call(pe, EVENT_SIGNAL, 0, RIG_MPIDR(i % N));
		if (i % 64 == 0) {
			pe_call(pe, PE_MASK, 0, 0);
			pe_call(pe, PE_UNMASK, 0, 0);
		}
		pe_enter(pe);
	}
	atomic_fetch_add(&pe->all->finished, 1);
	while (atomic_load(&pe->all->finished) <= N) /* the thread that raises is number N + 1 */
		if (!pe_enter(pe))
			sched_yield();
	while (pe_enter(pe))
		;
	return NULL;
}

/* The next trigger only when the last one has run: then none may merge into another. */
static void *line_thread(void *arg)
{
	struct shared *all = arg;
	struct kvm_sdei_vcpu_state state;
	struct kvmcore_reply reply;

	for (unsigned int i = 0; i < TRIGGERS; i++) {
		if (kvmcore_raise(all->rig.vm, SPI, 0, &reply))
			abort();
		while (atomic_load(&all->runs) <= i) {
			rig_cmd(&all->rig, (int)(i % N), KVM_SDEI_CMD_GET_VCPU_STATE, 0, &state);
			sched_yield();
		}
	}
	atomic_fetch_add(&all->finished, 1);
	return NULL;
}

static void prepare(struct shared *all, struct pe *pe)
{
	rig_open(&all->rig, KVMCORE_PROFILE_SPEC, N);
	all->num = (uint64_t)call(&all->rig, 0, INTERRUPT_BIND, SPI);
	for (unsigned int v = 0; v < N; v++)
		CHECK(rig_arm(&all->rig, v, 0), "every PE has a handler for event 0");
	rig_register(&all->rig, 0, all->num, RM_ANY, 0);
	call(&all->rig, 0, EVENT_ENABLE, all->num);
	for (unsigned int v = 0; v < N; v++)
		pe[v] = (struct pe){ all, v, all->rig.regs[v] };
}

static void test_vcpus_call_and_signal_in_parallel(void)
{
	static struct shared all;
	pthread_t thread[N + 1];
	struct pe pe[N];

	prepare(&all, pe);
	for (unsigned int v = 0; v < N; v++)
		REQUIRE(pthread_create(&thread[v], NULL, pe_thread, &pe[v]) == 0,
			"a thread per vCPU");
	REQUIRE(pthread_create(&thread[N], NULL, line_thread, &all) == 0, "and one for the line");
	for (unsigned int i = 0; i <= N; i++)
		pthread_join(thread[i], NULL);
	CHECK(atomic_load(&all.runs) == TRIGGERS, "each trigger of the shared event ran once");
	CHECK(atomic_load(&all.overlaps) == 0, "on one PE at a time");
	for (unsigned int v = 0; v < N; v++) {
		CHECK(atomic_load(&all.private_runs[v]) > 0 &&
			      atomic_load(&all.private_runs[v]) <= N * SIGNALS,
		      "each PE was signalled and ran");
		CHECK(rig_queued(&all.rig, v, 0) == 0 &&
			      rig_state(&all.rig, v).normal_num == KVM_SDEI_INVALID_EVENT,
		      "nothing is left behind");
	}
	rig_close(&all.rig);
}

int main(void)
{
	return RUN_TESTS(test_vcpus_call_and_signal_in_parallel);
}
