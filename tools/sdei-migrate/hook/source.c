// SPDX-License-Identifier: Apache-2.0
/* The state leaves inside QEMU's Save; who answers it has given up the right to run (docs/qemu.md). */
#include "source.h"

#include "../client.h"

#include <errno.h>
#include <string.h>

static int seal(struct source *source, enum sdeistate_file_kind kind,
		const struct transport_buffer *records, struct sealing_file *file,
		struct failure *failure)
{
	const struct transport_offer *offer = &source->side.session.offer;
	struct sdeistate_seal_request request = {
		.kind = kind,
		.generation = offer->vm.generation,
		.profile = offer->vm.profile,
		.kernel_profile = offer->vm.kernel,
		.nonce = offer->session.bytes,
		.n_nonce = sizeof(offer->session.bytes),
	};

	memcpy(request.vm_uuid, offer->vm.uuid.bytes, sizeof(request.vm_uuid));
	if (records) {
		request.stream = records->data;
		request.stream_len = records->len;
	}
	if (kind == SDEISTATE_KIND_FINAL)
		request.id = offer->snapshot.bytes;
	return sealing_make(&source->side.args->sealing, &source->keys, &request, file, failure);
}

static struct part part_of(const struct sealing_file *file)
{
	return (struct part){ file->bytes.data, file->bytes.len };
}

static int cut(struct source *source, const struct sealing_file *file, struct failure *failure)
{
	const struct part whole = part_of(file), empty = part_of(&source->empty);

	return parts_cut(&whole, &empty, source->n, source->part, failure);
}

/* What nobody may restore: until there is a state, and where there is none, each part says so. */
static void say_invalid(struct source *source)
{
	for (unsigned int i = 0; i < source->n; i++)
		source->part[i] = part_of(&source->invalid);
}

/* A base of the running VM: can it be captured, sealed under this host's policy, and sent? */
static int rehearse(struct source *source, struct failure *failure)
{
	OWNED_BUFFER struct transport_buffer records = { .max = TRANSPORT_CONTROL_MAX_STATE };
	OWNED_SEALING_FILE struct sealing_file file = { .signature = NULL };
	struct side *side = &source->side;
	struct transport_error err;
	int ret;

	if (transport_control_capture(side->control, &side->session.offer.session,
				      TRANSPORT_CAPTURE_BASE, NULL, &records, &err))
		return client_failure(failure, &err);
	ret = seal(source, SDEISTATE_KIND_BASE, &records, &file, failure);
	return ret ? ret : cut(source, &file, failure);
}

int source_open(const struct tool *tool, const struct hook_args *args, struct source *source,
		struct failure *failure)
{
	struct side *side = &source->side;
	int ret = side_open(tool, args, TRANSPORT_SOURCE, side, failure);

	source->n = (unsigned int)args->ids.value;
	if (!ret)
		ret = sealing_load(&args->sealing, &args->policy, &source->keys, failure);
	if (ret)
		return ret;
	memcpy(side->session.offer.source_key,
	       sdeistate_pub_id(sdeistate_key_pub(source->keys.key[0])), TRANSPORT_KEY_ID_SIZE);
	ret = seal(source, SDEISTATE_KIND_EMPTY, NULL, &source->empty, failure);
	if (!ret)
		ret = seal(source, SDEISTATE_KIND_INVALID, NULL, &source->invalid, failure);
	if (!ret)
		ret = rehearse(source, failure);
	say_invalid(source);
	/* D8: on disk before the VM stops, so that a restarted host asks before it runs again. */
	side->session.state = TRANSPORT_SESSION_RECORDED;
	if (!ret)
		ret = ledger_live_begin(side->ledger, &side->session.offer.session, &side->live,
					failure);
	if (!ret)
		ret = ledger_begin(side->ledger, &side->session, NULL, NULL, failure);
	side->recorded = !ret;
	return ret;
}

void source_close(struct source *source)
{
	side_close(&source->side);
	sealing_file_release(&source->file);
	sealing_file_release(&source->empty);
	sealing_file_release(&source->invalid);
	sealing_release(&source->keys);
}

/* --- Save --------------------------------------------------------------------------------------- */

static int capture(struct side *side, const struct timespec *deadline,
		   struct transport_buffer *records, struct transport_error *err)
{
	const struct transport_id *id = &side->session.offer.session;
	int ret = side_wait(side, deadline, err);

	if (!ret)
		ret = transport_control_pause_capture(side->control, id, err);
	if (!ret)
		ret = side_wait(side, deadline, err);
	return ret ? ret
		   : transport_control_capture(side->control, id, TRANSPORT_CAPTURE_FINAL, NULL,
					       records, err);
}

