/* SPDX-License-Identifier: Apache-2.0 */
/*
 * convert.h - one step between two profiles, on a copy that may be changed
 *
 * kvm-v5 stands in the middle: spec and kvm-v7 are each one step away from it.
 */
#ifndef SDEISTATE_CONVERT_H
#define SDEISTATE_CONVERT_H

#include <sdeistate/state.h>

struct conversion {
	struct sdeistate *state;
	sdeistate_notice loss;
	void *user;
	unsigned int n_losses;
	struct sdeistate_error *err;
};

/** conversion_lose() - tell one thing the target cannot say */
void conversion_lose(struct conversion *conversion, const char *object, const char *field,
		     const char *format, ...) __attribute__((format(printf, 4, 5)));

/* Steps. Return: 0; -ENOMEM. The state is canonical again afterwards. */
int convert_spec_to_v5(struct conversion *conversion);
int convert_v5_to_spec(struct conversion *conversion);
int convert_v5_to_v7(struct conversion *conversion);
int convert_v7_to_v5(struct conversion *conversion);

/** remove_event() - everything a state says about @num, but for the fact that it was lost */
void remove_event(struct sdeistate *state, uint64_t num);

/** grow_array() - room for one more entry. Return: 0; -ENOMEM with the array as it was */
int grow_array(void *array, unsigned int n, size_t size);

/** remove_queued() - drop entry @i of all queues */
void remove_queued(struct sdeistate *state, unsigned int i);

/** insert_queued() - at the end of a vCPU's queue of its class. Return: 0; -ENOMEM */
int insert_queued(struct sdeistate *state, unsigned int vcpu, uint64_t num, uint32_t count);

#endif
