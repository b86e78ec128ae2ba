/* SPDX-License-Identifier: MIT */
/* report/find_creation_rate.c - threads and processes were created at more than 10,000 a minute.
 *
 * A program that starts a few threads at once and ends has a high rate and no problem: at least
 * 1,000 must have been created in a life of at least 5 s. */
#include "report/figures.h"
#include "report/findings.h"
#include "report/units.h"

#define THRESHOLD_PER_MINUTE 10000.0
#define MIN_CREATED 1000u
#define MIN_LIFE_NS 5000000000u

/* What the threads were created for: the path that most often began one. 0: unknown. */
static uint32_t entry(const struct ap_report *report)
{
	const struct ap_profile *profile = report->profile;
	uint64_t most = 1; /* once is main */
	uint32_t found = 0;

	if (profile->process.threads_created < profile->process.processes_created)
		return 0;
	for (size_t i = AP_ID_ROOT; i < profile->nodes_n; i++) {
		const struct ap_profile_node *node = &profile->nodes[i];
		if (node->used && node->parent == AP_ID_ROOT && node->calls > most &&
		    ap_figure_listed(report, node->function)) {
			most = node->calls;
			found = (uint32_t)i;
		}
	}
	return found;
}

static void recommend(const struct ap_report *report, struct ap_findings *all,
		      struct ap_finding *finding)
{
	const struct ap_profile_node *begun = &report->profile->nodes[entry(report)];
	const uint32_t named = begun->used ? begun->function : ap_finding_busiest(report);
	const struct ap_symbol *symbol = &report->symbols[named];

	if (!named)
		ap_finding_recommend(all, finding,
				     "Keep threads and processes and give them work in turn.");
	else if (begun->used)
		ap_finding_recommend(all, finding,
				     "Keep a pool of threads: %s times one was begun to run %s%s.",
				     ap_human_count(begun->calls).text, symbol->name,
				     ap_finding_place(symbol).text);
	else
		ap_finding_recommend(all, finding,
				     "Keep threads and processes and give them work in turn. Who "
				     "creates them is not "
				     "recorded; most of the time passed in %s%s.",
				     symbol->name, ap_finding_place(symbol).text);
}

void ap_find_creation_rate(const struct ap_report *report, struct ap_findings *all)
{
	const struct ap_profile_process *process = &report->profile->process;
	const uint64_t created = process->threads_created + process->processes_created;
	const double rate =
		process->duration_ns ? (double)created * 60e9 / (double)process->duration_ns : 0;

	if (rate <= THRESHOLD_PER_MINUTE || created < MIN_CREATED ||
	    process->duration_ns < MIN_LIFE_NS)
		return;
	struct ap_finding *finding =
		ap_findings_add(all, AP_SEVERITY_WARNING,
				(struct ap_finding_figures){rate, THRESHOLD_PER_MINUTE, "1/min"});
	ap_finding_message(all, finding, "Threads and processes were created at %.0f a minute.",
			   rate);
	ap_finding_evidence(all, finding,
			    "%s threads and %s processes created in %s, %s threads at once%s",
			    ap_human_count(process->threads_created).text,
			    ap_human_count(process->processes_created).text,
			    ap_human_ns((double)process->duration_ns).text,
			    ap_human_count(process->threads_peak).text,
			    report->profile->merged ? " in a process" : "");
	recommend(report, all, finding);
}
