// SPDX-License-Identifier: Apache-2.0
#include "open.h"

#include "error_set.h"
#include "layout.h"
#include "manifest.h"
#include "record.h"
#include "signers.h"
#include "util.h"

#include <errno.h>
#include <inttypes.h>
#include <sdeistate/delta.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct sdeistate_rest {
	struct source source;
	struct sdeistate_open_options options;
	struct open_watch watch;
	unsigned int next; /* frame */
	bool ended;        /* END was read and right */
	bool failed;       /* somewhere inside: there is no way on */
};

/* Prefix, manifest and signatures as they stand in the file. */
struct head {
	struct sdeistate_peek peek;
	struct sdeistate_buffer signed_bytes;
	struct sdeistate_buffer entries;
	struct layout_signatures signatures;
};

static void release_head(struct head *head)
{
	sdeistate_buffer_free(&head->signed_bytes);
	sdeistate_buffer_free(&head->entries);
}

static int read_prefix(struct source *source, uint8_t prefix[SDEISTATE_PREFIX_SIZE],
		       struct sdeistate_peek *peek, struct sdeistate_error *err)
{
	size_t got;
	int ret = source_some(source, prefix, SDEISTATE_PREFIX_SIZE, &got, err);

	ret = ret ? ret : sdeistate_peek(prefix, got, peek, err);
	return ret ? ret : layout_bounds(peek, err);
}

static int read_signed(struct source *source, struct head *head, struct sdeistate_error *err)
{
	uint8_t prefix[SDEISTATE_PREFIX_SIZE];
	int ret = read_prefix(source, prefix, &head->peek, err);

	if (ret)
		return ret;
	head->signed_bytes.len = sizeof(prefix) + head->peek.manifest_size;
	head->signed_bytes.data = malloc(head->signed_bytes.len);
	if (!head->signed_bytes.data)
		return error_no_memory(err, "manifest");
	memcpy(head->signed_bytes.data, prefix, sizeof(prefix));
	return source_exactly(source, head->signed_bytes.data + sizeof(prefix),
			      head->peek.manifest_size, "manifest", err);
}

static int read_signatures(struct source *source, struct head *head, struct sdeistate_error *err)
{
	uint8_t header[LAYOUT_SIGNATURES];
	uint32_t size;
	int ret = source_exactly(source, header, sizeof(header), "signatures", err);

	ret = ret ? ret : layout_signatures_size(header, &size, err);
	if (ret)
		return ret;
	head->entries.len = size;
	head->entries.data = malloc(size + 1u);
	if (!head->entries.data)
		return error_no_memory(err, "signatures");
	ret = source_exactly(source, head->entries.data, size, "signatures", err);
	return ret ? ret
		   : layout_signatures(header, head->entries.data, size, &head->signatures, err);
}

/* Of a file in memory the end can be checked before anything is believed. */
static int check_whole(const struct source *source, const struct sdeistate_peek *peek,
		       struct sdeistate_error *err)
{
	uint64_t want = source->consumed + peek->payload_size + LAYOUT_END;

	if (!source->bytes)
		return 0;
	if (source->len != want)
		return error_set(err, SDEISTATE_DAMAGED, -EBADMSG, "sealed file", "length",
				 "%" PRIu64 " bytes|%zu", want, source->len);
	return layout_check_end(source->bytes + source->len - LAYOUT_END, want - LAYOUT_END, err);
}

static int check_end(struct source *source, struct sdeistate_error *err)
{
	uint64_t before = source->consumed;
	uint8_t end[LAYOUT_END], more;
	size_t got;
	int ret = source_exactly(source, end, sizeof(end), "end", err);

	ret = ret ? ret : layout_check_end(end, before, err);
	ret = ret ? ret : source_some(source, &more, 1, &got, err);
	if (!ret && got)
		ret = error_set(err, SDEISTATE_DAMAGED, -EBADMSG, "sealed file", "end",
				"nothing behind it|more bytes");
	return ret;
}

static int check_destination(const struct sdeistate_manifest *manifest,
			     const struct sdeistate_open_options *options,
			     struct sdeistate_error *err)
{
	uint64_t now = options->now ? options->now : (uint64_t)time(NULL);

