/* SPDX-License-Identifier: MIT */
/* runtime/patch_count.c - what gates count of patched functions and of others, phase by phase, and what that says of the sleeps
 * between: as many calls as in the phases with hooks before and after, in proportion to the calls of others (a ratio estimator:
 * Cochran, Sampling Techniques, chapter 6). Thread by thread, so by table: others in one may come when it is time, and
 * in another when it has worked. */
#include <time.h>

#include "runtime/patch.h"
#include "spool/sums.h"

#define TRIES 4
#define ONE_MOMENT 256u	  /* the time in which no more than 1 in so many of a phase's calls come */
#define LEAST_OTHERS 256u /* in phases with hooks, before they tell */
#define MOST_MISSED (1ull << 56)

typedef unsigned __int128 u128;

/* Each gate is read once: the program goes on counting. */
static uint64_t others_of(const struct ap_control *c, const struct ap_gates *gates)
{
	const uint32_t n = __atomic_load_n(&c->header->patched_n, __ATOMIC_ACQUIRE);
	uint64_t chosen[AP_GATES / 64] = {0}, calls = gates->others;
	for (uint32_t i = 0; i < n; i++) {
		const uint32_t k = ap_gate_find(gates->gate, ap_patched_at(c, i)->address);
		if (k < AP_GATES)
			chosen[k / 64] |= 1ull << k % 64;
	}
	const uint32_t used = ap_gates_used(gates);
	for (uint32_t u = 0; u < used; u++) {
		const uint32_t k = gates->used[u];
		calls += chosen[k / 64] >> k % 64 & 1 ? 0 : ap_gate_calls(&gates->gate[k]);
	}
	return calls;
}

static uint64_t calls_of(const struct ap_control *c, const struct ap_gates *gates, uint32_t i)
{
	const uint32_t k = ap_gate_find(gates->gate, ap_patched_at(c, i)->address);
	return k < AP_GATES ? ap_gate_calls(&gates->gate[k]) : 0;
}

/* Of all functions at one moment: not before and after the thread's turn on this processor. Return: calls of others. */
static uint64_t count_table(const struct ap_control *c, struct ap_patch *patch,
			    const struct ap_gates *gates)
{
	uint64_t others, again = others_of(c, gates);
	int tries = 0;
	do {
		others = again;
		for (uint32_t i = 0; i < patch->chosen_n; i++)
			patch->calls[i] = calls_of(c, gates, i);
		again = others_of(c, gates);
	} while (ap_less(again, others) > ap_less(others, gates->others_seen) / ONE_MOMENT &&
		 ++tries < TRIES);
	return others;
}

static uint64_t times(uint64_t a, uint64_t b, uint64_t by)
{
	const u128 r = (u128)a * b / by;
	return r < MOST_MISSED ? (uint64_t)r : MOST_MISSED;
}

static void add_product(uint64_t sum[2], uint64_t a, uint64_t b)
{
	const u128 s = ((u128)sum[1] << 64 | sum[0]) + (u128)a * b;
	sum[0] = (uint64_t)s;
	sum[1] = (uint64_t)(s >> 64);
}

static void add(uint64_t sum[2], uint64_t a)
{
	add_product(sum, a, 1);
}

static u128 sum_of(const uint64_t sum[2])
{
	return (u128)sum[1] << 64 | sum[0];
}

/* Over the phases of the batch, the square of what the ratio of the sums does not explain: each is a cluster of calls. All sums are
 * below 2^28, so that nothing here overflows. */
static uint64_t residual(u128 squares, u128 products, u128 others2, u128 calls, u128 others)
{
	const u128 plus = squares * others * others + calls * calls * others2;
	const u128 minus = 2 * calls * others * products;
	return plus > minus ? (uint64_t)((plus - minus) / (others * others)) : 0;
}

