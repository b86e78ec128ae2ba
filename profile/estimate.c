/* SPDX-License-Identifier: MIT */
/* profile/estimate.c - from windows of recording to figures for all calls of demoted functions.
 *
 * Calls are exact: each was recorded, or counted by a gate, but for those of functions that were patched (patched.c). Between windows the time of counted calls is in the self time of
 * the caller that was recorded (runtime/fold_thin.c). A call that was recorded in a window stands for as many as were
 * counted for each that was recorded (a ratio estimator: Cochran, Sampling Techniques, chapter 6); and the time of a
 * caller between windows is divided among itself and what it hides as they share its windows, so weighted. So times
 * add up to what was measured, whatever is estimated.
 *
 * Windows are dealt to groups in turn, or phases in which hooks are not patched out, with all their windows; by how much the groups differ tells the variance (random groups: Wolter,
 * Introduction to Variance Estimation, chapter 2). In the end each path of windows joins the one with the same functions. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "profile/model.h"
#include "profile/reader.h"
#include "spool/sums.h"

#define GROUPS AP_WINDOW_GROUPS

/* Of one node that hides calls, and its windows: weighted. Ticks. */
struct caller {
	double time;			     /* in all windows */
	double calls[GROUPS];		     /* by group */
	double deviations[GROUPS];	     /* of the time, by group */
	double own_weight_sum, own_weight_n; /* of what it called there, by calls */
	double left_out;		     /* stretches in all windows, in the same way */
	double between;			     /* its self time between windows: to be divided */
};

struct estimate {
	struct ap_reader *r;
	struct caller *callers;	      /* by node */
	double (*deviations)[GROUPS]; /* of the self time, by function */
	double (*calls)[GROUPS];      /* that were recorded in windows, by function */
	uint32_t *twins;	      /* by node: the path without marks */
	uint32_t nodes_n;
};

/* A node of windows: weighted. */
struct sample {
	uint32_t owner, function;
	bool part;
	double time, calls;
};

/* What changes with the number of calls of one function: see add_calls_errors(). */
struct shift {
	struct sample *samples;
	size_t samples_n;
	double *calls, *time; /* that do, by owner */
	double *self;	      /* of all: how much, by function */
};

static uint32_t function_of(const struct ap_reader *r, uint32_t id)
{
	return r->profile->nodes[id].function;
}

/* What one recorded call in a window stands for, itself left out. */
static double weight_of(const struct ap_function_sum *sum)
{
	const double all = (double)sum->counted + (double)sum->missed;
	return sum->sampled ? all / (double)sum->sampled : 0;
}

static bool is_sample(const struct ap_reader *r, uint32_t id)
{
	return r->profile->nodes[id].used && r->node_sums[id].group;
}

double ap_reader_weight(const struct ap_reader *r, uint32_t id)
{
	return weight_of(&r->function_sums[function_of(r, id)]);
}

double ap_reader_calls_error(const struct ap_function_sum *sum)
{
	const double all = (double)sum->counted + (double)sum->missed;
	const double error = all > 0 ? fmin(sum->missed_error / all, 1) : 0;

	return sum->known == AP_CALLS_MORE ? 1 : error;
}

int ap_reader_weigh(struct ap_reader *r)
{
	for (uint32_t id = AP_ID_FIRST; id < r->profile->nodes_n; id++) {
		struct ap_node_sum *sum = &r->node_sums[id];
		struct ap_function_sum *to = &r->function_sums[function_of(r, id)];
		if (!r->profile->nodes[id].used) {
			continue;
		}
		to->cut += sum->cut;
		to->sampled += sum->group ? sum->calls + sum->cut : 0;
	}
	return 0;
}

static double net_self(const struct ap_node_sum *sum)
{
	return (double)(int64_t)(sum->self_ticks - sum->hooks_self);
}

static void add_to_caller(struct estimate *e, uint32_t id)
{
	const struct ap_node_sum *sum = &e->r->node_sums[id];
	struct caller *caller = &e->callers[sum->owner];
	const double calls = (double)(sum->calls + sum->cut);

	caller->own_weight_sum += calls * ap_reader_weight(e->r, id);
	caller->own_weight_n += calls;
	caller->calls[sum->group - 1] += calls * ap_reader_weight(e->r, id);
	e->calls[function_of(e->r, id)][sum->group - 1] += calls;
}

static double own_weight(const struct caller *caller)
{
	return caller->own_weight_sum > 0 ? caller->own_weight_sum / caller->own_weight_n : 1;
}

static double time_weight(const struct estimate *e, uint32_t id)
{
	const struct ap_node_sum *sum = &e->r->node_sums[id];
	return sum->part ? own_weight(&e->callers[sum->owner]) : ap_reader_weight(e->r, id);
}

