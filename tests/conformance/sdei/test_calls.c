// SPDX-License-Identifier: Apache-2.0
/*
 * What each call answers, in every profile: DEN0054 §5.1 as Arm's firmware and test suites read it,
 * KVM SDEI v5 and v7 as posted. A row is a rule, what the guest did before, the call, three answers.
 */
#include "rig.h"

#define PRIV   0x400001u
#define SHRD   0x400002u
#define CRIT   0x400003u
#define HIDDEN 0x400099u   /* a number of `spec` and kvm-v5 that nobody exposed */
#define BAD    0x81000000u /* bit 31 and bit 24: no number of any profile */
#define ME     RIG_MPIDR(0)
#define OTHER  RIG_MPIDR(1)
#define N_A    (-1000) /* the profile cannot come here */

/* What happened before, on vCPU 0 unless the name ends in 1. */
enum step {
	END,
	REG, /* REGISTER(event) */
	REG1,
	REG_PE, /* REGISTER(event, RM_PE, OTHER) */
	ON,     /* ENABLE */
	OFF,
	ON1,
	UNREG,
	OPEN, /* PE_UNMASK */
	OPEN1,
	FIRE, /* the VMM injects */
	GO,   /* entry to the guest */
	BIND_SPI,
	BIND_PPI,
	FILL_SPI,  /* bind until no slot is left */
	FIRE_CRIT, /* register, enable and inject the critical event, and enter */
};

struct rule {
	const char *text;
	uint64_t event; /* what the steps are about */
	enum step step[8];
	enum call_id id;
	uint64_t arg[5];
	int64_t want[KVMCORE_NR_PROFILES]; /* spec, kvm-v5, kvm-v7 */
};

#define ALL(x)          \
	{               \
		x, x, x \
	}
#define ONE_OF(a, b, c) \
	{               \
		a, b, c \
	}
#define BOUND_SPI 0x40800100
#define BOUND_PPI 0x40800000
#define V_SPEC    0x0001000000000000
#define V_KVM     0x00010001004b564d

