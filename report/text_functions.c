/* SPDX-License-Identifier: MIT */
/* report/text_functions.c - tables of functions: hot ones, who calls them, their latency. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "report/figures.h"
#include "report/findings.h"
#include "report/text_sections.h"
#include "report/units.h"

#define HOT_ROWS 20
#define EDGE_ROWS 5
#define LATENCY_ROWS 10
#define LATENCY_MIN_CALLS 20 /* fewer have no quantile at all */

char *ap_text_label(char ret[AP_FIT_BYTES], const struct ap_symbol *symbol, size_t columns)
{
	char place[160] = "";
	char *whole = NULL;

	if (symbol->file && symbol->line > 0)
		snprintf(place, sizeof(place), " (%.128s:%d)", ap_figure_base(symbol->file),
			 symbol->line);
	else if (symbol->file || (symbol->module && !symbol->guessed && symbol->module[0] != '?'))
		snprintf(place, sizeof(place), " (%.128s)",
			 ap_figure_base(symbol->file ? symbol->file : symbol->module));
	if (ap_escape_columns(symbol->name) + ap_escape_columns(place) > columns ||
	    asprintf(&whole, "%s%s", symbol->name, place) < 0)
		return ap_escape_fit(ret, symbol->name, columns);
	ap_escape_fit(ret, whole, columns);
	free(whole);
	return ret;
}

/* A figure of a table, right-aligned in @columns, with an empty column before it. */
static void cell(struct ap_text_out *text, const char *figure, int columns)
{
	fprintf(text->out, " %*s", columns, figure);
}

static void cell_ns(struct ap_text_out *text, double ns, const char *mark)
{
	char figure[32];

	snprintf(figure, sizeof(figure), "%s%s", mark, ap_human_ns(ns).text);
	cell(text, figure, 8);
}

void ap_text_figure(struct ap_text_out *text, const char *mark, const char *figure, int columns)
{
	char marked[32];

	snprintf(marked, sizeof(marked), "%s%s", mark, figure);
	fprintf(text->out, "%*s", columns, marked);
}

static void cell_quantile(struct ap_text_out *text, const struct ap_profile_function *function,
			  double q)
{
	if (!ap_figure_enough(ap_figure_recorded(function), q))
		cell(text, "n/a", 8);
	else
		cell_ns(text, ap_figure_quantile_ns(function, q),
			function->total.coarse || function->estimated_calls ? "~" : "");
}

static void put_calls(struct ap_text_out *text, const struct ap_profile_function *function)
{
	cell(text, ap_figure_calls(function->calls, function->calls_known).text, 7);
}

static void put_name(struct ap_text_page *page, size_t rank, uint32_t f)
{
	char label[AP_FIT_BYTES];

	fprintf(page->text.out, "%3zu %s\n", rank,
		ap_text_label(label, &page->report->symbols[f], 76));
}

static void put_hot(struct ap_text_page *page, const struct ap_profile_function *function,
		    double self_sum)
{
	struct ap_text_out *text = &page->text;
	char share[16];

	snprintf(share, sizeof(share), "%s%.1f %%", ap_figure_estimated(function) ? "~" : "",
		 ap_figure_share((double)function->self_ns, self_sum));
	fputs("    ", text->out);
	cell_ns(text, (double)function->self_ns, ap_figure_estimated(function) ? "~" : "");
	cell(text, share, 7);
	cell_ns(text, (double)function->total_ns,
		function->total_partial || function->estimated_calls ? "~" : "");
	put_calls(text, function);
	cell_ns(text, ap_figure_mean_ns(function), function->estimated_calls ? "~" : "");
	cell_quantile(text, function, 0.5);
	cell_quantile(text, function, 0.99);
	cell_ns(text, ap_figure_max_ns(function), function->counted_calls ? "~" : "");
	putc('\n', text->out);
}

static void put_hot_heading(struct ap_text_page *page)
{
	static const char *const orders[] = {
		[AP_SORT_SELF] = "by self time; all times are wall time",
		[AP_SORT_TOTAL] = "by total time; all times are wall time",
		[AP_SORT_CALLS] = "by calls; all times are wall time",
		[AP_SORT_AVG] = "by average time; all times are wall time",
		[AP_SORT_P99] = "by p99; all times are wall time",
		[AP_SORT_MAX] = "by slowest call; all times are wall time",
		[AP_SORT_NAME] = "by name; all times are wall time",
	};

	ap_text_heading(&page->text, "HOT FUNCTIONS", orders[page->options->sort]);
	fprintf(page->text.out, "    %9s%8s%9s%8s%9s%9s%9s%9s\n", "self", "self %", "total",
		"calls", "avg", "p50", "p99", "max");
}

void ap_text_hot(struct ap_text_page *page)
{
	const struct ap_report *report = page->report;
	const size_t rows = page->options->top ? page->options->top : HOT_ROWS;
	const double self_sum = (double)ap_figure_self_sum(report);
	struct ap_figure_ordered order;
	size_t i;

	if (!report->order_n)
		return;
	const int error = ap_figure_order(report, page->options->sort, &order);
	if (error) {
		page->error = error;
		return;
	}
	put_hot_heading(page);
	for (i = 0; i < order.n && i < rows; i++) {
		put_name(page, i + 1, order.functions[i]);
		put_hot(page, &report->profile->functions[order.functions[i]], self_sum);
	}
	if (i < order.n)
		fprintf(page->text.out, "    ... and %zu more functions (--top %zu shows all)\n",
			order.n - i, order.n);
	free(order.functions);
}

