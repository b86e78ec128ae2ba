/* SPDX-License-Identifier: MIT */
/* tests/support/ap_compare.c - is a report true? Its counts against the oracle's, exactly.
 *
 * Both come from runs of the same deterministic program with the same input. Times are not judged here. */
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/oracle_read.h"
#include "tests/support/report_read.h"

#define MOST_LINES 8u

static const char usage[] =
	"usage: ap-compare [--pid PID] [--min-events N] [--min-threads N] [--min-folds N] "
	"ORACLE_DIR REPORT.json\n"
	"       ap-compare [--pid PID] --dump ORACLE_DIR\n"
	"Compares the calls, edges, paths and number of events of a report with the oracle's "
	"logs,\n"
	"or prints what the logs say. Status: 0 equal, 1 different, 2 trouble.\n";

struct arguments {
	bool dump;
	int pid;
	long long min_events, min_threads, min_folds;
	const char *directory, *report;
};

static int parse_arguments(struct arguments *a, int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		const char *value = i + 1 < argc ? argv[i + 1] : "";
		if (strcmp(argv[i], "--dump") == 0) {
			a->dump = true;
		} else if (strcmp(argv[i], "--pid") == 0) {
			a->pid = atoi(value);
			i++;
		} else if (strcmp(argv[i], "--min-events") == 0) {
			a->min_events = atoll(value);
			i++;
		} else if (strcmp(argv[i], "--min-threads") == 0) {
			a->min_threads = atoll(value);
			i++;
		} else if (strcmp(argv[i], "--min-folds") == 0) {
			a->min_folds = atoll(value);
			i++;
		} else if (!a->directory) {
			a->directory = argv[i];
		} else if (!a->report) {
			a->report = argv[i];
		} else {
			return -1;
		}
	}
	return a->directory && !a->dump == !!a->report ? 0 : -1;
}

static int dump(const struct oracle_run *run)
{
	struct names names;
	struct calls calls;
	names_init(&names);
	oracle_name_calls(run, ORACLE_BY_NAME, &names, &calls);
	printf("events %" PRIu64 "\nthreads %" PRIu64 "\nunmatched %" PRIu64 "\nunclosed %" PRIu64
	       "\nunwound %" PRIu64 "\nopen %" PRIu64 "\ndeepest %zu\n",
	       run->events, run->threads, run->unmatched, run->unclosed, run->unwound, run->open,
	       run->deepest);
	calls_print(&calls, &names);
	calls_clear(&calls);
	names_clear(&names);
	return 0;
}

/* The number of things wrong: 0 or 1, with a line that says so. */
static size_t require(bool holds, const char *what, long long expected, long long found)
{
	if (!holds) {
		printf("  %s: expected %lld, found %lld\n", what, expected, found);
	}
	return !holds;
}

static size_t compare_quality(const struct arguments *a, const struct oracle_run *run,
			      const struct report_claims *claims)
{
	size_t wrong = 0;
	wrong += require(claims->attempted >= 0 && claims->specials >= 0,
			 "quality.events without attempted or specials", 1, 0);
	wrong += require(claims->attempted - claims->specials == (long long)run->events,
			 "events attempted less specials", (long long)run->events,
			 claims->attempted - claims->specials);
	wrong += require(claims->identity_holds == 1, "identity_holds", 1, claims->identity_holds);
	wrong += require(claims->dropped == 0, "events dropped", 0, claims->dropped);
	wrong += require(claims->misnamed == 0, "misnamed functions", 0,
			 (long long)claims->misnamed);
	wrong += require((long long)run->events >= a->min_events, "at least so many events",
			 a->min_events, (long long)run->events);
	wrong += require((long long)run->threads >= a->min_threads, "at least so many threads",
			 a->min_threads, (long long)run->threads);
	wrong += require(claims->folds >= a->min_folds || a->min_folds == 0,
			 "at least so many folds", a->min_folds, claims->folds);
	wrong += require(run->unmatched + run->unclosed == 0,
			 "calls and exits that do not match (oracle; unfit program)", 0,
			 (long long)(run->unmatched + run->unclosed));
	return wrong;
}

static int compare(const struct arguments *a, const struct oracle_run *run)
{
	struct names names;
	struct report_claims claims;
	struct calls calls;

	names_init(&names);
	if (report_read(&claims, a->report, run, &names) < 0) {
		names_clear(&names);
		return 2;
	}
	oracle_name_calls(run, claims.naming, &names, &calls);
	const size_t wrong = compare_quality(a, run, &claims) +
			     calls_compare(&calls, &claims.calls, &names, MOST_LINES);
	printf("%s: events %" PRIu64 ", threads %" PRIu64
	       ", functions %zu, edges %zu, paths %zu, unwound %" PRIu64
	       ", folds %lld, joined by %s\n",
	       wrong ? "differs" : "equal", run->events, run->threads, calls.functions.used,
	       calls.edges.used, calls_paths(&calls), run->unwound, claims.folds,
	       claims.naming == ORACLE_BY_OFFSET ? "address" : "name");
	calls_clear(&calls);
	report_claims_clear(&claims);
	names_clear(&names);
	return wrong ? 1 : 0;
}

int main(int argc, char **argv)
{
	struct arguments a = {0};
	struct oracle_run run;
	int status = 2;
	if (parse_arguments(&a, argc, argv) < 0) {
		fputs(usage, stderr);
		return 2;
	}
	if (oracle_read(&run, a.directory, a.pid) == 0) {
		status = a.dump ? dump(&run) : compare(&a, &run);
	}
	oracle_run_clear(&run);
	return status;
}
