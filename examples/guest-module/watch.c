// SPDX-License-Identifier: GPL-2.0-only
/*
 * sdei_watch - registers SDEI events and keeps account of every delivery
 *
 * Private and shared, normal and critical events are raised by the event source of examples/vmm at random
 * moments, and event 0 by PE to PE signals. A handler looks whether it interrupted the loop of loops.S, and
 * with which registers; the loop looks whether it got them back. /proc/sdei_watch tells all as one line of JSON,
 * and takes "run", "stop", "bench", "guard", "pose" and "go".
 *
 * The kernel's SDEI functions are for built-in drivers; a probe finds them.
 */
#include <linux/arm_sdei.h>
#include <linux/atomic.h>
#include <linux/cpu.h>
#include <linux/cpuhotplug.h>
#include <linux/delay.h>
#include <linux/io.h>
#include <linux/kprobes.h>
#include <linux/kthread.h>
#include <linux/module.h>
#include <linux/of.h>
#include <linux/of_address.h>
#include <linux/proc_fs.h>
#include <linux/random.h>
#include <linux/seq_file.h>
#include <linux/uaccess.h>

#include <asm/cputype.h>
#include <asm/ptrace.h>

#include "watch.h"

/* Registers of the event source; examples/vmm/source.c describes them. */
#define SOURCE_RUN        0x004
#define SOURCE_INTERVAL   0x008
#define SOURCE_CPUS       0x00c
#define SOURCE_REFUSED    0x010
#define SOURCE_SPURIOUS   0x014
#define SOURCE_ACK        0x020
#define SOURCE_FORGET     0x024
#define SOURCE_WAIT       0x028
#define SOURCE_LINE(n)    (0x100 + 32 * (n))
#define LINE_EVENT        0x00
#define LINE_FLAGS        0x04
#define LINE_RAISED       0x08
#define LINE_FORGOTTEN    0x0c
#define LINE_WAITING      0x10

#define SDEI_EVENT_SIGNAL 0xC400002F
#define NR_LINES          4
#define ENABLED           1
#define SHARED            2
#define CRITICAL          4        /* which is no matter of the device */
#define SIGNAL            NR_LINES /* event 0, which no device raises */
#define WAIT_MS           20000
#define BENCH_EVENTS      100
#define EVENT_SHARE       2 /* between two events is time for as many */

static uint interval_us = 1000;
module_param(interval_us, uint, 0444);
MODULE_PARM_DESC(interval_us,
		 "microseconds between two events, on average, if the host is fast enough");
static uint turns = 100000;
module_param(turns, uint, 0444);
MODULE_PARM_DESC(turns, "turns of the loop before its registers are compared");

static const struct {
	u32 event, flags;
} lines[NR_LINES] = {
	{ 0x400000, ENABLED },
	{ 0x400001, ENABLED | CRITICAL },
	{ 0x400002, ENABLED | SHARED },
	{ 0x400003, ENABLED | SHARED | CRITICAL },
};

static struct {
	atomic64_t handled[NR_LINES + 1], from_user, in_loop, nested, saw_bad;
	atomic64_t rounds, loop_bad, signalled, signal_refused, signal_lost, hotplugs;
} count;

static DEFINE_PER_CPU(int, depth);
static DEFINE_PER_CPU(atomic_t, signal_waits);
static DEFINE_PER_CPU(u64, affinity); /* MPIDR_EL1 */

static int (*event_register)(u32 event, sdei_event_callback *cb, void *arg);
static int (*event_unregister)(u32 event);
static int (*event_enable)(u32 event);

static void __iomem *source;
static struct task_struct **holders, *signaller;
static struct proc_dir_entry *entry;
static int hotplug_state;
static bool running;
static unsigned long watched; /* lines whose events are registered */

/* --- deliveries ---------------------------------------------------------------------------------- */

static bool registers_hold(const struct pt_regs *regs)
{
	bool hold = (regs->pstate & 0xf0000000) == WATCH_NZCV;
	int n;

	for (n = 2; n <= 30; n++)
		hold &= regs->regs[n] == WATCH_VALUE((u64)n);
	/* x1 is ahead of x0 for one instruction. */
	return hold && (regs->regs[0] + regs->regs[1]) - turns <= 1;
}

