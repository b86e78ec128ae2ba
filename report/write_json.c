/* SPDX-License-Identifier: MIT */
/* report/write_json.c - the JSON report, schema autoprof-report/1: docs/report-schema.md tells what
 * every member means, docs/report-schema.json is what tests validate it against. Change all three
 * together, and only add. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "report/figures.h"
#include "report/json.h"
#include "report/words.h"

#define NOT_LISTED UINT32_MAX

/** What the parts of the report get. */
struct page {
	struct ap_json json;
	const struct ap_report *report;
	uint32_t *index; /* function id -> index into "functions", or NOT_LISTED */
	uint32_t *
		functions; /* ids, by self time; last the fixed ones that only hold paths together */
	size_t functions_n;
};

static const char *calls_known(enum ap_calls_known known)
{
	return known == AP_CALLS_EXACT	     ? "exact"
	       : known == AP_CALLS_ESTIMATED ? "estimated"
					     : "more";
}

/* A member that is unknown when it is 0. */
static void put_known(struct ap_json *json, const char *key, uint64_t value)
{
	if (value)
		ap_json_uint(json, key, value);
	else
		ap_json_null(json, key);
}

static void put_known_double(struct ap_json *json, const char *key, double value)
{
	if (value > 0)
		ap_json_double(json, key, value);
	else
		ap_json_null(json, key);
}

static void put_index(struct page *page, const char *key, uint32_t function)
{
	if (page->index[function] == NOT_LISTED)
		ap_json_null(&page->json, key);
	else
		ap_json_uint(&page->json, key, page->index[function]);
}

static void put_process(struct page *page)
{
	const struct ap_profile_process *process = &page->report->profile->process;
	struct ap_json *json = &page->json;

	ap_json_begin(json, "process", '{');
	ap_json_string(json, "exe", process->exe ? process->exe : "?");
	ap_json_string(json, "cwd", process->cwd);
	ap_json_uint(json, "pid", process->pid);
	ap_json_uint(json, "ppid", process->ppid);
	ap_json_uint(json, "uid", process->uid);
	ap_json_uint(json, "start_unix_ns", process->start_unix_ns);
	ap_json_uint(json, "duration_ns", process->duration_ns);
	ap_json_string(json, "end", ap_word_end(process->end));
	put_known(json, "signal",
		  process->end == AP_PROFILE_SIGNAL ? (uint64_t)process->signal : 0);
	if (process->exit_status >= 0)
		ap_json_uint(json, "exit_status", (uint64_t)process->exit_status);
	else
		ap_json_null(json, "exit_status");
	ap_json_uint(json, "cpu_ns", process->cpu_ns);
	put_known_double(json, "cpu_cores", ap_figure_cores(process));
	ap_json_uint(json, "threads_peak", process->threads_peak);
	ap_json_uint(json, "threads_created", process->threads_created);
	ap_json_uint(json, "processes_created", process->processes_created);
	ap_json_end(json, '}');
}

static void put_events(struct ap_json *json, const struct ap_profile_quality *quality)
{
	ap_json_begin(json, "events", '{');
	ap_json_uint(json, "attempted", quality->attempted);
	ap_json_uint(json, "folded", quality->folded);
	ap_json_uint(json, "pending", quality->pending);
	ap_json_begin(json, "dropped", '{');
	for (size_t i = 0; i < AP_PROFILE_DROPS; i++) {
		if (quality->dropped[i].reason)
			ap_json_uint(json, quality->dropped[i].reason, quality->dropped[i].events);
	}
	ap_json_end(json, '}');
	ap_json_uint(json, "in_doubt", quality->in_doubt);
	ap_json_uint(json, "specials", quality->specials);
	ap_json_uint(json, "while_stopped", quality->while_stopped);
	ap_json_end(json, '}');
}

static void put_strings(struct ap_json *json, const char *key, char *const *strings, size_t n)
{
	ap_json_begin(json, key, '[');
	for (size_t i = 0; i < n; i++)
		ap_json_string(json, NULL, strings[i]);
	ap_json_end(json, ']');
}

static void put_degraded(struct ap_json *json, uint64_t degraded)
{
	ap_json_begin(json, "degraded", '[');
	for (unsigned i = 0; i < ap_word_degraded_n; i++) {
		if (degraded & ap_word_degraded[i].bit)
			ap_json_string(json, NULL, ap_word_degraded[i].name);
	}
	ap_json_end(json, ']');
}

