// SPDX-License-Identifier: Apache-2.0
#include "description.h"

#include "common/cleanup.h"
#include "common/file.h"
#include "common/number.h"
#include "fields.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <transport/wire.h>

#define PAGE           4096u
#define MPIDR_AFFINITY 0xff00ffffffu /* Aff3, Aff2, Aff1, Aff0 */

static const struct model_memory default_memory = { 0x80000000u, 2u << 20 };

/* Bit numbers of kvm_vcpu_init.features (arch/arm64/include/uapi/asm/kvm.h). */
static const char *const vcpu_feature[] = {
	[KVM_ARM_VCPU_POWER_OFF] = "power-off",
	[KVM_ARM_VCPU_EL1_32BIT] = "el1-32bit",
	[KVM_ARM_VCPU_PSCI_0_2] = "psci-0.2",
	[KVM_ARM_VCPU_PMU_V3] = "pmu-v3",
	[KVM_ARM_VCPU_SVE] = "sve",
	[KVM_ARM_VCPU_PTRAUTH_ADDRESS] = "ptrauth-address",
	[KVM_ARM_VCPU_PTRAUTH_GENERIC] = "ptrauth-generic",
	[KVM_ARM_VCPU_REC] = "rec",
};

static const char *const pe_feature[] = {
	"pan", "uao", "dit", "ssbs", "bti", "mte2", "nmi", "ebep"
};
static const char *const dialect[] = { "sdei-1.0", "forward-hypercall", "rme-v8" };

static int read_uuid(struct fields *fields, const json_t *json, void *out)
{
	struct model_description *description = out;
	struct transport_id id;

	if (!json_is_string(json) || transport_id_parse(json_string_value(json), &id))
		return fields_refuse(fields, "a UUID", json);
	memcpy(description->config.uuid, id.bytes, sizeof(description->config.uuid));
	description->has_uuid = true;
	return 0;
}

static int read_kernel(struct fields *fields, const json_t *json, void *out)
{
	struct model_description *description = out;
	const char *kernel = json_string_value(json);

	if (!kernel || strlen(kernel) >= sizeof(description->kernel))
		return fields_refuse(fields, "a kernel version", json);
	snprintf(description->kernel, sizeof(description->kernel), "%s", kernel);
	description->config.kernel = description->kernel;
	return 0;
}

static int read_pe_features(struct fields *fields, const json_t *json, void *out)
{
	struct model_description *description = out;

	return fields_bits(fields, json, pe_feature, ARRAY_SIZE(pe_feature),
			   &description->config.pe_features);
}

static int read_dialects(struct fields *fields, const json_t *json, void *out)
{
	struct model_description *description = out;

	return fields_bits(fields, json, dialect, ARRAY_SIZE(dialect),
			   &description->config.dialects);
}

static int read_vcpu_features(struct fields *fields, const json_t *json, void *out)
{
	struct model_vcpu *vcpu = out;

	vcpu->features = 0;
	return fields_bits(fields, json, vcpu_feature, ARRAY_SIZE(vcpu_feature), &vcpu->features);
}

static const struct field vcpu_fields[] = {
	{ "mpidr", FIELD_U64, .offset = offsetof(struct model_vcpu, mpidr), .max = 0xff00ffffffu },
	{ "vcpu_id", FIELD_U32, .offset = offsetof(struct model_vcpu, vcpu_id), .max = 0xffff },
	{ "on", FIELD_BOOL, .offset = offsetof(struct model_vcpu, on) },
	{ "features", FIELD_OWN, .read = read_vcpu_features },
	FIELD_END,
};

