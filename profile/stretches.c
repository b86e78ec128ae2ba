/* SPDX-License-Identifier: MIT */
/* profile/stretches.c - long times without events in windows: work, or interruptions?
 *
 * Windows are a small part of a thread's time, and what is in them stands for what is between them. An interruption, of tens
 * of microseconds in a window of five, would stand for a thousand that were not there. So stretches without events for more
 * than 10 us (ap_window_stretch()) were kept apart. Interruptions come to all functions alike, by their time: how often, is
 * told by those functions that have the fewest. One that has many more takes long now and then, and gets its stretches
 * back. Those of others stay in the time of the caller that was recorded, where they are divided among all it calls. */
#include <errno.h>
#include <stdlib.h>

#include "profile/reader.h"

#define INTERRUPTIONS_PER_S 2000 /* timers alone; who shares a processor has more */
#define TIMES 4			 /* as many as are expected, and */
#define FEW 4			 /* more than by chance */
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

/* To the node, and to the totals of what called it in the window. */
static void give_back(struct ap_reader *r, uint32_t id)
{
	const uint64_t ticks = r->node_sums[id].stretch_ticks;
	struct ap_node_sum *owner = &r->node_sums[r->node_sums[id].owner];

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
			give_back(r, id);
		} else {
			leave_out(r, &r->node_sums[id]);
		}
	}
	return e;
}
