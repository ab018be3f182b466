// SPDX-License-Identifier: Apache-2.0
#include "token/tree.h"
#include "error_fill.h"

#include <errno.h>
#include <string.h>

/* Where a first pass over the bytes is: how many items each open container still waits for. */
struct scan {
	uint64_t left[TREE_MAX_DEPTH];
	unsigned int depth;
	size_t rest; /* bytes behind the current head */
	const char *fault;
};

static void end_item(struct scan *s)
{
	while (s->depth && --s->left[s->depth - 1] == 0)
		s->depth--;
}

/* An item takes a byte at least: a count that cannot be true never becomes an allocation. */
static void open_container(struct scan *s, uint64_t n)
{
	if (n == 0) {
		end_item(s);
	} else if (n > s->rest) {
		s->fault = "more items than bytes";
	} else if (s->depth == TREE_MAX_DEPTH) {
		s->fault = "deeper than 12 levels";
	} else {
		s->left[s->depth++] = n;
	}
}

static void on_array(void *ctx, size_t n)
{
	open_container(ctx, n);
}

static void on_map(void *ctx, size_t n)
{
	struct scan *s = ctx;

	if (n > TREE_MAX_PAIRS)
		s->fault = "a map of more than 256 pairs";
	else
		open_container(s, 2 * (uint64_t)n);
}

static void on_tag(void *ctx, uint64_t tag)
{
	(void)tag;
	open_container(ctx, 1);
}

static void on_indefinite(void *ctx)
{
	struct scan *s = ctx;

	s->fault = "an indefinite length";
}

static void on_u8(void *ctx, uint8_t value)
{
	(void)value;
	end_item(ctx);
}

static void on_u16(void *ctx, uint16_t value)
{
	(void)value;
	end_item(ctx);
}

static void on_u32(void *ctx, uint32_t value)
{
	(void)value;
	end_item(ctx);
}

static void on_u64(void *ctx, uint64_t value)
{
	(void)value;
	end_item(ctx);
}

static void on_string(void *ctx, cbor_data data, size_t len)
{
	(void)data;
	(void)len;
	end_item(ctx);
}

static void on_float(void *ctx, float value)
{
	(void)value;
	end_item(ctx);
}

static void on_double(void *ctx, double value)
{
	(void)value;
	end_item(ctx);
}

static void on_bool(void *ctx, bool value)
{
	(void)value;
	end_item(ctx);
}

static void on_simple(void *ctx)
{
	end_item(ctx);
}

static const struct cbor_callbacks callbacks = {
	.uint8 = on_u8,
	.uint16 = on_u16,
	.uint32 = on_u32,
	.uint64 = on_u64,
	.negint8 = on_u8,
	.negint16 = on_u16,
	.negint32 = on_u32,
	.negint64 = on_u64,
	.byte_string = on_string,
	.byte_string_start = on_indefinite,
	.string = on_string,
	.string_start = on_indefinite,
	.array_start = on_array,
	.indef_array_start = on_indefinite,
	.map_start = on_map,
	.indef_map_start = on_indefinite,
	.indef_break = on_indefinite,
	.tag = on_tag,
	.float2 = on_float,
	.float4 = on_float,
	.float8 = on_double,
	.boolean = on_bool,
	.null = on_simple,
	.undefined = on_simple,
};

/* Return: NULL, or what is wrong with the bytes. Allocates nothing. */
static const char *scan_bytes(const uint8_t *data, size_t len)
{
	struct scan s = { 0 };
	size_t at = 0;

	do {
		struct cbor_decoder_result r;

		s.rest = len - at;
		r = cbor_stream_decode(data + at, len - at, &callbacks, &s);
		if (r.status != CBOR_DECODER_FINISHED)
			return r.status == CBOR_DECODER_NEDATA ? "cut off" : "not CBOR";
		if (s.fault)
			return s.fault;
		at += r.read;
	} while (s.depth);
	return at == len ? NULL : "bytes behind the end";
}

static bool same_key(const cbor_item_t *a, const cbor_item_t *b)
{
	if (cbor_typeof(a) != cbor_typeof(b))
		return false;
	switch (cbor_typeof(a)) {
	case CBOR_TYPE_UINT:
	case CBOR_TYPE_NEGINT:
		return cbor_get_int(a) == cbor_get_int(b);
	case CBOR_TYPE_BYTESTRING:
		return cbor_bytestring_length(a) == cbor_bytestring_length(b) &&
		       !memcmp(cbor_bytestring_handle(a), cbor_bytestring_handle(b),
			       cbor_bytestring_length(a));
	case CBOR_TYPE_STRING:
		return cbor_string_length(a) == cbor_string_length(b) &&
		       !memcmp(cbor_string_handle(a), cbor_string_handle(b), cbor_string_length(a));
	case CBOR_TYPE_ARRAY:
	case CBOR_TYPE_MAP:
	case CBOR_TYPE_TAG:
	case CBOR_TYPE_FLOAT_CTRL:
	default:
		return false;
	}
}

static const char *check_item(const cbor_item_t *item);