static void put_module_notes(struct page *page)
{
	struct ap_json *json = &page->json;

	ap_json_begin(json, "modules", '[');
	for (size_t i = 0; i < page->report->module_notes_n; i++) {
		const struct ap_module_note *note = &page->report->module_notes[i];
		if (!note->text)
			continue;
		ap_json_begin(json, NULL, '{');
		ap_json_string(json, "module", note->module);
		ap_json_string(json, "note", note->text);
		ap_json_end(json, '}');
	}
	ap_json_end(json, ']');
}

static void put_patching(struct ap_json *json, const struct ap_profile_quality *quality)
{
	if (!quality->patch) {
		ap_json_null(json, "patch");
		return;
	}
	ap_json_begin(json, "patch", '{');
	ap_json_uint(json, "functions", quality->patch_functions);
	ap_json_uint(json, "sites", quality->patch_sites);
	ap_json_uint(json, "unfit_functions", quality->patch_unfit);
	ap_json_uint(json, "unread_modules", quality->patch_unread);
	ap_json_uint(json, "patched_functions", quality->patched);
	ap_json_uint(json, "asleep_ns", quality->asleep_ns);
	ap_json_uint(json, "came_back", quality->sleeps);
	ap_json_end(json, '}');
}

static void put_quality(struct page *page)
{
	const struct ap_profile_quality *quality = &page->report->profile->quality;
	struct ap_json *json = &page->json;

	ap_json_begin(json, "quality", '{');
	put_events(json, quality);
	ap_json_bool(json, "identity_holds", quality->identity_holds);
	put_known_double(json, "hook_ns", quality->hook_ns);
	put_known_double(json, "overhead_pct", quality->overhead_pct);
	put_known_double(json, "hook_inside_ns", quality->hook_inside_ns);
	put_known_double(json, "hook_outside_ns", quality->hook_outside_ns);
	put_known_double(json, "hook_gate_ns", quality->hook_gate_ns);
	ap_json_uint(json, "counted_calls", quality->counted_calls);
	ap_json_uint(json, "missed_calls", quality->missed_calls);
	put_patching(json, quality);
	ap_json_uint(json, "left_out", quality->left_out);
	ap_json_uint(json, "left_out_ns", (uint64_t)quality->left_out_ns);
	if (quality->budget_pct)
		ap_json_uint(json, "budget_pct", quality->budget_pct);
	else
		ap_json_null(json, "budget_pct");
	put_known_double(json, "hook_error_ns", quality->hook_error_ns);
	put_known_double(json, "empty_hooks_pct", quality->empty_hooks_pct);
	ap_json_uint(json, "compensation_clamps", quality->compensation_clamps);
	ap_json_string(json, "clock", quality->clock);
	put_known_double(json, "ticks_per_s", quality->ticks_per_s);
	ap_json_uint(json, "resyncs", quality->resyncs);
	ap_json_uint(json, "unclosed_frames", quality->unclosed_frames);
	ap_json_uint(json, "unmatched_exits", quality->unmatched_exits);
	ap_json_uint(json, "clamps", quality->clamps);
	ap_json_uint(json, "beyond", quality->beyond);
	ap_json_uint(json, "inherited", quality->inherited);
	ap_json_uint(json, "folds", quality->folds);
	ap_json_double(json, "paths_joined_pct", quality->paths_joined_pct);
	put_degraded(json, quality->degraded);
	ap_json_uint(json, "memory_used_bytes", quality->memory_used_bytes);
	ap_json_uint(json, "memory_cap_bytes", quality->memory_cap_bytes);
	ap_json_uint(json, "stops", quality->stops);
	ap_json_uint(json, "stopped_ns", quality->stopped_ns);
	ap_json_string(json, "filters", quality->filters);
	put_strings(json, "options_ignored", quality->options_ignored, quality->options_ignored_n);
	put_module_notes(page);
	put_strings(json, "notes", quality->notes, quality->notes_n);
	ap_json_end(json, '}');
}

static int put_summary(struct page *page)
{
	const struct ap_report *report = page->report;
	struct ap_json *json = &page->json;
	char *verdict = ap_word_verdict(report);

	if (!verdict)
		return -ENOMEM;
	ap_json_begin(json, "summary", '{');
	ap_json_string(json, "verdict", verdict);
	ap_json_begin(json, "findings", '[');
	for (size_t i = 0; i < report->findings_n; i++) {
		const struct ap_finding *finding = &report->findings[i];
		ap_json_begin(json, NULL, '{');
		ap_json_string(json, "rule", finding->rule);
		ap_json_string(json, "severity", finding->severity);
		ap_json_string(json, "message", finding->message);
		ap_json_double(json, "value", finding->value);
		ap_json_double(json, "threshold", finding->threshold);
		ap_json_string(json, "unit", finding->unit);
		ap_json_string(json, "recommendation", finding->recommendation);
		put_strings(json, "evidence", finding->evidence, finding->evidence_n);
		ap_json_end(json, '}');
	}
	ap_json_end(json, ']');
	ap_json_end(json, '}');
	free(verdict);
	return 0;
}

