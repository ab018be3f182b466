// SPDX-License-Identifier: Apache-2.0
/*
 * embed.c - SDEI and its migration in a VMM: the three places of docs/embedding.md
 *
 *	embed SOCKET
 *
 * The VMM is as small as can be: one vCPU, and instead of KVM_RUN a function that plays a guest, so that
 * it runs on any machine. Everything else is what a VMM on /dev/kvm does: it hands over each call, delivers
 * events before each entry, kicks vCPUs, and serves the control protocol. Try it with
 *
 *	sdei-migrate snapshot --control SOCKET --key K.key --any-destination -o vm.snap
 *	sdei-migrate show vm.snap
 */
#include "vmm.h"

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
	struct kvmcore_regs regs; /* of vCPU 0; a real VMM reads and writes them with *_ONE_REG */
	pthread_mutex_t lock;     /* of the three below */
	pthread_cond_t changed;
	bool pausing, parked, ending;
};

/* --- 1. before the first entry ---------------------------------------------------------------------- */

static int set_up(struct vmm *vmm)
{
	const struct kvmcore_config config = { .uuid = { 0xe3, 0xbe, 0xdd, 0xed } };
	struct kvm_sdei_exposed_event_state exposed = { .num = EVENT, .signaled = 1 };
	struct kvm_sdei_cmd expose = { .cmd = KVM_SDEI_CMD_SET_EXPOSED_EVENT,
				       .count = 1,
				       .pointer = (uintptr_t)&exposed };
	struct kvm_vcpu_init init = { .target = KVM_ARM_TARGET_GENERIC_V8,
				      .features = { 1u << KVM_ARM_VCPU_PSCI_0_2 } };
	struct kvmcore_error error;
	int ret;

	/* On /dev/kvm the SMCCC filter is set here, so that SDEI calls come to us. */
	ret = kvmcore_vm_create(&config, &vmm->core, &error);
	if (ret == 0)
		ret = kvmcore_vcpu_create(vmm->core, 0, 0);
	if (ret == 0)
		ret = kvmcore_ioctl(vmm->core, 0, KVMCORE_ARM_VCPU_INIT, &init);
	if (ret == 0)
		ret = kvmcore_ioctl(vmm->core, -1, KVM_ARM_SDEI_COMMAND, &expose);
	if (ret < 0)
		return ret;
	kvmcore_port(vmm->core, &vmm->port);
	return kvmcore_resume(vmm->core);
}

/* --- 2. the run loop ---------------------------------------------------------------------------------- */

/* In place of KVM_RUN: the guest's next call, in registers as KVM leaves them at KVM_EXIT_HYPERCALL. */
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
	const uint64_t *call = turn < 4                               ? boot[turn]
			       : regs->pc >= HANDLER && turn % 8 == 0 ? complete
								      : status;

	memcpy(regs->x, call, 4 * sizeof(*call));
	regs->x[4] = regs->x[5] = 0;
	regs->pc += 4;
}

/* One turn: the guest runs up to its next call, the core answers, an event may become due. */
static void turn(struct vmm *vmm, unsigned int number)
{
	const struct kvmcore_trap trap = { .smc = false };
	struct kvmcore_reply reply;

	play_guest(&vmm->regs, number);
	kvmcore_call(vmm->core, 0, &trap, &vmm->regs, &reply);
	if (number % 16 == 0) /* some device of ours has news for the guest */
		kvmcore_inject(vmm->core, 0, EVENT, &reply);
	/* With more vCPUs, those in reply.kick get a signal here and come by this line, too. */
	kvmcore_enter(vmm->core, 0, &vmm->regs, &reply);
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
	(void)vm;
	(void)err;
	*info = (struct transport_vm_info){ .uuid = { { 0xe3, 0xbe, 0xdd, 0xed } },
					    .type = "arm64",
					    .profile = "spec",
					    .kernel = "6.12",
					    .n_vcpus = 1 };
	return 0;
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

/* SDEI alone: this VMM moves memory and registers by itself. */
static int op_capture(void *vm, enum transport_capture_kind kind,
		      const struct transport_state *base, struct transport_buffer *out,
		      struct transport_error *err)
{
	struct vmm *vmm = vm;
	const struct sdeistate_capture_options options = {
		.kind = kind == TRANSPORT_CAPTURE_BASE ? SDEISTATE_BASE : SDEISTATE_FINAL,
	};

	(void)base;
	return vmm_capture(&vmm->port, &options, out, err);
}

/* A source only: what a destination needs besides is NULL, and a mover is told so. */
static const struct transport_control_ops ops = {
	.info = op_info,
	.pause = op_pause,
	.resume = op_resume,
	.capture = op_capture,
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
		ret = transport_server_add(server, path, &ops, vmm, &err);
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
	int ret;

	if (argc != 2) {
		fprintf(stderr, "usage: embed SOCKET\n");
		return 2;
	}
	ret = set_up(&vmm);
	if (ret == 0)
		ret = serve(&vmm, argv[1]);
	kvmcore_vm_destroy(vmm.core);
	return ret ? 1 : 0;
}
