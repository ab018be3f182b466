/* SPDX-License-Identifier: Apache-2.0 */
/*
 * s390.h - what the two files of record s390 share
 */
#ifndef SDEISTATE_PLAN_S390_H
#define SDEISTATE_PLAN_S390_H

#include <sdeistate/state.h>

/* Facility numbers that a part needs (z/Architecture Principles of Operation, "Facility Indications"). */
#define S390_FACILITY_TOPOLOGY       11u
#define S390_FACILITY_MSA3           76u
#define S390_FACILITY_MULTIPLE_EPOCH 139u

#define S390_KNOWN_FLAGS                                                                \
	(KVMCORE_S390_INFO_CMMA | KVMCORE_S390_INFO_AES_KW | KVMCORE_S390_INFO_DEA_KW | \
	 KVMCORE_S390_INFO_APIE | KVMCORE_S390_INFO_PROTECTED)

/** s390_has() - does the CPU model have a facility? */
bool s390_has(const struct sdeistate_s390 *s, unsigned int facility);

#endif
