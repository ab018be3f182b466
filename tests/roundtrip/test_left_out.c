// SPDX-License-Identifier: Apache-2.0
/*
 * What no record carries stops a hand-over, by name, on either side.
 */
#include "hooked.h"
#include "scene.h"

#include <sdeistate/sdeistate.h>

static const struct kvmcore_config plain = { .profile = KVMCORE_PROFILE_SPEC,
					     .guard = KVMCORE_GUARD_S };

static bool names(const struct sdeistate_error *err, const char *object, const char *field,
		  const char *actual)
{
	return err->reason == SDEISTATE_INCOMPATIBLE && !strcmp(err->object, object) &&
	       !strcmp(err->field, field) && !strcmp(err->actual, actual);
}

static void test_another_type(void)
{
	static const struct {
		enum kvmcore_vm_type type;
		const char *actual;
	} other[] = {
		{ KVMCORE_VM_PROTECTED, "3 (protected)" },
	};
	struct kvmcore_config config = plain;

	for (unsigned int i = 0; i < ARRAY_SIZE(other); i++) {
		struct sdeistate_error err = { .code = 0 };
		struct sdeistate *state = NULL;
		struct model m;

		config.type = other[i].type;
		config.kernel = "7.2";
		m = model_new(&config, 0);
		kvmcore_pause(m.vm);
		CHECK(sdeistate_capture(&m.port, NULL, &state, &err) == -EOPNOTSUPP &&
			      names(&err, "vm", "type", other[i].actual),
		      "another type of VM is refused by name");
		model_free(&m);
	}
}

static void test_a_vm_without_the_groups(void)
{
	const struct sdeistate_capture_options options = { .profile_given = true,
							   .profile = KVMCORE_PROFILE_KVM_V5 };
	struct model m = scene_fresh(KVMCORE_PROFILE_KVM_V5, 2);
	struct sdeistate *state = NULL;
	struct hooked hooked;

	hooked_begin(&hooked, m.vm);
	hooked.no_groups = true;
	CHECK(sdeistate_capture(&hooked.port, &options, &state, NULL) == 0,
	      "what is not there holds nothing");
	sdeistate_free(state);
	model_free(&m);
}

int main(void)
{
	return RUN_TESTS(test_another_type, test_a_vm_without_the_groups);
}
