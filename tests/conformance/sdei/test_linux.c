// SPDX-License-Identifier: Apache-2.0
/*
 * What drivers/firmware/arm_sdei.c calls, and what it demands to hear. The first tests are its sequences;
 * the last replays the calls that a Linux 6.12 guest was recorded to make (tests/conformance/data/kernel).
 */
#include "rig.h"

#define N     4u
#define GHES  0x1001u /* shared, as firmware describes an error source */
#define PRIV  0x1002u
#define CRIT  0x1003u
#define TRACE TEST_SOURCE_DIR "/tests/conformance/data/kernel/l2-linux-6.12.95-sdei-trace.txt"

/* sdei_to_linux_errno(): exactly these five are errors. */
static bool is_error(int64_t x0)
{
	return x0 == -1 || x0 == -2 || x0 == -3 || x0 == -5 || x0 == -10;
}

static void boot(struct rig *rig)
{
	rig_open(rig, KVMCORE_PROFILE_SPEC, N);
	rig_expose(rig, GHES, SHARED, NORMAL);
	rig_expose(rig, PRIV, PRIVATE, NORMAL);
	rig_expose(rig, CRIT, PRIVATE, CRITICAL);
	CHECK(call(rig, 0, VERSION) >> 48 == 1, "the driver wants major version 1");
	for (unsigned int v = 0; v < N; v++)
		CHECK(call(rig, v, PRIVATE_RESET) == 0,
		      "PRIVATE_RESET on every CPU, nothing registered");
	CHECK(call(rig, 0, SHARED_RESET) == 0, "SHARED_RESET, nothing registered");
	for (unsigned int v = 0; v < N; v++)
		CHECK(!is_error(call(rig, v, PE_UNMASK)), "PE_UNMASK");
}

static void cpu_up(struct rig *rig, unsigned int v)
{
	CHECK(rig_register(rig, v, PRIV, 0, 0) == 0 && call(rig, v, EVENT_ENABLE, PRIV) == 0,
	      "a fresh CPU registers and enables the private event");
	CHECK(!is_error(call(rig, v, PE_UNMASK)), "and unmasks");
}

static void cpu_down(struct rig *rig, unsigned int v)
{
	CHECK(call(rig, v, EVENT_UNREGISTER, PRIV) == 0, "it unregisters");
	CHECK(!is_error(call(rig, v, PE_MASK)), "and masks: 1 is no error");
}

static void register_events(struct rig *rig)
{
	CHECK(call(rig, 0, EVENT_GET_INFO, GHES, INFO_PRIORITY) == NORMAL &&
		      call(rig, 0, EVENT_GET_INFO, GHES, INFO_TYPE) == SHARED,
	      "GHES looks at priority and type");
	CHECK(rig_register(rig, 0, GHES, 0, 0) == 0 && call(rig, 0, EVENT_ENABLE, GHES) == 0,
	      "a shared event");
	for (unsigned int v = 0; v < N; v++)
		CHECK(rig_register(rig, v, PRIV, 0, 0) == 0,
		      "a private event is registered on every CPU");
	for (unsigned int v = 0; v < N; v++)
		CHECK(call(rig, v, EVENT_ENABLE, PRIV) == 0, "and enabled there");
}

static void test_boot_and_register(void)
{
	struct rig rig;

	boot(&rig);
	register_events(&rig);
	CHECK(rig_inject(&rig, 0, GHES) == 0, "an error is reported");
	CHECK((enter(&rig, 0) || enter(&rig, 1) || enter(&rig, 2) || enter(&rig, 3)),
	      "some CPU handles it");
	rig_close(&rig);
}

