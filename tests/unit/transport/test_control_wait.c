// SPDX-License-Identifier: Apache-2.0
/* A VMM that waits: for a guest to move in, and for its own stream to be complete (docs/control.md, 3.6 and 4.1). */
#include "fake_vmm.h"
#include "support/check.h"

#include <sys/stat.h>

#define WAIT_MS 20000

static const struct transport_id session = { { 1 } };
static const uint8_t records[] = { 0 };

/* Deadlines that nobody here is to miss. */
static const struct transport_server_options patient = { .message_timeout_ms = WAIT_MS,
							 .hello_timeout_ms = WAIT_MS };

static struct transport_control *connect_to(const struct fake_vmm *vmm)
{
	struct transport_control *control = NULL;

	CHECK(transport_control_open(vmm->path, WAIT_MS, &control, NULL) == 0, "a VMM answers");
	return control;
}

static bool was_asked(const struct fake_vmm *vmm)
{
	for (int i = 0; i < WAIT_MS && vmm->vm.asked == 0; i++)
		nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
	return vmm->vm.asked > 0;
}

static bool is_in_state(const struct fake_vmm *vmm, enum transport_vm_state state)
{
	struct transport_control *control = connect_to(vmm);
	struct transport_vm_status status;
	const bool is =
		transport_control_status(control, &status, NULL) == 0 && status.state == state;

	transport_control_close(control);
	return is;
}

static int stage(struct transport_control *control)
{
	const struct transport_stage request = { session, 4, { records, sizeof(records) }, { 0 } };
	uint8_t digest[TRANSPORT_DIGEST_SIZE];

	return transport_control_stage(control, &request, digest, NULL);
}

static void test_a_vm_without_a_guest_does_not_run(void)
{
	struct transport_server *server;
	struct transport_vm_status status;
	struct transport_control *control;
	struct transport_error err;
	struct fake_vmm vmm;
	char path[80];

	REQUIRE(fake_vmm_start(&vmm, &patient) == 0, "a server starts");
	fake_vmm_stop(&vmm);
	REQUIRE(mkdir(vmm.folder, 0700) == 0, "its folder is there again");
	snprintf(path, sizeof(path), "%s/empty", vmm.folder);
	REQUIRE(transport_server_new(&patient, &server, NULL) == 0 &&
			transport_server_add_empty(server, path, &fake_ops, &vmm.vm, NULL) == 0,
		"a VM that waits for its guest has a door");
	CHECK(transport_server_status(server, path, &status) == 0 &&
		      status.state == TRANSPORT_VM_ENDED && !status.may_run,
	      "nothing of it runs");
	REQUIRE(pthread_create(&vmm.thread, NULL, fake_serve, server) == 0, "it is served");
	REQUIRE(transport_control_open(path, WAIT_MS, &control, NULL) == 0, "a mover comes");
	CHECK(transport_control_status(control, &status, NULL) == 0 &&
		      status.state == TRANSPORT_VM_ENDED && !status.may_run && !status.held,
	      "STATUS says so");
	CHECK(transport_control_pause(control, &session, &err) == -EPERM &&
		      !strcmp(err.actual, "ended") && vmm.vm.pauses == 0,
	      "there is nothing to pause");
	CHECK(transport_control_pause(control, &(struct transport_id){ { 0 } }, NULL) == -EPERM,
	      "not for an operator either");
	CHECK(transport_control_resume(control, &(struct transport_id){ { 0 } }, NULL) == -EPERM,
	      "nor to resume");
	CHECK(transport_control_abort(control, &session, NULL) == -EPERM &&
		      transport_control_end(control, &session, NULL) == -EPERM,
	      "nobody's session is there to be ended");
	CHECK(transport_control_reserve(control, &session, NULL) == 0 && vmm.vm.reserves == 1 &&
		      stage(control) == 0,
	      "a guest can move in");
	transport_control_close(control);
	transport_server_stop(server);
	pthread_join(vmm.thread, NULL);
	transport_server_free(server);
	rmdir(vmm.folder);
}

/* A mover that asks PREPARED, which takes as long as it takes. */
struct asker {
	const struct fake_vmm *vmm;
	bool stages; /* with STAGE before it, in one go */
	pthread_t thread;
	int ret;
	bool prepared;
};

static void *ask_main(void *opaque)
{
	const struct transport_stage request = { session, 4, { records, sizeof(records) }, { 0 } };
	struct asker *asker = opaque;
	struct transport_control *control = NULL;
	uint8_t digest[TRANSPORT_DIGEST_SIZE];

	asker->ret = transport_control_open(asker->vmm->path, WAIT_MS, &control, NULL);
	if (asker->ret)
		return NULL;
	if (asker->stages)
		asker->ret = transport_control_stage_prepared(control, &request, digest,
							      &asker->prepared, NULL);
	else
		asker->ret = transport_control_prepared(control, &session, &asker->prepared, NULL);
	transport_control_close(control);
	return NULL;
}

