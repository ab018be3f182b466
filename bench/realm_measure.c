// SPDX-License-Identifier: Apache-2.0
/*
 * The RIM of large images, beside `openssl dgst` of the same file in the same run.
 *
 * realm_measure [MIB...]: for each size and hash the rates and their ratio, as one JSON line. The goal
 * is 0.8 of a core's openssl rate on each core; padding and descriptors allow 0.91 (SHA-256) and 0.89.
 */
#include <fcntl.h>
#include <kvmcore/measure.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define IPA 0x80000000u

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Random bytes, so that nothing can be guessed. Return: descriptor; -1 */
static int make_file(const char *path, size_t mib)
{
	uint64_t *chunk = malloc(1u << 20), state = 88172645463325252u;
	int fd = chunk ? open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600) : -1;

	for (size_t i = 0; fd >= 0 && i < mib; i++) {
		for (size_t k = 0; k < (1u << 20) / sizeof(*chunk); k++) {
			state ^= state << 13;
			state ^= state >> 7;
			state ^= state << 17;
			chunk[k] = state;
		}
		if (write(fd, chunk, 1u << 20) != 1 << 20) {
			close(fd);
			fd = -1;
		}
	}
	free(chunk);
	return fd;
}

static double measure(const void *map, size_t size, enum kvmcore_hash hash)
{
	struct kvmcore_realm_params params = {
		.s2sz = 40, .num_bps = 1, .num_wps = 1, .level_start = 1, .hash = hash
	};
	struct kvmcore_image image = { .map = map, .size = size };
	struct kvmcore_builder *b = NULL;
	double began = now();

	if (kvmcore_builder_create(KVMCORE_RULE_1_0, &params, 0, &b) ||
	    kvmcore_builder_image(b, IPA, &image, 0, NULL, NULL))
		exit(1);
	kvmcore_builder_destroy(b);
	return now() - began;
}

static double openssl(const char *path, const char *name)
{
	char command[256];
	double began;

	snprintf(command, sizeof(command), "openssl dgst -%s %s >/dev/null", name, path);
	began = now();
	if (system(command))
		exit(1);
	return now() - began;
}

static long anonymous_kib(void)
{
	FILE *status = fopen("/proc/self/status", "re");
	char line[128];
	long kib = 0;

	while (status && fgets(line, sizeof(line), status))
		if (sscanf(line, "RssAnon: %ld", &kib) == 1)
			break;
	if (status)
		fclose(status);
	return kib;
}

static void run(const char *path, size_t mib)
{
	static const char *const names[] = { "sha256", "sha512" };
	long cores = sysconf(_SC_NPROCESSORS_ONLN);
	int fd = make_file(path, mib);
	void *map = fd < 0 ? MAP_FAILED : mmap(NULL, mib << 20, PROT_READ, MAP_PRIVATE, fd, 0);

	if (map == MAP_FAILED)
		exit(1);
	for (int h = 0; h < 2; h++) {
		double theirs = openssl(path, names[h]),
		       ours = measure(map, mib << 20, (enum kvmcore_hash)h);

		printf("{\"bench\":\"rim\",\"mib\":%zu,\"hash\":\"%s\",\"mib_per_s\":%.0f,"
		       "\"openssl_mib_per_s\":%.0f,\"cores\":%ld,\"of_openssl_on_all_cores\":%.2f,"
		       "\"anonymous_kib\":%ld}\n",
		       mib, names[h], (double)mib / ours, (double)mib / theirs, cores,
		       theirs / ours / (double)cores, anonymous_kib());
		fflush(stdout);
	}
	munmap(map, mib << 20);
	close(fd);
	unlink(path);
}

int main(int argc, char **argv)
{
	static char path[] = "/tmp/realm-measure-bench-XXXXXX";
	int fd = mkstemp(path);

	if (fd < 0)
		return 1;
	close(fd);
	for (int i = 1; i < argc; i++)
		run(path, strtoul(argv[i], NULL, 10));
	if (argc == 1) {
		run(path, 64);
		run(path, 256);
		run(path, 1024);
	}
	unlink(path);
	return 0;
}
