/* SPDX-License-Identifier: Apache-2.0 */
/*
 * realm_log.h - the ordered list of what built a realm, one entry per ioctl
 *
 * It is what another host needs to build the same realm, and the RIM after each step is how it finds the first
 * difference. Contents are kept as granule digests, not as bytes.
 */
#ifndef KVMCORE_REALM_LOG_H
#define KVMCORE_REALM_LOG_H

#include <kvmcore/measure.h>
#include <kvmcore/uapi.h>

#define REALM_LOG_MAX_STEPS   65536u /* ioctls; beyond it the VM cannot be exported, and says so */
#define REALM_LOG_MAX_EXTENDS 4096u  /* the realm's own calls; beyond it their list is gone */

struct realm_step {
	struct kvmcore_realm_step step;
	struct kvmcore_digest *content; /* POPULATE: one digest per granule that was created */
};

struct realm_log {
	struct realm_step *step;
	uint32_t n, room;
	bool overflowed; /* something was measured that no step here says */
	struct kvmcore_realm_extend *extend;
	uint32_t n_extends, extends_room;
	bool extends_overflowed;
};

/** realm_log_add() - append one step; takes @content. A full or failed log is marked as overflowed */
void realm_log_add(struct realm_log *log, const struct kvmcore_realm_step *step,
		   struct kvmcore_digest *content);

/** realm_log_extend() - note that the realm extended REM @index - 1; a full or failed list is marked */
void realm_log_extend(struct realm_log *log, uint32_t index, const void *value, uint32_t size);

struct realm_log *realm_log_free(struct realm_log *log);

#endif
