// SPDX-License-Identifier: Apache-2.0
/* The bulk of a realm: pages, and their digests, as one run of bytes each. */
#include "plan/parts.h"
#include "realm/realm.h"

uint64_t sdeistate_realm_part_size(const struct sdeistate_realm *realm, uint32_t part)
{
	switch (part) {
	case SDEISTATE_REALM_CONTENTS:
		return realm->n_granules * SDEISTATE_REALM_GRANULE;
	case SDEISTATE_REALM_HASHES:
		return realm->n_granules * sdeistate_realm_hash_size(realm->hash);
	default:
		return 0;
	}
}

/* What of a step's @n bytes of digests lies in the window of @len bytes. */
static int read_hashes(const struct sdeistate_realm *realm, const struct kvm_port *port, uint32_t i,
		       uint64_t skip, void *buf, size_t len, struct sdeistate_error *err)
{
	CLEANUP(cleanup_free) uint8_t *hashes = NULL;
	int ret = realm_step_hashes(port, i, realm->step[i].done / SDEISTATE_REALM_GRANULE,
				    sdeistate_realm_hash_size(realm->hash), &hashes, err);

	if (!ret)
		memcpy(buf, hashes + skip, len);
	return ret;
}

static int read_contents(const struct sdeistate_realm *realm, const struct kvm_port *port,
			 uint32_t i, uint64_t skip, void *buf, size_t len,
			 struct sdeistate_error *err)
{
	const uint64_t ipa = realm->step[i].base + skip;
	int ret;

	if (!port->mem_read)
		return error_set(err, SDEISTATE_PORT_LACKS, -EOPNOTSUPP, "port", "mem_read",
				 "present|NULL");
	ret = port->mem_read(port->vm, ipa, buf, len);
	return ret < 0 ? error_set(err, SDEISTATE_CAPTURE_FAILED, ret,
				   OBJECT("guest memory at 0x%" PRIx64, ipa), "", "success|%s",
				   strerror(-ret))
		       : 0;
}

int sdeistate_realm_part_read(const struct sdeistate_realm *realm, const struct kvm_port *port,
			      uint32_t part, uint64_t offset, void *buf, size_t len,
			      struct sdeistate_error *err)
{
	const uint64_t size = sdeistate_realm_part_size(realm, part);
	const bool hashes = part == SDEISTATE_REALM_HASHES;
	const uint64_t unit =
		hashes ? sdeistate_realm_hash_size(realm->hash) : SDEISTATE_REALM_GRANULE;
	uint8_t *to = buf;
	uint64_t at = 0;
	int ret = 0;

	if (offset > size || len > size - offset)
		return error_set(err, SDEISTATE_USAGE, -EINVAL, "realm part", "offset",
				 "inside its %" PRIu64 " bytes|%" PRIu64, size, offset);
	for (uint32_t i = 0; i < realm->n_steps && len && !ret; i++) {
		const struct kvmcore_realm_step *step = &realm->step[i];
		uint64_t bytes = step->done / SDEISTATE_REALM_GRANULE * unit, skip, n;

		if (step->kind != KVMCORE_REALM_STEP_POPULATE)
			continue;
		at += bytes;
		if (at <= offset)
			continue;
		skip = bytes - (at - offset);
		n = bytes - skip < len ? bytes - skip : len;
		ret = (hashes ? read_hashes : read_contents)(realm, port, i, skip, to, (size_t)n,
							     err);
		to += n;
		offset += n;
		len -= (size_t)n;
	}
	return ret;
}
