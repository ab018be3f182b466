// SPDX-License-Identifier: Apache-2.0
#include "verbs.h"
#include "vmm.h"

#include <string.h>

static const struct verb *const verbs[] = { &verb_compute, &verb_verify,    &verb_explain,
					    &verb_show,    &verb_reference, NULL };

/* The table of reasons speaks of VMs that move. */
static const struct failure_words our_words[] = {
	{ SDEISTATE_DIFFERS, "a measured or compared value differs",
	  "Ask explain at which step two realms begin to differ." },
	{ SDEISTATE_INCOMPATIBLE, "this cannot be done with what there is",
	  "See what is expected; a -c file or an option says what the host has." },
	{ SDEISTATE_INCONSISTENT, "these steps build no realm", "Correct what is named." },
	{ SDEISTATE_DAMAGED, "it is damaged", "Fetch it again, or correct what is named." },
	{ SDEISTATE_NO_KEY, "there is no usable key",
	  "Give a trust anchor as PEM, as a JWK or in a ta.json store." },
	{ SDEISTATE_UNKNOWN_SIGNER, "no trust anchor fits",
	  "If you trust the platform, or whoever signed it, give that key with --trust-anchor." },
	{ SDEISTATE_BAD_SIGNATURE, "a signature or the binding is wrong",
	  "Do not believe it: it was changed, or its halves do not belong together." },
	{ SDEISTATE_POLICY, "the platform's life cycle is not secured",
	  "Do not give secrets to it; --lifecycle any takes it for a test." },
	{ SDEISTATE_NOTHING_TO_VERIFY, "there is nothing to verify against",
	  "Give a trust anchor and the values that are expected." },
	{ SDEISTATE_INTERNAL, NULL, NULL },
};

static const struct program program = {
	.name = "realm-measure",
	.summary = "Compute, verify and explain the measurements of Arm CCA realms",
	.version = PROJECT_VERSION,
	.env_prefix = "REALM_MEASURE_",
	.config = "realm-measure/config",
	.verbs = verbs,
	.words = our_words,
};

/* Options of realm-measure whose value is the next word. */
static bool takes_next(const char *word)
{
	static const char *const flags[] = { "--steps",     "--no-measurements",
					     "--print-b64", "--json",
					     "--verbose",   "--quiet",
					     "--help",      "-v",
					     "-q",          "-h" };

	if (word[0] != '-' || strchr(word, '='))
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(flags); i++)
		if (!strcmp(word, flags[i]))
			return false;
	return word[1] == '-' || !word[2];
}

/* Where the VMM's own arguments begin; @argc if nowhere. */
static int find_vmm(int argc, char **argv)
{
	for (int i = 2; i < argc; i++) {
		if (vmm_find(argv[i]))
			return i;
		i += takes_next(argv[i]);
	}
	return argc;
}

/* Behind the VMM's name options are the VMM's: "--" keeps the parser out of them. */
int main(int argc, char **argv)
{
	OWNED_MEMORY char **words = calloc((size_t)argc + 2, sizeof(*words));
	int at = find_vmm(argc, argv);

	if (!words || at == argc || (argc > 2 && !strcmp(argv[at - 1], "--")))
		return tool_main(&program, argc, argv);
	memcpy(words, argv, (size_t)at * sizeof(*words));
	words[at] = (char[]){ "--" };
	memcpy(words + at + 1, argv + at, (size_t)(argc - at) * sizeof(*words));
	return tool_main(&program, argc + 1, words);
}
