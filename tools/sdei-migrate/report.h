/* SPDX-License-Identifier: Apache-2.0 */
/*
 * report.h - a snapshot, or how a hand-over went, as one page for people
 */
#ifndef SDEI_MIGRATE_REPORT_H
#define SDEI_MIGRATE_REPORT_H

#include "sealed.h"

/**
 * report_snapshot() - the sections of an opened snapshot
 * @trusted: a trusted key signed it
 */
void report_snapshot(FILE *page, const struct sealed *sealed, bool trusted);

/** report_record() - the sections of a hand-over, from what send --json printed at its end */
void report_record(FILE *page, const json_t *record);

#endif
