// SPDX-License-Identifier: Apache-2.0
/*
 * What it takes the command to verify many small snapshots, beside as many bare Ed25519 verifications in a
 * process of their own. The two take turns, so that a busy machine slows both.
 *
 *	bench_verify_many SDEI-MIGRATE
 */
#include "bench.h"
#include "states.h"

#include <errno.h>
#include <fcntl.h>
#include <kvmcore/kvmcore.h>
#include <sdeistate/sdeistate.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define FILES 1000u
#define RUNS  9u
#define GOAL  (1 / 0.8) /* time for a file over time for a verification */

static char directory[] = "/tmp/sdei-bench-verify.XXXXXX";
static char names[FILES][16];
static char *words[FILES + 6];

static void die(const char *what)
{
	fprintf(stderr, "bench_verify_many: %s: %s\n", what, strerror(errno));
	exit(1);
}

static struct sdeistate_buffer small_state(void)
{
	const struct bench_state *reference = &bench_states[0];
	const struct kvmcore_config config = { .profile = KVMCORE_PROFILE_SPEC };
	struct sdeistate_buffer stream = { 0 };
	struct sdeistate *state = NULL;
	struct kvmcore_vm *vm = NULL;
	struct kvm_port port;

	if (kvmcore_vm_create(&config, &vm, NULL))
		die("model VM");
	for (unsigned int i = 0; i < reference->n_vcpus; i++)
		kvmcore_vcpu_create(vm, bench_vcpu_id(i), bench_vcpu_mpidr(i));
	kvmcore_port(vm, &port);
	if (bench_state_fill(reference, &port) || sdeistate_capture(&port, NULL, &state, NULL) ||
	    sdeistate_encode(state, &stream, NULL))
		die("state");
	sdeistate_free(state);
	kvmcore_vm_destroy(vm);
	return stream;
}

static void make_files(void)
{
	struct sdeistate_buffer stream = small_state(), file = { 0 };
	struct sdeistate_key *key = NULL;
	const struct sdeistate_key *signer;

	if (sdeistate_key_generate(SDEISTATE_KEY_ED25519, &key, NULL) ||
	    sdeistate_key_save(key, "k", "bench", 1, NULL))
		die("key");
	signer = key;
	for (unsigned int i = 0; i < FILES; i++) {
		const struct sdeistate_seal_request request = { .kind = SDEISTATE_KIND_FINAL,
								.vm_uuid = { 1 },
								.sequence = i,
								.any_destination = true,
								.profile = "spec",
								.stream = stream.data,
								.stream_len = stream.len,
								.signer = &signer,
								.n_signers = 1 };
		int fd;

		snprintf(names[i], sizeof(names[i]), "%u", i);
		fd = open(names[i], O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
		if (sdeistate_seal(&request, &file, NULL) || fd < 0 ||
		    write(fd, file.data, file.len) != (ssize_t)file.len)
			die("file");
		close(fd);
		sdeistate_buffer_free(&file);
	}
	sdeistate_buffer_free(&stream);
	sdeistate_key_free(key);
}

static double now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

static double ns_of(struct timeval time)
{
	return (double)time.tv_sec * 1e9 + (double)time.tv_usec * 1e3;
}

static int bare(void)
{
	return bench_ed25519_verify_times(FILES);
}

static int command(void)
{
	execvp(words[0], words);
	return 127;
}

/* A process of its own, for either: both per file. */
static void run_process(int (*what)(void), double *wall, double *cpu)
{
	const double began = now_ns();
	struct rusage used;
	int status = 0;
	pid_t pid = fork();

	if (pid < 0)
		die("fork");
	if (pid == 0)
		_exit(what());
	if (wait4(pid, &status, 0, &used) != pid || status)
		die("verify");
	*wall = (now_ns() - began) / FILES;
	*cpu = (ns_of(used.ru_utime) + ns_of(used.ru_stime)) / FILES;
}

static void clean_up(void)
{
	for (unsigned int i = 0; i < FILES; i++)
		unlink(names[i]);
	unlink("k.key");
	unlink("k.pub");
	unlink("k.crt");
	rmdir(directory);
}

int main(int argc, char **argv)
{
	double wall[RUNS], cpu[RUNS], bare_wall[RUNS], bare_cpu[RUNS], ratio[RUNS];
	char program[4096];

	if (argc != 2 || !realpath(argv[1], program)) {
		fprintf(stderr, "usage: bench_verify_many SDEI-MIGRATE\n");
		return 2;
	}
	if (!mkdtemp(directory) || chdir(directory))
		die(directory);
	make_files();
	words[0] = program;
	words[1] = "verify";
	words[2] = "-q";
	words[3] = "--trust";
	words[4] = "k.pub";
	for (unsigned int i = 0; i < FILES; i++)
		words[5 + i] = names[i];
	for (unsigned int i = 0; i < RUNS; i++) {
		run_process(bare, &bare_wall[i], &bare_cpu[i]);
		run_process(command, &wall[i], &cpu[i]);
		ratio[i] = wall[i] / bare_wall[i];
	}
	bench_title("verify, 1000 small snapshots, for each");
	bench_row("elapsed, all processors", bench_summary(wall, RUNS),
		  "Ed25519 verify, one thread", bench_summary(bare_wall, RUNS).p50);
	bench_row("of the CPU", bench_summary(cpu, RUNS), "Ed25519 verify",
		  bench_summary(bare_cpu, RUNS).p50);
	bench_goal("time for a file over time for an Ed25519 verification",
		   bench_summary(ratio, RUNS).p50, GOAL);
	clean_up();
	return 0;
}