static void begin_to_ask(struct asker *asker, struct fake_vmm *vmm, bool stages)
{
	*asker = (struct asker){ .vmm = vmm, .stages = stages, .ret = -EINVAL };
	REQUIRE(pthread_create(&asker->thread, NULL, ask_main, asker) == 0, "a mover asks");
	CHECK(was_asked(vmm), "the VMM is asked, and has no answer yet");
}

static void begin(struct fake_vmm *vmm, bool staged)
{
	struct transport_control *control;

	REQUIRE(fake_vmm_start(vmm, &patient) == 0, "a server starts");
	vmm->vm.loading = true;
	control = connect_to(vmm);
	CHECK(transport_control_reserve(control, &session, NULL) == 0 &&
		      (!staged || stage(control) == 0),
	      "a session has the VM");
	transport_control_close(control);
}

static void test_others_are_served_while_one_waits(void)
{
	for (int stages = 0; stages < 2; stages++) {
		struct fake_vmm vmm;
		struct asker asker;

		begin(&vmm, !stages);
		begin_to_ask(&asker, &vmm, stages);
		CHECK(is_in_state(&vmm, TRANSPORT_VM_STAGED), "meanwhile others are served");
		vmm.vm.loading = false;
		transport_server_wake(vmm.server);
		pthread_join(asker.thread, NULL);
		CHECK(asker.ret == 0 && asker.prepared, "who waits is answered once it is loaded");
		CHECK(is_in_state(&vmm, TRANSPORT_VM_PREPARED), "and the VM is prepared");
		fake_vmm_stop(&vmm);
	}
}

static void test_a_vmm_that_wakes_nobody_is_asked_again(void)
{
	struct fake_vmm vmm;
	struct asker asker;

	begin(&vmm, true);
	begin_to_ask(&asker, &vmm, false);
	vmm.vm.not_loaded = true;
	vmm.vm.loading = false;
	pthread_join(asker.thread, NULL);
	CHECK(asker.ret == 0 && !asker.prepared, "it may give up, which is the answer");
	CHECK(is_in_state(&vmm, TRANSPORT_VM_STAGED), "and changes nothing");
	fake_vmm_stop(&vmm);
}

static void test_an_abort_ends_the_wait(void)
{
	struct transport_control *control;
	struct fake_vmm vmm;
	struct asker asker;

	begin(&vmm, true);
	begin_to_ask(&asker, &vmm, false);
	control = connect_to(&vmm);
	CHECK(transport_control_abort(control, &session, NULL) == 0 && vmm.vm.aborts == 1,
	      "the session is given up beside it");
	transport_server_wake(vmm.server);
	pthread_join(asker.thread, NULL);
	CHECK(asker.ret == -EPERM, "who waits is told that there is nothing to wait for");
	transport_control_close(control);
	fake_vmm_stop(&vmm);
}

/* Says PREPARED and does not wait for the answer. */
static void ask_and_go(const struct fake_vmm *vmm)
{
	struct transport_control *control = connect_to(vmm);
	bool prepared;

	transport_control_set_timeout(control, 1);
	CHECK(transport_control_prepared(control, &session, &prepared, NULL) == -ETIMEDOUT,
	      "it waits in vain");
	transport_control_close(control);
}

static void test_who_goes_is_not_answered(void)
{
	struct fake_vmm vmm;

	begin(&vmm, true);
	for (int i = 0; i < 70; i++)
		ask_and_go(&vmm);
	CHECK(is_in_state(&vmm, TRANSPORT_VM_STAGED), "their places are free again");
	transport_server_wake(vmm.server);
	CHECK(is_in_state(&vmm, TRANSPORT_VM_STAGED), "and nobody is answered");
	fake_vmm_stop(&vmm);
}

static void test_a_server_ends_while_somebody_waits(void)
{
	struct fake_vmm vmm;
	struct asker asker;

	begin(&vmm, true);
	begin_to_ask(&asker, &vmm, false);
	fake_vmm_stop(&vmm);
	pthread_join(asker.thread, NULL);
	CHECK(asker.ret == -ECONNRESET, "who waits hears that it is gone");
}

int main(void)
{
	return RUN_TESTS(test_a_vm_without_a_guest_does_not_run,
			 test_others_are_served_while_one_waits,
			 test_a_vmm_that_wakes_nobody_is_asked_again, test_an_abort_ends_the_wait,
			 test_who_goes_is_not_answered, test_a_server_ends_while_somebody_waits);
}
