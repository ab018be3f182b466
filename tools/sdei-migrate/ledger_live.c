// SPDX-License-Identifier: Apache-2.0
/*
 * STATE/live, beside the ledger: one byte of it is locked for each session that somebody works on. The lock belongs to the open
 * file (F_OFD_SETLK, fcntl(2)), so the kernel takes it back with the process, and nothing is left behind.
 */
#include "ledger_db.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

/* A random id, and as many of its bits as a place in a file has. */
static struct flock lock_of(const struct transport_id *id, short type)
{
	uint64_t place;

	memcpy(&place, id->bytes, sizeof(place));
	return (struct flock){ .l_type = type,
			       .l_whence = SEEK_SET,
			       .l_start = (off_t)(place & (INT64_MAX >> 1)),
			       .l_len = 1 };
}

static int open_live(const struct ledger *ledger)
{
	const char *slash = strrchr(ledger->path, '/');
	OWNED_MEMORY char *path = NULL;

	if (asprintf(&path, "%.*s/live", (int)(slash ? slash - ledger->path : 1),
		     slash ? ledger->path : ".") < 0) {
		path = NULL;
		errno = ENOMEM;
		return -1;
	}
	return open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
}

/* Opened once, whoever comes first. */
static int live_file(struct ledger *ledger)
{
	pthread_mutex_lock(&ledger->lock);
	if (ledger->live_fd < 0)
		ledger->live_fd = open_live(ledger);
	pthread_mutex_unlock(&ledger->lock);
	return ledger->live_fd;
}

int ledger_live_begin(struct ledger *ledger, const struct transport_id *id,
		      struct ledger_live *live, struct failure *failure)
{
	struct flock lock = lock_of(id, F_WRLCK);
	const int fd = live_file(ledger);

	if (fd < 0 || fcntl(fd, F_OFD_SETLK, &lock) < 0)
		return failure_io(failure, ledger->path, errno);
	*live = (struct ledger_live){ .fd = fd, .session = *id };
	return 0;
}

void ledger_live_end(struct ledger_live *live)
{
	struct flock lock = lock_of(&live->session, F_UNLCK);

	if (live->fd >= 0)
		fcntl(live->fd, F_OFD_SETLK, &lock);
	*live = (struct ledger_live){ .fd = -1 };
}

/* By a file opened for it: one's own locks are in nobody's way. Who cannot tell says that somebody is at it. */
bool ledger_is_live(const struct ledger *ledger, const struct transport_id *id)
{
	struct flock lock = lock_of(id, F_WRLCK);
	const int fd = open_live(ledger);
	bool live;

	if (fd < 0)
		return true;
	live = fcntl(fd, F_OFD_GETLK, &lock) < 0 || lock.l_type != F_UNLCK;
	close(fd);
	return live;
}
