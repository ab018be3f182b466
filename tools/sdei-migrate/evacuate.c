// SPDX-License-Identifier: Apache-2.0
#include "evacuate.h"

#include "client.h"
#include "descriptors.h"
#include "settle.h"
#include "thread.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#define DEFAULT_PARALLEL 32u
#define SMALL_VCPUS      16u /* the trial of a VM that small costs as much as it saves */
#define SPARE_FILES      256u
#define BUSY_ROUNDS \
	10u /* a killed command is not gone everywhere at once: its VM is busy for a moment */
#define BUSY_NS 200000000

/* One thread, with a connection that stays. */
struct worker {
	struct evacuation *evacuation;
	pthread_t thread;
	bool started;
	struct transport_stream *stream; /* NULL: none yet, or the last was of no more use */
	void (*work)(struct worker *worker, struct evacuee *vm);
};

const char *evacuate_fate_name(enum evacuate_fate fate)
{
	static const char *const name[] = {
#define X(symbol, text) [EVACUATE_##symbol] = (text),
		EVACUATE_FATES(X)
#undef X
	};

	return name[fate];
}

static uint64_t now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000u + (uint64_t)now.tv_nsec / 1000u;
}

static void tell(struct evacuation *evacuation, struct evacuee *vm)
{
	pthread_mutex_lock(&evacuation->lock);
	vm->told = true;
	evacuation->tell(evacuation->ctx, vm);
	pthread_mutex_unlock(&evacuation->lock);
}

static struct evacuee *take_next(struct evacuation *evacuation)
{
	struct evacuee *vm = NULL;

	pthread_mutex_lock(&evacuation->lock);
	while (!vm && evacuation->next < evacuation->n) {
		vm = &evacuation->vm[evacuation->next++];
		if (vm->fate != EVACUATE_WAITING)
			vm = NULL;
	}
	if (evacuation->unreachable)
		vm = NULL;
	pthread_mutex_unlock(&evacuation->lock);
	return vm;
}

static void *work(void *arg)
{
	struct worker *worker = arg;
	struct evacuee *vm;

	while ((vm = take_next(worker->evacuation)))
		worker->work(worker, vm);
	if (worker->stream)
		transport_stream_finish(worker->stream, NULL);
	transport_stream_close(worker->stream);
	return NULL;
}

/* Every VM that waits, by as many threads as were asked for and are of use. */
static void work_on_all(struct evacuation *evacuation,
			void (*each)(struct worker *worker, struct evacuee *vm))
{
	const struct option_number *given = &evacuation->args->parallel;
	const size_t wanted = given->given ? given->value : DEFAULT_PARALLEL;
	const size_t n = wanted < evacuation->n ? wanted : evacuation->n;
	struct worker worker[EVACUATE_MAX_PARALLEL] = { { .started = false } };

	evacuation->next = 0;
	for (size_t i = 0; i < n; i++) {
		worker[i].evacuation = evacuation;
		worker[i].work = each;
		worker[i].started = thread_start(&worker[i].thread, work, &worker[i]) == 0;
	}
	/* Without a single thread this one does it. */
	if (n && !worker[0].started)
		work(&worker[0]);
	for (size_t i = 0; i < n; i++)
		if (worker[i].started)
			pthread_join(worker[i].thread, NULL);
}

/* --- what a former run left --- */

struct leftovers {
	const struct evacuation *evacuation;
	struct left {
		struct evacuee *vm;
		struct ledger_session session;
	} * left;
	size_t n;
};

static struct evacuee *find_vm(const struct evacuation *evacuation, const struct transport_id *uuid)
{
	for (size_t i = 0; i < evacuation->n; i++)
		if (transport_id_equal(&evacuation->vm[i].uuid, uuid))
			return &evacuation->vm[i];
	return NULL;
}