/* The error of a ratio of two sums over clusters (Cochran, chapter 6), and of what sleeps, which are made of the same, differ from
 * it by. So few phases know it badly themselves: that it is of Student's distribution makes it larger by (n - 1) / (n - 3). That
 * calls are a sample comes to it: a function that was not seen may have been called, and as often as in phases that did see it. */
static void add_error(const struct ap_gates *gates, struct ap_sleeper *s, uint64_t sleep,
		      uint64_t missed)
{
	const uint64_t others = gates->now_others, n = gates->now_phases;
	unsigned shift = 0;
	while ((others | s->now_calls) >> shift >= 1u << 28)
		shift++;
	const u128 of_phases =
		residual(sum_of(s->squares) >> 2 * shift, sum_of(s->products) >> 2 * shift,
			 sum_of(gates->now_squares) >> 2 * shift, s->now_calls >> shift,
			 others >> shift | 1);
	const u128 by = times(sleep, sleep + others, others) + 1;
	const u128 error = (of_phases << 2 * shift) / others * by / (n > 4 ? n - 3 : 1) * n;
	add(s->error, error < MOST_MISSED ? (uint64_t)error : MOST_MISSED);
	add(s->error, times(missed + 1, sleep, others));
	if (s->now_calls)
		s->cluster = (uint64_t)(sum_of(s->squares) / s->now_calls);
	const uint64_t unseen = times(s->cluster, sleep, others);
	add_product(s->error, unseen, unseen / AP_PATCH_UNSEEN);
}

/* When a function began to be called, or was not called any more, in the sleep between two batches, is not known. */
static void add_error_of_change(const struct ap_gates *gates, struct ap_sleeper *s, uint64_t sleep)
{
	const uint64_t one = sleep / gates->now_phases;
	const uint64_t now = times(one, s->now_calls, gates->now_others);
	const uint64_t before =
		gates->awake_others ? times(one, s->awake_calls, gates->awake_others) : now;
	const uint64_t change = now > before ? now - before : before - now;
	add_product(s->error, change, change);
}

/* The phases with hooks tell of the sleeps between them. */
static void tell(const struct ap_gates *gates, struct ap_sleeper *s)
{
	const uint64_t sleep = gates->sleep_others + s->pending;
	if (s->state < AP_SLEEPER_COUNTS) {
		s->pending = sleep;
		return;
	}
	const uint64_t missed = times(s->now_calls, sleep, gates->now_others);
	add_error(gates, s, sleep, missed);
	add_error_of_change(gates, s, sleep);
	if (gates->now_phases < AP_PATCH_BATCH) /* which may be of one part of the program */
		add_product(s->error, missed / gates->now_phases, missed / gates->now_phases);
	s->missed += missed;
	s->pending = 0;
	s->awake_calls = s->now_calls;
	s->now_calls = 0;
	s->squares[0] = s->squares[1] = s->products[0] = s->products[1] = 0;
}

static void begin_batch(struct ap_gates *gates)
{
	gates->now_others = gates->sleep_others = 0;
	gates->now_squares[0] = gates->now_squares[1] = 0;
	gates->now_phases = 0;
	gates->awake_ns = 0;
}

static void tell_all(const struct ap_patch *patch, struct ap_gates *gates,
		     struct ap_sleepers *sleepers)
{
	for (uint32_t i = 0; i < patch->chosen_n; i++)
		if (sleepers->all[i].state)
			tell(gates, &sleepers->all[i]);
	for (uint32_t u = 0; u < ap_gates_used(gates); u++) {
		struct ap_gate_phases *phases = &sleepers->gate[gates->used[u]];
		phases->before = phases->awake;
		phases->awake = 0;
	}
	gates->awake_others = gates->now_others;
	begin_batch(gates);
}

/* Return: calls in the phase that is over. One that joined in it counts from now on. */
static uint64_t calls_in_phase(struct ap_sleeper *s, uint64_t calls)
{
	const uint64_t n = s->state >= AP_SLEEPER_COUNTS ? ap_less(calls, s->seen) : 0;
	s->seen = calls;
	return n;
}

