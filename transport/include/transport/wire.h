/* SPDX-License-Identifier: Apache-2.0 */
/*
 * wire.h - the one message form of the control and the session protocol
 *
 *	message	= length(u32) type(u16) flags(u16) id(u64) body[length]
 *	body	= field*
 *	field	= tag(u16) zero(u16) length(u32) bytes[length]
 *
 * All integers are little-endian, nothing is padded. A number is a field of exactly 4 or 8 bytes, a text
 * is UTF-8 without a NUL. Fields stand in any order; a tag may stand twice only where its rule says so.
 * Who does not know a tag refuses the message, unless the tag has TRANSPORT_WIRE_OPTIONAL: then it is
 * skipped. See docs/control.md and docs/protocol.md, each "Messages".
 */
#ifndef TRANSPORT_WIRE_H
#define TRANSPORT_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <transport/error.h>

#define TRANSPORT_WIRE_HEADER_SIZE 16u
#define TRANSPORT_WIRE_FIELD_SIZE  8u      /* bytes before a field's value */
#define TRANSPORT_WIRE_OPTIONAL    0x8000u /* set in a tag */
#define TRANSPORT_WIRE_MAX_FIELDS  96u
#define TRANSPORT_ID_SIZE          16u

/* A session's or a VM's identity; shown like a UUID. All zero means "none". */
struct transport_id {
	uint8_t bytes[TRANSPORT_ID_SIZE];
};

#define TRANSPORT_ID_TEXT_SIZE 37u /* with the NUL */

struct transport_header {
	uint32_t length; /* of the body */
	uint16_t type;
	uint16_t flags;
	uint64_t id;
};

/* An owned run of bytes that grows up to @max; put calls fail beyond it. All zero with a @max is empty. */
struct transport_buffer {
	uint8_t *data;
	size_t len, size, max;
	bool mapped; /* data is a mapping, see transport_buffer_adopt(); nothing can be appended */
};

struct transport_field {
	uint16_t tag;
	uint32_t len;
	const uint8_t *data; /* borrowed from the body */
};

enum transport_wire_kind {
	TRANSPORT_WIRE_BYTES,
	TRANSPORT_WIRE_TEXT,
	TRANSPORT_WIRE_U32,
	TRANSPORT_WIRE_U64,
	TRANSPORT_WIRE_ID,
};

/* What one message may hold under one tag. */
struct transport_rule {
	uint16_t tag;
	enum transport_wire_kind kind;
	uint32_t min, max; /* bytes; ignored for numbers and ids */
	bool required;
	bool repeated;
	const char *name;
};

struct transport_fields {
	struct transport_field field[TRANSPORT_WIRE_MAX_FIELDS];
	unsigned int n_fields;
};

/** transport_wire_put_header() - write @header's 16 bytes to @out */
TRANSPORT_API void transport_wire_put_header(const struct transport_header *header,
					     uint8_t out[TRANSPORT_WIRE_HEADER_SIZE]);

/** transport_wire_get_header() - read 16 bytes; any bytes are a header */
TRANSPORT_API void transport_wire_get_header(const uint8_t in[TRANSPORT_WIRE_HEADER_SIZE],
					     struct transport_header *header);

/**
 * transport_wire_put() - append one field
 *
 * Return: 0; -E2BIG if @buffer would pass its max; -ENOMEM. On failure @buffer is unchanged.
 */
TRANSPORT_API int transport_wire_put(struct transport_buffer *buffer, uint16_t tag,
				     const void *data, size_t len);
/** transport_wire_put_u32() - append a number of 4 bytes; see transport_wire_put() */
TRANSPORT_API int transport_wire_put_u32(struct transport_buffer *buffer, uint16_t tag,
					 uint32_t value);
/** transport_wire_put_u64() - append a number of 8 bytes; see transport_wire_put() */
TRANSPORT_API int transport_wire_put_u64(struct transport_buffer *buffer, uint16_t tag,
					 uint64_t value);
/** transport_wire_put_text() - append a text; see transport_wire_put() */
TRANSPORT_API int transport_wire_put_text(struct transport_buffer *buffer, uint16_t tag,
					  const char *text);
/** transport_wire_put_id() - append an identity; see transport_wire_put() */
TRANSPORT_API int transport_wire_put_id(struct transport_buffer *buffer, uint16_t tag,
					const struct transport_id *id);

/**
 * transport_wire_parse() - find the fields of a body and hold them against the rules of its message
 * @object: how errors name the message
 *
 * @fields borrows from @body. Cost: O(fields x rules).
 * Return: 0; -EBADMSG with reason "protocol" for a field that leaves the body, an unknown mandatory tag,
 * a wrong length, a text with a NUL or invalid UTF-8, a forbidden repetition, a missing field; -E2BIG
 * "over-limit" for more than TRANSPORT_WIRE_MAX_FIELDS fields or a field above its max.
 */
TRANSPORT_API int transport_wire_parse(const uint8_t *body, size_t len,
				       const struct transport_rule *rule, size_t n_rules,
				       const char *object, struct transport_fields *fields,
				       struct transport_error *err);

/** transport_fields_find() - the first field of a tag; NULL if there is none */
TRANSPORT_API const struct transport_field *transport_fields_find(
	const struct transport_fields *fields, uint16_t tag);
/** transport_fields_u32() - a number that passed its rule; @otherwise if the field is absent */
TRANSPORT_API uint32_t transport_fields_u32(const struct transport_fields *fields, uint16_t tag,
					    uint32_t otherwise);
/** transport_fields_u64() - a number that passed its rule; @otherwise if the field is absent */
TRANSPORT_API uint64_t transport_fields_u64(const struct transport_fields *fields, uint16_t tag,
					    uint64_t otherwise);
/** transport_fields_id() - an identity that passed its rule; zero if the field is absent */
TRANSPORT_API struct transport_id transport_fields_id(const struct transport_fields *fields,
						      uint16_t tag);
/** transport_fields_text() - copy a text, cut to @size with its NUL; "" if the field is absent */
TRANSPORT_API void transport_fields_text(const struct transport_fields *fields, uint16_t tag,
					 char *out, size_t size);

/** transport_buffer_append() - append raw bytes; errors as transport_wire_put() */
TRANSPORT_API int transport_buffer_append(struct transport_buffer *buffer, const void *data,
					  size_t len);
/** transport_buffer_adopt() - own @len mapped bytes, whatever its max; @buffer was empty */
TRANSPORT_API void transport_buffer_adopt(struct transport_buffer *buffer, void *map, size_t len);
/** transport_buffer_free() - wipe and free, or unmap; @buffer is empty then and keeps its max */
TRANSPORT_API void transport_buffer_free(struct transport_buffer *buffer);

/** transport_id_random() - a new identity (UUID version 4). Return: 0; -EIO without randomness */
TRANSPORT_API int transport_id_random(struct transport_id *id);
/** transport_id_is_zero() - is it "none"? */
TRANSPORT_API bool transport_id_is_zero(const struct transport_id *id);
/** transport_id_equal() - are both the same? */
TRANSPORT_API bool transport_id_equal(const struct transport_id *a, const struct transport_id *b);
/** transport_id_print() - as 8-4-4-4-12 lower-case hexadecimal digits */
TRANSPORT_API void transport_id_print(const struct transport_id *id,
				      char text[TRANSPORT_ID_TEXT_SIZE]);
/** transport_id_parse() - the reverse, upper case allowed. Return: 0; -EINVAL for anything else */
TRANSPORT_API int transport_id_parse(const char *text, struct transport_id *id);

#endif
