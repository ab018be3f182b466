// SPDX-License-Identifier: Apache-2.0
/*
 * vmm - a small VMM for arm64 KVM with SDEI, and its migration
 *
 *	vmm --kernel IMAGE [--initrd FILE] [--append WORDS] [--memory MIB] [--cpus N] [--smc]
 *	    [--uuid UUID] [--control SOCKET] [--outgoing URI] [--tree FILE] [--no-reboot]
 *	    [--guard S|A1|A2|U | --realm [--platform-key PEM]]
 *	vmm --incoming URI --control SOCKET [--memory MIB] [--cpus N] [--uuid UUID] [--outgoing URI]
 *	    [--guard S|A1|A2|U]
 *
 * --guard offers the guest an MMIO guard (docs/abi-guard.md has the variants); a guarded guest comes to a VMM
 * with the same.
 *
 * A guest that asks for its reset begins anew; with --no-reboot, or where it only came to, it ends.
 *
 * Exit status: 0 the guest switched itself off, or was handed over; 3 it ended by a reset; 1 an error; 2 usage.
 */
#include "vmm.h"

#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define MIB             (1ull << 20)
#define DEFAULT_MEMORY  (256 * MIB)
#define LEAST_MEMORY    (64 * MIB)
#define MOST_MEMORY     (64ull << 30)
#define MAX_COMMANDLINE 2048u /* of the guest; the device tree has room for it */
#define USAGE           2

void vmm_say(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fputs("vmm: ", stderr);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
	va_end(args);
}

static int parse_number(const char *text, uint64_t least, uint64_t most, uint64_t *value)
{
	char *end;
	const unsigned long long number = strtoull(text, &end, 10);

	if (*text < '0' || *text > '9' || *end || number < least || number > most)
		return -EINVAL;
	*value = number;
	return 0;
}

static int parse_cpus(const char *text, struct vmm_options *options)
{
	uint64_t n;

	if (parse_number(text, 1, BOARD_MAX_VCPUS, &n))
		return -EINVAL;
	options->n_vcpus = (unsigned int)n;
	return 0;
}

static int parse_memory(const char *text, struct vmm_options *options)
{
	uint64_t n;

	if (parse_number(text, LEAST_MEMORY / MIB, MOST_MEMORY / MIB, &n))
		return -EINVAL;
	options->memory = n * MIB;
	return 0;
}

static int parse_uuid(const char *text, struct vmm_options *options)
{
	struct transport_id id;
	int ret = transport_id_parse(text, &id);

	if (!ret)
		memcpy(options->uuid, id.bytes, sizeof(options->uuid));
	options->has_uuid = !ret;
	return ret;
}

static int parse_guard(const char *text, struct vmm_options *options)
{
	static const char *const name[] = {
		[KVMCORE_GUARD_S] = "S",
		[KVMCORE_GUARD_A1] = "A1",
		[KVMCORE_GUARD_A2] = "A2",
		[KVMCORE_GUARD_U] = "U",
	};

	for (size_t i = 0; i < sizeof(name) / sizeof(name[0]) && options->kind == GUEST_PLAIN; i++)
		if (strcmp(text, name[i]) == 0) {
			options->kind = GUEST_GUARDED;
			options->guard = (enum kvmcore_guard_abi)i;
			return 0;
		}
	return -EINVAL;
}

static const struct option names[] = {
	{ "kernel", required_argument, NULL, 'k' },
	{ "initrd", required_argument, NULL, 'i' },
	{ "append", required_argument, NULL, 'a' },
	{ "memory", required_argument, NULL, 'm' },
	{ "cpus", required_argument, NULL, 'n' },
	{ "uuid", required_argument, NULL, 'u' },
	{ "control", required_argument, NULL, 'c' },
	{ "incoming", required_argument, NULL, 'I' },
	{ "outgoing", required_argument, NULL, 'O' },
	{ "smc", no_argument, NULL, 's' },
	{ "realm", no_argument, NULL, 'R' },
	{ "guard", required_argument, NULL, 'G' },
	{ "platform-key", required_argument, NULL, 'p' },
	{ "tree", required_argument, NULL, 't' },
	{ "no-reboot", no_argument, NULL, 'N' },
	{ NULL, 0, NULL, 0 },
};

static int parse_one(int letter, const char *value, struct vmm_options *options)
{
	switch (letter) {
	case 'k':
		options->kernel = value;
		return 0;
	case 'i':
		options->initrd = value;
		return 0;
	case 'a':
		options->cmdline = value;
		return strlen(value) > MAX_COMMANDLINE ? -E2BIG : 0;
	case 'm':
		return parse_memory(value, options);
	case 'n':
		return parse_cpus(value, options);
	case 'u':
		return parse_uuid(value, options);
	case 'c':
		options->control = value;
		return 0;
	case 'I':
		options->incoming = value;
		return 0;
	case 'O':
		options->outgoing = value;
		return 0;
	case 's':
		options->smc = true;
		return 0;
	case 'R':
		if (options->kind != GUEST_PLAIN)
			return -EINVAL;
		options->kind = GUEST_REALM;
		return 0;
	case 'G':
		return parse_guard(value, options);
	case 'p':
		options->platform_key = value;
		return 0;
	case 't':
		options->tree = value;
		return 0;
	case 'N':
		options->no_reboot = true;
		return 0;
	}
	return -EINVAL;
}

