/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cancel.h - Ctrl-C, SIGTERM and SIGHUP, the same in every command that moves a VM
 *
 *	at will	 nothing has to be undone: the command says that it was cancelled, and ends (exit code 7)
 *	held	 the command is told, undoes what it began, and says so
 *	late	 nothing can be undone any more: it goes on to its end
 *
 * A second signal in the latter two ends the process as the system does; resolve cleans up after that.
 * A thread waits for the signals, so that no call is interrupted and no handler runs.
 */
#ifndef SDEI_MIGRATE_CANCEL_H
#define SDEI_MIGRATE_CANCEL_H

#include "common/tool.h"

#include <pthread.h>
#include <signal.h>
#include <transport/error.h>

/* Whose VM stands at the control socket, for what is said. */
enum cancel_side { CANCEL_SOURCE, CANCEL_DESTINATION };

struct cancel {
	const struct tool *tool;
	const char *control;
	enum cancel_side side;
	pthread_t thread;
	pthread_mutex_t lock; /* of at_will */
	bool at_will;
	_Atomic bool asked;
	bool open;
	int signal_fd, stop_fd;
	int fd; /* readable once somebody asked: what struct transport_stream_options wants */
};

/** cancel_signals() - which signals mean it */
sigset_t cancel_signals(void);

/** cancel_die() - end as the system ends a process that does not care for signal @number */
void cancel_die(int number);

/**
 * cancel_open() - from now on at will; before the first other thread
 * @cancel: zeroed; must not move until cancel_close()
 * @control: whose VM it is about; NULL: none
 *
 * Return: 0; -errno with @failure.
 */
int cancel_open(struct cancel *cancel, const struct tool *tool, const char *control,
		enum cancel_side side, struct failure *failure);

/** cancel_hold() - from now on held, or late: nobody ends the process but its command */
void cancel_hold(struct cancel *cancel);

/** cancel_asked() - did somebody ask for it? Return: 0; -ECANCELED "cancelled" */
int cancel_asked(const struct cancel *cancel, struct transport_error *err);

/** cancel_close() - for owned locals, too; the signals stay blocked for what is left of the process */
void cancel_close(struct cancel *cancel);

#define OWNED_CANCEL CLEANUP(cancel_close)

#endif
