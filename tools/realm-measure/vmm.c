// SPDX-License-Identifier: Apache-2.0
#include "vmm.h"

#include "common/cleanup.h"
#include "common/text.h"
#include "payload.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

const struct vmm_kind *vmm_find(const char *name)
{
	static const struct vmm_kind *const kinds[] = { &vmm_qemu, &vmm_kvmtool, &vmm_cloudhv };

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		if (!strcmp(kinds[i]->name, name))
			return kinds[i];
	return NULL;
}

static int no_memory(struct vmm *vmm)
{
	return failure_set(vmm->failure, SDEISTATE_NO_MEMORY, -ENOMEM, NULL, NULL, NULL, NULL);
}

int vmm_refuse(struct vmm *vmm, const char *option, const char *expected, const char *actual)
{
	return failure_set(vmm->failure, SDEISTATE_USAGE, -EINVAL, vmm->kind->name, option,
			   expected, actual);
}

int vmm_note(struct vmm *vmm, const char *option)
{
	return json_array_append_new(vmm->ignored, json_string(option)) ? no_memory(vmm) : 0;
}

/* --- Reading arguments --------------------------------------------------------------------------- */

static const struct vmm_option *find_option(const struct vmm_kind *kind, const char *name,
					    size_t len)
{
	for (const struct vmm_option *o = kind->options; o->name; o++)
		if (strlen(o->name) == len && !strncmp(o->name, name, len))
			return o;
	return NULL;
}

/* An unknown option may have a value: the next word, if that is no option itself. */
static int skip_unknown(struct vmm *vmm, const char *word, const char *next)
{
	int ret = vmm_note(vmm, word);

	return ret ? ret : 1 + (next && next[0] != '-' && !strchr(word, '='));
}

static int take_option(struct vmm *vmm, const struct vmm_option *o, const char *name,
		       const char *value)
{
	OWNED_MEMORY char *copy = strdup(value ? value : "");

	if (!copy)
		return no_memory(vmm);
	if (o->has_value && !value)
		return vmm_refuse(vmm, name, "a value", "nothing");
	return o->take ? o->take(vmm, copy) : 0;
}

/* "-name value", "--name value" and "--name=value". Return: words used; -errno */
static int read_option(struct vmm *vmm, const char *word, const char *next)
{
	const char *name = word + strspn(word, "-");
	size_t len = strcspn(name, "=");
	const struct vmm_option *o = find_option(vmm->kind, name, len);
	const char *inner = name[len] ? name + len + 1 : NULL;
	int ret;

	if (word[0] != '-' || !*name || !o)
		return skip_unknown(vmm, word, word[0] == '-' ? next : NULL);
	ret = take_option(vmm, o, word, o->has_value ? (inner ? inner : next) : NULL);
	return ret ? ret : 1 + (o->has_value && !inner);
}

static int read_arguments(struct vmm *vmm, int argc, char *const *argv)
{
	for (int i = 0, used; i < argc; i += used) {
		used = read_option(vmm, argv[i], i + 1 < argc ? argv[i + 1] : NULL);
		if (used < 0)
			return used;
	}
	return 0;
}

int vmm_each(struct vmm *vmm, char *list, int (*take)(struct vmm *, const char *, char *))
{
	char *item;
	int ret = 0;

	while (!ret && (item = strsep(&list, ","))) {
		char *value = strchr(item, '=');

		if (value)
			*value++ = '\0';
		ret = take(vmm, item, value);
	}
	return ret;
}

int vmm_size(struct vmm *vmm, const char *option, const char *text, uint64_t *size)
{
	static const char units[] = "BKMGT";
	size_t digits = strspn(text, "0123456789");
	char number[24];
	uint64_t value, unit = vmm->kind->size_unit;
	const char *at = text[digits] ? strchr(units, text[digits] & ~0x20) : NULL;

	if (at)
		unit = UINT64_C(1) << 10 * (unsigned int)(at - units);
	snprintf(number, sizeof(number), "%.*s", (int)digits, text);
	if (!digits || digits >= sizeof(number) || (text[digits] && (!at || text[digits + 1])) ||
	    !text_number(number, UINT64_MAX, &value) || !value ||
	    value > (UINT64_C(1) << 50) / unit)
		return vmm_refuse(vmm, option, "a size such as 512M", text);
	*size = value * unit;
	return 0;
}

int vmm_count(struct vmm *vmm, const char *option, const char *text, uint64_t min, uint64_t max,
	      uint64_t *value)
{
	char expected[64];
	uint64_t parsed;

	if (text && text_number(text, max, &parsed) && parsed >= min) {
		*value = parsed;
		return 0;
	}
	snprintf(expected, sizeof(expected), "%" PRIu64 " to %" PRIu64, min, max);
	return vmm_refuse(vmm, option, expected, text ? text : "nothing");
}

