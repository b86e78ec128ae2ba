/* SPDX-License-Identifier: MIT */
/* profile/since.c - see since.h. */
#include "profile/since.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "profile/map.h"
#include "profile/notes.h"
#include "spool/sums.h"

/* Ids of the spool are the same in both; those of what the reader found in events may differ. */
struct since {
	struct ap_profile *p;
	const struct ap_profile *past;
	struct ap_map functions, nodes; /* of p: by address; by parent and function */
	uint32_t *same_function;	/* by id in past; 0: none */
	uint32_t *same_node;
};

static uint64_t path_key(uint32_t parent, uint32_t function)
{
	return (uint64_t)parent << 32 | function;
}

static int index_profile(struct since *s)
{
	int e = 0;

	for (uint32_t id = 1; id < s->p->functions_n && e == 0; id++) {
		if (s->p->functions[id].address) {
			e = ap_map_put(&s->functions, s->p->functions[id].address, id);
		}
	}
	for (uint32_t id = 1; id < s->p->nodes_n && e == 0; id++) {
		const struct ap_profile_node *n = &s->p->nodes[id];
		if (n->used && !n->inherited && n->function) {
			e = ap_map_put(&s->nodes, path_key(n->parent, n->function), id);
		}
	}
	return e;
}

static uint32_t find_function(const struct since *s, uint32_t id)
{
	const struct ap_profile_function *f = &s->past->functions[id];
	const bool there = id < s->p->functions_n && s->p->functions[id].address == f->address &&
			   s->p->functions[id].kind == f->kind;

	return there ? id : f->address ? ap_map_get(&s->functions, f->address) : 0;
}

/* Parents come first. */
static uint32_t find_node(const struct since *s, uint32_t id)
{
	const struct ap_profile_node *n = &s->past->nodes[id];
	const uint32_t parent = s->same_node[n->parent], function = s->same_function[n->function];

	if (id < s->p->nodes_n) {
		const struct ap_profile_node *same = &s->p->nodes[id];
		if (same->used && same->parent == parent && same->function == function &&
		    same->inherited == n->inherited) {
			return id;
		}
	}
	return function && (parent || !n->parent) && !n->inherited
		       ? ap_map_get(&s->nodes, path_key(parent, function))
		       : 0;
}

/* What is beyond all that there was then is known; else its bucket is. */
static void set_extremes(struct ap_profile_function *f, const struct ap_profile_function *past)
{
	if (f->total.count == 0) {
		f->min_ns = f->max_ns = 0;
		return;
	}
	if (past->timed_calls && f->min_ns >= past->min_ns) {
		f->min_ns = (uint64_t)llround(ap_histogram_quantile(&f->total, 0) * 1e9);
	}
	if (past->timed_calls && f->max_ns <= past->max_ns) {
		f->max_ns = (uint64_t)llround(ap_histogram_quantile(&f->total, 1) * 1e9);
	}
}

/* The error of @left, which is what is left of @all: some errors come one by one, so that their squares are added up, some are the same
 * part of all there is. Nobody knows which: the larger one. */
static double error_since(double now, double past, uint64_t all, uint64_t left)
{
	const double one_by_one = sqrt(fmax(now * now - past * past, 0));

	return fmax(one_by_one, all ? now * (double)left / (double)all : 0);
}

/* What is uncertain about hooks alone grows with the calls. @windows: there are other errors, too, also of functions that windows say
 * nothing of but what they called. */
static void subtract_error(struct ap_profile_function *f, const struct ap_profile_function *past,
			   bool windows)
{
	const uint64_t left = ap_less(f->self_ns, past->self_ns);

	f->error_ns = windows ? error_since(f->error_ns, past->error_ns, f->self_ns, left)
			      : fmax(f->error_ns - past->error_ns, 0);
	if (f->estimated_calls && f->calls_known == AP_CALLS_MORE) {
		f->error_ns = (double)left;
	}
}

