// SPDX-License-Identifier: Apache-2.0
#include "script.h"
#include "common/text.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define MAX_WORDS 16
#define MAX_LINE  1024

struct words {
	int n;
	char *word[MAX_WORDS];
};

struct parser {
	struct step step;
	struct kvmcore_error *err;
};

typedef int parse_operands(struct parser *p, const struct words *w);

static int refuse(struct parser *p, const char *field, const char *expected, const char *actual)
{
	if (p->err) {
		p->err->code = -EINVAL;
		snprintf(p->err->object, sizeof(p->err->object), "line %u", p->step.line);
		snprintf(p->err->field, sizeof(p->err->field), "%s", field);
		snprintf(p->err->expected, sizeof(p->err->expected), "%s", expected);
		snprintf(p->err->actual, sizeof(p->err->actual), "%s", actual);
	}
	return -EINVAL;
}

static int number(struct parser *p, const struct words *w, int at, const char *field,
		  uint64_t *value)
{
	if (at >= w->n)
		return refuse(p, field, "a number", "nothing");
	return text_number(w->word[at], UINT64_MAX, value)
		       ? 0
		       : refuse(p, field, "a number, decimal or 0x", w->word[at]);
}

/* A level that is no small number is none, and the RMM refuses it. */
static int level(struct parser *p, const struct words *w, int at, int *value)
{
	uint64_t n = 0;
	int ret = number(p, w, at, "LEVEL", &n);

	if (!ret)
		*value = n > 3 ? 4 : (int)n;
	return ret;
}

/* The parameters of realm_create: where each goes and how much fits. */
enum param { P_S2SZ, P_ALGO, P_FLAGS, P_SVE_VL, P_BPS, P_WPS, P_PMU, P_VMID, P_FEATURES };

static const struct {
	const char *name;
	enum param param;
	uint64_t max;
} create_params[] = {
	{ "s2sz", P_S2SZ, UINT32_MAX },
	{ "algo", P_ALGO, UINT32_MAX },
	{ "flags", P_FLAGS, UINT64_MAX },
	{ "sve_vl", P_SVE_VL, UINT32_MAX },
	{ "num_bps", P_BPS, UINT32_MAX },
	{ "num_wps", P_WPS, UINT32_MAX },
	{ "pmu", P_PMU, UINT32_MAX },
	{ "vmid", P_VMID, UINT16_MAX },
	{ "features_0", P_FEATURES, UINT64_MAX },
};

static void set_param(struct kvmcore_realm_params *params, enum param param, uint64_t value)
{
	switch (param) {
	case P_S2SZ:
		params->s2sz = (uint32_t)value;
		break;
	case P_ALGO:
		params->hash = (enum kvmcore_hash)value;
		break;
	case P_FLAGS:
		params->flags = value;
		break;
	case P_SVE_VL:
		params->sve_vl = (uint32_t)value;
		break;
	case P_BPS:
		params->num_bps = (uint32_t)value;
		break;
	case P_WPS:
		params->num_wps = (uint32_t)value;
		break;
	case P_PMU:
		params->pmu_num_ctrs = (uint32_t)value;
		break;
	case P_VMID:
		params->vmid = (uint16_t)value;
		break;
	case P_FEATURES: /* of bet0: its low byte is the IPA size again, the rest is not measured */
		if (!params->s2sz)
			params->s2sz = (uint32_t)(value & 0xff);
		break;
	}
}

static int parse_param(struct parser *p, char *word)
{
	char *value = strchr(word, '=');
	uint64_t n;
	size_t len;

	if (!value)
		return refuse(p, "realm_create", "NAME=VALUE", word);
	*value++ = '\0';
	if (!strcmp(word, "rpv"))
		return text_bytes(value, p->step.params.rpv, KVMCORE_RPV_SIZE, &len)
			       ? 0
			       : refuse(p, "rpv", "hex, at most 64 bytes", value);
	if (!strcmp(word, "sl")) {
		bool minus = value[0] == '-';

		if (!text_number(value + minus, 3, &n))
			return refuse(p, "sl", "-1 to 3", value);
		p->step.params.level_start = minus ? -(int)n : (int)n;
		return 0;
	}
	for (size_t i = 0; i < sizeof(create_params) / sizeof(create_params[0]); i++)
		if (!strcmp(word, create_params[i].name)) {
			if (!text_number(value, create_params[i].max, &n))
				return refuse(p, word, "a number", value);
			set_param(&p->step.params, create_params[i].param, n);
			return 0;
		}
	return refuse(p, "realm_create", "a parameter of the RMM", word);
}

static int parse_create(struct parser *p, const struct words *w)
{
	int ret = 0;

	p->step.params.level_start = LEVEL_START_LINUX;
	for (int i = 1; !ret && i < w->n; i++)
		ret = parse_param(p, w->word[i]);
	return ret;
}

static int parse_ipa(struct parser *p, const struct words *w)
{
	return number(p, w, 1, "IPA", &p->step.mem.ipa);
}

static int parse_ipa_level(struct parser *p, const struct words *w)
{
	int ret = parse_ipa(p, w);

	return ret ? ret : level(p, w, 2, &p->step.mem.level);
}

static int parse_range(struct parser *p, const struct words *w)
{
	int ret = number(p, w, 1, "BASE", &p->step.mem.ipa);

	return ret ? ret : number(p, w, 2, "TOP", &p->step.mem.top);
}

