// SPDX-License-Identifier: Apache-2.0
#include "sdei/event.h"
#include "support/check.h"
#include "vm.h"

#include <stdlib.h>

static struct kvmcore_vm *open_vm(void)
{
	const struct kvmcore_config config = { .profile = KVMCORE_PROFILE_SPEC };
	struct kvmcore_vm *vm = NULL;

	if (kvmcore_vm_create(&config, &vm, NULL) || kvmcore_vcpu_create(vm, 0, 0) < 0 ||
	    kvmcore_vcpu_create(vm, 1, 1) < 0)
		abort();
	return vm;
}

static void test_128_numbers_are_found_again(void)
{
	struct kvmcore_vm *vm = open_vm();
	struct sdei *sdei = &vm->sdei;

	/* Numbers 512 apart and numbers in a row: some of both meet in the table. */
	for (uint16_t i = 0; i < 128; i++) {
		const struct kvm_sdei_exposed_event_state exposed = {
			.num = i % 2 ? i : 0x1000u + i * 512u
		};

		CHECK(event_create(sdei, (uint16_t)(SDEI_FIRST_EXPOSED + i), &exposed) != NULL,
		      "room for 128");
	}
	for (uint16_t i = 0; i < 128; i++) {
		const struct sdei_event *event = event_find(sdei, i % 2 ? i : 0x1000u + i * 512u);

		CHECK(event && event->slot == SDEI_FIRST_EXPOSED + i, "each is found in its slot");
	}
	CHECK(!event_find(sdei, 0x1001) && !event_find(sdei, 200), "and no other");
	vm = kvmcore_vm_destroy(vm);
}

static void test_event_0_and_the_slots_are_there(void)
{
	struct kvmcore_vm *vm = open_vm();

	CHECK(event_find(&vm->sdei, 0) && event_find(&vm->sdei, 0)->slot == 0, "event 0");
	CHECK(event_find(&vm->sdei, SDEI_BOUND_PRIVATE + 2) &&
		      !event_find(&vm->sdei, SDEI_BOUND_PRIVATE + 3),
	      "three private slots");
	CHECK(event_find(&vm->sdei, SDEI_BOUND_SHARED + 2) &&
		      !event_find(&vm->sdei, SDEI_BOUND_SHARED + 3),
	      "three shared ones");
	CHECK(!event_is_shared(event_find(&vm->sdei, SDEI_BOUND_PRIVATE)) &&
		      event_is_shared(event_find(&vm->sdei, SDEI_BOUND_SHARED)),
	      "of their type");
	vm = kvmcore_vm_destroy(vm);
}

static void test_the_list_of_registered_events_follows_their_state(void)
{
	struct kvmcore_vm *vm = open_vm();
	struct sdei *sdei = &vm->sdei;
	struct sdei_event *event = event_find(sdei, 0);

	event_state_put(sdei, event, vm->vcpu[0], STATE_REGISTERED);
	event_state_put(sdei, event, vm->vcpu[1], STATE_REGISTERED | STATE_ENABLED);
	CHECK(sdei->n_registered == 1 && event->n_registered == 2, "one event, two vCPUs");
	CHECK(event_state(event, vm->vcpu[0]) == STATE_REGISTERED &&
		      event_state(event, vm->vcpu[1]) == (STATE_REGISTERED | STATE_ENABLED),
	      "each with its own state");
	event_state_put(sdei, event, vm->vcpu[0], 0);
	CHECK(sdei->n_registered == 1, "one goes, the event stays");
	event_state_put(sdei, event, vm->vcpu[1], 0);
	CHECK(sdei->n_registered == 0 && !event->has_instance, "the last one takes it along");
	vm = kvmcore_vm_destroy(vm);
}

int main(void)
{
	return RUN_TESTS(test_128_numbers_are_found_again, test_event_0_and_the_slots_are_there,
			 test_the_list_of_registered_events_follows_their_state);
}
