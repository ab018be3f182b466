// SPDX-License-Identifier: GPL-2.0-only
/*
 * CPUs that stay where they seldom are: CPU 1 with its events masked and in an exit, all others but CPU 0 in the handler of a
 * critical event that interrupted the handler of a normal one. Whoever looks at the guest meanwhile finds it there.
 */
#include <linux/arm_sdei.h>
#include <linux/atomic.h>
#include <linux/cpu.h>
#include <linux/delay.h>
#include <linux/err.h>
#include <linux/kthread.h>
#include <linux/mutex.h>

#include <asm/arch_timer.h>

#include "watch.h"

#define MASKED_CPU     1
#define GATHER_SECONDS 5
#define MOST_SECONDS   60 /* then it ends by itself, before anybody takes a CPU for hung */
#define MOST_TRIES     10
#define TURNS          1000000

static DEFINE_MUTEX(signalling);
static bool is_masked; /* under signalling */
static bool posing;
static u64 deadline; /* of the counter, which stands still while the guest does */
static atomic_t at_place;
static unsigned int waited, bad; /* CPU 1's */

static bool is_held(void)
{
	return READ_ONCE(posing) && arch_timer_read_counter() < READ_ONCE(deadline);
}

/* Neither a hint nor a look at the counter each time: both stop an emulated host's other CPUs. */
static void spin(void)
{
	while (is_held())
		for (unsigned int i = 0; i < TURNS && READ_ONCE(posing); i++)
			barrier();
}

static void stay(void)
{
	atomic_inc(&at_place);
	spin();
	atomic_dec(&at_place);
}

/* A normal event's handler waits for the critical one that is to come. */
void pose_linger(bool critical, int depth)
{
	const u32 cpu = raw_smp_processor_id();

	if (cpu <= MASKED_CPU || !READ_ONCE(posing))
		return;
	if (critical && depth > 1)
		stay();
	if (!critical)
		spin();
}

/* The host's device takes its time to answer: whoever looks finds the CPU in that exit. */
static void stay_in_exit(void)
{
	u32 last = 0;

	atomic_inc(&at_place);
	while (is_held()) {
		const u32 raised = sdei_watch_wait();

		WRITE_ONCE(waited, waited + 1);
		if (raised < last)
			WRITE_ONCE(bad, bad + 1);
		last = raised;
	}
	atomic_dec(&at_place);
}

static void set_masked(bool now)
{
	mutex_lock(&signalling);
	is_masked = now;
	mutex_unlock(&signalling);
}

bool pose_signal(unsigned int cpu)
{
	mutex_lock(&signalling);
	return cpu != MASKED_CPU || !is_masked;
}

void pose_signalled(void)
{
	mutex_unlock(&signalling);
}

static int mask(void *unused)
{
	set_masked(true);
	preempt_disable();
	smccc(SDEI_1_0_FN_SDEI_PE_MASK, 0, 0);
	stay_in_exit();
	smccc(SDEI_1_0_FN_SDEI_PE_UNMASK, 0, 0);
	preempt_enable();
	set_masked(false);
	return 0;
}

static unsigned int count_posed(void)
{
	return READ_ONCE(posing) ? atomic_read(&at_place) : 0;
}

static unsigned int count_posers(void)
{
	return num_possible_cpus() - 1;
}

void pose_show(struct seq_file *file)
{
	seq_printf(file, "\"posed\":%u,\"poses\":%u,\"waited\":%u,\"bad_in_wait\":%u,",
		   count_posed(), count_posers(), READ_ONCE(waited), READ_ONCE(bad));
}

/* All CPUs are there, and none goes before cpus_read_unlock(). */
static void hold_cpus(void)
{
	cpus_read_lock();
	while (num_online_cpus() < num_possible_cpus()) {
		cpus_read_unlock();
		msleep(20);
		cpus_read_lock();
	}
}

static void wait_while(bool (*condition)(void))
{
	while (condition())
		msleep(20);
}

static bool is_coming(void)
{
	return is_held() && count_posed() < count_posers();
}

static bool is_left(void)
{
	return atomic_read(&at_place);
}

static u64 seconds_from_now(unsigned int seconds)
{
	return arch_timer_read_counter() + (u64)seconds * arch_timer_get_cntfrq();
}

/* Return: whether all came; a CPU may have been caught while it held what another needs. Then none stays */
static bool gather(struct task_struct *masker)
{
	bool all;

	WRITE_ONCE(deadline, seconds_from_now(GATHER_SECONDS));
	WRITE_ONCE(posing, true);
	wake_up_process(masker);
	wait_while(is_coming);
	WRITE_ONCE(deadline, seconds_from_now(MOST_SECONDS));
	all = count_posed() == count_posers();
	WRITE_ONCE(posing, all);
	return all;
}

static int try_pose(void)
{
	struct task_struct *masker;
	int ret;

	masker = kthread_create_on_cpu(mask, NULL, MASKED_CPU, "sdei_mask/%u");
	if (IS_ERR(masker))
		return PTR_ERR(masker);
	hold_cpus();
	ret = gather(masker) ? 0 : -EAGAIN;
	wait_while(is_held);
	WRITE_ONCE(posing, false);
	wait_while(is_left);
	cpus_read_unlock();
	return ret;
}

int pose_begin(void)
{
	int ret = -EAGAIN;

	for (int tries = 0; tries < MOST_TRIES && ret == -EAGAIN; tries++)
		ret = try_pose();
	return ret;
}

void pose_end(void)
{
	WRITE_ONCE(posing, false);
}
