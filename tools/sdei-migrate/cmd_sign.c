// SPDX-License-Identifier: Apache-2.0
#include "common/file.h"
#include "sealed.h"
#include "state_json.h"
#include "verbs.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#define MAX_FILE (64u << 20) /* bytes of a file that is read into memory */

struct sign_args {
	const char *file, *key, *out;
	struct option_list trust;
};

/* What was verified is what is signed: the same bytes, in memory. */
static int verify(const struct sign_args *args, const uint8_t *bytes, size_t len,
		  struct sealed *sealed, struct failure *failure)
{
	struct sdeistate_open_options options = { .flags = SDEISTATE_OPEN_ANY_AUDIENCE |
							   SDEISTATE_OPEN_MANIFEST };
	struct sdeistate_error error;
	int ret = trust_load_all(&args->trust, &sealed->keys.trust, failure);

	options.trust = sealed->keys.trust;
	if (ret == 0 && sdeistate_open(bytes, len, &options, &sealed->opened, &error))
		ret = failure_from(failure, &error);
	return ret;
}

static json_t *result(const struct sign_args *args, const struct sealed *sealed,
		      const struct sdeistate_key *key, size_t size)
{
	return json_pack("{s:s, s:i, s:s, s:o, s:i, s:o, s:I}", "reason", "ok", "exit", 0, "file",
			 args->out, "signed_by",
			 key_id_json(sdeistate_pub_id(sdeistate_key_pub(key))), "signatures",
			 (int)sealed->opened->n_signatures + 1, "snapshot",
			 sealed_manifest_json(sealed), "file_bytes", (json_int_t)size);
}

static int run_sign(struct tool *tool, void *opaque)
{
	const struct sign_args *args = opaque;
	CLEANUP(sdeistate_buffer_free) struct sdeistate_buffer in = { 0 };
	CLEANUP(sdeistate_buffer_free) struct sdeistate_buffer out = { 0 };
	OWNED_SEALED struct sealed sealed = { .fd = -1 };
	OWNED_KEY struct sdeistate_key *key = NULL;
	struct sdeistate_error error;
	struct failure failure;

	if (strcmp(args->out, "-") == 0 && isatty(STDOUT_FILENO))
		return tool_usage(tool, "-o", "a file; a snapshot is not printed on a terminal");
	if (strcmp(args->out, "-") == 0)
		tool_stdout_is_data(tool);
	if (key_load(args->key, &key, &failure) ||
	    file_read(args->file, MAX_FILE, &in.data, &in.len, &failure) ||
	    verify(args, in.data, in.len, &sealed, &failure))
		return tool_fail(tool, &failure);
	if (sdeistate_cosign(in.data, in.len, key, &out, &error)) {
		failure_from(&failure, &error);
		return tool_fail(tool, &failure);
	}
	if (file_write(args->out, out.data, out.len, 0600, &failure))
		return tool_fail(tool, &failure);
	return tool_result(tool, result(args, &sealed, key, out.len));
}

#define AT(member) offsetof(struct sign_args, member)

static const struct option_row rows[] = {
	{ .name = "--key",
	  .argument = "FILE|pkcs11:URI",
	  .help = "private key to sign with, or where a token keeps it",
	  .offset = AT(key),
	  .type = OPTION_TEXT,
	  .names = OPTION_NAMES_FILE,
	  .required = true },
	{ .name = "--trust",
	  .argument = "PUB|DIR",
	  .help = "public key of whoever must have signed it before; may be repeated",
	  .offset = AT(trust),
	  .type = OPTION_LIST,
	  .names = OPTION_NAMES_FILE,
	  .required = true },
	{ .name = "--out",
	  .argument = "FILE",
	  .letter = 'o',
	  .help = "where to write it; - is stdout",
	  .offset = AT(out),
	  .type = OPTION_TEXT,
	  .names = OPTION_NAMES_FILE,
	  .fallback = "-" },
	{ .name = "FILE",
	  .help = "sealed snapshot; - is stdin",
	  .offset = AT(file),
	  .type = OPTION_TEXT,
	  .names = OPTION_NAMES_FILE,
	  .required = true },
	OPTION_END,
};

const struct verb verb_sign = {
	.name = "sign",
	.summary = "Add one more signature to a sealed snapshot",
	.about = "The signatures that are there are checked first; without one of a trusted key "
		 "nothing is added. A destination that was told --threshold asks for several.",
	.options = rows,
	.args_size = sizeof(struct sign_args),
	.run = run_sign,
};
