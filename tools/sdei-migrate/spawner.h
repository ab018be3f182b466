/* SPDX-License-Identifier: Apache-2.0 */
/*
 * spawner.h - recv --spawn: a VMM of its own for each VM that comes
 *
 * A helper process, made before the first thread and before recv gives up what it may do, starts, watches
 * and ends the VMMs; it can start nothing but the one command. docs/service.md.
 */
#ifndef SDEI_MIGRATE_SPAWNER_H
#define SDEI_MIGRATE_SPAWNER_H

#include "common/tool.h"

#include <sys/types.h>
#include <transport/control.h>

#define SPAWN_MAX_WORDS 64u
#define SPAWN_MAX_VMMS  1024u
#define SPAWN_PATH_SIZE 108u /* of a unix socket */

struct spawner;

/* Which VMM is to be started, and for whom. */
struct spawn_request {
	struct transport_id session, vm;
	char control[SPAWN_PATH_SIZE]; /* where it shall listen */
};

/**
 * spawn_split() - a command line into words, without a shell
 * @text: is cut up
 * @word: gets at most SPAWN_MAX_WORDS and a NULL
 *
 * Blanks part words; '…' keeps all in it, "…" all but \" and \\, and \ keeps the character behind it.
 * Return: 0; -EINVAL usage: no word, an open quote, or too many.
 */
int spawn_split(char *text, char *word[SPAWN_MAX_WORDS + 1], struct failure *failure);

/**
 * spawner_open() - start the helper; before the first thread
 * @state: --state; the sockets stand in its folder vms
 *
 * Return: 0; -errno with @failure.
 */
int spawner_open(const char *command, const char *state, struct spawner **spawner,
		 struct failure *failure);

/** spawner_folder() - where the sockets stand, UUID.sock each: what --vms is elsewhere. Borrowed */
const char *spawner_folder(const struct spawner *spawner);

/** spawner_close() - the helper ends, what it started goes on. Return: NULL */
struct spawner *spawner_close(struct spawner *spawner);

/**
 * spawner_start() - start a VMM
 * @pid: of the VMM
 *
 * Return: 0; -EBUSY busy: one that was started for this VM lives; -E2BIG over-limit; -errno io: the command
 * cannot be run; -EPIPE io: the helper is gone.
 */
int spawner_start(struct spawner *spawner, const struct spawn_request *request, pid_t *pid,
		  struct transport_error *err);

/**
 * spawner_share() - have a say in what becomes of the VMM that was started for a VM and answers
 * @pid: of the VMM; 0: it was not started here
 *
 * It ends when all its sessions have asked for that, and none has asked to keep it.
 * Return: 0; -EBUSY busy: it was told to end; -EPIPE: the helper is gone.
 */
int spawner_share(struct spawner *spawner, const struct spawn_request *request, pid_t *pid,
		  struct transport_error *err);

/** spawner_look() - has this VMM ended? Then @err says how. Return: 0: it lives; -ECHILD with @err */
int spawner_look(struct spawner *spawner, pid_t pid, struct transport_error *err);

/** spawner_end() - where no other session has it: its socket is removed, SIGTERM, and a second later SIGKILL. Does not wait */
void spawner_end(struct spawner *spawner, pid_t pid);

/** spawner_keep() - it runs a VM now, or may: from here on its life is nobody's concern here */
void spawner_keep(struct spawner *spawner, pid_t pid);

#endif
