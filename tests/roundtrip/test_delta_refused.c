// SPDX-License-Identifier: Apache-2.0
/*
 * What a delta must not be: for another base, cut, changed, out of order, absurd. Each is refused by name, what is wrong
 * in itself before the base is touched. The messages are written here by hand, as no compute would write them.
 */
#include "delta/lists.h"
#include "scene.h"
#include "sdeistate.pb-c.h"

#include <errno.h>
#include <sdeistate/sdeistate.h>
#include <stdlib.h>

#define RUNS 4u

static uint8_t base_digest[SDEISTATE_DIGEST_SIZE];
static struct sdeistate_buffer base_stream;

/* A message under construction, with room of its own. */
struct forged {
	Sdeistate__Delta m;
	uint32_t gone[SDEISTATE_MAX_RECORDS + 1], list[RUNS], field[RUNS], first[RUNS], count[RUNS];
	uint64_t key[RUNS], value[8];
	uint8_t result[SDEISTATE_DIGEST_SIZE];
	size_t n;
};

static struct sdeistate *scene_state(void)
{
	struct model m = scene_everything();
	const struct sdeistate_capture_options options = { .flags = SDEISTATE_CAPTURE_REGS };
	struct sdeistate *state = NULL;

	CHECK(sdeistate_capture(&m.port, &options, &state, NULL) == 0, "captured");
	model_free(&m);
	return state;
}

static struct sdeistate_base *new_base(void)
{
	struct sdeistate_base *base = NULL;

	CHECK(sdeistate_base_new(base_stream.data, base_stream.len, &base, NULL) == 0, "a base");
	return base;
}

static void forge_begin(struct forged *f)
{
	*f = (struct forged){ .m = SDEISTATE__DELTA__INIT };
	f->m.has_base_digest = f->m.has_result_digest = f->m.has_whole = true;
	f->m.base_digest = (ProtobufCBinaryData){ sizeof(base_digest), base_digest };
	f->m.result_digest = (ProtobufCBinaryData){ sizeof(f->result), f->result };
	f->m.gone = f->gone;
	f->m.list = f->list;
	f->m.key = f->key;
	f->m.field = f->field;
	f->m.first = f->first;
	f->m.count = f->count;
	f->m.value = f->value;
}

static void forge_run(struct forged *f, uint32_t list, uint64_t key, uint32_t field, uint32_t first,
		      uint32_t count)
{
	const size_t i = f->n++;

	f->list[i] = list;
	f->key[i] = key;
	f->field[i] = field;
	f->first[i] = first;
	f->count[i] = count;
	f->m.n_list = f->m.n_key = f->m.n_field = f->m.n_first = f->m.n_count = f->n;
	f->m.n_value += count;
}

static struct sdeistate_buffer forge_end(const struct forged *f)
{
	const size_t len = protobuf_c_message_get_packed_size(&f->m.base);
	struct sdeistate_buffer stream = { calloc(1, 24 + len), 16 + ((len + 7) & ~(size_t)7) };

	stream.data[0] = SDEISTATE_RECORD_DELTA;
	for (unsigned int i = 0; i < 8; i++)
		stream.data[8 + i] = (uint8_t)((uint64_t)len >> (8 * i));
	protobuf_c_message_pack(&f->m.base, stream.data + 16);
	return stream;
}

#define TOPOLOGY   LIST_NUMBER(1u, 0u)
#define VCPUS      LIST_NUMBER(1u, 1u)
#define REGISTERED LIST_NUMBER(3u, 0u)
#define QUEUES     LIST_NUMBER(6u, 0u)
#define VCPU_STATE LIST_NUMBER(8u, 0u)
#define V7         LIST_NUMBER(9u, 0u)
#define FILTER     LIST_NUMBER(12u, 1u)
#define REGS       LIST_NUMBER(10u, 0u)
#define MEMORY     LIST_NUMBER(11u, 0u)
#define F(n)       (FIRST_FIELD + (n))

