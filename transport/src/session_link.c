// SPDX-License-Identifier: Apache-2.0
#include "session_link.h"

#include <errno.h>
#include <openssl/rand.h>
#include <string.h>
#include <time.h>

#include "bytes.h"
#include "clock.h"
#include "session_beat.h"
#include "stream.h"
#include "verbs.h"

#define SIGNATURE_ROOM (TRANSPORT_MAX_SIGNATURE + 16u) /* with its field's header */

static const struct transport_deadlines defaults = {
	.message_ms = 10000,
	.prepared_ms = 20000,
	.commit_ms = 20000,
	.done_ms = 20000,
};

static int pick(int given, int otherwise)
{
	return given > 0 ? given : otherwise;
}

int session_link_init(struct session_link *link, enum transport_role role,
		      struct transport_stream *stream, const struct transport_signer *signer,
		      const struct transport_deadlines *deadlines, struct transport_error *err)
{
	const struct transport_deadlines *given = deadlines ? deadlines : &defaults;

	*link = (struct session_link){
		.stream = stream,
		.sent = &stream->session_sent,
		.received = &stream->session_received,
		.signer = signer,
		.role = role,
		.max_blob = TRANSPORT_SESSION_MAX_BLOB,
		.limit = TRANSPORT_SESSION_MAX_BLOB,
		.wait = { pick(given->message_ms, defaults.message_ms),
			  pick(given->prepared_ms, defaults.prepared_ms),
			  pick(given->commit_ms, defaults.commit_ms),
			  pick(given->done_ms, defaults.done_ms), given->max_blackout_ms,
			  given->ignore_blackout },
	};
	link->silent_ms = link->wait.message_ms;
	link->last_sent = clock_now_ms();
	transport_stream_exporter(stream, link->exporter);
	if (RAND_bytes(link->nonce, sizeof(link->nonce)) != 1)
		return transport_error_fill(err, -EIO, "internal", "session", "nonce",
					    "random bytes|none");
	return 0;
}

bool session_link_is_warm(const struct session_link *link)
{
	return link->over && !link->broken && (link->peers_features & TRANSPORT_FEATURE_MORE);
}

/* What @type means for what may follow: the peer answers an ABORT when this end no longer listens. */
static void note_message(struct session_link *link, enum session_message type)
{
	link->over |= type == MESSAGE_DONE || type == MESSAGE_ABORTED || type == MESSAGE_OUTCOME;
	link->broken |= type == MESSAGE_ABORT;
}

static int no_room(int code, struct transport_error *err)
{
	return transport_error_fill(err, code, code == -ENOMEM ? "no-memory" : "over-limit",
				    "session message", "body", "%s|", strerror(-code));
}

/* The key that HELLO names must be the one that TLS saw. */
static int check_key(struct session_link *link, struct transport_error *err)
{
	uint8_t shown[TRANSPORT_FINGERPRINT_SIZE];

	if (transport_stream_peer(link->stream, shown))
		return 0;
	if (memcmp(shown, link->peer.key_id, sizeof(shown)) != 0)
		return transport_error_fill(err, -EACCES, "peer-untrusted", "session", "key id",
					    "the key of the TLS certificate|another");
	return 0;
}

static void read_peer(struct session_link *link, const struct session_in *in)
{
	const uint64_t limit = transport_fields_u64(&in->fields, S_TAG_LIMIT, 0);

	memcpy(link->peer.nonce, transport_fields_find(&in->fields, S_TAG_NONCE)->data,
	       TRANSPORT_NONCE_SIZE);
	memcpy(link->peer.key_id, transport_fields_find(&in->fields, S_TAG_KEY)->data,
	       TRANSPORT_KEY_ID_SIZE);
	link->peer.limit = limit;
	link->peers_features = transport_fields_u64(&in->fields, S_TAG_FEATURES, 0);
	link->peer.features = link->peers_features;
	if (limit < link->max_blob)
		link->max_blob = (size_t)limit;
	link->stream->passes =
		stream_can_pass(link->stream) && (link->peers_features & TRANSPORT_FEATURE_PASS);
}

static int put_common(struct session_link *link, struct transport_buffer *body)
{
	const uint64_t pass = stream_can_pass(link->stream) ? TRANSPORT_FEATURE_PASS : 0;
	int ret = transport_wire_put_u64(body, S_TAG_LIMIT, link->limit);

	ret |= transport_wire_put_u64(body, S_TAG_FEATURES,
				      link->features | TRANSPORT_FEATURE_MORE | pass);
	ret |= transport_wire_put(body, S_TAG_NONCE, link->nonce, sizeof(link->nonce));
	ret |= transport_wire_put(body, S_TAG_KEY, link->signer->key_id, TRANSPORT_KEY_ID_SIZE);
	return ret ? -ENOMEM : 0;
}

