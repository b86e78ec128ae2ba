/* SPDX-License-Identifier: MIT */
/* patch/owners.c - see owners.h.
 *
 * Code that belongs together, a function and the parts that were split off it, is a group. Whose a hook is: the function
 * whose address is its argument; where that is not known, and it is an exit, the only function entered in the group. */
#include "patch/owners.h"

#include <errno.h>
#include <stdlib.h>

#include "patch/state.h"

#define SEVERAL UINT64_MAX

struct owners {
	struct ap_code_facts *facts;
	struct ap_code_ranges *ranges;
	uint64_t *entered; /* by group: the only function that is entered there; 0 none, SEVERAL */
	bool *marked;	   /* by group: all functions that are loaded there are */
	bool *unfit;  /* by range: it starts with a function of which not all hooks are known */
	bool *enters; /* by range: it starts with a function whose enter hook is called somewhere */
	bool *entered_itself; /* by range: in it; of its group's root: one of the group's is */
	bool all_unfit;
};

static uint32_t group_of(const struct owners *o, uint32_t range)
{
	return ap_code_ranges_root(o->ranges, range);
}

/* Called for a function of another module. */
static bool is_foreign(const struct ap_code_hook *hook)
{
	return hook->argument & AP_WORD_FOREIGN;
}

/* Is the range an instrumented function of its own? Then a jump to its start is a call. */
static void mark_entered(const struct owners *o)
{
	for (size_t i = 0; i < o->facts->hooks_n; i++) {
		const struct ap_code_hook *hook = &o->facts->hooks[i];
		if (!hook->site.exit && hook->argument == o->ranges->all[hook->range].start) {
			o->entered_itself[hook->range] = true;
		}
	}
}

static void join_parts(struct owners *o)
{
	mark_entered(o);
	for (size_t i = 0; i < o->facts->jumps_n; i++) {
		const struct ap_code_jump *jump = &o->facts->jumps[i];
		const struct ap_code_range *to = ap_code_range_of(o->ranges, jump->to);
		if (to && !(o->entered_itself[to - o->ranges->all] && to->start == jump->to)) {
			ap_code_ranges_join(o->ranges, jump->from, (uint32_t)(to - o->ranges->all));
		}
	}
	for (uint32_t i = 0; i < o->ranges->n; i++) {
		o->entered_itself[group_of(o, i)] |= o->entered_itself[i];
	}
}

/* `range` becomes the group. */
static int by_group(const void *a, const void *b)
{
	const struct ap_code_load *x = a, *y = b;

	return (x->range > y->range) - (x->range < y->range);
}

static void sort_loads(struct owners *o)
{
	for (size_t i = 0; i < o->facts->loads_n; i++) {
		o->facts->loads[i].range = group_of(o, o->facts->loads[i].range);
	}
	if (o->facts->loads_n) {
		qsort(o->facts->loads, o->facts->loads_n, sizeof(*o->facts->loads), by_group);
	}
}

/* The first load in @group. */
static size_t first_load(const struct owners *o, uint32_t group)
{
	size_t from = 0, to = o->facts->loads_n;

	while (from < to) {
		const size_t middle = from + (to - from) / 2;
		if (o->facts->loads[middle].range < group) {
			from = middle + 1;
		} else {
			to = middle;
		}
	}
	return from;
}

static void attribute_by_argument(struct owners *o)
{
	for (size_t i = 0; i < o->facts->hooks_n; i++) {
		struct ap_code_hook *hook = &o->facts->hooks[i];
		if (!is_foreign(hook)) {
			hook->site.function = hook->argument;
		}
	}
}

static void mark(const struct owners *o, bool *marks, uint64_t function)
{
	const struct ap_code_range *of = ap_code_range_of(o->ranges, function);

	if (of) {
		marks[of - o->ranges->all] = true;
	}
}

/* Those that the hook may be called for, where that is known but for which of them. */
static bool mark_choice(const struct owners *o, bool *marks, const struct ap_code_hook *hook)
{
	const struct ap_choice *choice = ap_value_choice(&o->facts->choices, hook->value);

	for (uint32_t i = 0; choice && i < choice->n; i++) {
		mark(o, marks, ap_value_address(o->ranges, choice->values[i]));
	}
	return choice != NULL;
}

static void find_entered(struct owners *o)
{
	for (size_t i = 0; i < o->facts->hooks_n; i++) {
		const struct ap_code_hook *hook = &o->facts->hooks[i];
		uint64_t *entered = &o->entered[group_of(o, hook->range)];
		if (hook->site.exit) {
			continue;
		}
		mark(o, o->enters, hook->site.function);
		mark_choice(o, o->enters, hook);
		*entered = hook->site.function && (!*entered || *entered == hook->site.function)
				   ? hook->site.function
				   : SEVERAL;
	}
}

