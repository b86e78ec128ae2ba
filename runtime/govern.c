/* SPDX-License-Identifier: MIT */
/* runtime/govern.c - the budget: each thread measures what its hooks cost, and demotes or promotes functions.
 *
 * Every 10 ms (a span), first after 2, in its slow path: the events that it recorded and the calls that it counted, times what they cost, beside
 * its CPU time. Above the budget those functions are demoted that a random look at its events meets most; far below it,
 * those come back that would cost least. If every thread keeps the budget, the process does. */
#include <time.h>

#include "runtime/patch.h"

#define PRESSURE_NO_JOIN 96 /* of 256 */
#define SPAN_NS 10000000ull
#define FIRST_SPAN_NS 2000000ull /* until then all is recorded */
#define LOOKS 32u
/* In percent of the budget: demotion aims below it, promotion at less than that, so that they do not take turns. */
#define AIM_DEMOTING 70
#define AIM_PROMOTING 50
#define PROMOTE_BELOW 35
#define PROMOTE_EVERY_NS 500000000ull /* each change of what is demoted begins figures of its own */
#define LEAST_EVENTS 16384	      /* of a thread, before it is worth the memory */
#define LONG_UNITS 687195u	      /* 10 us */
#define REFUSED_SPANS 200u
#define AGAIN_SPANS 5u	/* the first calls of a function may be long ones */
#define LEAST_SHARE 128 /* of all looks: rarer functions are not worth a gate */
#define LEAST_CALLS_PER_MS                                                                         \
	20 /* a function that is called less often lasts too long, or costs too little */

/* What was looked at in one span, in ns; costs are those above hooks that do nothing. */
struct span {
	uint64_t cpu_ns, ns;
	uint64_t events;
	uint64_t recorded_ns, counted_ns;
	uint64_t pair_x1000, gate_x1000; /* of a recorded and of a counted call, ns */
};

/* Calls of those that are patched are told by what their gates count. */
static bool may_open(const struct ap_gate *gate)
{
	return ap_gate_is_closed(gate) && !(gate->kept & AP_GATE_PATCHED);
}

static void begin_span(struct ap_ctl *ctl, uint64_t now)
{
	struct ap_governor *governor = ctl->governor;
	governor->span_ticks = now;
	governor->span_cpu_ns = ap_clock_ns(CLOCK_THREAD_CPUTIME_ID);
	governor->span_events = ctl->thread->folded;
	governor->hits_all = 0;
	for (uint32_t i = 0; i < AP_HITS; i++)
		governor->hits[i] = (struct ap_hit){0, 0};
	governor->active = 0;
	for (uint32_t u = 0; u < ap_gates_used(ctl->gates_all); u++) {
		const uint32_t i = ctl->gates_all->used[u];
		const struct ap_gate *gate = &ctl->gates_all->gate[i];
		governor->active += ap_gate_is_closed(gate);
		governor->counted[i] = ap_gate_calls(gate);
		governor->refused[i] -= governor->refused[i] > 0;
	}
}

/* Behind the gates. */
static void make_governor(struct ap_control *c, struct ap_ctl *ctl, uint64_t now)
{
	struct ap_gates *gates = ap_gates_take(c, ctl->thread);
	if (!gates)
		return;
	struct ap_governor *governor = (struct ap_governor *)(gates + 1);
	for (size_t i = 0; i < sizeof(*governor) / sizeof(uint64_t); i++)
		((uint64_t *)governor)[i] = 0;
	governor->random = (now ^ (uint64_t)ctl->id << 48) | 1;
	ctl->gates_all = gates;
	ctl->governor = governor;
	begin_span(ctl, now);
}

/* Of the last chunk, which is full: that is why we are here. */
void ap_gate_before_fold(struct ap_control *c, struct ap_ctl *ctl)
{
	struct ap_governor *governor = ctl->governor;
	if (!governor)
		return;
	const struct ap_chunk *chunk = ap_at(c, ctl->thread->last_chunk);
	const struct ap_event *events = (const struct ap_event *)(chunk + 1);
	for (uint32_t i = 0; i < LOOKS; i++) {
		governor->random =
			governor->random * 6364136223846793005ull + 1442695040888963407ull;
		const uint64_t word = events[(governor->random >> 33) % chunk->slots].word;
		const enum ap_event_kind kind = ap_event_kind(word);
		governor->hits_all++;
		if (kind == AP_EVENT_SPECIAL)
			continue;
		const uint64_t address = ap_event_address(word);
		uint32_t k = 0;
		while (k < AP_HITS - 1 && governor->hits[k].n &&
		       governor->hits[k].function != address)
			k++;
		if (governor->hits[k].n && governor->hits[k].function != address) {
			governor->hits[k].n--; /* the last place is fought for */
			continue;
		}
		governor->hits[k].function = address;
		governor->hits[k].n++;
	}
}

