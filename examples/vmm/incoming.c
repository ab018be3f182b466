// SPDX-License-Identifier: Apache-2.0
/* A guest that comes: received by a thread of its own, loaded by whoever asks for it. */
#include "stream.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

static int refuse(struct transport_error *err, const char *what)
{
	return transport_error_fill(err, -EBADMSG, "damaged", "guest's stream", what, "|");
}

static int get(struct transport_stream *stream, void *data, size_t len, struct transport_error *err)
{
	return transport_stream_read(stream, data, len, STREAM_WAIT_MS, err);
}

static int get_memory(struct vmm *vmm, struct transport_stream *stream,
		      const struct section *section, struct transport_error *err)
{
	void *to = kvm_guest(vmm, section->ipa, section->length);

	if (!to || !section->length || section->length > MAX_CHUNK ||
	    section->ipa < vmm->stream->next)
		return refuse(err, "memory");
	vmm->stream->next = section->ipa + section->length;
	return get(stream, to, section->length, err);
}

static int get_items(struct vmm *vmm, struct transport_stream *stream,
		     const struct section *section, struct transport_error *err)
{
	struct state *state = &vmm->stream->incoming;
	const uint64_t n = section->length / sizeof(*state->item);

	if (state->item || n == 0 || n > MAX_ITEMS || section->length % sizeof(*state->item))
		return refuse(err, "items");
	state->item = malloc(section->length);
	if (!state->item)
		return -ENOMEM;
	state->n = state->room = (uint32_t)n;
	return get(stream, state->item, section->length, err);
}

static int get_devices(struct vmm *vmm, struct transport_stream *stream,
		       const struct section *section, struct transport_error *err)
{
	struct devices *devices = &vmm->stream->devices;
	int ret;

	if (vmm->stream->has_devices || section->length != sizeof(*devices))
		return refuse(err, "devices");
	ret = get(stream, devices, sizeof(*devices), err);
	if (!ret && devices->uart.n_fifo > sizeof(devices->uart.fifo))
		ret = refuse(err, "devices: more bytes in the console than there is room");
	vmm->stream->has_devices = !ret;
	return ret;
}

static int get_all(struct vmm *vmm, struct transport_stream *stream, struct transport_error *err)
{
	static int (*const take[])(struct vmm * vmm, struct transport_stream * stream,
				   const struct section *section, struct transport_error *err) = {
		[SECTION_MEMORY] = get_memory,
		[SECTION_ITEMS] = get_items,
		[SECTION_DEVICES] = get_devices,
	};
	struct section section;
	uint32_t last = SECTION_MEMORY;
	int ret = 0;

	while (!ret) {
		ret = get(stream, &section, sizeof(section), err);
		if (ret)
			return ret;
		if (section.type > SECTION_END || section.type < last)
			return refuse(err, "section: unknown, or not in its place");
		last = section.type;
		if (section.type == SECTION_END)
			return vmm->stream->incoming.n && vmm->stream->has_devices &&
					       !section.length
				       ? 0
				       : refuse(err, "end: items or devices are missing");
		ret = take[section.type](vmm, stream, &section, err);
	}
	return ret;
}

static void forget(struct vmm *vmm)
{
	madvise(vmm->ram, vmm->options->memory, MADV_DONTNEED);
	state_free(&vmm->stream->incoming);
	vmm->stream->has_devices = false;
	vmm->stream->next = 0;
}

/* Return: whether a guest came whole; half a guest leaves nothing behind */
static bool receive(struct vmm *vmm, struct transport_stream *stream)
{
	struct transport_error err = { .reason = "" };
	int ret;

	transport_stream_cancel_by(stream, vmm->stream->cancel);
	ret = get_all(vmm, stream, &err);
	if (ret)
		forget(vmm);
	if (ret && ret != -ECANCELED)
		vmm_say("half a guest came: %s %s %s %s", err.object, err.field, err.reason,
			strerror(-ret));
	return !ret;
}

static void *receive_main(void *opaque)
{
	struct vmm *vmm = opaque;
	struct transport_stream *stream = NULL;
	bool whole = false;

	while (!whole && visitors_wait(vmm, &stream) == 0) {
		whole = receive(vmm, stream);
		stream = transport_stream_close(stream);
	}
	pthread_mutex_lock(&vmm->lock);
	vmm->stream->whole = whole;
	pthread_mutex_unlock(&vmm->lock);
	gate_wake(vmm); /* who waits for it is answered */
	return NULL;
}

int incoming_open(struct vmm *vmm, const char *uri)
{
	const struct transport_stream_options options = { .insecure_no_tls = true };
	struct transport_error err = { .reason = "" };
	int ret = transport_listener_open(uri, &options, &vmm->stream->listener, &err);

	if (ret) {
		vmm_say("%s: %s", uri, err.reason);
		return ret;
	}
	ret = -pthread_create(&vmm->stream->receiver, NULL, receive_main, vmm);
	vmm->stream->has_receiver = !ret;
	return ret;
}

void incoming_close(struct vmm *vmm)
{
	pthread_join(vmm->stream->receiver, NULL);
	vmm->stream->has_receiver = false;
	vmm->stream->whole = false;
	vmm->stream->asked_at = 0;
	vmm->stream->listener = transport_listener_close(vmm->stream->listener);
	vmm->stream->has_devices = false;
	vmm->stream->next = 0;
	state_free(&vmm->stream->incoming);
}

/* Return: 0 once a guest came whole; -EINPROGRESS; -ETIMEDOUT: nobody waits any longer, and may begin to again */
static int look_whole(struct vmm *vmm)
{
	struct stream *stream = vmm->stream;
	struct timespec now;
	bool whole;

	clock_gettime(CLOCK_MONOTONIC, &now);
	pthread_mutex_lock(&vmm->lock);
	whole = stream->whole;
	pthread_mutex_unlock(&vmm->lock);
	if (!whole && !stream->asked_at)
		stream->asked_at = now.tv_sec;
	if (!whole && now.tv_sec < stream->asked_at + STREAM_WAIT_MS / 1000)
		return -EINPROGRESS;
	stream->asked_at = 0;
	return whole ? 0 : -ETIMEDOUT;
}

static int refuse_item(struct transport_error *err, const struct item *item, int ret)
{
	static const char *const kind[NR_ITEMS] = { "register", "events", "interrupt controller" };
	char object[64], field[32];

	snprintf(object, sizeof(object), "%s %u", item->kind < NR_ITEMS ? kind[item->kind] : "item",
		 item->where);
	snprintf(field, sizeof(field), "0x%" PRIx64, item->id);
	return transport_error_fill(err, ret, "replay-failed", object, field, "success|%s",
				    strerror(-ret));
}

int stream_load(struct vmm *vmm, struct transport_error *err)
{
	const struct item *item = NULL;
	int ret;

	ret = look_whole(vmm);
	if (ret)
		return ret;
	pthread_mutex_lock(&vmm->lock);
	vmm->uart = vmm->stream->devices.uart;
	vmm->source = vmm->stream->devices.source;
	vmm->count = vmm->stream->devices.count;
	ret = timer_go(vmm);
	if (!ret)
		ret = state_load(vmm, &vmm->stream->incoming, &item);
	pl011_level(vmm);
	pthread_mutex_unlock(&vmm->lock);
	if (ret && item)
		return refuse_item(err, item, ret);
	return ret;
}
