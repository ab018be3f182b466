// SPDX-License-Identifier: Apache-2.0
/*
 * Random calls in profile `spec`, held against a second, slow reading of DEN0054: one record per handler
 * and per trigger, searched from end to end, sharing nothing with the library. Where the
 * specification leaves a choice (which PE takes an RM_ANY event) any legal one is accepted.
 *
 * Now and then the VM is captured, and goes on as what a fresh VM makes of that. SDEI_SEED repeats one
 * sequence.
 */
#include "rig.h"

#include <sdeistate/sdeistate.h>
#include <time.h>

#define N_PES         3u
#define N_EVENTS      6u
#define N_STEPS       600u
#define N_RUNS        150u
#define STEPS_A_HOUSE 60u /* on average */
#define NOBODY        99u

static const struct {
	uint64_t num;
	uint8_t type, priority;
} ev[N_EVENTS] = {
	{ 0, PRIVATE, NORMAL },        { 0x1001, PRIVATE, NORMAL },  { 0x1002, SHARED, NORMAL },
	{ 0x1003, PRIVATE, CRITICAL }, { 0x1004, SHARED, CRITICAL }, { 0x1005, SHARED, NORMAL },
};

/* One handler instance; a shared event uses that of PE 0. */
struct handler {
	bool registered, enabled;
	bool runs;
	unsigned int runs_on;
	unsigned int pending; /* 0: none; else when it came */
};

struct model {
	struct handler handler[N_EVENTS][N_PES];
	unsigned int route[N_EVENTS]; /* PE, or NOBODY for any */
	bool masked[N_PES], off[N_PES];
	unsigned int stack[N_PES][2], depth[N_PES];
	unsigned int clock;
};

static uint64_t random_state;

static unsigned int pick(unsigned int n)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return (unsigned int)(random_state >> 33) % n;
}

static struct handler *instance(struct model *m, unsigned int e, unsigned int pe)
{
	return &m->handler[e][ev[e].type == SHARED ? 0 : pe];
}

static unsigned int status(struct model *m, unsigned int e, unsigned int pe)
{
	const struct handler *h = instance(m, e, pe);

	return (h->registered ? 1u : 0) | (h->enabled ? 2u : 0) | (h->runs ? 4u : 0);
}

/* --- Calls ---------------------------------------------------------------------------------------- */

static int64_t m_register(struct model *m, unsigned int e, unsigned int pe, unsigned int route)
{
	struct handler *h = instance(m, e, pe);

	if (h->registered || h->runs)
		return DEN;
	h->registered = true;
	m->route[e] = route;
	return 0;
}

static int64_t m_enable(struct model *m, unsigned int e, unsigned int pe, bool on)
{
	struct handler *h = instance(m, e, pe);

	if (!h->registered)
		return DEN;
	h->enabled = on;
	return 0;
}

static int64_t m_unregister(struct model *m, unsigned int e, unsigned int pe)
{
	struct handler *h = instance(m, e, pe);

	if (!h->registered)
		return h->runs ? PEND : DEN;
	h->registered = h->enabled = false;
	h->pending = 0;
	return h->runs ? PEND : 0;
}

static int64_t m_route(struct model *m, unsigned int e, unsigned int pe, unsigned int route)
{
	struct handler *h = instance(m, e, pe);

	if (ev[e].type == PRIVATE)
		return INV;
	if (!h->registered || h->enabled || h->runs)
		return DEN;
	if (h->pending)
		h->pending = ++m->clock;
	m->route[e] = route;
	return 0;
}

static int m_inject(struct model *m, unsigned int e, unsigned int pe)
{
	struct handler *h = instance(m, e, pe);
	bool anywhere = false;

	for (unsigned int i = 0; i < N_PES; i++)
		anywhere |= instance(m, e, i)->registered;
	if (!anywhere)
		return -2;
	if (!h->registered)
		return -1;
	if (!h->pending)
		h->pending = ++m->clock;
	return 0;
}

static int64_t m_signal(struct model *m, unsigned int pe)
{
	struct handler *h = instance(m, 0, pe);

	if (!h->registered || !h->enabled || m->masked[pe])
		return INV;
	if (!h->pending)
		h->pending = ++m->clock;
	return 0;
}

static int64_t m_reset(struct model *m, unsigned int pe, unsigned int type)
{
	for (unsigned int e = 0; e < N_EVENTS; e++)
		if (ev[e].type == type && instance(m, e, pe)->runs)
			return DEN;
	for (unsigned int e = 0; e < N_EVENTS; e++)
		if (ev[e].type == type)
			m_unregister(m, e, pe);
	return 0;
}

static void m_complete(struct model *m, unsigned int pe)
{
	instance(m, m->stack[pe][--m->depth[pe]], pe)->runs = false;
}

static void m_power_off(struct model *m, unsigned int pe)
{
	while (m->depth[pe])
		m_complete(m, pe);
	m_reset(m, pe, PRIVATE);
	m->masked[pe] = true;
	m->off[pe] = true;
}

