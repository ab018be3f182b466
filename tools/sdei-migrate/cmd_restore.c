// SPDX-License-Identifier: Apache-2.0
#include "cancel.h"
#include "client.h"
#include "issues.h"
#include "ledger.h"
#include "mover.h"
#include "policy_rows.h"
#include "realm_bulk.h"
#include "state_json.h"
#include "verbs.h"

#include <errno.h>
#include <string.h>
#include <time.h>

struct restore_args {
	const char *control, *key, *file, *base, *state, *override, *why;
	struct option_list trust;
	struct option_number threshold;
	struct policy_options policy;
	const char *realm_contents;
	bool dry_run, stay_paused, insecure_no_signature, cold;
};

/* A final state, whether it came whole or as a base and a delta. */
static int check_kind(const struct sealed *sealed, const char *path, struct failure *failure)
{
	const enum sdeistate_file_kind kind = sealed->opened->manifest.kind;
	const bool is_delta = kind == SDEISTATE_KIND_DELTA;

	if (is_delta && !sealed->state)
		return sealed_has_state(sealed, path, failure);
	if (kind == SDEISTATE_KIND_BASE || (is_delta && sealed->state->kind != SDEISTATE_FINAL))
		return failure_set(failure, SDEISTATE_BASE_ONLY, -EINVAL, path, "kind", "final",
				   is_delta ? "a delta that makes a base" : "base");
	if (kind == SDEISTATE_KIND_FINAL || is_delta)
		return 0;
	return failure_set(failure, SDEISTATE_INCOMPATIBLE, -EINVAL, path, "kind", "final",
			   sdeistate_kind_name(kind));
}

static bool is_cold(const struct sealed *sealed)
{
	return sealed->state && sealed->state->realm &&
	       sealed->state->realm->state == SDEISTATE_REALM_ACTIVE;
}

/* What an active realm held is gone; whoever starts it again has to say that he knows. */
static int check_cold(const struct sealed *sealed, const struct restore_args *args,
		      struct failure *failure)
{
	if (!is_cold(sealed) || args->cold)
		return 0;
	return failure_set(failure, SDEISTATE_POLICY, -EPERM, args->file, "realm",
			   "--cold: it was active, and starts again from its beginning",
			   "no such option");
}

/* Everything up to the permission to run; what was staged is thrown away after a failure. */
static int stage(struct transport_control *control, const struct sealed *sealed, const char *folder,
		 const struct transport_id *session, uint64_t generation,
		 uint8_t digest[TRANSPORT_DIGEST_SIZE], struct transport_error *err)
{
	const struct sealed_records records = sealed_records(sealed);
	const struct transport_stage request = {
		.session = *session,
		.generation = generation,
		.records = { records.data, records.len },
	};
	bool prepared = false;
	int ret;

	ret = realm_bulk_give(sealed->opened, control, session, folder, err);
	if (ret == 0)
		ret = transport_control_stage(control, &request, digest, err);
	if (ret == 0)
		ret = transport_control_prepared(control, session, &prepared, err);
	if (ret == 0 && !prepared)
		ret = transport_error_fill(err, -EAGAIN, "temporary", "destination VM", "prepared",
					   "everything is loaded|not yet");
	if (ret == 0 && memcmp(digest, records.digest, TRANSPORT_DIGEST_SIZE) != 0)
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

	if (json && sealed->state && sealed->state->realm)
		json_object_set_new(json, "realm", realm_result_json(sealed->state->realm));
	if (json && !args->dry_run)
		json_object_set_new(json, "digest", hex_json(digest, TRANSPORT_DIGEST_SIZE));
	return json;
}

/* What the ledger is asked about, and for how long the operator's word holds. */
struct use {
	struct ledger_word word;
	struct ledger_use use;
	uint64_t generation; /* the VM's afterwards */
};

static struct use use_of(const struct restore_args *args, const struct sealed *sealed)
{
	const struct sdeistate_manifest *manifest = &sealed->opened->manifest;
	struct use use = { .word = { args->override, args->why },
			   .use = { .generation = manifest->generation } };

	memcpy(use.use.snapshot.bytes, manifest->id, sizeof(use.use.snapshot.bytes));
	memcpy(use.use.vm.bytes, manifest->vm_uuid, sizeof(use.use.vm.bytes));
	return use;
}

