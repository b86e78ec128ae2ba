/* SPDX-License-Identifier: MIT */
/* kills VICTIM LIBRARY [--kills=N] [--seed=S] [--options=O] - kill a program with SIGKILL at random microseconds, N times (10,000),
 * and compare the profile of each with what the program had published of itself: per thread and function, the calls
 * reported are the published count or off by one at most.
 *
 * The raw spools tell where the kills hit. The status is 0 only when every profile was right and enough of the kills
 * hit where it hurts: 20 % inside a fold, 1 % between the reservation of a slot and its store. */
#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "kills_life.h"
#include "kills_spool.h"

#define FOLDS_WANTED_PCT 20
#define RESERVED_WANTED_PCT 1
/* In fewer kills that share is a matter of chance: of 300, two to nine are between reserve and store. */
#define RESERVED_OF_KILLS 5000

#define SMALL "chunk=1K:"
#define ALONE "monitor=off"
#define ATTENDED "monitor=on"

static const struct kills_plan plans[] = {
	{"small rings", 15, KILLS_RUNNING, 5000, SMALL ALONE, 0, false},
	{"large rings", 41, KILLS_RUNNING, 8000, ALONE, 0, false},
	{"threads come and go, small rings", 10, KILLS_RUNNING, 4000, SMALL ALONE, 200, false},
	{"threads come and go, large rings", 10, KILLS_RUNNING, 4000, ALONE, 3000, false},
	{"threads that live for 3 calls", 4, KILLS_RUNNING, 4000, SMALL ALONE, 3, false},
	{"threads that end unnoticed", 3, KILLS_RUNNING, 150000, SMALL ALONE, 3, true},
	{"while it starts", 10, KILLS_START, 0, SMALL ALONE, 0, false},
	{"while its attendant starts", 5, KILLS_RUNNING, 8000, SMALL ATTENDED, 0, false},
	{"attended, small rings", 3, KILLS_ATTENDED, 5000, SMALL ATTENDED, 0, false},
	{"attended, large rings", 2, KILLS_ATTENDED, 5000, ATTENDED, 1000, false},
};
#define PLANS (sizeof plans / sizeof plans[0])

/** How many kills hit what. */
struct tally {
	unsigned kills, failed, attended;
	unsigned no_spool, unborn, silent, folds, half, reserved, full, doubts;
	uint64_t calls;
};

