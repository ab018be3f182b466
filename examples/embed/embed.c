// SPDX-License-Identifier: Apache-2.0
/*
 * embed.c - SDEI and its migration in a VMM: the three places of docs/embedding.md
 *
 *	embed SOCKET			begin a guest
 *	embed --incoming SOCKET		wait for one that moves in
 *
 * The VMM is as small as can be: one vCPU, and instead of KVM_RUN a function that plays a guest, so that
 * it runs on any machine. Everything else is what a VMM on /dev/kvm does: it hands over each call, delivers
 * events before each entry, kicks vCPUs, and serves the control protocol. Try it with
 *
 *	sdei-migrate snapshot --control SOCKET --key K.key --any-destination -o vm.snap
 *	sdei-migrate show vm.snap
 *	sdei-migrate recv --listen unix:/tmp/here --control SOCKET2 --key B.key --peer A.crt --state B --once &
 *	sdei-migrate send --to unix:/tmp/here --control SOCKET --key A.key --peer B.crt --state A
 *
 * The Makefile beside it builds it against the installed libraries; vmm.c and vmm.h are for any VMM.
 */
#include "vmm.h"

#include <errno.h>
#include <kvmcore/kvmcore.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <transport/control.h>

#define EVENT        0x400000u
#define HANDLER      0xffff800010080000u
#define SDEI(number) (0xc4000020u + (number))
#define TURN_NS      1000000

struct vmm {
	struct kvmcore_vm *core;
	struct kvm_port port;
	struct kvmcore_regs regs; /* of vCPU 0, as the kernel would hold them */
	struct transport_id uuid;
	uint64_t generation;
	bool has_guest;       /* else it waits for one */
	pthread_mutex_t lock; /* of the three below */
	pthread_cond_t changed;
	bool pausing, parked, ending;
};

/* --- 1. before the first entry ---------------------------------------------------------------------- */

/* A VM that has not run: for a guest of our own, or for the state of one that moves in. */
static int make_core(struct vmm *vmm, const struct transport_id *uuid, uint64_t generation)
{
	struct kvmcore_config config = { .profile = KVMCORE_PROFILE_SPEC,
					 .generation = generation };
	struct kvm_vcpu_init init = { .target = KVM_ARM_TARGET_GENERIC_V8,
				      .features = { 1u << KVM_ARM_VCPU_PSCI_0_2 } };
	struct kvmcore_error error;
	int ret;

	memcpy(config.uuid, uuid->bytes, sizeof(config.uuid));
	vmm->core = kvmcore_vm_destroy(vmm->core);
	vmm->port = (struct kvm_port){ .vm = NULL };
	ret = kvmcore_vm_create(&config, &vmm->core, &error);
	if (ret == 0)
		ret = kvmcore_vcpu_create(vmm->core, 0, 0);
	if (ret == 0)
		ret = kvmcore_ioctl(vmm->core, 0, KVMCORE_ARM_VCPU_INIT, &init);
	if (ret)
		return ret;
	kvmcore_port(vmm->core, &vmm->port);
	vmm->uuid = *uuid;
	vmm->generation = generation;
	return 0;
}

/* A guest of our own: which events it can have, and off it goes. */
static int begin_guest(struct vmm *vmm)
{
	struct kvm_sdei_exposed_event_state exposed = { .num = EVENT, .signaled = 1 };
	struct kvm_sdei_cmd expose = { .cmd = KVM_SDEI_CMD_SET_EXPOSED_EVENT,
				       .count = 1,
				       .pointer = (uintptr_t)&exposed };
	int ret;

	/* On /dev/kvm the SMCCC filter is set here, so that SDEI calls come to us. */
	ret = kvmcore_ioctl(vmm->core, -1, KVM_ARM_SDEI_COMMAND, &expose);
	if (ret == 0)
		ret = kvmcore_resume(vmm->core);
	vmm->has_guest = ret == 0;
	vmm->pausing = ret != 0;
	return ret;
}

