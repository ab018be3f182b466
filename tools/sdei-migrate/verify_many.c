// SPDX-License-Identifier: Apache-2.0
#include "verify_many.h"

#include "state_json.h"
#include "thread.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

#define ROUND 256u /* files, before any of them is spoken of */

struct round {
	many_verify verify;
	const void *arg;
	struct many_item item[ROUND];
	unsigned int n;
	atomic_uint next;
};

/* Which of many files it was stands in front. */
static int fail_file(const struct tool *tool, const char *path, const struct failure *failure)
{
	json_t *json;

	if (!tool->json) {
		tool_say(tool, "%s:", path);
		return tool_fail(tool, failure);
	}
	json = failure_json(failure);
	json_object_set_new(json, "file", json_string(path));
	if (tool_event(tool, json))
		return EXIT_CODE_FAILURE;
	return (int)failure_exit(failure->reason);
}

static unsigned int processors(void)
{
	cpu_set_t set;
	const int n = sched_getaffinity(0, sizeof(set), &set) ? 1 : CPU_COUNT(&set);

	return n > 1 ? (unsigned int)n : 1;
}

static void *work(void *arg)
{
	struct round *round = arg;
	struct sdeistate_workspace *workspace = sdeistate_workspace_new();
	unsigned int i;

	while ((i = atomic_fetch_add(&round->next, 1)) < round->n)
		round->verify(round->arg, &round->item[i], workspace);
	sdeistate_workspace_free(workspace);
	return NULL;
}

/* The caller is one of the threads; where there can be no other, it does all of it. */
static void run_round(struct round *round, unsigned int n_threads)
{
	pthread_t thread[VERIFY_MAX_THREADS];
	unsigned int n = 0;

	atomic_store(&round->next, 0);
	while (n + 1 < n_threads && n + 1 < round->n && thread_start(&thread[n], work, round) == 0)
		n++;
	work(round);
	while (n)
		pthread_join(thread[--n], NULL);
}

static int tell(const struct tool *tool, const struct many_item *item)
{
	char id[37];

	if (item->ret)
		return fail_file(tool, item->path, &item->failure);
	uuid_text(item->id, id);
	if (tool->json)
		return tool_event(tool,
				  json_pack("{s:s, s:i, s:s, s:s, s:s}", "reason", "ok", "exit", 0,
					    "file", item->path, "verdict", "verified", "id", id));
	return tool->quiet ? 0 : fprintf(tool->out, "%s: verified\n", item->path) < 0;
}

int verify_many(struct tool *tool, const struct option_list *files, unsigned int max_threads,
		many_verify verify, const void *arg)
{
	struct round *round = calloc(1, sizeof(*round));
	unsigned int n_threads = processors();
	int code = 0, heard = 0;

	if (!round)
		return tool_no_memory(tool);
	n_threads = n_threads < max_threads ? n_threads : max_threads;
	round->verify = verify;
	round->arg = arg;
	for (size_t done = 0; !heard && done < files->n; done += round->n) {
		const size_t left = files->n - done;

		round->n = left < ROUND ? (unsigned int)left : ROUND;
		for (unsigned int i = 0; i < round->n; i++)
			round->item[i].path = files->item[done + i];
		run_round(round, n_threads);
		for (unsigned int i = 0; i < round->n; i++) {
			const int ret = tell(tool, &round->item[i]);

			code = code ? code : ret;
		}
		heard = tool_flush(tool);
	}
	free(round);
	return code ? code : heard;
}
