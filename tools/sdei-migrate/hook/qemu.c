// SPDX-License-Identifier: Apache-2.0
#include "qemu.h"

#include "common/cleanup.h"
#include "common/file.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define MAX_CMDLINE (256u << 10)
#define BACK_MS     20000 /* until it runs again, or a destination lets go of its disks */
#define LOOK_MS     20
#define QUIT_MS     20000
#define QUERY_MS    20000

/* What a user may have done to it, by capability, and what he is to do about it. */
static const struct {
	const char *name, *advice;
} remedies[] = {
	{ "return-path",
	  "Without it the source does not learn that the destination failed. Whoever migrates must "
	  "not turn it off (virsh migrate --tunnelled does)." },
	{ "postcopy-ram",
	  "The destination would run before all of it has come. Turn it off on both sides: "
	  "migrate-set-capabilities with postcopy-ram false." },
	{ "x-colo",
	  "Both sides would run. Turn it off: migrate-set-capabilities with x-colo false." },
};

static int refuse_capability(const char *name, const char *expected, struct failure *failure)
{
	failure_set(failure, SDEISTATE_POLICY, -EPERM, "QEMU", name, expected,
		    strcmp(expected, "on") == 0 ? "off" : "on");
	for (size_t i = 0; i < ARRAY_SIZE(remedies); i++)
		if (strcmp(remedies[i].name, name) == 0)
			failure->advice = remedies[i].advice;
	return -EPERM;
}

static bool find_capability(const json_t *list, const char *name)
{
	const json_t *item;
	size_t i;

	json_array_foreach(list, i, item)
	{
		const char *found = json_string_value(json_object_get(item, "capability"));

		if (found && strcmp(found, name) == 0)
			return json_is_true(json_object_get(item, "state"));
	}
	return false;
}

int qemu_is_on(struct qmp *qmp, const char *name, bool *on, struct failure *failure)
{
	OWNED_JSON json_t *list = NULL;
	int ret = qmp_call(qmp, "query-migrate-capabilities", NULL, &list, failure);

	if (!ret)
		*on = find_capability(list, name);
	return ret;
}

int qemu_set(struct qmp *qmp, const char *name, bool on, struct failure *failure)
{
	return qmp_call(qmp, "migrate-set-capabilities",
			json_pack("{s:[{s:s, s:b}]}", "capabilities", "capability", name, "state",
				  on),
			NULL, failure);
}

/* The destination may run before the end. */
static int check_forbidden(const json_t *list, struct failure *failure)
{
	static const char *const forbidden[] = { "postcopy-ram", "x-colo" };

	for (size_t i = 0; i < ARRAY_SIZE(forbidden); i++)
		if (find_capability(list, forbidden[i]))
			return refuse_capability(forbidden[i], "off", failure);
	return 0;
}

int qemu_check_capabilities(struct qmp *qmp, const char *const *names, size_t n, int ms,
			    struct failure *failure)
{
	OWNED_JSON json_t *list = NULL;
	int ret = qmp_call_within(qmp, ms, "query-migrate-capabilities", NULL, &list, failure);

	for (size_t i = 0; !ret && i < n; i++)
		if (!find_capability(list, names[i]))
			ret = refuse_capability(names[i], "on", failure);
	return ret ? ret : check_forbidden(list, failure);
}

int qemu_turn_on(struct qmp *qmp, const char *const *names, size_t n, struct failure *failure)
{
	int ret = 0;

	for (size_t i = 0; !ret && i < n; i++)
		ret = qemu_set(qmp, names[i], true, failure);
	return ret ? ret : qemu_check_capabilities(qmp, names, n, QUERY_MS, failure);
}

int qemu_status(struct qmp *qmp, char status[QEMU_WORD], struct failure *failure)
{
	OWNED_JSON json_t *reply = NULL;
	const char *text;
	int ret = qmp_call(qmp, "query-status", NULL, &reply, failure);

	if (ret)
		return ret;
	text = json_string_value(json_object_get(reply, "status"));
	snprintf(status, QEMU_WORD, "%s", text ? text : "");
	return 0;
}

