/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vmm.h - a small VMM for arm64 KVM whose guest has SDEI and can be migrated with it
 *
 * Who does what (docs/embedding.md follows the same order):
 *	kvm.c		the kernel's VM: file descriptors, memory slot, vCPUs; and the port over them
 *	firmware.c	libkvmcore behind the SMCCC filter: SDEI and PSCI; the router in front of both
 *	vcpu.c		the run loop: exits, calls, events
 *	realm.c, guard.c	the same for a realm, and for a guest that guards its MMIO
 *	gate.c		who may run: pausing, power, the end
 *	bus.c		MMIO devices: pl011.c with console.c, source.c
 *	gic.c, timer.c, regs.c	what the kernel holds of the guest, saved and loaded
 *	stream.c	memory and all that, to the other VMM; incoming.c, visitors.c: from it
 *	control.c	the control socket, by which sdei-migrate reaches the VM
 *	loader.c, fdt.c	what the guest begins with
 *
 * Functions return 0 or -errno. Locks: vmm.lock guards the devices and the gate; no function below takes
 * it unless it says so.
 */
#ifndef VMM_VMM_H
#define VMM_VMM_H

#include "board.h"

#include <kvmcore/kvmcore.h>
#include <pthread.h>
#include <sdeistate/router.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>
#include <transport/control.h>

#define CLEANUP(function) __attribute__((cleanup(function)))

struct vmm;

/* What the guest believes to be, and so which firmware it finds. */
enum guest_kind {
	GUEST_PLAIN = 1, /* SDEI and PSCI */
	GUEST_REALM =
		2, /* a realm: RSI and PSCI, from a monitor that is libkvmcore, without isolation */
	GUEST_GUARDED = 4, /* a guest that guards its MMIO: SDEI, PSCI, MMIO guard, shared memory */
};

struct vmm_options {
	enum guest_kind kind;
	enum kvmcore_guard_abi guard; /* of a guarded guest */
	const char *platform_key;     /* PEM file: what signs a realm's tokens; NULL: a fresh key */
	const char *tree;             /* a file to write the guest's device tree to */
	const char *kernel, *initrd, *cmdline;
	const char *control;  /* path of the control socket */
	const char *incoming; /* URI to be given a guest by, instead of a kernel */
	const char *outgoing; /* URI of the VMM that is to be given this guest */
	uint64_t memory;      /* bytes */
	unsigned int n_vcpus;
	bool smc;       /* the guest calls by SMC instead of HVC */
	bool no_reboot; /* a guest that resets itself ends */
	bool has_uuid;
	uint8_t uuid[16];
};

/* --- the kernel's VM --- */

struct vcpu {
	struct vmm *vmm;
	unsigned int index;
	int fd;
	struct kvm_run *run;
	pthread_t thread;
	bool has_thread;
	/* of the run loop alone: */
	bool open;      /* it left the guest for something that is not answered yet */
	bool undrained; /* answered MMIO, which the next KVM_RUN completes */
	bool standby;   /* suspended with all its registers */
	bool asleep;    /* suspended and powered down: an interrupt wakes it, an event does not */
	/* under vmm.lock: */
	bool parked;   /* out of KVM_RUN, and will not enter */
	bool held;     /* is to stay out of KVM_RUN for somebody's ioctl */
	bool has_left; /* its thread does nothing more */
	bool powered;
	bool starting; /* by PSCI CPU_ON: entry and context hold */
	uint64_t entry, context;
	uint64_t wait_end_us; /* of a load that takes its time, by CLOCK_MONOTONIC; 0: none */
	uint32_t wait_raised; /* what it would have read when it began */
	atomic_bool due;      /* something may have become due for it: kvmcore_enter() */
};

struct pl011 {
	uint32_t cr, lcr, ibrd, fbrd, ifls, imsc, ris;
	uint8_t fifo[16];
	uint32_t n_fifo;
};

#define SOURCE_LINES 8u

