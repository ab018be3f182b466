/* SPDX-License-Identifier: Apache-2.0 */
/*
 * trust.h - inside the library: a set of keys and the limits of some
 */
#ifndef SDEISTATE_SEAL_TRUST_H
#define SDEISTATE_SEAL_TRUST_H

#include <sdeistate/trust.h>

struct trust_limit {
	uint8_t id[SDEISTATE_KEY_ID_SIZE];
	struct sdeistate_validity validity;
};

struct sdeistate_trust {
	struct sdeistate_pub **pub; /* sorted by id */
	size_t n_pubs;
	struct trust_limit *limit; /* sorted by id */
	size_t n_limits;
};

/** trust_narrow() - both the limits a key has and these. Return: as sdeistate_trust_set_validity() */
int trust_narrow(struct sdeistate_trust *trust, const uint8_t id[SDEISTATE_KEY_ID_SIZE],
		 const struct sdeistate_validity *validity, struct sdeistate_error *err);

/** trust_print_id() - a key id in hexadecimal */
void trust_print_id(const uint8_t id[SDEISTATE_KEY_ID_SIZE],
		    char text[2 * SDEISTATE_KEY_ID_SIZE + 1]);

/** trust_parse_id() - 64 lower-case hexadecimal digits. Return: 0; -EINVAL */
int trust_parse_id(const char *text, uint8_t id[SDEISTATE_KEY_ID_SIZE]);

#endif
