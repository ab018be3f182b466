// SPDX-License-Identifier: Apache-2.0
#include "metrics.h"

#include "common/cleanup.h"
#include "common/file.h"
#include "watch.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#define FIRST_LINE "# sdei-migrate counts sessions here; docs/watching.md\n"
#define MAX_FILE   (64u << 10)
#define MAX_NAME   96u
#define LOCK_MS    1000
#define N_OUTCOMES 3u
#define N_SIDES    TRANSPORT_NR_ROLES

static const char *const sides[N_SIDES] = { "source", "destination" };
static const char *const outcomes[N_OUTCOMES] = { "committed", "aborted", "in_doubt" };
/* Seconds; the last bucket takes the rest. */
static const char *const bounds[] = { "0.0002", "0.0005", "0.001", "0.002", "0.005", "0.01",
				      "0.02",   "0.05",   "0.1",   "0.2",   "0.5",   "1",
				      "2",      "5",      "10",    "+Inf" };

#define N_BOUNDS (sizeof(bounds) / sizeof(bounds[0]))

static const struct {
	const char *name;
	size_t offset;
} phases[] = {
#define X(name, member) { name, offsetof(struct transport_session_times, member) },
	WATCH_PHASES(X)
#undef X
};

#define N_PHASES (sizeof(phases) / sizeof(phases[0]))

/* All numbers of the file, in its order. */
struct metrics {
	double sessions[N_SIDES][N_OUTCOMES];
	double bytes[N_SIDES];
	double bucket[N_BOUNDS], sum, count;
	double phase[N_PHASES]; /* of the last session of this host as source that was committed */
	double last[N_SIDES];   /* when the last session ended */
};

/* Does something with each series; @help is set for the first of a family. */
struct visitor {
	int (*visit)(struct visitor *visitor, const char *series, double *value);
	int (*family)(struct visitor *visitor, const char *name, const char *type,
		      const char *help);
	FILE *out;        /* where to write */
	const char *find; /* what to look for */
	double given;
	bool found;
};

