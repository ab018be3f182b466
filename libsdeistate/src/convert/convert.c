// SPDX-License-Identifier: Apache-2.0
#include "convert/convert.h"

#include "error_set.h"
#include "util.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#define PROFILES KVMCORE_NR_PROFILES

typedef int step_fn(struct conversion *conversion);

/* The steps from a row's profile to a column's. */
static step_fn *const path[PROFILES][PROFILES][2] = {
	[KVMCORE_PROFILE_SPEC] = {
		[KVMCORE_PROFILE_KVM_V5] = { convert_spec_to_v5 },
		[KVMCORE_PROFILE_KVM_V7] = { convert_spec_to_v5, convert_v5_to_v7 },
	},
	[KVMCORE_PROFILE_KVM_V5] = {
		[KVMCORE_PROFILE_SPEC] = { convert_v5_to_spec },
		[KVMCORE_PROFILE_KVM_V7] = { convert_v5_to_v7 },
	},
	[KVMCORE_PROFILE_KVM_V7] = {
		[KVMCORE_PROFILE_SPEC] = { convert_v7_to_v5, convert_v5_to_spec },
		[KVMCORE_PROFILE_KVM_V5] = { convert_v7_to_v5 },
	},
};

static void cleanup_state(struct sdeistate **state)
{
	sdeistate_free(*state);
}

void conversion_lose(struct conversion *conversion, const char *object, const char *field,
		     const char *format, ...)
{
	char text[256];
	va_list args;

	conversion->n_losses++;
	if (!conversion->loss)
		return;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	conversion->loss(conversion->user, object, field, text);
}

/* The shortest way to copy all of a state is the one every state takes anyway. */
static int copy(const struct sdeistate *state, struct sdeistate **copied,
		struct sdeistate_error *err)
{
	struct sdeistate_buffer stream = { .len = 0 };
	int ret = sdeistate_encode(state, &stream, err);

	if (!ret)
		ret = sdeistate_decode(stream.data, stream.len, copied, err);
	sdeistate_buffer_free(&stream);
	return ret;
}

static int check_arguments(const struct sdeistate *state, enum kvmcore_profile profile,
			   struct sdeistate_error *err)
{
	int ret = sdeistate_validate(state, err);

	if (ret)
		return ret;
	if (state->kind != SDEISTATE_FINAL)
		return error_set(err, SDEISTATE_BASE_ONLY, -EINVAL, "state", "kind", "final|base");
	if (state->vm.type == KVMCORE_VM_S390)
		return error_set(err, SDEISTATE_INCOMPATIBLE, -EOPNOTSUPP, "vm", "type",
				 "one with SDEI|s390");
	if (profile >= PROFILES)
		return error_set(err, SDEISTATE_USAGE, -EINVAL, "conversion", "profile",
				 "below %d|%d", PROFILES, (int)profile);
	return 0;
}

int sdeistate_convert(const struct sdeistate *state, enum kvmcore_profile profile,
		      unsigned int flags, sdeistate_notice loss, void *user,
		      struct sdeistate **converted, struct sdeistate_error *err)
{
	CLEANUP(cleanup_state) struct sdeistate *changed = NULL;
	struct conversion conversion = { .loss = loss, .user = user, .err = err };
	int ret = check_arguments(state, profile, err);

	if (!ret)
		ret = copy(state, &changed, err);
	if (ret)
		return ret;
	conversion.state = changed;
	for (unsigned int i = 0; i < 2 && path[state->vm.profile][profile][i]; i++)
		if (path[state->vm.profile][profile][i](&conversion))
			return error_no_memory(err, "conversion");
	if (conversion.n_losses && !(flags & SDEISTATE_CONVERT_LOSSY))
		return error_set(err, SDEISTATE_LOSSY, -EOPNOTSUPP, "conversion", "losses", "0|%u",
				 conversion.n_losses);
	ret = sdeistate_validate(changed, err);
	if (!ret)
		*converted = TAKE(changed);
	return ret;
}