/* clang-format off */
#define FORGE(name, ...) static void name(struct forged *f) { __VA_ARGS__; }
FORGE(nothing_changes, (void)f)
FORGE(columns_differ, forge_run(f, TOPOLOGY, 0, F(3), 0, 1); f->m.n_key = 0)
FORGE(columns_short, forge_run(f, TOPOLOGY, 0, F(3), 0, 1); f->m.n_count = 0; f->m.n_value = 0)
FORGE(too_few_values, forge_run(f, TOPOLOGY, 0, F(3), 0, 1); f->m.n_value = 0)
FORGE(too_many_values, forge_run(f, TOPOLOGY, 0, F(3), 0, 1); f->m.n_value = 2)
FORGE(counts_overflow, forge_run(f, TOPOLOGY, 0, F(2), 0, 4); forge_run(f, TOPOLOGY, 0, F(2), 4, 4);
      f->count[0] = UINT32_MAX; f->count[1] = 9)
FORGE(no_elements, forge_run(f, TOPOLOGY, 0, F(3), 0, 0))
FORGE(behind_the_field, forge_run(f, TOPOLOGY, 0, F(3), 1, 1))
FORGE(over_the_end, forge_run(f, REGISTERED, NORMAL, F(4), 7, 2))
FORGE(first_overflows, forge_run(f, REGISTERED, NORMAL, F(4), UINT32_MAX, 2))
FORGE(unknown_list, forge_run(f, LIST_NUMBER(1u, 9u), 0, F(0), 0, 1))
FORGE(list_of_no_record, forge_run(f, 7, 0, F(0), 0, 1))
FORGE(list_of_a_record_to_come, forge_run(f, LIST_NUMBER(99u, 0u), 0, F(0), 0, 1))
FORGE(unknown_field, forge_run(f, TOPOLOGY, 0, F(90), 0, 1))
FORGE(lists_unordered, forge_run(f, VCPUS, 0, F(2), 0, 1); forge_run(f, TOPOLOGY, 0, F(3), 0, 1))
FORGE(keys_unordered, forge_run(f, VCPUS, 1, F(2), 0, 1); forge_run(f, VCPUS, 0, F(2), 0, 1))
FORGE(fields_unordered, forge_run(f, TOPOLOGY, 0, F(4), 0, 1); forge_run(f, TOPOLOGY, 0, F(3), 0, 1))
FORGE(same_twice, forge_run(f, TOPOLOGY, 0, F(3), 0, 1); forge_run(f, TOPOLOGY, 0, F(3), 0, 1))
FORGE(overlapping, forge_run(f, TOPOLOGY, 0, F(2), 0, 3); forge_run(f, TOPOLOGY, 0, F(2), 2, 1))
FORGE(goes_and_is_set, forge_run(f, REGISTERED, NORMAL, CHANGE_GOES, 0, 0);
      forge_run(f, REGISTERED, NORMAL, F(0), 0, 1))
FORGE(goes_twice, forge_run(f, REGISTERED, NORMAL, CHANGE_GOES, 0, 0);
      forge_run(f, REGISTERED, NORMAL, CHANGE_GOES, 0, 0))
FORGE(comes_twice, forge_run(f, REGISTERED, 7, CHANGE_COMES, 0, 0);
      forge_run(f, REGISTERED, 7, CHANGE_COMES, 0, 0))
FORGE(goes_with_elements, forge_run(f, REGISTERED, NORMAL, CHANGE_GOES, 0, 1))
FORGE(comes_from_somewhere, forge_run(f, REGISTERED, 7, CHANGE_COMES, 1, 0))
FORGE(vcpu_goes, forge_run(f, VCPUS, 0, CHANGE_GOES, 0, 0))
FORGE(queue_comes, forge_run(f, QUEUES, 0, CHANGE_COMES, 0, 0))
FORGE(key_of_one, forge_run(f, TOPOLOGY, 1, F(3), 0, 1))
FORGE(vcpu_512, forge_run(f, VCPU_STATE, 512, F(0), 0, 1))
FORGE(wide_filter, forge_run(f, FILTER, UINT64_C(1) << 32, F(1), 0, 1))
FORGE(region_16, forge_run(f, MEMORY, 16, F(0), 0, 1))
FORGE(mask_of_2, forge_run(f, VCPU_STATE, 0, F(0), 0, 1); f->value[0] = 2)
FORGE(torn_of_255, forge_run(f, TOPOLOGY, 0, F(1), 0, 1); f->value[0] = 255)
FORGE(kind_of_2, forge_run(f, TOPOLOGY, 0, F(0), 0, 1); f->value[0] = 2)
FORGE(byte_of_256, forge_run(f, TOPOLOGY, 0, F(2), 0, 1); f->value[0] = 256)
FORGE(slots_of_65536, forge_run(f, TOPOLOGY, 0, F(9), 0, 1); f->value[0] = 65536)
FORGE(state_of_2_32, forge_run(f, VCPUS, 0, F(2), 0, 1); f->value[0] = UINT64_C(1) << 32)
FORGE(queue_of_258, forge_run(f, QUEUES, 0, QUEUE_LENGTH, 0, 1); f->value[0] = 258)
FORGE(count_of_2_32, forge_run(f, QUEUES, 0, QUEUE_WORD, 1, 1); f->value[0] = UINT64_C(1) << 32)
FORGE(gone_unordered, f->gone[0] = 12; f->gone[1] = 8; f->m.n_gone = 2)
FORGE(gone_twice, f->gone[0] = f->gone[1] = 12; f->m.n_gone = 2)
FORGE(gone_65, for (unsigned int i = 0; i < 65; i++) f->gone[i] = i + 1; f->m.n_gone = 65)
FORGE(gone_and_changed, f->gone[0] = 10; f->m.n_gone = 1; forge_run(f, REGS, 0, F(0), 0, 1))
FORGE(no_whole, f->m.has_whole = false)
FORGE(half_a_record, static uint8_t half[24] = { 12, 0, 0, 0, 0, 0, 0, 0, 99 };
      f->m.whole = (ProtobufCBinaryData){ sizeof(half), half })
