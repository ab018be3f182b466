// SPDX-License-Identifier: Apache-2.0
/*
 * bench_blackout STATE < SAMPLES: the table of many hand-overs beside its limit, measured now
 *
 * A line of SAMPLES is the name of a phase and its microseconds, as sdei-migrate send printed them.
 */
#include "bench.h"
#include "limits_pack.h"
#include "states.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_SAMPLES 10000u
#define N_PHASES    6u

static const char *const phase_name[N_PHASES] = { "pause",    "capture",    "blob",
						  "prepared", "relinquish", "blackout" };

struct samples {
	double ns[N_PHASES][MAX_SAMPLES];
	unsigned int n[N_PHASES], sealed;
};

static int read_samples(struct samples *all)
{
	char name[32];
	double us;

	while (scanf("%31s %lf", name, &us) == 2) {
		if (strcmp(name, "sealed") == 0)
			all->sealed = (unsigned int)us;
		for (unsigned int i = 0; i < N_PHASES; i++)
			if (strcmp(name, phase_name[i]) == 0 && all->n[i] < MAX_SAMPLES)
				all->ns[i][all->n[i]++] = us * 1e3;
	}
	for (unsigned int i = 0; i < N_PHASES; i++)
		if (all->n[i] == 0)
			return -1;
	return 0;
}

static double blackout_goal_ms(const char *state)
{
	return strcmp(state, "4/2") == 0       ? 0.4
	       : strcmp(state, "512/64") == 0  ? 1.5
	       : strcmp(state, "512/128") == 0 ? 8
					       : 0;
}

/*
 * What must happen between pause and COMMIT, and nothing else: three turns on a control socket (pause with
 * capture, stage with prepared, relinquish), one answer over TCP, one signature made and verified (COMMIT is
 * the TLS session's word), the state copied out, in, and out again to prove it; where all of it goes, packed
 * twice, and what is sealed hashed on both sides.
 */
static double limit(const struct bench_state *state, unsigned int sealed)
{
	const size_t raw = bench_state_raw_size(state);
	const bool whole = strcmp(state->name, "512/128") == 0;

	return 3 * bench_unix_round_trip() + bench_tcp_round_trip() + bench_ed25519_sign() +
	       bench_ed25519_verify() + 3 * bench_memcpy(raw) + (whole ? 2 * bench_pack(raw) : 0) +
	       2 * bench_sha256(sealed);
}

static void print(struct samples *all, const struct bench_state *state)
{
	const double wanted = blackout_goal_ms(state->name), least = limit(state, all->sealed);
	struct bench_time time = { 0 };
	char title[96];

	snprintf(title, sizeof(title), "Hand-over of %s: %u samples, %u bytes sealed", state->name,
		 all->n[N_PHASES - 1], all->sealed);
	bench_title(title);
	for (unsigned int i = 0; i < N_PHASES; i++) {
		const int whole = i == N_PHASES - 1;

		time = bench_summary(all->ns[i], all->n[i]);
		bench_row(phase_name[i], time,
			  whole ? "3 socket + 1 TCP round trip, 1 sign, 1 verify, 3 memcpy, "
				  "2 SHA-256; of 512/128 2 pack"
				: "",
			  whole ? least : 0);
	}
	if (wanted > 0) {
		snprintf(title, sizeof(title), "%s: blackout p50 in ms", state->name);
		bench_goal(title, time.p50 / 1e6, wanted);
		snprintf(title, sizeof(title), "%s: the same over its limit", state->name);
		bench_goal(title, time.p50 / least, 1.5);
	}
}

int main(int argc, char **argv)
{
	static struct samples all;

	for (unsigned int i = 0; argc == 2 && i < BENCH_N_STATES; i++) {
		if (strcmp(argv[1], bench_states[i].name) != 0)
			continue;
		if (read_samples(&all)) {
			fputs("bench_blackout: a phase has no sample\n", stderr);
			return 1;
		}
		print(&all, &bench_states[i]);
		return 0;
	}
	fputs("usage: bench_blackout 4/2|64/8|512/64|512/128 < SAMPLES\n", stderr);
	return 2;
}
