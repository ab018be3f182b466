/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sealed.h - a sealed file on its way from disk to a decoded state
 */
#ifndef SDEI_MIGRATE_SEALED_H
#define SDEI_MIGRATE_SEALED_H

#include "common/tool.h"

#include <sdeistate/delta.h>
#include <sdeistate/key.h>
#include <sdeistate/sdeistate.h>
#include <sdeistate/seal.h>

/* Who is trusted, and who opens. All zero is empty; released by sealed_keys_release(). */
struct sealed_keys {
	struct sdeistate_trust *trust;
	struct sdeistate_key *key;
};

/* How a command wants its file opened. */
struct sealed_options {
	const char *path;                /* or "-" */
	const struct option_list *trust; /* files and folders; empty: nobody is trusted */
	const char *key;                 /* to decrypt with, and for the audience; NULL: none */
	const struct sdeistate_key *own; /* its public half is trusted too; NULL: none; borrowed */
	const char *base;                /* what a delta applies to; NULL: none was named */
	const struct sealed_keys *keys;  /* loaded before, for many files; NULL: load them */
	struct sdeistate_workspace *workspace; /* kept from file to file; NULL: none */
	unsigned int threshold;                /* trusted keys that must have signed; 0: 1 */
	unsigned int flags;                    /* enum sdeistate_open_flags */
	bool manifest_only;                    /* do not decode */
};

/* All zero is empty. */
struct sealed {
	int fd;
	struct sealed_keys keys;
	struct sdeistate_opened *opened;
	struct sdeistate *state; /* validated; NULL for kinds without one, and a delta alone */
	struct sdeistate_buffer result; /* records of a delta with its base */
	uint8_t result_digest[SDEISTATE_DIGEST_SIZE];
};

/* What would be restored: the records of a snapshot, or of a delta with its base. Borrowed. */
struct sealed_records {
	const uint8_t *data;
	size_t len;
	const uint8_t *digest;
};

struct sealed_records sealed_records(const struct sealed *sealed);

/**
 * sealed_apply() - make of a delta, opened without its base, the state it stands for
 *
 * Compares the digests before the delta is decoded. Return: 0; -ESTALE wrong-base; -errno
 */
int sealed_apply(struct sealed *delta, const char *path, const struct sealed *base,
		 struct failure *failure);

/** sealed_has_state() - Return: 0; -EINVAL wrong-base for a delta alone, usage for what has none */
int sealed_has_state(const struct sealed *sealed, const char *path, struct failure *failure);

/**
 * sealed_open() - verify, expand, decode, validate
 *
 * A delta without options.base is checked in itself and has no state. Without a trusted key and without SDEISTATE_OPEN_ANY_SIGNER it fails with nothing-to-verify.
 * Return: 0; -errno with @failure. @sealed is to be closed in either case.
 */
int sealed_open(const struct sealed_options *options, struct sealed *sealed,
		struct failure *failure);

/** sealed_keys_load() - those that @options name. Return: 0; -errno with @failure */
int sealed_keys_load(const struct sealed_options *options, struct sealed_keys *keys,
		     struct failure *failure);

void sealed_keys_release(struct sealed_keys *keys);

#define OWNED_SEALED_KEYS CLEANUP(sealed_keys_release)

/** sealed_close() - give back everything; for owned locals too */
void sealed_close(struct sealed *sealed);

#define OWNED_SEALED CLEANUP(sealed_close)

/** sealed_manifest_json() - what the signed manifest says; NULL: no memory */
json_t *sealed_manifest_json(const struct sealed *sealed);

/** sealed_keys_json() - who signed, who may open it; NULL: no memory */
json_t *sealed_keys_json(const struct sealed *sealed);

/** sealed_records_json() - the records of frame 0: number, name, size, digest; NULL: no memory */
json_t *sealed_records_json(const struct sealed *sealed);

/** sealed_delta_json() - which base it needs and what it changes; NULL: no memory */
json_t *sealed_delta_json(const struct sealed *sealed);

/** key_load() - a private key for @path. Return: 0; -errno with @failure */
int key_load(const char *path, struct sdeistate_key **key, struct failure *failure);

/** trust_load_all() - one set from several files and folders. Return: 0; -errno with @failure */
int trust_load_all(const struct option_list *paths, struct sdeistate_trust **trust,
		   struct failure *failure);

/** key_id_json() - an id as a JSON text; NULL: no memory */
json_t *key_id_json(const uint8_t id[SDEISTATE_KEY_ID_SIZE]);

/* For owned locals. */
void release_key(struct sdeistate_key **key);
void release_trust(struct sdeistate_trust **trust);
void release_state(struct sdeistate **state);
void release_base(struct sdeistate_base **base);

#define OWNED_KEY   CLEANUP(release_key)
#define OWNED_TRUST CLEANUP(release_trust)
#define OWNED_STATE CLEANUP(release_state)
#define OWNED_BASE  CLEANUP(release_base)

/* Options of the commands that open one; @text says what for. */
#define SEALED_TRUST_ROW(type_of_args, member, text)                           \
	{                                                                      \
		.name = "--trust", .argument = "PUB|DIR", .help = (text),      \
		.offset = offsetof(type_of_args, member), .type = OPTION_LIST, \
		.names = OPTION_NAMES_FILE                                     \
	}
#define SEALED_THRESHOLD_ROW(type_of_args, member)                                         \
	{                                                                                  \
		.name = "--threshold", .argument = "N",                                    \
		.help = "so many different trusted keys must have signed it",              \
		.offset = offsetof(type_of_args, member), .type = OPTION_NUMBER, .min = 1, \
		.max = SDEISTATE_MAX_SIGNATURES                                            \
	}
#define SEALED_BASE_ROW(type_of_args, member, text)                            \
	{                                                                      \
		.name = "--base", .argument = "FILE", .help = (text),          \
		.offset = offsetof(type_of_args, member), .type = OPTION_TEXT, \
		.names = OPTION_NAMES_FILE                                     \
	}
#define SEALED_KEY_ROW(type_of_args, member)                                                \
	{                                                                                   \
		.name = "--key", .argument = "FILE", .help = "private key to decrypt with", \
		.offset = offsetof(type_of_args, member), .type = OPTION_TEXT,              \
		.names = OPTION_NAMES_FILE                                                  \
	}
#define SEALED_FILE_ROW(type_of_args, member)                                  \
	{                                                                      \
		.name = "FILE", .help = "sealed snapshot; - is stdin",         \
		.offset = offsetof(type_of_args, member), .type = OPTION_TEXT, \
		.names = OPTION_NAMES_FILE, .required = true                   \
	}

#endif
