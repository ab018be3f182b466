/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mover.h - what every command that talks to another mover stands on: a key, the peers, TLS
 */
#ifndef SDEI_MIGRATE_MOVER_H
#define SDEI_MIGRATE_MOVER_H

#include "ledger.h"
#include "policy_rows.h"
#include "realm_bulk.h"

#include <transport/session.h>

/* How the command line names them. */
struct mover_options {
	const char *key, *peer, *uri;
	const char *certificate; /* NULL: beside the key, PREFIX.crt of PREFIX.key */
	const char *psk;         /* NULL: certificates */
	bool insecure_no_tls;
	struct option_number timeout; /* ms, of every phase */
	struct policy_options policy;
};

/* All zero is empty. */
struct mover {
	struct sdeistate_key *key;
	struct sdeistate_trust *peers;
	struct policy *policy;     /* NULL: no rules */
	struct transport_tls *tls; /* NULL where the URI carries none */
	struct transport_signer signer;
	struct transport_deadlines deadlines;
	bool insecure_no_tls;
	int timeout_ms;
};

/**
 * mover_open() - load the keys, make the TLS context
 *
 * @mover must not move in memory until mover_close(). Return: 0; -errno with @failure.
 */
int mover_open(const struct mover_options *options, struct mover *mover, struct failure *failure);

/** mover_believes() - is this key one of the peers', and is it its time? Return: 0; -EACCES "peer-untrusted"; errors of the trust set */
int mover_believes(const struct mover *mover, const uint8_t key_id[TRANSPORT_KEY_ID_SIZE],
		   struct transport_error *err);

/** mover_certificate() - path of the certificate that goes with --key; owned by the caller. NULL: no memory */
char *mover_certificate(const struct mover_options *options);

/** mover_close() - give back everything; for owned locals too */
void mover_close(struct mover *mover);

#define OWNED_MOVER CLEANUP(mover_close)

/** mover_stream_options() - how to open a connection to a peer */
struct transport_stream_options mover_stream_options(const struct mover *mover);

#define MOVER_LEVEL_AUTO (INT32_MIN + 1)

/* Who seals for a session, and how. */
struct mover_sealer {
	const struct mover *mover;
	const struct transport_offer *offer;
	struct sdeistate_workspace *workspace; /* may be NULL */
	int level;                             /* of seal.h, or MOVER_LEVEL_AUTO */
};

/** mover_level() - read "auto", "stored" or a number. Return: 0; -EINVAL with @failure */
int mover_level(const char *text, int *level, struct failure *failure);

/**
 * mover_seal() - seal a captured state for one peer of one session
 * @bulk: a realm's pages; may be NULL
 * @records: or a delta
 * @sealed: says what it is, and the digest that the destination must prove
 */
int mover_seal(const struct mover_sealer *sealer, const struct transport_peer *peer,
	       const struct transport_buffer *records, const struct realm_bulk *bulk,
	       struct transport_buffer *blob, struct transport_sealed *sealed,
	       struct transport_error *err);

/** mover_seal_base() - the same for what was captured of the running VM: to be tried out, never restored */
int mover_seal_base(const struct mover_sealer *sealer, const struct transport_peer *peer,
		    const struct transport_buffer *records, struct transport_buffer *blob,
		    struct transport_sealed *sealed, struct transport_error *err);

/* What a session may bring now. */
struct mover_expected {
	const uint8_t *nonce; /* TRANSPORT_NONCE_SIZE bytes, ours */
	/* What changed since this base, and nothing else; NULL: a whole state. */
	const uint8_t *since;
	struct sdeistate_workspace *workspace; /* may be NULL */
	bool final; /* under the id that was offered; else of the running VM, under another */
};

/**
 * mover_open_seal() - verify and open what a peer sealed for us, and hold it against the offer
 *
 * Return: 0 with *@opened owned by the caller; the errors of sdeistate_open(); -EINVAL "incompatible" for
 * another kind; -ESTALE "wrong-base" for a delta against another base; -EBADMSG "wrong-vm" or
 * "already-used" for another VM, snapshot, generation or nonce than the session's.
 */
int mover_open_seal(const struct mover *mover, const struct transport_offer *offer,
		    const struct mover_expected *expected, const struct transport_buffer *blob,
		    struct sdeistate_opened **opened, struct transport_error *err);

/**
 * mover_judge() - hold a hand-over against the policy of this host, before any VM is touched
 * @act: POLICY_SEAL at the source, POLICY_OPEN at the destination
 * @peer_key: id of the other side
 *
 * Return: 0; -EPERM policy.
 */
int mover_judge(const struct mover *mover, enum policy_act act, const struct transport_offer *offer,
		const uint8_t peer_key[TRANSPORT_KEY_ID_SIZE], struct transport_error *err);

/** mover_error() - a failure of this program in the session's words. Return: its errno */
int mover_error(struct transport_error *err, const struct failure *failure);

/** id_json() - an identity as a JSON text; NULL: no memory */
json_t *id_json(const struct transport_id *id);

/** vm_state_or() - the name of a VM's state, or @otherwise where nobody answers */
const char *vm_state_or(const char *control, int timeout_ms, const char *otherwise);

/* The options that send, recv, resolve and cancel share; the args struct has `struct mover_options mover`. */
#define MOVER_KEY_ROW(type_of_args)                                               \
	{                                                                         \
		.name = "--key", .argument = "FILE",                              \
		.help = "private key of this host; its certificate is beside it", \
		.offset = offsetof(type_of_args, mover.key), .type = OPTION_TEXT, \
		.names = OPTION_NAMES_FILE                                        \
	}
#define MOVER_PEER_ROW(type_of_args)                                               \
	{                                                                          \
		.name = "--peer", .argument = "CRT|DIR",                           \
		.help = "certificate of the other host, or a folder of them",      \
		.offset = offsetof(type_of_args, mover.peer), .type = OPTION_TEXT, \
		.names = OPTION_NAMES_FILE                                         \
	}
#define MOVER_COMMON_ROWS(type_of_args)                                                   \
	{ .name = "--cert",                                                               \
	  .argument = "FILE",                                                             \
	  .help = "certificate of --key; without it PREFIX.crt of PREFIX.key",            \
	  .offset = offsetof(type_of_args, mover.certificate),                            \
	  .type = OPTION_TEXT,                                                            \
	  .names = OPTION_NAMES_FILE },                                                   \
		{ .name = "--psk",                                                        \
		  .argument = "FILE",                                                     \
		  .help = "TLS with a key that both hosts have, instead of certificates", \
		  .offset = offsetof(type_of_args, mover.psk),                            \
		  .type = OPTION_TEXT,                                                    \
		  .names = OPTION_NAMES_FILE },                                           \
		{ .name = "--insecure-no-tls",                                            \
		  .help = "plain TCP: everybody on the way can read the state",           \
		  .offset = offsetof(type_of_args, mover.insecure_no_tls),                \
		  .type = OPTION_FLAG },                                                  \
		{ .name = "--timeout",                                                    \
		  .argument = "MS",                                                       \
		  .help = "how long to wait for the other side in each phase",            \
		  .offset = offsetof(type_of_args, mover.timeout),                        \
		  .type = OPTION_NUMBER,                                                  \
		  .min = 10,                                                              \
		  .max = 3600000 },                                                       \
		LEDGER_STATE_ROW(type_of_args, state)

#endif
