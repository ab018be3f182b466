/* SPDX-License-Identifier: Apache-2.0 */
/*
 * token_file.h - tokens from files, and as JSON with the names ccatoken uses
 */
#ifndef REALM_MEASURE_TOKEN_FILE_H
#define REALM_MEASURE_TOKEN_FILE_H

#include "common/failure.h"

#include <jansson.h>
#include <kvmcore/token.h>

/** token_file_load() - parse the token in @path. Return: 0, *@token owned; -errno with @failure */
int token_file_load(const char *path, struct kvmcore_token **token, struct failure *failure);

/** token_file_parse() - the same for bytes. @path is for messages */
int token_file_parse(const char *path, const uint8_t *data, size_t len,
		     struct kvmcore_token **token, struct failure *failure);

/** token_json() - all claims. Return: owned; NULL without memory */
json_t *token_json(const struct kvmcore_token *token);

static inline void token_cleanup_function(struct kvmcore_token **token)
{
	kvmcore_token_destroy(*token);
}

#define token_cleanup __attribute__((cleanup(token_cleanup_function)))

#endif
