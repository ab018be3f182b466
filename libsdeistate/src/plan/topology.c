// SPDX-License-Identifier: Apache-2.0
#include "plan/fields.h"
#include "plan/map.h"
#include "plan/parts.h"
#include "realm/realm.h"

/* Which facts the VMM tells about itself; all may be missing on a bare v5 kernel. */
static int read_vm_info(struct capture *capture)
{
	const struct sdeistate_capture_options *options = capture->options;
	struct sdeistate_vm *vm = &capture->state->vm;
	struct kvmcore_vm_info info = { .type = 0 };
	int ret = access_attr_get(capture->port, KVMCORE_GROUP_VM, KVMCORE_VM_INFO, &info);

	if (ret == -ENXIO) {
		if (!options->profile_given)
			return error_set(capture->err, SDEISTATE_PORT_LACKS, -EOPNOTSUPP,
					 "device attribute group 0x564d", "profile",
					 "present, or a profile given|absent");
		vm->profile = options->profile;
		return 0;
	}
	if (ret < 0)
		return capture_failed(capture, ret, "KVMCORE_VM_INFO");
	if (options->profile_given && options->profile != info.profile)
		return error_set(capture->err, SDEISTATE_USAGE, -EINVAL, "capture", "profile",
				 "%u, as the VM says|%u", info.profile, options->profile);
	memcpy(vm->uuid, info.uuid, sizeof(vm->uuid));
	memcpy(vm->kernel, info.kernel, sizeof(vm->kernel));
	vm->generation = info.generation;
	vm->type = info.type;
	vm->profile = info.profile;
	vm->ipa_bits = info.ipa_bits;
	return 0;
}

static int read_sdei_info(struct capture *capture)
{
	struct sdeistate_vm *vm = &capture->state->vm;
	struct kvmcore_sdei_info info = { .profile = 0 };
	int ret = access_attr_get(capture->port, KVMCORE_GROUP_SDEI, KVMCORE_SDEI_INFO, &info);

	if (ret == -ENXIO && vm->profile != KVMCORE_PROFILE_SPEC)
		return 0;
	if (ret == -ENXIO)
		return error_set(capture->err, SDEISTATE_PORT_LACKS, -EOPNOTSUPP,
				 "device attribute group 0x5344", "info", "present|absent");
	if (ret < 0)
		return capture_failed(capture, ret, "KVMCORE_SDEI_INFO");
	vm->has_sdei_info = true;
	vm->sdei_version = info.version;
	vm->private_slots = info.private_slots;
	vm->shared_slots = info.shared_slots;
	vm->n_events = info.n_events;
	return 0;
}

static int read_power(struct capture *capture, unsigned int i)
{
	struct sdeistate_vcpu *vcpu = &capture->state->vcpu[i];
	struct kvm_mp_state mp = { .mp_state = 0 };
	int ret = capture->port->ioctl(capture->port->vm, (int)i, KVM_GET_MP_STATE, &mp);

	if (ret < 0)
		return capture_failed(capture, ret, OBJECT("KVM_GET_MP_STATE of vcpu %u", i));
	vcpu->mp_state = mp.mp_state;
	return 0;
}

/* Names as the port tells them, power from all vCPUs at once or else one by one. */
static int read_vcpus(struct capture *capture)
{
	struct sdeistate *state = capture->state;
	CLEANUP(cleanup_free) void *array = NULL;
	int ret = capture_per_vcpu(capture, KVMCORE_GROUP_VM, KVMCORE_VM_VCPUS, "vcpus",
				   sizeof(struct kvmcore_vm_vcpu), &array);
	const struct kvmcore_vm_vcpu *told = array;

	if (ret && ret != -ENXIO)
		return ret;
	for (unsigned int i = 0; i < state->n_vcpus; i++) {
		state->vcpu[i].vcpu_id = capture->port->vcpus[i].vcpu_id;
		state->vcpu[i].mpidr = capture->port->vcpus[i].mpidr;
		if (told)
			state->vcpu[i].mp_state = told[i].mp_state;
	}
	ret = 0;
	for (unsigned int i = 0; i < state->n_vcpus && !told && !ret; i++)
		ret = read_power(capture, i);
	return ret;
}

int capture_topology(struct capture *capture)
{
	struct sdeistate *state = capture->state;
	unsigned int n = capture->port->n_vcpus;
	int ret = read_vm_info(capture);

	if (!ret)
		ret = capture_refuse_type(capture);
	if (!ret && state->vm.type != KVMCORE_VM_S390)
		ret = read_sdei_info(capture);
	if (ret)
		return ret;
	if (n > KVM_SDEI_MAX_VCPUS)
		return error_set(capture->err, SDEISTATE_OVER_LIMIT, -E2BIG, "vcpus", "count",
				 "at most %u|%u", KVM_SDEI_MAX_VCPUS, n);
	state->vcpu = calloc(n + 1u, sizeof(*state->vcpu));
	if (!state->vcpu)
		return error_no_memory(capture->err, "vcpus");
	state->n_vcpus = n;
	return read_vcpus(capture);
}

