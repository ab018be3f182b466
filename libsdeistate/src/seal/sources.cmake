# SPDX-License-Identifier: Apache-2.0
set(SDEISTATE_SEAL_SOURCES
	src/seal/certificate.c
	src/seal/cosign.c
	src/seal/decode_manifest.c
	src/seal/encode_manifest.c
	src/seal/envelope.c
	src/seal/file.c
	src/seal/frame_header.c
	src/seal/frame_plain.c
	src/seal/frame_read.c
	src/seal/frame_write.c
	src/seal/key.c
	src/seal/key_load.c
	src/seal/key_save.c
	src/seal/key_token.c
	src/seal/layout.c
	src/seal/manifest.c
	src/seal/open.c
	src/seal/rotation.c
	src/seal/schema.c
	src/seal/seal.c
	src/seal/sign.c
	src/seal/signers.c
	src/seal/source.c
	src/seal/spool.c
	src/seal/sshsig.c
	src/seal/trust.c
	src/seal/trust_limits.c
	src/seal/trust_list.c
	src/seal/workspace.c
	src/seal/write_file.c)

# A file names the schema its records were written with: the digest of the schema's text.
set(schema "${PROJECT_SOURCE_DIR}/proto/sdeistate.proto")
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS "${schema}")
file(SHA256 "${schema}" SCHEMA_BYTES)
string(SUBSTRING "${SCHEMA_BYTES}" 0 32 SCHEMA_BYTES)
string(REGEX REPLACE "(..)" "0x\\1, " SCHEMA_BYTES "${SCHEMA_BYTES}")
configure_file("${CMAKE_CURRENT_LIST_DIR}/schema_id.h.in"
	"${CMAKE_CURRENT_BINARY_DIR}/generated/schema_id.h" @ONLY)
set_source_files_properties(src/seal/schema.c PROPERTIES
	INCLUDE_DIRECTORIES "${CMAKE_CURRENT_BINARY_DIR}/generated")
