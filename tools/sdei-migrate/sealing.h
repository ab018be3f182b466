/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sealing.h - the options of every command that seals a file, and the sealing itself
 */
#ifndef SDEI_MIGRATE_SEALING_H
#define SDEI_MIGRATE_SEALING_H

#include "policy_rows.h"
#include "realm_bulk.h"

#include <sdeistate/key.h>
#include <sdeistate/seal.h>

/* Part of a command's arguments; filled by SEALING_ROWS. */
struct sealing_args {
	const char *key, *out, *detached;
	struct option_list audience, recipients, signers;
	struct option_number expires_in;
	bool any_destination;
};

/* The rows for a member @member of the command's @args_type. */
#define SEALING_ROWS(args_type, member)                                                            \
	{ .name = "--key",                                                                         \
	  .argument = "FILE|pkcs11:URI",                                                           \
	  .help = "private key to sign with, or where a token keeps it",                           \
	  .offset = offsetof(args_type, member.key),                                               \
	  .type = OPTION_TEXT,                                                                     \
	  .names = OPTION_NAMES_FILE,                                                              \
	  .required = true },                                                                      \
		{ .name = "--also-sign",                                                           \
		  .argument = "FILE|pkcs11:URI",                                                   \
		  .help = "private key of one more signer; may be repeated",                       \
		  .offset = offsetof(args_type, member.signers),                                   \
		  .type = OPTION_LIST,                                                             \
		  .names = OPTION_NAMES_FILE },                                                    \
		{ .name = "--out",                                                                 \
		  .argument = "FILE",                                                              \
		  .letter = 'o',                                                                   \
		  .help = "where to write the snapshot; - is stdout",                              \
		  .offset = offsetof(args_type, member.out),                                       \
		  .type = OPTION_TEXT,                                                             \
		  .names = OPTION_NAMES_FILE,                                                      \
		  .fallback = "-" },                                                               \
		{ .name = "--to-audience",                                                         \
		  .argument = "PUB",                                                               \
		  .help = "public key of a destination that may restore it; may be repeated",      \
		  .offset = offsetof(args_type, member.audience),                                  \
		  .type = OPTION_LIST,                                                             \
		  .names = OPTION_NAMES_FILE },                                                    \
		{ .name = "--any-destination",                                                     \
		  .help = "whoever has it may restore it",                                         \
		  .offset = offsetof(args_type, member.any_destination),                           \
		  .type = OPTION_FLAG },                                                           \
		{ .name = "--encrypt-to",                                                          \
		  .argument = "CRT",                                                               \
		  .help = "certificate or public key (p256, p384) of who can read it; may be "     \
			  "repeated",                                                              \
		  .offset = offsetof(args_type, member.recipients),                                \
		  .type = OPTION_LIST,                                                             \
		  .names = OPTION_NAMES_FILE },                                                    \
		{ .name = "--detached",                                                            \
		  .argument = "FORM",                                                              \
		  .help = "also sign the whole file, into FILE.sig, for ssh-keygen -Y verify",     \
		  .offset = offsetof(args_type, member.detached),                                  \
		  .type = OPTION_CHOICE,                                                           \
		  .choices = "sshsig" },                                                           \
	{                                                                                          \
		.name = "--expires-in", .argument = "SECONDS",                                     \
		.help = "refuse to restore it after that time",                                    \
		.offset = offsetof(args_type, member.expires_in), .type = OPTION_NUMBER, .min = 1, \
		.max = 1ull << 32                                                                  \
	}

/* Public keys named on the command line. */
struct sealing_pubs {
	struct sdeistate_pub *pub[SDEISTATE_MAX_AUDIENCE];
	unsigned int n;
};

/* What is read from files for a seal: so that nothing is, once a VM has been stopped. All zero is empty. */
struct sealing_keys {
	struct sdeistate_key *key[SDEISTATE_MAX_SIGNATURES];
	unsigned int n;
	struct sealing_pubs audience, recipients;
	struct policy *policy; /* NULL: no rules */
};

/** sealing_sequence() - grows with every seal of a key, on one host, without a record of its own */
uint64_t sealing_sequence(void);

/** sealing_check() - does the command line say where to and who may restore it? Return: 0; exit code */
int sealing_check(struct tool *tool, const struct sealing_args *args);

/** sealing_load() - every key and the policy, before anything is stopped for it. Return: 0; -errno with @failure */
int sealing_load(const struct sealing_args *args, const struct policy_options *rules,
		 struct sealing_keys *keys, struct failure *failure);

/** sealing_release() - for owned locals */
void sealing_release(struct sealing_keys *keys);

#define OWNED_SEALING CLEANUP(sealing_release)

/* A sealed file on its way out. All zero is empty. */
struct sealing_file {
	struct sealed_bytes bytes;
	char *signature; /* path of the one beside it; NULL: none was asked for */
	struct sdeistate_buffer armour,
		signer; /* what it is, and who ssh-keygen -Y verify is told made it */
};

void sealing_file_release(struct sealing_file *file);

#define OWNED_SEALING_FILE CLEANUP(sealing_file_release)

/**
 * sealing_make() - complete @request (sequence, destination, recipients, times, signers) and seal it
 *
 * The policy of this host is asked before anything is signed. Return: 0; -errno with @failure.
 */
int sealing_make(const struct sealing_args *args, const struct sealing_keys *keys,
		 struct sdeistate_seal_request *request, struct sealing_file *file,
		 struct failure *failure);

/** sealing_write() - the file, and then what stands beside it. Return: 0; -errno with @failure */
int sealing_write(const struct sealing_args *args, const struct sealing_file *file,
		  struct failure *failure);

/** sealing_tell() - add what was written beside the file to a result, which may be NULL */
json_t *sealing_tell(json_t *json, const struct sealing_file *file);

#endif
