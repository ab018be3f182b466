// SPDX-License-Identifier: Apache-2.0
#include "cancel.h"
#include "client.h"
#include "common/file.h"
#include "realm_bulk.h"
#include "sealing.h"
#include "state_json.h"
#include "verbs.h"

#include <errno.h>
#include <string.h>
#include <time.h>

struct snapshot_args {
	const char *control, *base;
	struct option_list trust;
	struct sealing_args sealing;
	struct policy_options policy;
	const char *realm_contents;
	bool running, cold;
};

/* What was taken, and what becomes the file. */
struct taken {
	struct transport_vm_info info;
	struct transport_buffer records;
	struct realm_bulk bulk;
	struct sdeistate_buffer delta; /* with --base */
	struct sdeistate_delta_ends ends;
	uint64_t blackout; /* microseconds */
};

static void release_taken(struct taken *taken)
{
	client_free_buffer(&taken->records);
	sdeistate_buffer_free(&taken->delta);
	realm_bulk_release(&taken->bulk);
}

/* Stops the VM, takes its state, lets it go on; with --running it is not stopped. */
static int capture(const struct snapshot_args *args, struct taken *taken,
		   struct transport_error *err)
{
	OWNED_CONTROL struct transport_control *control = NULL;
	struct timespec began, ended;
	struct transport_id session;
	int ret;

	ret = transport_control_open(args->control, CLIENT_TIMEOUT_MS, &control, err);
	if (ret == 0)
		ret = transport_control_info(control, &taken->info, err);
	if (ret == 0 && transport_id_random(&session))
		ret = transport_error_fill(err, -EIO, "internal", "session id", "", "|");
	if (ret == 0 && args->running)
		return transport_control_capture(control, &session, TRANSPORT_CAPTURE_BASE, NULL,
						 &taken->records, err);
	clock_gettime(CLOCK_MONOTONIC, &began);
	if (ret == 0)
		ret = transport_control_pause(control, &session, err);
	if (ret)
		return ret;
	ret = transport_control_capture(control, &session,
					args->cold ? TRANSPORT_CAPTURE_COLD
						   : TRANSPORT_CAPTURE_FINAL,
					NULL, &taken->records, err);
	if (ret == 0)
		ret = realm_bulk_take(control, &session, &taken->records, args->realm_contents,
				      &taken->bulk, err);
	/* If this fails, closing the connection lets it go on all the same. */
	if (ret == 0)
		ret = transport_control_resume(control, &session, err);
	clock_gettime(CLOCK_MONOTONIC, &ended);
	taken->blackout = (uint64_t)(ended.tv_sec - began.tv_sec) * 1000000u +
			  (uint64_t)((ended.tv_nsec - began.tv_nsec) / 1000);
	return ret;
}

/* The base was sealed by whom we trust: with our own key, if nobody is named. */
static int open_base(const struct snapshot_args *args, const struct sealing_keys *keys,
		     struct sealed *base, struct failure *failure)
{
	const struct sealed_options options = {
		.path = args->base,
		.trust = &args->trust,
		.own = args->trust.n ? NULL : keys->key[0],
		.key = args->sealing.key,
		.flags = SDEISTATE_OPEN_ANY_TIME | SDEISTATE_OPEN_ANY_AUDIENCE,
	};
	const int ret = sealed_open(&options, base, failure);

	if (ret == 0 && !base->state)
		return failure_set(failure, SDEISTATE_WRONG_BASE, -EINVAL, args->base, "kind",
				   "base or final",
				   sdeistate_kind_name(base->opened->manifest.kind));
	return ret;
}

static int make_delta(const struct sealed *base, struct taken *taken, struct failure *failure)
{
	const struct sdeistate_buffer *stream = &base->opened->stream;
	OWNED_BASE struct sdeistate_base *made = NULL;
	OWNED_STATE struct sdeistate *state = NULL;
	struct sdeistate_error error;

	if (memcmp(base->opened->manifest.vm_uuid, taken->info.uuid.bytes, SDEISTATE_UUID_SIZE))
		return failure_set(failure, SDEISTATE_WRONG_VM, -EINVAL, "base", "vm",
				   "the VM behind the control socket", "another");
	if (sdeistate_base_new(stream->data, stream->len, &made, &error) ||
	    sdeistate_decode(taken->records.data, taken->records.len, &state, &error) ||
	    sdeistate_delta_compute(made, state, &taken->delta, &error) ||
	    sdeistate_delta_peek(taken->delta.data, taken->delta.len, &taken->ends, &error))
		return failure_from(failure, &error);
	return 0;
}

static int seal(const struct snapshot_args *args, const struct sealing_keys *keys,
		const struct taken *taken, const uint8_t id[SDEISTATE_ID_SIZE],
		struct sealing_file *file, struct failure *failure)
{
	struct sdeistate_seal_request request = {
		.kind = args->running ? SDEISTATE_KIND_BASE : SDEISTATE_KIND_FINAL,
		.generation = taken->info.generation,
		.profile = taken->info.profile,
		.kernel_profile = taken->info.kernel,
		.stream = taken->records.data,
		.stream_len = taken->records.len,
		.id = id,
		.bulk = taken->bulk.bulk,
		.n_bulk = taken->bulk.n,
	};

