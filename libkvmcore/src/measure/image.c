// SPDX-License-Identifier: Apache-2.0
#include "measure/builder.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/*
 * The image is cut into chunks of 64 granules. Threads take the next chunk and leave its digests in
 * a slot of a ring; the caller's thread hands slots to the sink in order and takes chunks itself
 * while the next one in order is not ready.
 */
#define CHUNK_GRANULES 64u
#define CHUNK_BYTES    (CHUNK_GRANULES * KVMCORE_GRANULE_SIZE)
#define MAX_THREADS    64u
#define RING_PER_HAND  64u /* slots for each thread: it may work 10 ms ahead of one that waits */
#define RING_BYTES     (12u << 20) /* for slots, and the copies of what is read */

struct slot {
	struct kvmcore_digest digest[CHUNK_GRANULES];
	bool ready;
	uint8_t *copy; /* only for images that are read: the chunk's bytes */
};

struct pool {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	enum kvmcore_hash hash;
	const struct kvmcore_image *image;
	uint64_t granules, chunks;
	uint64_t next;  /* first chunk nobody took */
	uint64_t given; /* chunks the sink has seen */
	unsigned int n_slots;
	struct slot *slot;
	int error;
};

/* One thread's tools. */
struct hand {
	struct hash hash;
	uint8_t edge[KVMCORE_GRANULE_SIZE]; /* a granule the image covers in part */
};

uint64_t kvmcore_image_granules(const struct kvmcore_image *image)
{
	uint64_t whole = image->size / KVMCORE_GRANULE_SIZE;
	uint64_t rest = image->size % KVMCORE_GRANULE_SIZE + image->lead;

	return image->size ? whole + (rest + KVMCORE_GRANULE_SIZE - 1) / KVMCORE_GRANULE_SIZE : 0;
}

/* Where the bytes of a chunk begin and end in the image; its first granule may begin with zeros. */
struct span {
	uint64_t from, len;
	uint32_t lead;
};

static struct span chunk_span(const struct kvmcore_image *image, uint64_t chunk)
{
	uint64_t at = chunk * CHUNK_BYTES;
	struct span s = { .lead = chunk ? 0 : image->lead };

	s.from = chunk ? at - image->lead : 0;
	s.len = CHUNK_BYTES - s.lead;
	if (s.len > image->size - s.from)
		s.len = image->size - s.from;
	return s;
}

/* Whole granules are hashed where they lie, those at the edges from a copy filled up with zeros. */
static int hash_chunk(struct hand *hand, const uint8_t *bytes, struct span s,
		      struct kvmcore_digest *digest)
{
	uint64_t done = 0;

	for (unsigned int i = 0; done < s.len; i++) {
		uint32_t lead = i ? 0 : s.lead;
		uint64_t part = KVMCORE_GRANULE_SIZE - lead;
		const uint8_t *granule = bytes + done;
		int ret;

		if (part > s.len - done)
			part = s.len - done;
		if (part < KVMCORE_GRANULE_SIZE) {
			memset(hand->edge, 0, sizeof(hand->edge));
			memcpy(hand->edge + lead, granule, part);
			granule = hand->edge;
		}
		ret = hash_one(&hand->hash, granule, KVMCORE_GRANULE_SIZE, &digest[i]);
		if (ret)
			return ret;
		done += part;
	}
	return 0;
}

static void fail(struct pool *p, int error)
{
	if (!p->error)
		p->error = error;
	pthread_cond_broadcast(&p->changed);
}

/* Takes the next chunk if a slot is free. Called with the lock held; drops it while hashing. */
static bool take_chunk(struct pool *p, struct hand *hand)
{
	uint64_t chunk = p->next;
	struct slot *slot = &p->slot[chunk % p->n_slots];
	struct span s = chunk_span(p->image, chunk);
	const uint8_t *bytes = slot->copy;
	int ret = 0;

	p->next++;
	if (p->image->map)
		bytes = (const uint8_t *)p->image->map + s.from;
	else
		ret = p->image->read(p->image->user, slot->copy, s.len);
	if (ret) {
		fail(p, ret);
		return false;
	}
	pthread_mutex_unlock(&p->lock);
	ret = hash_chunk(hand, bytes, s, slot->digest);
	pthread_mutex_lock(&p->lock);
	if (ret)
		fail(p, ret);
	slot->ready = true;
	pthread_cond_broadcast(&p->changed);
	return true;
}

static bool can_take(const struct pool *p)
{
	return !p->error && p->next < p->chunks && p->next - p->given < p->n_slots;
}

static void *work(void *arg)
{
	struct pool *p = arg;
	struct hand hand = { 0 };
	int ret = hash_open(p->hash, &hand.hash);

	pthread_mutex_lock(&p->lock);
	if (ret)
		fail(p, ret);
	while (!p->error && p->next < p->chunks) {
		if (can_take(p))
			take_chunk(p, &hand);
		else
			pthread_cond_wait(&p->changed, &p->lock);
	}
	pthread_mutex_unlock(&p->lock);
	hash_close(&hand.hash);
	return NULL;
}

