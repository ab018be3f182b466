// SPDX-License-Identifier: Apache-2.0
#include "realm.h"

#include "../vmm.h"
#include "common/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define ACTIVE 2u /* struct kvmcore_realm_info, state */

static int get(const struct machine *machine, uint64_t attr, void *value)
{
	struct kvm_device_attr request = { .group = KVMCORE_GROUP_REALM,
					   .attr = attr,
					   .addr = (uintptr_t)value };

	return kvmcore_ioctl(machine->core, -1, KVM_GET_DEVICE_ATTR, &request);
}

int realm_pages_read(const struct machine *machine, struct realm_pages *pages)
{
	struct kvmcore_realm_info info = { .state = 0 };
	struct kvmcore_array array = { .capacity = 0 };

	*pages = (struct realm_pages){ .n_steps = 0 };
	if (get(machine, KVMCORE_REALM_INFO, &info) < 0)
		return 0;
	pages->own = info.state == ACTIVE ? UINT64_C(1) << (info.s2sz - 1) : 0;
	pages->step = calloc(info.n_steps + 1u, sizeof(*pages->step));
	if (!pages->step)
		return -ENOMEM;
	array.capacity = info.n_steps;
	array.ptr = (uintptr_t)pages->step;
	if (get(machine, KVMCORE_REALM_STEPS, &array) == 0)
		pages->n_steps = array.count;
	return 0;
}

bool realm_pages_has(const struct realm_pages *pages, uint64_t ipa)
{
	if (ipa < pages->own)
		return true;
	for (uint64_t i = 0; i < pages->n_steps; i++)
		if (pages->step[i].kind == KVMCORE_REALM_STEP_POPULATE &&
		    ipa - pages->step[i].base < pages->step[i].done)
			return true;
	return false;
}

void realm_pages_release(struct realm_pages *pages)
{
	free(pages->step);
	*pages = (struct realm_pages){ .n_steps = 0 };
}

static void free_state(struct sdeistate **state)
{
	sdeistate_free(*state);
}

int realm_read(struct machine *machine, uint32_t part, uint64_t offset, size_t len,
	       struct transport_buffer *out, struct transport_error *err)
{
	const struct sdeistate_capture_options look = { .kind = SDEISTATE_BASE };
	CLEANUP(free_state) struct sdeistate *state = NULL;
	OWNED_MEMORY uint8_t *bytes = malloc(len);
	struct sdeistate_error error;

	if (!bytes)
		return transport_error_fill(err, -ENOMEM, "no-memory", "realm part", "", "|");
	if (sdeistate_capture(&machine->port, &look, &state, &error))
		return vmm_error(err, &error);
	if (!state->realm)
		return transport_error_fill(err, -EOPNOTSUPP, "port-lacks", "model VM", "read",
					    "a realm|another type of VM");
	if (sdeistate_realm_part_read(state->realm, &machine->port, part, offset, bytes, len,
				      &error))
		return vmm_error(err, &error);
	if (transport_buffer_append(out, bytes, len))
		return transport_error_fill(err, -ENOMEM, "no-memory", "realm part", "", "|");
	return 0;
}

/* Which of the two descriptors. Return: its place; -EINVAL */
static int find_part(uint32_t part)
{
	if (part == SDEISTATE_REALM_CONTENTS)
		return 0;
	return part == SDEISTATE_REALM_HASHES ? 1 : -EINVAL;
}

static int open_spool(struct realm_spool *spool, int i)
{
	const char *folder = getenv("TMPDIR");
	int fd;

	if (spool->fd[i])
		return 0;
	fd = open(folder ? folder : "/var/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	spool->fd[i] = fd + 1;
	return 0;
}

int realm_spool_add(struct realm_spool *spool, uint32_t part, uint64_t offset,
		    const struct transport_state *bytes, struct transport_error *err)
{
	const int i = find_part(part);
	size_t done = 0;
	int ret;

	if (i < 0 || offset > MODEL_MAX_MEMORY_SIZE || bytes->len > MODEL_MAX_MEMORY_SIZE - offset)
		return transport_error_fill(err, -EINVAL, "usage", "load", "part",
					    "2 or 3, and inside this VM's memory|%u", part);
	ret = open_spool(spool, i);
	while (!ret && done < bytes->len) {
		const ssize_t n = pwrite(spool->fd[i] - 1, bytes->data + done, bytes->len - done,
					 (off_t)(offset + done));

		if (n < 0 && errno != EINTR)
			ret = -errno;
		done += n > 0 ? (size_t)n : 0;
	}
	return ret ? transport_error_fill(err, ret, "io", "load", "spool", "|%s", strerror(-ret))
		   : 0;
}

static int read_spool(void *user, uint32_t part, uint64_t offset, void *buf, size_t len)
{
	const struct realm_spool *spool = user;
	const int i = find_part(part);
	uint8_t *to = buf;

	if (i < 0 || !spool->fd[i])
		return -ENODATA;
	while (len) {
		const ssize_t n = pread(spool->fd[i] - 1, to, len, (off_t)offset);

		if (n == 0)
			return -ENODATA;
		if (n < 0 && errno != EINTR)
			return -errno;
		to += n > 0 ? n : 0;
		offset += n > 0 ? (uint64_t)n : 0;
		len -= n > 0 ? (size_t)n : 0;
	}
	return 0;
}

struct sdeistate_realm_source realm_spool_source(struct realm_spool *spool)
{
	return (struct sdeistate_realm_source){ .read = read_spool, .user = spool };
}

void realm_spool_clear(struct realm_spool *spool)
{
	for (size_t i = 0; i < ARRAY_SIZE(spool->fd); i++)
		if (spool->fd[i])
			close(spool->fd[i] - 1);
	*spool = (struct realm_spool){ .fd = { 0 } };
}

int realm_token(struct machine *machine, const uint8_t challenge[TRANSPORT_CHALLENGE_SIZE],
		struct transport_buffer *out, struct transport_error *err)
{
	OWNED_MEMORY uint8_t *bytes = malloc(TRANSPORT_CONTROL_MAX_TOKEN);
	struct kvmcore_realm_token token = { .capacity = TRANSPORT_CONTROL_MAX_TOKEN,
					     .ptr = (uintptr_t)bytes };
	int ret;

	if (!bytes)
		return transport_error_fill(err, -ENOMEM, "no-memory", "token", "", "|");
	memcpy(token.challenge, challenge, sizeof(token.challenge));
	ret = get(machine, KVMCORE_REALM_TOKEN, &token);
	if (ret == -ENXIO || ret == -EINVAL)
		return transport_error_fill(err, -EOPNOTSUPP, "port-lacks", "model VM", "token",
					    "a realm that was created|none");
	if (!ret)
		ret = transport_buffer_append(out, bytes, (size_t)token.count);
	return ret ? transport_error_fill(err, ret, "internal", "model VM", "token", "|%s",
					  strerror(-ret))
		   : 0;
}
