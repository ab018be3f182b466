// SPDX-License-Identifier: Apache-2.0
/*
 * Profile `spec` gives its whole state and takes it again: the thirteen commands for what they can
 * carry, group KVMCORE_GROUP_SDEI for the rest. What cannot be is refused (docs/abi-sdei.md, "Restore").
 */
#include "rig.h"

#define PRIV 0x1001u
#define SHRD 0x1002u
#define CRIT 0x1003u
#define ANY  0x1004u
#define NONE KVM_SDEI_INVALID_EVENT
#define MAX  16u

struct image {
	struct kvm_sdei_exposed_event_state exposed[MAX];
	struct kvm_sdei_registered_event_state registered[MAX];
	struct kvm_sdei_vcpu_event_state queue[4][MAX];
	struct kvm_sdei_vcpu_state state[4];
	struct kvmcore_sdei_handler handler[MAX];
	struct kvmcore_sdei_pending pending[MAX];
	struct kvmcore_sdei_binding binding[MAX];
	uint32_t n_exposed, n_registered, n_queued[4];
	uint64_t n_handlers, n_pending, n_bindings;
};

static void capture(struct rig *rig, struct image *image)
{
	*image = (struct image){ 0 };
	image->n_exposed = rig_count(rig, -1, KVM_SDEI_CMD_GET_EXPOSED_EVENT_COUNT);
	image->n_registered = rig_count(rig, -1, KVM_SDEI_CMD_GET_REGISTERED_EVENT_COUNT);
	rig_cmd(rig, -1, KVM_SDEI_CMD_GET_EXPOSED_EVENT, MAX, image->exposed);
	rig_cmd(rig, -1, KVM_SDEI_CMD_GET_REGISTERED_EVENT, MAX, image->registered);
	for (unsigned int v = 0; v < rig->n; v++) {
		image->n_queued[v] = rig_count(rig, (int)v, KVM_SDEI_CMD_GET_VCPU_EVENT_COUNT);
		rig_cmd(rig, (int)v, KVM_SDEI_CMD_GET_VCPU_EVENT, MAX, image->queue[v]);
		image->state[v] = rig_state(rig, v);
	}
	CHECK(rig_attr_get(rig, KVMCORE_SDEI_HANDLERS, image->handler, MAX, &image->n_handlers) ==
			      0 &&
		      rig_attr_get(rig, KVMCORE_SDEI_PENDING, image->pending, MAX,
				   &image->n_pending) == 0 &&
		      rig_attr_get(rig, KVMCORE_SDEI_BINDINGS, image->binding, MAX,
				   &image->n_bindings) == 0,
	      "the attribute group can be read");
}

static void replay(struct rig *rig, const struct image *image)
{
	CHECK(rig_cmd(rig, -1, KVM_SDEI_CMD_SET_EXPOSED_EVENT, image->n_exposed, image->exposed) ==
		      0,
	      "exposed");
	CHECK(rig_attr_set(rig, KVMCORE_SDEI_BINDINGS, image->binding, image->n_bindings) == 0,
	      "bindings");
	CHECK(rig_cmd(rig, -1, KVM_SDEI_CMD_SET_REGISTERED_EVENT, image->n_registered,
		      image->registered) == 0,
	      "registered");
	CHECK(rig_attr_set(rig, KVMCORE_SDEI_HANDLERS, image->handler, image->n_handlers) == 0,
	      "handlers");
	for (unsigned int v = 0; v < rig->n; v++)
		CHECK(rig_cmd(rig, (int)v, KVM_SDEI_CMD_SET_VCPU_EVENT, image->n_queued[v],
			      image->queue[v]) == 0,
		      "vCPU events");
	CHECK(rig_attr_set(rig, KVMCORE_SDEI_PENDING, image->pending, image->n_pending) == 0,
	      "pending");
	for (unsigned int v = 0; v < rig->n; v++)
		CHECK(rig_cmd(rig, (int)v, KVM_SDEI_CMD_SET_VCPU_STATE, 0, &image->state[v]) == 0,
		      "vCPU state");
}

static void expose_all(struct rig *rig)
{
	rig_expose(rig, PRIV, PRIVATE, NORMAL);
	rig_expose(rig, SHRD, SHARED, NORMAL);
	rig_expose(rig, CRIT, PRIVATE, CRITICAL);
	rig_expose(rig, ANY, SHARED, NORMAL);
}