/* Calls that were recorded; and those without a time, but for counted ones. */
static uint64_t recorded_calls(const struct ap_profile_function *f)
{
	return ap_less(f->timed_calls, f->estimated_calls);
}

static uint64_t cut_calls(const struct ap_profile_function *f)
{
	return ap_less(f->untimed_calls, f->estimated_calls ? 0 : f->counted_calls);
}

/* Of these some are an estimate, which may have become less: others are no fewer for that. */
static uint64_t calls_since(uint64_t now, uint64_t now_missed, uint64_t past, uint64_t past_missed)
{
	return ap_less(ap_less(now, now_missed), ap_less(past, past_missed)) +
	       ap_less(now_missed, past_missed);
}

static void subtract_missed(struct ap_profile_function *f, const struct ap_profile_function *past)
{
	const uint64_t left = ap_less(f->missed_calls, past->missed_calls);
	const double error = error_since((double)f->missed_error, (double)past->missed_error,
					 f->missed_calls, left);
	/* By so much the one of then was wrong. */
	const double revised = (double)ap_less(past->missed_calls, f->missed_calls);

	f->missed_error = (uint64_t)llround(fmin(fmax(error, revised), 0x1p62));
	f->missed_calls = left;
}

static void subtract_calls(struct ap_profile_function *f, const struct ap_profile_function *past)
{
	const uint64_t recorded = ap_less(recorded_calls(f), recorded_calls(past));
	const uint64_t cut = ap_less(cut_calls(f), cut_calls(past));

	f->calls = calls_since(f->calls, f->missed_calls, past->calls, past->missed_calls);
	f->counted_calls = calls_since(f->counted_calls, f->missed_calls, past->counted_calls,
				       past->missed_calls);
	f->calls_known = ap_calls_worse(f->calls_known, past->calls_known);
	f->estimated_calls = f->estimated_calls ? f->counted_calls : 0;
	f->timed_calls = recorded + f->estimated_calls;
	f->untimed_calls = cut + f->counted_calls - f->estimated_calls;
	subtract_missed(f, past);
}

/* Counted calls that no window had seen yet are estimated later, also those of before: these go by their number. */
static void share_late_estimates(struct ap_profile_function *f,
				 const struct ap_profile_function *past)
{
	if (!past->counted_calls || past->estimated_calls || !f->estimated_calls) {
		return;
	}
	const double since = (double)calls_since(f->counted_calls, f->missed_calls,
						 past->counted_calls, past->missed_calls) /
			     (double)f->counted_calls;
	f->self_ns = past->self_ns + (uint64_t)(since * (double)ap_less(f->self_ns, past->self_ns));
	f->total_ns =
		past->total_ns + (uint64_t)(since * (double)ap_less(f->total_ns, past->total_ns));
	f->sum_ns = past->sum_ns + since * fmax(f->sum_ns - past->sum_ns, 0);
	f->hooks_ns = past->hooks_ns + since * fmax(f->hooks_ns - past->hooks_ns, 0);
	f->inside_ns = past->inside_ns + since * fmax(f->inside_ns - past->inside_ns, 0);
}

/* What hooks took of each is an estimate, and so is its difference. */
static void keep_parts_small(struct ap_profile_function *f)
{
	f->timed_calls = ap_smaller(f->timed_calls, f->calls);
	f->estimated_calls =
		ap_smaller(f->estimated_calls, ap_smaller(f->counted_calls, f->timed_calls));
	f->total_ns = ap_smaller(f->total_ns, f->raw_total_ns);
	f->self_ns = ap_smaller(f->self_ns, f->raw_self_ns);
	if (f->kind == AP_FUNCTION_INSTRUMENTED) {
		f->self_ns = ap_smaller(f->self_ns, f->total_ns);
	}
	f->hooks_ns = fmin(f->hooks_ns, f->sum_ns);
	f->inside_ns = fmin(f->inside_ns, f->estimated_calls ? f->sum_ns : f->hooks_ns);
}

