// SPDX-License-Identifier: Apache-2.0
#include "keyring.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#define LOOK_MS 500

struct keyring_held {
	struct mover mover; /* first: who has the mover has this */
	unsigned int users;
};

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* FNV-1a: files change by accident and by their owner, not by who wants two of them to look alike. */
static uint64_t mix(uint64_t hash, const void *data, size_t len)
{
	const uint8_t *bytes = data;

	for (size_t i = 0; i < len; i++)
		hash = (hash ^ bytes[i]) * UINT64_C(0x100000001b3);
	return hash;
}

static uint64_t look_at(int folder, const char *name)
{
	uint64_t hash = mix(UINT64_C(0xcbf29ce484222325), name, strlen(name));
	struct stat st;

	if (fstatat(folder, name, &st, 0) < 0)
		return hash;
	hash = mix(hash, &st.st_ino, sizeof(st.st_ino));
	hash = mix(hash, &st.st_size, sizeof(st.st_size));
	hash = mix(hash, &st.st_mode, sizeof(st.st_mode));
	hash = mix(hash, &st.st_mtim, sizeof(st.st_mtim));
	return mix(hash, &st.st_ctim, sizeof(st.st_ctim));
}

/* A file, or a folder and all that is in it, in whatever order it is listed. */
static uint64_t look_into(const char *path)
{
	DIR *folder = path ? opendir(path) : NULL;
	const struct dirent *entry;
	uint64_t sum;

	if (!folder)
		return path ? look_at(AT_FDCWD, path) : 0;
	sum = look_at(AT_FDCWD, path);
	while ((entry = readdir(folder)))
		if (entry->d_name[0] != '.')
			sum += look_at(dirfd(folder), entry->d_name);
	closedir(folder);
	return sum;
}

static struct keyring_print look(const struct mover_options *options)
{
	OWNED_MEMORY char *certificate = options->psk ? NULL : mover_certificate(options);
	const struct keyring_print print = {
		.own = look_into(options->key) + look_into(certificate),
		.others = look_into(options->peer) + look_into(options->psk) +
			  look_into(options->policy.path),
	};

	return print;
}

static int load(const struct mover_options *options, struct keyring_held **held,
		struct failure *failure)
{
	struct keyring_held *made = calloc(1, sizeof(*made));
	int ret;

	if (!made)
		return failure_set(failure, SDEISTATE_NO_MEMORY, -ENOMEM, "keys", NULL, NULL, NULL);
	ret = mover_open(options, &made->mover, failure);
	if (ret) {
		mover_close(&made->mover);
		free(made);
		return ret;
	}
	made->users = 1; /* the ring itself */
	*held = made;
	return 0;
}

static void leave(struct keyring_held *held)
{
	if (!held || --held->users)
		return;
	mover_close(&held->mover);
	free(held);
}

int keyring_open(struct keyring *ring, const struct tool *tool, const struct mover_options *options,
		 struct failure *failure)
{
	*ring = (struct keyring){ .tool = tool,
				  .options = options,
				  .lock = PTHREAD_MUTEX_INITIALIZER,
				  .read = look(options),
				  .looked = now_ms() };
	return load(options, &ring->now, failure);
}

/* What could not be read: nobody may come in on the word of files that have been changed since. */
static void fall_back(struct keyring *ring, bool only_own, const struct failure *failure)
{
	tool_say(ring->tool, "%s: the keys were not read again, %s: %s%s%s", failure->object,
		 only_own ? "the former serve" : "nobody is let in until they can be",
		 failure->field, failure->actual[0] ? ": " : "", failure->actual);
	if (only_own)
		return;
	leave(ring->now);
	ring->now = NULL;
}

/* Under the lock. */
static void refresh(struct keyring *ring)
{
	struct keyring_held *made = NULL;
	struct keyring_print print;
	struct failure failure;
	bool only_own;

	if (now_ms() - ring->looked < LOOK_MS)
		return;
	ring->looked = now_ms();
	print = look(ring->options);
	if (print.own == ring->read.own && print.others == ring->read.others)
		return;
	only_own = print.others == ring->read.others && ring->now;
	ring->read = print;
	if (load(ring->options, &made, &failure)) {
		fall_back(ring, only_own, &failure);
		return;
	}
	leave(ring->now);
	ring->now = made;
	tool_detail(ring->tool, "the keys have been read again");
}

const struct mover *keyring_take(struct keyring *ring)
{
	struct keyring_held *held;

	pthread_mutex_lock(&ring->lock);
	refresh(ring);
	held = ring->now;
	if (held)
		held->users++;
	pthread_mutex_unlock(&ring->lock);
	return held ? &held->mover : NULL;
}

void keyring_leave(struct keyring *ring, const struct mover *mover)
{
	pthread_mutex_lock(&ring->lock);
	leave((struct keyring_held *)(uintptr_t)mover);
	pthread_mutex_unlock(&ring->lock);
}

bool keyring_is_current(struct keyring *ring, const struct mover *mover)
{
	bool is;

	pthread_mutex_lock(&ring->lock);
	refresh(ring);
	is = ring->now && mover == &ring->now->mover;
	pthread_mutex_unlock(&ring->lock);
	return is;
}

void keyring_close(struct keyring *ring)
{
	if (!ring->options)
		return;
	leave(ring->now);
	ring->now = NULL;
	pthread_mutex_destroy(&ring->lock);
}