/* Of everything something; four vCPUs as the demo has them, and more. */
static void fill(struct rig *rig)
{
	uint64_t ppi;

	rig_open(rig, KVMCORE_PROFILE_SPEC, 4);
	expose_all(rig);
	ppi = (uint64_t)call(rig, 0, INTERRUPT_BIND, 29);
	call(rig, 0, INTERRUPT_BIND, 40);
	for (unsigned int v = 0; v < 3;
	     v++) { /* vCPU 0: critical over normal, both with more behind */
		rig_arm(rig, v, PRIV);
		rig_arm(rig, v, CRIT);
		rig_arm(rig, v, ppi);
	}
	rig_inject(rig, 0, PRIV);
	enter(rig, 0);
	rig_inject(rig, 0, CRIT);
	enter(rig, 0);
	rig_inject(rig, 0, PRIV);
	kvmcore_raise(rig->vm, 29, 0, &rig->reply);
	rig_inject(rig, 1, PRIV); /* vCPU 1: running, not registered any more */
	enter(rig, 1);
	call(rig, 1, EVENT_UNREGISTER, PRIV);
	call(rig, 2, PE_MASK); /* vCPU 2: masked, one waits; one disabled, one waits */
	rig_inject(rig, 2, CRIT);
	call(rig, 2, EVENT_DISABLE, PRIV);
	rig_inject(rig, 2, PRIV);
	rig_register(rig, 0, ANY, RM_ANY, 0); /* waits in the VM */
	rig_inject(rig, 0, ANY);
	rig_register(rig, 3, SHRD, RM_PE, RIG_MPIDR(3)); /* vCPU 3: an orphan of a shared event */
	call(rig, 3, EVENT_ENABLE, SHRD);
	call(rig, 3, PE_UNMASK);
	rig_inject(rig, 3, SHRD);
	enter(rig, 3);
	call(rig, 3, EVENT_UNREGISTER, SHRD);
}

static void test_what_is_captured_can_be_replayed_and_is_the_same(void)
{
	static struct image first, second;
	struct rig rig, copy;

	fill(&rig);
	capture(&rig, &first);
	CHECK(first.n_handlers == 1 && first.handler[0].num == SHRD && first.handler[0].vcpu == 3 &&
		      first.handler[0].shared == 1 && first.handler[0].affinity == RIG_MPIDR(3),
	      "a handler registered nowhere is in HANDLERS");
	CHECK(first.n_pending == 1 && first.pending[0].num == ANY,
	      "what no PE holds is in PENDING");
	CHECK(first.n_bindings == 2, "bindings are in BINDINGS");
	CHECK(first.registered[0].unregister_pending[0] == 2 &&
		      first.registered[0].registered[0] == 5,
	      "unregister pending is running and not registered");
	rig_open_paused(&copy, KVMCORE_PROFILE_SPEC, 4);
	replay(&copy, &first);
	capture(&copy, &second);
	CHECK(!memcmp(&first, &second, sizeof(first)), "captured again, every byte is the same");
	rig_close(&copy);
	rig_close(&rig);
}

/* Runs every vCPU until nothing is delivered, and writes down what it saw. */
static unsigned int run_on(struct rig *rig, uint64_t *seen, unsigned int max)
{
	unsigned int n = 0;

	for (unsigned int v = 0; v < rig->n; v++)
		do {
			if (rig->reply.delivered && n < max)
				seen[n++] = rig->regs[v].x[0] << 8 | v;
			while (call(rig, v, EVENT_COMPLETE, 0), !rig->reply.returned)
				if (n < max)
					seen[n++] = rig->regs[v].pc;
		} while (enter(rig, v));
	return n;
}

static void test_the_copy_goes_on_as_the_original_would(void)
{
	uint64_t one[64] = { 0 }, two[64] = { 0 };
	static struct image image;
	struct rig rig, copy;
	unsigned int n;

	fill(&rig);
	capture(&rig, &image);
	rig_open_paused(&copy, KVMCORE_PROFILE_SPEC, 4);
	replay(&copy, &image);
	rig_go(&copy);
	memcpy(copy.regs, rig.regs, sizeof(rig.regs));
	for (unsigned int v = 0; v < 4; v++) {
		call(&rig, v, PE_UNMASK);
		call(&copy, v, PE_UNMASK);
	}
	n = run_on(&rig, one, 64);
	CHECK(n > 8 && run_on(&copy, two, 64) == n && !memcmp(one, two, sizeof(one)),
	      "every handler completes at the same place, and what waited follows in the same "
	      "order");
	rig_close(&copy);
	rig_close(&rig);
}

