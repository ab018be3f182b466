// SPDX-License-Identifier: Apache-2.0
/* Load answers when the state stands in the VM and was proved; until then QEMU waits (docs/qemu.md). */
#include "destination.h"

#include "../client.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* A file without a name, so that the parts are opened like any other. */
static int join(const struct part *part, unsigned int n, int *made, struct failure *failure)
{
	OWNED_FD int fd = memfd_create("snapshot", MFD_CLOEXEC);

	if (fd < 0)
		return failure_io(failure, "memory file", errno);
	for (unsigned int i = 0; i < n; i++)
		if (write(fd, part[i].data, part[i].len) != (ssize_t)part[i].len)
			return failure_io(failure, "memory file", ENOSPC);
	*made = fd;
	fd = -1;
	return 0;
}

static int open_file(const struct part *part, unsigned int n, struct sealed_options *options,
		     struct sealed *sealed, struct failure *failure)
{
	OWNED_FD int fd = -1;
	char path[32];
	int ret = join(part, n, &fd, failure);

	if (ret)
		return ret;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	options->path = path;
	return sealed_open(options, sealed, failure);
}

static int open_parts(const struct destination *destination, const struct part *part,
		      unsigned int n, struct sealed *sealed, struct failure *failure)
{
	struct sealed_options options = { .keys = &destination->keys,
					  .trust = &destination->side.args->trust };

	return open_file(part, n, &options, sealed, failure);
}

/* --- before Load -------------------------------------------------------------------------------- */

static int seal_own(struct side *side, struct sdeistate_key *key,
		    const struct transport_buffer *records, struct sealing_file *file,
		    struct failure *failure)
{
	const struct sealing_args args = { .any_destination = true };
	const struct sealing_keys keys = { .key = { key }, .n = 1 };
	struct sdeistate_seal_request request = {
		.kind = SDEISTATE_KIND_BASE,
		.profile = side->session.offer.vm.profile,
		.kernel_profile = side->session.offer.vm.kernel,
		.stream = records->data,
		.stream_len = records->len,
	};

	return sealing_make(&args, &keys, &request, file, failure);
}

/*
 * The way of a Load, gone once with this VM's own fresh state and a key that is forgotten, so that the real one finds it
 * trodden. What comes of it does not matter.
 */
static void rehearse(struct destination *destination)
{
	OWNED_BUFFER struct transport_buffer records = { .max = TRANSPORT_CONTROL_MAX_STATE };
	OWNED_SEALING_FILE struct sealing_file file = { .signature = NULL };
	OWNED_SEALED struct sealed sealed = { .fd = -1 };
	OWNED_KEY struct sdeistate_key *key = NULL;
	struct side *side = &destination->side;
	struct transport_issues issues = { .n_issues = 0 };
	struct transport_error err;
	struct sdeistate_error error;
	struct failure failure;

	if (sdeistate_key_generate(SDEISTATE_KEY_ED25519, &key, &error) ||
	    transport_control_capture(side->control, &side->session.offer.session,
				      TRANSPORT_CAPTURE_BASE, NULL, &records, &err) ||
	    seal_own(side, key, &records, &file, &failure))
		return;
	if (open_file(&(struct part){ file.bytes.data, file.bytes.len }, 1,
		      &(struct sealed_options){ .own = key }, &sealed, &failure) == 0)
		transport_control_check(side->control,
					&(struct transport_state){ records.data, records.len },
					&issues, &err);
}

int destination_open(const struct tool *tool, const struct hook_args *args,
		     struct destination *destination, struct failure *failure)
{
	const struct sealed_options options = { .path = "QEMU's stream",
						.trust = &args->trust,
						.key = args->sealing.key };
	struct side *side = &destination->side;
	struct transport_error err;
	int ret = side_open(tool, args, TRANSPORT_DESTINATION, side, failure);

	destination->n = (unsigned int)args->ids.value;
	if (!ret)
		ret = sealed_keys_load(&options, &destination->keys, failure);
	if (!ret)
		ret = policy_options_load(&args->policy, &destination->policy, failure);
	if (!ret && transport_control_reserve(side->control, &side->session.offer.session, &err))
		ret = client_failure(failure, &err);
	if (!ret)
		rehearse(destination);
	return ret;
}

void destination_close(struct destination *destination)
{
	side_close(&destination->side);
	for (unsigned int i = 0; i < PARTS_MAX; i++)
		free((void *)(uintptr_t)destination->part[i].data);
	policy_free(destination->policy);
	sealed_keys_release(&destination->keys);
}

/* --- Load --------------------------------------------------------------------------------------- */

