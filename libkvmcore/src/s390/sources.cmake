# SPDX-License-Identifier: Apache-2.0
set(KVMCORE_S390_SOURCES
	src/s390/s390.c src/s390/s390_attr.c src/s390/s390_cpu.c src/s390/s390_crypto.c
	src/s390/s390_mem.c src/s390/s390_pages.c src/s390/s390_storage.c src/s390/s390_tod.c src/s390/s390_vcpu.c)
