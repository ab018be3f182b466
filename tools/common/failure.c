// SPDX-License-Identifier: Apache-2.0
#include "failure.h"

#include "cleanup.h"

#include <errno.h>
#include <string.h>

static const struct exit_meaning meanings[] = {
	{ EXIT_CODE_OK, "It worked." },
	{ EXIT_CODE_FAILURE,
	  "A failure that has no number of its own; diff: there are differences." },
	{ EXIT_CODE_USAGE, "The command line is wrong." },
	{ EXIT_CODE_VERIFICATION,
	  "Verification failed: a wrong signature, digest or token binding." },
	{ EXIT_CODE_REFUSED, "Refused by policy, or by the life cycle." },
	{ EXIT_CODE_PEER, "The peer or the network failed." },
	{ EXIT_CODE_INCOMPATIBLE,
	  "Incompatible: a newer format, version or feature, or the destination lacks something." },
	{ EXIT_CODE_CANCELLED, "Cancelled." },
	{ EXIT_CODE_DIFFERS, "A measured or compared value differs." },
	{ EXIT_CODE_IN_DOUBT, "In doubt: it is not known which side may run the VM." },
	{ EXIT_CODE_OVER_LIMIT, "Something is over a limit." },
	{ EXIT_CODE_BUSY, "Busy: the VM's state or another session forbids it now." },
	{ EXIT_CODE_NOTHING_TO_VERIFY, "There is nothing to verify against." },
	{ EXIT_CODE_NOT_OURS, "Not one of our files." },
	{ EXIT_CODE_DAMAGED, "Damaged or inconsistent." },
	{ EXIT_CODE_UNKNOWN_SIGNER, "Unknown signer, or no usable key." },
	{ EXIT_CODE_NOT_FOR_HERE, "Already used, too old, or not for this destination." },
	{ EXIT_CODE_TEMPORARY, "Temporary: try again." },
	{ 0, NULL },
};

