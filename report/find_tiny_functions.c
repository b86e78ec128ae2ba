/* SPDX-License-Identifier: MIT */
/* report/find_tiny_functions.c - functions that do less than it costs to record them, and are
 * called so often that it shows: their hooks take more than 10 % of the run.
 *
 * A hint about the measurement, not about the program: leaving them out makes the run faster and
 * the other figures truer. */
#include <errno.h>
#include <stdlib.h>

#include "report/exclude.h"
#include "report/figures.h"
#include "report/findings.h"
#include "report/units.h"

#define THRESHOLD_PCT 10.0
#define NAMED 8 /* in the recommendation */

/* Of demoted functions most calls were counted only; those that were missed cost nothing. */
static double cost_of(const struct ap_report *report, const struct ap_excluded *tiny)
{
	const struct ap_profile_quality *quality = &report->profile->quality;

	return (double)(tiny->calls - tiny->counted) * quality->hook_ns +
	       (double)(tiny->counted - tiny->missed) * quality->hook_gate_ns;
}

static void recommend(const struct ap_report *report, struct ap_findings *all,
		      struct ap_finding *finding, const struct ap_excluded *tiny, const char *flags)
{
	const struct ap_symbol *first = &report->symbols[tiny->functions[0]];

	if (tiny->headers_n)
		ap_finding_recommend(all, finding,
				     "Leave them out: build with %s (gcc; it takes parts of "
				     "names of files and functions).",
				     flags);
	else if (*flags)
		ap_finding_recommend(all, finding,
				     "Leave them out, %s%s first: build with %s (gcc; it takes "
				     "parts of names), or mark them "
				     "__attribute__((no_instrument_function)).",
				     first->name, ap_finding_place(first).text, flags);
	else
		ap_finding_recommend(all, finding,
				     "Leave them out, %s%s first: mark them "
				     "__attribute__((no_instrument_function)).",
				     first->name, ap_finding_place(first).text);
}

static void name_them(const struct ap_report *report, struct ap_findings *all,
		      struct ap_finding *finding, const struct ap_excluded *tiny)
{
	size_t named = 0;

	for (size_t i = 0; i < tiny->n && named < NAMED; i++) {
		const uint32_t f = tiny->functions[i];
		const struct ap_profile_function *function = &report->profile->functions[f];
		if (ap_exclude_by_file(report, tiny, f))
			continue;
		ap_finding_evidence(all, finding, "%s%s: %s calls, %s%s self a call",
				    report->symbols[f].name,
				    ap_finding_place(&report->symbols[f]).text,
				    ap_figure_calls(function->calls, function->calls_known).text,
				    ap_figure_avg_self_mark(function),
				    ap_human_ns(ap_figure_avg_self_ns(function)).text);
		named++;
	}
}

static const char *how_known(const struct ap_excluded *tiny)
{
	return tiny->calls_known != AP_CALLS_EXACT ? ", most of them counted only, or not even that"
	       : tiny->counted			   ? ", most of them counted only"
						   : "; a call does less than that itself";
}

static void found(const struct ap_report *report, struct ap_findings *all,
		  const struct ap_excluded *tiny, double share)
{
	const double each = cost_of(report, tiny) / (double)tiny->calls;
	char *flags = ap_exclude_flags(report, tiny, NAMED);

	if (!flags) {
		all->error = -ENOMEM;
		return;
	}
	struct ap_finding *finding = ap_findings_add(
		all, AP_SEVERITY_INFO, (struct ap_finding_figures){share, THRESHOLD_PCT, "%"});
	ap_finding_message(all, finding, "Recording %zu tiny function%s took ~%.1f %% of the run.",
			   tiny->n, tiny->n == 1 ? "" : "s", share);
	ap_finding_evidence(all, finding, "%s calls at ~%.1f ns each%s",
			    ap_figure_calls(tiny->calls, tiny->calls_known).text, each,
			    how_known(tiny));
	if (tiny->headers_n)
		ap_finding_evidence(all, finding, "%zu functions of system headers: %s calls",
				    tiny->headers_n,
				    ap_figure_calls(tiny->headers_calls, tiny->headers_known).text);
	name_them(report, all, finding, tiny);
	recommend(report, all, finding, tiny, flags);
	free(flags);
}

void ap_find_tiny_functions(const struct ap_report *report, struct ap_findings *all)
{
	const struct ap_profile *profile = report->profile;
	const uint64_t run_ns =
		profile->process.cpu_ns ? profile->process.cpu_ns : ap_figure_self_sum(report);
	struct ap_excluded tiny;

	if (ap_exclude_find(report, &tiny)) {
		all->error = -ENOMEM;
		return;
	}
	const double share = ap_figure_share(cost_of(report, &tiny), (double)run_ns);
	if (tiny.n && share > THRESHOLD_PCT)
		found(report, all, &tiny, share);
	free(tiny.functions);
}
