// SPDX-License-Identifier: Apache-2.0
#include "sealing.h"
#include "state_json.h"
#include "verbs.h"

#include <errno.h>
#include <string.h>

struct convert_args {
	const char *file, *secret, *profile;
	struct option_number revision;
	struct option_list trust;
	struct sealing_args sealing;
	struct policy_options policy;
	bool allow_loss;
};

static int open_file(const struct convert_args *args, const struct sdeistate_key *own,
		     struct sealed *sealed, struct failure *failure)
{
	const struct sealed_options options = {
		.path = args->file,
		.trust = &args->trust,
		.own = args->trust.n ? NULL : own,
		.key = args->secret,
		.flags = SDEISTATE_OPEN_ANY_TIME | SDEISTATE_OPEN_ANY_AUDIENCE,
	};
	int ret = sealed_open(&options, sealed, failure);

	ret = ret ? ret : sealed_has_state(sealed, args->file, failure);
	if (!ret && sealed->opened->manifest.n_frames > 1)
		ret = failure_set(failure, SDEISTATE_INCOMPATIBLE, -ENOTSUP, args->file,
				  "payload frames",
				  "records alone; a realm's contents are not converted", "more");
	return ret;
}

static void tell_loss(void *user, const char *object, const char *field, const char *text)
{
	json_array_append_new(user, json_pack("{s:s, s:s, s:s}", "object", object, "field", field,
					      "text", text));
}

/* What the other profile cannot say is listed before anything is refused for it. */
static int convert(const struct convert_args *args, const struct sdeistate *state, json_t *losses,
		   struct sdeistate **converted, struct failure *failure)
{
	const int profile =
		args->profile ? state_profile_find(args->profile) : (int)state->vm.profile;
	struct sdeistate_error error;
	const int ret = sdeistate_convert(state, (enum kvmcore_profile)profile,
					  args->allow_loss ? SDEISTATE_CONVERT_LOSSY : 0, tell_loss,
					  losses, converted, &error);

	return ret ? failure_from(failure, &error) : 0;
}

static int seal(const struct convert_args *args, const struct sealing_keys *keys,
		const struct sdeistate_manifest *from, const struct sdeistate *state,
		struct sealing_file *file, struct failure *failure)
{
	CLEANUP(sdeistate_buffer_free) struct sdeistate_buffer stream = { 0 };
	struct sdeistate_error error;
	struct sdeistate_seal_request request = {
		.revision = (uint32_t)args->revision.value,
		.kind = from->kind == SDEISTATE_KIND_DELTA ? SDEISTATE_KIND_FINAL : from->kind,
		.generation = from->generation,
		.profile = state_profile_name(state),
		.kernel_profile = from->kernel_profile,
		/* The same snapshot in another form: whoever restored one must not restore the other. */
		.id = from->id,
		.expires = from->expires,
	};

	if (sdeistate_encode(state, &stream, &error))
		return failure_from(failure, &error);
	request.stream = stream.data;
	request.stream_len = stream.len;
	memcpy(request.vm_uuid, from->vm_uuid, sizeof(request.vm_uuid));
	return sealing_make(&args->sealing, keys, &request, file, failure);
}

/* A refusal for losses brings the whole list, not the first alone. */
static int refuse(const struct tool *tool, const struct failure *failure, json_t *losses)
{
	OWNED_JSON json_t *list = losses;
	json_t *loss;
	size_t i;

	json_array_foreach(list, i, loss)
	{
		if (tool->json)
			tool_event(tool, json_pack("{s:s, s:O}", "event", "loss", "loss", loss));
		else
			tool_say(tool, "lost: %s, %s: %s",
				 json_string_value(json_object_get(loss, "object")),
				 json_string_value(json_object_get(loss, "field")),
				 json_string_value(json_object_get(loss, "text")));
	}
	return tool_fail(tool, failure);
}

static int run_convert(struct tool *tool, void *opaque)
{
	const struct convert_args *args = opaque;
	OWNED_SEALING struct sealing_keys keys = { .n = 0 };
	OWNED_SEALING_FILE struct sealing_file file = { .signature = NULL };
	OWNED_SEALED struct sealed sealed = { .fd = -1 };
	OWNED_STATE struct sdeistate *converted = NULL;
	struct failure failure;
	json_t *losses;
	int ret = sealing_check(tool, &args->sealing);

	if (ret)
		return ret;
	if (sealing_load(&args->sealing, &args->policy, &keys, &failure) ||
	    open_file(args, keys.key[0], &sealed, &failure))
		return tool_fail(tool, &failure);
	losses = json_array();
	if (convert(args, sealed.state, losses, &converted, &failure))
		return refuse(tool, &failure, losses);
	if (seal(args, &keys, &sealed.opened->manifest, converted, &file, &failure) ||
	    sealing_write(&args->sealing, &file, &failure)) {
		json_decref(losses);
		return tool_fail(tool, &failure);
	}
	return tool_result(tool,
			   sealing_tell(json_pack("{s:s, s:i, s:s, s:s, s:s, s:I, s:o}", "reason",
						  "ok", "exit", 0, "file", args->sealing.out,
						  "profile", state_profile_name(converted), "from",
						  state_profile_name(sealed.state), "file_bytes",
						  (json_int_t)file.bytes.len, "losses", losses),
					&file));
}

#define AT(member) offsetof(struct convert_args, member)

static const struct option_row rows[] = {
	{ .name = "--profile",
	  .argument = "PROFILE",
	  .help = "tell the state as this SDEI profile does",
	  .offset = AT(profile),
	  .type = OPTION_CHOICE,
	  .choices = "spec|kvm-v5|kvm-v7" },
	{ .name = "--allow-loss",
	  .help = "go on where that profile cannot say what is lost",
	  .offset = AT(allow_loss),
	  .type = OPTION_FLAG },
	{ .name = "--revision",
	  .argument = "N",
	  .help = "write this revision of the format; without it the lowest that can say it",
	  .offset = AT(revision),
	  .type = OPTION_NUMBER,
	  .min = SDEISTATE_REVISION_MIN,
	  .max = SDEISTATE_REVISION_MAX },
	SEALING_ROWS(struct convert_args, sealing),
	SEALED_TRUST_ROW(struct convert_args, trust,
			 "public key of whoever may have signed it; without it, the key of --key"),
	{ .name = "--decrypt-key",
	  .argument = "FILE",
	  .help = "private key to decrypt it with",
	  .offset = AT(secret),
	  .type = OPTION_TEXT,
	  .names = OPTION_NAMES_FILE },
	POLICY_ROWS(struct convert_args, policy),
	SEALED_FILE_ROW(struct convert_args, file),
	OPTION_END,
};

const struct verb verb_convert = {
	.name = "convert",
	.summary = "Write a snapshot in another revision or for another SDEI profile",
	.about =
		"What the other profile cannot say is listed, and refuses unless --allow-loss is "
		"given. The file is sealed anew, with the same id: it is the same snapshot, and is "
		"used once in either form.",
	.options = rows,
	.args_size = sizeof(struct convert_args),
	.run = run_convert,
};
