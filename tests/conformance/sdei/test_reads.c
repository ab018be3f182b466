// SPDX-License-Identifier: Apache-2.0
/*
 * A VMM reads only the registers that a step asks for (docs/embedding.md, 2). Two VMs live the same life: the
 * guest of one is answered with every register at hand, that of the other as a VMM does it, with noise wherever
 * nothing was read. Guest, reply and state must not tell them apart. SDEI_SEED repeats one sequence.
 */
#include "rig.h"
#include "support/noise.h"
#include "support/words.h"

#include <sdeistate/sdeistate.h>
#include <sys/mman.h>

#define N_PES    3u
#define N_EVENTS 4u
#define N_STEPS  1000u
#define N_RUNS   40u
#define UART     0x09000000u
#define RAM      0x40000000ull
#define RAM_SIZE 0x10000u
#define PTP      0x86000001u /* answers with the time, which two VMs see at two times */
#define MAX_IDS  128u

struct pair {
	struct rig all, asked;
	uint8_t *ram[2];
	unsigned char entropy[2];
	uint32_t features;
};

static uint64_t last_result;

static int from_counter(void *user, void *buf, size_t len)
{
	unsigned char *next = user, *byte = buf;

	while (len--)
		*byte++ = ++*next;
	return 0;
}

/* --- what is asked --------------------------------------------------------------------------------- */

/* Every call with a name, as the library itself knows them. */
static unsigned int list_ids(uint32_t *ids)
{
	static const struct {
		uint32_t first, last;
	} range[] = { { 0x80000000, 0x8000ffff }, { 0x84000000, 0x840000ff },
		      { 0x86000000, 0x8600ffff }, { 0x95c1ba5f, 0x95c1ba60 },
		      { 0xc4000000, 0xc40001ff }, { 0xc5000000, 0xc50000ff },
		      { 0xc6000000, 0xc60000ff } };
	unsigned int n = 0;

	for (size_t i = 0; i < ARRAY_SIZE(range); i++)
		for (uint32_t id = range[i].first; id <= range[i].last && n < MAX_IDS; id++)
			if (kvmcore_call_name(id) && id != PTP)
				ids[n++] = id;
	return n;
}

/* Mostly what leads to handlers that run and end; now and then what throws everything away. */
static uint32_t some_id(void)
{
	static const unsigned int often[] = { EVENT_REGISTER, EVENT_REGISTER,
					      EVENT_ENABLE,   EVENT_ENABLE,
					      PE_UNMASK,      EVENT_SIGNAL,
					      EVENT_CONTEXT,  EVENT_COMPLETE,
					      EVENT_COMPLETE, EVENT_COMPLETE_AND_RESUME,
					      EVENT_GET_INFO };
	static const uint32_t power[] = { 0x84000002, 0x84000003, 0x8400000a, 0xc4000003,
					  0xc4000015 };
	static uint32_t ids[MAX_IDS];
	static unsigned int n;

	n = n ? n : list_ids(ids);
	switch (pick(12)) {
	case 0:
		return 0xc6000002u + pick(10); /* the guard */
	case 1:
		return power[pick(ARRAY_SIZE(power))];
	case 2:
	case 3:
		return pick(20) ? ids[pick(n)] : (uint32_t)noise();
	}
	return 0xc4000000u + often[pick(ARRAY_SIZE(often))];
}

static uint64_t some_number(void)
{
	return pick(4) ? 0x400000 + pick(N_EVENTS) : 0;
}

static bool ends_everything(uint32_t id)
{
	const char *name = kvmcore_call_name(id);

	return name && (!strncmp(name, "PSCI_SYSTEM_", 12) || strstr(name, "_RESET"));
}

static uint64_t some_of(const uint64_t *value, size_t n)
{
	return value[pick((unsigned int)n)];
}

