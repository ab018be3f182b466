// SPDX-License-Identifier: Apache-2.0
#include "mover.h"

#include "client.h"
#include "sealing.h"
#include "vmm.h"

#include <errno.h>
#include <sdeistate/delta.h>
#include <sdeistate/trust.h>
#include <string.h>
#include <time.h>

#define DEFAULT_TIMEOUT_MS 10000

_Static_assert(TRANSPORT_KEY_ID_SIZE == SDEISTATE_KEY_ID_SIZE, "both speak of the same keys");
_Static_assert(TRANSPORT_FINGERPRINT_SIZE == SDEISTATE_KEY_ID_SIZE, "a key id is its fingerprint");
_Static_assert(TRANSPORT_ID_SIZE == SDEISTATE_ID_SIZE, "both speak of the same ids");

int mover_error(struct transport_error *err, const struct failure *failure)
{
	return transport_error_fill(err, failure->code, failure_reason_name(failure->reason),
				    failure->object, failure->field, "%s|%s", failure->expected,
				    failure->actual);
}

static int sign(void *ctx, const char *type, const void *message, size_t len,
		struct transport_buffer *signature, struct transport_error *err)
{
	CLEANUP(sdeistate_buffer_free) struct sdeistate_buffer made = { 0 };
	const struct mover *mover = ctx;
	struct sdeistate_error error;

	if (sdeistate_sign(mover->key, type, message, len, &made, &error))
		return vmm_error(err, &error);
	if (transport_buffer_append(signature, made.data, made.len))
		return transport_error_fill(err, -ENOMEM, "no-memory", "signature", "", "|");
	return 0;
}

int mover_believes(const struct mover *mover, const uint8_t key_id[TRANSPORT_KEY_ID_SIZE],
		   struct transport_error *err)
{
	struct sdeistate_error error;

	if (!sdeistate_trust_find(mover->peers, key_id))
		return transport_error_fill(err, -EACCES, "peer-untrusted", "session", "key id",
					    "a key of --peer|another");
	return sdeistate_trust_check(mover->peers, key_id, (uint64_t)time(NULL), &error)
		       ? vmm_error(err, &error)
		       : 0;
}

static int verify(void *ctx, const uint8_t key_id[TRANSPORT_KEY_ID_SIZE], const char *type,
		  const void *message, size_t len, const void *signature, size_t signature_len,
		  struct transport_error *err)
{
	const struct mover *mover = ctx;
	const struct sdeistate_pub *pub;
	struct sdeistate_error error;
	int ret = mover_believes(mover, key_id, err);

	if (ret)
		return ret;
	pub = sdeistate_trust_find(mover->peers, key_id);
	if (sdeistate_verify(pub, type, message, len, signature, signature_len, &error))
		return vmm_error(err, &error);
	return 0;
}

/* PREFIX.crt of PREFIX.key, as keygen names them. */
char *mover_certificate(const struct mover_options *options)
{
	const size_t len = strlen(options->key);
	const bool named = len > 4 && strcmp(options->key + len - 4, ".key") == 0;
	char *path = NULL;

	if (options->certificate)
		return strdup(options->certificate);
	return asprintf(&path, "%.*s.crt", (int)(named ? len - 4 : len), options->key) < 0 ? NULL
											   : path;
}

static int open_tls(const struct mover_options *options, struct mover *mover,
		    struct failure *failure)
{
	OWNED_MEMORY char *certificate = options->psk ? NULL : mover_certificate(options);
	struct transport_error err;

	if (options->psk)
		return transport_tls_new_psk(options->psk, &mover->tls, &err)
			       ? client_failure(failure, &err)
			       : 0;
	if (!certificate)
		return failure_set(failure, SDEISTATE_NO_MEMORY, -ENOMEM, "TLS", NULL, NULL, NULL);
	if (transport_tls_new(options->key, certificate, options->peer, &mover->tls, &err))
		return client_failure(failure, &err);
	return 0;
}

static bool needs_tls(const struct mover_options *options)
{
	return !options->insecure_no_tls && strncmp(options->uri, "unix:", 5) != 0;
}

static int missing(struct failure *failure, const char *option, const char *expected)
{
	return failure_set(failure, SDEISTATE_USAGE, -EINVAL, "command line", option, expected,
			   "nothing");
}

