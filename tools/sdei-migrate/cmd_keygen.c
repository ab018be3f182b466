// SPDX-License-Identifier: Apache-2.0
#include "sealed.h"
#include "verbs.h"

#include <errno.h>
#include <string.h>

struct keygen_args {
	const char *out, *type, *name;
	struct option_number days;
};

static json_t *paths_json(const char *prefix, const struct sdeistate_pub *pub)
{
	return json_pack("{s:s, s:s+, s:s+, s:s+, s:o}", "type",
			 sdeistate_key_type_name(sdeistate_pub_type(pub)), "key", prefix, ".key",
			 "public", prefix, ".pub", "certificate", prefix, ".crt", "id",
			 key_id_json(sdeistate_pub_id(pub)));
}

static int run_keygen(struct tool *tool, void *opaque)
{
	const struct keygen_args *args = opaque;
	const char *slash = strrchr(args->out, '/'), *name = slash ? slash + 1 : args->out;
	OWNED_KEY struct sdeistate_key *key = NULL;
	struct sdeistate_error error;
	struct failure failure;

	if (!*name)
		return tool_usage(tool, "--out", "the beginning of three files' names, as /etc/a");
	if (sdeistate_key_generate(sdeistate_key_type_find(args->type), &key, &error) ||
	    sdeistate_key_save(key, args->out, args->name ? args->name : name,
			       (unsigned int)args->days.value, &error)) {
		failure_from(&failure, &error);
		return tool_fail(tool, &failure);
	}
	return tool_result(tool, paths_json(args->out, sdeistate_key_pub(key)));
}

#define AT(member) offsetof(struct keygen_args, member)

static const struct option_row rows[] = {
	{ .name = "--out",
	  .argument = "PREFIX",
	  .help = "write PREFIX.key, PREFIX.pub and PREFIX.crt; none of them may exist",
	  .offset = AT(out),
	  .type = OPTION_TEXT,
	  .names = OPTION_NAMES_FILE,
	  .required = true },
	{ .name = "--type",
	  .argument = "TYPE",
	  .help = "algorithm of the key",
	  .offset = AT(type),
	  .type = OPTION_CHOICE,
	  .choices = "ed25519|p256|p384",
	  .fallback = "ed25519" },
	{ .name = "--name",
	  .argument = "TEXT",
	  .help = "common name of the certificate; the last part of PREFIX without it",
	  .offset = AT(name),
	  .type = OPTION_TEXT },
	{ .name = "--days",
	  .argument = "N",
	  .help = "how long the certificate is valid",
	  .offset = AT(days),
	  .type = OPTION_NUMBER,
	  .min = 1,
	  .max = 36500,
	  .fallback = "3650" },
	OPTION_END,
};

const struct verb verb_keygen = {
	.name = "keygen",
	.summary = "Make a key, its public half and a self-signed certificate",
	.about = "PREFIX.key (PKCS#8 PEM, mode 0600) signs snapshots and hand-overs; it never "
		 "leaves this "
		 "host. PREFIX.pub is what others name with --trust and --to-audience. PREFIX.crt "
		 "is the "
		 "same key as an X.509 certificate, for --peer; with type p256 or p384 also for "
		 "--encrypt-to, which Ed25519 cannot do.",
	.options = rows,
	.args_size = sizeof(struct keygen_args),
	.run = run_keygen,
};