/* clang-format off */
static const struct rule rule[] = {
	{ "VERSION", 0, { END }, VERSION, { 0 }, ONE_OF(V_SPEC, V_KVM, V_KVM) },
	{ "an unassigned number is no call", 0, { END }, UNASSIGNED, { 0 }, ALL(NS) },

	{ "REGISTER: a number of no profile", 0, { END }, EVENT_REGISTER, { BAD, 8, 0, 0, 0 }, ALL(INV) },
	{ "REGISTER: an event that is not there", 0, { END }, EVENT_REGISTER, { HIDDEN, 8, 0, 0, 0 }, ALL(INV) },
	{ "REGISTER: event 2", 0, { END }, EVENT_REGISTER, { 2, 8, 0, 0, 0 }, ALL(INV) },
	{ "REGISTER: the upper half of the number", 0, { END }, EVENT_REGISTER, { 1ULL << 32, 8, 0, 0, 0 }, ONE_OF(0, INV, 0) },
	{ "REGISTER: entry point 0", 0, { END }, EVENT_REGISTER, { 0, 0, 0, 0, 0 }, ONE_OF(INV, 0, 0) },
	{ "REGISTER: reserved flag", 0, { END }, EVENT_REGISTER, { 0, 8, 0, 2, 0 }, ALL(INV) },
	{ "REGISTER: RM_PE and no such PE", 0, { END }, EVENT_REGISTER, { SHRD, 8, 0, RM_PE, NO_PE }, ONE_OF(INV, 0, INV) },
	{ "REGISTER: the PE is checked for private events too", 0, { END }, EVENT_REGISTER, { PRIV, 8, 0, RM_PE, NO_PE }, ONE_OF(INV, 0, INV) },
	{ "REGISTER: event 0 with RM_PE and no such PE", 0, { END }, EVENT_REGISTER, { 0, 8, 0, RM_PE, NO_PE }, ONE_OF(INV, 0, 0) },
	{ "REGISTER: registered", 0, { REG }, EVENT_REGISTER, { 0, 8, 0, 0, 0 }, ALL(DEN) },
	{ "REGISTER: unregister pending", 0, { REG, ON, OPEN, FIRE, GO, UNREG }, EVENT_REGISTER, { 0, 8, 0, 0, 0 }, ALL(DEN) },
	{ "REGISTER: flags are looked at before the state", 0, { REG }, EVENT_REGISTER, { 0, 8, 0, 2, 0 }, ALL(INV) },
	{ "REGISTER: a slot that is not bound", 0, { END }, EVENT_REGISTER, { BOUND_SPI, 8, 0, 0, 0 }, ONE_OF(DEN, INV, INV) },
	{ "REGISTER: a bound event", 0, { BIND_SPI }, EVENT_REGISTER, { BOUND_SPI, 8, 0, 0, 0 }, ONE_OF(0, INV, INV) },
	{ "REGISTER: private on another PE", PRIV, { REG1 }, EVENT_REGISTER, { PRIV, 8, 0, 0, 0 }, ONE_OF(0, 0, INV) },
	{ "REGISTER: shared on another PE", SHRD, { REG1 }, EVENT_REGISTER, { SHRD, 8, 0, 0, 0 }, ONE_OF(DEN, DEN, INV) },

	{ "ENABLE: a number of no profile", 0, { END }, EVENT_ENABLE, { BAD }, ALL(INV) },
	{ "ENABLE: an event that is not there", 0, { END }, EVENT_ENABLE, { HIDDEN }, ONE_OF(INV, DEN, INV) },
	{ "ENABLE: not registered", 0, { END }, EVENT_ENABLE, { 0 }, ALL(DEN) },
	{ "ENABLE: registered on another PE only", 0, { REG1 }, EVENT_ENABLE, { 0 }, ALL(DEN) },
	{ "ENABLE", 0, { REG }, EVENT_ENABLE, { 0 }, ALL(0) },
	{ "ENABLE: again", 0, { REG, ON }, EVENT_ENABLE, { 0 }, ALL(0) },
	{ "ENABLE: unregister pending", 0, { REG, ON, OPEN, FIRE, GO, UNREG }, EVENT_ENABLE, { 0 }, ALL(DEN) },
	{ "DISABLE: a number of no profile", 0, { END }, EVENT_DISABLE, { BAD }, ALL(INV) },
	{ "DISABLE: an event that is not there", 0, { END }, EVENT_DISABLE, { HIDDEN }, ONE_OF(INV, DEN, INV) },
	{ "DISABLE: not registered", 0, { END }, EVENT_DISABLE, { 0 }, ALL(DEN) },
	{ "DISABLE: again", 0, { REG }, EVENT_DISABLE, { 0 }, ALL(0) },
	{ "DISABLE: unregister pending", 0, { REG, ON, OPEN, FIRE, GO, UNREG }, EVENT_DISABLE, { 0 }, ALL(DEN) },

	{ "CONTEXT: x18 and nothing runs", 0, { END }, EVENT_CONTEXT, { 18 }, ONE_OF(INV, DEN, DEN) },
	{ "CONTEXT: nothing runs", 0, { END }, EVENT_CONTEXT, { 0 }, ALL(DEN) },
	{ "CONTEXT: x18 in a handler", 0, { REG, ON, OPEN, FIRE, GO }, EVENT_CONTEXT, { 18 }, ALL(INV) },
	{ "CONTEXT: x17", 0, { REG, ON, OPEN, FIRE, GO }, EVENT_CONTEXT, { 17 }, ALL(0x1011) },
	{ "CONTEXT: of the critical handler on top", 0, { REG, ON, OPEN, FIRE, GO, FIRE_CRIT }, EVENT_CONTEXT, { 0 }, ONE_OF(0, 0, N_A) },

	{ "COMPLETE: nothing runs", 0, { END }, EVENT_COMPLETE, { 0 }, ONE_OF(DEN, 0xc4000025, 0xc4000025) },
	{ "COMPLETE_AND_RESUME: nothing runs", 0, { END }, EVENT_COMPLETE_AND_RESUME, { 8 }, ONE_OF(DEN, 0xc4000026, 0xc4000026) },

	{ "UNREGISTER: a number of no profile", 0, { END }, EVENT_UNREGISTER, { BAD }, ALL(INV) },
	{ "UNREGISTER: an event that is not there", 0, { END }, EVENT_UNREGISTER, { HIDDEN }, ALL(INV) },
	{ "UNREGISTER: registered nowhere", 0, { END }, EVENT_UNREGISTER, { 0 }, ONE_OF(DEN, INV, DEN) },
	{ "UNREGISTER: registered on another PE only", 0, { REG1 }, EVENT_UNREGISTER, { 0 }, ALL(DEN) },
	{ "UNREGISTER", 0, { REG, ON }, EVENT_UNREGISTER, { 0 }, ALL(0) },
	{ "UNREGISTER: running", 0, { REG, ON, OPEN, FIRE, GO }, EVENT_UNREGISTER, { 0 }, ALL(PEND) },
	{ "UNREGISTER: pending", 0, { REG, ON, OPEN, FIRE, GO, UNREG }, EVENT_UNREGISTER, { 0 }, ALL(PEND) },

	{ "STATUS: a number of no profile", 0, { END }, EVENT_STATUS, { BAD }, ALL(INV) },
	{ "STATUS: an event that is not there", 0, { END }, EVENT_STATUS, { HIDDEN }, ONE_OF(INV, 0, INV) },
	{ "STATUS: enabled", 0, { REG, ON }, EVENT_STATUS, { 0 }, ALL(3) },
	{ "STATUS: queued, not running", 0, { REG, ON, OPEN, FIRE }, EVENT_STATUS, { 0 }, ONE_OF(3, 7, 3) },
	{ "STATUS: unregister pending", 0, { REG, ON, OPEN, FIRE, GO, UNREG }, EVENT_STATUS, { 0 }, ONE_OF(4, 7, 4) },

	{ "GET_INFO: an event that is not there", 0, { END }, EVENT_GET_INFO, { HIDDEN, INFO_TYPE }, ALL(INV) },
	{ "GET_INFO: unknown information", 0, { END }, EVENT_GET_INFO, { 0, 5 }, ALL(INV) },
	{ "GET_INFO: type of event 0", 0, { END }, EVENT_GET_INFO, { 0, INFO_TYPE }, ALL(PRIVATE) },
	{ "GET_INFO: type of a shared event", 0, { END }, EVENT_GET_INFO, { SHRD, INFO_TYPE }, ONE_OF(SHARED, SHARED, INV) },
	{ "GET_INFO: event 0 can be signalled, and 0 says so in spec", 0, { END }, EVENT_GET_INFO, { 0, INFO_SIGNALED }, ONE_OF(0, 1, 1) },
	{ "GET_INFO: no other event can", 0, { END }, EVENT_GET_INFO, { PRIV, INFO_SIGNALED }, ONE_OF(1, 1, INV) },
	{ "GET_INFO: priority", 0, { END }, EVENT_GET_INFO, { CRIT, INFO_PRIORITY }, ONE_OF(CRITICAL, CRITICAL, INV) },
	{ "GET_INFO: routing of a private event", 0, { REG }, EVENT_GET_INFO, { 0, INFO_ROUTING_MODE }, ALL(INV) },
	{ "GET_INFO: routing of an unregistered event", 0, { END }, EVENT_GET_INFO, { SHRD, INFO_ROUTING_MODE }, ONE_OF(DEN, DEN, INV) },
	{ "GET_INFO: affinity of an unregistered event", 0, { END }, EVENT_GET_INFO, { SHRD, INFO_ROUTING_AFF }, ONE_OF(DEN, DEN, INV) },
	{ "GET_INFO: RM_ANY", SHRD, { REG }, EVENT_GET_INFO, { SHRD, INFO_ROUTING_MODE }, ONE_OF(RM_ANY, RM_ANY, INV) },
	{ "GET_INFO: RM_ANY has no affinity", SHRD, { REG }, EVENT_GET_INFO, { SHRD, INFO_ROUTING_AFF }, ONE_OF(INV, 0, INV) },
	{ "GET_INFO: RM_PE", SHRD, { REG_PE }, EVENT_GET_INFO, { SHRD, INFO_ROUTING_MODE }, ONE_OF(RM_PE, 1, INV) },
	{ "GET_INFO: RM_PE has an affinity", SHRD, { REG_PE }, EVENT_GET_INFO, { SHRD, INFO_ROUTING_AFF }, ONE_OF(OTHER, OTHER, INV) },

	{ "ROUTING_SET: a number of no profile", 0, { END }, EVENT_ROUTING_SET, { BAD, 0, 0 }, ONE_OF(INV, INV, NS) },
	{ "ROUTING_SET: unknown mode", SHRD, { REG }, EVENT_ROUTING_SET, { SHRD, 2, 0 }, ONE_OF(INV, INV, NS) },
	{ "ROUTING_SET: no such PE", SHRD, { REG }, EVENT_ROUTING_SET, { SHRD, RM_PE, NO_PE }, ONE_OF(INV, 0, NS) },
	{ "ROUTING_SET: private", 0, { REG }, EVENT_ROUTING_SET, { 0, RM_ANY, 0 }, ONE_OF(INV, DEN, NS) },
	{ "ROUTING_SET: not registered", 0, { END }, EVENT_ROUTING_SET, { SHRD, RM_ANY, 0 }, ONE_OF(DEN, INV, NS) },
	{ "ROUTING_SET: enabled", SHRD, { REG, ON }, EVENT_ROUTING_SET, { SHRD, RM_ANY, 0 }, ONE_OF(DEN, DEN, NS) },
	{ "ROUTING_SET: queued", SHRD, { REG, ON, OPEN, FIRE, OFF }, EVENT_ROUTING_SET, { SHRD, RM_ANY, 0 }, ONE_OF(0, DEN, NS) },
	{ "ROUTING_SET", SHRD, { REG }, EVENT_ROUTING_SET, { SHRD, RM_PE, OTHER }, ONE_OF(0, 0, NS) },

	{ "PE_MASK: masked already", 0, { END }, PE_MASK, { 0 }, ALL(0) },
	{ "PE_MASK: it changes", 0, { OPEN }, PE_MASK, { 0 }, ONE_OF(1, 0, 0) },
	{ "PE_UNMASK", 0, { END }, PE_UNMASK, { 0 }, ALL(0) },
	{ "PE_UNMASK: again", 0, { OPEN }, PE_UNMASK, { 0 }, ALL(0) },

	{ "BIND: an SGI", 0, { END }, INTERRUPT_BIND, { 15 }, ONE_OF(INV, NS, NS) },
	{ "BIND: above the last SPI", 0, { END }, INTERRUPT_BIND, { 64 }, ONE_OF(INV, NS, NS) },
	{ "BIND: the last SPI", 0, { END }, INTERRUPT_BIND, { 63 }, ONE_OF(BOUND_SPI, NS, NS) },
	{ "BIND: a PPI", 0, { END }, INTERRUPT_BIND, { 16 }, ONE_OF(BOUND_PPI, NS, NS) },
	{ "BIND: again", 0, { BIND_SPI }, INTERRUPT_BIND, { 40 }, ONE_OF(BOUND_SPI, NS, NS) },
	{ "BIND: another", 0, { BIND_SPI }, INTERRUPT_BIND, { 41 }, ONE_OF(BOUND_SPI + 1, NS, NS) },
	{ "BIND: no slot left", 0, { FILL_SPI }, INTERRUPT_BIND, { 60 }, ONE_OF(OOR, NS, NS) },
	{ "BIND: slots of the other type are left", 0, { FILL_SPI }, INTERRUPT_BIND, { 31 }, ONE_OF(BOUND_PPI, NS, NS) },
	{ "RELEASE: an unknown event", 0, { END }, INTERRUPT_RELEASE, { BAD }, ONE_OF(INV, NS, NS) },
	{ "RELEASE: event 0", 0, { END }, INTERRUPT_RELEASE, { 0 }, ONE_OF(INV, NS, NS) },
	{ "RELEASE: not bound", 0, { END }, INTERRUPT_RELEASE, { BOUND_SPI }, ONE_OF(INV, NS, NS) },
	{ "RELEASE", 0, { BIND_SPI }, INTERRUPT_RELEASE, { BOUND_SPI }, ONE_OF(0, NS, NS) },
	{ "RELEASE: registered", BOUND_SPI, { BIND_SPI, REG }, INTERRUPT_RELEASE, { BOUND_SPI }, ONE_OF(DEN, NS, NS) },
	{ "RELEASE: registered on another PE", BOUND_PPI, { BIND_PPI, REG1 }, INTERRUPT_RELEASE, { BOUND_PPI }, ONE_OF(DEN, NS, NS) },

	{ "SIGNAL: another event", PRIV, { REG, ON, OPEN }, EVENT_SIGNAL, { PRIV, ME }, ALL(INV) },
	{ "SIGNAL", 0, { REG, ON, OPEN }, EVENT_SIGNAL, { 0, ME }, ALL(0) },
	{ "SIGNAL: no such PE", 0, { REG, ON, OPEN }, EVENT_SIGNAL, { 0, NO_PE }, ONE_OF(INV, 0, 0) },
	{ "SIGNAL: bits outside the affinity are ignored", 0, { REG, ON, OPEN }, EVENT_SIGNAL, { 0, ME | 1ULL << 31 }, ALL(0) },
	{ "SIGNAL: not registered", 0, { OPEN }, EVENT_SIGNAL, { 0, ME }, ALL(INV) },
	{ "SIGNAL: disabled", 0, { REG, OPEN }, EVENT_SIGNAL, { 0, ME }, ONE_OF(INV, INV, 0) },
	{ "SIGNAL: masked", 0, { REG, ON }, EVENT_SIGNAL, { 0, ME }, ONE_OF(INV, INV, 0) },
	{ "SIGNAL: pending already", 0, { REG, ON, OPEN, FIRE }, EVENT_SIGNAL, { 0, ME }, ALL(0) },
	{ "SIGNAL: the target is what counts", 0, { REG1, ON1, OPEN1 }, EVENT_SIGNAL, { 0, OTHER }, ONE_OF(0, INV, INV) },
	{ "SIGNAL: the target is masked", 0, { REG, REG1, ON, ON1, OPEN }, EVENT_SIGNAL, { 0, OTHER }, ONE_OF(INV, 0, 0) },
	{ "SIGNAL: unregister pending", 0, { REG, ON, OPEN, FIRE, GO, UNREG }, EVENT_SIGNAL, { 0, ME }, ALL(INV) },

	{ "PRIVATE_RESET: nothing registered", 0, { END }, PRIVATE_RESET, { 0 }, ALL(0) },
	{ "PRIVATE_RESET: registered", 0, { REG, ON }, PRIVATE_RESET, { 0 }, ALL(0) },
	{ "PRIVATE_RESET: running", 0, { REG, ON, OPEN, FIRE, GO }, PRIVATE_RESET, { 0 }, ONE_OF(DEN, 0, 0) },
	{ "PRIVATE_RESET: unregister pending", 0, { REG, ON, OPEN, FIRE, GO, UNREG }, PRIVATE_RESET, { 0 }, ONE_OF(DEN, 0, 0) },
	{ "PRIVATE_RESET: a shared event runs", SHRD, { REG, ON, OPEN, FIRE, GO }, PRIVATE_RESET, { 0 }, ONE_OF(0, PEND, N_A) },
	{ "SHARED_RESET: nothing registered", 0, { END }, SHARED_RESET, { 0 }, ALL(0) },
	{ "SHARED_RESET: registered", SHRD, { REG, ON }, SHARED_RESET, { 0 }, ONE_OF(0, 0, N_A) },
	{ "SHARED_RESET: running", SHRD, { REG, ON, OPEN, FIRE, GO }, SHARED_RESET, { 0 }, ONE_OF(DEN, 0, N_A) },
	{ "SHARED_RESET: unregister pending", SHRD, { REG, ON, OPEN, FIRE, GO, UNREG }, SHARED_RESET, { 0 }, ONE_OF(DEN, 0, N_A) },
	{ "SHARED_RESET: a private event runs", 0, { REG, ON, OPEN, FIRE, GO }, SHARED_RESET, { 0 }, ONE_OF(0, PEND, 0) },
	{ "SHARED_RESET: a private bound event is registered", BOUND_PPI, { BIND_PPI, REG1 }, SHARED_RESET, { 0 }, ONE_OF(DEN, N_A, N_A) },

	{ "FEATURES: three slots of each type", 0, { END }, FEATURES, { 0 }, ONE_OF(0x30003, 0, 0) },
	{ "FEATURES: relative mode came with 1.1", 0, { END }, FEATURES, { 1 }, ONE_OF(INV, 0, 0) },
	{ "FEATURES: unknown", 0, { END }, FEATURES, { 2 }, ALL(INV) },
};
/* clang-format on */

