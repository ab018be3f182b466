// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <transport/control.h>
#include <unistd.h>

#include "call.h"

static int tell(struct transport_control *control, enum transport_verb verb,
		const struct transport_id *session, struct transport_error *err)
{
	OWNED_CALL struct call call;

	return call_for_session(control, verb, session, &call, err);
}

static int say_hello(struct transport_control *control, struct transport_error *err)
{
	OWNED_CALL struct call call;
	uint32_t version;
	int ret;

	call_open(&call, TRANSPORT_VERB_HELLO);
	ret = transport_wire_put_u32(&call.body, TAG_VERSION_MIN, TRANSPORT_CONTROL_VERSION);
	if (!ret)
		ret = transport_wire_put_u32(&call.body, TAG_VERSION_MAX,
					     TRANSPORT_CONTROL_VERSION);
	if (ret)
		return call_unsendable(&call, ret, err);
	ret = call_make(control, &call, err);
	if (ret)
		return ret;
	version = transport_fields_u32(&call.reply, TAG_VERSION, 0);
	if (version != TRANSPORT_CONTROL_VERSION)
		return transport_error_fill(err, -EBADMSG, "protocol", call.verb->object, "version",
					    "%u|%u", TRANSPORT_CONTROL_VERSION, version);
	return 0;
}

static int connect_to(const char *path, int *fd, struct transport_error *err)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int made;

	if (strlen(path) >= sizeof(address.sun_path))
		return transport_error_fill(err, -ENAMETOOLONG, "usage", path, "length",
					    "at most %zu|%zu", sizeof(address.sun_path) - 1,
					    strlen(path));
	memcpy(address.sun_path, path, strlen(path) + 1);
	made = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (made < 0 || connect(made, (struct sockaddr *)&address, sizeof(address)) < 0) {
		const int code = -errno;

		if (made >= 0)
			close(made);
		return transport_error_fill(err, code, "peer", path, "control socket",
					    "a VMM that listens|%s", strerror(-code));
	}
	*fd = made;
	return 0;
}

int transport_control_open(const char *path, int timeout_ms, struct transport_control **control,
			   struct transport_error *err)
{
	struct transport_control *made = calloc(1, sizeof(*made));
	int fd = -1, ret;

	if (!made)
		return transport_error_fill(err, -ENOMEM, "no-memory", path, "", "|");
	ret = connect_to(path, &fd, err);
	channel_init(&made->channel, fd);
	made->timeout_ms = timeout_ms;
	if (!ret)
		ret = say_hello(made, err);
	if (ret)
		transport_control_close(made);
	else
		*control = made;
	return ret;
}

struct transport_control *transport_control_close(struct transport_control *control)
{
	if (control) {
		channel_release(&control->channel);
		free(control);
	}
	return NULL;
}

void transport_control_set_timeout(struct transport_control *control, int timeout_ms)
{
	control->timeout_ms = timeout_ms;
}

void transport_control_on_wait(struct transport_control *control, void (*waiting)(void *ctx),
			       void *ctx)
{
	control->waiting = waiting;
	control->waiting_ctx = ctx;
}

int transport_control_info(struct transport_control *control, struct transport_vm_info *info,
			   struct transport_error *err)
{
	OWNED_CALL struct call call;
	struct transport_vm_info found = { .n_vcpus = 0 };
	int ret;

	call_open(&call, TRANSPORT_VERB_INFO);
	ret = call_make(control, &call, err);
	if (ret)
		return ret;
	found.uuid = transport_fields_id(&call.reply, TAG_UUID);
	transport_fields_text(&call.reply, TAG_TYPE, found.type, sizeof(found.type));
	transport_fields_text(&call.reply, TAG_PROFILE, found.profile, sizeof(found.profile));
	transport_fields_text(&call.reply, TAG_KERNEL, found.kernel, sizeof(found.kernel));
	found.n_vcpus = transport_fields_u32(&call.reply, TAG_VCPUS, 0);
	found.generation = transport_fields_u64(&call.reply, TAG_GENERATION, 0);
	found.model = transport_fields_u32(&call.reply, TAG_MODEL, 0) != 0;
	*info = found;
	return 0;
}

int transport_control_status(struct transport_control *control, struct transport_vm_status *status,
			     struct transport_error *err)
{
	OWNED_CALL struct call call;
	uint32_t state;
	int ret;