static int subtract_function(struct ap_profile_function *f, const struct ap_profile_function *past,
			     bool windows)
{
	share_late_estimates(f, past);
	subtract_calls(f, past);
	subtract_error(f, past, windows);
	f->total_ns = ap_less(f->total_ns, past->total_ns);
	f->self_ns = ap_less(f->self_ns, past->self_ns);
	f->raw_total_ns = ap_less(f->raw_total_ns, past->raw_total_ns);
	f->raw_self_ns = ap_less(f->raw_self_ns, past->raw_self_ns);
	f->sum_ns = fmax(f->sum_ns - past->sum_ns, 0);
	f->hooks_ns = fmax(f->hooks_ns - past->hooks_ns, 0);
	f->inside_ns = fmax(f->inside_ns - past->inside_ns, 0);
	f->sum_squares = fmax(f->sum_squares - past->sum_squares, 0);
	f->slow = ap_less(f->slow, past->slow);
	f->very_slow = ap_less(f->very_slow, past->very_slow);
	f->critical = ap_less(f->critical, past->critical);
	int e = ap_histogram_subtract(&f->total, &past->total);
	e = e < 0 ? e : ap_histogram_subtract(&f->self, &past->self);
	set_extremes(f, past);
	keep_parts_small(f);
	return e;
}

static int subtract_functions(struct since *s)
{
	const struct ap_profile_quality *q = &s->p->quality;
	const bool windows = q->counted_calls || q->missed_calls;
	int e = 0;

	for (uint32_t id = 1; id < s->past->functions_n && e == 0; id++) {
		const uint32_t same = find_function(s, id);
		s->same_function[id] = same;
		if (same) {
			e = subtract_function(&s->p->functions[same], &s->past->functions[id],
					      windows);
		}
	}
	return e;
}

static void subtract_nodes(struct since *s)
{
	for (uint32_t id = 1; id < s->past->nodes_n; id++) {
		const struct ap_profile_node *past = &s->past->nodes[id];
		const uint32_t same = past->used ? find_node(s, id) : 0;
		s->same_node[id] = same;
		if (same) {
			struct ap_profile_node *n = &s->p->nodes[same];
			n->calls = ap_less(n->calls, past->calls);
			n->total_ns = ap_less(n->total_ns, past->total_ns);
			n->self_ns = ap_less(n->self_ns, past->self_ns);
		}
	}
}

/* Records are used again, and then listed elsewhere. */
static const struct ap_profile_thread *find_thread(const struct ap_profile *past,
						   const struct ap_profile_thread *t, size_t i)
{
	for (size_t k = 0; k < past->threads_n; k++) {
		const struct ap_profile_thread *other = &past->threads[(i + k) % past->threads_n];
		if (other->tid == t->tid && other->start_ns == t->start_ns) {
			return other;
		}
	}
	return NULL;
}

static void subtract_threads(struct since *s)
{
	const uint64_t before = s->past->process.duration_ns;

	for (size_t i = 0; i < s->p->threads_n; i++) {
		struct ap_profile_thread *t = &s->p->threads[i];
		const struct ap_profile_thread *past =
			t->start_ns <= before ? find_thread(s->past, t, i) : NULL;
		if (past) {
			t->cpu_ns = ap_less(t->cpu_ns, past->cpu_ns);
			t->duration_ns = ap_less(t->duration_ns, past->duration_ns);
		}
		t->start_ns = ap_less(t->start_ns, before);
	}
}

static void subtract_process(struct since *s)
{
	struct ap_profile_process *p = &s->p->process;
	const struct ap_profile_process *past = &s->past->process;

	p->start_unix_ns += past->duration_ns;
	p->duration_ns = ap_less(p->duration_ns, past->duration_ns);
	p->cpu_ns = ap_less(p->cpu_ns, past->cpu_ns);
	p->threads_created = ap_less(p->threads_created, past->threads_created);
	p->processes_created = ap_less(p->processes_created, past->processes_created);
}