/* What goes with what. A realm's pages are its monitor's to move, which a VMM's own stream cannot. */
static int check_together(const struct vmm_options *options)
{
	const bool moves = options->incoming || options->outgoing;
	const bool begins =
		options->initrd || options->cmdline || options->tree || options->no_reboot;
	const struct {
		bool wrong;
		const char *rule;
	} rules[] = {
		{ !options->kernel == !options->incoming, "either --kernel or --incoming" },
		{ moves && !options->control, "--incoming and --outgoing need --control" },
		{ moves && options->kind == GUEST_REALM, "a realm does not move this way" },
		{ begins && !options->kernel, "what a guest begins with needs --kernel" },
		{ options->platform_key && options->kind != GUEST_REALM,
		  "--platform-key needs --realm" },
	};

	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++)
		if (rules[i].wrong) {
			vmm_say("%s", rules[i].rule);
			return -EINVAL;
		}
	return 0;
}

static int parse(int argc, char **argv, struct vmm_options *options)
{
	struct transport_id id;
	int letter, ret = 0;

	*options = (struct vmm_options){ .kind = GUEST_PLAIN,
					 .guard = KVMCORE_GUARD_OFF,
					 .memory = DEFAULT_MEMORY,
					 .n_vcpus = 4 };
	while (!ret && (letter = getopt_long(argc, argv, "", names, NULL)) != -1) {
		ret = parse_one(letter, optarg, options);
		if (ret && letter != '?')
			vmm_say("%.80s: not accepted", argv[optind - 1]);
	}
	if (!ret && optind != argc) {
		vmm_say("%.80s: not an option", argv[optind]);
		ret = -EINVAL;
	}
	if (!ret)
		ret = check_together(options);
	if (!options->cmdline)
		options->cmdline = "console=ttyAMA0";
	if (!ret && options->kernel && !options->has_uuid && transport_id_random(&id) == 0) {
		memcpy(options->uuid, id.bytes, sizeof(options->uuid));
		options->has_uuid = true;
	}
	if (ret)
		fputs("usage: vmm --kernel IMAGE | --incoming URI --control SOCKET  [OPTION...]\n",
		      stderr);
	return ret;
}

int vmm_open(struct vmm *vmm)
{
	const struct vmm_options *options = vmm->options;
	int ret;

	vmm->shared = options->kind == GUEST_REALM ? BOARD_SHARED : 0;
	ret = kvm_open(vmm);
	vmm->fresh = true;
	vmm->n_images = 0;
	pthread_mutex_lock(&vmm->lock); /* somebody may be typing */
	pl011_reset(vmm);
	pthread_mutex_unlock(&vmm->lock);
	vmm->source = (struct source){ .running = 0 };
	if (!ret)
		ret = firmware_new(vmm, options->has_uuid ? options->uuid : NULL,
				   options->kernel != NULL);
	if (!ret)
		ret = stream_listen(vmm);
	return ret ? ret : gate_open(vmm);
}

void vmm_close(struct vmm *vmm)
{
	stream_unlisten(vmm);
	gate_close(vmm);
	firmware_free(vmm);
	kvm_close(vmm);
}

int vmm_reset(struct vmm *vmm)
{
	int ret;

	vmm_close(vmm);
	vmm->count = 0;
	ret = vmm_open(vmm);
	if (!ret)
		ret = loader_load(vmm);
	if (ret)
		gate_end(vmm, 1);
	return ret;
}

static void *read_keyboard(void *opaque)
{
	uint8_t byte;

	while (read(STDIN_FILENO, &byte, 1) == 1)
		pl011_type(opaque, byte);
	return NULL;
}

/* A guest of its own begins at once; an incoming one is waited for. */
static int begin(struct vmm *vmm)
{
	pthread_t keyboard;
	int ret = console_open(vmm);

	if (!ret)
		ret = stream_open(vmm);
	if (!ret)
		ret = control_open(vmm);
	if (!ret)
		ret = vmm_open(vmm);
	if (!ret && vmm->options->kernel)
		ret = loader_load(vmm);
	if (!ret && vmm->options->kernel)
		ret = gate_resume(vmm);
	if (!ret && pthread_create(&keyboard, NULL, read_keyboard, vmm) == 0)
		pthread_detach(keyboard);
	return ret;
}

static struct vmm *the_vmm; /* for the signal's sake */

static void on_signal(int number)
{
	(void)number;
	the_vmm->stopped = 1;
	gate_wake(the_vmm);
}

static int run(struct vmm *vmm)
{
	int ret = begin(vmm);

	if (!ret)
		ret = control_run(vmm);
	if (ret)
		vmm_say("%s", strerror(-ret));
	control_close(vmm);
	vmm_close(vmm);
	console_close(vmm);
	guard_tell(vmm);
	stream_close(vmm);
	return ret ? 1 : vmm->result;
}

int main(int argc, char **argv)
{
	static struct vmm vmm = { .lock = PTHREAD_MUTEX_INITIALIZER,
				  .changed = PTHREAD_COND_INITIALIZER };
	struct vmm_options options;

	vmm.kvm = vmm.fd = vmm.gic = -1;
	if (parse(argc, argv, &options))
		return USAGE;
	vmm.options = &options;
	vmm.wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (vmm.wake < 0) {
		vmm_say("eventfd: %s", strerror(errno));
		return 1;
	}
	the_vmm = &vmm;
	signal(SIGPIPE, SIG_IGN);
	signal(SIGTERM, on_signal);
	signal(SIGINT, on_signal);
	return run(&vmm);
}
