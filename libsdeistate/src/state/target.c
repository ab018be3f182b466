// SPDX-License-Identifier: Apache-2.0
/*
 * The destination's side: check, then replay.
 */
#include "plan/parts.h"
#include "state/capture.h"

#include <stdarg.h>
#include <stdio.h>

#define MAX_OBSTACLES 4096u /* more than one per vCPU and event would be noise */

static void cleanup_state(struct sdeistate **state)
{
	sdeistate_free(*state);
}

void obstacle(struct target *target, enum sdeistate_reason reason, const char *object,
	      const char *field, const char *format, ...)
{
	struct sdeistate_obstacles *all = &target->obstacles;
	struct sdeistate_error *list;
	char text[320];
	va_list args;

	if (target->no_memory || all->n == MAX_OBSTACLES)
		return;
	list = realloc(all->list, (all->n + 1u) * sizeof(*list));
	if (!list) {
		target->no_memory = -ENOMEM;
		return;
	}
	all->list = list;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	memset(&list[all->n], 0, sizeof(*list));
	error_set(&list[all->n++], reason, -EOPNOTSUPP, object, field, "%s", text);
}

void sdeistate_obstacles_free(struct sdeistate_obstacles *obstacles)
{
	free(obstacles->list);
	obstacles->list = NULL;
	obstacles->n = 0;
}

int replayed(const struct target *target, int code, const char *object, const char *field)
{
	if (code >= 0)
		return 0;
	return error_set(target->err, SDEISTATE_REPLAY_FAILED, code, object, field, "success|%s",
			 strerror(-code));
}

int replay_group(const struct target *target, uint64_t attr, const char *object, const void *array,
		 unsigned int n)
{
	const struct kvmcore_array request = { .capacity = n, .count = n, .ptr = (uintptr_t)array };

	if (n == 0)
		return 0;
	return replayed(target, access_attr_set(target->port, KVMCORE_GROUP_SDEI, attr, &request),
			object, "KVM_SET_DEVICE_ATTR");
}

/*
 * What the destination holds already. A bare v5 or v7 kernel does not tell its profile; it is taken
 * at the state's word then, and its commands will tell. What it lacks is an obstacle like any
 * other.
 */
static int look(struct target *target, struct sdeistate **found)
{
	struct sdeistate_capture_options options = {
		.kind = SDEISTATE_BASE,
		.flags = SDEISTATE_CAPTURE_DROP_NOTIFIERS,
		.profile = target->state->vm.profile,
	};
	struct sdeistate_error err = { .code = 0 };
	int ret = sdeistate_capture(target->port, &options, found, &err);

	if (ret == -EOPNOTSUPP && target->state->vm.profile != KVMCORE_PROFILE_SPEC) {
		options.profile_given = true;
		ret = sdeistate_capture(target->port, &options, found, &err);
	}
	if (ret == -EOPNOTSUPP)
		obstacle(target, err.reason, err.object, err.field, "%s|%s", err.expected,
			 err.actual);
	else if (ret && target->err)
		*target->err = err;
	return ret == -EOPNOTSUPP ? 0 : ret;
}

/* What a destination must not hold, whether or not the state has the like. */
static void look_further(struct target *target, const struct sdeistate *found)
{
	if (found->n_filter)
		obstacle(target, SDEISTATE_VM_NOT_FRESH, "SMCCC filter", "ranges", "none|%u",
			 found->n_filter);
	if (present_guard(found))
		obstacle(target, SDEISTATE_VM_NOT_FRESH, "MMIO guard", "state",
			 "nothing enrolled, guarded or shared|%u, %u, %u", found->guard.enrolled,
			 found->n_guarded, found->n_shared);
	check_fw_regs_left(target);
}

/* Everything that stands in the way, into target->obstacles. Return: 0 also with obstacles */
static int list_obstacles(struct target *target, struct sdeistate **found)
{
	int ret;

	if (target->port->epoch && target->port->epoch(target->port->vm) % 2)
		obstacle(target, SDEISTATE_VM_RUNNING, "vm", "epoch", "even: stopped|odd");
	ret = look(target, found);
	if (ret)
		return ret;
	target->found = *found;
	if (*found)
		look_further(target, *found);
	for (unsigned int i = 0; i < plan_length && target->found; i++)
		if (plan_has(&plan[i], target->state))
			plan[i].check(target);
	return target->no_memory ? error_no_memory(target->err, "obstacles") : 0;
}

/* Fill @target, whose obstacles and @found the caller owns. Return: 0; -EOPNOTSUPP; other errors */
static int check_target(struct target *target, struct sdeistate **found)
{
	int ret = sdeistate_validate(target->state, target->err);

	if (ret)
		return ret;
	if (target->state->kind == SDEISTATE_BASE)
		return error_set(target->err, SDEISTATE_BASE_ONLY, -EINVAL, "state", "kind",
				 "final|base");
	ret = capture_has_port(target->port, SDEISTATE_BASE, target->err);
	if (!ret)
		ret = list_obstacles(target, found);
	if (ret || target->obstacles.n == 0)
		return ret;
	if (target->err)
		*target->err = target->obstacles.list[0];
	return -EOPNOTSUPP;
}

int sdeistate_check(const struct sdeistate *state, const struct kvm_port *port,
		    struct sdeistate_obstacles *obstacles, struct sdeistate_error *err)
{
	CLEANUP(cleanup_state) struct sdeistate *found = NULL;
	struct target target = { .state = state, .port = port, .err = err };
	int ret = check_target(&target, &found);

	if (ret == 0 || ret == -EOPNOTSUPP)
		*obstacles = target.obstacles;
	else
		sdeistate_obstacles_free(&target.obstacles);
	return ret;
}

int sdeistate_replay(const struct sdeistate *state, const struct kvm_port *port,
		     struct sdeistate_error *err)
{
	return sdeistate_replay_realm(state, port, NULL, err);
}

int sdeistate_replay_realm(const struct sdeistate *state, const struct kvm_port *port,
			   const struct sdeistate_realm_source *contents,
			   struct sdeistate_error *err)
{
	CLEANUP(cleanup_state) struct sdeistate *found = NULL;
	struct target target = { .state = state, .port = port, .contents = contents, .err = err };
	int ret = check_target(&target, &found);

	sdeistate_obstacles_free(&target.obstacles);
	for (unsigned int i = 0; i < plan_length && !ret; i++)
		if (plan_has(&plan[i], state))
			ret = plan[i].replay(&target);
	return ret;
}
