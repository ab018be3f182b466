/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stream.h - a guest on its way from one VMM to the other: everything that sdei-migrate does not carry
 *
 *	hello, then sections in this order: memory that is not zero; items (state.h); the devices; the end
 *
 * The hello names the mover's session, so that no guest is taken that another session sent or that somebody else
 * sends. Both ends are this program. The bytes are neither encrypted nor signed: the way between the hosts has to
 * be trusted, or to be a tunnel.
 */
#ifndef VMM_STREAM_H
#define VMM_STREAM_H

#include "state.h"

#include <transport/stream.h>

#define STREAM_MAGIC    0x324d4d56u /* "VMM2" */
#define STREAM_WAIT_MS  60000
#define STREAM_HELLO_MS 15000 /* who connects has something to say */
#define MAX_VISITORS    16u   /* who have not said it yet */
#define MAX_CHUNK       (1u << 20)

struct stream_hello {
	uint32_t magic;
	uint32_t item_size, devices_size; /* both ends were built from the same state.h and vmm.h */
	uint32_t n_vcpus;
	uint64_t memory;
	uint64_t counter_hz;
	struct transport_id
		session; /* of the mover that has paused the one and reserved the other */
};

enum section_type { SECTION_MEMORY, SECTION_ITEMS, SECTION_DEVICES, SECTION_END };

struct section {
	uint32_t type, pad;
	uint64_t ipa; /* SECTION_MEMORY */
	uint64_t length;
};

struct devices {
	struct pl011 uart;
	struct source source;
	uint64_t count;
};

struct stream {
	int cancel; /* eventfd: ends every wait */
	/* sending */
	pthread_t sender;
	bool is_sending;
	struct transport_id session;
	struct state outgoing;
	struct devices leaving;
	/* being sent: by the receiver's thread until whole is set, under vmm.lock */
	struct transport_listener *listener;
	pthread_t receiver;
	bool has_receiver;
	bool whole;
	time_t asked_at;       /* when somebody began to wait for it; 0: nobody has */
	int64_t tell_at;       /* ms: not before then a line about who was sent away */
	unsigned int n_untold; /* of those */
	struct state incoming;
	struct devices devices;
	bool has_devices;
	uint64_t next; /* memory comes in ascending order: where what follows may begin */
};

/* --- incoming.c --- */

/** incoming_open() - listen at @uri and take what comes. incoming_close() - stop that */
int incoming_open(struct vmm *vmm, const char *uri);
void incoming_close(struct vmm *vmm);

/* --- visitors.c --- */

/** visitors_wait() - until the VMM comes that has this session's guest; its hello is read. Return: 0; -ECANCELED */
int visitors_wait(struct vmm *vmm, struct transport_stream **stream);

#endif