static bool is_mp_state(const struct sdeistate_vm *vm, uint32_t mp_state)
{
	if (vm->type == KVMCORE_VM_S390)
		return mp_state == KVM_MP_STATE_OPERATING || mp_state == KVM_MP_STATE_STOPPED;
	return mp_state == KVM_MP_STATE_RUNNABLE || mp_state == KVM_MP_STATE_STOPPED ||
	       mp_state == KVM_MP_STATE_SUSPENDED;
}

/* @ascends: so far both names did, as VMMs count; then nothing has to be searched. */
static int validate_vcpu(const struct sdeistate *state, unsigned int i, bool ascends,
			 struct sdeistate_error *err)
{
	const struct sdeistate_vcpu *vcpu = &state->vcpu[i];

	if (vcpu->mpidr & ~MPIDR_AFFINITY)
		return inconsistent(err, OBJECT("vcpu %u", i), "mpidr",
				    "affinity fields only|0x%" PRIx64, (uint64_t)vcpu->mpidr);
	if (!is_mp_state(&state->vm, vcpu->mp_state))
		return inconsistent(err, OBJECT("vcpu %u", i), "mp_state", "%s|%u",
				    state->vm.type == KVMCORE_VM_S390 ? "5 or 7" : "0, 5 or 10",
				    vcpu->mp_state);
	if (ascends)
		return 0;
	for (unsigned int j = 0; j < i; j++) {
		if (state->vcpu[j].mpidr == vcpu->mpidr)
			return inconsistent(err, OBJECT("vcpu %u", i), "mpidr",
					    "another than vcpu %u's|0x%" PRIx64, j, vcpu->mpidr);
		if (state->vcpu[j].vcpu_id == vcpu->vcpu_id)
			return inconsistent(err, OBJECT("vcpu %u", i), "vcpu_id",
					    "another than vcpu %u's|%u", j, vcpu->vcpu_id);
	}
	return 0;
}

static int validate_vm(const struct sdeistate_vm *vm, struct sdeistate_error *err)
{
	if (vm->profile >= KVMCORE_NR_PROFILES)
		return inconsistent(err, "vm", "profile", "below %d|%u", KVMCORE_NR_PROFILES,
				    vm->profile);
	if (vm->ipa_bits > 64)
		return inconsistent(err, "vm", "ipa_bits", "at most 64|%u", vm->ipa_bits);
	if (vm->kernel[sizeof(vm->kernel) - 1])
		return inconsistent(err, "vm", "kernel", "a NUL at its end|none");
	if (vm->private_slots > 64 || vm->shared_slots > 64)
		return inconsistent(err, "vm", "slots", "at most 64 of each|%u private, %u shared",
				    vm->private_slots, vm->shared_slots);
	if (vm->type >= KVMCORE_NR_VM_TYPES)
		return inconsistent(err, "vm", "type", "below %d|%u", KVMCORE_NR_VM_TYPES,
				    vm->type);
	if (vm->type == KVMCORE_VM_S390 && vm->has_sdei_info)
		return inconsistent(err, "vm", "sdei_info", "absent on s390|present");
	if (vm->profile == KVMCORE_PROFILE_SPEC && vm->type != KVMCORE_VM_S390 &&
	    !vm->has_sdei_info)
		return inconsistent(err, "vm", "sdei_info", "present in profile spec|absent");
	return 0;
}

int validate_topology(const struct sdeistate *state, struct sdeistate_error *err)
{
	unsigned int next_event = 0;
	bool ascends = true;
	int ret = validate_vm(&state->vm, err);

	if (!ret && state->n_vcpus > KVM_SDEI_MAX_VCPUS)
		return inconsistent(err, "vcpus", "count", "at most %u|%u", KVM_SDEI_MAX_VCPUS,
				    state->n_vcpus);
	for (unsigned int i = 0; i < state->n_vcpus && !ret; i++) {
		ascends &= i == 0 || (state->vcpu[i - 1].mpidr < state->vcpu[i].mpidr &&
				      state->vcpu[i - 1].vcpu_id < state->vcpu[i].vcpu_id);
		ret = validate_vcpu(state, i, ascends, err);
		if (!ret && state->vcpu[i].first_event != next_event)
			return inconsistent(err, OBJECT("vcpu %u", i), "first_event", "%u|%u",
					    next_event, state->vcpu[i].first_event);
		next_event += state->vcpu[i].n_events;
	}
	if (!ret && next_event != state->n_vcpu_events)
		return inconsistent(err, "vcpus", "n_events", "%u in all|%u", state->n_vcpu_events,
				    next_event);
	return ret;
}

