// SPDX-License-Identifier: Apache-2.0
#include "programs.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define OUTPUT "/output"
#define REPORT "/report"
#define TAIL   1500L

static void become(const char *path, const struct programs *how)
{
	int out = open(OUTPUT, O_WRONLY | O_CREAT | O_TRUNC, 0644);

	dup2(out, 1);
	dup2(out, 2);
	if (how->preload)
		setenv("LD_PRELOAD", how->preload, 1);
	setenv("SDEI_FORWARD_REPORT", REPORT, 1);
	setenv("SDEI_FORWARD_MOST", how->most, 1);
	alarm(how->seconds); /* a program that hangs is ended by SIGALRM */
	execl(path, path, (char *)NULL);
	perror(path);
	_exit(127);
}

static json_t *tail_of(const char *path)
{
	char text[TAIL + 1] = "";
	FILE *file = fopen(path, "r");
	size_t n = 0;

	if (file) {
		if (fseek(file, -TAIL, SEEK_END))
			rewind(file);
		n = fread(text, 1, TAIL, file);
		fclose(file);
	}
	for (size_t i = 0; i < n; i++)
		if ((unsigned char)text[i] >= 0x80 || !text[i])
			text[i] = '?';
	return json_stringn(text, n);
}

static double now(void)
{
	struct timespec at;

	clock_gettime(CLOCK_MONOTONIC, &at);
	return (double)at.tv_sec + (double)at.tv_nsec / 1e9;
}

static json_t *run_one(const char *name, const struct programs *how)
{
	const double began = now();
	char path[512];
	json_t *told;
	int status = -1;
	pid_t pid;

	snprintf(path, sizeof(path), "%s/%s", how->folder, name);
	unlink(REPORT);
	pid = fork();
	if (pid == 0)
		become(path, how);
	waitpid(pid, &status, 0);
	told = json_load_file(REPORT, 0, NULL);
	return json_pack("{s:o,s:{s:i,s:f,s:o,s:o}}", "name", json_sprintf("program/%s", name),
			 "seen", "status", status, "seconds", now() - began, "output",
			 status ? tail_of(OUTPUT) : json_null(), "forwarded",
			 told ? told : json_null());
}

static int is_program(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

void programs_run(const struct programs *how, void (*print)(json_t *told))
{
	struct dirent **entry;
	int n = scandir(how->folder, &entry, is_program, alphasort);

	for (int i = 0; i < n; i++) {
		print(run_one(entry[i]->d_name, how));
		free(entry[i]);
	}
	if (n >= 0)
		free(entry);
}