void ap_text_edges(struct ap_text_page *page, uint32_t function, bool callers, size_t rows)
{
	const struct ap_report *report = page->report;
	const double total = (double)report->profile->functions[function].total_ns;
	char label[AP_FIT_BYTES];
	struct ap_edges edges;
	size_t i;

	const int error = ap_figure_edges(report, function, callers, &edges);
	if (error) {
		page->error = error;
		return;
	}
	for (i = 0; i < edges.n && (!rows || i < rows); i++) {
		const struct ap_edge *edge = &edges.items[i];
		const struct ap_profile_function *called =
			&report->profile->functions[callers ? function : edge->function];
		const char *mark = edge->estimated ? "~" : "";
		fprintf(page->text.out, "  %-9s", i ? "" : callers ? "called by" : "calls");
		fprintf(page->text.out, "%7s",
			ap_figure_path_calls(called, edge->calls, edge->estimated).text);
		cell_ns(&page->text, (double)edge->total_ns, mark);
		fprintf(page->text.out, "%8s  %s\n",
			ap_human_percent(ap_figure_share((double)edge->total_ns, total)).text,
			ap_text_label(label, &report->symbols[edge->function], 43));
	}
	if (i < edges.n)
		fprintf(page->text.out, "  %35s... and %zu more\n", "", edges.n - i);
	free(edges.items);
}

void ap_text_around(struct ap_text_page *page)
{
	const uint32_t hottest = ap_finding_busiest(page->report);
	char label[AP_FIT_BYTES];

	if (!hottest)
		return;
	ap_text_heading(&page->text, "CALLERS AND CALLEES OF THE HOTTEST",
			"total time, share of its total");
	fprintf(page->text.out, "  %s\n",
		ap_text_label(label, &page->report->symbols[hottest], 78));
	fprintf(page->text.out, "  %16s%9s%8s  %s\n", "calls", "total", "share", "function");
	ap_text_edges(page, hottest, true, EDGE_ROWS);
	ap_text_edges(page, hottest, false, EDGE_ROWS);
}

static void put_latency(struct ap_text_page *page, const struct ap_profile_function *function)
{
	static const double quantiles[] = {0.5, 0.75, 0.9, 0.95, 0.99, 0.999};
	struct ap_text_out *text = &page->text;

	fputs("    ", text->out);
	cell(text, ap_human_count(ap_figure_recorded(function)).text, 7);
	for (size_t i = 0; i < sizeof(quantiles) / sizeof(quantiles[0]); i++)
		cell_quantile(text, function, quantiles[i]);
	cell_ns(text, ap_figure_max_ns(function), function->counted_calls ? "~" : "");
	putc('\n', text->out);
	if (!function->slow && !function->very_slow && !function->critical)
		return;
	ap_text_begin(text, "            ", 12);
	ap_text_putf(text, "fast %llu, slow %llu, very slow %llu, critical %llu",
		     (unsigned long long)ap_figure_fast(function),
		     (unsigned long long)function->slow, (unsigned long long)function->very_slow,
		     (unsigned long long)function->critical);
	ap_text_end(text);
}

static bool has_latency(const struct ap_report *report, uint32_t f)
{
	const struct ap_profile_function *function = &report->profile->functions[f];

	return ap_figure_listed(report, f) &&
	       (ap_figure_recorded(function) >= LATENCY_MIN_CALLS || function->critical);
}

static void put_latency_heading(struct ap_text_page *page)
{
	const uint64_t *edges = page->report->profile->process.edge_ns;
	struct ap_text_out *text = &page->text;

	ap_text_heading(text, "LATENCY",
			"of whole calls, by p99; wall time; n/a: too few calls to tell");
	ap_text_begin(text, "    ", 4);
	ap_text_putf(text, "slow: %s and more, very slow: %s, critical: %s",
		     ap_human_ns((double)edges[0]).text, ap_human_ns((double)edges[1]).text,
		     ap_human_ns((double)edges[2]).text);
	ap_text_end(text);
	fprintf(text->out, "    %8s%9s%9s%9s%9s%9s%9s%9s\n", "calls", "p50", "p75", "p90", "p95",
		"p99", "p99.9", "p100");
}

void ap_text_latency(struct ap_text_page *page)
{
	struct ap_figure_ordered order;
	size_t rows = 0;

	const int error = ap_figure_order(page->report, AP_SORT_P99, &order);
	if (error) {
		page->error = error;
		return;
	}
	for (size_t i = 0; i < order.n && rows < LATENCY_ROWS; i++) {
		if (!has_latency(page->report, order.functions[i]))
			continue;
		if (!rows)
			put_latency_heading(page);
		put_name(page, ++rows, order.functions[i]);
		put_latency(page, &page->report->profile->functions[order.functions[i]]);
	}
	free(order.functions);
}
