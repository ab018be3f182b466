// SPDX-License-Identifier: Apache-2.0
/*
 * DEN0054 table 13, every cell: six states, nine operations, and events of each kind. What is
 * expected is written here in full and shares nothing with the library's own matrix.
 */
#include "rig.h"

#define EXPOSED_PRIVATE  0x1001u
#define EXPOSED_SHARED   0x1002u
#define EXPOSED_CRITICAL 0x1003u
#define SPI              40u
#define PPI              23u

struct kind {
	const char *name;
	uint64_t num; /* 0xffff: bound to intid */
	uint32_t intid;
	bool is_bound;
	uint8_t type, priority;
	uint64_t flags;
	uint64_t affinity;
};

static const struct kind kind[] = {
	{ "event 0", 0, 0, false, PRIVATE, NORMAL, RM_ANY, 0 },
	{ "a private event", EXPOSED_PRIVATE, 0, false, PRIVATE, NORMAL, RM_ANY, 0 },
	{ "a shared event for any PE", EXPOSED_SHARED, 0, false, SHARED, NORMAL, RM_ANY, 0 },
	{ "a shared event for one PE", EXPOSED_SHARED, 0, false, SHARED, NORMAL, RM_PE,
	  RIG_MPIDR(0) },
	{ "a critical event", EXPOSED_CRITICAL, 0, false, PRIVATE, CRITICAL, RM_ANY, 0 },
	{ "a bound SPI", 0, SPI, true, SHARED, NORMAL, RM_PE, RIG_MPIDR(0) },
	{ "a bound PPI", 0, PPI, true, PRIVATE, NORMAL, RM_ANY, 0 },
};

enum op {
	REGISTER,
	RELEASE,
	ENABLE,
	DISABLE,
	UNREGISTER,
	ROUTING,
	CONTEXT,
	COMPLETE,
	RESUME,
	DISPATCH,
	NR_OPS
};

static const char *const op_name[NR_OPS] = { "REGISTER", "RELEASE",    "ENABLE",
					     "DISABLE",  "UNREGISTER", "ROUTING_SET",
					     "CONTEXT",  "COMPLETE",   "COMPLETE_AND_RESUME",
					     "dispatch" };

struct cell {
	int code;
	int after; /* STATUS */
};

#define X(code, after)      \
	{                   \
		code, after \
	}

/* Rows by what STATUS says before. A dispatch that happens is code 1. */
static const struct row {
	int before;
	struct cell cell[NR_OPS];
} row[] = {
	/*     REGISTER   RELEASE    ENABLE     DISABLE    UNREGISTER  ROUTING    CONTEXT    COMPLETE   RESUME     dispatch */
	{ 0,
	  { X(0, 1), X(0, 0), X(DEN, 0), X(DEN, 0), X(DEN, 0), X(DEN, 0), X(DEN, 0), X(DEN, 0),
	    X(DEN, 0), X(0, 0) } },
	{ 1,
	  { X(DEN, 1), X(DEN, 1), X(0, 3), X(0, 1), X(0, 0), X(0, 1), X(DEN, 1), X(DEN, 1),
	    X(DEN, 1), X(0, 1) } },
	{ 3,
	  { X(DEN, 3), X(DEN, 3), X(0, 3), X(0, 1), X(0, 0), X(DEN, 3), X(DEN, 3), X(DEN, 3),
	    X(DEN, 3), X(1, 7) } },
	{ 5,
	  { X(DEN, 5), X(DEN, 5), X(0, 7), X(0, 5), X(PEND, 4), X(DEN, 5), X(0, 5), X(0, 1),
	    X(0, 1), X(0, 5) } },
	{ 7,
	  { X(DEN, 7), X(DEN, 7), X(0, 7), X(0, 5), X(PEND, 4), X(DEN, 7), X(0, 7), X(0, 3),
	    X(0, 3), X(0, 7) } },
	{ 4,
	  { X(DEN, 4), X(DEN, 4), X(DEN, 4), X(DEN, 4), X(PEND, 4), X(DEN, 4), X(0, 4), X(0, 0),
	    X(0, 0), X(0, 4) } },
};