	if (args->base) {
		request.kind = SDEISTATE_KIND_DELTA;
		request.stream = taken->delta.data;
		request.stream_len = taken->delta.len;
		request.base_digest = taken->ends.base;
		request.result_digest = taken->ends.result;
	}
	memcpy(request.vm_uuid, taken->info.uuid.bytes, sizeof(request.vm_uuid));
	return sealing_make(&args->sealing, keys, &request, file, failure);
}

static json_t *result(const struct snapshot_args *args, const struct taken *taken,
		      const uint8_t id[SDEISTATE_ID_SIZE], size_t size)
{
	char uuid[37], id_text[37];
	json_t *json;

	uuid_text(taken->info.uuid.bytes, uuid);
	uuid_text(id, id_text);
	json = json_pack("{s:s, s:i, s:s, s:s, s:s, s:s, s:s, s:o, s:I, s:I, s:I}", "reason", "ok",
			 "exit", 0, "file", args->sealing.out, "id", id_text, "kind",
			 args->base      ? "delta"
			 : args->running ? "base"
					 : "final",
			 "vm", uuid, "profile", taken->info.profile, "generation",
			 number_json(taken->info.generation), "records_bytes",
			 (json_int_t)taken->records.len, "file_bytes", (json_int_t)size,
			 "blackout_us", (json_int_t)taken->blackout);
	if (json && args->base)
		json_object_set_new(json, "delta_bytes",
				    json_integer((json_int_t)taken->delta.len));
	return json;
}

static int run_snapshot(struct tool *tool, void *opaque)
{
	const struct snapshot_args *args = opaque;
	OWNED_CANCEL struct cancel cancel = { .open = false };
	OWNED_SEALING struct sealing_keys keys = { .n = 0 };
	OWNED_SEALING_FILE struct sealing_file file = { .signature = NULL };
	OWNED_SEALED struct sealed base = { .fd = -1 };
	CLEANUP(release_taken)
	struct taken taken = { .records = { .max = TRANSPORT_CONTROL_MAX_STATE } };
	struct transport_error err;
	struct transport_id id;
	struct failure failure;
	int ret = sealing_check(tool, &args->sealing);

	if (ret)
		return ret;
	if (args->base && args->running)
		return tool_usage(tool, "--running", "--running or --base, not both");
	/* Keys and base first: without them the VM need not be stopped. */
	if (realm_bulk_check(args->realm_contents, &failure) ||
	    cancel_open(&cancel, tool, args->control, CANCEL_SOURCE, &failure) ||
	    sealing_load(&args->sealing, &args->policy, &keys, &failure) ||
	    (args->base && open_base(args, &keys, &base, &failure)))
		return tool_fail(tool, &failure);
	if (capture(args, &taken, &err))
		return client_fail(tool, &err);
	tool_detail(tool, "%s: %zu bytes of state; the VM stood still for %llu microseconds",
		    args->control, taken.records.len, (unsigned long long)taken.blackout);
	if (transport_id_random(&id)) {
		failure_io(&failure, "random numbers", EIO);
		return tool_fail(tool, &failure);
	}
	if ((args->base && make_delta(&base, &taken, &failure)) ||
	    seal(args, &keys, &taken, id.bytes, &file, &failure))
		return tool_fail(tool, &failure);
	/* A file appears whole or not at all; a pipe may never take what it is given. */
	if (file_is_replaced(args->sealing.out))
		cancel_hold(&cancel);
	if (sealing_write(&args->sealing, &file, &failure))
		return tool_fail(tool, &failure);
	cancel_hold(&cancel);
	return tool_result(tool,
			   sealing_tell(result(args, &taken, id.bytes, file.bytes.len), &file));
}

#define AT(member) offsetof(struct snapshot_args, member)

static const struct option_row rows[] = {
	CLIENT_CONTROL_ROW(struct snapshot_args),
	SEALING_ROWS(struct snapshot_args, sealing),
	{ .name = "--running",
	  .help = "do not stop the VM: the file is a base for --base and cannot be restored alone",
	  .offset = AT(running),
	  .type = OPTION_FLAG },
	SEALED_BASE_ROW(struct snapshot_args, base,
			"write only what changed since this snapshot of the same VM"),
	SEALED_TRUST_ROW(
		struct snapshot_args, trust,
		"public key of whoever may have signed the base; without it, the key of --key"),
	REALM_CONTENTS_ROW(struct snapshot_args),
	REALM_COLD_ROW(struct snapshot_args),
	POLICY_ROWS(struct snapshot_args, policy),
	OPTION_END,
};

const struct verb verb_snapshot = {
	.name = "snapshot",
	.summary = "Write a VM's state to a sealed file",
	.about = "The VM is stopped for as long as its state is read, and goes on. The file is "
		 "signed; who may restore it is part of what is signed.\n\n"
		 "With --running the VM is not stopped. What is written then may be torn: it is a "
		 "base, which is never restored by itself. With --base only the fields that "
		 "changed since that file are written; restore needs both.",
	.options = rows,
	.args_size = sizeof(struct snapshot_args),
	.run = run_snapshot,
};