static int give(struct source *source, struct failure *failure)
{
	OWNED_BUFFER struct transport_buffer records = { .max = TRANSPORT_CONTROL_MAX_STATE };
	struct side *side = &source->side;
	const struct timespec deadline = side_deadline(side);
	struct transport_error err;
	int ret;

	if (capture(side, &deadline, &records, &err))
		return client_failure(failure, &err);
	ret = seal(source, SDEISTATE_KIND_FINAL, &records, &source->file, failure);
	if (!ret)
		ret = cut(source, &source->file, failure);
	if (ret)
		return ret;
	/* Before the first byte leaves: whoever dies from here on, the VM does not run here by itself. */
	if (side_wait(side, &deadline, &err) ||
	    transport_control_relinquish(side->control, &side->session.offer.session, &err))
		return client_failure(failure, &err);
	return 0;
}

/* Whatever the VMM knows of the session, the VM runs here afterwards. */
static int run_again(struct source *source, const char *why, struct transport_error *err)
{
	struct side *side = &source->side;
	const struct transport_id *id = &side->session.offer.session;
	struct transport_vm_status status;
	int ret;

	/* What this connection has paused runs on by itself; what was asked last may have been obeyed. */
	side->control = transport_control_close(side->control);
	ret = transport_control_open(side->args->control, (int)side->args->timeout.value,
				     &side->control, err);
	if (!ret)
		ret = transport_control_status(side->control, &status, err);
	if (ret || status.state != TRANSPORT_VM_RELINQUISHED ||
	    !transport_id_equal(&status.session, id))
		return ret;
	ret = transport_control_reclaim(side->control, id, why, strlen(why), err);
	return ret ? ret : transport_control_resume(side->control, id, err);
}

/* The whole state is taken with the first part that is asked for; the others come from the same. */
static int save(void *ctx, unsigned int number, struct part *saved, struct failure *failure)
{
	struct source *source = ctx;
	struct side *side = &source->side;
	struct transport_error err;

	(void)failure;
	if (side->state == SIDE_WAITING && !side->failed) {
		struct failure why;

		if (give(source, &why) == 0) {
			side->state = SIDE_GIVEN;
		} else {
			say_invalid(source);
			side_fail(side, &why);
			if (run_again(source, "its capture failed", &err))
				tool_say(side->tool, "%s: %s; resolve it", err.object, err.actual);
		}
	} else if (source->asked[number]) {
		/* A second migration: what was given once is not given again. */
		*saved = part_of(&source->invalid);
		return 0;
	}
	source->asked[number] = true;
	*saved = source->part[number];
	return 0;
}

bool source_all_asked(const struct source *source)
{
	for (unsigned int i = 0; i < source->n; i++)
		if (!source->asked[i])
			return false;
	return true;
}

/* --- the outcome -------------------------------------------------------------------------------- */

static int refuse(const struct side *side, const char *call, struct failure *failure)
{
	return failure_set(failure, SDEISTATE_REFUSED, -EPERM, call, "state", "after Save",
			   side->state == SIDE_OVER ? "the migration is over"
			   : side->failed           ? "Save failed"
						    : "before Save");
}

int source_clear(void *ctx, struct failure *failure)
{
	struct source *source = ctx;
	struct side *side = &source->side;
	const struct timespec deadline = side_deadline(side);
	struct transport_error err;
	int ret;

	if (side->state != SIDE_GIVEN)
		return refuse(side, "Clear", failure);
	if (side_wait(side, &deadline, &err) ||
	    transport_control_end(side->control, &side->session.offer.session, &err))
		return client_failure(failure, &err);
	ret = side_settle(side, TRANSPORT_SESSION_COMMITTED, "QEMU completed", failure);
	if (!ret)
		side->state = SIDE_OVER;
	return ret;
}

int source_take_back(struct source *source, const char *why, struct failure *failure)
{
	struct side *side = &source->side;
	struct transport_error err;
	int ret;

	if (side->state != SIDE_GIVEN)
		return refuse(side, "Resume", failure);
	/* D8: what is on disk may be too careful, never too bold. */
	if (run_again(source, why, &err))
		return client_failure(failure, &err);
	ret = side_settle(side, TRANSPORT_SESSION_ABORTED, why, failure);
	if (!ret)
		side->state = SIDE_OVER;
	return ret;
}

static int resume(void *ctx, struct failure *failure)
{
	struct source *source = ctx;
	struct failure why;
	int ret = source_take_back(source, "Resume was called: the migration failed", failure);

	if (ret)
		return ret;
	failure_set(&why, SDEISTATE_CANCELLED, -ECANCELED, "migration", "outcome", "completed",
		    "failed: Resume was called");
	why.vm_source = "running";
	side_fail(&source->side, &why);
	return 0;
}

static int load(void *ctx, unsigned int number, const struct part *bytes, struct failure *failure)
{
	(void)ctx;
	(void)number;
	(void)bytes;
	return failure_set(failure, SDEISTATE_REFUSED, -EPERM, "Load", "role", "destination",
			   "source");
}

const struct bus_ops source_ops = {
	.save = save,
	.load = load,
	.clear = source_clear,
	.resume = resume,
};
