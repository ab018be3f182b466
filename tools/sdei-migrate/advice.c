// SPDX-License-Identifier: Apache-2.0
#include "advice.h"

#include "common/cleanup.h"

#include <string.h>

/* The first row that fits; a field that is NULL fits any. */
static const struct row {
	enum sdeistate_reason reason;
	const char *field, *source, *destination;
} rows[] = {
	{ SDEISTATE_PEER_UNTRUSTED, "pre-shared key",
	  "Give --psk a file with the same name and key on both hosts.",
	  "Give --psk a file with the same name and key on both hosts." },
	{ SDEISTATE_PEER_UNTRUSTED, "this host's certificate",
	  "Add this host's certificate to what --peer names on the other host.",
	  "Add this host's certificate to what --peer names on the other host." },
	{ SDEISTATE_PEER_UNTRUSTED, NULL,
	  "If you trust the other host, name its certificate with --peer.",
	  "If you trust who connected, add its certificate to what --peer names; else do "
	  "nothing." },
	{ SDEISTATE_BAD_SIGNATURE, NULL,
	  "Compare --key and --peer of both hosts. If they fit, somebody changes what goes "
	  "between them: do not send before you know who.",
	  "Compare --key and --peer of both hosts. If they fit, somebody changes what goes "
	  "between them." },
	{ SDEISTATE_BAD_DIGEST, NULL,
	  "Somebody changes what goes between the hosts: do not send before you know who.",
	  "Nothing of it was used. Somebody changes what goes between the hosts." },
	{ SDEISTATE_KEY_EXPIRED, NULL,
	  "Set this host's clock, or give the other host's key another window with trust add.",
	  "Set this host's clock, or give the other host's key another window with trust add." },
	{ SDEISTATE_TIMEOUT, NULL,
	  "Look whether the other host and the line are alive, then send again; --timeout gives "
	  "slow ones more time.",
	  "Look whether the other host and the line are alive; --timeout gives slow ones more "
	  "time." },
	{ SDEISTATE_PEER, "control socket",
	  "Look whether the VMM runs and listens there, and what --control names; then send again.",
	  "Look whether the VMM runs and listens there, and what --control names." },
	{ SDEISTATE_PEER, NULL,
	  "Look whether recv runs there, can be reached from here, and what it says; then send "
	  "again.",
	  "See what send says on the other host." },
	{ SDEISTATE_PROTOCOL, NULL,
	  "Check that recv listens there and nothing else, of a version that knows this one.",
	  "Nothing was begun, or it was given up. Check who connects here, and its version." },
	{ SDEISTATE_CANCELLED, NULL, "Send it again when it is to go after all.",
	  "Nothing is left to do here." },
	{ SDEISTATE_BUSY, NULL,
	  "See sdei-migrate status on both hosts for the session that has the VM; wait for its "
	  "end, then send again.",
	  "See sdei-migrate status for the session that has the VM." },
	{ SDEISTATE_TEMPORARY, NULL, "Send it again.", "The other host may send it again." },
	{ SDEISTATE_DIFFERS, NULL,
	  "The destination threw its copy away. Check that both VMMs are of the same build, then "
	  "send again.",
	  "The copy was thrown away; the VM has not run here." },
};

static const struct row *find(const struct failure *failure)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (rows[i].reason == failure->reason &&
		    (!rows[i].field || strcmp(rows[i].field, failure->field) == 0))
			return &rows[i];
	return NULL;
}

const char *advice_source(const struct failure *failure)
{
	const struct row *row = find(failure);

	return row ? row->source : NULL;
}

const char *advice_destination(const struct failure *failure)
{
	const struct row *row = find(failure);

	return row ? row->destination : NULL;
}
