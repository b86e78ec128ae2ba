/* SPDX-License-Identifier: MIT */
/* report/find_memory_pressure.c - the peak of the resident memory came near the smallest limit (85
 * %; 95 % is critical).
 *
 * Limits are the cgroup's, RLIMIT_AS and the memory of the machine. */
#include "report/figures.h"
#include "report/findings.h"
#include "report/units.h"

#define THRESHOLD_PCT 85.0
#define CRITICAL_PCT 95.0

void ap_find_memory_pressure(const struct ap_report *report, struct ap_findings *all)
{
	const struct ap_profile_process *process = &report->profile->process;
	const char *from;
	const uint64_t limit = ap_figure_memory_limit(process, &from);
	const double share = ap_figure_share((double)process->max_rss_bytes, (double)limit);
	const struct ap_profile_process_row *largest = ap_figure_largest(report->profile);
	const uint32_t busiest = ap_finding_busiest(report);

	if (share <= THRESHOLD_PCT)
		return;
	struct ap_finding *finding = ap_findings_add(
		all, share > CRITICAL_PCT ? AP_SEVERITY_CRITICAL : AP_SEVERITY_WARNING,
		(struct ap_finding_figures){share, THRESHOLD_PCT, "%"});
	ap_finding_message(all, finding, "Memory peaked at %.1f %% of the %s.", share, from);
	if (largest)
		ap_finding_evidence(all, finding, "in process %u, %s", largest->pid,
				    ap_figure_base(largest->exe));
	ap_finding_evidence(all, finding, "peak %s resident, %s %s",
			    ap_human_bytes(process->max_rss_bytes).text, from,
			    ap_human_bytes(limit).text);
	if (busiest)
		ap_finding_recommend(all, finding,
				     "Keep less in memory, or raise the limit. Memory is not "
				     "counted by function; most "
				     "of the time passed in %s%s.",
				     report->symbols[busiest].name,
				     ap_finding_place(&report->symbols[busiest]).text);
	else
		ap_finding_recommend(all, finding, "Keep less in memory, or raise the limit.");
}
