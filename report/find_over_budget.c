/* SPDX-License-Identifier: MIT */
/* report/find_over_budget.c - counting the calls of demoted functions alone takes more than the budget: no demotion can
 * keep it. */
#include "report/figures.h"
#include "report/findings.h"
#include "report/units.h"

/* What a counted call takes is calibrated where all of it is in the caches; in real programs (docs/benchmarks.md) it took up to twice
 * that. */
#define COLD 2

void ap_find_over_budget(const struct ap_report *report, struct ap_findings *all)
{
	const struct ap_profile_quality *quality = &report->profile->quality;
	const double counting_ns = (double)quality->counted_calls * quality->hook_gate_ns;
	const double cpu_ns = (double)report->profile->process.cpu_ns;
	const double all_pct = quality->overhead_pct;
	/* Of the same: CPU time without all that we cost. */
	const double floor_pct = ap_figure_share(counting_ns, cpu_ns) * (1 + all_pct / 100);

	if (!quality->budget_pct || COLD * floor_pct <= quality->budget_pct)
		return;
	struct ap_finding *finding = ap_findings_add(
		all, AP_SEVERITY_INFO,
		(struct ap_finding_figures){COLD * floor_pct, quality->budget_pct, "%"});
	ap_finding_message(all, finding,
			   "Counting calls alone took ~%.1f to %.1f %% of CPU time, "
			   "the budget is %u %%.",
			   floor_pct, COLD * floor_pct, quality->budget_pct);
	ap_finding_evidence(all, finding,
			    "%s calls at ~%.1f to %.1f ns each; all hooks took ~%.1f %% or more",
			    ap_human_count(quality->counted_calls).text, quality->hook_gate_ns,
			    COLD * quality->hook_gate_ns, all_pct);
	ap_finding_recommend(all, finding,
			     "Leave out what is called most (`autoprof report --exclude-flags`), "
			     "%sor raise the budget: overhead=%.0f%%.",
			     quality->patch ? ""
					    : "let counts be estimates (patch=on, on x86-64), ",
			     all_pct + (COLD - 1) * floor_pct + 1);
}