static int read_vcpus(struct fields *fields, const json_t *json, void *out)
{
	struct model_description *description = out;
	const size_t n = json_array_size(json);
	int ret = 0;

	if (!json_is_array(json) || n == 0 || n > KVMCORE_MAX_VCPUS)
		return fields_refuse(fields, "a list of 1 to 512 vCPUs", json);
	for (size_t i = 0; ret == 0 && i < n; i++) {
		struct model_vcpu *vcpu = &description->vcpu[i];

		*vcpu = (struct model_vcpu){
			.vcpu_id = (uint32_t)i,
			.mpidr = UINT64_MAX,
			.on = true,
			.features = 1u << KVM_ARM_VCPU_PSCI_0_2,
		};
		ret = fields_item(fields, json, i, vcpu_fields, vcpu);
		/* The affinity KVM derives from a vcpu_id (arch/arm64/kvm/sys_regs.c, reset_mpidr). */
		if (vcpu->mpidr == UINT64_MAX)
			vcpu->mpidr = (vcpu->vcpu_id & 15) |
				      (uint64_t)(vcpu->vcpu_id >> 4 & 255) << 8 |
				      (uint64_t)(vcpu->vcpu_id >> 12 & 255) << 16;
		if (ret == 0 && vcpu->mpidr & ~MPIDR_AFFINITY)
			ret = fields_refuse_item(fields, i, "an MPIDR of affinity bits alone",
						 json_array_get(json, i));
		if (!vcpu->on)
			vcpu->features |= 1u << KVM_ARM_VCPU_POWER_OFF;
	}
	description->n_vcpus = (unsigned int)n;
	return ret;
}

static const struct field memory_fields[] = {
	{ "base", FIELD_U64, .offset = offsetof(struct model_memory, base), .required = true },
	{ "size", FIELD_U64, .offset = offsetof(struct model_memory, size), .required = true,
	  .max = MODEL_MAX_MEMORY_SIZE },
	FIELD_END,
};

static bool overlaps(const struct model_memory *a, const struct model_memory *b)
{
	return a->base < b->base + b->size && b->base < a->base + a->size;
}

static int check_memory(struct fields *fields, const json_t *json,
			const struct model_description *description, size_t i)
{
	const struct model_memory *memory = &description->memory[i];

	if (memory->size == 0 || memory->base % PAGE || memory->size % PAGE ||
	    memory->base + memory->size < memory->base)
		return fields_refuse_item(fields, i, "whole pages of 4096 bytes", json);
	for (size_t k = 0; k < i; k++)
		if (overlaps(memory, &description->memory[k]))
			return fields_refuse_item(fields, i, "regions that do not overlap", json);
	return 0;
}

static int read_memory(struct fields *fields, const json_t *json, void *out)
{
	struct model_description *description = out;
	const size_t n = json_array_size(json);
	uint64_t total = 0;

	if (!json_is_array(json) || n > MODEL_MAX_MEMORY)
		return fields_refuse(fields, "a list of at most 16 regions", json);
	for (size_t i = 0; i < n; i++) {
		int ret = fields_item(fields, json, i, memory_fields, &description->memory[i]);

		if (ret == 0)
			ret = check_memory(fields, json_array_get(json, i), description, i);
		if (ret)
			return ret;
		total += description->memory[i].size;
	}
	if (total > MODEL_MAX_MEMORY_SIZE)
		return fields_refuse(fields, "at most 256 MiB in all", NULL);
	description->n_memory = (unsigned int)n;
	return 0;
}

struct exposed {
	uint64_t num;
	uint32_t type, priority, signaled;
};

static const struct field exposed_fields[] = {
	{ "num", FIELD_U64, .offset = offsetof(struct exposed, num), .required = true },
	{ "type", FIELD_WORD, .offset = offsetof(struct exposed, type), .words = "private|shared" },
	{ "priority", FIELD_WORD, .offset = offsetof(struct exposed, priority),
	  .words = "normal|critical" },
	{ "signaled", FIELD_U32, .offset = offsetof(struct exposed, signaled), .max = 255 },
	FIELD_END,
};

static int read_exposed(struct fields *fields, const json_t *json, void *out)
{
	struct model_description *description = out;
	const size_t n = json_array_size(json);

	if (!json_is_array(json) || n > KVM_SDEI_MAX_EVENTS)
		return fields_refuse(fields, "a list of at most 128 events", json);
	for (size_t i = 0; i < n; i++) {
		struct exposed exposed = { .signaled = 1 };
		const int ret = fields_item(fields, json, i, exposed_fields, &exposed);

		if (ret)
			return ret;
		description->exposed[i] = (struct kvm_sdei_exposed_event_state){
			.num = exposed.num,
			.type = (uint8_t)exposed.type,
			.priority = (uint8_t)exposed.priority,
			.signaled = (uint8_t)exposed.signaled,
		};
	}
	description->n_exposed = (unsigned int)n;
	return 0;
}