	if (manifest->expires && now > manifest->expires &&
	    !(options->flags & SDEISTATE_OPEN_ANY_TIME))
		return error_set(err, SDEISTATE_EXPIRED, -ETIME, "manifest", "expires",
				 "not before %" PRIu64 "|%" PRIu64, now, manifest->expires);
	if (manifest->any_destination || options->flags & SDEISTATE_OPEN_ANY_AUDIENCE)
		return 0;
	for (unsigned int i = 0; i < options->n_self; i++)
		for (unsigned int k = 0; k < manifest->n_audience; k++)
			if (!memcmp(sdeistate_pub_id(options->self[i]), manifest->audience[k],
				    SDEISTATE_KEY_ID_SIZE))
				return 0;
	return error_set(err, SDEISTATE_WRONG_AUDIENCE, -EACCES, "manifest", "audience",
			 "a key of this destination|%u others", manifest->n_audience);
}

static int check_size(const struct sdeistate_manifest *manifest, uint64_t max,
		      struct sdeistate_error *err)
{
	uint64_t total = 0;

	for (unsigned int i = 0; i < manifest->n_frames; i++)
		total += manifest->frame[i].plain_size;
	if (max && total > max)
		return error_set(err, SDEISTATE_OVER_LIMIT, -E2BIG, "payload", "expanded size",
				 "at most %" PRIu64 " bytes|%" PRIu64, max, total);
	return 0;
}

/* From here on a trusted key has vouched for the bytes, or the caller has said that none must. */
static int open_manifest(const struct head *head, struct sdeistate_opened *opened,
			 struct sdeistate_error *err)
{
	const struct sdeistate_open_options *options = &opened->rest->options;
	const struct sdeistate_buffer *bytes = &head->signed_bytes;
	struct sdeistate_manifest *manifest = &opened->manifest;
	int ret = record_digest(bytes->data, bytes->len, opened->manifest_digest, err);

	if (ret)
		return ret;
	opened->rest->watch.manifests++;
	ret = manifest_decode(bytes->data + SDEISTATE_PREFIX_SIZE,
			      bytes->len - SDEISTATE_PREFIX_SIZE, &head->peek, manifest, err);
	ret = ret ? ret : manifest_check(manifest, head->peek.payload_size, err);
	ret = ret ? ret : signers_check_source(opened, options, err);
	ret = ret ? ret : check_destination(manifest, options, err);
	return ret ? ret : check_size(manifest, options->max_plain, err);
}

static int open_head(struct sdeistate_opened *opened, struct sdeistate_error *err)
{
	struct sdeistate_rest *rest = opened->rest;
	struct head head = { .entries = { NULL, 0 } };
	int ret = read_signed(&rest->source, &head, err);

	ret = ret ? ret : read_signatures(&rest->source, &head, err);
	ret = ret ? ret : check_whole(&rest->source, &head.peek, err);
	if (!ret)
		ret = signers_check(&head.signatures, head.signed_bytes.data, head.signed_bytes.len,
				    &rest->options, &rest->watch, opened, err);
	ret = ret ? ret : open_manifest(&head, opened, err);
	release_head(&head);
	return ret;
}

static struct frame_from from_rest(struct sdeistate_opened *opened)
{
	struct sdeistate_rest *rest = opened->rest;

	return (struct frame_from){ .source = &rest->source,
				    .frame = &opened->manifest.frame[rest->next],
				    .encrypted = opened->manifest.encrypted,
				    .secret = rest->options.secret,
				    .n_secrets = rest->options.n_secrets,
				    .workspace = rest->options.workspace,
				    .watch = &rest->watch };
}

/* A delta says twice what it is for; whoever believes one of them must be right (docs/format.md, 4.8). */
static int check_delta(const struct sdeistate_opened *opened, struct sdeistate_error *err)
{
	const struct sdeistate_manifest *manifest = &opened->manifest;
	struct sdeistate_delta_ends ends;
	int ret = sdeistate_delta_peek(opened->stream.data, opened->stream.len, &ends, err);

	if (ret)
		return ret;
	if (memcmp(ends.base, manifest->base_digest, sizeof(ends.base)) ||
	    memcmp(ends.result, manifest->result_digest, sizeof(ends.result)))
		return error_set(err, SDEISTATE_INCONSISTENT, -EBADMSG, "manifest",
				 memcmp(ends.base, manifest->base_digest, sizeof(ends.base))
					 ? "base_digest"
					 : "result_digest",
				 "the one of the delta's record|another");
	return 0;
}

