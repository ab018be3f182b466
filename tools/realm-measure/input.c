// SPDX-License-Identifier: Apache-2.0
#include "input.h"

#include "common/cleanup.h"
#include "common/file.h"
#include "description.h"
#include "eventlog.h"
#include "script.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

void input_free(struct input *input)
{
	steps_free(&input->steps); /* they borrow from the snapshot */
	snapshot_close(&input->snapshot);
	json_decref(input->report.ignored);
	input->report.ignored = NULL;
}

unsigned int input_given(const struct input_args *a)
{
	const bool given[] = { a->script, a->json_input, a->log, a->snapshot, a->vmm.n };
	unsigned int n = 0;

	for (size_t i = 0; i < ARRAY_SIZE(given); i++)
		n += given[i];
	return n;
}

int input_from_core(struct failure *failure, enum sdeistate_reason reason,
		    const struct kvmcore_error *err)
{
	return failure_set(failure, reason, err->code, err->object, err->field, err->expected,
			   err->actual);
}

static int load_script(const char *path, const uint8_t *data, size_t len, struct input *input,
		       struct failure *failure)
{
	struct kvmcore_error err = { 0 };
	int ret = script_parse(&input->steps, (const char *)data, len, &err);

	input->is_script = true;
	if (ret == -EINVAL) {
		input_from_core(failure, SDEISTATE_DAMAGED, &err);
		snprintf(failure->object, sizeof(failure->object), "%.60s, %.32s", path,
			 err.object);
	} else if (ret == -EFBIG) {
		failure_set(failure, SDEISTATE_OVER_LIMIT, ret, path, "steps", "at most 1048576",
			    "more");
	} else if (ret) {
		failure_set(failure, SDEISTATE_NO_MEMORY, ret, path, NULL, NULL, NULL);
	}
	return ret;
}

typedef int load_data(const char *path, const uint8_t *data, size_t len,
		      const struct input_args *args, struct input *input, struct failure *failure);

static int as_script(const char *path, const uint8_t *data, size_t len,
		     const struct input_args *args, struct input *input, struct failure *failure)
{
	(void)args;
	return load_script(path, data, len, input, failure);
}

static int as_description(const char *path, const uint8_t *data, size_t len,
			  const struct input_args *args, struct input *input,
			  struct failure *failure)
{
	(void)args;
	return description_parse(&input->steps, (const char *)data, len, path, failure);
}

static int as_log(const char *path, const uint8_t *data, size_t len, const struct input_args *args,
		  struct input *input, struct failure *failure)
{
	return eventlog_steps(path, data, len, &args->image, &input->steps, failure);
}

/* To be shown, not to be believed: nobody asks who signed it. */
static int as_snapshot(const char *path, const uint8_t *data, size_t len,
		       const struct input_args *args, struct input *input, struct failure *failure)
{
	const struct snapshot_options how = {
		.only_show = true, .key = args->key, .bytes = data, .len = len
	};
	int ret = snapshot_open(path, &how, &input->snapshot, failure);

	return ret ? ret : snapshot_steps(&input->snapshot, &input->steps, failure);
}

static int as_what_it_is(const char *path, const uint8_t *data, size_t len,
			 const struct input_args *args, struct input *input,
			 struct failure *failure)
{
	size_t at = 0;

	if (snapshot_is_bytes(data, len))
		return as_snapshot(path, data, len, args, input, failure);
	if (eventlog_is(data, len))
		return as_log(path, data, len, args, input, failure);
	while (at < len && isspace(data[at]))
		at++;
	return at < len && data[at] == '{' ? as_description(path, data, len, args, input, failure)
					   : as_script(path, data, len, args, input, failure);
}

static int load(const char *path, load_data *as, const struct input_args *args, struct input *input,
		struct failure *failure)
{
	OWNED_MEMORY uint8_t *data = NULL;
	size_t len;
	int ret = file_read(path, INPUT_MAX_FILE, &data, &len, failure);

	return ret ? ret : as(path, data, len, args, input, failure);
}

/* --- A VMM's command line ------------------------------------------------------------------------- */

static int limit(struct caps *caps, enum cap cap, const struct option_number *number,
		 struct failure *failure)
{
	return number->given ? caps_limit(caps, cap, number->value, "command line", failure) : 0;
}

