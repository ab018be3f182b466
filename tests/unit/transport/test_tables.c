// SPDX-License-Identifier: Apache-2.0
/* The tables of docs/session-states.md and docs/control.md say what the code does, and all of it. */
#include "owner.h"
#include "support/check.h"

#include <stdlib.h>
#include <string.h>
#include <transport/session.h>

#define MAX_ROWS 128

struct row {
	char from[32], event[32], to[32];
};

struct table {
	struct row row[MAX_ROWS];
	size_t n;
};

/* The rows "| a | b | c |" under the heading, up to the next one. */
static void read_table(const char *file, const char *heading, struct table *table)
{
	char path[512], line[512];
	bool inside = false;
	FILE *in;

	table->n = 0;
	snprintf(path, sizeof(path), "%s/docs/%s", TEST_SOURCE_DIR, file);
	in = fopen(path, "r");
	REQUIRE(in, "the page is there");
	while (fgets(line, sizeof(line), in)) {
		struct row *row = &table->row[table->n];

		if (strncmp(line, "## ", 3) == 0)
			inside = strncmp(line + 3, heading, strlen(heading)) == 0;
		if (inside && table->n < MAX_ROWS &&
		    sscanf(line, "| %31[a-z-] | %31[a-z-] | %31[a-z-] |", row->from, row->event,
			   row->to) == 3 &&
		    row->from[0] != '-')
			table->n++;
	}
	fclose(in);
}

static const char *find(const struct table *table, const char *from, const char *event)
{
	for (size_t i = 0; i < table->n; i++)
		if (!strcmp(table->row[i].from, from) && !strcmp(table->row[i].event, event))
			return table->row[i].to;
	return "forbidden";
}

static void compare_role(enum transport_role role, const char *heading)
{
	struct table table;
	size_t allowed = 0;
	char promise[128];

	read_table("session-states.md", heading, &table);
	for (unsigned int s = 0; s < TRANSPORT_NR_SESSION_STATES; s++) {
		for (unsigned int e = 0; e < TRANSPORT_NR_SESSION_EVENTS; e++) {
			const char *from =
				transport_session_state_name((enum transport_session_state)s);
			const char *event =
				transport_session_event_name((enum transport_session_event)e);
			const char *to = transport_session_state_name(
				transport_session_next(role, (enum transport_session_state)s,
						       (enum transport_session_event)e));

			snprintf(promise, sizeof(promise), "%s: %s, %s leads to %s", heading, from,
				 event, to ? to : "forbidden");
			CHECK(strcmp(find(&table, from, event), to ? to : "forbidden") == 0,
			      promise);
			allowed += to != NULL;
		}
	}
	CHECK(table.n == allowed, "no row stands twice or names what is not there");
}

static void test_session_states(void)
{
	compare_role(TRANSPORT_SOURCE, "Source");
	compare_role(TRANSPORT_DESTINATION, "Destination");
}

static const char *const events[OWNER_NR_EVENTS] = {
	"pause",  "capture", "resume", "relinquish", "reclaim", "reserve",  "stage", "prepared",
	"commit", "abort",   "end",    "load",       "token",   "rehearse", "drop",
};

/* Where an event leads a VM of this state, by the session and connection that have it. */
static const char *lead(enum transport_vm_state state, enum owner_event event)
{
	static const int connection;
	const bool operators = state == TRANSPORT_VM_PAUSED && event == OWNER_RESERVE;
	const struct owner_asker who = { { { 1 } }, &connection };
	struct owner owner = { .state = state,
			       .session = { { !operators } },
			       .connection = state == TRANSPORT_VM_PAUSED && !operators
						     ? &connection
						     : NULL };
	enum owner_answer answer;

	if (state == TRANSPORT_VM_RUNNING)
		owner.session.bytes[0] = 0;
	answer = owner_may(&owner, event, &who);
	if (event == OWNER_DROP && answer != OWNER_GO)
		return "forbidden";
	if (answer == OWNER_REFUSED || answer == OWNER_BUSY)
		return "forbidden";
	if (answer == OWNER_GO)
		owner_did(&owner, event, &who, false);
	if (owner.state == TRANSPORT_VM_RUNNING && state != TRANSPORT_VM_RUNNING)
		return "rest";
	return transport_vm_state_name(owner.state);
}

static void test_ownership(void)
{
	struct table table;
	char promise[128];

	read_table("control.md", "4. Ownership", &table);
	CHECK(table.n > 20, "the page has a table");
	for (unsigned int s = 0; s < TRANSPORT_VM_NR_STATES; s++) {
		for (unsigned int e = 0; e < OWNER_NR_EVENTS; e++) {
			const char *from = transport_vm_state_name((enum transport_vm_state)s);
			const char *to = lead((enum transport_vm_state)s, (enum owner_event)e);

			snprintf(promise, sizeof(promise), "%s, %s leads to %s", from, events[e],
				 to);
			CHECK(strcmp(find(&table, from, events[e]), to) == 0, promise);
		}
	}
}

static void test_the_matrix_says_who_may_run(void)
{
	for (unsigned int s = 0; s < TRANSPORT_NR_SESSION_STATES; s++) {
		const enum transport_session_state state = (enum transport_session_state)s;
		const enum transport_session_state failed =
			transport_session_next(TRANSPORT_SOURCE, state, TRANSPORT_EVENT_FAIL);

		if (state == TRANSPORT_SESSION_RELINQUISHED ||
		    state == TRANSPORT_SESSION_COMMITTING)
			CHECK(failed == TRANSPORT_SESSION_IN_DOUBT,
			      "what was given away does not come back by itself");
		CHECK(transport_session_state_find(transport_session_state_name(state)) == state,
		      "a state is found by its name");
	}
	CHECK(transport_session_next(TRANSPORT_DESTINATION, TRANSPORT_SESSION_COMMITTING,
				     TRANSPORT_EVENT_RESOLVE) == TRANSPORT_NR_SESSION_STATES,
	      "what may run already is not aborted");
	CHECK(transport_session_next(TRANSPORT_DESTINATION, TRANSPORT_SESSION_PREPARED,
				     TRANSPORT_EVENT_RESOLVE) == TRANSPORT_SESSION_ABORTING,
	      "what waits for COMMIT is");
	for (unsigned int e = 0; e < TRANSPORT_NR_SESSION_EVENTS; e++)
		for (unsigned int r = 0; r < TRANSPORT_NR_ROLES; r++)
			CHECK(e == TRANSPORT_EVENT_RESTART ||
				      (transport_session_next((enum transport_role)r,
							      TRANSPORT_SESSION_COMMITTED,
							      (enum transport_session_event)e) ==
					       TRANSPORT_NR_SESSION_STATES &&
				       transport_session_next((enum transport_role)r,
							      TRANSPORT_SESSION_ABORTED,
							      (enum transport_session_event)e) ==
					       TRANSPORT_NR_SESSION_STATES),
			      "an outcome is for ever");
}

int main(void)
{
	return RUN_TESTS(test_session_states, test_ownership, test_the_matrix_says_who_may_run);
}
