// SPDX-License-Identifier: Apache-2.0
/*
 * bench_model NAME: a reference state as a description for `sdei-migrate host --vm`
 *
 * Its script is the very SETs that bench_state_fill() issues.
 */
#include "states.h"

#include <inttypes.h>
#include <kvmcore/uapi.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

static void print_hex(const void *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++)
		printf("%02x", ((const uint8_t *)bytes)[i]);
}

static size_t entry_size(uint32_t cmd)
{
	switch (cmd) {
	case KVM_SDEI_CMD_SET_EXPOSED_EVENT:
		return sizeof(struct kvm_sdei_exposed_event_state);
	case KVM_SDEI_CMD_SET_REGISTERED_EVENT:
		return sizeof(struct kvm_sdei_registered_event_state);
	case KVM_SDEI_CMD_SET_VCPU_EVENT:
		return sizeof(struct kvm_sdei_vcpu_event_state);
	default:
		return sizeof(struct kvm_sdei_vcpu_state);
	}
}

/* A port that writes down what it is asked. */
static int print_ioctl(void *vm, int vcpu, unsigned long cmd, void *arg)
{
	struct kvm_sdei_cmd command = *(const struct kvm_sdei_cmd *)arg;
	const void *entries = (const void *)(uintptr_t)command.pointer;
	bool *first = vm;

	if (command.count == 0)
		return 0;
	command.pointer = 0;
	printf("%s\n{\"do\":\"ioctl\",\"nr\":%lu,\"data\":\"", *first ? "" : ",", cmd);
	print_hex(&command, sizeof(command));
	printf("\",\"ptr\":\"");
	print_hex(entries, command.count * entry_size(command.cmd));
	printf("\",\"ptr_offset\":%zu", offsetof(struct kvm_sdei_cmd, pointer));
	if (vcpu >= 0)
		printf(",\"vcpu\":%d", vcpu);
	printf(",\"expect\":{\"errno\":\"0\"}}");
	*first = false;
	return 0;
}

static int print_model(const struct bench_state *state)
{
	bool first = true;
	const struct kvm_port port = { .vm = &first,
				       .ioctl = print_ioctl,
				       .n_vcpus = state->n_vcpus };
	int ret;

	printf("{\"uuid\":\"5de10000-0000-4000-8000-00000000000b\",\"profile\":\"spec\",\"vcpus\":"
	       "[");
	for (unsigned int i = 0; i < state->n_vcpus; i++)
		printf("%s{\"mpidr\":\"0x%" PRIx64 "\",\"vcpu_id\":%u}", i ? "," : "",
		       bench_vcpu_mpidr(i), bench_vcpu_id(i));
	printf("],\"script\":[");
	ret = bench_state_fill(state, &port);
	printf("]}\n");
	return ret || ferror(stdout);
}

int main(int argc, char **argv)
{
	for (unsigned int i = 0; argc == 2 && i < BENCH_N_STATES; i++)
		if (strcmp(argv[1], bench_states[i].name) == 0)
			return print_model(&bench_states[i]) ? 1 : 0;
	fputs("usage: bench_model 4/2|64/8|512/64|512/128\n", stderr);
	return 2;
}
