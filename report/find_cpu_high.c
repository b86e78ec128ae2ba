/* SPDX-License-Identifier: MIT */
/* report/find_cpu_high.c - the process used more than 80 % of the cores that it may use.
 *
 * Cores are the effective ones: affinity and cgroup quotas, not those of the machine. A batch job
 * ought to use its core: up to 10 s it is a hint, beyond a warning. Under one second it is the cost
 * of starting up. */
#include "report/figures.h"
#include "report/findings.h"
#include "report/units.h"

#define THRESHOLD_PCT 80.0
#define MIN_RUN_NS 1000000000u
#define WARNING_RUN_NS 10000000000u

void ap_find_cpu_high(const struct ap_report *report, struct ap_findings *all)
{
	const struct ap_profile_process *process = &report->profile->process;
	const double cores = ap_figure_cores(process);
	const double used = ap_figure_cores_used(process);
	const double share = ap_figure_share(used, cores);
	const uint32_t busiest = ap_finding_busiest(report);

	if (share <= THRESHOLD_PCT || process->duration_ns < MIN_RUN_NS)
		return;
	struct ap_finding *finding = ap_findings_add(
		all,
		process->duration_ns >= WARNING_RUN_NS ? AP_SEVERITY_WARNING : AP_SEVERITY_INFO,
		(struct ap_finding_figures){share, THRESHOLD_PCT, "%"});
	ap_finding_message(all, finding,
			   report->profile->merged
				   ? "The processes used %.1f %% of the CPU time that they may use."
				   : "The process used %.1f %% of the CPU time that it may use.",
			   share);
	ap_finding_evidence(all, finding, "%s of CPU time in %s: %.2f of %.2f cores",
			    ap_human_ns((double)process->cpu_ns).text,
			    ap_human_ns((double)process->duration_ns).text, used, cores);
	if (busiest)
		ap_finding_recommend(all, finding,
				     "Begin with %s%s, which has most of the self time; or give "
				     "the process more "
				     "cores.",
				     report->symbols[busiest].name,
				     ap_finding_place(&report->symbols[busiest]).text);
	else
		ap_finding_recommend(all, finding,
				     "Give the process more cores, or find out what is busy: no "
				     "function was recorded.");
}