/* Before the destination is touched: a snapshot that must not be used costs it nothing. */
static int ask_ledger(const struct restore_args *args, struct use *use, struct ledger **ledger,
		      struct transport_error *err)
{
	struct failure failure;
	int ret = args->dry_run ? ledger_open_existing(args->state, ledger, &failure)
				: ledger_open(args->state, ledger, &failure);

	if (ret == -ENOENT && args->dry_run)
		return 0;
	if (!ret)
		ret = ledger_check(*ledger, &use->use, &use->generation, &failure);
	return ret ? mover_error(err, &failure) : 0;
}

/* A snapshot runs once: it is used up, on disk, before the VM may run. */
static int consume(struct ledger *ledger, const struct sealed *sealed, const struct use *use,
		   struct transport_error *err)
{
	const uint64_t expires = sealed->opened->manifest.expires;
	struct failure failure;
	uint64_t generation = use->generation;
	int ret = 0;

	if (use->word.rule && strcmp(use->word.rule, "expired") == 0 && expires &&
	    expires <= (uint64_t)time(NULL))
		ret = ledger_override(ledger, &use->use, &failure);
	if (!ret)
		ret = ledger_consume(ledger, &use->use, &generation, &failure);
	if (ret)
		return mover_error(err, &failure);
	if (generation == use->generation)
		return 0;
	return transport_error_fill(err, -EAGAIN, "temporary", "VM", "generation",
				    "the one that was asked for|another restore's");
}

static int move_in(struct transport_control *control, struct ledger *ledger,
		   const struct sealed *sealed, const struct use *use, struct cancel *cancel,
		   const struct restore_args *args, uint8_t digest[TRANSPORT_DIGEST_SIZE],
		   struct transport_error *err)
{
	struct transport_error ignored;
	struct transport_id session;
	int ret;

	/* From here on there is something to undo, and it is undone before anybody hears of a signal. */
	cancel_hold(cancel);
	if (transport_id_random(&session))
		return transport_error_fill(err, -EIO, "internal", "session id", "", "|");
	ret = transport_control_reserve(control, &session, err);
	if (ret)
		return ret;
	ret = stage(control, sealed, args->realm_contents, &session, use->generation, digest, err);
	if (ret == 0)
		ret = cancel_asked(cancel, err);
	if (ret == 0)
		ret = consume(ledger, sealed, use, err);
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
	failure.advice = realm_advice(err);
	failure.vm_destination = "unknown";
	if (control && transport_control_status(control, &status, NULL) == 0)
		failure.vm_destination = transport_vm_state_name(status.state);
	return tool_fail(tool, &failure);
}

/* The rules of this host, and whether they let a snapshot be used again. */
static int go_by_policy(const struct restore_args *args, const struct sealed *sealed,
			bool *single_use, struct failure *failure)
{
	OWNED_POLICY struct policy *policy = NULL;
	struct policy_facts facts = policy_facts_of(sealed->opened, sealed->state);
	int ret = policy_options_load(&args->policy, &policy, failure);

	facts.override = args->override;
	*single_use = policy_wants_single_use(policy);
	return ret ? ret : policy_enforce(policy, &facts, failure);
}

static unsigned int flags_of(const struct restore_args *args)
{
	const bool any_time = args->override && strcmp(args->override, "expired") == 0;

	return (args->insecure_no_signature ? SDEISTATE_OPEN_UNSIGNED : 0u) |
	       (any_time ? SDEISTATE_OPEN_ANY_TIME : 0u);
}

