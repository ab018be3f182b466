// SPDX-License-Identifier: Apache-2.0
#include "bus.h"

#include "common/cleanup.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-bus.h>
#include <time.h>

#define NAME      "org.qemu.VMState1"
#define PATH      "/org/qemu/VMState1"
#define OWN_NAME  "org.sdeimig.Hook1"
#define ERROR_PFX "org.sdeimig.Error."
#define CALL_US   5000000u

struct bus_part {
	struct bus *bus;
	unsigned int number;
	char id[BUS_MAX_ID + 1];
	sd_bus *connection;
};

struct bus {
	const struct bus_ops *ops;
	void *ctx;
	struct bus_part part[PARTS_MAX];
	unsigned int n;
};

void bus_error_name(enum sdeistate_reason reason, char *name, size_t size)
{
	size_t len = (size_t)snprintf(name, size, "%s", ERROR_PFX);
	bool capital = true;

	for (const char *c = failure_reason_name(reason); *c && len + 1 < size; c++) {
		if (*c != '-')
			name[len++] = (char)(capital ? toupper((unsigned char)*c) : *c);
		capital = *c == '-';
	}
	name[len < size ? len : size - 1] = 0;
}

static int answer_failure(sd_bus_error *error, const struct failure *failure)
{
	char name[96];

	bus_error_name(failure->reason, name, sizeof(name));
	sd_bus_error_setf(error, name, "%s: %s%s%s: expected %s, found %s", failure->object,
			  failure->field, failure->field[0] ? ": " : "",
			  failure_meaning(failure->reason),
			  failure->expected[0] ? failure->expected : "otherwise",
			  failure->actual[0] ? failure->actual : "that");
	return failure->code ? failure->code : -EIO;
}

/* --- the calls ---------------------------------------------------------------------------------- */

static int call_save(sd_bus_message *message, void *opaque, sd_bus_error *error)
{
	__attribute__((cleanup(sd_bus_message_unrefp))) sd_bus_message *reply = NULL;
	struct bus_part *part = opaque;
	struct failure failure;
	struct part saved;
	int ret;

	if (part->bus->ops->save(part->bus->ctx, part->number, &saved, &failure))
		return answer_failure(error, &failure);
	ret = sd_bus_message_new_method_return(message, &reply);
	if (ret >= 0)
		ret = sd_bus_message_append_array(reply, 'y', saved.data, saved.len);
	return ret < 0 ? ret : sd_bus_send(NULL, reply, NULL);
}

static int call_load(sd_bus_message *message, void *opaque, sd_bus_error *error)
{
	struct bus_part *part = opaque;
	struct failure failure;
	const void *data;
	size_t len;
	int ret = sd_bus_message_read_array(message, 'y', &data, &len);

	if (ret < 0)
		return ret;
	if (part->bus->ops->load(part->bus->ctx, part->number, &(struct part){ data, len },
				 &failure))
		return answer_failure(error, &failure);
	return sd_bus_reply_method_return(message, NULL);
}

/* Whose word counts: this user's and root's. */
static int check_sender(sd_bus_message *message, struct failure *failure)
{
	__attribute__((cleanup(sd_bus_creds_unrefp))) sd_bus_creds *creds = NULL;
	uid_t uid = (uid_t)-1;

	if (sd_bus_query_sender_creds(message, SD_BUS_CREDS_EUID, &creds) >= 0 &&
	    sd_bus_creds_get_euid(creds, &uid) >= 0 && (uid == 0 || uid == geteuid()))
		return 0;
	return failure_set(failure, SDEISTATE_REFUSED, -EACCES, "call", "user",
			   "the helper's own, or root", "another");
}

static int call_outcome(sd_bus_message *message, struct bus_part *part,
			int (*outcome)(void *ctx, struct failure *failure), sd_bus_error *error)
{
	struct failure failure;

	if (check_sender(message, &failure) || outcome(part->bus->ctx, &failure))
		return answer_failure(error, &failure);
	return sd_bus_reply_method_return(message, NULL);
}

static int call_clear(sd_bus_message *message, void *opaque, sd_bus_error *error)
{
	struct bus_part *part = opaque;

	return call_outcome(message, part, part->bus->ops->clear, error);
}

