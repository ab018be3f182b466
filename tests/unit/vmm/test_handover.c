// SPDX-License-Identifier: Apache-2.0
/* The control socket of examples/vmm: a guest goes from one to another, or does not (docs/embedding.md, 3 and 5). */
#include "machine.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define WAIT_MS 60000 /* longer than any machine is slow */

static const struct transport_id session = { { 1 } }, again = { { 2 } };

/* Two VMMs and what a mover has of each. */
struct pair {
	struct machine here, there;
	struct transport_control *source, *destination;
	struct transport_buffer records;
};

static struct transport_control *connect_to(const struct machine *machine)
{
	struct transport_control *control = NULL;

	CHECK(transport_control_open(machine->control, WAIT_MS, &control, NULL) == 0,
	      "a VMM answers");
	return control;
}

static bool is_in_state(const struct machine *machine, enum transport_vm_state state)
{
	struct transport_control *control = connect_to(machine);
	struct transport_vm_status status;
	const bool is = control && transport_control_status(control, &status, NULL) == 0 &&
			status.state == state && status.may_run == (state == TRANSPORT_VM_RUNNING);

	transport_control_close(control);
	return is;
}

static bool pair_begin(struct pair *pair)
{
	memset(pair, 0, sizeof(*pair));
	pair->records.max = 1u << 20;
	if (!CHECK(machine_new(&pair->there, true, NULL) &&
			   machine_new(&pair->here, false, pair->there.incoming),
		   "two VMMs, one of which waits"))
		return false;
	for (unsigned int i = 0; i < MACHINE_ITEMS; i++)
		pair->here.item[i] = 100 + i;
	pair->here.vmm.ram[12345] = 67;
	pair->here.vmm.source.random = 89;
	if (!CHECK(machine_serve(&pair->here) && machine_serve(&pair->there), "are served"))
		return false;
	pair->source = connect_to(&pair->here);
	pair->destination = connect_to(&pair->there);
	return pair->source && pair->destination;
}

static void pair_end(struct pair *pair)
{
	transport_control_close(pair->source);
	transport_control_close(pair->destination);
	transport_buffer_free(&pair->records);
	machine_free(&pair->here);
	machine_free(&pair->there);
}

static int stage(struct pair *pair, const struct transport_id *id)
{
	const struct transport_stage request = {
		*id, 1, { pair->records.data, pair->records.len }, { NULL, 0 }
	};
	uint8_t digest[TRANSPORT_DIGEST_SIZE];

	return transport_control_stage(pair->destination, &request, digest, NULL);
}

/* Up to the moment in which the guest's memory begins to come. */
static void begin_move(struct pair *pair, const struct transport_id *id)
{
	pair->records.len = 0;
	CHECK(transport_control_reserve(pair->destination, id, NULL) == 0, "a place is reserved");
	CHECK(transport_control_pause(pair->source, id, NULL) == 0, "the guest stops");
	CHECK(transport_control_capture(pair->source, id, TRANSPORT_CAPTURE_FINAL, NULL,
					&pair->records, NULL) == 0,
	      "its state is taken, and its memory goes");
}

static void end_move(struct pair *pair, const struct transport_id *id)
{
	bool prepared = false;

	CHECK(stage(pair, id) == 0, "the state is there");
	CHECK(transport_control_prepared(pair->destination, id, &prepared, NULL) == 0 && prepared,
	      "and so is all else");
	CHECK(transport_control_relinquish(pair->source, id, NULL) == 0, "it is given away");
	CHECK(transport_control_commit(pair->destination, id, false, NULL) == 0, "it runs there");
	CHECK(transport_control_end(pair->source, id, NULL) == 0, "and not here");
}

static void check_arrived(const struct pair *pair)
{
	const struct vmm *there = &pair->there.vmm;
	struct transport_vm_info info;

	CHECK(is_in_state(&pair->there, TRANSPORT_VM_RUNNING) &&
		      is_in_state(&pair->here, TRANSPORT_VM_ENDED),
	      "it runs there and not here");
	CHECK(pair->there.n_resumed == 1 && pair->here.n_resumed >= 1, "it was let run once");
	CHECK(there->ram[12345] == 67 && there->ram[12344] == 0, "its memory has come");
	CHECK(!memcmp(pair->there.item, pair->here.item, sizeof(pair->here.item)) &&
		      there->source.random == 89,
	      "so have its registers and devices");
	CHECK(transport_control_info(pair->destination, &info, NULL) == 0 &&
		      info.uuid.bytes[0] == 7 && info.generation == 1,
	      "it is the same VM, moved once");
}

