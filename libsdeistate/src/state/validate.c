// SPDX-License-Identifier: Apache-2.0
#include "plan/parts.h"

#include <stdarg.h>
#include <stdio.h>

int inconsistent(struct sdeistate_error *err, const char *object, const char *field,
		 const char *format, ...)
{
	char text[320];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	return error_set(err, SDEISTATE_INCONSISTENT, -EINVAL, object, field, "%s", text);
}

/* A part that belongs to the profile has its array, one that does not has none. */
static int validate_presence(const struct sdeistate *state, struct sdeistate_error *err)
{
	const bool v7 = state->vm.profile == KVMCORE_PROFILE_KVM_V7;
	const bool queue_parts = state->n_exposed || state->n_registered || state->n_bindings ||
				 state->n_handlers || state->n_vcpu_events || state->n_pending ||
				 state->vcpu_state;

	if (state->vm.type == KVMCORE_VM_S390) {
		if (queue_parts || state->v7 || state->regs || state->n_filter ||
		    state->n_guarded || state->n_shared || !state->s390)
			return inconsistent(err, "vm", "s390", "an s390 VM's parts|another's");
		return 0;
	}
	if (state->s390)
		return inconsistent(err, "vm", "s390", "absent in this type|present");
	if (state->n_vcpus && (v7 ? !state->v7 : !state->vcpu_state))
		return inconsistent(err, "vm", v7 ? "sdei-v7" : "sdei-vcpu-state",
				    "present|absent");
	if (state->vm.type == KVMCORE_VM_REALM && !state->realm)
		return inconsistent(err, "vm", "realm", "present in a VM of that type|absent");
	if (v7 ? queue_parts : state->v7 != NULL)
		return inconsistent(err, "vm", v7 ? "events of the 13 commands" : "sdei-v7",
				    "absent in this profile|present");
	return 0;
}

int sdeistate_validate(const struct sdeistate *state, struct sdeistate_error *err)
{
	int ret = plan[0].validate(state, err);

	if (ret || state->torn)
		return ret;
	ret = validate_presence(state, err);
	for (unsigned int i = 1; i < plan_length && !ret; i++)
		if (plan_has(&plan[i], state))
			ret = plan[i].validate(state, err);
	return ret;
}
