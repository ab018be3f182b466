// SPDX-License-Identifier: Apache-2.0
#include "client.h"
#include "issues.h"
#include "ledger.h"
#include "mover.h"
#include "sealed.h"
#include "state_json.h"
#include "verbs.h"

#include <errno.h>
#include <string.h>

struct restore_args {
	const char *control, *key, *file, *state;
	struct option_list trust;
	bool dry_run, stay_paused, insecure_no_signature;
};

static int check_kind(const struct sealed *sealed, const char *path, struct failure *failure)
{
	const enum sdeistate_file_kind kind = sealed->opened->manifest.kind;

	switch (kind) {
	case SDEISTATE_KIND_FINAL:
		return 0;
	case SDEISTATE_KIND_BASE:
		return failure_set(failure, SDEISTATE_BASE_ONLY, -EINVAL, path, "kind", "final",
				   "base");
	default:
		return failure_set(failure, SDEISTATE_INCOMPATIBLE, -EINVAL, path, "kind", "final",
				   sdeistate_kind_name(kind));
	}
}

/* Everything up to the permission to run; what was staged is thrown away after a failure. */
static int stage(struct transport_control *control, const struct sealed *sealed,
		 const struct transport_id *session, uint8_t digest[TRANSPORT_DIGEST_SIZE],
		 struct transport_error *err)
{
	const struct sdeistate_opened *opened = sealed->opened;
	const struct transport_stage request = {
		.session = *session,
		.generation = opened->manifest.generation + 1,
		.records = { opened->stream.data, opened->stream.len },
	};
	bool prepared = false;
	int ret;

	ret = transport_control_stage(control, &request, digest, err);
	if (ret == 0)
		ret = transport_control_prepared(control, session, &prepared, err);
	if (ret == 0 && !prepared)
		ret = transport_error_fill(err, -EAGAIN, "temporary", "destination VM", "prepared",
					   "everything is loaded|not yet");
	if (ret == 0 && memcmp(digest, opened->index.digest, TRANSPORT_DIGEST_SIZE) != 0)
		ret = transport_error_fill(err, -ESTALE, "differs", "restored state", "digest",
					   "what was sealed|something else");
	return ret;
}

static json_t *result(const struct sealed *sealed, const struct restore_args *args,
		      const uint8_t digest[TRANSPORT_DIGEST_SIZE])
{
	json_t *json = json_pack("{s:s, s:i, s:b, s:s, s:o}", "reason", "ok", "exit", 0, "dry_run",
				 args->dry_run, "state",
				 args->dry_run       ? "none"
				 : args->stay_paused ? "paused"
						     : "running",
				 "snapshot", sealed_manifest_json(sealed));

	if (json && !args->dry_run)
		json_object_set_new(json, "digest", hex_json(digest, TRANSPORT_DIGEST_SIZE));
	return json;
}

/* A snapshot runs once: it is used up, on disk, before the VM may run. */
static int consume(struct ledger *ledger, const struct sealed *sealed, struct transport_error *err)
{
	const struct sdeistate_manifest *manifest = &sealed->opened->manifest;
	struct transport_id snapshot, vm;
	struct failure failure;

	memcpy(snapshot.bytes, manifest->id, sizeof(snapshot.bytes));
	memcpy(vm.bytes, manifest->vm_uuid, sizeof(vm.bytes));
	return ledger_consume(ledger, &snapshot, &vm, manifest->generation, &failure)
		       ? mover_error(err, &failure)
		       : 0;
}

static int move_in(struct transport_control *control, struct ledger *ledger,
		   const struct sealed *sealed, const struct restore_args *args,
		   uint8_t digest[TRANSPORT_DIGEST_SIZE], struct transport_error *err)
{
	struct transport_error ignored;
	struct transport_id session;
	int ret;

	if (transport_id_random(&session))
		return transport_error_fill(err, -EIO, "internal", "session id", "", "|");
	ret = transport_control_reserve(control, &session, err);
	if (ret)
		return ret;
	ret = stage(control, sealed, &session, digest, err);
	if (ret == 0)
		ret = consume(ledger, sealed, err);
	if (ret)
		transport_control_abort(control, &session, &ignored);
	else
		ret = transport_control_commit(control, &session, args->stay_paused, err);
	return ret;
}

