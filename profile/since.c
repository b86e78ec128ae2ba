/* SPDX-License-Identifier: MIT */
/* profile/since.c - see since.h. */
#include "profile/since.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "profile/map.h"
#include "profile/notes.h"

/* Ids of the spool are the same in both; those of what the reader found in events may differ. */
struct since {
	struct ap_profile *p;
	const struct ap_profile *past;
	struct ap_map functions, nodes; /* of p: by address; by parent and function */
	uint32_t *same_function;	/* by id in past; 0: none */
	uint32_t *same_node;
};

static uint64_t less(uint64_t a, uint64_t b)
{
	return a > b ? a - b : 0;
}

static uint64_t smaller(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

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

/* What is uncertain about hooks grows with the calls, what is by windows with their root: it was larger before. */
static void subtract_error(struct ap_profile_function *f, const struct ap_profile_function *past)
{
	if (f->estimated_calls) {
		const double left = f->error_ns * f->error_ns - past->error_ns * past->error_ns;
		f->error_ns = sqrt(fmax(left, 0));
	} else {
		f->error_ns = fmax(f->error_ns - past->error_ns, 0);
	}
}

/* Counted calls that no window had seen yet are estimated later, also those of before: these go by their number. */
static void share_late_estimates(struct ap_profile_function *f,
				 const struct ap_profile_function *past)
{
	const double all = (double)f->counted_calls;

	if (!past->counted_calls || past->estimated_calls || !f->estimated_calls) {
		return;
	}
	const double since = fmax(all - (double)past->counted_calls, 0) / all;
	f->timed_calls -= smaller(past->counted_calls, f->timed_calls);
	f->estimated_calls = less(f->estimated_calls, past->counted_calls);
	f->self_ns = past->self_ns + (uint64_t)(since * (double)less(f->self_ns, past->self_ns));
	f->total_ns =
		past->total_ns + (uint64_t)(since * (double)less(f->total_ns, past->total_ns));
	f->sum_ns = past->sum_ns + since * fmax(f->sum_ns - past->sum_ns, 0);
	f->hooks_ns = past->hooks_ns + since * fmax(f->hooks_ns - past->hooks_ns, 0);
	f->inside_ns = past->inside_ns + since * fmax(f->inside_ns - past->inside_ns, 0);
}

/* What hooks took of each is an estimate, and so is its difference. */
static void keep_parts_small(struct ap_profile_function *f)
{
	f->timed_calls = smaller(f->timed_calls, f->calls);
	f->estimated_calls = smaller(f->estimated_calls, smaller(f->counted_calls, f->timed_calls));
	f->total_ns = smaller(f->total_ns, f->raw_total_ns);
	f->self_ns = smaller(f->self_ns, f->raw_self_ns);
	if (f->kind == AP_FUNCTION_INSTRUMENTED) {
		f->self_ns = smaller(f->self_ns, f->total_ns);
	}
	f->hooks_ns = fmin(f->hooks_ns, f->sum_ns);
	f->inside_ns = fmin(f->inside_ns, f->estimated_calls ? f->sum_ns : f->hooks_ns);
}

static int subtract_function(struct ap_profile_function *f, const struct ap_profile_function *past)
{
	share_late_estimates(f, past);
	f->calls = less(f->calls, past->calls);
	f->timed_calls = less(f->timed_calls, past->timed_calls);
	f->counted_calls = less(f->counted_calls, past->counted_calls);
	f->estimated_calls = less(f->estimated_calls, past->estimated_calls);
	f->untimed_calls = less(f->untimed_calls, past->untimed_calls);
	f->total_ns = less(f->total_ns, past->total_ns);
	f->self_ns = less(f->self_ns, past->self_ns);
	f->raw_total_ns = less(f->raw_total_ns, past->raw_total_ns);
	f->raw_self_ns = less(f->raw_self_ns, past->raw_self_ns);
	f->sum_ns = fmax(f->sum_ns - past->sum_ns, 0);
	f->hooks_ns = fmax(f->hooks_ns - past->hooks_ns, 0);
	f->inside_ns = fmax(f->inside_ns - past->inside_ns, 0);
	subtract_error(f, past);
	f->sum_squares = fmax(f->sum_squares - past->sum_squares, 0);
	f->slow = less(f->slow, past->slow);
	f->very_slow = less(f->very_slow, past->very_slow);
	f->critical = less(f->critical, past->critical);
	int e = ap_histogram_subtract(&f->total, &past->total);
	e = e < 0 ? e : ap_histogram_subtract(&f->self, &past->self);
	set_extremes(f, past);
	keep_parts_small(f);
	return e;
}

static int subtract_functions(struct since *s)
{
	int e = 0;

	for (uint32_t id = 1; id < s->past->functions_n && e == 0; id++) {
		const uint32_t same = find_function(s, id);
		s->same_function[id] = same;
		if (same) {
			e = subtract_function(&s->p->functions[same], &s->past->functions[id]);
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
			n->calls = less(n->calls, past->calls);
			n->total_ns = less(n->total_ns, past->total_ns);
			n->self_ns = less(n->self_ns, past->self_ns);
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
			t->cpu_ns = less(t->cpu_ns, past->cpu_ns);
			t->duration_ns = less(t->duration_ns, past->duration_ns);
		}
		t->start_ns = less(t->start_ns, before);
	}
}

static void subtract_process(struct since *s)
{
	struct ap_profile_process *p = &s->p->process;
	const struct ap_profile_process *past = &s->past->process;

	p->start_unix_ns += past->duration_ns;
	p->duration_ns = less(p->duration_ns, past->duration_ns);
	p->cpu_ns = less(p->cpu_ns, past->cpu_ns);
	p->threads_created = less(p->threads_created, past->threads_created);
	p->processes_created = less(p->processes_created, past->processes_created);
}

/* Events, drops and repairs stay those of the whole life: the identity is about all of them. */
static void subtract_costs(struct since *s)
{
	struct ap_profile_quality *q = &s->p->quality;
	const struct ap_profile_quality *past = &s->past->quality;
	double calls = 0, counted = 0;

	q->counted_calls = less(q->counted_calls, past->counted_calls);
	q->left_out = less(q->left_out, past->left_out);
	q->left_out_ns = fmax(q->left_out_ns - past->left_out_ns, 0);
	q->stops = less(q->stops, past->stops);
	q->stopped_ns = less(q->stopped_ns, past->stopped_ns);
	for (size_t i = 0; i < s->p->functions_n; i++) {
		calls += (double)s->p->functions[i].calls;
		counted += (double)s->p->functions[i].counted_calls;
	}
	ap_profile_overhead(q, (double)s->p->process.cpu_ns,
			    (calls - counted) * q->hook_ns + counted * q->hook_gate_ns,
			    calls * q->hook_empty_ns);
}

static void subtract_row(struct since *s)
{
	struct ap_profile_process_row *row = s->p->processes;
	uint64_t calls = 0;

	for (size_t i = 0; i < s->p->functions_n; i++) {
		calls += s->p->functions[i].calls;
	}
	if (s->p->processes_n == 1) {
		row->duration_ns = s->p->process.duration_ns;
		row->cpu_ns = s->p->process.cpu_ns;
		row->calls = calls;
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
		f->open_calls = smaller(f->open_calls, f->calls);
	}
	for (size_t i = 0; i < p->nodes_n; i++) {
		struct ap_profile_node *n = &p->nodes[i];
		n->open_calls = smaller(n->open_calls, n->calls);
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