static uint64_t next_random(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15u; /* splitmix64 */
	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

static const struct kills_plan *choose(uint64_t random)
{
	unsigned all = 0;
	for (size_t i = 0; i < PLANS; i++)
		all += plans[i].weight;
	unsigned at = (unsigned)(random % all);
	for (size_t i = 0;; i++) {
		if (at < plans[i].weight)
			return &plans[i];
		at -= plans[i].weight;
	}
}

/* The attendant's report has the same calls as the spool: where a fold was cut short, one more or less. */
static const char *judge_report(const struct kills_place *place, const struct kills_hit *hit)
{
	json_error_t error;
	json_t *report = json_load_file(place->report, 0, &error);
	json_t *functions = json_object_get(report, "functions"), *function;
	uint64_t calls = 0;
	size_t i;

	if (kills_spool_left(place) || !report)
		return "attended, but there is no report, or the spool is left";
	json_array_foreach(functions, i, function)
	{
		const char *name = json_string_value(json_object_get(function, "name"));
		for (int kind = 0; name && kind < KILLS_FUNCTIONS; kind++) {
			static const char *const prefixes[] = {"body_", "outer_", "inner_"};
			if (strncmp(name, prefixes[kind], strlen(prefixes[kind])) == 0)
				calls += (uint64_t)json_integer_value(
					json_object_get(function, "calls"));
		}
	}
	json_decref(report);
	return calls == hit->calls ? NULL : "the attendant's report has other numbers of calls";
}

static void count(struct tally *tally, const struct kills_hit *hit, int fd)
{
	tally->no_spool += fd < 0;
	tally->unborn += fd >= 0 && !hit->spool;
	tally->silent += hit->spool && !hit->recorded;
	tally->folds += hit->folds > 0;
	tally->half += hit->half;
	tally->reserved += hit->reserved;
	tally->full += hit->full;
	tally->doubts += hit->doubts;
	tally->calls += hit->calls;
}

static void kill_once(struct kills_place *place, uint64_t seed, unsigned number,
		      struct tally *tally)
{
	uint64_t state = seed ^ (uint64_t)number << 32;
	const struct kills_plan *plan = choose(next_random(&state));
	const uint64_t random = next_random(&state);
	const unsigned threads =
		random >> 32 & 1 ? KILLS_SLOTS : 1 + (unsigned)(random % KILLS_SLOTS);
	struct kills_hit hit = {0};
	unsigned us = 0;
	int fd = -1;

	const char *why = kills_live(place, plan, threads, (uint32_t)next_random(&state), &fd, &us);
	if (!why && fd >= 0)
		why = kills_judge(fd, place->page, plan->moment == KILLS_START, &hit);
	if (!why && plan->moment == KILLS_ATTENDED)
		why = judge_report(place, &hit);
	tally->attended += plan->moment == KILLS_ATTENDED;
	count(tally, &hit, fd);
	if (fd >= 0)
		close(fd);
	if (why) {
		tally->failed++;
		printf("kill %u: %s, %u threads, after %u us: %s\n", number, plan->what, threads,
		       us, why);
	}
	kills_tidy(place, why ? number : 0);
}

static double percent(unsigned part, unsigned all)
{
	return all ? 100.0 * part / all : 0;
}

static void summarize(const struct tally *t, uint64_t seed)
{
	printf("%u kills (seed %" PRIu64
	       "): %u in a fold (%.1f %%), of these %u with a part of the "
	       "chunk folded; %u between reserve and store (%.1f %%); %u on the way into a slow "
	       "path "
	       "or out of it (%.1f %%); %u with an attendant\n",
	       t->kills, seed, t->folds, percent(t->folds, t->kills), t->half, t->reserved,
	       percent(t->reserved, t->kills), t->full, percent(t->full, t->kills), t->attended);
	printf("%u before there was a spool, %u while it was made, %u before the first event\n",
	       t->no_spool, t->unborn, t->silent);
	printf("%" PRIu64 " calls compared, %u counted twice by a fold that was cut short, "
	       "%u profiles wrong\n",
	       t->calls, t->doubts, t->failed);
}

static int judge(const struct tally *t)
{
	int status = t->failed ? 1 : 0;

	if (percent(t->folds, t->kills) < FOLDS_WANTED_PCT) {
		printf("too few hit a fold: %d %% are wanted\n", FOLDS_WANTED_PCT);
		status = 1;
	}
	if (t->kills >= RESERVED_OF_KILLS && percent(t->reserved, t->kills) < RESERVED_WANTED_PCT) {
		printf("too few hit between reserve and store: %d %% are wanted\n",
		       RESERVED_WANTED_PCT);
		status = 1;
	}
	return status;
}

static uint64_t number_after(const char *argument, const char *option, uint64_t value)
{
	const size_t n = strlen(option);
	return strncmp(argument, option, n) == 0 ? strtoull(argument + n, NULL, 10) : value;
}

int main(int argc, char **argv)
{
	static struct kills_place place;
	struct tally tally = {0};
	uint64_t kills = 10000, seed = (uint64_t)time(NULL);

	if (argc < 3) {
		fprintf(stderr,
			"usage: kills VICTIM LIBRARY [--kills=N] [--seed=S] [--options=O]\n");
		return 2;
	}
	place = (struct kills_place){.victim = argv[1], .library = argv[2], .options = ""};
	for (int i = 3; i < argc; i++) {
		kills = number_after(argv[i], "--kills=", kills);
		seed = number_after(argv[i], "--seed=", seed);
		if (strncmp(argv[i], "--options=", 10) == 0)
			place.options = argv[i] + 10;
	}
	if (kills_place_open(&place) < 0)
		return 2;
	setvbuf(stdout, NULL, _IOLBF, 0);
	while (tally.kills < kills)
		kill_once(&place, seed, ++tally.kills, &tally);
	summarize(&tally, seed);
	kills_place_close(&place, tally.failed > 0);
	if (tally.failed)
		printf("their spools: %s\n", place.base);
	return judge(&tally);
}