FORGE(whole_and_changed, static uint8_t none[16] = { 12 };
      f->m.whole = (ProtobufCBinaryData){ sizeof(none), none }; forge_run(f, FILTER, 1, F(1), 0, 1))
FORGE(whole_and_gone, static uint8_t none[16] = { 12 };
      f->m.whole = (ProtobufCBinaryData){ sizeof(none), none }; f->gone[0] = 12; f->m.n_gone = 1)
FORGE(long_digest, f->m.result_digest.len = 31)

FORGE(missing_event, forge_run(f, REGISTERED, 0x4444, F(0), 0, 1))
FORGE(missing_goes, forge_run(f, REGISTERED, 0x4444, CHANGE_GOES, 0, 0))
FORGE(present_comes, forge_run(f, REGISTERED, NORMAL, CHANGE_COMES, 0, 0))
FORGE(missing_vcpu, forge_run(f, VCPU_STATE, 4, F(0), 0, 1))
FORGE(missing_queue, forge_run(f, QUEUES, 4, QUEUE_LENGTH, 0, 1))
FORGE(behind_the_queue, forge_run(f, QUEUES, 0, QUEUE_WORD, 512, 2))
FORGE(other_profile, forge_run(f, V7, 0, F(8), 0, 1))
FORGE(missing_region, forge_run(f, MEMORY, 0, F(0), 0, 1))
FORGE(missing_guard, forge_run(f, LIST_NUMBER(14u, 0u), 0, F(0), 0, 1))
FORGE(another_result, forge_run(f, TOPOLOGY, 0, F(3), 0, 1); f->value[0] = 5)
FORGE(topology_gone, f->gone[0] = 1; f->m.n_gone = 1)
FORGE(unknown_whole, static uint8_t record[16] = { 63 };
      f->m.whole = (ProtobufCBinaryData){ sizeof(record), record })
FORGE(delta_whole, static uint8_t record[16] = { 18 };
      f->m.whole = (ProtobufCBinaryData){ sizeof(record), record })
/* clang-format on */

