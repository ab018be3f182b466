/* SPDX-License-Identifier: Apache-2.0 */
/*
 * programs.h - run the programs of a folder, one after the other, as the first process of a host may
 */
#ifndef TESTS_KVM_PROGRAMS_H
#define TESTS_KVM_PROGRAMS_H

#include <jansson.h>

struct programs {
	const char *folder;
	const char *preload;  /* a library that each is started with, or NULL */
	const char *most;     /* how many calls it may send through a real vCPU */
	unsigned int seconds; /* until one that hangs is ended */
};

/**
 * programs_run() - run each program of @how->folder
 * @print: takes {"name", "seen": {"status", "seconds", "output", "forwarded"}} of each; output is the end
 *         of what a program said that did not exit with 0
 */
void programs_run(const struct programs *how, void (*print)(json_t *told));

#endif