/* ghes_sdei_unregister: UNREGISTER up to three times while it is PENDING. */
static void test_unregister_while_pending(void)
{
	struct rig rig;

	boot(&rig);
	rig_arm(&rig, 0, CRIT);
	rig_inject(&rig, 0, CRIT);
	enter(&rig, 0);
	CHECK(call(&rig, 0, EVENT_DISABLE, CRIT) == 0 &&
		      call(&rig, 0, EVENT_UNREGISTER, CRIT) == PEND,
	      "PENDING while the handler runs");
	call(&rig, 0, EVENT_COMPLETE, 0);
	CHECK(call(&rig, 0, EVENT_UNREGISTER, CRIT) == DEN, "DENIED once it has completed: done");
	rig_close(&rig);
}

static void test_cpu_hotplug(void)
{
	struct rig rig;

	boot(&rig);
	register_events(&rig);
	cpu_down(&rig, 2);
	call(&rig, 2, PSCI_CPU_OFF);
	CHECK(call(&rig, 0, PSCI_CPU_ON, RIG_MPIDR(2), 0x1000, 0) == 0, "CPU_ON");
	cpu_up(&rig, 2);
	CHECK(rig_inject(&rig, 2, PRIV) == 0 && enter(&rig, 2), "and is served again");
	rig_close(&rig);
}

static void test_cpu_that_died_without_a_word(void)
{
	struct rig rig;

	boot(&rig);
	register_events(&rig);
	call(&rig, 2, PSCI_CPU_OFF);
	call(&rig, 0, PSCI_CPU_ON, RIG_MPIDR(2), 0x1000, 0);
	cpu_up(&rig, 2); /* REGISTER must succeed: CPU_ON cleared what was there */
	rig_close(&rig);
}

static void test_system_suspend_and_resume(void)
{
	struct rig rig;

	boot(&rig);
	register_events(&rig);
	for (unsigned int v = 0; v < N; v++)
		CHECK(call(&rig, v, PE_MASK) == 1, "every CPU masks");
	rig_inject(&rig, 1, PRIV);
	for (unsigned int v = 0; v < N; v++)
		CHECK(!enter(&rig, v), "nothing comes while the system sleeps");
	for (unsigned int v = 0; v < N; v++)
		CHECK(!is_error(call(&rig, v, PE_UNMASK)), "every CPU unmasks");
	CHECK(call(&rig, 3, EVENT_STATUS, PRIV) == 3 && call(&rig, 0, EVENT_STATUS, GHES) == 3,
	      "registrations survive");
	CHECK(enter(&rig, 1), "what waited is delivered");
	rig_close(&rig);
}

/* sdei_pm_notifier(): mask on the way down, unmask on the way up, or where the way down failed. */
static void test_cpuidle(void)
{
	struct rig rig;

	boot(&rig);
	register_events(&rig);
	CHECK(call(&rig, 1, PE_MASK) == 1, "a CPU masks and powers down");
	call(&rig, 1, PSCI_CPU_SUSPEND, 1u << 16, 0x2000, 0);
	CHECK(rig_inject(&rig, 1, PRIV) == 0 && !enter(&rig, 1), "what comes then waits");
	CHECK(!is_error(call(&rig, 1, PE_UNMASK)) && enter(&rig, 1),
	      "awake, it unmasks and is served: the registration has survived");
	call(&rig, 1, EVENT_COMPLETE, 0);
	CHECK(call(&rig, 2, PE_MASK) == 1 && call(&rig, 2, PE_UNMASK) == 0,
	      "a CPU that could not power down unmasks again");
	CHECK(rig_inject(&rig, 2, PRIV) == 0 && enter(&rig, 2), "and is served");
	rig_close(&rig);
}

static void freeze(struct rig *rig)
{
	for (unsigned int v = 0; v < N; v++)
		cpu_down(rig, v);
	CHECK(call(rig, 0, EVENT_UNREGISTER, GHES) == 0, "the shared event goes too");
}

static void thaw(struct rig *rig)
{
	CHECK(rig_register(rig, 0, GHES, 0, 0) == 0 && call(rig, 0, EVENT_ENABLE, GHES) == 0,
	      "the shared event comes back");
	for (unsigned int v = 0; v < N; v++)
		cpu_up(rig, v);
}

