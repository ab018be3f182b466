/* SPDX-License-Identifier: Apache-2.0 */
/*
 * web_server.h - a server of one object that speaks as much HTTP and S3 as a push and a pull need
 *
 * It allocates nothing, so that a test may count allocations. One connection at a time.
 */
#ifndef TESTS_WEB_SERVER_H
#define TESTS_WEB_SERVER_H

#include <arpa/inet.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#define WEB_ROOM 4096u

struct web_server {
	int fd, port;
	pthread_t thread;
	char object[WEB_ROOM], part[WEB_ROOM];
	size_t len, part_len; /* of the object, of all parts so far */
	bool stored;
	atomic_bool ends;
};

static bool web_read(int fd, char *to, size_t len)
{
	while (len) {
		const ssize_t got = read(fd, to, len);

		if (got <= 0)
			return false;
		to += got;
		len -= (size_t)got;
	}
	return true;
}

static void web_say(int fd, const char *status, const char *head, const char *body, size_t len,
		    bool with_body)
{
	char text[2 * WEB_ROOM];
	const int used =
		snprintf(text, sizeof(text), "HTTP/1.1 %s\r\n%sContent-Length: %zu\r\n\r\n", status,
			 head, len);

	if (with_body)
		memcpy(text + used, body, len);
	(void)!write(fd, text, (size_t)used + (with_body ? len : 0));
}

static void web_say_text(int fd, const char *text)
{
	web_say(fd, "200 OK", "", text, strlen(text), true);
}

static void web_answer(struct web_server *server, int fd, const char *head, const char *body,
		       size_t len)
{
	const bool in_parts = strstr(head, "uploadId=") != NULL;

	if (strncmp(head, "HEAD", 4) == 0 || strncmp(head, "GET", 3) == 0) {
		if (!server->stored || in_parts)
			web_say(fd, "404 Not Found", "", "", 0, false);
		else
			web_say(fd, "200 OK", "ETag: \"a\"\r\n", server->object, server->len,
				head[0] == 'G');
	} else if (strncmp(head, "PUT", 3) == 0 && in_parts) {
		memcpy(server->part + server->part_len, body, len);
		server->part_len += len;
		web_say(fd, "200 OK", "ETag: \"part\"\r\n", "", 0, true);
	} else if (strncmp(head, "PUT", 3) == 0) {
		memcpy(server->object, body, len);
		server->len = len;
		server->stored = true;
		web_say(fd, "201 Created", "ETag: \"a\"\r\n", "", 0, true);
	} else if (strncmp(head, "DELETE", 6) == 0) {
		web_say(fd, "204 No Content", "", "", 0, true);
	} else if (in_parts) {
		memcpy(server->object, server->part, server->part_len);
		server->len = server->part_len;
		server->stored = true;
		web_say_text(fd, "<R><ETag>&quot;a&quot;</ETag></R>");
	} else {
		server->part_len = 0;
		web_say_text(fd, "<R><UploadId>u</UploadId></R>");
	}
}

/* One request. Return: false at the end of the connection. */
static bool web_serve_one(struct web_server *server, int fd)
{
	char head[WEB_ROOM] = "", body[WEB_ROOM];
	size_t used = 0, len = 0;
	const char *length;

	while (!strstr(head, "\r\n\r\n")) {
		if (used + 1 >= sizeof(head) || read(fd, head + used, 1) != 1)
			return false;
		head[++used] = '\0';
	}
	length = strcasestr(head, "\r\nContent-Length:");
	if (length)
		len = strtoul(length + 17, NULL, 10);
	if (strcasestr(head, "\r\nExpect:"))
		(void)!write(fd, "HTTP/1.1 100 Continue\r\n\r\n", 25);
	if (len > sizeof(body) || !web_read(fd, body, len))
		return false;
	web_answer(server, fd, head, body, len);
	return true;
}

static void *web_serve(void *arg)
{
	struct web_server *server = arg;

	while (!server->ends) {
		const int fd = accept(server->fd, NULL, NULL);

		if (fd < 0)
			continue;
		while (!server->ends && web_serve_one(server, fd))
			;
		close(fd);
	}
	return NULL;
}

static bool web_open(struct web_server *server)
{
	struct sockaddr_in address = { .sin_family = AF_INET };
	socklen_t len = sizeof(address);

	*server = (struct web_server){ .fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0) };
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (server->fd < 0 || bind(server->fd, (struct sockaddr *)&address, len) ||
	    listen(server->fd, 16) || getsockname(server->fd, (struct sockaddr *)&address, &len))
		return false;
	server->port = ntohs(address.sin_port);
	return pthread_create(&server->thread, NULL, web_serve, server) == 0;
}

static void web_close(struct web_server *server)
{
	server->ends = true;
	shutdown(server->fd, SHUT_RDWR);
	pthread_join(server->thread, NULL);
	close(server->fd);
}

#endif
