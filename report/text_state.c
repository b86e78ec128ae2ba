/* SPDX-License-Identifier: MIT */
/* report/text_state.c - state of the process at its end: calls that never returned, memory,
 * threads. */
#include <errno.h>
#include <stdlib.h>

#include "report/figures.h"
#include "report/text_sections.h"
#include "report/units.h"

#define THREAD_ROWS 5
#define OPEN_ROWS 8	 /* innermost frames of a thread */
#define NOTABLE_PCT 50.0 /* memory: less is told by the summary alone */

typedef int (*thread_order)(const void *a, const void *b);

static int by_work(const void *a, const void *b)
{
	const struct ap_profile_thread *x = *(const struct ap_profile_thread *const *)a;
	const struct ap_profile_thread *y = *(const struct ap_profile_thread *const *)b;

	if (x->cpu_ns != y->cpu_ns)
		return x->cpu_ns > y->cpu_ns ? -1 : 1;
	if (x->attempted != y->attempted)
		return x->attempted > y->attempted ? -1 : 1;
	return x < y ? -1 : x > y; /* in the order of the profile: one array */
}

static uint64_t oldest(const struct ap_profile_thread *thread)
{
	return thread->open_n ? thread->open[0].age_ns : 0;
}

static int by_age(const void *a, const void *b)
{
	const struct ap_profile_thread *x = *(const struct ap_profile_thread *const *)a;
	const struct ap_profile_thread *y = *(const struct ap_profile_thread *const *)b;

	if (oldest(x) != oldest(y))
		return oldest(x) > oldest(y) ? -1 : 1;
	return x < y ? -1 : x > y;
}

/* Returns new; NULL for want of memory, noted in the page. */
static const struct ap_profile_thread **sorted(struct ap_text_page *page, thread_order order)
{
	const struct ap_profile *profile = page->report->profile;
	const struct ap_profile_thread **threads =
		calloc(profile->threads_n + 1, sizeof(const void *));

	if (!threads) {
		page->error = -ENOMEM;
		return NULL;
	}
	for (size_t i = 0; i < profile->threads_n; i++)
		threads[i] = &profile->threads[i];
	qsort(threads, profile->threads_n, sizeof(const void *), order);
	return threads;
}

static size_t rows(const struct ap_text_page *page, size_t n)
{
	return page->options->threads || n < THREAD_ROWS ? n : THREAD_ROWS;
}

static void put_open_thread(struct ap_text_page *page, const struct ap_profile_thread *thread)
{
	const size_t first = thread->open_n > OPEN_ROWS ? thread->open_n - OPEN_ROWS : 0;
	struct ap_text_out *text = &page->text;
	char label[AP_FIT_BYTES];

	ap_text_begin(text, "  ", 4);
	ap_text_putf(text, "thread %u", thread->tid);
	if (thread->name[0]) {
		ap_text_put(text, " ");
		ap_text_put(text, thread->name);
	}
	ap_text_putf(text, ", outermost first:");
	ap_text_end(text);
	if (first)
		fprintf(text->out, "             ... %zu more above\n", first);
	for (size_t i = first; i < thread->open_n; i++) {
		const struct ap_profile_open_call *call = &thread->open[i];
		const struct ap_symbol *symbol = &page->report->symbols[call->function];
		fprintf(text->out, "  %9s  %s%s\n", ap_human_ns((double)call->age_ns).text,
			ap_text_label(label, symbol, call->inherited ? 50 : 67),
			call->inherited ? "  (from parent)" : "");
	}
}

void ap_text_open(struct ap_text_page *page)
{
	const size_t n = page->report->profile->threads_n;
	const struct ap_profile_thread **threads = sorted(page, by_age);
	size_t with = 0;

	if (!threads)
		return;
	while (with < n && threads[with]->open_n)
		with++;
	if (with)
		ap_text_heading(&page->text, "OPEN CALLS",
				"had not returned at the end, and since when");
	for (size_t i = 0; i < rows(page, with); i++)
		put_open_thread(page, threads[i]);
	if (rows(page, with) < with)
		fprintf(page->text.out, "  ... and %zu more threads (--thread shows all)\n",
			with - rows(page, with));
	free(threads);
}

void ap_text_memory(struct ap_text_page *page)
{
	const struct ap_profile_process *process = &page->report->profile->process;
	struct ap_text_out *text = &page->text;
	const uint64_t peak = process->max_rss_bytes;
	const char *from;
	const uint64_t limit = ap_figure_memory_limit(process, &from);

	if (ap_figure_share((double)peak, (double)limit) < NOTABLE_PCT)
		return;
	ap_text_heading(text, "MEMORY", NULL);
	ap_text_field(text, "Peak");
	ap_text_putf(text, "%s resident: %s of the %s (%s)", ap_human_bytes(peak).text,
		     ap_human_percent(ap_figure_share((double)peak, (double)limit)).text, from,
		     ap_human_bytes(limit).text);
	ap_text_end(text);
	if (!process->limits.host_memory_bytes || process->limits.host_memory_bytes == limit)
		return;
	ap_text_field(text, "Machine");
	ap_text_putf(text, "%s", ap_human_bytes(process->limits.host_memory_bytes).text);
	ap_text_end(text);
}

static void put_thread(struct ap_text_page *page, const struct ap_profile_thread *thread)
{
	char name[AP_FIT_BYTES];

	fprintf(page->text.out, "  %10u %9s%8s %9s %9s%6zu  %-6s%s\n", thread->tid,
		thread->cpu_ns ? ap_human_ns((double)thread->cpu_ns).text : "n/a",
		thread->cpu_ns && thread->duration_ns
			? ap_human_percent(ap_figure_share((double)thread->cpu_ns,
							   (double)thread->duration_ns))
				  .text
			: "n/a",
		ap_human_ns((double)thread->duration_ns).text,
		ap_human_count(thread->attempted).text, thread->open_n,
		thread->live ? "alive" : "ended", ap_escape_fit(name, thread->name, 15));
}

static void put_more_threads(const struct ap_text_page *page, size_t n)
{
	const uint64_t unlisted = page->report->profile->threads_more;

	if (rows(page, n) < n)
		fprintf(page->text.out, "  ... and %llu more threads (--thread shows all)\n",
			(unsigned long long)(n - rows(page, n) + unlisted));
	else if (unlisted)
		fprintf(page->text.out, "  ... and %llu more threads\n",
			(unsigned long long)unlisted);
}

void ap_text_threads(struct ap_text_page *page)
{
	const size_t n = page->report->profile->threads_n;

	if (!n)
		return;
	const struct ap_profile_thread **threads = sorted(page, by_work);
	if (!threads)
		return;
	ap_text_heading(&page->text, "THREADS", "busiest first; CPU of the thread's life");
	fprintf(page->text.out, "  %10s %9s%8s %9s %9s%6s  %-6s%s\n", "tid", "cpu", "cpu %", "life",
		"events", "open", "state", "name");
	for (size_t i = 0; i < rows(page, n); i++)
		put_thread(page, threads[i]);
	put_more_threads(page, n);
	free(threads);
}
