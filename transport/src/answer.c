// SPDX-License-Identifier: Apache-2.0
#include "answer.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

void answer_tell(struct door *door)
{
	const struct transport_vm_status status = owner_status(&door->owner);

	if (door->ops->changed)
		door->ops->changed(door->vm, &status);
}

int answer_lacks(struct request *request, const char *callback)
{
	return transport_error_fill(&request->error, -EOPNOTSUPP, "port-lacks", "VMM", callback,
				    "a callback|none");
}

int answer_unsendable(struct request *request, int code)
{
	if (!code)
		return 0;
	return transport_error_fill(&request->error, code,
				    code == -ENOMEM ? "no-memory" : "over-limit",
				    request->verb->object, "reply", "%s|", strerror(-code));
}

/* A callback that fails without a word still gets a reason. */
int answer_said(struct request *request, int code)
{
	if (code < 0 && !request->error.reason[0])
		transport_error_fill(&request->error, code, "internal", request->verb->object, "",
				     "|%s", strerror(-code));
	return code;
}

static int say_no(struct request *request, enum owner_answer answer)
{
	const struct owner *owner = &request->door->owner;
	char id[TRANSPORT_ID_TEXT_SIZE];

	transport_id_print(&owner->session, id);
	if (answer == OWNER_BUSY)
		return transport_error_fill(&request->error, -EBUSY, "busy", "VM", "session",
					    "no other session|%s (%s)", id,
					    transport_vm_state_name(owner->state));
	return transport_error_fill(&request->error, -EPERM, "refused", "VM", "state",
				    "one that allows %s|%s",
				    transport_verb_name(request->verb->type),
				    transport_vm_state_name(owner->state));
}

static void did(struct request *request, enum owner_event event, bool stay_paused)
{
	owner_did(&request->door->owner, event, &request->who, stay_paused);
	answer_tell(request->door);
}

/* Would the end of this pause let the VM run, or leave it to the operator's pause? */
static bool lets_run(const struct owner *owner, const struct owner_asker *who)
{
	return !owner->held || transport_id_is_zero(&who->session);
}

/* Ask the matrix; 1 means go on and let the VMM act. */
int answer_may(struct request *request, enum owner_event event)
{
	const enum owner_answer answer = owner_may(&request->door->owner, event, &request->who);

	if (answer == OWNER_GO)
		return 1;
	return answer == OWNER_NOTHING ? 0 : say_no(request, answer);
}

static int answer_hello(struct request *request)
{
	const uint32_t min = transport_fields_u32(&request->fields, TAG_VERSION_MIN, 0);
	const uint32_t max = transport_fields_u32(&request->fields, TAG_VERSION_MAX, 0);

	if (min > TRANSPORT_CONTROL_VERSION || max < TRANSPORT_CONTROL_VERSION)
		return transport_error_fill(&request->error, -EPROTONOSUPPORT, "newer",
					    request->verb->object, "version", "%u|%u to %u",
					    TRANSPORT_CONTROL_VERSION, min, max);
	request->connection->greeted = true;
	return answer_unsendable(request, transport_wire_put_u32(&request->reply, TAG_VERSION,
								 TRANSPORT_CONTROL_VERSION));
}

static int answer_info(struct request *request)
{
	struct transport_buffer *reply = &request->reply;
	struct transport_vm_info info = { .n_vcpus = 0 };
	int ret;

	if (!request->door->ops->info)
		return answer_lacks(request, "info");
	ret = answer_said(request,
			  request->door->ops->info(request->door->vm, &info, &request->error));
	if (ret < 0)
		return ret;
	if (transport_wire_put_id(reply, TAG_UUID, &info.uuid) ||
	    transport_wire_put_text(reply, TAG_TYPE, info.type) ||
	    transport_wire_put_text(reply, TAG_PROFILE, info.profile) ||
	    transport_wire_put_text(reply, TAG_KERNEL, info.kernel) ||
	    transport_wire_put_u32(reply, TAG_VCPUS, info.n_vcpus) ||
	    transport_wire_put_u64(reply, TAG_GENERATION, info.generation) ||
	    transport_wire_put_u32(reply, TAG_MODEL, info.model))
		return answer_unsendable(request, -ENOMEM);
	return 0;
}

