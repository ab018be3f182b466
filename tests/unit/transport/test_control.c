// SPDX-License-Identifier: Apache-2.0
#include "fake_vmm.h"
#include "support/check.h"

#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>

#define WAIT_MS 60000 /* longer than any machine is slow */

static const struct transport_id first = { { 1 } }, second = { { 2 } };

static struct transport_control *connect_to(const struct fake_vmm *vmm)
{
	struct transport_control *control = NULL;

	CHECK(transport_control_open(vmm->path, WAIT_MS, &control, NULL) == 0, "a VMM answers");
	return control;
}

static void test_a_vmm_says_what_it_is(void)
{
	struct transport_control *control;
	struct transport_vm_status status;
	struct transport_vm_info info;
	struct fake_vmm vmm;

	REQUIRE(fake_vmm_start(&vmm, NULL) == 0, "a server starts");
	control = connect_to(&vmm);
	REQUIRE(control, "and takes a client");
	CHECK(transport_control_info(control, &info, NULL) == 0 && info.uuid.bytes[0] == 0xab &&
		      !strcmp(info.type, "arm64") && !strcmp(info.profile, "spec") &&
		      !strcmp(info.kernel, "6.12") && info.n_vcpus == 4 && info.generation == 3 &&
		      info.model,
	      "INFO brings every field");
	CHECK(transport_control_status(control, &status, NULL) == 0 &&
		      status.state == TRANSPORT_VM_RUNNING && status.may_run && !status.held,
	      "an untouched VM may run");
	transport_control_close(control);
	fake_vmm_stop(&vmm);
}

static void test_the_source_gives_a_vm_away(void)
{
	struct transport_buffer state = { .max = 1u << 20 };
	struct transport_control *control;
	struct transport_error err;
	struct fake_vmm vmm;

	REQUIRE(fake_vmm_start(&vmm, NULL) == 0, "a server starts");
	vmm.vm.capture_size = 100;
	control = connect_to(&vmm);
	REQUIRE(control, "and takes a client");
	CHECK(transport_control_capture(control, &first, TRANSPORT_CAPTURE_FINAL, NULL, &state,
					&err) == -EBUSY &&
		      !strcmp(err.reason, "vm-running"),
	      "a running VM has no final capture");
	CHECK(transport_control_capture(control, &first, TRANSPORT_CAPTURE_BASE, NULL, &state,
					&err) == 0 &&
		      state.len == 100,
	      "but a base one");
	CHECK(transport_control_relinquish(control, &first, &err) == -EPERM &&
		      !strcmp(err.reason, "refused") && !strcmp(err.actual, "running"),
	      "what is not paused cannot be relinquished");
	CHECK(transport_control_pause(control, &first, NULL) == 0 && vmm.vm.pauses == 1,
	      "a session pauses it");
	state.len = 0;
	CHECK(transport_control_capture(control, &first, TRANSPORT_CAPTURE_FINAL, NULL, &state,
					NULL) == 0 &&
		      state.len == 100 && state.data[1] == 9,
	      "captures it");
	CHECK(transport_control_relinquish(control, &first, NULL) == 0, "gives it away");
	CHECK(transport_control_resume(control, &first, &err) == -EPERM, "and not back by itself");
	control = transport_control_close(control);
	control = connect_to(&vmm);
	CHECK(transport_control_reclaim(control, &first, "", 0, &err) == -EBADMSG,
	      "reclaim without a proof is refused");
	control = transport_control_close(control);
	control = connect_to(&vmm);
	CHECK(vmm.vm.resumes == 0, "no dropped connection lets it run");
	CHECK(transport_control_reclaim(control, &first, "ABORTED", 7, NULL) == 0,
	      "with one it is not");
	CHECK(transport_control_resume(control, &first, NULL) == 0 && vmm.vm.resumes == 1,
	      "and it may run again");
	transport_control_close(control);
	transport_buffer_free(&state);
	fake_vmm_stop(&vmm);
}

static void test_a_dropped_session_lets_the_vm_run(void)
{
	struct transport_control *one, *two;
	struct transport_error err;
	struct fake_vmm vmm;

	REQUIRE(fake_vmm_start(&vmm, NULL) == 0, "a server starts");
	one = connect_to(&vmm);
	two = connect_to(&vmm);
	REQUIRE(one && two, "and takes two clients");
	CHECK(transport_control_pause(one, &first, NULL) == 0, "a session pauses");
	CHECK(transport_control_pause(two, &second, &err) == -EBUSY && !strcmp(err.reason, "busy"),
	      "a second one is told busy");
	transport_control_close(one);
	CHECK(fake_reaches(&vmm.vm.resumes, 1), "when its connection is gone the VM runs");
	CHECK(transport_control_pause(two, &second, NULL) == 0, "and is free for the other");
	CHECK(transport_control_relinquish(two, &second, NULL) == 0, "which gives it away");
	CHECK(transport_control_end(two, &second, NULL) == 0 && vmm.vm.ends == 1, "and ends it");
	transport_control_close(two);
	fake_vmm_stop(&vmm);
	CHECK(vmm.vm.resumes == 1, "a VM that was given away never resumes by itself");
}