static void put_ns(struct ap_json *json, const char *key, double ns)
{
	ap_json_uint(json, key, ns > 0 ? (uint64_t)(ns + 0.5) : 0);
}

static void put_quantiles(struct ap_json *json, const struct ap_profile_function *function)
{
	static const struct {
		const char *key;
		double q;
	} quantiles[] = {
		{"p50_ns", 0.5},  {"p75_ns", 0.75}, {"p90_ns", 0.9},
		{"p95_ns", 0.95}, {"p99_ns", 0.99}, {"p99_9_ns", 0.999},
	};

	for (size_t i = 0; i < sizeof(quantiles) / sizeof(quantiles[0]); i++)
		put_ns(json, quantiles[i].key, ap_figure_quantile_ns(function, quantiles[i].q));
	ap_json_double(json, "quantile_error_pct", function->total.coarse ? 4.5 : 1.1);
	if (!function->self.count)
		return;
	put_ns(json, "self_p50_ns", ap_figure_self_quantile_ns(function, 0.5));
	put_ns(json, "self_p99_ns", ap_figure_self_quantile_ns(function, 0.99));
}

/* Statistics of the timed calls; left out when there are none. */
static void put_timed(struct ap_json *json, const struct ap_profile_function *function)
{
	if (!function->timed_calls)
		return;
	put_ns(json, "min_ns", ap_figure_min_ns(function));
	put_ns(json, "max_ns", ap_figure_max_ns(function));
	put_ns(json, "avg_ns", ap_figure_mean_ns(function));
	put_ns(json, "stddev_ns", ap_figure_stddev_ns(function));
	put_quantiles(json, function);
	ap_json_begin(json, "categories", '{');
	ap_json_uint(json, "fast", ap_figure_fast(function));
	ap_json_uint(json, "slow", function->slow);
	ap_json_uint(json, "very_slow", function->very_slow);
	ap_json_uint(json, "critical", function->critical);
	ap_json_end(json, '}');
}

/* As the symbol table of the module's file counts. */
static void put_offset(struct page *page, const struct ap_profile_function *function)
{
	char offset[32];

	if (function->module < 0) {
		ap_json_null(&page->json, "offset");
		return;
	}
	snprintf(offset, sizeof(offset), "0x%" PRIx64,
		 function->address - page->report->profile->modules[function->module].bias);
	ap_json_string(&page->json, "offset", offset);
}

static void put_function(struct page *page, uint32_t id, double self_sum)
{
	const struct ap_profile_function *function = &page->report->profile->functions[id];
	const struct ap_symbol *symbol = &page->report->symbols[id];
	struct ap_json *json = &page->json;

	ap_json_begin(json, NULL, '{');
	ap_json_string(json, "name", symbol->name);
	ap_json_string(json, "module",
		       function->kind == AP_FUNCTION_SYNTHETIC ? NULL : symbol->module);
	put_offset(page, function);
	ap_json_string(json, "file", symbol->file);
	put_known(json, "line", symbol->line > 0 ? (uint64_t)symbol->line : 0);
	ap_json_string(json, "kind",
		       function->kind == AP_FUNCTION_SYNTHETIC ? "synthetic" : "instrumented");
	ap_json_uint(json, "calls", function->calls);
	ap_json_uint(json, "timed_calls", ap_figure_recorded(function));
	ap_json_uint(json, "counted_calls", function->counted_calls);
	ap_json_uint(json, "missed_calls", function->missed_calls);
	ap_json_string(json, "calls_known", calls_known(function->calls_known));
	if (function->calls_known == AP_CALLS_MORE)
		ap_json_null(json, "calls_error_pct");
	else
		ap_json_double(json, "calls_error_pct", ap_figure_calls_error_pct(function));
	ap_json_uint(json, "open_calls", function->open_calls);
	ap_json_uint(json, "total_ns", function->total_ns);
	ap_json_bool(json, "total_partial", function->total_partial);
	ap_json_uint(json, "self_ns", function->self_ns);
	if (ap_figure_left_out(id))
		ap_json_null(json, "self_pct");
	else
		ap_json_double(json, "self_pct",
			       ap_figure_share((double)function->self_ns, self_sum));
	ap_json_uint(json, "raw_total_ns", function->raw_total_ns);
	ap_json_uint(json, "raw_self_ns", function->raw_self_ns);
	put_timed(json, function);
	ap_json_bool(json, "estimated", ap_figure_estimated(function));
	ap_json_double(json, "error_pct", ap_figure_error_pct(function));
	ap_json_end(json, '}');
}

