// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "door.h"

static int system_error(struct transport_error *err, const char *object, const char *call)
{
	const int code = -errno;

	return transport_error_fill(err, code, "io", object, call, "success|%s", strerror(-code));
}

static int name_address(const char *path, struct sockaddr_un *address, struct transport_error *err)
{
	*address = (struct sockaddr_un){ .sun_family = AF_UNIX };
	if (strlen(path) >= sizeof(address->sun_path))
		return transport_error_fill(err, -ENAMETOOLONG, "usage", path, "length",
					    "at most %zu|%zu", sizeof(address->sun_path) - 1,
					    strlen(path));
	memcpy(address->sun_path, path, strlen(path) + 1);
	return 0;
}

/* A socket file whose server is gone may be replaced. */
static int clear_path(const char *path, const struct sockaddr_un *address,
		      struct transport_error *err)
{
	struct stat st;
	int fd, ret;

	if (lstat(path, &st) < 0)
		return 0;
	if (!S_ISSOCK(st.st_mode))
		return transport_error_fill(err, -EEXIST, "io", path, "file", "a socket|no socket");
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return system_error(err, path, "socket");
	ret = connect(fd, (const struct sockaddr *)address, sizeof(*address));
	close(fd);
	if (ret == 0)
		return transport_error_fill(err, -EADDRINUSE, "busy", path, "control socket",
					    "nobody listening|another server");
	return unlink(path) < 0 ? system_error(err, path, "unlink") : 0;
}

int door_listen(const char *path, mode_t mode, int *fd, struct transport_error *err)
{
	struct sockaddr_un address;
	int made, ret = name_address(path, &address, err);

	if (!ret)
		ret = clear_path(path, &address, err);
	if (ret)
		return ret;
	made = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (made < 0)
		return system_error(err, path, "socket");
	/* Nobody gets in before the mode is right: a connection needs listen(). */
	if (bind(made, (struct sockaddr *)&address, sizeof(address)) < 0 || chmod(path, mode) < 0 ||
	    listen(made, DOOR_BACKLOG) < 0) {
		ret = system_error(err, path, "listen");
		close(made);
		return ret;
	}
	*fd = made;
	return 0;
}