static int limit_bool(struct caps *caps, enum cap cap, const char *text, struct failure *failure)
{
	bool on = text && (!strcmp(text, "true") || !strcmp(text, "yes") || !strcmp(text, "on"));

	return text ? caps_limit(caps, cap, on, "command line", failure) : 0;
}

static int collect_caps(const struct input_args *a, struct caps *caps, struct failure *failure)
{
	int ret = 0;

	for (size_t i = 0; !ret && i < a->config.n; i++)
		ret = caps_load(caps, a->config.item[i], failure);
	if (!ret)
		ret = limit(caps, CAP_IPA_BITS, &a->ipa_bits, failure);
	if (!ret)
		ret = limit(caps, CAP_NUM_BPS, &a->num_bps, failure);
	if (!ret)
		ret = limit(caps, CAP_NUM_WPS, &a->num_wps, failure);
	if (!ret)
		ret = limit(caps, CAP_PMU_NUM_CTRS, &a->pmu_num_ctrs, failure);
	if (!ret)
		ret = limit(caps, CAP_SVE_VL, &a->sve_vl, failure);
	if (!ret)
		ret = limit_bool(caps, CAP_PMU, a->pmu, failure);
	return ret ? ret : limit_bool(caps, CAP_LPA2, a->lpa2, failure);
}

static int load_vmm(const struct input_args *a, struct input *input, struct failure *failure)
{
	const struct vmm_kind *kind = vmm_find(a->vmm.item[0]);
	struct vmm_request request = {
		.kernel = a->kernel,
		.initrd = a->initrd,
		.firmware = a->firmware,
		.dtb = a->dtb,
		.dtb_template = a->dtb_template,
		.output_dtb = a->output_dtb,
		.hash = a->hash_algo,
	};
	int ret = collect_caps(a, &request.caps, failure);

	if (ret)
		return ret;
	if (!kind)
		return failure_set(failure, SDEISTATE_USAGE, -EINVAL, "command line", "VMM",
				   "qemu, kvmtool or cloud-hv", a->vmm.item[0]);
	return vmm_steps(kind, &request, (int)a->vmm.n - 1,
			 (char *const *)(uintptr_t)(a->vmm.item + 1), &input->steps, &input->report,
			 failure);
}

/* Without pages the state still says what its RIM is, and a trusted key has signed that. */
static int load_snapshot(const struct input_args *a, struct input *input, struct failure *failure)
{
	const struct snapshot_options how = { .trust = &a->anchor, .key = a->key };
	int ret = snapshot_open(a->snapshot, &how, &input->snapshot, failure);

	if (!ret)
		ret = snapshot_steps(&input->snapshot, &input->steps, failure);
	if (ret != -ENODATA)
		return ret;
	steps_free(&input->steps);
	input->stated = true;
	*failure = (struct failure){ 0 };
	return 0;
}

int input_load(const struct input_args *a, struct input *input, struct failure *failure)
{
	enum kvmcore_rule rule = KVMCORE_RULE_1_0;
	int ret;

	if (input_given(a) != 1)
		return failure_set(failure, SDEISTATE_USAGE, -EINVAL, "command line", "input",
				   "one script, description, log or VMM command line",
				   input_given(a) ? "several" : "none");
	if (a->rule)
		kvmcore_rule_find(a->rule, &rule);
	input->steps.rule = rule;
	if (a->vmm.n)
		ret = load_vmm(a, input, failure);
	else if (a->snapshot)
		ret = load_snapshot(a, input, failure);
	else if (a->script)
		ret = load(a->script, as_script, a, input, failure);
	else if (a->json_input)
		ret = load(a->json_input, as_description, a, input, failure);
	else
		ret = load(a->log, as_log, a, input, failure);
	if (!ret && a->rule) /* what the command line says is stronger */
		input->steps.rule = rule;
	return ret;
}

int input_load_any(const char *path, const struct input_args *args, struct input *input,
		   struct failure *failure)
{
	enum kvmcore_rule rule;
	int ret = snapshot_is(path) ? as_snapshot(path, NULL, 0, args, input, failure)
				    : load(path, as_what_it_is, args, input, failure);

	if (!ret && args->rule && !kvmcore_rule_find(args->rule, &rule))
		input->steps.rule = rule;
	return ret;
}
