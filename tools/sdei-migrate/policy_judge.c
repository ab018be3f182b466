// SPDX-License-Identifier: Apache-2.0
#include "policy_rules.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>
#include <time.h>

static void say(char text[160], const char *format, ...) __attribute__((format(printf, 2, 3)));

static void say(char text[160], const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(text, 160, format, args);
	va_end(args);
}

static bool lists_text(const json_t *list, const char *text)
{
	const json_t *item;
	size_t i;

	json_array_foreach((json_t *)list, i,
			   item) if (strcmp(json_string_value(item), text) == 0) return true;
	return false;
}

static bool lists_id(const json_t *list, const uint8_t *id)
{
	char text[2 * SDEISTATE_KEY_ID_SIZE + 1];

	hex_text(id, SDEISTATE_KEY_ID_SIZE, text);
	return lists_text(list, text);
}

/* Items of a list in words, as many as fit. */
static void say_list(char text[160], const char *before, const json_t *list)
{
	const json_t *item;
	size_t i, len = (size_t)snprintf(text, 160, "%s", before);

	json_array_foreach((json_t *)list, i, item) if (len < 159) len +=
		(size_t)snprintf(text + len, 160 - len, "%s%s", i ? ", " : " ",
				 json_string_value(item));
}

static void say_ids(char text[160], const uint8_t (*id)[SDEISTATE_KEY_ID_SIZE], unsigned int n)
{
	char digits[2 * SDEISTATE_KEY_ID_SIZE + 1];

	if (n)
		hex_text(id[0], SDEISTATE_KEY_ID_SIZE, digits);
	if (n > 1)
		say(text, "%s and %u more", digits, n - 1);
	else
		say(text, "%s", n ? digits : "none");
}

/* Every signature that counts must be of a listed key. */
static bool hold_signers(const json_t *value, const struct policy_facts *facts,
			 struct policy_verdict *verdict)
{
	say_list(verdict->expected, "signed by none but", value);
	say_ids(verdict->actual, facts->signer, facts->n_signers);
	for (unsigned int i = 0; i < facts->n_signers; i++)
		if (!lists_id(value, facts->signer[i])) {
			say_ids(verdict->actual, &facts->signer[i], 1);
			return false;
		}
	return facts->n_signers > 0 || facts->act == POLICY_SEAL;
}

static bool hold_threshold(const json_t *value, const struct policy_facts *facts,
			   struct policy_verdict *verdict)
{
	const json_int_t wanted = json_integer_value(value);

	say(verdict->expected, "%lld trusted signatures or more", (long long)wanted);
	say(verdict->actual, "%u", facts->n_signers);
	return facts->act == POLICY_SEAL || (json_int_t)facts->n_signers >= wanted;
}

/* Whoever it was sealed for must be listed; "anybody" is not. */
static bool hold_receivers(const json_t *value, const struct policy_facts *facts,
			   struct policy_verdict *verdict)
{
	say_list(verdict->expected, "for none but", value);
	say_ids(verdict->actual, facts->receiver, facts->n_receivers);
	for (unsigned int i = 0; i < facts->n_receivers; i++)
		if (!lists_id(value, facts->receiver[i])) {
			say_ids(verdict->actual, &facts->receiver[i], 1);
			return false;
		}
	if (!facts->any_destination)
		return true;
	say(verdict->actual, "any destination");
	return false;
}

static bool hold_any_destination(const json_t *value, const struct policy_facts *facts,
				 struct policy_verdict *verdict)
{
	say(verdict->expected, json_is_true(value) ? "anything" : "named destinations");
	say(verdict->actual, facts->any_destination ? "any destination" : "named destinations");
	return json_is_true(value) || !facts->any_destination;
}

static bool hold_min_revision(const json_t *value, const struct policy_facts *facts,
			      struct policy_verdict *verdict)
{
	say(verdict->expected, "revision %lld or later", (long long)json_integer_value(value));
	say(verdict->actual, "revision %u", facts->revision);
	return (json_int_t)facts->revision >= json_integer_value(value);
}

static bool hold_profiles(const json_t *value, const struct policy_facts *facts,
			  struct policy_verdict *verdict)
{
	say_list(verdict->expected, "one of", value);
	say(verdict->actual, "%s", facts->profile);
	return lists_text(value, facts->profile);
}

