// SPDX-License-Identifier: Apache-2.0
/*
 * A VMM with two back ends: a kernel that knows nothing of SDEI, and a service that does. The kernel is a model VM
 * whose port answers as a kernel's file descriptors would, and fails the test if it is sent a number that is
 * not its own.
 */
#include "scene.h"

#include <errno.h>
#include <sdeistate/sdeistate.h>
#include <stdio.h>
#include <stdlib.h>

#define FORWARDED 0xc6000050u
#define DEVICE    0x10000000u
#define MMIO_PC   0x80001000u

struct rig {
	struct model kernel, service;
	struct kvm_port fds; /* what the kernel's file descriptors answer */
	struct kvm_port port;
	struct sdeistate_router *router;
};

static bool is_foreign_group(uint32_t group)
{
	return group == KVMCORE_GROUP_SDEI || group == KVMCORE_GROUP_FILTER ||
	       group == KVMCORE_GROUP_GUARD || group == KVMCORE_GROUP_REALM ||
	       group == KVMCORE_GROUP_VM || group == KVMCORE_GROUP_S390;
}

/* Numbers mainline uses for other things must not come here. */
static int fds_ioctl(void *vm, int vcpu, unsigned long cmd, void *arg)
{
	const struct kvm_device_attr *attr = arg;
	const struct kvm_one_reg *reg = arg;
	const bool is_attr = cmd == KVM_SET_DEVICE_ATTR || cmd == KVM_GET_DEVICE_ATTR ||
			     cmd == KVM_HAS_DEVICE_ATTR;

	CHECK(cmd != KVM_ARM_SDEI_COMMAND, "the series' ioctl never reaches a kernel");
	CHECK(!is_attr || vcpu >= 0 || !is_foreign_group(attr->group),
	      "nor does a group of this project");
	CHECK(cmd != KVM_CHECK_EXTENSION ||
		      ((uintptr_t)arg != 145 && (uintptr_t)arg != 206 && (uintptr_t)arg != 211 &&
		       (uintptr_t)arg != 217 && (uintptr_t)arg != 240 && (uintptr_t)arg != 300),
	      "nor a capability that was never merged");
	CHECK((cmd != KVM_GET_ONE_REG && cmd != KVM_SET_ONE_REG) ||
		      reg->id != KVM_REG_ARM_SDEI_PE_STATE,
	      "nor a register that was not");
	return kvmcore_ioctl(vm, vcpu, cmd, arg);
}

static void refill(struct rig *rig)
{
	kvmcore_port(rig->kernel.vm, &rig->fds);
	rig->fds.ioctl = fds_ioctl;
	kvmcore_port(rig->service.vm, &rig->service.port);
	if (rig->router)
		sdeistate_router_port(rig->router, &rig->port);
}

/* @n_vcpus on both sides, nothing running. */
static void rig_begin(struct rig *rig, unsigned int n_vcpus)
{
	const struct kvmcore_config kernel = { .kernel = "7.2", .guard = KVMCORE_GUARD_OFF };
	const struct kvmcore_config service = { .profile = KVMCORE_PROFILE_SPEC };
	struct sdeistate_router_options options;

	*rig = (struct rig){ .kernel = model_new(&kernel, n_vcpus),
			     .service = model_new(&service, n_vcpus) };
	kvmcore_pause(rig->kernel.vm);
	kvmcore_pause(rig->service.vm);
	refill(rig);
	options = (struct sdeistate_router_options){ .kernel = &rig->fds,
						     .service = &rig->service.port };
	CHECK(sdeistate_router_new(&options, &rig->router, NULL) == 0, "a router is made");
	refill(rig);
}

static void rig_end(struct rig *rig)
{
	sdeistate_router_free(rig->router);
	model_free(&rig->kernel);
	model_free(&rig->service);
}

static int attr(const struct kvm_port *port, unsigned long cmd, uint32_t group, uint64_t number,
		const void *value)
{
	struct kvm_device_attr a = { .group = group, .attr = number, .addr = (uintptr_t)value };

	return port->ioctl(port->vm, -1, cmd, &a);
}

static int filter(const struct kvm_port *port, uint32_t base, uint32_t n, uint8_t action)
{
	const struct kvm_smccc_filter range = { .base = base, .nr_functions = n, .action = action };

	return attr(port, KVM_SET_DEVICE_ATTR, KVM_ARM_VM_SMCCC_CTRL, KVM_ARM_VM_SMCCC_FILTER,
		    &range);
}

static void answer_all(const struct kvm_port *port)
{
	static const struct kvmcore_call_range all = { 0, UINT32_MAX };
	const struct kvmcore_array answers = { .count = 1, .ptr = (uintptr_t)&all };

	CHECK(attr(port, KVM_SET_DEVICE_ATTR, KVMCORE_GROUP_FILTER, KVMCORE_FILTER_ANSWERS,
		   &answers) == 0,
	      "a VMM names what it answers");
}

