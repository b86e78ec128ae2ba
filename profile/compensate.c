/* SPDX-License-Identifier: MIT */
/* profile/compensate.c - how much of each path's time the hooks are.
 *
 * A call's time goes from the stamp of its enter hook to the stamp of its exit hook: the rest of the first hook and the
 * beginning of the second are in it (inside), what is left of the two is in its caller's time (outside). Both were
 * calibrated at the start of the program. So of a path's self time, every call is worth `inside`, and every call that it
 * made `outside`; of its total, both, and all that is below. Folds are in nobody's time (gaps).
 *
 * The calibrated hooks ran warm, one pair after the other; what they take in windows these tell themselves (excess.c). No time becomes negative: what would is counted. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "profile/reader.h"
#include "spool/sums.h"

/* What the hooks of a call are, in its own time and its caller's: thousandths of ticks. */
struct cost {
	uint64_t inside, outside;
};

static uint64_t whole(double ticks_x1000)
{
	return (uint64_t)fmin(ticks_x1000, 0x1p62);
}

/* @excess: in windows, by owner; NULL: not known yet. */
static struct cost cost_at(const struct ap_reader *r, uint32_t id, const double *excess)
{
	const struct ap_spool_header *h = &r->hdr;
	const struct ap_node_sum *sum = &r->node_sums[id];

	if (!sum->group) {
		return (struct cost){h->hook_inside_x1000, h->hook_outside_x1000};
	}
	const double inside = (double)h->window_inside_x1000,
		     outside = (double)h->window_outside_x1000, all = inside + outside;
	const double by = excess && all > 0 ? fmax(1 + excess[sum->owner] * 1000 / all, 0) : 1;
	return (struct cost){whole(inside * by), whole(outside * by)};
}

static uint64_t scaled(uint64_t calls, uint64_t ticks_x1000)
{
	return (uint64_t)((ap_u128)calls * ticks_x1000 / 1000);
}

static bool is_recursing(const struct ap_node_sum *sum)
{
	return (int64_t)(sum->sum_ticks - sum->outer_ticks) > 0;
}

static void count_recursing(struct ap_reader *r)
{
	for (uint32_t id = AP_ID_ROOT; id < r->profile->nodes_n; id++) {
		if (r->profile->nodes[id].used && is_recursing(&r->node_sums[id])) {
			r->function_sums[r->profile->nodes[id].function].recursing +=
				r->node_sums[id].calls;
		}
	}
}

/* Calls of node @id that calls of node @id made: direct recursion stays in its node. Known for the function; of several paths
 * that recurse each has its share. */
static uint64_t inner_calls(const struct ap_reader *r, uint32_t id)
{
	const struct ap_node_sum *sum = &r->node_sums[id];
	const struct ap_function_sum *f = &r->function_sums[r->profile->nodes[id].function];

	if (!is_recursing(sum) || !f->recursing) {
		return 0;
	}
	return ap_smaller((uint64_t)((ap_u128)f->inner * sum->calls / f->recursing), sum->calls);
}

/* Ticks that the calls of node @id and the calls it made are worth; the parts of its children were added before. */
static void take_self(struct ap_reader *r, uint32_t id, struct cost cost)
{
	struct ap_node_sum *sum = &r->node_sums[id];
	const uint64_t wanted = sum->hooks_self + scaled(sum->calls, cost.inside) +
				scaled(inner_calls(r, id), cost.outside);

	sum->hooks_self = ap_smaller(wanted, sum->self_ticks);
	if (wanted > sum->self_ticks && sum->calls) {
		r->profile->quality.compensation_clamps++;
	}
}

/* What is left of a total is no less than what is left of its self time: steps in doubt may have given the calls below more
 * time than they were in. */
static void take_outer(struct ap_reader *r, uint32_t id)
{
	struct ap_node_sum *sum = &r->node_sums[id];
	if (sum->part) { /* no total of its own: all that is below is its caller's */
		sum->hooks_outer += sum->hooks_self;
		return;
	}
	const uint64_t outer = (int64_t)sum->outer_ticks > 0 ? sum->outer_ticks : 0;
	const uint64_t self = ap_smaller(sum->self_ticks - sum->hooks_self, outer);

	sum->hooks_outer = ap_smaller(sum->hooks_outer + sum->hooks_self, outer - self);
	sum->hooks_sum = outer ? (uint64_t)((ap_u128)sum->sum_ticks * sum->hooks_outer / outer) : 0;
}

/* Calls that were only counted, of which those of this node in windows are a sample: between windows their counting is in
 * the time of the caller. */
static void take_counting(struct ap_reader *r, uint32_t id)
{
	const struct ap_node_sum *sum = &r->node_sums[id];
	const struct ap_function_sum *f = &r->function_sums[r->profile->nodes[id].function];
	const uint64_t calls = sum->calls + sum->cut;

	if (sum->group && f->sampled) {
		const uint64_t counted = (uint64_t)((ap_u128)calls * f->counted / f->sampled);
		r->node_sums[sum->owner].hooks_self += scaled(counted, r->hdr.hook_gate_x1000);
	}
}

/* Parents come before their children: from the last to the first, every node finds what is below it done. */
static void take_all(struct ap_reader *r, const double *excess)
{
	const struct ap_profile *p = r->profile;

	r->profile->quality.compensation_clamps = 0;
	for (size_t i = 0; i < p->nodes_n; i++) {
		struct ap_node_sum *sum = &r->node_sums[i];
		sum->hooks_self = sum->hooks_outer = sum->hooks_sum = 0;
	}
	for (size_t i = p->nodes_n; i-- > AP_ID_ROOT;) {
		const uint32_t id = (uint32_t)i, parent = p->nodes[i].parent;
		const struct cost cost = cost_at(r, id, excess);
		if (!p->nodes[i].used) {
			continue;
		}
		take_counting(r, id);
		take_self(r, id, cost);
		take_outer(r, id);
		r->node_sums[parent].hooks_outer += r->node_sums[id].hooks_outer;
		r->node_sums[parent].hooks_self +=
			scaled(r->node_sums[id].calls - inner_calls(r, id), cost.outside);
	}
}

/* Calls that others made: what their hooks do not take of their own time they take of these others'. */
static void count_made(struct ap_reader *r)
{
	const struct ap_profile *p = r->profile;

	for (uint32_t id = AP_ID_FIRST; id < p->nodes_n; id++) {
		if (p->nodes[id].used) {
			r->function_sums[p->nodes[p->nodes[id].parent].function].made +=
				r->node_sums[id].calls - inner_calls(r, id);
		}
	}
}

int ap_reader_compensate(struct ap_reader *r)
{
	count_recursing(r);
	count_made(r);
	take_all(r, NULL);
	if (!r->hdr.gates) {
		return 0;
	}
	double *excess = calloc(r->profile->nodes_n, sizeof(*excess));
	const int e = excess ? ap_reader_excess(r, excess) : -ENOMEM;
	if (e == 0) {
		take_all(r, excess);
	}
	free(excess);
	return e;
}
