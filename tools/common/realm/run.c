// SPDX-License-Identifier: Apache-2.0
#include "common/realm/steps.h"

#include <errno.h>
#include <stdio.h>

struct run {
	const struct steps *steps;
	uint64_t rmm_features;
	unsigned int threads;
	const struct steps_progress *progress;
	struct kvmcore_builder *builder;
};

static enum kvmcore_hash hash_of(const struct run *run)
{
	return kvmcore_builder_params(run->builder)->hash;
}

static int create(struct run *run, const struct step *step)
{
	struct kvmcore_realm_params params = step->params;

	if (run->builder) /* its granules are in use */
		return KVMCORE_RMI_ERROR_INPUT;
	if (params.level_start == LEVEL_START_LINUX)
		params.level_start = kvmcore_level_start(params.s2sz);
	return kvmcore_builder_create(run->steps->rule, &params, run->rmm_features, &run->builder);
}

static int ripas(struct run *run, const struct step *step, struct outcome *out)
{
	/* The KVM that speaks bet0 is the one of RFC v1. */
	enum kvmcore_ripas_policy policy = run->steps->rule == KVMCORE_RULE_BET0
						   ? KVMCORE_RIPAS_RFC_V1
						   : KVMCORE_RIPAS_LARGEST;
	int ret;

	if (step->mem.has_policy)
		policy = step->mem.policy;
	ret = kvmcore_builder_init_ripas_range(run->builder, step->mem.ipa, step->mem.top, policy,
					       &out->walk);
	return ret > 0 && step->mem.stops && out->walk.end == step->mem.stop ? KVMCORE_RMI_SUCCESS
									     : ret;
}

static int ripas_level(struct run *run, const struct step *step)
{
	int ret = kvmcore_builder_map(run->builder, step->mem.ipa, step->mem.level);

	return ret ? ret
		   : kvmcore_builder_init_ripas_level(run->builder, step->mem.ipa, step->mem.level);
}

static int data(struct run *run, const struct step *step)
{
	struct kvmcore_digest digest;
	int ret = content_digest(&step->mem.content, hash_of(run), &digest);

	if (!ret)
		ret = kvmcore_builder_map(run->builder, step->mem.ipa, 3);
	return ret ? ret
		   : kvmcore_builder_data(run->builder, step->mem.ipa, step->mem.flags, &digest);
}

static int data_unknown(struct run *run, const struct step *step)
{
	int ret = kvmcore_builder_map(run->builder, step->mem.ipa, 3);

	return ret ? ret : kvmcore_builder_data_unknown(run->builder, step->mem.ipa);
}

static int image_by_digests(struct run *run, const struct step *step)
{
	const struct blob *blob = step->mem.blob;
	uint64_t ipa = step->mem.ipa & ~(uint64_t)(KVMCORE_GRANULE_SIZE - 1);
	int ret = KVMCORE_RMI_SUCCESS;

	for (uint64_t i = 0; !ret && i < blob->n_granules; i++, ipa += KVMCORE_GRANULE_SIZE) {
		const struct kvmcore_digest digest = blob_digest(blob, i);

		ret = kvmcore_builder_map(run->builder, ipa, 3);
		if (!ret && step->mem.ripas_first)
			ret = kvmcore_builder_init_ripas_level(run->builder, ipa, 3);
		if (!ret)
			ret = kvmcore_builder_data(run->builder, ipa, step->mem.flags, &digest);
	}
	return ret;
}

static int image(struct run *run, const struct step *step)
{
	const struct blob *blob = step->mem.blob;
	struct kvmcore_image bytes = {
		.map = blob->bytes,
		.size = blob->size,
		.lead = (uint32_t)(step->mem.ipa & (KVMCORE_GRANULE_SIZE - 1)),
	};

	if (blob->digests)
		return image_by_digests(run, step);
	return kvmcore_builder_image(run->builder, step->mem.ipa - bytes.lead, &bytes, run->threads,
				     run->progress ? run->progress->report : NULL,
				     run->progress ? run->progress->user : NULL);
}

