// SPDX-License-Identifier: Apache-2.0
/*
 * The realm of a sealed snapshot, read by realm-measure: random realms of both dialects, with their pages, with
 * digests of them, with both and with neither. Each step has to give the RIM that KVM's model gave.
 */
#include "snapshot.h"
#include "unit/kvmcore/realm_vm.h"

#include <errno.h>
#include <fcntl.h>
#include <sdeistate/sdeistate.h>
#include <sdeistate/seal.h>
#include <unistd.h>

#define ROUNDS   40u
#define CONTENTS 1u
#define HASHES   2u

static uint64_t state = 88172645463325252u;

static uint64_t below(uint64_t n)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (state >> 20) % n;
}

static void add_vcpu(struct realm_vm *r)
{
	const int i = (int)kvmcore_vcpu_count(r->m.vm);

	CHECK(kvmcore_vcpu_create(r->m.vm, (uint32_t)i, (uint64_t)i) == i, "a vCPU comes");
	model_set_reg(&r->m, i, KVMCORE_REG_X(below(8)), below(1u << 30));
	model_set_reg(&r->m, i, KVMCORE_REG_PC, RAM + 8 * below(100));
}

/* Commands in any order; some are refused, and some half way. */
static struct realm_vm random_realm(unsigned int v8, uint32_t hash)
{
	struct kvm_cap_arm_rme_config_item item = { .cfg = KVM_CAP_ARM_RME_CFG_HASH_ALGO };
	struct realm_vm r = realm_made(v8, NULL);

	for (unsigned int i = 0; i < RAM_SIZE; i++)
		r.ram[i] = (uint8_t)below(256);
	item.hash_algo = hash;
	CHECK(realm_cmd(&r, KVM_CAP_ARM_RME_CONFIG_REALM, &item) == 0, "an algorithm is chosen");
	CHECK(realm_cmd(&r, KVM_CAP_ARM_RME_CREATE_RD, NULL) == 0, "it is created");
	for (uint64_t n = 2 + below(10); n > 0; n--) {
		const uint64_t base = RAM + below(16) * PAGE, size = (1 + below(6)) * PAGE;
		const struct range range = { base, size, (uint32_t)below(2), { 0 } };
		const unsigned int vcpus = kvmcore_vcpu_count(r.m.vm);

		if (below(5) == 0)
			realm_range(&r, KVM_CAP_ARM_RME_INIT_IPA_REALM, base & ~0x3fffffULL,
				    4u << 20);
		else if (below(4) == 0)
			realm_range(&r, KVM_CAP_ARM_RME_INIT_IPA_REALM, base, size);
		else if (below(4) == 0)
			add_vcpu(&r);
		else if (below(3) == 0 && vcpus)
			realm_finalize_vcpu(&r, (int)below(vcpus));
		else
			realm_cmd(&r, KVM_CAP_ARM_RME_POPULATE_REALM, &range);
	}
	return r;
}

/* --- Sealing ----------------------------------------------------------------------------------------------- */

struct part {
	const struct sdeistate_realm *realm;
	const struct kvm_port *port;
	uint32_t number;
	uint64_t at, size, spoil;
};

static long read_part(void *arg, void *buf, size_t len)
{
	struct part *p = arg;
	size_t n = p->size - p->at < len ? (size_t)(p->size - p->at) : len;

	if (n && sdeistate_realm_part_read(p->realm, p->port, p->number, p->at, buf, n, NULL))
		return -EIO;
	if (p->spoil >= p->at && p->spoil - p->at < n)
		((uint8_t *)buf)[p->spoil - p->at] ^= 1;
	p->at += n;
	return (long)n;
}

static void write_file(const char *path, const struct sdeistate_buffer *file)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	REQUIRE(fd >= 0 && write(fd, file->data, file->len) == (ssize_t)file->len, "it is written");
	close(fd);
}