/* What the destination tells about itself beyond what a capture keeps. */
static void check_fresh(struct target *target)
{
	const struct sdeistate_vm *vm = &target->state->vm;
	static const uint8_t none[16];
	struct kvmcore_vm_info info;
	int ret = access_attr_get(target->port, KVMCORE_GROUP_VM, KVMCORE_VM_INFO, &info);

	if (ret == -ENXIO)
		return; /* a VMM without the group has nothing to say */
	if (ret < 0) {
		obstacle(target, SDEISTATE_CAPTURE_FAILED, "KVMCORE_VM_INFO", "", "success|%s",
			 strerror(-ret));
		return;
	}
	if (info.has_run)
		obstacle(target, SDEISTATE_VM_NOT_FRESH, "vm", "has_run",
			 "a VM that never ran|ran");
	if (memcmp(info.uuid, vm->uuid, 16) && memcmp(info.uuid, none, 16) &&
	    memcmp(vm->uuid, none, 16))
		obstacle(target, SDEISTATE_WRONG_VM, "vm", "uuid", "the snapshot's|another");
}

static void check_sdei_info(struct target *target)
{
	const struct sdeistate_vm *want = &target->state->vm, *have = &target->found->vm;

	if (!want->has_sdei_info || !have->has_sdei_info)
		return;
	if (want->sdei_version != have->sdei_version)
		obstacle(target, SDEISTATE_INCOMPATIBLE, "vm", "sdei_version",
			 "0x%" PRIx64 "|0x%" PRIx64, want->sdei_version, have->sdei_version);
	if (want->private_slots > have->private_slots)
		obstacle(target, SDEISTATE_INCOMPATIBLE, "vm", "private_slots", "at least %u|%u",
			 want->private_slots, have->private_slots);
	if (want->shared_slots > have->shared_slots)
		obstacle(target, SDEISTATE_INCOMPATIBLE, "vm", "shared_slots", "at least %u|%u",
			 want->shared_slots, have->shared_slots);
	if (have->n_events < target->state->n_registered ||
	    have->n_events < target->state->n_exposed)
		obstacle(target, SDEISTATE_INCOMPATIBLE, "vm", "n_events", "at least %u|%u",
			 target->state->n_registered > target->state->n_exposed
				 ? target->state->n_registered
				 : target->state->n_exposed,
			 have->n_events);
}

/* Names for people; the numbers are those of kvmcore/uapi.h. */
static const char *word(const char *const *words, unsigned int n, uint32_t number)
{
	return number < n ? words[number] : "unknown";
}

static const char *type_word(uint32_t type)
{
	static const char *const words[KVMCORE_NR_VM_TYPES] = {
		[KVMCORE_VM_ARM64] = "arm64",
		[KVMCORE_VM_REALM] = "realm",
		[KVMCORE_VM_S390] = "s390",
		[KVMCORE_VM_PROTECTED] = "protected",
	};

	return word(words, KVMCORE_NR_VM_TYPES, type);
}

static const char *profile_word(uint32_t profile)
{
	static const char *const words[] = {
		[KVMCORE_PROFILE_SPEC] = "spec",
		[KVMCORE_PROFILE_KVM_V5] = "kvm-v5",
		[KVMCORE_PROFILE_KVM_V7] = "kvm-v7",
	};

	return word(words, sizeof(words) / sizeof(words[0]), profile);
}

void check_topology(struct target *target)
{
	const struct sdeistate_vm *want = &target->state->vm, *have = &target->found->vm;

	if (want->type != have->type)
		obstacle(target, SDEISTATE_INCOMPATIBLE, "vm", "type", "%s|%s",
			 type_word(want->type), type_word(have->type));
	if (want->profile != have->profile)
		obstacle(target, SDEISTATE_INCOMPATIBLE, "vm", "profile", "%s|%s",
			 profile_word(want->profile), profile_word(have->profile));
	if (want->ipa_bits && have->ipa_bits && want->ipa_bits > have->ipa_bits)
		obstacle(target, SDEISTATE_INCOMPATIBLE, "vm", "ipa_bits", "at least %u|%u",
			 want->ipa_bits, have->ipa_bits);
	check_fresh(target);
	check_sdei_info(target);
	map_vcpus(target);
}

/* One vCPU as the kernel's own defaults make it; its registers come later, from whoever has them.
 */