int mover_open(const struct mover_options *options, struct mover *mover, struct failure *failure)
{
	struct sdeistate_error error;
	int ret;

	*mover = (struct mover){ .insecure_no_tls = options->insecure_no_tls };
	mover->timeout_ms =
		options->timeout.given ? (int)options->timeout.value : DEFAULT_TIMEOUT_MS;
	/* docs/protocol.md, 6: a peer that says it is at it has twice as long as one that says nothing. */
	mover->deadlines = (struct transport_deadlines){
		.message_ms = mover->timeout_ms,
		.prepared_ms = 2 * mover->timeout_ms,
		.commit_ms = 2 * mover->timeout_ms,
		.done_ms = 2 * mover->timeout_ms,
	};
	if (!options->key || !options->key[0])
		return missing(failure, "--key", "the private key of this host");
	if (!options->peer || !options->peer[0])
		return missing(failure, "--peer", "the certificate of the other host");
	if (options->psk && !needs_tls(options))
		return failure_set(failure, SDEISTATE_USAGE, -EINVAL, "command line", "--psk",
				   "a carrier with TLS", options->uri);
	ret = key_load(options->key, &mover->key, failure);
	if (ret)
		return ret;
	if (sdeistate_trust_load(options->peer, &mover->peers, &error))
		return failure_from(failure, &error);
	ret = policy_options_load(&options->policy, &mover->policy, failure);
	if (ret)
		return ret;
	mover->signer = (struct transport_signer){ .ctx = mover, .sign = sign, .verify = verify };
	memcpy(mover->signer.key_id, sdeistate_pub_id(sdeistate_key_pub(mover->key)),
	       TRANSPORT_KEY_ID_SIZE);
	return needs_tls(options) ? open_tls(options, mover, failure) : 0;
}

void mover_close(struct mover *mover)
{
	transport_tls_free(mover->tls);
	sdeistate_trust_free(mover->peers);
	sdeistate_key_free(mover->key);
	policy_free(mover->policy);
	*mover = (struct mover){ .key = NULL };
}

struct transport_stream_options mover_stream_options(const struct mover *mover)
{
	return (struct transport_stream_options){
		.tls = mover->tls,
		.insecure_no_tls = mover->insecure_no_tls,
		.timeout_ms = mover->timeout_ms,
	};
}

static int digest_records(const struct transport_buffer *records,
			  uint8_t digest[TRANSPORT_DIGEST_SIZE], struct transport_error *err)
{
	OWNED_MEMORY struct sdeistate_index *index = malloc(sizeof(*index));
	struct sdeistate_error error;

	if (!index)
		return transport_error_fill(err, -ENOMEM, "no-memory", "records", "", "|");
	if (sdeistate_index_stream(records->data, records->len, index, &error))
		return vmm_error(err, &error);
	memcpy(digest, index->digest, TRANSPORT_DIGEST_SIZE);
	return 0;
}

/* Is it a delta, and what does it, or do the records themselves, lead to? */
static int look_at(const struct transport_buffer *records, struct sdeistate_delta_ends *ends,
		   struct transport_sealed *sealed, struct transport_error *err)
{
	sealed->delta = sdeistate_delta_peek(records->data, records->len, ends, NULL) == 0;
	if (!sealed->delta)
		return digest_records(records, sealed->digest, err);
	memcpy(sealed->digest, ends->result, sizeof(sealed->digest));
	return 0;
}

static int give(const struct transport_peer *peer, const struct realm_bulk *bulk,
		struct sealed_bytes *file, struct transport_buffer *blob,
		struct transport_error *err)
{
	int ret;

	if (file->len > peer->limit)
		return transport_error_fill(
			err, -E2BIG, "over-limit", "sealed state", "size",
			"at most %llu bytes for that host%s|%zu bytes",
			(unsigned long long)peer->limit,
			bulk && bulk->n ? "; --realm-contents ref=PREFIX leaves pages out" : "",
			file->len);
	if (file->mapped) {
		transport_buffer_adopt(blob, (void *)(uintptr_t)file->data, file->len);
		*file = (struct sealed_bytes){ .len = 0 };
		return 0;
	}
	ret = transport_buffer_append(blob, file->data, file->len);
	return ret ? transport_error_fill(err, ret, "over-limit", "sealed state", "size",
					  "at most %zu bytes|%zu bytes", blob->max, file->len)
		   : 0;
}

/* How a link is used: up to so many bytes, and up to this round trip, which is one inside a building. */
#define LEVEL_NOTHING_TO_GAIN 4096u
#define LEVEL_NEAR_US         2000u
#define LEVEL_NEAR            (-5)
#define LEVEL_FAR             1