static void put_functions(struct page *page)
{
	const double self_sum = (double)ap_figure_self_sum(page->report);

	ap_json_begin(&page->json, "functions", '[');
	for (size_t i = 0; i < page->functions_n; i++)
		put_function(page, page->functions[i], self_sum);
	ap_json_end(&page->json, ']');
}

static void put_call_tree(struct page *page)
{
	const struct ap_profile *profile = page->report->profile;
	struct ap_json *json = &page->json;

	ap_json_begin(json, "call_tree", '[');
	for (uint32_t id = 1; id < profile->nodes_n; id++) {
		const struct ap_profile_node *node = &profile->nodes[id];
		if (!node->used || (id < AP_ID_FIRST && page->index[node->function] == NOT_LISTED))
			continue;
		ap_json_begin(json, NULL, '{');
		ap_json_uint(json, "id", id);
		put_known(json, "parent", node->parent);
		put_index(page, "function", node->function);
		ap_json_uint(json, "calls", node->calls);
		ap_json_uint(json, "total_ns", node->total_ns);
		ap_json_uint(json, "self_ns", node->self_ns);
		if (node->recursive)
			ap_json_bool(json, "recursive", true);
		if (node->estimated)
			ap_json_bool(json, "estimated", true);
		ap_json_end(json, '}');
	}
	ap_json_end(json, ']');
}

static void put_thread(struct page *page, const struct ap_profile_thread *thread)
{
	struct ap_json *json = &page->json;

	ap_json_begin(json, NULL, '{');
	ap_json_uint(json, "pid", thread->pid);
	ap_json_uint(json, "tid", thread->tid);
	ap_json_string(json, "name", thread->name);
	ap_json_bool(json, "live", thread->live);
	ap_json_uint(json, "start_ns", thread->start_ns);
	ap_json_uint(json, "duration_ns", thread->duration_ns);
	put_known(json, "cpu_ns", thread->cpu_ns);
	ap_json_begin(json, "events", '{');
	ap_json_uint(json, "attempted", thread->attempted);
	ap_json_uint(json, "folded", thread->folded);
	ap_json_uint(json, "pending", thread->pending);
	ap_json_uint(json, "torn", thread->torn);
	ap_json_end(json, '}');
	ap_json_begin(json, "open_calls", '[');
	for (size_t i = 0; i < thread->open_n; i++) {
		ap_json_begin(json, NULL, '{');
		put_index(page, "function", thread->open[i].function);
		put_known(json, "node", thread->open[i].node);
		ap_json_uint(json, "age_ns", thread->open[i].age_ns);
		ap_json_bool(json, "inherited", thread->open[i].inherited);
		ap_json_end(json, '}');
	}
	ap_json_end(json, ']');
	ap_json_end(json, '}');
}

static void put_threads(struct page *page)
{
	ap_json_begin(&page->json, "threads", '[');
	for (size_t i = 0; i < page->report->profile->threads_n; i++)
		put_thread(page, &page->report->profile->threads[i]);
	ap_json_end(&page->json, ']');
	ap_json_uint(&page->json, "threads_left_out", page->report->profile->threads_more);
}

/* What one process did, or several that are not listed; the members stand in an open object. */
static void put_work(struct ap_json *json, const struct ap_profile_process_row *row)
{
	ap_json_uint(json, "cpu_ns", row->cpu_ns);
	put_known(json, "max_rss_bytes", row->max_rss_bytes);
	if (row->elsewhere) {
		ap_json_null(json, "calls");
		ap_json_null(json, "calls_known");
		ap_json_null(json, "threads");
		ap_json_null(json, "events");
		return;
	}
	ap_json_uint(json, "calls", row->calls);
	ap_json_string(json, "calls_known", calls_known(row->calls_known));
	ap_json_uint(json, "threads", row->threads);
	ap_json_begin(json, "events", '{');
	ap_json_uint(json, "attempted", row->attempted);
	ap_json_uint(json, "folded", row->folded);
	ap_json_uint(json, "pending", row->pending);
	ap_json_uint(json, "dropped", row->dropped);
	ap_json_end(json, '}');
}