static void seal(struct realm_vm *r, unsigned int frames, uint64_t spoil, const char *path,
		 const struct sdeistate_key *key)
{
	struct sdeistate_buffer stream = { 0 }, file = { 0 };
	struct sdeistate *taken = NULL;
	struct part part[2];
	struct sdeistate_bulk bulk[2];
	struct sdeistate_seal_request request = { .kind = SDEISTATE_KIND_FINAL,
						  .any_destination = true,
						  .profile = "spec",
						  .kernel_profile = "6.12",
						  .bulk = bulk,
						  .signer = &key,
						  .n_signers = 1 };

	kvmcore_pause(r->m.vm);
	kvmcore_port(r->m.vm, &r->m.port);
	REQUIRE(!sdeistate_capture(&r->m.port, &(struct sdeistate_capture_options){ 0 }, &taken,
				   NULL) &&
			!sdeistate_encode(taken, &stream, NULL),
		"a realm is captured");
	for (unsigned int i = 0; i < 2; i++) {
		const uint32_t number = i ? SDEISTATE_REALM_HASHES : SDEISTATE_REALM_CONTENTS;
		struct part *p = &part[request.n_bulk];

		if (!(frames & 1u << i))
			continue;
		*p = (struct part){ taken->realm, &r->m.port, number, 0, 0, spoil };
		p->size = sdeistate_realm_part_size(taken->realm, number);
		bulk[request.n_bulk++] = (struct sdeistate_bulk){
			.type = number, .read = read_part, .arg = p, .size = p->size
		};
	}
	request.stream = stream.data;
	request.stream_len = stream.len;
	CHECK(sdeistate_seal(&request, &file, NULL) == 0, "it is sealed");
	write_file(path, &file);
	sdeistate_buffer_free(&stream);
	sdeistate_buffer_free(&file);
	sdeistate_free(taken);
}

/* --- Reading ----------------------------------------------------------------------------------------------- */

static char dir[] = "/tmp/realm-snapshot-XXXXXX", path[64], trusted[64], other[64];

static int compare_rim(void *user, const struct step *step, const struct outcome *out)
{
	unsigned int *seen = user;

	CHECK(!outcome_refused(out), "a step of the log is done again");
	if (step->has_expect) {
		CHECK(!memcmp(step->expect.bytes, out->value.bytes, sizeof(out->value.bytes)),
		      "the RIM behind it is the one that was logged");
		(*seen)++;
	}
	return 0;
}

static int open_snapshot(const char *trust, struct snapshot *s, struct failure *failure)
{
	const char *names[] = { trust };
	const struct option_list list = { names, trust ? 1 : 0 };
	const struct snapshot_options how = { .trust = &list };

	return snapshot_open(path, &how, s, failure);
}

static void test_each_step_gives_its_rim(void)
{
	struct sdeistate_key *key = NULL;
	char prefix[64];

	snprintf(prefix, sizeof(prefix), "%s/key", dir);
	REQUIRE(!sdeistate_key_generate(SDEISTATE_KEY_ED25519, &key, NULL) &&
			!sdeistate_key_save(key, prefix, "key", 9, NULL),
		"a key is made");
	for (unsigned int i = 0; i < ROUNDS; i++) {
		struct realm_vm r = random_realm(i & 1, i >> 1 & 1);
		const unsigned int frames = 1 + i % 3;
		const struct kvmcore_realm_info info = realm_info(&r);
		snapshot_cleanup struct snapshot s = { 0 };
		steps_cleanup struct steps steps = { 0 };
		struct kvmcore_builder *builder = NULL;
		struct kvmcore_digest rim = { { 0 } };
		struct failure failure = { 0 };
		unsigned int seen = 0;

		seal(&r, frames, UINT64_MAX, path, key);
		CHECK(snapshot_is(path), "a snapshot is one");
		if (!CHECK(open_snapshot(trusted, &s, &failure) == 0 &&
				   snapshot_steps(&s, &steps, &failure) == 0,
			   "it is read"))
			fprintf(stderr, "\t%s %s: %s, %s\n", failure.object, failure.field,
				failure.expected, failure.actual);
		CHECK(steps_run(&steps, 0, 1, NULL, compare_rim, &seen, &builder) == 0 &&
			      seen == info.n_steps,
		      "each step is there");
		if (builder)
			kvmcore_builder_read(builder, 0, &rim);
		CHECK(!memcmp(rim.bytes, info.rim, sizeof(info.rim)), "the RIM is the realm's");
		kvmcore_builder_destroy(builder);
		realm_free(&r);
	}
	sdeistate_key_free(key);
}