/* Gives the next chunk in order to the sink. Called with the lock held; drops it meanwhile. */
static void give_chunk(struct pool *p, kvmcore_image_sink *sink, void *user)
{
	uint64_t first = p->given * CHUNK_GRANULES;
	struct slot *slot = &p->slot[p->given % p->n_slots];
	uint64_t n = p->granules - first < CHUNK_GRANULES ? p->granules - first : CHUNK_GRANULES;
	int ret;

	pthread_mutex_unlock(&p->lock);
	ret = sink(user, first, (uint32_t)n, slot->digest);
	pthread_mutex_lock(&p->lock);
	slot->ready = false;
	p->given++;
	if (ret)
		fail(p, ret);
	pthread_cond_broadcast(&p->changed);
}

static void lead_work(struct pool *p, struct hand *hand, kvmcore_image_sink *sink, void *user)
{
	pthread_mutex_lock(&p->lock);
	while (!p->error && p->given < p->chunks) {
		if (p->slot[p->given % p->n_slots].ready)
			give_chunk(p, sink, user);
		else if (can_take(p))
			take_chunk(p, hand);
		else
			pthread_cond_wait(&p->changed, &p->lock);
	}
	pthread_mutex_unlock(&p->lock);
}

static unsigned int thread_count(unsigned int asked, uint64_t chunks)
{
	long cores = asked ? (long)asked : sysconf(_SC_NPROCESSORS_ONLN);
	uint64_t n = cores > 0 ? (uint64_t)cores : 1;

	if (n > MAX_THREADS)
		n = MAX_THREADS;
	return (unsigned int)(n > chunks && chunks ? chunks : n);
}

static int open_slots(struct pool *p, unsigned int threads)
{
	uint64_t most = RING_BYTES / (sizeof(*p->slot) + (p->image->map ? 0 : CHUNK_BYTES));

	if (most > threads * RING_PER_HAND)
		most = threads * RING_PER_HAND;
	p->n_slots = (unsigned int)(p->chunks && p->chunks < most ? p->chunks : most);
	p->slot = calloc(p->n_slots, sizeof(*p->slot));
	for (unsigned int i = 0; p->slot && !p->image->map && i < p->n_slots; i++) {
		p->slot[i].copy = malloc(CHUNK_BYTES);
		if (!p->slot[i].copy)
			return -ENOMEM;
	}
	return p->slot ? 0 : -ENOMEM;
}

static void close_slots(struct pool *p)
{
	for (unsigned int i = 0; p->slot && i < p->n_slots; i++)
		free(p->slot[i].copy);
	free(p->slot);
}

/* A thread that cannot be started is work for the others. */
static int run(struct pool *p, unsigned int threads, kvmcore_image_sink *sink, void *user)
{
	pthread_t thread[MAX_THREADS];
	struct hand hand = { 0 };
	unsigned int started = 0;
	int ret = hash_open(p->hash, &hand.hash);

	if (ret)
		return ret;
	while (started + 1 < threads && !pthread_create(&thread[started], NULL, work, p))
		started++;
	lead_work(p, &hand, sink, user);
	while (started > 0)
		pthread_join(thread[--started], NULL);
	hash_close(&hand.hash);
	return p->error;
}

int kvmcore_image_hash(enum kvmcore_hash hash, const struct kvmcore_image *image,
		       unsigned int threads, kvmcore_image_sink *sink, void *user)
{
	struct pool p = {
		.lock = PTHREAD_MUTEX_INITIALIZER,
		.changed = PTHREAD_COND_INITIALIZER,
		.hash = hash,
		.image = image,
		.granules = kvmcore_image_granules(image),
	};
	int ret;

	if (image->lead >= KVMCORE_GRANULE_SIZE || !kvmcore_hash_size(hash) ||
	    (image->size && !image->map && !image->read))
		return -EINVAL;
	p.chunks = (p.granules + CHUNK_GRANULES - 1) / CHUNK_GRANULES;
	threads = thread_count(threads, p.chunks);
	ret = open_slots(&p, threads);
	if (!ret)
		ret = run(&p, threads, sink, user);
	close_slots(&p);
	return ret;
}

struct building {
	struct kvmcore_builder *builder;
	uint64_t ipa, granules;
	int answer; /* the RMM's refusal that ended it */
	kvmcore_image_progress *progress;
	void *user;
};

static int add_granules(void *user, uint64_t first, uint32_t n, const struct kvmcore_digest *digest)
{
	struct building *b = user;

	for (uint32_t i = 0; i < n; i++) {
		uint64_t ipa = b->ipa + (first + i) * KVMCORE_GRANULE_SIZE;
		int ret = kvmcore_builder_map(b->builder, ipa, RTT_LEVEL_PAGE);

		if (!ret)
			ret = kvmcore_builder_data(b->builder, ipa, KVMCORE_DATA_MEASURE,
						   &digest[i]);
		if (ret) {
			b->answer = ret > 0 ? ret : 0;
			return ret;
		}
	}
	return b->progress ? b->progress(b->user, first + n, b->granules) : 0;
}

int kvmcore_builder_image(struct kvmcore_builder *builder, uint64_t ipa,
			  const struct kvmcore_image *image, unsigned int threads,
			  kvmcore_image_progress *progress, void *user)
{
	struct building b = {
		.builder = builder,
		.ipa = ipa,
		.granules = kvmcore_image_granules(image),
		.progress = progress,
		.user = user,
	};
	int ret;

	if (ipa & (KVMCORE_GRANULE_SIZE - 1))
		return KVMCORE_RMI_ERROR_INPUT;
	ret = kvmcore_image_hash(builder->params.hash, image, threads, add_granules, &b);
	return b.answer ? b.answer : ret;
}