static void fill_slots(struct rig *rig)
{
	for (uint64_t intid = 32; call(rig, 0, INTERRUPT_BIND, intid) > 0; intid++)
		;
}

static void fire_critical(struct rig *rig)
{
	rig_register(rig, 0, CRIT, RM_ANY, 0);
	call(rig, 0, EVENT_ENABLE, CRIT);
	rig->regs[0].x[0] = 0; /* what CONTEXT(0) will see */
	rig_inject(rig, 0, CRIT);
	enter(rig, 0);
}

static void perform(struct rig *rig, enum step step, uint64_t event)
{
	switch (step) {
	case REG:
		rig_register(rig, 0, event, RM_ANY, 0);
		break;
	case REG1:
		rig_register(rig, 1, event, RM_ANY, 0);
		break;
	case REG_PE:
		rig_register(rig, 0, event, RM_PE, OTHER);
		break;
	case ON:
		call(rig, 0, EVENT_ENABLE, event);
		break;
	case ON1:
		call(rig, 1, EVENT_ENABLE, event);
		break;
	case OFF:
		call(rig, 0, EVENT_DISABLE, event);
		break;
	case UNREG:
		call(rig, 0, EVENT_UNREGISTER, event);
		break;
	case OPEN:
		call(rig, 0, PE_UNMASK);
		break;
	case OPEN1:
		call(rig, 1, PE_UNMASK);
		break;
	case FIRE:
		rig_inject(rig, 0, event);
		break;
	case GO:
		enter(rig, 0);
		break;
	case BIND_SPI:
		call(rig, 0, INTERRUPT_BIND, 40);
		break;
	case BIND_PPI:
		call(rig, 0, INTERRUPT_BIND, 29);
		break;
	case FILL_SPI:
		fill_slots(rig);
		break;
	case FIRE_CRIT:
		fire_critical(rig);
		break;
	case END:
		break;
	}
}

