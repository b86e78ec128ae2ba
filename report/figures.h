/* SPDX-License-Identifier: MIT */
/* report/figures.h - what findings and writers derive from the model, in one place, so that all
 * sinks agree. */
#ifndef AP_REPORT_FIGURES_H
#define AP_REPORT_FIGURES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "report/report.h"
#include "report/units.h"

/** ap_figure_quantile_ns() - value at rank ceil(q*n) of the timed calls, held inside their extremes; 0 when there are none.
 * ap_figure_self_quantile_ns() - the same of their self times.
 *
 * These and the extremes are without the hooks' own time: what is alike in every call is taken off, what the calls below
 * took is taken off in proportion, as if they were spread over all calls by time. The mean is exact in that. */
double ap_figure_quantile_ns(const struct ap_profile_function *function, double q);
double ap_figure_self_quantile_ns(const struct ap_profile_function *function, double q);
double ap_figure_min_ns(const struct ap_profile_function *function);
double ap_figure_max_ns(const struct ap_profile_function *function);
/** ap_figure_calls() - how many, marked where that is an estimate (~) or there were more (>). */
struct ap_human ap_figure_calls(uint64_t calls, enum ap_calls_known known);
/** ap_figure_path_calls() - the same of a part of @function's calls, as from one caller; @estimated: which these are, too. */
struct ap_human ap_figure_path_calls(const struct ap_profile_function *function, uint64_t calls,
				     bool estimated);
/** ap_figure_calls_error_pct() - of the number of its calls, where not all were counted; at most 100. */
double ap_figure_calls_error_pct(const struct ap_profile_function *function);
/** ap_figure_error_pct() - of its self time, as far as what the hooks cost in it is not known; at most 100.
 * ap_figure_estimated() - is that so much that the time is to be marked? */
double ap_figure_error_pct(const struct ap_profile_function *function);
bool ap_figure_estimated(const struct ap_profile_function *function);
/** ap_figure_recorded() - of its timed calls: those that others were estimated from, or all. */
uint64_t ap_figure_recorded(const struct ap_profile_function *function);
/** ap_figure_enough() - are there ten values above the quantile? Fewer say little: n >= 10/(1-q).
 * */
bool ap_figure_enough(uint64_t n, double q);

double ap_figure_mean_ns(const struct ap_profile_function *function);
double ap_figure_stddev_ns(const struct ap_profile_function *function);
/** ap_figure_avg_self_ns() - self time a call.
 * ap_figure_avg_self_mark() - "<" where it is less than that, since there were more calls than are known; else "". */
double ap_figure_avg_self_ns(const struct ap_profile_function *function);
const char *ap_figure_avg_self_mark(const struct ap_profile_function *function);
uint64_t ap_figure_fast(const struct ap_profile_function *function);

/** ap_figure_share() - percent of @part in @whole; 0 of nothing. */
double ap_figure_share(double part, double whole);
/** ap_figure_self_sum() - self time of all functions: the whole that shares are of. */
uint64_t ap_figure_self_sum(const struct ap_report *report);

/** ap_figure_cores() - cores that the process may use; 0 unknown. */
double ap_figure_cores(const struct ap_profile_process *process);
/** ap_figure_cores_used() - CPU time by duration; 0 unknown. */
/** ap_figure_waits() - time passed, but hardly any of it was CPU time: less than a tenth of a processor. */
bool ap_figure_waits(const struct ap_profile_process *process);
double ap_figure_cores_used(const struct ap_profile_process *process);
/** ap_figure_memory_limit() - the smallest limit that is known, the machine's memory among them; 0
 * unknown.
 * @ret_from: words for it. */
uint64_t ap_figure_memory_limit(const struct ap_profile_process *process, const char **ret_from);

/** ap_figure_processes() - processes of the profile, the listed and the others: an exec makes no new one.
 * @ret_running: of these, those that went on; may be NULL. */
uint64_t ap_figure_processes(const struct ap_profile *profile, uint64_t *ret_running);
/** ap_figure_programs() - different files that the listed processes ran. */
size_t ap_figure_programs(const struct ap_profile *profile);
/** ap_figure_largest() - the process whose memory is the profile's peak; NULL: there is but one. */
const struct ap_profile_process_row *ap_figure_largest(const struct ap_profile *profile);

/** ap_figure_base() - @path without its directories. */
const char *ap_figure_base(const char *path);

/** ap_figure_listed() - function for people to act on: not (root), (deeper), ... */
bool ap_figure_listed(const struct ap_report *report, uint32_t function);

/** ap_figure_left_out() - does this stand for what filters left out? It is in no table and no sum. */
bool ap_figure_left_out(uint32_t function);

struct ap_figure_ordered {
	uint32_t *functions; /* ids */
	size_t n;
};
/** ap_figure_order() - the functions of @report in another order: new array, free it. Return: 0 or
 * -ENOMEM. */
int ap_figure_order(const struct ap_report *report, enum ap_report_sort sort,
		    struct ap_figure_ordered *ret);

/** One end of the calls between two functions. */
struct ap_edge {
	uint32_t function;
	bool estimated; /* some of what follows is */
	uint64_t calls;
	uint64_t
		total_ns; /* of calls not already inside the callee: adds up to the callee's total */
};
struct ap_edges {
	struct ap_edge *items;
	size_t n;
};
/** ap_figure_edges() - who calls @function (@callers), or whom it calls; largest time first: new
 * array, free it.
 * Return: 0 or -ENOMEM. */
int ap_figure_edges(const struct ap_report *report, uint32_t function, bool callers,
		    struct ap_edges *ret);

#endif
