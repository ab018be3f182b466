/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reorder.h - a state told in another order of vCPUs
 */
#ifndef SDEISTATE_REORDER_H
#define SDEISTATE_REORDER_H

#include <sdeistate/state.h>

/**
 * reorder() - put the vCPUs of @state, by MPIDR, where @like has them
 *
 * All arrays that go by creation index follow. A vCPU that only one of them has stops it.
 * Return: 0; -ESTALE differs; -ENOMEM. On failure @state may only be freed.
 */
int reorder(struct sdeistate *state, const struct sdeistate *like, struct sdeistate_error *err);

#endif
