// SPDX-License-Identifier: Apache-2.0
/* kill -9 of either VMM of examples/vmm in each state of a hand-over, and another one started in its place. */
#include "machine.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define WAIT_MS 60000 /* longer than any machine is slow */

static const struct transport_id session = { { 1 } }, again = { { 2 } };

/* A VMM in a process of its own, and what a mover has of it. */
struct process {
	char folder[32], control[64];
	bool waits;
	pid_t pid;
	struct transport_control *mover;
};

struct pair {
	struct process here, there;
	char outgoing[80];
	struct transport_buffer records;
};

/* In the child: serve until killed. */
static void be_vmm(const struct process *process, const char *outgoing, int ready)
{
	struct machine machine;

	if (machine_new_in(&machine, process->folder, process->waits, outgoing)) {
		machine.item[1] = 11;
		machine.vmm.ram[5000] = 22;
		if (machine_serve(&machine) && write(ready, "", 1) == 1)
			pause();
	}
	_exit(1);
}

static bool start(struct process *process, const char *outgoing)
{
	int ready[2];
	char byte;
	bool is;

	if (pipe(ready))
		return false;
	fflush(NULL);
	process->pid = fork();
	if (process->pid == 0)
		be_vmm(process, outgoing, ready[1]);
	close(ready[1]);
	is = process->pid > 0 && read(ready[0], &byte, 1) == 1;
	close(ready[0]);
	return is && transport_control_open(process->control, WAIT_MS, &process->mover, NULL) == 0;
}

static void finish(struct process *process)
{
	process->mover = transport_control_close(process->mover);
	if (process->pid > 0) {
		kill(process->pid, SIGKILL);
		waitpid(process->pid, NULL, 0);
	}
	process->pid = 0;
}

static bool name(struct process *process, bool waits)
{
	*process = (struct process){ .waits = waits };
	snprintf(process->folder, sizeof(process->folder), "/tmp/sdei-test-XXXXXX");
	if (!mkdtemp(process->folder))
		return false;
	snprintf(process->control, sizeof(process->control), "%s/control", process->folder);
	return true;
}

static bool pair_begin(struct pair *pair)
{
	memset(pair, 0, sizeof(*pair));
	pair->records.max = 1u << 20;
	if (!CHECK(name(&pair->there, true) && name(&pair->here, false), "places for two VMMs"))
		return false;
	snprintf(pair->outgoing, sizeof(pair->outgoing), "unix:%s/guest", pair->there.folder);
	return CHECK(start(&pair->there, NULL) && start(&pair->here, pair->outgoing), "both begin");
}

static void remove_place(const struct process *process)
{
	static const char *const left[] = { "control", "guest" };
	char path[64];

	for (size_t i = 0; i < ARRAY_SIZE(left); i++) {
		snprintf(path, sizeof(path), "%s/%s", process->folder, left[i]);
		unlink(path);
	}
	rmdir(process->folder);
}

static void pair_end(struct pair *pair)
{
	finish(&pair->here);
	finish(&pair->there);
	remove_place(&pair->here);
	remove_place(&pair->there);
	transport_buffer_free(&pair->records);
}

static enum transport_vm_state state_of(const struct process *process)
{
	struct transport_vm_status status;

	if (transport_control_status(process->mover, &status, NULL))
		return TRANSPORT_VM_NR_STATES;
	return status.state;
}

/* --- a hand-over, step by step ------------------------------------------------------------------------ */

static int reserve(struct pair *pair, const struct transport_id *id)
{
	return transport_control_reserve(pair->there.mover, id, NULL);
}

static int stop(struct pair *pair, const struct transport_id *id)
{
	return transport_control_pause(pair->here.mover, id, NULL);
}

static int capture(struct pair *pair, const struct transport_id *id)
{
	pair->records.len = 0;
	return transport_control_capture(pair->here.mover, id, TRANSPORT_CAPTURE_FINAL, NULL,
					 &pair->records, NULL);
}

