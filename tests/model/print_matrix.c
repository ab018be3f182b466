// SPDX-License-Identifier: Apache-2.0
/* The code's matrix, one line "ROLE STATE EVENT NEXT" for each cell; "-" where the event is forbidden. */
#include <stdio.h>
#include <transport/session.h>

static void print_row(enum transport_role role, enum transport_session_state state)
{
	const char *side = role == TRANSPORT_SOURCE ? "SOURCE" : "DESTINATION";

	for (unsigned int e = 0; e < TRANSPORT_NR_SESSION_EVENTS; e++) {
		const enum transport_session_event event = (enum transport_session_event)e;
		const char *next =
			transport_session_state_name(transport_session_next(role, state, event));

		printf("%s %s %s %s\n", side, transport_session_state_name(state),
		       transport_session_event_name(event), next ? next : "-");
	}
}

int main(void)
{
	for (unsigned int s = 0; s < TRANSPORT_NR_SESSION_STATES; s++) {
		print_row(TRANSPORT_SOURCE, (enum transport_session_state)s);
		print_row(TRANSPORT_DESTINATION, (enum transport_session_state)s);
	}
	return 0;
}