static int answer_status(struct request *request)
{
	const struct transport_vm_status status = owner_status(&request->door->owner);
	struct transport_buffer *reply = &request->reply;

	if (transport_wire_put_u32(reply, TAG_STATE, (uint32_t)status.state) ||
	    transport_wire_put_u32(reply, TAG_HELD, status.held) ||
	    transport_wire_put_id(reply, TAG_SESSION, &status.session) ||
	    transport_wire_put_id(reply, TAG_COMMITTED, &status.committed) ||
	    transport_wire_put_id(reply, TAG_INSTANCE, &request->door->instance))
		return answer_unsendable(request, -ENOMEM);
	return 0;
}

static int answer_pause(struct request *request)
{
	const struct door *door = request->door;
	int ret = answer_may(request, OWNER_PAUSE);

	if (ret != 1)
		return ret;
	if (!door->ops->pause)
		return answer_lacks(request, "pause");
	ret = answer_said(request, door->ops->pause(door->vm, &request->error));
	if (ret < 0)
		return ret;
	did(request, OWNER_PAUSE, false);
	return 0;
}

static int answer_resume(struct request *request)
{
	const struct door *door = request->door;
	int ret = answer_may(request, OWNER_RESUME);

	if (ret != 1)
		return ret;
	if (lets_run(&door->owner, &request->who)) {
		if (!door->ops->resume)
			return answer_lacks(request, "resume");
		ret = answer_said(request, door->ops->resume(door->vm, &request->error));
		if (ret < 0)
			return ret;
	}
	did(request, OWNER_RESUME, false);
	return 0;
}

int answer_is_paused(struct request *request)
{
	if (owner_may(&request->door->owner, OWNER_CAPTURE, &request->who) == OWNER_GO)
		return 0;
	return transport_error_fill(&request->error, -EBUSY, "vm-running", "VM", "state",
				    "paused by this session|%s",
				    transport_vm_state_name(request->door->owner.state));
}

/* Where only the right to run changes hands. */
static int hand(struct request *request, enum owner_event event)
{
	int ret = answer_may(request, event);

	if (ret == 1) {
		did(request, event, false);
		ret = 0;
	}
	return ret;
}

static int answer_relinquish(struct request *request)
{
	return hand(request, OWNER_RELINQUISH);
}

static int answer_reclaim(struct request *request)
{
	return hand(request, OWNER_RECLAIM);
}

static int answer_reserve(struct request *request)
{
	const struct door *door = request->door;
	int ret = answer_may(request, OWNER_RESERVE);

	if (ret != 1)
		return ret;
	if (door->ops->reserve) {
		ret = answer_said(request, door->ops->reserve(door->vm, &request->who.session,
							      &request->error));
		if (ret < 0)
			return ret;
	}
	did(request, OWNER_RESERVE, false);
	return 0;
}

static int stage(struct request *request, const struct transport_stage *stage)
{
	uint8_t digest[TRANSPORT_DIGEST_SIZE] = { 0 };
	const struct door *door = request->door;
	int ret = answer_said(request, door->ops->stage(door->vm, stage, digest, &request->error));

	if (ret < 0)
		return ret;
	ret = answer_unsendable(request, transport_wire_put(&request->reply, TAG_DIGEST, digest,
							    sizeof(digest)));
	if (!ret)
		did(request, OWNER_STAGE, false);
	return ret;
}

static int answer_stage(struct request *request)
{
	struct verb_large records = { .mapped = false }, base = { .mapped = false };
	int ret = answer_may(request, OWNER_STAGE);

	if (ret != 1)
		return ret;
	if (!request->door->ops->stage)
		return answer_lacks(request, "stage");
	ret = verb_get_large(&request->fields, TAG_RECORDS, &request->in_fds, request->verb->object,
			     &records, &request->error);
	if (!ret)
		ret = verb_get_large(&request->fields, TAG_BASE, &request->in_fds,
				     request->verb->object, &base, &request->error);
	if (!ret)
		ret = stage(request,
			    &(struct transport_stage){
				    request->who.session,
				    transport_fields_u64(&request->fields, TAG_GENERATION, 0),
				    records.state, base.state });
	verb_large_release(&records);
	verb_large_release(&base);
	return ret;
}