static void look_at(const struct pt_regs *regs)
{
	const unsigned long pc = regs->pc;

	if (user_mode(regs)) {
		atomic64_inc(&count.from_user);
	} else if (pc >= (unsigned long)sdei_watch_hold &&
		   pc < (unsigned long)sdei_watch_hold_end) {
		atomic64_inc(&count.in_loop);
		if (!registers_hold(regs))
			atomic64_inc(&count.saw_bad);
	}
}

static int handle(u32 event, struct pt_regs *regs, void *arg)
{
	const unsigned long line = (unsigned long)arg;
	const u32 cpu = raw_smp_processor_id();
	const int handlers = raw_cpu_inc_return(depth);

	if (handlers > 1)
		atomic64_inc(&count.nested);
	look_at(regs);
	pose_linger(line < NR_LINES && lines[line].flags & CRITICAL, handlers);
	atomic64_inc(&count.handled[line]);
	if (line == SIGNAL)
		atomic_set(raw_cpu_ptr(&signal_waits), 0);
	else
		writel(line << 16 | cpu, source + SOURCE_ACK);
	raw_cpu_dec(depth);
	return 0;
}

/* --- what is interrupted, and who signals ------------------------------------------------------------- */

static int hold(void *unused)
{
	while (!kthread_should_stop()) {
		if (!READ_ONCE(running)) {
			msleep(20);
			continue;
		}
		if (sdei_watch_loop(turns))
			atomic64_inc(&count.loop_bad);
		atomic64_inc(&count.rounds);
		cond_resched();
	}
	return 0;
}

static void send_one(unsigned int cpu)
{
	const long ret = smccc(SDEI_EVENT_SIGNAL, 0, per_cpu(affinity, cpu));

	if (ret == 0) {
		atomic64_inc(&count.signalled);
		return;
	}
	pr_warn("sdei_watch: error %ld of a signal to CPU %u\n", ret, cpu);
	atomic64_inc(&count.signal_refused);
	atomic_set(per_cpu_ptr(&signal_waits, cpu), 0);
}

static void signal_one(unsigned int cpu)
{
	cpus_read_lock();
	if (pose_signal(cpu) && cpu_online(cpu) &&
	    atomic_cmpxchg(per_cpu_ptr(&signal_waits, cpu), 0, 1) == 0)
		send_one(cpu);
	pose_signalled();
	cpus_read_unlock();
}

static int send_signals(void *unused)
{
	while (!kthread_should_stop()) {
		if (READ_ONCE(running))
			signal_one(get_random_u32_below(nr_cpu_ids));
		usleep_range(interval_us, 2 * interval_us);
	}
	return 0;
}

/* --- CPUs come and go ---------------------------------------------------------------------------------- */

static bool is_quiet(unsigned int cpu)
{
	bool quiet = !atomic_read(per_cpu_ptr(&signal_waits, cpu));
	int i;

	for (i = 0; i < NR_LINES; i++)
		if (!(lines[i].flags & SHARED))
			quiet &= !(readl(source + SOURCE_LINE(i) + LINE_WAITING) >> cpu & 1);
	return quiet;
}

static void wait_quiet(unsigned int cpu)
{
	int ms;

	for (ms = 0; ms < WAIT_MS && !is_quiet(cpu); ms++)
		usleep_range(1000, 2000);
	if (atomic_xchg(per_cpu_ptr(&signal_waits, cpu), 0))
		atomic64_inc(&count.signal_lost);
}

static DEFINE_SPINLOCK(cpus_lock);

static void raise_at(unsigned int cpu, bool on)
{
	u32 cpus;

	spin_lock(&cpus_lock);
	cpus = readl(source + SOURCE_CPUS);
	writel(on ? cpus | BIT(cpu) : cpus & ~BIT(cpu), source + SOURCE_CPUS);
	spin_unlock(&cpus_lock);
}

static int cpu_comes(unsigned int cpu)
{
	per_cpu(affinity, cpu) = read_cpuid_mpidr() & MPIDR_HWID_BITMASK;
	raise_at(cpu, true);
	return 0;
}

/* Nothing is under way to a CPU when it goes, so nothing may be missing afterwards. */
static int cpu_goes(unsigned int cpu)
{
	raise_at(cpu, false);
	wait_quiet(cpu);
	writel(cpu, source + SOURCE_FORGET);
	atomic64_inc(&count.hotplugs);
	return 0;
}