static void trigger(struct rig *rig, const struct kind *k, uint64_t num)
{
	if (k->is_bound)
		CHECK(kvmcore_raise(rig->vm, k->intid, 0, &rig->reply) == 0,
		      "a bound line can be raised");
	else
		rig_inject(rig, 0, num);
}

/* A VM whose event is in state @before. Return: its number */
static uint64_t set_up(struct rig *rig, const struct kind *k, int before)
{
	uint64_t num = k->num;

	rig_open(rig, KVMCORE_PROFILE_SPEC, 2);
	if (k->is_bound)
		num = (uint64_t)call(rig, 0, INTERRUPT_BIND, k->intid);
	else if (num)
		rig_expose(rig, num, k->type, k->priority);
	call(rig, 0, PE_UNMASK);
	if (before != 0)
		rig_register(rig, 0, num, k->flags, k->affinity);
	if (before > 1)
		call(rig, 0, EVENT_ENABLE, num);
	if (before & 4) {
		trigger(rig, k, num);
		enter(rig, 0);
	}
	if (before == 5)
		call(rig, 0, EVENT_DISABLE, num);
	if (before == 4)
		call(rig, 0, EVENT_UNREGISTER, num);
	return num;
}

static int64_t complete(struct rig *rig, enum call_id id)
{
	const int64_t x0 = call(rig, 0, id, 0x5000);

	return rig->reply.returned ? x0 : 0;
}

static int64_t perform(struct rig *rig, const struct kind *k, uint64_t num, enum op op)
{
	const uint64_t interrupted_x4 = 0x1004;
	int64_t x0;

	switch (op) {
	case REGISTER:
		return rig_register(rig, 0, num, k->flags, k->affinity);
	case RELEASE:
		return call(rig, 0, INTERRUPT_RELEASE, num);
	case ENABLE:
		return call(rig, 0, EVENT_ENABLE, num);
	case DISABLE:
		return call(rig, 0, EVENT_DISABLE, num);
	case UNREGISTER:
		return call(rig, 0, EVENT_UNREGISTER, num);
	case ROUTING:
		return call(rig, 0, EVENT_ROUTING_SET, num, RM_PE, RIG_MPIDR(1));
	case CONTEXT:
		x0 = call(rig, 0, EVENT_CONTEXT, 17);
		return x0 == (int64_t)(interrupted_x4 - 4 + 17) ? 0 : x0;
	case COMPLETE:
		return complete(rig, EVENT_COMPLETE);
	case RESUME:
		return complete(rig, EVENT_COMPLETE_AND_RESUME);
	case DISPATCH:
		trigger(rig, k, num);
		return enter(rig, 0);
	case NR_OPS:
		break;
	}
	return -1000;
}

/* What table 13 does not say: these operations are for some kinds of events only. */
static struct cell expected(const struct kind *k, const struct row *r, enum op op)
{
	struct cell cell = r->cell[op];

	if ((op == RELEASE && !k->is_bound) || (op == ROUTING && k->type == PRIVATE))
		cell = (struct cell){ INV, r->before };
	return cell;
}

static bool check_cell(const struct kind *k, const struct row *r, enum op op)
{
	const struct cell want = expected(k, r, op);
	struct rig rig;
	const uint64_t num = set_up(&rig, k, r->before);
	const int64_t before = call(&rig, 0, EVENT_STATUS, num);
	const int64_t code = perform(&rig, k, num, op);
	const int64_t after = call(&rig, 0, EVENT_STATUS, num);
	const bool held = before == r->before && code == want.code && after == want.after;

	if (!held)
		fprintf(stderr,
			"%s in state %d, %s: state %d, answer %d, then state %d; want %d, %d\n",
			k->name, r->before, op_name[op], (int)before, (int)code, (int)after,
			want.code, want.after);
	rig_close(&rig);
	return held;
}

static void test_every_cell_of_table_13(void)
{
	for (size_t k = 0; k < ARRAY_SIZE(kind); k++)
		for (size_t r = 0; r < ARRAY_SIZE(row); r++)
			for (enum op op = 0; op < NR_OPS; op++)
				CHECK(check_cell(&kind[k], &row[r], op),
				      "the operation answers and leaves the state as table 13 "
				      "says");
}

int main(void)
{
	return RUN_TESTS(test_every_cell_of_table_13);
}