static double weighted_time(const struct estimate *e, uint32_t id)
{
	return net_self(&e->r->node_sums[id]) * time_weight(e, id);
}

/* How much longer the caller was between windows than its weighted windows say. */
static double scale_of(const struct caller *caller)
{
	return caller->time > 0 ? fmax(caller->between, 0) / caller->time : 0;
}

static double sum_of(const double *groups)
{
	double sum = 0;

	for (unsigned g = 0; g < GROUPS; g++) {
		sum += groups[g];
	}
	return sum;
}

/* For less groups than take_variances() counts on; 0: a single one, which says nothing. */
static double correction(const double *groups)
{
	double n = 0;

	for (unsigned g = 0; g < GROUPS; g++) {
		n += groups[g] > 0;
	}
	return n > 1 ? sqrt(n / (n - 1) * (GROUPS - 1) / GROUPS) : 0;
}

/* By how much the time of a node in windows of a group is more than its calls there let expect: how
 * many calls there are is no source of error here (see add_calls_errors() for those that are estimated). Those of a single group say nothing: then all of it. */
static double deviation_in(const struct estimate *e, uint32_t id, unsigned group)
{
	const struct ap_node_sum *sum = &e->r->node_sums[id];
	const double *calls =
		sum->part ? e->callers[sum->owner].calls : e->calls[function_of(e->r, id)];
	const double few = correction(calls), own = weighted_time(e, id), all = sum_of(calls);
	const double here = group + 1 == sum->group ? own : 0;

	return few > 0 ? few * (here - own * calls[group] / all) : here;
}

static uint64_t rounded(double ticks)
{
	return ticks > 0 && ticks < 0x1p63 ? (uint64_t)llround(ticks) : 0;
}

static ap_u128 rounded_square(double ticks2)
{
	return ticks2 > 0 && ticks2 < 0x1p127 ? (ap_u128)ticks2 : 0;
}

/* The share of a node of windows in the time between them. */
static void divide(struct estimate *e, uint32_t id)
{
	struct ap_node_sum *sum = &e->r->node_sums[id];
	const struct caller *caller = &e->callers[sum->owner];
	struct ap_node_sum *owner = &e->r->node_sums[sum->owner];
	const double scale = scale_of(caller), own = weighted_time(e, id);
	double *deviation = e->deviations[function_of(e->r, id)];

	const bool alone = correction(caller->calls) == 0; /* with what it called there */
	for (unsigned g = 0; g < GROUPS && caller->time > 0; g++) {
		const double common = alone ? 0 : own / caller->time * caller->deviations[g];
		deviation[g] += scale * (deviation_in(e, id, g) - common);
	}
	const double weight = ap_reader_weight(e->r, id);
	if (!sum->part) { /* else it stays where it is, with the calls that its caller made of itself */
		const uint64_t self = rounded(scale * own);
		const double outer = (double)(int64_t)(sum->outer_ticks - sum->hooks_outer);
		owner->self_ticks -= self < owner->self_ticks ? self : owner->self_ticks;
		sum->self_ticks += self;
		sum->outer_ticks += rounded(scale * weight * outer);
	}
	const double calls = (double)(sum->calls + sum->cut);
	if (sum->calls) { /* those that were cut have no total */
		const double more = calls * weight / (double)sum->calls;
		sum->sum_ticks += rounded((double)sum->sum_ticks * more * scale);
		sum->hooks_sum += rounded((double)sum->hooks_sum * more * scale);
		sum->squares += rounded_square((double)sum->squares * more * scale * scale);
		const uint32_t parent = e->r->profile->nodes[id].parent;
		e->r->function_sums[function_of(e->r, id)].weight += rounded(calls * weight);
		e->r->function_sums[function_of(e->r, parent)].made += rounded(calls * weight);
		sum->calls += rounded(calls * weight);
	}
}

static void join(struct ap_reader *r, uint32_t from_id, uint32_t to_id)
{
	struct ap_node_sum *from = &r->node_sums[from_id], *to = &r->node_sums[to_id];

	if (from->calls) {
		to->min = to->calls == 0 || from->min < to->min ? from->min : to->min;
		to->max = from->max > to->max ? from->max : to->max;
	}
	to->calls += from->calls;
	to->open += from->open;
	to->sum_ticks += from->sum_ticks;
	to->hooks_sum += from->hooks_sum;
	to->self_ticks += from->self_ticks;
	to->hooks_self += from->hooks_self;
	to->squares += from->squares;
	/* A part is inside of calls that have it in their totals. */
	to->outer_ticks += from->outer_ticks;
	to->hooks_outer += from->part ? 0 : from->hooks_outer;
	r->profile->nodes[to_id].estimated |= from->group != 0;
	r->profile->nodes[from_id] = (struct ap_profile_node){0};
	*from = (struct ap_node_sum){0};
}