static const struct row {
	const char *promise;
	void (*forge)(struct forged *f);
	enum sdeistate_reason reason;
} wrong_in_itself[] = {
	{ "columns of other lengths", columns_differ, SDEISTATE_DAMAGED },
	{ "a short column", columns_short, SDEISTATE_DAMAGED },
	{ "too few values", too_few_values, SDEISTATE_DAMAGED },
	{ "too many values", too_many_values, SDEISTATE_DAMAGED },
	{ "counts that overflow", counts_overflow, SDEISTATE_DAMAGED },
	{ "a run of nothing", no_elements, SDEISTATE_DAMAGED },
	{ "an element behind a field", behind_the_field, SDEISTATE_DAMAGED },
	{ "a run over a field's end", over_the_end, SDEISTATE_DAMAGED },
	{ "a first that overflows", first_overflows, SDEISTATE_DAMAGED },
	{ "an unknown list", unknown_list, SDEISTATE_UNKNOWN_RECORD },
	{ "a list of no record", list_of_no_record, SDEISTATE_UNKNOWN_RECORD },
	{ "a list of a record to come", list_of_a_record_to_come, SDEISTATE_UNKNOWN_RECORD },
	{ "an unknown field", unknown_field, SDEISTATE_UNKNOWN_RECORD },
	{ "lists out of order", lists_unordered, SDEISTATE_DAMAGED },
	{ "keys out of order", keys_unordered, SDEISTATE_DAMAGED },
	{ "fields out of order", fields_unordered, SDEISTATE_DAMAGED },
	{ "the same element twice", same_twice, SDEISTATE_DAMAGED },
	{ "runs that overlap", overlapping, SDEISTATE_DAMAGED },
	{ "an entry that goes and is set", goes_and_is_set, SDEISTATE_DAMAGED },
	{ "an entry that goes twice", goes_twice, SDEISTATE_DAMAGED },
	{ "an entry that comes twice", comes_twice, SDEISTATE_DAMAGED },
	{ "an entry that goes with values", goes_with_elements, SDEISTATE_DAMAGED },
	{ "an entry that comes from its middle on", comes_from_somewhere, SDEISTATE_DAMAGED },
	{ "a vCPU that goes", vcpu_goes, SDEISTATE_DAMAGED },
	{ "a queue that comes", queue_comes, SDEISTATE_DAMAGED },
	{ "a key where there is one", key_of_one, SDEISTATE_DAMAGED },
	{ "vCPU 512", vcpu_512, SDEISTATE_DAMAGED },
	{ "a function id of 33 bits", wide_filter, SDEISTATE_DAMAGED },
	{ "region 16", region_16, SDEISTATE_DAMAGED },
	{ "a mask of 2", mask_of_2, SDEISTATE_DAMAGED },
	{ "torn 255 times", torn_of_255, SDEISTATE_DAMAGED },
	{ "a third kind", kind_of_2, SDEISTATE_DAMAGED },
	{ "a byte of 256", byte_of_256, SDEISTATE_DAMAGED },
	{ "65536 slots in 16 bits", slots_of_65536, SDEISTATE_DAMAGED },
	{ "a power state of 33 bits", state_of_2_32, SDEISTATE_DAMAGED },
	{ "a queue of 258", queue_of_258, SDEISTATE_DAMAGED },
	{ "a count of 33 bits", count_of_2_32, SDEISTATE_DAMAGED },
	{ "records that go out of order", gone_unordered, SDEISTATE_DAMAGED },
	{ "a record that goes twice", gone_twice, SDEISTATE_DAMAGED },
	{ "65 records that go", gone_65, SDEISTATE_OVER_LIMIT },
	{ "a record that goes and changes", gone_and_changed, SDEISTATE_DAMAGED },
	{ "a field that is missing", no_whole, SDEISTATE_DAMAGED },
	{ "half a record that comes whole", half_a_record, SDEISTATE_DAMAGED },
	{ "a record that comes whole and changes", whole_and_changed, SDEISTATE_DAMAGED },
	{ "a record that comes whole and goes", whole_and_gone, SDEISTATE_DAMAGED },
	{ "a digest of 31 bytes", long_digest, SDEISTATE_DAMAGED },
}, wrong_for_the_base[] = {
	{ "an event that is not there", missing_event, SDEISTATE_DAMAGED },
	{ "an event that goes and is not there", missing_goes, SDEISTATE_DAMAGED },
	{ "an event that comes and is there", present_comes, SDEISTATE_DAMAGED },
	{ "a vCPU that is not there", missing_vcpu, SDEISTATE_DAMAGED },
	{ "a queue of a vCPU that is not there", missing_queue, SDEISTATE_DAMAGED },
	{ "an entry behind a queue", behind_the_queue, SDEISTATE_DAMAGED },
	{ "a list of another profile", other_profile, SDEISTATE_DAMAGED },
	{ "a region that is not there", missing_region, SDEISTATE_DAMAGED },
	{ "a record that is not there", missing_guard, SDEISTATE_DAMAGED },
	{ "a result that another digest is named for", another_result, SDEISTATE_BAD_DIGEST },
	{ "no change, and another digest", nothing_changes, SDEISTATE_BAD_DIGEST },
	{ "a state without its topology", topology_gone, SDEISTATE_DAMAGED },
	{ "an unknown record", unknown_whole, SDEISTATE_UNKNOWN_RECORD },
	{ "a delta in a delta", delta_whole, SDEISTATE_UNKNOWN_RECORD },
};

