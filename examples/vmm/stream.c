// SPDX-License-Identifier: Apache-2.0
#include "stream.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define PAGE 4096u

static int put(struct transport_stream *stream, const void *data, size_t len,
	       struct transport_error *err)
{
	return transport_stream_write(stream, data, len, STREAM_WAIT_MS, err);
}

static int put_section(struct transport_stream *stream, enum section_type type, uint64_t ipa,
		       const void *data, uint64_t length, struct transport_error *err)
{
	const struct section section = { .type = type, .ipa = ipa, .length = length };
	int ret = put(stream, &section, sizeof(section), err);

	return ret || !length ? ret : put(stream, data, length, err);
}

static bool is_zero(const uint8_t *page)
{
	const uint64_t *word = (const uint64_t *)page;

	for (size_t i = 0; i < PAGE / sizeof(*word); i++)
		if (word[i])
			return false;
	return true;
}

/* Bytes from @at on that are alike: all of them pages of zeroes, or none. At most a chunk */
static uint64_t run_of(const struct vmm *vmm, uint64_t at, bool zero)
{
	uint64_t length = 0;

	while (at + length < vmm->options->memory && length < MAX_CHUNK &&
	       is_zero(vmm->ram + at + length) == zero)
		length += PAGE;
	return length;
}

/* Of a large memory that is mostly zero a long time passes without a wait that could be ended. */
static bool is_cancelled(const struct vmm *vmm)
{
	struct pollfd cancel = { .fd = vmm->stream->cancel, .events = POLLIN };

	return poll(&cancel, 1, 0) > 0;
}

static int put_memory(const struct vmm *vmm, struct transport_stream *stream,
		      struct transport_error *err)
{
	uint64_t at = 0;
	int ret = 0;

	while (at < vmm->options->memory && !ret) {
		const uint64_t length = run_of(vmm, at, false);

		if (length)
			ret = put_section(stream, SECTION_MEMORY, BOARD_RAM + at, vmm->ram + at,
					  length, err);
		at += length ? length : run_of(vmm, at, true);
		if (!ret && is_cancelled(vmm))
			ret = -ECANCELED;
	}
	return ret;
}

static int put_all(const struct vmm *vmm, struct transport_stream *stream,
		   struct transport_error *err)
{
	const struct state *state = &vmm->stream->outgoing;
	const struct stream_hello hello = {
		.magic = STREAM_MAGIC,
		.item_size = sizeof(struct item),
		.devices_size = sizeof(struct devices),
		.n_vcpus = vmm->n_vcpus,
		.memory = vmm->options->memory,
		.counter_hz = timer_hz(),
		.session = vmm->stream->session,
	};
	int ret = put(stream, &hello, sizeof(hello), err);

	if (!ret)
		ret = put_memory(vmm, stream, err);
	if (!ret)
		ret = put_section(stream, SECTION_ITEMS, 0, state->item,
				  state->n * sizeof(*state->item), err);
	if (!ret)
		ret = put_section(stream, SECTION_DEVICES, 0, &vmm->stream->leaving,
				  sizeof(vmm->stream->leaving), err);
	if (!ret)
		ret = put_section(stream, SECTION_END, 0, NULL, 0, err);
	return ret ? ret : transport_stream_finish(stream, err);
}

static void *send_main(void *opaque)
{
	struct vmm *vmm = opaque;
	const struct transport_stream_options options = { .insecure_no_tls = true,
							  .timeout_ms = STREAM_WAIT_MS,
							  .cancel_fd = vmm->stream->cancel };
	struct transport_stream *stream = NULL;
	struct transport_error err = { .reason = "" };
	int ret = transport_stream_connect(vmm->options->outgoing, &options, &stream, &err);

	if (!ret)
		ret = put_all(vmm, stream, &err);
	transport_stream_close(stream);
	if (ret && ret != -ECANCELED)
		vmm_say("the guest could not be sent: %s %s %s", err.object, err.reason,
			strerror(-ret));
	return NULL;
}

int stream_send(struct vmm *vmm)
{
	struct stream *stream = vmm->stream;
	int ret;

	stream_stop(vmm);
	if (!vmm->options->outgoing)
		return 0;
	ret = state_save(vmm, &stream->outgoing);
	if (ret) {
		vmm_say("item %u of the guest's state cannot be read: %s", stream->outgoing.n,
			strerror(-ret));
		return ret;
	}
	pthread_mutex_lock(&vmm->lock); /* somebody may be typing */
	stream->leaving = (struct devices){ vmm->uart, vmm->source, vmm->count };
	stream->session = vmm->session;
	pthread_mutex_unlock(&vmm->lock);
	ret = -pthread_create(&stream->sender, NULL, send_main, vmm);
	stream->is_sending = !ret;
	return ret;
}

static void cancel(struct stream *stream)
{
	const uint64_t one = 1;

	if (write(stream->cancel, &one, sizeof(one)) < 0)
		vmm_say("eventfd: %s", strerror(errno));
}

static void uncancel(struct stream *stream)
{
	uint64_t drained;

	/* Nothing to read is what is wanted, too. */
	if (read(stream->cancel, &drained, sizeof(drained)) < 0)
		return;
}

void stream_stop(struct vmm *vmm)
{
	struct stream *stream = vmm->stream;

	if (stream->is_sending) {
		cancel(stream);
		pthread_join(stream->sender, NULL);
		uncancel(stream);
	}
	stream->is_sending = false;
	state_free(&stream->outgoing);
}

int stream_open(struct vmm *vmm)
{
	struct stream *stream = calloc(1, sizeof(*stream));

	if (!stream)
		return -ENOMEM;
	stream->cancel = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	vmm->stream = stream;
	return stream->cancel < 0 ? -errno : 0;
}

int stream_listen(struct vmm *vmm)
{
	return vmm->options->incoming ? incoming_open(vmm, vmm->options->incoming) : 0;
}

void stream_unlisten(struct vmm *vmm)
{
	if (!vmm->stream || !vmm->stream->has_receiver)
		return;
	cancel(vmm->stream);
	incoming_close(vmm);
	uncancel(vmm->stream);
}

void stream_close(struct vmm *vmm)
{
	if (!vmm->stream)
		return;
	stream_stop(vmm);
	stream_unlisten(vmm);
	close(vmm->stream->cancel);
	free(vmm->stream);
	vmm->stream = NULL;
}
