// SPDX-License-Identifier: Apache-2.0
/*
 * An s390 VM through the attribute groups of arch/s390/kvm/kvm-s390.c and, for what these do not let be read, group
 * 0x5339 (docs/abi-s390.md). What is carried is what QEMU carries; keys and CMMA values go with the memory.
 */
#include "plan/s390.h"
#include "plan/fields.h"
#include "plan/parts.h"

#include <stdio.h>

#define CPU      KVM_S390_VM_CPU_MODEL
#define KEYS_ONE 1 /* pages a look at the storage keys takes */

/* GET @attr into @value; @absent is how a kernel says that it has none. Return: 0; 1 absent; the errno */
static int get(struct capture *capture, const char *object, uint32_t group, uint64_t attr,
	       int absent, void *value)
{
	const int ret = access_attr_get(capture->port, group, attr, value);

	if (ret < 0 && ret == absent)
		return 1;
	return ret < 0 ? capture_failed(capture, ret, object) : 0;
}

/* The same for one of the parts a VM may lack. */
static int get_part(struct capture *capture, const char *object, uint32_t group, uint64_t attr,
		    int absent, void *value, enum sdeistate_s390_part part)
{
	const int ret = get(capture, object, group, attr, absent, value);

	if (ret == 0)
		capture->state->s390->parts |= (uint32_t)part;
	return ret == 1 ? 0 : ret;
}

static int get_model(struct capture *capture, struct sdeistate_s390 *s)
{
	int ret = get(capture, "s390 CPU model", CPU, KVM_S390_VM_CPU_PROCESSOR, 0, &s->processor);

	if (!ret)
		ret = get(capture, "s390 CPU features", CPU, KVM_S390_VM_CPU_PROCESSOR_FEAT, 0,
			  &s->feat);
	/* The document has EINVAL for what nobody wrote yet. */
	if (!ret)
		ret = get_part(capture, "s390 subfunctions", CPU, KVM_S390_VM_CPU_PROCESSOR_SUBFUNC,
			       -EINVAL, &s->subfunc, SDEISTATE_S390_SUBFUNC);
	if (!ret)
		ret = get_part(capture, "s390 UV features", CPU,
			       KVM_S390_VM_CPU_PROCESSOR_UV_FEAT_GUEST, -ENXIO, &s->uv_feat,
			       SDEISTATE_S390_UV_FEAT);
	memset(s->processor.pad, 0, sizeof(s->processor.pad));
	return ret;
}

/* EXT first, as QEMU does; kernels before it have LOW alone. A protected guest's clock is the ultravisor's. */
static int get_clock(struct capture *capture, struct sdeistate_s390 *s)
{
	struct kvm_s390_vm_tod_clock clock = { .tod = 0 };
	int ret;

	if (s->flags & KVMCORE_S390_INFO_PROTECTED)
		return 0;
	ret = get(capture, "s390 clock", KVM_S390_VM_TOD, KVM_S390_VM_TOD_EXT, -ENXIO, &clock);
	if (ret == 1)
		ret = get(capture, "s390 clock", KVM_S390_VM_TOD, KVM_S390_VM_TOD_LOW, 0,
			  &clock.tod);
	if (ret)
		return ret;
	s->parts |= SDEISTATE_S390_TOD;
	s->epoch_idx = clock.epoch_idx;
	s->tod = clock.tod;
	return 0;
}

/* A key or a CMMA value in use is told; it is refused where nobody else moves the memory it belongs to. */
static int check_storage(const struct capture *capture, bool cmma)
{
	const struct kvm_port *port = capture->port;
	uint8_t key;
	struct kvm_s390_skeys keys = { .count = KEYS_ONE, .skeydata_addr = (uintptr_t)&key };
	struct kvm_s390_cmma_log log = { .count = KEYS_ONE,
					 .flags = KVM_S390_CMMA_PEEK,
					 .values = (uintptr_t)&key };
	const char *object = NULL;
	int ret;

	if (capture->options->kind == SDEISTATE_BASE)
		return 0;
	ret = port->ioctl(port->vm, ON_VM, KVM_S390_GET_SKEYS, &keys);
	if (ret == 0 ||
	    ret == -EFAULT) /* the page may be no memory: keys are in use all the same */
		object = "storage keys";
	ret = cmma ? port->ioctl(port->vm, ON_VM, KVM_S390_GET_CMMA_BITS, &log) : -ENXIO;
	if (ret == -EFAULT || (ret == 0 && log.count))
		object = "CMMA values";
	if (!object)
		return 0;
	if (capture->options->n_regions)
		return error_set(capture->err, SDEISTATE_INCOMPATIBLE, -EOPNOTSUPP, object, "",
				 "none: they go with memory that the VMM moves itself|in use");
	capture_note(capture, object, "", "in use: the VMM moves them with the guest's memory");
	return 0;
}

