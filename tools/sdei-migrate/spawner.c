// SPDX-License-Identifier: Apache-2.0
#include "spawner.h"

#include "spawner_helper.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

struct spawner {
	pthread_mutex_t lock; /* one order at a time */
	int fd;
	pid_t helper;
	char name[64]; /* of the command, for errors */
	char *folder;
};

/* The next character of a word at *@in, or -1 at its end. @quote: in which quotes it stands, or 0. */
static int next_character(const char **in, char *quote)
{
	for (;;) {
		const char c = **in;

		if (!c || (!*quote && (c == ' ' || c == '\t' || c == '\n')))
			return -1;
		++*in;
		if (c == *quote) {
			*quote = 0;
		} else if (!*quote && (c == '\'' || c == '"')) {
			*quote = c;
		} else if (c == '\\' && **in &&
			   (!*quote || (*quote == '"' && (**in == '"' || **in == '\\')))) {
			return (unsigned char)*(*in)++;
		} else {
			return (unsigned char)c;
		}
	}
}

static int wrong_command(struct failure *failure, const char *actual)
{
	return failure_set(failure, SDEISTATE_USAGE, -EINVAL, "command line", "--spawn",
			   "a command of 1 to 64 words, its quotes closed", actual);
}

int spawn_split(char *text, char *word[SPAWN_MAX_WORDS + 1], struct failure *failure)
{
	const char *in = text;
	char *out = text, quote = 0;
	unsigned int n = 0;
	int c;

	for (in += strspn(in, " \t\n"); *in; in += strspn(in, " \t\n")) {
		if (n == SPAWN_MAX_WORDS)
			return wrong_command(failure, "more words");
		word[n++] = out;
		while ((c = next_character(&in, &quote)) >= 0)
			*out++ = (char)c;
		if (quote)
			return wrong_command(failure, "an open quote");
		/* What is written never gets ahead of what is read. */
		in += *in != 0;
		*out++ = 0;
	}
	word[n] = NULL;
	return n ? 0 : wrong_command(failure, "nothing");
}

static int make_folder(const char *state, char **folder, struct failure *failure)
{
	OWNED_MEMORY char *dir = NULL, *path = NULL;
	int ret = tool_state_dir(state, &dir, failure);

	if (ret)
		return ret;
	if (asprintf(&path, "%s/vms", dir) < 0) {
		path = NULL;
		return failure_set(failure, SDEISTATE_NO_MEMORY, -ENOMEM, NULL, NULL, NULL, NULL);
	}
	if (mkdir(path, 0700) < 0 && errno != EEXIST)
		return failure_io(failure, path, errno);
	*folder = realpath(path, NULL);
	return *folder ? 0 : failure_io(failure, path, errno);
}

static int start_helper(struct spawner *spawner, char *const *word, struct failure *failure)
{
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return failure_io(failure, "socket pair", errno);
	spawner->fd = pair[0];
	fflush(NULL);
	spawner->helper = fork();
	if (spawner->helper == 0)
		spawn_help(pair[1], word);
	close(pair[1]);
	return spawner->helper < 0 ? failure_io(failure, "helper of --spawn", errno) : 0;
}

int spawner_open(const char *command, const char *state, struct spawner **spawner,
		 struct failure *failure)
{
	OWNED_MEMORY char *text = strdup(command);
	struct spawner *made = calloc(1, sizeof(*made));
	char *word[SPAWN_MAX_WORDS + 1];
	int ret;

	if (!text || !made) {
		free(made);
		return failure_set(failure, SDEISTATE_NO_MEMORY, -ENOMEM, NULL, NULL, NULL, NULL);
	}
	made->fd = -1;
	pthread_mutex_init(&made->lock, NULL);
	ret = spawn_split(text, word, failure);
	if (!ret)
		ret = make_folder(state, &made->folder, failure);
	if (!ret) {
		snprintf(made->name, sizeof(made->name), "%s", word[0]);
		ret = start_helper(made, word, failure);
	}
	if (ret)
		spawner_close(made);
	else
		*spawner = made;
	return ret;
}

const char *spawner_folder(const struct spawner *spawner)
{
	return spawner->folder;
}

struct spawner *spawner_close(struct spawner *spawner)
{
	if (!spawner)
		return NULL;
	if (spawner->fd >= 0)
		close(spawner->fd);
	free(spawner->folder);
	if (spawner->helper > 0)
		waitpid(spawner->helper, NULL, 0);
	pthread_mutex_destroy(&spawner->lock);
	free(spawner);
	return NULL;
}

static struct spawn_answer order(struct spawner *spawner, const struct spawn_order *what)
{
	struct spawn_answer answer;
	bool done;

	pthread_mutex_lock(&spawner->lock);
	done = send(spawner->fd, what, sizeof(*what), MSG_NOSIGNAL) == (ssize_t)sizeof(*what) &&
	       recv(spawner->fd, &answer, sizeof(answer), 0) == (ssize_t)sizeof(answer);
	pthread_mutex_unlock(&spawner->lock);
	return done ? answer : (struct spawn_answer){ .ret = -EPIPE };
}

int spawner_start(struct spawner *spawner, const struct spawn_request *request, pid_t *pid,
		  struct transport_error *err)
{
	const struct spawn_order what = { .verb = SPAWN_START, .request = *request };
	const struct spawn_answer answer = order(spawner, &what);

	switch (answer.ret) {
	case 0:
		*pid = answer.pid;
		return 0;
	case -EBUSY:
		return transport_error_fill(err, -EBUSY, "busy", "VMM of --spawn", "VM",
					    "no other VMM of this VM|one that was started before");
	case -E2BIG:
		return transport_error_fill(err, -E2BIG, "over-limit", "VMMs of --spawn", "number",
					    "at most %u that live|more", SPAWN_MAX_VMMS);
	default:
		return transport_error_fill(err, answer.ret, "io", "VMM of --spawn", spawner->name,
					    "a program that can be started|%s",
					    strerror(-answer.ret));
	}
}

int spawner_share(struct spawner *spawner, const struct spawn_request *request, pid_t *pid,
		  struct transport_error *err)
{
	const struct spawn_order what = { .verb = SPAWN_SHARE, .request = *request };
	const struct spawn_answer answer = order(spawner, &what);

	if (answer.ret)
		return transport_error_fill(err, answer.ret, "busy", "VMM of --spawn", "VM",
					    "one that stays|it is being ended");
	*pid = answer.pid;
	return 0;
}

int spawner_look(struct spawner *spawner, pid_t pid, struct transport_error *err)
{
	const struct spawn_order what = { .verb = SPAWN_LOOK, .pid = pid };
	const struct spawn_answer answer = order(spawner, &what);

	if (answer.ret != -ECHILD)
		return 0;
	if (WIFSIGNALED(answer.status))
		return transport_error_fill(err, -ECHILD, "peer", "VMM of --spawn", spawner->name,
					    "one that lives|killed by signal %d (%s)",
					    WTERMSIG(answer.status),
					    strsignal(WTERMSIG(answer.status)));
	return transport_error_fill(err, -ECHILD, "peer", "VMM of --spawn", spawner->name,
				    "one that lives|ended with exit code %d",
				    WEXITSTATUS(answer.status));
}

void spawner_end(struct spawner *spawner, pid_t pid)
{
	order(spawner, &(struct spawn_order){ .verb = SPAWN_END, .pid = pid });
}

void spawner_keep(struct spawner *spawner, pid_t pid)
{
	order(spawner, &(struct spawn_order){ .verb = SPAWN_KEEP, .pid = pid });
}
