/* SPDX-License-Identifier: MIT */
/* profile/patched.c - calls of functions whose hooks were patched out most of the time: how many were not counted?
 *
 * The program has estimated sleeps, some at a time, from the phases with hooks between them (runtime/patch_count.c); here the last
 * ones are, in the same way, and the errors put together. Threads change what they do at the same moments, so their errors are
 * added up as they are. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "profile/reader.h"
#include "spool/sums.h"
#include "spool/pause.h"

/* The ratio is taken with hooks and used where there are none: code with many of them is slower with them than other code, and
 * so has less of a phase. That much the estimates of real programs were off at most in the middle. */
#define MODEL_ERROR 0.02

/* Calls of threads about which nothing can be said, as a part of those of others: below that they are no more than the error. */
#define LONE_MOST 0.01

/* What there is to be said of one function. */
struct sleep {
	struct ap_patched patched;
	double missed; /* calls, by all tables */
	double error;
	double sampled; /* calls that say so */
	double lone;	/* calls in threads that have nothing to compare with */
	double leaked;	/* calls that were counted in sleep */
	/* Calls of others in sleeps of threads that were never seen with hooks; of those that were, their others and its own. */
	double unseen, seen_others, seen_calls;
};

/* Of one table, when it was read. */
struct table {
	struct ap_gates gates;
	struct ap_sleepers sleepers;
	double now_others, sleep_others;
	double others; /* in the phase that is not over, if that is one with hooks */
	double phases; /* of this batch, with that */
	bool asleep;
};

/* Return: is there an i-th one? */
static bool copy_patched(struct ap_reader *r, uint32_t i, struct ap_patched *ret)
{
	return i < r->hdr.patched_n && i < AP_PATCHED_MOST &&
	       ap_input_copy(&r->in, r->hdr.patched, i * sizeof(*ret), ret, sizeof(*ret)) &&
	       ret->function < r->profile->functions_n;
}

/* Calls of others by a table, until now. */
static uint64_t count_others(const struct ap_gates *gates, const struct sleep *all, uint32_t n)
{
	uint64_t calls = gates->others;

	for (uint32_t i = 0; i < AP_GATES; i++) {
		calls += ap_gate_calls(&gates->gate[i]);
	}
	for (uint32_t i = 0; i < n; i++) {
		const uint32_t k = ap_gate_find(gates->gate, all[i].patched.address);
		calls -= k < AP_GATES ? ap_gate_calls(&gates->gate[k]) : 0;
	}
	return calls;
}

static double square_sum(const uint64_t sum[2])
{
	return (double)sum[0] + (double)sum[1] * 0x1p64;
}

/* Calls of others in sleeps that are not estimated yet. */
static double sleep_of(const struct table *t, const struct ap_sleeper *s)
{
	return t->sleep_others + (double)s->pending;
}

/* As the next, of what changed between two batches. */
static double error_of_change(const struct table *t, const struct ap_sleeper *s, double now_calls)
{
	const double others = (double)t->gates.awake_others, one = sleep_of(t, s) / t->phases;
	const double before = others > 0 ? (double)s->awake_calls / others : 0;
	const double change = others > 0 ? (now_calls / t->now_others - before) * one : 0;

	return change * change;
}

/* As the program does (runtime/patch_count.c). Return: the square of the error of @missed calls. */
static double error_of_batch(const struct table *t, const struct ap_sleeper *s, double calls,
			     double now_calls, double missed)
{
	const double n = t->phases, sleep = sleep_of(t, s);
	const double ratio = now_calls / t->now_others;
	const double squares = square_sum(s->squares) + calls * calls;
	const double products = square_sum(s->products) + calls * t->others;
	const double others2 = square_sum(t->gates.now_squares) + t->others * t->others;
	const double unexplained = squares - 2 * ratio * products + ratio * ratio * others2;
	const double by = sleep * (sleep + t->now_others) / (t->now_others * t->now_others);

	const double unseen = (double)s->cluster * sleep / t->now_others;

	return error_of_change(t, s, now_calls) + unseen * unseen / AP_PATCH_UNSEEN +
	       fmax(unexplained, 0) * by * n / fmax(n - 3, 1) +
	       (missed + 1) * sleep / t->now_others;
}

