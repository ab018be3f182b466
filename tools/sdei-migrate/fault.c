// SPDX-License-Identifier: Apache-2.0
#include "fault.h"

#include <errno.h>
#include <signal.h>
#include <string.h>

#ifdef SDEI_FAULT_POINTS
static const char *const actions[] = { "kill", "stall", "error", "drop" };

enum action { KILL, STALL, ERROR, DROP, NONE };

static enum transport_step find_step(const char *text, size_t len)
{
	unsigned int step = 0;

	for (; step < TRANSPORT_NR_STEPS; step++) {
		const char *name = transport_step_name((enum transport_step)step);

		if (strlen(name) == len && strncmp(name, text, len) == 0)
			break;
	}
	return (enum transport_step)step;
}

static enum action find_action(const char *text, size_t len)
{
	unsigned int action = 0;

	for (; action < ARRAY_SIZE(actions); action++)
		if (strlen(actions[action]) == len && strncmp(actions[action], text, len) == 0)
			break;
	return (enum action)action;
}

/* The next STEP:ACTION of the list. Return: was it one of ours? */
static bool next_fault(const char **text, enum transport_step *step, enum action *action)
{
	const size_t len = strcspn(*text, ",");
	const char *colon = memchr(*text, ':', len);

	if (!colon)
		return false;
	*step = find_step(*text, (size_t)(colon - *text));
	*action = find_action(colon + 1, len - (size_t)(colon + 1 - *text));
	*text += len + ((*text)[len] == ',');
	return *step != TRANSPORT_NR_STEPS && *action != NONE;
}

int fault_check(struct failure *failure)
{
	const char *text = getenv("SDEI_FAULT");
	enum transport_step step;
	enum action action;

	while (text && *text)
		if (!next_fault(&text, &step, &action))
			return failure_set(failure, SDEISTATE_USAGE, -EINVAL, "environment",
					   "SDEI_FAULT", "STEP:ACTION of the fault points",
					   getenv("SDEI_FAULT"));
	return 0;
}

static int act(enum action action, enum transport_step step, struct transport_stream *stream,
	       struct transport_error *err)
{
	switch (action) {
	case KILL:
		raise(SIGKILL);
		return 0;
	case STALL:
		raise(SIGSTOP);
		return 0;
	case DROP:
		if (stream)
			transport_stream_cut(stream);
		return transport_error_fill(err, -ECONNRESET, "peer", "fault point",
					    transport_step_name(step), "|a dropped connection");
	default:
		return transport_error_fill(err, -EIO, "internal", "fault point",
					    transport_step_name(step), "|an error");
	}
}

int fault_hit(enum transport_step step, struct transport_stream *stream,
	      struct transport_error *err)
{
	const char *text = getenv("SDEI_FAULT");
	enum transport_step wanted;
	enum action action;

	while (text && *text) {
		if (!next_fault(&text, &wanted, &action))
			return 0;
		if (wanted == step)
			return act(action, step, stream, err);
	}
	return 0;
}

json_t *fault_list(void)
{
	json_t *list = json_array();

	for (unsigned int step = 0; step < TRANSPORT_NR_STEPS; step++)
		json_array_append_new(list,
				      json_string(transport_step_name((enum transport_step)step)));
	return list;
}
#else
int fault_check(struct failure *failure)
{
	const char *text = getenv("SDEI_FAULT");

	if (!text || !*text)
		return 0;
	return failure_set(failure, SDEISTATE_USAGE, -EINVAL, "environment", "SDEI_FAULT",
			   "a build with fault points", text);
}

int fault_hit(enum transport_step step, struct transport_stream *stream,
	      struct transport_error *err)
{
	(void)step;
	(void)stream;
	(void)err;
	return 0;
}

json_t *fault_list(void)
{
	return json_array();
}
#endif
