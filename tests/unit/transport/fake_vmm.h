/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fake_vmm.h - a control server in a thread, over a VM that only counts what it is asked
 */
#ifndef TESTS_UNIT_TRANSPORT_FAKE_VMM_H
#define TESTS_UNIT_TRANSPORT_FAKE_VMM_H

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <transport/control.h>
#include <unistd.h>

struct fake_vm {
	atomic_int pauses, resumes, commits, aborts, ends, reserves, asked;
	atomic_int state; /* enum transport_vm_state, as last told */
	size_t capture_size;
	bool refuses_stage, not_loaded;
	atomic_bool loading; /* prepared() has no answer yet */
};

struct fake_vmm {
	struct fake_vm vm;
	struct transport_server *server;
	pthread_t thread;
	char folder[32], path[64];
};

static inline int fake_info(void *vm, struct transport_vm_info *info, struct transport_error *err)
{
	(void)vm;
	(void)err;
	*info = (struct transport_vm_info){
		.uuid = { { 0xab } },
		.type = "arm64",
		.profile = "spec",
		.kernel = "6.12",
		.n_vcpus = 4,
		.generation = 3,
		.model = true,
	};
	return 0;
}

static inline int fake_pause(void *vm, struct transport_error *err)
{
	(void)err;
	((struct fake_vm *)vm)->pauses++;
	return 0;
}

static inline int fake_resume(void *vm, struct transport_error *err)
{
	(void)err;
	((struct fake_vm *)vm)->resumes++;
	return 0;
}

static inline int fake_capture(void *vm, enum transport_capture_kind kind,
			       const struct transport_state *base, struct transport_buffer *out,
			       struct transport_error *err)
{
	const struct fake_vm *fake = vm;
	int ret = 0;

	(void)err;
	(void)base;
	for (size_t i = 0; !ret && i < fake->capture_size; i++)
		ret = transport_buffer_append(out, &(uint8_t){ (uint8_t)(i * 7 + kind) }, 1);
	return ret;
}

/* A state whose first byte is a number has that many obstacles. */
static inline int fake_check(void *vm, const struct transport_state *records,
			     struct transport_issues *issues, struct transport_error *err)
{
	(void)vm;
	(void)err;
	for (unsigned int i = 0; i < records->data[0]; i++)
		transport_error_fill(&issues->issue[issues->n_issues++], -EOPNOTSUPP,
				     "incompatible", "capability", "", "present|absent %u", i);
	return 0;
}

static inline int fake_reserve(void *vm, const struct transport_id *session,
			       struct transport_error *err)
{
	(void)session;
	(void)err;
	((struct fake_vm *)vm)->reserves++;
	return 0;
}

/* The digest is the sum of all bytes. */
static inline int fake_stage(void *vm, const struct transport_stage *stage, uint8_t *digest,
			     struct transport_error *err)
{
	const struct fake_vm *fake = vm;
	uint64_t sum = 0;

	if (fake->refuses_stage)
		return transport_error_fill(err, -EILSEQ, "replay-failed", "vcpu 3", "mpidr",
					    "0x3|0x4");
	for (size_t i = 0; i < stage->records.len; i++)
		sum += stage->records.data[i];
	for (size_t i = 0; i < stage->base.len; i++)
		sum += stage->base.data[i];
	memset(digest, 0, TRANSPORT_DIGEST_SIZE);
	memcpy(digest, &sum, sizeof(sum));
	return 0;
}

static inline int fake_prepared(void *vm, bool *prepared, struct transport_error *err)
{
	struct fake_vm *fake = vm;

	(void)err;
	fake->asked++;
	if (fake->loading)
		return -EINPROGRESS;
	*prepared = !fake->not_loaded;
	return 0;
}

static inline int fake_commit(void *vm, bool stay_paused, struct transport_error *err)
{
	(void)stay_paused;
	(void)err;
	((struct fake_vm *)vm)->commits++;
	return 0;
}

static inline void fake_discard(void *vm)
{
	((struct fake_vm *)vm)->aborts++;
}

static inline void fake_end(void *vm)
{
	((struct fake_vm *)vm)->ends++;
}

static inline int fake_model(void *vm, const char *request, size_t len,
			     struct transport_buffer *out, struct transport_error *err)
{
	(void)vm;
	(void)err;
	return transport_buffer_append(out, request, len);
}

static inline void fake_changed(void *vm, const struct transport_vm_status *status)
{
	((struct fake_vm *)vm)->state = (int)status->state;
}

static const struct transport_control_ops fake_ops = {
	.info = fake_info,
	.pause = fake_pause,
	.resume = fake_resume,
	.capture = fake_capture,
	.check = fake_check,
	.reserve = fake_reserve,
	.stage = fake_stage,
	.prepared = fake_prepared,
	.commit = fake_commit,
	.discard = fake_discard,
	.end = fake_end,
	.model = fake_model,
	.changed = fake_changed,
};

static inline void *fake_serve(void *server)
{
	transport_server_run(server, NULL);
	return NULL;
}

#define FAKE_SHORT_MS 2000 /* a deadline that can be waited for, and a busy machine keeps */

/* Start serving; what the options leave open has short deadlines. Return: 0; -errno. */
static inline int fake_vmm_start(struct fake_vmm *vmm, const struct transport_server_options *with)
{
	struct transport_server_options options = { .message_timeout_ms = FAKE_SHORT_MS,
						    .hello_timeout_ms = FAKE_SHORT_MS };
	int ret;

	memset(vmm, 0, sizeof(*vmm));
	snprintf(vmm->folder, sizeof(vmm->folder), "/tmp/sdei-test-XXXXXX");
	if (!mkdtemp(vmm->folder))
		return -errno;
	snprintf(vmm->path, sizeof(vmm->path), "%s/control", vmm->folder);
	ret = transport_server_new(with ? with : &options, &vmm->server, NULL);
	if (!ret)
		ret = transport_server_add(vmm->server, vmm->path, &fake_ops, &vmm->vm, NULL);
	if (!ret)
		ret = -pthread_create(&vmm->thread, NULL, fake_serve, vmm->server);
	return ret;
}

static inline void fake_vmm_stop(struct fake_vmm *vmm)
{
	transport_server_stop(vmm->server);
	pthread_join(vmm->thread, NULL);
	transport_server_free(vmm->server);
	rmdir(vmm->folder);
}

/* Does the counter reach the value, on a machine however busy? */
static inline bool fake_reaches(const atomic_int *counter, int value)
{
	for (int i = 0; i < 12000; i++) {
		if (*counter == value)
			return true;
		nanosleep(&(struct timespec){ .tv_nsec = 5000000 }, NULL);
	}
	return false;
}

#endif
