/* SPDX-License-Identifier: Apache-2.0 */
/*
 * seal.h - sealed files: a state with a manifest, signed, perhaps encrypted
 *
 *	file	  = prefix manifest signatures payload END
 *	prefix	  = 64 bytes, frozen; says how long manifest and payload are
 *	manifest  = one protobuf message (proto/manifest.proto); the prefix and these very bytes are
 *signed payload	  = frame 0: the record stream of record.h; then bulk frames; each one zstd
 *frame
 *
 * Opened in one order only: prefix, bounds, signature, manifest, digest, decrypt, decompress. No
 * byte is given to a parser, a decryptor or a decompressor before a trusted key has signed for it.
 * docs/format.md is the specification.
 */
#ifndef SDEISTATE_SEAL_H
#define SDEISTATE_SEAL_H

#include <sdeistate/error.h>
#include <sdeistate/key.h>
#include <sdeistate/limits.h>
#include <sdeistate/record.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SDEISTATE_PREFIX_SIZE   64u
#define SDEISTATE_REVISION_MIN  1u
#define SDEISTATE_REVISION_MAX  2u
#define SDEISTATE_ID_SIZE       16u
#define SDEISTATE_UUID_SIZE     16u
#define SDEISTATE_SCHEMA_SIZE   16u
#define SDEISTATE_SNAPSHOT_TYPE "sdei-migrate/snapshot"

enum sdeistate_file_kind {
	SDEISTATE_KIND_BASE = 1,  /* taken from a running VM; may be torn; never restored alone */
	SDEISTATE_KIND_FINAL = 2, /* of a stopped VM, complete */
	SDEISTATE_KIND_DELTA = 3, /* what changed since a base; revision 2 */
	SDEISTATE_KIND_EMPTY =
		4, /* the VM has no state to move: nothing is restored, and that is right */
	SDEISTATE_KIND_INVALID = 5, /* the source could not capture: whoever gets it must refuse */
};

/* What a payload frame holds. Frame 0 is always the record stream. */
enum sdeistate_frame_type {
	SDEISTATE_FRAME_RECORDS = 1,
	SDEISTATE_FRAME_REALM_CONTENTS = 2, /* pages of a realm's build log */
	SDEISTATE_FRAME_GRANULE_HASHES = 3, /* their measurements */
	SDEISTATE_FRAME_REALM_REFERENCE =
		4, /* where the pages are, instead of them: a path or URL */
};

struct sdeistate_frame {
	uint32_t type;        /* with SDEISTATE_RECORD_OPTIONAL, like a record */
	uint64_t plain_size;  /* expanded */
	uint64_t stored_size; /* in the file, with its chunk table */
	uint32_t chunks;      /* pieces it is stored in */
	uint32_t window_log;  /* what its decoder needs: 2^n bytes */
	uint8_t plain_digest[SDEISTATE_DIGEST_SIZE];
	uint8_t stored_digest[SDEISTATE_DIGEST_SIZE];
};

/* The signed description of a snapshot. Times are seconds since 1970-01-01 UTC. */
struct sdeistate_manifest {
	uint32_t revision;
	uint8_t id[SDEISTATE_ID_SIZE]; /* random; consumed once */
	enum sdeistate_file_kind kind;
	uint8_t vm_uuid[SDEISTATE_UUID_SIZE]; /* in the order of its text form */
	uint64_t generation;                  /* of the VM: grows with every hand-over */
	uint64_t sequence;                    /* of the source's key: grows with every seal */
	uint8_t source[SDEISTATE_KEY_ID_SIZE];
	uint8_t audience[SDEISTATE_MAX_AUDIENCE][SDEISTATE_KEY_ID_SIZE];
	unsigned int n_audience;
	bool any_destination;
	uint64_t created;
	uint64_t expires; /* 0: never */
	char profile[SDEISTATE_MAX_NAME + 1];
	char kernel_profile[SDEISTATE_MAX_NAME + 1];
	uint8_t schema_id[SDEISTATE_SCHEMA_SIZE];
	uint8_t index_digest[SDEISTATE_DIGEST_SIZE];  /* of the records in this file */
	bool has_base;                                /* then, of a delta: */
	uint8_t base_digest[SDEISTATE_DIGEST_SIZE];   /* index digest of the state it applies to */
	uint8_t result_digest[SDEISTATE_DIGEST_SIZE]; /* of the state it makes; else index_digest */
	uint8_t nonce[SDEISTATE_MAX_NONCE];           /* of the session it was made for */
	unsigned int n_nonce;
	bool encrypted;
	struct sdeistate_frame frame[SDEISTATE_MAX_FRAMES];
	unsigned int n_frames;
};

