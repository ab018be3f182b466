// SPDX-License-Identifier: Apache-2.0
#include "description.h"

#include "common/cleanup.h"
#include "common/number.h"
#include "common/text.h"
#include "payload.h"

#include <errno.h>
#include <string.h>

struct reader {
	struct steps *steps;
	const char *path;
	struct failure *failure;
	char object[48]; /* "step 3" */
};

static int refuse(struct reader *r, const char *field, const char *expected, const char *actual)
{
	return failure_set(r->failure, SDEISTATE_USAGE, -EINVAL, r->object, field, expected,
			   actual);
}

static int no_memory(struct reader *r)
{
	return failure_set(r->failure, SDEISTATE_NO_MEMORY, -ENOMEM, r->object, NULL, NULL, NULL);
}

/* Absent keys leave @value alone unless they are required. */
static int number(struct reader *r, const json_t *step, const char *key, bool required,
		  uint64_t *value)
{
	const json_t *item = json_object_get(step, key);

	if (!item)
		return required ? refuse(r, key, "a number", "nothing") : 0;
	return number_from_json(item, value) ? 0
					     : refuse(r, key, "a number or \"0x...\"", "another");
}

static int number32(struct reader *r, const json_t *step, const char *key, uint32_t *value)
{
	uint64_t wide = *value;
	int ret = number(r, step, key, false, &wide);

	if (!ret && wide > UINT32_MAX)
		ret = refuse(r, key, "a 32-bit number", "more");
	if (!ret)
		*value = (uint32_t)wide;
	return ret;
}

/* 1 and 0 as the RMM has them, or true and false. */
static int flag(struct reader *r, const json_t *step, const char *key, uint64_t *value)
{
	const json_t *item = json_object_get(step, key);

	if (!json_is_boolean(item))
		return number(r, step, key, false, value);
	*value = json_is_true(item);
	return 0;
}

static int hash(struct reader *r, const json_t *params, enum kvmcore_hash *algorithm)
{
	const json_t *item = json_object_get(params, "algo");
	const char *name = json_string_value(item);

	if (!item)
		return 0;
	if (json_is_integer(item) && json_integer_value(item) >= 0 &&
	    json_integer_value(item) < KVMCORE_NR_HASHES) {
		*algorithm = (enum kvmcore_hash)json_integer_value(item);
		return 0;
	}
	return name && !kvmcore_hash_find(name, algorithm)
		       ? 0
		       : refuse(r, "algo", "sha256, sha384 or sha512",
				name ? name : "another type");
}

static int rpv(struct reader *r, const json_t *params, uint8_t *bytes)
{
	const char *hex = json_string_value(json_object_get(params, "rpv"));
	size_t len;

	return !hex || text_bytes(hex, bytes, KVMCORE_RPV_SIZE, &len)
		       ? 0
		       : refuse(r, "rpv", "hex of at most 64 bytes", hex);
}

/* Of whichever algorithm: which one the realm has may not have been said yet. */
static int read_digest(struct reader *r, const char *key, const char *hex,
		       struct kvmcore_digest *digest)
{
	size_t len = 0;

	return text_bytes(hex, digest->bytes, sizeof(digest->bytes), &len) &&
			       (len == 32 || len == 48 || len == 64)
		       ? 0
		       : refuse(r, key, "hex of 32, 48 or 64 bytes", hex);
}

static int read_create(struct reader *r, const json_t *json, struct step *step)
{
	const json_t *params = json_object_get(json, "params");
	struct kvmcore_realm_params *p = &step->params;
	const json_t *level = json_object_get(params, "sl");
	int ret = 0;

	if (!json_is_object(params))
		return refuse(r, "params", "an object", "another type");
	p->level_start =
		json_is_integer(level) ? (int)json_integer_value(level) : LEVEL_START_LINUX;
	ret = number(r, params, "flags", false, &p->flags);
	if (!ret)
		ret = number32(r, params, "s2sz", &p->s2sz);
	if (!ret)
		ret = number32(r, params, "sve_vl", &p->sve_vl);
	if (!ret)
		ret = number32(r, params, "num_bps", &p->num_bps);
	if (!ret)
		ret = number32(r, params, "num_wps", &p->num_wps);
	if (!ret)
		ret = number32(r, params, "pmu", &p->pmu_num_ctrs);
	if (!ret)
		ret = hash(r, params, &p->hash);
	return ret ? ret : rpv(r, params, p->rpv);
}