/* --- Dispatch ------------------------------------------------------------------------------------- */

static bool is_ready(const struct model *m, unsigned int pe, unsigned int priority)
{
	if (m->masked[pe] || m->off[pe])
		return false;
	for (unsigned int i = 0; i < m->depth[pe]; i++)
		if (ev[m->stack[pe][i]].priority >= priority)
			return false;
	return true;
}

static bool is_due(struct model *m, unsigned int e, unsigned int pe)
{
	const struct handler *h = instance(m, e, pe);

	return h->pending && h->registered && h->enabled && !h->runs &&
	       is_ready(m, pe, ev[e].priority);
}

static bool is_for_any(const struct model *m, unsigned int e)
{
	return ev[e].type == SHARED && m->route[e] == NOBODY;
}

static unsigned int oldest(struct model *m, unsigned int pe, unsigned int priority)
{
	unsigned int best = NOBODY;

	for (unsigned int e = 0; e < N_EVENTS; e++) {
		if (ev[e].priority != priority || !is_due(m, e, pe) || is_for_any(m, e) ||
		    (ev[e].type == SHARED && m->route[e] != pe))
			continue;
		if (best == NOBODY || instance(m, e, pe)->pending < instance(m, best, pe)->pending)
			best = e;
	}
	return best;
}

/* May an entry to @pe deliver @got (NOBODY: nothing)? */
static bool is_legal(struct model *m, unsigned int pe, unsigned int got)
{
	for (int priority = CRITICAL; priority >= NORMAL; priority--) {
		const unsigned int must = oldest(m, pe, (unsigned int)priority);

		if (must != NOBODY)
			return got == must;
		for (unsigned int e = 0; e < N_EVENTS; e++) {
			bool another = false;

			if (!is_for_any(m, e) || ev[e].priority != priority || !is_due(m, e, pe))
				continue;
			if (got == e)
				return true;
			for (unsigned int i = 0; i < N_PES; i++)
				another |= i != pe && is_ready(m, i, ev[e].priority);
			if (!another &&
			    (got == NOBODY || !is_for_any(m, got) || ev[got].priority != priority))
				return false; /* nobody else could take it */
		}
	}
	return got == NOBODY;
}

static void m_start(struct model *m, unsigned int e, unsigned int pe)
{
	struct handler *h = instance(m, e, pe);

	h->pending = 0;
	h->runs = true;
	h->runs_on = pe;
	m->stack[pe][m->depth[pe]++] = e;
}

/* --- Both together ----------------------------------------------------------------------------------- */

static unsigned int event_of(uint64_t num)
{
	for (unsigned int e = 0; e < N_EVENTS; e++)
		if (ev[e].num == num)
			return e;
	return NOBODY;
}

static bool step_enter(struct rig *rig, struct model *m, unsigned int pe)
{
	unsigned int got;

	if (m->off[pe])
		return true;
	got = enter(rig, pe) ? event_of(rig->regs[pe].x[0]) : NOBODY;
	if (!is_legal(m, pe, got))
		return false;
	if (got != NOBODY)
		m_start(m, got, pe);
	return true;
}

static bool step_complete(struct rig *rig, struct model *m, unsigned int pe)
{
	const int64_t x0 = call(rig, pe, EVENT_COMPLETE, 0);

	if (!m->depth[pe])
		return rig->reply.returned && x0 == DEN;
	m_complete(m, pe);
	return !rig->reply.returned;
}

static bool step_mask(struct rig *rig, struct model *m, unsigned int pe, bool mask)
{
	const int64_t want = mask && !m->masked[pe];

	m->masked[pe] = mask;
	return call(rig, pe, mask ? PE_MASK : PE_UNMASK) == want;
}

static bool step_power(struct rig *rig, struct model *m, unsigned int pe)
{
	const unsigned int other = (pe + 1) % N_PES;

	if (m->off[other]) {
		m->off[other] = false;
		return call(rig, pe, PSCI_CPU_ON, RIG_MPIDR(other), 0x1000, 0) == 0;
	}
	if (pick(8))
		return true;
	m_power_off(m, other);
	call(rig, other, PSCI_CPU_OFF);
	return rig->reply.power == KVMCORE_POWER_OFF;
}

