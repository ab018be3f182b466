/* SPDX-License-Identifier: Apache-2.0 */
/*
 * realm_bulk.h - the pages of a realm, from a VMM to a sealed file and from there to another VMM
 *
 * They go through files without a name, a chunk at a time, so that their size does not matter; each page is held
 * against its digest on the way out. docs/format.md, 6.7.
 */
#ifndef SDEI_MIGRATE_REALM_BULK_H
#define SDEI_MIGRATE_REALM_BULK_H

#include "sealed.h"

#include <transport/control.h>

#define REALM_BULK_MAX_REFERENCE 4096u /* bytes of a path or URL */

/* One frame waiting to be sealed. */
struct realm_frame {
	int fd;
	char *text; /* instead of a file */
	uint64_t at, size;
};

/* All zero is empty. */
struct realm_bulk {
	struct realm_frame frame[2];
	struct sdeistate_bulk bulk[2]; /* for a seal request; borrowed from frame */
	unsigned int n;
};

/** realm_bulk_check() - is @how "embed" or "ref=PREFIX"? Return: 0; -EINVAL usage */
int realm_bulk_check(const char *how, struct failure *failure);

/**
 * realm_bulk_take() - what stands beside @records, from the VMM that captured them and is still paused
 * @how: NULL is "embed"
 *
 * Nothing for a VM without a realm, or whose VMM moves memory itself. "ref=PREFIX" writes the pages to PREFIX and
 * the digest of their digests, unless PREFIX is a URL or the file is there.
 * Return: 0; -ESTALE differs for a page that is not what was measured; errors of the VMM and of files.
 */
int realm_bulk_take(struct transport_control *control, const struct transport_id *session,
		    const struct transport_buffer *records, const char *how,
		    struct realm_bulk *bulk, struct transport_error *err);

/* A sealed file: in memory, or mapped from a file without a name where its bulk is too large for that. */
struct sealed_bytes {
	struct sdeistate_buffer memory;
	const uint8_t *data;
	size_t len;
	bool mapped;
};

/** realm_bulk_seal() - seal @request; with bulk, by way of a file. Return: as sdeistate_seal_fd() */
int realm_bulk_seal(const struct sdeistate_seal_request *request, struct sealed_bytes *bytes,
		    struct sdeistate_error *error);

/** sealed_bytes_release() - for owned locals */
void sealed_bytes_release(struct sealed_bytes *bytes);

/** realm_bulk_release() - for owned locals */
void realm_bulk_release(struct realm_bulk *bulk);

/**
 * realm_bulk_verify() - read the bulk of an opened file to its end, and hold it against the records
 *
 * Return: 0; the errors of sdeistate_next_frame(); -EBADMSG inconsistent for pages that are not the record's.
 */
int realm_bulk_verify(struct sealed *sealed, struct failure *failure);

/** realm_advice() - what a difference of RIMs probably comes from, in words; NULL for another error */
const char *realm_advice(const struct transport_error *err);

/** realm_result_json() - what became of a realm on its way; NULL: no memory */
json_t *realm_result_json(const struct sdeistate_realm *realm);

/* Options: the args struct has `const char *realm_contents` and `bool cold`. */
#define REALM_CONTENTS_ROW(type_of_args)                                              \
	{                                                                             \
		.name = "--realm-contents", .argument = "embed|ref=PREFIX",           \
		.help = "pages of a realm: in the file (default), or beside it at "   \
			"PREFIX and their digest",                                    \
		.offset = offsetof(type_of_args, realm_contents), .type = OPTION_TEXT \
	}
#define REALM_FOLDER_ROW(type_of_args)                                                 \
	{                                                                              \
		.name = "--realm-contents", .argument = "DIR",                         \
		.help = "where the pages of a realm are that the file only refers to", \
		.offset = offsetof(type_of_args, realm_contents), .type = OPTION_TEXT, \
		.names = OPTION_NAMES_DIRECTORY                                        \
	}
#define REALM_COLD_ROW(type_of_args)                                                \
	{                                                                           \
		.name = "--cold",                                                   \
		.help = "an active realm may be started again from its beginning: " \
			"memory, registers and REMs are lost",                      \
		.offset = offsetof(type_of_args, cold), .type = OPTION_FLAG         \
	}

#define OWNED_BULK CLEANUP(realm_bulk_release)

/**
 * realm_bulk_give() - hand the bulk frames of an opened file to the VMM reserved by @session
 * @folder: where referred pages are, by their name; NULL: where the file says
 *
 * Return: 0; -ENOENT temporary for pages that are not there; errors of the file and of the VMM.
 */
int realm_bulk_give(struct sdeistate_opened *opened, struct transport_control *control,
		    const struct transport_id *session, const char *folder,
		    struct transport_error *err);

#endif
