/* SPDX-License-Identifier: MIT */
/* report/words.c - see words.h. */
#include "report/words.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "report/findings.h"

const struct ap_word_degraded ap_word_degraded[] = {
	{AP_DEGRADED_SMALL_CHUNKS, "small_chunks",
	 "rings were kept at 1 KiB: folding cost more than it should"},
	{AP_DEGRADED_NO_SELF_HIST, "no_self_histograms",
	 "no histograms of self time for some functions"},
	{AP_DEGRADED_COARSE_HIST, "coarse_histograms",
	 "some histograms have 8 buckets an octave: their quantiles (~) may be 4.5 % off"},
	{AP_DEGRADED_PATHS_JOINED, "paths_joined", "new call paths were joined into (deeper)"},
	{AP_DEGRADED_NAMES_JOINED, "names_joined", "new functions were joined into (other)"},
	{AP_DEGRADED_EVENTS_DROPPED, "events_dropped", "events were dropped"},
	{AP_DEGRADED_HIST_LOST, "histogram_values_lost",
	 "some calls are in no histogram: quantiles lack them"},
};
const unsigned ap_word_degraded_n = sizeof(ap_word_degraded) / sizeof(ap_word_degraded[0]);

const char *ap_word_end(enum ap_profile_end end)
{
	static const char *const words[] = {
		[AP_PROFILE_RUNNING] = "running", [AP_PROFILE_EXIT] = "exit",
		[AP_PROFILE_RAW_EXIT] = "_exit",  [AP_PROFILE_QUICK_EXIT] = "quick_exit",
		[AP_PROFILE_EXEC] = "exec",	  [AP_PROFILE_SIGNAL] = "signal",
		[AP_PROFILE_KILLED] = "killed",
	};

	return words[end];
}

struct ap_word ap_word_row_end(const struct ap_profile_process_row *row)
{
	struct ap_word word;

	if (row->end == AP_PROFILE_SIGNAL)
		snprintf(word.text, sizeof(word.text), "signal %d", row->signal);
	else if (row->exit_status >= 0 && row->end != AP_PROFILE_QUICK_EXIT)
		snprintf(word.text, sizeof(word.text), "%s %d", ap_word_end(row->end),
			 row->exit_status);
	else
		snprintf(word.text, sizeof(word.text), "%s", ap_word_end(row->end));
	return word;
}

struct counts {
	size_t critical, warning, info;
};

static struct counts count(const struct ap_report *report)
{
	struct counts counts = {0};

	for (size_t i = 0; i < report->findings_n; i++) {
		const char *const severity = report->findings[i].severity;
		if (strcmp(severity, AP_SEVERITY_CRITICAL) == 0)
			counts.critical++;
		else if (strcmp(severity, AP_SEVERITY_WARNING) == 0)
			counts.warning++;
		else
			counts.info++;
	}
	return counts;
}

/* @ended: badly, which has been said. */
static void put_findings(FILE *out, const struct ap_report *report, bool ended)
{
	const struct counts n = count(report);
	const char *nothing = ended ? "Nothing else was found." : "No problem found.";

	if (n.critical || n.warning) {
		if (n.critical)
			fprintf(out, "%zu critical finding%s", n.critical,
				n.critical == 1 ? "" : "s");
		if (n.warning)
			fprintf(out, "%s%zu warning%s", n.critical ? ", " : "", n.warning,
				n.warning == 1 ? "" : "s");
		fprintf(out, ": %s", report->findings[0].message);
	} else if (n.info) {
		fprintf(out, "%s Hint: %s", nothing, report->findings[0].message);
	} else {
		fputs(nothing, out);
	}
}

static void put_verdict(FILE *out, const struct ap_report *report)
{
	const struct ap_profile_process *process = &report->profile->process;
	const bool signal = process->end == AP_PROFILE_SIGNAL;

	if (signal)
		fprintf(out, "Ended by signal %d (%s). ", process->signal,
			strsignal(process->signal));
	else if (process->end == AP_PROFILE_KILLED)
		fputs("Killed. ", out);
	if (!report->order_n && !report->findings_n)
		fputs("Nothing was recorded.", out);
	else
		put_findings(out, report, signal || process->end == AP_PROFILE_KILLED);
	if (!report->profile->quality.identity_holds)
		fputs(" Events are missing: the figures are not complete.", out);
}

char *ap_word_verdict(const struct ap_report *report)
{
	char *verdict = NULL;
	size_t size;
	FILE *out = open_memstream(&verdict, &size);

	if (!out)
		return NULL;
	put_verdict(out, report);
	if (fclose(out)) {
		free(verdict);
		return NULL;
	}
	return verdict;
}
