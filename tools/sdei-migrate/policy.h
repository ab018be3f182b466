/* SPDX-License-Identifier: Apache-2.0 */
/*
 * policy.h - the rules of whoever runs this host: who may sign, who may receive, what may move
 *
 * A policy is a JSON file, docs/policy.md. Several hold at once: each of them has to be satisfied. A
 * rule that a policy does not name asks for nothing.
 */
#ifndef SDEI_MIGRATE_POLICY_H
#define SDEI_MIGRATE_POLICY_H

#include "sealed.h"

#include <sdeistate/trust.h>

/* Stable numbers, printed by --json. */
enum policy_rule {
	POLICY_SIGNERS = 1,
	POLICY_THRESHOLD = 2,
	POLICY_RECEIVERS = 3,
	POLICY_ANY_DESTINATION = 4,
	POLICY_MIN_REVISION = 5,
	POLICY_PROFILES = 6,
	POLICY_KERNELS = 7,
	POLICY_ENCRYPTION = 8,
	POLICY_MAX_AGE = 9,
	POLICY_EXPIRY = 10,
	POLICY_REALM_RIM = 11,
	POLICY_SINGLE_USE = 12,
	POLICY_OVERRIDES = 13,
	POLICY_N_RULES = 13,
};

/* What is being done: a rule about signatures asks nothing of what is yet to be signed. */
enum policy_act { POLICY_SEAL, POLICY_OPEN };

/* What a snapshot is, as far as rules go. Everything is borrowed. */
struct policy_facts {
	enum policy_act act;
	const uint8_t (*signer)[SDEISTATE_KEY_ID_SIZE]; /* whose signatures hold */
	unsigned int n_signers;
	const uint8_t (*receiver)[SDEISTATE_KEY_ID_SIZE];
	unsigned int n_receivers;
	bool any_destination, encrypted;
	uint32_t revision;
	const char *profile, *kernel;
	uint64_t created, expires, now;
	bool knows_realm;   /* is @rim known yet? before the state has come it is not */
	const uint8_t *rim; /* of a realm, @rim_len bytes; NULL: no realm */
	unsigned int rim_len;
	const char *override; /* the rule an operator sets aside; NULL: none */
};

struct policy_verdict {
	enum policy_rule rule;
	bool asked, holds; /* a rule that asks nothing holds */
	char expected[160], actual[160];
};

struct policy;

/**
 * policy_load() - read a policy, or every *.json of a folder
 * @path: NULL: the folders policy.d of the user and the system; none there is no policy at all
 * @signers: who must have signed each file (FILE.sig); NULL: nobody, but then the file has to be
 *	this user's or root's, and nobody else may write it
 *
 * Return: 0 with *@policy owned, NULL where there is none; -EBADMSG damaged: no policy, or a rule this
 * version does not know; -EPERM key-permissions; -EKEYREJECTED bad-signature; -ENOKEY unknown-signer,
 * unsigned; -E2BIG over-limit; -errno io.
 */
int policy_load(const char *path, const struct sdeistate_trust *signers, struct policy **policy,
		struct failure *failure);

/** policy_free() - takes NULL; returns NULL */
struct policy *policy_free(struct policy *policy);

/** policy_release() - for owned locals */
void policy_release(struct policy **policy);

#define OWNED_POLICY CLEANUP(policy_release)

/** policy_facts_of() - the facts of an opened file, and of the state in it; NULL: not looked into. Borrows from both */
struct policy_facts policy_facts_of(const struct sdeistate_opened *opened,
				    const struct sdeistate *state);

/** policy_judge() - every rule's verdict, in the order of their numbers. Return: do all hold? */
bool policy_judge(const struct policy *policy, const struct policy_facts *facts,
		  struct policy_verdict verdict[POLICY_N_RULES]);

/**
 * policy_enforce() - refuse what breaks a rule
 *
 * @policy may be NULL. Return: 0; -EPERM policy, naming the first rule that is broken.
 */
int policy_enforce(const struct policy *policy, const struct policy_facts *facts,
		   struct failure *failure);

/**
 * policy_enforce_realm() - rule 11 alone, for a hand-over, where the state comes last
 * @records: its record stream; decoded only if the rule is asked
 *
 * Return: 0; -EPERM policy; the errors of sdeistate_decode().
 */
int policy_enforce_realm(const struct policy *policy, const uint8_t *records, size_t len,
			 struct failure *failure);

/** policy_rule_name() - "signers" etc.; NULL for another number */
const char *policy_rule_name(enum policy_rule rule);

/** policy_wants_single_use() - may a snapshot be restored once only? true without a policy */
bool policy_wants_single_use(const struct policy *policy);

/* The type of a policy's signature; docs/policy.md */
#define POLICY_TYPE "sdei-migrate/policy"

#endif
