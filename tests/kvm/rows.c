// SPDX-License-Identifier: Apache-2.0
/*
 * kvm_rows - play rows (JSON lines) against a machine, and print what is seen, one line per row
 *
 * Linked with libkvmcore it asks the model; linked with the kernel's machine it asks /dev/kvm, and as
 * the first process of an emulated host it also mounts what it needs and switches the host off.
 */
#include "programs.h"
#include "steps.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <unistd.h>

#define MARK     "@J:" /* the console also carries the kernel's own lines */
#define ROWS     "/rows.jsonl"
#define PROGRAMS "/programs"
#define ALONE    "/alone" /* programs that use /dev/kvm themselves */

static void print(json_t *value)
{
	char *line = json_dumps(value, JSON_COMPACT | JSON_SORT_KEYS);

	printf(MARK "%s\n", line ? line : "null");
	fflush(stdout);
	free(line);
	json_decref(value);
}

static void play_file(const struct machine_host *host, const char *path)
{
	struct scene scene = { .host = host };
	FILE *file = fopen(path, "r");
	char *line = NULL;
	size_t room = 0;

	if (!file) {
		perror(path);
		return;
	}
	while (getline(&line, &room, file) > 0) {
		json_t *row = json_loads(line, 0, NULL);

		print(row ? steps_row(&scene, row) : json_string("not a row"));
		json_decref(row);
	}
	steps_end(&scene);
	free(line);
	fclose(file);
}

/* "KERNEL W1,W2,W3,SSBS": the model's host, as the kernel's rows have found it. */
static int read_host(const char *kernel, const char *levels, struct machine_host *host)
{
	unsigned int level[3], ssbs;

	if (sscanf(levels, "%u,%u,%u,%u", &level[0], &level[1], &level[2], &ssbs) != 4)
		return -1;
	host->kernel = kernel;
	for (unsigned int i = 0; i < 3; i++)
		host->workaround_level[i] = (uint8_t)level[i];
	host->ssbs = ssbs;
	return 0;
}

static void be_first_process(void)
{
	int console;

	mkdir("/dev", 0755);
	mkdir("/proc", 0755);
	mkdir("/tmp", 01777);
	mount("proc", "/proc", "proc", 0, NULL);
	mount("devtmpfs", "/dev", "devtmpfs", 0, NULL);
	console = open("/dev/console", O_RDWR);
	for (int fd = 0; console >= 0 && fd < 3; fd++)
		dup2(console, fd);
}

static void run_programs(void)
{
	/* the kernel hands its unknown arguments on */
	const char *most = getenv("forward_most"), *seconds = getenv("program_seconds");
	const struct programs how = { .folder = PROGRAMS,
				      .preload = "/lib/forward.so",
				      .most = most ? most : "1000",
				      .seconds = seconds ? (unsigned int)strtoul(seconds, NULL, 0)
							 : 300 };
	const struct programs alone = { .folder = ALONE, .most = how.most, .seconds = how.seconds };

	programs_run(&how, print);
	programs_run(&alone, print);
}

int main(int argc, char **argv)
{
	struct machine_host host = { .kernel = NULL };

	if (getpid() == 1) {
		be_first_process();
		if (access(ROWS, R_OK) == 0)
			play_file(&host, ROWS);
		run_programs();
		puts(MARK "\"end\"");
		fflush(stdout);
		reboot(RB_POWER_OFF);
	}
	if (argc != 4 || read_host(argv[1], argv[2], &host)) {
		fprintf(stderr, "usage: kvm_rows KERNEL W1,W2,W3,SSBS ROWS\n");
		return 2;
	}
	play_file(&host, argv[3]);
	return 0;
}
