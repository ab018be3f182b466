// SPDX-License-Identifier: Apache-2.0
#include "sdeistate.pb-c.h"
#include "util.h"
#include "wire/fill.h"
#include "wire/new.h"
#include "wire/read.h"

#include <errno.h>

#define STEPS(member) MEMBER(realm->step, realm->n_steps, member)

static ProtobufCBinaryData copy(struct scratch *scratch, const void *bytes, size_t len)
{
	ProtobufCBinaryData data = { .len = len, .data = scratch_alloc(scratch, len, 1) };

	if (data.data && len)
		memcpy(data.data, bytes, len);
	return data;
}

/* The first @size bytes of each 64-byte digest. */
static ProtobufCBinaryData pack_digests(struct scratch *scratch, const void *first, size_t stride,
					size_t n, size_t size)
{
	ProtobufCBinaryData data = { .len = n * size, .data = scratch_alloc(scratch, n, size) };

	for (size_t i = 0; i < n && data.data; i++)
		memcpy(data.data + i * size, (const uint8_t *)first + i * stride, size);
	return data;
}

static size_t count_recs(const struct sdeistate_realm *realm)
{
	size_t n = 0;

	for (uint32_t i = 0; i < realm->n_steps; i++)
		n += realm->step[i].kind == KVMCORE_REALM_STEP_REC;
	return n;
}

static bool encode_recs(Sdeistate__Realm *m, const struct sdeistate_realm *realm,
			struct scratch *scratch)
{
	const size_t n = count_recs(realm);
	struct column mpidr, pc, gprs;

	SET(m, n_recs, (uint32_t)n);
	if (column_begin(&mpidr, scratch, n) || column_begin(&pc, scratch, n) ||
	    column_begin(&gprs, scratch, n * 8))
		return false;
	for (uint32_t i = 0; i < realm->n_steps; i++) {
		const struct kvmcore_realm_step *step = &realm->step[i];

		if (step->kind != KVMCORE_REALM_STEP_REC)
			continue;
		if (column_push(&mpidr, &step->mpidr, 1) || column_push(&pc, &step->pc, 1) ||
		    column_push(&gprs, step->gprs, 8))
			return false;
	}
	m->mpidr = column_finish(&mpidr);
	m->pc = column_finish(&pc);
	m->gprs = column_finish(&gprs);
	return m->mpidr && m->pc && m->gprs;
}

static bool encode_steps(Sdeistate__Realm *m, const struct sdeistate_realm *realm,
			 struct scratch *scratch)
{
	SET(m, n_steps, realm->n_steps);
	m->has_kind = m->has_rims = true;
	m->kind = fill_bytes(scratch, STEPS(kind));
	m->result = fill_column32(scratch, STEPS(result));
	m->first = fill_column64(scratch, STEPS(base));
	m->size = fill_column64(scratch, STEPS(size));
	m->done = fill_column64(scratch, STEPS(done));
	m->step_flags = fill_column64(scratch, STEPS(flags));
	m->rims = pack_digests(scratch,
			       (const uint8_t *)realm->step +
				       offsetof(struct kvmcore_realm_step, rim),
			       sizeof(*realm->step), realm->n_steps,
			       sdeistate_realm_hash_size(realm->hash));
	return m->kind.data && m->result && m->first && m->size && m->done && m->step_flags &&
	       m->rims.data && encode_recs(m, realm, scratch);
}

static bool encode_extends(Sdeistate__Realm *m, const struct sdeistate_realm *realm,
			   struct scratch *scratch)
{
	const uint32_t n = realm->n_extends;
	uint8_t *at;

	SET(m, extends_known, realm->has_extends);
	m->has_extend_index = m->has_extend_size = m->has_extend_value = true;
	m->extend_index = fill_bytes(scratch, MEMBER(realm->extend, n, index));
	m->extend_size = fill_bytes(scratch, MEMBER(realm->extend, n, size));
	for (uint32_t i = 0; i < n; i++)
		m->extend_value.len += realm->extend[i].size;
	at = m->extend_value.data = scratch_alloc(scratch, m->extend_value.len, 1);
	for (uint32_t i = 0; i < n && at; i++) {
		memcpy(at, realm->extend[i].value, realm->extend[i].size);
		at += realm->extend[i].size;
	}
	return m->extend_index.data && m->extend_size.data && at;
}

static Sdeistate__Column *encode_regs(const struct sdeistate_realm *realm, unsigned int n_vcpus,
				      struct scratch *scratch)
{
	struct column column;

