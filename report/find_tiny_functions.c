/* SPDX-License-Identifier: MIT */
/* report/find_tiny_functions.c - functions that do less than it costs to record them, and are
 * called so often that it shows: their hooks take more than 10 % of the run.
 *
 * A hint about the measurement, not about the program: leaving them out makes the run faster and
 * the other figures truer. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "report/figures.h"
#include "report/findings.h"
#include "report/units.h"

#define THRESHOLD_PCT 10.0
#define NAMED 8 /* in the recommendation */

struct tiny {
	uint32_t functions[NAMED];
	size_t n;	/* all of them */
	uint64_t calls; /* of all */
};

static bool is_tiny(const struct ap_report *report, uint32_t f)
{
	const struct ap_profile_function *function = &report->profile->functions[f];

	return ap_figure_listed(report, f) && function->calls &&
	       ap_figure_avg_self_ns(function) < report->profile->quality.hook_ns;
}

static void collect(const struct ap_report *report, const struct ap_figure_ordered *by_calls,
		    struct tiny *tiny)
{
	for (size_t i = 0; i < by_calls->n; i++) {
		const uint32_t f = by_calls->functions[i];
		if (!is_tiny(report, f))
			continue;
		if (tiny->n < NAMED)
			tiny->functions[tiny->n] = f;
		tiny->n++;
		tiny->calls += report->profile->functions[f].calls;
	}
}

/* What the compiler's list takes: names without parameters, commas escaped. */
static void put_excluded(FILE *out, const struct ap_report *report, const struct tiny *tiny)
{
	for (size_t i = 0; i < tiny->n && i < NAMED; i++) {
		const char *name = report->symbols[tiny->functions[i]].name;
		const size_t bytes = strcspn(name, "(");
		if (i)
			putc(',', out);
		for (size_t k = 0; k < (bytes ? bytes : strlen(name)); k++) {
			if (name[k] == ',')
				putc('\\', out);
			putc(name[k], out);
		}
	}
}

static char *excluded(const struct ap_report *report, const struct tiny *tiny)
{
	char *names = NULL;
	size_t size;
	FILE *out = open_memstream(&names, &size);

	if (!out)
		return NULL;
	put_excluded(out, report, tiny);
	if (fclose(out)) {
		free(names);
		return NULL;
	}
	return names;
}

static void found(const struct ap_report *report, struct ap_findings *all, const struct tiny *tiny,
		  double share)
{
	const double hook_ns = report->profile->quality.hook_ns;
	const struct ap_symbol *first = &report->symbols[tiny->functions[0]];
	char *names = excluded(report, tiny);

	if (!names) {
		all->error = -ENOMEM;
		return;
	}
	struct ap_finding *finding = ap_findings_add(
		all, AP_SEVERITY_INFO, (struct ap_finding_figures){share, THRESHOLD_PCT, "%"});
	ap_finding_message(all, finding, "Recording %zu tiny function%s took ~%.1f %% of the run.",
			   tiny->n, tiny->n == 1 ? "" : "s", share);
	ap_finding_evidence(all, finding,
			    "%s calls at ~%.1f ns each; a call does less than that itself",
			    ap_human_count(tiny->calls).text, hook_ns);
	for (size_t i = 0; i < tiny->n && i < NAMED; i++) {
		const uint32_t f = tiny->functions[i];
		const struct ap_profile_function *function = &report->profile->functions[f];
		ap_finding_evidence(all, finding, "%s%s: %s calls, %s self a call",
				    report->symbols[f].name,
				    ap_finding_place(&report->symbols[f]).text,
				    ap_human_count(function->calls).text,
				    ap_human_ns(ap_figure_avg_self_ns(function)).text);
	}
	ap_finding_recommend(
		all, finding,
		"Leave them out, %s%s first: build with "
		"-finstrument-functions-exclude-function-list=%s (gcc; it takes parts of "
		"names), or mark them __attribute__((no_instrument_function)).",
		first->name, ap_finding_place(first).text, names);
	free(names);
}

void ap_find_tiny_functions(const struct ap_report *report, struct ap_findings *all)
{
	const struct ap_profile *profile = report->profile;
	const uint64_t run_ns =
		profile->process.cpu_ns ? profile->process.cpu_ns : ap_figure_self_sum(report);
	struct ap_figure_ordered by_calls;
	struct tiny tiny = {.n = 0};

	if (ap_figure_order(report, AP_SORT_CALLS, &by_calls)) {
		all->error = -ENOMEM;
		return;
	}
	collect(report, &by_calls, &tiny);
	free(by_calls.functions);
	const double share =
		ap_figure_share((double)tiny.calls * profile->quality.hook_ns, (double)run_ns);
	if (tiny.n && share > THRESHOLD_PCT)
		found(report, all, &tiny, share);
}
