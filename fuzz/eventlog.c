// SPDX-License-Identifier: Apache-2.0
/* The event log's door: what a host left in a realm's memory. */
#include "eventlog.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static const struct option_list no_images;
	steps_cleanup struct steps steps = { 0 };
	struct failure failure = { 0 };
	json_t *events = NULL;

	if (eventlog_steps("log", data, len, &no_images, &steps, &failure) && !failure.reason)
		abort();
	if (!eventlog_json("log", data, len, &events, &failure))
		json_decref(events);
	return 0;
}
