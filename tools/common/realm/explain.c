// SPDX-License-Identifier: Apache-2.0
#include "common/realm/explain.h"

#include "common/number.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define FDT_MAGIC_BYTES "\xd0\x0d\xfe\xed"

/* Steps one by one, images page by page; what only prints or is never measured is left out. */
struct walk {
	const struct steps *steps;
	size_t at;
	uint64_t page; /* within an image */
};

struct op {
	const struct step *step;
	enum step_kind kind; /* of an image's page: STEP_DATA */
	uint64_t ipa, page;
};

static bool is_quiet(const struct step *step, enum kvmcore_rule rule)
{
	if (step->kind == STEP_REC)
		return rule != KVMCORE_RULE_BET0 && !(step->rec.flags & KVMCORE_REC_RUNNABLE);
	return step->kind == STEP_RIM || step->kind == STEP_REM || step->kind == STEP_EXTEND ||
	       step->kind == STEP_ACTIVATE || step->kind == STEP_DATA_UNKNOWN;
}

static uint64_t pages_of(const struct step *step)
{
	const struct blob *blob = step->mem.blob;
	struct kvmcore_image image = {
		.size = blob->size,
		.lead = (uint32_t)(step->mem.ipa % KVMCORE_GRANULE_SIZE),
	};

	return blob->digests ? blob->n_granules : kvmcore_image_granules(&image);
}

static bool next(struct walk *w, struct op *op)
{
	for (; w->at < w->steps->n; w->at++) {
		const struct step *step = &w->steps->step[w->at];

		if (is_quiet(step, w->steps->rule) ||
		    (step->kind == STEP_IMAGE && w->page == pages_of(step))) {
			w->page = 0;
			continue;
		}
		*op = (struct op){ .step = step, .kind = step->kind, .ipa = step->mem.ipa };
		if (step->kind == STEP_IMAGE) {
			op->kind = STEP_DATA;
			op->page = w->page++;
			op->ipa = step->mem.ipa - step->mem.ipa % KVMCORE_GRANULE_SIZE +
				  op->page * KVMCORE_GRANULE_SIZE;
		} else {
			w->at++;
		}
		return true;
	}
	return false;
}

/* The bytes of a page. Return: whether they are known */
static bool page_bytes(const struct op *op, uint8_t page[KVMCORE_GRANULE_SIZE])
{
	const struct step *step = op->step;
	uint64_t lead, first, skip;

	if (step->kind != STEP_IMAGE)
		return content_bytes(&step->mem.content, page);
	if (step->mem.blob->digests)
		return false;
	memset(page, 0, KVMCORE_GRANULE_SIZE);
	lead = step->mem.ipa % KVMCORE_GRANULE_SIZE;
	skip = op->page ? 0 : lead;
	first = op->page ? op->page * KVMCORE_GRANULE_SIZE - lead : 0;
	if (first < step->mem.blob->size) {
		uint64_t n = step->mem.blob->size - first;

		if (n > KVMCORE_GRANULE_SIZE - skip)
			n = KVMCORE_GRANULE_SIZE - skip;
		memcpy(page + skip, step->mem.blob->bytes + first, n);
	}
	return true;
}

static int page_digest(const struct op *op, enum kvmcore_hash hash, struct kvmcore_digest *digest)
{
	uint8_t page[KVMCORE_GRANULE_SIZE];

	if (page_bytes(op, page))
		return kvmcore_digest(hash, page, sizeof(page), digest);
	*digest = op->step->kind == STEP_IMAGE ? blob_digest(op->step->mem.blob, op->page)
					       : op->step->mem.content.digest;
	return 0;
}

static void tell(struct explanation *out, enum sdeistate_realm_cause cause, const char *what,
		 const char *a, const char *b)
{
	out->cause = cause;
	snprintf(out->what, sizeof(out->what), "%s", what);
	snprintf(out->a, sizeof(out->a), "%s", a);
	snprintf(out->b, sizeof(out->b), "%s", b);
}

static bool differ(struct explanation *out, enum sdeistate_realm_cause cause, const char *what,
		   uint64_t a, uint64_t b)
{
	char text_a[24], text_b[24];

	if (a == b)
		return false;
	snprintf(text_a, sizeof(text_a), "0x%" PRIx64, a);
	snprintf(text_b, sizeof(text_b), "0x%" PRIx64, b);
	tell(out, cause, what, text_a, text_b);
	return true;
}

