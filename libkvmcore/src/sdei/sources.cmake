# SPDX-License-Identifier: Apache-2.0
# The SDEI service; paths are relative to libkvmcore/.
set(KVMCORE_SDEI_SOURCES
	src/sdei/attr.c
	src/sdei/bind.c
	src/sdei/call_event.c
	src/sdei/call_pe.c
	src/sdei/check.c
	src/sdei/event.c
	src/sdei/handler.c
	src/sdei/ioctl.c
	src/sdei/matrix.c
	src/sdei/profile.c
	src/sdei/pstate.c
	src/sdei/queue.c
	src/sdei/reset.c
	src/sdei/restore.c
	src/sdei/sdei.c
	src/sdei/trigger.c
	src/sdei/v7reg.c)
