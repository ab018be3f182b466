/* SPDX-License-Identifier: Apache-2.0 */
/*
 * record.h - the encoded state: a list of typed records
 *
 * This is what a VMM hands to the mover and gets back, and what payload frame 0 of a sealed file
 * holds. All integers are little-endian.
 *
 *	stream	= record*
 *	record	= type(u32) flags(u32, 0) length(u64) body[length] zero padding to 8 bytes
 *	type	= number | SDEISTATE_RECORD_OPTIONAL
 *	body	= one protobuf message of proto/sdeistate.proto, chosen by the number
 *
 * Records stand in ascending order of their number, each number at most once. Who does not know a
 * number refuses the stream if it is mandatory and skips it if it is optional. The format grows by new
 * numbers only.
 *
 * The digest of a state is a tree: H(index), index = (type(u32) length(u64) H(body))*, H = SHA-256, so
 * that a record that did not change need not be hashed again.
 */
#ifndef SDEISTATE_RECORD_H
#define SDEISTATE_RECORD_H

#include <sdeistate/error.h>
#include <stddef.h>
#include <stdint.h>

#define SDEISTATE_RECORD_OPTIONAL    0x80000000u
#define SDEISTATE_RECORD_HEADER_SIZE 16u
#define SDEISTATE_MAX_RECORDS        64u
#define SDEISTATE_MAX_STREAM         (16u << 20) /* bytes of all records together */
#define SDEISTATE_DIGEST_SIZE        32u
#define SDEISTATE_INDEX_ENTRY_SIZE   44u

/* Numbers. Appended to, never changed; docs/format.md has a chapter for each. */
enum sdeistate_record_type {
	SDEISTATE_RECORD_TOPOLOGY = 1, /* VM type, profile, vCPUs: id, MPIDR, index, power */
	SDEISTATE_RECORD_SDEI_EXPOSED = 2,
	SDEISTATE_RECORD_SDEI_REGISTERED = 3,
	SDEISTATE_RECORD_SDEI_BINDINGS = 4,
	SDEISTATE_RECORD_SDEI_HANDLERS = 5,
	SDEISTATE_RECORD_SDEI_VCPU_EVENTS = 6,
	SDEISTATE_RECORD_SDEI_PENDING = 7,
	SDEISTATE_RECORD_SDEI_VCPU_STATE = 8,
	SDEISTATE_RECORD_SDEI_V7 = 9,    /* pseudo-registers of profile kvm-v7 */
	SDEISTATE_RECORD_VCPU_REGS = 10, /* general registers, where the VMM does not move them */
	SDEISTATE_RECORD_MEMORY = 11,    /* small guest memories, likewise */
	SDEISTATE_RECORD_FILTER = 12,
	SDEISTATE_RECORD_FW_REGS = 13,
	SDEISTATE_RECORD_GUARD = 14,
	SDEISTATE_RECORD_PENDING_EXITS = 15,
	SDEISTATE_RECORD_S390 = 16,
	SDEISTATE_RECORD_REALM = 17,
	SDEISTATE_RECORD_DELTA = 18, /* changed fields against a base */
};

/* An owned run of bytes. */
struct sdeistate_buffer {
	uint8_t *data;
	size_t len;
};

/** sdeistate_buffer_free() - wipe and free; leaves an empty buffer */
SDEISTATE_API void sdeistate_buffer_free(struct sdeistate_buffer *buffer);

struct sdeistate_record {
	uint32_t type;       /* with SDEISTATE_RECORD_OPTIONAL */
	const uint8_t *body; /* borrowed from the stream */
	size_t len;
	uint8_t digest[SDEISTATE_DIGEST_SIZE];
};

struct sdeistate_index {
	struct sdeistate_record record[SDEISTATE_MAX_RECORDS];
	unsigned int n_records;
	uint8_t digest[SDEISTATE_DIGEST_SIZE]; /* of the whole state */
};

/**
 * sdeistate_index_stream() - find the records of a stream and digest them
 *
 * @index borrows from @stream. Knows nothing of what is in a body.
 * Return: 0; -EBADMSG with reason damaged (bounds, order, padding, flags); -E2BIG over-limit.
 */
SDEISTATE_API int sdeistate_index_stream(const uint8_t *stream, size_t len,
					 struct sdeistate_index *index,
					 struct sdeistate_error *err);

/** sdeistate_record_name() - "sdei-registered" etc.; NULL for an unknown number */
SDEISTATE_API const char *sdeistate_record_name(uint32_t type);

#endif
