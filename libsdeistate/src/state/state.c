// SPDX-License-Identifier: Apache-2.0
#include "realm/realm.h"
#include "util.h"

#include <openssl/crypto.h>
#include <sdeistate/state.h>

static void free_wiped(void *data, size_t len)
{
	if (data)
		OPENSSL_cleanse(data, len);
	free(data);
}

struct sdeistate *sdeistate_free(struct sdeistate *state)
{
	if (!state)
		return NULL;
	for (unsigned int i = 0; i < state->n_regions; i++)
		free_wiped(state->regions[i].data, state->regions[i].size);
	for (unsigned int i = 0; i < state->n_unknown; i++)
		free_wiped(state->unknown[i].body, state->unknown[i].len);
	free_wiped(state->regs, state->n_vcpus * sizeof(*state->regs));
	free_wiped(state->vcpu_state, state->n_vcpus * sizeof(*state->vcpu_state));
	free(state->s390);
	free_wiped(state->v7, state->n_vcpus * sizeof(*state->v7));
	free(state->vcpu);
	free(state->exposed);
	free(state->registered);
	free(state->bindings);
	free(state->handlers);
	free(state->vcpu_events);
	free(state->pending);
	free(state->fw_regs);
	free(state->exits);
	free(state->filter);
	free(state->guarded);
	free(state->shared);
	realm_free(state->realm);
	free(state->regions);
	free(state->unknown);
	free(state);
	return NULL;
}