static int set_up(struct vmm *vmm, bool incoming)
{
	struct transport_id uuid = { { 0 } };
	int ret = incoming ? 0 : transport_id_random(&uuid);

	vmm->pausing = true;
	if (ret == 0)
		ret = make_core(vmm, &uuid, 0);
	return ret || incoming ? ret : begin_guest(vmm);
}

/* --- 2. the run loop ---------------------------------------------------------------------------------- */

/*
 * In place of KVM_RUN: the guest's next call, in registers as KVM leaves them at KVM_EXIT_HYPERCALL. Where the
 * guest is, its PC says, as it would of a real one: so it goes on wherever it has moved to.
 */
static void play_guest(struct kvmcore_regs *regs, unsigned int turn)
{
	static const uint64_t boot[][4] = {
		{ SDEI(0x0) },                         /* VERSION */
		{ SDEI(0x1), EVENT, HANDLER, 0x1234 }, /* EVENT_REGISTER */
		{ SDEI(0x2), EVENT },                  /* EVENT_ENABLE */
		{ SDEI(0xc) },                         /* PE_UNMASK */
	};
	static const uint64_t complete[4] = { SDEI(0x5) }; /* EVENT_COMPLETE */
	static const uint64_t status[4] = { SDEI(0x8), EVENT };
	const uint64_t *call = regs->pc / 4 < 4                       ? boot[regs->pc / 4]
			       : regs->pc >= HANDLER && turn % 8 == 0 ? complete
								      : status;

	memcpy(regs->x, call, 4 * sizeof(*call));
	regs->x[4] = regs->x[5] = 0;
	regs->pc += 4;
}

/* In place of KVM_GET_ONE_REG or KVM_SET_ONE_REG, one of which each register of @set would cost. */
static void copy_registers(struct kvmcore_regs *to, const struct kvmcore_regs *from, uint32_t set)
{
	for (unsigned int word = 0; word < KVMCORE_N_MASKED; word++)
		if (set >> word & 1)
			memcpy((char *)to + 8 * word, (const char *)from + 8 * word, 8);
}

/* One turn: the guest runs up to its next call, the core answers, an event may become due. */
static void turn(struct vmm *vmm, unsigned int number)
{
	const struct kvmcore_trap trap = { .smc = false };
	struct kvmcore_regs regs = { .features = 0 };
	struct kvmcore_reply reply;
	uint32_t known, writes, reads;

	play_guest(&vmm->regs, number);
	regs.x[0] = (uint32_t)vmm->regs.x[0]; /* hypercall.nr of kvm_run tells it */
	known = kvmcore_call_reads(vmm->core, (uint32_t)regs.x[0], regs.features);
	copy_registers(&regs, &vmm->regs, known);
	kvmcore_call(vmm->core, 0, &trap, &regs, &reply);
	known |= reply.changed;
	writes = reply.changed & ~reply.cleared;
	if (number % 16 == 0) /* some device of ours has news for the guest */
		kvmcore_inject(vmm->core, 0, EVENT, &reply);
	/* With more vCPUs, those in reply.kick get a signal here and come by this line, too. */
	reads = kvmcore_enter_reads(vmm->core, 0, regs.features);
	if (reads) {
		copy_registers(&regs, &vmm->regs, reads & ~known);
		kvmcore_enter(vmm->core, 0, &regs, &reply);
		writes |= reply.changed;
	}
	copy_registers(&vmm->regs, &regs, writes);
}

/* Between two turns: wait while somebody wants the VM to stand still. Return: go on */
static bool park(struct vmm *vmm)
{
	bool ending;

	pthread_mutex_lock(&vmm->lock);
	while (vmm->pausing && !vmm->ending) {
		vmm->parked = true;
		pthread_cond_broadcast(&vmm->changed);
		pthread_cond_wait(&vmm->changed, &vmm->lock);
	}
	vmm->parked = false;
	ending = vmm->ending;
	pthread_mutex_unlock(&vmm->lock);
	return !ending;
}