static void expose_all(struct rig *rig, enum kvmcore_profile profile)
{
	if (profile == KVMCORE_PROFILE_KVM_V7)
		return;
	if (profile == KVMCORE_PROFILE_KVM_V5)
		rig_expose(rig, 0, PRIVATE, NORMAL);
	rig_expose(rig, PRIV, PRIVATE, NORMAL);
	rig_expose(rig, SHRD, SHARED, NORMAL);
	rig_expose(rig, CRIT, PRIVATE, CRITICAL);
}

static bool check_rule(const struct rule *r, enum kvmcore_profile profile)
{
	struct rig rig;
	int64_t got;

	rig_open(&rig, profile, 2);
	expose_all(&rig, profile);
	for (const enum step *step = r->step; *step != END; step++)
		perform(&rig, *step, r->event);
	got = rig_call(&rig, 0, r->id, r->arg);
	if (got != r->want[profile])
		fprintf(stderr, "%s, profile %s: %lld, not %lld\n", r->text,
			kvmcore_profile_name(profile), (long long)got, (long long)r->want[profile]);
	rig_close(&rig);
	return got == r->want[profile];
}

static void test_answers(enum kvmcore_profile profile)
{
	for (size_t i = 0; i < ARRAY_SIZE(rule); i++)
		if (rule[i].want[profile] != N_A)
			CHECK(check_rule(&rule[i], profile), rule[i].text);
}