static void test_what_is_not_believed(void)
{
	struct sdeistate_key *key = NULL, *stranger = NULL;
	struct realm_vm r = realm_made(0, NULL);
	const struct {
		const char *trust;
		unsigned int frames;
		uint64_t spoil;
		enum sdeistate_reason reason;
	} row[] = {
		{ trusted, CONTENTS, UINT64_MAX, 0 },
		{ NULL, CONTENTS, UINT64_MAX, SDEISTATE_NOTHING_TO_VERIFY },
		{ other, CONTENTS, UINT64_MAX, SDEISTATE_UNKNOWN_SIGNER },
		{ trusted, CONTENTS, 4097, SDEISTATE_INCONSISTENT },
		{ trusted, HASHES, 33, SDEISTATE_INCONSISTENT },
		{ trusted, CONTENTS | HASHES, 5, SDEISTATE_INCONSISTENT },
	};
	char prefix[64];

	snprintf(prefix, sizeof(prefix), "%s/key.key", dir);
	REQUIRE(!sdeistate_key_load(prefix, &key, NULL), "a key");
	snprintf(prefix, sizeof(prefix), "%s/other", dir);
	REQUIRE(!sdeistate_key_generate(SDEISTATE_KEY_P256, &stranger, NULL) &&
			!sdeistate_key_save(stranger, prefix, "other", 9, NULL),
		"another key");
	REQUIRE(realm_cmd(&r, KVM_CAP_ARM_RME_CREATE_RD, NULL) == 0 &&
			realm_range(&r, KVM_CAP_ARM_RME_POPULATE_REALM, RAM, 2 * PAGE) == 0,
		"a realm with two pages");
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		snapshot_cleanup struct snapshot s = { 0 };
		struct failure failure = { 0 };

		seal(&r, row[i].frames, row[i].spoil, path, key);
		CHECK(!open_snapshot(row[i].trust, &s, &failure) == !row[i].reason &&
			      failure.reason == row[i].reason,
		      "what is wrong is said by its reason");
	}
	realm_free(&r);
	sdeistate_key_free(key);
	sdeistate_key_free(stranger);
}

static void test_a_snapshot_without_pages_only_states(void)
{
	struct sdeistate_key *key = NULL;
	struct realm_vm r = realm_made(1, NULL);
	snapshot_cleanup struct snapshot s = { 0 };
	steps_cleanup struct steps steps = { 0 };
	struct failure failure = { 0 };
	json_t *json;
	char name[64];

	snprintf(name, sizeof(name), "%s/key.key", dir);
	REQUIRE(!sdeistate_key_load(name, &key, NULL), "a key");
	REQUIRE(realm_cmd(&r, KVM_CAP_ARM_RME_CREATE_RD, NULL) == 0 &&
			realm_range(&r, KVM_CAP_ARM_RME_POPULATE_REALM, RAM, PAGE) == 0,
		"a realm with a page");
	seal(&r, 0, UINT64_MAX, path, key);
	CHECK(open_snapshot(trusted, &s, &failure) == 0, "it is read");
	CHECK(snapshot_steps(&s, &steps, &failure) == -ENODATA &&
		      failure.reason == SDEISTATE_NOTHING_TO_VERIFY,
	      "the page is missed");
	json = snapshot_json(&s);
	CHECK(json && json_array_size(json_object_get(json, "steps")) == 2 &&
		      json_is_false(json_object_get(json, "pages")),
	      "what it states can be shown");
	json_decref(json);
	realm_free(&r);
	sdeistate_key_free(key);
}

int main(void)
{
	static const char *const made[] = { "snapshot",  "key.key",   "key.pub",  "key.crt",
					    "other.key", "other.pub", "other.crt" };
	int ret;

	if (!mkdtemp(dir))
		return 1;
	snprintf(path, sizeof(path), "%s/snapshot", dir);
	snprintf(trusted, sizeof(trusted), "%s/key.pub", dir);
	snprintf(other, sizeof(other), "%s/other.pub", dir);
	ret = RUN_TESTS(test_each_step_gives_its_rim, test_what_is_not_believed,
			test_a_snapshot_without_pages_only_states);
	for (size_t i = 0; i < sizeof(made) / sizeof(made[0]); i++) {
		char name[96];

		snprintf(name, sizeof(name), "%s/%s", dir, made[i]);
		unlink(name);
	}
	rmdir(dir);
	return ret;
}
