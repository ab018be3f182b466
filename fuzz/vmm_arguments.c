// SPDX-License-Identifier: Apache-2.0
/* The argument parser's door: a VMM's command line, its words separated by line ends. */
#include "vmm.h"

#include <stdlib.h>
#include <string.h>

#define MAX_WORDS 64

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void run(const struct vmm_kind *kind, int argc, char **argv)
{
	struct vmm_request request = { 0 };
	steps_cleanup struct steps steps = { 0 };
	struct vmm_report report = { 0 };
	struct failure failure = { 0 };

	for (unsigned int i = 0; i < CAP_NR; i++)
		if (caps_limit(&request.caps, (enum cap)i,
			       i == CAP_IPA_BITS ? 48
			       : i == CAP_SVE_VL ? 512
						 : 1 + (i < 3),
			       "host", &failure))
			abort();
	if (vmm_steps(kind, &request, argc, argv, &steps, &report, &failure) && !failure.reason)
		abort();
	json_decref(report.ignored);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static const char *const names[] = { "qemu", "kvmtool", "cloud-hv" };
	char *words[MAX_WORDS], *text, *rest, *word;
	int n = 0;

	if (!len || len > 65536)
		return 0;
	text = strndup((const char *)data + 1, len - 1);
	rest = text;
	while (text && n < MAX_WORDS && (word = strsep(&rest, "\n")))
		words[n++] = word;
	run(vmm_find(names[data[0] % 3]), n, words);
	free(text);
	return 0;
}