static int check_kind(const struct sealed *sealed, struct failure *failure)
{
	const enum sdeistate_file_kind kind = sealed->opened->manifest.kind;

	if (kind == SDEISTATE_KIND_FINAL)
		return 0;
	if (kind == SDEISTATE_KIND_INVALID)
		return failure_set(failure, SDEISTATE_CAPTURE_FAILED, -EINVAL, "snapshot", "kind",
				   "final", "invalid: the source could not capture its VM");
	return failure_set(failure, SDEISTATE_INCOMPATIBLE, -EINVAL, "snapshot", "kind", "final",
			   sdeistate_kind_name(kind));
}

/* A part that is not needed says so itself, and for this very session. */
static int check_rest(const struct destination *destination, unsigned int from,
		      const struct sealed *first, struct failure *failure)
{
	const struct sdeistate_manifest *of = &first->opened->manifest;

	for (unsigned int i = from; i < destination->n; i++) {
		OWNED_SEALED struct sealed sealed = { .fd = -1 };
		const struct sdeistate_manifest *manifest;
		int ret = open_parts(destination, &destination->part[i], 1, &sealed, failure);

		if (ret)
			return ret;
		manifest = &sealed.opened->manifest;
		if (manifest->kind != SDEISTATE_KIND_EMPTY)
			return failure_set(failure, SDEISTATE_INCONSISTENT, -EBADMSG, "part",
					   "kind", "empty", sdeistate_kind_name(manifest->kind));
		if (manifest->n_nonce != of->n_nonce ||
		    memcmp(manifest->nonce, of->nonce, of->n_nonce) != 0 ||
		    memcmp(manifest->vm_uuid, of->vm_uuid, sizeof(of->vm_uuid)) != 0)
			return failure_set(failure, SDEISTATE_WRONG_VM, -EBADMSG, "part", "nonce",
					   "the session of part 0", "another");
	}
	return 0;
}

static int go_by_rules(const struct destination *destination, const struct sealed *sealed,
		       struct failure *failure)
{
	const struct policy_facts facts = policy_facts_of(sealed->opened, sealed->state);
	int ret = check_kind(sealed, failure);

	if (!ret && sealed->state && sealed->state->realm)
		ret = failure_set(failure, SDEISTATE_INCOMPATIBLE, -EINVAL, "snapshot", "realm",
				  "none: a realm moves by send and recv", "one");
	return ret ? ret : policy_enforce(destination->policy, &facts, failure);
}

/* What the ledger will hold is of the snapshot; the session's name is ours. */
static void take_names(struct side *side, const struct sealed *sealed)
{
	const struct sdeistate_manifest *manifest = &sealed->opened->manifest;
	struct transport_offer *offer = &side->session.offer;

	memcpy(offer->snapshot.bytes, manifest->id, sizeof(offer->snapshot.bytes));
	memcpy(offer->vm.uuid.bytes, manifest->vm_uuid, sizeof(offer->vm.uuid.bytes));
	offer->vm.generation = manifest->generation;
	memcpy(side->session.peer_key, manifest->source, sizeof(side->session.peer_key));
}

static int stage(struct destination *destination, const struct sealed *sealed,
		 struct transport_error *err)
{
	struct side *side = &destination->side;
	const struct sealed_records records = sealed_records(sealed);
	const struct timespec deadline = side_deadline(side);
	const struct transport_stage request = {
		.session = side->session.offer.session,
		.generation = destination->generation,
		.records = { records.data, records.len },
	};
	uint8_t digest[TRANSPORT_DIGEST_SIZE];
	bool prepared = false;
	int ret = side_wait(side, &deadline, err);

	if (!ret)
		ret = transport_control_stage_prepared(side->control, &request, digest, &prepared,
						       err);
	if (!ret && !prepared)
		ret = transport_error_fill(err, -EAGAIN, "temporary", "VM", "prepared",
					   "everything is loaded|not yet");
	if (!ret && memcmp(digest, records.digest, sizeof(digest)) != 0)
		ret = transport_error_fill(err, -ESTALE, "differs", "restored state", "digest",
					   "what was sealed|something else");
	return ret;
}

/* D9: asked before the VM is touched, used up on disk before anybody may let it run. */
static int use_up(struct destination *destination, const struct sealed *sealed,
		  struct failure *failure)
{
	struct side *side = &destination->side;
	const struct transport_offer *offer = &side->session.offer;
	const struct ledger_use use = { .snapshot = offer->snapshot,
					.vm = offer->vm.uuid,
					.generation = sealed->opened->manifest.generation };
	struct transport_error err;
	uint64_t generation;
	int ret = ledger_check(side->ledger, &use, &destination->generation, failure);