/* Events, drops and repairs stay those of the whole life: the identity is about all of them. */
static void subtract_costs(struct since *s)
{
	struct ap_profile_quality *q = &s->p->quality;
	const struct ap_profile_quality *past = &s->past->quality;
	double calls = 0, counted = 0, missed = 0;

	q->counted_calls = ap_less(q->counted_calls, past->counted_calls);
	q->missed_calls = ap_less(q->missed_calls, past->missed_calls);
	q->left_out = ap_less(q->left_out, past->left_out);
	q->left_out_ns = fmax(q->left_out_ns - past->left_out_ns, 0);
	q->stops = ap_less(q->stops, past->stops);
	q->stopped_ns = ap_less(q->stopped_ns, past->stopped_ns);
	q->sleeps = ap_less(q->sleeps, past->sleeps);
	q->asleep_ns = ap_less(q->asleep_ns, past->asleep_ns);
	for (size_t i = 0; i < s->p->functions_n; i++) {
		calls += (double)s->p->functions[i].calls;
		counted += (double)s->p->functions[i].counted_calls;
		missed += (double)s->p->functions[i].missed_calls;
	}
	ap_profile_overhead(q, (double)s->p->process.cpu_ns,
			    (calls - counted) * q->hook_ns + (counted - missed) * q->hook_gate_ns,
			    (calls - missed) * q->hook_empty_ns);
}

static void subtract_row(struct since *s)
{
	struct ap_profile_process_row *row = s->p->processes;
	enum ap_calls_known known = AP_CALLS_EXACT;
	uint64_t calls = 0;

	for (size_t i = 0; i < s->p->functions_n; i++) {
		calls += s->p->functions[i].calls;
		known = ap_calls_worse(known, s->p->functions[i].calls_known);
	}
	if (s->p->processes_n == 1) {
		row->duration_ns = s->p->process.duration_ns;
		row->cpu_ns = s->p->process.cpu_ns;
		row->calls = calls;
		row->calls_known = known;
	}
}

static int note_reset(struct since *s)
{
	char *note = NULL;

	if (asprintf(&note,
		     "reset %.3f s after its start: figures are of the time since then; but "
		     "events, drops "
		     "and peaks are of all of it",
		     (double)s->past->process.duration_ns / 1e9) < 0) {
		note = NULL;
	}
	return ap_lines_add(&s->p->quality.notes, &s->p->quality.notes_n, note);
}

/* The past has no calls that were open then; a damaged one may have anything. */
static void limit_open_calls(struct ap_profile *p)
{
	for (size_t i = 0; i < p->functions_n; i++) {
		struct ap_profile_function *f = &p->functions[i];
		f->open_calls = ap_smaller(f->open_calls, f->calls);
	}
	for (size_t i = 0; i < p->nodes_n; i++) {
		struct ap_profile_node *n = &p->nodes[i];
		n->open_calls = ap_smaller(n->open_calls, n->calls);
	}
}

int ap_profile_since(struct ap_profile *profile, const struct ap_profile *past)
{
	struct since s = {.p = profile, .past = past};
	int e = -ENOMEM;

	s.same_function = calloc(past->functions_n + 1, sizeof(*s.same_function));
	s.same_node = calloc(past->nodes_n + 1, sizeof(*s.same_node));
	if (s.same_function && s.same_node) {
		e = index_profile(&s);
		e = e < 0 ? e : subtract_functions(&s);
	}
	if (e == 0) {
		subtract_nodes(&s);
		subtract_threads(&s);
		subtract_process(&s);
		subtract_costs(&s);
		limit_open_calls(profile);
		subtract_row(&s);
		e = note_reset(&s);
	}
	free(s.same_function);
	free(s.same_node);
	ap_map_finish(&s.functions);
	ap_map_finish(&s.nodes);
	return e;
}
