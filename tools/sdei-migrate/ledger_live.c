// SPDX-License-Identifier: Apache-2.0
#include "ledger_db.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

/* STATE/live-ID, beside the ledger. */
static char *live_path(const struct ledger *ledger, const struct transport_id *id)
{
	const char *slash = strrchr(ledger->path, '/');
	char text[TRANSPORT_ID_TEXT_SIZE], *path = NULL;

	transport_id_print(id, text);
	return asprintf(&path, "%.*s/live-%s", (int)(slash ? slash - ledger->path : 1),
			slash ? ledger->path : ".", text) < 0
		       ? NULL
		       : path;
}

int ledger_live_begin(struct ledger *ledger, const struct transport_id *id,
		      struct ledger_live *live, struct failure *failure)
{
	live->path = live_path(ledger, id);
	if (!live->path)
		return failure_set(failure, SDEISTATE_NO_MEMORY, -ENOMEM, NULL, NULL, NULL, NULL);
	live->fd = open(live->path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (live->fd < 0 || flock(live->fd, LOCK_EX | LOCK_NB))
		return failure_io(failure, live->path, errno);
	return 0;
}

void ledger_live_end(struct ledger_live *live)
{
	if (live->path && live->fd >= 0) {
		unlink(live->path);
		close(live->fd);
	}
	free(live->path);
	*live = (struct ledger_live){ .fd = -1 };
}

/* A file that nobody has locked is what a killed command left. */
bool ledger_is_live(const struct ledger *ledger, const struct transport_id *id)
{
	OWNED_MEMORY char *path = live_path(ledger, id);
	const int fd = path ? open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW) : -1;
	bool live;

	if (fd < 0)
		return path && errno != ENOENT;
	live = flock(fd, LOCK_EX | LOCK_NB) != 0;
	if (!live)
		unlink(path);
	close(fd);
	return live;
}
