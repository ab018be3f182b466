// SPDX-License-Identifier: Apache-2.0
#include "pull_file.h"
#include "verbs.h"
#include "verify_one.h"
#include "web.h"

#include <errno.h>
#include <string.h>

struct pull_args {
	struct web_args web;
	struct option_list trust;
	struct policy_options policy;
	const char *url, *file;
	bool overwrite;
};

static int fail(const struct web *web, const struct pull_file *file,
		const struct transport_error *err)
{
	char advice[512];
	struct failure failure;
	size_t used;

	web_failure(web, err, advice, sizeof(advice), &failure);
	used = strlen(advice);
	if (pull_file_keeps(file))
		snprintf(advice + used, sizeof(advice) - used,
			 " What came is in %.300s: the same command goes on from there.",
			 file->part);
	return tool_fail(web->tool, &failure);
}

static int verify(const struct pull_args *args, const struct verifier *verifier,
		  const struct pull_file *file, uint64_t size, struct failure *failure)
{
	OWNED_SEALED struct sealed sealed = { .fd = -1 };
	char name[32];
	int ret = args->web.any_file ? 0 : web_check_file(file->fd, size, args->url, failure);

	if (ret || !args->trust.n)
		return ret;
	pull_file_readable(file, name, sizeof(name));
	ret = verify_one(verifier, name, NULL, &sealed, failure);
	if (ret && strcmp(failure->object, name) == 0)
		transport_http_name(args->url, failure->object, sizeof(failure->object));
	return ret;
}

static int pull(const struct pull_args *args, const struct verifier *verifier, struct web *web,
		struct pull_file *file)
{
	const struct transport_pull how = {
		.fd = file->fd,
		.have = file->have,
		.etag = file->etag,
		.max_size = args->web.max_size.value,
		.begin = pull_file_begin,
		.arg = file,
	};
	struct transport_error err;
	struct failure failure;
	json_t *json;

	if (transport_http_pull(web->http, args->url, &how, &web->told, &err)) {
		/* Of another size, or other bytes: the next pull would only find that again. */
		if (err.code == -E2BIG || err.code == -EBADMSG)
			pull_file_drop(file);
		return fail(web, file, &err);
	}
	progress_close(&web->progress);
	if (verify(args, verifier, file, web->told.size, &failure)) {
		pull_file_drop(file);
		return tool_fail(web->tool, &failure);
	}
	if (pull_file_finish(file, args->overwrite, &failure))
		return tool_fail(web->tool, &failure);
	json = web_result(web, &args->web, args->file, args->url);
	if (json) {
		json_object_set_new(json, "restarted", json_boolean(web->told.restarted));
		json_object_set_new(json, "verified", json_boolean(args->trust.n != 0));
	}
	return tool_result(web->tool, json);
}

static int run_pull(struct tool *tool, void *opaque)
{
	const struct pull_args *args = opaque;
	OWNED_WEB struct web web = { .tool = NULL };
	OWNED_PULL_FILE struct pull_file file = { .fd = -1 };
	OWNED_VERIFIER struct verifier verifier = { .key = NULL };
	struct failure failure;

	if (!transport_http_is_url(args->url))
		return tool_usage(tool, "URL", "https://host/path or s3://bucket/key");
	if (args->trust.n && args->web.any_file)
		return tool_usage(tool, "--any-file", "--any-file or --trust, not both");
	if (strcmp(args->file, "-") == 0)
		tool_stdout_is_data(tool);
	if ((args->trust.n &&
	     verifier_load(&verifier, args->url, &args->trust, &args->policy, &failure)) ||
	    web_open(tool, &args->web, &web, &failure) ||
	    pull_file_open(args->file, args->url, args->overwrite, &file, &failure))
		return tool_fail(tool, &failure);
	web_hold(&web);
	return pull(args, &verifier, &web, &file);
}

#define AT(member) offsetof(struct pull_args, member)

static const struct option_row rows[] = {
	{ .name = "--overwrite",
	  .help = "replace a file of that name",
	  .offset = AT(overwrite),
	  .type = OPTION_FLAG },
	{ .name = "--trust",
	  .argument = "PUB|DIR",
	  .help = "verify it before it gets its name: who may have signed it; may be repeated",
	  .offset = AT(trust),
	  .type = OPTION_LIST,
	  .names = OPTION_NAMES_FILE },
	POLICY_ROWS(struct pull_args, policy),
	WEB_ROWS(struct pull_args),
	{ .name = "URL",
	  .help = "https://host/path or s3://bucket/key",
	  .offset = AT(url),
	  .type = OPTION_TEXT,
	  .required = true },
	{ .name = "FILE",
	  .help = "where it goes; - is stdout",
	  .offset = AT(file),
	  .type = OPTION_TEXT,
	  .names = OPTION_NAMES_FILE,
	  .required = true },
	OPTION_END,
};

const struct verb verb_pull = {
	.name = "pull",
	.summary = "Fetch a sealed snapshot from a web server or an object store",
	.about =
		"The file gets its name when all of it is there, and with --trust when it was "
		"verified as verify does; without, nothing vouches for it yet. Nothing is replaced "
		"without --overwrite.\n\n"
		"An interrupted pull leaves FILE.part; the same command goes on from there, and "
		"from the start if the object has changed.\n\n"
		"With - all of it is there before the first byte is written.",
	.options = rows,
	.args_size = sizeof(struct pull_args),
	.run = run_pull,
};