static struct sdeistate *take(const struct rig *rig)
{
	const struct sdeistate_capture_options options = { .flags = SDEISTATE_CAPTURE_REGS };
	struct sdeistate_error err = { .code = 0 };
	struct sdeistate *state = NULL;

	CHECK(sdeistate_capture(&rig->port, &options, &state, &err) == 0, "captured");
	return state;
}

static void cross(struct sdeistate *state, struct rig *to)
{
	struct sdeistate_error err = { .code = 0 };
	uint8_t digest[SDEISTATE_DIGEST_SIZE], sent[SDEISTATE_DIGEST_SIZE];

	CHECK(sdeistate_replay(state, &to->port, &err) == 0, "replayed");
	CHECK(sdeistate_prove(state, &to->port, digest, &err) == 0 &&
		      sdeistate_digest(state, sent, NULL) == 0 &&
		      !memcmp(sent, digest, sizeof(sent)),
	      "proved");
}

static void test_from_router_to_router(void)
{
	static const uint32_t denied = 0x84000050u, sdei = 0xc4000020u;
	const struct kvm_sdei_exposed_event_state event = { .num = NORMAL, .signaled = 1 };
	struct kvm_sdei_cmd expose = { .cmd = KVM_SDEI_CMD_SET_EXPOSED_EVENT,
				       .count = 1,
				       .pointer = (uintptr_t)&event };
	struct sdeistate *state, *again;
	struct rig from, to;

	rig_begin(&from, 2);
	rig_begin(&to, 2);
	CHECK(filter(&from.port, sdei, 32, KVM_SMCCC_FILTER_FWD_TO_USER) == 0 &&
		      filter(&from.port, denied, 4, KVM_SMCCC_FILTER_DENY) == 0 &&
		      filter(&from.port, denied, 1, KVM_SMCCC_FILTER_DENY) == -EEXIST,
	      "the kernel decides about ranges");
	CHECK(from.port.ioctl(from.port.vm, -1, KVM_ARM_SDEI_COMMAND, &expose) == 0,
	      "the service about events");
	CHECK(model_set_reg(&from.kernel, 0, KVMCORE_REG_X(3), 0x77) == 0, "a guest got on");
	state = take(&from);
	REQUIRE(state, "captured");
	CHECK(state->n_filter == 2 && state->n_exposed == 1 && state->n_fw_regs == 8,
	      "filter, events and firmware registers of two back ends");
	CHECK(state->regs[0].value[3] == 0x77, "the registers are the kernel's");
	answer_all(&to.port);
	cross(state, &to);
	again = take(&to);
	REQUIRE(again, "captured again");
	CHECK(again->n_filter == 2 &&
		      !memcmp(again->filter, state->filter, 2 * sizeof(*state->filter)),
	      "the recorder says the same there");
	CHECK(model_filter(&to.kernel, denied + 3, 1, 0) == -EEXIST &&
		      model_filter(&to.kernel, sdei + 31, 1, 0) == -EEXIST,
	      "and so does the kernel");
	sdeistate_free(state);
	sdeistate_free(again);
	rig_end(&from);
	rig_end(&to);
}

static void test_vcpus_are_made_on_both_sides(void)
{
	struct rig from, to;
	struct sdeistate *state;

	rig_begin(&from, 3);
	rig_begin(&to, 0);
	state = take(&from);
	REQUIRE(state, "captured");
	CHECK(sdeistate_replay(state, &to.port, NULL) == 0, "a destination without vCPUs");
	refill(&to);
	CHECK(kvmcore_vcpu_count(to.kernel.vm) == 3 && kvmcore_vcpu_count(to.service.vm) == 3,
	      "has them in the kernel and in the service");
	sdeistate_free(state);
	rig_end(&from);
	rig_end(&to);
}

static void test_unmerged_numbers_never_reach_the_kernel(void)
{
	static const uintptr_t caps[] = { 145, 206, 211, 217, 240, 300 };
	uint64_t value = 0;
	struct kvm_one_reg reg = { KVM_REG_ARM_SDEI_PE_STATE, (uintptr_t)&value };
	struct kvmcore_array list = { .capacity = 0 };
	struct rig rig;

	rig_begin(&rig, 1);
	for (unsigned int i = 0; i < ARRAY_SIZE(caps); i++)
		CHECK(rig.port.ioctl(rig.port.vm, -1, KVM_CHECK_EXTENSION, (void *)caps[i]) ==
			      kvmcore_ioctl(rig.service.vm, -1, KVM_CHECK_EXTENSION,
					    (void *)caps[i]),
		      "a capability is the service's");
	CHECK(rig.port.ioctl(rig.port.vm, 0, KVM_GET_ONE_REG, &reg) == -ENOENT,
	      "a register of v7 is not there in profile spec");
	CHECK(attr(&rig.port, KVM_GET_DEVICE_ATTR, KVMCORE_GROUP_GUARD, KVMCORE_GUARD_RANGES,
		   &list) == 0,
	      "the guard is the service's");
	CHECK(attr(&rig.port, KVM_GET_DEVICE_ATTR, KVMCORE_GROUP_VM, KVMCORE_VM_REGS, &list) ==
		      -ENXIO,
	      "registers are nobody's in one piece");
	rig_end(&rig);
}

