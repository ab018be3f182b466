// SPDX-License-Identifier: Apache-2.0
/*
 * make_golden DIR [BULK_BYTES]: seal DIR/state.records in every way the format knows, with keys made for it
 *
 * Run once per format revision; what it wrote is committed and must open for ever. The keys that
 * signed are not kept. recipient.key is the one that is needed to read, and is no secret. The test of
 * the independent reader runs it again, with enough bulk for several chunks.
 */
#include <sdeistate/sdeistate.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct maker {
	const char *dir;
	uint8_t stream[1 << 16];
	size_t len;
	struct sdeistate_buffer delta, result; /* of the state with a few things changed */
	struct sdeistate_delta_ends ends;
	struct sdeistate_key *ed25519, *p256, *p384, *recipient;
};

struct golden {
	const char *name;
	void (*change)(struct maker *maker, struct sdeistate_seal_request *request);
};

static const struct sdeistate_key *signers[3];
static const struct sdeistate_pub *publics[2];
static struct sdeistate_bulk bulk;
static uint64_t noise, left, bulk_size = 4096;

static void die(const char *what, const struct sdeistate_error *err)
{
	fprintf(stderr, "make_golden: %s: %s %s %s\n", what, err->object, err->field, err->actual);
	exit(1);
}

static long read_noise(void *arg, void *buf, size_t len)
{
	uint8_t *bytes = buf;

	(void)arg;
	if (len > left)
		len = (size_t)left;
	for (size_t i = 0; i < len; i++) {
		noise = noise * 6364136223846793005u + 1442695040888963407u;
		bytes[i] = (uint8_t)(noise >> 56);
	}
	left -= len;
	return (long)len;
}

static void ed25519(struct maker *m, struct sdeistate_seal_request *r)
{
	signers[0] = m->ed25519;
	r->n_signers = 1;
}

static void p256(struct maker *m, struct sdeistate_seal_request *r)
{
	signers[0] = m->p256;
	r->n_signers = 1;
	r->kind = SDEISTATE_KIND_BASE;
}

static void three(struct maker *m, struct sdeistate_seal_request *r)
{
	signers[0] = m->p384;
	signers[1] = m->ed25519;
	signers[2] = m->p256;
	r->n_signers = 3;
}

static void audience(struct maker *m, struct sdeistate_seal_request *r)
{
	ed25519(m, r);
	publics[0] = sdeistate_key_pub(m->p256);
	publics[1] = sdeistate_key_pub(m->recipient);
	r->any_destination = false;
	r->audience = publics;
	r->n_audience = 2;
	r->expires = 4102444800; /* 2100-01-01 */
	r->nonce = (const uint8_t *)"a nonce of the session";
	r->n_nonce = 22;
}

static void empty(struct maker *m, struct sdeistate_seal_request *r)
{
	ed25519(m, r);
	r->kind = SDEISTATE_KIND_EMPTY;
	r->stream = NULL;
	r->stream_len = 0;
	r->kernel_profile = NULL;
}

static void with_bulk(struct maker *m, struct sdeistate_seal_request *r)
{
	ed25519(m, r);
	noise = 1;
	left = bulk_size;
	bulk = (struct sdeistate_bulk){ .type = SDEISTATE_FRAME_GRANULE_HASHES |
						SDEISTATE_RECORD_OPTIONAL,
					.read = read_noise,
					.size = bulk_size };
	r->bulk = &bulk;
	r->n_bulk = 1;
}

static void encrypted(struct maker *m, struct sdeistate_seal_request *r)
{
	ed25519(m, r);
	publics[0] = sdeistate_key_pub(m->recipient);
	publics[1] = sdeistate_key_pub(m->p256);
	r->recipient = publics;
	r->n_recipients = 2;
}

static void revision_2(struct maker *m, struct sdeistate_seal_request *r)
{
	ed25519(m, r);
	r->revision = 2;
}

static void delta(struct maker *m, struct sdeistate_seal_request *r)
{
	ed25519(m, r);
	r->kind = SDEISTATE_KIND_DELTA;
	r->stream = m->delta.data;
	r->stream_len = m->delta.len;
	r->base_digest = m->ends.base;
	r->result_digest = m->ends.result;
}

static const struct golden files[] = {
	{ "1-ed25519", ed25519 },   { "1-p256-base", p256 },      { "1-three-signers", three },
	{ "1-audience", audience }, { "1-empty", empty },         { "1-bulk", with_bulk },
	{ "2-final", revision_2 },  { "2-encrypted", encrypted }, { "2-delta", delta },
};

static void write_file(struct maker *m, const char *name, const void *bytes, size_t len)
{
	struct sdeistate_error err;
	char path[512];

	snprintf(path, sizeof(path), "%s/%s", m->dir, name);
	if (sdeistate_write_file(path, bytes, len, 0644, false, &err))
		die(name, &err);
}