u32 sdei_watch_wait(void)
{
	return readl(source + SOURCE_WAIT);
}

/* --- /proc/sdei_watch ------------------------------------------------------------------------------------ */

static void show_lines(struct seq_file *file)
{
	int i;

	for (i = 0; i < NR_LINES; i++)
		seq_printf(file,
			   "\"0x%x\":{\"raised\":%u,\"handled\":%lld,\"forgotten\":%u,\"waiting\":%"
			   "u},",
			   lines[i].event, readl(source + SOURCE_LINE(i) + LINE_RAISED),
			   atomic64_read(&count.handled[i]),
			   readl(source + SOURCE_LINE(i) + LINE_FORGOTTEN),
			   readl(source + SOURCE_LINE(i) + LINE_WAITING));
}

static s64 total(void)
{
	s64 sum = 0;
	int i;

	for (i = 0; i <= NR_LINES; i++)
		sum += atomic64_read(&count.handled[i]);
	return sum;
}

static int show(struct seq_file *file, void *unused)
{
	seq_printf(file, "{\"total\":%lld,", total());
	show_lines(file);
	seq_printf(file, "\"0x0\":{\"raised\":%lld,\"handled\":%lld,\"forgotten\":%lld},",
		   atomic64_read(&count.signalled), atomic64_read(&count.handled[SIGNAL]),
		   atomic64_read(&count.signal_lost));
	pose_show(file);
	seq_printf(file, "\"spurious\":%u,\"refused\":%u,\"signals_refused\":%lld,",
		   readl(source + SOURCE_SPURIOUS), readl(source + SOURCE_REFUSED),
		   atomic64_read(&count.signal_refused));
	seq_printf(file, "\"from_user\":%lld,\"in_loop\":%lld,\"nested\":%lld,\"hotplugs\":%lld,",
		   atomic64_read(&count.from_user), atomic64_read(&count.in_loop),
		   atomic64_read(&count.nested), atomic64_read(&count.hotplugs));
	seq_printf(file, "\"rounds\":%lld,\"bad_in_loop\":%lld,\"bad_in_handler\":%lld}\n",
		   atomic64_read(&count.rounds), atomic64_read(&count.loop_bad),
		   atomic64_read(&count.saw_bad));
	return 0;
}

static void stop(void)
{
	unsigned int cpu;

	WRITE_ONCE(running, false);
	writel(0, source + SOURCE_RUN);
	for_each_online_cpu(cpu) wait_quiet(cpu);
}

/*
 * A call that the kernel answers, one that the VMM does, and a whole event on this CPU. Then the time between
 * two events is set: handlers are not interrupted, so a CPU needs most of its time for itself.
 */
static void bench(void)
{
	u64 kernel, user, event;

	preempt_disable();
	kernel = bench_calls(ARM_SMCCC_VERSION_FUNC_ID, 0, 0, 1000);
	user = bench_calls(SDEI_1_0_FN_SDEI_VERSION, 0, 0, 500);
	atomic_set(this_cpu_ptr(&signal_waits), 1);
	event = bench_calls(SDEI_EVENT_SIGNAL, 0, __this_cpu_read(affinity), BENCH_EVENTS);
	atomic64_add(BENCH_EVENTS, &count.signalled);
	preempt_enable();
	interval_us = max_t(u64, interval_us, div64_u64(EVENT_SHARE * USEC_PER_SEC, event + 1));
	writel(interval_us, source + SOURCE_INTERVAL);
	pr_info("sdei_watch: {\"in_kernel\":%llu,\"forwarded\":%llu,\"events\":%llu}\n", kernel,
		user, event);
}

static ssize_t command(struct file *file, const char __user *text, size_t size, loff_t *at)
{
	char word[8] = "";
	int ret = 0;

	if (copy_from_user(word, text, min(size, sizeof(word) - 1)))
		return -EFAULT;
	if (!strncmp(word, "run", 3)) {
		writel(1, source + SOURCE_RUN);
		WRITE_ONCE(running, true);
	} else if (!strncmp(word, "stop", 4)) {
		stop();
	} else if (!strncmp(word, "bench", 5)) {
		bench();
	} else if (!strncmp(word, "guard", 5)) {
		ret = guard_devices();
	} else if (!strncmp(word, "pose", 4)) {
		ret = pose_begin();
	} else if (!strncmp(word, "go", 2)) {
		pose_end();
	} else {
		ret = -EINVAL;
	}
	return ret ? ret : size;
}

