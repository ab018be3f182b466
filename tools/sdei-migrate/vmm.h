/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vmm.h - what a VMM needs between its port and the control server
 *
 * A VMM's control callbacks hand their work on to these: they know libsdeistate and the control
 * protocol, but nothing of who runs the guest. The model host uses them, and so can any other VMM
 * (docs/embedding.md).
 */
#ifndef SDEI_MIGRATE_VMM_H
#define SDEI_MIGRATE_VMM_H

#include <kvmcore/port.h>
#include <sdeistate/sdeistate.h>
#include <transport/control.h>

/** vmm_error() - say in the control protocol's words what libsdeistate said. Return: its errno */
int vmm_error(struct transport_error *err, const struct sdeistate_error *error);

/**
 * vmm_read() - the state of the VM behind @port, validated
 * @options: what to take; its kind is the caller's to set
 *
 * Return: 0 with *@state owned by the caller; the errors of capture and validate.
 */
int vmm_read(const struct kvm_port *port, const struct sdeistate_capture_options *options,
	     struct sdeistate **state, struct transport_error *err);

/** vmm_give() - append a record stream or a delta to what a mover gets. Return: 0; -E2BIG over-limit */
int vmm_give(struct transport_buffer *out, const struct sdeistate_buffer *stream,
	     struct transport_error *err);

/**
 * vmm_capture() - both: append the record stream of the VM behind @port
 *
 * Return: 0; the errors of capture, validate and encode.
 */
int vmm_capture(const struct kvm_port *port, const struct sdeistate_capture_options *options,
		struct transport_buffer *out, struct transport_error *err);

/**
 * vmm_decode() - a state from records that came over the control socket, validated
 *
 * Return: 0 with *@state owned by the caller; the errors of decode and validate.
 */
int vmm_decode(const struct transport_state *records, struct sdeistate **state,
	       struct transport_error *err);

/**
 * vmm_check() - can the fresh VM behind @port take this state? All obstacles in @issues
 *
 * A base is judged as if it were the state to come, without the exits of that moment; what may be torn and cannot be
 * judged so is no obstacle. Return: 0; the errors of check.
 */
int vmm_check(const struct kvm_port *port, const struct sdeistate *state,
	      struct transport_issues *issues, struct transport_error *err);

/**
 * vmm_stage() - give a state to the fresh VM behind @port and prove that it arrived
 * @contents: as sdeistate_replay_realm(); may be NULL
 * @digest: becomes that of what was captured again; NULL: that of @state is known
 *
 * After a failure the VM holds a part and must be destroyed.
 * Return: 0; the errors of replay and prove.
 */
int vmm_stage(const struct kvm_port *port, const struct sdeistate *state,
	      const struct sdeistate_realm_source *contents, uint8_t *digest,
	      struct transport_error *err);

#endif