static int level_for(const struct mover_sealer *sealer, const struct transport_peer *peer,
		     size_t len)
{
	if (sealer->level != MOVER_LEVEL_AUTO)
		return sealer->level;
	if (len <= LEVEL_NOTHING_TO_GAIN)
		return SDEISTATE_LEVEL_STORED;
	return peer->round_trip_us < LEVEL_NEAR_US ? LEVEL_NEAR : LEVEL_FAR;
}

int mover_level(const char *text, int *level, struct failure *failure)
{
	char *end;
	long value;

	*level = MOVER_LEVEL_AUTO;
	if (!text || strcmp(text, "auto") == 0)
		return 0;
	*level = SDEISTATE_LEVEL_STORED;
	if (strcmp(text, "stored") == 0)
		return 0;
	errno = 0;
	value = strtol(text, &end, 10);
	if (errno || end == text || *end || value < SDEISTATE_LEVEL_MIN ||
	    value > SDEISTATE_LEVEL_MAX || value == 0)
		return failure_set(failure, SDEISTATE_USAGE, -EINVAL, "command line", "--level",
				   "auto, stored, -131072 to -1, or 1 to 19", text);
	*level = (int)value;
	return 0;
}

/* What is sealed for one peer of one session. What is no final state bears an id of its own, which nobody uses up. */
static int seal(const struct mover_sealer *sealer, const struct transport_peer *peer, bool final,
		const struct transport_buffer *records, const struct realm_bulk *bulk,
		struct transport_buffer *blob, struct transport_sealed *sealed,
		struct transport_error *err)
{
	CLEANUP(sealed_bytes_release) struct sealed_bytes file = { .len = 0 };
	const struct mover *mover = sealer->mover;
	const struct transport_offer *offer = sealer->offer;
	const struct sdeistate_pub *audience = sdeistate_trust_find(mover->peers, peer->key_id);
	const struct sdeistate_key *key = mover->key;
	struct sdeistate_delta_ends ends;
	struct sdeistate_seal_request request = {
		.kind = final ? SDEISTATE_KIND_FINAL : SDEISTATE_KIND_BASE,
		.generation = offer->vm.generation,
		.sequence = sealing_sequence(),
		.audience = &audience,
		.n_audience = 1,
		.profile = offer->vm.profile,
		.kernel_profile = offer->vm.kernel,
		.stream = records->data,
		.stream_len = records->len,
		.nonce = peer->nonce,
		.n_nonce = sizeof(peer->nonce),
		.id = final ? offer->snapshot.bytes : NULL,
		.signer = &key,
		.n_signers = 1,
		.level = level_for(sealer, peer, records->len),
		.workspace = sealer->workspace,
	};
	struct sdeistate_error error;
	int ret = look_at(records, &ends, sealed, err);

	if (ret)
		return ret;
	if (sealed->delta) {
		request.kind = SDEISTATE_KIND_DELTA;
		request.base_digest = ends.base;
		request.result_digest = ends.result;
	}
	memcpy(request.vm_uuid, offer->vm.uuid.bytes, sizeof(request.vm_uuid));
	if (bulk) {
		request.bulk = bulk->bulk;
		request.n_bulk = bulk->n;
	}
	if (realm_bulk_seal(&request, &file, &error))
		return vmm_error(err, &error);
	return give(peer, bulk, &file, blob, err);
}

int mover_seal(const struct mover_sealer *sealer, const struct transport_peer *peer,
	       const struct transport_buffer *records, const struct realm_bulk *bulk,
	       struct transport_buffer *blob, struct transport_sealed *sealed,
	       struct transport_error *err)
{
	return seal(sealer, peer, true, records, bulk, blob, sealed, err);
}

int mover_seal_base(const struct mover_sealer *sealer, const struct transport_peer *peer,
		    const struct transport_buffer *records, struct transport_buffer *blob,
		    struct transport_sealed *sealed, struct transport_error *err)
{
	return seal(sealer, peer, false, records, NULL, blob, sealed, err);
}

/* A base, or what changed since one; a final state, or what changed since the base that is kept, and no other. */
static int check_kind(const struct sdeistate_manifest *manifest,
		      const struct mover_expected *expected, struct transport_error *err)
{
	const enum sdeistate_file_kind whole =
		expected->final ? SDEISTATE_KIND_FINAL : SDEISTATE_KIND_BASE;
	const bool may_be_delta = !expected->final || expected->since;
	const bool is_delta = manifest->kind == SDEISTATE_KIND_DELTA;

	if (is_delta ? !may_be_delta
		     : manifest->kind != whole || (expected->final && expected->since))
		return transport_error_fill(err, -EINVAL, "incompatible", "sealed state", "kind",
					    "%s|%s",
					    sdeistate_kind_name(
						    expected->since ? SDEISTATE_KIND_DELTA : whole),
					    sdeistate_kind_name(manifest->kind));
	if (is_delta && expected->since &&
	    memcmp(manifest->base_digest, expected->since, SDEISTATE_DIGEST_SIZE) != 0)
		return transport_error_fill(err, -ESTALE, "wrong-base", "sealed state", "base",
					    "the one that is kept|another");
	return 0;
}