/* The device that raises SDEI events at random moments; source.c has its registers. */
struct source {
	uint32_t running, interval_us, cpus;
	uint32_t refused, spurious;
	uint64_t random;
	struct {
		uint32_t event, flags;
		uint32_t raised, forgotten;
		uint32_t outstanding; /* by vCPU; shared: bit 0 */
	} line[SOURCE_LINES];
};

#define MAX_IMAGES  3u
#define MAX_GUARDED 16u

struct vmm {
	const struct vmm_options *options;
	struct {
		uint64_t ipa, size;
	} image[MAX_IMAGES]; /* what loader.c put into memory */
	unsigned int n_images;
	uint64_t shared; /* BOARD_SHARED in a realm: where its devices are; else 0 */
	int kvm, fd, gic;
	size_t run_size;
	uint8_t *ram;
	struct vcpu vcpu[BOARD_MAX_VCPUS];
	struct kvm_port_vcpu name[BOARD_MAX_VCPUS];
	unsigned int n_vcpus;
	uint32_t pe_features;                  /* enum kvmcore_pe_feature */
	uint64_t count;                        /* the guest's counter while it stands still */
	struct kvm_port kernel, service, port; /* the kernel alone, libkvmcore alone, the router */
	struct kvmcore_vm *core;
	struct kvmcore_call_range answered[8]; /* calls that the kernel forwards */
	unsigned int n_answered;
	unsigned long allowed, refused; /* accesses of a guarded guest; under vmm.lock */
	struct kvmcore_guard_range guarded[MAX_GUARDED]; /* at the last of them */
	unsigned int n_guarded;
	struct sdeistate_router *router;

	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool running, ending, resetting;
	int result; /* exit status, once ending */
	int wake;   /* eventfd: control_run() has to look at the two above */
	volatile sig_atomic_t stopped;
	struct console *console;
	struct pl011 uart;
	struct source source;
	pthread_t source_thread;
	bool has_source_thread;

	struct stream *stream;
	struct transport_server *server;
	uint64_t generation;
	struct transport_id session; /* the mover that has this VM; zero: none. Under vmm.lock */
	bool fresh;                  /* waits for a guest: it has never run */
	bool is_gone;                /* its guest runs elsewhere */
	time_t gone_at;
};

/* --- kvm.c --- */

/** kvm_open() - a VM with memory, vCPUs and GIC, nothing of which has run. @vmm is zero but for options */
int kvm_open(struct vmm *vmm);
/** kvm_close() - no thread may be left */
void kvm_close(struct vmm *vmm);
/** kvm_vcpu_init() - KVM_ARM_VCPU_INIT: registers as after power-up */
int kvm_vcpu_init(struct vcpu *vcpu, bool power_off);
/** kvm_get(), kvm_set() - one register of up to 8 bytes */
int kvm_get(const struct vcpu *vcpu, uint64_t id, uint64_t *value);
int kvm_set(const struct vcpu *vcpu, uint64_t id, uint64_t value);
/** kvm_mp_state() - KVM_SET_MP_STATE in the kernel alone */
int kvm_mp_state(const struct vcpu *vcpu, uint32_t state);
/** kvm_guest() - guest memory as the VMM sees it; NULL where there is none */
void *kvm_guest(const struct vmm *vmm, uint64_t ipa, uint64_t size);
/** kvm_attr() - KVM_SET_DEVICE_ATTR or KVM_GET_DEVICE_ATTR */
int kvm_attr(int fd, unsigned long cmd, uint32_t group, uint64_t attr, void *addr);

/* --- firmware.c --- */

/** firmware_new() - libkvmcore and the router; @uuid may be NULL. @filter: forward the guest's calls now */
int firmware_new(struct vmm *vmm, const uint8_t *uuid, bool filter);
void firmware_free(struct vmm *vmm);
/** firmware_adopt() - after a replay: tell libkvmcore what firmware the guest knows from before */
int firmware_adopt(struct vmm *vmm);
/** firmware_call() - answer a forwarded call, and deliver what is due then */
int firmware_call(struct vcpu *vcpu, uint32_t id, bool smc);
/** firmware_enter() - deliver what is due; the vCPU has no exit open and is drained */
int firmware_enter(struct vcpu *vcpu);
/** firmware_inject() - trigger an event; vmm.lock is held. Return: 0; the errors of kvmcore_inject() */
int firmware_inject(struct vmm *vmm, unsigned int vcpu, uint32_t event);