/* Values that mean something to one call or another: @n is the register. */
static uint64_t some_value(uint32_t id, unsigned int v, unsigned int n)
{
	const uint64_t mpidr = RIG_MPIDR(pick(N_PES)), entry = ENTRY(v, pick(8));
	const uint64_t sdei[][3] = { { some_number(), some_number(), last_result },
				     { entry, mpidr, pick(5) },
				     { noise(), mpidr, noise() },
				     { 0, 1, 1 },
				     { mpidr, mpidr, NO_PE } };
	const uint64_t power[][3] = { { mpidr, 1, 0 }, { entry, 0, 0 }, { noise(), 0, 1 } };
	const uint64_t guard[][3] = { { UART, RAM, 0 }, { 0, 0, 0x1000 }, { 0, 0, 0x1000 } };
	const uint64_t other[] = { 0,
				   pick(4),
				   mpidr,
				   1u << 16,
				   16 + pick(32),
				   0x84000000u + pick(32),
				   0x84000050u + pick(4),
				   0xc5000020u + pick(2),
				   0x80008000u,
				   noise() };

	if (pick(4) && id >> 5 == 0xc4000020u >> 5)
		return some_of(sdei[n - 1], 3);
	if (pick(4) && n <= 3 && id >> 24 == 0xc6)
		return some_of(guard[n - 1], 3);
	if (pick(4) && n <= 3 && (id & 0xbfffffe0u) == 0x84000000u)
		return some_of(power[n - 1], 3);
	return some_of(other, ARRAY_SIZE(other)) | (pick(8) ? 0 : noise() << 32);
}

/* --- two VMs ------------------------------------------------------------------------------------------ */

static void open_one(struct rig *rig, const struct kvmcore_config *config, uint8_t *ram)
{
	struct kvm_userspace_memory_region slot = { .guest_phys_addr = RAM,
						    .memory_size = RAM_SIZE,
						    .userspace_addr = (uintptr_t)ram };

	rig_open_config(rig, config, N_PES);
	if (!ram || kvmcore_ioctl(rig->vm, -1, KVM_SET_USER_MEMORY_REGION, &slot))
		abort();
	for (unsigned int e = 0; e < N_EVENTS; e++)
		rig_expose(rig, 0x400000 + e, e & 1, (uint8_t)(e >> 1));
	rig_go(rig);
}

static struct pair *open_pair(enum kvmcore_profile profile, uint64_t seed)
{
	struct kvm_enable_cap cap = { .cap = KVM_CAP_ARM_SYSTEM_SUSPEND };
	struct kvmcore_config config = { .profile = profile,
					 .kernel = "7.2",
					 .guard = (enum kvmcore_guard_abi)(seed % 5),
					 .random = from_counter };
	struct pair *p = calloc(1, sizeof(*p));

	if (!p)
		abort();
	p->features = (uint32_t)noise() & 0xff;
	for (unsigned int i = 0; i < 2; i++) {
		struct rig *rig = i ? &p->asked : &p->all;

		p->ram[i] = mmap(NULL, RAM_SIZE, PROT_READ | PROT_WRITE,
				 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		config.random_user = &p->entropy[i];
		open_one(rig, &config, p->ram[i] == MAP_FAILED ? NULL : p->ram[i]);
		if (seed & 1 && kvmcore_ioctl(rig->vm, -1, KVM_ENABLE_CAP, &cap))
			abort();
		for (unsigned int v = 0; v < N_PES; v++) {
			rig->regs[v].features = p->features;
			rig->regs[v].sctlr_el1 = v ? ~0ull : 0;
		}
	}
	return p;
}

static void close_pair(struct pair *p)
{
	rig_close(&p->all);
	rig_close(&p->asked);
	for (unsigned int i = 0; i < 2; i++)
		munmap(p->ram[i], RAM_SIZE);
	free(p);
}

static bool same_reply(const struct kvmcore_reply *a, const struct kvmcore_reply *b)
{
	return a->changed == b->changed && a->cleared == b->cleared && a->returned == b->returned &&
	       a->delivered == b->delivered && a->exit == b->exit && a->nr == b->nr &&
	       a->flags == b->flags && a->event_type == b->event_type &&
	       a->event_data == b->event_data && a->power == b->power &&
	       a->power_vcpu == b->power_vcpu && a->power_entry == b->power_entry &&
	       a->power_context == b->power_context && a->any_kick == b->any_kick &&
	       (!a->any_kick || !memcmp(a->kick, b->kick, sizeof(a->kick)));
}

/* What only became zero is zero, and was written. */
static bool clears_rightly(const struct rig *rig, unsigned int v)
{
	for (unsigned int n = 0; n < 18; n++)
		if (rig->reply.cleared >> n & 1 &&
		    (rig->regs[v].x[n] || !(rig->reply.changed >> n & 1)))
			return false;
	return !(rig->reply.cleared & ~0xeu);
}

/* Every queue, handler, route and register of both, in the form that travels. */
static bool same_state(struct pair *p)
{
	struct sdeistate_buffer stream[2] = { { .len = 0 }, { .len = 0 } };
	bool same = true;

	for (unsigned int i = 0; i < 2; i++) {
		struct sdeistate_error err = { .code = 0 };
		struct sdeistate *state = NULL;
		struct kvm_port port;

		kvmcore_port(i ? p->asked.vm : p->all.vm, &port);
		same &= kvmcore_pause(port.vm) == 0 &&
			sdeistate_capture(&port, NULL, &state, &err) == 0 &&
			sdeistate_encode(state, &stream[i], &err) == 0 &&
			kvmcore_resume(port.vm) == 0;
		sdeistate_free(state);
	}
	same = same && stream[0].len > 0 && stream[0].len == stream[1].len &&
	       !memcmp(stream[0].data, stream[1].data, stream[0].len);
	sdeistate_buffer_free(&stream[0]);
	sdeistate_buffer_free(&stream[1]);
	return same;
}

/* --- a VMM that reads what it is asked for ----------------------------------------------------------- */

static struct kvmcore_regs noisy(uint32_t features)
{
	struct kvmcore_regs regs = { .features = features };

