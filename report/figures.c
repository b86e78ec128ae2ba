/* SPDX-License-Identifier: MIT */
/* report/figures.c - figures of one function or process; see figures.h. */
#include "report/figures.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define ESTIMATED_FROM_PCT 10
#define WAITING_CORES 0.1

/* @ns of a call, of which @left of the measured @sum less what is alike in every call are the program's. */
static double without_hooks(const struct ap_profile_function *function, double ns, double sum,
			    double left)
{
	const double measured = sum - function->inside_ns;
	const double alike =
		function->timed_calls ? function->inside_ns / (double)function->timed_calls : 0;

	return measured > 0 ? fmax(ns - alike, 0) * fmin(left / measured, 1) : 0;
}

static double total_without_hooks(const struct ap_profile_function *function, double ns)
{
	return without_hooks(function, ns, function->sum_ns, function->sum_ns - function->hooks_ns);
}

double ap_figure_quantile_ns(const struct ap_profile_function *function, double q)
{
	const double ns = ap_histogram_quantile(&function->total, q) * 1e9;

	/* The middle of the first or last bucket may lie outside of what was seen. */
	return total_without_hooks(
		function, fmin(fmax(ns, (double)function->min_ns), (double)function->max_ns));
}

double ap_figure_self_quantile_ns(const struct ap_profile_function *function, double q)
{
	const double ns =
		fmin(ap_histogram_quantile(&function->self, q) * 1e9, (double)function->max_ns);

	return without_hooks(function, ns, (double)function->raw_self_ns,
			     (double)function->self_ns);
}

double ap_figure_min_ns(const struct ap_profile_function *function)
{
	return total_without_hooks(function, (double)function->min_ns);
}

double ap_figure_max_ns(const struct ap_profile_function *function)
{
	return total_without_hooks(function, (double)function->max_ns);
}

struct ap_human ap_figure_calls(uint64_t calls, enum ap_calls_known known)
{
	static const char *const marks[] = {
		[AP_CALLS_EXACT] = "", [AP_CALLS_ESTIMATED] = "~", [AP_CALLS_MORE] = ">"};
	struct ap_human marked;

	snprintf(marked.text, sizeof(marked.text), "%s%s", marks[known],
		 ap_human_count(calls).text);
	return marked;
}

struct ap_human ap_figure_path_calls(const struct ap_profile_function *function, uint64_t calls,
				     bool estimated)
{
	return ap_figure_calls(calls,
			       estimated ? ap_calls_worse(AP_CALLS_ESTIMATED, function->calls_known)
					 : AP_CALLS_EXACT);
}

double ap_figure_calls_error_pct(const struct ap_profile_function *function)
{
	return function->missed_error > function->calls
		       ? 100
		       : ap_figure_share((double)function->missed_error, (double)function->calls);
}

double ap_figure_error_pct(const struct ap_profile_function *function)
{
	const double self = (double)function->self_ns;

	return function->error_ns > self ? 100 : ap_figure_share(function->error_ns, self);
}

bool ap_figure_estimated(const struct ap_profile_function *function)
{
	return function->estimated_calls || ap_figure_error_pct(function) > ESTIMATED_FROM_PCT;
}

uint64_t ap_figure_recorded(const struct ap_profile_function *function)
{
	return function->timed_calls > function->estimated_calls
		       ? function->timed_calls - function->estimated_calls
		       : 0;
}

bool ap_figure_enough(uint64_t n, double q)
{
	/* Rounded: 1-0.99 is not exactly 0.01. */
	return (double)n >= rint(10 / (1 - q));
}

double ap_figure_mean_ns(const struct ap_profile_function *function)
{
	return function->timed_calls
		       ? (function->sum_ns - function->hooks_ns) / (double)function->timed_calls
		       : 0;
}

double ap_figure_stddev_ns(const struct ap_profile_function *function)
{
	if (!function->timed_calls)
		return 0;
	const double mean = function->sum_ns / (double)function->timed_calls;
	/* Below zero only by rounding. */
	const double stddev =
		sqrt(fmax(function->sum_squares / (double)function->timed_calls - mean * mean, 0));
	const double alike = function->inside_ns / (double)function->timed_calls;
	/* What is alike in every call moves no value away from another. */
	return total_without_hooks(function, stddev + alike);
}