/* --- step.c --- */

/* One or more steps of libkvmcore between two KVM_RUNs; zero but for regs.features. Sets: KVMCORE_MASK_* */
struct step {
	struct kvmcore_regs regs;
	uint32_t known;  /* of these, what the vCPU holds or is going to */
	uint32_t writes; /* and what is still to be written */
};

/** step_read() - get those of @reads that are not known yet */
int step_read(const struct vcpu *vcpu, struct step *step, uint32_t reads);
/** step_take() - what a step has changed; what it only cleared the guest keeps, as the SMCCC allows */
void step_take(struct step *step, const struct kvmcore_reply *reply);
/** step_write() - put all of it into the vCPU */
int step_write(const struct vcpu *vcpu, struct step *step);

/* --- realm.c: libkvmcore as the monitor of a realm, guard.c: of a guarded guest --- */

/** realm_create() - the realm, before it has vCPUs */
int realm_create(struct vmm *vmm);
/** realm_build() - measure what the loader has put down, and let the realm live */
int realm_build(struct vmm *vmm);
/** guard_memory() - libkvmcore gets to know the guest's memory */
int guard_memory(struct vmm *vmm);
/** guard_allows() - has the guest let its host emulate these bytes? Takes the lock */
bool guard_allows(struct vmm *vmm, uint64_t ipa, unsigned int len);
/** guard_tell() - at the end: what was guarded at the last access, and how all of them fared */
void guard_tell(const struct vmm *vmm);

/* --- vcpu.c --- */

/** vcpu_main() - a vCPU's thread */
void *vcpu_main(void *opaque);
/** vcpu_end_standby() - back to its senses, if it was in standby */
int vcpu_end_standby(struct vcpu *vcpu);

/* --- gate.c --- */

/** gate_pass() - in a vCPU's thread: wait until it may enter the guest. Return: 1; 0 at the end; -errno. Takes the lock */
int gate_pass(struct vcpu *vcpu);
/** gate_leave() - the last a vCPU's thread does. Takes the lock */
void gate_leave(struct vcpu *vcpu);
/** gate_wait_a_little() - until something changes, some 20 ms at most: a kick may have come too early. With the lock held */
void gate_wait_a_little(struct vmm *vmm);
/** gate_kick() - make a vCPU leave the guest */
void gate_kick(struct vcpu *vcpu);
/** gate_start() - power a vCPU on at @entry. Takes the lock */
void gate_start(struct vcpu *vcpu, uint64_t entry, uint64_t context);
/** gate_stop() - a vCPU powers itself off. Takes the lock */
void gate_stop(struct vcpu *vcpu);
/**
 * gate_hold() - keep one vCPU out of the guest; gate_release() lets it go on. Takes the lock
 *
 * Another thread's ioctl on a vCPU waits until its KVM_RUN returns, and a guest need never let it return.
 */
void gate_hold(struct vcpu *vcpu);
void gate_release(struct vcpu *vcpu);
/** gate_pause() - all vCPUs are out of the guest when it returns, their MMIO drained. Takes the lock */
int gate_pause(struct vmm *vmm);
/** gate_resume() - let them run. Takes the lock */
int gate_resume(struct vmm *vmm);
/** gate_end() - the VM ends, the process with @result. Takes the lock; from any thread */
void gate_end(struct vmm *vmm, int result);
/** gate_reset() - the guest has asked for its reset: all stay out of it until vmm_reset(). Takes the lock */
void gate_reset(struct vmm *vmm);
/** gate_wake() - make control_run() look; safe in a signal handler */
void gate_wake(const struct vmm *vmm);
/** gate_open() - begin the threads, paused. gate_close() - wait for their end */
int gate_open(struct vmm *vmm);
void gate_close(struct vmm *vmm);