	for (unsigned int bit = 0; bit < KVMCORE_N_MASKED; bit++)
		*word_of(&regs, bit) = noise();
	return regs;
}

/* Entry after a call, in which @known was read or written; before it nothing is. */
static bool enter_both(struct pair *p, unsigned int v, struct kvmcore_regs *regs, uint32_t known)
{
	const uint32_t reads = kvmcore_enter_reads(p->asked.vm, (int)v, p->features);

	if (kvmcore_enter(p->all.vm, (int)v, &p->all.regs[v], &p->all.reply))
		return false;
	if (!reads)
		return !p->all.reply.changed && !p->all.reply.any_kick;
	words_copy(regs, &p->asked.regs[v], reads & ~known);
	if (kvmcore_enter(p->asked.vm, (int)v, regs, &p->asked.reply))
		return false;
	words_copy(&p->asked.regs[v], regs, p->asked.reply.changed);
	return same_reply(&p->all.reply, &p->asked.reply) && clears_rightly(&p->all, v);
}

/* KVM_ARM_VCPU_INIT of both: what a step does not write is reset, too, and nothing of before is known. */
static void power_down_both(struct pair *p, unsigned int v)
{
	words_copy(&p->asked.regs[v], &p->all.regs[v],
		   KVMCORE_MASK_SCTLR_EL1 | KVMCORE_MASK_VBAR_EL1);
}

static bool call_both(struct pair *p, unsigned int v, uint32_t id)
{
	const struct kvmcore_trap trap = { .smc = pick(2) };
	const uint64_t x0 = noise() << 32 | id;
	const uint32_t reads = kvmcore_call_reads(p->asked.vm, id, p->features);
	struct kvmcore_regs regs = noisy(p->features);

	p->all.regs[v].x[0] = p->asked.regs[v].x[0] = x0;
	for (unsigned int n = 1; n < 18; n++)
		p->all.regs[v].x[n] = p->asked.regs[v].x[n] =
			n < 6 ? some_value(id, v, n) : noise();
	words_copy(&regs, &p->asked.regs[v], reads);
	regs.x[0] = id;
	if (kvmcore_call(p->all.vm, (int)v, &trap, &p->all.regs[v], &p->all.reply) ||
	    kvmcore_call(p->asked.vm, (int)v, &trap, &regs, &p->asked.reply))
		return false;
	words_copy(&p->asked.regs[v], &regs, p->asked.reply.changed);
	last_result = p->all.regs[v].x[0];
	if (!same_reply(&p->all.reply, &p->asked.reply) || !clears_rightly(&p->all, v))
		return false;
	if (p->asked.reply.power == KVMCORE_POWER_SUSPEND && !p->asked.reply.returned) {
		power_down_both(p, v);
		return true;
	}
	return enter_both(p, v, &regs, reads | p->asked.reply.changed);
}

static bool trigger_both(struct pair *p, unsigned int v)
{
	const uint64_t num = some_number();

	return rig_inject(&p->all, v, num) == rig_inject(&p->asked, v, num) &&
	       same_reply(&p->all.reply, &p->asked.reply);
}

static void power_on_both(struct pair *p, unsigned int v)
{
	struct kvm_mp_state runnable = { .mp_state = 0 };

	if (kvmcore_ioctl(p->all.vm, (int)v, KVM_SET_MP_STATE, &runnable) ||
	    kvmcore_ioctl(p->asked.vm, (int)v, KVM_SET_MP_STATE, &runnable))
		abort();
}

static bool step(struct pair *p, uint32_t *id)
{
	const unsigned int v = pick(N_PES);
	struct kvmcore_vcpu_status status;
	struct kvmcore_regs regs = noisy(p->features);

	if (kvmcore_vcpu_status(p->all.vm, (int)v, &status))
		abort();
	*id = 0;
	if (!status.powered && pick(2))
		return true;
	if (!status.powered)
		power_on_both(p, v);
	if (pick(4) == 0)
		return trigger_both(p, v);
	if (pick(4) == 0)
		return enter_both(p, v, &regs, 0);
	do
		*id = some_id();
	while (ends_everything(*id) && pick(8));
	return call_both(p, v, *id);
}

static bool run(enum kvmcore_profile profile, uint64_t seed)
{
	struct pair *p;
	bool held = true;

	noise_state = seed;
	last_result = 0;
	p = open_pair(profile, seed);
	for (unsigned int i = 0; i < N_STEPS && held; i++) {
		uint32_t id = 0;

		held = step(p, &id);
		for (unsigned int v = 0; v < N_PES; v++)
			held = held && words_same(&p->all.regs[v], &p->asked.regs[v]);
		if (!held)
			fprintf(stderr, "seed %llu: they differ in step %u, call %#x\n",
				(unsigned long long)seed, i, id);
	}
	held = held && same_state(p);
	close_pair(p);
	return held;
}

static void test_what_is_not_read_does_not_matter(void)
{
	const char *given = getenv("SDEI_SEED");

	for (int profile = KVMCORE_PROFILE_SPEC; profile < KVMCORE_NR_PROFILES; profile++)
		for (unsigned int i = 0; i < (given ? 1 : N_RUNS); i++) {
			const uint64_t seed = given ? strtoull(given, NULL, 0) : 1000 + i;

			REQUIRE(run((enum kvmcore_profile)profile, seed),
				"guest, reply and state are the same");
		}
}

/* --- how many ---------------------------------------------------------------------------------------- */

#define X(n)  KVMCORE_MASK_X(n)
#define TO(n) ((X((n) + 1) - 1) & ~X(0)) /* x1 to x<n> */

static void test_a_call_reads_its_arguments(void)
{
	static const struct {
		const char *name;
		enum kvmcore_profile profile;
		uint32_t features, reads;
	} row[] = {
		{ "SDEI_VERSION", KVMCORE_PROFILE_SPEC, ~0u, 0 },
		{ "SDEI_EVENT_REGISTER", KVMCORE_PROFILE_SPEC, ~0u, TO(5) },
		{ "SDEI_EVENT_CONTEXT", KVMCORE_PROFILE_SPEC, ~0u, TO(1) },
		{ "SDEI_EVENT_COMPLETE", KVMCORE_PROFILE_SPEC, ~0u, 0 },
		{ "SDEI_EVENT_SIGNAL", KVMCORE_PROFILE_SPEC, ~0u, TO(2) },
		{ "SDEI_PE_UNMASK", KVMCORE_PROFILE_SPEC, ~0u, 0 },
		{ "PSCI_CPU_ON64", KVMCORE_PROFILE_SPEC, 0, TO(3) },
		{ "PSCI_SYSTEM_OFF", KVMCORE_PROFILE_SPEC, 0, 0 },
		/* DEN0054 §5.1.7: at x1, as if an exception had been taken, in which SCTLR may have a say. */
		{ "SDEI_EVENT_COMPLETE_AND_RESUME", KVMCORE_PROFILE_SPEC, 0, TO(1) },
		{ "SDEI_EVENT_COMPLETE_AND_RESUME", KVMCORE_PROFILE_SPEC, KVMCORE_PE_PAN,
		  TO(1) | KVMCORE_MASK_SCTLR_EL1 },
		{ "SDEI_EVENT_COMPLETE_AND_RESUME", KVMCORE_PROFILE_SPEC, KVMCORE_PE_MTE2, TO(1) },
		/* The posted series injected an interrupt, or only set the mode. */
		{ "SDEI_EVENT_COMPLETE_AND_RESUME", KVMCORE_PROFILE_KVM_V5, KVMCORE_PE_NMI,
		  KVMCORE_MASK_VBAR_EL1 | KVMCORE_MASK_SCTLR_EL1 },
		{ "SDEI_EVENT_COMPLETE_AND_RESUME", KVMCORE_PROFILE_KVM_V7, ~0u, TO(1) },
	};

	for (size_t i = 0; i < ARRAY_SIZE(row); i++) {
		struct rig rig;

		rig_open(&rig, row[i].profile, 1);
		CHECK(kvmcore_call_reads(rig.vm, (uint32_t)kvmcore_call_id(row[i].name),
					 row[i].features) == row[i].reads,
		      row[i].name);
		CHECK(kvmcore_call_reads(rig.vm, 0xc400003f, ~0u) == 0, "nobody's reads nothing");
		rig_close(&rig);
	}
}

/* As Linux has an event by EVENT_SIGNAL: what a VMM pays for it beside its exits. */
static void test_an_event_costs_what_it_changes(void)
{
	const uint32_t context = TO(17) | X(0) | KVMCORE_MASK_PC | KVMCORE_MASK_PSTATE;
	uint32_t known, reads;
	struct rig rig;

	rig_open(&rig, KVMCORE_PROFILE_SPEC, 1);
	CHECK(rig_register(&rig, 0, 0, RM_ANY, 0) == 0 && call(&rig, 0, EVENT_ENABLE, 0) == 0 &&
		      call(&rig, 0, PE_UNMASK) == 0,
	      "event 0 is registered");
	CHECK(rig.reply.changed == 0xf && rig.reply.cleared == 0xe, "an answer is x0 alone");
	CHECK(kvmcore_enter_reads(rig.vm, 0, KVMCORE_PE_PAN) == 0, "nothing waits");
	CHECK(call(&rig, 0, EVENT_SIGNAL, 0, RIG_MPIDR(0)) == 0, "it is signalled");
	known = kvmcore_call_reads(rig.vm, 0xc400002f, KVMCORE_PE_PAN) | rig.reply.changed;
	reads = kvmcore_enter_reads(rig.vm, 0, KVMCORE_PE_PAN);
	CHECK(reads == (context | KVMCORE_MASK_SCTLR_EL1), "all that a handler may change is kept");
	CHECK(kvmcore_enter_reads(rig.vm, 0, 0) == context, "SCTLR where it has a say");
	CHECK(__builtin_popcount(reads & ~known) == 17, "of which the call has told x0 to x3");
	CHECK(enter(&rig, 0) && __builtin_popcount(rig.reply.changed) == 6 && !rig.reply.cleared,
	      "four arguments, PC and PSTATE are written");
	CHECK(call(&rig, 0, EVENT_CONTEXT, 4) >= 0 && rig.reply.changed == 0xf &&
		      rig.reply.cleared == 0xe,
	      "one register in, one out");
	call(&rig, 0, EVENT_COMPLETE);
	CHECK(rig.reply.changed == context && !rig.reply.cleared, "and all of it comes back");
	CHECK(kvmcore_enter_reads(rig.vm, 1, 0) == 0, "nobody is entered");
	rig_close(&rig);
}

/* Zeroes that belong to the answer have to be written: DEN0098 (TRNG), and whatever KVM refuses. */
static void test_only_what_may_be_kept_is_called_cleared(void)
{
	static const struct {
		uint32_t id;
		uint32_t cleared;
	} row[] = {
		{ 0x84000000, 0xe }, /* PSCI_VERSION */
		{ 0xc4000020, 0xe }, /* SDEI_VERSION */
		{ 0x84000053, 0 },   /* TRNG_RND of too many bits */
		{ 0x86000000, 0 },   /* vendor features */
		{ 0xc400003f, 0 },   /* nobody's */
	};
	struct rig rig;

	rig_open(&rig, KVMCORE_PROFILE_SPEC, 1);
	for (size_t i = 0; i < ARRAY_SIZE(row); i++) {
		const struct kvmcore_trap hvc = { .smc = false };
		struct kvmcore_regs regs = { .x = { row[i].id, 4096, 1, 1 } };

		CHECK(kvmcore_call(rig.vm, 0, &hvc, &regs, &rig.reply) == 0 &&
			      rig.reply.changed == 0xf && rig.reply.cleared == row[i].cleared,
		      "x1 to x3 may be left alone where a call answers in x0");
	}
	rig_close(&rig);
}

int main(void)
{
	return RUN_TESTS(test_what_is_not_read_does_not_matter, test_a_call_reads_its_arguments,
			 test_an_event_costs_what_it_changes,
			 test_only_what_may_be_kept_is_called_cleared);
}