	call_open(&call, TRANSPORT_VERB_STATUS);
	ret = call_make(control, &call, err);
	if (ret)
		return ret;
	state = transport_fields_u32(&call.reply, TAG_STATE, 0);
	if (state >= TRANSPORT_VM_NR_STATES)
		return transport_error_fill(err, -EBADMSG, "protocol", call.verb->object, "state",
					    "below %u|%u", TRANSPORT_VM_NR_STATES, state);
	*status = (struct transport_vm_status){
		.state = (enum transport_vm_state)state,
		.may_run = state == TRANSPORT_VM_RUNNING,
		.held = transport_fields_u32(&call.reply, TAG_HELD, 0) != 0,
		.session = transport_fields_id(&call.reply, TAG_SESSION),
		.committed = transport_fields_id(&call.reply, TAG_COMMITTED),
		.instance = transport_fields_id(&call.reply, TAG_INSTANCE),
	};
	return 0;
}

int transport_control_pause(struct transport_control *control, const struct transport_id *session,
			    struct transport_error *err)
{
	return tell(control, TRANSPORT_VERB_PAUSE, session, err);
}

int transport_control_resume(struct transport_control *control, const struct transport_id *session,
			     struct transport_error *err)
{
	return tell(control, TRANSPORT_VERB_RESUME, session, err);
}

int call_large(struct call *call, uint16_t tag, struct transport_buffer *out,
	       struct transport_error *err)
{
	struct verb_large large;
	int ret = verb_get_large(&call->reply, tag, &call->reply_fds, call->verb->object, &large,
				 err);

	if (ret)
		return ret;
	ret = transport_buffer_append(out, large.state.data, large.state.len);
	if (ret)
		transport_error_fill(err, ret, ret == -ENOMEM ? "no-memory" : "over-limit",
				     call->verb->object, "reply", "at most %zu bytes|%zu bytes",
				     out->max - out->len, large.state.len);
	verb_large_release(&large);
	return ret;
}

int transport_control_relinquish(struct transport_control *control,
				 const struct transport_id *session, struct transport_error *err)
{
	return tell(control, TRANSPORT_VERB_RELINQUISH, session, err);
}

int transport_control_reclaim(struct transport_control *control, const struct transport_id *session,
			      const void *proof, size_t len, struct transport_error *err)
{
	OWNED_CALL struct call call;
	int ret;

	call_open(&call, TRANSPORT_VERB_RECLAIM);
	ret = transport_wire_put_id(&call.body, TAG_SESSION, session);
	if (!ret)
		ret = transport_wire_put(&call.body, TAG_PROOF, proof, len);
	return ret ? call_unsendable(&call, ret, err) : call_make(control, &call, err);
}

int transport_control_reserve(struct transport_control *control, const struct transport_id *session,
			      struct transport_error *err)
{
	return tell(control, TRANSPORT_VERB_RESERVE, session, err);
}

static int ask_stage(struct call *call, const struct transport_stage *stage,
		     struct transport_error *err)
{
	int ret;

	call_open(call, TRANSPORT_VERB_STAGE);
	ret = transport_wire_put_id(&call->body, TAG_SESSION, &stage->session);
	if (!ret)
		ret = transport_wire_put_u64(&call->body, TAG_GENERATION, stage->generation);
	if (!ret)
		ret = verb_put_large(&call->body, TAG_RECORDS, stage->records.data,
				     stage->records.len, &call->fds);
	if (!ret && stage->base.len)
		ret = verb_put_large(&call->body, TAG_BASE, stage->base.data, stage->base.len,
				     &call->fds);
	return ret ? call_unsendable(call, ret, err) : 0;
}

static void read_digest(const struct call *call, uint8_t digest[TRANSPORT_DIGEST_SIZE])
{
	memcpy(digest, transport_fields_find(&call->reply, TAG_DIGEST)->data,
	       TRANSPORT_DIGEST_SIZE);
}

int transport_control_stage(struct transport_control *control, const struct transport_stage *stage,
			    uint8_t digest[TRANSPORT_DIGEST_SIZE], struct transport_error *err)
{
	OWNED_CALL struct call call;
	int ret = ask_stage(&call, stage, err);

	if (!ret)
		ret = call_make(control, &call, err);
	if (!ret)
		read_digest(&call, digest);
	return ret;
}

int transport_control_stage_prepared(struct transport_control *control,
				     const struct transport_stage *stage,
				     uint8_t digest[TRANSPORT_DIGEST_SIZE], bool *prepared,
				     struct transport_error *err)
{
	OWNED_CALL struct call call, next;
	uint8_t found[TRANSPORT_DIGEST_SIZE];
	int ret;

	call_open(&next, TRANSPORT_VERB_PREPARED);
	ret = ask_stage(&call, stage, err);
	if (ret)
		return ret;
	ret = transport_wire_put_id(&next.body, TAG_SESSION, &stage->session);
	if (ret)
		return call_unsendable(&next, ret, err);
	ret = call_make_two(control, &call, &next, err);
	if (ret)
		return ret;
	read_digest(&call, found);
	ret = call_take(control, &next, err);
	if (ret)
		return ret;
	memcpy(digest, found, sizeof(found));
	*prepared = transport_fields_u32(&next.reply, TAG_LOADED, 0) != 0;
	return 0;
}