static int read_range(struct reader *r, const json_t *json, struct step *step)
{
	int ret = number(r, json, "base", true, &step->mem.ipa);

	return ret ? ret : number(r, json, "top", true, &step->mem.top);
}

static int read_level(struct reader *r, const json_t *json, struct step *step)
{
	uint64_t level = 0;
	int ret = number(r, json, "ipa", true, &step->mem.ipa);

	if (!ret)
		ret = number(r, json, "level", true, &level);
	step->mem.level = level > 3 ? 4 : (int)level;
	return ret;
}

/* Beside the description, unless the name is absolute. */
static char *beside(const char *path, const char *name)
{
	const char *slash = strrchr(path, '/');
	char *full = NULL;

	if (*name == '/' || !slash)
		return strdup(name);
	return asprintf(&full, "%.*s/%s", (int)(slash - path), path, name) < 0 ? NULL : full;
}

static int read_file(struct reader *r, const char *name, struct step *step)
{
	OWNED_MEMORY char *path = beside(r->path, name);
	struct blob *blob = NULL;
	int ret;

	if (!path)
		return no_memory(r);
	ret = payload_open(path, name, &blob, r->failure);
	if (ret)
		return ret;
	if (steps_take_blob(r->steps, blob))
		return no_memory(r);
	step->kind = STEP_IMAGE;
	step->mem.blob = blob;
	return 0;
}

static int read_fill(struct reader *r, const char *fill, struct content *c)
{
	size_t len;

	if (!strcmp(fill, "zero")) {
		c->fill = FILL_ZERO;
	} else if (!strcmp(fill, "seq")) {
		c->fill = FILL_SEQ;
	} else {
		c->fill = FILL_BYTE;
		if (!text_bytes(strncmp(fill, "0x", 2) ? fill : fill + 2, &c->byte, 1, &len) ||
		    len != 1)
			return refuse(r, "fill", "zero, seq or a byte in hex", fill);
	}
	return 0;
}

/* A page by its content, its file or its digest. */
static int read_data(struct reader *r, const json_t *json, struct step *step)
{
	const char *file = json_string_value(json_object_get(json, "file"));
	const char *fill = json_string_value(json_object_get(json, "fill"));
	const char *digest = json_string_value(json_object_get(json, "digest"));
	int ret = number(r, json, "ipa", true, &step->mem.ipa);

	step->mem.flags = KVMCORE_DATA_MEASURE;
	if (!ret)
		ret = flag(r, json, "measure", &step->mem.flags);
	if (ret)
		return ret;
	if (file)
		return step->mem.flags ? read_file(r, file, step)
				       : refuse(r, "measure", "1 with a file", "0");
	if (digest) {
		step->mem.content.fill = FILL_DIGEST;
		return read_digest(r, "digest", digest, &step->mem.content.digest);
	}
	return fill ? read_fill(r, fill, &step->mem.content)
		    : refuse(r, "content", "file, fill or digest", "nothing");
}

static int read_unknown(struct reader *r, const json_t *json, struct step *step)
{
	return number(r, json, "ipa", true, &step->mem.ipa);
}

static int read_rec(struct reader *r, const json_t *json, struct step *step)
{
	const json_t *gprs = json_object_get(json, "gprs"), *gpr;
	int ret = number(r, json, "flags", true, &step->rec.flags);
	size_t i;

	if (!ret)
		ret = number(r, json, "pc", true, &step->rec.pc);
	if (!ret)
		ret = number(r, json, "mpidr", false, &step->rec.mpidr);
	if (!ret && json_array_size(gprs) > KVMCORE_REC_GPRS)
		ret = refuse(r, "gprs", "at most 8", "more");
	json_array_foreach((json_t *)(uintptr_t)gprs, i, gpr)
	{
		if (!ret && !number_from_json(gpr, &step->rec.gprs[i]))
			ret = refuse(r, "gprs", "numbers", "another type");
	}
	return ret;
}

static int read_nothing(struct reader *r, const json_t *json, struct step *step)
{
	(void)r;
	(void)json;
	(void)step;
	return 0;
}

