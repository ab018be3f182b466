// SPDX-License-Identifier: Apache-2.0
/* The host that an s390 VM sees by default, and the VM's state at creation. */
#include "s390.h"
#include "s390_pages.h"
#include "vm.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define DEFAULT_CPUID     0x00abcdef39310000ULL /* version, serial, machine type 3931 */
#define DEFAULT_LOWEST    0x1d1
#define DEFAULT_UNBLOCKED 0x3a1
#define DEFAULT_MEM_LIMIT (1ULL << 53)   /* the largest address space a guest map can have */
#define UV_FEAT_AP        (0x3ULL << 58) /* bits 4 and 5: AP and its interrupts */

/* Facilities of the default host, beside the architecture's base. */
static const uint16_t default_facilities[] = {
	0,
	1,
	2,
	7,
	S390_FACILITY_TOPOLOGY,
	S390_FACILITY_MSA3,
	77,
	129,
	S390_FACILITY_MULTIPLE_EPOCH,
	146,
};

static void set_bit_msb0(uint64_t *word, unsigned int number)
{
	word[number / 64] |= 1ULL << (63 - number % 64);
}

static void init_host(struct s390_host *host, const struct kvmcore_host *config)
{
	host->cpuid = DEFAULT_CPUID;
	host->lowest_ibc = DEFAULT_LOWEST;
	host->unblocked_ibc = DEFAULT_UNBLOCKED;
	host->mem_limit = DEFAULT_MEM_LIMIT;
	host->cmma = !(config->s390_lacks & KVMCORE_S390_LACKS_CMMA);
	host->ap = !(config->s390_lacks & KVMCORE_S390_LACKS_AP);
	host->huge_1m = config->s390_lacks & KVMCORE_S390_HUGE_PAGES;
	host->ucontrol = config->s390_lacks & KVMCORE_S390_UCONTROL;
	host->uv_feat = config->s390_lacks & KVMCORE_S390_PROTECTED ? UV_FEAT_AP : 0;
	for (unsigned int i = 0; i < 13; i++)
		set_bit_msb0(host->feat, i);
	memset(host->subfunc.plo, 0xff, sizeof(host->subfunc.plo));
	for (unsigned int i = 0; i < 14; i++)
		host->subfunc.block[i][0] = 0xf0; /* query and the first functions of each */
	if (config->s390_facilities)
		memcpy(host->facilities, config->s390_facilities, sizeof(host->facilities));
	else
		for (size_t i = 0; i < sizeof(default_facilities) / sizeof(default_facilities[0]);
		     i++)
			set_bit_msb0(host->facilities, default_facilities[i]);
}

int s390_init(struct kvmcore_vm *vm)
{
	struct s390 *s = calloc(1, sizeof(*s));

	if (!s)
		return -ENOMEM;
	s->pages = calloc(1, sizeof(*s->pages));
	if (!s->pages) {
		free(s);
		return -ENOMEM;
	}
	init_host(&s->host, &vm->config.host);
	s->strict_document = vm->config.s390_strict_document;
	s->protected_guest = vm->config.host.s390_lacks & KVMCORE_S390_PROTECTED;
	s->cpuid = s->host.cpuid;
	s->ibc = s->host.unblocked_ibc;
	memcpy(s->facilities, s->host.facilities, sizeof(s->facilities));
	memcpy(s->feat, s->host.feat, sizeof(s->feat));
	s->subfunc = s->host.subfunc;
	s->pfmfi = true;
	s->mem_limit = s->host.mem_limit;
	vm->s390 = s;
	s390_pause(vm); /* a VM is created paused */
	return 0;
}

void s390_exit(struct kvmcore_vm *vm)
{
	if (!vm->s390)
		return;
	s390_pages_clear(vm->s390->pages);
	free(vm->s390->pages);
	free(vm->s390);
	vm->s390 = NULL;
}
