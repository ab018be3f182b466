# SPDX-License-Identifier: Apache-2.0
set(KVMCORE_REALM_SOURCES
	src/realm/realm.c src/realm/realm_attr.c src/realm/realm_build.c src/realm/realm_dialect.c
	src/realm/realm_keys.c src/realm/realm_log.c src/realm/realm_rsi.c)
