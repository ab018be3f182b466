# SPDX-License-Identifier: Apache-2.0
# Realm measurements and attestation tokens; paths are relative to libkvmcore/.
set(KVMCORE_MEASURE_SOURCES
	src/error_fill.c
	src/measure/builder.c
	src/measure/hash.c
	src/measure/image.c
	src/measure/limits.c
	src/measure/rim.c
	src/measure/ripas.c
	src/measure/rtt.c
	src/token/build.c
	src/token/claims.c
	src/token/cose.c
	src/token/key.c
	src/token/token.c
	src/token/tree.c
	src/token/verify.c
	src/token/writer.c)