static uint8_t *refused_of(struct ap_ctl *ctl, const struct ap_gate *gate)
{
	return &ctl->governor->refused[gate - ctl->gates_all->gate];
}

static uint64_t calls_in_span(const struct ap_ctl *ctl, uint32_t i)
{
	return ap_gate_calls(&ctl->gates_all->gate[i]) - ctl->governor->counted[i];
}

static void measure(const struct ap_control *c, const struct ap_ctl *ctl, uint64_t now,
		    struct span *w)
{
	const struct ap_governor *governor = ctl->governor;
	uint64_t counted = 0;
	for (uint32_t u = 0; u < ap_gates_used(ctl->gates_all); u++)
		counted += calls_in_span(ctl, ctl->gates_all->used[u]);
	w->ns = ap_ns_of_ticks(now - governor->span_ticks);
	w->cpu_ns = ap_clock_ns(CLOCK_THREAD_CPUTIME_ID) - governor->span_cpu_ns;
	w->events = ctl->thread->folded - governor->span_events;
	w->pair_x1000 = ap_ns_of_ticks(ap_hook_ticks_x1000(c->header));
	w->gate_x1000 =
		ap_ns_of_ticks(__atomic_load_n(&ap_runtime.hook_cost.gate, __ATOMIC_RELAXED));
	w->recorded_ns = w->events / 2 * w->pair_x1000 / 1000;
	w->counted_ns = counted * w->gate_x1000 / 1000;
}

/* The CPU time without us. */
static uint64_t own_ns(const struct span *w)
{
	const uint64_t cost = w->recorded_ns + w->counted_ns;
	return w->cpu_ns > cost ? w->cpu_ns - cost : w->cpu_ns / 20;
}

/* What may be spent in a span: the budget is in percent of that. */
static uint64_t budget_ns(const struct span *w, uint64_t aim_pct)
{
	return own_ns(w) * ap_runtime.settings.overhead_pct / 100 * aim_pct / 100;
}

/* Calls and their time, in units of 2^-36 s, of a histogram in this shard: good to a quarter. */
static void add_rows(const struct ap_control *c, ap_ref dir, unsigned __int128 *ret_units,
		     uint64_t *ret_n)
{
	for (uint32_t row = 0; dir && row < AP_HIST_ROWS; row++) {
		const ap_ref ref = ((const struct ap_hist_dir *)ap_at(c, dir))->rows[row];
		const uint32_t n =
			ref & AP_HIST_COARSE ? AP_HIST_ROW_BUCKETS / 4 : AP_HIST_ROW_BUCKETS;
		const uint64_t *counts = ap_at(c, ref & ~AP_HIST_COARSE);
		uint64_t calls = 0;
		for (uint32_t i = 0; ref && i < n; i++)
			calls += counts[i];
		*ret_units += (unsigned __int128)calls * 3 << row >> 1;
		*ret_n += calls;
	}
}

/* Long calls are worth their hooks, whatever their number. */
static bool takes_long(struct ap_control *c, struct ap_shard *shard, uint32_t function)
{
	const struct ap_function_stat *stat = ap_shard_function_stat(c, shard, function);
	unsigned __int128 units = 0;
	uint64_t n = 0;
	add_rows(c, stat->leaf_rows, &units, &n);
	add_rows(c, stat->total_rows, &units, &n);
	return units > (unsigned __int128)n * LONG_UNITS;
}

static struct ap_hit *most_hit(struct ap_governor *governor)
{
	struct ap_hit *best = &governor->hits[0];
	for (uint32_t i = 1; i < AP_HITS; i++)
		if (governor->hits[i].n > best->n)
			best = &governor->hits[i];
	return best;
}

/* Behaviour changes: what takes long now is recorded again. How long calls take is asked of one gate a span. */
static void review(struct ap_control *c, struct ap_shard *shard, struct ap_ctl *ctl)
{
	struct ap_governor *governor = ctl->governor;
	const uint32_t n = ap_gates_used(ctl->gates_all);
	for (uint32_t k = 0; k < n && governor->active; k++) {
		const uint32_t i = ctl->gates_all->used[governor->reviewed++ % n];
		struct ap_gate *gate = &ctl->gates_all->gate[i];
		if (!may_open(gate))
			continue;
		if (takes_long(c, shard, gate->id)) {
			governor->refused[i] = REFUSED_SPANS;
			ap_gate_open(ctl, gate);
		}
		return;
	}
}