struct slots {
	uint32_t private, shared;
};

static const struct field slot_fields[] = {
	{ "private", FIELD_U32, .offset = offsetof(struct slots, private), .max = 64 },
	{ "shared", FIELD_U32, .offset = offsetof(struct slots, shared), .max = 64 },
	FIELD_END,
};

static int read_slots(struct fields *fields, const json_t *json, void *out)
{
	struct model_description *description = out;
	struct slots slots = { 3, 3 };
	const int ret = fields_read(fields, json, slot_fields, &slots);

	description->config.slots_given = true;
	description->config.private_slots = (uint16_t)slots.private;
	description->config.shared_slots = (uint16_t)slots.shared;
	return ret;
}

struct answer {
	uint64_t base, count;
};

static const struct field answer_fields[] = {
	{ "base", FIELD_U64, .required = true, .offset = offsetof(struct answer, base),
	  .max = UINT32_MAX },
	{ "count", FIELD_U64, .required = true, .offset = offsetof(struct answer, count), .min = 1,
	  .max = UINT32_MAX },
	FIELD_END,
};

/* Which forwarded calls the VMM at this host would answer: a destination has to name them. */
static int read_answers(struct fields *fields, const json_t *json, void *out)
{
	struct model_description *description = out;
	const size_t n = json_array_size(json);
	uint64_t next = 0;

	if (!json_is_array(json) || n > MODEL_MAX_ANSWERS)
		return fields_refuse(fields, "a list of at most 64 ranges", json);
	for (size_t i = 0; i < n; i++) {
		struct answer answer = { 0 };
		int ret = fields_item(fields, json, i, answer_fields, &answer);

		if (ret)
			return ret;
		if (answer.base < next || answer.base + answer.count - 1 > UINT32_MAX)
			return fields_refuse(fields, "ascending ranges of 32-bit numbers",
					     json_array_get(json, i));
		next = answer.base + answer.count;
		description->answers[i] = (struct kvmcore_call_range){
			.first = (uint32_t)answer.base,
			.last = (uint32_t)(next - 1),
		};
	}
	description->n_answers = (unsigned int)n;
	return 0;
}

static const struct field level_fields[] = {
	{ "workaround_1", FIELD_U8, .offset = offsetof(struct kvmcore_host, workaround_1),
	  .max = 2 },
	{ "workaround_2", FIELD_U8, .offset = offsetof(struct kvmcore_host, workaround_2),
	  .max = 3 },
	{ "workaround_3", FIELD_U8, .offset = offsetof(struct kvmcore_host, workaround_3),
	  .max = 2 },
	{ "ssbs", FIELD_BOOL, .offset = offsetof(struct kvmcore_host, ssbs) },
	{ "page_size", FIELD_U32, .offset = offsetof(struct kvmcore_host, page_size),
	  .max = 65536 },
	{ "rmm_features", FIELD_U64, .offset = offsetof(struct kvmcore_host, rmm_features) },
	FIELD_END,
};

static int read_levels(struct fields *fields, const json_t *json, void *out)
{
	struct model_description *description = out;

	description->config.host.levels_given = json_object_get(json, "workaround_1") ||
						json_object_get(json, "workaround_2") ||
						json_object_get(json, "workaround_3");
	return fields_read(fields, json, level_fields, &description->config.host);
}

static const char *const s390_host[] = { "no-cmma", "no-ap", "huge-pages", "ucontrol",
					 "protected" };
#define S390_MAX_FACILITY 16383u

static int read_s390_host(struct fields *fields, const json_t *json, void *out)
{
	struct model_description *description = out;

	return fields_bits(fields, json, s390_host, ARRAY_SIZE(s390_host),
			   &description->config.host.s390_lacks);
}

/* Facility 0 is the most significant bit of the first word. */
static int read_s390_facilities(struct fields *fields, const json_t *json, void *out)
{
	struct model_description *description = out;
	const json_t *item;
	size_t i;

	if (!json_is_array(json))
		return fields_refuse(fields, "a list of facility numbers", json);
	json_array_foreach(json, i, item)
	{
		const json_int_t number = json_is_integer(item) ? json_integer_value(item) : -1;

		if (number < 0 || number > S390_MAX_FACILITY)
			return fields_refuse(fields, "facility numbers, 0 to 16383", item);
		description->s390_facilities[number / 64] |= 1ULL << (63 - number % 64);
	}
	description->config.host.s390_facilities = description->s390_facilities;
	return 0;
}