/* Of any function, for it may be patched one day. A call that begins a window is counted, and taken back: for a moment there is one
 * too many. */
static void count_gates(const struct ap_gates *gates, struct ap_sleepers *sleepers, bool asleep)
{
	for (uint32_t u = 0; u < ap_gates_used(gates); u++) {
		const uint32_t k = gates->used[u];
		struct ap_gate_phases *phases = &sleepers->gate[k];
		const uint64_t calls = ap_gate_calls(&gates->gate[k]);
		const uint64_t n = ap_less(calls, phases->seen);
		if (!asleep)
			phases->awake += n < UINT32_MAX - phases->awake ? (uint32_t)n : 0;
		phases->seen = calls;
	}
}

static void end_in_table(struct ap_control *c, struct ap_patch *patch, struct ap_gates *gates)
{
	struct ap_sleepers *sleepers = ap_patch_sleepers_of(c, gates);
	const uint64_t others = count_table(c, patch, gates);
	const uint64_t in_phase = ap_less(others, gates->others_seen);
	gates->others_seen = others;
	*(patch->asleep ? &gates->sleep_others : &gates->now_others) += in_phase;
	if (!patch->asleep) {
		gates->awake_ns += patch->phase_ns;
		add_product(gates->now_squares, in_phase, in_phase);
		gates->now_phases++;
	}
	if (!sleepers)
		return;
	count_gates(gates, sleepers, patch->asleep);
	for (uint32_t i = 0; i < patch->chosen_n; i++) {
		struct ap_sleeper *s = &sleepers->all[i];
		const uint64_t calls = calls_in_phase(s, patch->calls[i]);
		if (patch->asleep) {
			ap_patched_at(c, i)->leaked += calls;
			continue;
		}
		s->now_calls += calls;
		add_product(s->squares, calls, calls);
		add_product(s->products, calls, in_phase);
	}
	for (uint32_t i = 0; i < patch->chosen_n; i++)
		if (sleepers->all[i].state == AP_SLEEPER_JOINED)
			sleepers->all[i].state = AP_SLEEPER_COUNTS;
}

void ap_patch_count_phase(struct ap_control *c, struct ap_patch *patch)
{
	if (!patch->asleep)
		patch->phase_ns = ap_clock_ns(CLOCK_PROCESS_CPUTIME_ID) - patch->since_cpu_ns;
	for (struct ap_gates *g = ap_gates_first(c); g; g = ap_gates_next(c, g))
		end_in_table(c, patch, g);
	for (uint32_t i = 0; i < patch->chosen_n; i++)
		ap_patched_at(c, i)->sleeps += patch->asleep;
}

/* Its thread and who makes a turn may do so at one moment; then one block is lost. */
static bool make_sleepers(struct ap_control *c, struct ap_gates *gates)
{
	ap_ref none = 0;
	if (gates->sleepers)
		return true;
	const ap_ref ref = ap_space_alloc(c, sizeof(struct ap_sleepers));
	if (!ref)
		return false;
	struct ap_sleepers *sleepers = ap_at(c, ref);
	for (uint32_t u = 0; u < ap_gates_used(gates); u++) {
		const uint32_t k = gates->used[u];
		sleepers->gate[k].seen = ap_gate_calls(&gates->gate[k]);
	}
	return (__atomic_compare_exchange_n(&gates->sleepers, &none, ref, false, __ATOMIC_RELEASE,
					    __ATOMIC_ACQUIRE) ||
		none);
}

