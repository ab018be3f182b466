# SPDX-License-Identifier: Apache-2.0
set(SDEISTATE_STATE_SOURCES
	src/state/state.c)
