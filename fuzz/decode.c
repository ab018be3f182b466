// SPDX-License-Identifier: Apache-2.0
/*
 * Any bytes as an encoded state. What is taken says the same after another round, and whatever it says
 * can be asked about: validation, comparison, conversion.
 */
#include <sdeistate/sdeistate.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int count(void *user, const struct sdeistate_change *change)
{
	(void)change;
	++*(unsigned int *)user;
	return 0;
}

/* The stream of @state as another state. */
static struct sdeistate *send(const struct sdeistate *state)
{
	struct sdeistate_buffer stream = { .len = 0 };
	struct sdeistate *received = NULL;

	if (sdeistate_encode(state, &stream, NULL) ||
	    sdeistate_decode(stream.data, stream.len, &received, NULL))
		abort(); /* what was decoded can be encoded, and decoded again */
	sdeistate_buffer_free(&stream);
	return received;
}

static void convert(const struct sdeistate *state)
{
	for (unsigned int profile = 0; profile < KVMCORE_NR_PROFILES; profile++) {
		struct sdeistate *converted = NULL;

		if (sdeistate_convert(state, (enum kvmcore_profile)profile, SDEISTATE_CONVERT_LOSSY,
				      NULL, NULL, &converted, NULL) == 0 &&
		    sdeistate_validate(converted, NULL))
			abort(); /* what comes out of a conversion is consistent */
		sdeistate_free(converted);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sdeistate *state = NULL, *again;
	unsigned int n_changes = 0;

	if (sdeistate_decode(data, size, &state, NULL))
		return 0;
	again = send(state);
	sdeistate_diff(state, again, count, &n_changes);
	if (n_changes)
		abort();
	convert(state);
	sdeistate_free(again);
	sdeistate_free(state);
	return 0;
}