static void test_restored_triggers_are_delivered(void)
{
	struct kvm_sdei_registered_event_state *priv = calloc(1, sizeof(*priv));
	const struct kvm_sdei_vcpu_event_state entry = { PRIV, 1, 0 };
	struct kvm_sdei_vcpu_state state = { .masked = 1,
					     .critical_num = NONE,
					     .normal_num = NONE };
	struct rig rig;

	REQUIRE(priv, "memory");
	*priv = (struct kvm_sdei_registered_event_state){
		.num = PRIV, .ep_address = { 8 }, .registered = { 1 }, .enabled = { 1 }
	};
	for (unsigned int masked = 0; masked < 2; masked++) {
		rig_open_paused(&rig, KVMCORE_PROFILE_SPEC, 1);
		expose_all(&rig);
		rig_cmd(&rig, -1, KVM_SDEI_CMD_SET_REGISTERED_EVENT, 1, priv);
		rig_cmd(&rig, 0, KVM_SDEI_CMD_SET_VCPU_EVENT, 1, &entry);
		state.masked = (uint8_t)masked;
		CHECK(rig_cmd(&rig, 0, KVM_SDEI_CMD_SET_VCPU_STATE, 0, &state) == 0,
		      "the state is set");
		rig_go(&rig);
		CHECK(enter(&rig, 0) == !masked,
		      "an unmasked PE runs it at once, a masked one does not (M4)");
		call(&rig, 0, PE_UNMASK);
		CHECK(enter(&rig, 0) == masked, "but on unmask");
		rig_close(&rig);
	}
	free(priv);
}

static void test_all_vcpus_can_be_read_at_once(void)
{
	static struct image image;
	struct kvmcore_sdei_pending queue[4 * MAX];
	struct kvm_sdei_vcpu_state state[4];
	uint64_t n = 0, at = 0;
	struct rig rig;

	fill(&rig);
	capture(&rig, &image);
	CHECK(rig_attr_get(&rig, KVMCORE_SDEI_VCPUS, state, 4, &n) == 0 && n == 4 &&
		      !memcmp(state, image.state, sizeof(state)),
	      "VCPUS is what GET_VCPU_STATE tells of each");
	CHECK(rig_attr_get(&rig, KVMCORE_SDEI_QUEUES, queue, 4 * MAX, &n) == 0 && n > 4,
	      "QUEUES can be read");
	for (uint32_t v = 0; v < 4; v++)
		for (uint32_t i = 0; i < image.n_queued[v]; i++, at++)
			CHECK(queue[at].num == image.queue[v][i].num && queue[at].vcpu == v &&
				      queue[at].count == image.queue[v][i].event_count,
			      "as GET_VCPU_EVENT tells it, vCPU behind vCPU");
	CHECK(at == n, "and no more");
	CHECK(rig_attr_get(&rig, KVMCORE_SDEI_QUEUES, NULL, 0, &n) == 0 && n == at &&
		      rig_attr_get(&rig, KVMCORE_SDEI_QUEUES, queue, at - 1, &n) == -ENOSPC &&
		      rig_attr_get(&rig, KVMCORE_SDEI_VCPUS, state, 3, &n) == -ENOSPC && n == 4,
	      "their counts as of any array");
	CHECK(rig_attr_get(&rig, KVMCORE_SDEI_VCPUS, (void *)8, 4, &n) == -EFAULT,
	      "nor is a wrong pointer followed");
	CHECK(rig_attr_set(&rig, KVMCORE_SDEI_QUEUES, queue, 0) == -ENXIO &&
		      rig_attr_set(&rig, KVMCORE_SDEI_VCPUS, state, 0) == -ENXIO,
	      "they are set one by one only");
	rig_close(&rig);
}

static void test_info_says_what_the_service_is(void)
{
	struct kvmcore_sdei_info info = { 0 };
	struct kvm_device_attr attr = { .group = KVMCORE_GROUP_SDEI,
					.attr = KVMCORE_SDEI_INFO,
					.addr = (uintptr_t)&info };
	struct rig rig;

	rig_open_paused(&rig, KVMCORE_PROFILE_SPEC, 1);
	CHECK(kvmcore_ioctl(rig.vm, -1, KVM_GET_DEVICE_ATTR, &attr) == 0, "INFO can be read");
	CHECK(info.profile == KVMCORE_PROFILE_SPEC && info.version == 0x0001000000000000 &&
		      info.private_slots == 3 && info.shared_slots == 3 && info.n_events == 128,
	      "profile, version, slots and limit");
	rig_close(&rig);
}

int main(void)
{
	return RUN_TESTS(test_what_is_captured_can_be_replayed_and_is_the_same,
			 test_the_copy_goes_on_as_the_original_would,
			 test_restored_triggers_are_delivered, test_all_vcpus_can_be_read_at_once,
			 test_info_says_what_the_service_is);
}
