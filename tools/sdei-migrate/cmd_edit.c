// SPDX-License-Identifier: Apache-2.0
#include "common/file.h"
#include "form_json.h"
#include "state_json.h"
#include "verbs.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#define MAX_FORM (64u << 20)

struct edit_args {
	const char *file, *out, *key;
	struct option_list trust, set, remove;
};

static int check_out(struct tool *tool, const char *out)
{
	if (strcmp(out, "-") == 0 && isatty(STDOUT_FILENO))
		return tool_usage(tool, "-o", "a file; a snapshot is not printed on a terminal");
	if (strcmp(out, "-") == 0)
		tool_stdout_is_data(tool);
	return 0;
}

/* What comes out has been changed by a person: nobody has signed it, and it has an id of its own. */
static int write_unsigned(const struct edit_args *args, const struct sdeistate *state,
			  const struct sdeistate_buffer *stream, size_t *size,
			  struct failure *failure)
{
	CLEANUP(sdeistate_buffer_free) struct sdeistate_buffer file = { 0 };
	struct sdeistate_seal_request request = {
		.kind = state->kind == SDEISTATE_FINAL ? SDEISTATE_KIND_FINAL : SDEISTATE_KIND_BASE,
		.generation = state->vm.generation,
		.any_destination = true,
		.profile = state_profile_name(state),
		.kernel_profile = state->vm.kernel,
		.stream = stream->data,
		.stream_len = stream->len,
		.allow_unsigned = true,
	};
	struct sdeistate_error error;

	memcpy(request.vm_uuid, state->vm.uuid, sizeof(request.vm_uuid));
	if (sdeistate_seal(&request, &file, &error))
		return failure_from(failure, &error);
	*size = file.len;
	return file_write(args->out, file.data, file.len, 0600, failure);
}

static int finish(struct tool *tool, const struct edit_args *args, const struct sdeistate *state,
		  const struct sdeistate_buffer *stream)
{
	struct failure failure;
	char uuid[37];
	size_t size = 0;

	if (write_unsigned(args, state, stream, &size, &failure))
		return tool_fail(tool, &failure);
	tool_say(tool, "%s: nobody has signed it; sdei-migrate sign seals it anew", args->out);
	uuid_text(state->vm.uuid, uuid);
	return tool_result(tool, json_pack("{s:s, s:i, s:s, s:s, s:I, s:I, s:i}", "reason", "ok",
					   "exit", 0, "file", args->out, "vm", uuid,
					   "records_bytes", (json_int_t)stream->len, "file_bytes",
					   (json_int_t)size, "signatures", 0));
}

static int open_file(const struct edit_args *args, struct sealed *sealed, struct failure *failure)
{
	const struct sealed_options options = {
		.path = args->file,
		.trust = &args->trust,
		.key = args->key,
		.flags = SDEISTATE_OPEN_ANY_AUDIENCE | SDEISTATE_OPEN_ANY_TIME |
			 (args->trust.n ? 0 : SDEISTATE_OPEN_ANY_SIGNER),
	};
	const int ret = sealed_open(&options, sealed, failure);

	return ret ? ret : sealed_has_state(sealed, args->file, failure);
}

static int change(const struct edit_args *args, struct sdeistate *state, struct failure *failure)
{
	struct sdeistate_error error;
	int ret = 0;

	for (size_t i = 0; i < args->remove.n && !ret; i++)
		if (sdeistate_form_remove(state, args->remove.item[i], &error))
			ret = failure_from(failure, &error);
	for (size_t i = 0; i < args->set.n && !ret; i++)
		ret = form_change(state, args->set.item[i], failure);
	return ret;
}

