// SPDX-License-Identifier: Apache-2.0
/*
 * vmm - a small VMM for arm64 KVM with SDEI, and its migration
 *
 * A guest that asks for its reset begins anew; with --no-reboot, or where it only came to, it ends.
 *
 * Exit status: 0 the guest switched itself off, or was handed over; 3 it ended by a reset; 1 an error; 2 usage.
 */
#include "vmm.h"

#include <errno.h>
#include <getopt.h>
#include <poll.h>
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
#define MAX_LINE        1024u /* of what is said, within what a pipe takes as a whole */
#define SAY_MS          100
#define USAGE           2

void vmm_say(const char *format, ...)
{
	struct pollfd room = { .fd = STDERR_FILENO, .events = POLLOUT };
	char line[MAX_LINE] = "vmm: ";
	const size_t begins = strlen(line);
	va_list args;
	size_t len;

	va_start(args, format);
	vsnprintf(line + begins, sizeof(line) - begins, format, args);
	va_end(args);
	len = strlen(line);
	line[len] = '\n';
	/* In one piece, for others write there, too; and a reader who has stopped reading does not stop the VM. */
	if (poll(&room, 1, SAY_MS) == 1 && write(STDERR_FILENO, line, len + 1) < 0)
		return; /* a disk that is full, perhaps: there is nobody else to tell */
}

int vmm_told(int ret, const char *what)
{
	if (ret < 0)
		vmm_say("%s: %s", what, strerror(-ret));
	return ret;
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

	for (size_t i = 0; i < sizeof(name) / sizeof(name[0]); i++)
		if (name[i] && strcmp(text, name[i]) == 0) {
			options->guard = (enum kvmcore_guard_abi)i;
			return 0;
		}
	return -EINVAL;
}

static const struct {
	struct option option;
	const char *value, *help;
} known[] = {
	{ { "kernel", required_argument, NULL, 'k' }, "IMAGE", "an arm64 Linux to begin with" },
	{ { "initrd", required_argument, NULL, 'i' }, "FILE", "its initial RAM disk" },
	{ { "append", required_argument, NULL, 'a' },
	  "WORDS",
	  "its command line; else console=ttyAMA0" },
	{ { "tree", required_argument, NULL, 't' }, "FILE", "write its device tree there, too" },
	{ { "no-reboot", no_argument, NULL, 'N' }, "", "end where the guest resets itself" },
	{ { "incoming", required_argument, NULL, 'I' }, "URI", "wait there for a guest instead" },
	{ { "outgoing", required_argument, NULL, 'O' }, "URI", "the --incoming of the next VMM" },
	{ { "control", required_argument, NULL, 'c' },
	  "SOCKET",
	  "where sdei-migrate finds this VMM" },
	{ { "memory", required_argument, NULL, 'm' }, "MIB", "64 to 65536; else 256" },
	{ { "cpus", required_argument, NULL, 'n' }, "N", "1 to 8; else 4" },
	{ { "uuid", required_argument, NULL, 'u' }, "UUID", "the VM's; else a random one" },
	{ { "smc", no_argument, NULL, 's' }, "", "the guest calls by SMC instead of HVC" },
	{ { "guard", required_argument, NULL, 'G' },
	  "S|A1|A2|U",
	  "an MMIO guard of this variant; where the guest goes, too" },
	{ { "realm", no_argument, NULL, 'R' }, "", "the guest is to believe to be a realm" },
	{ { "platform-key", required_argument, NULL, 'p' },
	  "PEM",
	  "what signs a realm's tokens; else a fresh key" },
	{ { "help", no_argument, NULL, 'h' }, "", "this" },
};

#define N_KNOWN (sizeof(known) / sizeof(known[0]))

static void print_usage(void)
{
	puts("usage: vmm --kernel IMAGE [OPTION...]\n"
	     "       vmm --incoming URI --control SOCKET [OPTION...]");
	for (size_t i = 0; i < N_KNOWN; i++)
		printf("  --%-12s %-9s %s\n", known[i].option.name, known[i].value, known[i].help);
}

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
	case 'h':
		print_usage();
		exit(0);
	}
	return -EINVAL;
}

static void refuse(int letter, const char *value)
{
	for (size_t i = 0; i < N_KNOWN; i++)
		if (known[i].option.val == letter)
			vmm_say("--%s %.80s: not accepted; it takes %s: %s", known[i].option.name,
				value, known[i].value, known[i].help);
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
		{ options->kind == GUEST_REALM && options->guard != KVMCORE_GUARD_OFF,
		  "either --realm or --guard" },
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
	struct option names[N_KNOWN + 1] = { { .name = NULL } };
	struct transport_id id;
	int letter, ret = 0;

	for (size_t i = 0; i < N_KNOWN; i++)
		names[i] = known[i].option;
	*options = (struct vmm_options){ .kind = GUEST_PLAIN,
					 .guard = KVMCORE_GUARD_OFF,
					 .memory = DEFAULT_MEMORY,
					 .n_vcpus = 4 };
	while (!ret && (letter = getopt_long(argc, argv, "", names, NULL)) != -1) {
		ret = parse_one(letter, optarg, options);
		if (ret && letter != '?')
			refuse(letter, optarg);
	}
	if (!ret && optind != argc) {
		vmm_say("%.80s: not an option", argv[optind]);
		ret = -EINVAL;
	}
	if (!ret)
		ret = check_together(options);
	if (options->kind == GUEST_PLAIN && options->guard != KVMCORE_GUARD_OFF)
		options->kind = GUEST_GUARDED;
	if (!options->cmdline)
		options->cmdline = "console=ttyAMA0";
	if (!ret && options->kernel && !options->has_uuid && transport_id_random(&id) == 0) {
		memcpy(options->uuid, id.bytes, sizeof(options->uuid));
		options->has_uuid = true;
	}
	if (ret)
		fputs("vmm --help lists what it takes\n", stderr);
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

/* What nohup or a shell's "&" has turned off stays off. */
static void end_by(int number)
{
	if (signal(number, on_signal) == SIG_IGN)
		signal(number, SIG_IGN);
}

static int run(struct vmm *vmm)
{
	int ret = begin(vmm);

	if (!ret)
		ret = control_run(vmm);
	if (ret)
		vmm_say("cannot go on: %s", strerror(-ret));
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
	static struct vmm_options options;

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
	end_by(SIGTERM);
	end_by(SIGINT);
	end_by(SIGHUP);
	return run(&vmm);
}
