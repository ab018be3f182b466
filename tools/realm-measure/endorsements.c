// SPDX-License-Identifier: Apache-2.0
/* draft-ydb-rats-cca-endorsements, in the JSON of cocli. */
#include "endorsements.h"

#include "common/cleanup.h"
#include "common/file.h"
#include "common/text.h"

#include <errno.h>
#include <stdio.h>

#define MAX_TEMPLATE (1u << 20)

void endorsements_values(const struct measured *m, struct realm_values *v)
{
	size_t n = kvmcore_hash_size(m->hash);

	*v = (struct realm_values){ .rim = { m->value[0].bytes, n } };
	snprintf(v->hash, sizeof(v->hash), "%s", kvmcore_hash_name(m->hash));
	for (unsigned int i = 0; i < KVMCORE_NR_REMS; i++)
		v->rem[i] = (struct kvmcore_span){ m->value[i + 1].bytes, n };
	v->rpv = (struct kvmcore_span){ m->rpv, sizeof(m->rpv) };
}

static json_t *digests(const struct realm_values *v, struct kvmcore_span value)
{
	char text[BASE64_SIZE(64)];

	text_to_base64(value.data, value.len > 64 ? 64 : value.len, text);
	return json_pack("{s:s, s:[o]}", "key-type", "text", "value",
			 json_sprintf("%s;%s", v->hash, text));
}

static json_t *bytes(struct kvmcore_span span)
{
	char text[BASE64_SIZE(64)];

	text_to_base64(span.data, span.len > 64 ? 64 : span.len, text);
	return json_pack("{s:s, s:s}", "type", "bytes", "value", text);
}

static json_t *measurements(const struct realm_values *v)
{
	json_t *registers = json_object();
	char name[8];

	json_object_set_new(registers, "rim", digests(v, v->rim));
	for (unsigned int i = 0; i < KVMCORE_NR_REMS; i++) {
		snprintf(name, sizeof(name), "rem%u", i);
		json_object_set_new(registers, name, digests(v, v->rem[i]));
	}
	return json_pack("[{s:{s:o, s:o}}]", "value", "raw-value", bytes(v->rpv),
			 "integrity-registers", registers);
}

static int refuse(struct failure *failure, const char *path, const char *field,
		  const char *expected)
{
	return failure_set(failure, SDEISTATE_NOT_OURS, -EINVAL, path, field, expected,
			   "something else");
}

static int load_template(const char *path, json_t **json, struct failure *failure)
{
	OWNED_MEMORY uint8_t *data = NULL;
	OWNED_JSON json_t *root = NULL;
	size_t len;
	int ret;

	if (!path) {
		*json = json_pack("{s:{s:s}}", "tag-identity", "id", "realm-reference-values");
		return 0;
	}
	ret = file_read(path, MAX_TEMPLATE, &data, &len, failure);
	if (ret)
		return ret;
	root = json_loadb((const char *)data, len, JSON_REJECT_DUPLICATES, NULL);
	if (!json_is_object(root) || !json_object_get(root, "tag-identity"))
		return refuse(failure, path, "tag-identity", "a CoMID in JSON");
	*json = json_incref(root);
	return 0;
}

/* The member @key of @object, made if it is absent; NULL if it is no object. */
static json_t *member(json_t *object, const char *key)
{
	if (!json_object_get(object, key))
		json_object_set_new(object, key, json_object());
	object = json_object_get(object, key);
	return json_is_object(object) ? object : NULL;
}

/* The first reference value; the others of a template are not touched. */
static json_t *first_value(json_t *comid)
{
	json_t *triples = member(comid, "triples"), *list;

	if (triples && !json_object_get(triples, "reference-values"))
		json_object_set_new(triples, "reference-values", json_pack("[{}]"));
	list = json_object_get(triples, "reference-values");
	return json_is_object(json_array_get(list, 0)) ? json_array_get(list, 0) : NULL;
}

int endorsements_comid(const struct realm_values *v, const char *template, json_t **json,
		       struct failure *failure)
{
	OWNED_JSON json_t *comid = NULL;
	json_t *value, *environment;
	int ret = load_template(template, &comid, failure);

	if (ret)
		return ret;
	value = first_value(comid);
	environment = value ? member(value, "environment") : NULL;
	if (!environment)
		return refuse(failure, template ? template : "CoMID", "triples",
			      "reference-values, each with an environment");
	if (json_object_set_new(environment, "instance", bytes(v->rim)) ||
	    json_object_set_new(value, "measurements", measurements(v)))
		return failure_set(failure, SDEISTATE_NO_MEMORY, -ENOMEM, "CoMID", NULL, NULL,
				   NULL);
	*json = json_incref(comid);
	return 0;
}