static void put_row(struct ap_json *json, const struct ap_profile_process_row *row)
{
	ap_json_begin(json, NULL, '{');
	ap_json_uint(json, "pid", row->pid);
	ap_json_uint(json, "ppid", row->ppid);
	if (row->parent >= 0)
		ap_json_uint(json, "parent", (uint64_t)row->parent);
	else
		ap_json_null(json, "parent");
	ap_json_string(json, "exe", row->exe);
	ap_json_uint(json, "start_unix_ns", row->start_unix_ns);
	ap_json_uint(json, "duration_ns", row->duration_ns);
	ap_json_string(json, "end", ap_word_end(row->end));
	put_known(json, "signal", row->end == AP_PROFILE_SIGNAL ? (uint64_t)row->signal : 0);
	if (row->exit_status >= 0)
		ap_json_uint(json, "exit_status", (uint64_t)row->exit_status);
	else
		ap_json_null(json, "exit_status");
	put_work(json, row);
	ap_json_end(json, '}');
}

static void put_processes(struct page *page)
{
	const struct ap_profile *profile = page->report->profile;
	struct ap_json *json = &page->json;

	ap_json_begin(json, "processes", '[');
	for (size_t i = 0; i < profile->processes_n; i++)
		put_row(json, &profile->processes[i]);
	ap_json_end(json, ']');
	if (!profile->more.processes) {
		ap_json_null(json, "processes_left_out");
		return;
	}
	ap_json_begin(json, "processes_left_out", '{');
	ap_json_uint(json, "count", profile->more.processes);
	put_work(json, &profile->more);
	ap_json_end(json, '}');
}

static void put_memory(struct page *page)
{
	static const char *const sources[] = {
		[AP_LIMIT_NONE] = NULL,
		[AP_LIMIT_CGROUP] = "cgroup",
		[AP_LIMIT_RLIMIT_AS] = "rlimit_as",
	};
	const struct ap_profile_process *process = &page->report->profile->process;
	const struct ap_limits *limits = &process->limits;
	struct ap_json *json = &page->json;

	ap_json_begin(json, "memory", '{');
	put_known(json, "peak_rss_bytes", process->max_rss_bytes);
	put_known(json, "limit_bytes", limits->memory_bytes);
	ap_json_string(json, "limit_from",
		       limits->memory_from <= AP_LIMIT_RLIMIT_AS ? sources[limits->memory_from]
								 : NULL);
	put_known(json, "machine_bytes", limits->host_memory_bytes);
	ap_json_end(json, '}');
}

static void list(struct page *page, uint32_t function)
{
	if (page->index[function] == NOT_LISTED) {
		page->index[function] = (uint32_t)page->functions_n;
		page->functions[page->functions_n++] = function;
	}
}

static int list_functions(struct page *page, const struct ap_report_options *options)
{
	const struct ap_report *report = page->report;
	const struct ap_profile *profile = report->profile;
	const size_t all = profile->functions_n + AP_ID_FIRST;

	page->index = calloc(all, sizeof(*page->index));
	page->functions = calloc(all, sizeof(*page->functions));
	if (!page->index || !page->functions)
		return -ENOMEM;
	for (size_t i = 0; i < all; i++)
		page->index[i] = NOT_LISTED;
	for (size_t i = 0; i < report->order_n && !(options->top && i >= options->top); i++)
		list(page, report->order[i]);
	/* (root) and its like, and frames of a parent process, have no calls of their own, but calls have them as
	 * parents. */
	for (size_t id = AP_ID_FIRST; id < profile->nodes_n; id++) {
		const uint32_t parent = profile->nodes[id].parent;
		const uint32_t function = profile->nodes[id].function;
		if (profile->nodes[id].used && parent && (parent < AP_ID_FIRST || !options->top))
			list(page, profile->nodes[parent].function);
		if (profile->nodes[id].used && ap_figure_left_out(function))
			list(page, function);
	}
	return 0;
}

static int write_parts(struct page *page)
{
	ap_json_begin(&page->json, NULL, '{');
	ap_json_string(&page->json, "schema", "autoprof-report/1");
	ap_json_string(&page->json, "version", AP_VERSION);
	put_process(page);
	put_quality(page);
	const int error = put_summary(page);
	put_functions(page);
	put_call_tree(page);
	put_threads(page);
	put_processes(page);
	put_memory(page);
	ap_json_end(&page->json, '}');
	return error;
}

static int write_json(const struct ap_report *report, const struct ap_report_options *options,
		      FILE *out)
{
	static const struct ap_report_options defaults;
	struct page page = {.report = report, .json = {.out = out}};
	int error = list_functions(&page, options ? options : &defaults);

	if (!error)
		error = write_parts(&page);
	free(page.index);
	free(page.functions);
	if (error)
		return error;
	if (fflush(out))
		return -errno;
	return ferror(out) ? -EIO : 0;
}

const struct ap_writer ap_writer_json = {".json", write_json};
