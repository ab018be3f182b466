/* SPDX-License-Identifier: Apache-2.0 */
/*
 * capture.h - the capture behind sdeistate_capture(), for those who look at a destination
 */
#ifndef SDEISTATE_CAPTURE_H
#define SDEISTATE_CAPTURE_H

#include <sdeistate/state.h>

/** capture_has_port() - are the members a capture of @kind needs there? Return: 0; -EOPNOTSUPP */
int capture_has_port(const struct kvm_port *port, enum sdeistate_kind kind,
		     struct sdeistate_error *err);

#endif