int transport_control_prepared(struct transport_control *control,
			       const struct transport_id *session, bool *prepared,
			       struct transport_error *err)
{
	OWNED_CALL struct call call;
	int ret = call_for_session(control, TRANSPORT_VERB_PREPARED, session, &call, err);

	if (!ret)
		*prepared = transport_fields_u32(&call.reply, TAG_LOADED, 0) != 0;
	return ret;
}

int transport_control_commit(struct transport_control *control, const struct transport_id *session,
			     bool stay_paused, struct transport_error *err)
{
	OWNED_CALL struct call call;
	int ret;

	call_open(&call, TRANSPORT_VERB_COMMIT);
	ret = transport_wire_put_id(&call.body, TAG_SESSION, session);
	if (!ret)
		ret = transport_wire_put_u32(&call.body, TAG_STAY_PAUSED, stay_paused);
	return ret ? call_unsendable(&call, ret, err) : call_make(control, &call, err);
}

int transport_control_abort(struct transport_control *control, const struct transport_id *session,
			    struct transport_error *err)
{
	return tell(control, TRANSPORT_VERB_ABORT, session, err);
}

int transport_control_end(struct transport_control *control, const struct transport_id *session,
			  struct transport_error *err)
{
	return tell(control, TRANSPORT_VERB_END, session, err);
}

int transport_control_read(struct transport_control *control, const struct transport_id *session,
			   uint32_t part, uint64_t offset, size_t len, struct transport_buffer *out,
			   struct transport_error *err)
{
	OWNED_CALL struct call call;
	int ret;

	call_open(&call, TRANSPORT_VERB_READ);
	ret = transport_wire_put_id(&call.body, TAG_SESSION, session);
	if (!ret)
		ret = transport_wire_put_u32(&call.body, TAG_PART, part);
	if (!ret)
		ret = transport_wire_put_u64(&call.body, TAG_OFFSET, offset);
	if (!ret)
		ret = transport_wire_put_u64(&call.body, TAG_LENGTH, len);
	if (ret)
		return call_unsendable(&call, ret, err);
	ret = call_make(control, &call, err);
	return ret ? ret : call_large(&call, TAG_BYTES, out, err);
}

int transport_control_load(struct transport_control *control, const struct transport_id *session,
			   uint32_t part, uint64_t offset, const struct transport_state *bytes,
			   struct transport_error *err)
{
	OWNED_CALL struct call call;
	int ret;

	call_open(&call, TRANSPORT_VERB_LOAD);
	ret = transport_wire_put_id(&call.body, TAG_SESSION, session);
	if (!ret)
		ret = transport_wire_put_u32(&call.body, TAG_PART, part);
	if (!ret)
		ret = transport_wire_put_u64(&call.body, TAG_OFFSET, offset);
	if (!ret)
		ret = verb_put_large(&call.body, TAG_BYTES, bytes->data, bytes->len, &call.fds);
	return ret ? call_unsendable(&call, ret, err) : call_make(control, &call, err);
}

int transport_control_token(struct transport_control *control, const struct transport_id *session,
			    const uint8_t challenge[TRANSPORT_CHALLENGE_SIZE],
			    struct transport_buffer *out, struct transport_error *err)
{
	const struct transport_field *token;
	OWNED_CALL struct call call;
	int ret;

	call_open(&call, TRANSPORT_VERB_TOKEN);
	ret = transport_wire_put_id(&call.body, TAG_SESSION, session);
	if (!ret)
		ret = transport_wire_put(&call.body, TAG_CHALLENGE, challenge,
					 TRANSPORT_CHALLENGE_SIZE);
	if (ret)
		return call_unsendable(&call, ret, err);
	ret = call_make(control, &call, err);
	if (ret)
		return ret;
	token = transport_fields_find(&call.reply, TAG_TOKEN);
	ret = transport_buffer_append(out, token->data, token->len);
	return ret ? transport_error_fill(err, ret, "over-limit", call.verb->object, "token",
					  "at most %zu bytes|%u bytes", out->max,
					  (unsigned int)token->len)
		   : 0;
}

int transport_control_model(struct transport_control *control, const char *request, size_t len,
			    struct transport_buffer *out, struct transport_error *err)
{
	OWNED_CALL struct call call;
	int ret;

	call_open(&call, TRANSPORT_VERB_MODEL);
	ret = verb_put_large(&call.body, TAG_JSON, request, len, &call.fds);
	if (ret)
		return call_unsendable(&call, ret, err);
	ret = call_make(control, &call, err);
	return ret ? ret : call_large(&call, TAG_JSON, out, err);
}