static int call_resume(sd_bus_message *message, void *opaque, sd_bus_error *error)
{
	struct bus_part *part = opaque;

	return call_outcome(message, part, part->bus->ops->resume, error);
}

static int get_id(sd_bus *connection, const char *path, const char *interface, const char *property,
		  sd_bus_message *reply, void *opaque, sd_bus_error *error)
{
	const struct bus_part *part = opaque;

	(void)connection;
	(void)path;
	(void)interface;
	(void)property;
	(void)error;
	return sd_bus_message_append(reply, "s", part->id);
}

static const sd_bus_vtable qemu_calls[] = {
	SD_BUS_VTABLE_START(0),
	SD_BUS_PROPERTY("Id", "s", get_id, 0, SD_BUS_VTABLE_PROPERTY_CONST),
	SD_BUS_METHOD("Save", "", "ay", call_save, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_METHOD("Load", "ay", "", call_load, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_VTABLE_END,
};

static const sd_bus_vtable own_calls[] = {
	SD_BUS_VTABLE_START(0),
	SD_BUS_METHOD("Clear", "", "", call_clear, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_METHOD("Resume", "", "", call_resume, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_VTABLE_END,
};

/* --- connecting --------------------------------------------------------------------------------- */

static int fail_bus(struct failure *failure, const char *what, int ret)
{
	return failure_set(failure, SDEISTATE_PEER, ret, "D-Bus", what, "an answer",
			   strerror(-ret));
}

static int name_parts(struct bus *bus, const char *id, struct failure *failure)
{
	const char *dot = strrchr(id, '.');
	char *end = NULL;
	const unsigned long first =
		dot && isdigit((unsigned char)dot[1]) ? strtoul(dot + 1, &end, 10) : 0;
	const bool counts = end && !*end && first < 1000000;

	if (!*id || strlen(id) > BUS_MAX_ID - 8)
		return failure_set(failure, SDEISTATE_USAGE, -EINVAL, "command line", "--id",
				   "1 to 247 bytes", id);
	if (bus->n > 1 && !counts)
		return failure_set(failure, SDEISTATE_USAGE, -EINVAL, "command line", "--id",
				   "NAME.NUMBER, to be counted on from", id);
	for (unsigned int i = 0; i < bus->n; i++) {
		if (i == 0)
			snprintf(bus->part[i].id, sizeof(bus->part[i].id), "%s", id);
		else
			snprintf(bus->part[i].id, sizeof(bus->part[i].id), "%.*s.%lu",
				 (int)(dot - id), id, first + i);
	}
	return 0;
}

static int connect_part(const char *address, struct bus_part *part, struct failure *failure)
{
	sd_bus *bus;
	int ret = sd_bus_new(&part->connection);

	if (ret < 0)
		return fail_bus(failure, "connection", ret);
	bus = part->connection;
	ret = sd_bus_set_address(bus, address);
	if (ret >= 0)
		ret = sd_bus_set_bus_client(bus, 1);
	if (ret >= 0)
		ret = sd_bus_set_method_call_timeout(bus, CALL_US);
	if (ret >= 0)
		ret = sd_bus_start(bus);
	if (ret >= 0)
		ret = sd_bus_add_object_vtable(bus, NULL, PATH, NAME, qemu_calls, part);
	if (ret >= 0)
		ret = sd_bus_add_object_vtable(bus, NULL, PATH, OWN_NAME, own_calls, part);
	return ret < 0 ? fail_bus(failure, address, ret) : 0;
}

/* Does the helper at @owner have one of our Ids? One that does not answer has none. */
static int check_owner(struct bus *bus, const char *owner, struct failure *failure)
{
	__attribute__((cleanup(sd_bus_error_free))) sd_bus_error error = SD_BUS_ERROR_NULL;
	OWNED_MEMORY char *id = NULL;

	if (sd_bus_get_property_string(bus->part[0].connection, owner, PATH, NAME, "Id", &error,
				       &id) < 0)
		return 0;
	for (unsigned int i = 0; i < bus->n; i++)
		if (strcmp(id, bus->part[i].id) == 0)
			return failure_set(failure, SDEISTATE_BUSY, -EEXIST, "D-Bus", "Id",
					   "one that no other helper on this bus has", id);
	return 0;
}

static int check_others(struct bus *bus, struct failure *failure)
{
	__attribute__((cleanup(sd_bus_error_free))) sd_bus_error error = SD_BUS_ERROR_NULL;
	__attribute__((cleanup(sd_bus_message_unrefp))) sd_bus_message *reply = NULL;
	const char *owner;
	int ret = sd_bus_call_method(bus->part[0].connection, "org.freedesktop.DBus",
				     "/org/freedesktop/DBus", "org.freedesktop.DBus",
				     "ListQueuedOwners", &error, &reply, "s", NAME);

	if (sd_bus_error_has_name(&error, "org.freedesktop.DBus.Error.NameHasNoOwner"))
		return 0;
	if (ret >= 0)
		ret = sd_bus_message_enter_container(reply, 'a', "s");
	if (ret < 0)
		return fail_bus(failure, "ListQueuedOwners", ret);
	while (sd_bus_message_read(reply, "s", &owner) > 0)
		if (check_owner(bus, owner, failure))
			return failure->code;
	return 0;
}

int bus_open(const char *address, const char *id, unsigned int n, const struct bus_ops *ops,
	     void *ctx, struct bus **made, struct failure *failure)
{
	struct bus *bus = calloc(1, sizeof(*bus));
	int ret;

	if (!bus)
		return failure_set(failure, SDEISTATE_NO_MEMORY, -ENOMEM, "D-Bus", NULL, NULL,
				   NULL);
	*bus = (struct bus){ .ops = ops, .ctx = ctx, .n = n };
	ret = name_parts(bus, id, failure);
	for (unsigned int i = 0; !ret && i < n; i++) {
		bus->part[i].bus = bus;
		bus->part[i].number = i;
		ret = connect_part(address, &bus->part[i], failure);
	}
	if (!ret)
		ret = check_others(bus, failure);
	for (unsigned int i = 0; !ret && i < n; i++) {
		ret = sd_bus_request_name(bus->part[i].connection, NAME, SD_BUS_NAME_QUEUE);
		ret = ret < 0 ? fail_bus(failure, NAME, ret) : 0;
	}
	if (ret)
		bus_close(bus);
	else
		*made = bus;
	return ret;
}

/* --- running ------------------------------------------------------------------------------------ */

static int wait_of(sd_bus *connection, int timeout_ms)
{
	uint64_t until, now;
	struct timespec clock;

	if (sd_bus_get_timeout(connection, &until) < 0 || until == UINT64_MAX)
		return timeout_ms;
	clock_gettime(CLOCK_MONOTONIC, &clock);
	now = (uint64_t)clock.tv_sec * 1000000u + (uint64_t)clock.tv_nsec / 1000u;
	until = until > now ? (until - now + 999) / 1000 : 0;
	return timeout_ms < 0 || until < (uint64_t)timeout_ms ? (int)until : timeout_ms;
}

unsigned int bus_poll(const struct bus *bus, struct pollfd *pfd, int *timeout_ms)
{
	for (unsigned int i = 0; i < bus->n; i++) {
		sd_bus *connection = bus->part[i].connection;
		const int events = sd_bus_get_events(connection);

		pfd[i] = (struct pollfd){ .fd = sd_bus_get_fd(connection),
					  .events = (short)(events < 0 ? 0 : events) };
		*timeout_ms = wait_of(connection, *timeout_ms);
	}
	return bus->n;
}

int bus_process(struct bus *bus, struct failure *failure)
{
	for (unsigned int i = 0; i < bus->n; i++) {
		int ret;

		do
			ret = sd_bus_process(bus->part[i].connection, NULL);
		while (ret > 0);
		if (ret < 0)
			return fail_bus(failure, bus->part[i].id, ret);
		if (!sd_bus_is_open(bus->part[i].connection))
			return fail_bus(failure, bus->part[i].id, -ECONNRESET);
	}
	return 0;
}

const char *bus_id(const struct bus *bus, unsigned int part)
{
	return bus->part[part].id;
}

struct bus *bus_close(struct bus *bus)
{
	for (unsigned int i = 0; bus && i < bus->n; i++)
		sd_bus_flush_close_unref(bus->part[i].connection);
	free(bus);
	return NULL;
}
