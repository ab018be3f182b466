// SPDX-License-Identifier: Apache-2.0
/*
 * The core's door: what a guest may call and a VMM may ask, in any order and with any argument.
 *
 * The input is a configuration byte and then steps of ten bytes: what to do, on which vCPU, and
 * a 64-bit word that goes where the step needs one. Numbers of calls, registers, attributes and
 * ioctls are drawn from the tables most of the time, since random ones are refused at once.
 */
#include <kvmcore/kvmcore.h>
#include <stdlib.h>
#include <string.h>

#define N_VCPUS 3
#define MEMORY  16384u

struct input {
	const uint8_t *at, *end;
};

struct target {
	struct kvmcore_vm *vm;
	/* Where addresses in structs point to: as much as the largest array a step may name. */
	uint64_t word[3 * sizeof(struct kvmcore_vm_regs) / sizeof(uint64_t) + 64];
	struct kvmcore_reply reply;
};

static uint64_t take(struct input *in, size_t n)
{
	uint64_t value = 0;

	for (size_t i = 0; i < n && in->at < in->end; i++)
		value |= (uint64_t)*in->at++ << 8 * i;
	return value;
}

static const uint32_t first_of[] = { 0xc4000020, 0x84000000, 0xc4000000, 0x80000000,
				     0x84000050, 0xc6000000, 0x86000000, 0xc5000020 };

static uint64_t pick_call(uint8_t kind, uint64_t word)
{
	return kind & 0x80 ? word : first_of[kind & 7] + (word & 0x3f);
}

/* Small words name events, PEs and registers that exist. */
static uint64_t shrink(uint64_t word)
{
	return word >> 56 & 1 ? word : word & 0xf;
}

static void do_call(struct target *t, int vcpu, uint8_t kind, uint64_t word)
{
	const struct kvmcore_trap trap = { .smc = kind & 0x40,
					   .imm = kind & 0x20 ? 1 : 0,
					   .aarch32 = kind & 0x10 };
	struct kvmcore_vcpu_regs regs;

	kvmcore_vcpu_regs_get(t->vm, vcpu, &regs);
	regs.x[0] = pick_call(kind, word);
	regs.x[1] = shrink(word >> 8);
	regs.x[2] = shrink(word >> 16);
	regs.x[3] = word >> 24;
	regs.x[4] = word >> 32 & 3;
	regs.x[5] = word >> 40 & 3;
	kvmcore_vcpu_regs_set(t->vm, vcpu, &regs);
	kvmcore_vcpu_call(t->vm, vcpu, &trap, &t->reply);
}

static void do_mmio(struct target *t, int vcpu, uint8_t kind, uint64_t word)
{
	const struct kvmcore_mmio access = { .ipa = word,
					     .va = ~word,
					     .len = kind & 0x1f,
					     .write = kind & 0x20,
					     .no_syndrome = kind & 0x40,
					     .reg = kind };
	struct kvmcore_mmio_result result;

	kvmcore_vcpu_mmio(t->vm, vcpu, &access, &result, &t->reply);
}

static void do_attr(struct target *t, int vcpu, uint8_t kind, uint64_t word)
{
	static const uint32_t group[] = { 0,
					  2,
					  KVMCORE_GROUP_SDEI,
					  KVMCORE_GROUP_FILTER,
					  KVMCORE_GROUP_GUARD,
					  KVMCORE_GROUP_REALM,
					  KVMCORE_GROUP_VM,
					  1 };
	static const unsigned long cmd[] = { KVM_SET_DEVICE_ATTR, KVM_GET_DEVICE_ATTR,
					     KVM_HAS_DEVICE_ATTR, KVM_SET_DEVICE_ATTR };
	struct kvm_smccc_filter filter = { .base = (uint32_t)word,
					   .nr_functions = (uint32_t)(word >> 32) & 0xffff,
					   .action = (uint8_t)(word >> 60) };
	struct kvmcore_array array = { .capacity = word & 3,
				       .count = word >> 2 & 3,
				       .ptr = (uintptr_t)t->word };
	struct kvm_device_attr attr = { .group = group[kind & 7],
					.attr = kind >> 6,
					.addr = (uintptr_t)t->word };

	if (attr.group == 0)
		attr.addr = (uintptr_t)&filter;
	else if (attr.attr && attr.group != 2)
		attr.addr = (uintptr_t)&array;
	t->word[0] = word;
	kvmcore_ioctl(t->vm, vcpu, cmd[kind >> 3 & 3], &attr);
}

