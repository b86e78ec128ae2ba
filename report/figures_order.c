/* SPDX-License-Identifier: MIT */
/* report/figures_order.c - orders of functions, and who calls whom; see figures.h. */
#include "report/figures.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

typedef double (*key_fn)(const struct ap_profile_function *function);

static double key_self(const struct ap_profile_function *function)
{
	return (double)function->self_ns;
}

static double key_total(const struct ap_profile_function *function)
{
	return (double)function->total_ns;
}

static double key_calls(const struct ap_profile_function *function)
{
	return (double)function->calls;
}

static double key_p99(const struct ap_profile_function *function)
{
	return ap_figure_quantile_ns(function, 0.99);
}

static const key_fn keys[] = {
	[AP_SORT_SELF] = key_self,   [AP_SORT_TOTAL] = key_total,
	[AP_SORT_CALLS] = key_calls, [AP_SORT_AVG] = ap_figure_mean_ns,
	[AP_SORT_P99] = key_p99,     [AP_SORT_MAX] = ap_figure_max_ns,
};

struct keyed {
	double key;
	const char *name; /* NULL: by the key */
	uint32_t function;
	uint32_t rank; /* equal ones stay in the order of self time */
};

static int by_key(const void *a, const void *b)
{
	const struct keyed *x = a;
	const struct keyed *y = b;
	const int named = x->name ? strcmp(x->name, y->name) : 0;

	if (named)
		return named;
	if (x->key != y->key)
		return x->key > y->key ? -1 : 1;
	return x->rank < y->rank ? -1 : 1;
}

int ap_figure_order(const struct ap_report *report, enum ap_report_sort sort,
		    struct ap_figure_ordered *ret)
{
	struct keyed *rows = calloc(report->order_n + 1, sizeof(*rows));
	uint32_t *functions = calloc(report->order_n + 1, sizeof(*functions));

	if (!rows || !functions) {
		free(rows);
		free(functions);
		return -ENOMEM;
	}
	for (size_t i = 0; i < report->order_n; i++) {
		const uint32_t f = report->order[i];
		rows[i] = (struct keyed){
			.key = sort == AP_SORT_NAME ? 0
						    : keys[sort](&report->profile->functions[f]),
			.name = sort == AP_SORT_NAME ? report->symbols[f].name : NULL,
			.function = f,
			.rank = (uint32_t)i,
		};
	}
	qsort(rows, report->order_n, sizeof(*rows), by_key);
	for (size_t i = 0; i < report->order_n; i++)
		functions[i] = rows[i].function;
	free(rows);
	*ret = (struct ap_figure_ordered){functions, report->order_n};
	return 0;
}

static int by_time(const void *a, const void *b)
{
	const struct ap_edge *x = a;
	const struct ap_edge *y = b;

	if (x->total_ns != y->total_ns)
		return x->total_ns > y->total_ns ? -1 : 1;
	if (x->calls != y->calls)
		return x->calls > y->calls ? -1 : 1;
	return x->function < y->function ? -1 : x->function > y->function;
}

int ap_figure_edges(const struct ap_report *report, uint32_t function, bool callers,
		    struct ap_edges *ret)
{
	const struct ap_profile *profile = report->profile;
	struct ap_edge *edges = calloc(profile->functions_n + 1, sizeof(*edges));
	size_t n = 0;

	if (!edges)
		return -ENOMEM;
	for (size_t i = 1; i < profile->nodes_n; i++) {
		const struct ap_profile_node *node = &profile->nodes[i];
		if (!node->used || !node->parent || !(node->calls || node->total_ns))
			continue;
		const uint32_t caller = profile->nodes[node->parent].function;
		if ((callers ? node->function : caller) != function)
			continue;
		struct ap_edge *edge = &edges[callers ? caller : node->function];
		edge->calls += node->calls;
		edge->estimated |= node->estimated;
		edge->total_ns += node->recursive ? 0 : node->total_ns;
	}
	for (uint32_t f = 0; f < profile->functions_n; f++) {
		if (edges[f].calls || edges[f].total_ns) {
			edges[n] = edges[f];
			edges[n++].function = f;
		}
	}
	qsort(edges, n, sizeof(*edges), by_time);
	*ret = (struct ap_edges){edges, n};
	return 0;
}