/* Where no function stands out, all that are not long ones: those of the last chunk, which holds thousands of events. */
static bool demote_all(struct ap_control *c, struct ap_shard *shard, struct ap_ctl *ctl)
{
	const struct ap_chunk *chunk = ap_at(c, ctl->thread->last_chunk);
	const struct ap_event *events = (const struct ap_event *)(chunk + 1);
	bool any = false;
	for (uint32_t i = 0; i < chunk->slots; i++) {
		const uint64_t address = ap_event_address(events[i].word);
		if (ap_event_kind(events[i].word) != AP_EVENT_ENTER)
			continue;
		struct ap_gate *gate = ap_gate_make(c, ctl, address);
		if (!gate || ap_gate_is_closed(gate) || *refused_of(ctl, gate))
			continue;
		if (takes_long(c, shard, gate->id))
			*refused_of(ctl, gate) = AGAIN_SPANS;
		else
			any |= ap_gate_close(c, ctl, address, false);
	}
	return any;
}

static void demote(struct ap_control *c, struct ap_shard *shard, struct ap_ctl *ctl,
		   const struct span *w)
{
	struct ap_governor *governor = ctl->governor;
	const uint64_t aim = budget_ns(w, AIM_DEMOTING);
	uint64_t cost = w->recorded_ns + w->counted_ns;
	bool any = false;
	while (cost > aim) {
		struct ap_hit *hit = most_hit(governor);
		const uint64_t calls = w->events / 2 * hit->n / (governor->hits_all | 1);
		if ((uint64_t)hit->n * LEAST_SHARE < governor->hits_all ||
		    calls * 1000000 < w->cpu_ns * LEAST_CALLS_PER_MS)
			break;
		const struct ap_gate *gate = ap_gate_of(ctl->gates_all, hit->function);
		const bool refused = gate && *refused_of(ctl, gate);
		const bool hides = gate && gate->function == hit->function; /* all of its calls */
		if (!refused && !hides &&
		    !takes_long(c, shard, ap_function_id(c, hit->function, ap_ticks())) &&
		    ap_gate_close(c, ctl, hit->function, false)) {
			const uint64_t saved = calls * (w->pair_x1000 - w->gate_x1000) / 1000;
			cost -= saved < cost ? saved : cost;
			any = true;
		}
		hit->n = 0;
	}
	if (cost > aim)
		any |= demote_all(c, shard, ctl);
	/* What is left are windows, or cannot be helped: the rarer they are, the more a single one counts. */
	if (!any && governor->active && w->recorded_ns > aim / 2 &&
	    ctl->gates_all->weight_log2 < AP_WEIGHT_MOST)
		ctl->gates_all->weight_log2++;
}

static void promote(struct ap_ctl *ctl, const struct span *w)
{
	const uint64_t aim = budget_ns(w, AIM_PROMOTING);
	uint64_t cost = w->recorded_ns + w->counted_ns;
	for (;;) {
		struct ap_gate *best = NULL;
		uint64_t least = UINT64_MAX;
		for (uint32_t u = 0; u < ap_gates_used(ctl->gates_all); u++) {
			const uint32_t i = ctl->gates_all->used[u];
			struct ap_gate *gate = &ctl->gates_all->gate[i];
			if (!may_open(gate) || calls_in_span(ctl, i) >= least)
				continue;
			least = calls_in_span(ctl, i);
			best = gate;
		}
		cost += best ? least * w->pair_x1000 / 1000 : 0;
		if (!best || cost > aim)
			break;
		ap_gate_open(ctl, best);
	}
	if (ctl->gates_all->weight_log2 > AP_WEIGHT_LEAST)
		ctl->gates_all->weight_log2--;
}

/* With what is demoted changes what times between windows consist of: a new epoch, also when nothing is left. */
static void publish(struct ap_ctl *ctl)
{
	if (ctl->governor->changed)
		ctl->thread->window = AP_WINDOW(++ctl->governor->epochs % AP_WINDOW_EPOCHS, 0u);
	ctl->governor->changed = false;
	if (!ctl->governor->active) {
		ctl->gates = NULL;
		return;
	}
	ctl->gates = ctl->gates_all->gate;
	if (!ap_runtime.gated) {
		ap_runtime.gated = true;
		ap_way_choose();
	}
}

