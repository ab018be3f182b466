# SPDX-License-Identifier: Apache-2.0
set(SDEISTATE_SEAL_SOURCES
	src/seal/certificate.c
	src/seal/file.c
	src/seal/key.c
	src/seal/key_load.c
	src/seal/key_save.c
	src/seal/sign.c
	src/seal/trust.c
	src/seal/write_file.c)