/* Arrays of the commands are one entry long, so that the words below suffice for the short ones. */
static void do_sdei(struct target *t, int vcpu, uint8_t kind, uint64_t word)
{
	static struct kvm_sdei_registered_event_state room;
	struct kvm_sdei_cmd cmd = { .cmd = kind & 0xf, .count = kind >> 4 & 1 };
	struct kvm_sdei_vcpu_state state = { .masked = word & 1,
					     .critical_num = shrink(word >> 8),
					     .normal_num = word >> 1 };

	memset(&room, 0, sizeof(room));
	room.num = kind & 0x20 ? 0x400000 + (word & 7) : word & 7;
	room.route_mode = (uint8_t)(word >> 8 & 3);
	memcpy((char *)&room + 9, &word, 3);
	room.registered[0] = word >> 16 & 7;
	room.enabled[0] = word >> 24 & 7;
	cmd.pointer = (uintptr_t)&room;
	if (cmd.cmd == KVM_SDEI_CMD_SET_VCPU_STATE)
		cmd.pointer = (uintptr_t)&state;
	if (cmd.cmd == KVM_SDEI_CMD_INJECT_EVENT)
		cmd.num = room.num;
	kvmcore_ioctl(t->vm, vcpu, KVM_ARM_SDEI_COMMAND, &cmd);
	(void)t;
}

static void do_reg(struct target *t, int vcpu, uint8_t kind, uint64_t word)
{
	static uint64_t value[32];
	struct kvm_one_reg reg = { .addr = (uintptr_t)value };

	value[0] = word & 0xff;
	reg.id = kind & 0x40 ? KVMCORE_REG_FW(kind & 0xf) : KVMCORE_REG_FW_BMAP(kind & 0xf);
	if (kind & 0x20)
		reg.id = word;
	kvmcore_ioctl(t->vm, vcpu, kind & 0x80 ? KVM_GET_ONE_REG : KVM_SET_ONE_REG, &reg);
}

static void do_vcpu(struct target *t, int vcpu, uint8_t kind, uint64_t word)
{
	struct kvm_vcpu_init init = { .target = KVM_ARM_TARGET_GENERIC_V8,
				      .features = { (uint32_t)word & 0x1f } };
	struct kvm_mp_state state = { (uint32_t)word & 0xf };
	struct kvmcore_arm64_vcpu_events events = { .serror_pending = kind & 1,
						    .ext_dabt_pending = kind >> 1 & 1 };
	struct kvm_enable_cap cap = { .cap = kind & 0x10 ? 177 : 216 };

	switch (kind >> 5) {
	case 0:
		kvmcore_ioctl(t->vm, vcpu, KVMCORE_ARM_VCPU_INIT, &init);
		break;
	case 1:
		kvmcore_ioctl(t->vm, vcpu, KVM_SET_MP_STATE, &state);
		break;
	case 2:
		kvmcore_ioctl(t->vm, vcpu, KVMCORE_SET_VCPU_EVENTS, &events);
		break;
	case 3:
		kvmcore_ioctl(t->vm, -1, KVM_ENABLE_CAP, &cap);
		break;
	case 4:
		kvmcore_pause(t->vm);
		break;
	case 5:
		kvmcore_resume(t->vm);
		break;
	case 6:
		kvmcore_raise(t->vm, (uint32_t)word & 0x3f, vcpu, &t->reply);
		break;
	default:
		kvmcore_run(t->vm, vcpu, kind & 1, &t->reply);
	}
}

static void do_memory(struct target *t, int vcpu, uint8_t kind, uint64_t word)
{
	static char memory[2 * MEMORY];
	struct kvm_userspace_memory_region region = {
		.slot = kind & 3,
		.flags = kind >> 6,
		.guest_phys_addr = (word & 0xff) << 12,
		.memory_size = (word >> 8 & 3) << 12,
		.userspace_addr = ((uintptr_t)memory + 4095) & ~(uintptr_t)4095,
	};
	uint64_t ipa = word >> 16 & 0xfffff;
	struct kvm_device_attr attr = { .group = 2, .addr = (uintptr_t)&ipa };

	kvmcore_ioctl(t->vm, -1, KVM_SET_USER_MEMORY_REGION, &region);
	kvmcore_ioctl(t->vm, vcpu, KVM_SET_DEVICE_ATTR, &attr);
}

static void (*const step[])(struct target *t, int vcpu, uint8_t kind, uint64_t word) = {
	do_call, do_call, do_call, do_mmio, do_attr, do_sdei, do_reg, do_vcpu, do_memory,
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const kernel[] = { "6.1", "6.12", "7.2", "7.2-pkvm" };
	struct input in = { data, data + size };
	const uint64_t choice = take(&in, 1);
	const struct kvmcore_config config = {
		.profile = (enum kvmcore_profile)(choice % KVMCORE_NR_PROFILES),
		.kernel = kernel[choice >> 4 & 3],
		.dialects = choice >> 6 & 3,
	};
	struct target t = { 0 };

	if (kvmcore_vm_create(&config, &t.vm, NULL))
		return 0;
	for (uint32_t i = 0; i < N_VCPUS; i++)
		if (kvmcore_vcpu_create(t.vm, i, i) < 0)
			abort();
	if (!(choice & 8))
		kvmcore_resume(t.vm);
	while (in.at < in.end) {
		const uint64_t what = take(&in, 1), kind = take(&in, 1);
		const int vcpu = (int)(what >> 4) % (N_VCPUS + 1) - 1;

		step[(what & 0xf) % (sizeof(step) / sizeof(step[0]))](&t, vcpu, (uint8_t)kind,
								      take(&in, 8));
	}
	kvmcore_vm_destroy(t.vm);
	return 0;
}
