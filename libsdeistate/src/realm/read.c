// SPDX-License-Identifier: Apache-2.0
/* A realm as group 0x524D tells it (docs/abi-realm.md). */
#include "plan/fields.h"
#include "plan/parts.h"
#include "realm/realm.h"

#include <openssl/evp.h>
#include <stdio.h>

#define PC_REG (SDEISTATE_REALM_REGS - 1)

static void cleanup_realm(struct sdeistate_realm **realm)
{
	realm_free(*realm);
}

static void cleanup_digest(EVP_MD_CTX **ctx)
{
	EVP_MD_CTX_free(*ctx);
}

bool present_realm(const struct sdeistate *state)
{
	return state->realm != NULL;
}

uint64_t realm_reg_id(unsigned int i)
{
	return i == PC_REG ? KVMCORE_REG_PC : KVMCORE_REG_X(i);
}

static int get(struct capture *capture, uint64_t attr, const char *object, void *value)
{
	int ret = access_attr_get(capture->port, KVMCORE_GROUP_REALM, attr, value);

	if (ret == -ENXIO)
		return error_set(capture->err, SDEISTATE_PORT_LACKS, -EOPNOTSUPP, REALM_GROUP,
				 object, "present|absent");
	return ret < 0 ? capture_failed(capture, ret, object) : 0;
}

static int read_info(struct capture *capture, struct sdeistate_realm *realm)
{
	struct kvmcore_realm_info info = { .state = 0 };
	struct kvmcore_realm_host host = { .features = 0 };
	int ret = get(capture, KVMCORE_REALM_INFO, "info", &info);

	if (!ret)
		ret = get(capture, KVMCORE_REALM_HOST, "host", &host);
	if (ret)
		return ret;
	if (info.overflowed && capture->options->kind == SDEISTATE_FINAL)
		return error_set(capture->err, SDEISTATE_INCOMPATIBLE, -EOPNOTSUPP, "realm",
				 "steps", "all that was measured|a list that is not complete");
	realm->dialect = host.cap;
	realm->state = info.state;
	realm->rule = info.rule;
	realm->hash = info.hash;
	realm->s2sz = info.s2sz;
	realm->flags = info.flags;
	realm->sve_vl = info.sve_vl;
	realm->num_bps = info.num_bps;
	realm->num_wps = info.num_wps;
	realm->pmu_num_ctrs = info.pmu_num_ctrs;
	realm->level_start = info.level_start;
	memcpy(realm->rpv, info.rpv, sizeof(realm->rpv));
	memcpy(realm->rim, info.rim, sizeof(realm->rim));
	memcpy(realm->rem, info.rem, sizeof(realm->rem));
	return 0;
}

/*
 * A step that ended early for want of memory would go further where there is some: it counts as one that was asked
 * for what was done. What the monitor refused it will refuse again.
 */
static void settle_step(struct kvmcore_realm_step *step)
{
	if (!step->result || step->result == EINVAL || step->result == ENXIO)
		return;
	step->size = step->done;
	step->result = 0;
}

static int read_steps(struct capture *capture, struct sdeistate_realm *realm)
{
	void *array = NULL;
	int ret = capture_array(capture, KVMCORE_GROUP_REALM, KVMCORE_REALM_STEPS, "realm steps",
				sizeof(*realm->step), SDEISTATE_REALM_MAX_STEPS, &array,
				&realm->n_steps);

	realm->step = array;
	for (uint32_t i = 0; i < realm->n_steps; i++) {
		settle_step(&realm->step[i]);
		if (realm->step[i].kind == KVMCORE_REALM_STEP_POPULATE)
			realm->n_granules += realm->step[i].done / SDEISTATE_REALM_GRANULE;
	}
	if (!ret && realm->n_granules > SDEISTATE_REALM_MAX_GRANULES)
		return error_set(capture->err, SDEISTATE_OVER_LIMIT, -E2BIG, "realm", "contents",
				 "at most %u pages|%" PRIu64, SDEISTATE_REALM_MAX_GRANULES,
				 realm->n_granules);
	return ret;
}

/* A monitor does not tell its host what the realm extends, and a long list is not kept. */
static int read_extends(struct capture *capture, struct sdeistate_realm *realm)
{
	struct kvmcore_array request = { .capacity = 0 };
	void *array = NULL;
	int ret = access_attr_get(capture->port, KVMCORE_GROUP_REALM, KVMCORE_REALM_EXTENDS,
				  &request);

	if (ret == -ENXIO || ret == -EOVERFLOW)
		return 0;
	ret = capture_array(capture, KVMCORE_GROUP_REALM, KVMCORE_REALM_EXTENDS, "realm extends",
			    sizeof(*realm->extend), SDEISTATE_REALM_MAX_EXTENDS, &array,
			    &realm->n_extends);
	realm->extend = array;
	realm->has_extends = !ret;
	return ret;
}