/* A bulk payload, read once, in order. */
struct sdeistate_bulk {
	uint32_t type; /* enum sdeistate_frame_type, with SDEISTATE_RECORD_OPTIONAL */
	/* Fill up to @len bytes; the number, 0 at the end, or -errno. */
	long (*read)(void *arg, void *buf, size_t len);
	void *arg;
	uint64_t size; /* exactly what read() will give */
};

/**
 * struct sdeistate_workspace - what opening or sealing one file after another can use again
 *
 * A decompressor asks the processor what it can do each time one is made, which a hypervisor may make
 * dear. Holds nothing of a file that was encrypted. For one thread at a time.
 */
struct sdeistate_workspace;

/**
 * sdeistate_workspace_new() - make an empty workspace
 *
 * Return: it is the caller's; NULL: no memory
 */
SDEISTATE_API struct sdeistate_workspace *sdeistate_workspace_new(void);

/** sdeistate_workspace_free() - free it; takes NULL; returns NULL */
SDEISTATE_API struct sdeistate_workspace *sdeistate_workspace_free(
	struct sdeistate_workspace *workspace);

#define SDEISTATE_LEVEL_MIN    (-131072)
#define SDEISTATE_LEVEL_MAX    19
#define SDEISTATE_LEVEL_STORED INT32_MIN /* the records as they are; bulk as fast as zstd goes */

/* What to seal. Everything is borrowed for the call. All zero is a good start. */
struct sdeistate_seal_request {
	uint32_t revision; /* 0: the lowest that can say it */
	enum sdeistate_file_kind kind;
	uint8_t vm_uuid[SDEISTATE_UUID_SIZE];
	uint64_t generation, sequence;
	const struct sdeistate_pub *const *audience;
	unsigned int n_audience;
	bool any_destination; /* must be asked for where there is no audience */
	uint64_t created;     /* 0: now */
	uint64_t expires;     /* 0: never */
	const char *profile, *kernel_profile;
	const uint8_t *stream; /* records; NULL with stream_len 0 for kinds empty and invalid */
	size_t stream_len;
	const uint8_t *base_digest, *result_digest; /* of a delta, SDEISTATE_DIGEST_SIZE each */
	const uint8_t *nonce;
	unsigned int n_nonce;
	const uint8_t *id; /* SDEISTATE_ID_SIZE; NULL: random */
	const struct sdeistate_bulk *bulk;
	unsigned int n_bulk;
	const struct sdeistate_key *const *signer; /* the first is the source */
	unsigned int n_signers;
	bool allow_unsigned; /* n_signers may be 0; whoever opens it must ask for that too */
	const struct sdeistate_pub *const *recipient; /* encrypt to them; P-256 or P-384 */
	unsigned int n_recipients;
	int level;             /* of zstd, or SDEISTATE_LEVEL_STORED; 0: 1 */
	const char *spool_dir; /* where bulk waits for its digest; NULL: $TMPDIR, /var/tmp */
	struct sdeistate_workspace *workspace; /* NULL: a compressor of its own */
};

/**
 * sdeistate_seal() - make a sealed file in memory
 *
 * Return: 0, and @file is the caller's to free; -EINVAL usage: the request contradicts itself, or
 * nobody is named as destination; -EPROTONOSUPPORT newer: a revision above SDEISTATE_REVISION_MAX; -ENOKEY no-key: no signer; -E2BIG over-limit; -ENOTSUP
 * incompatible: the revision asked for cannot say it, or a recipient's key cannot be encrypted to;
 * -EBADMSG damaged: the stream is not a list of records; -ENOMEM; -EIO internal or io.
 */
