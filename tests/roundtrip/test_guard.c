// SPDX-License-Identifier: Apache-2.0
/*
 * The MMIO guard from VM to VM: random ranges, other granules, each broken rule, each obstacle.
 */
#include "hooked.h"
#include "scene.h"
#include "walk.h"

#include <errno.h>
#include <sdeistate/sdeistate.h>
#include <stdlib.h>

#define RANGES 20u

static struct model guard_vm(enum kvmcore_guard_abi abi, uint32_t page)
{
	const struct kvmcore_config config = { .profile = KVMCORE_PROFILE_SPEC,
					       .guard = abi,
					       .host = { .page_size = page } };
	struct model m = model_new(&config, 2);

	kvmcore_pause(m.vm);
	return m;
}

static bool give(struct model *m, enum kvmcore_guard_abi abi, uint64_t granule,
		 const struct kvmcore_guard_range *range, unsigned int n)
{
	const struct kvmcore_guard_state state = {
		.abi = abi, .flags = 1, .granule = granule, .count = n, .ptr = (uintptr_t)range
	};
	const struct kvmcore_array shared = { .count = n / 2, .ptr = (uintptr_t)range };

	return CHECK(model_attr(m, -1, KVM_SET_DEVICE_ATTR, KVMCORE_GROUP_GUARD,
				KVMCORE_GUARD_STATE, &state) == 0 &&
			     model_attr(m, -1, KVM_SET_DEVICE_ATTR, KVMCORE_GROUP_GUARD,
					KVMCORE_GUARD_SHARED, &shared) == 0,
		     "a guest can have guarded and shared");
}

static void make_ranges(uint64_t seed, uint64_t granule, struct kvmcore_guard_range *range)
{
	struct walk walk = walk_begin(seed, KVMCORE_PROFILE_SPEC, 1);
	uint64_t at = 0;

	for (unsigned int i = 0; i < RANGES; i++) {
		at += granule * (1 + walk_number(&walk, 99));
		range[i].base = at;
		range[i].size = granule * (1 + walk_number(&walk, 9));
		at += range[i].size;
	}
}

static struct sdeistate *take(struct model *m)
{
	struct sdeistate *state = NULL;

	CHECK(sdeistate_capture(&m->port, NULL, &state, NULL) == 0, "a guarded VM is captured");
	return state;
}

static void cross(uint64_t seed, enum kvmcore_guard_abi abi, uint32_t here, uint32_t there)
{
	struct model from = guard_vm(abi, here), to = guard_vm(abi, there);
	struct kvmcore_guard_range range[RANGES];
	struct sdeistate_buffer bytes = { .len = 0 }, again = { .len = 0 };
	struct sdeistate *state = NULL, *received = NULL;
	uint8_t digest[SDEISTATE_DIGEST_SIZE];

	make_ranges(seed, here > there ? here : there, range);
	give(&from, abi, here, range, RANGES);
	state = take(&from);
	REQUIRE(state, "captured");
	CHECK(state->n_guarded == RANGES && state->n_shared == RANGES / 2 &&
		      state->guard.enrolled && !memcmp(state->guarded, range, sizeof(range)),
	      "with all that is guarded and shared");
	CHECK(sdeistate_encode(state, &bytes, NULL) == 0, "encoded");
	CHECK(sdeistate_decode(bytes.data, bytes.len, &received, NULL) == 0, "decoded");
	REQUIRE(received, "decoded");
	CHECK(sdeistate_encode(received, &again, NULL) == 0 && bytes.len == again.len &&
		      !memcmp(bytes.data, again.data, bytes.len),
	      "the same bytes");
	CHECK(sdeistate_replay(received, &to.port, NULL) == 0, "replayed");
	CHECK(sdeistate_prove(received, &to.port, digest, NULL) == 0, "and proved");
	sdeistate_buffer_free(&bytes);
	sdeistate_buffer_free(&again);
	sdeistate_free(state);
	sdeistate_free(received);
	model_free(&from);
	model_free(&to);
}

static void test_random_guards_cross(void)
{
	for (uint64_t seed = 1; seed <= 10; seed++)
		for (int abi = KVMCORE_GUARD_S; abi < KVMCORE_GUARD_OFF; abi++)
			cross(seed, (enum kvmcore_guard_abi)abi, 4096, 4096);
}