void ap_patch_note_joined(struct ap_control *c, struct ap_gates *gates, uint32_t i)
{
	const uint32_t k = ap_gate_find(gates->gate, ap_patched_at(c, i)->address);
	struct ap_gate *gate = k < AP_GATES ? &gates->gate[k] : NULL;
	if (!gate || gate->function & AP_GATE_OPEN)
		return;
	if (!make_sleepers(c, gates)) {
		__atomic_store_n(&ap_patched_at(c, i)->uncounted, 1, __ATOMIC_RELAXED);
		return;
	}
	struct ap_sleeper *s = &ap_patch_sleepers_of(c, gates)->all[i];
	if (s->state)
		return;
	s->seen = ap_gate_calls(gate);
	__atomic_fetch_or(&gate->kept, AP_GATE_PATCHED,
			  __ATOMIC_RELAXED); /* its thread may change it, too */
	__atomic_store_n(&s->state, AP_SLEEPER_JOINED, __ATOMIC_RELEASE);
}

static bool tells(const struct ap_gates *gates, uint32_t phases)
{
	return gates->now_phases >= phases && gates->now_others >= LEAST_OTHERS;
}

bool ap_patch_batch_is_over(const struct ap_gates *gates)
{
	return tells(gates, AP_PATCH_BATCH);
}

void ap_patch_count_tell(const struct ap_control *c, const struct ap_patch *patch, uint32_t phases)
{
	for (struct ap_gates *g = ap_gates_first(c); g; g = ap_gates_next(c, g)) {
		struct ap_sleepers *sleepers = ap_patch_sleepers_of(c, g);
		if (sleepers && tells(g, phases))
			tell_all(patch, g, sleepers);
	}
}

/* What there is to compare with the first batch are the calls since there was a list, of who found it. */
static void begin_first_batch(const struct ap_patch *patch, struct ap_gates *gates,
			      struct ap_sleepers *sleepers)
{
	begin_batch(gates);
	if (gates != patch->woken_for)
		return;
	gates->awake_others = gates->others - patch->before_others;
	for (uint32_t u = 0; u < ap_gates_used(gates); u++) {
		const uint64_t seen = u < patch->before_n ? patch->before[u] : 0;
		const uint64_t calls = ap_less(ap_gate_calls(ap_gate_used(gates, u)), seen);
		const uint32_t before = calls < UINT32_MAX ? (uint32_t)calls : UINT32_MAX;
		sleepers->gate[gates->used[u]].before = before;
		gates->awake_others += before;
	}
}

/* In the batch before it was one of them. */
static void take_from_others(const struct ap_control *c, struct ap_gates *gates,
			     struct ap_sleepers *sleepers, uint32_t i)
{
	struct ap_sleeper *s = &sleepers->all[i];
	const uint32_t k = ap_gate_find(gates->gate, ap_patched_at(c, i)->address);
	if (!s->state || k >= AP_GATES)
		return;
	s->state = AP_SLEEPER_COUNTS;
	s->awake_calls = sleepers->gate[k].before;
	gates->awake_others = ap_less(gates->awake_others, s->awake_calls);
}

/* Threads that have demoted the new ones by themselves will notice nothing. */
static void begin_in_table(struct ap_control *c, const struct ap_patch *patch,
			   struct ap_gates *gates, uint32_t from)
{
	const bool first = !ap_patch_sleepers_of(c, gates);
	for (uint32_t i = from; i < patch->chosen_n; i++)
		ap_patch_note_joined(c, gates, i);
	struct ap_sleepers *sleepers = ap_patch_sleepers_of(c, gates);
	gates->others_seen = others_of(c, gates);
	if (!sleepers && from == 0) /* until now nothing has been patched */
		begin_batch(gates);
	if (!sleepers)
		return;
	if (first)
		begin_first_batch(patch, gates, sleepers);
	for (uint32_t i = from; i < patch->chosen_n; i++)
		take_from_others(c, gates, sleepers, i);
}

void ap_patch_count_from_here(struct ap_control *c, struct ap_patch *patch, uint32_t from)
{
	if (from == patch->chosen_n)
		return;
	for (struct ap_gates *g = ap_gates_first(c); g; g = ap_gates_next(c, g))
		begin_in_table(c, patch, g, from);
}
