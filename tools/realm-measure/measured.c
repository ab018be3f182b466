// SPDX-License-Identifier: Apache-2.0
#include "measured.h"

#include "common/progress.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#define SHOW_AFTER_NS 1000000000u

struct run {
	const struct tool *tool;
	const struct input *input;
	struct measured *measured;
	struct failure *failure;
	bool with_steps;
};

/* A bar only for what takes longer than a second. */
struct bar {
	const struct tool *tool;
	struct progress progress;
	uint64_t started;
	uint64_t before, total; /* granules of the images that are done, and of all */
	int fd;
	bool open;
};

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* All images together: what is left of one says little. */
static uint64_t count_granules(const struct steps *steps)
{
	uint64_t n = 0;

	for (size_t i = 0; i < steps->n; i++) {
		const struct step *step = &steps->step[i];
		struct kvmcore_image image = { 0 };

		if (step->kind != STEP_IMAGE)
			continue;
		image.size = step->mem.blob->size;
		image.lead = (uint32_t)(step->mem.ipa % KVMCORE_GRANULE_SIZE);
		n += step->mem.blob->digests ? 0 : kvmcore_image_granules(&image);
	}
	return n;
}

static void report(struct bar *bar, uint64_t done, uint64_t spent)
{
	double rate = (double)done * KVMCORE_GRANULE_SIZE / ((double)spent + 1) * 1e9;
	double left = (double)(bar->total - done) * KVMCORE_GRANULE_SIZE / (rate + 1);
	char phase[32];

	if (!bar->progress.bar) {
		progress_report(&bar->progress, "measure", done, bar->total);
		return;
	}
	snprintf(phase, sizeof(phase), "%.0f MiB/s, %.0f s left", rate / (1 << 20), left);
	/* the text changes from line to line, the phase does not */
	snprintf(bar->progress.phase, sizeof(bar->progress.phase), "%s", phase);
	progress_report(&bar->progress, phase, done, bar->total);
}

static int show(void *user, uint64_t done, uint64_t granules)
{
	struct bar *bar = user;
	uint64_t spent = now_ns() - bar->started, all = bar->before + done;

	if (done == granules)
		bar->before += granules;
	if (bar->fd < 0 && spent < SHOW_AFTER_NS)
		return 0;
	if (!bar->open)
		progress_open(&bar->progress, bar->tool, bar->fd);
	bar->open = true;
	report(bar, all, spent);
	return 0;
}

static json_t *step_json(const struct step *step, const struct outcome *out)
{
	json_t *json = json_pack("{s:s}", "op", step_name(step->kind));

	switch (step->kind) {
	case STEP_RTT:
	case STEP_RIPAS_LEVEL:
		json_object_set_new(json, "ipa", number_json(step->mem.ipa));
		json_object_set_new(json, "level", json_integer(step->mem.level));
		break;
	case STEP_RIPAS:
	case STEP_RIPAS_CALL:
		json_object_set_new(json, "base", number_json(step->mem.ipa));
		json_object_set_new(json, "top", number_json(step->mem.top));
		break;
	case STEP_IMAGE:
		json_object_set_new(json, "name", json_string(step->mem.blob->name));
		json_object_set_new(json, "size", number_json(step->mem.blob->size));
		__attribute__((fallthrough));
	case STEP_DATA:
		json_object_set_new(json, "measure", json_integer((json_int_t)step->mem.flags));
		__attribute__((fallthrough));
	case STEP_DATA_UNKNOWN:
		json_object_set_new(json, "ipa", number_json(step->mem.ipa));
		break;
	case STEP_REC:
		json_object_set_new(json, "pc", number_json(step->rec.pc));
		json_object_set_new(json, "x0", number_json(step->rec.gprs[0]));
		json_object_set_new(json, "flags", number_json(step->rec.flags));
		break;
	case STEP_CREATE:
	case STEP_ACTIVATE:
	case STEP_EXTEND:
	case STEP_RIM:
	case STEP_REM:
	case STEP_NR_KINDS:
	default:
		break;
	}
	if (!outcome_refused(out))
		json_object_set_new(json, "rim",
				    hex_json(out->value.bytes, kvmcore_hash_size(out->hash)));
	return json;
}

