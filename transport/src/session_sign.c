// SPDX-License-Identifier: Apache-2.0
/* What is signed in a session, and by whom: docs/protocol.md, "Signatures" and "Outcomes". */
#include "session_link.h"

#include <errno.h>
#include <string.h>

#include "bytes.h"

#define TRANSCRIPT_MAX 512u
#define OUTCOME_TYPE   "sdei-migrate/session/outcome"

static int no_room(int code, struct transport_error *err)
{
	return transport_error_fill(err, code, code == -ENOMEM ? "no-memory" : "over-limit",
				    "session message", "body", "%s|", strerror(-code));
}

/*
 * Everything both ends must agree on, in the order of docs/protocol.md, "Signatures": version, exporter
 * value, source's and destination's nonce, session, VM, source's and destination's key; PREFLIGHT's also
 * covers what it offers.
 */
static int write_transcript(const struct session_link *link, enum session_purpose purpose,
			    struct transport_buffer *out)
{
	const bool from_source = link->role == TRANSPORT_SOURCE;
	const uint8_t *ours = link->signer->key_id, *theirs = link->peer.key_id;
	uint8_t number[8];
	int ret = 0;

	bytes_put(number, TRANSPORT_SESSION_VERSION, 4);
	ret |= transport_buffer_append(out, number, 4);
	ret |= transport_buffer_append(out, link->exporter, sizeof(link->exporter));
	ret |= transport_buffer_append(out, from_source ? link->nonce : link->peer.nonce,
				       TRANSPORT_NONCE_SIZE);
	ret |= transport_buffer_append(out, from_source ? link->peer.nonce : link->nonce,
				       TRANSPORT_NONCE_SIZE);
	ret |= transport_buffer_append(out, link->offer.session.bytes, TRANSPORT_ID_SIZE);
	ret |= transport_buffer_append(out, link->offer.vm.uuid.bytes, TRANSPORT_ID_SIZE);
	ret |= transport_buffer_append(out, from_source ? ours : theirs, TRANSPORT_KEY_ID_SIZE);
	ret |= transport_buffer_append(out, from_source ? theirs : ours, TRANSPORT_KEY_ID_SIZE);
	if (purpose == PURPOSE_PREFLIGHT) {
		bytes_put(number, link->offer.vm.generation, 8);
		ret |= transport_buffer_append(out, link->offer.snapshot.bytes, TRANSPORT_ID_SIZE);
		ret |= transport_buffer_append(out, number, 8);
		ret |= transport_buffer_append(out, &(uint8_t){ link->offer.held }, 1);
		if (link->offer.dry_run)
			ret |= transport_buffer_append(out, &(uint8_t){ 1 }, 1);
	}
	return ret ? -ENOMEM : 0;
}

static const char *purpose_type(enum session_purpose purpose)
{
	static const char *const type[] = {
		[PURPOSE_WELCOME] = "sdei-migrate/session/welcome",
		[PURPOSE_PREFLIGHT] = "sdei-migrate/session/preflight",
		[PURPOSE_RESOLVE] = "sdei-migrate/session/resolve",
		[PURPOSE_COMMIT] = "sdei-migrate/session/commit",
	};

	return type[purpose];
}

static int sign(struct session_link *link, const char *type, const struct transport_buffer *message,
		struct transport_buffer *body, struct transport_error *err)
{
	struct transport_buffer signature = { .max = TRANSPORT_MAX_SIGNATURE };
	int ret = link->signer->sign(link->signer->ctx, type, message->data, message->len,
				     &signature, err);

	if (!ret) {
		ret = transport_wire_put(body, S_TAG_SIGNATURE, signature.data, signature.len);
		if (ret)
			no_room(ret, err);
	}
	transport_buffer_free(&signature);
	return ret;
}

static int verify(struct session_link *link, const char *type,
		  const struct transport_buffer *message, const struct session_in *in,
		  struct transport_error *err)
{
	const struct transport_field *signature =
		transport_fields_find(&in->fields, S_TAG_SIGNATURE);