int realm_step_hashes(const struct kvm_port *port, uint32_t step, uint64_t n, size_t hash_size,
		      uint8_t **hashes, struct sdeistate_error *err)
{
	const char *object = OBJECT("digests of realm step %u", step);
	struct kvmcore_realm_content content = { .step = step, .capacity = n };
	uint8_t *bytes = malloc((size_t)n * hash_size + 1);
	int ret;

	if (!bytes)
		return error_no_memory(err, object);
	content.ptr = (uintptr_t)bytes;
	ret = access_attr_get(port, KVMCORE_GROUP_REALM, KVMCORE_REALM_CONTENT, &content);
	if (ret < 0)
		ret = error_set(err, SDEISTATE_CAPTURE_FAILED, ret, object, "", "success|%s",
				strerror(-ret));
	else if (content.count != n || content.hash_size != hash_size)
		ret = error_set(err, SDEISTATE_CAPTURE_FAILED, -EINVAL, object, "count",
				"%" PRIu64 " of %zu bytes|%" PRIu64 " of %u bytes", n, hash_size,
				(uint64_t)content.count, content.hash_size);
	else
		ret = 0;
	if (ret)
		free(bytes);
	else
		*hashes = bytes;
	return ret;
}

static int add_step(const struct capture *capture, const struct sdeistate_realm *realm, uint32_t i,
		    EVP_MD_CTX *ctx)
{
	const uint64_t n = realm->step[i].done / SDEISTATE_REALM_GRANULE;
	const size_t size = sdeistate_realm_hash_size(realm->hash);
	CLEANUP(cleanup_free) uint8_t *hashes = NULL;
	int ret = realm_step_hashes(capture->port, i, n, size, &hashes, capture->err);

	if (!ret && !EVP_DigestUpdate(ctx, hashes, (size_t)n * size))
		ret = error_set(capture->err, SDEISTATE_INTERNAL, -EIO, "SHA-256", "",
				"a digest|none");
	return ret;
}

static int digest_hashes(struct capture *capture, struct sdeistate_realm *realm)
{
	CLEANUP(cleanup_digest) EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	int ret = 0;

	if (!ctx || !EVP_DigestInit_ex(ctx, EVP_sha256(), NULL))
		return error_no_memory(capture->err, "realm contents");
	for (uint32_t i = 0; i < realm->n_steps && !ret; i++)
		if (realm->step[i].kind == KVMCORE_REALM_STEP_POPULATE)
			ret = add_step(capture, realm, i, ctx);
	if (!ret && !EVP_DigestFinal_ex(ctx, realm->hashes_digest, NULL))
		ret = error_set(capture->err, SDEISTATE_INTERNAL, -EIO, "SHA-256", "",
				"a digest|none");
	return ret;
}

static int read_regs(struct capture *capture, struct sdeistate_realm *realm)
{
	const unsigned int n = capture->port->n_vcpus;

	realm->regs = calloc(n + 1u, sizeof(*realm->regs));
	if (!realm->regs)
		return error_no_memory(capture->err, "registers");
	for (unsigned int i = 0; i < n; i++)
		for (unsigned int r = 0; r < SDEISTATE_REALM_REGS; r++) {
			int ret = access_reg_get(capture->port, (int)i, realm_reg_id(r),
						 &realm->regs[i].value[r]);

			if (ret < 0 && capture->options->kind == SDEISTATE_FINAL)
				return capture_failed(capture, ret,
						      OBJECT("registers of vcpu %u", i));
		}
	return 0;
}

int realm_read(struct capture *capture, struct sdeistate_realm **realm)
{
	CLEANUP(cleanup_realm) struct sdeistate_realm *made = calloc(1, sizeof(*made));
	int ret = made ? 0 : error_no_memory(capture->err, "realm");

	if (!ret)
		ret = read_info(capture, made);
	if (!ret)
		ret = read_steps(capture, made);
	if (!ret)
		ret = read_extends(capture, made);
	if (!ret)
		ret = digest_hashes(capture, made);
	if (!ret)
		ret = read_regs(capture, made);
	if (!ret)
		*realm = TAKE(made);
	return ret;
}

static const struct kvmcore_realm_step *find_rec(const struct sdeistate_realm *realm,
						 uint64_t mpidr)
{
	for (uint32_t i = 0; i < realm->n_steps; i++)
		if (realm->step[i].kind == KVMCORE_REALM_STEP_REC && realm->step[i].mpidr == mpidr)
			return &realm->step[i];
	return NULL;
}