static void make(struct maker *m, const struct golden *golden, unsigned int number)
{
	struct sdeistate_seal_request request = {
		.kind = SDEISTATE_KIND_FINAL,
		.generation = 3,
		.sequence = 1000 + number,
		.created = 1795000000,
		.profile = "spec",
		.kernel_profile = "6.12",
		.stream = m->stream,
		.stream_len = m->len,
		.signer = signers,
		.any_destination = true,
	};
	struct sdeistate_buffer file;
	struct sdeistate_error err;
	uint8_t id[SDEISTATE_ID_SIZE] = "golden file ";
	char name[64];

	id[15] = (uint8_t)number;
	request.id = id;
	memcpy(request.vm_uuid, "\x11\x22\x33\x44\x55\x66\x47\x88\x99\xaa\xbb\xcc\xdd\xee\xff\x00",
	       16);
	golden->change(m, &request);
	if (sdeistate_seal(&request, &file, &err))
		die(golden->name, &err);
	snprintf(name, sizeof(name), "%s.sdei", golden->name);
	write_file(m, name, file.data, file.len);
	sdeistate_buffer_free(&file);
}

/* Of every kind of change one: fields of records, an entry that comes, one that goes, a whole record. */
static void change(struct sdeistate *state)
{
	const unsigned int last = state->n_vcpus - 1;
	struct kvm_sdei_registered_event_state *event = &state->registered[state->n_registered - 1];
	const uint64_t number = event->num;
	struct kvm_sdei_vcpu_event_state *queue;

	state->vm.generation++;
	state->vcpu[last].mp_state = KVM_MP_STATE_STOPPED;
	state->registered[0].enabled[0] ^= state->registered[0].registered[0] & 1;
	state->registered[0].ep_arg[0] ^= 0x1000;
	memset(event, 0, sizeof(*event));
	event->num = number + 1;
	event->ep_address[1] = 0x10000;
	event->registered[0] = 2;
	state->vcpu_state[0].masked ^= 1;
	queue = realloc(state->vcpu_events, (state->n_vcpu_events + 1u) * sizeof(*queue));
	queue[state->n_vcpu_events] =
		(struct kvm_sdei_vcpu_event_state){ state->registered[0].num, 1, 0 };
	state->vcpu_events = queue;
	state->vcpu[last].n_events++;
	state->n_vcpu_events++;
	state->guarded = calloc(1, sizeof(*state->guarded));
	state->guarded[0] = (struct kvmcore_guard_range){ 0x9000000, 0x1000 };
	state->n_guarded = 1;
	state->guard.enrolled = true;
	state->guard.granule = 4096;
}

static void make_delta(struct maker *m)
{
	struct sdeistate_base *base = NULL;
	struct sdeistate *state = NULL;
	struct sdeistate_error err;

	if (sdeistate_base_new(m->stream, m->len, &base, &err) ||
	    sdeistate_decode(m->stream, m->len, &state, &err))
		die("state.records", &err);
	change(state);
	if (sdeistate_delta_compute(base, state, &m->delta, &err) ||
	    sdeistate_delta_peek(m->delta.data, m->delta.len, &m->ends, &err) ||
	    sdeistate_encode(state, &m->result, &err))
		die("delta", &err);
	write_file(m, "result.records", m->result.data, m->result.len);
	sdeistate_free(state);
	sdeistate_base_free(base);
}

static void make_key(struct maker *m, enum sdeistate_key_type type, const char *name,
		     struct sdeistate_key **key)
{
	struct sdeistate_buffer pem;
	struct sdeistate_error err;
	char path[512];

	if (sdeistate_key_generate(type, key, &err) ||
	    sdeistate_pub_pem(sdeistate_key_pub(*key), &pem, &err))
		die(name, &err);
	snprintf(path, sizeof(path), "%s.pub", name);
	write_file(m, path, pem.data, pem.len);
	sdeistate_buffer_free(&pem);
}

int main(int argc, char **argv)
{
	static struct maker m;
	struct sdeistate_error err;
	char path[512];
	FILE *in;

	if (argc < 2)
		return 2;
	if (argc > 2)
		bulk_size = strtoull(argv[2], NULL, 0);
	m.dir = argv[1];
	snprintf(path, sizeof(path), "%s/state.records", m.dir);
	in = fopen(path, "rb");
	if (!in)
		return 1;
	m.len = fread(m.stream, 1, sizeof(m.stream), in);
	fclose(in);
	make_delta(&m);
	make_key(&m, SDEISTATE_KEY_ED25519, "ed25519", &m.ed25519);
	make_key(&m, SDEISTATE_KEY_P256, "p256", &m.p256);
	make_key(&m, SDEISTATE_KEY_P384, "p384", &m.p384);
	if (sdeistate_key_generate(SDEISTATE_KEY_P384, &m.recipient, &err))
		die("recipient", &err);
	snprintf(path, sizeof(path), "%s/recipient", m.dir);
	if (sdeistate_key_save(m.recipient, path, "golden", 36500, &err))
		die("recipient", &err);
	for (unsigned int i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		make(&m, &files[i], i + 1);
	return 0;
}
