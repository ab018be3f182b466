/* SPDX-License-Identifier: Apache-2.0 */
/*
 * new.h - the words the encoders write messages with
 */
#ifndef SDEISTATE_NEW_H
#define SDEISTATE_NEW_H

/* A message of @type in `scratch`; @init is its generated initialiser. */
#define NEW(type, init)                                               \
	({                                                            \
		type *new_ = scratch_alloc(scratch, 1, sizeof(type)); \
		if (new_)                                             \
			init(new_);                                   \
		new_;                                                 \
	})

/* An optional scalar, present. */
#define SET(message, field, number) ((message)->has_##field = true, (message)->field = (number))

#endif
