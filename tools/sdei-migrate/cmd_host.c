// SPDX-License-Identifier: Apache-2.0
#include "client.h"
#include "common/file.h"
#include "descriptors.h"
#include "memory.h"
#include "model/model.h"
#include "state_json.h"
#include "verbs.h"

#include <errno.h>
#include <pwd.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <transport/control.h>

#define MAX_MANY     4096u
#define MAX_ALLOWED  64u
#define MAX_KEY_FILE (64u << 10)

struct host_args {
	const char *vm, *control, *directory, *profile, *platform_key;
	struct option_number many;
	struct option_list allow;
	bool no_script;
};

/* Everything a host process serves. */
struct host {
	const struct tool *tool;
	const struct host_args *args;
	struct model **model;
	char **path;
	size_t n;
	struct transport_server *server;
};

/* transport_server_stop() may be called in a signal handler, but it has to find the server. */
static struct transport_server *volatile stopping;

static void on_signal(int number)
{
	(void)number;
	if (stopping)
		transport_server_stop(stopping);
}

static void catch_signals(struct transport_server *server)
{
	const struct sigaction action = { .sa_handler = on_signal };

	stopping = server;
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGINT, &action, NULL);
}

static void release_host(struct host *host)
{
	stopping = NULL;
	transport_server_free(host->server);
	for (size_t i = 0; i < host->n; i++) {
		model_free(host->model[i]);
		free(host->path[i]);
	}
	free(host->model);
	free(host->path);
}

static int find_users(const struct option_list *names, uid_t *uid, struct failure *failure)
{
	for (size_t i = 0; i < names->n; i++) {
		const struct passwd *user = getpwnam(names->item[i]);
		uint64_t number;

		if (user)
			uid[i] = user->pw_uid;
		else if (number_parse(names->item[i], &number) && number < UINT32_MAX)
			uid[i] = (uid_t)number;
		else
			return failure_set(failure, SDEISTATE_USAGE, -EINVAL, "command line",
					   "--control-allow", "a user's name or number",
					   names->item[i]);
	}
	return 0;
}

static enum kvmcore_profile find_profile(const char *name)
{
	for (unsigned int i = 0; i < KVMCORE_NR_PROFILES; i++)
		if (strcmp(kvmcore_profile_name((enum kvmcore_profile)i), name) == 0)
			return (enum kvmcore_profile)i;
	return KVMCORE_NR_PROFILES;
}

/* Random; with a UUID in the description that one, and for --many it and those that follow it. */
static void name_vm(const struct host *host, struct model_description *description, size_t number)
{
	uint8_t *uuid = description->config.uuid;
	struct transport_id id;

	if (!description->has_uuid && transport_id_random(&id) == 0)
		memcpy(uuid, id.bytes, sizeof(id.bytes));
	if (!description->has_uuid || !host->args->many.given)
		return;
	for (size_t i = sizeof(id.bytes); i-- > 0 && number; number >>= 8) {
		number += uuid[i];
		uuid[i] = (uint8_t)number;
	}
}

/* With it the modelled platform signs the tokens of its realms. */
static int read_platform_key(const char *path, struct model_description *description,
			     struct failure *failure)
{
	uint8_t *pem;
	size_t len;
	const int ret = file_read(path, MAX_KEY_FILE, &pem, &len, failure);

	if (ret)
		return ret;
	description->platform_pem = (char *)pem; /* a zero byte stands behind it */
	description->config.host.platform_pem = description->platform_pem;
	return 0;
}

/* One VM behind one door. @number tells VMs of --many apart. */
static int add_model(struct host *host, size_t number, struct failure *failure)
{
	struct model_description *description;
	struct transport_error err;
	char uuid[37];
	int ret;

	ret = description_read(host->args->vm, &description, failure);
	if (ret)
		return ret;
	if (host->args->profile)
		description->config.profile = find_profile(host->args->profile);
	ret = host->args->platform_key
		      ? read_platform_key(host->args->platform_key, description, failure)
		      : 0;
	if (ret) {
		description_free(description);
		return ret;
	}
	name_vm(host, description, number);
	uuid_text(description->config.uuid, uuid);
	ret = model_new(description, &host->model[number], &err);
	if (ret)
		return client_failure(failure, &err);
	host->n = number + 1;
	if (host->args->many.given)
		ret = asprintf(&host->path[number], "%s/%s.sock", host->args->directory, uuid) < 0;
	else
		ret = !(host->path[number] = strdup(host->args->control));
	if (ret) {
		host->path[number] = NULL;
		return failure_set(failure, SDEISTATE_NO_MEMORY, -ENOMEM, NULL, NULL, NULL, NULL);
	}
	if (!host->args->no_script && model_script(host->model[number], &err))
		return client_failure(failure, &err);
	tool_detail(host->tool, "%s: VM %s", host->path[number], uuid);
	if (transport_server_add(host->server, host->path[number], model_ops(), host->model[number],
				 &err))
		return client_failure(failure, &err);
	return 0;
}