static int join_marked(struct estimate *e)
{
	struct ap_reader *r = e->r;

	for (uint32_t id = AP_ID_ROOT; id < e->nodes_n; id++) {
		const uint32_t parent = r->profile->nodes[id].parent;
		e->twins[id] = id;
		if (!r->profile->nodes[id].used) {
			continue;
		}
		if (r->node_sums[id].part) {
			e->twins[id] = e->twins[parent];
		} else if (r->node_sums[id].mark || e->twins[parent] != parent) {
			const int error = ap_model_child(r, e->twins[parent], function_of(r, id), 0,
							 &e->twins[id]);
			if (error < 0) {
				return error;
			}
		}
		if (e->twins[id] != id) {
			join(r, id, e->twins[id]);
		}
	}
	return 0;
}

/* Calls that are still open were listed by the nodes that they had then. */
static void join_open_calls(const struct estimate *e)
{
	const struct ap_profile *p = e->r->profile;

	for (size_t i = 0; i < p->threads_n; i++) {
		for (size_t k = 0; k < p->threads[i].open_n; k++) {
			p->threads[i].open[k].node = e->twins[p->threads[i].open[k].node];
		}
	}
}

static void take_variances(struct estimate *e)
{
	for (uint32_t id = AP_ID_FIRST; id < e->r->profile->functions_n; id++) {
		double squares = 0;
		for (unsigned g = 0; g < GROUPS; g++) {
			squares += e->deviations[id][g] * e->deviations[id][g];
		}
		e->r->function_sums[id].variance += squares * GROUPS / (GROUPS - 1);
	}
}

static void list_samples(const struct estimate *e, struct shift *shift)
{
	for (uint32_t id = AP_ID_FIRST; id < e->nodes_n; id++) {
		const struct ap_node_sum *sum = &e->r->node_sums[id];
		const double calls = (double)(sum->calls + sum->cut);
		if (is_sample(e->r, id)) {
			shift->samples[shift->samples_n++] = (struct sample){
				.owner = sum->owner,
				.function = function_of(e->r, id),
				.part = sum->part,
				.time = weighted_time(e, id),
				.calls = sum->part ? 0 : calls * ap_reader_weight(e->r, id),
			};
		}
	}
}

/* With twice the calls of @f its nodes weigh twice as much, and the caller's own time as much more as calls of @f are of what it
 * calls. */
static double follows(const struct estimate *e, const struct shift *shift, const struct sample *s,
		      uint32_t f)
{
	const double all = e->callers[s->owner].own_weight_sum;

	return !s->part ? s->function == f : all > 0 ? shift->calls[s->owner] / all : 0;
}

/* The calls of @f are off by @error of them: that is one error, alike for all of its callers. What weighs more takes time from
 * what else is in the same windows. */
static void add_calls_error(struct estimate *e, struct shift *shift, uint32_t f, double error)
{
	const struct sample *end = shift->samples + shift->samples_n;

	memset(shift->calls, 0, e->nodes_n * sizeof(*shift->calls));
	memset(shift->time, 0, e->nodes_n * sizeof(*shift->time));
	memset(shift->self, 0, e->r->profile->functions_n * sizeof(*shift->self));
	for (const struct sample *s = shift->samples; s < end; s++) {
		shift->calls[s->owner] += s->function == f ? s->calls : 0;
	}
	for (const struct sample *s = shift->samples; s < end; s++) {
		shift->time[s->owner] += s->time * follows(e, shift, s, f);
	}
	for (const struct sample *s = shift->samples; s < end; s++) {
		const struct caller *caller = &e->callers[s->owner];
		const double common = caller->time > 0 ? shift->time[s->owner] / caller->time : 0;
		shift->self[s->function] +=
			scale_of(caller) * s->time * (follows(e, shift, s, f) - common);
	}
	for (uint32_t id = AP_ID_FIRST; id < e->r->profile->functions_n; id++) {
		const double off = error * shift->self[id];
		e->r->function_sums[id].variance += off * off;
	}
}

/* How many calls a function had whose hooks were patched out is an estimate, and so are the weights. Before times are divided. */
static int add_calls_errors(struct estimate *e)
{
	const size_t nodes_n = e->nodes_n, functions_n = e->r->profile->functions_n;
	struct shift shift = {
		.samples = calloc(nodes_n, sizeof(*shift.samples)),
		.calls = calloc(nodes_n, sizeof(*shift.calls)),
		.time = calloc(nodes_n, sizeof(*shift.time)),
		.self = calloc(functions_n, sizeof(*shift.self)),
	};
	const bool memory = shift.samples && shift.calls && shift.time && shift.self;

	if (memory) {
		list_samples(e, &shift);
	}
	for (uint32_t id = AP_ID_FIRST; id < functions_n && memory; id++) {
		const struct ap_function_sum *sum = &e->r->function_sums[id];
		const double error = ap_reader_calls_error(sum);
		if (sum->sampled && error > 0) {
			add_calls_error(e, &shift, id, error);
		}
	}
	free(shift.samples);
	free(shift.calls);
	free(shift.time);
	free(shift.self);
	return memory ? 0 : -ENOMEM;
}

