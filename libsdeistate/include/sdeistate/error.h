/* SPDX-License-Identifier: Apache-2.0 */
/*
 * error.h - why a call of libsdeistate failed, for a program and for a person
 *
 * The caller owns the object and may pass NULL. It is written on failure only. The numbers and names
 * of reasons are stable: they appear in JSON output and in the control protocol. Append, never renumber.
 */
#ifndef SDEISTATE_ERROR_H
#define SDEISTATE_ERROR_H

#define SDEISTATE_API __attribute__((visibility("default")))

/* X(symbol, number, name). The exit code of each stands in one table of the tools. */
#define SDEISTATE_REASONS(X)                          \
	X(OK, 0, "ok")                                \
	X(INTERNAL, 1, "internal")                    \
	X(NO_MEMORY, 2, "no-memory")                  \
	X(USAGE, 3, "usage")                          \
	X(IO, 4, "io")                                \
	X(NOT_OURS, 5, "not-ours")                    \
	X(DAMAGED, 6, "damaged")                      \
	X(NEWER, 7, "newer")                          \
	X(OVER_LIMIT, 8, "over-limit")                \
	X(UNKNOWN_SIGNER, 9, "unknown-signer")        \
	X(BAD_SIGNATURE, 10, "bad-signature")         \
	X(BAD_DIGEST, 11, "bad-digest")               \
	X(NO_KEY, 12, "no-key")                       \
	X(KEY_PERMISSIONS, 13, "key-permissions")     \
	X(DECRYPT, 14, "decrypt")                     \
	X(INCONSISTENT, 15, "inconsistent")           \
	X(UNKNOWN_RECORD, 16, "unknown-record")       \
	X(INCOMPATIBLE, 17, "incompatible")           \
	X(PORT_LACKS, 18, "port-lacks")               \
	X(VM_RUNNING, 19, "vm-running")               \
	X(VM_NOT_FRESH, 20, "vm-not-fresh")           \
	X(TORN, 21, "torn")                           \
	X(CAPTURE_FAILED, 22, "capture-failed")       \
	X(REPLAY_FAILED, 23, "replay-failed")         \
	X(DIFFERS, 24, "differs")                     \
	X(LOSSY, 25, "lossy")                         \
	X(WRONG_BASE, 26, "wrong-base")               \
	X(BASE_ONLY, 27, "base-only")                 \
	X(EXPIRED, 28, "expired")                     \
	X(WRONG_AUDIENCE, 29, "wrong-audience")       \
	X(ALREADY_USED, 30, "already-used")           \
	X(ROLLBACK, 31, "rollback")                   \
	X(WRONG_VM, 32, "wrong-vm")                   \
	X(POLICY, 33, "policy")                       \
	X(PEER, 34, "peer")                           \
	X(PEER_UNTRUSTED, 35, "peer-untrusted")       \
	X(TIMEOUT, 36, "timeout")                     \
	X(PROTOCOL, 37, "protocol")                   \
	X(CANCELLED, 38, "cancelled")                 \
	X(BUSY, 39, "busy")                           \
	X(IN_DOUBT, 40, "in-doubt")                   \
	X(REFUSED, 41, "refused")                     \
	X(NOTHING_TO_VERIFY, 42, "nothing-to-verify") \
	X(TEMPORARY, 43, "temporary")                 \
	X(UNSIGNED, 44, "unsigned")                   \
	X(KEY_EXPIRED, 45, "key-expired")             \
	X(KEY_REVOKED, 46, "key-revoked")

enum sdeistate_reason {
#define X(symbol, number, name) SDEISTATE_##symbol = (number),
	SDEISTATE_REASONS(X)
#undef X
};

struct sdeistate_error {
	enum sdeistate_reason reason;
	int code;           /* negative errno, the call's own result */
	char object[96];    /* e.g. "registered event 0x400000" */
	char field[64];     /* e.g. "route_mode" */
	char expected[160]; /* may be empty */
	char actual[160];   /* may be empty */
};

/** sdeistate_reason_name() - "bad-signature" etc.; NULL for a number without a name */
SDEISTATE_API const char *sdeistate_reason_name(enum sdeistate_reason reason);

#endif