/* --- bus.c --- */

/** bus_is_ready() - whether a device can answer a load by now; if it cannot, it took a little to say so. Takes the lock */
bool bus_is_ready(struct vcpu *vcpu, uint64_t ipa);
/** bus_access() - an MMIO exit. Return: whether a device answered. Takes the lock */
bool bus_access(struct vmm *vmm, uint64_t ipa, void *data, unsigned int len, bool write);

/* --- devices; each register is 32 bits wide. With the lock held --- */

uint32_t pl011_load(struct vmm *vmm, uint32_t offset);
void pl011_store(struct vmm *vmm, uint32_t offset, uint32_t value);
void pl011_reset(struct vmm *vmm);
/** pl011_level() - tell the GIC the state of the interrupt line */
void pl011_level(struct vmm *vmm);
/** pl011_type() - somebody typed. Takes the lock */
void pl011_type(struct vmm *vmm, uint8_t byte);

/** console_open() - begin to write the guest's console. console_close() - when no vCPU is left: end it */
int console_open(struct vmm *vmm);
void console_close(struct vmm *vmm);
/** console_put() - write one byte, at once or later; never waits for a reader. With or without the lock */
void console_put(struct vmm *vmm, uint8_t byte);

/** source_is_ready() - whether a load need not wait, or has waited */
bool source_is_ready(struct vcpu *vcpu, uint32_t offset);
uint32_t source_load(struct vmm *vmm, uint32_t offset);
void source_store(struct vmm *vmm, uint32_t offset, uint32_t value);
/** source_main() - the device's own thread */
void *source_main(void *opaque);

/* --- gic.c, timer.c, regs.c: struct state is in stream.h --- */

int gic_create(struct vmm *vmm);
/** timer_stop() - remember the guest's counter; timer_go() - let it go on from there. All vCPUs are out */
int timer_stop(struct vmm *vmm);
int timer_go(struct vmm *vmm);

/** timer_hz() - how fast both hosts have to count for a guest that moves */
uint64_t timer_hz(void);

/* --- loader.c, fdt.c --- */

/** loader_load() - kernel, device tree and initrd; vCPU 0 stands at the kernel's entry */
int loader_load(struct vmm *vmm);
/** fdt_build() - the device tree into @buffer */
int fdt_build(const struct vmm *vmm, uint64_t initrd, uint64_t initrd_size, void *buffer,
	      size_t size);

/* --- stream.c --- */

int stream_open(struct vmm *vmm);
void stream_close(struct vmm *vmm);
/** stream_listen() - let a guest come, if the options say so. stream_unlisten() - not any more */
int stream_listen(struct vmm *vmm);
void stream_unlisten(struct vmm *vmm);
/** stream_send() - begin to give the paused guest to the other VMM, in a thread */
int stream_send(struct vmm *vmm);
/** stream_stop() - end what stream_send() began; before the guest may run on */
void stream_stop(struct vmm *vmm);
/** stream_load() - load the guest that came. Return: 0; -EINPROGRESS: it has not come whole; -ETIMEDOUT: nor will it; -errno */
int stream_load(struct vmm *vmm, struct transport_error *err);

/* --- control.c --- */

/** control_open() - the control socket, if the options name one; control_run() - serve it until the VM ends */
int control_open(struct vmm *vmm);
int control_run(struct vmm *vmm);
void control_close(struct vmm *vmm);

/* --- main.c --- */

/** vmm_open() - a VM as the options want it, with its threads, paused. vmm_close() - the reverse */
int vmm_open(struct vmm *vmm);
void vmm_close(struct vmm *vmm);

/** vmm_reset() - a new VM in place of the old one, which begins with the kernel, paused. Return: 0; -errno: it ends */
int vmm_reset(struct vmm *vmm);

/** vmm_say() - a line on standard error */
__attribute__((format(printf, 1, 2))) void vmm_say(const char *format, ...);

/** vmm_told() - if @ret is an error, say so of @what. Return: @ret */
int vmm_told(int ret, const char *what);

#endif