int capture_s390(struct capture *capture)
{
	struct sdeistate_s390 *s = capture->state->s390 = calloc(1, sizeof(*s));
	struct kvmcore_s390_info info = { .flags = 0 };
	uint8_t changed = 0;
	int ret;

	if (!s)
		return error_no_memory(capture->err, "s390");
	ret = access_attr_get(capture->port, KVMCORE_GROUP_S390, KVMCORE_S390_INFO, &info);
	if (ret == -ENXIO)
		return error_set(capture->err, SDEISTATE_PORT_LACKS, -EOPNOTSUPP,
				 "device attribute group 0x5339", "info", "present|absent");
	if (ret < 0)
		return capture_failed(capture, ret, "KVMCORE_S390_INFO");
	s->flags = info.flags;
	ret = get_model(capture, s);
	if (!ret)
		ret = get_clock(capture, s);
	if (!ret)
		ret = get_part(capture, "s390 topology", KVM_S390_VM_CPU_TOPOLOGY, 0, -ENXIO,
			       &changed, SDEISTATE_S390_TOPOLOGY);
	s->topology_changed = changed;
	return ret ? ret : check_storage(capture, s->flags & KVMCORE_S390_INFO_CMMA);
}

bool s390_has(const struct sdeistate_s390 *s, unsigned int facility)
{
	return s->processor.fac_list[facility / 64] >> (63 - facility % 64) & 1;
}

static int needs(const struct sdeistate_s390 *s, const char *field, unsigned int facility,
		 struct sdeistate_error *err)
{
	return s390_has(s, facility)
		       ? 0
		       : inconsistent(err, "s390", field, "facility %u|without it", facility);
}

int validate_s390(const struct sdeistate *state, struct sdeistate_error *err)
{
	static const struct kvm_s390_vm_cpu_subfunc none;
	const struct sdeistate_s390 *s = state->s390;
	const bool protected = s->flags & KVMCORE_S390_INFO_PROTECTED;
	int ret = 0;

	if (s->flags & ~S390_KNOWN_FLAGS)
		return inconsistent(err, "s390", "flags", "known ones|0x%x", s->flags);
	if (s->parts & ~(uint32_t)SDEISTATE_S390_PARTS)
		return inconsistent(err, "s390", "parts", "known ones|0x%x", s->parts);
	if (!(s->parts & SDEISTATE_S390_TOD) != protected)
		return inconsistent(err, "s390", "clock", "%s|%s", protected ? "absent" : "present",
				    protected ? "present" : "absent");
	if (protected && (s->tod || s->epoch_idx))
		return inconsistent(err, "s390", "clock", "0|another");
	if (!(s->parts & SDEISTATE_S390_SUBFUNC) && memcmp(&s->subfunc, &none, sizeof(none)))
		return inconsistent(err, "s390", "subfunc", "0|another");
	if (!(s->parts & SDEISTATE_S390_UV_FEAT) && s->uv_feat)
		return inconsistent(err, "s390", "uv_feat", "0|0x%" PRIx64, s->uv_feat);
	if (!(s->parts & SDEISTATE_S390_TOPOLOGY) && s->topology_changed)
		return inconsistent(err, "s390", "topology_changed", "0|1");
	if (s->flags & (KVMCORE_S390_INFO_AES_KW | KVMCORE_S390_INFO_DEA_KW))
		ret = needs(s, "key wrapping", S390_FACILITY_MSA3, err);
	if (!ret && s->epoch_idx)
		ret = needs(s, "epoch_idx", S390_FACILITY_MULTIPLE_EPOCH, err);
	if (!ret && s->parts & SDEISTATE_S390_TOPOLOGY)
		ret = needs(s, "topology_changed", S390_FACILITY_TOPOLOGY, err);
	return ret;
}

static int set(struct target *target, const char *object, uint32_t group, uint64_t attr,
	       const void *value)
{
	return replayed(target, access_attr_set(target->port, group, attr, value), object,
			"KVM_SET_DEVICE_ATTR");
}

