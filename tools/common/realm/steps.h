/* SPDX-License-Identifier: Apache-2.0 */
/*
 * steps.h - a list of the calls that build a realm, and what running it gives
 *
 * A script, a JSON description, an event log, a VMM's command line and the build log of a snapshot all
 * become such a list. explain.h compares two of them.
 */
#ifndef TOOLS_COMMON_REALM_STEPS_H
#define TOOLS_COMMON_REALM_STEPS_H

#include <kvmcore/error.h>
#include <kvmcore/measure.h>

#define STEPS_MAX         (1u << 20)
#define STEPS_MAX_EXTEND  80u    /* bytes kept of an extend's value; more than the RMM takes */
#define LEVEL_START_LINUX (-100) /* realm_create without sl=: kvmcore_level_start() */

enum step_kind {
	STEP_CREATE,
	STEP_RTT,
	STEP_RIPAS,       /* a range, as the host walks it */
	STEP_RIPAS_CALL,  /* one call */
	STEP_RIPAS_LEVEL, /* one call of bet0 */
	STEP_DATA,
	STEP_IMAGE, /* DATA of every granule of a blob */
	STEP_DATA_UNKNOWN,
	STEP_REC,
	STEP_ACTIVATE,
	STEP_EXTEND,
	STEP_RIM, /* print */
	STEP_REM, /* print */
	STEP_NR_KINDS
};

enum fill { FILL_ZERO, FILL_SEQ, FILL_BYTE, FILL_DIGEST };

/* What one granule holds. */
struct content {
	enum fill fill;
	uint8_t byte;
	struct kvmcore_digest digest; /* FILL_DIGEST: known only by its hash */
};

/* An image: where its bytes come from, and what is known of it. Owned by the list. */
struct blob {
	char *name; /* "KERNEL", "DTB", a path ... */
	char *path; /* NULL: the bytes below */
	const uint8_t *bytes;
	uint64_t size;
	bool mapped;   /* bytes are a mapping, else malloc'ed */
	bool borrowed; /* bytes and digests are somebody else's */
	const uint8_t
		*digests; /* instead of bytes: of n_granules granules, digest_size each; borrowed */
	size_t digest_size;
	uint64_t n_granules;
};

struct step {
	enum step_kind kind;
	unsigned int line; /* where it was said; 0: nowhere */
	union {
		struct kvmcore_realm_params params;
		struct {
			uint64_t ipa, top, flags;
			int level;
			struct content content;
			struct blob *blob;
			bool ripas_first; /* STEP_IMAGE: each page becomes RAM before, as RFC v1 has it */
			bool has_policy; /* STEP_RIPAS: not the one that goes with the rule */
			enum kvmcore_ripas_policy policy;
			bool stops; /* STEP_RIPAS: refused at @stop, which is all right */
			uint64_t stop;
		} mem;
		struct kvmcore_rec rec;
		struct {
			unsigned int index, size;
			uint8_t value[STEPS_MAX_EXTEND];
		} extend; /* also STEP_REM: index */
	};
	struct kvmcore_digest expect; /* the RIM after this step, where the list states it */
	bool has_expect;
};

struct steps {
	enum kvmcore_rule rule;
	struct step *step;
	size_t n, room;
	struct blob **blob;
	size_t n_blobs;
};

/** steps_free() - frees what the list owns, not the list itself; all zero is allowed */
void steps_free(struct steps *steps);

#define steps_cleanup __attribute__((cleanup(steps_free)))

/** steps_add() - append a copy of @step. Return: 0; -ENOMEM; -EFBIG beyond STEPS_MAX */
int steps_add(struct steps *steps, const struct step *step);

/** steps_take_blob() - the list owns @blob from now on, also on failure. Return: 0; -ENOMEM */
int steps_take_blob(struct steps *steps, struct blob *blob);

/** blob_free() - NULL is allowed. Return: NULL */
struct blob *blob_free(struct blob *blob);

/** blob_digest() - the digest of granule @i of a blob that has digests */
struct kvmcore_digest blob_digest(const struct blob *blob, uint64_t i);

/** step_name() - the word a script uses for it */
const char *step_name(enum step_kind kind);

/** content_digest() - the hash of a granule with @content. Return: 0; -errno */
int content_digest(const struct content *content, enum kvmcore_hash hash,
		   struct kvmcore_digest *digest);

/** content_bytes() - write the granule itself. Return: whether its bytes are known */
bool content_bytes(const struct content *content, uint8_t page[KVMCORE_GRANULE_SIZE]);

/* What a step did. */
struct outcome {
	int rmi;                        /* an RMI answer, or an RSI answer for STEP_EXTEND */
	bool absent;                    /* there is no realm yet */
	struct kvmcore_ripas_walk walk; /* STEP_RIPAS */
	uint64_t out_top;               /* STEP_RIPAS_CALL */
	struct kvmcore_digest value;    /* of the register that is printed, else the RIM after it */
	enum kvmcore_hash hash;
};

/* Sees each step after it ran; non-zero ends the run. */
typedef int steps_observer(void *user, const struct step *step, const struct outcome *outcome);

/* How far the current image is; may be NULL. */
struct steps_progress {
	kvmcore_image_progress *report;
	void *user;
};

/**
 * steps_run() - do all steps in order; a refused one changes nothing and does not stop the run
 * @rmm_features: as kvmcore_builder_create()
 * @threads: as kvmcore_image_hash()
 * @builder: the realm as it is at the end; NULL if none was created. The caller destroys it
 *
 * Return: 0; what @observer returned; -ENOMEM, -ENOSPC, -EIO.
 */
int steps_run(const struct steps *steps, uint64_t rmm_features, unsigned int threads,
	      const struct steps_progress *progress, steps_observer *observer, void *user,
	      struct kvmcore_builder **builder);

/** outcome_refused() - whether the step was not done */
bool outcome_refused(const struct outcome *outcome);

/** outcome_text() - the step's answer in one line, e.g. "rec RMI_SUCCESS"; "" where there is none
 */
void outcome_text(const struct step *step, const struct outcome *outcome, char *text, size_t size);

#endif
