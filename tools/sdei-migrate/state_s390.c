// SPDX-License-Identifier: Apache-2.0
/* Record s390 as JSON (docs/show.md). */
#include "state_json.h"

#include "common/cleanup.h"
#include "common/number.h"

/* The numbers of the bits that are set; number 0 is the most significant of the first word. */
static json_t *bits_json(const __u64 *word, unsigned int n_words)
{
	json_t *list = json_array();

	for (unsigned int i = 0; i < 64 * n_words; i++)
		if (word[i / 64] >> (63 - i % 64) & 1)
			json_array_append_new(list, json_integer(i));
	return list;
}

json_t *state_s390_json(const struct sdeistate *state)
{
	const struct sdeistate_s390 *s = state->s390;
	json_t *clock = json_null();

	if (!s)
		return clock;
	if (s->parts & SDEISTATE_S390_TOD)
		clock = json_pack("{s:i, s:o}", "epoch_index", (int)s->epoch_idx, "tod",
				  number_json(s->tod));
	return json_pack("{s:o, s:i, s:o, s:o, s:o, s:o, s:b, s:b, s:b, s:b, s:b, s:b}", "cpuid",
			 number_json(s->processor.cpuid), "ibc", (int)s->processor.ibc,
			 "facilities",
			 bits_json(s->processor.fac_list, ARRAY_SIZE(s->processor.fac_list)),
			 "features", bits_json(s->feat.feat, ARRAY_SIZE(s->feat.feat)),
			 "uv_features", number_json(s->uv_feat), "clock", clock, "cmma",
			 s->flags & KVMCORE_S390_INFO_CMMA, "aes_key_wrapping",
			 s->flags & KVMCORE_S390_INFO_AES_KW, "dea_key_wrapping",
			 s->flags & KVMCORE_S390_INFO_DEA_KW, "ap_interpretation",
			 s->flags & KVMCORE_S390_INFO_APIE, "protected",
			 s->flags & KVMCORE_S390_INFO_PROTECTED, "topology_changed",
			 s->topology_changed);
}