static void test_granules_split_and_merge(void)
{
	cross(1, KVMCORE_GUARD_S, 65536, 4096);
	cross(2, KVMCORE_GUARD_S, 4096, 65536);
}

static void check_obstacle(const struct sdeistate *state, const struct kvm_port *port,
			   enum sdeistate_reason reason, const char *field)
{
	struct sdeistate_obstacles obstacles = { .n = 0 };
	bool found = false;

	CHECK(sdeistate_check(state, port, &obstacles, NULL) == -EOPNOTSUPP,
	      "it stands in the way");
	for (unsigned int i = 0; i < obstacles.n; i++)
		found |= obstacles.list[i].reason == reason &&
			 !strncmp(obstacles.list[i].object, "MMIO guard", 10) &&
			 !strcmp(obstacles.list[i].field, field);
	CHECK(found, field);
	sdeistate_obstacles_free(&obstacles);
}

static void test_each_obstacle(void)
{
	static _Alignas(4096) uint8_t memory[8192];
	const struct kvmcore_guard_range range = { .base = 0x9001000, .size = 0x1000 };
	struct model from = guard_vm(KVMCORE_GUARD_S, 4096);
	struct model coarse = guard_vm(KVMCORE_GUARD_S, 65536);
	struct model other = guard_vm(KVMCORE_GUARD_A1, 4096);
	struct model full = guard_vm(KVMCORE_GUARD_S, 4096);
	struct sdeistate *state, *without = take(&full);

	give(&from, KVMCORE_GUARD_S, 4096, &range, 1);
	state = take(&from);
	REQUIRE(state && without, "captured");
	CHECK(model_memory(&full, 0, 0x9000000, sizeof(memory), memory) == 0, "there is memory");
	check_obstacle(state, &coarse.port, SDEISTATE_INCOMPATIBLE, "granule");
	check_obstacle(state, &other.port, SDEISTATE_INCOMPATIBLE, "abi");
	check_obstacle(state, &full.port, SDEISTATE_INCOMPATIBLE, "memory");
	check_obstacle(state, &from.port, SDEISTATE_VM_NOT_FRESH, "state");
	check_obstacle(without, &from.port, SDEISTATE_VM_NOT_FRESH, "state");
	sdeistate_free(state);
	sdeistate_free(without);
	model_free(&from);
	model_free(&coarse);
	model_free(&other);
	model_free(&full);
}

static int without_slots(void *vm, int vcpu, unsigned long cmd, void *arg)
{
	const struct kvm_device_attr *attr = arg;

	if (cmd == KVM_GET_DEVICE_ATTR && attr->group == KVMCORE_GROUP_VM &&
	    attr->attr == KVMCORE_VM_MEMORY)
		return -ENXIO;
	return hooked_ioctl(vm, vcpu, cmd, arg);
}

/* How many obstacles are about memory? Told by the slots, and found without them. */
static unsigned int memory_in_the_way(const struct sdeistate *state, struct model *to, bool told)
{
	struct sdeistate_obstacles all = { .n = 0 };
	struct hooked hooked;
	unsigned int n = 0;

	hooked_begin(&hooked, to->vm);
	if (!told)
		hooked.port.ioctl = without_slots;
	sdeistate_check(state, &hooked.port, &all, NULL);
	for (unsigned int i = 0; i < all.n; i++)
		n += !strncmp(all.list[i].object, "MMIO guard range 0x", 19) &&
		     !strcmp(all.list[i].field, "memory") &&
		     all.list[i].reason == SDEISTATE_INCOMPATIBLE;
	sdeistate_obstacles_free(&all);
	return n;
}

