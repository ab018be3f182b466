// SPDX-License-Identifier: Apache-2.0
#include "cancel.h"
#include "client.h"
#include "common/file.h"
#include "policy_rows.h"
#include "state_json.h"
#include "verbs.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#define MAX_PUBS SDEISTATE_MAX_AUDIENCE

struct snapshot_args {
	const char *control, *key, *out, *detached;
	struct option_list audience, recipients;
	struct option_number expires_in;
	struct policy_options policy;
	bool any_destination;
};

/* Public keys named on the command line. */
struct pubs {
	struct sdeistate_pub *pub[MAX_PUBS];
	unsigned int n;
};

static void release_pubs(struct pubs *pubs)
{
	for (unsigned int i = 0; i < pubs->n; i++)
		sdeistate_pub_free(pubs->pub[i]);
}

static int load_pubs(const struct option_list *paths, const char *option, struct pubs *pubs,
		     struct failure *failure)
{
	struct sdeistate_error error;

	if (paths->n > MAX_PUBS)
		return failure_set(failure, SDEISTATE_OVER_LIMIT, -E2BIG, "command line", option,
				   "at most 64 keys", "more");
	for (size_t i = 0; i < paths->n; i++) {
		if (sdeistate_pub_load(paths->item[i], &pubs->pub[i], &error))
			return failure_from(failure, &error);
		pubs->n++;
	}
	return 0;
}

/* Stops the VM, takes its state, lets it go on. @blackout in microseconds. */
static int capture(const char *path, struct transport_vm_info *info,
		   struct transport_buffer *records, uint64_t *blackout,
		   struct transport_error *err)
{
	OWNED_CONTROL struct transport_control *control = NULL;
	struct timespec began, ended;
	struct transport_id session;
	int ret;

	ret = transport_control_open(path, CLIENT_TIMEOUT_MS, &control, err);
	if (ret == 0)
		ret = transport_control_info(control, info, err);
	if (ret == 0 && transport_id_random(&session))
		ret = transport_error_fill(err, -EIO, "internal", "session id", "", "|");
	clock_gettime(CLOCK_MONOTONIC, &began);
	if (ret == 0)
		ret = transport_control_pause(control, &session, err);
	if (ret)
		return ret;
	ret = transport_control_capture(control, &session, TRANSPORT_CAPTURE_FINAL, NULL, records,
					err);
	/* If this fails, closing the connection lets it go on all the same. */
	if (ret == 0)
		ret = transport_control_resume(control, &session, err);
	clock_gettime(CLOCK_MONOTONIC, &ended);
	*blackout = (uint64_t)(ended.tv_sec - began.tv_sec) * 1000000u +
		    (uint64_t)((ended.tv_nsec - began.tv_nsec) / 1000);
	return ret;
}

