/* SPDX-License-Identifier: Apache-2.0 */
/*
 * read.h - the words the decoders check messages with; each fills the reader's error
 */
#ifndef SDEISTATE_READ_H
#define SDEISTATE_READ_H

#include "wire/column.h"
#include "wire/wire.h"

/**
 * read_message() - a record's body as a message that has every field, no unknown one, and is canonical
 * @limited: empty; holds the message, under a ceiling
 *
 * Return: 0; -EBADMSG damaged; -E2BIG over-limit; -ENOMEM
 */
int read_message(struct reader *reader, const ProtobufCMessageDescriptor *schema,
		 const struct sdeistate_record *record, struct scratch *limited,
		 ProtobufCMessage **message);

/** read_length() - an array has as many entries as it must. Return: 0; -EBADMSG damaged */
int read_length(struct reader *reader, const char *field, size_t n, size_t expected);

/** read_limit() - a count stays under its limit. Return: 0; -E2BIG over-limit */
int read_limit(struct reader *reader, const char *field, uint64_t n, uint64_t limit);

/** read_column() - @n numbers, in the scratch. Return: 0; -EBADMSG damaged; -ENOMEM */
int read_column(struct reader *reader, const Sdeistate__Column *column, const char *field,
		uint64_t **numbers, size_t n);

/** read_no_memory() - Return: -ENOMEM */
int read_no_memory(struct reader *reader);

#endif
