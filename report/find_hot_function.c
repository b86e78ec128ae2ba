/* SPDX-License-Identifier: MIT */
/* report/find_hot_function.c - one function holds more than a quarter of the self time.
 *
 * In a healthy compressor or interpreter one loop does hold most of the time, so this is a hint
 * where time can be won ("info"). It is a warning only when a long run (10 s) that keeps a CPU busy
 * spends nearly all of it (80 %) in one place. A run of less than 10 ms, or of one function, says
 * nothing. */
#include <errno.h>
#include <stdlib.h>

#include "report/figures.h"
#include "report/findings.h"
#include "report/units.h"

#define THRESHOLD_PCT 25.0
#define WARNING_PCT 80.0
#define WARNING_RUN_NS 10e9
#define WARNING_CORES 0.5
#define MIN_SELF_SUM_NS 10000000u

static const char *severity(const struct ap_report *report, double share)
{
	const struct ap_profile_process *process = &report->profile->process;

	return share > WARNING_PCT && (double)process->duration_ns >= WARNING_RUN_NS &&
			       ap_figure_cores_used(process) >= WARNING_CORES
		       ? AP_SEVERITY_WARNING
		       : AP_SEVERITY_INFO;
}

/* Name of the function that calls @f for most of its time; NULL: none, or out of memory. */
static const char *main_caller(const struct ap_report *report, struct ap_findings *all, uint32_t f)
{
	struct ap_edges callers;
	const char *name = NULL;

	if (ap_figure_edges(report, f, true, &callers)) {
		all->error = -ENOMEM;
		return NULL;
	}
	if (callers.n && ap_figure_listed(report, callers.items[0].function))
		name = report->symbols[callers.items[0].function].name;
	free(callers.items);
	return name;
}

static void recommend(const struct ap_report *report, struct ap_findings *all,
		      struct ap_finding *finding, uint32_t f)
{
	const struct ap_profile_process *process = &report->profile->process;
	const char *const name = report->symbols[f].name;
	const struct ap_place place = ap_finding_place(&report->symbols[f]);
	const char *const caller = main_caller(report, all, f);

	if (ap_figure_waits(process))
		ap_finding_recommend(all, finding,
				     "The program used little CPU: find out what %s%s waits for.",
				     name, place.text);
	else if (caller)
		ap_finding_recommend(all, finding,
				     "Make %s%s cheaper, let it wait less, or call it less often "
				     "from %s.",
				     name, place.text, caller);
	else
		ap_finding_recommend(all, finding, "Make %s%s cheaper, or let it wait less.", name,
				     place.text);
}

static void found(const struct ap_report *report, struct ap_findings *all, uint32_t f, double share)
{
	const struct ap_profile_function *function = &report->profile->functions[f];
	struct ap_finding *finding =
		ap_findings_add(all, severity(report, share),
				(struct ap_finding_figures){share, THRESHOLD_PCT, "%"});

	ap_finding_message(all, finding, "%s holds %.1f %% of the self time.",
			   report->symbols[f].name, share);
	ap_finding_evidence(all, finding, "self %s, total %s in %s calls, %s%s self a call",
			    ap_human_ns((double)function->self_ns).text,
			    ap_human_ns((double)function->total_ns).text,
			    ap_figure_calls(function->calls, function->calls_known).text,
			    ap_figure_avg_self_mark(function),
			    ap_human_ns(ap_figure_avg_self_ns(function)).text);
	recommend(report, all, finding, f);
}

void ap_find_hot_function(const struct ap_report *report, struct ap_findings *all)
{
	const uint64_t sum = ap_figure_self_sum(report);

	if (sum < MIN_SELF_SUM_NS || report->order_n < 2)
		return;
	for (size_t i = 0; i < report->order_n; i++) {
		const uint32_t f = report->order[i];
		const double share =
			ap_figure_share((double)report->profile->functions[f].self_ns, (double)sum);
		if (share <= THRESHOLD_PCT)
			return; /* sorted by self time */
		if (ap_figure_listed(report, f))
			found(report, all, f, share);
	}
}