SDEISTATE_API int sdeistate_seal(const struct sdeistate_seal_request *request,
				 struct sdeistate_buffer *file, struct sdeistate_error *err);

/**
 * sdeistate_seal_fd() - the same to a file descriptor, in bounded memory
 *
 * Bulk waits in an unlinked file below @spool_dir, because its digests stand in front of it. Writes
 * in order and never seeks. On failure @fd may have taken part of a file.
 * Return: as sdeistate_seal(), and -errno io of a write.
 */
SDEISTATE_API int sdeistate_seal_fd(const struct sdeistate_seal_request *request, int fd,
				    struct sdeistate_error *err);

/**
 * sdeistate_cosign() - add one more signature to a sealed file
 *
 * Signs what the file says without looking into it: verify it first.
 * Return: 0, and @file is the caller's to free; -ENOMSG not-ours; -EBADMSG damaged; -EPROTONOSUPPORT
 * newer; -E2BIG over-limit; -EEXIST usage: this key has signed already; -ENOMEM; -EIO internal.
 */
SDEISTATE_API int sdeistate_cosign(const void *bytes, size_t len, const struct sdeistate_key *key,
				   struct sdeistate_buffer *file, struct sdeistate_error *err);

enum sdeistate_open_flags {
	SDEISTATE_OPEN_ANY_TIME = 1,     /* do not look at the expiry, nor at the keys' windows */
	SDEISTATE_OPEN_ANY_AUDIENCE = 2, /* do not look at the audience: only to inspect */
	SDEISTATE_OPEN_UNSIGNED = 4,     /* believe a file that nobody signed */
	SDEISTATE_OPEN_ANY_SIGNER =
		8, /* do not look at signatures: only to show, never to restore */
	SDEISTATE_OPEN_MANIFEST = 16, /* stop after the manifest; the payload is not looked at */
};

/* How to open. Everything is borrowed for as long as the opened file lives. */
struct sdeistate_open_options {
	const struct sdeistate_trust *trust;
	unsigned int threshold; /* distinct trusted keys that must have signed; 0: 1 */
	unsigned int flags;
	uint64_t now;                            /* 0: the system's clock */
	const struct sdeistate_pub *const *self; /* keys of this destination, for the audience */
	unsigned int n_self;
	const struct sdeistate_key *const *secret; /* keys to decrypt with, tried in order */
	unsigned int n_secrets;
	uint64_t max_plain; /* of all frames together; 0: only the limits of limits.h */
	struct sdeistate_workspace *workspace; /* NULL: one for each frame */
};

/* An opened file. Owned by the caller; everything in it is borrowed from it. */
struct sdeistate_opened {
	struct sdeistate_manifest manifest;
	uint8_t manifest_digest[SDEISTATE_DIGEST_SIZE]; /* SHA-256 of prefix and manifest */
	struct sdeistate_buffer stream;                 /* frame 0 */
	struct sdeistate_index index;                   /* its records */
	uint8_t signer[SDEISTATE_MAX_SIGNATURES][SDEISTATE_KEY_ID_SIZE]; /* trusted, and right */
	unsigned int n_signers;
	unsigned int n_signatures;   /* in the file, trusted or not */
	struct sdeistate_rest *rest; /* what has not been read yet */
};

/**
 * sdeistate_open() - verify a file in memory, and only then look into it
 * @bytes: the whole file; borrowed until sdeistate_opened_free() if it has bulk frames
 *
 * Return: 0, and *@opened is the caller's to free. Otherwise, in the order in which they are found:
 *
 * -ENOMSG not-ours; -EBADMSG damaged (prefix, lengths, truncated, trailing bytes); -EPROTONOSUPPORT
 * newer; -E2BIG over-limit; -ENOKEY unsigned, or unknown-signer (also: fewer trusted signatures
 * than the threshold); -EKEYREVOKED key-revoked; -EKEYEXPIRED key-expired; -EKEYREJECTED bad-signature; -EBADMSG inconsistent: a signed manifest that
 * breaks a rule; -EOPNOTSUPP unknown-record: a mandatory frame of an unknown type; -ETIME expired; -EACCES wrong-audience; -EBADMSG bad-digest; -ENOKEY no-key, or
 * -EBADMSG decrypt; -EBADMSG damaged: the payload is not exactly the zstd frame that was signed;
 * -ENOMEM; -EIO internal.
 */
