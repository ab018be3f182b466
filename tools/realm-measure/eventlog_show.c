// SPDX-License-Identifier: Apache-2.0
/* A log for people. */
#include "common/cleanup.h"
#include "common/number.h"
#include "eventlog_read.h"

#include <errno.h>
#include <stdio.h>

static const struct {
	uint32_t type;
	const char *name;
} types[] = {
	{ EVENTLOG_NO_ACTION, "EV_NO_ACTION" },
	{ 0x4, "EV_SEPARATOR" },
	{ 0x5, "EV_ACTION" },
	{ EVENTLOG_TAG, "EV_EVENT_TAG" },
	{ 0x8, "EV_S_CRTM_VERSION" },
	{ 0xd, "EV_IPL" },
	{ EVENTLOG_POST_CODE2, "EV_POST_CODE2" },
	{ 0x80000001, "EV_EFI_VARIABLE_DRIVER_CONFIG" },
	{ 0x80000003, "EV_EFI_BOOT_SERVICES_APPLICATION" },
	{ 0x80000006, "EV_EFI_GPT_EVENT" },
	{ 0x80000007, "EV_EFI_ACTION" },
	{ (uint32_t)EVENTLOG_FIRMWARE_BLOB2, "EV_EFI_PLATFORM_FIRMWARE_BLOB2" },
};

static json_t *type_json(uint32_t type)
{
	for (size_t i = 0; i < ARRAY_SIZE(types); i++)
		if (types[i].type == type)
			return json_string(types[i].name);
	return number_json(type);
}

static json_t *digests_json(const struct event *e)
{
	json_t *digests = json_object();
	char id[16];

	for (uint32_t i = 0; i < e->n_digests; i++) {
		enum kvmcore_hash hash;

		snprintf(id, sizeof(id), "0x%x", e->digest[i].id);
		json_object_set_new(digests,
				    eventlog_hash(e->digest[i].id, &hash) ? kvmcore_hash_name(hash)
									  : id,
				    hex_json(e->digest[i].bytes, e->digest[i].len));
	}
	return digests;
}

static void put_number(json_t *json, const char *name, struct cursor *c, size_t size)
{
	uint64_t value = eventlog_take(c, size);

	json_object_set_new(json, name,
			    size == 8 ? number_json(value) : json_integer((json_int_t)value));
}

/* The realm's own events, each number by its name. Return: whether it is one of them, and whole */
static bool put_tagged(json_t *json, const struct event *e)
{
	static const char *const bytes[] = { "s2sz",    "sve_vl",       "num_bps",
					     "num_wps", "pmu_num_ctrs", "hash_algo" };
	struct cursor c = e->data;
	uint64_t tag = eventlog_take(&c, 4);
	json_t *event = json_object();
	char name[8];

	eventlog_take(&c, 4);
	if (tag == TAG_REALM_CREATE) {
		put_number(event, "flags", &c, 8);
		for (size_t i = 0; i < ARRAY_SIZE(bytes); i++)
			put_number(event, bytes[i], &c, 1);
	} else if (tag == TAG_INIT_RIPAS) {
		put_number(event, "base", &c, 8);
		put_number(event, "size", &c, 8);
	} else if (tag == TAG_REC_CREATE) {
		put_number(event, "flags", &c, 8);
		put_number(event, "pc", &c, 8);
		for (unsigned int i = 0; i < KVMCORE_REC_GPRS; i++) {
			snprintf(name, sizeof(name), "x%u", i);
			put_number(event, name, &c, 8);
		}
	} else {
		c.cut = true;
	}
	if (c.cut)
		json_decref(event);
	else
		json_object_set_new(json,
				    tag == TAG_REALM_CREATE ? "REALM_CREATE"
				    : tag == TAG_INIT_RIPAS ? "INIT_RIPAS"
							    : "REC_CREATE",
				    event);
	return !c.cut;
}

static void put_data(json_t *json, const struct event *e)
{
	struct blob_event blob;

	if (eventlog_is_blob(e) && eventlog_blob(e, &blob)) {
		json_object_set_new(json, "name", json_string(blob.name));
		json_object_set_new(json, "base", number_json(blob.base));
		json_object_set_new(json, "size", number_json(blob.size));
	} else if (e->pcr == 0 && e->type == EVENTLOG_TAG && put_tagged(json, e)) {
		return;
	} else if (e->data.len <= 256) {
		json_object_set_new(json, "data", hex_json(e->data.data, e->data.len));
	}
}

static int visit_json(void *user, struct log *log, struct event *e)
{
	json_t *event = json_pack("{s:i, s:o, s:o}", "pcr", (int)e->pcr, "type", type_json(e->type),
				  "digests", digests_json(e));
	unsigned int rem = eventlog_rem(e->pcr);

	if (e->type != EVENTLOG_NO_ACTION)
		json_object_set_new(event, "register",
				    rem ? json_sprintf("REM%u", rem - 1) : json_string("RIM"));
	put_data(event, e);
	return json_array_append_new(user, event) ? failure_set(log->failure, SDEISTATE_NO_MEMORY,
								-ENOMEM, NULL, NULL, NULL, NULL)
						  : 0;
}

int eventlog_json(const char *path, const uint8_t *data, size_t len, json_t **json,
		  struct failure *failure)
{
	struct log log = { .c = { .data = data, .len = len }, .path = path, .failure = failure };
	OWNED_JSON json_t *events = json_array();
	int ret = events ? eventlog_each(&log, visit_json, events) : -ENOMEM;

	if (!ret)
		*json = json_incref(events);
	return ret;
}
