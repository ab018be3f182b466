// SPDX-License-Identifier: Apache-2.0
#include "sealing.h"

#include "common/file.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

static void release_pubs(struct sealing_pubs *pubs)
{
	for (unsigned int i = 0; i < pubs->n; i++)
		sdeistate_pub_free(pubs->pub[i]);
}

static int load_pubs(const struct option_list *paths, const char *option, struct sealing_pubs *pubs,
		     struct failure *failure)
{
	struct sdeistate_error error;

	if (paths->n > ARRAY_SIZE(pubs->pub))
		return failure_set(failure, SDEISTATE_OVER_LIMIT, -E2BIG, "command line", option,
				   "at most 64 keys", "more");
	for (size_t i = 0; i < paths->n; i++) {
		if (sdeistate_pub_load(paths->item[i], &pubs->pub[i], &error))
			return failure_from(failure, &error);
		pubs->n++;
	}
	return 0;
}

int sealing_check(struct tool *tool, const struct sealing_args *args)
{
	if (args->audience.n == 0 && !args->any_destination)
		return tool_usage(tool, "--to-audience",
				  "--to-audience PUB for each destination, or --any-destination");
	if (args->signers.n >= SDEISTATE_MAX_SIGNATURES)
		return tool_usage(tool, "--also-sign", "at most 15 of them");
	if (strcmp(args->out, "-") == 0 && isatty(STDOUT_FILENO))
		return tool_usage(tool, "-o", "a file; a snapshot is not printed on a terminal");
	if (strcmp(args->out, "-") == 0 && args->detached)
		return tool_usage(tool, "-o", "a file: the signature stands beside it as FILE.sig");
	if (strcmp(args->out, "-") == 0)
		tool_stdout_is_data(tool);
	return 0;
}

int sealing_load(const struct sealing_args *args, const struct policy_options *rules,
		 struct sealing_keys *keys, struct failure *failure)
{
	int ret = key_load(args->key, &keys->key[0], failure);

	keys->n = ret == 0;
	for (size_t i = 0; i < args->signers.n && ret == 0; i++) {
		ret = key_load(args->signers.item[i], &keys->key[keys->n], failure);
		keys->n += ret == 0;
	}
	if (ret == 0)
		ret = load_pubs(&args->audience, "--to-audience", &keys->audience, failure);
	if (ret == 0)
		ret = load_pubs(&args->recipients, "--encrypt-to", &keys->recipients, failure);
	return ret ? ret : policy_options_load(rules, &keys->policy, failure);
}

void sealing_release(struct sealing_keys *keys)
{
	for (unsigned int i = 0; i < keys->n; i++)
		sdeistate_key_free(keys->key[i]);
	release_pubs(&keys->audience);
	release_pubs(&keys->recipients);
	keys->policy = policy_free(keys->policy);
}

uint64_t sealing_sequence(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* The rules of this host, before it signs what breaks them. */
static int go_by_policy(const struct policy *policy, const struct sdeistate_seal_request *request,
			struct failure *failure)
{
	uint8_t receiver[SDEISTATE_MAX_AUDIENCE][SDEISTATE_KEY_ID_SIZE];
	uint8_t signer[SDEISTATE_MAX_SIGNATURES][SDEISTATE_KEY_ID_SIZE];
	const struct policy_facts facts = {
		.act = POLICY_SEAL,
		.signer = signer,
		.n_signers = request->n_signers,
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

	for (unsigned int i = 0; i < request->n_signers; i++)
		memcpy(signer[i], sdeistate_pub_id(sdeistate_key_pub(request->signer[i])),
		       sizeof(signer[i]));
	for (unsigned int i = 0; i < request->n_audience; i++)
		memcpy(receiver[i], sdeistate_pub_id(request->audience[i]), sizeof(receiver[i]));
	return policy_enforce(policy, &facts, failure);
}

void sealing_file_release(struct sealing_file *file)
{
	sealed_bytes_release(&file->bytes);
	free(file->signature);
	sdeistate_buffer_free(&file->armour);
	sdeistate_buffer_free(&file->signer);
}

static int sign_detached(const struct sealing_args *args, const struct sdeistate_key *key,
			 struct sealing_file *file, struct failure *failure)
{
	OWNED_FD int fd = memfd_create("snapshot", MFD_CLOEXEC);
	struct sdeistate_error error;

	if (asprintf(&file->signature, "%s.sig", args->out) < 0) {
		file->signature = NULL;
		return failure_set(failure, SDEISTATE_NO_MEMORY, -ENOMEM, args->out, NULL, NULL,
				   NULL);
	}
	if (fd < 0 || write(fd, file->bytes.data, file->bytes.len) != (ssize_t)file->bytes.len ||
	    lseek(fd, 0, SEEK_SET) < 0)
		return failure_io(failure, "memory file", errno);
	if (sdeistate_sshsig(key, fd, &file->armour, &error) ||
	    sdeistate_ssh_signer(sdeistate_key_pub(key), SDEISTATE_SSH_NAMESPACE, &file->signer,
				 &error))
		return failure_from(failure, &error);
	return 0;
}

int sealing_make(const struct sealing_args *args, const struct sealing_keys *keys,
		 struct sdeistate_seal_request *request, struct sealing_file *file,
		 struct failure *failure)
{
	struct sdeistate_error error;
	int ret;

	request->created = (uint64_t)time(NULL);
	request->sequence = sealing_sequence();
	request->any_destination = args->any_destination;
	request->audience = (const struct sdeistate_pub *const *)keys->audience.pub;
	request->n_audience = keys->audience.n;
	request->recipient = (const struct sdeistate_pub *const *)keys->recipients.pub;
	request->n_recipients = keys->recipients.n;
	request->signer = (const struct sdeistate_key *const *)keys->key;
	request->n_signers = keys->n;
	if (args->expires_in.given)
		request->expires = request->created + args->expires_in.value;
	ret = go_by_policy(keys->policy, request, failure);
	if (ret)
		return ret;
	if (realm_bulk_seal(request, &file->bytes, &error))
		return failure_from(failure, &error);
	return args->detached ? sign_detached(args, keys->key[0], file, failure) : 0;
}

/* The file first: a signature without it is nothing. */
int sealing_write(const struct sealing_args *args, const struct sealing_file *file,
		  struct failure *failure)
{
	int ret = file_write(args->out, file->bytes.data, file->bytes.len, 0600, failure);

	if (ret || !file->signature)
		return ret;
	return file_write(file->signature, file->armour.data, file->armour.len, 0600, failure);
}

json_t *sealing_tell(json_t *json, const struct sealing_file *file)
{
	const size_t len = file->signer.len; /* with a newline */

	if (!json || !file->signature)
		return json;
	json_object_set_new(json, "signature", json_string(file->signature));
	json_object_set_new(json, "allowed_signer",
			    json_stringn((const char *)file->signer.data, len ? len - 1 : 0));
	return json;
}
