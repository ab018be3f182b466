// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE
#include "fake_vmm.h"
#include "support/check.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#define WAIT_MS 60000 /* longer than any machine is slow */

static const struct transport_id session = { { 1 } };

/* A socket to the VMM without our client behind it. */
static int raw_connect(const struct fake_vmm *vmm)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	memcpy(address.sun_path, vmm->path, strlen(vmm->path) + 1);
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
		close(fd);
		return -1;
	}
	return fd;
}

/* Does the VMM hang up within @ms? What it says before is thrown away. */
static bool hangs_up(int fd, int ms)
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN };
	char bytes[512];

	while (poll(&pfd, 1, ms) > 0)
		if (read(fd, bytes, sizeof(bytes)) <= 0)
			return true;
	return false;
}

static bool is_served(const struct fake_vmm *vmm)
{
	struct transport_control *control = NULL;
	struct transport_vm_status status;
	const bool served = transport_control_open(vmm->path, WAIT_MS, &control, NULL) == 0 &&
			    transport_control_status(control, &status, NULL) == 0;

	transport_control_close(control);
	return served;
}

static size_t put_message(uint8_t *out, uint16_t type, uint16_t flags, uint32_t length,
			  const void *body, size_t body_len)
{
	const struct transport_header header = { length, type, flags, 1 };

	transport_wire_put_header(&header, out);
	memcpy(out + TRANSPORT_WIRE_HEADER_SIZE, body, body_len);
	return TRANSPORT_WIRE_HEADER_SIZE + body_len;
}

/* HELLO for version 1, as bytes. */
static const uint8_t hello[] = { 1, 0, 0, 0, 4, 0, 0, 0, 1, 0, 0, 0,
				 2, 0, 0, 0, 4, 0, 0, 0, 1, 0, 0, 0 };

static bool say_hello(int fd)
{
	uint8_t bytes[64], reply[64];
	const size_t len =
		put_message(bytes, TRANSPORT_VERB_HELLO, 0, sizeof(hello), hello, sizeof(hello));

	return write(fd, bytes, len) == (ssize_t)len && read(fd, reply, sizeof(reply)) > 0;
}

static void test_bad_messages_end_the_conversation(void)
{
	static const uint8_t junk[64] = { 0xff, 0xff };
	static const struct {
		const char *promise;
		bool greets;
		uint16_t type, flags;
		uint32_t length;
		size_t sent;
	} row[] = {
		{ "a body above the limit", false, TRANSPORT_VERB_HELLO, 0, 0xffffffff, 0 },
		{ "a body of four gigabytes after HELLO", true, TRANSPORT_VERB_STAGE, 0, 0xfffffff0,
		  64 },
		{ "a verb before HELLO", false, TRANSPORT_VERB_STATUS, 0, 0, 0 },
		{ "HELLO twice", true, TRANSPORT_VERB_HELLO, 0, 0, 0 },
		{ "flags nobody knows", true, TRANSPORT_VERB_STATUS, 0x8000, 0, 0 },
		{ "fields that are none", true, TRANSPORT_VERB_PAUSE, 0, 64, 64 },
		{ "a missing field", true, TRANSPORT_VERB_PAUSE, 0, 0, 0 },
	};
	struct fake_vmm vmm;

	REQUIRE(fake_vmm_start(&vmm, NULL) == 0, "a server starts");
	for (size_t i = 0; i < ARRAY_SIZE(row); i++) {
		uint8_t bytes[128];
		size_t len = put_message(bytes, row[i].type, row[i].flags, row[i].length, junk,
					 row[i].sent);
		int fd = raw_connect(&vmm);

		if (row[i].greets)
			CHECK(say_hello(fd), "HELLO is answered");
		CHECK(write(fd, bytes, len) == (ssize_t)len && hangs_up(fd, WAIT_MS),
		      row[i].promise);
		close(fd);
		CHECK(is_served(&vmm), "others are served as before");
	}
	CHECK(vmm.vm.pauses == 0, "and nothing was done");
	fake_vmm_stop(&vmm);
}

static void test_an_unknown_verb_is_answered(void)
{
	struct fake_vmm vmm;
	uint8_t bytes[64];
	struct transport_header header;
	size_t len;
	int fd;

	REQUIRE(fake_vmm_start(&vmm, NULL) == 0, "a server starts");
	fd = raw_connect(&vmm);
	CHECK(say_hello(fd), "HELLO is answered");
	len = put_message(bytes, 0x777, 0, 0, "", 0);
	CHECK(write(fd, bytes, len) == (ssize_t)len &&
		      read(fd, bytes, TRANSPORT_WIRE_HEADER_SIZE) == TRANSPORT_WIRE_HEADER_SIZE,
	      "a newer mover's verb has an answer");
	transport_wire_get_header(bytes, &header);
	CHECK(header.type == 0x777 && header.flags == 3, "an error object");
	CHECK(!hangs_up(fd, 100), "and the conversation goes on");
	close(fd);
	fake_vmm_stop(&vmm);
}

