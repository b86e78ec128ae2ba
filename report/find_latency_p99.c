/* SPDX-License-Identifier: MIT */
/* report/find_latency_p99.c - the p99 of a function lies above the critical latency (500 ms unless
 * configured).
 *
 * Exact: more than 1 % of its calls were counted as critical; no quantile is estimated. More than 5
 * % is critical. At least 100 calls are needed. Who only waits for a slow callee is not to blame:
 * more than 10 % of the function's total must be its own, and it yields to called functions found
 * by this rule that take more than half of its total.
 *
 * In a program that used next to no CPU such a function waits, as services do by design: a hint, no warning. */
#include <errno.h>
#include <stdlib.h>

#include "report/figures.h"
#include "report/findings.h"
#include "report/units.h"

#define THRESHOLD_PCT 1.0
#define CRITICAL_PCT 5.0
#define MIN_CALLS 100u
#define MIN_OWN_PCT 10.0
#define YIELD_PCT 50.0

struct suspect {
	bool slow;
	uint64_t guilty_ns; /* of its total, inside other slow functions */
};

static double critical_pct(const struct ap_profile_function *function)
{
	return ap_figure_share((double)function->critical, (double)function->timed_calls);
}

static bool is_slow(const struct ap_report *report, uint32_t f)
{
	const struct ap_profile_function *function = &report->profile->functions[f];

	return ap_figure_listed(report, f) && function->timed_calls >= MIN_CALLS &&
	       critical_pct(function) > THRESHOLD_PCT &&
	       ap_figure_share((double)function->self_ns, (double)function->total_ns) > MIN_OWN_PCT;
}

/* The time of a slow function goes against the nearest slow function that it was called from. */
static void blame(const struct ap_profile *profile, struct suspect *suspects, uint32_t id)
{
	const struct ap_profile_node *node = &profile->nodes[id];

	if (!node->used || node->recursive || !suspects[node->function].slow)
		return;
	for (uint32_t up = node->parent; up; up = profile->nodes[up].parent) {
		const uint32_t caller = profile->nodes[up].function;
		if (caller != node->function && suspects[caller].slow) {
			suspects[caller].guilty_ns += node->total_ns;
			return;
		}
	}
}

static void found(const struct ap_report *report, struct ap_findings *all, uint32_t f)
{
	const struct ap_profile_function *function = &report->profile->functions[f];
	const struct ap_symbol *symbol = &report->symbols[f];
	const double edge = (double)report->profile->process.edge_ns[2];
	const double share = critical_pct(function);
	double p99 = ap_figure_quantile_ns(function, 0.99);

	/* The count is exact, the quantile may lie 1 % low: they must not contradict each other. */
	if (p99 < edge)
		p99 = edge;
	const bool waits = ap_figure_waits(&report->profile->process);
	struct ap_finding *finding = ap_findings_add(all,
						     waits		    ? AP_SEVERITY_INFO
						     : share > CRITICAL_PCT ? AP_SEVERITY_CRITICAL
									    : AP_SEVERITY_WARNING,
						     (struct ap_finding_figures){p99, edge, "ns"});
	ap_finding_message(all, finding, "%s %s: p99 is %s, above %s.", symbol->name,
			   waits ? "waits long" : "is slow", ap_human_ns(p99).text,
			   ap_human_ns(edge).text);
	ap_finding_evidence(all, finding,
			    "%.2f %% of its calls (%llu of %llu) took %s or more, the slowest %s",
			    share, (unsigned long long)function->critical,
			    (unsigned long long)function->timed_calls, ap_human_ns(edge).text,
			    ap_human_ns(ap_figure_max_ns(function)).text);
	ap_finding_evidence(all, finding,
			    "%.1f %% of its time is its own, not that of functions it calls",
			    ap_figure_share((double)function->self_ns, (double)function->total_ns));
	if (waits)
		ap_finding_recommend(
			all, finding,
			"The program used little CPU: if %s%s is meant to wait, nothing is "
			"wrong.",
			symbol->name, ap_finding_place(symbol).text);
	else
		ap_finding_recommend(
			all, finding,
			"Look for waiting or for work that grows with the input in %s%s "
			"itself: instrumented "
			"callees are not to blame.",
			symbol->name, ap_finding_place(symbol).text);
}

void ap_find_latency_p99(const struct ap_report *report, struct ap_findings *all)
{
	const struct ap_profile *profile = report->profile;
	struct suspect *suspects = calloc(profile->functions_n + 1, sizeof(*suspects));

	if (!suspects) {
		all->error = -ENOMEM;
		return;
	}
	for (size_t i = 0; i < report->order_n; i++)
		suspects[report->order[i]].slow = is_slow(report, report->order[i]);
	for (uint32_t id = 1; id < profile->nodes_n; id++)
		blame(profile, suspects, id);
	for (size_t i = 0; i < report->order_n; i++) {
		const uint32_t f = report->order[i];
		const double guilty = (double)suspects[f].guilty_ns;
		if (suspects[f].slow &&
		    ap_figure_share(guilty, (double)profile->functions[f].total_ns) <= YIELD_PCT)
			found(report, all, f);
	}
	free(suspects);
}