static bool step(struct rig *rig, struct model *m, unsigned int what)
{
	const unsigned int e = pick(N_EVENTS), pe = pick(N_PES), to = pick(N_PES);
	const unsigned int route = pick(2) ? to : NOBODY;
	const uint64_t mode = route == NOBODY ? RM_ANY : RM_PE, num = ev[e].num;

	if (m->off[pe])
		return true;
	switch (what) {
	case 0:
		return rig_register(rig, pe, num, mode, RIG_MPIDR(to)) ==
		       m_register(m, e, pe, route);
	case 1:
	case 2:
		return call(rig, pe, EVENT_ENABLE, num) == m_enable(m, e, pe, true);
	case 3:
		return call(rig, pe, EVENT_DISABLE, num) == m_enable(m, e, pe, false);
	case 4:
		return call(rig, pe, EVENT_UNREGISTER, num) == m_unregister(m, e, pe);
	case 5:
		return call(rig, pe, EVENT_ROUTING_SET, num, mode, RIG_MPIDR(to)) ==
		       m_route(m, e, pe, route);
	case 6:
		return step_mask(rig, m, pe, pick(3) == 0);
	case 7:
		return call(rig, pe, EVENT_SIGNAL, 0, RIG_MPIDR(to)) == m_signal(m, to);
	case 8:
		return call(rig, pe, PRIVATE_RESET) == m_reset(m, pe, PRIVATE);
	case 9:
		return call(rig, pe, SHARED_RESET) == m_reset(m, pe, SHARED);
	case 10:
		return step_power(rig, m, pe);
	case 11:
	case 12:
	case 13:
		return rig_inject(rig, pe, num) == m_inject(m, e, pe);
	case 14:
	case 15:
	case 16:
		return step_complete(rig, m, pe);
	default:
		return step_enter(rig, m, pe);
	}
}

/*
 * To a VM on another host and on: what the reference says next holds only if nothing was lost or added.
 * The registers are the VMM's, who carries them.
 */
static bool move_house(struct rig *rig)
{
	struct sdeistate_buffer stream = { .len = 0 };
	struct sdeistate *sent = NULL, *got = NULL;
	struct sdeistate_error err = { .code = 0 };
	uint8_t digest[SDEISTATE_DIGEST_SIZE];
	struct kvm_port from, to;
	struct rig there;
	bool moved;

	rig_open_paused(&there, KVMCORE_PROFILE_SPEC, rig->n);
	kvmcore_port(rig->vm, &from);
	kvmcore_port(there.vm, &to);
	moved = kvmcore_pause(rig->vm) == 0 && sdeistate_capture(&from, NULL, &sent, &err) == 0 &&
		sdeistate_encode(sent, &stream, &err) == 0 &&
		sdeistate_decode(stream.data, stream.len, &got, &err) == 0 &&
		sdeistate_replay(got, &to, &err) == 0 &&
		sdeistate_prove(got, &to, digest, &err) == 0;
	if (!moved)
		fprintf(stderr, "%s, %s: %s, not %s\n", err.object, err.field, err.actual,
			err.expected);
	sdeistate_buffer_free(&stream);
	sdeistate_free(sent);
	sdeistate_free(got);
	memcpy(there.regs, rig->regs, sizeof(there.regs));
	rig_close(rig);
	*rig = there;
	rig_go(rig);
	return moved;
}

/* Every STATUS, and every queue as the posted ABI shows it. */
static bool same(struct rig *rig, struct model *m)
{
	for (unsigned int e = 0; e < N_EVENTS; e++)
		for (unsigned int pe = 0; pe < N_PES; pe++) {
			const struct handler *h = instance(m, e, pe);
			const bool here = ev[e].type == PRIVATE || m->route[e] == pe;
			const bool ran = h->runs && (ev[e].type == PRIVATE || h->runs_on == pe);
			const uint32_t count = (ran ? 1u : 0) + (h->pending && here ? 1u : 0);

			if (call(rig, pe, EVENT_STATUS, ev[e].num) != (int64_t)status(m, e, pe) ||
			    rig_queued(rig, pe, ev[e].num) != count)
				return false;
		}
	return true;
}

static bool run(uint64_t seed)
{
	struct model m = { 0 };
	bool held = true;
	struct rig rig;

	random_state = seed;
	rig_open(&rig, KVMCORE_PROFILE_SPEC, N_PES);
	for (unsigned int e = 0; e < N_EVENTS; e++)
		rig_expose(&rig, ev[e].num, ev[e].type, ev[e].priority);
	for (unsigned int pe = 0; pe < N_PES; pe++)
		m.masked[pe] = true;
	for (unsigned int i = 0; i < N_STEPS && held; i++) {
		const unsigned int what = pick(21);

		held = (pick(STEPS_A_HOUSE) || move_house(&rig)) && step(&rig, &m, what) &&
		       same(&rig, &m);
		if (!held)
			fprintf(stderr, "seed %llu: differs in step %u, which did %u\n",
				(unsigned long long)seed, i, what);
	}
	rig_close(&rig);
	return held;
}

static void test_random_sequences_agree_with_the_reference(void)
{
	const char *given = getenv("SDEI_SEED");
	const uint64_t first = given ? strtoull(given, NULL, 0) : (uint64_t)time(NULL) * 1000;

	printf("seed %llu\n", (unsigned long long)first);
	for (uint64_t seed = first; seed < first + (given ? 1 : N_RUNS); seed++)
		CHECK(run(seed ? seed : 1), "the library does what the reference allows");
}

int main(void)
{
	return RUN_TESTS(test_random_sequences_agree_with_the_reference);
}
