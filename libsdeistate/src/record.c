// SPDX-License-Identifier: Apache-2.0
#include "record.h"

#include "error_set.h"
#include "util.h"

#include <errno.h>
#include <inttypes.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>

static const char *const record_names[] = {
	[SDEISTATE_RECORD_TOPOLOGY] = "topology",
	[SDEISTATE_RECORD_SDEI_EXPOSED] = "sdei-exposed",
	[SDEISTATE_RECORD_SDEI_REGISTERED] = "sdei-registered",
	[SDEISTATE_RECORD_SDEI_BINDINGS] = "sdei-bindings",
	[SDEISTATE_RECORD_SDEI_HANDLERS] = "sdei-handlers",
	[SDEISTATE_RECORD_SDEI_VCPU_EVENTS] = "sdei-vcpu-events",
	[SDEISTATE_RECORD_SDEI_PENDING] = "sdei-pending",
	[SDEISTATE_RECORD_SDEI_VCPU_STATE] = "sdei-vcpu-state",
	[SDEISTATE_RECORD_SDEI_V7] = "sdei-v7",
	[SDEISTATE_RECORD_VCPU_REGS] = "vcpu-regs",
	[SDEISTATE_RECORD_MEMORY] = "memory",
	[SDEISTATE_RECORD_FILTER] = "filter",
	[SDEISTATE_RECORD_FW_REGS] = "fw-regs",
	[SDEISTATE_RECORD_GUARD] = "guard",
	[SDEISTATE_RECORD_PENDING_EXITS] = "pending-exits",
	[SDEISTATE_RECORD_S390] = "s390",
	[SDEISTATE_RECORD_REALM] = "realm",
	[SDEISTATE_RECORD_DELTA] = "delta",
};

const char *sdeistate_record_name(uint32_t type)
{
	uint32_t number = type & ~SDEISTATE_RECORD_OPTIONAL;

	return number < ARRAY_SIZE(record_names) ? record_names[number] : NULL;
}

void sdeistate_buffer_free(struct sdeistate_buffer *buffer)
{
	if (buffer->data)
		OPENSSL_cleanse(buffer->data, buffer->len);
	free(buffer->data);
	buffer->data = NULL;
	buffer->len = 0;
}

void record_put_header(uint8_t *header, uint32_t type, size_t len)
{
	put_le32(header, type);
	put_le32(header + 4, 0);
	put_le64(header + 8, len);
}

int record_digest(const void *data, size_t len, uint8_t digest[SDEISTATE_DIGEST_SIZE],
		  struct sdeistate_error *err)
{
	if (!EVP_Q_digest(NULL, "SHA256", NULL, data, len, digest, NULL))
		return error_set(err, SDEISTATE_INTERNAL, -ENOMEM, "SHA-256", "", "a digest|none");
	return 0;
}

#define PLACE(offset) OBJECT("record at byte %zu", (offset))

/* One step of the walk: what stands at @offset, if it is a whole record. */
static int parse_record(const uint8_t *stream, size_t len, size_t offset, uint32_t previous,
			struct sdeistate_record *record, struct sdeistate_error *err)
{
	const uint8_t *header = stream + offset;
	size_t left = len - offset;
	uint32_t number;
	uint64_t body;

	if (left < SDEISTATE_RECORD_HEADER_SIZE)
		return error_set(err, SDEISTATE_DAMAGED, -EBADMSG, PLACE(offset), "header",
				 "%u bytes|%zu bytes", SDEISTATE_RECORD_HEADER_SIZE, left);
	left -= SDEISTATE_RECORD_HEADER_SIZE;
	number = get_le32(header) & ~SDEISTATE_RECORD_OPTIONAL;
	body = get_le64(header + 8);
	if (number <= previous)
		return error_set(err, SDEISTATE_DAMAGED, -EBADMSG, PLACE(offset), "type",
				 "a number above %u|%u", previous, number);
	if (get_le32(header + 4))
		return error_set(err, SDEISTATE_DAMAGED, -EBADMSG, PLACE(offset), "flags", "0|0x%x",
				 get_le32(header + 4));
	if (body > left || record_padded((size_t)body) > left)
		return error_set(err, SDEISTATE_DAMAGED, -EBADMSG, PLACE(offset), "length",
				 "at most %zu bytes|%" PRIu64, left, body);
	record->type = get_le32(header);
	record->body = header + SDEISTATE_RECORD_HEADER_SIZE;
	record->len = (size_t)body;
	for (size_t i = record->len; i < record_padded(record->len); i++)
		if (record->body[i])
			return error_set(err, SDEISTATE_DAMAGED, -EBADMSG, PLACE(offset), "padding",
					 "zero|0x%02x", record->body[i]);
	return 0;
}