	if (!signature)
		return transport_error_fill(
			err, -EKEYREJECTED, "bad-signature",
			session_message_name((uint16_t)in->type), "signature",
			"one, because nothing vouches for this connection|none");
	return link->signer->verify(link->signer->ctx, link->peer.key_id, type, message->data,
				    message->len, signature->data, signature->len, err);
}

int session_link_sign(struct session_link *link, enum session_purpose purpose,
		      struct transport_buffer *body, struct transport_error *err)
{
	struct transport_buffer transcript = { .max = TRANSCRIPT_MAX };
	int ret = write_transcript(link, purpose, &transcript);

	ret = ret ? no_room(ret, err) : sign(link, purpose_type(purpose), &transcript, body, err);
	transport_buffer_free(&transcript);
	return ret;
}

/* The peer signed what it saw, with the roles as they are: the same bytes as ours. */
int session_link_verify(struct session_link *link, enum session_purpose purpose,
			const struct session_in *in, struct transport_error *err)
{
	struct transport_buffer transcript = { .max = TRANSCRIPT_MAX };
	int ret = write_transcript(link, purpose, &transcript);

	ret = ret ? no_room(ret, err) : verify(link, purpose_type(purpose), &transcript, in, err);
	transport_buffer_free(&transcript);
	return ret;
}

/* session, VM, outcome, the key that vouches for it: docs/protocol.md, "Outcomes". */
static int write_outcome(const struct session_link *link, enum transport_outcome outcome,
			 const uint8_t *key_id, struct transport_buffer *out)
{
	uint8_t number[4];
	int ret = 0;

	bytes_put(number, (uint64_t)outcome, 4);
	ret |= transport_buffer_append(out, link->offer.session.bytes, TRANSPORT_ID_SIZE);
	ret |= transport_buffer_append(out, link->offer.vm.uuid.bytes, TRANSPORT_ID_SIZE);
	ret |= transport_buffer_append(out, number, sizeof(number));
	ret |= transport_buffer_append(out, key_id, TRANSPORT_KEY_ID_SIZE);
	return ret ? -ENOMEM : 0;
}

int session_link_outcome(struct session_link *link, enum transport_outcome outcome,
			 struct transport_buffer *body, struct transport_error *err)
{
	struct transport_buffer message = { .max = TRANSCRIPT_MAX };
	int ret = write_outcome(link, outcome, link->signer->key_id, &message);

	ret = ret ? no_room(ret, err) : sign(link, OUTCOME_TYPE, &message, body, err);
	transport_buffer_free(&message);
	return ret;
}

int session_link_read_outcome(struct session_link *link, enum transport_outcome outcome,
			      const struct session_in *in, struct transport_proof *proof,
			      struct transport_error *err)
{
	struct transport_buffer message = { .max = TRANSCRIPT_MAX };
	const struct transport_field *signature;
	int ret = write_outcome(link, outcome, link->peer.key_id, &message);

	ret = ret ? no_room(ret, err) : verify(link, OUTCOME_TYPE, &message, in, err);
	if (!ret) {
		signature = transport_fields_find(&in->fields, S_TAG_SIGNATURE);
		memcpy(proof->bytes, message.data, message.len);
		memcpy(proof->bytes + message.len, signature->data, signature->len);
		proof->len = message.len + signature->len;
	}
	transport_buffer_free(&message);
	return ret;
}

int transport_proof_check(const struct transport_proof *proof, const struct transport_id *session,
			  const struct transport_signer *signer, struct transport_error *err)
{
	const size_t head = TRANSPORT_PROOF_SIZE - TRANSPORT_MAX_SIGNATURE;

	if (proof->len <= head || memcmp(proof->bytes, session->bytes, TRANSPORT_ID_SIZE) != 0 ||
	    bytes_get(proof->bytes + 2 * TRANSPORT_ID_SIZE, 4) != TRANSPORT_OUTCOME_ABORTED)
		return transport_error_fill(err, -EBADMSG, "protocol", "proof", "outcome",
					    "ABORTED of this session|another");
	return signer->verify(signer->ctx, proof->bytes + head - TRANSPORT_KEY_ID_SIZE,
			      OUTCOME_TYPE, proof->bytes, head, proof->bytes + head,
			      proof->len - head, err);
}
