// SPDX-License-Identifier: Apache-2.0
/*
 * The attribute groups of s390, cell by cell, in both readings; each row on a VM of its own.
 */
#include "s390_rows.h"
#include "support/model.h"

#include <errno.h>
#include <kvmcore/uapi_s390.h>

#define BAD  8u /* never mapped */
#define PAGE 4096u

static uint8_t room[8192];

static struct model make(const struct s390_row *row, bool document)
{
	static const uint64_t none[256];
	static _Alignas(PAGE) uint8_t memory[PAGE];
	struct kvmcore_config config = { .type = KVMCORE_VM_S390,
					 .s390_strict_document = document };
	struct kvm_userspace_memory_region slot = {
		.flags = row->given & LOGGED ? KVM_MEM_LOG_DIRTY_PAGES : 0,
		.memory_size = PAGE,
		.userspace_addr = (uintptr_t)memory,
	};
	static const struct kvm_s390_vm_cpu_subfunc subfunc;
	struct model m;

	config.host.s390_lacks = row->given & (NO_CMMA | NO_AP | HUGE | UCONTROL | PROTECTED);
	config.host.s390_facilities = row->given & POOR ? none : NULL;
	config.kernel = row->given & OLD ? "6.1" : NULL;
	m = model_new(&config, 0);
	if (row->given & CMMA_ON)
		CHECK(model_attr(&m, -1, KVM_SET_DEVICE_ATTR, 0, 0, NULL) == 0, "CMMA on");
	if (row->given & WRITTEN)
		CHECK(model_attr(&m, -1, KVM_SET_DEVICE_ATTR, 3, 4, &subfunc) == 0, "written");
	if (row->given & SLOT)
		CHECK(kvmcore_ioctl(m.vm, -1, KVM_SET_USER_MEMORY_REGION, &slot) == 0, "memory");
	if (row->given & STARTED)
		model_attr(&m, -1, KVM_SET_DEVICE_ATTR, 4, 1, NULL);
	if (row->given & VCPU)
		CHECK(kvmcore_ioctl(m.vm, -1, KVM_CREATE_VCPU, NULL) == 0, "a vCPU");
	return m;
}

static uint64_t address(enum s390_data data)
{
	const uint64_t above = (1ULL << 53) + 1;

	memset(room, data == ONES ? 0xff : 0, sizeof(room));
	if (data == ONE)
		room[0] = 1;
	if (data == ABOVE)
		memcpy(room, &above, sizeof(above));
	return data == NOTHING ? 0 : data == NOWHERE ? BAD : (uintptr_t)room;
}

static void check_row(const struct s390_row *row, bool document)
{
	static const unsigned long cmd[] = { KVM_SET_DEVICE_ATTR, KVM_GET_DEVICE_ATTR,
					     KVM_HAS_DEVICE_ATTR };
	const int want = document ? row->document : row->kernel;
	struct kvm_device_attr attr = { .flags = !!(row->given & FLAGS),
					.group = row->group,
					.attr = row->attr,
					.addr = address(row->data) };
	struct model m = make(row, document);
	const int ret = kvmcore_ioctl(m.vm, -1, cmd[row->op], &attr);

	if (!CHECK(ret == want, row->promise))
		fprintf(stderr, "%s, %s: %d, not %d\n", row->source,
			document ? "document" : "kernel", ret, want);
	model_free(&m);
}

static void test_each_cell(void)
{
	for (size_t i = 0; i < s390_n_rows; i++)
		for (int document = 0; document < 2; document++)
			check_row(&s390_row[i], document);
	CHECK(s390_n_rows > 120, "all of them");
}

static void test_the_struct_itself(void)
{
	struct model m = make(&(struct s390_row){ .given = 0 }, false);

	CHECK(kvmcore_ioctl(m.vm, -1, KVM_SET_DEVICE_ATTR, (void *)BAD) == -EFAULT &&
		      kvmcore_ioctl(m.vm, -1, KVM_GET_DEVICE_ATTR, (void *)BAD) == -EFAULT &&
		      kvmcore_ioctl(m.vm, -1, KVM_HAS_DEVICE_ATTR, (void *)BAD) == -EFAULT,
	      "before anything of it is known");
	model_free(&m);
}

int main(void)
{
	return RUN_TESTS(test_each_cell, test_the_struct_itself);
}