static void add_printed(struct run *run, const struct step *step, const struct outcome *out)
{
	char hex[129];

	hex_text(out->value.bytes, kvmcore_hash_size(out->hash), hex);
	if (!run->tool->json)
		fprintf(run->tool->out, "%s %s\n", step_name(step->kind), hex);
	json_array_append_new(run->measured->printed,
			      json_sprintf("%s %s", step_name(step->kind), hex));
}

static int on_refused(struct run *run, const struct step *step, const struct outcome *out)
{
	char text[160], where[32];

	run->measured->refused++;
	outcome_text(step, out, text, sizeof(text));
	snprintf(where, sizeof(where), "line %u", step->line);
	if (!run->input->is_script)
		return failure_set(run->failure, SDEISTATE_INCONSISTENT, -EINVAL, "realm",
				   step_name(step->kind), "RMI_SUCCESS", text);
	if (run->tool->verbose)
		tool_say(run->tool, "%s: %s", where, text);
	else if (!run->tool->quiet)
		fprintf(stderr, "%s\n", text);
	return 0;
}

static int check_expected(struct run *run, const struct step *step, const struct outcome *out)
{
	char want[129], have[129];
	size_t n = kvmcore_hash_size(out->hash);

	if (!step->has_expect || !memcmp(step->expect.bytes, out->value.bytes, n))
		return 0;
	hex_text(step->expect.bytes, n, want);
	hex_text(out->value.bytes, n, have);
	return failure_set(run->failure, SDEISTATE_DIFFERS, -EINVAL, "RIM", step_name(step->kind),
			   want, have);
}

static int observe(void *user, const struct step *step, const struct outcome *out)
{
	struct run *run = user;
	char text[160];
	int ret = 0;

	if (outcome_refused(out)) {
		ret = on_refused(run, step, out);
	} else {
		outcome_text(step, out, text, sizeof(text));
		tool_detail(run->tool, "%s", text);
		ret = check_expected(run, step, out);
	}
	if (!ret && run->with_steps && step->kind != STEP_RIM && step->kind != STEP_REM)
		json_array_append_new(run->measured->steps, step_json(step, out));
	if (!outcome_refused(out) && (step->kind == STEP_RIM || step->kind == STEP_REM))
		add_printed(run, step, out);
	return ret;
}

static void collect(const struct kvmcore_builder *builder, struct measured *m)
{
	m->exists = true;
	m->hash = kvmcore_builder_params(builder)->hash;
	memcpy(m->rpv, kvmcore_builder_params(builder)->rpv, sizeof(m->rpv));
	for (unsigned int i = 0; i < 1 + KVMCORE_NR_REMS; i++)
		kvmcore_builder_read(builder, i, &m->value[i]);
}

int measured_run(const struct tool *tool, const struct input_args *args, const struct input *input,
		 bool with_steps, struct measured *measured, struct failure *failure)
{
	struct run run = { tool, input, measured, failure, with_steps };
	struct bar bar = {
		.tool = tool,
		.started = now_ns(),
		.total = count_granules(&input->steps),
		.fd = args->progress_fd.given ? (int)args->progress_fd.value : -1,
	};
	struct steps_progress progress = { show, &bar };
	struct kvmcore_builder *builder = NULL;
	int ret = progress_check(&args->progress_fd, failure);

	if (ret)
		return ret;
	measured->rule = input->steps.rule;
	measured->printed = json_array();
	measured->steps = with_steps ? json_array() : NULL;
	*failure = (struct failure){ 0 };
	ret = steps_run(&input->steps, 0, (unsigned int)args->threads.value, &progress, observe,
			&run, &builder);
	if (bar.open)
		progress_close(&bar.progress);
	if (ret && !failure->reason)
		failure_set(failure, ret == -ENOMEM ? SDEISTATE_NO_MEMORY : SDEISTATE_INTERNAL, ret,
			    "realm", NULL, NULL, NULL);
	if (builder)
		collect(builder, measured);
	kvmcore_builder_destroy(builder);
	return ret;
}

void measured_free(struct measured *m)
{
	json_decref(m->printed);
	json_decref(m->steps);
	*m = (struct measured){ 0 };
}
