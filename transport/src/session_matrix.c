// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <stdatomic.h>
#include <stddef.h>
#include <string.h>
#include <transport/session.h>

/* A row says one transition; what no row says is forbidden. docs/session-states.md; a test compares. */
struct transition {
	enum transport_session_state from;
	enum transport_session_event event;
	enum transport_session_state to;
};

#define T(from, event, to)                                                                \
	{                                                                                 \
		TRANSPORT_SESSION_##from, TRANSPORT_EVENT_##event, TRANSPORT_SESSION_##to \
	}

/* clang-format off */
static const struct transition source[] = {
	T(NEW, GREET, GREETED),
	T(NEW, FAIL, ABORTED),
	T(NEW, PEER_ABORTED, ABORTED),
	T(NEW, RESTART, ABORTED),
	T(GREETED, RECORD, RECORDED),
	T(GREETED, FAIL, ABORTED),
	T(GREETED, PEER_ABORTED, ABORTED),
	T(GREETED, RESTART, ABORTED),
	T(RECORDED, PAUSE, PAUSED),
	T(RECORDED, FAIL, ABORTED),
	T(RECORDED, PEER_ABORTED, ABORTED),
	T(RECORDED, RESTART, IN_DOUBT),
	T(PAUSED, CAPTURE, CAPTURED),
	T(PAUSED, FAIL, ABORTED),
	T(PAUSED, PEER_ABORTED, ABORTED),
	T(PAUSED, RESTART, IN_DOUBT),
	T(CAPTURED, PREPARE, PREPARED),
	T(CAPTURED, FAIL, ABORTED),
	T(CAPTURED, PEER_ABORTED, ABORTED),
	T(CAPTURED, RESTART, IN_DOUBT),
	T(PREPARED, ASK_RELINQUISH, RELINQUISHING),
	T(PREPARED, FAIL, ABORTED),
	T(PREPARED, PEER_ABORTED, ABORTED),
	T(PREPARED, RESTART, IN_DOUBT),
	T(PREPARED, ATTEST, ATTESTED),
	T(ATTESTED, ASK_RELINQUISH, RELINQUISHING),
	T(ATTESTED, FAIL, ABORTED),
	T(ATTESTED, PEER_ABORTED, ABORTED),
	T(ATTESTED, RESTART, IN_DOUBT),
	T(RELINQUISHING, RELINQUISH, RELINQUISHED),
	T(RELINQUISHING, REFUSE, ABORTED),
	T(RELINQUISHING, FAIL, IN_DOUBT),
	T(RELINQUISHING, RESTART, IN_DOUBT),
	T(RELINQUISHED, COMMIT, COMMITTING),
	T(RELINQUISHED, PEER_ABORTED, ABORTED),
	T(RELINQUISHED, FAIL, IN_DOUBT),
	T(RELINQUISHED, RESTART, IN_DOUBT),
	T(COMMITTING, DONE, COMMITTED),
	T(COMMITTING, PEER_ABORTED, ABORTED),
	T(COMMITTING, FAIL, IN_DOUBT),
	T(COMMITTING, RESTART, IN_DOUBT),
	T(IN_DOUBT, PEER_ABORTED, ABORTED),
	T(IN_DOUBT, PEER_COMMITTED, COMMITTED),
	T(IN_DOUBT, VM_KEPT, ABORTED),
	T(IN_DOUBT, VM_LOST, IN_DOUBT),
	T(IN_DOUBT, FAIL, IN_DOUBT),
	T(IN_DOUBT, RESTART, IN_DOUBT),
	T(IN_DOUBT, RUN_ON_SOURCE, ABORTED),
	T(IN_DOUBT, RUN_ON_DESTINATION, COMMITTED),
	T(COMMITTED, RESTART, COMMITTED),
	T(ABORTED, RESTART, ABORTED),
};

