// SPDX-License-Identifier: Apache-2.0
/*
 * The control server's door: whatever an allowed client sends, through framing, rules and the ownership
 * matrix, down to a VMM that does nothing. The input is the client's bytes; odd ones come without HELLO.
 */
#include "answer.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static int say_yes(void *vm, struct transport_error *err)
{
	(void)vm;
	(void)err;
	return 0;
}

static int info(void *vm, struct transport_vm_info *out, struct transport_error *err)
{
	(void)vm;
	(void)err;
	memcpy(out->type, "arm64", sizeof("arm64"));
	return 0;
}

static int capture(void *vm, enum transport_capture_kind kind, const struct transport_state *base,
		   struct transport_buffer *out, struct transport_error *err)
{
	(void)vm;
	(void)kind;
	(void)err;
	return transport_buffer_append(out, base->data, base->len);
}

static int check(void *vm, const struct transport_state *records, struct transport_issues *issues,
		 struct transport_error *err)
{
	(void)vm;
	(void)err;
	while (issues->n_issues < TRANSPORT_CONTROL_MAX_ISSUES && issues->n_issues < records->len)
		issues->issue[issues->n_issues++] = (struct transport_error){ .code = -1 };
	return 0;
}

static int stage(void *vm, const struct transport_stage *staged, uint8_t *digest,
		 struct transport_error *err)
{
	(void)vm;
	(void)err;
	digest[0] = staged->records.len ? staged->records.data[staged->records.len - 1] : 0;
	return 0;
}

static int commit(void *vm, bool stay_paused, struct transport_error *err)
{
	(void)vm;
	(void)stay_paused;
	(void)err;
	return 0;
}

static int model(void *vm, const char *request, size_t len, struct transport_buffer *out,
		 struct transport_error *err)
{
	(void)vm;
	(void)err;
	return transport_buffer_append(out, request, len);
}

static const struct transport_control_ops ops = {
	.info = info,
	.pause = say_yes,
	.resume = say_yes,
	.capture = capture,
	.check = check,
	.stage = stage,
	.commit = commit,
	.model = model,
};

/* Take every whole message that is there. */
static void serve(struct connection *connection, int peer)
{
	uint8_t reply[4096];

	while (channel_receive(&connection->channel) == 1) {
		const int ret = verb_serve(connection);

		while (channel_send(&connection->channel) == 0)
			if (read(peer, reply, sizeof(reply)) <= 0)
				return;
		while (recv(peer, reply, sizeof(reply), MSG_DONTWAIT) > 0)
			;
		channel_next(&connection->channel);
		if (ret)
			return;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct door door = { .fd = -1, .ops = &ops };
	struct connection connection = { .door = &door };
	int pair[2];

	if (size == 0 || size > 65536 || socketpair(AF_UNIX, SOCK_STREAM, 0, pair) < 0)
		return 0;
	channel_init(&connection.channel, pair[0]);
	connection.greeted = !(data[0] & 1);
	if (send(pair[1], data + 1, size - 1, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0)
		serve(&connection, pair[1]);
	verb_drop(&connection);
	channel_release(&connection.channel);
	close(pair[1]);
	return 0;
}