static int one(struct visitor *visitor, double *value, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

static int one(struct visitor *visitor, double *value, const char *format, ...)
{
	char series[MAX_NAME];
	va_list list;

	va_start(list, format);
	vsnprintf(series, sizeof(series), format, list);
	va_end(list);
	return visitor->visit(visitor, series, value);
}

static void each_side(struct visitor *visitor, struct metrics *metrics)
{
	visitor->family(visitor, "sdei_migrate_sessions_total", "counter",
			"Sessions that are over, by how they ended.");
	for (size_t side = 0; side < N_SIDES; side++)
		for (size_t i = 0; i < N_OUTCOMES; i++)
			one(visitor, &metrics->sessions[side][i],
			    "sdei_migrate_sessions_total{side=\"%s\",outcome=\"%s\"}", sides[side],
			    outcomes[i]);
	visitor->family(visitor, "sdei_migrate_state_bytes_total", "counter",
			"Bytes of sealed state that were handed over.");
	for (size_t side = 0; side < N_SIDES; side++)
		one(visitor, &metrics->bytes[side], "sdei_migrate_state_bytes_total{side=\"%s\"}",
		    sides[side]);
	visitor->family(visitor, "sdei_migrate_last_session_timestamp_seconds", "gauge",
			"When the last session ended.");
	for (size_t side = 0; side < N_SIDES; side++)
		one(visitor, &metrics->last[side],
		    "sdei_migrate_last_session_timestamp_seconds{side=\"%s\"}", sides[side]);
}

static void each_time(struct visitor *visitor, struct metrics *metrics)
{
	visitor->family(visitor, "sdei_migrate_blackout_seconds", "histogram",
			"How long VMs stood still, measured at the source.");
	for (size_t i = 0; i < N_BOUNDS; i++)
		one(visitor, &metrics->bucket[i], "sdei_migrate_blackout_seconds_bucket{le=\"%s\"}",
		    bounds[i]);
	one(visitor, &metrics->sum, "sdei_migrate_blackout_seconds_sum");
	one(visitor, &metrics->count, "sdei_migrate_blackout_seconds_count");
	visitor->family(
		visitor, "sdei_migrate_last_phase_seconds", "gauge",
		"How long each phase of the last session took that was committed elsewhere.");
	for (size_t i = 0; i < N_PHASES; i++)
		one(visitor, &metrics->phase[i], "sdei_migrate_last_phase_seconds{phase=\"%s\"}",
		    phases[i].name);
}

static void each(struct visitor *visitor, struct metrics *metrics)
{
	each_side(visitor, metrics);
	each_time(visitor, metrics);
}

static int write_family(struct visitor *visitor, const char *name, const char *type,
			const char *help)
{
	return fprintf(visitor->out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static int write_series(struct visitor *visitor, const char *series, double *value)
{
	return fprintf(visitor->out, "%s %.17g\n", series, *value);
}

static int skip_family(struct visitor *visitor, const char *name, const char *type,
		       const char *help)
{
	(void)visitor;
	(void)name;
	(void)type;
	(void)help;
	return 0;
}

static int take_series(struct visitor *visitor, const char *series, double *value)
{
	if (strcmp(series, visitor->find) == 0) {
		*value = visitor->given;
		visitor->found = true;
	}
	return 0;
}

/* "SERIES VALUE". Return: 0; -EINVAL for what is none of ours */
static int take_line(struct metrics *metrics, char *line)
{
	char *space = strrchr(line, ' '), *end;
	struct visitor visitor = { .visit = take_series, .family = skip_family, .find = line };

	if (line[0] == '#' || line[0] == '\0')
		return 0;
	if (!space)
		return -EINVAL;
	*space = '\0';
	visitor.given = strtod(space + 1, &end);
	if (*end || end == space + 1 || !(visitor.given >= 0))
		return -EINVAL;
	each(&visitor, metrics);
	return visitor.found ? 0 : -EINVAL;
}

static int load(const char *path, struct metrics *metrics, struct failure *failure)
{
	OWNED_MEMORY uint8_t *data = NULL;
	size_t len;
	char *line, *next;
	int ret;

	*metrics = (struct metrics){ .sum = 0 };
	if (access(path, F_OK) < 0 && errno == ENOENT)
		return 0;
	ret = file_read(path, MAX_FILE, &data, &len, failure);
	if (ret || len == 0)
		return ret;
	if (strncmp((char *)data, FIRST_LINE, strlen(FIRST_LINE)) != 0)
		ret = -EINVAL;
	for (line = (char *)data; line && !ret; line = next) {
		next = strchr(line, '\n');
		if (next)
			*next++ = '\0';
		ret = take_line(metrics, line);
	}
	return ret ? failure_set(failure, SDEISTATE_NOT_OURS, ret, path, "content",
				 "what sdei-migrate wrote", "something else")
		   : 0;
}

static int store(const char *path, struct metrics *metrics, struct failure *failure)
{
	OWNED_MEMORY char *text = NULL;
	size_t len = 0;
	struct visitor visitor = { .visit = write_series,
				   .family = write_family,
				   .out = open_memstream(&text, &len) };

	if (!visitor.out)
		return failure_io(failure, path, ENOMEM);
	fputs(FIRST_LINE, visitor.out);
	each(&visitor, metrics);
	if (fclose(visitor.out))
		return failure_io(failure, path, ENOMEM);
	return file_write(path, text, len, 0644, failure);
}

static void count_blackout(struct metrics *metrics, const struct transport_session_times *times)
{
	const double seconds = (double)times->blackout / 1e6;

	for (size_t i = 0; i < N_BOUNDS; i++)
		metrics->bucket[i] += seconds <= strtod(bounds[i], NULL);
	metrics->sum += seconds;
	metrics->count++;
	for (size_t i = 0; i < N_PHASES; i++)
		metrics->phase[i] =
			(double)*(const uint64_t *)((const char *)times + phases[i].offset) / 1e6;
}

static void count(struct metrics *metrics, const struct metrics_session *session)
{
	const size_t outcome = session->state == TRANSPORT_SESSION_COMMITTED ? 0
			       : session->state == TRANSPORT_SESSION_ABORTED ||
					       session->state < TRANSPORT_SESSION_RECORDED
				       ? 1
				       : 2;

	metrics->sessions[session->role][outcome]++;
	metrics->last[session->role] = (double)time(NULL);
	if (outcome)
		return;
	metrics->bytes[session->role] += (double)session->times->blob_size;
	if (session->role == TRANSPORT_SOURCE)
		count_blackout(metrics, session->times);
}

/* Of the folder: the file itself is replaced. Return: a descriptor; -errno */
static int lock(const char *path)
{
	OWNED_MEMORY char *copy = strdup(path);
	int fd = copy ? open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;

	if (fd < 0)
		return copy ? -errno : -ENOMEM;
	for (int waited = 0; flock(fd, LOCK_EX | LOCK_NB) < 0; waited += 5) {
		if (errno != EWOULDBLOCK || waited >= LOCK_MS) {
			close(fd);
			return -EBUSY;
		}
		nanosleep(&(struct timespec){ .tv_nsec = 5000000 }, NULL);
	}
	return fd;
}

int metrics_count(const char *path, const struct metrics_session *session, struct failure *failure)
{
	struct metrics metrics;
	const int locked = lock(path);
	OWNED_FD int fd = locked;
	int ret;

	if (locked < 0)
		return failure_io(failure, path, -locked);
	ret = load(path, &metrics, failure);
	if (ret)
		return ret;
	count(&metrics, session);
	(void)fd;
	return store(path, &metrics, failure);
}