static const struct transition destination[] = {
	T(NEW, GREET, GREETED),
	T(NEW, FAIL, ABORTED),
	T(NEW, RESTART, ABORTED),
	T(GREETED, RECORD, RECORDED),
	T(GREETED, FAIL, ABORTED),
	T(GREETED, RESTART, ABORTED),
	T(RECORDED, STAGE, STAGED),
	T(RECORDED, FAIL, ABORTING),
	T(RECORDED, RESOLVE, ABORTING),
	T(RECORDED, RESTART, PENDING),
	T(STAGED, PREPARE, PREPARED),
	T(STAGED, FAIL, ABORTING),
	T(STAGED, RESOLVE, ABORTING),
	T(STAGED, RESTART, PENDING),
	T(PREPARED, COMMIT, COMMITTING),
	T(PREPARED, FAIL, ABORTING),
	T(PREPARED, RESOLVE, ABORTING),
	T(PREPARED, RESTART, PENDING),
	T(PREPARED, ATTEST, ATTESTED),
	T(ATTESTED, COMMIT, COMMITTING),
	T(ATTESTED, FAIL, ABORTING),
	T(ATTESTED, RESOLVE, ABORTING),
	T(ATTESTED, RESTART, PENDING),
	T(COMMITTING, DONE, COMMITTED),
	T(COMMITTING, REFUSE, ABORTING),
	T(COMMITTING, FAIL, PENDING),
	T(COMMITTING, RESTART, PENDING),
	T(ABORTING, WITHDRAW, ABORTED),
	T(ABORTING, STUCK, PENDING),
	T(ABORTING, RESTART, PENDING),
	T(PENDING, VM_TAKEN, COMMITTED),
	T(PENDING, VM_KEPT, ABORTING),
	T(PENDING, VM_LOST, IN_DOUBT),
	T(PENDING, RUN_ON_DESTINATION, COMMITTED),
	T(PENDING, RESTART, PENDING),
	T(IN_DOUBT, VM_TAKEN, COMMITTED),
	T(IN_DOUBT, VM_KEPT, ABORTING),
	T(IN_DOUBT, VM_LOST, IN_DOUBT),
	T(IN_DOUBT, RESTART, IN_DOUBT),
	T(IN_DOUBT, RUN_ON_SOURCE, ABORTING),
	T(IN_DOUBT, RUN_ON_DESTINATION, COMMITTED),
	T(COMMITTED, RESTART, COMMITTED),
	T(ABORTED, RESTART, ABORTED),
};
/* clang-format on */

static const struct {
	const struct transition *row;
	size_t n_rows;
} matrix[TRANSPORT_NR_ROLES] = {
	[TRANSPORT_SOURCE] = { source, sizeof(source) / sizeof(source[0]) },
	[TRANSPORT_DESTINATION] = { destination, sizeof(destination) / sizeof(destination[0]) },
};

enum transport_session_state transport_session_next(enum transport_role role,
						    enum transport_session_state state,
						    enum transport_session_event event)
{
	for (size_t i = 0; i < matrix[role].n_rows; i++)
		if (matrix[role].row[i].from == state && matrix[role].row[i].event == event)
			return matrix[role].row[i].to;
	return TRANSPORT_NR_SESSION_STATES;
}

int transport_session_move(struct transport_progress *progress, enum transport_session_event event)
{
	int state = atomic_load(&progress->state);
	enum transport_session_state next;

	do {
		next = transport_session_next(progress->role, (enum transport_session_state)state,
					      event);
		if (next == TRANSPORT_NR_SESSION_STATES)
			return -EPERM;
	} while (!atomic_compare_exchange_weak(&progress->state, &state, (int)next));
	return 0;
}

enum transport_session_state transport_session_state(const struct transport_progress *progress)
{
	return (enum transport_session_state)atomic_load(&progress->state);
}

static const char *const state_name[] = {
#define X(symbol, name) name,
	TRANSPORT_SESSION_STATES(X)
#undef X
};

const char *transport_session_state_name(enum transport_session_state state)
{
	return (unsigned int)state < TRANSPORT_NR_SESSION_STATES ? state_name[state] : NULL;
}

enum transport_session_state transport_session_state_find(const char *name)
{
	unsigned int state = 0;

	while (state < TRANSPORT_NR_SESSION_STATES && strcmp(name, state_name[state]) != 0)
		state++;
	return (enum transport_session_state)state;
}

const char *transport_session_event_name(enum transport_session_event event)
{
	static const char *const name[] = {
#define X(symbol, name) name,
		TRANSPORT_SESSION_EVENTS(X)
#undef X
	};

	return (unsigned int)event < TRANSPORT_NR_SESSION_EVENTS ? name[event] : NULL;
}

const char *transport_step_name(enum transport_step step)
{
	static const char *const name[] = {
#define X(symbol, name) name,
		TRANSPORT_SESSION_STEPS(X)
#undef X
	};

	return (unsigned int)step < TRANSPORT_NR_STEPS ? name[step] : NULL;
}

const char *transport_outcome_name(enum transport_outcome outcome)
{
	static const char *const name[] = { "unknown", "committed", "aborted" };

	return (unsigned int)outcome < sizeof(name) / sizeof(name[0]) ? name[outcome] : NULL;
}
