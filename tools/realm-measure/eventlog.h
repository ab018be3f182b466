/* SPDX-License-Identifier: Apache-2.0 */
/*
 * eventlog.h - the TCG2 log of a realm: what went into its RIM and REMs
 *
 * TCG PC Client Platform Firmware Profile §10; the realm's events are those of docs/measurements.md,
 * "Event logs".
 */
#ifndef REALM_MEASURE_EVENTLOG_H
#define REALM_MEASURE_EVENTLOG_H

#include "common/failure.h"
#include "common/option.h"
#include "common/realm/steps.h"

#include <jansson.h>

#define EVENTLOG_MAX_EVENTS 65536u

/** eventlog_is() - whether the bytes begin as such a log does */
bool eventlog_is(const uint8_t *data, size_t len);

/**
 * eventlog_steps() - append the steps a log tells of
 * @images: files whose digests the log may name; a blob in the log without one is an error
 *
 * Return: 0; -EBADMSG (broken log), -ENOENT (a blob nobody gave) with @failure; -ENOMEM.
 */
int eventlog_steps(const char *path, const uint8_t *data, size_t len,
		   const struct option_list *images, struct steps *steps, struct failure *failure);

/** eventlog_json() - the events one by one, for people. Return: 0, *@json owned; -EBADMSG; -ENOMEM */
int eventlog_json(const char *path, const uint8_t *data, size_t len, json_t **json,
		  struct failure *failure);

#endif
