/* SPDX-License-Identifier: Apache-2.0 */
/*
 * form.h - a state as paths and numbers, to be written and changed by people
 *
 * A path names what sdeistate_diff() and deltas name the same way:
 *
 *	vm.generation			a member of the state
 *	vcpu_state[2].masked		of a vCPU, by index
 *	registered[0x400000].ep_arg	of an entry, by its number; an array of numbers
 *	registered[0x400000].ep_arg[3]	one of them
 *	queue[1].word			a vCPU's queue: event number and count in turn
 *
 * Records that have no lists of fields (docs/records.md, 9.5), and guest memory, are not reached by
 * paths; sdeistate_form_covers() tells which are.
 */
#ifndef SDEISTATE_FORM_H
#define SDEISTATE_FORM_H

#include <sdeistate/state.h>

#define SDEISTATE_FORM_MAX_VALUES 2048u /* numbers of one path */

/** sdeistate_form_covers() - can the fields of this record be reached by paths? */
SDEISTATE_API bool sdeistate_form_covers(uint32_t record);

/** typedef sdeistate_form_fn - takes the numbers of one path, without zeros at the end, one at least; other than 0 ends the listing */
typedef int (*sdeistate_form_fn)(void *user, const char *path, const uint64_t *value, uint32_t n);

/**
 * sdeistate_form_each() - every field of a state; of an entry those that are zero throughout are left
 * out, but an entry that has nothing else is named without a field
 *
 * Return: 0; what @fn returned, if that was not 0; -ENOMEM.
 */
SDEISTATE_API int sdeistate_form_each(const struct sdeistate *state, sdeistate_form_fn fn,
				      void *user);

/**
 * sdeistate_form_new() - a state of which nothing is said yet
 * @n_vcpus: 1 to KVM_SDEI_MAX_VCPUS
 *
 * Return: 0 with *@state owned by the caller; -EINVAL usage; -ENOMEM.
 */
SDEISTATE_API int sdeistate_form_new(enum kvmcore_profile profile, unsigned int n_vcpus,
				     struct sdeistate **state, struct sdeistate_error *err);

/**
 * sdeistate_form_set() - write the numbers of one path
 *
 * An entry that is not there comes. An array without an index is written as a whole: what @n does not
 * reach becomes zero. An entry without a field (@n 0) only comes. Nothing is validated beyond what a
 * field can hold. Return: 0; -EINVAL usage: no such path, or a number that does not fit; -E2BIG over-limit;
 * -ENOMEM.
 */
SDEISTATE_API int sdeistate_form_set(struct sdeistate *state, const char *path,
				     const uint64_t *value, uint32_t n,
				     struct sdeistate_error *err);

/** sdeistate_form_remove() - take an entry away: "pending[0x400000]". Return: 0; -EINVAL usage: no such entry */
SDEISTATE_API int sdeistate_form_remove(struct sdeistate *state, const char *path,
					struct sdeistate_error *err);

/**
 * sdeistate_form_join() - the records of a state, with bodies of those that no path reaches
 * @record: @n of them, each type once; digest is not looked at; borrowed
 *
 * Encodes @state and puts each body in the place of its type. What comes out is to be decoded and
 * validated: nothing of a body has been looked at. Return: 0 with @stream owned by the caller; -EINVAL usage: a
 * record that paths reach, or inconsistent; -E2BIG over-limit; -ENOMEM.
 */
SDEISTATE_API int sdeistate_form_join(const struct sdeistate *state,
				      const struct sdeistate_record *record, unsigned int n,
				      struct sdeistate_buffer *stream, struct sdeistate_error *err);

#endif
