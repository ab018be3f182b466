// SPDX-License-Identifier: Apache-2.0
#include "appraisal.h"
#include "common/file.h"
#include "common/realm/anchors.h"
#include "measured.h"
#include "token_file.h"
#include "verbs.h"

#include <errno.h>
#include <sdeistate/realm.h>
#include <string.h>

struct verify_args {
	struct input_args input;
	const char *token, *rim, *rpv, *hash, *challenge, *reference, *lifecycle;
	struct option_list rem;
};

static const struct option_row options[] = {
	{ .name = "--token",
	  .argument = "FILE",
	  .help = "an attestation token",
	  .offset = offsetof(struct verify_args, token),
	  .type = OPTION_TEXT,
	  .names = OPTION_NAMES_FILE },
	{ .name = "--trust-anchor",
	  .argument = "FILE",
	  .help = "a platform's key: PEM, JWK or ta.json; of a snapshot its signer's; may be given "
		  "again",
	  .offset = offsetof(struct verify_args, input.anchor),
	  .type = OPTION_LIST,
	  .names = OPTION_NAMES_FILE },
	{ .name = "--snapshot",
	  .argument = "FILE",
	  .help = "a sealed snapshot of a realm",
	  .offset = offsetof(struct verify_args, input.snapshot),
	  .type = OPTION_TEXT,
	  .names = OPTION_NAMES_FILE },
	{ .name = "--key",
	  .argument = "FILE",
	  .help = "private key to decrypt the snapshot with",
	  .offset = offsetof(struct verify_args, input.key),
	  .type = OPTION_TEXT,
	  .names = OPTION_NAMES_FILE },
	INPUT_FILE_ROWS(struct verify_args, input),
	INPUT_LOG_ROWS(struct verify_args, input),
	{ .name = "--rim",
	  .argument = "HEX",
	  .help = "the RIM it has to have",
	  .offset = offsetof(struct verify_args, rim),
	  .type = OPTION_TEXT },
	{ .name = "--rem",
	  .argument = "N=HEX",
	  .help = "the REM, 0 to 3, it has to have; may be given again",
	  .offset = offsetof(struct verify_args, rem),
	  .type = OPTION_LIST },
	{ .name = "--rpv",
	  .argument = "HEX",
	  .help = "the personalization value it has to have; zeros may be left out at its end",
	  .offset = offsetof(struct verify_args, rpv),
	  .type = OPTION_TEXT },
	{ .name = "--hash",
	  .argument = "NAME",
	  .help = "the hash algorithm it has to use",
	  .offset = offsetof(struct verify_args, hash),
	  .type = OPTION_CHOICE,
	  .choices = "sha-256|sha-384|sha-512|sha256|sha384|sha512" },
	{ .name = "--challenge",
	  .argument = "HEX",
	  .help = "the nonce the token has to answer",
	  .offset = offsetof(struct verify_args, challenge),
	  .type = OPTION_TEXT },
	{ .name = "--reference",
	  .argument = "FILE",
	  .help = "a store of reference values (rv.json)",
	  .offset = offsetof(struct verify_args, reference),
	  .type = OPTION_TEXT,
	  .names = OPTION_NAMES_FILE },
	{ .name = "--lifecycle",
	  .argument = "STATE",
	  .help = "which life cycle of the platform will do (default: secured)",
	  .offset = offsetof(struct verify_args, lifecycle),
	  .type = OPTION_CHOICE,
	  .choices = "secured|any" },
	OPTION_END,
};

/* Same exit code, one cause each: what a verification of the token can end with. */
static enum sdeistate_reason reason_of(int ret)
{
	switch (ret) {
	case -ENOKEY:
		return SDEISTATE_UNKNOWN_SIGNER;
	case -EPERM:
		return SDEISTATE_POLICY;
	case -ENOMEM:
		return SDEISTATE_NO_MEMORY;
	default:
		return SDEISTATE_BAD_SIGNATURE;
	}
}

static const char *check_name(enum kvmcore_check check)
{
	static const char *const names[] = {
		[KVMCORE_CHECK_NOT_DONE] = "not checked",
		[KVMCORE_CHECK_OK] = "ok",
		[KVMCORE_CHECK_FAILED] = "failed",
		[KVMCORE_CHECK_NO_KEY] = "no trust anchor",
	};

	return names[check];
}

static void record_checks(struct appraisal *a, const struct kvmcore_token_verdict *v)
{
	appraise_verdict(a, "platform signature", check_name(v->platform_signature));
	appraise_verdict(a, "realm signature", check_name(v->realm_signature));
	appraise_verdict(a, "binding", check_name(v->binding));
	appraise_verdict(a, "profile", check_name(v->profile));
	appraise_verdict(a, "lifecycle", check_name(v->lifecycle));
}

static int load_anchors(const struct verify_args *args, struct anchors *anchors,
			struct failure *failure)
{
	int ret = 0;

	for (size_t i = 0; !ret && i < args->input.anchor.n; i++)
		ret = anchors_load(args->input.anchor.item[i], anchors, failure);
	return ret;
}

