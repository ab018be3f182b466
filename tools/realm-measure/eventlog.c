// SPDX-License-Identifier: Apache-2.0
/* From a log to the steps that it records. */
#include "common/cleanup.h"
#include "common/number.h"
#include "eventlog_read.h"
#include "payload.h"

#include <errno.h>
#include <string.h>

/* What is known of a file that was named. */
struct image {
	uint64_t size;
	bool known[KVMCORE_NR_HASHES];
	struct kvmcore_digest digest[KVMCORE_NR_HASHES];
};

struct builder {
	struct steps *steps;
	const struct option_list *images;
	struct image *image;    /* one for each of them */
	enum kvmcore_hash hash; /* of the realm, once it is created */
	bool created;
};

static int add(struct builder *b, const struct log *log, const struct step *step)
{
	return steps_add(b->steps, step) ? failure_set(log->failure, SDEISTATE_OVER_LIMIT, -ENOMEM,
						       log->path, "steps", NULL, NULL)
					 : 0;
}

static int add_create(struct builder *b, struct log *log, struct cursor *c)
{
	struct step step = { .kind = STEP_CREATE };
	struct kvmcore_realm_params *p = &step.params;

	p->flags = eventlog_take(c, 8);
	p->s2sz = (uint32_t)eventlog_take(c, 1);
	p->sve_vl = (uint32_t)eventlog_take(c, 1);
	p->num_bps = (uint32_t)eventlog_take(c, 1);
	p->num_wps = (uint32_t)eventlog_take(c, 1);
	p->pmu_num_ctrs = (uint32_t)eventlog_take(c, 1);
	p->hash = (enum kvmcore_hash)eventlog_take(c, 1);
	p->level_start = LEVEL_START_LINUX;
	if (c->cut || !kvmcore_hash_size(p->hash))
		return eventlog_broken(log, "14 bytes of realm parameters", "something else");
	b->hash = p->hash;
	b->created = true;
	return add(b, log, &step);
}

static int add_ripas(struct builder *b, struct log *log, struct cursor *c)
{
	struct step step = { .kind = STEP_RIPAS };
	uint64_t base = eventlog_take(c, 8), size = eventlog_take(c, 8);

	if (c->cut || base + size < base)
		return eventlog_broken(log, "base and size of RAM", "something else");
	step.mem.ipa = base;
	step.mem.top = base + size;
	return add(b, log, &step);
}

static int add_rec(struct builder *b, struct log *log, struct cursor *c)
{
	struct step step = { .kind = STEP_REC };

	step.rec.flags = eventlog_take(c, 8);
	step.rec.pc = eventlog_take(c, 8);
	for (unsigned int i = 0; i < KVMCORE_REC_GPRS; i++)
		step.rec.gprs[i] = eventlog_take(c, 8);
	if (c->cut)
		return eventlog_broken(log, "80 bytes of REC parameters", "less");
	return add(b, log, &step);
}

static int add_tagged(struct builder *b, struct log *log, struct event *e)
{
	struct cursor c = e->data, inner = { 0 };
	uint32_t tag = (uint32_t)eventlog_take(&c, 4);

	inner.len = (size_t)eventlog_take(&c, 4);
	inner.data = eventlog_bytes(&c, inner.len);
	if (c.cut)
		return eventlog_broken(log, "a whole tagged event", "less");
	switch (tag) {
	case TAG_REALM_CREATE:
		return add_create(b, log, &inner);
	case TAG_INIT_RIPAS:
		return add_ripas(b, log, &inner);
	case TAG_REC_CREATE:
		return add_rec(b, log, &inner);
	default:
		return eventlog_broken(log, "tag 1, 2 or 3 in register 0", "another");
	}
}

/* A log may name an image thousands of times: it is hashed once in each algorithm. */
static int image_digest(struct builder *b, struct log *log, size_t i, enum kvmcore_hash hash,
			const struct kvmcore_digest **digest)
{
	struct image *image = &b->image[i];
	struct blob *blob = NULL;
	int ret;

	if (!image->known[hash]) {
		ret = payload_open(b->images->item[i], "image", &blob, log->failure);
		if (ret)
			return ret;
		image->size = blob->size;
		ret = kvmcore_digest(hash, blob->bytes, blob->size, &image->digest[hash]);
		blob_free(blob);
		if (ret)
			return failure_set(log->failure, SDEISTATE_NO_MEMORY, ret, NULL, NULL, NULL,
					   NULL);
		image->known[hash] = true;
	}
	*digest = &image->digest[hash];
	return 0;
}

