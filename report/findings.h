/* SPDX-License-Identifier: MIT */
/* report/findings.h - rules that look at a whole run and say what deserves attention.
 *
 * A rule is one file, report/find_<rule>.c, and one row in findings.c. It reads the report and adds
 * findings; it stays quiet on healthy programs: "info" is a hint where to look, only "warning" and
 * "critical" claim that something is wrong. Every finding names a function and its place, since
 * advice without a place helps nobody. */
#ifndef AP_REPORT_FINDINGS_H
#define AP_REPORT_FINDINGS_H

#include "report/report.h"

#define AP_SEVERITY_CRITICAL "critical"
#define AP_SEVERITY_WARNING "warning"
#define AP_SEVERITY_INFO "info"

/** The findings so far. Out of memory is remembered, so that rules need not look after every text.
 * */
struct ap_findings {
	const char *rule; /* that is running */
	struct ap_finding *items;
	size_t n;
	int error;
};

/** A finding's figures: what was seen, and above which value it is a finding. */
struct ap_finding_figures {
	double value, threshold;
	const char *unit;
};

/** ap_findings_add() - a new finding of the running rule, without texts. Return: valid until the
 * next one is added; NULL for want of memory, which the functions below ignore. */
struct ap_finding *ap_findings_add(struct ap_findings *all, const char *severity,
				   struct ap_finding_figures figures);
void ap_finding_message(struct ap_findings *all, struct ap_finding *finding, const char *format,
			...) __attribute__((format(printf, 3, 4)));
void ap_finding_recommend(struct ap_findings *all, struct ap_finding *finding, const char *format,
			  ...) __attribute__((format(printf, 3, 4)));
void ap_finding_evidence(struct ap_findings *all, struct ap_finding *finding, const char *format,
			 ...) __attribute__((format(printf, 3, 4)));

/** A function's place in the sources as text: " (dir/file.c:12)" or " (module)"; returned by value,
 * cut at its front. */
struct ap_place {
	char text[128];
};
struct ap_place ap_finding_place(const struct ap_symbol *symbol);

/** ap_finding_busiest() - the function of the program with most self time; 0 when there is none. */
uint32_t ap_finding_busiest(const struct ap_report *report);

typedef void (*ap_finding_rule)(const struct ap_report *report, struct ap_findings *all);
void ap_find_cpu_high(const struct ap_report *report, struct ap_findings *all);
void ap_find_creation_rate(const struct ap_report *report, struct ap_findings *all);
void ap_find_hot_function(const struct ap_report *report, struct ap_findings *all);
void ap_find_latency_p99(const struct ap_report *report, struct ap_findings *all);
void ap_find_memory_pressure(const struct ap_report *report, struct ap_findings *all);
void ap_find_over_budget(const struct ap_report *report, struct ap_findings *all);
void ap_find_tiny_functions(const struct ap_report *report, struct ap_findings *all);

/** ap_findings_run() - all rules, into @report's findings, critical first. Return: 0 or -ENOMEM. */
int ap_findings_run(struct ap_report *report);
/** ap_findings_free() - takes what ap_findings_run() made. */
void ap_findings_free(struct ap_finding *findings, size_t n);

#endif