double ap_figure_avg_self_ns(const struct ap_profile_function *function)
{
	return function->calls ? (double)function->self_ns / (double)function->calls : 0;
}

const char *ap_figure_avg_self_mark(const struct ap_profile_function *function)
{
	return function->calls_known == AP_CALLS_MORE ? "<" : "";
}

uint64_t ap_figure_fast(const struct ap_profile_function *function)
{
	const uint64_t others = function->slow + function->very_slow + function->critical;

	return function->timed_calls > others ? function->timed_calls - others : 0;
}

double ap_figure_share(double part, double whole)
{
	return whole > 0 ? 100 * part / whole : 0;
}

uint64_t ap_figure_self_sum(const struct ap_report *report)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < report->order_n; i++)
		sum += report->profile->functions[report->order[i]].self_ns;
	return sum;
}

double ap_figure_cores(const struct ap_profile_process *process)
{
	return (double)process->limits.cpu_millicores / 1000;
}

double ap_figure_cores_used(const struct ap_profile_process *process)
{
	return process->duration_ns ? (double)process->cpu_ns / (double)process->duration_ns : 0;
}

bool ap_figure_waits(const struct ap_profile_process *process)
{
	return process->cpu_ns && ap_figure_cores_used(process) < WAITING_CORES;
}

uint64_t ap_figure_memory_limit(const struct ap_profile_process *process, const char **ret_from)
{
	static const char *const sources[] = {
		[AP_LIMIT_NONE] = "limit of the process",
		[AP_LIMIT_CGROUP] = "cgroup limit",
		[AP_LIMIT_RLIMIT_AS] = "RLIMIT_AS",
	};
	const struct ap_limits *limits = &process->limits;

	if (limits->memory_bytes &&
	    (!limits->host_memory_bytes || limits->memory_bytes <= limits->host_memory_bytes)) {
		*ret_from = sources[limits->memory_from <= AP_LIMIT_RLIMIT_AS ? limits->memory_from
									      : 0];
		return limits->memory_bytes;
	}
	*ret_from = "memory of the machine";
	return limits->host_memory_bytes;
}

uint64_t ap_figure_processes(const struct ap_profile *profile, uint64_t *ret_running)
{
	uint64_t n = profile->more.processes, running = 0;

	for (size_t i = 0; i < profile->processes_n; i++) {
		const struct ap_profile_process_row *row = &profile->processes[i];
		const bool same =
			row->parent >= 0 && profile->processes[row->parent].pid == row->pid;
		n += !same;
		running += row->elsewhere;
	}
	if (ret_running)
		*ret_running = running;
	return n;
}

size_t ap_figure_programs(const struct ap_profile *profile)
{
	size_t n = 0;

	for (size_t i = 0; i < profile->processes_n; i++) {
		size_t k = 0;
		while (k < i && strcmp(profile->processes[k].exe, profile->processes[i].exe) != 0)
			k++;
		n += k == i;
	}
	return n;
}

const struct ap_profile_process_row *ap_figure_largest(const struct ap_profile *profile)
{
	for (size_t i = 0; i < profile->processes_n && profile->merged; i++) {
		const struct ap_profile_process_row *row = &profile->processes[i];
		if (!row->elsewhere && row->max_rss_bytes == profile->process.max_rss_bytes)
			return row;
	}
	return NULL;
}

const char *ap_figure_base(const char *path)
{
	const char *slash = path ? strrchr(path, '/') : NULL;

	return slash && slash[1] ? slash + 1 : path ? path : "?";
}

bool ap_figure_left_out(uint32_t function)
{
	return function == AP_ID_OUTSIDE || function == AP_ID_LEFT_OUT;
}

bool ap_figure_listed(const struct ap_report *report, uint32_t function)
{
	return report->profile->functions[function].kind != AP_FUNCTION_SYNTHETIC;
}
