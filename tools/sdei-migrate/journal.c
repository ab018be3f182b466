// SPDX-License-Identifier: Apache-2.0
#include "journal.h"

#include "common/cleanup.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define SOCKET_PATH "/run/systemd/journal/socket"
#define ENTRY_SIZE  2048u

/* systemd.exec(5), $JOURNAL_STREAM: device and inode of the stream, because a child may have another. */
static bool is_journal(int fd)
{
	const char *stream = getenv("JOURNAL_STREAM");
	char ours[48];
	struct stat st;

	if (!stream || fstat(fd, &st) < 0)
		return false;
	snprintf(ours, sizeof(ours), "%llu:%llu", (unsigned long long)st.st_dev,
		 (unsigned long long)st.st_ino);
	return strcmp(stream, ours) == 0;
}

/* A value in one line, as all of ours are; what is not becomes a space. Return: the entry's new length */
static size_t add_field(char entry[ENTRY_SIZE], size_t len, const struct journal_field *field)
{
	const int added =
		snprintf(entry + len, ENTRY_SIZE - len, "%s=%s\n", field->name, field->value);

	if (added < 0 || (size_t)added >= ENTRY_SIZE - len)
		return len;
	for (size_t i = len; i + 1 < len + (size_t)added; i++)
		if (entry[i] == '\n')
			entry[i] = ' ';
	return len + (size_t)added;
}

void journal_send(const struct journal_field *field, size_t n)
{
	const struct sockaddr_un address = { .sun_family = AF_UNIX, .sun_path = SOCKET_PATH };
	char entry[ENTRY_SIZE];
	size_t len = 0;

	if (!is_journal(STDERR_FILENO))
		return;
	OWNED_FD int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	for (size_t i = 0; i < n; i++)
		len = add_field(entry, len, &field[i]);
	if (fd >= 0 && sendto(fd, entry, len, MSG_NOSIGNAL, (const struct sockaddr *)&address,
			      sizeof(address)) < 0)
		return; /* it is down; that is not this session's business */
}