static void test_a_guest_moves(void)
{
	struct pair pair;

	if (pair_begin(&pair)) {
		CHECK(is_in_state(&pair.here, TRANSPORT_VM_RUNNING) &&
			      is_in_state(&pair.there, TRANSPORT_VM_ENDED),
		      "who waits for a guest does not run");
		begin_move(&pair, &session);
		end_move(&pair, &session);
		check_arrived(&pair);
	}
	pair_end(&pair);
}

struct asker {
	const struct machine *machine;
	pthread_t thread;
	int ret;
	bool prepared;
};

static void *ask_main(void *opaque)
{
	struct asker *asker = opaque;
	struct transport_control *control = NULL;

	asker->ret = transport_control_open(asker->machine->control, WAIT_MS, &control, NULL);
	if (!asker->ret)
		asker->ret = transport_control_prepared(control, &session, &asker->prepared, NULL);
	transport_control_close(control);
	return NULL;
}

/* The memory goes under the name of another session, so that it is not taken. */
static void go_astray(struct pair *pair)
{
	CHECK(transport_control_reserve(pair->destination, &session, NULL) == 0 &&
		      transport_control_pause(pair->source, &again, NULL) == 0 &&
		      transport_control_capture(pair->source, &again, TRANSPORT_CAPTURE_FINAL, NULL,
						&pair->records, NULL) == 0 &&
		      stage(pair, &session) == 0,
	      "a state comes whose memory does not");
}

static void check_waits(struct pair *pair)
{
	bool prepared;

	transport_control_set_timeout(pair->destination, 1);
	CHECK(transport_control_prepared(pair->destination, &session, &prepared, NULL) ==
		      -ETIMEDOUT,
	      "it is waited for");
	transport_control_close(pair->destination);
	pair->destination = connect_to(&pair->there);
	CHECK(is_in_state(&pair->there, TRANSPORT_VM_STAGED), "and others are answered");
}

static void test_others_are_served_while_the_guest_comes(void)
{
	struct asker asker = { .ret = -EINVAL };
	struct pair pair;

	if (pair_begin(&pair)) {
		go_astray(&pair);
		check_waits(&pair);
		asker.machine = &pair.there;
		CHECK(pthread_create(&asker.thread, NULL, ask_main, &asker) == 0, "a mover asks");
		CHECK(is_in_state(&pair.there, TRANSPORT_VM_STAGED), "nobody minds");
		CHECK(transport_control_abort(pair.destination, &session, NULL) == 0,
		      "the hand-over can be given up");
		pthread_join(asker.thread, NULL);
		CHECK(asker.ret == -EPERM, "of which who waits is told");
		CHECK(transport_control_resume(pair.source, &again, NULL) == 0, "it goes on here");
		begin_move(&pair, &session);
		end_move(&pair, &session);
		check_arrived(&pair);
	}
	pair_end(&pair);
}

static void test_who_waits_is_answered_when_the_guest_has_come(void)
{
	struct asker asker = { .ret = -EINVAL };
	struct pair pair;

	if (pair_begin(&pair)) {
		const int silent = machine_knock(&pair.there);

		CHECK(silent >= 0, "somebody who says nothing is at the door");
		begin_move(&pair, &session);
		CHECK(stage(&pair, &session) == 0, "the state is there");
		asker.machine = &pair.there;
		CHECK(pthread_create(&asker.thread, NULL, ask_main, &asker) == 0, "a mover asks");
		pthread_join(asker.thread, NULL);
		CHECK(asker.ret == 0 && asker.prepared, "it is prepared all the same");
		CHECK(is_in_state(&pair.there, TRANSPORT_VM_PREPARED), "and says so");
		close(silent);
	}
	pair_end(&pair);
}

/* How far a hand-over gets before its mover is gone on both sides, as kill -9 of it leaves them. */
enum moment { RESERVED, CAPTURED, STAGED, LOADED, NR_MOMENTS };

static void go_as_far_as(struct pair *pair, enum moment moment)
{
	bool prepared;

	if (moment == RESERVED)
		CHECK(transport_control_reserve(pair->destination, &session, NULL) == 0,
		      "a place is reserved");
	else
		begin_move(pair, &session);
	if (moment >= STAGED)
		CHECK(stage(pair, &session) == 0, "the state is there");
	if (moment >= LOADED)
		CHECK(transport_control_prepared(pair->destination, &session, &prepared, NULL) ==
				      0 &&
			      prepared,
		      "and all else");
}

