/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sdeistate.h - all of libsdeistate
 *
 * Capture a VM's SDEI state through a port, encode it, and on another host decode, check, replay
 * and prove it. Nothing here prints, exits or keeps state between calls; objects may be used from
 * any thread, one at a time.
 */
#ifndef SDEISTATE_SDEISTATE_H
#define SDEISTATE_SDEISTATE_H

#include <sdeistate/delta.h>
#include <sdeistate/error.h>
#include <sdeistate/key.h>
#include <sdeistate/limits.h>
#include <sdeistate/realm.h>
#include <sdeistate/record.h>
#include <sdeistate/router.h>
#include <sdeistate/seal.h>
#include <sdeistate/state.h>

#endif