static void test_a_router_that_came_late(void)
{
	const struct kvm_smccc_filter known = { .base = FORWARDED, .nr_functions = 1, .action = 1 };
	struct sdeistate_router_options options;
	struct sdeistate_router *router = NULL;
	struct sdeistate_error err = { .code = 0 };
	struct kvmcore_filter_info info = { .n_ranges = 0 };
	struct kvm_port port;
	struct rig rig;

	rig_begin(&rig, 1);
	CHECK(model_filter(&rig.kernel, FORWARDED, 1, 1) == 0, "somebody set a range");
	CHECK(filter(&rig.port, FORWARDED + 1, 1, 1) == 0 &&
		      sdeistate_router_is_complete(rig.router),
	      "nothing is noticed yet");
	CHECK(filter(&rig.port, FORWARDED, 1, 1) == -EEXIST &&
		      !sdeistate_router_is_complete(rig.router),
	      "until the kernel calls a range taken that is not on the list");
	CHECK(attr(&rig.port, KVM_GET_DEVICE_ATTR, KVMCORE_GROUP_FILTER, KVMCORE_FILTER_INFO,
		   &info) == -ESTALE,
	      "then the list is not given out any more");
	kvmcore_run(rig.kernel.vm, 0, true, &rig.kernel.reply);
	options = (struct sdeistate_router_options){ .kernel = &rig.fds };
	CHECK(sdeistate_router_new(&options, &router, &err) == -EBUSY &&
		      err.reason == SDEISTATE_VM_NOT_FRESH && !strcmp(err.object, "SMCCC filter"),
	      "a VM that has run needs the list");
	options.filter_given = true;
	options.filter = &known;
	options.n_filter = 1;
	CHECK(sdeistate_router_new(&options, &router, &err) == 0, "with it, it may be late");
	sdeistate_router_port(router, &port);
	CHECK(attr(&port, KVM_GET_DEVICE_ATTR, KVMCORE_GROUP_FILTER, KVMCORE_FILTER_INFO, &info) ==
			      0 &&
		      info.n_ranges == 1 && info.has_run,
	      "and says so");
	sdeistate_router_free(router);
	rig_end(&rig);
}

/* vCPU 0 leaves with a call, vCPU 1 with a store, past the router; then the router's run sees it. */
static void leave(struct rig *rig)
{
	const struct kvmcore_mmio store = {
		.ipa = DEVICE, .len = 4, .write = true, .value = { 0xcafe }
	};
	struct kvmcore_mmio_result result;

	kvmcore_resume(rig->kernel.vm);
	model_call(&rig->kernel, 0, FORWARDED, 0, 0, 0);
	CHECK(model_set_reg(&rig->kernel, 1, KVMCORE_REG_PC, MMIO_PC) == 0 &&
		      kvmcore_vcpu_mmio(rig->kernel.vm, 1, &store, &result, &rig->kernel.reply) ==
			      0,
	      "a vCPU stores to a device");
	kvmcore_pause(rig->kernel.vm);
}

/* KVM_RUN of a kernel returns with the exit that the model has made already. */
static int run_was_done(void *vm, int vcpu, int immediate_exit)
{
	struct kvmcore_reply reply;

	return immediate_exit ? kvmcore_run(vm, vcpu, true, &reply) : 0;
}