int qemu_migration(struct qmp *qmp, struct qemu_migration *migration, struct failure *failure)
{
	OWNED_JSON json_t *reply = NULL;
	const char *status, *error;
	int ret = qmp_call(qmp, "query-migrate", NULL, &reply, failure);

	if (ret)
		return ret;
	status = json_string_value(json_object_get(reply, "status"));
	error = json_string_value(json_object_get(reply, "error-desc"));
	snprintf(migration->status, sizeof(migration->status), "%s", status ? status : "none");
	snprintf(migration->error, sizeof(migration->error), "%s", error ? error : "");
	return 0;
}

/* --- a destination that waits --------------------------------------------------------------------- */

/* QMP does not tell whether -S was given; the process that opened the socket does, where it may be looked at. */
enum started { STARTED_PAUSED, STARTED_RUNNING, STARTED_UNKNOWN };

static enum started find_pause(pid_t pid)
{
	OWNED_MEMORY uint8_t *line = NULL;
	struct failure ignored;
	char path[48];
	size_t len;

	snprintf(path, sizeof(path), "/proc/%d/cmdline", (int)pid);
	if (pid <= 0 || file_read(path, MAX_CMDLINE, &line, &len, &ignored) ||
	    !strstr((const char *)line, "qemu"))
		return STARTED_UNKNOWN;
	for (size_t at = 0; at < len; at += strlen((const char *)line + at) + 1)
		if (strcmp((const char *)line + at, "-S") == 0 ||
		    strcmp((const char *)line + at, "--S") == 0)
			return STARTED_PAUSED;
	return STARTED_RUNNING;
}

int qemu_check_waiting(struct qmp *qmp, struct failure *failure)
{
	char status[QEMU_WORD];
	int ret = qemu_status(qmp, status, failure);

	if (ret)
		return ret;
	if (strcmp(status, "inmigrate") != 0)
		return failure_set(failure, SDEISTATE_POLICY, -EPERM, "QEMU", "status",
				   "inmigrate: started with -S -incoming", status);
	if (find_pause(qmp_pid(qmp)) == STARTED_RUNNING) {
		failure_set(failure, SDEISTATE_POLICY, -EPERM, "QEMU", "-S", "given", "not given");
		failure->advice =
			"Start the destination's QEMU with -S: without, its guest runs before "
			"anybody has looked at what came.";
		return -EPERM;
	}
	/* In this state stop is what -S is: QEMU softmmu/runstate.c, qmp_stop(). */
	return qmp_call(qmp, "stop", NULL, NULL, failure);
}

/* --- a migration that can be parked --------------------------------------------------------------- */

/* What libvirt 9.0 and 11.3 give every QEMU of theirs, and nobody else does. */
static const struct {
	const char *command, *argument, *value; /* argument NULL: none */
	const char *key, *name;
} marks[] = {
	{ "qom-list", "path", "/objects", "name", "masterKey0" },
	{ "query-chardev", NULL, NULL, "label", "charmonitor" },
};

static int check_unmanaged(struct qmp *qmp, struct failure *failure)
{
	int ret = 0;

	for (size_t i = 0; !ret && i < ARRAY_SIZE(marks); i++) {
		OWNED_JSON json_t *list = NULL;
		json_t *arguments = marks[i].argument
					    ? json_pack("{s:s}", marks[i].argument, marks[i].value)
					    : NULL;
		const json_t *item;
		size_t k;

		ret = qmp_call(qmp, marks[i].command, arguments, &list, failure);
		json_array_foreach(list, k, item)
		{
			const char *name = json_string_value(json_object_get(item, marks[i].key));

			if (!name || strcmp(name, marks[i].name) != 0)
				continue;
			failure_set(failure, SDEISTATE_POLICY, -EPERM, "QEMU", marks[i].name,
				    "no libvirt that manages it", "libvirt's");
			failure->advice = "libvirt uses the pause before the switchover itself and "
					  "lets it go on. Let the state ride along with hook dbus.";
			return -EPERM;
		}
	}
	return ret;
}

int qemu_check_switchover(struct qmp *qmp, struct failure *failure)
{
	const int ret = check_unmanaged(qmp, failure);

	return ret ? ret : qemu_check_capabilities(qmp, NULL, 0, QUERY_MS, failure);
}