static void check_row(const struct row *row, bool keeps)
{
	struct sdeistate_base *base = new_base();
	struct sdeistate_error err = { 0 };
	struct sdeistate_buffer delta;
	struct forged f;
	int ret;

	forge_begin(&f);
	row->forge(&f);
	delta = forge_end(&f);
	ret = sdeistate_delta_apply(base, delta.data, delta.len, &err);
	if (!CHECK(ret < 0 && err.reason == row->reason && err.code == ret, row->promise))
		fprintf(stderr, "%d %s %s %s %s %s\n", ret, sdeistate_reason_name(err.reason),
			err.object, err.field, err.expected, err.actual);
	CHECK(ret == 0 || (err.object[0] && err.expected[0]), "a refusal says what and why");
	CHECK((sdeistate_base_state(base) != NULL) == keeps,
	      keeps ? "nothing was changed" : "what was changed by half is thrown away");
	CHECK(keeps || (sdeistate_delta_apply(base, delta.data, delta.len, &err) == -EINVAL &&
			err.reason == SDEISTATE_USAGE),
	      "and not gone on with");
	CHECK(keeps || sdeistate_delta_list(delta.data, delta.len, NULL, NULL, NULL) == 0,
	      "without a base this cannot be seen");
	sdeistate_buffer_free(&delta);
	sdeistate_base_free(base);
}

static void test_what_is_wrong_in_itself_changes_nothing(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(wrong_in_itself); i++)
		check_row(&wrong_in_itself[i], true);
}

static void test_what_does_not_fit_the_base(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(wrong_for_the_base); i++)
		check_row(&wrong_for_the_base[i], false);
}

/* A good delta with changes of every kind. */
static struct sdeistate_buffer good_delta(void)
{
	struct sdeistate_base *base = new_base();
	struct sdeistate *state = scene_state();
	struct sdeistate_buffer delta = { .len = 0 };

	state->vcpu_state[0].masked ^= 1;
	state->registered[0].ep_arg[0] += 8;
	state->registered[state->n_registered - 1].num++;
	state->n_handlers = 0;
	state->n_filter = 0;
	CHECK(sdeistate_delta_compute(base, state, &delta, NULL) == 0, "a delta");
	sdeistate_base_free(base);
	sdeistate_free(state);
	return delta;
}

static bool is_refused(const uint8_t *delta, size_t len)
{
	struct sdeistate_base *base = new_base();
	uint8_t *copy = malloc(len + 1); /* its own, so that a sanitizer sees its end */
	int ret;

	memcpy(copy, delta, len);
	ret = sdeistate_delta_apply(base, copy, len, NULL);
	free(copy);
	sdeistate_base_free(base);
	return ret < 0;
}

static void test_no_part_and_no_change_of_it_is_taken(void)
{
	struct sdeistate_buffer delta = good_delta();

	CHECK(!is_refused(delta.data, delta.len), "the delta itself is taken");
	for (size_t len = 0; len < delta.len; len++)
		CHECK(is_refused(delta.data, len), "a part of it is not");
	for (size_t at = 0; at < delta.len; at++) {
		delta.data[at] ^= (uint8_t)(1u << at % 8);
		CHECK(is_refused(delta.data, delta.len), "nor with a bit changed");
		delta.data[at] ^= (uint8_t)((1u << at % 8) ^ 0xffu);
		CHECK(is_refused(delta.data, delta.len), "nor with a byte");
		delta.data[at] ^= 0xff;
	}
	sdeistate_buffer_free(&delta);
}

/* What stands behind the digests is no protobuf at all: it is not looked at. */
static void test_another_base_is_refused_before_the_delta_is_decoded(void)
{
	struct sdeistate_buffer delta = good_delta();
	struct sdeistate_base *base = new_base();
	struct sdeistate_error err = { 0 };

	memset(delta.data + 16 + 68, 0xff, (size_t)delta.data[8] + 256u * delta.data[9] - 68);
	CHECK(sdeistate_delta_apply(base, delta.data, delta.len, &err) == -EBADMSG &&
		      err.reason == SDEISTATE_DAMAGED,
	      "for its base a broken delta is damaged");
	delta.data[16 + 2] ^= 1;
	CHECK(sdeistate_delta_apply(base, delta.data, delta.len, &err) == -ESTALE &&
		      err.reason == SDEISTATE_WRONG_BASE && !strcmp(err.field, "base_digest"),
	      "for another one it is that, and nobody saw that it is broken");
	CHECK(sdeistate_base_state(base) != NULL, "the base stays a base");
	sdeistate_base_free(base);
	sdeistate_buffer_free(&delta);
}