	if (column_begin(&column, scratch, (size_t)n_vcpus * SDEISTATE_REALM_REGS))
		return NULL;
	for (unsigned int r = 0; r < SDEISTATE_REALM_REGS; r++)
		for (unsigned int i = 0; i < n_vcpus; i++)
			if (column_push(&column, &realm->regs[i].value[r], 1))
				return NULL;
	return column_finish(&column);
}

static void encode_params(Sdeistate__Realm *m, const struct sdeistate_realm *realm)
{
	SET(m, dialect, realm->dialect);
	SET(m, state, realm->state);
	SET(m, rule, realm->rule);
	SET(m, hash, realm->hash);
	SET(m, s2sz, realm->s2sz);
	SET(m, flags, realm->flags);
	SET(m, sve_vl, realm->sve_vl);
	SET(m, num_bps, realm->num_bps);
	SET(m, num_wps, realm->num_wps);
	SET(m, pmu_num_ctrs, realm->pmu_num_ctrs);
	SET(m, level_start, realm->level_start);
	SET(m, n_granules, realm->n_granules);
}

ProtobufCMessage *wire_encode_realm(const struct sdeistate *state, struct scratch *scratch)
{
	Sdeistate__Realm *m = NEW(Sdeistate__Realm, sdeistate__realm__init);
	const struct sdeistate_realm *realm = state->realm;
	const size_t size = sdeistate_realm_hash_size(realm->hash);

	if (!m)
		return NULL;
	encode_params(m, realm);
	m->has_rpv = m->has_rim = m->has_rem = m->has_hashes_digest = true;
	m->rpv = copy(scratch, realm->rpv, sizeof(realm->rpv));
	m->rim = copy(scratch, realm->rim, size);
	m->rem = pack_digests(scratch, realm->rem, sizeof(realm->rem[0]), 4, size);
	m->hashes_digest = copy(scratch, realm->hashes_digest, sizeof(realm->hashes_digest));
	SET(m, n_vcpus, state->n_vcpus);
	m->regs = encode_regs(realm, state->n_vcpus, scratch);
	if (!m->rpv.data || !m->rim.data || !m->rem.data || !m->hashes_digest.data || !m->regs ||
	    !encode_steps(m, realm, scratch) || !encode_extends(m, realm, scratch))
		return NULL;
	return &m->base;
}

/* --- decode ------------------------------------------------------------------------------------------ */

static int decode_params(const Sdeistate__Realm *m, struct reader *reader,
			 struct sdeistate_realm *realm)
{
	const size_t size = sdeistate_realm_hash_size(m->hash);
	int ret = read_limit(reader, "hash", m->hash, 2);

	if (!ret)
		ret = read_length(reader, "rpv", m->rpv.len, sizeof(realm->rpv));
	if (!ret)
		ret = read_length(reader, "rim", m->rim.len, size);
	if (!ret)
		ret = read_length(reader, "rem", m->rem.len, 4 * size);
	if (!ret)
		ret = read_length(reader, "hashes_digest", m->hashes_digest.len,
				  sizeof(realm->hashes_digest));
	if (ret)
		return ret;
	realm->dialect = m->dialect;
	realm->state = m->state;
	realm->rule = m->rule;
	realm->hash = m->hash;
	realm->s2sz = m->s2sz;
	realm->flags = m->flags;
	realm->sve_vl = m->sve_vl;
	realm->num_bps = m->num_bps;
	realm->num_wps = m->num_wps;
	realm->pmu_num_ctrs = m->pmu_num_ctrs;
	realm->level_start = m->level_start;
	realm->n_granules = m->n_granules;
	memcpy(realm->rpv, m->rpv.data, sizeof(realm->rpv));
	memcpy(realm->rim, m->rim.data, size);
	for (unsigned int i = 0; i < 4; i++)
		memcpy(realm->rem[i], m->rem.data + i * size, size);
	memcpy(realm->hashes_digest, m->hashes_digest.data, sizeof(realm->hashes_digest));
	return 0;
}

static int decode_recs(const Sdeistate__Realm *m, struct reader *reader,
		       struct sdeistate_realm *realm)
{
	const size_t n = count_recs(realm);
	uint64_t *mpidr, *pc, *gprs;
	size_t at = 0;
	int ret = read_length(reader, "n_recs", m->n_recs, n);

	if (!ret)
		ret = read_column(reader, m->mpidr, "mpidr", &mpidr, n);
	if (!ret)
		ret = read_column(reader, m->pc, "pc", &pc, n);
	if (!ret)
		ret = read_column(reader, m->gprs, "gprs", &gprs, n * 8);
	for (uint32_t i = 0; i < realm->n_steps && !ret; i++) {
		struct kvmcore_realm_step *step = &realm->step[i];

		if (step->kind != KVMCORE_REALM_STEP_REC)
			continue;
		step->mpidr = mpidr[at];
		step->pc = pc[at];
		memcpy(step->gprs, &gprs[8 * at++], sizeof(step->gprs));
	}
	return ret;
}

