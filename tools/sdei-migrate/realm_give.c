// SPDX-License-Identifier: Apache-2.0
/* The destination's half of realm_bulk.h. */
#include "realm_bulk.h"

#include "state_json.h"
#include "vmm.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define CHUNK (1u << 20)

/* Pages on their way in. */
struct giver {
	struct transport_control *control;
	const struct transport_id *session;
	uint32_t part;
	uint64_t offset;
	uint8_t *chunk;
	size_t used;
	struct transport_error *err;
};

static int flush(struct giver *giver)
{
	const struct transport_state bytes = { giver->chunk, giver->used };
	int ret = giver->used ? transport_control_load(giver->control, giver->session, giver->part,
						       giver->offset, &bytes, giver->err)
			      : 0;

	giver->offset += giver->used;
	giver->used = 0;
	return ret;
}

static int sink(void *arg, const void *bytes, size_t len)
{
	struct giver *giver = arg;
	const uint8_t *from = bytes;
	int ret = 0;

	while (len && !ret) {
		const size_t room = CHUNK - giver->used, n = len < room ? len : room;

		memcpy(giver->chunk + giver->used, from, n);
		giver->used += n;
		from += n;
		len -= n;
		if (giver->used == CHUNK)
			ret = flush(giver);
	}
	return ret;
}

static int give_file(struct giver *giver, const char *path)
{
	const int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = 1;
	int ret = 0;

	if (fd < 0)
		return transport_error_fill(giver->err, -ENOENT, "temporary", "realm contents",
					    path,
					    "a file; --realm-contents names another folder|%s",
					    strerror(errno));
	while (!ret && n) {
		do
			n = read(fd, giver->chunk, CHUNK);
		while (n < 0 && errno == EINTR);
		if (n < 0) {
			ret = transport_error_fill(giver->err, -errno, "io", path, "", "|%s",
						   strerror(errno));
			break;
		}
		giver->used = (size_t)n;
		ret = flush(giver);
	}
	close(fd);
	return ret;
}

/* @giver's chunk holds the reference. */
static int follow(struct giver *giver, const char *folder)
{
	OWNED_MEMORY char *said = strndup((const char *)giver->chunk, giver->used);
	OWNED_MEMORY char *path = NULL;
	const char *name = said ? strrchr(said, '/') : NULL;

	if (!said || asprintf(&path, "%s%s", folder ? folder : "",
			      !folder ? said
			      : name  ? name
				      : said) < 0) {
		path = NULL;
		return transport_error_fill(giver->err, -ENOMEM, "no-memory", "realm contents", "",
					    "|");
	}
	giver->part = SDEISTATE_REALM_CONTENTS;
	giver->used = 0;
	return give_file(giver, path);
}

static int give_frame(struct sdeistate_opened *opened, const struct sdeistate_frame *frame,
		      struct giver *giver, const char *folder)
{
	const bool reference = frame->type == SDEISTATE_FRAME_REALM_REFERENCE;
	struct sdeistate_error error = { .code = 0 };
	int ret;

	giver->part = frame->type;
	giver->offset = 0;
	giver->used = 0;
	if (reference && frame->plain_size > REALM_BULK_MAX_REFERENCE)
		return transport_error_fill(giver->err, -E2BIG, "over-limit", "realm reference",
					    "size", "at most %u bytes|%llu",
					    REALM_BULK_MAX_REFERENCE,
					    (unsigned long long)frame->plain_size);
	ret = sdeistate_next_frame(opened, sink, giver, NULL, &error);
	if (ret)
		return error.code ? vmm_error(giver->err, &error) : ret;
	return reference ? follow(giver, folder) : flush(giver);
}

/* What nobody here knows is optional, or the file would not have been opened. */
static bool is_ours(uint32_t type)
{
	return type == SDEISTATE_FRAME_REALM_CONTENTS || type == SDEISTATE_FRAME_GRANULE_HASHES ||
	       type == SDEISTATE_FRAME_REALM_REFERENCE;
}

int realm_bulk_give(struct sdeistate_opened *opened, struct transport_control *control,
		    const struct transport_id *session, const char *folder,
		    struct transport_error *err)
{
	OWNED_MEMORY uint8_t *chunk = NULL;
	struct giver giver = { .control = control, .session = session, .err = err };
	struct sdeistate_error error = { .code = 0 };
	int ret = 0;

	if (opened->manifest.n_frames <= 1)
		return 0;
	giver.chunk = chunk = malloc(CHUNK);
	if (!chunk)
		return transport_error_fill(err, -ENOMEM, "no-memory", "realm contents", "", "|");
	for (unsigned int i = 1; i < opened->manifest.n_frames && !ret; i++)
		if (is_ours(opened->manifest.frame[i].type))
			ret = give_frame(opened, &opened->manifest.frame[i], &giver, folder);
		else if (sdeistate_next_frame(opened, NULL, NULL, NULL, &error))
			ret = vmm_error(err, &error);
	if (!ret && sdeistate_next_frame(opened, NULL, NULL, NULL, &error) != -ENODATA)
		ret = vmm_error(err, &error);
	return ret;
}

const char *realm_advice(const struct transport_error *err)
{
	if (strcmp(err->reason, "differs") != 0 || strncmp(err->object, "realm step", 10) != 0)
		return NULL;
	for (int i = 0; i < SDEISTATE_NR_CAUSES; i++) {
		const enum sdeistate_realm_cause cause = (enum sdeistate_realm_cause)i;

		if (strcmp(err->field, sdeistate_realm_cause_name(cause)) == 0)
			return sdeistate_realm_cause_advice(cause);
	}
	return NULL;
}

json_t *realm_result_json(const struct sdeistate_realm *realm)
{
	static const char *const start[] = { "none", "exact", "cold" };
	static const char *const rems[] = { "zero", "zero", "reset" };

	return json_pack("{s:s, s:s, s:o}", "start", start[realm->state], "rems",
			 rems[realm->state], "rim",
			 hex_json(realm->rim, sdeistate_realm_hash_size(realm->hash)));
}
