// SPDX-License-Identifier: Apache-2.0
#include "sealing.h"
#include "state_json.h"
#include "verbs.h"

#include <errno.h>
#include <string.h>

struct rebase_args {
	const char *base, *secret;
	struct option_list trust, deltas;
	struct sealing_args sealing;
	struct policy_options policy;
};

static int open_one(const struct rebase_args *args, const struct sdeistate_key *own,
		    const char *path, struct sealed *sealed, struct failure *failure)
{
	const struct sealed_options options = {
		.path = path,
		.trust = &args->trust,
		.own = args->trust.n ? NULL : own,
		.key = args->secret,
		.flags = SDEISTATE_OPEN_ANY_TIME | SDEISTATE_OPEN_ANY_AUDIENCE,
	};

	return sealed_open(&options, sealed, failure);
}

/* @whole becomes what the delta at @path makes of it. */
static int merge(const struct rebase_args *args, const struct sdeistate_key *own, const char *path,
		 struct sealed *whole, struct failure *failure)
{
	struct sealed delta = { .fd = -1 };
	int ret = open_one(args, own, path, &delta, failure);

	if (ret == 0 && delta.opened->manifest.kind != SDEISTATE_KIND_DELTA)
		ret = failure_set(failure, SDEISTATE_USAGE, -EINVAL, path, "kind", "delta",
				  sdeistate_kind_name(delta.opened->manifest.kind));
	if (ret == 0)
		ret = sealed_apply(&delta, path, whole, failure);
	if (ret) {
		sealed_close(&delta);
		return ret;
	}
	sealed_close(whole);
	*whole = delta;
	return 0;
}

/*
 * The id stays that of the last delta: it is the same snapshot in another form, and whoever restored one
 * must not restore the other.
 */
static int seal(const struct rebase_args *args, const struct sealing_keys *keys,
		const struct sealed *whole, struct sealing_file *file, struct failure *failure)
{
	const struct sdeistate_manifest *last = &whole->opened->manifest;
	const struct sealed_records records = sealed_records(whole);
	struct sdeistate_seal_request request = {
		.kind = whole->state->kind == SDEISTATE_FINAL ? SDEISTATE_KIND_FINAL
							      : SDEISTATE_KIND_BASE,
		.generation = last->generation,
		.profile = last->profile,
		.kernel_profile = last->kernel_profile,
		.stream = records.data,
		.stream_len = records.len,
		.id = last->id,
		.expires = last->expires,
	};

	memcpy(request.vm_uuid, last->vm_uuid, sizeof(request.vm_uuid));
	return sealing_make(&args->sealing, keys, &request, file, failure);
}

static json_t *result(const struct rebase_args *args, const struct sealed *whole, size_t size)
{
	const struct sdeistate_manifest *last = &whole->opened->manifest;
	const struct sealed_records records = sealed_records(whole);
	char id[37], uuid[37];

	uuid_text(last->id, id);
	uuid_text(last->vm_uuid, uuid);
	return json_pack("{s:s, s:i, s:s, s:s, s:s, s:s, s:i, s:o, s:I, s:I}", "reason", "ok",
			 "exit", 0, "file", args->sealing.out, "id", id, "vm", uuid, "kind",
			 whole->state->kind == SDEISTATE_FINAL ? "final" : "base", "deltas",
			 (int)args->deltas.n, "digest", hex_json(records.digest, 32),
			 "records_bytes", (json_int_t)records.len, "file_bytes", (json_int_t)size);
}

/* A realm's contents stand in frames of their own, which would have to be copied along. */
static int check_frames(const struct sealed *whole, struct failure *failure)
{
	const unsigned int n = whole->opened->manifest.n_frames;
	char actual[16];

	if (n == 1)
		return 0;
	snprintf(actual, sizeof(actual), "%u", n);
	return failure_set(failure, SDEISTATE_INCOMPATIBLE, -EOPNOTSUPP, "last delta", "frames",
			   "1: records only, no contents of a realm", actual);
}

static int run_rebase(struct tool *tool, void *opaque)
{
	const struct rebase_args *args = opaque;
	OWNED_SEALING struct sealing_keys keys = { .n = 0 };
	OWNED_SEALED struct sealed whole = { .fd = -1 };
	struct failure failure;
	OWNED_SEALING_FILE struct sealing_file file = { .signature = NULL };
	int ret = sealing_check(tool, &args->sealing);

	if (ret)
		return ret;
	if (sealing_load(&args->sealing, &args->policy, &keys, &failure) ||
	    open_one(args, keys.key[0], args->base, &whole, &failure) ||
	    sealed_has_state(&whole, args->base, &failure))
		return tool_fail(tool, &failure);
	for (size_t i = 0; i < args->deltas.n; i++) {
		if (merge(args, keys.key[0], args->deltas.item[i], &whole, &failure))
			return tool_fail(tool, &failure);
		tool_detail(tool, "%s: applied", args->deltas.item[i]);
	}
	if (check_frames(&whole, &failure) || seal(args, &keys, &whole, &file, &failure) ||
	    sealing_write(&args->sealing, &file, &failure))
		return tool_fail(tool, &failure);
	return tool_result(tool, sealing_tell(result(args, &whole, file.bytes.len), &file));
}

#define AT(member) offsetof(struct rebase_args, member)

static const struct option_row rows[] = {
	SEALING_ROWS(struct rebase_args, sealing),
	SEALED_TRUST_ROW(
		struct rebase_args, trust,
		"public key of whoever may have signed BASE and DELTA; without it, the key of "
		"--key"),
	{ .name = "--decrypt-key",
	  .argument = "FILE",
	  .help = "private key to decrypt them with",
	  .offset = AT(secret),
	  .type = OPTION_TEXT,
	  .names = OPTION_NAMES_FILE },
	POLICY_ROWS(struct rebase_args, policy),
	{ .name = "BASE",
	  .help = "sealed snapshot that the first delta applies to",
	  .offset = AT(base),
	  .type = OPTION_TEXT,
	  .names = OPTION_NAMES_FILE,
	  .required = true },
	{ .name = "DELTA",
	  .help = "sealed deltas, each made from what the one before makes",
	  .offset = AT(deltas),
	  .type = OPTION_LIST,
	  .names = OPTION_NAMES_FILE,
	  .required = true },
	OPTION_END,
};

const struct verb verb_rebase = {
	.name = "rebase",
	.summary = "Merge a base and its deltas into one full snapshot",
	.about = "Every file is verified, and every delta must have been made from what the files "
		 "before it make. What comes out is sealed anew. It keeps the id of the last "
		 "delta, because it is the same snapshot: a host that restored one of them "
		 "refuses the other. It expires when that delta does, unless --expires-in says "
		 "otherwise. A realm's snapshot with contents is not merged: restore it with "
		 "--base.",
	.options = rows,
	.args_size = sizeof(struct rebase_args),
	.run = run_rebase,
};