static void add_times(struct estimate *e)
{
	for (uint32_t id = AP_ID_FIRST; id < e->nodes_n; id++) {
		if (is_sample(e->r, id)) {
			const struct ap_node_sum *sum = &e->r->node_sums[id];
			struct caller *caller = &e->callers[sum->owner];
			caller->time += weighted_time(e, id);
			caller->left_out += ap_reader_credible(e->r, id) * time_weight(e, id);
			caller->between = net_self(&e->r->node_sums[sum->owner]);
		}
	}
}

/* What the time between windows is longer by is time without events, as far as windows have left such out: as much of theirs as
 * makes up for it is work. A single interruption that stands for more than was there is not believed. */
static void give_back(struct estimate *e)
{
	for (uint32_t id = AP_ID_FIRST; id < e->nodes_n; id++) {
		const struct ap_node_sum *sum = &e->r->node_sums[id];
		const struct caller *caller = &e->callers[sum->owner];
		if (is_sample(e->r, id) && sum->stretch_ticks && caller->left_out > 0) {
			const double missing = fmax(caller->between - caller->time, 0);
			const double part = fmin(missing / caller->left_out, 1);
			ap_reader_give_back(e->r, id, part * ap_reader_credible(e->r, id));
		}
	}
	for (uint32_t id = AP_ID_FIRST; id < e->nodes_n; id++) {
		e->callers[id].time = e->callers[id].left_out = 0;
	}
	add_times(e);
}

static int estimate_times(struct estimate *e)
{
	const struct ap_reader *r = e->r;

	for (uint32_t id = AP_ID_FIRST; id < e->nodes_n; id++) {
		if (is_sample(r, id)) {
			add_to_caller(e, id);
		}
	}
	add_times(e);
	give_back(e);
	for (uint32_t id = AP_ID_FIRST; id < e->nodes_n; id++) {
		if (is_sample(r, id)) {
			struct caller *caller = &e->callers[r->node_sums[id].owner];
			for (unsigned g = 0; g < GROUPS; g++) {
				caller->deviations[g] += deviation_in(e, id, g);
			}
		}
	}
	const int error = add_calls_errors(e);
	for (uint32_t id = AP_ID_FIRST; id < e->nodes_n && error == 0; id++) {
		if (is_sample(r, id)) {
			divide(e, id);
		}
	}
	return error;
}

static void estimate_calls(struct ap_reader *r)
{
	for (uint32_t id = AP_ID_FIRST; id < r->profile->functions_n; id++) {
		struct ap_profile_function *f = &r->profile->functions[id];
		const struct ap_function_sum *sum = &r->function_sums[id];
		f->counted_calls = ap_sum(sum->counted, sum->missed);
		f->missed_calls = sum->missed;
		f->missed_error = (uint64_t)llround(fmin(sum->missed_error, 0x1p62));
		f->calls_known = sum->known;
		f->estimated_calls = sum->weight ? f->counted_calls : 0;
		f->untimed_calls = ap_sum(sum->cut, sum->weight ? 0 : f->counted_calls);
	}
}

static bool has_marks(const struct ap_reader *r)
{
	for (uint32_t id = AP_ID_FIRST; id < r->profile->nodes_n; id++) {
		if (r->node_sums[id].mark) {
			return true;
		}
	}
	return false;
}

int ap_reader_estimate(struct ap_reader *r)
{
	const size_t nodes_n = r->profile->nodes_n;
	struct estimate e = {.r = r, .nodes_n = (uint32_t)nodes_n};
	int error = 0;

	estimate_calls(r);
	if (!has_marks(r)) {
		return 0;
	}
	e.callers = calloc(nodes_n, sizeof(*e.callers));
	e.deviations = calloc(r->profile->functions_n, sizeof(*e.deviations));
	e.calls = calloc(r->profile->functions_n, sizeof(*e.calls));
	e.twins = calloc(nodes_n, sizeof(*e.twins));
	if (e.callers && e.deviations && e.calls && e.twins) {
		error = estimate_times(&e);
		estimate_calls(r);
		take_variances(&e);
		error = error < 0 ? error : join_marked(&e);
		if (error == 0) {
			join_open_calls(&e);
		}
	} else {
		error = -ENOMEM;
	}
	free(e.callers);
	free(e.deviations);
	free(e.calls);
	free(e.twins);
	return error;
}