static void test_slow_clients_are_dropped(void)
{
	struct fake_vmm vmm;
	uint8_t bytes[64];
	int mute, slow, idle;

	REQUIRE(fake_vmm_start(&vmm, NULL) == 0, "a server starts");
	mute = raw_connect(&vmm);
	slow = raw_connect(&vmm);
	idle = raw_connect(&vmm);
	CHECK(say_hello(slow) && say_hello(idle), "two say HELLO");
	put_message(bytes, TRANSPORT_VERB_PAUSE, 0, 24, "", 0);
	CHECK(write(slow, bytes, 7) == 7, "one of them begins a message and does not end it");
	CHECK(is_served(&vmm), "meanwhile others are served");
	CHECK(hangs_up(mute, WAIT_MS), "who says nothing is dropped");
	CHECK(hangs_up(slow, WAIT_MS), "who does not finish is dropped");
	CHECK(!hangs_up(idle, 300), "who has nothing to say may stay");
	close(mute);
	close(slow);
	close(idle);
	fake_vmm_stop(&vmm);
}

/* The same of who does not read. */
static bool is_hung_up(int fd)
{
	struct pollfd pfd = { .fd = fd };

	return poll(&pfd, 1, WAIT_MS) == 1 && pfd.revents & POLLHUP &&
	       send(fd, "x", 1, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 && errno == EPIPE;
}

static void test_a_client_that_does_not_read_is_dropped(void)
{
	struct fake_vmm vmm;
	static uint8_t bytes[TRANSPORT_WIRE_HEADER_SIZE + 60000 + 8];
	uint8_t head[8] = { 26, 0, 0, 0, 0x60, 0xea, 0, 0 };
	int fd, size = 4096;

	REQUIRE(fake_vmm_start(&vmm, NULL) == 0, "a server starts");
	fd = raw_connect(&vmm);
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	CHECK(say_hello(fd), "HELLO is answered");
	put_message(bytes, TRANSPORT_VERB_MODEL, 0, 60008, head, sizeof(head));
	memset(bytes + TRANSPORT_WIRE_HEADER_SIZE + 8, 'x', 60000);
	for (int i = 0; i < 100; i++)
		if (send(fd, bytes, sizeof(bytes), MSG_DONTWAIT | MSG_NOSIGNAL) <
		    (ssize_t)sizeof(bytes))
			break;
	CHECK(is_hung_up(fd), "replies that nobody reads end it");
	CHECK(is_served(&vmm), "others are served as before");
	close(fd);
	fake_vmm_stop(&vmm);
}

/* STAGE with one descriptor for its records. */
static void send_stage(int fd, int state, uint64_t len)
{
	struct transport_buffer body = { .max = 256 };
	uint8_t bytes[256];
	struct iovec part = { .iov_base = bytes };
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int))];
	} ancillary = { .bytes = { 0 } };
	struct msghdr message = { .msg_iov = &part,
				  .msg_iovlen = 1,
				  .msg_control = ancillary.bytes,
				  .msg_controllen = sizeof(ancillary.bytes) };
	struct cmsghdr *c = CMSG_FIRSTHDR(&message);

	transport_wire_put_id(&body, 13, &session);
	transport_wire_put_u64(&body, 9, 1);
	transport_wire_put_u64(&body, 17, len);
	part.iov_len = put_message(bytes, TRANSPORT_VERB_STAGE, 0, (uint32_t)body.len, body.data,
				   body.len);
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(c), &state, sizeof(int));
	CHECK(sendmsg(fd, &message, MSG_NOSIGNAL) == (ssize_t)part.iov_len, "STAGE is sent");
	transport_buffer_free(&body);
}

static bool is_refused(int fd)
{
	uint8_t bytes[TRANSPORT_WIRE_HEADER_SIZE];
	struct transport_header header;

	if (read(fd, bytes, sizeof(bytes)) != (ssize_t)sizeof(bytes))
		return false;
	transport_wire_get_header(bytes, &header);
	return header.type == TRANSPORT_VERB_STAGE && (header.flags & 2);
}