static int run_edit(struct tool *tool, void *opaque)
{
	const struct edit_args *args = opaque;
	CLEANUP(sdeistate_buffer_free) struct sdeistate_buffer stream = { 0 };
	OWNED_SEALED struct sealed sealed = { .fd = -1 };
	struct sdeistate_error error;
	struct failure failure;
	int ret = check_out(tool, args->out);

	if (ret)
		return ret;
	if (!args->set.n && !args->remove.n)
		return tool_usage(tool, "--set", "--set or --remove: what to change");
	if (open_file(args, &sealed, &failure) || change(args, sealed.state, &failure))
		return tool_fail(tool, &failure);
	if (sdeistate_validate(sealed.state, &error) ||
	    sdeistate_encode(sealed.state, &stream, &error)) {
		failure_from(&failure, &error);
		return tool_fail(tool, &failure);
	}
	return finish(tool, args, sealed.state, &stream);
}

static int run_encode(struct tool *tool, void *opaque)
{
	const struct edit_args *args = opaque;
	CLEANUP(sdeistate_buffer_free) struct sdeistate_buffer stream = { 0 };
	OWNED_STATE struct sdeistate *state = NULL;
	OWNED_MEMORY uint8_t *text = NULL;
	OWNED_JSON json_t *form = NULL;
	struct failure failure;
	json_error_t error;
	char line[32];
	size_t len;
	int ret = check_out(tool, args->out);

	if (ret)
		return ret;
	if (file_read(args->file, MAX_FORM, &text, &len, &failure))
		return tool_fail(tool, &failure);
	form = json_loadb((const char *)text, len, JSON_REJECT_DUPLICATES, &error);
	if (!form) {
		snprintf(line, sizeof(line), "line %d", error.line);
		failure_set(&failure, SDEISTATE_NOT_OURS, -ENOMSG, args->file, line, "JSON",
			    error.text);
		return tool_fail(tool, &failure);
	}
	/* What show --form --json prints has the form inside. */
	if (form_json_read(args->file,
			   json_object_get(form, "fields") ? form : json_object_get(form, "form"),
			   &state, &stream, &failure))
		return tool_fail(tool, &failure);
	return finish(tool, args, state, &stream);
}

#define AT(member) offsetof(struct edit_args, member)

#define OUT_ROW                                                                        \
	{                                                                              \
		.name = "--out", .argument = "FILE", .letter = 'o',                    \
		.help = "where to write the snapshot; - is stdout", .offset = AT(out), \
		.type = OPTION_TEXT, .names = OPTION_NAMES_FILE, .fallback = "-"       \
	}

static const struct option_row edit_rows[] = {
	{ .name = "--set",
	  .argument = "PATH=NUMBER",
	  .help = "write a field, as show --form names it; NUMBER,NUMBER,... for an array; may be "
		  "repeated",
	  .offset = AT(set),
	  .type = OPTION_LIST },
	{ .name = "--remove",
	  .argument = "PATH",
	  .help = "take an entry away first, such as pending[0x400000]; may be repeated",
	  .offset = AT(remove),
	  .type = OPTION_LIST },
	OUT_ROW,
	SEALED_TRUST_ROW(struct edit_args, trust, "change only what these keys signed"),
	SEALED_KEY_ROW(struct edit_args, key),
	SEALED_FILE_ROW(struct edit_args, file),
	OPTION_END,
};

static const struct option_row encode_rows[] = {
	OUT_ROW,
	{ .name = "FILE",
	  .help = "JSON as show --form --json prints it; - is stdin",
	  .offset = AT(file),
	  .type = OPTION_TEXT,
	  .names = OPTION_NAMES_FILE,
	  .required = true },
	OPTION_END,
};

const struct verb verb_edit = {
	.name = "edit",
	.summary = "Change fields of a snapshot into an unsigned one",
	.about = "The result has to be consistent in itself, or nothing is written. It has an id "
		 "of its "
		 "own and no signature: sign seals it anew.",
	.options = edit_rows,
	.args_size = sizeof(struct edit_args),
	.run = run_edit,
};

const struct verb verb_encode = {
	.name = "encode",
	.summary = "Make an unsigned snapshot of the JSON that show --form prints",
	.about = "docs/form.md describes the JSON. The result has to be consistent in itself, or "
		 "nothing is written. sign seals it.",
	.options = encode_rows,
	.args_size = sizeof(struct edit_args),
	.run = run_encode,
};