static void *run_vcpu(void *opaque)
{
	const struct timespec pace = { .tv_nsec = TURN_NS };
	struct vmm *vmm = opaque;

	for (unsigned int number = 0; park(vmm); number++) {
		turn(vmm, number);
		nanosleep(&pace, NULL);
	}
	return NULL;
}

/* --- 3. the control server ----------------------------------------------------------------------------- */

static int op_info(void *vm, struct transport_vm_info *info, struct transport_error *err)
{
	const struct vmm *vmm = vm;

	(void)err;
	*info = (struct transport_vm_info){ .uuid = vmm->uuid,
					    .type = "arm64",
					    .profile = "spec",
					    .kernel = "6.12",
					    .n_vcpus = 1,
					    .generation = vmm->generation };
	return 0;
}

/* A guest without memory has no stream of its own; its registers travel in the core's model vCPU. */
static void give_registers(struct vmm *vmm)
{
	struct kvmcore_vcpu_regs regs = { .pc = vmm->regs.pc,
					  .pstate = vmm->regs.pstate,
					  .elr_el1 = vmm->regs.elr_el1,
					  .spsr_el1 = vmm->regs.spsr_el1 };

	memcpy(regs.x, vmm->regs.x, sizeof(vmm->regs.x));
	kvmcore_vcpu_regs_set(vmm->core, 0, &regs);
}

static void take_registers(struct vmm *vmm)
{
	struct kvmcore_vcpu_regs regs;

	kvmcore_vcpu_regs_get(vmm->core, 0, &regs);
	vmm->regs = (struct kvmcore_regs){ .pc = regs.pc,
					   .pstate = regs.pstate,
					   .elr_el1 = regs.elr_el1,
					   .spsr_el1 = regs.spsr_el1 };
	memcpy(vmm->regs.x, regs.x, sizeof(vmm->regs.x));
}

static int op_pause(void *vm, struct transport_error *err)
{
	struct vmm *vmm = vm;

	(void)err;
	pthread_mutex_lock(&vmm->lock);
	vmm->pausing = true;
	while (!vmm->parked)
		pthread_cond_wait(&vmm->changed, &vmm->lock);
	pthread_mutex_unlock(&vmm->lock);
	give_registers(vmm);
	return kvmcore_pause(vmm->core);
}

static int op_resume(void *vm, struct transport_error *err)
{
	struct vmm *vmm = vm;
	const int ret = kvmcore_resume(vmm->core);

	(void)err;
	pthread_mutex_lock(&vmm->lock);
	vmm->pausing = false;
	pthread_cond_broadcast(&vmm->changed);
	pthread_mutex_unlock(&vmm->lock);
	return ret;
}

static int op_capture(void *vm, enum transport_capture_kind kind,
		      const struct transport_state *base, struct transport_buffer *out,
		      struct transport_error *err)
{
	struct vmm *vmm = vm;
	const struct sdeistate_capture_options options = {
		.kind = kind == TRANSPORT_CAPTURE_BASE ? SDEISTATE_BASE : SDEISTATE_FINAL,
		.flags = SDEISTATE_CAPTURE_REGS, /* 0 in a VMM that moves them by itself */
	};

	(void)base;
	return vmm_capture(&vmm->port, &options, out, err);
}

/* The VM runs elsewhere. This one's process ends when it is told to. */
static void op_end(void *vm)
{
	(void)vm;
}

/* --- and its half of the one that a guest moves to --- */

static void free_state(struct sdeistate **state)
{
	sdeistate_free(*state);
}

static int op_check(void *vm, const struct transport_state *records,
		    struct transport_issues *issues, struct transport_error *err)
{
	struct vmm *vmm = vm;
	__attribute__((cleanup(free_state))) struct sdeistate *state = NULL;
	int ret = vmm_decode(records, &state, err);

