/* SPDX-License-Identifier: Apache-2.0 */
/*
 * verbs.h - the commands of sdei-migrate, in the order --help lists them
 *
 * X(name) stands for `const struct verb verb_<name>` in a cmd_*.c file.
 */
#ifndef SDEI_MIGRATE_VERBS_H
#define SDEI_MIGRATE_VERBS_H

#include "common/tool.h"

/* clang-format off */
#define SDEI_MIGRATE_VERBS(X) \
	X(keygen) \
	X(snapshot) \
	X(restore) \
	X(verify) \
	X(show) \
	X(diff) \
	X(check) \
	X(rebase) \
	X(sign) \
	X(convert) \
	X(edit) \
	X(encode) \
	X(report) \
	X(trust_add) \
	X(trust_list) \
	X(trust_remove) \
	X(trust_revoke) \
	X(trust_rotate) \
	X(policy_check) \
	X(policy_sign) \
	X(history) \
	X(ledger_export) \
	X(send) \
	X(recv) \
	X(evacuate) \
	X(status) \
	X(cancel) \
	X(resolve) \
	X(push) \
	X(pull) \
	X(hook) \
	X(host) \
	X(vm_status) \
	X(vm_pause) \
	X(vm_resume) \
	X(vm_call) \
	X(vm_run) \
	X(vm_regs) \
	X(vm_inject) \
	X(vm_raise) \
	X(vm_mmio) \
	X(vm_mem) \
	X(vm_answer) \
	X(vm_filter) \
	X(vm_firmware) \
	X(vm_attr) \
	X(vm_reg) \
	X(vm_ioctl)
/* clang-format on */

#define X(name) extern const struct verb verb_##name;
SDEI_MIGRATE_VERBS(X)
#undef X

#endif