/* One row per reason of <sdeistate/error.h>. */
static const struct {
	enum sdeistate_reason reason;
	enum exit_code code;
	const char *text;
	const char *advice;
} rows[] = {
	{ SDEISTATE_OK, EXIT_CODE_OK, "nothing is wrong", "" },
	{ SDEISTATE_INTERNAL, EXIT_CODE_FAILURE, "something unexpected happened",
	  "Run it again with -v and report what it prints." },
	{ SDEISTATE_NO_MEMORY, EXIT_CODE_FAILURE, "there is not enough memory",
	  "Free some memory and try again." },
	{ SDEISTATE_USAGE, EXIT_CODE_USAGE, "the command line or a description is wrong",
	  "See --help of the command." },
	{ SDEISTATE_IO, EXIT_CODE_FAILURE, "reading or writing failed",
	  "Check that the path exists and that you may use it." },
	{ SDEISTATE_NOT_OURS, EXIT_CODE_NOT_OURS, "this is not one of our files",
	  "Check the name of the file." },
	{ SDEISTATE_DAMAGED, EXIT_CODE_DAMAGED, "it is damaged",
	  "Fetch or make the file again; nothing of it was used." },
	{ SDEISTATE_NEWER, EXIT_CODE_INCOMPATIBLE, "it is newer than this program",
	  "Update this program, or convert the file where it was made." },
	{ SDEISTATE_OVER_LIMIT, EXIT_CODE_OVER_LIMIT, "something is over a limit",
	  "The limits stand in the manual; nothing was used." },
	{ SDEISTATE_UNKNOWN_SIGNER, EXIT_CODE_UNKNOWN_SIGNER, "no trusted key signed it",
	  "If you trust the signer, name its public key with --trust." },
	{ SDEISTATE_KEY_EXPIRED, EXIT_CODE_UNKNOWN_SIGNER,
	  "the signer's key is not believed at this time",
	  "If its owner still vouches for it, give it another window with trust add." },
	{ SDEISTATE_KEY_REVOKED, EXIT_CODE_UNKNOWN_SIGNER, "the signer's key was revoked",
	  "Do not use it: whoever holds that key may have made it. Ask the signer for another." },
	{ SDEISTATE_BAD_SIGNATURE, EXIT_CODE_VERIFICATION, "the signature is wrong",
	  "Do not use it: it was changed after it was signed, or the key is another one." },
	{ SDEISTATE_BAD_DIGEST, EXIT_CODE_VERIFICATION, "a digest does not match",
	  "Do not use it: the content is not what was signed." },
	{ SDEISTATE_NO_KEY, EXIT_CODE_UNKNOWN_SIGNER, "there is no usable key",
	  "Name a key file; sdei-migrate keygen makes one." },
	{ SDEISTATE_KEY_PERMISSIONS, EXIT_CODE_UNKNOWN_SIGNER,
	  "others may read or write what only its owner should",
	  "Make a new key if anyone may have read it; else correct the file's mode and owner." },
	{ SDEISTATE_DECRYPT, EXIT_CODE_VERIFICATION, "it cannot be decrypted",
	  "Use the private key of a recipient it was encrypted to." },
	{ SDEISTATE_INCONSISTENT, EXIT_CODE_DAMAGED, "the state contradicts itself",
	  "Take the snapshot again; nothing was replayed." },
	{ SDEISTATE_UNKNOWN_RECORD, EXIT_CODE_INCOMPATIBLE,
	  "it holds a mandatory record of an unknown kind", "Update this program." },
	{ SDEISTATE_INCOMPATIBLE, EXIT_CODE_INCOMPATIBLE, "the destination cannot take this VM",
	  "Choose or configure a destination that offers what is named." },
	{ SDEISTATE_PORT_LACKS, EXIT_CODE_INCOMPATIBLE, "the VMM does not offer what this needs",
	  "The VMM has to provide the operation that is named." },
	{ SDEISTATE_VM_RUNNING, EXIT_CODE_BUSY, "the VM is running", "Pause it first." },
	{ SDEISTATE_VM_NOT_FRESH, EXIT_CODE_BUSY, "the VM already has state",
	  "Start a new one and restore into that." },
	{ SDEISTATE_TORN, EXIT_CODE_TEMPORARY, "the state changed while it was read",
	  "Try again; pause the VM if it happens again." },
	{ SDEISTATE_CAPTURE_FAILED, EXIT_CODE_FAILURE, "the VM's state could not be read",
	  "The VM is as it was. See what the VMM answered." },
	{ SDEISTATE_REPLAY_FAILED, EXIT_CODE_FAILURE, "the state could not be put into the VM",
	  "The destination VM was discarded; the source still has its state." },
	{ SDEISTATE_DIFFERS, EXIT_CODE_DIFFERS, "what arrived is not what was sent",
	  "The destination VM was discarded; the source still has its state." },
	{ SDEISTATE_LOSSY, EXIT_CODE_INCOMPATIBLE, "the conversion would lose something",
	  "Allow the loss by name if it is acceptable." },
	{ SDEISTATE_WRONG_BASE, EXIT_CODE_VERIFICATION, "this delta belongs to another base",
	  "Name the base snapshot it was made from with --base." },
	{ SDEISTATE_BASE_ONLY, EXIT_CODE_REFUSED,
	  "a base taken from a running VM cannot be restored alone",
	  "Restore the delta that was made from it, and name this file with --base." },
	{ SDEISTATE_EXPIRED, EXIT_CODE_NOT_FOR_HERE, "it has expired", "Make a new snapshot." },
	{ SDEISTATE_WRONG_AUDIENCE, EXIT_CODE_NOT_FOR_HERE, "it was not made for this destination",
	  "Name this destination's key with --key, or make a snapshot for it." },
	{ SDEISTATE_ALREADY_USED, EXIT_CODE_NOT_FOR_HERE, "it was already used",
	  "A snapshot runs once. Take a new one of the VM that runs now." },
	{ SDEISTATE_ROLLBACK, EXIT_CODE_NOT_FOR_HERE, "a newer state of this VM already ran here",
	  "Use the newest snapshot." },
	{ SDEISTATE_WRONG_VM, EXIT_CODE_NOT_FOR_HERE, "it belongs to another VM",
	  "Check which VM is behind the control socket." },
	{ SDEISTATE_POLICY, EXIT_CODE_REFUSED, "the policy forbids it",
	  "See policy check for the verdict of each rule." },
	{ SDEISTATE_PEER, EXIT_CODE_PEER, "the other side failed",
	  "Check that it runs and can be reached." },
	{ SDEISTATE_PEER_UNTRUSTED, EXIT_CODE_PEER, "the other side is not trusted",
	  "Name its certificate with --peer if you trust it." },
	{ SDEISTATE_TIMEOUT, EXIT_CODE_PEER, "the other side did not answer in time",
	  "Check the connection and the other side." },
	{ SDEISTATE_PROTOCOL, EXIT_CODE_PEER, "the other side broke the protocol",
	  "Check that both sides are of versions that know each other." },
	{ SDEISTATE_CANCELLED, EXIT_CODE_CANCELLED, "it was cancelled", "Nothing is left to do." },
	{ SDEISTATE_BUSY, EXIT_CODE_BUSY, "it is busy",
	  "Wait for the other session, or end it, and try again." },
	{ SDEISTATE_IN_DOUBT, EXIT_CODE_IN_DOUBT, "it is not known which side may run the VM",
	  "Keep both VMs stopped and run: sdei-migrate resolve ID" },
	{ SDEISTATE_REFUSED, EXIT_CODE_REFUSED, "the other side refused",
	  "See the reason that is named." },
	{ SDEISTATE_NOTHING_TO_VERIFY, EXIT_CODE_NOTHING_TO_VERIFY,
	  "there is nothing to verify against", "Name a reference value or a trust anchor." },
	{ SDEISTATE_TEMPORARY, EXIT_CODE_TEMPORARY, "it cannot be done at the moment",
	  "Try again." },
	{ SDEISTATE_UNSIGNED, EXIT_CODE_VERIFICATION, "it is not signed",
	  "Sign it, or accept it as it is with --insecure-no-signature." },
};