int vmm_bool(struct vmm *vmm, const char *option, const char *text, bool *value)
{
	static const char *const yes[] = { "on", "yes", "true", "y" };
	static const char *const no[] = { "off", "no", "false", "n" };

	for (size_t i = 0; text && i < ARRAY_SIZE(yes); i++) {
		if (!strcmp(text, yes[i]) || !strcmp(text, no[i])) {
			*value = !strcmp(text, yes[i]);
			return 0;
		}
	}
	if (text && !strcmp(text, "auto"))
		return 0;
	return vmm_refuse(vmm, option, "on, off or auto", text ? text : "nothing");
}

int vmm_hash(struct vmm *vmm, const char *option, const char *name)
{
	if (name && !kvmcore_hash_find(name, &vmm->hash))
		return 0;
	return vmm_refuse(vmm, option, "sha256, sha384 or sha512", name ? name : "nothing");
}

int vmm_text(struct vmm *vmm, const char *text, char **to)
{
	char *copy = strdup(text);

	if (!copy)
		return no_memory(vmm);
	free(*to);
	*to = copy;
	return 0;
}

/* --- Placing images ------------------------------------------------------------------------------ */

int vmm_add_image(struct vmm *vmm, struct blob *blob, uint64_t ipa)
{
	if (steps_take_blob(vmm->steps, blob))
		return no_memory(vmm);
	vmm->image[vmm->n_images++] = (struct vmm_image){ blob, ipa };
	return 0;
}

static int need_file(struct vmm *vmm, const char *path, const char *option)
{
	return path ? 0 : vmm_refuse(vmm, option, "the file that the VMM loads", "nothing");
}

int vmm_load_kernel(struct vmm *vmm, uint64_t base, uint64_t *start, uint64_t *end)
{
	const char *path = vmm->request->kernel;
	struct image_header header;
	struct blob *blob = NULL;
	int ret = need_file(vmm, path, "-k");

	if (!ret)
		ret = payload_open_kernel(path, &blob, vmm->failure);
	if (ret)
		return ret;
	if (payload_image_header(blob, &header)) {
		blob_free(blob);
		return failure_set(vmm->failure, SDEISTATE_NOT_OURS, -EINVAL, path, "header",
				   "an arm64 Linux Image, gzip or not", "something else");
	}
	*start = base + header.text_offset;
	*end = *start + header.image_size;
	return vmm_add_image(vmm, blob, *start);
}

int vmm_load_initrd(struct vmm *vmm, struct blob **blob)
{
	int ret = need_file(vmm, vmm->request->initrd, "-i");

	if (!ret)
		ret = payload_open(vmm->request->initrd, "INITRD", blob, vmm->failure);
	if (!ret)
		vmm->initrd_size = (*blob)->size;
	return ret;
}

int vmm_load_firmware(struct vmm *vmm, uint64_t ipa)
{
	struct blob *blob = NULL;
	int ret = need_file(vmm, vmm->request->firmware, "-f");

	if (!ret)
		ret = payload_open(vmm->request->firmware, "FIRMWARE", &blob, vmm->failure);
	return ret ? ret : vmm_add_image(vmm, blob, ipa);
}

/* --- Steps ---------------------------------------------------------------------------------------- */

static int need_cap(struct vmm *vmm, enum cap cap, const char *option)
{
	return vmm->caps.given[cap]
		       ? 0
		       : vmm_refuse(vmm, option, "what the host has, here or in a -c file",
				    "nothing");
}

static uint64_t cap_or(const struct vmm *vmm, enum cap cap, uint64_t otherwise)
{
	return vmm->caps.given[cap] ? vmm->caps.value[cap] : otherwise;
}

static int make_params(struct vmm *vmm, struct kvmcore_realm_params *params)
{
	uint64_t sve_vl = cap_or(vmm, CAP_SVE_VL, 0), ipa_bits = cap_or(vmm, CAP_IPA_BITS, 0);
	int ret = need_cap(vmm, CAP_NUM_BPS, "--num-bps");

	if (!kvmcore_rule_has_hash(vmm->steps->rule, vmm->hash))
		return vmm_refuse(vmm, "hash algorithm",
				  vmm->steps->rule == KVMCORE_RULE_2_0
					  ? "sha-256, sha-384 or sha-512"
					  : "sha-256 or sha-512; sha-384 is of rule 2.0",
				  kvmcore_hash_name(vmm->hash));
	if (!ret)
		ret = need_cap(vmm, CAP_NUM_WPS, "--num-wps");
	if (!ret && vmm->pmu)
		ret = need_cap(vmm, CAP_PMU_NUM_CTRS, "--pmu-num-ctrs");
	if (ret)
		return ret;
	*params = (struct kvmcore_realm_params){
		.flags = (ipa_bits > 48 ? KVMCORE_REALM_LPA2 : 0u) |
			 (sve_vl ? KVMCORE_REALM_SVE : 0u) | (vmm->pmu ? KVMCORE_REALM_PMU : 0u),
		.s2sz = (uint32_t)ipa_bits,
		.sve_vl = sve_vl ? (uint32_t)(sve_vl / 128 - 1) : 0,
		.num_bps = (uint32_t)vmm->caps.value[CAP_NUM_BPS] - 1,
		.num_wps = (uint32_t)vmm->caps.value[CAP_NUM_WPS] - 1,
		.pmu_num_ctrs = vmm->pmu ? (uint32_t)vmm->caps.value[CAP_PMU_NUM_CTRS] : 0,
		.hash = vmm->hash,
		.level_start = LEVEL_START_LINUX,
	};
	memcpy(params->rpv, vmm->rpv, sizeof(params->rpv));
	return 0;
}