/* Guarded 0x100000 up to 0x200000, 0x400000 up to 0x402000, and a terabyte. */
static void test_memory_anywhere_in_a_range(void)
{
	static _Alignas(4096) uint8_t memory[0x4000];
	static const struct kvmcore_guard_range range[] = { { 0x100000, 0x100000 },
							    { 0x400000, 0x2000 },
							    { UINT64_C(1) << 38, UINT64_C(1)
											 << 38 } };
	static const struct {
		uint64_t base, size;
		unsigned int told, probed;
	} row[] = {
		{ 0x150000, 0x1000, 1, 1 },               /* strictly inside */
		{ 0x1ff000, 0x1000, 1, 1 },               /* the last page */
		{ 0x100000, 0x1000, 1, 1 },               /* the first */
		{ 0x3ff000, 0x4000, 1, 1 },               /* the range inside a slot */
		{ 0x0ff000, 0x1000, 0, 0 },               /* up to it */
		{ 0x200000, 0x1000, 0, 0 },               /* from its end on */
		{ 0x300000, 0x4000, 0, 0 },               /* in between */
		{ UINT64_C(0x5000000000), 0x1000, 1, 0 }, /* inside what is too large to be read */
		{ UINT64_C(0x7ffffff000), 0x1000, 1, 1 }, /* but its ends are */
	};
	struct model from = guard_vm(KVMCORE_GUARD_S, 4096);
	struct sdeistate *state;

	CHECK(model_attr(&from, -1, KVM_SET_DEVICE_ATTR, KVMCORE_GROUP_GUARD, KVMCORE_GUARD_STATE,
			 &(struct kvmcore_guard_state){ .flags = 1,
							.granule = 4096,
							.count = ARRAY_SIZE(range),
							.ptr = (uintptr_t)range }) == 0,
	      "guarded");
	state = take(&from);
	REQUIRE(state, "captured");
	for (unsigned int i = 0; i < ARRAY_SIZE(row); i++) {
		struct model to = guard_vm(KVMCORE_GUARD_S, 4096);

		CHECK(model_memory(&to, 0, row[i].base, row[i].size, memory) == 0, "memory");
		CHECK(memory_in_the_way(state, &to, true) == row[i].told, "by its slots");
		CHECK(memory_in_the_way(state, &to, false) == row[i].probed, "by reading");
		CHECK((sdeistate_replay(state, &to.port, NULL) == 0) == !row[i].told,
		      "and no other memory is refused");
		model_free(&to);
	}
	sdeistate_free(state);
	model_free(&from);
}

#define MUTATE(name, statement)               \
	static void name(struct sdeistate *s) \
	{                                     \
		statement;                    \
	}

MUTATE(odd_granule, s->guard.granule = 5000)
MUTATE(no_granule, s->guard.granule = 0)
MUTATE(empty, s->guarded[3].size = 0)
MUTATE(wraps, s->guarded[3].size = UINT64_MAX - 0xfff)
MUTATE(misaligned, s->guarded[3].base += 8)
MUTATE(descends, s->shared[3].base = s->shared[2].base)

static void test_each_broken_rule_is_named(void)
{
	static const struct {
		void (*mutate)(struct sdeistate *state);
		const char *object, *field;
	} row[] = {
		{ odd_granule, "MMIO guard", "granule" },
		{ no_granule, "MMIO guard", "granule" },
		{ empty, "MMIO guard", "size" },
		{ wraps, "MMIO guard", "size" },
		{ misaligned, "MMIO guard", "base" },
		{ descends, "MMIO guard, shared", "base" },
	};
	struct model m = guard_vm(KVMCORE_GUARD_S, 4096);
	struct kvmcore_guard_range range[RANGES];

	make_ranges(7, 4096, range);
	give(&m, KVMCORE_GUARD_S, 4096, range, RANGES);
	for (unsigned int i = 0; i < ARRAY_SIZE(row); i++) {
		struct sdeistate_error err = { .code = 0 };
		struct sdeistate *state = take(&m);

		REQUIRE(state, "captured");
		row[i].mutate(state);
		CHECK(sdeistate_validate(state, &err) == -EINVAL &&
			      !strcmp(err.object, row[i].object) &&
			      !strcmp(err.field, row[i].field),
		      row[i].field);
		sdeistate_free(state);
	}
	model_free(&m);
}

int main(void)
{
	return RUN_TESTS(test_random_guards_cross, test_granules_split_and_merge,
			 test_each_obstacle, test_memory_anywhere_in_a_range,
			 test_each_broken_rule_is_named);
}