	if (ret)
		return ret;
	if (stage(destination, sealed, &err))
		return client_failure(failure, &err);
	side->session.state = TRANSPORT_SESSION_RECORDED;
	ret = ledger_begin(side->ledger, &side->session, NULL, &generation, failure);
	if (ret)
		return ret;
	side->recorded = true;
	return generation == destination->generation
		       ? 0
		       : failure_set(failure, SDEISTATE_TEMPORARY, -EAGAIN, "VM", "generation",
				     "the one that was asked for", "another restore's");
}

static int take_all(struct destination *destination, struct failure *failure)
{
	OWNED_SEALED struct sealed sealed = { .fd = -1 };
	struct side *side = &destination->side;
	unsigned int used;
	int ret = parts_used(destination->part, destination->n, &used, failure);

	if (!ret)
		ret = open_parts(destination, destination->part, used, &sealed, failure);
	if (!ret)
		ret = go_by_rules(destination, &sealed, failure);
	if (!ret)
		ret = check_rest(destination, used, &sealed, failure);
	if (ret)
		return ret;
	take_names(side, &sealed);
	ret = use_up(destination, &sealed, failure);
	if (ret)
		return ret;
	side->state = SIDE_PROVED;
	return side->args->no_qmp_guard ? destination_commit(destination, failure) : 0;
}

static int keep(struct destination *destination, unsigned int number, const struct part *bytes,
		struct failure *failure)
{
	struct part *part = &destination->part[number];
	uint8_t *copy;

	if (destination->side.state != SIDE_WAITING || part->data)
		return failure_set(failure, SDEISTATE_BUSY, -EBUSY, "Load", "part",
				   "one that was not loaded yet", "loaded before");
	if (bytes->len == 0 || bytes->len > PARTS_SIZE)
		return failure_set(failure, SDEISTATE_OVER_LIMIT, -E2BIG, "Load", "size",
				   "1 byte to 1 MiB", bytes->len ? "more" : "none");
	copy = malloc(bytes->len);
	if (!copy)
		return failure_set(failure, SDEISTATE_NO_MEMORY, -ENOMEM, "Load", NULL, NULL, NULL);
	memcpy(copy, bytes->data, bytes->len);
	*part = (struct part){ copy, bytes->len };
	destination->n_loaded++;
	return 0;
}

static int load(void *ctx, unsigned int number, const struct part *bytes, struct failure *failure)
{
	struct destination *destination = ctx;
	struct side *side = &destination->side;
	int ret = keep(destination, number, bytes, failure);

	if (!ret && destination->n_loaded < destination->n)
		return 0;
	if (!ret)
		ret = take_all(destination, failure);
	if (ret) {
		side_fail(side, failure);
		destination_drop(destination, "Load failed");
	}
	return ret;
}

/* --- the outcome -------------------------------------------------------------------------------- */

int destination_commit(struct destination *destination, struct failure *failure)
{
	struct side *side = &destination->side;
	const struct timespec deadline = side_deadline(side);
	struct transport_error err;

	if (side->state != SIDE_PROVED)
		return failure_set(failure, SDEISTATE_REFUSED, -EPERM, "commit", "state",
				   "a verified Load", "none");
	if (side_wait(side, &deadline, &err) ||
	    transport_control_commit(side->control, &side->session.offer.session,
				     side->args->stay_paused, &err))
		return client_failure(failure, &err);
	side->state = SIDE_OVER;
	return 0;
}

void destination_drop(struct destination *destination, const char *why)
{
	struct side *side = &destination->side;
	struct failure failure;

	if (side->state == SIDE_OVER || !side->control)
		return;
	/* The VMM first: until it has refused COMMIT for good, ABORTED must not be on record. */
	if (transport_control_abort(side->control, &side->session.offer.session, NULL) == 0)
		side_settle(side, TRANSPORT_SESSION_ABORTED, why, &failure);
	side->state = SIDE_OVER;
}

static int save(void *ctx, unsigned int number, struct part *saved, struct failure *failure)
{
	(void)ctx;
	(void)number;
	(void)saved;
	return failure_set(failure, SDEISTATE_REFUSED, -EPERM, "Save", "role", "source",
			   "destination");
}

static int no_outcome(void *ctx, struct failure *failure)
{
	(void)ctx;
	return failure_set(failure, SDEISTATE_REFUSED, -EPERM, "Clear or Resume", "role", "source",
			   "destination");
}

const struct bus_ops destination_ops = {
	.save = save,
	.load = load,
	.clear = no_outcome,
	.resume = no_outcome,
};
