/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reset.h - handlers are taken back
 */
#ifndef KVMCORE_SDEI_RESET_H
#define KVMCORE_SDEI_RESET_H

#include "event.h"

/**
 * reset_unregister() - SDEI_EVENT_UNREGISTER for the instance of @vcpu
 *
 * Return: SDEI_SUCCESS, SDEI_PENDING or SDEI_DENIED.
 */
int reset_unregister(struct vcpu *vcpu, struct sdei_event *event);

#endif
