/* SPDX-License-Identifier: MIT */
/* profile/figures.c - from sums in ticks to the model's figures in nanoseconds. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "profile/reader.h"
#include "spool/sums.h"

/* A sum of the shards that is below 0 was read while it changed. */
static uint64_t not_below_zero(uint64_t ticks)
{
	return (int64_t)ticks < 0 ? 0 : ticks;
}

static void node_figures(const struct ap_reader *r, struct ap_profile_node *n,
			 const struct ap_node_sum *sum)
{
	n->calls = sum->calls;
	n->open_calls = sum->open;
	n->total_ns = ap_reader_duration(r, not_below_zero(sum->outer_ticks) - sum->hooks_outer);
	n->self_ns = ap_reader_duration(r, sum->self_ticks - sum->hooks_self);
	n->min_ns = ap_reader_duration(r, sum->min);
	n->max_ns = ap_reader_duration(r, sum->max);
}

static void add_to_function(struct ap_reader *r, const struct ap_profile_node *n,
			    const struct ap_node_sum *sum)
{
	struct ap_profile_function *f = &r->profile->functions[n->function];
	struct ap_function_sum *to = &r->function_sums[n->function];

	if (sum->calls) {
		to->min = f->timed_calls == 0 || sum->min < to->min ? sum->min : to->min;
		to->max = sum->max > to->max ? sum->max : to->max;
	}
	f->timed_calls += sum->calls;
	f->open_calls += sum->open;
	f->total_partial |= sum->joined && sum->calls;
	to->sum_ticks += sum->sum_ticks;
	to->net_ticks += sum->sum_ticks - ap_smaller(sum->hooks_sum, sum->sum_ticks);
	to->squares += sum->squares;
	to->self_ticks += sum->self_ticks;
	to->hooks_self += sum->hooks_self;
	to->outer_ticks += n->recursive ? 0 : not_below_zero(sum->outer_ticks);
	to->hooks_outer += n->recursive ? 0 : sum->hooks_outer;
}

static void function_figures(const struct ap_reader *r, struct ap_profile_function *f,
			     const struct ap_function_sum *sum)
{
	const uint64_t self = ap_less(sum->self_ticks, sum->hooks_self);
	uint64_t total = ap_less(sum->outer_ticks, sum->hooks_outer), raw_total = sum->outer_ticks;

	/* Of paths that were joined only the self time is known to belong to some outer call. */
	if (f->total_partial) {
		raw_total = ap_larger(raw_total, sum->self_ticks);
	}
	if (raw_total >= sum->self_ticks) {
		total = ap_larger(total, self); /* the hooks of inner calls are estimates, too */
	}
	f->timed_calls += f->estimated_calls - sum->weight; /* of paths, rounded */
	f->calls = f->timed_calls + sum->beyond + f->untimed_calls;
	f->total_ns = ap_reader_duration(r, total);
	f->self_ns = ap_reader_duration(r, self);
	f->raw_total_ns = ap_reader_duration(r, raw_total);
	f->raw_self_ns = ap_reader_duration(r, sum->self_ticks);
	f->sum_ns = (double)(sum->sum_ticks * r->ns_per_tick);
	f->hooks_ns = (double)((sum->sum_ticks - sum->net_ticks) * r->ns_per_tick);
	/* What hooks do not take of a call's own time they take of its caller's. */
	f->error_ns = hypot(hypot((double)f->timed_calls, (double)sum->made) *
				    ap_reader_ns_x1000(r, r->hdr.hook_error_x1000),
			    sqrt(sum->variance) * (double)r->ns_per_tick);
	if (f->estimated_calls && f->calls_known == AP_CALLS_MORE) {
		f->error_ns = (double)f->self_ns;
	}
	/* Of demoted ones hooks were in few calls, but in all that the histograms know: those of windows. */
	f->inside_ns = fmin(f->estimated_calls ? f->sum_ns : f->hooks_ns,
			    (double)ap_less(f->timed_calls, f->estimated_calls) *
					    ap_reader_ns_x1000(r, r->hdr.hook_inside_x1000) +
				    (double)f->estimated_calls *
					    ap_reader_ns_x1000(r, r->hdr.window_inside_x1000));
	f->sum_squares = (double)(sum->squares * r->ns_per_tick * r->ns_per_tick);
	f->min_ns = ap_reader_duration(r, sum->min);
	f->max_ns = ap_reader_duration(r, sum->max);
}

static void thread_figures(const struct ap_reader *r, const struct ap_reader_thread *t,
			   struct ap_profile_thread *to)
{
	const uint64_t end = t->record.end_ticks ? t->record.end_ticks : r->end_ticks;

	to->start_ns = ap_reader_between(r, r->hdr.clock_first.ticks, t->record.start_ticks);
	to->duration_ns = ap_reader_between(r, t->record.start_ticks, end);
	to->attempted = t->attempted;
	to->pending = t->pending;
	to->torn = t->record.torn + t->holes;
	to->folded = t->position > t->record.torn ? t->position - t->record.torn : 0;
}

static double joined_pct(const struct ap_reader *r)
{
	double all = 0, joined = 0;

	for (size_t i = 0; i < r->profile->nodes_n; i++) {
		const double self = (double)r->node_sums[i].self_ticks;
		all += self;
		joined += r->node_sums[i].joined ? self : 0;
	}
	return all > 0 ? 100 * joined / all : 0;
}

void ap_reader_figures(struct ap_reader *r)
{
	struct ap_profile *p = r->profile;

	for (size_t i = AP_ID_ROOT; i < p->nodes_n; i++) {
		if (p->nodes[i].used) {
			node_figures(r, &p->nodes[i], &r->node_sums[i]);
			add_to_function(r, &p->nodes[i], &r->node_sums[i]);
		}
	}
	for (size_t i = AP_ID_ROOT; i < p->functions_n; i++) {
		function_figures(r, &p->functions[i], &r->function_sums[i]);
	}
	for (size_t i = 0; i < p->threads_n; i++) {
		thread_figures(r, &r->threads[i], &p->threads[i]);
	}
	p->quality.paths_joined_pct = joined_pct(r);
}
