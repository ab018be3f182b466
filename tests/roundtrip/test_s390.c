// SPDX-License-Identifier: Apache-2.0
/*
 * An s390 VM from host to host: what arrives, and in which order it is set.
 */
#include "hooked.h"
#include "s390_scene.h"

#include <sdeistate/delta.h>

/* Encoded, decoded, encoded again: the same. The decoded one. */
static struct sdeistate *through_the_wire(const struct sdeistate *state)
{
	struct sdeistate_buffer bytes = { .len = 0 }, again = { .len = 0 };
	struct sdeistate *received = NULL;

	CHECK(sdeistate_encode(state, &bytes, NULL) == 0, "encoded");
	CHECK(sdeistate_decode(bytes.data, bytes.len, &received, NULL) == 0, "decoded");
	CHECK(received && sdeistate_encode(received, &again, NULL) == 0 && bytes.len == again.len &&
		      !memcmp(bytes.data, again.data, bytes.len),
	      "the same bytes");
	sdeistate_buffer_free(&bytes);
	sdeistate_buffer_free(&again);
	return received;
}

static void check_arrived(struct model *from, struct model *to)
{
	struct kvmcore_s390_info info[2];
	struct kvm_s390_vm_tod_clock clock;
	struct kvm_s390_vm_cpu_processor cpu[2];
	struct kvm_mp_state state = { 0 };
	uint8_t topology = 7;

	CHECK(get(from, CPU, 0, &cpu[0]) == 0 && get(to, CPU, 0, &cpu[1]) == 0 &&
		      !memcmp(&cpu[0], &cpu[1], sizeof(cpu[0])),
	      "the CPU model");
	CHECK(get(from, KVMCORE_GROUP_S390, 0, &info[0]) == 0 &&
		      get(to, KVMCORE_GROUP_S390, 0, &info[1]) == 0 &&
		      info[0].flags == info[1].flags && info[1].flags == 15,
	      "all that was on");
	CHECK(get(to, TOD, 2, &clock) == 0 && clock.epoch_idx == 1 && clock.tod == clock_set.tod,
	      "the clock stands where it stood");
	CHECK(get(to, TOPOLOGY, 0, &topology) == 0 && topology == 0,
	      "the topology bit, though vCPUs were created");
	CHECK(kvmcore_vcpu_count(to->vm) == 2 &&
		      kvmcore_ioctl(to->vm, 1, KVM_GET_MP_STATE, &state) == 0 &&
		      state.mp_state == KVM_MP_STATE_STOPPED,
	      "both vCPUs, one of them stopped");
}

static void cross(struct kvmcore_config here, struct kvmcore_config there)
{
	struct model from = busy(here), to = s390_vm(there, 0);
	struct sdeistate *state = take(&from), *received;
	uint8_t digest[SDEISTATE_DIGEST_SIZE];
	struct sdeistate_error err = { .code = 0 };

	REQUIRE(state, "captured");
	received = through_the_wire(state);
	REQUIRE(received, "received");
	if (!CHECK(sdeistate_replay(received, &to.port, &err) == 0, "replayed"))
		fprintf(stderr, "%s, %s: %s|%s\n", err.object, err.field, err.expected, err.actual);
	kvmcore_port(to.vm, &to.port);
	if (!CHECK(sdeistate_prove(received, &to.port, digest, &err) == 0, "and proved"))
		fprintf(stderr, "%s, %s: %s|%s\n", err.object, err.field, err.expected, err.actual);
	check_arrived(&from, &to);
	sdeistate_free(state);
	sdeistate_free(received);
	model_free(&from);
	model_free(&to);
}

static void test_it_crosses(void)
{
	const struct kvmcore_config plain = { 0 }, old = { .kernel = "6.1" };
	const struct kvmcore_config document = { .s390_strict_document = true };

	cross(plain, plain);
	cross(old, plain);
	cross(plain, old);
	cross(plain, document);
}

/* The sequence of SETs, as letters. */
static char order[64];

static void note_set(struct hooked *hooked, int vcpu, unsigned long cmd, void *arg)
{
	const struct kvm_device_attr *attr = arg;
	static const char letter[] = "mtcpgo"; /* group 0..5 */
	const size_t n = strlen(order);

	(void)vcpu;
	if (cmd == KVM_SET_DEVICE_ATTR && n < sizeof(order) - 1)
		order[n] = letter[attr->group];
	if (cmd == KVM_CREATE_VCPU && n < sizeof(order) - 1)
		order[n] = 'V';
	if (cmd == KVM_CREATE_VCPU)
		kvmcore_port(hooked->inner.vm, &hooked->inner);
}