int record_index_digest(struct sdeistate_index *index, struct sdeistate_error *err)
{
	uint8_t table[SDEISTATE_MAX_RECORDS * SDEISTATE_INDEX_ENTRY_SIZE];
	uint8_t *entry = table;

	for (unsigned int i = 0; i < index->n_records; i++) {
		const struct sdeistate_record *record = &index->record[i];

		put_le32(entry, record->type);
		put_le64(entry + 4, record->len);
		memcpy(entry + 12, record->digest, SDEISTATE_DIGEST_SIZE);
		entry += SDEISTATE_INDEX_ENTRY_SIZE;
	}
	return record_digest(table, (size_t)(entry - table), index->digest, err);
}

const struct sdeistate_record *record_find(const struct sdeistate_index *index, uint32_t type)
{
	for (unsigned int i = 0; i < index->n_records; i++)
		if (index->record[i].type == type)
			return &index->record[i];
	return NULL;
}

static void free_context(EVP_MD_CTX **context)
{
	EVP_MD_CTX_free(*context);
}

/* One context for all records: to find the algorithm costs more than to hash a small record. */
static int digest_index(struct sdeistate_index *index, struct sdeistate_error *err)
{
	CLEANUP(free_context) EVP_MD_CTX *context = EVP_MD_CTX_new();
	const EVP_MD *type = EVP_sha256();

	if (!context)
		return error_no_memory(err, "SHA-256");
	for (unsigned int i = 0; i < index->n_records; i++) {
		struct sdeistate_record *record = &index->record[i];

		if (!EVP_DigestInit_ex(context, i ? NULL : type, NULL) ||
		    !EVP_DigestUpdate(context, record->body, record->len) ||
		    !EVP_DigestFinal_ex(context, record->digest, NULL))
			return error_set(err, SDEISTATE_INTERNAL, -ENOMEM, "SHA-256", "",
					 "a digest|none");
	}
	return record_index_digest(index, err);
}

int record_split(const uint8_t *stream, size_t len, struct sdeistate_index *index,
		 struct sdeistate_error *err)
{
	uint32_t previous = 0;
	size_t offset = 0;
	int ret;

	if (len > SDEISTATE_MAX_STREAM)
		return error_set(err, SDEISTATE_OVER_LIMIT, -E2BIG, "encoded state", "length",
				 "at most %u bytes|%zu", SDEISTATE_MAX_STREAM, len);
	index->n_records = 0;
	while (offset < len) {
		struct sdeistate_record *record = &index->record[index->n_records];

		if (index->n_records == SDEISTATE_MAX_RECORDS)
			return error_set(err, SDEISTATE_OVER_LIMIT, -E2BIG, "encoded state",
					 "records", "at most %u|more", SDEISTATE_MAX_RECORDS);
		ret = parse_record(stream, len, offset, previous, record, err);
		if (ret)
			return ret;
		previous = record->type & ~SDEISTATE_RECORD_OPTIONAL;
		offset += SDEISTATE_RECORD_HEADER_SIZE + record_padded(record->len);
		index->n_records++;
	}
	return 0;
}

int sdeistate_index_stream(const uint8_t *stream, size_t len, struct sdeistate_index *index,
			   struct sdeistate_error *err)
{
	struct sdeistate_index found;
	int ret = record_split(stream, len, &found, err);

	if (!ret)
		ret = digest_index(&found, err);
	if (!ret)
		*index = found;
	return ret;
}