/* Grows with every seal of a key, on one host, without a record of its own. */
static uint64_t next_sequence(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* The rules of this host, before it signs what breaks them. */
static int go_by_policy(const struct snapshot_args *args,
			const struct sdeistate_seal_request *request, struct failure *failure)
{
	OWNED_POLICY struct policy *policy = NULL;
	uint8_t receiver[MAX_PUBS][SDEISTATE_KEY_ID_SIZE], signer[1][SDEISTATE_KEY_ID_SIZE];
	const struct policy_facts facts = {
		.act = POLICY_SEAL,
		.signer = signer,
		.n_signers = 1,
		.receiver = receiver,
		.n_receivers = request->n_audience,
		.any_destination = request->any_destination,
		.encrypted = request->n_recipients > 0,
		.revision = SDEISTATE_REVISION_MAX,
		.profile = request->profile,
		.kernel = request->kernel_profile,
		.created = request->created,
		.expires = request->expires,
		.now = request->created,
	};
	int ret = policy_options_load(&args->policy, &policy, failure);

	if (ret)
		return ret;
	memcpy(signer[0], sdeistate_pub_id(sdeistate_key_pub(request->signer[0])),
	       sizeof(signer[0]));
	for (unsigned int i = 0; i < request->n_audience; i++)
		memcpy(receiver[i], sdeistate_pub_id(request->audience[i]), sizeof(receiver[i]));
	return policy_enforce(policy, &facts, failure);
}

static int seal(const struct snapshot_args *args, const struct transport_vm_info *info,
		const struct transport_buffer *records, const struct sdeistate_key *key,
		uint8_t id[SDEISTATE_ID_SIZE], struct sdeistate_buffer *file,
		struct failure *failure)
{
	CLEANUP(release_pubs) struct pubs audience = { 0 };
	CLEANUP(release_pubs) struct pubs recipients = { 0 };
	struct sdeistate_seal_request request = {
		.kind = SDEISTATE_KIND_FINAL,
		.generation = info->generation,
		.sequence = next_sequence(),
		.any_destination = args->any_destination,
		.created = (uint64_t)time(NULL),
		.profile = info->profile,
		.kernel_profile = info->kernel,
		.stream = records->data,
		.stream_len = records->len,
		.id = id,
		.signer = &key,
		.n_signers = 1,
	};
	struct sdeistate_error error;
	int ret;

	ret = load_pubs(&args->audience, "--to-audience", &audience, failure);
	if (ret == 0)
		ret = load_pubs(&args->recipients, "--encrypt-to", &recipients, failure);
	if (ret)
		return ret;
	memcpy(request.vm_uuid, info->uuid.bytes, sizeof(request.vm_uuid));
	request.audience = (const struct sdeistate_pub *const *)audience.pub;
	request.n_audience = audience.n;
	request.recipient = (const struct sdeistate_pub *const *)recipients.pub;
	request.n_recipients = recipients.n;
	if (args->expires_in.given)
		request.expires = request.created + args->expires_in.value;
	ret = go_by_policy(args, &request, failure);
	if (ret)
		return ret;
	return sdeistate_seal(&request, file, &error) ? failure_from(failure, &error) : 0;
}

/* A signature beside the file, and who ssh-keygen -Y verify has to be told made it. */
struct detached {
	char *path;
	struct sdeistate_buffer armour, signer;
};

static void release_detached(struct detached *detached)
{
	free(detached->path);
	sdeistate_buffer_free(&detached->armour);
	sdeistate_buffer_free(&detached->signer);
}

static int sign_detached(const struct snapshot_args *args, const struct sdeistate_key *key,
			 const struct sdeistate_buffer *file, struct detached *detached,
			 struct failure *failure)
{
	OWNED_FD int fd = memfd_create("snapshot", MFD_CLOEXEC);
	struct sdeistate_error error;

	if (!args->detached)
		return 0;
	if (asprintf(&detached->path, "%s.sig", args->out) < 0) {
		detached->path = NULL;
		return failure_set(failure, SDEISTATE_NO_MEMORY, -ENOMEM, args->out, NULL, NULL,
				   NULL);
	}
	if (fd < 0 || write(fd, file->data, file->len) != (ssize_t)file->len ||
	    lseek(fd, 0, SEEK_SET) < 0)
		return failure_io(failure, "memory file", errno);
	if (sdeistate_sshsig(key, fd, &detached->armour, &error) ||
	    sdeistate_ssh_signer(sdeistate_key_pub(key), SDEISTATE_SSH_NAMESPACE, &detached->signer,
				 &error))
		return failure_from(failure, &error);
	return 0;
}

/* The file first: a signature without it is nothing. */
static int write_both(const struct snapshot_args *args, const struct sdeistate_buffer *file,
		      const struct detached *detached, struct failure *failure)
{
	int ret = file_write(args->out, file->data, file->len, 0600, failure);

	if (ret || !detached->path)
		return ret;
	return file_write(detached->path, detached->armour.data, detached->armour.len, 0600,
			  failure);
}

static void add_detached(json_t *json, const struct detached *detached)
{
	const size_t len = detached->signer.len; /* with a newline */

	if (!json || !detached->path)
		return;
	json_object_set_new(json, "signature", json_string(detached->path));
	json_object_set_new(json, "allowed_signer",
			    json_stringn((const char *)detached->signer.data, len ? len - 1 : 0));
}

static json_t *result(const struct snapshot_args *args, const struct transport_vm_info *info,
		      const uint8_t id[SDEISTATE_ID_SIZE], const struct sdeistate_buffer *file,
		      size_t records, uint64_t blackout)
{
	char uuid[37], id_text[37];

	uuid_text(info->uuid.bytes, uuid);
	uuid_text(id, id_text);
	return json_pack("{s:s, s:i, s:s, s:s, s:s, s:s, s:o, s:I, s:I, s:I}", "reason", "ok",
			 "exit", 0, "file", args->out, "id", id_text, "vm", uuid, "profile",
			 info->profile, "generation", number_json(info->generation),
			 "records_bytes", (json_int_t)records, "file_bytes", (json_int_t)file->len,
			 "blackout_us", (json_int_t)blackout);
}

static int check_args(struct tool *tool, const struct snapshot_args *args)
{
	if (args->audience.n == 0 && !args->any_destination)
		return tool_usage(tool, "--to-audience",
				  "--to-audience PUB for each destination, or --any-destination");
	if (strcmp(args->out, "-") == 0 && isatty(STDOUT_FILENO))
		return tool_usage(tool, "-o", "a file; a snapshot is not printed on a terminal");
	if (strcmp(args->out, "-") == 0 && args->detached)
		return tool_usage(tool, "-o", "a file: the signature stands beside it as FILE.sig");
	if (strcmp(args->out, "-") == 0)
		tool_stdout_is_data(tool);
	return 0;
}

static int run_snapshot(struct tool *tool, void *opaque)
{
	const struct snapshot_args *args = opaque;
	OWNED_CANCEL struct cancel cancel = { .open = false };
	OWNED_KEY struct sdeistate_key *key = NULL;
	OWNED_BUFFER struct transport_buffer records = { .max = TRANSPORT_CONTROL_MAX_STATE };
	CLEANUP(sdeistate_buffer_free) struct sdeistate_buffer file = { 0 };
	CLEANUP(release_detached) struct detached detached = { .path = NULL };
	struct transport_vm_info info;
	json_t *json;
	struct transport_error err;
	struct transport_id id;
	struct failure failure;
	uint64_t blackout;
	int ret = check_args(tool, args);

	if (ret)
		return ret;
	/* The key first: without it the VM need not be stopped. */
	if (cancel_open(&cancel, tool, args->control, CANCEL_SOURCE, &failure) ||
	    key_load(args->key, &key, &failure))
		return tool_fail(tool, &failure);
	if (capture(args->control, &info, &records, &blackout, &err))
		return client_fail(tool, &err);
	tool_detail(tool, "%s: %zu bytes of state; the VM stood still for %llu microseconds",
		    args->control, records.len, (unsigned long long)blackout);
	if (transport_id_random(&id)) {
		failure_io(&failure, "random numbers", EIO);
		return tool_fail(tool, &failure);
	}
	if (seal(args, &info, &records, key, id.bytes, &file, &failure) ||
	    sign_detached(args, key, &file, &detached, &failure))
		return tool_fail(tool, &failure);
	/* A file appears whole or not at all; a pipe may never take what it is given. */
	if (strcmp(args->out, "-") != 0)
		cancel_hold(&cancel);
	if (write_both(args, &file, &detached, &failure))
		return tool_fail(tool, &failure);
	cancel_hold(&cancel);
	json = result(args, &info, id.bytes, &file, records.len, blackout);
	add_detached(json, &detached);
	return tool_result(tool, json);
}

#define AT(member) offsetof(struct snapshot_args, member)

static const struct option_row rows[] = {
	CLIENT_CONTROL_ROW(struct snapshot_args),
	{ .name = "--key",
	  .argument = "FILE",
	  .help = "private key to sign with",
	  .offset = AT(key),
	  .type = OPTION_TEXT,
	  .names = OPTION_NAMES_FILE,
	  .required = true },
	{ .name = "--out",
	  .argument = "FILE",
	  .letter = 'o',
	  .help = "where to write the snapshot; - is stdout",
	  .offset = AT(out),
	  .type = OPTION_TEXT,
	  .names = OPTION_NAMES_FILE,
	  .fallback = "-" },
	{ .name = "--to-audience",
	  .argument = "PUB",
	  .help = "public key of a destination that may restore it; may be repeated",
	  .offset = AT(audience),
	  .type = OPTION_LIST,
	  .names = OPTION_NAMES_FILE },
	{ .name = "--any-destination",
	  .help = "whoever has it may restore it",
	  .offset = AT(any_destination),
	  .type = OPTION_FLAG },
	{ .name = "--encrypt-to",
	  .argument = "CRT",
	  .help = "certificate or public key (p256, p384) of who can read it; may be repeated",
	  .offset = AT(recipients),
	  .type = OPTION_LIST,
	  .names = OPTION_NAMES_FILE },
	{ .name = "--detached",
	  .argument = "FORM",
	  .help = "also sign the whole file, into FILE.sig, for ssh-keygen -Y verify",
	  .offset = AT(detached),
	  .type = OPTION_CHOICE,
	  .choices = "sshsig" },
	{ .name = "--expires-in",
	  .argument = "SECONDS",
	  .help = "refuse to restore it after that time",
	  .offset = AT(expires_in),
	  .type = OPTION_NUMBER,
	  .min = 1,
	  .max = 1ull << 32 },
	POLICY_ROWS(struct snapshot_args),
	OPTION_END,
};

const struct verb verb_snapshot = {
	.name = "snapshot",
	.summary = "Write a VM's state to a sealed file",
	.about = "The VM is stopped for as long as its state is read, and goes on. The file is "
		 "signed; "
		 "who may restore it is part of what is signed.",
	.options = rows,
	.args_size = sizeof(struct snapshot_args),
	.run = run_snapshot,
};
