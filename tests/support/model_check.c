/* SPDX-License-Identifier: MIT */
/* tests/support/model_check.c - see model_check.h. */
#include "tests/support/model_check.h"

#include <string.h>

static const char *check_histogram(const struct ap_histogram *h)
{
	uint64_t count = 0;

	for (uint32_t i = 0; i < AP_HIST_ROWS; i++) {
		const uint64_t *row = ap_histogram_row(h, i);
		for (uint32_t k = 0; row && k < AP_HIST_ROW_BUCKETS; k++) {
			count += row[k];
		}
	}
	if (count != h->count) {
		return "a histogram's count is not the sum of its buckets";
	}
	const double median = ap_histogram_quantile(h, 0.5), p99 = ap_histogram_quantile(h, 0.99);
	if (!(median >= 0 && median <= p99 && p99 < 0x1p29)) {
		return "quantiles out of order";
	}
	return NULL;
}

static const char *check_function(const struct ap_profile *p, const struct ap_profile_function *f)
{
	if (f->module < -1 || f->module >= (int64_t)p->modules_n) {
		return "a function in no module";
	}
	if (f->kind != AP_FUNCTION_INSTRUMENTED && f->kind != AP_FUNCTION_SYNTHETIC) {
		return "a function of no kind";
	}
	if (f->sum_ns < 0 || f->sum_squares < 0) {
		return "a negative sum";
	}
	if (f->self_ns > f->raw_self_ns || f->total_ns > f->raw_total_ns || f->inside_ns < 0 ||
	    f->inside_ns > (f->estimated_calls ? f->sum_ns : f->hooks_ns) ||
	    f->hooks_ns > f->sum_ns) {
		return "hooks took more than there was";
	}
	const char *wrong = check_histogram(&f->total);
	return wrong ? wrong : check_histogram(&f->self);
}

static const char *check_functions(const struct ap_profile *p)
{
	if (p->functions_n < AP_ID_FIRST) {
		return "functions with a fixed id are missing";
	}
	for (size_t i = 0; i < p->functions_n; i++) {
		const char *wrong = check_function(p, &p->functions[i]);
		if (wrong) {
			return wrong;
		}
	}
	return NULL;
}

static const char *check_nodes(const struct ap_profile *p)
{
	if (p->nodes_n < AP_ID_FIRST) {
		return "nodes with a fixed id are missing";
	}
	for (size_t id = 0; id < p->nodes_n; id++) {
		const struct ap_profile_node *n = &p->nodes[id];
		if (n->function >= p->functions_n || (n->used && n->function == 0)) {
			return "a node of no function";
		}
		if (n->parent >= id && n->parent != 0) {
			return "a node before its parent";
		}
		if (n->parent && !p->nodes[n->parent].used) {
			return "a node below an unused one";
		}
		if (n->open_calls > n->calls || (!n->used && n->calls)) {
			return "impossible calls of a node";
		}
	}
	return NULL;
}

static const char *check_threads(const struct ap_profile *p)
{
	for (size_t i = 0; i < p->threads_n; i++) {
		const struct ap_profile_thread *t = &p->threads[i];
		if (!memchr(t->name, 0, sizeof(t->name))) {
			return "a thread's name without an end";
		}
		for (size_t k = 0; k < t->open_n; k++) {
			if (t->open[k].node >= p->nodes_n ||
			    t->open[k].function >= p->functions_n ||
			    !p->nodes[t->open[k].node].used) {
				return "an open call of no node";
			}
		}
	}
	return NULL;
}

static const char *check_lines(char *const *lines, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (lines[i][0] == 0 || strchr(lines[i], '\n')) {
			return "a line that is none";
		}
	}
	return NULL;
}

static const char *check_rest(const struct ap_profile *p)
{
	const struct ap_profile_quality *q = &p->quality;

	for (size_t i = 0; i < p->modules_n; i++) {
		if (!p->modules[i].path ||
		    p->modules[i].build_id_bytes > sizeof(p->modules[i].build_id)) {
			return "an impossible module";
		}
	}
	if (!p->process.exe || !p->process.cwd || !p->process.output || !q->clock) {
		return "a text is missing";
	}
	for (int i = 0; i < AP_PROFILE_DROPS; i++) {
		if (!q->dropped[i].reason) {
			return "a drop without a reason";
		}
	}
	if (!(q->ticks_per_s > 0) ||
	    !(q->paths_joined_pct >= 0 && q->paths_joined_pct <= 100.001)) {
		return "an impossible figure";
	}
	const char *wrong = check_lines(q->notes, q->notes_n);
	return wrong ? wrong : check_lines(q->options_ignored, q->options_ignored_n);
}

const char *ap_model_check(const struct ap_profile *p)
{
	static const char *(*const checks[])(const struct ap_profile *) = {
		check_functions, check_nodes, check_threads, check_rest};
	for (size_t i = 0; i < sizeof(checks) / sizeof(*checks); i++) {
		const char *wrong = checks[i](p);
		if (wrong) {
			return wrong;
		}
	}
	return NULL;
}
