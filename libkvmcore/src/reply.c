// SPDX-License-Identifier: Apache-2.0
#include "reply.h"

#include <assert.h>
#include <string.h>

void reply_kick(struct kvmcore_reply *reply, uint32_t index)
{
	assert(index < KVMCORE_MAX_VCPUS);
	if (!reply->any_kick)
		memset(reply->kick, 0, sizeof(reply->kick));
	reply->any_kick = true;
	reply->kick[index / 64] |= 1ULL << (index % 64);
}