static int open(struct inode *inode, struct file *file)
{
	return single_open(file, show, NULL);
}

static const struct proc_ops operations = {
	.proc_open = open,
	.proc_read = seq_read,
	.proc_lseek = seq_lseek,
	.proc_release = single_release,
	.proc_write = command,
};

/* --- set-up ------------------------------------------------------------------------------------------------ */

static unsigned long (*find_symbol)(const char *name);

static int find_functions(void)
{
	struct kprobe probe = { .symbol_name = "kallsyms_lookup_name" };
	int ret = register_kprobe(&probe);

	if (ret < 0)
		return ret;
	find_symbol = (void *)probe.addr;
	unregister_kprobe(&probe);
	event_register = (void *)find_symbol("sdei_event_register");
	event_unregister = (void *)find_symbol("sdei_event_unregister");
	event_enable = (void *)find_symbol("sdei_event_enable");
	return event_register && event_unregister && event_enable ? 0 : -ENOENT;
}

static int find_source(void)
{
	struct device_node *node = of_find_compatible_node(NULL, NULL, "sdei-migrate,event-source");

	source = node ? of_iomap(node, 0) : NULL;
	of_node_put(node);
	return source ? 0 : -ENODEV;
}

static int watch(unsigned long line, u32 event)
{
	int ret = event_register(event, handle, (void *)line);

	if (ret)
		return ret;
	watched |= BIT(line);
	return event_enable(event);
}

static void unwatch(unsigned long line, u32 event)
{
	if (watched & BIT(line))
		event_unregister(event);
}

static int watch_all(void)
{
	int ret = watch(SIGNAL, 0);
	unsigned long i;

	for (i = 0; i < NR_LINES && !ret; i++) {
		ret = watch(i, lines[i].event);
		writel(lines[i].event, source + SOURCE_LINE(i) + LINE_EVENT);
		writel(lines[i].flags & ~CRITICAL, source + SOURCE_LINE(i) + LINE_FLAGS);
	}
	writel(interval_us, source + SOURCE_INTERVAL);
	return ret;
}

static int begin_threads(void)
{
	unsigned int i;

	holders = kcalloc(nr_cpu_ids, sizeof(*holders), GFP_KERNEL);
	if (!holders)
		return -ENOMEM;
	for (i = 0; i < nr_cpu_ids; i++) {
		holders[i] = kthread_run(hold, NULL, "sdei_hold/%u", i);
		if (IS_ERR(holders[i]))
			return PTR_ERR(holders[i]);
		set_user_nice(holders[i], 10);
	}
	signaller = kthread_run(send_signals, NULL, "sdei_signal");
	return PTR_ERR_OR_ZERO(signaller);
}

static void end_thread(struct task_struct *thread)
{
	if (!IS_ERR_OR_NULL(thread))
		kthread_stop(thread);
}

/* Also of a module of which a part is there: nothing may call into it when it is gone. */
static void end(void)
{
	unsigned int i;

	proc_remove(entry);
	stop();
	end_thread(signaller);
	for (i = 0; holders && i < nr_cpu_ids; i++)
		end_thread(holders[i]);
	kfree(holders);
	if (hotplug_state > 0)
		cpuhp_remove_state(hotplug_state);
	for (i = 0; i < NR_LINES; i++)
		unwatch(i, lines[i].event);
	unwatch(SIGNAL, 0);
	iounmap(source);
}

static int __init begin_all(void)
{
	int ret = watch_all();

	if (ret)
		return ret;
	hotplug_state = cpuhp_setup_state(CPUHP_AP_ONLINE_DYN, "sdei_watch", cpu_comes, cpu_goes);
	if (hotplug_state < 0)
		return hotplug_state;
	ret = begin_threads();
	entry = ret ? NULL : proc_create("sdei_watch", 0600, NULL, &operations);
	return ret || entry ? ret : -ENOMEM;
}

static int __init begin(void)
{
	int ret = find_functions();

	if (!ret)
		ret = find_source();
	if (ret)
		return ret;
	ret = begin_all();
	if (ret)
		end();
	return ret;
}

module_init(begin);
module_exit(end);
MODULE_DESCRIPTION("Keeps account of SDEI events");
MODULE_LICENSE("GPL");