static int by_address(const void *a, const void *b)
{
	const struct vmm_image *x = a, *y = b;

	return x->ipa < y->ipa ? -1 : x->ipa > y->ipa;
}

/* Two images in one granule would be two calls for it, of which the RMM refuses the second. */
static int check_overlap(struct vmm *vmm)
{
	const uint64_t mask = ~(uint64_t)(KVMCORE_GRANULE_SIZE - 1);

	for (unsigned int i = 1; i < vmm->n_images; i++) {
		const struct vmm_image *below = &vmm->image[i - 1], *above = &vmm->image[i];

		if (below->blob->size && above->blob->size &&
		    ((below->ipa + below->blob->size - 1) & mask) >= (above->ipa & mask))
			return failure_set(vmm->failure, SDEISTATE_INCONSISTENT, -EINVAL,
					   above->blob->name, "address",
					   "behind the image before it", below->blob->name);
	}
	return 0;
}

static int add(struct vmm *vmm, const struct step *step)
{
	return steps_add(vmm->steps, step) ? no_memory(vmm) : 0;
}

static int add_images(struct vmm *vmm)
{
	int ret = 0;

	qsort(vmm->image, vmm->n_images, sizeof(vmm->image[0]), by_address);
	ret = check_overlap(vmm);
	for (unsigned int i = 0; !ret && i < vmm->n_images; i++) {
		struct step step = { .kind = STEP_IMAGE };

		step.mem.ipa = vmm->image[i].ipa;
		step.mem.flags = KVMCORE_DATA_MEASURE;
		step.mem.blob = vmm->image[i].blob;
		ret = add(vmm, &step);
	}
	return ret;
}

/* The log is filled in later: its place is measured, its content is not. */
static int add_log(struct vmm *vmm)
{
	int ret = 0;

	for (uint64_t at = 0; !ret && vmm->log_base && at < VMM_LOG_SIZE;
	     at += KVMCORE_GRANULE_SIZE) {
		struct step step = { .kind = STEP_DATA };

		step.mem.ipa = vmm->log_base + at;
		ret = add(vmm, &step);
	}
	return ret;
}

static int add_steps(struct vmm *vmm)
{
	struct step create = { .kind = STEP_CREATE }, ram = { .kind = STEP_RIPAS };
	struct step rec = { .kind = STEP_REC };
	int ret = make_params(vmm, &create.params);

	ram.mem.ipa = vmm->ram_base;
	ram.mem.top = vmm->ram_base + vmm->ram_size;
	rec.rec = vmm->rec;
	rec.rec.flags = KVMCORE_REC_RUNNABLE;
	if (!ret)
		ret = add(vmm, &create);
	if (!ret)
		ret = add(vmm, &ram);
	if (!ret)
		ret = add_images(vmm);
	if (!ret)
		ret = add(vmm, &rec);
	return ret ? ret : add_log(vmm);
}

static int plan(struct vmm *vmm, int argc, char *const *argv)
{
	int ret = 0;

	if (vmm->request->hash)
		ret = vmm_hash(vmm, "--hash-algo", vmm->request->hash);
	if (!ret)
		ret = read_arguments(vmm, argc, argv);
	if (!ret && vmm->pmu)
		ret = caps_request(&vmm->caps, CAP_PMU, 1, vmm->kind->name, vmm->failure);
	if (!ret)
		ret = vmm->kind->place(vmm);
	if (!ret && cap_or(vmm, CAP_IPA_BITS, 0) > 48)
		ret = caps_request(&vmm->caps, CAP_LPA2, 1, vmm->kind->name, vmm->failure);
	if (!ret)
		ret = vmm_add_dtb(vmm);
	return ret ? ret : add_steps(vmm);
}

int vmm_steps(const struct vmm_kind *kind, const struct vmm_request *request, int argc,
	      char *const *argv, struct steps *steps, struct vmm_report *report,
	      struct failure *failure)
{
	struct vmm vmm = {
		.kind = kind,
		.request = request,
		.failure = failure,
		.ignored = json_array(),
		.cpus = 1,
		.its = true,
		.acpi = true,
		.serial = true,
		.hash = kind->hash,
		.caps = request->caps,
		.steps = steps,
	};
	int ret;

	kind->init(&vmm);
	vmm.pmu = cap_or(&vmm, CAP_PMU, 0) != 0;
	ret = vmm.ignored ? plan(&vmm, argc, argv) : no_memory(&vmm);
	if (ret) {
		json_decref(vmm.ignored);
	} else {
		report->ignored = vmm.ignored;
		report->unconfirmed = !request->dtb && !vmm_is_published(&vmm);
	}
	free(vmm.bootargs);
	return ret;
}