static void test_a_stopping_server_lets_a_paused_vm_run(void)
{
	struct transport_control *control;
	struct fake_vmm vmm;

	REQUIRE(fake_vmm_start(&vmm, NULL) == 0, "a server starts");
	control = connect_to(&vmm);
	CHECK(transport_control_pause(control, &first, NULL) == 0, "a session pauses");
	fake_vmm_stop(&vmm);
	CHECK(vmm.vm.resumes == 1, "the session's pause ends with the server");
	CHECK(access(vmm.path, F_OK) < 0, "and the socket is gone");
	transport_control_close(control);
}

/* Stage @len bytes; is the digest their sum? */
static bool stage_sums_up(struct transport_control *control, size_t len, size_t base_len)
{
	uint8_t *bytes = calloc(1, len + base_len), digest[TRANSPORT_DIGEST_SIZE];
	const struct transport_stage stage = {
		first, 4, { bytes, len }, { bytes + len, base_len }
	};
	uint64_t sum = 0, got;
	int ret;

	for (size_t i = 0; i < len + base_len; i++) {
		bytes[i] = (uint8_t)(i % 251);
		sum += bytes[i];
	}
	ret = transport_control_stage(control, &stage, digest, NULL);
	memcpy(&got, digest, sizeof(got));
	free(bytes);
	return ret == 0 && got == sum;
}

static void test_the_destination_takes_a_vm(void)
{
	struct transport_control *control;
	struct transport_vm_status status;
	bool prepared = true;
	struct fake_vmm vmm;

	REQUIRE(fake_vmm_start(&vmm, NULL) == 0, "a server starts");
	vmm.vm.not_loaded = true;
	control = connect_to(&vmm);
	REQUIRE(control, "and takes a client");
	CHECK(!stage_sums_up(control, 8, 0), "staging needs a reservation");
	CHECK(transport_control_reserve(control, &first, NULL) == 0, "a session reserves");
	CHECK(transport_control_status(control, &status, NULL) == 0 && !status.may_run &&
		      status.state == TRANSPORT_VM_RESERVED,
	      "a reserved VM may not run");
	CHECK(transport_control_commit(control, &first, false, NULL) == -EPERM,
	      "nothing is committed before it is prepared");
	CHECK(stage_sums_up(control, 3u << 20, 0), "a large state comes over whole");
	CHECK(transport_control_prepared(control, &first, &prepared, NULL) == 0 && !prepared,
	      "prepared only when all is loaded");
	CHECK(transport_control_commit(control, &first, false, NULL) == -EPERM, "and not before");
	vmm.vm.not_loaded = false;
	CHECK(transport_control_prepared(control, &first, &prepared, NULL) == 0 && prepared,
	      "then it is");
	CHECK(transport_control_commit(control, &first, false, NULL) == 0 && vmm.vm.commits == 1,
	      "commit is the permission to run");
	CHECK(transport_control_commit(control, &first, false, NULL) == 0 && vmm.vm.commits == 1,
	      "asked again it does nothing again");
	CHECK(transport_control_status(control, &status, NULL) == 0 && status.may_run &&
		      transport_id_equal(&status.committed, &first),
	      "the session is remembered");
	transport_control_close(control);
	fake_vmm_stop(&vmm);
}

