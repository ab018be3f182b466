// SPDX-License-Identifier: Apache-2.0
#include "machine.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static struct machine *of(struct vmm *vmm)
{
	return (struct machine *)vmm;
}

/* --- what main.c, gate.c and firmware.c do on a kernel ------------------------------------------- */

/* Who speaks cannot be told from the words alone; so every machine of this process counts them. */
static atomic_int n_said;

void vmm_say(const char *format, ...)
{
	(void)format;
	n_said++;
}

static int make_model(const struct kvmcore_config *config, unsigned int n_vcpus,
		      struct kvmcore_vm **vm)
{
	int ret = kvmcore_vm_create(config, vm, NULL);

	for (unsigned int i = 0; i < n_vcpus && ret >= 0; i++)
		ret = kvmcore_vcpu_create(*vm, i, i);
	return ret < 0 ? ret : 0;
}

int firmware_new(struct vmm *vmm, const uint8_t *uuid, bool filter)
{
	struct kvmcore_config config = { .profile = KVMCORE_PROFILE_SPEC,
					 .generation = vmm->generation };
	const struct sdeistate_router_options options = { .kernel = &vmm->kernel,
							  .service = &vmm->service };
	int ret;

	(void)filter;
	if (uuid)
		memcpy(config.uuid, uuid, sizeof(config.uuid));
	ret = make_model(&config, vmm->n_vcpus, &vmm->core);
	if (ret)
		return ret;
	kvmcore_port(vmm->core, &vmm->service);
	ret = sdeistate_router_new(&options, &vmm->router, NULL);
	if (!ret)
		sdeistate_router_port(vmm->router, &vmm->port);
	return ret;
}

void firmware_free(struct vmm *vmm)
{
	vmm->router = sdeistate_router_free(vmm->router);
	vmm->core = kvmcore_vm_destroy(vmm->core);
	vmm->port = vmm->service = (struct kvm_port){ .vm = NULL };
}

int firmware_adopt(struct vmm *vmm)
{
	(void)vmm;
	return 0;
}

int gate_pause(struct vmm *vmm)
{
	vmm->running = false;
	return kvmcore_pause(vmm->core);
}

int gate_resume(struct vmm *vmm)
{
	of(vmm)->n_resumed++;
	vmm->running = true;
	vmm->fresh = false;
	return kvmcore_resume(vmm->core);
}

void gate_wake(const struct vmm *vmm)
{
	const uint64_t one = 1;

	if (write(vmm->wake, &one, sizeof(one)) < 0)
		return; /* it is awake already */
}

void gate_end(struct vmm *vmm, int result)
{
	pthread_mutex_lock(&vmm->lock);
	vmm->ending = true;
	vmm->result = result;
	pthread_mutex_unlock(&vmm->lock);
	gate_wake(vmm);
}