static int open_stream(struct sdeistate_opened *opened, struct sdeistate_error *err)
{
	const struct frame_from from = from_rest(opened);
	struct sdeistate_buffer *stream = &opened->stream;
	int ret;

	stream->len = (size_t)from.frame->plain_size;
	stream->data = malloc(stream->len + 1);
	if (!stream->data)
		return error_no_memory(err, "payload");
	ret = frame_read(&from, stream->data, NULL, NULL, err);
	ret = ret ? ret : sdeistate_index_stream(stream->data, stream->len, &opened->index, err);
	if (!ret &&
	    memcmp(opened->index.digest, opened->manifest.index_digest, SDEISTATE_DIGEST_SIZE))
		ret = error_set(err, SDEISTATE_BAD_DIGEST, -EBADMSG, "records", "index digest",
				"the one that was signed|another");
	if (!ret && opened->manifest.kind == SDEISTATE_KIND_DELTA)
		ret = check_delta(opened, err);
	opened->rest->next = 1;
	return ret;
}

static int finish(struct sdeistate_opened *opened, struct sdeistate_error *err)
{
	int ret = opened->rest->ended ? 0 : check_end(&opened->rest->source, err);

	if (!ret)
		opened->rest->ended = true;
	return ret;
}

static int open_all(struct sdeistate_opened *opened, struct sdeistate_error *err)
{
	int ret = open_head(opened, err);

	if (ret || opened->rest->options.flags & SDEISTATE_OPEN_MANIFEST)
		return ret;
	ret = open_stream(opened, err);
	if (!ret && opened->manifest.n_frames == 1)
		ret = finish(opened, err);
	return ret;
}

static int open_source(const struct source *source, const struct sdeistate_open_options *options,
		       struct open_watch *watch, struct sdeistate_opened **opened,
		       struct sdeistate_error *err)
{
	struct sdeistate_opened *made = calloc(1, sizeof(*made));
	int ret;

	if (made)
		made->rest = calloc(1, sizeof(*made->rest));
	if (!made || !made->rest) {
		free(made);
		return error_no_memory(err, "sealed file");
	}
	made->rest->source = *source;
	made->rest->options = *options;
	ret = open_all(made, err);
	if (watch)
		*watch = made->rest->watch;
	if (ret)
		sdeistate_opened_free(made);
	else
		*opened = made;
	return ret;
}

int open_watched(const void *bytes, size_t len, const struct sdeistate_open_options *options,
		 struct open_watch *watch, struct sdeistate_opened **opened,
		 struct sdeistate_error *err)
{
	/* NULL bytes would mean a descriptor. */
	const struct source source = { .bytes = bytes ? bytes : (const void *)"",
				       .len = bytes ? len : 0,
				       .fd = -1 };

	return open_source(&source, options, watch, opened, err);
}

int sdeistate_open(const void *bytes, size_t len, const struct sdeistate_open_options *options,
		   struct sdeistate_opened **opened, struct sdeistate_error *err)
{
	return open_watched(bytes, len, options, NULL, opened, err);
}

int sdeistate_open_fd(int fd, const struct sdeistate_open_options *options,
		      struct sdeistate_opened **opened, struct sdeistate_error *err)
{
	return open_source(&(struct source){ .fd = fd }, options, NULL, opened, err);
}

int sdeistate_next_frame(struct sdeistate_opened *opened, sdeistate_sink sink, void *arg,
			 unsigned int *index, struct sdeistate_error *err)
{
	struct sdeistate_rest *rest = opened->rest;
	struct frame_from from;
	int ret;

	if (rest->options.flags & SDEISTATE_OPEN_MANIFEST)
		return error_set(err, SDEISTATE_USAGE, -EINVAL, "sealed file", "",
				 "opened with its payload|opened for its manifest");
	if (rest->failed)
		return error_set(err, SDEISTATE_USAGE, -EINVAL, "sealed file", "",
				 "frames that could be read so far|one that could not");
	if (rest->next == opened->manifest.n_frames) {
		ret = finish(opened, err);
		rest->failed = ret != 0;
		return ret ? ret : -ENODATA;
	}
	from = from_rest(opened);
	ret = frame_read(&from, NULL, sink, arg, err);
	rest->failed = ret != 0;
	if (ret)
		return ret;
	if (index)
		*index = rest->next;
	rest->next++;
	return 0;
}

struct sdeistate_opened *sdeistate_opened_free(struct sdeistate_opened *opened)
{
	if (!opened)
		return NULL;
	sdeistate_buffer_free(&opened->stream);
	free(opened->rest);
	free(opened);
	return NULL;
}
