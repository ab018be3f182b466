// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "answer.h"

int verb_refuse(struct connection *connection, uint16_t type, uint64_t id,
		const struct transport_error *error)
{
	struct transport_buffer body = { .max = 1024 };
	struct transport_header header = { 0, type, VERB_REPLY | VERB_ERROR, id };
	int ret = verb_put_error(&body, error);

	header.length = (uint32_t)body.len;
	if (!ret)
		ret = channel_queue(&connection->channel, &header, &body, NULL, 0);
	transport_buffer_free(&body);
	return ret;
}

static int queue_reply(struct request *request)
{
	const struct transport_header header = { (uint32_t)request->reply.len, request->verb->type,
						 VERB_REPLY,
						 request->connection->channel.header.id };
	const unsigned int n_fds = request->out_fds.n_fds;

	request->out_fds.n_fds = 0;
	return channel_queue(&request->connection->channel, &header, &request->reply,
			     request->out_fds.fd, n_fds);
}

/* May this be asked now, and is it well formed? */
static int understand(struct request *request)
{
	const struct channel *channel = &request->connection->channel;

	if (!request->verb)
		return transport_error_fill(&request->error, -EOPNOTSUPP, "protocol",
					    "control message", "type", "a known type|0x%x",
					    channel->header.type);
	if (channel->header.flags)
		return transport_error_fill(&request->error, -EBADMSG, "protocol",
					    request->verb->object, "flags", "0|0x%x",
					    channel->header.flags);
	if (request->connection->greeted == (request->verb->type == TRANSPORT_VERB_HELLO))
		return transport_error_fill(&request->error, -EBADMSG, "protocol",
					    request->verb->object, "order", "HELLO first, once|%s",
					    transport_verb_name(request->verb->type));
	return transport_wire_parse(channel->body.data, channel->body.len, request->verb->request,
				    request->verb->n_request, request->verb->object,
				    &request->fields, &request->error);
}

static void release(struct request *request)
{
	for (unsigned int i = 0; i < request->out_fds.n_fds; i++)
		close(request->out_fds.fd[i]);
	transport_buffer_free(&request->reply);
}

int verb_serve(struct connection *connection)
{
	const struct channel *channel = &connection->channel;
	__attribute__((cleanup(release))) struct request request = {
		.connection = connection,
		.door = connection->door,
		.verb = verb_find(channel->header.type),
		.reply.max = TRANSPORT_CONTROL_MAX_BODY,
	};
	const int misunderstood = understand(&request);
	int ret = misunderstood;

	if (!ret) {
		memcpy(request.in_fds.fd, channel->in_fd, sizeof(request.in_fds.fd));
		request.in_fds.n_fds = channel->n_in_fds;
		request.who.connection = connection;
		request.who.session = transport_fields_id(&request.fields, TAG_SESSION);
		ret = answer_find(request.verb->type)(&request);
	}
	if (ret == VERB_LATER)
		return ret;
	if (ret >= 0)
		ret = queue_reply(&request);
	else
		ret = verb_refuse(connection, channel->header.type, channel->header.id,
				  &request.error);
	/* An unknown verb may be a newer mover's; anything else malformed ends the conversation. */
	return ret ? ret : misunderstood == -EOPNOTSUPP ? 0 : misunderstood;
}

void verb_drop(struct connection *connection)
{
	struct door *door = connection->door;
	const struct owner_asker who = { door->owner.session, connection };
	int ret = 0;

	if (owner_may(&door->owner, OWNER_DROP, &who) != OWNER_GO)
		return;
	if (!door->owner.held)
		ret = door->ops->resume ? door->ops->resume(door->vm, NULL) : -EOPNOTSUPP;
	if (ret < 0)
		owner_keep(&door->owner);
	else
		owner_did(&door->owner, OWNER_DROP, &who, false);
	answer_tell(door);
}