static int send_hello(struct session_link *link, struct transport_error *err)
{
	struct transport_buffer body = { .max = SESSION_SMALL_BODY };
	int ret = put_common(link, &body);

	ret |= transport_wire_put_u32(&body, S_TAG_VERSION_MIN, TRANSPORT_SESSION_VERSION);
	ret |= transport_wire_put_u32(&body, S_TAG_VERSION_MAX, TRANSPORT_SESSION_VERSION);
	ret |= transport_wire_put_id(&body, S_TAG_SESSION, &link->offer.session);
	ret |= transport_wire_put_id(&body, S_TAG_VM, &link->offer.vm.uuid);
	ret = ret ? no_room(-ENOMEM, err) : session_link_send(link, MESSAGE_HELLO, &body, err);
	transport_buffer_free(&body);
	return ret;
}

static int64_t now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

int session_link_greet(struct session_link *link, struct transport_error *err)
{
	__attribute__((cleanup(session_in_release))) struct session_in in = { .body.len = 0 };
	const int64_t began = now_us();
	uint32_t version;
	int ret = send_hello(link, err);

	if (!ret)
		ret = session_link_expect(link, MESSAGE_WELCOME, link->wait.message_ms, &in, err);
	if (ret)
		return ret;
	version = transport_fields_u32(&in.fields, S_TAG_VERSION, 0);
	if (version != TRANSPORT_SESSION_VERSION)
		return transport_error_fill(err, -EPROTONOSUPPORT, "newer", "session", "version",
					    "%u|%u", TRANSPORT_SESSION_VERSION, version);
	read_peer(link, &in);
	link->peer.round_trip_us = (uint64_t)(now_us() - began);
	ret = check_key(link, err);
	return ret ? ret : session_link_verify(link, PURPOSE_WELCOME, &in, err);
}

static int send_welcome(struct session_link *link, struct transport_error *err)
{
	struct transport_buffer body = { .max = SESSION_SMALL_BODY };
	int ret = put_common(link, &body);

	ret |= transport_wire_put_u32(&body, S_TAG_VERSION, TRANSPORT_SESSION_VERSION);
	ret = ret ? no_room(-ENOMEM, err) : session_link_sign(link, PURPOSE_WELCOME, &body, err);
	if (!ret)
		ret = session_link_send(link, MESSAGE_WELCOME, &body, err);
	transport_buffer_free(&body);
	return ret;
}

int session_link_welcome(struct session_link *link, struct transport_error *err)
{
	__attribute__((cleanup(session_in_release))) struct session_in in = { .body.len = 0 };
	uint32_t min, max;
	int ret = session_link_expect(link, MESSAGE_HELLO, link->wait.message_ms, &in, err);

	if (ret)
		return ret;
	min = transport_fields_u32(&in.fields, S_TAG_VERSION_MIN, 0);
	max = transport_fields_u32(&in.fields, S_TAG_VERSION_MAX, 0);
	if (min > TRANSPORT_SESSION_VERSION || max < TRANSPORT_SESSION_VERSION)
		return transport_error_fill(err, -EPROTONOSUPPORT, "newer", "session", "version",
					    "%u|%u to %u", TRANSPORT_SESSION_VERSION, min, max);
	read_peer(link, &in);
	link->offer.session = transport_fields_id(&in.fields, S_TAG_SESSION);
	link->offer.vm.uuid = transport_fields_id(&in.fields, S_TAG_VM);
	memcpy(link->offer.source_key, link->peer.key_id, TRANSPORT_KEY_ID_SIZE);
	if (transport_id_is_zero(&link->offer.session))
		return transport_error_fill(err, -EBADMSG, "protocol", "session", "id",
					    "not zero|zero");
	ret = check_key(link, err);
	return ret ? ret : send_welcome(link, err);
}

int session_link_send(struct session_link *link, enum session_message type,
		      const struct transport_buffer *body, struct transport_error *err)
{
	int ret;

	link->last_sent = clock_now_ms();
	ret = session_write(link->stream, type, link->sent, body, link->wait.message_ms, err);
	link->broken |= ret != 0;
	note_message(link, type);
	return ret;
}

static int put_error(struct transport_buffer *body, uint16_t tag,
		     const struct transport_error *error)
{
	struct transport_buffer bytes = { .max = 1024 };
	int ret = verb_put_error(&bytes, error);

	if (!ret)
		ret = transport_wire_put(body, tag, bytes.data, bytes.len);
	transport_buffer_free(&bytes);
	return ret;
}

int session_link_put_error(struct transport_buffer *body, const struct transport_error *error)
{
	return put_error(body, S_TAG_ERROR, error);
}