static void test_what_no_delta_is(void)
{
	struct sdeistate_base *base = new_base();
	struct sdeistate_buffer delta = good_delta(), two;
	struct sdeistate_delta_ends ends;
	struct sdeistate_error err = { 0 };

	CHECK(sdeistate_delta_peek(base_stream.data, base_stream.len, &ends, &err) == -EBADMSG &&
		      err.reason == SDEISTATE_DAMAGED,
	      "a state is no delta");
	CHECK(sdeistate_delta_peek(NULL, 0, &ends, &err) == -EBADMSG, "nor is nothing");
	two = (struct sdeistate_buffer){ calloc(1, delta.len + 16), delta.len + 16 };
	memcpy(two.data, delta.data, delta.len);
	two.data[delta.len] = 20;
	CHECK(sdeistate_delta_peek(two.data, two.len, &ends, &err) == -EBADMSG,
	      "nor one with a record beside it");
	delta.data[3] |= 0x80;
	CHECK(sdeistate_delta_peek(delta.data, delta.len, &ends, &err) == -EBADMSG,
	      "nor an optional one");
	sdeistate_buffer_free(&two);
	sdeistate_buffer_free(&delta);
	sdeistate_base_free(base);
}

/* As many runs as there may be, and one more. */
static void check_runs(size_t n, enum sdeistate_reason reason)
{
	struct sdeistate_base *base = new_base();
	struct sdeistate_error err = { 0 };
	struct sdeistate_buffer delta;
	struct forged f;
	uint32_t *list = calloc(n, sizeof(*list)), *zero = calloc(n, sizeof(*zero)),
		 *comes = calloc(n, sizeof(*comes));
	uint64_t *key = calloc(n, sizeof(*key));

	forge_begin(&f);
	for (size_t i = 0; i < n; i++) {
		list[i] = REGISTERED;
		comes[i] = CHANGE_COMES;
		key[i] = i;
	}
	f.m.list = list;
	f.m.key = key;
	f.m.field = comes;
	f.m.first = f.m.count = zero;
	f.m.n_list = f.m.n_key = f.m.n_field = f.m.n_first = f.m.n_count = n;
	delta = forge_end(&f);
	CHECK(sdeistate_delta_apply(base, delta.data, delta.len, &err) == -E2BIG &&
		      err.reason == reason &&
		      !strcmp(err.field, n > SDEISTATE_MAX_DELTA_RUNS ? "list" : "registered"),
	      "runs and entries have a limit each");
	sdeistate_buffer_free(&delta);
	sdeistate_base_free(base);
	free(list);
	free(zero);
	free(comes);
	free(key);
}

static void test_limits(void)
{
	check_runs(KVM_SDEI_MAX_EVENTS, SDEISTATE_OVER_LIMIT);
	check_runs(SDEISTATE_MAX_DELTA_RUNS, SDEISTATE_OVER_LIMIT);
	check_runs(SDEISTATE_MAX_DELTA_RUNS + 1, SDEISTATE_OVER_LIMIT);
}

static void test_there_is_a_base(void)
{
	struct sdeistate *state = scene_state();
	struct sdeistate_index index;

	REQUIRE(sdeistate_encode(state, &base_stream, NULL) == 0 &&
			sdeistate_index_stream(base_stream.data, base_stream.len, &index, NULL) ==
				0,
		"a state to be a base");
	memcpy(base_digest, index.digest, sizeof(base_digest));
	sdeistate_free(state);
}

int main(void)
{
	int ret = RUN_TESTS(test_there_is_a_base, test_what_is_wrong_in_itself_changes_nothing,
			    test_what_does_not_fit_the_base,
			    test_no_part_and_no_change_of_it_is_taken,
			    test_another_base_is_refused_before_the_delta_is_decoded,
			    test_what_no_delta_is, test_limits);

	sdeistate_buffer_free(&base_stream);
	return ret;
}
