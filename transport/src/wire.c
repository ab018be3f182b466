// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <transport/wire.h>

#include "bytes.h"

void transport_wire_put_header(const struct transport_header *header,
			       uint8_t out[TRANSPORT_WIRE_HEADER_SIZE])
{
	bytes_put(out, header->length, 4);
	bytes_put(out + 4, header->type, 2);
	bytes_put(out + 6, header->flags, 2);
	bytes_put(out + 8, header->id, 8);
}

void transport_wire_get_header(const uint8_t in[TRANSPORT_WIRE_HEADER_SIZE],
			       struct transport_header *header)
{
	header->length = (uint32_t)bytes_get(in, 4);
	header->type = (uint16_t)bytes_get(in + 4, 2);
	header->flags = (uint16_t)bytes_get(in + 6, 2);
	header->id = bytes_get(in + 8, 8);
}

int transport_wire_put(struct transport_buffer *buffer, uint16_t tag, const void *data, size_t len)
{
	uint8_t head[TRANSPORT_WIRE_FIELD_SIZE];
	size_t before = buffer->len;
	int ret;

	if (len > UINT32_MAX || len > buffer->max || buffer->max - len < sizeof(head))
		return -E2BIG;
	bytes_put(head, tag, 2);
	bytes_put(head + 2, 0, 2);
	bytes_put(head + 4, len, 4);
	ret = transport_buffer_append(buffer, head, sizeof(head));
	if (!ret)
		ret = transport_buffer_append(buffer, data, len);
	if (ret)
		buffer->len = before;
	return ret;
}

int transport_wire_put_u32(struct transport_buffer *buffer, uint16_t tag, uint32_t value)
{
	uint8_t bytes[4];

	bytes_put(bytes, value, 4);
	return transport_wire_put(buffer, tag, bytes, sizeof(bytes));
}

int transport_wire_put_u64(struct transport_buffer *buffer, uint16_t tag, uint64_t value)
{
	uint8_t bytes[8];

	bytes_put(bytes, value, 8);
	return transport_wire_put(buffer, tag, bytes, sizeof(bytes));
}

int transport_wire_put_text(struct transport_buffer *buffer, uint16_t tag, const char *text)
{
	return transport_wire_put(buffer, tag, text, strlen(text));
}

int transport_wire_put_id(struct transport_buffer *buffer, uint16_t tag,
			  const struct transport_id *id)
{
	return transport_wire_put(buffer, tag, id->bytes, sizeof(id->bytes));
}

/* The length of the UTF-8 sequence at @text, 0 if it is none (RFC 3629 §4). */
static size_t utf8_step(const uint8_t *text, size_t left)
{
	static const struct {
		uint8_t first, last, second_min, second_max, len;
	} form[] = {
		{ 0x01, 0x7f, 0, 0, 1 },       { 0xc2, 0xdf, 0x80, 0xbf, 2 },
		{ 0xe0, 0xe0, 0xa0, 0xbf, 3 }, { 0xe1, 0xec, 0x80, 0xbf, 3 },
		{ 0xed, 0xed, 0x80, 0x9f, 3 }, { 0xee, 0xef, 0x80, 0xbf, 3 },
		{ 0xf0, 0xf0, 0x90, 0xbf, 4 }, { 0xf1, 0xf3, 0x80, 0xbf, 4 },
		{ 0xf4, 0xf4, 0x80, 0x8f, 4 },
	};

	for (size_t i = 0; i < sizeof(form) / sizeof(form[0]); i++) {
		if (text[0] < form[i].first || text[0] > form[i].last)
			continue;
		if (left < form[i].len)
			return 0;
		if (form[i].len > 1 &&
		    (text[1] < form[i].second_min || text[1] > form[i].second_max))
			return 0;
		for (size_t k = 2; k < form[i].len; k++)
			if ((text[k] & 0xc0) != 0x80)
				return 0;
		return form[i].len;
	}
	return 0;
}

static bool is_text(const uint8_t *text, size_t len)
{
	size_t step;

	for (; len; text += step, len -= step) {
		step = utf8_step(text, len);
		if (!step)
			return false;
	}
	return true;
}

static const struct transport_rule *find_rule(const struct transport_rule *rule, size_t n_rules,
					      uint16_t tag)
{
	for (size_t i = 0; i < n_rules; i++)
		if (rule[i].tag == tag)
			return &rule[i];
	return NULL;
}

static uint32_t fixed_size(enum transport_wire_kind kind)
{
	static const uint32_t size[] = {
		[TRANSPORT_WIRE_U32] = 4,
		[TRANSPORT_WIRE_U64] = 8,
		[TRANSPORT_WIRE_ID] = TRANSPORT_ID_SIZE,
	};

	return size[kind];
}

/* Is this field what its rule promises? */
static int check_field(const struct transport_rule *rule, const struct transport_field *field,
		       const struct transport_fields *before, const char *object,
		       struct transport_error *err)
{
	uint32_t fixed = fixed_size(rule->kind);

