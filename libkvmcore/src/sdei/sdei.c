// SPDX-License-Identifier: Apache-2.0
#include "bind.h"
#include "queue.h"
#include "vm.h"

#include <errno.h>
#include <stdlib.h>

#define DEFAULT_SPI   32u
#define DEFAULT_PPI   16u
#define DEFAULT_SLOTS 3u   /* of each type; DEN0054 §6.3 wants two at least */
#define MAX_SPI       988u /* INTID 32..1019 */

static int create_builtin(struct sdei *sdei)
{
	for (uint16_t num = 0; num < sdei->profile->n_builtin; num++) {
		const struct kvm_sdei_exposed_event_state exposed = { .num = num, .signaled = 1 };
		struct sdei_event *event = event_create(sdei, num, &exposed);

		if (!event)
			return -ENOMEM;
		if (sdei->profile->builtin_listed)
			event_list(sdei, event);
	}
	return 0;
}

static void read_config(struct sdei *sdei, const struct kvmcore_config *config)
{
	sdei->profile = sdei_profile_of(config->profile);
	sdei->n_spi = config->n_spi ? config->n_spi : DEFAULT_SPI;
	sdei->n_ppi = config->n_ppi ? config->n_ppi : DEFAULT_PPI;
	if (!sdei->profile->has_binding)
		return;
	sdei->n_slots[0] = config->slots_given ? config->private_slots : DEFAULT_SLOTS;
	sdei->n_slots[1] = config->slots_given ? config->shared_slots : DEFAULT_SLOTS;
}

int sdei_init(struct kvmcore_vm *vm)
{
	struct sdei *sdei = &vm->sdei;

	if ((unsigned int)vm->config.profile >= KVMCORE_NR_PROFILES)
		return -EINVAL;
	read_config(sdei, &vm->config);
	if (sdei->n_spi > MAX_SPI || sdei->n_ppi > DEFAULT_PPI ||
	    sdei->n_slots[0] > SDEI_MAX_SLOTS_PER_TYPE ||
	    sdei->n_slots[1] > SDEI_MAX_SLOTS_PER_TYPE)
		return -EINVAL;
	sdei->scratch = malloc(SDEI_SCRATCH_LEN);
	if (!sdei->scratch || create_builtin(sdei) || bind_init(sdei)) {
		sdei_exit(vm);
		return -ENOMEM;
	}
	return 0;
}

void sdei_exit(struct kvmcore_vm *vm)
{
	for (uint32_t slot = 0; slot < SDEI_NR_SLOTS; slot++) {
		free(vm->sdei.event[slot]);
		vm->sdei.event[slot] = NULL;
	}
	free(vm->sdei.scratch);
	vm->sdei.scratch = NULL;
}

/* DEN0054 §6.5: a PE comes out of reset masked. */
int sdei_vcpu_init(struct vcpu *vcpu)
{
	struct sdei_vcpu *pe = &vcpu->sdei;

	pe->masked = true;
	pe->num[SDEI_NORMAL] = KVM_SDEI_INVALID_EVENT;
	pe->num[SDEI_CRITICAL] = KVM_SDEI_INVALID_EVENT;
	queue_init(pe);
	return 0;
}

/* Queues and contexts are part of the vCPU; nothing else is left behind. */
void sdei_vcpu_exit(struct vcpu *vcpu)
{
	vcpu->sdei.n_queued = 0;
}

void sdei_status(const struct vcpu *vcpu, struct kvmcore_vcpu_status *status)
{
	status->masked = vcpu->sdei.masked;
	status->critical_num = vcpu->sdei.num[SDEI_CRITICAL];
	status->normal_num = vcpu->sdei.num[SDEI_NORMAL];
	status->n_queued = vcpu->sdei.n_queued;
}
