/* SPDX-License-Identifier: Apache-2.0 */
/*
 * client.h - the commands' way to a VMM's control socket
 */
#ifndef SDEI_MIGRATE_CLIENT_H
#define SDEI_MIGRATE_CLIENT_H

#include "common/tool.h"

#include <transport/control.h>

#define CLIENT_TIMEOUT_MS 30000

/* The option every command that talks to a VMM has. */
#define CLIENT_CONTROL_ROW(type_of_args)                                                      \
	{                                                                                     \
		.name = "--control", .argument = "PATH", .help = "control socket of the VMM", \
		.offset = offsetof(type_of_args, control), .type = OPTION_TEXT,               \
		.names = OPTION_NAMES_FILE, .required = true                                  \
	}

/** client_failure() - what the transport or a VMM said, as a failure. Return: its errno */
int client_failure(struct failure *failure, const struct transport_error *err);

/** client_fail() - report it. Return: exit code */
int client_fail(const struct tool *tool, const struct transport_error *err);

/** client_close() - for owned locals */
void client_close(struct transport_control **control);

/** client_free_buffer() - for owned locals */
void client_free_buffer(struct transport_buffer *buffer);

#define OWNED_CONTROL CLEANUP(client_close)
#define OWNED_BUFFER  CLEANUP(client_free_buffer)

/**
 * client_model() - one model-only verb: takes @request away, *@reply is the caller's
 *
 * Return: 0; a negative errno with @err.
 */
int client_model(struct transport_control *control, json_t *request, json_t **reply,
		 struct transport_error *err);

/** client_ask() - the whole command: send @request, which it takes, print the reply. Return: exit code */
int client_ask(const struct tool *tool, const char *control, json_t *request);

#endif