static int open_host(struct host *host, struct failure *failure)
{
	const size_t n = host->args->many.given ? host->args->many.value : 1;
	uid_t uid[MAX_ALLOWED];
	const struct transport_server_options options = {
		.allow = uid,
		.n_allow = host->args->allow.n,
		.max_clients = (unsigned int)n + TRANSPORT_CONTROL_MAX_CLIENTS,
	};
	struct transport_error err;
	int ret;

	if (host->args->allow.n > MAX_ALLOWED)
		return failure_set(failure, SDEISTATE_OVER_LIMIT, -E2BIG, "command line",
				   "--control-allow", "at most 64 users", "more");
	ret = find_users(&host->args->allow, uid, failure);
	if (ret)
		return ret;
	host->model = calloc(n, sizeof(*host->model));
	host->path = calloc(n, sizeof(*host->path));
	if (!host->model || !host->path)
		return failure_set(failure, SDEISTATE_NO_MEMORY, -ENOMEM, NULL, NULL, NULL, NULL);
	if (transport_server_new(&options, &host->server, &err))
		return client_failure(failure, &err);
	catch_signals(host->server);
	/* A door and a connection for each; if so many are not allowed, the door that fails says so. */
	descriptors_allow(2 * n + TRANSPORT_CONTROL_MAX_CLIENTS);
	if (host->args->many.given && mkdir(host->args->directory, 0700) < 0 && errno != EEXIST)
		return failure_io(failure, host->args->directory, errno);
	for (size_t i = 0; ret == 0 && i < n; i++)
		ret = add_model(host, i, failure);
	return ret;
}

static int say_ready(const struct host *host)
{
	json_t *event = json_pack("{s:s}", "event", "ready"), *list = json_array();

	if (!event || !list) {
		json_decref(event);
		json_decref(list);
		return tool_no_memory(host->tool);
	}
	for (size_t i = 0; i < host->n; i++)
		json_array_append_new(list, json_string(host->path[i]));
	if (host->args->many.given) {
		json_object_set_new(event, "dir", json_string(host->args->directory));
		json_object_set_new(event, "controls", list);
	} else {
		json_object_set_new(event, "control", json_string(host->path[0]));
		json_decref(list);
	}
	return tool_event(host->tool, event);
}

static int check_args(const struct tool *tool, const struct host_args *args)
{
	if (args->many.given ? !args->directory || args->control
			     : !args->control || args->directory)
		return tool_usage(tool, "--control", "--control PATH, or --many N with --dir DIR");
	return 0;
}

static int run_host(struct tool *tool, void *opaque)
{
	const struct host_args *args = opaque;
	CLEANUP(release_host) struct host host = { .tool = tool, .args = args };
	struct transport_error err;
	struct failure failure;
	int ret = check_args(tool, args);

	if (ret)
		return ret;
	memory_keep();
	if (open_host(&host, &failure))
		return tool_fail(tool, &failure);
	ret = say_ready(&host);
	if (ret == 0 && transport_server_run(host.server, &err))
		ret = client_fail(tool, &err);
	return ret;
}

#define AT(member) offsetof(struct host_args, member)

static const struct option_row rows[] = {
	{ .name = "--vm",
	  .argument = "FILE",
	  .help = "description of the VM, JSON (docs/model.schema.json)",
	  .offset = AT(vm),
	  .type = OPTION_TEXT,
	  .names = OPTION_NAMES_FILE,
	  .required = true },
	{ .name = "--control",
	  .argument = "PATH",
	  .help = "serve the VM at this socket",
	  .offset = AT(control),
	  .type = OPTION_TEXT,
	  .names = OPTION_NAMES_FILE },
	{ .name = "--many",
	  .argument = "N",
	  .help = "serve N such VMs from this process, as DIR/UUID.sock",
	  .offset = AT(many),
	  .type = OPTION_NUMBER,
	  .min = 1,
	  .max = MAX_MANY },
	{ .name = "--dir",
	  .argument = "DIR",
	  .help = "where the sockets of --many stand; made if it is missing",
	  .offset = AT(directory),
	  .type = OPTION_TEXT,
	  .names = OPTION_NAMES_DIRECTORY },
	{ .name = "--profile",
	  .argument = "PROFILE",
	  .help = "how SDEI behaves, instead of what the description says",
	  .offset = AT(profile),
	  .type = OPTION_CHOICE,
	  .choices = "spec|kvm-v5|kvm-v7" },
	{ .name = "--control-allow",
	  .argument = "USER",
	  .help = "let this user connect, beside root and the user of this process; may be "
		  "repeated",
	  .offset = AT(allow),
	  .type = OPTION_LIST },
	{ .name = "--platform-key",
	  .argument = "FILE",
	  .help = "private EC key, PEM, that signs the tokens of realms; without it a fresh one",
	  .offset = AT(platform_key),
	  .type = OPTION_TEXT,
	  .names = OPTION_NAMES_FILE },
	{ .name = "--no-script",
	  .help = "leave the description's script out: be a fresh VM that can take a state",
	  .offset = AT(no_script),
	  .type = OPTION_FLAG },
	OPTION_END,
};

const struct verb verb_host = {
	.name = "host",
	.summary = "Serve a model VM behind a control socket",
	.about = "The VM is one of libkvmcore: nobody runs its guest, vm call and the other vm "
		 "commands "
		 "do what a guest and its VMM would do. When the VM can be reached, one line "
		 "{\"event\":\"ready\",\"control\":\"PATH\"} is printed. It ends on SIGTERM or "
		 "Ctrl-C.\n\n"
		 "The description's script is carried out first; if an expectation in it does not "
		 "hold, the "
		 "host fails. A VM that has done nothing yet can take a state by restore or recv.",
	.options = rows,
	.args_size = sizeof(struct host_args),
	.run = run_host,
};