/* Reading or writing failed, and the system says why. */
static const struct {
	int error;
	const char *advice;
} io_advice[] = {
	{ ENOSPC,
	  "Make room on that file system and try again; what was there before is as it was." },
	{ EDQUOT, "Make room within the quota and try again; what was there before is as it was." },
	{ EROFS, "That file system is read-only: name another place." },
	{ EACCES, "Run it as a user who may use that path, or name another." },
	{ EPERM, "Run it as a user who may use that path, or name another." },
	{ EISDIR, "That is a folder: name a file." },
	{ ENOTDIR, "A part of that path is not a folder: check it." },
	{ EMFILE, "Raise the limit of open files (ulimit -n) and try again." },
	{ ENFILE, "The system has no more open files to give: end something and try again." },
	{ EPIPE, "Whoever was to read it has gone: see why, and try again." },
	{ EIO, "Look at the system's log: the device may be failing." },
};

#define X(symbol, number, name) +1
_Static_assert(ARRAY_SIZE(rows) == 0 SDEISTATE_REASONS(X), "every reason has a row");
#undef X

static size_t find_row(enum sdeistate_reason reason)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (rows[i].reason == reason)
			return i;
	return 1; /* internal */
}

static void copy(char *to, size_t size, const char *from)
{
	snprintf(to, size, "%s", from ? from : "");
}

int failure_set(struct failure *failure, enum sdeistate_reason reason, int code, const char *object,
		const char *field, const char *expected, const char *actual)
{
	*failure = (struct failure){ .reason = reason, .code = code };
	copy(failure->object, sizeof(failure->object), object);
	copy(failure->field, sizeof(failure->field), field);
	copy(failure->expected, sizeof(failure->expected), expected);
	copy(failure->actual, sizeof(failure->actual), actual);
	return code;
}

int failure_from(struct failure *failure, const struct sdeistate_error *error)
{
	return failure_set(failure, error->reason, error->code, error->object, error->field,
			   error->expected, error->actual);
}

int failure_io(struct failure *failure, const char *object, int error)
{
	return failure_set(failure, SDEISTATE_IO, -error, object, NULL, NULL, strerror(error));
}

enum exit_code failure_exit(enum sdeistate_reason reason)
{
	return rows[find_row(reason)].code;
}

const char *failure_advice(const struct failure *failure)
{
	if (failure->advice)
		return failure->advice;
	for (size_t i = 0; failure->reason == SDEISTATE_IO && i < ARRAY_SIZE(io_advice); i++)
		if (io_advice[i].error == -failure->code)
			return io_advice[i].advice;
	return rows[find_row(failure->reason)].advice;
}

const char *failure_meaning(enum sdeistate_reason reason)
{
	return rows[find_row(reason)].text;
}

const char *failure_reason_name(enum sdeistate_reason reason)
{
	switch (reason) {
#define X(symbol, number, name)  \
	case SDEISTATE_##symbol: \
		return name;
		SDEISTATE_REASONS(X)
#undef X
	}
	return "internal";
}

enum sdeistate_reason failure_reason_find(const char *name)
{
#define X(symbol, number, text) { SDEISTATE_##symbol, text },
	static const struct {
		enum sdeistate_reason reason;
		const char *name;
	} reasons[] = { SDEISTATE_REASONS(X) };
#undef X

	for (size_t i = 0; i < ARRAY_SIZE(reasons); i++)
		if (strcmp(reasons[i].name, name) == 0)
			return reasons[i].reason;
	return SDEISTATE_INTERNAL;
}

const char *failure_side_name(enum failure_side side)
{
	static const char *const name[] = { "local", "source", "destination" };

	return side < ARRAY_SIZE(name) ? name[side] : name[0];
}

static json_t *text_or_null(const char *text)
{
	return text && *text ? json_string(text) : json_null();
}

json_t *failure_json(const struct failure *failure)
{
	const char *code = failure->code ? strerrorname_np(-failure->code) : NULL;

	return json_pack("{s:s, s:i, s:o, s:o, s:o, s:o, s:o, s:s, s:{s:o, s:o}, s:s}", "reason",
			 failure_reason_name(failure->reason), "exit",
			 (int)failure_exit(failure->reason), "code", text_or_null(code), "object",
			 text_or_null(failure->object), "field", text_or_null(failure->field),
			 "expected", text_or_null(failure->expected), "actual",
			 text_or_null(failure->actual), "side", failure_side_name(failure->side),
			 "vm_state", "source", text_or_null(failure->vm_source), "destination",
			 text_or_null(failure->vm_destination), "advice", failure_advice(failure));
}

const struct exit_meaning *failure_exit_meanings(void)
{
	return meanings;
}