int vmm_open(struct vmm *vmm)
{
	const struct kvmcore_config config = { .kernel = "7.2", .guard = KVMCORE_GUARD_OFF };
	struct machine *machine = of(vmm);
	int ret;

	machine->n_opened++;
	vmm->fresh = true;
	vmm->n_vcpus = vmm->options->n_vcpus;
	for (unsigned int i = 0; i < vmm->n_vcpus; i++)
		vmm->vcpu[i] = (struct vcpu){ .vmm = vmm, .index = i };
	vmm->ram = mmap(NULL, vmm->options->memory, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ret = vmm->ram == MAP_FAILED ? -errno : make_model(&config, vmm->n_vcpus, &machine->kernel);
	if (ret)
		return ret;
	kvmcore_port(machine->kernel, &vmm->kernel);
	ret = firmware_new(vmm, vmm->options->has_uuid ? vmm->options->uuid : NULL, false);
	return ret ? ret : stream_listen(vmm);
}

void vmm_close(struct vmm *vmm)
{
	stream_unlisten(vmm);
	firmware_free(vmm);
	of(vmm)->kernel = kvmcore_vm_destroy(of(vmm)->kernel);
	munmap(vmm->ram, vmm->options->memory);
}

int vmm_reset(struct vmm *vmm)
{
	vmm_close(vmm);
	return vmm_open(vmm);
}

/* --- what the kernel holds of a guest --------------------------------------------------------------- */

void *kvm_guest(const struct vmm *vmm, uint64_t ipa, uint64_t size)
{
	if (ipa < BOARD_RAM || size > vmm->options->memory ||
	    ipa - BOARD_RAM > vmm->options->memory - size)
		return NULL;
	return vmm->ram + (ipa - BOARD_RAM);
}

int state_save(struct vmm *vmm, struct state *state)
{
	state->item = calloc(MACHINE_ITEMS, sizeof(*state->item));
	if (!state->item)
		return -ENOMEM;
	state->n = state->room = MACHINE_ITEMS;
	for (unsigned int i = 0; i < MACHINE_ITEMS; i++) {
		state->item[i].id = i;
		memcpy(state->item[i].value, &of(vmm)->item[i], sizeof(uint64_t));
	}
	return 0;
}

int state_load(struct vmm *vmm, const struct state *state, const struct item **item)
{
	for (uint32_t i = 0; i < state->n; i++) {
		*item = &state->item[i];
		if ((*item)->id >= MACHINE_ITEMS)
			return -ENOENT;
		memcpy(&of(vmm)->item[(*item)->id], (*item)->value, sizeof(uint64_t));
	}
	return 0;
}

void state_free(struct state *state)
{
	free(state->item);
	*state = (struct state){ .n = 0 };
}

uint64_t timer_hz(void)
{
	return MACHINE_HZ;
}

int timer_go(struct vmm *vmm)
{
	(void)vmm;
	return 0;
}

void pl011_level(struct vmm *vmm)
{
	(void)vmm;
}

/* --- a machine ---------------------------------------------------------------------------------------- */

static void name_places(struct machine *machine, bool waits, const char *outgoing)
{
	snprintf(machine->control, sizeof(machine->control), "%s/control", machine->folder);
	snprintf(machine->incoming, sizeof(machine->incoming), "unix:%s/guest", machine->folder);
	snprintf(machine->outgoing, sizeof(machine->outgoing), "%s", outgoing ? outgoing : "");
	machine->options = (struct vmm_options){
		.kind = GUEST_PLAIN,
		.control = machine->control,
		.incoming = waits ? machine->incoming : NULL,
		.outgoing = outgoing ? machine->outgoing : NULL,
		.kernel = waits ? NULL : "kernel",
		.memory = MACHINE_MEMORY,
		.n_vcpus = 2,
		.has_uuid = !waits,
		.uuid = { 7 },
	};
}

bool machine_new_in(struct machine *machine, const char *folder, bool waits, const char *outgoing)
{
	struct vmm *vmm = &machine->vmm;

	*machine = (struct machine){ .vmm = { .lock = PTHREAD_MUTEX_INITIALIZER,
					      .changed = PTHREAD_COND_INITIALIZER } };
	snprintf(machine->folder, sizeof(machine->folder), "%s", folder);
	name_places(machine, waits, outgoing);
	vmm->options = &machine->options;
	vmm->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	return vmm->wake >= 0 && stream_open(vmm) == 0 && control_open(vmm) == 0 &&
	       vmm_open(vmm) == 0 && (waits || gate_resume(vmm) == 0);
}

bool machine_new(struct machine *machine, bool waits, const char *outgoing)
{
	char folder[] = "/tmp/sdei-test-XXXXXX";
	const bool is = mkdtemp(folder) && machine_new_in(machine, folder, waits, outgoing);

	machine->owns_folder = true;
	return is;
}

static void *serve_main(void *vmm)
{
	control_run(vmm);
	return NULL;
}

bool machine_serve(struct machine *machine)
{
	machine->is_served = pthread_create(&machine->thread, NULL, serve_main, &machine->vmm) == 0;
	return machine->is_served;
}

void machine_free(struct machine *machine)
{
	if (machine->is_served) {
		gate_end(&machine->vmm, 0);
		pthread_join(machine->thread, NULL);
	}
	control_close(&machine->vmm);
	vmm_close(&machine->vmm);
	stream_close(&machine->vmm);
	close(machine->vmm.wake);
	if (machine->owns_folder)
		rmdir(machine->folder);
}

void machine_reserve(struct machine *machine, const struct transport_id *session)
{
	pthread_mutex_lock(&machine->vmm.lock);
	machine->vmm.session = *session;
	pthread_mutex_unlock(&machine->vmm.lock);
}

int machine_load(struct machine *machine, int ms)
{
	struct pollfd woken = { .fd = machine->vmm.wake, .events = POLLIN };
	struct transport_error err;
	int ret = stream_load(&machine->vmm, &err);

	if (ret == -EINPROGRESS && poll(&woken, 1, ms) == 1)
		ret = stream_load(&machine->vmm, &err);
	return ret;
}

int machine_knock(const struct machine *machine)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(address.sun_path, sizeof(address.sun_path), "%s/guest", machine->folder);
	if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) == 0)
		return fd;
	close(fd);
	return -1;
}

int machine_said(void)
{
	return n_said;
}