static void test_answers_of_spec(void)
{
	test_answers(KVMCORE_PROFILE_SPEC);
}

static void test_answers_of_kvm_v5(void)
{
	test_answers(KVMCORE_PROFILE_KVM_V5);
}

static void test_answers_of_kvm_v7(void)
{
	test_answers(KVMCORE_PROFILE_KVM_V7);
}

static void register_many(struct rig *rig, uint64_t first, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++) {
		CHECK(rig_expose(rig, first + i, PRIVATE, NORMAL) == 0,
		      "128 events can be exposed");
		CHECK(rig_register(rig, 0, first + i, RM_ANY, 0) == 0,
		      "128 events can be registered");
	}
}

static void test_register_ends_at_128_events(void)
{
	struct rig rig;

	rig_open(&rig, KVMCORE_PROFILE_SPEC, 1);
	register_many(&rig, 0x1000, 128);
	CHECK(rig_expose(&rig, 0x2000, PRIVATE, NORMAL) == -34,
	      "event 129 cannot be exposed: -ERANGE");
	CHECK(rig_register(&rig, 0, 0, RM_ANY, 0) == OOR,
	      "a 129th registered event is out of resource");
	CHECK(call(&rig, 0, EVENT_UNREGISTER, 0x1000) == 0 &&
		      rig_register(&rig, 0, 0, RM_ANY, 0) == 0,
	      "one that goes makes room");
	rig_close(&rig);
}