/* Where what a stack means may change, everything is recorded. */
static bool may_govern(const struct ap_control *c)
{
	return !c->header->fibers && !c->header->filters;
}

/* Who has unloaded code has opened gates. */
static void notice_unloads(const struct ap_control *c, struct ap_ctl *ctl)
{
	const uint32_t unloads = __atomic_load_n(&c->unloads_n, __ATOMIC_ACQUIRE);
	ctl->governor->changed |= ctl->governor->unloads != unloads;
	ctl->governor->unloads = unloads;
}

static void open_all(struct ap_ctl *ctl)
{
	for (uint32_t u = 0; u < ap_gates_used(ctl->gates_all) && ctl->governor->active; u++) {
		struct ap_gate *gate = ap_gate_used(ctl->gates_all, u);
		if (ap_gate_is_closed(gate))
			ap_gate_open(ctl, gate);
	}
}

void ap_gate_after_fold(struct ap_control *c, struct ap_shard *shard, struct ap_ctl *ctl)
{
	const uint64_t now = ap_ticks();
	struct ap_governor *governor = ctl->governor;
	if (!c->header->budget_pct || ctl->tid != ap_gettid())
		return; /* in a vfork child the clock is another's */
	if (!governor) {
		if (ctl->thread->folded >= LEAST_EVENTS)
			make_governor(c, ctl, now);
		return;
	}
	const uint64_t span_ns = governor->epochs ? SPAN_NS : FIRST_SPAN_NS;
	if (now - governor->span_ticks < ap_ticks_of_ns(span_ns))
		return;
	if (ctl->window)
		ap_gate_end_window(ctl); /* most slow paths may come in windows */
	struct span w;
	measure(c, ctl, now, &w);
	const uint64_t cost = w.recorded_ns + w.counted_ns;
	const uint32_t weight = ctl->gates_all->weight_log2;
	notice_unloads(c, ctl);
	review(c, shard, ctl);
	if (!may_govern(c)) {
		if (ap_patch_stop(c))
			open_all(ctl);
	} else if (cost > budget_ns(&w, 100))
		demote(c, shard, ctl, &w);
	else if (governor->active && cost < budget_ns(&w, PROMOTE_BELOW) &&
		 now - governor->promoted_ticks > ap_ticks_of_ns(PROMOTE_EVERY_NS)) {
		promote(ctl, &w);
		governor->promoted_ticks = now;
	}
	publish(ctl);
	if (weight != ctl->gates_all->weight_log2)
		ap_gates_draw(ctl);
	if (governor->active && may_govern(c))
		ap_patch_look(c, ctl);
	begin_span(ctl, now);
}

/* Its gates take 288 KiB of each thread that calls anything: where memory is short, its calls are not counted instead. */
static void join(struct ap_control *c, struct ap_ctl *ctl, uint32_t patched_n)
{
	const bool room = ap_space_pressure(c) < PRESSURE_NO_JOIN;
	if (!ctl->governor && room)
		make_governor(c, ctl, ap_ticks());
	for (uint32_t i = ctl->joined_n; i < patched_n; i++) {
		struct ap_patched *p = ap_patched_at(c, i);
		if (ctl->governor && room && ap_gate_close(c, ctl, p->address, true))
			ap_patch_note_joined(c, ctl->gates_all, i);
		else
			__atomic_store_n(&p->uncounted, 1, __ATOMIC_RELAXED);
	}
	ctl->joined_n = patched_n;
	if (ctl->governor)
		publish(ctl);
}

/* Where it cannot: in a handler that came in the middle of a hook, in a vfork child, with no shard free. */
#define TRY_AGAIN_CALLS 64u

void ap_gates_join(struct ap_control *c, struct ap_ctl *ctl)
{
	if (ctl->join_later) {
		ctl->join_later--;
		return;
	}
	ctl->join_later = TRY_AGAIN_CALLS;
	const uint64_t start = ap_ticks();
	const uint64_t mask = ap_signals_block();
	const uint32_t patched_n = __atomic_load_n(&ap_runtime.patched_n, __ATOMIC_ACQUIRE);
	const bool ours =
		c->header && ctl->tid == ap_gettid(); /* and no forked child's, or vfork's */
	if (ours && !may_govern(c)) {
		(void)ap_patch_stop(c);
	} else if (ours && ap_flush(false) && ap_thread_settled(c, ctl->thread)) {
		join(c, ctl, patched_n);
		ctl->join_later = 0;
	}
	ap_signals_restore(mask);
	ap_record_gap(start);
}