static bool hold_kernels(const json_t *value, const struct policy_facts *facts,
			 struct policy_verdict *verdict)
{
	say_list(verdict->expected, "one of", value);
	say(verdict->actual, "%s", facts->kernel);
	return lists_text(value, facts->kernel);
}

static bool hold_encryption(const json_t *value, const struct policy_facts *facts,
			    struct policy_verdict *verdict)
{
	say(verdict->expected, json_is_true(value) ? "encrypted" : "anything");
	say(verdict->actual, facts->encrypted ? "encrypted" : "not encrypted");
	return !json_is_true(value) || facts->encrypted;
}

/* A snapshot from the future has a wrong clock behind it: its age is not known. */
#define CLOCK_SKEW 300u

static bool hold_max_age(const json_t *value, const struct policy_facts *facts,
			 struct policy_verdict *verdict)
{
	const uint64_t max = (uint64_t)json_integer_value(value);

	say(verdict->expected, "at most %llu seconds old", (unsigned long long)max);
	if (facts->created > facts->now + CLOCK_SKEW) {
		say(verdict->actual, "made %llu seconds in the future",
		    (unsigned long long)(facts->created - facts->now));
		return false;
	}
	const uint64_t age = facts->now > facts->created ? facts->now - facts->created : 0;

	say(verdict->actual, "%llu seconds", (unsigned long long)age);
	return age <= max;
}

static bool hold_expiry(const json_t *value, const struct policy_facts *facts,
			struct policy_verdict *verdict)
{
	const uint64_t max = (uint64_t)json_integer_value(value);

	say(verdict->expected, "expires within %llu seconds of its making",
	    (unsigned long long)max);
	if (!facts->expires) {
		say(verdict->actual, "never expires");
		return false;
	}
	say(verdict->actual, "%llu seconds",
	    (unsigned long long)(facts->expires > facts->created ? facts->expires - facts->created
								 : 0));
	return facts->expires <= facts->created || facts->expires - facts->created <= max;
}

static bool hold_realm_rim(const json_t *value, const struct policy_facts *facts,
			   struct policy_verdict *verdict)
{
	char digits[2 * 64 + 1] = "no realm";

	say_list(verdict->expected, "a realm with RIM", value);
	if (facts->rim && facts->rim_len <= 64)
		hex_text(facts->rim, facts->rim_len, digits);
	say(verdict->actual, "%s", facts->knows_realm ? digits : "not known yet");
	return !facts->knows_realm || (facts->rim && lists_text(value, digits));
}

/* The ledger enforces it; here it is only told. */
static bool hold_single_use(const json_t *value, const struct policy_facts *facts,
			    struct policy_verdict *verdict)
{
	(void)facts;
	say(verdict->expected, json_is_true(value) ? "used once" : "may be used again");
	say(verdict->actual, "known to the ledger of the host that uses it");
	return true;
}

static bool hold_overrides(const json_t *value, const struct policy_facts *facts,
			   struct policy_verdict *verdict)
{
	say_list(verdict->expected, "none set aside but", value);
	say(verdict->actual, "%s", facts->override ? facts->override : "none");
	return !facts->override || lists_text(value, facts->override);
}

static const struct policy_row rows[POLICY_N_RULES] = {
	{ POLICY_SIGNERS, "signers", POLICY_IDS, 0, 0, hold_signers },
	{ POLICY_THRESHOLD, "threshold", POLICY_NUMBER, 1, SDEISTATE_MAX_SIGNATURES,
	  hold_threshold },
	{ POLICY_RECEIVERS, "receivers", POLICY_IDS, 0, 0, hold_receivers },
	{ POLICY_ANY_DESTINATION, "any_destination", POLICY_FLAG, 0, 0, hold_any_destination },
	{ POLICY_MIN_REVISION, "min_revision", POLICY_NUMBER, 1, SDEISTATE_REVISION_MAX,
	  hold_min_revision },
	{ POLICY_PROFILES, "profiles", POLICY_NAMES, 0, 0, hold_profiles },
	{ POLICY_KERNELS, "kernels", POLICY_NAMES, 0, 0, hold_kernels },
	{ POLICY_ENCRYPTION, "encryption", POLICY_FLAG, 0, 0, hold_encryption },
	{ POLICY_MAX_AGE, "max_age", POLICY_NUMBER, 1, 1ull << 40, hold_max_age },
	{ POLICY_EXPIRY, "expiry", POLICY_NUMBER, 1, 1ull << 40, hold_expiry },
	{ POLICY_REALM_RIM, "realm_rim", POLICY_DIGESTS, 0, 0, hold_realm_rim },
	{ POLICY_SINGLE_USE, "single_use", POLICY_FLAG, 0, 0, hold_single_use },
	{ POLICY_OVERRIDES, "overrides", POLICY_NAMES, 0, 0, hold_overrides },
};