static void test_a_capture_may_be_asked_for_with_the_pause(void)
{
	static const size_t sizes[] = { 100, 300u << 10 };

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		struct transport_buffer state = { .max = 4u << 20 };
		struct transport_control *control, *other;
		struct transport_vm_info info;
		struct fake_vmm vmm;

		REQUIRE(fake_vmm_start(&vmm, NULL) == 0, "a server starts");
		vmm.vm.capture_size = sizes[i];
		control = connect_to(&vmm);
		other = connect_to(&vmm);
		REQUIRE(control && other, "and takes two clients");
		CHECK(transport_control_pause_capture(control, &first, NULL) == 0 &&
			      vmm.vm.pauses == 1,
		      "it is paused when the call returns");
		CHECK(transport_control_pause_capture(other, &second, NULL) == -EBUSY,
		      "another session is told busy");
		CHECK(transport_control_capture(other, &second, TRANSPORT_CAPTURE_FINAL, NULL,
						&state, NULL) == -EBUSY,
		      "and has nothing to take");
		CHECK(transport_control_capture(control, &first, TRANSPORT_CAPTURE_FINAL, NULL,
						&state, NULL) == 0 &&
			      state.len == sizes[i] && state.data[1] == 9,
		      "the capture is taken with the next call");
		CHECK(transport_control_resume(control, &first, NULL) == 0, "it resumes");
		CHECK(transport_control_pause_capture(control, &first, NULL) == 0, "once more");
		CHECK(transport_control_info(control, &info, NULL) == 0 && info.n_vcpus == 4,
		      "a capture that is not taken is dropped by any other call");
		CHECK(transport_control_resume(control, &first, NULL) == 0 && vmm.vm.resumes == 2,
		      "and nothing is left of it");
		transport_control_close(control);
		transport_control_close(other);
		transport_buffer_free(&state);
		fake_vmm_stop(&vmm);
	}
}

static void test_staged_and_prepared_are_asked_together(void)
{
	static uint8_t bytes[200u << 10] = { 3, 4 };
	const struct transport_stage stage = { first, 4, { bytes, sizeof(bytes) }, { NULL, 0 } };
	uint8_t digest[TRANSPORT_DIGEST_SIZE] = { 0 };
	struct transport_control *control;
	bool prepared = true;
	struct fake_vmm vmm;

	REQUIRE(fake_vmm_start(&vmm, NULL) == 0, "a server starts");
	vmm.vm.not_loaded = true;
	control = connect_to(&vmm);
	REQUIRE(control, "and takes a client");
	CHECK(transport_control_stage_prepared(control, &stage, digest, &prepared, NULL) ==
			      -EPERM &&
		      prepared && digest[0] == 0,
	      "without a reservation neither");
	transport_control_reserve(control, &first, NULL);
	CHECK(transport_control_stage_prepared(control, &stage, digest, &prepared, NULL) == 0 &&
		      !prepared && digest[0] == 7,
	      "staged, not yet prepared");
	vmm.vm.not_loaded = false;
	CHECK(transport_control_prepared(control, &first, &prepared, NULL) == 0 && prepared,
	      "then it is");
	CHECK(transport_control_commit(control, &first, false, NULL) == 0, "and may run");
	transport_control_close(control);
	fake_vmm_stop(&vmm);
}

static void test_a_delta_brings_its_base(void)
{
	struct transport_control *control;
	struct fake_vmm vmm;

	REQUIRE(fake_vmm_start(&vmm, NULL) == 0, "a server starts");
	control = connect_to(&vmm);
	REQUIRE(control, "and takes a client");
	transport_control_reserve(control, &first, NULL);
	CHECK(stage_sums_up(control, 100u << 10, 200u << 10), "two memory files keep their order");
	CHECK(transport_control_abort(control, &first, NULL) == 0 && vmm.vm.aborts == 1, "abort");
	CHECK(transport_control_abort(control, &first, NULL) == 0 && vmm.vm.aborts == 1,
	      "may be asked again");
	CHECK(transport_control_reserve(control, &second, NULL) == 0, "the next session may come");
	transport_control_close(control);
	fake_vmm_stop(&vmm);
}

static void test_errors_and_obstacles_come_over_whole(void)
{
	const struct transport_state records = { (const uint8_t *)"\x40", 1 };
	const struct transport_stage stage = { first, 1, records, { NULL, 0 } };
	static struct transport_issues issues;
	uint8_t digest[TRANSPORT_DIGEST_SIZE];
	struct transport_control *control;
	struct transport_error err;
	struct fake_vmm vmm;

	REQUIRE(fake_vmm_start(&vmm, NULL) == 0, "a server starts");
	vmm.vm.refuses_stage = true;
	control = connect_to(&vmm);
	REQUIRE(control, "and takes a client");
	CHECK(transport_control_check(control, &records, &issues, NULL) == 0 &&
		      issues.n_issues == 64 && !strcmp(issues.issue[63].actual, "absent 63"),
	      "every obstacle is told");
	transport_control_reserve(control, &first, NULL);
	CHECK(transport_control_stage(control, &stage, digest, &err) == -EILSEQ &&
		      err.code == -EILSEQ && !strcmp(err.reason, "replay-failed") &&
		      !strcmp(err.object, "vcpu 3") && !strcmp(err.field, "mpidr") &&
		      !strcmp(err.expected, "0x3") && !strcmp(err.actual, "0x4"),
	      "an error object keeps every part");
	transport_control_close(control);
	fake_vmm_stop(&vmm);
}

