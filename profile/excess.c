/* SPDX-License-Identifier: MIT */
/* profile/excess.c - how much more the hooks of a call take in windows than was calibrated.
 *
 * No figure is right for all code (instrument/calibrate.c), nor for all of a run. But what windows stand for was measured, too:
 * the time between them. So of each caller that hides calls, its windows, as often as they stand for others, are to take as
 * long as the time between them did; what they are longer by, for each call, is the excess. By how much groups of windows
 * differ tells how far it is by chance, and calibrations by how much one kind of code may differ from another: each caller's
 * excess is its own as far as it is known, and the middle one for the rest (a shrinkage estimator: Efron and Morris, Data Analysis
 * Using Stein's Estimator, 1975). It is never less than nothing: where the time between windows is longer, the program waited
 * for a processor there, which in windows is left out (fold_thin.c). */
#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "profile/reader.h"

#define GROUPS AP_WINDOW_GROUPS
#define LEAST_CALLS 256	  /* in windows of a caller, */
#define LEAST_IN_ALL 4096 /* and of all, before they tell */
#define LEAST_SPREAD_NS 1 /* of kinds of code */

/* A node that hides calls, and its windows by group. */
struct owner {
	double time[GROUPS], own[GROUPS]; /* of its calls, weighted, and its own */
	double stands[GROUPS];		  /* calls that those in windows stand for, */
	double sampled;			  /* of so many */
	/* Standard errors of these, as far as calls of functions that were patched out are estimates. */
	double time_error, stands_error;
	bool unknown; /* nobody knows how many calls there were */
};

/* Of a caller that tells: ticks a call. */
struct told {
	uint32_t id;
	double excess, variance, sampled;
};

static double net(const struct ap_node_sum *sum)
{
	return (double)(int64_t)(sum->self_ticks - sum->hooks_self);
}

/* Stretches are in the time between windows, too, be they work or not. */
static double in_window(const struct ap_reader *r, uint32_t id)
{
	return net(&r->node_sums[id]) + ap_reader_credible(r, id);
}

static void add(const struct ap_reader *r, uint32_t id, struct owner *to)
{
	const struct ap_node_sum *sum = &r->node_sums[id];
	const double weight = ap_reader_weight(r, id), calls = (double)(sum->calls + sum->cut);
	const double time = in_window(r, id);
	const unsigned g = sum->group - 1u;

	if (sum->part) {
		to->own[g] += time;
		return;
	}
	const struct ap_function_sum *function = &r->function_sums[r->profile->nodes[id].function];
	const double error = ap_reader_calls_error(function);
	to->unknown |= function->known == AP_CALLS_MORE;
	to->time_error += time * weight * error;
	to->stands_error += calls * weight * error;
	to->time[g] += time * weight;
	to->stands[g] += calls * weight;
	to->sampled += calls;
}

/* A ratio estimator by random groups, as in estimate.c. Return: false: it does not tell. */
static bool tell(const struct ap_reader *r, uint32_t id, const struct owner *o, struct told *ret)
{
	double time[GROUPS], all = 0, own = 0, calls = 0, squares = 0, groups = 0;

	for (unsigned g = 0; g < GROUPS; g++) {
		calls += o->stands[g];
		groups += o->stands[g] > 0;
	}
	if (o->unknown || o->sampled < LEAST_CALLS || calls <= 0 || groups < 2) {
		return false;
	}
	for (unsigned g = 0; g < GROUPS; g++) {
		time[g] = o->time[g] + o->own[g] * calls / o->sampled;
		all += time[g];
		own += o->own[g];
	}
	for (unsigned g = 0; g < GROUPS; g++) {
		const double off = time[g] - all / calls * o->stands[g];
		squares += off * off;
	}
	const double error = o->time_error + own * o->stands_error / o->sampled;
	*ret = (struct told){
		.id = id,
		.excess = (all - net(&r->node_sums[id])) / calls,
		.variance = (squares * groups / (groups - 1) + error * error) / (calls * calls),
		.sampled = o->sampled,
	};
	return true;
}

static int by_excess(const void *a, const void *b)
{
	const struct told *x = a, *y = b;
	return (x->excess > y->excess) - (x->excess < y->excess);
}

/* By calls that were recorded. */
static double middle(struct told *told, size_t n)
{
	double all = 0, below = 0;

	qsort(told, n, sizeof(*told), by_excess);
	for (size_t i = 0; i < n; i++) {
		all += told[i].sampled;
	}
	for (size_t i = 0; i < n && all >= LEAST_IN_ALL; i++) {
		below += told[i].sampled;
		if (below >= all / 2) {
			return told[i].excess;
		}
	}
	return 0;
}

static void shrink(const struct ap_reader *r, struct told *told, size_t n, double *excess)
{
	const double spread = fmax((double)r->hdr.hook_error_x1000 / 1000,
				   LEAST_SPREAD_NS / (double)r->ns_per_tick);
	const double common = fmax(middle(told, n), 0), square = spread * spread;

	for (size_t id = 0; id < r->profile->nodes_n; id++) {
		excess[id] = common;
	}
	for (size_t i = 0; i < n; i++) {
		const double own = square / (square + told[i].variance);
		excess[told[i].id] = fmax(common + own * (told[i].excess - common), 0);
	}
}

int ap_reader_excess(const struct ap_reader *r, double *excess)
{
	const size_t nodes_n = r->profile->nodes_n;
	struct owner *owners = calloc(nodes_n, sizeof(*owners));
	struct told *told = calloc(nodes_n, sizeof(*told));
	size_t n = 0;

	for (uint32_t id = AP_ID_FIRST; id < nodes_n && owners; id++) {
		if (r->profile->nodes[id].used && r->node_sums[id].group) {
			add(r, id, &owners[r->node_sums[id].owner]);
		}
	}
	for (uint32_t id = AP_ID_ROOT; id < nodes_n && owners && told; id++) {
		n += tell(r, id, &owners[id], &told[n]);
	}
	if (owners && told) {
		shrink(r, told, n, excess);
	}
	const int e = owners && told ? 0 : -ENOMEM;
	free(owners);
	free(told);
	return e;
}
