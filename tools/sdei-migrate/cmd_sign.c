// SPDX-License-Identifier: Apache-2.0
#include "common/file.h"
#include "sealing.h"
#include "state_json.h"
#include "verbs.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#define MAX_FILE (64u << 20) /* bytes of a file that is read into memory */

struct sign_args {
	const char *file;
	struct option_list trust;
	struct sealing_args sealing;
	struct policy_options policy;
};

/* What was verified is what is signed: the same bytes, in memory. */
static int open_bytes(const struct sdeistate_trust *trust, const struct sdeistate_buffer *in,
		      unsigned int flags, struct sealed *sealed, struct failure *failure)
{
	const struct sdeistate_open_options options = {
		.trust = trust,
		.flags = SDEISTATE_OPEN_ANY_AUDIENCE | flags,
	};
	struct sdeistate_error error;

	return sdeistate_open(in->data, in->len, &options, &sealed->opened, &error)
		       ? failure_from(failure, &error)
		       : 0;
}

static json_t *result(const struct sign_args *args, const struct sealed *sealed,
		      const struct sdeistate_key *key, unsigned int signatures, size_t size)
{
	return json_pack("{s:s, s:i, s:s, s:o, s:i, s:o, s:I}", "reason", "ok", "exit", 0, "file",
			 args->sealing.out, "signed_by",
			 key_id_json(sdeistate_pub_id(sdeistate_key_pub(key))), "signatures",
			 (int)signatures, "snapshot", sealed_manifest_json(sealed), "file_bytes",
			 (json_int_t)size);
}

static bool is_unsigned(const struct sdeistate_buffer *in)
{
	struct sealed sealed = { .fd = -1 };
	struct failure ignored;
	const bool is = open_bytes(NULL, in, SDEISTATE_OPEN_UNSIGNED | SDEISTATE_OPEN_MANIFEST,
				   &sealed, &ignored) == 0;

	sealed_close(&sealed);
	return is;
}

/* --- one more signature under what is signed ---------------------------------------------------- */

static int cosign(struct tool *tool, const struct sign_args *args, const struct sealing_keys *keys,
		  struct sdeistate_buffer *in)
{
	OWNED_TRUST struct sdeistate_trust *trust = NULL;
	OWNED_SEALED struct sealed sealed = { .fd = -1 };
	struct sdeistate_error error;
	struct failure failure;

	if (!args->trust.n)
		return tool_usage(tool, "--trust", "the key of whoever signed it before");
	if (args->sealing.audience.n || args->sealing.any_destination ||
	    args->sealing.recipients.n || args->sealing.expires_in.given)
		return tool_usage(tool, "--to-audience",
				  "nothing of the kind: what is signed already says it");
	if (trust_load_all(&args->trust, &trust, &failure) ||
	    open_bytes(trust, in, SDEISTATE_OPEN_MANIFEST, &sealed, &failure))
		return tool_fail(tool, &failure);
	for (unsigned int i = 0; i < keys->n; i++) {
		struct sdeistate_buffer out;

		if (sdeistate_cosign(in->data, in->len, keys->key[i], &out, &error)) {
			failure_from(&failure, &error);
			return tool_fail(tool, &failure);
		}
		sdeistate_buffer_free(in);
		*in = out;
	}
	if (file_write(args->sealing.out, in->data, in->len, 0600, &failure))
		return tool_fail(tool, &failure);
	return tool_result(tool, result(args, &sealed, keys->key[0],
					sealed.opened->n_signatures + keys->n, in->len));
}

/* --- the first signature, under what a person made ---------------------------------------------- */

static int seal(struct tool *tool, const struct sign_args *args, const struct sealing_keys *keys,
		const struct sdeistate_buffer *in)
{
	OWNED_SEALING_FILE struct sealing_file file = { .signature = NULL };
	OWNED_SEALED struct sealed sealed = { .fd = -1 };
	OWNED_STATE struct sdeistate *state = NULL;
	const struct sdeistate_manifest *manifest;
	struct sdeistate_seal_request request;
	struct sdeistate_error error;
	struct failure failure;
	int ret = sealing_check(tool, &args->sealing);

	if (ret)
		return ret;
	if (open_bytes(NULL, in, SDEISTATE_OPEN_UNSIGNED, &sealed, &failure))
		return tool_fail(tool, &failure);
	if (sdeistate_decode(sealed.opened->stream.data, sealed.opened->stream.len, &state,
			     &error) ||
	    sdeistate_validate(state, &error)) {
		failure_from(&failure, &error);
		return tool_fail(tool, &failure);
	}
	manifest = &sealed.opened->manifest;
	request = (struct sdeistate_seal_request){
		.kind = manifest->kind,
		.generation = manifest->generation,
		.profile = manifest->profile,
		.kernel_profile = manifest->kernel_profile,
		.stream = sealed.opened->stream.data,
		.stream_len = sealed.opened->stream.len,
		.id = manifest->id,
	};
	memcpy(request.vm_uuid, manifest->vm_uuid, sizeof(request.vm_uuid));
	if (sealing_make(&args->sealing, keys, &request, &file, &failure) ||
	    sealing_write(&args->sealing, &file, &failure))
		return tool_fail(tool, &failure);
	return tool_result(tool, sealing_tell(result(args, &sealed, keys->key[0], keys->n,
						     file.bytes.len),
					      &file));
}

static int run_sign(struct tool *tool, void *opaque)
{
	const struct sign_args *args = opaque;
	CLEANUP(sdeistate_buffer_free) struct sdeistate_buffer in = { 0 };
	OWNED_SEALING struct sealing_keys keys = { .n = 0 };
	struct failure failure;

	if (strcmp(args->sealing.out, "-") == 0 && isatty(STDOUT_FILENO))
		return tool_usage(tool, "-o", "a file; a snapshot is not printed on a terminal");
	if (strcmp(args->sealing.out, "-") == 0)
		tool_stdout_is_data(tool);
	if (sealing_load(&args->sealing, &args->policy, &keys, &failure) ||
	    file_read(args->file, MAX_FILE, &in.data, &in.len, &failure))
		return tool_fail(tool, &failure);
	return is_unsigned(&in) ? seal(tool, args, &keys, &in) : cosign(tool, args, &keys, &in);
}

#define AT(member) offsetof(struct sign_args, member)

static const struct option_row rows[] = {
	SEALING_ROWS(struct sign_args, sealing),
	SEALED_TRUST_ROW(struct sign_args, trust,
			 "public key of whoever must have signed it before; may be repeated"),
	POLICY_ROWS(struct sign_args, policy),
	{ .name = "FILE",
	  .help = "snapshot, sealed or of edit and encode; - is stdin",
	  .offset = AT(file),
	  .type = OPTION_TEXT,
	  .names = OPTION_NAMES_FILE,
	  .required = true },
	OPTION_END,
};

const struct verb verb_sign = {
	.name = "sign",
	.summary = "Add one more signature to a sealed snapshot, or seal an unsigned one",
	.about = "The signatures that are there are checked first; without one of a trusted key "
		 "nothing is added. A destination that was told --threshold asks for several.\n\n"
		 "What edit and encode wrote has no signature. It is sealed anew: who may restore "
		 "it, "
		 "and for how long, has to be said.",
	.options = rows,
	.args_size = sizeof(struct sign_args),
	.run = run_sign,
};
