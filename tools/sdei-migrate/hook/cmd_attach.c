// SPDX-License-Identifier: Apache-2.0
/* A running QEMU gets its end of the bus, and loses it (docs/qemu.md, "A QEMU that runs already"). */
#include "common/cleanup.h"
#include "common/tool.h"
#include "qemu.h"

#include <errno.h>
#include <string.h>

#define TYPE       "dbus-vmstate"
#define LIBVIRT_ID "dbus-vmstate0" /* libvirt 9.0 and 11.3, src/qemu/qemu_alias.c */

extern const struct verb verb_attach, verb_detach;

struct attach_args {
	const char *qmp, *bus, *object, *id_list;
};

static void release_monitor(struct qmp **qmp)
{
	*qmp = qmp_close(*qmp);
}

#define OWNED_QMP CLEANUP(release_monitor)

static int find_object(struct qmp *qmp, char name[QEMU_WORDS], struct failure *failure)
{
	return qemu_find_child(qmp, "/objects", TYPE, name, failure);
}

/* One QEMU has one: backends/dbus-vmstate.c, dbus_vmstate_complete(). */
static int check_free(struct qmp *qmp, struct failure *failure)
{
	char name[QEMU_WORDS];
	int ret = find_object(qmp, name, failure);

	if (ret || !name[0])
		return ret;
	failure_set(failure, SDEISTATE_BUSY, -EEXIST, "QEMU", TYPE,
		    "none; a QEMU has one such object", name);
	failure->advice =
		strcmp(name, LIBVIRT_ID) == 0
			? "It is libvirt's own, for helpers of its own (slirp), and before it "
			  "migrates libvirt limits it to their Ids. Take away the device that "
			  "needs "
			  "it, or hand the VM over with send and recv."
			: "If it is on the helper's bus already, nothing is to be done. Otherwise "
			  "take it away first: hook detach.";
	return -EEXIST;
}

/* What comes or goes during a migration is in the stream of one side only. */
static int check_quiet(struct qmp *qmp, struct failure *failure)
{
	static const char *const quiet[] = { "none", "completed", "failed", "cancelled" };
	struct qemu_migration migration;
	int ret = qemu_migration(qmp, &migration, failure);

	for (size_t i = 0; !ret && i < ARRAY_SIZE(quiet); i++)
		if (strcmp(migration.status, quiet[i]) == 0)
			return 0;
	return ret ? ret
		   : failure_set(failure, SDEISTATE_BUSY, -EBUSY, "QEMU", "migration",
				 "none under way", migration.status);
}

static int add_object(struct qmp *qmp, const struct attach_args *args, struct failure *failure)
{
	int ret = qmp_call(qmp, "object-add",
			   json_pack("{s:s, s:s, s:s, s:s*}", "qom-type", TYPE, "id", args->object,
				     "addr", args->bus, "id-list", args->id_list),
			   NULL, failure);

	if (ret == -EPERM)
		failure->advice = "QEMU connects to the bus at once: start the helper with "
				  "--private-bus first, and let QEMU's user in (--bus-user).";
	return ret;
}

static int open_monitor(const struct attach_args *args, struct qmp **qmp, struct failure *failure)
{
	int ret = qmp_open(args->qmp, 0, qmp, failure);

	return ret ? ret : check_quiet(*qmp, failure);
}

static int run_attach(struct tool *tool, void *opaque)
{
	const struct attach_args *args = opaque;
	OWNED_QMP struct qmp *qmp = NULL;
	struct failure failure;
	int ret = open_monitor(args, &qmp, &failure);

	if (!ret)
		ret = check_free(qmp, &failure);
	if (!ret)
		ret = add_object(qmp, args, &failure);
	if (ret)
		return tool_fail(tool, &failure);
	return tool_result(tool, json_pack("{s:s, s:i, s:s, s:s, s:s*}", "reason", "ok", "exit", 0,
					   "object", args->object, "bus", args->bus, "id_list",
					   args->id_list));
}

/* --- detach ------------------------------------------------------------------------------------- */

static int check_ours(struct qmp *qmp, const char *object, struct failure *failure)
{
	char name[QEMU_WORDS];
	int ret = find_object(qmp, name, failure);

	if (ret || strcmp(name, object) == 0)
		return ret;
	return failure_set(failure, SDEISTATE_REFUSED, -ENOENT, "QEMU", TYPE, object,
			   name[0] ? name : "none");
}

static int run_detach(struct tool *tool, void *opaque)
{
	const struct attach_args *args = opaque;
	OWNED_QMP struct qmp *qmp = NULL;
	struct failure failure;
	int ret = open_monitor(args, &qmp, &failure);

	if (!ret)
		ret = check_ours(qmp, args->object, &failure);
	if (!ret)
		ret = qmp_call(qmp, "object-del", json_pack("{s:s}", "id", args->object), NULL,
			       &failure);
	if (ret)
		return tool_fail(tool, &failure);
	return tool_result(tool, json_pack("{s:s, s:i, s:s}", "reason", "ok", "exit", 0, "object",
					   args->object));
}

#define AT(member) offsetof(struct attach_args, member)

/* clang-format off */
#define MONITOR_ROW { .name = "--qmp", .argument = "PATH", .type = OPTION_TEXT, .required = true, \
	.help = "QEMU's monitor, a QMP socket that nobody else uses now", \
	.offset = AT(qmp), .names = OPTION_NAMES_FILE }
#define OBJECT_ROW { .name = "--object", .argument = "NAME", .type = OPTION_TEXT, \
	.help = "what QEMU calls the object", .offset = AT(object), .fallback = "sdei" }
/* clang-format on */

static const struct option_row attach_rows[] = {
	MONITOR_ROW,
	{ .name = "--bus",
	  .argument = "ADDRESS",
	  .help = "D-Bus address of the helper, which QEMU must be able to reach",
	  .offset = AT(bus),
	  .type = OPTION_TEXT,
	  .required = true },
	{ .name = "--id-list",
	  .argument = "ID[,ID]",
	  .help = "the Ids that have to be there; others on the bus stay out. Without it, all of "
		  "them, if any",
	  .offset = AT(id_list),
	  .type = OPTION_TEXT },
	OBJECT_ROW,
	OPTION_END,
};

static const struct option_row detach_rows[] = { MONITOR_ROW, OBJECT_ROW, OPTION_END };

const struct verb verb_attach = {
	.name = "attach",
	.summary = "Give a QEMU that runs already its dbus-vmstate object",
	.about = "Connects the QEMU behind --qmp to the helper's bus, as -object dbus-vmstate does "
		 "at its start. Both sides of a migration need the object: a source that has it "
		 "alone fails, a destination that has it alone gets nothing. A QEMU has one such "
		 "object; a second one is refused by the first one's name.",
	.options = attach_rows,
	.args_size = sizeof(struct attach_args),
	.run = run_attach,
};

const struct verb verb_detach = {
	.name = "detach",
	.summary = "Take that object away again",
	.about = "Afterwards the QEMU migrates without the helper's state. libvirt's own object "
		 "is not touched unless it is named.",
	.options = detach_rows,
	.args_size = sizeof(struct attach_args),
	.run = run_detach,
};