	return ret ? ret : vmm_check(&vmm->port, state, issues, err);
}

static int op_reserve(void *vm, const struct transport_id *session, struct transport_error *err)
{
	const struct vmm *vmm = vm;

	(void)session;
	return vmm->has_guest ? transport_error_fill(err, -EEXIST, "vm-not-fresh", "VM", "",
						     "one that waits for a guest|it has one")
			      : 0;
}

/* Which VM it is, and how often it has moved, is known now: so the core is made anew. */
static int op_stage(void *vm, const struct transport_stage *stage,
		    uint8_t digest[TRANSPORT_DIGEST_SIZE], struct transport_error *err)
{
	struct vmm *vmm = vm;
	__attribute__((cleanup(free_state))) struct sdeistate *state = NULL;
	struct transport_id uuid;
	int ret = vmm_decode(&stage->records, &state, err);

	if (ret)
		return ret;
	memcpy(uuid.bytes, state->vm.uuid, sizeof(uuid.bytes));
	ret = make_core(vmm, &uuid, stage->generation);
	return ret ? ret : vmm_stage(&vmm->port, state, NULL, digest, err);
}

static int op_commit(void *vm, bool stay_paused, struct transport_error *err)
{
	struct vmm *vmm = vm;

	take_registers(vmm);
	vmm->has_guest = true;
	return stay_paused ? 0 : op_resume(vm, err);
}

static void op_discard(void *vm)
{
	const struct transport_id nobody = { { 0 } };

	make_core(vm, &nobody, 0);
}

/* What a VMM leaves out is NULL, and a mover that needs it is told so. */
static const struct transport_control_ops ops = {
	.info = op_info,
	.pause = op_pause,
	.resume = op_resume,
	.capture = op_capture,
	.check = op_check,
	.reserve = op_reserve,
	.stage = op_stage,
	.commit = op_commit,
	.discard = op_discard,
	.end = op_end,
};

static void end_vcpu(struct vmm *vmm, pthread_t vcpu)
{
	pthread_mutex_lock(&vmm->lock);
	vmm->ending = true;
	pthread_cond_broadcast(&vmm->changed);
	pthread_mutex_unlock(&vmm->lock);
	pthread_join(vcpu, NULL);
}

static struct transport_server *server;

static void on_signal(int number)
{
	(void)number;
	transport_server_stop(server);
}

static int serve(struct vmm *vmm, const char *path)
{
	const struct transport_server_options options = { .max_clients = 8 };
	struct transport_error err = { .reason = "" };
	pthread_t vcpu;
	int ret;

	ret = transport_server_new(&options, &server, &err);
	if (ret == 0) {
		signal(SIGTERM, on_signal);
		signal(SIGINT, on_signal);
		ret = vmm->has_guest ? transport_server_add(server, path, &ops, vmm, &err)
				     : transport_server_add_empty(server, path, &ops, vmm, &err);
	}
	if (ret == 0)
		ret = pthread_create(&vcpu, NULL, run_vcpu, vmm);
	if (ret == 0) {
		printf("{\"event\":\"ready\",\"control\":\"%s\"}\n", path);
		fflush(stdout);
		ret = transport_server_run(server, &err);
		end_vcpu(vmm, vcpu);
	}
	if (ret)
		fprintf(stderr, "embed: %s: %s\n", err.object, err.reason);
	server = transport_server_free(server);
	return ret;
}

int main(int argc, char **argv)
{
	struct vmm vmm = { .lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER };
	const bool incoming = argc == 3 && !strcmp(argv[1], "--incoming");
	int ret;

	if (argc != 2 + incoming) {
		fprintf(stderr, "usage: embed [--incoming] SOCKET\n");
		return 2;
	}
	ret = set_up(&vmm, incoming);
	if (ret == 0)
		ret = serve(&vmm, argv[argc - 1]);
	kvmcore_vm_destroy(vmm.core);
	return ret ? 1 : 0;
}
