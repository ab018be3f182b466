/* SPDX-License-Identifier: Apache-2.0 */
/*
 * notify.h - tell the service manager how a service is (sd_notify(3), the datagrams alone)
 */
#ifndef SDEI_MIGRATE_NOTIFY_H
#define SDEI_MIGRATE_NOTIFY_H

/** notify_manager() - send @state, such as "READY=1", to $NOTIFY_SOCKET; without one, or a reader, nothing */
void notify_manager(const char *state);

#endif