static int check_offer(const struct sdeistate_manifest *manifest,
		       const struct transport_offer *offer, const struct mover_expected *expected,
		       struct transport_error *err)
{
	int ret = check_kind(manifest, expected, err);

	if (ret)
		return ret;
	if (memcmp(manifest->vm_uuid, offer->vm.uuid.bytes, TRANSPORT_ID_SIZE) != 0 ||
	    manifest->generation != offer->vm.generation)
		return transport_error_fill(err, -EBADMSG, "wrong-vm", "sealed state", "VM",
					    "the VM and generation of PREFLIGHT|another");
	if ((memcmp(manifest->id, offer->snapshot.bytes, TRANSPORT_ID_SIZE) == 0) !=
		    expected->final ||
	    manifest->n_nonce != TRANSPORT_NONCE_SIZE ||
	    memcmp(manifest->nonce, expected->nonce, TRANSPORT_NONCE_SIZE) != 0)
		return transport_error_fill(err, -EBADMSG, "already-used", "sealed state", "nonce",
					    "the id and nonce of this session|another");
	return 0;
}

int mover_open_seal(const struct mover *mover, const struct transport_offer *offer,
		    const struct mover_expected *expected, const struct transport_buffer *blob,
		    struct sdeistate_opened **opened, struct transport_error *err)
{
	const struct sdeistate_pub *self = sdeistate_key_pub(mover->key);
	const struct sdeistate_key *secret = mover->key;
	const struct sdeistate_open_options options = {
		.trust = mover->peers,
		.self = &self,
		.n_self = 1,
		.secret = &secret,
		.n_secrets = 1,
		.workspace = expected->workspace,
	};
	struct sdeistate_opened *made = NULL;
	struct sdeistate_error error;
	struct failure failure;
	int ret;

	if (sdeistate_open(blob->data, blob->len, &options, &made, &error))
		return vmm_error(err, &error);
	ret = check_offer(&made->manifest, offer, expected, err);
	if (!ret &&
	    policy_enforce_realm(mover->policy, made->stream.data, made->stream.len, &failure))
		ret = mover_error(err, &failure);
	if (ret)
		sdeistate_opened_free(made);
	else
		*opened = made;
	return ret;
}

int mover_judge(const struct mover *mover, enum policy_act act, const struct transport_offer *offer,
		const uint8_t peer_key[TRANSPORT_KEY_ID_SIZE], struct transport_error *err)
{
	const bool sends = act == POLICY_SEAL;
	const uint64_t now = (uint64_t)time(NULL);
	uint8_t own[1][SDEISTATE_KEY_ID_SIZE], peer[1][SDEISTATE_KEY_ID_SIZE];
	const struct policy_facts facts = {
		.act = act,
		.signer = sends ? own : peer,
		.n_signers = 1,
		.receiver = sends ? peer : own,
		.n_receivers = 1,
		/* Nobody else reads what TLS carries, or a socket of this host. */
		.encrypted = !mover->insecure_no_tls,
		.revision = SDEISTATE_REVISION_MAX,
		.profile = offer->vm.profile,
		.kernel = offer->vm.kernel,
		.created = now,
		.expires = now,
		.now = now,
	};
	struct failure failure;

	memcpy(own[0], mover->signer.key_id, sizeof(own[0]));
	memcpy(peer[0], peer_key, sizeof(peer[0]));
	return policy_enforce(mover->policy, &facts, &failure) ? mover_error(err, &failure) : 0;
}

json_t *id_json(const struct transport_id *id)
{
	char text[TRANSPORT_ID_TEXT_SIZE];

	transport_id_print(id, text);
	return json_string(text);
}

const char *vm_state_or(const char *control, int timeout_ms, const char *otherwise)
{
	OWNED_CONTROL struct transport_control *vm = NULL;
	struct transport_vm_status status;

	if (transport_control_open(control, timeout_ms, &vm, NULL) ||
	    transport_control_status(vm, &status, NULL))
		return otherwise;
	return transport_vm_state_name(status.state);
}
