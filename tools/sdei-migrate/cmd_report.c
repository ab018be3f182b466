// SPDX-License-Identifier: Apache-2.0
#include "common/file.h"
#include "html.h"
#include "report.h"
#include "verbs.h"

#include <errno.h>
#include <string.h>

#define MAX_RECORD (1u << 20)

struct report_args {
	const char *file, *out, *key, *record;
	struct option_list trust;
};

static int not_a_record(struct failure *failure, const char *path, const char *actual)
{
	return failure_set(failure, SDEISTATE_NOT_OURS, -ENOMSG, path, "",
			   "what send --json printed, an object with reason and exit", actual);
}

/* The last line of JSON lines: what send printed at its end. */
static int read_record(const char *path, json_t **record, struct failure *failure)
{
	OWNED_MEMORY uint8_t *text = NULL;
	OWNED_JSON json_t *last = NULL;
	json_error_t error;
	size_t len;
	int ret = file_read(path, MAX_RECORD, &text, &len, failure);

	if (ret)
		return ret;
	for (char *rest = (char *)text, *line; (line = strsep(&rest, "\n"));) {
		if (!*line)
			continue;
		json_decref(last);
		last = json_loads(line, JSON_REJECT_DUPLICATES, &error);
		if (!last)
			return not_a_record(failure, path, error.text);
	}
	if (!json_is_string(json_object_get(last, "reason")) ||
	    !json_is_integer(json_object_get(last, "exit")))
		return not_a_record(failure, path, "another text");
	*record = last;
	last = NULL;
	return 0;
}

static int open_snapshot(const struct report_args *args, struct sealed *sealed,
			 struct failure *failure)
{
	const struct sealed_options options = {
		.path = args->file,
		.trust = &args->trust,
		.key = args->key,
		.flags = SDEISTATE_OPEN_ANY_AUDIENCE | SDEISTATE_OPEN_ANY_TIME |
			 (args->trust.n ? 0 : SDEISTATE_OPEN_ANY_SIGNER),
	};

	return sealed_open(&options, sealed, failure);
}

static int write_page(const struct report_args *args, const struct sealed *sealed,
		      const json_t *record, size_t *size, struct failure *failure)
{
	OWNED_MEMORY char *text = NULL;
	FILE *page = open_memstream(&text, size);

	if (!page)
		return failure_set(failure, SDEISTATE_NO_MEMORY, -ENOMEM, NULL, NULL, NULL, NULL);
	html_begin(page, record && !sealed->opened ? "Hand-over of a VM" : "Snapshot of a VM");
	if (record)
		report_record(page, record);
	if (sealed->opened)
		report_snapshot(page, sealed, args->trust.n > 0);
	html_end(page);
	if (fclose(page))
		return failure_set(failure, SDEISTATE_NO_MEMORY, -ENOMEM, NULL, NULL, NULL, NULL);
	return file_write(args->out, text, *size, 0644, failure);
}

static int run_report(struct tool *tool, void *opaque)
{
	const struct report_args *args = opaque;
	OWNED_SEALED struct sealed sealed = { .fd = -1 };
	OWNED_JSON json_t *record = NULL;
	struct failure failure;
	size_t size = 0;

	if (!args->file && !args->record)
		return tool_usage(tool, "FILE", "a snapshot, or --record, or both");
	if (strcmp(args->out, "-") == 0)
		tool_stdout_is_data(tool);
	if ((args->record && read_record(args->record, &record, &failure)) ||
	    (args->file && open_snapshot(args, &sealed, &failure)) ||
	    write_page(args, &sealed, record, &size, &failure))
		return tool_fail(tool, &failure);
	return tool_result(tool, json_pack("{s:s, s:i, s:s, s:I, s:b}", "reason", "ok", "exit", 0,
					   "file", args->out, "bytes", (json_int_t)size, "verified",
					   args->file && args->trust.n));
}

#define AT(member) offsetof(struct report_args, member)

static const struct option_row rows[] = {
	{ .name = "--out",
	  .argument = "FILE",
	  .letter = 'o',
	  .help = "where to write the page; - is stdout",
	  .offset = AT(out),
	  .type = OPTION_TEXT,
	  .names = OPTION_NAMES_FILE,
	  .required = true },
	{ .name = "--record",
	  .argument = "FILE",
	  .help = "what send --json printed: shows how the hand-over went",
	  .offset = AT(record),
	  .type = OPTION_TEXT,
	  .names = OPTION_NAMES_FILE },
	SEALED_TRUST_ROW(struct report_args, trust, "show only what these keys signed"),
	SEALED_KEY_ROW(struct report_args, key),
	{ .name = "FILE",
	  .help = "sealed snapshot",
	  .offset = AT(file),
	  .type = OPTION_TEXT,
	  .names = OPTION_NAMES_FILE },
	OPTION_END,
};

const struct verb verb_report = {
	.name = "report",
	.summary = "Write one HTML page about a snapshot or a hand-over",
	.about = "The page stands alone: it has no script and fetches nothing. It shows guest "
		 "registers; treat it like the snapshot.",
	.options = rows,
	.args_size = sizeof(struct report_args),
	.run = run_report,
};