static void test_the_order_of_the_sets(void)
{
	struct model from = busy((struct kvmcore_config){ 0 }),
		     to = s390_vm((struct kvmcore_config){ 0 }, 0);
	struct sdeistate *state = take(&from);
	struct hooked hooked;

	REQUIRE(state, "captured");
	hooked_begin(&hooked, to.vm);
	hooked.tamper = note_set;
	memset(order, 0, sizeof(order));
	CHECK(sdeistate_replay(state, &hooked.port, NULL) == 0, "replayed");
	CHECK(!strcmp(order, "pppmVVccctoo") || !strcmp(order, "pppmVVcccto"),
	      "CPU model and CMMA, vCPUs, crypto, clock, topology; never migration mode");
	sdeistate_free(state);
	model_free(&from);
	model_free(&to);
}

static void test_no_key_ever_leaves(void)
{
	struct model one = busy((struct kvmcore_config){ 0 }),
		     other = busy((struct kvmcore_config){ 0 });
	struct sdeistate *a = take(&one), *b = take(&other);
	struct sdeistate_buffer x = { .len = 0 }, y = { .len = 0 };

	REQUIRE(a && b, "captured");
	memcpy(b->vm.uuid, a->vm.uuid, sizeof(b->vm.uuid));
	CHECK(sdeistate_encode(a, &x, NULL) == 0 && sdeistate_encode(b, &y, NULL) == 0 &&
		      x.len == y.len && !memcmp(x.data, y.data, x.len),
	      "two VMs that differ in their random keys alone have the same state");
	sdeistate_buffer_free(&x);
	sdeistate_buffer_free(&y);
	sdeistate_free(a);
	sdeistate_free(b);
	model_free(&one);
	model_free(&other);
}

static void test_a_protected_guests_clock_stays(void)
{
	const struct kvmcore_config protected = { .host = { .s390_lacks =
								    KVMCORE_S390_PROTECTED } };
	struct model from = s390_vm(protected, 1), to = s390_vm(protected, 0);
	uint8_t digest[SDEISTATE_DIGEST_SIZE];
	struct sdeistate *state = take(&from);

	REQUIRE(state, "captured");
	CHECK(!(state->s390->parts & SDEISTATE_S390_TOD) && state->s390->tod == 0, "not carried");
	CHECK(sdeistate_replay(state, &to.port, NULL) == 0, "nor set");
	kvmcore_port(to.vm, &to.port);
	CHECK(sdeistate_prove(state, &to.port, digest, NULL) == 0, "the rest is proved");
	sdeistate_free(state);
	model_free(&from);
	model_free(&to);
}

static void test_a_delta_carries_it(void)
{
	const struct kvm_s390_vm_tod_clock later = { .epoch_idx = 1, .tod = 0x2000000000000 };
	struct sdeistate_buffer stream = { .len = 0 }, delta = { .len = 0 };
	struct model m = busy((struct kvmcore_config){ 0 });
	struct sdeistate *before = take(&m), *after;
	struct sdeistate_base *here = NULL, *there = NULL;
	uint8_t digest[SDEISTATE_DIGEST_SIZE];

	CHECK(set(&m, TOD, 2, &later) == 0 && set(&m, CRYPTO, 5, NULL) == 0, "it goes on");
	after = take(&m);
	REQUIRE(before && after, "captured");
	CHECK(sdeistate_encode(before, &stream, NULL) == 0 &&
		      sdeistate_base_new(stream.data, stream.len, &here, NULL) == 0 &&
		      sdeistate_base_new(stream.data, stream.len, &there, NULL) == 0,
	      "both have the base");
	CHECK(sdeistate_delta_compute(here, after, &delta, NULL) == 0 &&
		      sdeistate_delta_apply(there, delta.data, delta.len, NULL) == 0 &&
		      sdeistate_digest(after, digest, NULL) == 0 &&
		      !memcmp(sdeistate_base_digest(there), digest, sizeof(digest)),
	      "what changed makes the same state there");
	sdeistate_base_free(here);
	sdeistate_base_free(there);
	sdeistate_buffer_free(&stream);
	sdeistate_buffer_free(&delta);
	sdeistate_free(before);
	sdeistate_free(after);
	model_free(&m);
}

static void test_it_has_no_profile_to_convert_to(void)
{
	struct model m = busy((struct kvmcore_config){ 0 });
	const struct sdeistate_capture_options regs = { .flags = SDEISTATE_CAPTURE_REGS };
	struct sdeistate *state = take(&m), *converted = NULL;

	REQUIRE(state, "captured");
	CHECK(sdeistate_convert(state, KVMCORE_PROFILE_KVM_V5, 0, NULL, NULL, &converted, NULL) ==
		      -EOPNOTSUPP,
	      "there is no SDEI in it");
	sdeistate_free(state);
	state = NULL;
	CHECK(sdeistate_capture(&m.port, &regs, &state, NULL) == 0 && !state->regs,
	      "nor registers that a record could carry");
	sdeistate_free(state);
	model_free(&m);
}

int main(void)
{
	return RUN_TESTS(test_it_crosses, test_the_order_of_the_sets, test_no_key_ever_leaves,
			 test_a_protected_guests_clock_stays, test_a_delta_carries_it,
			 test_it_has_no_profile_to_convert_to);
}