static void test_a_mover_is_lost_at_any_moment(void)
{
	for (enum moment moment = 0; moment < NR_MOMENTS; moment++) {
		struct pair pair;

		if (pair_begin(&pair)) {
			go_as_far_as(&pair, moment);
			pair.source = transport_control_close(pair.source);
			pair.source = connect_to(&pair.here);
			CHECK(is_in_state(&pair.here, TRANSPORT_VM_RUNNING), "the guest runs on");
			CHECK(!is_in_state(&pair.there, TRANSPORT_VM_RUNNING) &&
				      pair.there.n_resumed == 0,
			      "and nowhere else");
			CHECK(transport_control_abort(pair.destination, &session, NULL) == 0 &&
				      is_in_state(&pair.there, TRANSPORT_VM_ENDED) &&
				      pair.there.n_opened == 2,
			      "what came is thrown away");
			begin_move(&pair, &again);
			end_move(&pair, &again);
			check_arrived(&pair);
		}
		pair_end(&pair);
	}
}

/* Whoever is left answers, and waits for nobody. */
static void end_one(bool source, enum moment moment, enum transport_vm_state left)
{
	struct pair pair;

	if (pair_begin(&pair)) {
		struct machine *first = source ? &pair.here : &pair.there;

		go_as_far_as(&pair, moment);
		gate_end(&first->vmm, 0);
		pthread_join(first->thread, NULL);
		first->is_served = false;
		CHECK(is_in_state(source ? &pair.there : &pair.here, left), "the other answers");
	}
	pair_end(&pair);
}

static void test_a_vmm_ends_at_any_moment(void)
{
	static const enum transport_vm_state left[NR_MOMENTS][2] = {
		[RESERVED] = { TRANSPORT_VM_RUNNING, TRANSPORT_VM_RESERVED },
		[CAPTURED] = { TRANSPORT_VM_PAUSED, TRANSPORT_VM_RESERVED },
		[STAGED] = { TRANSPORT_VM_PAUSED, TRANSPORT_VM_STAGED },
		[LOADED] = { TRANSPORT_VM_PAUSED, TRANSPORT_VM_PREPARED },
	};

	for (int source = 0; source < 2; source++)
		for (enum moment moment = 0; moment < NR_MOMENTS; moment++)
			end_one(source, moment, left[moment][source]);
}

/* Where the guest's memory is to go: somebody who listens and never reads, or nobody. Return: a descriptor; -1 */
static int open_sink(struct sockaddr_un *address, char folder[32], bool listens)
{
	int fd = -1;

	*address = (struct sockaddr_un){ .sun_family = AF_UNIX };
	snprintf(folder, 32, "/tmp/sdei-test-XXXXXX");
	if (!CHECK(mkdtemp(folder), "there is a folder"))
		return -1;
	snprintf(address->sun_path, sizeof(address->sun_path), "%s/sink", folder);
	if (listens)
		fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	CHECK(!listens || (bind(fd, (struct sockaddr *)address, sizeof(*address)) == 0 &&
			   listen(fd, 1) == 0),
	      "somebody listens");
	return fd;
}

/* A session in which the memory cannot go on: @ends 0 by RESUME, 1 by the mover's end, 2 by the VMM's. */
static void give_up(struct machine *machine, int ends)
{
	struct transport_buffer records = { .max = 1u << 20 };
	struct transport_control *control = connect_to(machine);

	CHECK(transport_control_pause(control, &session, NULL) == 0 &&
		      transport_control_capture(control, &session, TRANSPORT_CAPTURE_FINAL, NULL,
						&records, NULL) == 0,
	      "its state is taken");
	CHECK(is_in_state(machine, TRANSPORT_VM_PAUSED), "others are served");
	if (ends == 0)
		CHECK(transport_control_resume(control, &session, NULL) == 0, "it may go on");
	if (ends < 2)
		control = transport_control_close(control);
	if (ends < 2)
		CHECK(is_in_state(machine, TRANSPORT_VM_RUNNING), "and does");
	else
		machine_free(machine);
	transport_control_close(control);
	transport_buffer_free(&records);
}

static void test_a_destination_that_does_not_read_holds_up_nobody(void)
{
	for (int listens = 0; listens < 2; listens++) {
		struct sockaddr_un address;
		struct machine machine;
		char folder[32], uri[128];
		const int fd = open_sink(&address, folder, listens);

		snprintf(uri, sizeof(uri), "unix:%s", address.sun_path);
		REQUIRE(machine_new(&machine, false, uri) && machine_serve(&machine),
			"a VMM with a guest");
		memset(machine.vmm.ram, 1, MACHINE_MEMORY);
		for (int ends = 0; ends < 3; ends++)
			give_up(&machine, ends);
		close(fd);
		unlink(address.sun_path);
		rmdir(folder);
	}
}

int main(void)
{
	return RUN_TESTS(test_a_guest_moves, test_others_are_served_while_the_guest_comes,
			 test_who_waits_is_answered_when_the_guest_has_come,
			 test_a_mover_is_lost_at_any_moment, test_a_vmm_ends_at_any_moment,
			 test_a_destination_that_does_not_read_holds_up_nobody);
}