	if (fixed && field->len != fixed)
		return transport_error_fill(err, -EBADMSG, "protocol", object, rule->name,
					    "%u bytes|%u bytes", fixed, field->len);
	if (!fixed && field->len < rule->min)
		return transport_error_fill(err, -EBADMSG, "protocol", object, rule->name,
					    "at least %u bytes|%u bytes", rule->min, field->len);
	if (!fixed && field->len > rule->max)
		return transport_error_fill(err, -E2BIG, "over-limit", object, rule->name,
					    "at most %u bytes|%u bytes", rule->max, field->len);
	if (rule->kind == TRANSPORT_WIRE_TEXT && !is_text(field->data, field->len))
		return transport_error_fill(err, -EBADMSG, "protocol", object, rule->name,
					    "UTF-8 without a NUL|other bytes");
	if (!rule->repeated && transport_fields_find(before, rule->tag))
		return transport_error_fill(err, -EBADMSG, "protocol", object, rule->name,
					    "one field|a second one");
	return 0;
}

static int check_required(const struct transport_rule *rule, size_t n_rules,
			  const struct transport_fields *fields, const char *object,
			  struct transport_error *err)
{
	for (size_t i = 0; i < n_rules; i++)
		if (rule[i].required && !transport_fields_find(fields, rule[i].tag))
			return transport_error_fill(err, -EBADMSG, "protocol", object, rule[i].name,
						    "a field|none");
	return 0;
}

/* The next field of a body; the bytes it names lie inside. */
static int take_field(const uint8_t **body, size_t *left, struct transport_field *field,
		      const char *object, struct transport_error *err)
{
	if (*left < TRANSPORT_WIRE_FIELD_SIZE)
		return transport_error_fill(err, -EBADMSG, "protocol", object, "field header",
					    "%u bytes|%zu bytes", TRANSPORT_WIRE_FIELD_SIZE, *left);
	field->tag = (uint16_t)bytes_get(*body, 2);
	field->len = (uint32_t)bytes_get(*body + 4, 4);
	if (bytes_get(*body + 2, 2))
		return transport_error_fill(err, -EBADMSG, "protocol", object, "field header",
					    "zero in bytes 2 and 3|other bytes");
	*body += TRANSPORT_WIRE_FIELD_SIZE;
	*left -= TRANSPORT_WIRE_FIELD_SIZE;
	if (field->len > *left)
		return transport_error_fill(err, -EBADMSG, "protocol", object, "field length",
					    "at most %zu|%u", *left, field->len);
	field->data = *body;
	*body += field->len;
	*left -= field->len;
	return 0;
}

/* docs/control.md, "Messages". */
int transport_wire_parse(const uint8_t *body, size_t len, const struct transport_rule *rule,
			 size_t n_rules, const char *object, struct transport_fields *fields,
			 struct transport_error *err)
{
	struct transport_fields found = { .n_fields = 0 };
	const struct transport_rule *known;
	struct transport_field field;
	int ret;

	while (len) {
		ret = take_field(&body, &len, &field, object, err);
		if (ret)
			return ret;
		known = find_rule(rule, n_rules, field.tag);
		if (!known && field.tag & TRANSPORT_WIRE_OPTIONAL)
			continue;
		if (!known)
			return transport_error_fill(err, -EBADMSG, "protocol", object, "tag",
						    "a tag of this message|0x%x", field.tag);
		if (found.n_fields == TRANSPORT_WIRE_MAX_FIELDS)
			return transport_error_fill(err, -E2BIG, "over-limit", object, "fields",
						    "at most %u|more", TRANSPORT_WIRE_MAX_FIELDS);
		ret = check_field(known, &field, &found, object, err);
		if (ret)
			return ret;
		found.field[found.n_fields++] = field;
	}
	ret = check_required(rule, n_rules, &found, object, err);
	if (!ret)
		*fields = found;
	return ret;
}

const struct transport_field *transport_fields_find(const struct transport_fields *fields,
						    uint16_t tag)
{
	for (unsigned int i = 0; i < fields->n_fields; i++)
		if (fields->field[i].tag == tag)
			return &fields->field[i];
	return NULL;
}

uint32_t transport_fields_u32(const struct transport_fields *fields, uint16_t tag,
			      uint32_t otherwise)
{
	const struct transport_field *field = transport_fields_find(fields, tag);

	return field ? (uint32_t)bytes_get(field->data, 4) : otherwise;
}

uint64_t transport_fields_u64(const struct transport_fields *fields, uint16_t tag,
			      uint64_t otherwise)
{
	const struct transport_field *field = transport_fields_find(fields, tag);

	return field ? bytes_get(field->data, 8) : otherwise;
}

struct transport_id transport_fields_id(const struct transport_fields *fields, uint16_t tag)
{
	const struct transport_field *field = transport_fields_find(fields, tag);
	struct transport_id id = { { 0 } };

	if (field)
		memcpy(id.bytes, field->data, sizeof(id.bytes));
	return id;
}

void transport_fields_text(const struct transport_fields *fields, uint16_t tag, char *out,
			   size_t size)
{
	const struct transport_field *field = transport_fields_find(fields, tag);
	size_t len = 0;

	if (field)
		len = field->len < size ? field->len : size - 1;
	if (len)
		memcpy(out, field->data, len);
	out[len] = '\0';
}