/* A VMM that made vCPUs has made them with this model: check_s390() looked. */
int replay_s390_model(struct target *target)
{
	const struct sdeistate_s390 *s = target->state->s390;
	int ret;

	if (target->port->n_vcpus)
		return 0;
	ret = set(target, "s390 CPU model", CPU, KVM_S390_VM_CPU_PROCESSOR, &s->processor);
	if (!ret)
		ret = set(target, "s390 CPU features", CPU, KVM_S390_VM_CPU_PROCESSOR_FEAT,
			  &s->feat);
	if (!ret && s->parts & SDEISTATE_S390_SUBFUNC)
		ret = set(target, "s390 subfunctions", CPU, KVM_S390_VM_CPU_PROCESSOR_SUBFUNC,
			  &s->subfunc);
	if (!ret && s->uv_feat)
		ret = set(target, "s390 UV features", CPU, KVM_S390_VM_CPU_PROCESSOR_UV_FEAT_GUEST,
			  &s->uv_feat);
	if (!ret && s->flags & KVMCORE_S390_INFO_CMMA)
		ret = set(target, "s390 CMMA", KVM_S390_VM_MEM_CTRL, KVM_S390_VM_MEM_ENABLE_CMMA,
			  NULL);
	return ret;
}

static int replay_crypto(struct target *target)
{
	static const struct {
		uint32_t flag;
		uint64_t enable;
		const char *object;
	} row[] = {
		{ KVMCORE_S390_INFO_AES_KW, KVM_S390_VM_CRYPTO_ENABLE_AES_KW,
		  "s390 AES key wrapping" },
		{ KVMCORE_S390_INFO_DEA_KW, KVM_S390_VM_CRYPTO_ENABLE_DEA_KW,
		  "s390 DEA key wrapping" },
		{ KVMCORE_S390_INFO_APIE, KVM_S390_VM_CRYPTO_ENABLE_APIE,
		  "s390 AP interpretation" },
	};
	int ret = 0;

	for (unsigned int i = 0; i < ARRAY_SIZE(row) && !ret; i++)
		if (target->state->s390->flags & row[i].flag)
			ret = set(target, row[i].object, KVM_S390_VM_CRYPTO, row[i].enable, NULL);
	return ret;
}

/* EXT first; LOW will do where there is no EXT and the index is 0. */
static int replay_clock(struct target *target)
{
	const struct sdeistate_s390 *s = target->state->s390;
	struct kvm_s390_vm_tod_clock clock;
	int ret;

	if (!(s->parts & SDEISTATE_S390_TOD))
		return 0;
	memset(&clock, 0, sizeof(clock));
	clock.epoch_idx = s->epoch_idx;
	clock.tod = s->tod;
	ret = access_attr_set(target->port, KVM_S390_VM_TOD, KVM_S390_VM_TOD_EXT, &clock);
	if (ret == -ENXIO && !s->epoch_idx)
		ret = access_attr_set(target->port, KVM_S390_VM_TOD, KVM_S390_VM_TOD_LOW, &s->tod);
	return replayed(target, ret, "s390 clock", "KVM_SET_DEVICE_ATTR");
}

int replay_s390(struct target *target)
{
	const struct sdeistate_s390 *s = target->state->s390;
	int ret = replay_crypto(target);

	if (!ret)
		ret = replay_clock(target);
	if (!ret && s->parts & SDEISTATE_S390_TOPOLOGY)
		ret = set(target, "s390 topology", KVM_S390_VM_CPU_TOPOLOGY, s->topology_changed,
			  NULL);
	return ret;
}

void diff_s390(struct differ *differ)
{
	static const struct field fields[] = {
		FIELD(sdeistate_s390, flags),
		FIELD(sdeistate_s390, parts),
		FIELD(sdeistate_s390, processor.cpuid),
		FIELD(sdeistate_s390, processor.ibc),
		FIELD_ARRAY(sdeistate_s390, processor.fac_list),
		FIELD_ARRAY(sdeistate_s390, feat.feat),
		{ "subfunc", offsetof(struct sdeistate_s390, subfunc), 1,
		  sizeof(struct kvm_s390_vm_cpu_subfunc) },
		FIELD(sdeistate_s390, uv_feat),
		FIELD(sdeistate_s390, epoch_idx),
		FIELD(sdeistate_s390, tod),
		FIELD(sdeistate_s390, topology_changed),
	};
	static const struct layout layout = { "s390", sizeof(struct sdeistate_s390),
					      NULL,   false,
					      fields, ARRAY_SIZE(fields) };

	if (differ->a->s390 || differ->b->s390)
		diff_struct(differ, &layout, "s390", differ->a->s390, differ->b->s390);
}
