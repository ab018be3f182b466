// SPDX-License-Identifier: Apache-2.0
#include "realm_send.h"

#include "client.h"
#include "vmm.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>

static bool says(const struct realm_options *options, const char *when)
{
	return strcmp(options->token ? options->token : "required", when) == 0;
}

int realm_sender_open(const struct realm_options *options, struct realm_sender *realm,
		      struct failure *failure)
{
	int ret = realm_bulk_check(options->realm_contents, failure);

	*realm = (struct realm_sender){ .options = options };
	for (size_t i = 0; i < options->anchors.n && !ret; i++)
		ret = anchors_load(options->anchors.item[i], &realm->anchors, failure);
	return ret;
}

int realm_sender_meet(struct realm_sender *realm, const char *type, struct failure *failure)
{
	realm->is_realm = strcmp(type, "realm") == 0;
	if (!realm->is_realm || realm->anchors.n || says(realm->options, "none"))
		return 0;
	return failure_set(failure, SDEISTATE_NOTHING_TO_VERIFY, -ENOKEY, "realm token",
			   "--realm-anchor",
			   "the key of the other host's platform, or --realm-token none",
			   "neither");
}

void realm_sender_close(struct realm_sender *realm)
{
	realm->state = sdeistate_free(realm->state);
	anchors_free(&realm->anchors);
}

enum transport_capture_kind realm_sender_kind(const struct realm_sender *realm)
{
	return realm->is_realm && realm->options->cold ? TRANSPORT_CAPTURE_COLD
						       : TRANSPORT_CAPTURE_FINAL;
}

int realm_sender_take(struct realm_sender *realm, struct transport_control *control,
		      const struct transport_id *session, const struct transport_buffer *records,
		      struct realm_bulk *bulk, struct transport_error *err)
{
	const struct transport_state stream = { records->data, records->len };
	int ret = vmm_decode(&stream, &realm->state, err);

	return ret ? ret
		   : realm_bulk_take(control, session, records, realm->options->realm_contents,
				     bulk, err);
}

int realm_sender_challenge(struct realm_sender *realm, bool *wanted,
			   uint8_t challenge[TRANSPORT_CHALLENGE_SIZE], struct transport_error *err)
{
	const struct sdeistate *state = realm->state;

	*wanted = state && state->realm && state->realm->state != SDEISTATE_REALM_NONE &&
		  !says(realm->options, "none");
	if (!*wanted)
		return 0;
	if (getrandom(realm->challenge, sizeof(realm->challenge), 0) !=
	    (ssize_t)sizeof(realm->challenge))
		return transport_error_fill(err, -EIO, "internal", "realm token", "challenge",
					    "64 random bytes|%s", strerror(errno));
	memcpy(challenge, realm->challenge, sizeof(realm->challenge));
	return 0;
}

/* --- what the token has to say ----------------------------------------------------------------------- */

static int differs(struct transport_error *err, const char *what)
{
	return transport_error_fill(err, -ESTALE, "differs", "realm token", what,
				    "that of the realm that was captured|another");
}

static bool is(const struct kvmcore_span *span, const void *bytes, size_t len)
{
	return span->data && span->len == len && memcmp(span->data, bytes, len) == 0;
}

/* A realm that was built, and never entered. */
static int appraise_claims(const struct sdeistate_realm *realm,
			   const struct kvmcore_realm_claims *claims, struct transport_error *err)
{
	const size_t size = sdeistate_realm_hash_size(realm->hash);
	const char *hash = sdeistate_realm_hash_name(realm->hash);
	static const uint8_t zero[64];

	if (!is(&claims->hash, hash, strlen(hash)))
		return differs(err, "hash");
	if (!is(&claims->rim, realm->rim, size))
		return differs(err, "rim");
	if (!is(&claims->rpv, realm->rpv, sizeof(realm->rpv)))
		return differs(err, "rpv");
	for (unsigned int i = 0; i < KVMCORE_NR_REMS; i++)
		if (!is(&claims->rem[i], zero, size))
			return differs(err, "rem");
	return 0;
}

static int refuse(struct transport_error *err, int code, const struct kvmcore_error *error)
{
	const char *reason = code == -ENOKEY  ? "unknown-signer"
			     : code == -EPERM ? "policy"
					      : "bad-signature";

	return transport_error_fill(err, code, reason, "realm token", error->field, "%s|%s",
				    error->expected, error->actual);
}

static void destroy_token(struct kvmcore_token **token)
{
	kvmcore_token_destroy(*token);
}

static int appraise(struct realm_sender *realm, const struct transport_buffer *bytes,
		    struct transport_error *err)
{
	const struct kvmcore_token_policy policy = {
		.anchor = realm->anchors.anchor,
		.n_anchors = realm->anchors.n,
		.challenge = realm->challenge,
		.challenge_len = sizeof(realm->challenge),
	};
	CLEANUP(destroy_token) struct kvmcore_token *token = NULL;
	struct kvmcore_token_verdict verdict;
	struct kvmcore_error error = { .field = "" };
	int ret = kvmcore_token_parse(bytes->data, bytes->len, &token, &error);

	if (!ret)
		ret = kvmcore_token_verify(token, &policy, &verdict, &error);
	if (ret)
		return refuse(err, ret, &error);
	return appraise_claims(realm->state->realm, kvmcore_token_realm(token), err);
}

int realm_sender_appraise(struct realm_sender *realm, const struct transport_buffer *token,
			  const struct transport_error *why, struct transport_error *err)
{
	int ret;

	if (token->len == 0 && says(realm->options, "optional")) {
		snprintf(realm->verdict, sizeof(realm->verdict), "none: %.40s %.40s %.60s",
			 why->reason, why->object, why->field);
		return 0;
	}
	if (token->len == 0)
		return transport_error_fill(err, -EPERM, "policy", "destination", "realm token",
					    "one; --realm-token optional goes on without|%s: %s %s",
					    why->reason, why->object, why->field);
	ret = appraise(realm, token, err);
	if (!ret)
		snprintf(realm->verdict, sizeof(realm->verdict), "verified");
	return ret;
}

json_t *realm_sender_tell(const struct realm_sender *realm, json_t *json)
{
	json_t *told;

	if (!json || !realm->state || !realm->state->realm)
		return json;
	told = realm_result_json(realm->state->realm);
	json_object_set_new(told, "token",
			    json_string(realm->verdict[0] ? realm->verdict : "not asked for"));
	json_object_set_new(json, "realm", told);
	return json;
}