static void test_hibernate(void)
{
	struct rig rig;

	boot(&rig);
	register_events(&rig);
	freeze(&rig);
	thaw(&rig);
	CHECK(rig_inject(&rig, 3, PRIV) == 0 && enter(&rig, 3), "freeze and thaw");
	call(&rig, 3, EVENT_COMPLETE, 0);
	for (unsigned int v = 0; v < N; v++)
		CHECK(call(&rig, v, PRIVATE_RESET) == 0, "restore: PRIVATE_RESET on every CPU");
	CHECK(call(&rig, 0, SHARED_RESET) == 0, "SHARED_RESET");
	thaw(&rig);
	rig_close(&rig);
}

static void test_kexec(void)
{
	struct rig rig;

	boot(&rig);
	register_events(&rig);
	for (unsigned int v = 0; v < N; v++)
		cpu_down(&rig, v);
	for (unsigned int round = 0; round < 2; round++) { /* the old kernel, then the new one */
		for (unsigned int v = 0; v < N; v++)
			CHECK(call(&rig, v, PRIVATE_RESET) == 0,
			      "PRIVATE_RESET accepts nothing registered");
		CHECK(call(&rig, 0, SHARED_RESET) == 0, "SHARED_RESET");
	}
	thaw(&rig);
	rig_close(&rig);
}

/* sdei_handler_abort(): unwind the critical handler, then the normal one, going on at the next line. */
static void test_crash_inside_nested_handlers(void)
{
	const uint64_t next = 0xffff800080016abc;
	struct rig rig;

	boot(&rig);
	rig_arm(&rig, 0, PRIV);
	rig_arm(&rig, 0, CRIT);
	rig_inject(&rig, 0, PRIV);
	enter(&rig, 0);
	rig_inject(&rig, 0, CRIT);
	enter(&rig, 0);
	for (unsigned int v = 0; v < N; v++)
		CHECK(!is_error(call(&rig, v, PE_MASK)), "every CPU masks");
	for (unsigned int i = 0; i < 2; i++) {
		call(&rig, 0, EVENT_COMPLETE_AND_RESUME, next + 4 * i);
		CHECK(!rig.reply.returned && rig.regs[0].pc == next + 4 * i,
		      "each goes on at x1, not at what was interrupted");
	}
	CHECK(call(&rig, 0, EVENT_COMPLETE_AND_RESUME, next) == DEN, "then nothing runs any more");
	rig_close(&rig);
}

/* openEuler's NMI watchdog: the same line on every CPU has to give the same event. */
static void test_nmi_watchdog_binds_on_every_cpu(void)
{
	struct rig rig;
	int64_t num;

	boot(&rig);
	num = call(&rig, 0, INTERRUPT_BIND, 29);
	for (unsigned int v = 0; v < N; v++) {
		CHECK(call(&rig, v, INTERRUPT_BIND, 29) == num, "one event for all CPUs");
		CHECK(rig_arm(&rig, v, (uint64_t)num), "private to each");
	}
	rig_close(&rig);
}

/* --- The recorded guest ----------------------------------------------------------------------------- */

struct replay {
	struct rig rig;
	bool inside;
	unsigned int calls, delivered;
};

/* EVENT_CONTEXT(0) begins a handler: complete the last one, set what this one will read, deliver. */
static void begin_handler(struct replay *r, const int64_t *context, unsigned int n)
{
	if (r->inside)
		call(&r->rig, 0, EVENT_COMPLETE, 0);
	for (unsigned int i = 0; i < n; i++)
		r->rig.regs[0].x[i] = (uint64_t)context[i];
	CHECK(rig_inject(&r->rig, 0, 0x40000000) == 0 && enter(&r->rig, 0),
	      "the event is delivered");
	CHECK(r->rig.regs[0].x[0] == 0x40000000 && r->rig.regs[0].pc == 0xffff800080016018 &&
		      r->rig.regs[0].x[1] == 0xffff00000bf8d2a0,
	      "at the guest's own entry point, with its own argument");
	r->inside = true;
	r->delivered++;
}

