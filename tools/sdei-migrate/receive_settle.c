// SPDX-License-Identifier: Apache-2.0
/* What a former recv left is ended before, or when, somebody asks. */
#include "receive.h"
#include "settle.h"

#include <errno.h>

int receive_settle_one(struct receiver *receiver, struct ledger_session *session,
		       struct failure *failure)
{
	const struct settle_request request = { .ledger = receiver->ledger,
						.timeout_ms = receiver->mover->timeout_ms };
	struct settle_report report;

	return settle_destination(&request, session, &report, failure);
}

/* What is to be settled, copied: the ledger is not changed while it is read. */
struct leftovers {
	struct ledger_session *session;
	size_t n;
};

static int collect(void *ctx, const struct ledger_session *session)
{
	struct leftovers *leftovers = ctx;
	struct ledger_session *grown;

	if (session->role != TRANSPORT_DESTINATION || settle_is_over(session))
		return 0;
	grown = realloc(leftovers->session, (leftovers->n + 1) * sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	leftovers->session = grown;
	leftovers->session[leftovers->n++] = *session;
	return 0;
}

int receive_settle(struct receiver *receiver, struct failure *failure)
{
	struct leftovers leftovers = { .n = 0 };
	int doubts = 0, ret = ledger_each(receiver->ledger, collect, &leftovers, failure);

	for (size_t i = 0; !ret && i < leftovers.n; i++) {
		ret = receive_settle_one(receiver, &leftovers.session[i], failure);
		doubts += !ret && !settle_is_over(&leftovers.session[i]);
	}
	free(leftovers.session);
	return ret ? ret : doubts;
}