static int level_of(const struct kvmcore_realm_params *p)
{
	return p->level_start == LEVEL_START_LINUX ? kvmcore_level_start(p->s2sz) : p->level_start;
}

static bool take(struct explanation *out, const struct sdeistate_realm_difference *d)
{
	return differ(out, d->cause, d->what, d->a, d->b);
}

static struct sdeistate_realm_limits limits_of(const struct kvmcore_realm_params *p)
{
	return (struct sdeistate_realm_limits){
		.hash = p->hash,
		.flags = p->flags,
		.s2sz = p->s2sz,
		.sve_vl = p->sve_vl,
		.num_bps = p->num_bps,
		.num_wps = p->num_wps,
		.pmu_num_ctrs = p->pmu_num_ctrs,
		.level_start = level_of(p),
	};
}

static bool compare_create(const struct kvmcore_realm_params *a,
			   const struct kvmcore_realm_params *b, struct explanation *out)
{
	const struct sdeistate_realm_limits x = limits_of(a), y = limits_of(b);
	struct sdeistate_realm_difference d;

	return sdeistate_realm_compare_limits(&x, &y, &d) && take(out, &d);
}

static struct kvmcore_realm_step rec_of(const struct kvmcore_rec *rec)
{
	struct kvmcore_realm_step step = { .flags = rec->flags, .pc = rec->pc };

	memcpy(step.gprs, rec->gprs, sizeof(step.gprs));
	return step;
}

static bool compare_rec(const struct kvmcore_rec *a, const struct kvmcore_rec *b,
			struct explanation *out)
{
	const struct kvmcore_realm_step x = rec_of(a), y = rec_of(b);
	struct sdeistate_realm_difference d;

	return sdeistate_realm_compare_rec(&x, &y, &d) && take(out, &d);
}

/* By its name, or by how it begins. */
static bool is_device_tree(const struct op *op)
{
	const struct blob *blob = op->step->kind == STEP_IMAGE ? op->step->mem.blob : NULL;

	return blob && (!strcmp(blob->name, "DTB") || (blob->size >= 4 && blob->bytes &&
						       !memcmp(blob->bytes, FDT_MAGIC_BYTES, 4)));
}

/* Pages of a snapshot are known by their digests; nobody says from which file they came. */
static bool is_file(const struct op *op)
{
	return op->step->kind == STEP_IMAGE && !op->step->mem.blob->digests;
}

static void name_page(const struct op *op, const struct kvmcore_digest *digest,
		      enum kvmcore_hash hash, char *text, size_t size)
{
	char hex[129];

	hex_text(digest->bytes, kvmcore_hash_size(hash), hex);
	snprintf(text, size, "%.16s of %.90s", hex,
		 op->step->kind == STEP_IMAGE ? op->step->mem.blob->name : "the step");
}

/* Cheaper than two digests; most pages of large images are equal. */
static bool same_bytes(const struct op *a, const struct op *b)
{
	uint8_t page_a[KVMCORE_GRANULE_SIZE], page_b[KVMCORE_GRANULE_SIZE];

	return page_bytes(a, page_a) && page_bytes(b, page_b) &&
	       !memcmp(page_a, page_b, sizeof(page_a));
}

static void find_offset(const struct op *a, const struct op *b, struct explanation *out)
{
	uint8_t page_a[KVMCORE_GRANULE_SIZE], page_b[KVMCORE_GRANULE_SIZE];

	if (!page_bytes(a, page_a) || !page_bytes(b, page_b))
		return;
	out->has_offset = true;
	while (out->offset < KVMCORE_GRANULE_SIZE - 1 && page_a[out->offset] == page_b[out->offset])
		out->offset++;
}

/* Does @list have this page, with this content, further on? */
static bool comes_later(struct walk w, const struct op *wanted, enum kvmcore_hash hash)
{
	struct kvmcore_digest want, have;
	struct op op;

	if (page_digest(wanted, hash, &want))
		return false;
	while (next(&w, &op))
		if (op.kind == STEP_DATA && op.ipa == wanted->ipa &&
		    !page_digest(&op, hash, &have) && !memcmp(&want, &have, sizeof(want)))
			return true;
	return false;
}