static int read_extend(struct reader *r, const json_t *json, struct step *step)
{
	const char *value = json_string_value(json_object_get(json, "value"));
	uint64_t index = 0;
	size_t len = 0;
	int ret = number(r, json, "index", true, &index);

	if (ret)
		return ret;
	if (!value || !text_bytes(value, step->extend.value, STEPS_MAX_EXTEND, &len))
		return refuse(r, "value", "hex", value ? value : "nothing");
	step->extend.index = index > UINT32_MAX ? UINT32_MAX : (unsigned int)index;
	step->extend.size = (unsigned int)len;
	return 0;
}

/* Every operation, and the keys it may have besides op and rim. */
static const struct {
	const char *op;
	enum step_kind kind;
	int (*read)(struct reader *r, const json_t *json, struct step *step);
	const char *keys;
} ops[] = {
	{ "realm_create", STEP_CREATE, read_create, " params " },
	{ "rtt_create", STEP_RTT, read_level, " ipa level " },
	{ "init_ripas", STEP_RIPAS, read_range, " base top " },
	{ "init_ripas_call", STEP_RIPAS_CALL, read_range, " base top " },
	{ "init_ripas_level", STEP_RIPAS_LEVEL, read_level, " ipa level " },
	{ "data_create", STEP_DATA, read_data, " ipa measure file granules fill digest " },
	{ "data_create_unknown", STEP_DATA_UNKNOWN, read_unknown, " ipa " },
	{ "rec_create", STEP_REC, read_rec, " flags mpidr pc gprs " },
	{ "activate", STEP_ACTIVATE, read_nothing, " " },
	{ "extend", STEP_EXTEND, read_extend, " index value " },
};

static int check_keys(struct reader *r, const json_t *json, const char *keys)
{
	char word[48];
	const char *key;
	json_t *value;

	json_object_foreach((json_t *)(uintptr_t)json, key, value)
	{
		snprintf(word, sizeof(word), " %s ", key);
		if (!strstr(keys, word) && strcmp(key, "op") != 0 && strcmp(key, "rim") != 0)
			return refuse(r, key, keys + 1, "an unknown key");
	}
	return 0;
}

static int read_step(struct reader *r, const json_t *json)
{
	const char *op = json_string_value(json_object_get(json, "op"));
	const char *rim = json_string_value(json_object_get(json, "rim"));
	struct step step = { 0 };
	int ret = -EINVAL;

	for (size_t i = 0; op && i < ARRAY_SIZE(ops); i++) {
		if (strcmp(op, ops[i].op) != 0)
			continue;
		step.kind = ops[i].kind;
		ret = check_keys(r, json, ops[i].keys);
		if (!ret)
			ret = ops[i].read(r, json, &step);
		if (!ret && rim)
			ret = read_digest(r, "rim", rim, &step.expect);
		step.has_expect = rim != NULL;
		if (ret)
			return ret;
		return steps_add(r->steps, &step) ? no_memory(r) : 0;
	}
	return refuse(r, "op", "realm_create, init_ripas, data_create, rec_create ...",
		      op ? op : "nothing");
}

static int read_rule(struct reader *r, const json_t *root)
{
	const char *name = json_string_value(json_object_get(root, "rule"));

	return !name || !kvmcore_rule_find(name, &r->steps->rule)
		       ? 0
		       : refuse(r, "rule", "1.0, bet0 or 2.0", name);
}

int description_parse(struct steps *steps, const char *text, size_t len, const char *path,
		      struct failure *failure)
{
	struct reader r = {
		.steps = steps, .path = path, .failure = failure, .object = "description"
	};
	json_error_t error;
	OWNED_JSON json_t *root = json_loadb(text, len, JSON_REJECT_DUPLICATES, &error);
	const json_t *list = json_object_get(root, "steps"), *step;
	size_t i;
	int ret;

	if (!root)
		return failure_set(failure, SDEISTATE_DAMAGED, -EINVAL, path, "JSON",
				   "well-formed JSON", error.text);
	ret = read_rule(&r, root);
	if (!ret && !json_is_array(list))
		ret = refuse(&r, "steps", "an array", "nothing");
	json_array_foreach((json_t *)(uintptr_t)list, i, step)
	{
		snprintf(r.object, sizeof(r.object), "step %zu", i + 1);
		ret = ret ? ret : read_step(&r, step);
	}
	return ret;
}