static int dispatch(struct run *run, const struct step *step, struct outcome *out)
{
	switch (step->kind) {
	case STEP_CREATE:
		return create(run, step);
	case STEP_RTT:
		return kvmcore_builder_rtt_create(run->builder, step->mem.ipa, step->mem.level);
	case STEP_RIPAS:
		return ripas(run, step, out);
	case STEP_RIPAS_CALL:
		return kvmcore_builder_init_ripas(run->builder, step->mem.ipa, step->mem.top,
						  &out->out_top);
	case STEP_RIPAS_LEVEL:
		return ripas_level(run, step);
	case STEP_DATA:
		return data(run, step);
	case STEP_IMAGE:
		return image(run, step);
	case STEP_DATA_UNKNOWN:
		return data_unknown(run, step);
	case STEP_REC:
		return kvmcore_builder_rec(run->builder, &step->rec);
	case STEP_ACTIVATE:
		return kvmcore_builder_activate(run->builder);
	case STEP_EXTEND:
		return kvmcore_builder_extend(run->builder, step->extend.index, step->extend.value,
					      step->extend.size);
	case STEP_REM:
	case STEP_RIM:
	case STEP_NR_KINDS:
	default:
		return 0;
	}
}

static int do_step(struct run *run, const struct step *step, struct outcome *out)
{
	unsigned int index = step->kind == STEP_REM ? step->extend.index : 0;
	int ret;

	*out = (struct outcome){ 0 };
	if (!run->builder && step->kind != STEP_CREATE) {
		out->absent = true;
		out->rmi = KVMCORE_RMI_ERROR_INPUT;
		return 0;
	}
	ret = dispatch(run, step, out);
	if (ret < 0)
		return ret;
	out->rmi = ret;
	if (!run->builder)
		return 0;
	out->hash = hash_of(run);
	if (kvmcore_builder_read(run->builder, index, &out->value) != KVMCORE_RSI_SUCCESS)
		out->rmi = KVMCORE_RSI_ERROR_INPUT;
	return 0;
}

int steps_run(const struct steps *steps, uint64_t rmm_features, unsigned int threads,
	      const struct steps_progress *progress, steps_observer *observer, void *user,
	      struct kvmcore_builder **builder)
{
	struct run run = {
		.steps = steps,
		.rmm_features = rmm_features,
		.threads = threads,
		.progress = progress,
	};
	int ret = 0;

	for (size_t i = 0; !ret && i < steps->n; i++) {
		struct outcome out;

		ret = do_step(&run, &steps->step[i], &out);
		if (!ret && observer)
			ret = observer(user, &steps->step[i], &out);
	}
	if (ret)
		kvmcore_builder_destroy(run.builder);
	else
		*builder = run.builder;
	return ret;
}

bool outcome_refused(const struct outcome *out)
{
	return out->rmi != 0;
}

/* The forms in which the drivers of the golden files report a call (docs/measurements.md). */
void outcome_text(const struct step *step, const struct outcome *out, char *text, size_t size)
{
	const char *name = step_name(step->kind);
	const char *status = kvmcore_rmi_name(out->rmi);
	int index = KVMCORE_RMI_INDEX(out->rmi);

	text[0] = '\0';
	if (out->absent)
		snprintf(text, size, "%s %s (no realm)", name, status);
	else if (step->kind == STEP_EXTEND || step->kind == STEP_REM)
		snprintf(text, size, "%s rsi=%d", name, out->rmi);
	else if (step->kind == STEP_RIPAS_CALL)
		snprintf(text, size, "%s %s index=%d out_top=0x%llx", name, status, index,
			 (unsigned long long)out->out_top);
	else if (step->kind == STEP_RIPAS && !out->rmi)
		snprintf(text, size, "%s calls=%u end=0x%llx", name, out->walk.calls,
			 (unsigned long long)out->walk.end);
	else if (step->kind == STEP_RIPAS)
		snprintf(text, size, "%s calls=%u end=0x%llx %s index=%d", name, out->walk.calls,
			 (unsigned long long)out->walk.end, status, index);
	else if (KVMCORE_RMI_STATUS(out->rmi) == KVMCORE_RMI_ERROR_RTT)
		snprintf(text, size, "%s %s index=%d", name, status, index);
	else
		snprintf(text, size, "%s %s", name, status);
}