/* Failures of the token itself come before differences of values. */
static int check_token(const struct verify_args *args, const struct kvmcore_token *token,
		       struct appraisal *a)
{
	anchors_cleanup struct anchors anchors = { 0 };
	struct kvmcore_token_policy policy = {
		.any_lifecycle = args->lifecycle && !strcmp(args->lifecycle, "any"),
	};
	struct kvmcore_token_verdict verdict;
	struct kvmcore_error err = { 0 };
	int ret = load_anchors(args, &anchors, a->failure);

	if (ret)
		return ret;
	policy.anchor = anchors.anchor;
	policy.n_anchors = anchors.n;
	ret = kvmcore_token_verify(token, &policy, &verdict, &err);
	record_checks(a, &verdict);
	if (!args->input.anchor.n)
		failure_set(a->failure, SDEISTATE_NOTHING_TO_VERIFY, -ENOKEY, args->token, NULL,
			    "a trust anchor", "none");
	else if (ret)
		input_from_core(a->failure, reason_of(ret), &err);
	return 0;
}

static void facts_of_token(const struct kvmcore_token *token, struct realm_facts *facts)
{
	const struct kvmcore_realm_claims *r = kvmcore_token_realm(token);

	facts->rim = r->rim;
	memcpy(facts->rem, r->rem, sizeof(facts->rem));
	facts->rpv = r->rpv;
	facts->hash = r->hash;
	facts->rak_hash = r->public_key_hash;
	facts->platform = kvmcore_token_platform(token);
}

static void facts_of_realm(const struct measured *m, struct realm_facts *facts)
{
	const char *hash = kvmcore_hash_name(m->hash);
	size_t n = kvmcore_hash_size(m->hash);

	facts->rim = (struct kvmcore_span){ m->value[0].bytes, n };
	for (unsigned int i = 0; i < KVMCORE_NR_REMS; i++)
		facts->rem[i] = (struct kvmcore_span){ m->value[i + 1].bytes, n };
	facts->rpv = (struct kvmcore_span){ m->rpv, sizeof(m->rpv) };
	facts->hash = (struct kvmcore_span){ (const uint8_t *)hash, strlen(hash) };
}

/* What a snapshot says; its steps gave that RIM, if their pages are there. */
static void facts_of_snapshot(const struct sdeistate_realm *r, struct realm_facts *facts)
{
	const char *hash = sdeistate_realm_hash_name(r->hash);
	size_t n = sdeistate_realm_hash_size(r->hash);

	facts->rim = (struct kvmcore_span){ r->rim, n };
	for (unsigned int i = 0; i < KVMCORE_NR_REMS; i++)
		facts->rem[i] = (struct kvmcore_span){ r->rem[i], n };
	facts->rpv = (struct kvmcore_span){ r->rpv, sizeof(r->rpv) };
	facts->hash = (struct kvmcore_span){ (const uint8_t *)hash, strlen(hash) };
}

static int appraise_rem(struct appraisal *a, const struct realm_facts *facts, const char *text)
{
	char name[8];

	if (text[0] < '0' || text[0] > '3' || text[1] != '=')
		return failure_set(a->failure, SDEISTATE_USAGE, -EINVAL, "command line", "--rem",
				   "N=HEX, N from 0 to 3", text);
	snprintf(name, sizeof(name), "REM%c", text[0]);
	return appraise_hex(a, name, facts->rem[text[0] - '0'], text + 2);
}

static int appraise_challenge(struct appraisal *a, const struct verify_args *args,
			      const struct kvmcore_token *token)
{
	if (!args->challenge)
		return 0;
	if (!token)
		return failure_set(a->failure, SDEISTATE_USAGE, -EINVAL, "command line",
				   "--challenge", "a token that answers it", "none");
	return appraise_padded(a, "challenge", kvmcore_token_realm(token)->challenge,
			       args->challenge);
}

/* Every register is told, also those that nobody asked for. */
static void begin_registers(struct appraisal *a, const struct realm_facts *facts)
{
	char name[8];

	appraise_not_compared(a, "RIM", facts->rim);
	for (unsigned int i = 0; i < KVMCORE_NR_REMS; i++) {
		snprintf(name, sizeof(name), "REM%u", i);
		appraise_not_compared(a, name, facts->rem[i]);
	}
	appraise_not_compared(a, "RPV", facts->rpv);
}

static int appraise(struct appraisal *a, const struct verify_args *args,
		    const struct realm_facts *facts, const struct kvmcore_token *token)
{
	enum kvmcore_hash hash;
	int ret;

	begin_registers(a, facts);
	ret = appraise_hex(a, "RIM", facts->rim, args->rim);

	for (size_t i = 0; !ret && i < args->rem.n; i++)
		ret = appraise_rem(a, facts, args->rem.item[i]);
	if (!ret)
		ret = appraise_padded(a, "RPV", facts->rpv, args->rpv);
	if (!ret && args->hash && !kvmcore_hash_find(args->hash, &hash))
		ret = appraise_text(a, "hash", facts->hash, kvmcore_hash_name(hash));
	if (!ret)
		ret = appraise_challenge(a, args, token);
	return ret ? ret : appraise_reference(a, args->reference, facts);
}