const struct policy_row *policy_rows(void)
{
	return rows;
}

const char *policy_rule_name(enum policy_rule rule)
{
	return rule >= 1 && rule <= POLICY_N_RULES ? rows[rule - 1].name : NULL;
}

/* Of several files the first that the snapshot breaks speaks; else the last that asked. */
static void judge_rule(const struct policy *policy, const struct policy_row *row,
		       const struct policy_facts *facts, struct policy_verdict *verdict)
{
	*verdict = (struct policy_verdict){ .rule = row->rule, .holds = true };
	for (size_t i = 0; policy && i < policy->n_files && verdict->holds; i++) {
		const json_t *value = json_object_get(policy->file[i].json, row->name);

		if (!value)
			continue;
		verdict->asked = true;
		verdict->holds = row->holds(value, facts, verdict);
	}
}

bool policy_judge(const struct policy *policy, const struct policy_facts *facts,
		  struct policy_verdict verdict[POLICY_N_RULES])
{
	bool all = true;

	for (size_t i = 0; i < POLICY_N_RULES; i++) {
		judge_rule(policy, &rows[i], facts, &verdict[i]);
		all = all && verdict[i].holds;
	}
	return all;
}

int policy_enforce(const struct policy *policy, const struct policy_facts *facts,
		   struct failure *failure)
{
	struct policy_verdict verdict[POLICY_N_RULES];

	if (policy_judge(policy, facts, verdict))
		return 0;
	for (size_t i = 0; i < POLICY_N_RULES; i++)
		if (!verdict[i].holds)
			return failure_set(failure, SDEISTATE_POLICY, -EPERM, "policy",
					   rows[i].name, verdict[i].expected, verdict[i].actual);
	return 0;
}

bool policy_wants_single_use(const struct policy *policy)
{
	bool wanted = false, said = false;

	for (size_t i = 0; policy && i < policy->n_files; i++) {
		const json_t *value = json_object_get(policy->file[i].json, "single_use");

		said = said || value;
		wanted = wanted || json_is_true(value);
	}
	return wanted || !said;
}

static void add_realm(struct policy_facts *facts, const struct sdeistate *state)
{
	facts->knows_realm = true;
	if (!state->realm)
		return;
	facts->rim = state->realm->rim;
	facts->rim_len = (unsigned int)sdeistate_realm_hash_size(state->realm->hash);
}

int policy_enforce_realm(const struct policy *policy, const uint8_t *records, size_t len,
			 struct failure *failure)
{
	const struct policy_row *row = &rows[POLICY_REALM_RIM - 1];
	OWNED_STATE struct sdeistate *state = NULL;
	struct policy_facts facts = { .act = POLICY_OPEN };
	struct policy_verdict verdict;
	struct sdeistate_error error;

	judge_rule(policy, row, &facts, &verdict);
	if (!verdict.asked)
		return 0;
	if (sdeistate_decode(records, len, &state, &error))
		return failure_from(failure, &error);
	add_realm(&facts, state);
	judge_rule(policy, row, &facts, &verdict);
	return verdict.holds ? 0
			     : failure_set(failure, SDEISTATE_POLICY, -EPERM, "policy", row->name,
					   verdict.expected, verdict.actual);
}

struct policy_facts policy_facts_of(const struct sdeistate_opened *opened,
				    const struct sdeistate *state)
{
	const struct sdeistate_manifest *manifest = &opened->manifest;

	struct policy_facts facts = {
		.act = POLICY_OPEN,
		.signer = opened->signer,
		.n_signers = opened->n_signers,
		.receiver = manifest->audience,
		.n_receivers = manifest->n_audience,
		.any_destination = manifest->any_destination,
		.encrypted = manifest->encrypted,
		.revision = manifest->revision,
		.profile = manifest->profile,
		.kernel = manifest->kernel_profile,
		.created = manifest->created,
		.expires = manifest->expires,
		.now = (uint64_t)time(NULL),
	};

	if (state)
		add_realm(&facts, state);
	return facts;
}
