// SPDX-License-Identifier: Apache-2.0
#include "limits_pack.h"

#include "bench.h"

#include <protobuf-c/protobuf-c.h>
#include <sdeistate.pb-c.h>
#include <stdlib.h>
#include <string.h>

#define SAMPLES  200u
#define OVERHEAD 64u /* tags and lengths around the array */

struct packing {
	Sdeistate__Column column;
	uint8_t *packed;
};

static int pack(void *ctx)
{
	struct packing *p = ctx;
	size_t size = protobuf_c_message_get_packed_size(&p->column.base);

	return protobuf_c_message_pack(&p->column.base, p->packed) == size ? 0 : -1;
}

double bench_pack(size_t bytes)
{
	struct packing p = { .column = SDEISTATE__COLUMN__INIT };
	double ns = 0;

	p.column.n_value = bytes / sizeof(uint64_t);
	p.column.value = malloc(bytes);
	p.packed = malloc(bytes + OVERHEAD);
	if (p.column.value && p.packed) {
		memset(p.column.value, 0x5a, bytes);
		memset(p.packed, 0, bytes + OVERHEAD);
		ns = bench_time(pack, &p, SAMPLES, bytes < 65536 ? 50 : 2).p50;
	}
	free(p.column.value);
	free(p.packed);
	return ns;
}
