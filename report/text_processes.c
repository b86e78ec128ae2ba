/* SPDX-License-Identifier: MIT */
/* report/text_processes.c - the table of processes of a merged profile: who made whom, and what each did. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "report/figures.h"
#include "report/text_sections.h"
#include "report/units.h"
#include "report/words.h"

#define PROCESS_ROWS 20
#define NAME_COLUMNS 16
#define MOST_INDENT 8

/* A row and where it stands. */
struct place {
	uint32_t row;
	unsigned depth;
	bool shown;
};

/* Those without a parent first, then by work. */
static int by_work(const void *a, const void *b, void *rows)
{
	const struct ap_profile_process_row *x =
		(const struct ap_profile_process_row *)rows + ((const struct place *)a)->row;
	const struct ap_profile_process_row *y =
		(const struct ap_profile_process_row *)rows + ((const struct place *)b)->row;

	if ((x->parent < 0) != (y->parent < 0))
		return x->parent < 0 ? -1 : 1;
	if (x->cpu_ns != y->cpu_ns)
		return x->cpu_ns > y->cpu_ns ? -1 : 1;
	if (x->calls != y->calls)
		return x->calls > y->calls ? -1 : 1;
	return x < y ? -1 : x > y;
}

/* Children of @parent (-1: of nobody) on top of the stack, the first of them uppermost. */
static size_t push(const struct ap_profile *profile, uint32_t *stack, size_t n, int32_t parent)
{
	for (size_t i = profile->processes_n; i-- > 0;) {
		if (profile->processes[i].parent == parent)
			stack[n++] = (uint32_t)i;
	}
	return n;
}

/* Each process before its children. Returns new; NULL for want of memory. */
static struct place *in_order(const struct ap_profile *profile)
{
	struct place *places = calloc(profile->processes_n + 1, sizeof(*places));
	uint32_t *stack = calloc(profile->processes_n + 1, sizeof(*stack));
	size_t used = 0;

	if (!places || !stack) {
		free(places);
		free(stack);
		return NULL;
	}
	for (size_t n = push(profile, stack, 0, -1); n && used < profile->processes_n;) {
		const uint32_t row = stack[--n];
		places[used++] = (struct place){.row = row};
		n = push(profile, stack, n, (int32_t)row);
	}
	free(stack);
	return places;
}

/* Of those that are shown: a row stands below the nearest of what made it. */
static unsigned depth_of(const struct ap_profile *profile, const bool *shown, uint32_t row)
{
	unsigned depth = 0;
	size_t steps = 0; /* no more than there are */

	for (int32_t up = profile->processes[row].parent; up >= 0 && steps < profile->processes_n;
	     up = profile->processes[up].parent) {
		depth += shown[up];
		steps++;
	}
	return depth;
}

/* Return: 0 or -ENOMEM. */
static int choose(const struct ap_profile *profile, struct place *places, size_t most)
{
	const size_t n = profile->processes_n;
	struct place *ranked = calloc(n + 1, sizeof(*ranked));
	bool *shown = calloc(n + 1, sizeof(*shown));

	if (ranked && shown) {
		for (size_t i = 0; i < n; i++)
			ranked[i] = places[i];
		qsort_r(ranked, n, sizeof(*ranked), by_work, profile->processes);
		for (size_t i = 0; i < n && i < most; i++)
			shown[ranked[i].row] = true;
		for (size_t i = 0; i < n; i++) {
			places[i].shown = shown[places[i].row];
			places[i].depth = depth_of(profile, shown, places[i].row);
		}
	}
	const int error = ranked && shown ? 0 : -ENOMEM;
	free(ranked);
	free(shown);
	return error;
}

static void put_row(struct ap_text_page *page, const struct ap_profile_process_row *row,
		    unsigned depth)
{
	const unsigned indent = depth < MOST_INDENT ? depth : MOST_INDENT;
	char name[AP_FIT_BYTES];

	fprintf(page->text.out, "  %10u %7s %7s %6s %6s %8s  %-10s %*s%s\n", row->pid,
		row->cpu_ns ? ap_human_ns((double)row->cpu_ns).text : "n/a",
		ap_human_ns((double)row->duration_ns).text,
		row->elsewhere ? "n/a" : ap_figure_calls(row->calls, row->calls_known).text,
		row->elsewhere ? "n/a" : ap_human_count(row->threads).text,
		row->max_rss_bytes ? ap_human_bytes(row->max_rss_bytes).text : "n/a",
		ap_word_row_end(row).text, (int)indent, "",
		ap_escape_fit(name, ap_figure_base(row->exe), NAME_COLUMNS - indent));
}

static void put_rest(struct ap_text_page *page, const struct place *places)
{
	const struct ap_profile *profile = page->report->profile;
	struct ap_profile_process_row rest = profile->more;
	struct ap_text_out *text = &page->text;

	for (size_t i = 0; i < profile->processes_n; i++) {
		const struct ap_profile_process_row *row = &profile->processes[places[i].row];
		if (places[i].shown)
			continue;
		rest.processes += row->processes;
		rest.calls += row->calls;
		rest.calls_known = ap_calls_worse(rest.calls_known, row->calls_known);
		rest.cpu_ns += row->cpu_ns;
	}
	if (!rest.processes)
		return;
	ap_text_begin(text, "  ", 4);
	ap_text_putf(text, "... and %llu more: %s calls, %s of CPU",
		     (unsigned long long)rest.processes,
		     ap_figure_calls(rest.calls, rest.calls_known).text,
		     ap_human_ns((double)rest.cpu_ns).text);
	if (rest.processes > profile->more.processes)
		ap_text_put(text, " (--thread shows all, the JSON has them)");
	ap_text_end(text);
}

void ap_text_processes(struct ap_text_page *page)
{
	const struct ap_profile *profile = page->report->profile;
	const size_t n = profile->processes_n;

	if (n < 2)
		return;
	struct place *places = in_order(profile);
	if (!places || choose(profile, places, page->options->threads ? n : PROCESS_ROWS)) {
		free(places);
		page->error = -ENOMEM;
		return;
	}
	ap_text_heading(&page->text, "PROCESSES",
			"a process stands below what made it, as far as that is shown");
	fprintf(page->text.out, "  %10s %7s %7s %6s %6s %8s  %-10s %s\n", "pid", "cpu", "life",
		"calls", "thr", "peak", "end", "program");
	for (size_t i = 0; i < n; i++) {
		if (places[i].shown)
			put_row(page, &profile->processes[places[i].row], places[i].depth);
	}
	put_rest(page, places);
	free(places);
}