static int stage(struct pair *pair, const struct transport_id *id)
{
	const struct transport_stage request = {
		*id, 1, { pair->records.data, pair->records.len }, { NULL, 0 }
	};
	uint8_t digest[TRANSPORT_DIGEST_SIZE];

	return transport_control_stage(pair->there.mover, &request, digest, NULL);
}

static int prepare(struct pair *pair, const struct transport_id *id)
{
	bool prepared = false;
	const int ret = transport_control_prepared(pair->there.mover, id, &prepared, NULL);

	return ret ? ret : !prepared;
}

static int relinquish(struct pair *pair, const struct transport_id *id)
{
	return transport_control_relinquish(pair->here.mover, id, NULL);
}

static int commit(struct pair *pair, const struct transport_id *id)
{
	return transport_control_commit(pair->there.mover, id, false, NULL);
}

static int end(struct pair *pair, const struct transport_id *id)
{
	return transport_control_end(pair->here.mover, id, NULL);
}

enum { RELINQUISH = 5, COMMIT = 6, NR_STEPS = 8 };

static int (*const steps[NR_STEPS])(struct pair *pair, const struct transport_id *id) = {
	reserve, stop, capture, stage, prepare, [RELINQUISH] = relinquish, [COMMIT] = commit, end,
};

static void walk(struct pair *pair, const struct transport_id *id, int n)
{
	for (int i = 0; i < n; i++)
		CHECK(steps[i](pair, id) == 0, "a step of the hand-over");
}

static void check_moves(struct pair *pair)
{
	walk(pair, &again, NR_STEPS);
	CHECK(state_of(&pair->there) == TRANSPORT_VM_RUNNING &&
		      state_of(&pair->here) == TRANSPORT_VM_ENDED,
	      "then it moves");
}

/* The guest's next place is gone: it runs on here; where it had been given away, by a proof; never after the end. */
static void lose_destination(int n)
{
	struct pair pair;

	if (pair_begin(&pair)) {
		walk(&pair, &session, n);
		finish(&pair.there);
		if (n > RELINQUISH)
			CHECK(transport_control_reclaim(pair.here.mover, &session, "ABORTED", 7,
							NULL) == (n == NR_STEPS ? -EPERM : 0),
			      "only what has not ended is taken back");
		if (n < NR_STEPS && n > 1)
			CHECK(transport_control_resume(pair.here.mover, &session, NULL) == 0,
			      "it may go on");
		CHECK(state_of(&pair.here) ==
			      (n < NR_STEPS ? TRANSPORT_VM_RUNNING : TRANSPORT_VM_ENDED),
		      "it runs here, or never again");
		CHECK(start(&pair.there, NULL) && state_of(&pair.there) == TRANSPORT_VM_ENDED,
		      "another VMM waits in the place of the one that was lost");
		if (n < NR_STEPS)
			check_moves(&pair);
	}
	pair_end(&pair);
}

/* What came of a guest that is lost runs only if it had been let run. */
static void lose_source(int n)
{
	struct pair pair;

	if (pair_begin(&pair)) {
		walk(&pair, &session, n);
		finish(&pair.here);
		CHECK((state_of(&pair.there) == TRANSPORT_VM_RUNNING) == (n > COMMIT),
		      "it runs there if it had been let run");
		if (n > 0)
			CHECK(transport_control_abort(pair.there.mover, &session, NULL) ==
				      (n > COMMIT ? -EPERM : 0),
			      "else it is thrown away");
		if (n <= COMMIT) {
			CHECK(state_of(&pair.there) == TRANSPORT_VM_ENDED,
			      "and another is waited for");
			CHECK(start(&pair.here, pair.outgoing), "which begins in the same place");
			check_moves(&pair);
		}
	}
	pair_end(&pair);
}

static void test_the_destination_is_killed(void)
{
	for (int n = 0; n <= NR_STEPS; n++)
		lose_destination(n);
}

static void test_the_source_is_killed(void)
{
	for (int n = 0; n <= NR_STEPS; n++)
		lose_source(n);
}

int main(void)
{
	return RUN_TESTS(test_the_destination_is_killed, test_the_source_is_killed);
}