/* As it was when it was activated: runnable RECs at their entry, the others off until PSCI calls them. */
static void go_cold(struct capture *capture)
{
	struct sdeistate *state = capture->state;

	for (unsigned int i = 0; i < state->n_vcpus; i++) {
		const struct kvmcore_realm_step *rec = find_rec(state->realm, state->vcpu[i].mpidr);
		struct sdeistate_realm_regs *regs = &state->realm->regs[i];

		*regs = (struct sdeistate_realm_regs){ .value = { 0 } };
		state->vcpu[i].mp_state =
			rec && rec->flags & 1 ? KVM_MP_STATE_RUNNABLE : KVM_MP_STATE_STOPPED;
		if (!rec)
			continue;
		memcpy(regs->value, rec->gprs, sizeof(rec->gprs));
		regs->value[PC_REG] = rec->pc;
	}
	/* What a vCPU waited for is gone with what it was doing. */
	free(state->exits);
	state->exits = NULL;
	state->n_exits = 0;
	capture_note(capture, "realm", "REM0 to REM3",
		     "reset: the realm starts again, and only its guest can extend them");
}

int capture_realm(struct capture *capture)
{
	const bool final = capture->options->kind == SDEISTATE_FINAL;
	struct sdeistate *state = capture->state;
	int ret;

	if (state->vm.type != KVMCORE_VM_REALM)
		return 0;
	ret = realm_read(capture, &state->realm);
	if (ret || !final || state->realm->state <= SDEISTATE_REALM_NEW)
		return ret;
	if (state->realm->state != SDEISTATE_REALM_ACTIVE ||
	    !(capture->options->flags & SDEISTATE_CAPTURE_COLD))
		return error_set(capture->err, SDEISTATE_INCOMPATIBLE, -EOPNOTSUPP, "realm",
				 "state",
				 "new: an active one cannot be read out, only started again "
				 "(cold)|active");
	go_cold(capture);
	return 0;
}

void diff_realm(struct differ *differ)
{
	static const struct field fields[] = {
		FIELD(sdeistate_realm, dialect),
		FIELD(sdeistate_realm, state),
		FIELD(sdeistate_realm, rule),
		FIELD(sdeistate_realm, hash),
		FIELD(sdeistate_realm, s2sz),
		FIELD(sdeistate_realm, flags),
		FIELD(sdeistate_realm, sve_vl),
		FIELD(sdeistate_realm, num_bps),
		FIELD(sdeistate_realm, num_wps),
		FIELD(sdeistate_realm, pmu_num_ctrs),
		FIELD(sdeistate_realm, level_start),
		FIELD_ARRAY(sdeistate_realm, rpv),
		FIELD_ARRAY(sdeistate_realm, rim),
		{ "rem", offsetof(struct sdeistate_realm, rem), 1, 256 },
		FIELD(sdeistate_realm, n_granules),
		FIELD_ARRAY(sdeistate_realm, hashes_digest),
		FIELD(sdeistate_realm, has_extends),
	};
	static const struct field step_fields[] = {
		FIELD(kvmcore_realm_step, kind),
		FIELD(kvmcore_realm_step, result),
		FIELD(kvmcore_realm_step, base),
		FIELD(kvmcore_realm_step, size),
		FIELD(kvmcore_realm_step, done),
		FIELD(kvmcore_realm_step, flags),
		FIELD(kvmcore_realm_step, mpidr),
		FIELD(kvmcore_realm_step, pc),
		FIELD_ARRAY(kvmcore_realm_step, gprs),
		{ "rim", offsetof(struct kvmcore_realm_step, rim), 8, 8 },
	};
	static const struct field extend_fields[] = {
		FIELD(kvmcore_realm_extend, index),
		FIELD(kvmcore_realm_extend, size),
		FIELD_ARRAY(kvmcore_realm_extend, value),
	};
	static const struct field reg_fields[] = { FIELD_ARRAY(sdeistate_realm_regs, value) };
	static const struct layout realm = { "realm", sizeof(struct sdeistate_realm),
					     NULL,    false,
					     fields,  ARRAY_SIZE(fields) };
	static const struct layout step = { "realm.step", sizeof(struct kvmcore_realm_step),
					    NULL,         false,
					    step_fields,  ARRAY_SIZE(step_fields) };
	static const struct layout extend = { "realm.extend", sizeof(struct kvmcore_realm_extend),
					      NULL,           false,
					      extend_fields,  ARRAY_SIZE(extend_fields) };
	static const struct layout regs = { "realm.regs", sizeof(struct sdeistate_realm_regs),
					    NULL,         false,
					    reg_fields,   ARRAY_SIZE(reg_fields) };
	const struct sdeistate_realm *a = differ->a->realm, *b = differ->b->realm;

	if (!a && !b)
		return;
	diff_struct(differ, &realm, "realm", a, b);
	if (!a || !b)
		return;
	diff_indexed(differ, &step, a->step, a->n_steps, b->step, b->n_steps);
	diff_indexed(differ, &extend, a->extend, a->n_extends, b->extend, b->n_extends);
	diff_indexed(differ, &regs, a->regs, differ->a->n_vcpus, b->regs, differ->b->n_vcpus);
}