static int answer_prepared(struct request *request)
{
	const struct door *door = request->door;
	bool loaded = true;
	int ret = answer_may(request, OWNER_PREPARED);

	if (ret < 0)
		return ret;
	if (ret == 1) {
		if (door->ops->prepared)
			ret = answer_said(request,
					  door->ops->prepared(door->vm, &loaded, &request->error));
		if (ret == -EINPROGRESS)
			return VERB_LATER;
		if (ret < 0)
			return ret;
		if (loaded)
			did(request, OWNER_PREPARED, false);
	}
	return answer_unsendable(request,
				 transport_wire_put_u32(&request->reply, TAG_LOADED, loaded));
}

static int answer_commit(struct request *request)
{
	const bool stay = transport_fields_u32(&request->fields, TAG_STAY_PAUSED, 0) != 0;
	const struct door *door = request->door;
	int ret = answer_may(request, OWNER_COMMIT);

	if (ret != 1)
		return ret;
	if (!door->ops->commit)
		return answer_lacks(request, "commit");
	ret = answer_said(request, door->ops->commit(door->vm, stay, &request->error));
	if (ret < 0)
		return ret;
	did(request, OWNER_COMMIT, stay);
	return 0;
}

static int answer_abort(struct request *request)
{
	const struct door *door = request->door;
	int ret = answer_may(request, OWNER_ABORT);

	if (ret != 1)
		return ret;
	if (door->ops->discard)
		door->ops->discard(door->vm);
	did(request, OWNER_ABORT, false);
	return 0;
}

static int answer_end(struct request *request)
{
	const struct door *door = request->door;
	int ret = answer_may(request, OWNER_END);

	if (ret != 1)
		return ret;
	if (door->ops->end)
		door->ops->end(door->vm);
	did(request, OWNER_END, false);
	return 0;
}

static int answer_model(struct request *request)
{
	struct transport_buffer out = { .max = TRANSPORT_CONTROL_MAX_STATE };
	struct verb_large text = { .mapped = false };
	const struct door *door = request->door;
	int ret;

	if (!door->ops->model)
		return answer_lacks(request, "model");
	ret = verb_get_large(&request->fields, TAG_JSON, &request->in_fds, request->verb->object,
			     &text, &request->error);
	if (!ret)
		ret = answer_said(request, door->ops->model(door->vm, (const char *)text.state.data,
							    text.state.len, &out, &request->error));
	if (ret >= 0)
		ret = answer_unsendable(request, verb_put_large(&request->reply, TAG_JSON, out.data,
								out.len, &request->out_fds));
	verb_large_release(&text);
	transport_buffer_free(&out);
	return ret;
}

answer_fn answer_find(uint16_t type)
{
	static const struct {
		enum transport_verb verb;
		answer_fn answer;
	} row[] = {
		{ TRANSPORT_VERB_HELLO, answer_hello },
		{ TRANSPORT_VERB_INFO, answer_info },
		{ TRANSPORT_VERB_STATUS, answer_status },
		{ TRANSPORT_VERB_PAUSE, answer_pause },
		{ TRANSPORT_VERB_CAPTURE, answer_capture },
		{ TRANSPORT_VERB_RESUME, answer_resume },
		{ TRANSPORT_VERB_RELINQUISH, answer_relinquish },
		{ TRANSPORT_VERB_RECLAIM, answer_reclaim },
		{ TRANSPORT_VERB_CHECK, answer_check },
		{ TRANSPORT_VERB_RESERVE, answer_reserve },
		{ TRANSPORT_VERB_STAGE, answer_stage },
		{ TRANSPORT_VERB_PREPARED, answer_prepared },
		{ TRANSPORT_VERB_COMMIT, answer_commit },
		{ TRANSPORT_VERB_ABORT, answer_abort },
		{ TRANSPORT_VERB_END, answer_end },
		{ TRANSPORT_VERB_READ, answer_read },
		{ TRANSPORT_VERB_LOAD, answer_load },
		{ TRANSPORT_VERB_TOKEN, answer_token },
		{ TRANSPORT_VERB_REHEARSE, answer_rehearse },
		{ TRANSPORT_VERB_MODEL, answer_model },
	};

	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++)
		if (row[i].verb == type)
			return row[i].answer;
	return NULL;
}
