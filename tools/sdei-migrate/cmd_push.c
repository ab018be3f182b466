// SPDX-License-Identifier: Apache-2.0
#include "verbs.h"
#include "web.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

struct push_args {
	struct web_args web;
	const char *file, *url, *state;
	struct option_number part_size;
	bool overwrite, abandon;
};

/* The file, or what standard input brought, in a file of its own. */
static int open_source(const struct push_args *args, int *fd, struct stat *status,
		       struct failure *failure)
{
	const bool standard = strcmp(args->file, "-") == 0;
	int ret;

	*fd = standard ? -1 : open(args->file, O_RDONLY | O_CLOEXEC);
	if (!standard && *fd < 0)
		return failure_io(failure, args->file, errno);
	ret = standard ? web_spool(fd, failure) : 0;
	if (ret == 0 && standard)
		ret = web_copy(STDIN_FILENO, *fd, args->web.max_size.value, "standard input",
			       failure);
	if (ret)
		return ret;
	if (fstat(*fd, status) < 0)
		return failure_io(failure, args->file, errno);
	if (!S_ISREG(status->st_mode))
		return failure_io(failure, args->file, S_ISDIR(status->st_mode) ? EISDIR : EINVAL);
	if ((uint64_t)status->st_size > args->web.max_size.value)
		return failure_set(failure, SDEISTATE_OVER_LIMIT, -E2BIG, args->file, "size",
				   "at most --max-size", "more");
	return args->web.any_file
		       ? 0
		       : web_check_file(*fd, (uint64_t)status->st_size, args->file, failure);
}

/* Where unfinished uploads are noted. What came from a pipe cannot be had again: nothing to go on with. */
static int records_folder(const struct push_args *args, char **folder, struct failure *failure)
{
	OWNED_MEMORY char *state = NULL;
	OWNED_MEMORY char *path = NULL;
	int ret;

	if (strcmp(args->file, "-") == 0 && !args->abandon)
		return 0;
	ret = tool_state_dir(args->state, &state, failure);
	if (ret)
		return ret;
	if (asprintf(&path, "%s/uploads", state) < 0) {
		path = NULL;
		return failure_io(failure, state, ENOMEM);
	}
	return tool_state_dir(path, folder, failure);
}

static int fail(const struct web *web, const struct transport_error *err)
{
	char advice[512];
	struct failure failure;
	size_t used;

	web_failure(web, err, advice, sizeof(advice), &failure);
	used = strlen(advice);
	if (web->told.unfinished)
		snprintf(advice + used, sizeof(advice) - used,
			 " The server keeps the parts it has: the same command goes on, and with "
			 "--abandon has them dropped.");
	else if (web->told.stored && failure.code != -EEXIST)
		snprintf(advice + used, sizeof(advice) - used, " An object of that name is there.");
	return tool_fail(web->tool, &failure);
}

static int abandon(const struct push_args *args, struct web *web, const char *records)
{
	struct transport_error err;

	if (transport_http_abandon(web->http, args->url, records, &web->told, &err))
		return fail(web, &err);
	return tool_result(web->tool, web_result(web, &args->web, args->file, args->url));
}

static int push(const struct push_args *args, struct web *web, int fd, const char *records)
{
	const struct transport_push how = {
		.fd = fd,
		.overwrite = args->overwrite,
		.part_size = args->part_size.value,
		.records = records,
	};
	struct transport_error err;
	json_t *json;

	if (transport_http_push(web->http, args->url, &how, &web->told, &err))
		return fail(web, &err);
	progress_close(&web->progress);
	json = web_result(web, &args->web, args->file, args->url);
	if (json)
		json_object_set_new(json, "parts", json_integer((json_int_t)web->told.parts));
	return tool_result(web->tool, json);
}

static int run_push(struct tool *tool, void *opaque)
{
	const struct push_args *args = opaque;
	OWNED_WEB struct web web = { .tool = NULL };
	OWNED_MEMORY char *records = NULL;
	OWNED_FD int fd = -1;
	struct stat status;
	struct failure failure;

	if (!transport_http_is_url(args->url))
		return tool_usage(tool, "URL", "https://host/path or s3://bucket/key");
	if (records_folder(args, &records, &failure) || web_open(tool, &args->web, &web, &failure))
		return tool_fail(tool, &failure);
	if (!args->abandon && open_source(args, &fd, &status, &failure))
		return tool_fail(tool, &failure);
	web_hold(&web);
	if (args->abandon)
		return abandon(args, &web, records);
	return push(args, &web, fd, records);
}

#define AT(member) offsetof(struct push_args, member)

static const struct option_row rows[] = {
	{ .name = "--overwrite",
	  .help = "replace an object of that name",
	  .offset = AT(overwrite),
	  .type = OPTION_FLAG },
	{ .name = "--part-size",
	  .argument = "SIZE",
	  .help = "s3: send a larger file in parts of this size, 5M to 5G",
	  .offset = AT(part_size),
	  .type = OPTION_SIZE,
	  .fallback = "16M",
	  .min = TRANSPORT_HTTP_MIN_PART,
	  .max = TRANSPORT_HTTP_MAX_PART },
	{ .name = "--abandon",
	  .help = "s3: have the server drop the parts of an unfinished push to URL instead",
	  .offset = AT(abandon),
	  .type = OPTION_FLAG },
	WEB_ROWS(struct push_args),
	{ .name = "--state",
	  .argument = "DIR",
	  .help = "where unfinished uploads are noted",
	  .offset = AT(state),
	  .type = OPTION_TEXT,
	  .names = OPTION_NAMES_DIRECTORY },
	{ .name = "FILE",
	  .help = "the sealed snapshot; - is stdin",
	  .offset = AT(file),
	  .type = OPTION_TEXT,
	  .names = OPTION_NAMES_FILE,
	  .required = true },
	{ .name = "URL",
	  .help = "https://host/path or s3://bucket/key",
	  .offset = AT(url),
	  .type = OPTION_TEXT,
	  .required = true },
	OPTION_END,
};

const struct verb verb_push = {
	.name = "push",
	.summary = "Store a sealed snapshot at a web server or in an object store",
	.about = "The server's certificate and name are verified. Nothing is replaced without "
		 "--overwrite. What fails for a moment is tried again.\n\n"
		 "A large file goes to s3 in parts; when the push is interrupted the server keeps "
		 "them, and the same command goes on with what is missing.\n\n"
		 "Keys, passwords and tokens come from a file or the environment, never from the "
		 "command line; sdei-migrate-push(7) has their names and what goes over the wire.",
	.options = rows,
	.args_size = sizeof(struct push_args),
	.run = run_push,
};
