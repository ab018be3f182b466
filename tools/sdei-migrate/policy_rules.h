/* SPDX-License-Identifier: Apache-2.0 */
/*
 * policy_rules.h - a policy as it was read; shared by its reading and its judging half
 */
#ifndef SDEI_MIGRATE_POLICY_RULES_H
#define SDEI_MIGRATE_POLICY_RULES_H

#include "policy.h"

#define POLICY_MAX_FILE  (64u << 10)
#define POLICY_MAX_FILES 64u

/* One file: its JSON, checked. */
struct policy_file {
	char *path;
	json_t *json;
};

struct policy {
	struct policy_file *file;
	size_t n_files;
};

/* What the value of a rule looks like. */
enum policy_kind { POLICY_IDS, POLICY_NAMES, POLICY_DIGESTS, POLICY_NUMBER, POLICY_FLAG };

struct policy_row {
	enum policy_rule rule;
	const char *name;
	enum policy_kind kind;
	uint64_t min, max; /* of a number */
	/* Does @facts satisfy @value? Fills expected and actual either way. */
	bool (*holds)(const json_t *value, const struct policy_facts *facts,
		      struct policy_verdict *verdict);
};

/**
 * policy_parse() - read and check the text of one policy
 *
 * Return: 0 with *@json owned; -EBADMSG damaged, naming the rule.
 */
int policy_parse(const char *path, const uint8_t *text, size_t len, json_t **json,
		 struct failure *failure);

/** policy_rows() - the table of rules, POLICY_N_RULES of them, by number */
const struct policy_row *policy_rows(void);

#endif