/* Return: 1 if it is the image of the event; 0; -errno */
static int is_image(struct builder *b, struct log *log, size_t i, const struct event *e,
		    uint64_t size)
{
	for (uint32_t k = 0; k < e->n_digests; k++) {
		const struct kvmcore_digest *digest = NULL;
		enum kvmcore_hash hash;
		int ret;

		if (!eventlog_hash(e->digest[k].id, &hash) ||
		    e->digest[k].len != kvmcore_hash_size(hash))
			continue;
		ret = image_digest(b, log, i, hash, &digest);
		if (ret)
			return ret;
		if (b->image[i].size == size &&
		    !memcmp(digest->bytes, e->digest[k].bytes, e->digest[k].len))
			return 1;
	}
	return 0;
}

static int find_image(struct builder *b, struct log *log, const struct event *e,
		      const struct blob_event *event, struct blob **found)
{
	char wanted[129] = "";

	for (size_t i = 0; i < b->images->n; i++) {
		int ret = is_image(b, log, i, e, event->size);

		if (ret)
			return ret < 0 ? ret
				       : payload_open(b->images->item[i], event->name, found,
						      log->failure);
	}
	if (e->n_digests && e->digest[0].len <= 64)
		hex_text(e->digest[0].bytes, e->digest[0].len, wanted);
	return failure_set(log->failure, SDEISTATE_NOTHING_TO_VERIFY, -ENOENT, event->name,
			   "digest", wanted, "no --image has it");
}

/* "LOG" itself is loaded but not measured: each granule counts with its address alone. */
static int add_unmeasured(struct builder *b, struct log *log, const struct blob_event *event)
{
	int ret = 0;

	if (event->size > UINT64_C(1) << 30)
		return eventlog_broken(log, "a log of at most 1 GiB", "more");
	for (uint64_t at = 0; !ret && at < event->size; at += KVMCORE_GRANULE_SIZE) {
		struct step step = { .kind = STEP_DATA };

		step.mem.ipa = event->base + at;
		ret = add(b, log, &step);
	}
	return ret;
}

static int add_blob(struct builder *b, struct log *log, struct event *e)
{
	struct step step = { .kind = STEP_IMAGE };
	struct blob_event event;
	struct blob *blob = NULL;
	int ret;

	if (!eventlog_blob(e, &event))
		return eventlog_broken(log, "description, base and size of a blob", "less");
	if (!strcmp(event.name, "LOG"))
		return add_unmeasured(b, log, &event);
	ret = find_image(b, log, e, &event, &blob);
	if (ret)
		return ret;
	if (steps_take_blob(b->steps, blob))
		return failure_set(log->failure, SDEISTATE_NO_MEMORY, -ENOMEM, NULL, NULL, NULL,
				   NULL);
	step.mem.ipa = event.base;
	step.mem.flags = KVMCORE_DATA_MEASURE;
	step.mem.blob = blob;
	return add(b, log, &step);
}

/* With the digest in the realm's own algorithm if the log has it, else with the first. */
static int add_extend(struct builder *b, struct log *log, const struct event *e)
{
	struct step step = { .kind = STEP_EXTEND };
	enum kvmcore_hash hash;
	uint32_t best = 0;

	if (!e->n_digests)
		return eventlog_broken(log, "a digest", "none");
	for (uint32_t i = 0; i < e->n_digests; i++)
		if (eventlog_hash(e->digest[i].id, &hash) && hash == b->hash)
			best = i;
	if (e->digest[best].len > 64)
		return eventlog_broken(log, "a digest of at most 64 bytes", "more");
	step.extend.index = eventlog_rem(e->pcr);
	step.extend.size = (unsigned int)e->digest[best].len;
	memcpy(step.extend.value, e->digest[best].bytes, e->digest[best].len);
	return add(b, log, &step);
}

static int visit_step(void *user, struct log *log, struct event *e)
{
	struct builder *b = user;

	if (e->type == EVENTLOG_NO_ACTION)
		return 0;
	if (e->pcr != 0)
		return add_extend(b, log, e);
	if (e->type == EVENTLOG_TAG)
		return add_tagged(b, log, e);
	return eventlog_is_blob(e)
		       ? add_blob(b, log, e)
		       : eventlog_broken(log, "a realm's event in register 0", "another type");
}

int eventlog_steps(const char *path, const uint8_t *data, size_t len,
		   const struct option_list *images, struct steps *steps, struct failure *failure)
{
	struct log log = { .c = { .data = data, .len = len }, .path = path, .failure = failure };
	OWNED_MEMORY struct image *image = calloc(images->n + 1, sizeof(*image));
	struct builder b = { .steps = steps, .images = images, .image = image };
	int ret;

	if (!image)
		return failure_set(failure, SDEISTATE_NO_MEMORY, -ENOMEM, path, NULL, NULL, NULL);
	ret = eventlog_each(&log, visit_step, &b);
	if (!ret && !b.created)
		return failure_set(failure, SDEISTATE_INCONSISTENT, -EBADMSG, path, "REALM_CREATE",
				   "an event that creates the realm", "none");
	return ret;
}