SDEISTATE_API int sdeistate_open(const void *bytes, size_t len,
				 const struct sdeistate_open_options *options,
				 struct sdeistate_opened **opened, struct sdeistate_error *err);

/**
 * sdeistate_open_fd() - the same from a file descriptor, which need not be seekable
 * @fd: borrowed until sdeistate_opened_free()
 *
 * Frame 0 is opened; bulk frames are left on @fd for sdeistate_next_frame(). Without bulk frames
 * the end of the file has been checked. Return: as sdeistate_open(), and -errno io.
 */
SDEISTATE_API int sdeistate_open_fd(int fd, const struct sdeistate_open_options *options,
				    struct sdeistate_opened **opened, struct sdeistate_error *err);

/* Takes @len bytes of a bulk frame; 0 or -errno, which ends the reading. */
typedef int (*sdeistate_sink)(void *arg, const void *bytes, size_t len);

/**
 * sdeistate_next_frame() - read the next bulk frame
 * @sink: is given the expanded bytes in order; NULL only verifies them
 * @index: becomes the frame's place in manifest.frame, 1 or more; may be NULL
 *
 * Every piece was verified before it reaches @sink, but only the result 0 says that all arrived.
 * Return: 0; -ENODATA (reason ok) when there is no more, and the end of the file was right; the
 * errors of sdeistate_open() for a payload; -errno io; what @sink returned; -EINVAL usage: opened for its manifest alone, or after a
 * frame that failed.
 */
SDEISTATE_API int sdeistate_next_frame(struct sdeistate_opened *opened, sdeistate_sink sink,
				       void *arg, unsigned int *index, struct sdeistate_error *err);

/** sdeistate_opened_free() - wipe and free; takes NULL; returns NULL */
SDEISTATE_API struct sdeistate_opened *sdeistate_opened_free(struct sdeistate_opened *opened);

/* What the prefix says, before anybody has vouched for it. */
struct sdeistate_peek {
	uint32_t revision;
	uint8_t id[SDEISTATE_ID_SIZE];
	uint32_t manifest_size;
	uint32_t n_frames;
	uint64_t payload_size;
};

/**
 * sdeistate_peek() - read the prefix of a file of any revision
 * @bytes: its first SDEISTATE_PREFIX_SIZE; fewer are told as what they are, and more are not looked at
 *
 * Nothing of it is authenticated. A newer revision is not an error here.
 * Return: 0; -ENOMSG not-ours; -EBADMSG damaged; -EIO internal.
 */
SDEISTATE_API int sdeistate_peek(const void *bytes, size_t len, struct sdeistate_peek *peek,
				 struct sdeistate_error *err);

/** sdeistate_kind_name() - "base", "final", "delta", "empty", "invalid"; NULL for another number */
SDEISTATE_API const char *sdeistate_kind_name(enum sdeistate_file_kind kind);

/** sdeistate_frame_name() - "records" etc.; NULL for an unknown type; the optional bit is ignored
 */
SDEISTATE_API const char *sdeistate_frame_name(uint32_t type);

/** sdeistate_schema_id() - the id of the record schema this library was built with, 16 bytes */
SDEISTATE_API const uint8_t *sdeistate_schema_id(void);

/**
 * sdeistate_write_file() - put a file in place completely or not at all
 * @mode: permission bits of the new file, before the umask
 * @replace: whether an existing file may be replaced
 *
 * Temporary file in the same directory, fsync, rename, fsync of the directory.
 * Return: 0; -EEXIST usage; -errno io.
 */
SDEISTATE_API int sdeistate_write_file(const char *path, const void *bytes, size_t len,
				       unsigned int mode, bool replace,
				       struct sdeistate_error *err);

#endif
