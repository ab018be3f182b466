// SPDX-License-Identifier: Apache-2.0
#include "sealed.h"
#include "verbs.h"

#include <inttypes.h>
#include <string.h>

struct diff_args {
	const char *a, *b, *key, *base;
	struct option_list trust;
};

/* One comparison on its way to the output. */
struct listing {
	const struct tool *tool;
	json_t *list; /* with --json */
	unsigned int n;
};

static json_t *side(bool there, uint64_t value)
{
	return there ? number_json(value) : json_null();
}

static void print_side(const struct tool *tool, char sign, const char *colour,
		       const struct sdeistate_change *change, uint64_t value)
{
	fprintf(tool->out, "%s%c %s = 0x%" PRIx64 "%s\n", tool->colour ? colour : "", sign,
		change->path, value, tool->colour ? "\033[0m" : "");
}

static int take_change(void *user, const struct sdeistate_change *change)
{
	struct listing *listing = user;

	listing->n++;
	if (listing->list) {
		json_array_append_new(listing->list,
				      json_pack("{s:s, s:s, s:o, s:o}", "path", change->path,
						"record", sdeistate_record_name(change->record),
						"a", side(change->in_a, change->a), "b",
						side(change->in_b, change->b)));
		return 0;
	}
	if (change->in_a)
		print_side(listing->tool, '-', "\033[31m", change, change->a);
	if (change->in_b)
		print_side(listing->tool, '+', "\033[32m", change, change->b);
	return 0;
}

static int open_one(const struct diff_args *args, const char *path, struct sealed *sealed,
		    struct failure *failure)
{
	const struct sealed_options options = {
		.path = path,
		.trust = &args->trust,
		.key = args->key,
		.flags = SDEISTATE_OPEN_ANY_AUDIENCE | SDEISTATE_OPEN_ANY_TIME |
			 (args->trust.n ? 0 : SDEISTATE_OPEN_ANY_SIGNER),
	};

	return sealed_open(&options, sealed, failure);
}

/* Is @base what @delta, which has no state yet, was made from? */
static bool is_base_of(const struct sealed *base, const struct sealed *delta)
{
	return base->state && !delta->state &&
	       delta->opened->manifest.kind == SDEISTATE_KIND_DELTA &&
	       memcmp(delta->opened->manifest.base_digest, sealed_records(base).digest,
		      SDEISTATE_DIGEST_SIZE) == 0;
}

/* A delta gets its state from --base, or from the file it is compared with. */
static int resolve(struct sealed *delta, const char *path, const struct sealed *named,
		   const struct sealed *other, struct failure *failure)
{
	int ret = 0;

	if (is_base_of(other, delta))
		ret = sealed_apply(delta, path, other, failure);
	else if (named->opened && delta->opened->manifest.kind == SDEISTATE_KIND_DELTA)
		ret = sealed_apply(delta, path, named, failure);
	return ret ? ret : sealed_has_state(delta, path, failure);
}

static int open_both(const struct diff_args *args, struct sealed *a, struct sealed *b,
		     struct failure *failure)
{
	OWNED_SEALED struct sealed base = { .fd = -1 };
	int ret = open_one(args, args->a, a, failure);

	if (!ret)
		ret = open_one(args, args->b, b, failure);
	if (!ret && args->base)
		ret = open_one(args, args->base, &base, failure);
	if (!ret)
		ret = resolve(a, args->a, &base, b, failure);
	return ret ? ret : resolve(b, args->b, &base, a, failure);
}

static int run_diff(struct tool *tool, void *opaque)
{
	const struct diff_args *args = opaque;
	OWNED_SEALED struct sealed a = { .fd = -1 };
	OWNED_SEALED struct sealed b = { .fd = -1 };
	struct listing listing = { .tool = tool };
	struct failure failure;
	int ret = 0;

	if (open_both(args, &a, &b, &failure))
		return tool_fail(tool, &failure);
	if (tool->json)
		listing.list = json_array();
	sdeistate_diff(a.state, b.state, take_change, &listing);
	if (tool->json)
		ret = tool_result(tool,
				  json_pack("{s:b, s:i, s:o}", "equal", listing.n == 0, "exit",
					    listing.n != 0, "differences", listing.list));
	return ret ? ret : listing.n != 0;
}

#define AT(member) offsetof(struct diff_args, member)

static const struct option_row rows[] = {
	SEALED_TRUST_ROW(struct diff_args, trust, "compare only what these keys signed"),
	SEALED_BASE_ROW(struct diff_args, base,
			"what a delta among A and B applies to; needless if it is the other one"),
	SEALED_KEY_ROW(struct diff_args, key),
	{ .name = "A",
	  .help = "sealed snapshot; - is stdin",
	  .offset = AT(a),
	  .type = OPTION_TEXT,
	  .names = OPTION_NAMES_FILE,
	  .required = true },
	{ .name = "B",
	  .help = "the other one",
	  .offset = AT(b),
	  .type = OPTION_TEXT,
	  .names = OPTION_NAMES_FILE,
	  .required = true },
	OPTION_END,
};

const struct verb verb_diff = {
	.name = "diff",
	.summary = "Compare the states of two snapshots, field by field",
	.about = "Exit code 0 if they are equal, 1 if they differ. Lines with - stand in A, lines "
		 "with + in B.",
	.options = rows,
	.args_size = sizeof(struct diff_args),
	.run = run_diff,
};