/* The content of an image that lies elsewhere is the same page at another address. */
static void explain_address(const struct op *a, const struct op *b, const struct walk *wb,
			    enum kvmcore_hash hash, struct explanation *out)
{
	differ(out,
	       comes_later(*wb, a, hash) ? SDEISTATE_CAUSE_PAGE_ORDER : SDEISTATE_CAUSE_PLACEMENT,
	       "ipa", a->ipa, b->ipa);
	out->has_page = true;
	out->ipa = a->ipa;
}

static int compare_data(const struct op *a, const struct op *b, const struct walk *wb,
			enum kvmcore_hash hash, struct explanation *out)
{
	struct kvmcore_digest da, db;
	char text_a[128], text_b[128];
	int ret;

	if (a->ipa != b->ipa) {
		explain_address(a, b, wb, hash, out);
		return 0;
	}
	if (differ(out, SDEISTATE_CAUSE_PAGE_CONTENT, "measure flag", a->step->mem.flags,
		   b->step->mem.flags) ||
	    !a->step->mem.flags)
		return 0;
	if (same_bytes(a, b))
		return 0;
	ret = page_digest(a, hash, &da);
	if (!ret)
		ret = page_digest(b, hash, &db);
	if (ret || !memcmp(&da, &db, sizeof(da)))
		return ret;
	name_page(a, &da, hash, text_a, sizeof(text_a));
	name_page(b, &db, hash, text_b, sizeof(text_b));
	tell(out,
	     is_device_tree(a) || is_device_tree(b) ? SDEISTATE_CAUSE_DEVICE_TREE
	     : is_file(a) || is_file(b)             ? SDEISTATE_CAUSE_IMAGE
						    : SDEISTATE_CAUSE_PAGE_CONTENT,
	     "content", text_a, text_b);
	out->has_page = true;
	out->ipa = a->ipa;
	find_offset(a, b, out);
	return 0;
}

static int compare(const struct op *a, const struct op *b, const struct walk *wb,
		   enum kvmcore_hash hash, struct explanation *out)
{
	enum sdeistate_realm_cause range = SDEISTATE_CAUSE_RAM_RANGE;

	if (a->kind != b->kind) {
		tell(out,
		     a->kind == STEP_RTT || b->kind == STEP_RTT ? SDEISTATE_CAUSE_TABLES
								: SDEISTATE_CAUSE_STEP_ORDER,
		     "step", step_name(a->kind), step_name(b->kind));
		return 0;
	}
	switch (a->kind) {
	case STEP_CREATE:
		compare_create(&a->step->params, &b->step->params, out);
		return 0;
	case STEP_REC:
		compare_rec(&a->step->rec, &b->step->rec, out);
		return 0;
	case STEP_DATA:
		return compare_data(a, b, wb, hash, out);
	default:
		if (!differ(out, range, "base", a->ipa, b->ipa) &&
		    !differ(out, range, "top", a->step->mem.top, b->step->mem.top))
			differ(out, SDEISTATE_CAUSE_TABLES, "level", (uint64_t)a->step->mem.level,
			       (uint64_t)b->step->mem.level);
		return 0;
	}
}

int explain(const struct steps *a, const struct steps *b, struct explanation *out)
{
	struct walk wa = { .steps = a }, wb = { .steps = b };
	enum kvmcore_hash hash = KVMCORE_HASH_SHA256;
	struct explanation e = { 0 };
	struct op op_a, op_b;
	bool more_a = next(&wa, &op_a), more_b = next(&wb, &op_b);
	int ret = 0;

	if (a->rule != b->rule)
		tell(&e, SDEISTATE_CAUSE_RULE, "rule", kvmcore_rule_name(a->rule),
		     kvmcore_rule_name(b->rule));
	while (!ret && !e.cause && more_a && more_b) {
		e.op++;
		e.line_a = op_a.step->line;
		e.line_b = op_b.step->line;
		if (op_a.kind == STEP_CREATE)
			hash = op_a.step->params.hash;
		ret = compare(&op_a, &op_b, &wb, hash, &e);
		more_a = next(&wa, &op_a);
		more_b = next(&wb, &op_b);
	}
	if (!ret && !e.cause && more_a != more_b) {
		e.op++;
		tell(&e, SDEISTATE_CAUSE_LENGTH, "step", more_a ? step_name(op_a.kind) : "the end",
		     more_b ? step_name(op_b.kind) : "the end");
	}
	if (!ret)
		*out = e;
	return ret;
}