static void replay_call(struct replay *r, enum call_id id, const uint64_t arg[5], int64_t want)
{
	const int64_t got = rig_call(&r->rig, 0, id, arg);

	r->calls++;
	if (id == VERSION)
		CHECK(got >> 48 == want >> 48, "the major version is the recorded one");
	else
		CHECK(got == want, "the answer is the recorded one");
}

static const struct {
	const char *name;
	enum call_id id;
} recorded[] = {
	{ "VERSION", VERSION },
	{ "PRIVATE_RESET", PRIVATE_RESET },
	{ "SHARED_RESET", SHARED_RESET },
	{ "PE_UNMASK", PE_UNMASK },
	{ "PE_MASK", PE_MASK },
	{ "EVENT_GET_INFO", EVENT_GET_INFO },
	{ "EVENT_REGISTER", EVENT_REGISTER },
	{ "EVENT_ENABLE", EVENT_ENABLE },
	{ "EVENT_CONTEXT", EVENT_CONTEXT },
};

struct line {
	enum call_id id;
	uint64_t arg[5];
	int64_t want;
};

/* "@SDEI t+SECONDS NAME(a,b,c,d) = RESULT flags F": arguments in hex, the result in decimal. */
static bool parse(const char *text, struct line *line)
{
	unsigned long long a, b, c, d;
	long long result;
	char name[32];

	if (sscanf(text, "@SDEI t+%*f %31[A-Z_](%llx,%llx,%llx,%llx) = %lld", name, &a, &b, &c, &d,
		   &result) != 6)
		return false;
	*line = (struct line){ UNASSIGNED, { a, b, c, d, 0 }, result };
	for (size_t i = 0; i < ARRAY_SIZE(recorded); i++)
		if (!strcmp(name, recorded[i].name))
			line->id = recorded[i].id;
	return true;
}

static size_t load(struct line *line, size_t max)
{
	FILE *file = fopen(TRACE, "r");
	char text[256];
	size_t n = 0;

	if (!file)
		return 0;
	while (n < max && fgets(text, sizeof(text), file))
		n += parse(text, &line[n]);
	fclose(file);
	return n;
}

static void test_the_calls_of_a_recorded_guest(void)
{
	static struct line line[512];
	const size_t n = load(line, ARRAY_SIZE(line));
	struct replay r = { .inside = false };
	int64_t context[4];

	CHECK(n > 40, "the recording is there");
	rig_open(&r.rig, KVMCORE_PROFILE_SPEC, 1);
	rig_expose(&r.rig, 0x40000000, PRIVATE, NORMAL);
	for (size_t i = 0; i < n; i++) {
		unsigned int k = 0;

		if (line[i].id == EVENT_CONTEXT && line[i].arg[0] == 0) {
			for (; k < 4 && i + k < n && line[i + k].arg[0] == k; k++)
				context[k] = line[i + k].want;
			begin_handler(&r, context, k);
		} else if (line[i].id != EVENT_CONTEXT && r.inside) {
			call(&r.rig, 0, EVENT_COMPLETE, 0);
			r.inside = false;
		}
		replay_call(&r, line[i].id, line[i].arg, line[i].want);
	}
	CHECK(r.calls == n && r.delivered > 10, "every call was made and every handler entered");
	rig_close(&r.rig);
}

int main(void)
{
	return RUN_TESTS(test_boot_and_register, test_unregister_while_pending, test_cpu_hotplug,
			 test_cpu_that_died_without_a_word, test_system_suspend_and_resume,
			 test_cpuidle, test_hibernate, test_kexec,
			 test_crash_inside_nested_handlers, test_nmi_watchdog_binds_on_every_cpu,
			 test_the_calls_of_a_recorded_guest);
}