static const struct field s390_fields[] = {
	{ "strict_document", FIELD_BOOL,
	  .offset = offsetof(struct model_description, config.s390_strict_document) },
	{ "host", FIELD_OWN, .read = read_s390_host },
	{ "facilities", FIELD_OWN, .read = read_s390_facilities },
	FIELD_END,
};

static int read_s390(struct fields *fields, const json_t *json, void *out)
{
	return fields_read(fields, json, s390_fields, out);
}

static int read_script(struct fields *fields, const json_t *json, void *out)
{
	struct model_description *description = out;

	if (!json_is_array(json))
		return fields_refuse(fields, "a list of steps", json);
	description->script = json_deep_copy(json);
	return description->script ? 0 : -ENOMEM;
}

#define CONFIG(member) offsetof(struct model_description, config.member)

static const struct field description_fields[] = {
	{ "uuid", FIELD_OWN, .read = read_uuid },
	{ "generation", FIELD_U64, .offset = CONFIG(generation) },
	{ "profile", FIELD_WORD, .offset = CONFIG(profile), .words = "spec|kvm-v5|kvm-v7" },
	{ "kernel", FIELD_OWN, .read = read_kernel },
	{ "type", FIELD_WORD, .offset = CONFIG(type), .words = "arm64|realm|s390" },
	{ "ipa_bits", FIELD_U32, .offset = CONFIG(ipa_bits), .min = 32, .max = 52 },
	{ "vcpus", FIELD_OWN, .required = true, .read = read_vcpus },
	{ "memory", FIELD_OWN, .read = read_memory },
	{ "exposed", FIELD_OWN, .read = read_exposed },
	{ "spi", FIELD_U32, .offset = CONFIG(n_spi), .min = 1, .max = 988 },
	{ "ppi", FIELD_U32, .offset = CONFIG(n_ppi), .min = 1, .max = 16 },
	{ "bind_slots", FIELD_OWN, .read = read_slots },
	{ "guard", FIELD_WORD, .offset = CONFIG(guard), .words = "S|A1|A2|U|off" },
	{ "answers", FIELD_OWN, .read = read_answers },
	{ "host_levels", FIELD_OWN, .read = read_levels },
	{ "s390", FIELD_OWN, .read = read_s390 },
	{ "pe_features", FIELD_OWN, .read = read_pe_features },
	{ "dialects", FIELD_OWN, .read = read_dialects },
	{ "script", FIELD_OWN, .read = read_script },
	FIELD_END,
};

int description_parse(const json_t *json, const char *name, struct model_description **description,
		      struct failure *failure)
{
	struct fields fields = { .object = name, .failure = failure };
	struct model_description *made = calloc(1, sizeof(*made));
	int ret;

	if (!made)
		return failure_set(failure, SDEISTATE_NO_MEMORY, -ENOMEM, name, NULL, NULL, NULL);
	made->memory[0] = default_memory;
	made->n_memory = 1;
	ret = fields_read(&fields, json, description_fields, made);
	if (ret)
		made = description_free(made);
	else
		*description = made;
	return ret;
}

int description_read(const char *path, struct model_description **description,
		     struct failure *failure)
{
	OWNED_MEMORY uint8_t *data = NULL;
	OWNED_JSON json_t *json = NULL;
	json_error_t error;
	char place[64];
	size_t len;
	int ret;

	ret = file_read(path, MODEL_MAX_FILE, &data, &len, failure);
	if (ret)
		return ret;
	json = json_loadb((const char *)data, len, JSON_REJECT_DUPLICATES, &error);
	if (json)
		return description_parse(json, path, description, failure);
	snprintf(place, sizeof(place), "line %d", error.line);
	return failure_set(failure, SDEISTATE_USAGE, -EINVAL, path, place, "JSON", error.text);
}

struct model_description *description_free(struct model_description *description)
{
	if (description) {
		json_decref(description->script);
		free(description->platform_pem);
		free(description);
	}
	return NULL;
}