int session_link_read_error(const struct session_in *in, struct transport_error *err)
{
	const struct transport_field *field = transport_fields_find(&in->fields, S_TAG_ERROR);

	if (field && verb_get_error(field->data, field->len, err, NULL) == 0)
		return err->code;
	return transport_error_fill(err, -ECANCELED, "peer", "session", "", "a reason|none");
}

static void take_obstacles(const struct session_in *in, struct transport_issues *all)
{
	for (unsigned int i = 0; i < in->fields.n_fields; i++) {
		const struct transport_field *field = &in->fields.field[i];

		if (field->tag == S_TAG_OBSTACLE && all->n_issues < TRANSPORT_CONTROL_MAX_ISSUES &&
		    verb_get_error(field->data, field->len, &all->issue[all->n_issues], NULL) == 0)
			all->n_issues++;
	}
}

/* What the peer says of its failure, as ours. */
static int take_error(struct session_link *link, const struct session_in *in,
		      struct transport_error *err)
{
	const struct transport_field *field = transport_fields_find(&in->fields, S_TAG_ERROR);
	struct transport_error said;

	if (!field || verb_get_error(field->data, field->len, &said, NULL))
		return transport_error_fill(err, -ECANCELED, "peer", "session", "",
					    "the peer to go on|it gave up without a reason");
	link->peer_gave_up = true;
	if (link->obstacles)
		take_obstacles(in, link->obstacles);
	if (err)
		*err = said;
	return said.code;
}

static int hear_aborted(struct session_link *link, const struct session_in *in,
			struct transport_error *err)
{
	int ret;

	if (in->type == MESSAGE_ABORT)
		return take_error(link, in, err);
	ret = session_link_read_outcome(link, TRANSPORT_OUTCOME_ABORTED, in, &link->proof, err);
	if (ret)
		return ret;
	link->peer_aborted = true;
	return take_error(link, in, err);
}

int session_link_expect(struct session_link *link, enum session_message type, int timeout_ms,
			struct session_in *in, struct transport_error *err)
{
	return session_link_expect_any(link, &type, 1, timeout_ms, in, err);
}

static bool is_one_of(enum session_message got, const enum session_message *type, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (type[i] == got)
			return true;
	return false;
}

int session_link_expect_either(struct session_link *link, enum session_message other,
			       enum session_message type, int timeout_ms, struct session_in *in,
			       struct transport_error *err)
{
	const enum session_message types[] = { type, other };

	return session_link_expect_any(link, types, 2, timeout_ms, in, err);
}

int session_link_expect_any(struct session_link *link, const enum session_message *type, size_t n,
			    int timeout_ms, struct session_in *in, struct transport_error *err)
{
	struct session_in got;
	int ret = session_beat_read(link, is_one_of(MESSAGE_HEARTBEAT, type, n), timeout_ms, &got,
				    err);

	link->broken |= ret != 0;
	if (ret)
		return ret;
	note_message(link, got.type);
	if (is_one_of(got.type, type, n)) {
		*in = got;
		return 0;
	}
	if (got.type == MESSAGE_ABORT ||
	    (got.type == MESSAGE_ABORTED && link->role == TRANSPORT_SOURCE))
		ret = hear_aborted(link, &got, err);
	else
		ret = transport_error_fill(err, -EBADMSG, "protocol",
					   session_message_name((uint16_t)type[0]), "order",
					   "this message|%s",
					   session_message_name((uint16_t)got.type));
	link->broken |= ret == -EBADMSG;
	session_in_release(&got);
	return ret;
}

/* As many as fit beside a signature. */
static int put_obstacles(struct transport_buffer *body, const struct transport_issues *all)
{
	int ret = 0;

	body->max -= SIGNATURE_ROOM;
	for (unsigned int i = 0; all && i < all->n_issues && !ret; i++)
		ret = put_error(body, S_TAG_OBSTACLE, &all->issue[i]);
	body->max += SIGNATURE_ROOM;
	return ret == -E2BIG ? 0 : ret;
}

void session_link_abort(struct session_link *link, const struct transport_error *why,
			const struct transport_issues *all)
{
	struct transport_buffer body = { .max = SESSION_SMALL_BODY };
	const bool signs = link->role == TRANSPORT_DESTINATION && link->known;
	int ret = session_link_put_error(&body, why);

	if (!ret)
		ret = put_obstacles(&body, all);
	if (!ret && signs)
		ret = session_link_outcome(link, TRANSPORT_OUTCOME_ABORTED, &body, NULL);
	if (!ret)
		session_link_send(link, signs ? MESSAGE_ABORTED : MESSAGE_ABORT, &body, NULL);
	transport_buffer_free(&body);
}