static void test_model_verbs_carry_text_of_any_size(void)
{
	static const size_t sizes[] = { 2, 64u << 10, (64u << 10) + 1, 2u << 20 };
	struct transport_control *control;
	struct fake_vmm vmm;

	REQUIRE(fake_vmm_start(&vmm, NULL) == 0, "a server starts");
	control = connect_to(&vmm);
	REQUIRE(control, "and takes a client");
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		struct transport_buffer reply = { .max = 4u << 20 };
		char *text = malloc(sizes[i]);

		memset(text, 'x', sizes[i]);
		CHECK(transport_control_model(control, text, sizes[i], &reply, NULL) == 0 &&
			      reply.len == sizes[i] && !memcmp(reply.data, text, sizes[i]),
		      "the text comes back");
		free(text);
		transport_buffer_free(&reply);
	}
	transport_control_close(control);
	fake_vmm_stop(&vmm);
}

static void test_a_path_in_use_is_left_alone(void)
{
	struct transport_server *server = NULL;
	struct transport_error err;
	struct fake_vmm vmm;

	REQUIRE(fake_vmm_start(&vmm, NULL) == 0, "a server starts");
	CHECK(transport_server_new(NULL, &server, NULL) == 0, "a second server");
	CHECK(transport_server_add(server, vmm.path, &fake_ops, &vmm.vm, &err) == -EADDRINUSE &&
		      !strcmp(err.reason, "busy"),
	      "may not take the first one's path");
	CHECK(transport_server_add(server, "/dev/null", &fake_ops, &vmm.vm, &err) == -EEXIST,
	      "nor a file that is no socket");
	transport_server_free(server);
	fake_vmm_stop(&vmm);
}

/* Nobody can be accepted with so few descriptors. Return: the first that may not be had */
static int allow_no_more_files(struct rlimit *before)
{
	struct rlimit none;
	int next = open("/dev/null", O_RDONLY | O_CLOEXEC);

	getrlimit(RLIMIT_NOFILE, before);
	none = *before;
	none.rlim_cur = (rlim_t)next;
	close(next);
	setrlimit(RLIMIT_NOFILE, &none);
	return next;
}

static void test_a_server_without_descriptors_waits(void)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct transport_server *server;
	struct pollfd pfd = { .events = POLLIN };
	struct rlimit before;
	char folder[] = "/tmp/sdei-test-XXXXXX";
	int visitor, next;

	REQUIRE(mkdtemp(folder), "there is a folder");
	snprintf(address.sun_path, sizeof(address.sun_path), "%s/vm.sock", folder);
	REQUIRE(transport_server_new(NULL, &server, NULL) == 0 &&
			transport_server_add(server, address.sun_path, &fake_ops, NULL, NULL) == 0,
		"a server listens");
	visitor = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	next = allow_no_more_files(&before);
	REQUIRE(connect(visitor, (const struct sockaddr *)&address, sizeof(address)) == 0,
		"somebody knocks");
	pfd.fd = transport_server_fd(server);
	CHECK(poll(&pfd, 1, 0) == 1, "which calls for a step");
	CHECK(transport_server_step(server, 0, NULL) == 0, "that is no error of the server");
	CHECK(poll(&pfd, 1, 0) == 0, "and does not call for the next at once");
	setrlimit(RLIMIT_NOFILE, &before);
	for (int i = 0; i < 100 && fcntl(next, F_GETFD) < 0; i++)
		CHECK(transport_server_step(server, 100, NULL) == 0, "it goes on");
	CHECK(fcntl(next, F_GETFD) >= 0, "and takes it once there are descriptors again");
	close(visitor);
	transport_server_free(server);
	rmdir(folder);
}

int main(void)
{
	return RUN_TESTS(test_a_vmm_says_what_it_is, test_the_source_gives_a_vm_away,
			 test_a_dropped_session_lets_the_vm_run,
			 test_a_stopping_server_lets_a_paused_vm_run,
			 test_the_destination_takes_a_vm,
			 test_a_capture_may_be_asked_for_with_the_pause,
			 test_staged_and_prepared_are_asked_together, test_a_delta_brings_its_base,
			 test_errors_and_obstacles_come_over_whole,
			 test_model_verbs_carry_text_of_any_size, test_a_path_in_use_is_left_alone,
			 test_a_server_without_descriptors_waits);
}