static int decode_steps(const Sdeistate__Realm *m, struct reader *reader,
			struct sdeistate_realm *realm)
{
	const size_t n = m->n_steps, size = sdeistate_realm_hash_size(realm->hash);
	uint64_t *result, *base, *bytes, *done, *flags;
	int ret = read_limit(reader, "n_steps", n, SDEISTATE_REALM_MAX_STEPS);

	if (!ret)
		ret = read_length(reader, "kind", m->kind.len, n);
	if (!ret)
		ret = read_length(reader, "rims", m->rims.len, n * size);
	if (ret || (ret = read_column(reader, m->result, "result", &result, n)) ||
	    (ret = read_column(reader, m->first, "first", &base, n)) ||
	    (ret = read_column(reader, m->size, "size", &bytes, n)) ||
	    (ret = read_column(reader, m->done, "done", &done, n)) ||
	    (ret = read_column(reader, m->step_flags, "step_flags", &flags, n)))
		return ret;
	realm->step = calloc(n + 1, sizeof(*realm->step));
	if (!realm->step)
		return read_no_memory(reader);
	realm->n_steps = m->n_steps;
	for (size_t i = 0; i < n && !ret; i++) {
		realm->step[i] = (struct kvmcore_realm_step){
			.kind = m->kind.data[i],
			.result = (uint32_t)result[i],
			.base = base[i],
			.size = bytes[i],
			.done = done[i],
			.flags = flags[i],
		};
		ret = read_limit(reader, "result", result[i], UINT32_MAX);
		memcpy(realm->step[i].rim, m->rims.data + i * size, size);
	}
	return ret ? ret : decode_recs(m, reader, realm);
}

static int decode_extends(const Sdeistate__Realm *m, struct reader *reader,
			  struct sdeistate_realm *realm)
{
	const size_t n = m->extend_index.len;
	size_t at = 0;
	int ret = read_limit(reader, "extend_index", n, SDEISTATE_REALM_MAX_EXTENDS);

	if (!ret)
		ret = read_length(reader, "extend_size", m->extend_size.len, n);
	if (ret)
		return ret;
	realm->extend = calloc(n + 1, sizeof(*realm->extend));
	if (!realm->extend)
		return read_no_memory(reader);
	realm->has_extends = m->extends_known;
	realm->n_extends = (uint32_t)n;
	for (size_t i = 0; i < n; i++) {
		struct kvmcore_realm_extend *extend = &realm->extend[i];

		extend->index = m->extend_index.data[i];
		extend->size = m->extend_size.data[i];
		if (extend->size > sizeof(extend->value) || extend->size > m->extend_value.len - at)
			return read_limit(reader, "extend_size", extend->size, 0);
		memcpy(extend->value, m->extend_value.data + at, extend->size);
		at += extend->size;
	}
	return read_length(reader, "extend_value", m->extend_value.len, at);
}

static int decode_regs(const Sdeistate__Realm *m, struct reader *reader,
		       struct sdeistate_realm *realm)
{
	const unsigned int n = reader->state->n_vcpus;
	uint64_t *value;
	int ret = read_length(reader, "n_vcpus", m->n_vcpus, n);

	if (!ret)
		ret = read_column(reader, m->regs, "regs", &value,
				  (size_t)n * SDEISTATE_REALM_REGS);
	if (ret)
		return ret;
	realm->regs = calloc(n + 1u, sizeof(*realm->regs));
	if (!realm->regs)
		return read_no_memory(reader);
	for (unsigned int r = 0; r < SDEISTATE_REALM_REGS; r++)
		for (unsigned int i = 0; i < n; i++)
			realm->regs[i].value[r] = value[(size_t)r * n + i];
	return 0;
}

int wire_decode_realm(const ProtobufCMessage *message, struct reader *reader)
{
	const Sdeistate__Realm *m = (const Sdeistate__Realm *)message;
	struct sdeistate_realm *realm = calloc(1, sizeof(*realm));
	int ret;

	if (!realm)
		return read_no_memory(reader);
	reader->state->realm = realm;
	ret = decode_params(m, reader, realm);
	if (!ret)
		ret = decode_steps(m, reader, realm);
	if (!ret)
		ret = decode_extends(m, reader, realm);
	return ret ? ret : decode_regs(m, reader, realm);
}
