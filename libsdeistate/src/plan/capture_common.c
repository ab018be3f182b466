// SPDX-License-Identifier: Apache-2.0
#include "plan/parts.h"

#include <stdarg.h>
#include <stdio.h>

void capture_note(const struct capture *capture, const char *object, const char *field,
		  const char *format, ...)
{
	char text[256];
	va_list args;

	if (!capture->options->notice)
		return;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	capture->options->notice(capture->options->notice_user, object, field, text);
}

int capture_failed(const struct capture *capture, int code, const char *object)
{
	return error_set(capture->err, SDEISTATE_CAPTURE_FAILED, code, object, "", "success|%s",
			 strerror(-code));
}

static int over_limit(const struct capture *capture, const char *object, unsigned int max,
		      uint64_t n)
{
	return error_set(capture->err, SDEISTATE_OVER_LIMIT, -E2BIG, object, "count",
			 "at most %u|%" PRIu64, max, n);
}

int capture_commands(struct capture *capture, enum kvm_sdei_command count_command, size_t size,
		     unsigned int max, void **array, unsigned int *n)
{
	enum kvm_sdei_command get = (enum kvm_sdei_command)(count_command + 1);
	CLEANUP(cleanup_free) void *entries = NULL;
	uint32_t count, again;
	int ret = access_count(capture->port, ON_VM, count_command, &count);

	if (ret < 0)
		return capture_failed(capture, ret, access_command_name(count_command));
	if (count > max)
		return over_limit(capture, access_command_name(count_command), max, count);
	entries = malloc((count + 1u) * size); /* a GET fills as many as it is asked for */
	if (!entries)
		return error_no_memory(capture->err, access_command_name(get));
	ret = access_command(capture->port, ON_VM, get, count, entries);
	if (ret < 0)
		return capture_failed(capture, ret, access_command_name(get));
	ret = access_count(capture->port, ON_VM, count_command, &again);
	if (ret < 0)
		return capture_failed(capture, ret, access_command_name(count_command));
	/* A GET fills what is not there any more with zeroes, which look like event 0: not past it.
	 */
	capture->changed |= again != count;
	*n = again < count ? again : count;
	*array = TAKE(entries);
	return 0;
}

int capture_array(struct capture *capture, uint32_t group, uint64_t attr, const char *object,
		  size_t size, unsigned int max, void **array, unsigned int *n)
{
	struct kvmcore_array request = { .capacity = 0 };
	CLEANUP(cleanup_free) void *entries = NULL;
	int ret = access_attr_get(capture->port, group, attr, &request);

	if (ret == -ENXIO)
		return ret;
	if (ret < 0 && ret != -ENOSPC)
		return capture_failed(capture, ret, object);
	if (request.count > max)
		return over_limit(capture, object, max, request.count);
	if (request.count == 0)
		return 0;
	entries = malloc(request.count * size); /* count tells how many are filled */
	if (!entries)
		return error_no_memory(capture->err, object);
	request.capacity = request.count;
	request.ptr = (uintptr_t)entries;
	ret = access_attr_get(capture->port, group, attr, &request);
	if (ret == -ENOSPC) { /* grew meanwhile; a base goes without, a final is torn */
		capture->changed = true;
		return 0;
	}
	if (ret < 0)
		return capture_failed(capture, ret, object);
	capture->changed |= request.count != request.capacity;
	*n = (unsigned int)(request.count < request.capacity ? request.count : request.capacity);
	*array = TAKE(entries);
	return 0;
}

int capture_per_vcpu(struct capture *capture, uint32_t group, uint64_t attr, const char *object,
		     size_t size, void **array)
{
	const unsigned int n = capture->state->n_vcpus;
	CLEANUP(cleanup_free) char *entries = malloc((n + 1u) * size);
	struct kvmcore_array request = { .capacity = n, .ptr = (uintptr_t)entries };
	size_t n_filled;
	int ret;

	if (!entries)
		return error_no_memory(capture->err, object);
	ret = access_attr_get(capture->port, group, attr, &request);
	if (ret == -ENXIO)
		return ret;
	if (ret < 0 && ret != -ENOSPC)
		return capture_failed(capture, ret, object);
	n_filled = ret < 0 ? 0 : request.count < n ? request.count : n;
	memset(entries + n_filled * size, 0, (n - n_filled) * size);
	capture->changed |= request.count != n; /* more vCPUs, or fewer, than there were */
	*array = TAKE(entries);
	return 0;
}

int capture_group(struct capture *capture, uint64_t attr, const char *object, size_t size,
		  unsigned int max, void **array, unsigned int *n)
{
	int ret = capture_array(capture, KVMCORE_GROUP_SDEI, attr, object, size, max, array, n);

	if (ret != -ENXIO)
		return ret;
	if (capture->state->vm.profile != KVMCORE_PROFILE_SPEC)
		return 0;
	return error_set(capture->err, SDEISTATE_PORT_LACKS, -EOPNOTSUPP,
			 "device attribute group 0x5344", object, "present|absent");
}
