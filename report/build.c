/* SPDX-License-Identifier: MIT */
/* report/build.c - the order of the functions and the life of a report; see build.h. */
#include "report/build.h"

#include <stdlib.h>

#include "report/figures.h"
#include "report/findings.h"

static int by_self(const void *a, const void *b, void *functions)
{
	const struct ap_profile_function *all = functions;
	const uint32_t x = *(const uint32_t *)a;
	const uint32_t y = *(const uint32_t *)b;

	if (all[x].self_ns != all[y].self_ns)
		return all[x].self_ns > all[y].self_ns ? -1 : 1;
	if (all[x].calls != all[y].calls)
		return all[x].calls > all[y].calls ? -1 : 1;
	return x < y ? -1 : 1;
}

/* Frames that a fork handed down have time here but no call. */
static bool has_figures(const struct ap_profile_function *function)
{
	return function->calls || function->self_ns || function->total_ns;
}

static int order(struct ap_report *report)
{
	const struct ap_profile *profile = report->profile;

	report->order = calloc(profile->functions_n + 1, sizeof(*report->order));
	if (!report->order)
		return -1;
	for (uint32_t f = 1; f < profile->functions_n; f++) {
		if (has_figures(&profile->functions[f]) && !ap_figure_left_out(f))
			report->order[report->order_n++] = f;
	}
	qsort_r(report->order, report->order_n, sizeof(*report->order), by_self,
		profile->functions);
	return 0;
}

struct ap_report *ap_report_build(const struct ap_profile *profile, struct ap_symbol *symbols)
{
	struct ap_report *report = calloc(1, sizeof(*report));

	if (!report) {
		free(symbols);
		return NULL;
	}
	report->profile = profile;
	report->symbols = symbols;
	if (order(report) || ap_findings_run(report))
		return ap_report_free(report);
	return report;
}

struct ap_report *ap_report_free(struct ap_report *report)
{
	if (!report)
		return NULL;
	ap_findings_free(report->findings, report->findings_n);
	free(report->order);
	free(report->symbols);
	free(report);
	return NULL;
}