/* What became of the destination is asked, not guessed. */
static int fail(const struct tool *tool, struct transport_control *control,
		const struct transport_error *err)
{
	struct transport_vm_status status;
	struct failure failure;

	client_failure(&failure, err);
	failure.vm_destination = "unknown";
	if (control && transport_control_status(control, &status, NULL) == 0)
		failure.vm_destination = transport_vm_state_name(status.state);
	return tool_fail(tool, &failure);
}

static int run_restore(struct tool *tool, void *opaque)
{
	const struct restore_args *args = opaque;
	const struct sealed_options options = {
		.path = args->file,
		.trust = &args->trust,
		.key = args->key,
		.flags = args->insecure_no_signature ? SDEISTATE_OPEN_UNSIGNED : 0,
	};
	OWNED_SEALED struct sealed sealed = { .fd = -1 };
	OWNED_CONTROL struct transport_control *control = NULL;
	OWNED_LEDGER struct ledger *ledger = NULL;
	uint8_t digest[TRANSPORT_DIGEST_SIZE] = { 0 };
	struct transport_issues issues;
	struct transport_error err;
	struct transport_state records;
	struct failure failure;

	if (sealed_open(&options, &sealed, &failure) || check_kind(&sealed, args->file, &failure) ||
	    (!args->dry_run && ledger_open(args->state, &ledger, &failure)))
		return tool_fail(tool, &failure);
	tool_detail(tool, "%s: signed by %u trusted key(s), %zu bytes of state, consistent",
		    args->file, sealed.opened->n_signers, sealed.opened->stream.len);
	records = (struct transport_state){ sealed.opened->stream.data, sealed.opened->stream.len };
	if (transport_control_open(args->control, CLIENT_TIMEOUT_MS, &control, &err) ||
	    transport_control_check(control, &records, &issues, &err))
		return fail(tool, control, &err);
	if (issues.n_issues)
		return issues_fail(tool, &issues);
	tool_detail(tool, "%s: the destination can take it", args->control);
	if (!args->dry_run && move_in(control, ledger, &sealed, args, digest, &err))
		return fail(tool, control, &err);
	return tool_result(tool, result(&sealed, args, digest));
}

#define AT(member) offsetof(struct restore_args, member)

static const struct option_row rows[] = {
	CLIENT_CONTROL_ROW(struct restore_args),
	{ .name = "--trust",
	  .argument = "PUB|DIR",
	  .help = "public key of whoever may have signed it, or a folder of them; may be repeated",
	  .offset = AT(trust),
	  .type = OPTION_LIST,
	  .names = OPTION_NAMES_FILE },
	{ .name = "--key",
	  .argument = "FILE",
	  .help = "private key of this destination: for the audience, and to decrypt",
	  .offset = AT(key),
	  .type = OPTION_TEXT,
	  .names = OPTION_NAMES_FILE },
	{ .name = "--dry-run",
	  .help = "verify and check everything, and change nothing",
	  .offset = AT(dry_run),
	  .type = OPTION_FLAG },
	{ .name = "--stay-paused",
	  .help = "do not let it run yet; vm resume does",
	  .offset = AT(stay_paused),
	  .type = OPTION_FLAG },
	{ .name = "--state",
	  .argument = "DIR",
	  .help = "where this host keeps its ledger",
	  .offset = AT(state),
	  .type = OPTION_TEXT,
	  .names = OPTION_NAMES_DIRECTORY },
	{ .name = "--insecure-no-signature",
	  .help = "believe a snapshot that nobody signed",
	  .offset = AT(insecure_no_signature),
	  .type = OPTION_FLAG },
	{ .name = "FILE",
	  .help = "sealed snapshot; - is stdin",
	  .offset = AT(file),
	  .type = OPTION_TEXT,
	  .names = OPTION_NAMES_FILE,
	  .required = true },
	OPTION_END,
};

const struct verb verb_restore = {
	.name = "restore",
	.summary = "Put a sealed snapshot into a fresh VM",
	.about = "Opens, checks, replays, proves, and only then lets the VM run. It is all or "
		 "nothing: "
		 "after a failure the destination VM holds nothing of it. Every obstacle is named, "
		 "not the first alone.\n\n"
		 "A snapshot is used up by it: this host restores it once, and never an older one "
		 "of "
		 "the same VM afterwards.",
	.options = rows,
	.args_size = sizeof(struct restore_args),
	.run = run_restore,
};