int qemu_find_child(struct qmp *qmp, const char *path, const char *type, char name[QEMU_WORDS],
		    struct failure *failure)
{
	OWNED_JSON json_t *list = NULL;
	char child[64];
	const json_t *item;
	size_t i;
	int ret = qmp_call(qmp, "qom-list", json_pack("{s:s}", "path", path), &list, failure);

	if (ret)
		return ret;
	snprintf(child, sizeof(child), "child<%s>", type);
	name[0] = 0;
	json_array_foreach(list, i, item)
	{
		const char *of = json_string_value(json_object_get(item, "type"));
		const char *found = json_string_value(json_object_get(item, "name"));

		if (!name[0] && of && found && strcmp(of, child) == 0)
			snprintf(name, QEMU_WORDS, "%s", found);
	}
	return 0;
}

/* QEMU docs/devel/qapi-code-gen, "Client JSON Protocol introspection": a command names the type of its arguments. */
static const json_t *find_schema(const json_t *schema, const char *name)
{
	const json_t *item;
	size_t i;

	json_array_foreach(schema, i, item)
	{
		const char *found = json_string_value(json_object_get(item, "name"));

		if (found && strcmp(found, name) == 0)
			return item;
	}
	return NULL;
}

int qemu_takes(struct qmp *qmp, const char *command, const char *argument, bool *takes,
	       struct failure *failure)
{
	OWNED_JSON json_t *schema = NULL;
	const char *type;
	int ret = qmp_call(qmp, "query-qmp-schema", NULL, &schema, failure);

	if (ret)
		return ret;
	type = json_string_value(json_object_get(find_schema(schema, command), "arg-type"));
	*takes = type && find_schema(json_object_get(find_schema(schema, type), "members"),
				     argument) != NULL;
	return 0;
}

/* --- how it ends ---------------------------------------------------------------------------------- */

int qemu_quit(struct qmp *qmp, struct failure *failure)
{
	enum qmp_event event = QMP_NOTHING;
	int ret = qmp_call(qmp, "quit", NULL, NULL, failure);

	for (int waited = 0; !ret && waited < QUIT_MS; waited += LOOK_MS)
		ret = qmp_wait(qmp, LOOK_MS, -1, &event, failure);
	/* The end of the connection is what was waited for. */
	if (ret == -ECONNRESET || ret == -EPIPE)
		return 0;
	return ret ? ret
		   : failure_set(failure, SDEISTATE_TIMEOUT, -ETIMEDOUT, "QEMU", "quit", "its end",
				 "it is still there");
}

/* Return: does it run? Otherwise one step towards it was made, or has to be waited for. */
static int step_back(struct qmp *qmp, bool *cancelled, bool *runs, struct failure *failure)
{
	static const char *const going[] = { "setup", "active", "pre-switchover", "device",
					     "wait-unplug" };
	struct qemu_migration migration;
	char status[QEMU_WORD];
	bool goes = false;
	int ret = qemu_migration(qmp, &migration, failure);

	if (!ret)
		ret = qemu_status(qmp, status, failure);
	if (ret)
		return ret;
	for (size_t i = 0; i < ARRAY_SIZE(going); i++)
		goes = goes || strcmp(migration.status, going[i]) == 0;
	if (goes && !*cancelled) {
		*cancelled = true;
		return qmp_call(qmp, "migrate_cancel", NULL, NULL, failure);
	}
	/* "paused" is the word of a user. */
	*runs = !goes && strcmp(migration.status, "cancelling") != 0 &&
		(strcmp(status, "running") == 0 || strcmp(status, "paused") == 0);
	/* A disk may still be the destination's; then QEMU refuses, and is asked again. */
	if (strcmp(status, "postmigrate") == 0)
		qmp_call(qmp, "cont", NULL, NULL, failure);
	return 0;
}

int qemu_bring_back(struct qmp *qmp, struct failure *failure)
{
	bool cancelled = false, runs = false;
	int ret = 0;

	for (int waited = 0; !ret && waited < BACK_MS; waited += LOOK_MS) {
		ret = step_back(qmp, &cancelled, &runs, failure);
		if (!ret && runs)
			return 0;
		nanosleep(&(struct timespec){ .tv_nsec = LOOK_MS * 1000000 }, NULL);
	}
	return ret ? ret
		   : failure_set(failure, SDEISTATE_BUSY, -EBUSY, "QEMU", "status", "running",
				 "it does not run again");
}