static void test_exits_are_watched(void)
{
	struct kvmcore_exit_state state;
	struct sdeistate *open, *drained;
	struct rig from, to;

	rig_begin(&from, 2);
	rig_begin(&to, 2);
	CHECK(filter(&from.port, FORWARDED, 1, KVM_SMCCC_FILTER_FWD_TO_USER) == 0, "forwarded");
	leave(&from);
	from.fds.run = run_was_done;
	CHECK(from.port.run(from.port.vm, 0, 0) == 0 && from.port.run(from.port.vm, 1, 0) == 0,
	      "both come out of the guest");
	CHECK(sdeistate_router_exit(from.router, 0, &state) == 0 && state.nr == FORWARDED &&
		      sdeistate_router_exit(from.router, 1, &state) == 0 && state.nr == DEVICE &&
		      state.data == 0xcafe,
	      "what they wait for is known");
	CHECK(from.port.run(from.port.vm, 0, 1) == -EINTR &&
		      sdeistate_router_exit(from.router, 0, &state) == 0 && state.nr == FORWARDED,
	      "a call still is when a run did not get into the guest");
	open = take(&from);
	REQUIRE(open && open->n_exits == 2, "and carried");
	answer_all(&to.port);
	cross(open, &to);
	CHECK(sdeistate_router_exit(to.router, 0, &state) == 0 && state.nr == FORWARDED,
	      "the other VMM finds the call and can answer it");
	CHECK(sdeistate_router_answered(to.router, 0) == 0 &&
		      sdeistate_router_exit(to.router, 0, &state) == -ENOENT,
	      "once");
	CHECK(sdeistate_router_answered(from.router, 0) == 0 &&
		      sdeistate_router_answered(from.router, 1) == 0,
	      "had they been answered before");
	drained = take(&from);
	REQUIRE(drained, "captured");
	CHECK(drained->n_exits == 0 && drained->regs[1].value[32] == MMIO_PC + 4,
	      "they would have been completed there");
	sdeistate_free(open);
	sdeistate_free(drained);
	rig_end(&from);
	rig_end(&to);
}

/* What is in the way of @state, and nothing else: a field of vCPU @vcpu's exit; NULL: nothing. */
static void check_field(const struct sdeistate *state, const struct kvm_port *port,
			unsigned int vcpu, const char *field)
{
	struct sdeistate_obstacles all = { .n = 0 };
	char object[64];
	const int ret = sdeistate_check(state, port, &all, NULL);

	snprintf(object, sizeof(object), "pending exit of vcpu %u", vcpu);
	if (!field)
		CHECK(ret == 0, "nothing in the way");
	else
		CHECK(ret == -EOPNOTSUPP && all.n == 1 &&
			      all.list[0].reason == SDEISTATE_INCOMPATIBLE &&
			      !strcmp(all.list[0].object, object) &&
			      !strcmp(all.list[0].field, field),
		      field);
	sdeistate_obstacles_free(&all);
}

/* Where a load goes is the kernel's knowledge: another makes the load again, a model cannot. */
static void test_a_load_of_a_kernel_needs_a_kernel(void)
{
	const struct kvmcore_config config = { .kernel = "7.2", .guard = KVMCORE_GUARD_OFF };
	const struct kvmcore_mmio load = { .ipa = DEVICE, .len = 4, .reg = 5 };
	struct kvmcore_mmio_result result;
	struct model to_model = model_new(&config, 2);
	struct kvmcore_exit_state state;
	struct sdeistate_error err = { .code = 0 };
	struct sdeistate *open, *none = NULL;
	struct rig from, to;

	rig_begin(&from, 2);
	rig_begin(&to, 2);
	kvmcore_pause(to_model.vm);
	kvmcore_resume(from.kernel.vm);
	CHECK(kvmcore_vcpu_mmio(from.kernel.vm, 1, &load, &result, &from.kernel.reply) == 0,
	      "load");
	kvmcore_pause(from.kernel.vm);
	from.fds.run = run_was_done;
	CHECK(from.port.run(from.port.vm, 1, 0) == 0, "it comes out of the guest");
	open = take(&from);
	REQUIRE(open && open->n_exits == 1, "and is carried");
	CHECK(open->exits[0].reg == KVMCORE_EXIT_REG_UNKNOWN, "without its register");
	check_field(open, &to_model.port, 1, "reg");
	CHECK(sdeistate_replay(open, &to_model.port, &err) == -EOPNOTSUPP &&
		      !strcmp(err.field, "reg"),
	      "a model is refused before the first SET");
	check_field(open, &to.port, 1, NULL);
	cross(open, &to);
	CHECK(sdeistate_router_exit(to.router, 1, &state) == 0 && state.nr == DEVICE,
	      "a kernel takes it");
	/* Answered, it is completed by a run or not captured at all. */
	CHECK(sdeistate_router_answered(from.router, 1) == 0, "answered");
	from.port.run = NULL;
	CHECK(sdeistate_capture(&from.port, NULL, &none, &err) == -EOPNOTSUPP &&
		      err.reason == SDEISTATE_PORT_LACKS && !strcmp(err.field, "run"),
	      "which without a run would lose the answer");
	open->exits[0].reg = 5;
	open->exits[0].answered = 1;
	rig_end(&to);
	rig_begin(&to, 2);
	check_field(open, &to.port, 1, "answered");
	check_field(open, &to_model.port, 1, NULL);
	sdeistate_free(open);
	model_free(&to_model);
	rig_end(&from);
	rig_end(&to);
}

int main(void)
{
	return RUN_TESTS(test_from_router_to_router, test_vcpus_are_made_on_both_sides,
			 test_unmerged_numbers_never_reach_the_kernel, test_a_router_that_came_late,
			 test_exits_are_watched, test_a_load_of_a_kernel_needs_a_kernel);
}
