/* SPDX-License-Identifier: MIT */
/* report/text_summary.c - title, executive summary, findings, and what to do when nothing was
 * recorded. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "report/figures.h"
#include "report/findings.h"
#include "report/text_sections.h"
#include "report/units.h"
#include "report/words.h"

static void put_end(struct ap_text_out *text, const struct ap_profile_process *process)
{
	static const char *const words[] = {
		[AP_PROFILE_RUNNING] = "still running",
		[AP_PROFILE_EXIT] = "exited",
		[AP_PROFILE_RAW_EXIT] = "left by _exit",
		[AP_PROFILE_QUICK_EXIT] = "left by quick_exit",
		[AP_PROFILE_EXEC] = "became another program (exec)",
		[AP_PROFILE_SIGNAL] = "ended by signal",
		[AP_PROFILE_KILLED] = "killed",
	};

	ap_text_put(text, words[process->end]);
	if (process->end == AP_PROFILE_SIGNAL)
		ap_text_putf(text, " %d (%s)", process->signal, strsignal(process->signal));
	else if (process->exit_status >= 0 && process->end != AP_PROFILE_RUNNING)
		ap_text_putf(text, ", status %d", process->exit_status);
}

static void put_others(struct ap_text_out *text, const struct ap_profile *profile)
{
	const uint64_t n = ap_figure_processes(profile, NULL);

	if (n > 1)
		ap_text_putf(text, " and %llu more process%s", (unsigned long long)n - 1,
			     n == 2 ? "" : "es");
}

void ap_text_title(struct ap_text_page *page)
{
	struct ap_text_out *text = &page->text;
	const struct ap_profile_process *process = &page->report->profile->process;
	const time_t start = (time_t)(process->start_unix_ns / 1000000000u);
	struct tm utc;
	char when[64];

	ap_text_begin_styled(text, AP_STYLE_HEADING, "autoprof: ", 10);
	ap_text_put(text, ap_figure_base(process->exe));
	ap_text_putf(text, " (pid %u)", process->pid);
	put_others(text, page->report->profile);
	ap_text_putf(text, ", ran %s, ", ap_human_ns((double)process->duration_ns).text);
	put_end(text, process);
	ap_text_end(text);
	if (process->start_unix_ns && gmtime_r(&start, &utc) &&
	    strftime(when, sizeof(when), "%Y-%m-%d %H:%M:%S UTC", &utc)) {
		ap_text_begin(text, "", 10);
		ap_text_put(text, process->exe ? process->exe : "?");
		ap_text_putf(text, ", begun %s", when);
		ap_text_end(text);
	}
}

static void put_top(struct ap_text_page *page)
{
	const struct ap_report *report = page->report;
	struct ap_text_out *text = &page->text;
	const uint32_t f = ap_finding_busiest(report);

	if (!f)
		return;
	const struct ap_profile_function *function = &report->profile->functions[f];
	const double share =
		ap_figure_share((double)function->self_ns, (double)ap_figure_self_sum(report));
	ap_text_field(text, "Hottest");
	ap_text_put(text, report->symbols[f].name);
	ap_text_put(text, ap_finding_place(&report->symbols[f]).text);
	ap_text_putf(text, ": %s of self time, %s calls", ap_human_percent(share).text,
		     ap_figure_calls(function->calls, function->calls_known).text);
	ap_text_end(text);
}

static void put_cpu(struct ap_text_page *page)
{
	const struct ap_profile_process *process = &page->report->profile->process;
	struct ap_text_out *text = &page->text;
	const double used = ap_figure_cores_used(process);
	const double cores = ap_figure_cores(process);

	if (!process->cpu_ns)
		return;
	ap_text_field(text, "CPU");
	ap_text_putf(text, "%s in %s: %.2f", ap_human_ns((double)process->cpu_ns).text,
		     ap_human_ns((double)process->duration_ns).text, used);
	if (cores > 0)
		ap_text_putf(text, " of %.2f cores (%s)", cores,
			     ap_human_percent(ap_figure_share(used, cores)).text);
	else
		ap_text_put(text, " cores");
	ap_text_end(text);
}

static void put_memory(struct ap_text_page *page)
{
	const struct ap_profile_process *process = &page->report->profile->process;
	struct ap_text_out *text = &page->text;
	const char *from;
	const uint64_t limit = ap_figure_memory_limit(process, &from);

	if (!process->max_rss_bytes)
		return;
	ap_text_field(text, "Memory");
	ap_text_putf(text, "peak %s resident", ap_human_bytes(process->max_rss_bytes).text);
	if (ap_figure_largest(page->report->profile))
		ap_text_putf(text, " in process %u", ap_figure_largest(page->report->profile)->pid);
	if (limit)
		ap_text_putf(text, ", %s of the %s",
			     ap_human_percent(
				     ap_figure_share((double)process->max_rss_bytes, (double)limit))
				     .text,
			     from);
	ap_text_end(text);
}

static void put_threads(struct ap_text_page *page)
{
	const struct ap_profile_process *process = &page->report->profile->process;
	struct ap_text_out *text = &page->text;

	ap_text_field(text, "Threads");
	ap_text_putf(text, "%s at once%s, %s created; %s processes created",
		     ap_human_count(process->threads_peak).text,
		     page->report->profile->merged ? " in a process" : "",
		     ap_human_count(process->threads_created).text,
		     ap_human_count(process->processes_created).text);
	ap_text_end(text);
}

static void put_processes(struct ap_text_page *page)
{
	const struct ap_profile *profile = page->report->profile;
	struct ap_text_out *text = &page->text;
	const size_t programs = ap_figure_programs(profile);
	uint64_t running;
	const uint64_t n = ap_figure_processes(profile, &running);

	if (profile->processes_n < 2)
		return;
	ap_text_field(text, "Processes");
	ap_text_putf(text, "%llu in this report, %zu program%s", (unsigned long long)n, programs,
		     programs == 1 ? "" : "s");
	if (running)
		ap_text_putf(text, "; %llu still running, reported at %s own end%s",
			     (unsigned long long)running, running == 1 ? "its" : "their",
			     running == 1 ? "" : "s");
	ap_text_end(text);
}

void ap_text_summary(struct ap_text_page *page)
{
	char *verdict = ap_word_verdict(page->report);

	if (!verdict) {
		page->error = -ENOMEM;
		return;
	}
	ap_text_heading(&page->text, "EXECUTIVE SUMMARY", NULL);
	ap_text_field(&page->text, "Verdict");
	ap_text_put(&page->text, verdict);
	ap_text_end(&page->text);
	free(verdict);
	put_top(page);
	put_cpu(page);
	put_memory(page);
	put_threads(page);
	put_processes(page);
}

static enum ap_text_style style_of(const struct ap_finding *finding)
{
	if (strcmp(finding->severity, AP_SEVERITY_CRITICAL) == 0)
		return AP_STYLE_CRITICAL;
	return strcmp(finding->severity, AP_SEVERITY_WARNING) == 0 ? AP_STYLE_WARNING
								   : AP_STYLE_INFO;
}

static void put_paragraph(struct ap_text_out *text, const char *lead, const char *paragraph)
{
	ap_text_begin(text, lead, 13);
	ap_text_put(text, paragraph);
	ap_text_end(text);
}

void ap_text_findings(struct ap_text_page *page)
{
	struct ap_text_out *text = &page->text;
	char lead[32];

	if (!page->report->findings_n)
		return;
	ap_text_heading(text, "FINDINGS", NULL);
	for (size_t i = 0; i < page->report->findings_n; i++) {
		const struct ap_finding *finding = &page->report->findings[i];
		snprintf(lead, sizeof(lead), "  %-9s  ", finding->severity);
		ap_text_begin_styled(text, style_of(finding), lead, 13);
		ap_text_put(text, finding->message);
		ap_text_putf(text, " [%s]", finding->rule);
		ap_text_end(text);
		for (size_t k = 0; k < finding->evidence_n; k++)
			put_paragraph(text, "           - ", finding->evidence[k]);
		put_paragraph(text, "          => ", finding->recommendation);
	}
}

static void put_advice(struct ap_text_out *text, const char *advice)
{
	ap_text_begin(text, "  - ", 4);
	ap_text_put(text, advice);
	ap_text_end(text);
}

void ap_text_empty(struct ap_text_page *page)
{
	struct ap_text_out *text = &page->text;
	const struct ap_profile *profile = page->report->profile;

	if (page->report->order_n)
		return;
	ap_text_heading(text, "NOTHING WAS RECORDED",
			"no call of an instrumented function; likely reasons");
	if (profile->quality.stops) {
		put_advice(text,
			   "Recording was off when calls were made: `autoprof ctl PID start` turns "
			   "it on, or start=on or start=DELAY in AUTOPROF_OPTIONS.");
		return;
	}
	if (profile->quality.attempted) {
		put_advice(text, "Calls were made, but their events were lost or are not calls: "
				 "see data quality below.");
		put_advice(text, "Memory was short: give more with AUTOPROF_OPTIONS=memory=256M.");
		return;
	}
	put_advice(text, "The program was not built with -finstrument-functions: `autoprof flags` "
			 "prints the compiler "
			 "flags to use, `autoprof info ./app` tells what it finds in a program.");
	put_advice(text,
		   "Recording was filtered (filter, notrace, modules in AUTOPROF_OPTIONS): run "
		   "without these options.");
	put_advice(text, "The program ended before it called one of its own functions, or became "
			 "another program: "
			 "look at how it ended above.");
}