static int run_restore(struct tool *tool, void *opaque)
{
	const struct restore_args *args = opaque;
	const struct sealed_options options = {
		.path = args->file,
		.trust = &args->trust,
		.key = args->key,
		.base = args->base,
		.threshold = (unsigned int)args->threshold.value,
		.flags = flags_of(args),
	};
	OWNED_CANCEL struct cancel cancel = { .open = false };
	OWNED_SEALED struct sealed sealed = { .fd = -1 };
	OWNED_CONTROL struct transport_control *control = NULL;
	OWNED_LEDGER struct ledger *ledger = NULL;
	uint8_t digest[TRANSPORT_DIGEST_SIZE] = { 0 };
	struct transport_issues issues;
	struct transport_error err;
	struct transport_state records;
	struct failure failure;
	bool single_use;
	struct use use;

	if (args->override && (!args->why || !args->why[0]))
		return tool_usage(tool, "--reason", "why the rule does not count, for the record");
	if (cancel_open(&cancel, tool, args->control, CANCEL_DESTINATION, &failure) ||
	    sealed_open(&options, &sealed, &failure) || check_kind(&sealed, args->file, &failure) ||
	    check_cold(&sealed, args, &failure) ||
	    go_by_policy(args, &sealed, &single_use, &failure))
		return tool_fail(tool, &failure);
	use = use_of(args, &sealed);
	if (!single_use && !args->override)
		use.word =
			(struct ledger_word){ "already-used", "the policy lets it be used again" };
	use.use.word = use.word.rule ? &use.word : NULL;
	tool_detail(tool, "%s: signed by %u trusted key(s), %zu bytes of state, consistent",
		    args->file, sealed.opened->n_signers, sealed_records(&sealed).len);
	records = (struct transport_state){ sealed_records(&sealed).data,
					    sealed_records(&sealed).len };
	if (transport_control_open(args->control, CLIENT_TIMEOUT_MS, &control, &err) ||
	    transport_control_check(control, &records, &issues, &err))
		return fail(tool, control, &err);
	if (issues.n_issues)
		return issues_fail(tool, &issues);
	tool_detail(tool, "%s: the destination can take it", args->control);
	if (ask_ledger(args, &use, &ledger, &err))
		return fail(tool, control, &err);
	if (!args->dry_run && move_in(control, ledger, &sealed, &use, &cancel, args, digest, &err))
		return fail(tool, control, &err);
	return tool_result(tool, result(&sealed, args, digest));
}

#define AT(member) offsetof(struct restore_args, member)

static const struct option_row rows[] = {
	CLIENT_CONTROL_ROW(struct restore_args),
	SEALED_TRUST_ROW(
		struct restore_args, trust,
		"public key of whoever may have signed it, or a folder of them; may be repeated"),
	SEALED_THRESHOLD_ROW(struct restore_args, threshold),
	{ .name = "--key",
	  .argument = "FILE",
	  .help = "private key of this destination: for the audience, and to decrypt",
	  .offset = AT(key),
	  .type = OPTION_TEXT,
	  .names = OPTION_NAMES_FILE },
	SEALED_BASE_ROW(struct restore_args, base,
			"sealed snapshot that FILE, a delta, applies to"),
	{ .name = "--dry-run",
	  .help = "verify and check everything, and change nothing",
	  .offset = AT(dry_run),
	  .type = OPTION_FLAG },
	{ .name = "--stay-paused",
	  .help = "do not let it run yet; vm resume does",
	  .offset = AT(stay_paused),
	  .type = OPTION_FLAG },
	{ .name = "--override",
	  .argument = "RULE",
	  .help = "restore although this rule forbids it; recorded, needs --reason",
	  .offset = AT(override),
	  .type = OPTION_CHOICE,
	  .choices = "already-used|rollback|expired" },
	{ .name = "--reason",
	  .argument = "TEXT",
	  .help = "why --override is right; recorded",
	  .offset = AT(why),
	  .type = OPTION_TEXT },
	LEDGER_STATE_ROW(struct restore_args, state),
	POLICY_ROWS(struct restore_args, policy),
	REALM_FOLDER_ROW(struct restore_args),
	REALM_COLD_ROW(struct restore_args),
	{ .name = "--insecure-no-signature",
	  .help = "believe a snapshot that nobody signed",
	  .offset = AT(insecure_no_signature),
	  .type = OPTION_FLAG },
	SEALED_FILE_ROW(struct restore_args, file),
	OPTION_END,
};

const struct verb verb_restore = {
	.name = "restore",
	.summary = "Put a sealed snapshot into a fresh VM",
	.about =
		"Opens, checks, replays, proves, and only then lets the VM run. It is all or "
		"nothing: "
		"after a failure the destination VM holds nothing of it. Every obstacle is named, "
		"not the first alone.\n\n"
		"A snapshot is used up by it: this host restores it once, and never an older one "
		"of "
		"the same VM afterwards. --override sets one rule aside, by name and with a reason "
		"that the ledger keeps: then it is on you that the VM does not run twice.",
	.options = rows,
	.args_size = sizeof(struct restore_args),
	.run = run_restore,
};
