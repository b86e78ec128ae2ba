/* SPDX-License-Identifier: MIT */
/* profile/stretches.c - long times without events in windows: work, or interruptions?
 *
 * Windows are a small part of a thread's time, and what is in them stands for what is between them. An interruption, of tens
 * of microseconds in a window of five, would stand for a thousand that were not there. So stretches without events for more
 * than 10 us (ap_window_stretch()) were kept apart. Interruptions come to all functions alike, by their time: how often, is
 * told by those functions that have the fewest. One that has many more takes long now and then, and gets its stretches
 * back. Those of others stay in the time of the caller that was recorded. Where that is longer than its windows let
 * expect, they are what is missing, up to what they would stand for (estimate.c); the rest is divided among all it calls. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "profile/reader.h"

#define INTERRUPTIONS_PER_S 2000 /* timers alone; who shares a processor has more */
#define TIMES 4			 /* as many as are expected, and */
#define FEW 4			 /* more than by chance */
#define LONGEST_S 1e-4		 /* of one that may be work, in the mean */
#define USUAL                                                                                      \
	0.75 /* the part of all time in windows, at most, that says how often interruptions are */

static double seconds_of(const struct ap_reader *r, const struct ap_function_sum *sum)
{
	return (double)sum->in_windows * (double)r->ns_per_tick / 1e9;
}

static void add_up(struct ap_reader *r, uint32_t id)
{
	const struct ap_node_sum *sum = &r->node_sums[id];
	struct ap_function_sum *to = &r->function_sums[r->profile->nodes[id].function];

	to->stretches += sum->stretches;
	to->in_windows += sum->self_ticks;
}

static int by_rate(const void *a, const void *b)
{
	const struct ap_function_sum *x = *(const struct ap_function_sum *const *)a,
				     *y = *(const struct ap_function_sum *const *)b;
	const double left = (double)x->stretches * (double)y->in_windows,
		     right = (double)y->stretches * (double)x->in_windows;
	return (left > right) - (left < right);
}

/* Of those functions that have the fewest for their time. */
static double rate_of(const struct ap_reader *r, const struct ap_function_sum **sorted, size_t n)
{
	double all = 0, time = 0, stretches = 0;

	for (size_t i = 0; i < n; i++) {
		all += seconds_of(r, sorted[i]);
	}
	for (size_t i = 0; i < n; i++) {
		if (i > 0 && time + seconds_of(r, sorted[i]) > all * USUAL) {
			break;
		}
		time += seconds_of(r, sorted[i]);
		stretches += (double)sorted[i]->stretches;
	}
	return time > 0 && stretches / time > INTERRUPTIONS_PER_S ? stretches / time
								  : INTERRUPTIONS_PER_S;
}

/* Return: 0 or -ENOMEM. */
static int interruptions_per_s(const struct ap_reader *r, double *ret_rate)
{
	const size_t functions_n = r->profile->functions_n;
	const struct ap_function_sum **sorted = calloc(functions_n + 1, sizeof(const void *));
	size_t n = 0;

	if (!sorted) {
		return -ENOMEM;
	}
	for (size_t i = AP_ID_FIRST; i < functions_n; i++) {
		if (r->function_sums[i].in_windows) {
			sorted[n++] = &r->function_sums[i];
		}
	}
	qsort(sorted, n, sizeof(const void *), by_rate);
	*ret_rate = rate_of(r, sorted, n);
	free(sorted);
	return 0;
}

/* @ticks of its stretches to the node, and to the totals of what called it in the window. */
static void give_back(struct ap_reader *r, uint32_t id, uint64_t ticks)
{
	struct ap_node_sum *owner = &r->node_sums[r->node_sums[id].owner];

	r->node_sums[id].stretch_ticks -= ticks;
	r->node_sums[id].self_ticks += ticks;
	owner->self_ticks -= ticks < owner->self_ticks ? ticks : owner->self_ticks;
	for (; r->node_sums[id].group; id = r->profile->nodes[id].parent) {
		r->node_sums[id].outer_ticks += r->node_sums[id].part ? 0 : ticks;
		r->node_sums[id].sum_ticks += r->node_sums[id].part ? 0 : ticks;
	}
}

static void leave_out(struct ap_reader *r, const struct ap_node_sum *sum)
{
	r->profile->quality.left_out += sum->stretches;
	r->profile->quality.left_out_ns +=
		(double)((long double)sum->stretch_ticks * r->ns_per_tick);
}

/* Any one of a function's may have been an interruption, and so was what is very long. */
double ap_reader_credible(const struct ap_reader *r, uint32_t id)
{
	const struct ap_node_sum *sum = &r->node_sums[id];
	const double n = (double)r->function_sums[r->profile->nodes[id].function].stretches;
	const double most = (double)sum->stretches * LONGEST_S * (double)r->hdr.ticks_per_s;

	return n > 1 ? fmin((double)sum->stretch_ticks, most) * (1 - 1 / n) : 0;
}

void ap_reader_give_back(struct ap_reader *r, uint32_t id, double ticks)
{
	const struct ap_node_sum *sum = &r->node_sums[id];
	const double part = ticks / (double)sum->stretch_ticks;

	r->profile->quality.left_out -= (uint64_t)((double)sum->stretches * part + 0.5);
	r->profile->quality.left_out_ns -= ticks * (double)r->ns_per_tick;
	give_back(r, id, (uint64_t)ticks);
}

int ap_reader_stretches(struct ap_reader *r)
{
	const struct ap_profile *p = r->profile;
	double rate = 0;

	for (uint32_t id = AP_ID_FIRST; id < p->nodes_n; id++) {
		if (p->nodes[id].used && r->node_sums[id].group) {
			add_up(r, id);
		}
	}
	const int e = interruptions_per_s(r, &rate);
	for (uint32_t id = AP_ID_FIRST; e == 0 && id < p->nodes_n; id++) {
		const struct ap_function_sum *f = &r->function_sums[p->nodes[id].function];
		if (!p->nodes[id].used || !r->node_sums[id].stretches) {
			continue;
		}
		if ((double)f->stretches > FEW + TIMES * rate * seconds_of(r, f)) {
			give_back(r, id, r->node_sums[id].stretch_ticks);
		} else {
			leave_out(r, &r->node_sums[id]);
		}
	}
	return e;
}
