/* SPDX-License-Identifier: Apache-2.0 */
/*
 * wire.h - each part as a message of proto/sdeistate.proto, and back
 *
 * wire_encode_<part>() fills a message in the scratch and returns NULL without memory.
 * wire_decode_<part>() takes a message whose fields are all there and unknown ones are not, checks
 * lengths and what the structs cannot hold, and fills the reader's state.
 */
#ifndef SDEISTATE_WIRE_H
#define SDEISTATE_WIRE_H

#include "wire/scratch.h"

#include <sdeistate/state.h>

struct reader {
	struct sdeistate *state;
	struct scratch *scratch;
	const char *object; /* "record sdei-exposed" */
	struct sdeistate_error *err;
};

#define WIRE_PART(name)                                                          \
	ProtobufCMessage *wire_encode_##name(const struct sdeistate *state,      \
					     struct scratch *scratch);           \
	extern const ProtobufCMessageDescriptor sdeistate__##name##__descriptor; \
	int wire_decode_##name(const ProtobufCMessage *message, struct reader *reader)

WIRE_PART(topology);
WIRE_PART(exposed);
WIRE_PART(registered);
WIRE_PART(bindings);
WIRE_PART(handlers);
WIRE_PART(vcpu_events);
WIRE_PART(pending);
WIRE_PART(vcpu_state);
WIRE_PART(v7);
WIRE_PART(regs);
WIRE_PART(memory);
WIRE_PART(filter);
WIRE_PART(exits);
WIRE_PART(fw_regs);
WIRE_PART(guard);
WIRE_PART(realm);
WIRE_PART(s390);

#endif