static const char *check_map(const cbor_item_t *map)
{
	const struct cbor_pair *pair = cbor_map_handle(map);
	size_t n = cbor_map_size(map);

	for (size_t i = 0; i < n; i++) {
		cbor_type type = cbor_typeof(pair[i].key);
		const char *fault;

		if (type > CBOR_TYPE_STRING)
			return "a key that is no number and no string";
		for (size_t k = 0; k < i; k++)
			if (same_key(pair[i].key, pair[k].key))
				return "a duplicate key";
		fault = check_item(pair[i].key);
		if (!fault)
			fault = check_item(pair[i].value);
		if (fault)
			return fault;
	}
	return NULL;
}

static const char *check_array(const cbor_item_t *array)
{
	cbor_item_t **item = cbor_array_handle(array);
	const char *fault = NULL;

	for (size_t i = 0; !fault && i < cbor_array_size(array); i++)
		fault = check_item(item[i]);
	return fault;
}

/* Recursion ends at TREE_MAX_DEPTH, which the scan has seen to. */
static const char *check_item(const cbor_item_t *item)
{
	switch (cbor_typeof(item)) {
	case CBOR_TYPE_MAP:
		return check_map(item);
	case CBOR_TYPE_ARRAY:
		return check_array(item);
	case CBOR_TYPE_TAG:
		return check_item(cbor_move(cbor_tag_item(item)));
	case CBOR_TYPE_STRING: /* libcbor counts no characters in what is not UTF-8 */
		return cbor_string_length(item) && !cbor_string_codepoint_count(item)
			       ? "text that is not UTF-8"
			       : NULL;
	case CBOR_TYPE_UINT:
	case CBOR_TYPE_NEGINT:
	case CBOR_TYPE_BYTESTRING:
	case CBOR_TYPE_FLOAT_CTRL:
	default:
		return NULL;
	}
}

int tree_load(const void *data, size_t len, const char *object, cbor_item_t **root,
	      struct kvmcore_error *err)
{
	const char *fault = len ? scan_bytes(data, len) : "empty";
	struct cbor_load_result result;
	cbor_item_t *item;

	if (fault)
		return error_fill(err, -EBADMSG, object, "encoding", "one CBOR item|%s", fault);
	item = cbor_load(data, len, &result);
	if (!item && result.error.code == CBOR_ERR_MEMERROR)
		return error_fill(err, -ENOMEM, object, "", "memory");
	fault = item ? check_item(item) : "malformed";
	if (fault) {
		tree_free(&item);
		return error_fill(err, -EBADMSG, object, "encoding", "one CBOR item|%s", fault);
	}
	*root = item;
	return 0;
}

void tree_free(cbor_item_t **root)
{
	if (*root)
		cbor_decref(root);
}

struct kvmcore_span tree_bytes(const cbor_item_t *item)
{
	static const uint8_t nothing[1];
	struct kvmcore_span none = { NULL, 0 };

	if (!item || !cbor_isa_bytestring(item))
		return none;
	if (!cbor_bytestring_length(item))
		return (struct kvmcore_span){ nothing, 0 };
	return (struct kvmcore_span){ cbor_bytestring_handle(item), cbor_bytestring_length(item) };
}

struct kvmcore_span tree_text(const cbor_item_t *item)
{
	static const uint8_t nothing[1];
	struct kvmcore_span none = { NULL, 0 };

	if (!item || !cbor_isa_string(item))
		return none;
	if (!cbor_string_length(item))
		return (struct kvmcore_span){ nothing, 0 };
	return (struct kvmcore_span){ cbor_string_handle(item), cbor_string_length(item) };
}

bool tree_int(const cbor_item_t *item, int64_t *value)
{
	if (!item || (!cbor_isa_uint(item) && !cbor_isa_negint(item)) ||
	    cbor_get_int(item) > INT64_MAX)
		return false;
	*value = (int64_t)cbor_get_int(item);
	if (cbor_isa_negint(item))
		*value = -1 - *value;
	return true;
}

const cbor_item_t *tree_find_int(const cbor_item_t *map, int64_t key)
{
	const struct cbor_pair *pair = cbor_map_handle(map);

	for (size_t i = 0; i < cbor_map_size(map); i++) {
		int64_t k;

		if (tree_int(pair[i].key, &k) && k == key)
			return pair[i].value;
	}
	return NULL;
}

const cbor_item_t *tree_find(const cbor_item_t *map, uint64_t key)
{
	return key <= INT64_MAX ? tree_find_int(map, (int64_t)key) : NULL;
}

const cbor_item_t *tree_untag(const cbor_item_t *item, uint64_t tag)
{
	return cbor_isa_tag(item) && cbor_tag_value(item) == tag ? cbor_move(cbor_tag_item(item))
								 : NULL;
}

const char *tree_type_name(const cbor_item_t *item)
{
	static const char *const names[] = { "an unsigned integer",
					     "a negative integer",
					     "a byte string",
					     "a text string",
					     "an array",
					     "a map",
					     "a tag",
					     "a simple value" };

	return item ? names[cbor_typeof(item)] : "nothing";
}