static void print_verdict(const struct tool *tool, const char *name, const json_t *verdict)
{
	const char *word = json_string_value(json_object_get(verdict, "verdict"));

	const char *replay = json_string_value(json_object_get(verdict, "replay"));

	fprintf(tool->out, "%s: %s\n", name, word);
	if (replay)
		fprintf(tool->out, "  replay:   %s\n", replay);
	if (!strcmp(word, "differs"))
		fprintf(tool->out, "  expected: %s\n  actual:   %s\n",
			json_string_value(json_object_get(verdict, "expected")),
			json_string_value(json_object_get(verdict, "actual")));
}

/* The object of a failure, its verdicts beside it. */
static int report(const struct tool *tool, struct appraisal *a)
{
	json_t *json, *verdict;
	const char *name;
	int code;

	if (!a->failure->reason && !a->compared)
		failure_set(a->failure, SDEISTATE_NOTHING_TO_VERIFY, -EINVAL, "expectations", NULL,
			    "at least one of --rim, --rem, --rpv, --hash, --challenge, --reference",
			    "none");
	code = a->failure->reason ? (int)failure_exit(a->failure->reason) : EXIT_CODE_OK;
	if (tool->json) {
		json = a->failure->reason ? tool_failure(tool, a->failure)
					  : json_pack("{s:s, s:i}", "reason", "ok", "exit", 0);
		json_object_set(json, "verdicts", a->verdicts);
		tool_result(tool, json);
		return code;
	}
	json_object_foreach(a->verdicts, name, verdict) print_verdict(tool, name, verdict);
	return a->failure->reason ? tool_fail(tool, a->failure) : EXIT_CODE_OK;
}

static int verify_token(const struct tool *tool, const struct verify_args *args,
			struct appraisal *a)
{
	token_cleanup struct kvmcore_token *token = NULL;
	struct realm_facts facts = { 0 };
	struct failure usage = { 0 }, *kept = a->failure;
	int ret = token_file_load(args->token, &token, a->failure);

	if (!ret)
		ret = check_token(args, token, a);
	if (ret)
		return tool_fail(tool, a->failure);
	facts_of_token(token, &facts);
	a->failure = kept->reason ? &usage : kept; /* a bad signature stays the first word */
	ret = appraise(a, args, &facts, token);
	if (ret)
		return tool_fail(tool, a->failure);
	a->failure = kept;
	return report(tool, a);
}

static int compute(const struct tool *tool, const struct input_args *args,
		   const struct input *input, struct measured *m, struct failure *failure)
{
	struct tool silent = *tool;
	int ret;

	silent.json = true; /* what a script prints is no verdict */
	ret = measured_run(&silent, args, input, false, m, failure);
	return ret || m->exists ? ret
				: failure_set(failure, SDEISTATE_INCONSISTENT, -EINVAL, "steps",
					      "realm_create", "a realm", "none");
}

static int verify_realm(const struct tool *tool, const struct verify_args *args,
			struct appraisal *a)
{
	input_cleanup struct input input = { 0 };
	measured_cleanup struct measured m = { 0 };
	struct realm_facts facts = { 0 };
	int ret = input_load(&args->input, &input, a->failure);

	if (!ret && !input.stated)
		ret = compute(tool, &args->input, &input, &m, a->failure);
	if (ret)
		return tool_fail(tool, a->failure);
	*a->failure = (struct failure){ 0 };
	if (input.snapshot.realm) {
		appraise_verdict(a, "signature", "ok");
		appraise_verdict(a, "build log", input.stated ? "not checked" : "ok");
		facts_of_snapshot(input.snapshot.realm, &facts);
	} else {
		facts_of_realm(&m, &facts);
	}
	if (appraise(a, args, &facts, NULL))
		return tool_fail(tool, a->failure);
	if (input.snapshot.realm)
		appraise_replay(a, input.snapshot.realm);
	return report(tool, a);
}

static int run(struct tool *tool, void *arguments)
{
	const struct verify_args *args = arguments;
	OWNED_JSON json_t *verdicts = json_object();
	struct failure failure = { 0 };
	struct appraisal a = { .failure = &failure, .verdicts = verdicts };

	if (!verdicts)
		return tool_no_memory(tool);
	if (input_given(&args->input) + (args->token != NULL) != 1)
		return tool_usage(tool, "input",
				  "one of --token, --snapshot, --log, --script, --json-input");
	return args->token ? verify_token(tool, args, &a) : verify_realm(tool, args, &a);
}

const struct verb verb_verify = {
	.name = "verify",
	.summary = "Compare a token, a snapshot, a log or a description with what is expected",
	.about = "Every expectation that is given has to hold. With none, or for a token or a "
		 "snapshot without a trust anchor, there is nothing to verify against, and that is "
		 "never success.",
	.options = options,
	.args_size = sizeof(struct verify_args),
	.run = run,
};