static int parse_content(struct parser *p, const char *word)
{
	struct content *c = &p->step.mem.content;
	size_t len;

	if (!strcmp(word, "zero")) {
		c->fill = FILL_ZERO;
		return 0;
	}
	if (!strcmp(word, "seq")) {
		c->fill = FILL_SEQ;
		return 0;
	}
	if (!strncmp(word, "fill:", 5)) {
		const char *digits = word + 5;

		if (!strncmp(digits, "0x", 2))
			digits += 2;
		c->fill = FILL_BYTE;
		if (text_bytes(digits, &c->byte, 1, &len) && len == 1)
			return 0;
	}
	return refuse(p, "data", "zero, seq or fill:XX", word);
}

static int parse_data(struct parser *p, const struct words *w)
{
	int ret = parse_ipa(p, w);

	if (!ret)
		ret = number(p, w, 2, "FLAGS", &p->step.mem.flags);
	if (!ret && w->n < 4)
		ret = refuse(p, "data", "zero, seq or fill:XX", "nothing");
	return ret ? ret : parse_content(p, w->word[3]);
}

static int parse_rec(struct parser *p, const struct words *w)
{
	struct kvmcore_rec *rec = &p->step.rec;
	int ret = number(p, w, 1, "MPIDR", &rec->mpidr);

	if (!ret)
		ret = number(p, w, 2, "FLAGS", &rec->flags);
	if (!ret)
		ret = number(p, w, 3, "PC", &rec->pc);
	for (int i = 4; !ret && i < w->n; i++)
		ret = number(p, w, i, "X0..X7", &rec->gprs[i - 4]);
	return ret;
}

static int parse_index(struct parser *p, const struct words *w)
{
	uint64_t index = 0;
	int ret = number(p, w, 1, "INDEX", &index);

	p->step.extend.index = index > UINT32_MAX ? UINT32_MAX : (unsigned int)index;
	return ret;
}

/* A value shorter than SIZE is followed by zeros; a SIZE the RMM refuses is left to it. */
static int parse_extend(struct parser *p, const struct words *w)
{
	uint64_t size = 0;
	size_t len;
	int ret = parse_index(p, w);

	if (!ret)
		ret = number(p, w, 2, "SIZE", &size);
	if (!ret && w->n > 3 &&
	    !text_bytes(w->word[3], p->step.extend.value, STEPS_MAX_EXTEND, &len))
		ret = refuse(p, "extend", "hex, at most 80 bytes", w->word[3]);
	p->step.extend.size = size > STEPS_MAX_EXTEND ? STEPS_MAX_EXTEND : (unsigned int)size;
	return ret;
}

static int parse_nothing(struct parser *p, const struct words *w)
{
	(void)p;
	(void)w;
	return 0;
}

/* Every command: its operands, and how many words there may be. */
static const struct {
	enum step_kind kind;
	int max_words;
	parse_operands *parse;
} commands[] = {
	{ STEP_CREATE, MAX_WORDS, parse_create }, { STEP_RTT, 3, parse_ipa_level },
	{ STEP_RIPAS, 3, parse_range },           { STEP_RIPAS_CALL, 3, parse_range },
	{ STEP_RIPAS_LEVEL, 3, parse_ipa_level }, { STEP_DATA, 4, parse_data },
	{ STEP_DATA_UNKNOWN, 2, parse_ipa },      { STEP_REC, 12, parse_rec },
	{ STEP_ACTIVATE, 1, parse_nothing },      { STEP_EXTEND, 4, parse_extend },
	{ STEP_RIM, 1, parse_nothing },           { STEP_REM, 2, parse_index },
};

/* Return: whether all words fitted. */
static bool split(char *line, struct words *w)
{
	char *rest, *word;

	line[strcspn(line, "#")] = '\0';
	for (word = strtok_r(line, " \t\r\n", &rest); word;
	     word = strtok_r(NULL, " \t\r\n", &rest)) {
		if (w->n == MAX_WORDS)
			return false;
		w->word[w->n++] = word;
	}
	return true;
}

int script_parse_line(struct steps *steps, const char *line, unsigned int number,
		      struct kvmcore_error *err)
{
	struct parser p = { .err = err };
	struct words w = { 0 };
	char copy[MAX_LINE];

	p.step.line = number;
	if (strlen(line) >= sizeof(copy))
		return refuse(&p, "line", "at most 1023 characters", "more");
	snprintf(copy, sizeof(copy), "%s", line);
	if (!split(copy, &w))
		return refuse(&p, "line", "at most 16 words", "more");
	if (!w.n)
		return 0;
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		int ret;

		if (strcmp(w.word[0], step_name(commands[i].kind)) != 0)
			continue;
		if (w.n > commands[i].max_words)
			return refuse(&p, w.word[0], "the end of the line",
				      w.word[commands[i].max_words]);
		p.step.kind = commands[i].kind;
		ret = commands[i].parse(&p, &w);
		return ret ? ret : steps_add(steps, &p.step);
	}
	return refuse(&p, "command", "realm_create, rtt, ripas, data, rec, rim ...", w.word[0]);
}

int script_parse(struct steps *steps, const char *text, size_t len, struct kvmcore_error *err)
{
	unsigned int number = 1;
	int ret = 0;

	for (size_t at = 0; !ret && at < len; number++) {
		const char *end = memchr(text + at, '\n', len - at);
		size_t n = end ? (size_t)(end - text) - at : len - at;
		char line[MAX_LINE + 1] = { 0 };

		memcpy(line, text + at, n < MAX_LINE ? n : MAX_LINE);
		ret = script_parse_line(steps, line, number, err);
		at += n + 1;
	}
	return ret;
}
