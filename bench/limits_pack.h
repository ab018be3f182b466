/* SPDX-License-Identifier: Apache-2.0 */
/*
 * limits_pack.h - the one limit that needs the schema
 */
#ifndef BENCH_LIMITS_PACK_H
#define BENCH_LIMITS_PACK_H

#include <stddef.h>

/** bench_pack() - protobuf-c packing @bytes as one array of fixed64, warm; nanoseconds, p50 */
double bench_pack(size_t bytes);

#endif
