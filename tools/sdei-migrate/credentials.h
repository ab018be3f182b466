/* SPDX-License-Identifier: Apache-2.0 */
/*
 * credentials.h - who we are to a web server or an object store, from a file or the environment
 *
 * The file is one that the AWS tools write: "name = value" under [PROFILE]. What stands before the first
 * bracket, or under [default], counts where $AWS_PROFILE names no other.
 *
 *	aws_access_key_id, aws_secret_access_key, aws_session_token	for s3:
 *	username, password						for https:, Basic
 *	token								for https:, Bearer
 */
#ifndef SDEI_MIGRATE_CREDENTIALS_H
#define SDEI_MIGRATE_CREDENTIALS_H

#include "common/tool.h"

struct credentials {
	const char *access_key, *secret_key, *session_token;
	const char *user, *password, *token;
	char *text; /* owned; the file those point into; NULL: the environment */
	size_t len;
};

/**
 * credentials_load() - those of @path, else of the environment, else of $AWS_SHARED_CREDENTIALS_FILE; else none
 *
 * Return: 0; -EACCES "key-permissions" for a file that others can read; -EINVAL "usage" for one that is none;
 * -errno with @failure.
 */
int credentials_load(const char *path, struct credentials *credentials, struct failure *failure);

/** credentials_release() - wipe; for owned locals */
void credentials_release(struct credentials *credentials);
#define OWNED_CREDENTIALS CLEANUP(credentials_release)

#endif