static int create_vcpu(struct target *target, unsigned int i)
{
	const struct kvm_port *port = target->port;
	const struct sdeistate_vcpu *vcpu = &target->state->vcpu[i];
	const char *object = OBJECT("vcpu %u (id %u)", i, vcpu->vcpu_id);
	struct kvm_vcpu_init init;
	uint64_t mpidr = 0;
	int index = port->ioctl(port->vm, ON_VM, KVM_CREATE_VCPU, (void *)(uintptr_t)vcpu->vcpu_id);
	int ret = index;

	if (ret < 0 || index >= (int)KVM_SDEI_MAX_VCPUS)
		return replayed(target, ret < 0 ? ret : -EINVAL, object, "KVM_CREATE_VCPU");
	target->map[i] = (uint32_t)index;
	if (target->state->vm.type == KVMCORE_VM_S390)
		return 0; /* no KVM_ARM_VCPU_INIT, and the id is all its name */
	ret = port->ioctl(port->vm, ON_VM, KVMCORE_ARM_PREFERRED_TARGET, &init);
	if (ret < 0)
		return replayed(target, ret, object, "KVM_ARM_PREFERRED_TARGET");
	init.features[0] |= 1u << KVM_ARM_VCPU_PSCI_0_2;
	ret = port->ioctl(port->vm, index, KVMCORE_ARM_VCPU_INIT, &init);
	if (ret < 0)
		return replayed(target, ret, object, "KVM_ARM_VCPU_INIT");
	ret = access_reg_get(port, index, KVMCORE_REG_MPIDR_EL1, &mpidr);
	if (ret < 0)
		return replayed(target, ret, object, "mpidr");
	if ((mpidr & MPIDR_AFFINITY) != vcpu->mpidr)
		return error_set(target->err, SDEISTATE_REPLAY_FAILED, -EINVAL, object, "mpidr",
				 "0x%" PRIx64 "|0x%" PRIx64, vcpu->mpidr, mpidr & MPIDR_AFFINITY);
	return 0;
}

int replay_topology(struct target *target)
{
	const struct sdeistate *state = target->state;
	int ret = state->s390 ? replay_s390_model(target) : 0;

	if (state->realm)
		ret = realm_begin(target); /* vCPUs come after its creation */

	for (unsigned int i = 0; i < state->n_vcpus && target->create && !ret; i++)
		ret = create_vcpu(target, i);
	for (unsigned int i = 0; i < state->n_vcpus && !ret; i++) {
		struct kvm_mp_state mp = { .mp_state = state->vcpu[i].mp_state };

		if (!target->create && target->found->vcpu[target->map[i]].mp_state == mp.mp_state)
			continue;
		ret = target->port->ioctl(target->port->vm, (int)target->map[i], KVM_SET_MP_STATE,
					  &mp);
		if (ret < 0)
			return replayed(target, ret, OBJECT("vcpu %u", i), "mp_state");
		ret = 0;
	}
	return ret;
}

void diff_topology(struct differ *differ)
{
	static const struct field vm_fields[] = {
		FIELD_ARRAY(sdeistate_vm, uuid),    FIELD(sdeistate_vm, generation),
		FIELD(sdeistate_vm, type),          FIELD(sdeistate_vm, profile),
		FIELD_ARRAY(sdeistate_vm, kernel),  FIELD(sdeistate_vm, ipa_bits),
		FIELD(sdeistate_vm, has_sdei_info), FIELD(sdeistate_vm, sdei_version),
		FIELD(sdeistate_vm, private_slots), FIELD(sdeistate_vm, shared_slots),
		FIELD(sdeistate_vm, n_events),
	};
	static const struct field vcpu_fields[] = {
		FIELD(sdeistate_vcpu, vcpu_id),
		FIELD(sdeistate_vcpu, mpidr),
		FIELD(sdeistate_vcpu, mp_state),
		FIELD(sdeistate_vcpu, n_events),
	};
	static const struct layout vm_layout = { "vm",      sizeof(struct sdeistate_vm),
						 NULL,      false,
						 vm_fields, ARRAY_SIZE(vm_fields) };
	static const struct layout vcpu_layout = { "vcpu",      sizeof(struct sdeistate_vcpu),
						   NULL,        false,
						   vcpu_fields, ARRAY_SIZE(vcpu_fields) };

	diff_value(differ, "kind", differ->a->kind, differ->b->kind);
	diff_value(differ, "torn", differ->a->torn, differ->b->torn);
	diff_struct(differ, &vm_layout, "vm", &differ->a->vm, &differ->b->vm);
	diff_indexed(differ, &vcpu_layout, differ->a->vcpu, differ->a->n_vcpus, differ->b->vcpu,
		     differ->b->n_vcpus);
}