static void test_a_state_must_be_sealed(void)
{
	static const struct {
		const char *promise;
		int seals;
		off_t size;
		uint64_t said;
	} row[] = {
		{ "a file that can change is refused", 0, 4096, 4096 },
		{ "one that can shrink is refused", F_SEAL_WRITE | F_SEAL_GROW, 4096, 4096 },
		{ "one of another size is refused", F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK,
		  4096, 8192 },
		{ "one of an absurd size is refused", F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK,
		  4096, UINT64_MAX },
	};
	struct transport_control *control = NULL;
	struct fake_vmm vmm;

	REQUIRE(fake_vmm_start(&vmm, NULL) == 0, "a server starts");
	CHECK(transport_control_open(vmm.path, WAIT_MS, &control, NULL) == 0 &&
		      transport_control_reserve(control, &session, NULL) == 0,
	      "a session reserves");
	for (size_t i = 0; i < ARRAY_SIZE(row); i++) {
		int fd = raw_connect(&vmm), state = memfd_create("state", MFD_ALLOW_SEALING);

		CHECK(ftruncate(state, row[i].size) == 0 &&
			      fcntl(state, F_ADD_SEALS, row[i].seals) == 0,
		      "a memory file");
		CHECK(say_hello(fd), "HELLO is answered");
		send_stage(fd, state, row[i].said);
		CHECK(is_refused(fd), row[i].promise);
		close(state);
		close(fd);
	}
	CHECK(vmm.vm.state == TRANSPORT_VM_RESERVED, "nothing was staged");
	transport_control_close(control);
	fake_vmm_stop(&vmm);
}

static void test_there_is_a_bound_on_clients(void)
{
	const struct transport_server_options options = { .max_clients = 3 };
	struct fake_vmm vmm;
	struct transport_control *control = NULL;
	struct transport_error err;
	int fd[3];

	REQUIRE(fake_vmm_start(&vmm, &options) == 0, "a server starts");
	for (size_t i = 0; i < ARRAY_SIZE(fd); i++) {
		fd[i] = raw_connect(&vmm);
		CHECK(say_hello(fd[i]), "three clients are served");
	}
	CHECK(transport_control_open(vmm.path, WAIT_MS, &control, &err) == -EAGAIN &&
		      !strcmp(err.reason, "temporary"),
	      "a fourth is told to come again");
	for (size_t i = 0; i < ARRAY_SIZE(fd); i++)
		close(fd[i]);
	for (int i = 0; i < WAIT_MS / 5 && !is_served(&vmm); i++)
		nanosleep(&(struct timespec){ .tv_nsec = 5000000 }, NULL);
	CHECK(is_served(&vmm), "when they are gone there is room");
	fake_vmm_stop(&vmm);
}

/* What a process of another user is told; an errno, or 0 if it is served. */
static int ask_as(const struct fake_vmm *vmm, uid_t uid)
{
	struct transport_control *control = NULL;
	int status;
	pid_t child = fork();

	if (child == 0) {
		int ret = setuid(uid) ? -EINVAL
				      : transport_control_open(vmm->path, WAIT_MS, &control, NULL);

		_exit(-ret);
	}
	waitpid(child, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void test_only_allowed_users_are_served(void)
{
	const uid_t allowed = 12345;
	const struct transport_server_options options = { .allow = &allowed, .n_allow = 1 };
	struct fake_vmm vmm;
	struct stat st;

	if (geteuid() != 0) {
		printf("not root: the check of other users was left out\n");
		return;
	}
	REQUIRE(fake_vmm_start(&vmm, &options) == 0, "a server starts");
	CHECK(chmod(vmm.folder, 0755) == 0, "everybody can reach it");
	CHECK(ask_as(&vmm, 0) == 0, "root is served");
	CHECK(ask_as(&vmm, allowed) == 0, "who is on the list is served");
	CHECK(ask_as(&vmm, 12346) == EACCES, "who is not is refused");
	CHECK(is_served(&vmm), "and the server goes on");
	fake_vmm_stop(&vmm);

	REQUIRE(fake_vmm_start(&vmm, NULL) == 0, "a server without a list starts");
	CHECK(chmod(vmm.folder, 0755) == 0, "everybody can reach it");
	CHECK(stat(vmm.path, &st) == 0 && (st.st_mode & 0777) == 0600,
	      "its socket is for its user");
	CHECK(ask_as(&vmm, allowed) == EACCES, "others are refused");
	fake_vmm_stop(&vmm);
}

int main(void)
{
	return RUN_TESTS(test_bad_messages_end_the_conversation, test_an_unknown_verb_is_answered,
			 test_slow_clients_are_dropped, test_a_client_that_does_not_read_is_dropped,
			 test_a_state_must_be_sealed, test_there_is_a_bound_on_clients,
			 test_only_allowed_users_are_served);
}
