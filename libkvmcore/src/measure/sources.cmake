# SPDX-License-Identifier: Apache-2.0
# Realm measurements and attestation tokens; paths are relative to libkvmcore/.
set(KVMCORE_MEASURE_SOURCES
	src/error_fill.c)