/* A few phases may be of one part of the program. */
static double error_of_few(const struct table *t, double missed)
{
	const double n = fmax(t->phases, 2);

	return n < AP_PATCH_BATCH ? missed / n : 0;
}

/* Has it been there since before this phase? */
static bool counts(const struct ap_sleeper *s)
{
	return s->state >= AP_SLEEPER_COUNTS;
}

/* A batch that has only begun has seen too little of the sleeps that are large, by chance, when it ends. Where one before it has
 * told something, it says more. */
static bool tells_alone(const struct table *t, const struct ap_sleeper *s)
{
	return counts(s) && t->phases >= 2 && t->now_others > 0 &&
	       (s->missed == 0 || t->now_others >= (double)t->gates.awake_others / 2);
}

/* What no batch was there yet to tell of: by this one, or by that before, too; of one that joined in this phase, by its calls in
 * it. Return: false: nothing tells. */
static bool estimate_last(const struct table *t, const struct ap_sleeper *s, double calls,
			  double now_calls, struct sleep *to)
{
	const double told = (double)s->missed, error2 = square_sum(s->error);
	const double others = counts(s) ? (double)t->gates.awake_others + t->now_others : t->others;
	const double sleep = sleep_of(t, s);

	if (tells_alone(t, s)) {
		const double missed = now_calls / t->now_others * sleep;
		const double few = error_of_few(t, missed);
		to->missed += missed;
		to->error +=
			sqrt(error2 + few * few + error_of_batch(t, s, calls, now_calls, missed));
		return true;
	}
	const double ratio = others > 0 ? ((double)s->awake_calls + now_calls) / others : 0;
	const double missed = ratio * sleep;
	to->missed += missed;
	/* As in the batches until now: their squares add up, so that each call adds as much. Where they told of none, all. */
	const double more = told > 0 ? error2 * missed / told : missed * missed;
	const bool changes = counts(s) && t->now_others > 0;
	to->error += sqrt(error2 + more + (changes ? error_of_change(t, s, now_calls) : 0));
	return others > 0;
}

/* Of threads that only ran in sleeps: as if they were like the others, which is all that is known. */
static double missed_unseen(const struct sleep *s)
{
	return s->seen_others > 0 ? s->seen_calls / s->seen_others * s->unseen : 0;
}

static void take_sleeper(const struct table *t, const struct ap_sleeper *s, struct sleep *to)
{
	const uint32_t k = ap_gate_find(t->gates.gate, to->patched.address);
	if (s->state == AP_SLEEPER_NONE || k >= AP_GATES) {
		return;
	}
	const uint64_t all = ap_gate_calls(&t->gates.gate[k]);
	const double calls = (double)ap_less(all, s->seen);
	const double now_calls = (double)s->now_calls + (t->asleep ? 0 : calls);

	to->missed += (double)s->missed;
	to->leaked += t->asleep ? calls : 0;
	if (estimate_last(t, s, t->asleep ? 0 : calls, now_calls, to)) {
		to->sampled += (double)all;
		to->seen_calls += (double)s->awake_calls + now_calls;
		to->seen_others += (double)t->gates.awake_others + t->now_others;
	} else {
		to->unseen += sleep_of(t, s);
		to->lone += now_calls + (t->asleep ? calls : 0);
	}
}

static bool read_table(struct ap_reader *r, ap_ref ref, const struct sleep *all, uint32_t n,
		       struct table *t)
{
	struct ap_gates *gates = &t->gates;
	if (!ap_input_copy(&r->in, ref, 0, gates, sizeof(*gates))) {
		return false;
	}
	memset(&t->sleepers, 0, sizeof(t->sleepers));
	if (gates->sleepers &&
	    !ap_input_copy(&r->in, gates->sleepers, 0, &t->sleepers, sizeof(t->sleepers))) {
		return false;
	}
	const double others = (double)ap_less(count_others(gates, all, n), gates->others_seen);
	t->asleep = r->hdr.asleep_since != 0;
	t->now_others = (double)gates->now_others + (t->asleep ? 0 : others);
	t->sleep_others = (double)gates->sleep_others + (t->asleep ? others : 0);
	t->others = t->asleep ? 0 : others;
	t->phases = gates->now_phases + (t->others > 0);
	return true;
}