static int collect(void *ctx, const struct ledger_session *session)
{
	struct leftovers *leftovers = ctx;
	struct evacuee *vm;
	struct left *grown;

	if (session->role != TRANSPORT_SOURCE || settle_is_over(session))
		return 0;
	vm = find_vm(leftovers->evacuation, &session->offer.vm.uuid);
	if (!vm)
		return 0;
	grown = realloc(leftovers->left, (leftovers->n + 1) * sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	leftovers->left = grown;
	leftovers->left[leftovers->n++] = (struct left){ vm, *session };
	return 0;
}

/* What was in doubt is decided: by this run, or before it. */
static enum evacuate_fate decided(const struct evacuation *evacuation,
				  const struct ledger_session *session)
{
	if (session->state == TRANSPORT_SESSION_COMMITTED)
		return evacuation->moving ? EVACUATE_MOVED : EVACUATE_MOVED_BEFORE;
	return evacuation->moving ? EVACUATE_FAILED : EVACUATE_WAITING;
}

static void settle_one(struct evacuation *evacuation, struct left *left)
{
	const struct settle_request request = {
		.ledger = evacuation->shared.ledger,
		.mover = &evacuation->shared.mover,
		.peer = evacuation->args->send.mover.uri,
		.timeout_ms = evacuation->shared.mover.timeout_ms,
	};
	struct evacuee *vm = left->vm;
	struct settle_report report;
	struct failure failure;

	vm->session = left->session.offer.session;
	/* To ask would have the other host give up what may be about to succeed. */
	if (ledger_is_live(evacuation->shared.ledger, &vm->session)) {
		vm->fate = EVACUATE_FAILED;
		failure_set(&vm->failure, SDEISTATE_BUSY, -EBUSY, "session", "command",
			    "none here that is still at it", "it goes on");
		return;
	}
	if (settle_source(&request, &left->session, &report, &failure)) {
		vm->fate = EVACUATE_FAILED;
		vm->failure = failure;
	} else if (settle_is_over(&left->session)) {
		vm->settled = true;
		vm->fate = decided(evacuation, &left->session);
	} else {
		vm->fate = EVACUATE_IN_DOUBT;
		failure_set(&vm->failure, SDEISTATE_IN_DOUBT, -EINPROGRESS, "session", "outcome",
			    "the other host's answer",
			    report.peer_answered ? "it cannot know" : report.peer_error.actual);
	}
}

/* Ask how sessions ended that nobody works on any more. */
static int settle_all(struct evacuation *evacuation, struct failure *failure)
{
	struct leftovers leftovers = { .evacuation = evacuation };
	int ret = ledger_each(evacuation->shared.ledger, collect, &leftovers, failure);

	/* A VM may have several; one that stays in doubt is enough. */
	for (size_t i = 0; !ret && i < leftovers.n; i++)
		if (evacuation->moving || leftovers.left[i].vm->fate == EVACUATE_WAITING)
			settle_one(evacuation, &leftovers.left[i]);
	free(leftovers.left);
	return ret == -ENOMEM ? failure_set(failure, SDEISTATE_NO_MEMORY, ret, "evacuation", NULL,
					    NULL, NULL)
			      : ret;
}

/* --- the look at each VM --- */

/* A VM that has left, or was given away: for which session, and did that end? */
static void trace(struct evacuation *evacuation, struct evacuee *vm,
		  const struct transport_vm_status *status)
{
	struct left left = { .vm = vm };

	vm->fate = EVACUATE_NOT_HERE;
	if (ledger_find(evacuation->shared.ledger, &status->session, &left.session, &vm->failure) ||
	    left.session.role != TRANSPORT_SOURCE || !settle_is_over(&left.session))
		return;
	/* Its outcome may be on record, and the VM not know it yet. */
	if (status->state == TRANSPORT_VM_RELINQUISHED) {
		settle_one(evacuation, &left);
	} else if (left.session.state == TRANSPORT_SESSION_COMMITTED) {
		vm->session = status->session;
		vm->fate = EVACUATE_MOVED_BEFORE;
	}
}

static int check_name(const struct evacuee *vm, struct transport_error *err)
{
	char uuid[TRANSPORT_ID_TEXT_SIZE];

	if (transport_id_equal(&vm->info.uuid, &vm->uuid))
		return 0;
	transport_id_print(&vm->info.uuid, uuid);
	return transport_error_fill(err, -EINVAL, "wrong-vm", vm->control, "name",
				    "the UUID of its VM|%s", uuid);
}

static void place(struct evacuation *evacuation, struct evacuee *vm,
		  const struct transport_vm_status *status)
{
	vm->seen = true;
	vm->held = status->held;
	if (status->state == TRANSPORT_VM_RUNNING || status->state == TRANSPORT_VM_PAUSED)
		return;
	trace(evacuation, vm, status);
}

static void look_at(struct worker *worker, struct evacuee *vm)
{
	struct evacuation *evacuation = worker->evacuation;
	struct transport_vm_status status;
	struct transport_error err;

	if (transport_control_open(vm->control, evacuation->shared.mover.timeout_ms, &vm->vmm,
				   &err) ||
	    transport_control_status(vm->vmm, &status, &err) ||
	    transport_control_info(vm->vmm, &vm->info, &err) || check_name(vm, &err)) {
		vm->fate = EVACUATE_FAILED;
		client_failure(&vm->failure, &err);
	} else {
		place(evacuation, vm, &status);
	}
	if (vm->fate != EVACUATE_WAITING || !evacuation->keep_open)
		vm->vmm = transport_control_close(vm->vmm);
}

/* --- the hand-overs --- */

/* Nobody there: who has not begun stays where it is. */
static void give_up_peer(struct evacuation *evacuation, const struct failure *why)
{
	pthread_mutex_lock(&evacuation->lock);
	if (!evacuation->unreachable)
		evacuation->why = *why;
	evacuation->unreachable = true;
	pthread_mutex_unlock(&evacuation->lock);
}

static int lend_stream(struct worker *worker, struct sender *sender, struct failure *failure)
{
	int ret;

	sender->stream = worker->stream;
	worker->stream = NULL;
	if (sender->stream) {
		transport_stream_cancel_by(sender->stream, sender->shared->cancel.fd);
		return 0;
	}
	ret = send_connect(sender, failure);
	if (ret)
		return ret;
	pthread_mutex_lock(&worker->evacuation->lock);
	worker->evacuation->connections++;
	pthread_mutex_unlock(&worker->evacuation->lock);
	return 0;
}

static void judge(struct evacuee *vm, const struct transport_progress *progress,
		  const struct transport_error *err)
{
	const enum transport_session_state state = transport_session_state(progress);

	client_failure(&vm->failure, err);
	vm->failure.side = progress->peers_error ? FAILURE_DESTINATION : FAILURE_LOCAL;
	if (state == TRANSPORT_SESSION_COMMITTED || state == TRANSPORT_SESSION_IN_DOUBT)
		vm->fate = EVACUATE_IN_DOUBT;
	else
		vm->fate = err->code == -ECANCELED && strcmp(err->reason, "cancelled") == 0
				   ? EVACUATE_CANCELLED
				   : EVACUATE_FAILED;
}

/*
 * Over a connection that had served before. It may have ended meanwhile, which shows only now; as long as
 * nothing is on record here, another one may be tried. Return: shall it?
 */
static bool is_stale(const struct sender *sender, const struct transport_error *err)
{
	return sender->session.state == TRANSPORT_SESSION_NEW &&
	       (err->code == -ENODATA || err->code == -ECONNRESET || err->code == -EPIPE);
}

static bool hand_over(struct worker *worker, struct evacuee *vm)
{
	struct evacuation *evacuation = worker->evacuation;
	struct send_args args = evacuation->args->send;
	CLEANUP(send_close)
	struct sender sender = { .args = &args,
				 .shared = &evacuation->shared,
				 .control = vm->vmm,
				 .met = vm->vmm != NULL,
				 .live = { .fd = -1 },
				 .no_trial = vm->info.n_vcpus <= SMALL_VCPUS };
	struct transport_progress progress = { .role = TRANSPORT_SOURCE };
	const bool warm = worker->stream != NULL;
	struct transport_session_times times;
	struct transport_error err;

	args.control = vm->control;
	sender.session.offer.vm = vm->info;
	vm->vmm = NULL;
	vm->fate = EVACUATE_FAILED;
	if (send_meet(&sender, &vm->failure))
		return true;
	if (lend_stream(worker, &sender, &vm->failure)) {
		vm->fate = EVACUATE_WAITING;
		if (cancel_asked(&evacuation->shared.cancel, NULL))
			vm->fate = EVACUATE_CANCELLED;
		else
			give_up_peer(evacuation, &vm->failure);
		return true;
	}
	if (send_run(&sender, &progress, &times, &err)) {
		if (warm && is_stale(&sender, &err))
			return false;
		judge(vm, &progress, &err);
	} else {
		vm->fate = EVACUATE_MOVED;
	}
	vm->session = sender.session.offer.session;
	vm->blackout_us = times.blackout;
	if (progress.warm) {
		worker->stream = sender.stream;
		sender.stream = NULL;
	}
	return true;
}

static bool is_busy(const struct evacuee *vm)
{
	return vm->fate == EVACUATE_FAILED && vm->failure.code == -EBUSY;
}

/* Somebody who waits may have better luck a moment later. Return: is there one, and another round? */
static bool wait_a_round(struct evacuation *evacuation)
{
	bool waits = false;

	for (size_t i = 0; i < evacuation->n; i++)
		waits |= evacuation->vm[i].fate == EVACUATE_WAITING;
	if (!waits || !evacuation->rounds || evacuation->unreachable)
		return false;
	evacuation->rounds--;
	nanosleep(&(struct timespec){ .tv_nsec = BUSY_NS }, NULL);
	return true;
}

static void move_one(struct worker *worker, struct evacuee *vm)
{
	struct evacuation *evacuation = worker->evacuation;
	const uint64_t began = now_us();

	if (cancel_asked(&evacuation->shared.cancel, NULL))
		vm->fate = EVACUATE_CANCELLED;
	else if (!hand_over(worker, vm))
		hand_over(worker, vm);
	vm->took_us = now_us() - began;
	if (is_busy(vm) && evacuation->rounds)
		vm->fate = EVACUATE_WAITING;
	if (vm->fate != EVACUATE_WAITING && vm->fate != EVACUATE_IN_DOUBT)
		tell(evacuation, vm);
}

/* Whoever waits still had nobody to go to; who is in doubt is asked about once more. */
static int finish(struct evacuation *evacuation, struct failure *failure)
{
	bool doubts = false;
	int ret = 0;

	for (size_t i = 0; i < evacuation->n; i++) {
		struct evacuee *vm = &evacuation->vm[i];

		doubts |= vm->fate == EVACUATE_IN_DOUBT && !vm->told;
		if (vm->fate != EVACUATE_WAITING)
			continue;
		vm->fate = EVACUATE_FAILED;
		vm->failure = evacuation->why;
	}
	if (doubts && !evacuation->unreachable)
		ret = settle_all(evacuation, failure);
	for (size_t i = 0; i < evacuation->n; i++)
		if (!evacuation->vm[i].told)
			tell(evacuation, &evacuation->vm[i]);
	return ret;
}

int evacuate_open(struct evacuation *evacuation, struct failure *failure)
{
	int ret;

	pthread_mutex_init(&evacuation->lock, NULL);
	evacuation->began_us = now_us();
	ret = send_share(evacuation->tool, &evacuation->args->send, &evacuation->shared, failure);
	if (!ret)
		ret = evacuate_list(evacuation, failure);
	evacuation->keep_open = !ret && descriptors_allow(evacuation->n + SPARE_FILES);
	return ret;
}

/* What is settled, or could not be, is no longer waiting; what was busy is asked again. */
static int settle_first(struct evacuation *evacuation, struct failure *failure)
{
	bool busy = true;
	int ret = 0;

	for (unsigned int round = 0; !ret && busy && round <= BUSY_ROUNDS; round++) {
		if (round)
			nanosleep(&(struct timespec){ .tv_nsec = BUSY_NS }, NULL);
		for (size_t i = 0; i < evacuation->n; i++)
			if (is_busy(&evacuation->vm[i]))
				evacuation->vm[i].fate = EVACUATE_WAITING;
		ret = settle_all(evacuation, failure);
		busy = false;
		for (size_t i = 0; i < evacuation->n; i++)
			busy |= is_busy(&evacuation->vm[i]);
	}
	return ret;
}

int evacuate_run(struct evacuation *evacuation, struct failure *failure)
{
	int ret = settle_first(evacuation, failure);

	if (ret)
		return ret;
	work_on_all(evacuation, look_at);
	evacuate_sort(evacuation);
	cancel_hold(&evacuation->shared.cancel);
	evacuation->moving = true;
	evacuation->rounds = BUSY_ROUNDS;
	do
		work_on_all(evacuation, move_one);
	while (wait_a_round(evacuation));
	ret = finish(evacuation, failure);
	evacuation->ended_us = now_us();
	return ret;
}

void evacuate_close(struct evacuation *evacuation)
{
	for (size_t i = 0; i < evacuation->n; i++) {
		transport_control_close(evacuation->vm[i].vmm);
		free(evacuation->vm[i].control);
	}
	free(evacuation->vm);
	send_unshare(&evacuation->shared);
	pthread_mutex_destroy(&evacuation->lock);
}
