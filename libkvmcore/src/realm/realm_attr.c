// SPDX-License-Identifier: Apache-2.0
/* Group 0x524D: what a mover has to know of a realm, and a token of it. */
#include "array.h"
#include "realm.h"
#include "realm_keys.h"
#include "realm_log.h"
#include "user.h"
#include "vm.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static void read_register(const struct realm *realm, unsigned int index, __u8 out[64])
{
	struct kvmcore_digest value = { 0 };

	if (realm->builder)
		kvmcore_builder_read(realm->builder, index, &value);
	memcpy(out, value.bytes, sizeof(value.bytes));
}

static int get_info(struct kvmcore_vm *vm, uint64_t addr)
{
	const struct realm *realm = vm->realm;
	struct kvmcore_realm_info info = {
		.state = realm->state,
		.rule = vm->config.host.rmm_rule,
		.hash = realm->params.hash,
		.s2sz = realm->params.s2sz,
		.flags = realm->params.flags,
		.sve_vl = realm->params.sve_vl,
		.num_bps = realm->params.num_bps,
		.num_wps = realm->params.num_wps,
		.pmu_num_ctrs = realm->params.pmu_num_ctrs,
		.level_start = (__u32)realm->params.level_start,
		.n_steps = realm->log->n,
		.overflowed = realm->log->overflowed,
	};

	memcpy(info.rpv, realm->params.rpv, sizeof(info.rpv));
	for (unsigned int i = 0; i < vm->n_vcpus; i++)
		info.n_recs += vm->vcpu[i]->has_rec;
	read_register(realm, 0, info.rim);
	for (unsigned int i = 0; i < 4; i++)
		read_register(realm, i + 1, info.rem[i]);
	return user_write(addr, &info, sizeof(info));
}

static int get_steps(struct kvmcore_vm *vm, uint64_t addr)
{
	const struct realm_log *log = vm->realm->log;
	struct kvmcore_realm_step *step = calloc(log->n + 1u, sizeof(*step));
	int ret;

	if (!step)
		return -ENOMEM;
	for (uint32_t i = 0; i < log->n; i++)
		step[i] = log->step[i].step;
	ret = array_give(addr, step, log->n, sizeof(*step));
	free(step);
	return ret;
}

static int get_content(struct kvmcore_vm *vm, uint64_t addr)
{
	const struct realm_log *log = vm->realm->log;
	const size_t size = kvmcore_hash_size(vm->realm->params.hash);
	struct kvmcore_realm_content content;
	const struct realm_step *from;

	if (user_read(&content, addr, sizeof(content)))
		return -EFAULT;
	if (content.step >= log->n)
		return -EINVAL;
	from = &log->step[content.step];
	content.hash_size = (__u32)size;
	content.count = from->content ? from->step.done / 4096 : 0;
	if (user_write(addr, &content, sizeof(content)))
		return -EFAULT;
	if (content.capacity < content.count)
		return -ENOSPC;
	for (uint64_t i = 0; i < content.count; i++)
		if (user_write(content.ptr + i * size, from->content[i].bytes, size))
			return -EFAULT;
	return 0;
}

static int get_token(struct kvmcore_vm *vm, uint64_t addr)
{
	struct realm_token token = { 0 };
	struct kvmcore_realm_token request;
	int ret;

	if (user_read(&request, addr, sizeof(request)))
		return -EFAULT;
	if (vm->realm->state == REALM_NONE)
		return -EINVAL;
	ret = realm_token_make(vm, request.challenge, &token);
	if (ret)
		return ret;
	request.count = token.len;
	ret = user_write(addr, &request, sizeof(request));
	if (!ret && request.capacity < token.len)
		ret = -ENOSPC;
	if (!ret)
		ret = user_write(request.ptr, token.bytes, token.len);
	free(token.bytes);
	return ret;
}

static int get_platform_key(struct kvmcore_vm *vm, uint64_t addr)
{
	struct kvmcore_realm_platform_key key;
	const int ret = realm_platform_key(vm, &key);

	return ret ? ret : user_write(addr, &key, sizeof(key));
}

static int get_host(struct kvmcore_vm *vm, uint64_t addr)
{
	const struct kvmcore_realm_host host = {
		.features = vm->config.host.rmm_features,
		.cap = realm_cap(vm),
		.rec_feature = realm_rec_feature(vm),
		.rule = vm->config.host.rmm_rule,
	};

	return user_write(addr, &host, sizeof(host));
}

/* A real monitor does not tell its host about these; a VMM that does not know them has no such attribute. */
static int get_extends(struct kvmcore_vm *vm, uint64_t addr)
{
	const struct realm_log *log = vm->realm->log;

	if (log->extends_overflowed)
		return -EOVERFLOW;
	return array_give(addr, log->extend, log->n_extends, sizeof(*log->extend));
}

static int (*const get[])(struct kvmcore_vm *, uint64_t) = {
	[KVMCORE_REALM_INFO] = get_info,
	[KVMCORE_REALM_STEPS] = get_steps,
	[KVMCORE_REALM_CONTENT] = get_content,
	[KVMCORE_REALM_TOKEN] = get_token,
	[KVMCORE_REALM_PLATFORM_KEY] = get_platform_key,
	[KVMCORE_REALM_HOST] = get_host,
	[KVMCORE_REALM_EXTENDS] = get_extends,
};

int realm_attr_get(struct kvmcore_vm *vm, uint64_t attr, uint64_t addr)
{
	return vm->realm && attr < ARRAY_SIZE(get) ? get[attr](vm, addr) : -ENXIO;
}

int realm_attr_has(struct kvmcore_vm *vm, uint64_t attr)
{
	return vm->realm && attr < ARRAY_SIZE(get) ? 0 : -ENXIO;
}