/* What tables that cannot be read have counted and missed, nobody knows. */
static void lose_tables(struct ap_reader *r, struct sleep *all, uint32_t n)
{
	ap_reader_damage(r, AP_DAMAGE_COUNTERS);
	for (uint32_t i = 0; i < n; i++) {
		all[i].patched.uncounted = 1;
	}
}

static int take_tables(struct ap_reader *r, struct sleep *all, uint32_t n)
{
	struct table *t = calloc(1, sizeof(*t));
	ap_ref ref = r->hdr.gates;

	if (!t) {
		return -ENOMEM;
	}
	while (ref && read_table(r, ref, all, n, t)) {
		for (uint32_t i = 0; i < n; i++) {
			take_sleeper(t, &t->sleepers.all[i], &all[i]);
		}
		ref = t->gates.next;
	}
	if (ref) {
		lose_tables(r, all, n);
	}
	free(t);
	return 0;
}

/* Where CPU time was last read before the sleep began, nobody knows whether it was idle. */
static bool is_late(const struct ap_reader *r)
{
	const struct ap_spool_header *h = &r->hdr;

	return h->asleep_since && (int64_t)(r->end_ticks - h->asleep_late) > 0 &&
	       ((int64_t)(h->usage.cpu_at_ticks - h->asleep_since) < 0 ||
		h->usage.cpu_ns > h->asleep_late_cpu_ns) &&
	       !ap_pause_between(h, h->asleep_since, r->end_ticks);
}

static void take(struct ap_reader *r, const struct sleep *s)
{
	const struct ap_patched *p = &s->patched;
	struct ap_function_sum *sum = &r->function_sums[p->function];
	const double leaked = (double)p->leaked + s->leaked;
	const double missed = s->missed + missed_unseen(s) - leaked;
	const double error = hypot(s->error + missed_unseen(s), MODEL_ERROR * s->missed);

	if (!p->sleeps && !r->hdr.asleep_since && !p->uncounted) {
		return;
	}
	sum->known = AP_CALLS_ESTIMATED;
	if (p->uncounted || is_late(r) || s->lone >= s->sampled * LONE_MOST) {
		sum->known = AP_CALLS_MORE;
	} else if (missed > 0 && missed < 0x1p62) {
		sum->missed = (uint64_t)llround(missed);
		sum->missed_error = error;
	} else { /* that it came out below 0 is an error, too */
		sum->missed_error = hypot(error, leaked);
	}
}

static void take_quality(struct ap_reader *r, uint32_t patched)
{
	struct ap_profile_quality *q = &r->profile->quality;
	const struct ap_spool_header *h = &r->hdr;

	q->patch = h->patch_wanted != 0;
	q->patched = patched;
	q->patch_functions = h->patch_functions;
	q->patch_sites = h->patch_sites;
	q->patch_unfit = h->patch_unfit;
	q->patch_unread = h->patch_unread;
	q->sleeps = h->sleeps;
	q->asleep_ns = ap_reader_duration(r, h->asleep_ticks);
	if (h->asleep_since) {
		q->asleep_ns += ap_reader_between(r, h->asleep_since, r->end_ticks);
	}
}

int ap_reader_patched(struct ap_reader *r)
{
	struct sleep *all = calloc(AP_PATCHED_MOST, sizeof(*all));
	uint32_t n = 0;

	if (!all) {
		return -ENOMEM;
	}
	while (copy_patched(r, n, &all[n].patched)) {
		n++;
	}
	const int e = n ? take_tables(r, all, n) : 0;
	for (uint32_t i = 0; i < n && e == 0; i++) {
		take(r, &all[i]);
	}
	free(all);
	take_quality(r, n);
	if (n < r->hdr.patched_n) {
		ap_reader_damage(r, AP_DAMAGE_COUNTERS);
	}
	return e;
}
