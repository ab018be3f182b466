/* SPDX-License-Identifier: Apache-2.0 */
/*
 * trigger.h - where a trigger waits, and which PE is told
 *
 * Private events and shared events routed to one PE wait in that PE's queue. A shared event that any
 * PE may take waits in the VM, and one ready PE after the other is asked (DEN0054 §4.3).
 * @from is the PE whose call or entry this is, which need not be told; NULL for the VMM.
 */
#ifndef KVMCORE_SDEI_TRIGGER_H
#define KVMCORE_SDEI_TRIGGER_H

#include "event.h"
#include "queue.h"

/** trigger_tell() - @vcpu has to leave the guest, unless it is @from */
void trigger_tell(struct kvmcore_reply *reply, const struct vcpu *vcpu, const struct vcpu *from);

/** trigger_update() - what @vcpu could start now changed; others take what it was asked to take */
void trigger_update(struct vcpu *vcpu, struct kvmcore_reply *reply);

/** trigger_fire() - a registered event happened; @vcpu is the PE of a private one */
void trigger_fire(struct vcpu *vcpu, struct sdei_event *event, const struct vcpu *from,
		  struct kvmcore_reply *reply);

/** trigger_wake() - @event became deliverable: tell whoever holds it */
void trigger_wake(struct kvmcore_vm *vm, struct sdei_event *event, const struct vcpu *from,
		  struct kvmcore_reply *reply);

/** trigger_request() - @vcpu looks at its queue at the next entry (kvm-v5, kvm-v7) */
void trigger_request(struct vcpu *vcpu, const struct vcpu *from, struct kvmcore_reply *reply);

/** trigger_drop() - no trigger waits any more for the instance of @vcpu; a run goes on */
void trigger_drop(struct vcpu *vcpu, struct sdei_event *event);

/** trigger_any_put() - is @event pending in the VM? */
void trigger_any_put(struct sdei *sdei, struct sdei_event *event, bool pending);

/** trigger_any_take() - the event of this class that @vcpu should take from the VM, or NULL */
struct sdei_event *trigger_any_take(struct vcpu *vcpu, enum sdei_class class);

/** trigger_reroute() - take a waiting trigger away before the route changes. Return: was there one? */
bool trigger_reroute(struct kvmcore_vm *vm, struct sdei_event *event);

/** trigger_can_start() - could @vcpu start a handler of this class now? */
bool trigger_can_start(const struct vcpu *vcpu, enum sdei_class class);

#endif
