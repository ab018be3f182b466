// SPDX-License-Identifier: Apache-2.0
/* The door of JSON that a person wrote: refused by name, or a state whose form reads the same again. */
#include "form_json.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A state that was read is validated, so that its form must be readable too. */
static void go_round(const struct sdeistate *state, const struct sdeistate_buffer *stream)
{
	const struct sealed_records records = { .data = stream->data, .len = stream->len };
	struct sdeistate_buffer twice = { NULL, 0 };
	struct sdeistate *again = NULL;
	struct failure failure;
	json_t *form = form_json(state, &records);

	if (!form || form_json_read("again", form, &again, &twice, &failure) ||
	    twice.len != stream->len || memcmp(twice.data, stream->data, twice.len) != 0)
		abort();
	sdeistate_free(again);
	sdeistate_buffer_free(&twice);
	json_decref(form);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sdeistate_buffer stream = { NULL, 0 };
	struct sdeistate *state = NULL;
	struct failure failure = { .reason = SDEISTATE_OK };
	json_t *form;

	if (size > 1u << 18)
		return 0;
	form = json_loadb((const char *)data, size, JSON_REJECT_DUPLICATES, NULL);
	if (!form)
		return 0;
	if (form_json_read("form", form, &state, &stream, &failure) == 0)
		go_round(state, &stream);
	else if (state || stream.data || failure.reason == SDEISTATE_OK)
		abort();
	sdeistate_free(state);
	sdeistate_buffer_free(&stream);
	json_decref(form);
	return 0;
}
