// SPDX-License-Identifier: Apache-2.0
/* The door of a model VM's description: any bytes as JSON, and what was understood as a VM and its script. */
#include "model/model.h"

#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Steps that name addresses of this process are as dangerous as ioctl(2): a script may do that, a fuzzer not. */
static bool is_harmless(const struct model_description *description)
{
	const json_t *step;
	size_t i;

	json_array_foreach(description->script, i, step)
	{
		const char *verb = json_string_value(json_object_get(step, "do"));

		if (verb && (strcmp(verb, "ioctl") == 0 || strcmp(verb, "attr") == 0))
			return false;
	}
	return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct model_description *description;
	json_error_t error;
	json_t *json = json_loadb((const char *)data, size, JSON_REJECT_DUPLICATES, &error);
	struct transport_error err;
	struct failure failure;
	struct model *model;

	if (!json)
		return 0;
	if (description_parse(json, "fuzz", &description, &failure) == 0) {
		const bool harmless = is_harmless(description);

		if (model_new(description, &model, &err) == 0) {
			if (harmless)
				model_script(model, &err);
			model_free(model);
		}
	}
	json_decref(json);
	return 0;
}