static void test_v5_register_ends_at_128_events(void)
{
	struct rig rig;

	rig_open(&rig, KVMCORE_PROFILE_KVM_V5, 1);
	register_many(&rig, 0x400000, 128);
	CHECK(rig_expose(&rig, 0x400100, PRIVATE, NORMAL) == -34,
	      "event 129 cannot be exposed: -ERANGE");
	rig_close(&rig);
}

static void test_a_result_clears_x1_to_x3_and_nothing_else(void)
{
	struct rig rig;

	rig_open(&rig, KVMCORE_PROFILE_SPEC, 1);
	call(&rig, 0, EVENT_STATUS, 0, 2, 3, 4, 5);
	CHECK(rig.regs[0].x[1] == 0 && rig.regs[0].x[2] == 0 && rig.regs[0].x[3] == 0,
	      "x1 to x3 are zero behind a result");
	CHECK(rig.regs[0].x[4] == 4 && rig.regs[0].x[5] == 5 && rig.regs[0].x[17] == 0x1011,
	      "x4 to x17 are untouched");
	CHECK(rig.reply.changed == 0xf && rig.reply.returned, "the reply says so");
	rig_close(&rig);
}

int main(void)
{
	return RUN_TESTS(test_answers_of_spec, test_answers_of_kvm_v5, test_answers_of_kvm_v7,
			 test_register_ends_at_128_events, test_v5_register_ends_at_128_events,
			 test_a_result_clears_x1_to_x3_and_nothing_else);
}