/* A function that is entered elsewhere may be left here, where the compiler has split it. */
static bool may_be_of_others(const struct owners *o, uint32_t group, uint64_t entered)
{
	for (size_t k = first_load(o, group);
	     k < o->facts->loads_n && o->facts->loads[k].range == group; k++) {
		const uint64_t function = o->facts->loads[k].function;
		const struct ap_code_range *of = ap_code_range_of(o->ranges, function);
		if (function != entered && (!of || o->enters[of - o->ranges->all])) {
			return true;
		}
	}
	return false;
}

static void attribute_exits(struct owners *o)
{
	for (size_t i = 0; i < o->facts->hooks_n; i++) {
		struct ap_code_hook *hook = &o->facts->hooks[i];
		const uint32_t group = group_of(o, hook->range);
		const uint64_t entered = o->entered[group];
		if (!is_foreign(hook) && !hook->site.function && hook->site.at && hook->site.exit &&
		    hook->value == AP_VALUE_UNKNOWN && entered != SEVERAL &&
		    !may_be_of_others(o, group, entered)) {
			hook->site.function = entered;
		}
	}
}

/* An unknown hook may be that of any function of its choice; else of any whose address is ever named there. Where there is none, or
 * the argument is what the caller had there, it came from elsewhere, and may be that of any function. But a function that is
 * entered itself is not called with that: there it only seems to be so, behind calls that never return. */
static void mark_unfit(struct owners *o, const struct ap_code_hook *hook)
{
	const uint32_t group = group_of(o, hook->range);

	if (hook->value == AP_VALUE_ANY && !o->entered_itself[group]) {
		o->all_unfit = true;
		return;
	}
	if (mark_choice(o, o->unfit, hook) || o->marked[group]) {
		return;
	}
	o->marked[group] = true;
	const size_t first = first_load(o, group);
	o->all_unfit |= first == o->facts->loads_n || o->facts->loads[first].range != group;
	for (size_t k = first; k < o->facts->loads_n; k++) {
		const struct ap_code_load *load = &o->facts->loads[k];
		if (load->range != group) {
			break;
		}
		mark(o, o->unfit, load->function);
		o->all_unfit |= load->function == 0;
	}
}

static int by_function(const void *a, const void *b)
{
	const struct ap_site *x = a, *y = b;

	if (x->function != y->function) {
		return x->function < y->function ? -1 : 1;
	}
	return (x->at > y->at) - (x->at < y->at);
}

static int list_fit(const struct owners *o, struct ap_sites *ret)
{
	ret->sites = calloc(o->facts->hooks_n + 1, sizeof(*ret->sites));
	if (!ret->sites) {
		return -ENOMEM;
	}
	for (size_t i = 0; i < o->ranges->n; i++) {
		ret->unfit += o->unfit[i] || (o->all_unfit && o->enters[i]);
	}
	for (size_t i = 0; i < o->facts->hooks_n; i++) {
		const struct ap_site *site = &o->facts->hooks[i].site;
		const struct ap_code_range *of =
			site->function ? ap_code_range_of(o->ranges, site->function) : NULL;
		if (of && !o->unfit[of - o->ranges->all] && !o->all_unfit) {
			ret->sites[ret->n++] = *site;
		}
	}
	if (ret->n) {
		qsort(ret->sites, ret->n, sizeof(*ret->sites), by_function);
	}
	return 0;
}

static int find(struct owners *o, struct ap_sites *ret)
{
	join_parts(o);
	sort_loads(o);
	attribute_by_argument(o);
	find_entered(o);
	attribute_exits(o);
	for (size_t i = 0; i < o->facts->hooks_n; i++) {
		if (!o->facts->hooks[i].site.function && !is_foreign(&o->facts->hooks[i])) {
			mark_unfit(o, &o->facts->hooks[i]);
		}
	}
	return list_fit(o, ret);
}

int ap_owners_find(struct ap_code_facts *facts, struct ap_code_ranges *ranges, struct ap_sites *ret)
{
	const size_t n = ranges->n + 1;
	struct owners o = {
		.facts = facts,
		.ranges = ranges,
		.entered = calloc(n, sizeof(*o.entered)),
		.marked = calloc(n, sizeof(*o.marked)),
		.unfit = calloc(n, sizeof(*o.unfit)),
		.enters = calloc(n, sizeof(*o.enters)),
		.entered_itself = calloc(n, sizeof(*o.entered_itself)),
	};
	const int e = o.entered && o.marked && o.unfit && o.enters && o.entered_itself
			      ? find(&o, ret)
			      : -ENOMEM;

	free(o.entered);
	free(o.marked);
	free(o.unfit);
	free(o.enters);
	free(o.entered_itself);
	return e;
}
