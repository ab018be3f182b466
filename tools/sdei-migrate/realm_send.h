/* SPDX-License-Identifier: Apache-2.0 */
/*
 * realm_send.h - what handing over a realm takes besides: its pages, and the proof that it stands at the other host
 *
 * docs/protocol.md, 3.7. A VM of another type never comes here.
 */
#ifndef SDEI_MIGRATE_REALM_SEND_H
#define SDEI_MIGRATE_REALM_SEND_H

#include "common/realm/anchors.h"
#include "realm_bulk.h"

#include <transport/session.h>

/* Options, part of a command's arguments. */
struct realm_options {
	struct option_list anchors;
	const char *token, *realm_contents;
	bool cold;
};

/* All zero is a VM that is no realm. */
struct realm_sender {
	const struct realm_options *options;
	bool is_realm;
	struct anchors anchors;
	struct sdeistate *state; /* as captured; NULL before */
	uint8_t challenge[TRANSPORT_CHALLENGE_SIZE];
	char verdict[192]; /* of the token, for the result */
};

/** realm_sender_open() - read the options. Return: 0; -errno with @failure */
int realm_sender_open(const struct realm_options *options, struct realm_sender *realm,
		      struct failure *failure);

/** realm_sender_meet() - the VM is of @type. Return: 0; -ENOKEY nothing-to-verify without an anchor */
int realm_sender_meet(struct realm_sender *realm, const char *type, struct failure *failure);

/** realm_sender_close() - for owned locals too */
void realm_sender_close(struct realm_sender *realm);

/** realm_sender_kind() - how the VM is captured */
enum transport_capture_kind realm_sender_kind(const struct realm_sender *realm);

/** realm_sender_take() - what was captured, and its pages. Return: as realm_bulk_take() */
int realm_sender_take(struct realm_sender *realm, struct transport_control *control,
		      const struct transport_id *session, const struct transport_buffer *records,
		      struct realm_bulk *bulk, struct transport_error *err);

/** realm_sender_challenge() - struct transport_source_ops, challenge */
int realm_sender_challenge(struct realm_sender *realm, bool *wanted,
			   uint8_t challenge[TRANSPORT_CHALLENGE_SIZE],
			   struct transport_error *err);

/**
 * realm_sender_appraise() - struct transport_source_ops, token
 *
 * Return: 0; -EPERM policy without a token, or for a platform's life cycle; -EKEYREJECTED bad-signature; -ENOKEY
 * unknown-signer; -ESTALE differs: another RIM, personalisation value, algorithm or REM.
 */
int realm_sender_appraise(struct realm_sender *realm, const struct transport_buffer *token,
			  const struct transport_error *why, struct transport_error *err);

/** realm_sender_tell() - add what became of the realm to a result, which may be NULL */
json_t *realm_sender_tell(const struct realm_sender *realm, json_t *json);

/* The args struct has `struct realm_options realm`. */
#define REALM_SEND_ROWS(type_of_args)                                                        \
	{ .name = "--realm-anchor",                                                          \
	  .argument = "FILE",                                                                \
	  .help = "public key of the destination's platform, which signs tokens of realms: " \
		  "PEM, a JWK or a ta.json store; may be repeated",                          \
	  .offset = offsetof(type_of_args, realm.anchors),                                   \
	  .type = OPTION_LIST,                                                               \
	  .names = OPTION_NAMES_FILE },                                                      \
		{ .name = "--realm-token",                                                   \
		  .argument = "WHEN",                                                        \
		  .help = "hand a realm over only with a token of it there (default), also " \
			  "where none can be issued, or without asking",                     \
		  .offset = offsetof(type_of_args, realm.token),                             \
		  .type = OPTION_CHOICE,                                                     \
		  .choices = "required|optional|none" },                                     \
		{ .name = "--realm-contents",                                                \
		  .argument = "embed|ref=PREFIX",                                            \
		  .help = "pages of a realm: in the session (default), or at PREFIX and "    \
			  "their digest",                                                    \
		  .offset = offsetof(type_of_args, realm.realm_contents),                    \
		  .type = OPTION_TEXT },                                                     \
	{                                                                                    \
		.name = "--cold",                                                            \
		.help = "an active realm may be started again from its beginning: memory, "  \
			"registers and REMs are lost",                                       \
		.offset = offsetof(type_of_args, realm.cold), .type = OPTION_FLAG            \
	}

#endif
