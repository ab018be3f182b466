// SPDX-License-Identifier: Apache-2.0
#include "reserve.h"

#include <errno.h>

/* Which VM takes it: the only one, or the one whose socket bears its UUID. */
static int find_control(const struct receiver *receiver, const struct transport_id *vm,
			char path[LEDGER_PATH_SIZE], struct transport_error *err)
{
	char uuid[TRANSPORT_ID_TEXT_SIZE];
	int len;

	transport_id_print(vm, uuid);
	if (receiver->control)
		len = snprintf(path, LEDGER_PATH_SIZE, "%s", receiver->control);
	else
		len = snprintf(path, LEDGER_PATH_SIZE, "%s/%s.sock", receiver->vms, uuid);
	if (len < 0 || len >= (int)LEDGER_PATH_SIZE)
		return transport_error_fill(err, -ENAMETOOLONG, "over-limit", "control socket",
					    "path", "a shorter path|%s", path);
	return 0;
}

/* Whoever has the VM: a session that is alive keeps it; what a dead recv left is thrown away. */
static int free_vm(struct receiver *receiver, struct transport_control *control,
		   struct transport_error *err)
{
	struct ledger_session left;
	struct transport_vm_status status;
	struct failure failure;
	int ret = transport_control_status(control, &status, err);

	if (ret)
		return ret;
	if (receive_is_live(receiver, &status.session))
		return transport_error_fill(err, -EBUSY, "busy", "VM", "session",
					    "no other session|one that is alive");
	ret = ledger_find(receiver->ledger, &status.session, &left, &failure);
	if (ret == -ENOENT)
		/* Reserved and never recorded: nobody was promised anything. */
		return transport_control_abort(control, &status.session, err);
	if (!ret && left.role != TRANSPORT_DESTINATION)
		return transport_error_fill(err, -EBUSY, "busy", "VM", "session",
					    "no other session|one that hands it over");
	if (!ret)
		ret = receive_settle_one(receiver, &left, &failure);
	return ret ? mover_error(err, &failure) : 0;
}

int reserve_vm(struct receiver *receiver, const struct transport_offer *offer,
	       char path[LEDGER_PATH_SIZE], struct transport_control **control,
	       struct transport_error *err)
{
	int ret = find_control(receiver, &offer->vm.uuid, path, err);

	if (!ret)
		ret = transport_control_open(path, receiver->mover->timeout_ms, control, err);
	if (!ret)
		ret = transport_control_reserve(*control, &offer->session, err);
	if (ret != -EBUSY)
		return ret;
	ret = free_vm(receiver, *control, err);
	return ret ? ret : transport_control_reserve(*control, &offer->session, err);
}
