// SPDX-License-Identifier: Apache-2.0
#include "side.h"

#include "../client.h"

#include <errno.h>
#include <string.h>

static int copy_path(char *to, size_t size, const char *from, const char *option,
		     struct failure *failure)
{
	OWNED_MEMORY char *path = realpath(from, NULL);

	if (!path || strlen(path) >= size)
		return failure_set(failure, SDEISTATE_USAGE, -EINVAL, "command line", option,
				   "a file with a short path", from);
	memcpy(to, path, strlen(path) + 1);
	return 0;
}

int side_open(const struct tool *tool, const struct hook_args *args, enum transport_role role,
	      struct side *side, struct failure *failure)
{
	struct transport_offer *offer = &side->session.offer;
	struct transport_error err;
	int ret;

	*side = (struct side){ .tool = tool, .args = args };
	side->session.role = role;
	if (transport_id_random(&offer->session) || transport_id_random(&offer->snapshot))
		return failure_io(failure, "random numbers", EIO);
	if (transport_control_open(args->control, (int)args->timeout.value, &side->control, &err) ||
	    transport_control_info(side->control, &offer->vm, &err))
		return client_failure(failure, &err);
	if (strcmp(offer->vm.type, "realm") == 0)
		return failure_set(failure, SDEISTATE_INCOMPATIBLE, -EOPNOTSUPP, args->control,
				   "type", "a VM whose state fits into QEMU's stream",
				   "a realm, which moves by send and recv");
	ret = copy_path(side->session.control, sizeof(side->session.control), args->control,
			"--control", failure);
	if (!ret && args->sealing.key && role == TRANSPORT_SOURCE)
		ret = copy_path(side->session.key, sizeof(side->session.key), args->sealing.key,
				"--key", failure);
	return ret ? ret : ledger_open(args->state, &side->ledger, failure);
}

void side_close(struct side *side)
{
	side->control = transport_control_close(side->control);
	ledger_live_end(&side->live);
	side->ledger = ledger_close(side->ledger);
}

int side_fail(struct side *side, const struct failure *failure)
{
	if (!side->failed)
		side->why = *failure;
	side->failed = true;
	return failure->code ? failure->code : -EIO;
}

int side_settle(struct side *side, enum transport_session_state state, const char *note,
		struct failure *failure)
{
	if (!side->recorded)
		return 0;
	side->session.state = state;
	if (note)
		snprintf(side->session.note, sizeof(side->session.note), "%s", note);
	return ledger_settle(side->ledger, &side->session, failure);
}

struct timespec side_deadline(const struct side *side)
{
	struct timespec at;

	clock_gettime(CLOCK_MONOTONIC, &at);
	at.tv_sec += (time_t)(side->args->timeout.value / 1000);
	at.tv_nsec += (long)(side->args->timeout.value % 1000) * 1000000;
	if (at.tv_nsec >= 1000000000) {
		at.tv_sec++;
		at.tv_nsec -= 1000000000;
	}
	return at;
}

int side_wait(const struct side *side, const struct timespec *deadline, struct transport_error *err)
{
	struct timespec now;
	int64_t left;

	clock_gettime(CLOCK_MONOTONIC, &now);
	left = (int64_t)(deadline->tv_sec - now.tv_sec) * 1000 +
	       (deadline->tv_nsec - now.tv_nsec) / 1000000;
	if (left <= 0)
		return transport_error_fill(err, -ETIMEDOUT, "timeout", "VMM", "time",
					    "an answer within --timeout|none");
	transport_control_set_timeout(side->control, (int)left);
	return 0;
}
