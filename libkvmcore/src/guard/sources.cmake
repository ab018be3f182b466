# SPDX-License-Identifier: Apache-2.0
set(KVMCORE_GUARD_SOURCES src/guard/guard.c src/guard/guard_attr.c src/guard/spans.c)
