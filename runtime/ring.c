/* SPDX-License-Identifier: MIT */
/* runtime/ring.c - rings of chunks: the way of a plain event, and the slow path when its chunk is full.
 *
 * The slow path blocks signals, folds on a stack of the shard, and writes a gap, so that its own time is in
 * nobody's figures. It never waits: no shard free, or a hole left by an interrupted hook, and it goes on
 * in another chunk; no memory, and the event is dropped and counted. */
#include <errno.h>
#include <time.h>

#include "runtime/runtime.h"
#include "runtime/sys.h"

#define PRESSURE_SMALL_CHUNKS 128 /* of 256 */
#define TEAR_AFTER 8		  /* chunks */
/* The reader's too: by how much hooks that found the chunk full move the cursor beyond. */
#define OVERSHOOT_BYTES (64 * sizeof(struct ap_event))
#define PRESSURE_YIELD 96
#define YIELDS 100
#define FLUSH_TRIES 100
#define ATTENDANT_AGE_NS 200000000ull
#define FAST_FILL_NS 20000000ull /* a chunk filled faster than this is worth doubling */
#define STARVED_NS 1000000ull
#define CPU_READ_NS 10000000ull
#define USAGE_NS 100000000ull
#define USAGE_BUSY UINT64_MAX

__thread struct ap_ctl *ap_self = &ap_no_ctl;
struct ap_ctl ap_no_ctl;

static inline void store_event(uint64_t slot, uint64_t word, uint64_t time)
{
	struct ap_event *event = (struct ap_event *)slot;
	event->time = time;
	__atomic_store_n(&event->word, word, __ATOMIC_RELEASE);
}

void ap_record(uint64_t word, uint64_t time)
{
	struct ap_ctl *ctl = ap_self;
	uint64_t slot = 0, lap;
	if (AP_LIKELY(ctl->thread)) {
		slot = ap_arch_reserve(&ctl->thread->cursor);
		if (AP_LIKELY(ap_ctl_takes(ctl, slot, &lap))) {
			store_event(slot, word | lap, time);
			return;
		}
	}
	ap_slow(word, time, slot);
}

void ap_record_special(enum ap_special subject, uint64_t value)
{
	const struct ap_ctl *ctl = ap_self;
	if (ctl->thread)
		ap_record(ap_special_make_word(subject, value, 0), ap_ticks() & AP_EVENT_TIME_MASK);
}

void ap_record_gap(uint64_t since)
{
	ap_record_special(AP_SPECIAL_GAP, (ap_ticks() - since) >> AP_SPECIAL_UNIT_SHIFT);
}

static void count_drop(struct ap_control *c, enum ap_drop reason)
{
	__atomic_fetch_add(&c->header->dropped[reason], 1, __ATOMIC_RELAXED);
	if (reason == AP_DROP_NO_MEMORY)
		ap_space_degrade(c, AP_DEGRADED_EVENTS_DROPPED);
}

/* Let hooks reserve in the last chunk. */
static void open_chunk(struct ap_control *c, struct ap_ctl *ctl)
{
	const struct ap_chunk *chunk = ap_at(c, ctl->thread->last_chunk);
	ctl->lap = (uint64_t)AP_CHUNK_LAP(chunk->lap_base) << AP_EVENT_LAP_SHIFT;
	ctl->bytes = chunk->slots * sizeof(struct ap_event);
	__atomic_store_n(&ctl->end, (uint64_t)(chunk + 1) + ctl->bytes, __ATOMIC_SEQ_CST);
	if (__atomic_load_n(&c->ending, __ATOMIC_SEQ_CST))
		ctl->end = 0; /* frozen between our check and our store */
}

/* The next lap of a chunk: nothing in it is of that one yet. */
static void turn_chunk(struct ap_chunk *chunk, uint64_t base)
{
	const uint32_t lap = AP_CHUNK_LAP(chunk->lap_base) % 3 + 1;
	__atomic_store_n(&chunk->lap_base, AP_CHUNK_LAP_BASE(lap, base), __ATOMIC_RELEASE);
}

/* Make the last chunk the one that hooks write to, again. Order: a reader that comes in between finds it empty. */
static void begin_chunk(struct ap_control *c, struct ap_ctl *ctl, uint64_t base)
{
	struct ap_chunk *chunk = ap_at(c, ctl->thread->last_chunk);
	ctl->thread->cursor = (uint64_t)(chunk + 1);
	turn_chunk(chunk, base);
	open_chunk(c, ctl);
}

/* A chunk that is filled fast is too small, as long as there is memory. */
static uint32_t next_slots(struct ap_control *c, struct ap_ctl *ctl, uint32_t slots)
{
	const uint64_t now = ap_ticks();
	const bool fast = now - ctl->last_full_ticks < ap_ticks_of_ns(FAST_FILL_NS);
	ctl->last_full_ticks = now;
	if (!fast || slots >= ap_runtime.settings.chunk_max)
		return slots;
	if (ap_space_pressure(c) >= PRESSURE_SMALL_CHUNKS) {
		ap_space_degrade(c, AP_DEGRADED_SMALL_CHUNKS);
		return slots;
	}
	return slots * 2;
}

/* Go on in a new chunk behind the last one. Return: was there memory? */
static bool append_chunk(struct ap_control *c, struct ap_ctl *ctl, uint32_t slots)
{
	struct ap_thread *thread = ctl->thread;
	const ap_ref old = thread->last_chunk;
	struct ap_chunk *old_chunk = ap_at(c, old);
	ap_ref ref = ap_chunk_kept(c, thread, slots);
	if (!ref)
		ref = ap_chunk_new(c, slots, ctl->id);
	if (!ref)
		return false;
	const uint64_t base = AP_CHUNK_BASE(old_chunk->lap_base) + old_chunk->slots;
	struct ap_chunk *chunk = ap_at(c, ref);
	turn_chunk(chunk,
		   base); /* before it can be found: it is empty, wherever the cursor stands */
	old_chunk->next = ref;
	__atomic_store_n(&thread->last_chunk, ref, __ATOMIC_RELEASE);
	thread->cursor = (uint64_t)(chunk + 1);
	open_chunk(c, ctl);
	return true;
}

/* After a fold: is the last chunk done with? */
static bool last_chunk_folded(const struct ap_control *c, const struct ap_thread *thread)
{
	const struct ap_chunk *chunk = ap_at(c, thread->last_chunk);
	const uint32_t done = ap_chunk_done(thread, chunk);
	return thread->first_chunk == thread->last_chunk && done >= chunk->slots;
}

/* A hole belongs to a hook that a handler interrupted and that may still come back: chunks behind it wait. It is
 * given up when many wait (a handler that never returned), or when memory is short. */
static bool lags_far(const struct ap_control *c, const struct ap_thread *thread)
{
	uint32_t waiting = 0;
	for (ap_ref ref = thread->first_chunk; ref != thread->last_chunk && waiting < TEAR_AFTER;
	     waiting++)
		ref = ((const struct ap_chunk *)ap_at(c, ref))->next;
	return waiting >= TEAR_AFTER || ap_space_pressure(c) >= PRESSURE_SMALL_CHUNKS;
}

/* The ring was left closed: a vfork child died in a slow path. Return: is there room in it? */
static bool reopen(struct ap_control *c, struct ap_ctl *ctl)
{
	struct ap_thread *thread = ctl->thread;
	const struct ap_chunk *chunk = ap_at(c, thread->last_chunk);
	const uint64_t first = (uint64_t)(chunk + 1);
	const uint64_t bytes = chunk->slots * sizeof(struct ap_event);
	if (thread->cursor - first > bytes + OVERSHOOT_BYTES)
		thread->cursor = first; /* it was still in the chunk before */
	if (thread->cursor - first >= bytes || last_chunk_folded(c, thread))
		return false;
	open_chunk(c, ctl);
	return true;
}

/* The chunk is full. Return: is there room again? */
static bool make_room(struct ap_control *c, struct ap_ctl *ctl, struct ap_shard *shard)
{
	struct ap_thread *thread = ctl->thread;
	const struct ap_chunk *last = ap_at(c, thread->last_chunk);
	/* Closed until all is done: whoever dies in here leaves no ring that is half changed and in use. A
	 * chunk that was found so is not used again in place: a hook may have reserved in it since. */
	const bool was_closed = ctl->end == 0;
	ctl->end = 0;
	if (shard)
		ap_fold(c, shard, thread, lags_far(c, thread) ? AP_TEAR_OLD : AP_TEAR_NONE);
	if (!shard || !last_chunk_folded(c, thread)) {
		if (append_chunk(c, ctl, last->slots))
			return true;
		if (!shard)
			return false;
		ap_fold(c, shard, thread,
			AP_TEAR_ALL); /* no memory to wait in: the hole is given up */
	}
	const uint32_t slots = next_slots(c, ctl, last->slots);
	const ap_ref old = thread->last_chunk;
	if ((slots > last->slots || was_closed) && append_chunk(c, ctl, slots)) {
		thread->first_chunk = thread->last_chunk;
		ap_chunk_free(c, old);
		return true;
	}
	begin_chunk(c, ctl, AP_CHUNK_BASE(last->lap_base) + last->slots);
	return true;
}

static void read_thread_cpu(struct ap_ctl *ctl)
{
	ctl->thread->cpu_ns = ap_clock_ns(CLOCK_THREAD_CPUTIME_ID) - ctl->cpu_start_ns;
}

/* By one thread at a time: two readings of the clocks that are mixed up would be another rate of the clock. */
static void read_usage(struct ap_control *c, uint64_t now)
{
	uint64_t before = __atomic_load_n(&c->usage_ticks, __ATOMIC_RELAXED);
	if (before == USAGE_BUSY || now - before <= ap_ticks_of_ns(USAGE_NS) ||
	    !__atomic_compare_exchange_n(&c->usage_ticks, &before, USAGE_BUSY, false,
					 __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
		return;
	ap_usage_update(c);
	__atomic_store_n(&c->usage_ticks, now, __ATOMIC_RELEASE);
}

/* Clocks that cost system calls are read now and then only. */
static void read_clocks(struct ap_control *c, struct ap_ctl *ctl)
{
	const uint64_t now = ap_ticks();
	if (now - ctl->cpu_read_ticks > ap_ticks_of_ns(CPU_READ_NS)) {
		ctl->cpu_read_ticks = now;
		read_thread_cpu(ctl);
	}
	read_usage(c, now);
	ap_pause_look(c, now);
}

static void want_attendant(struct ap_control *c)
{
	const struct ap_settings *settings = &ap_runtime.settings;
	if (c->attendant || !settings->monitor || !settings->report)
		return;
	if (!settings->monitor_now &&
	    ap_ticks() - c->header->clock_first.ticks < ap_ticks_of_ns(ATTENDANT_AGE_NS))
		return;
	ap_attendant_start(c);
}

struct slow {
	struct ap_control *c;
	struct ap_shard *shard;
	uint64_t word, time;
	uint64_t start; /* of the slow path: signals are blocked, so all of it since then is ours */
};

/* The event that found no slot, and the gap that its slow path was: from where signals were blocked, so that no
 * handler's calls are in it. */
static void store_with_gap(struct ap_ctl *ctl, const struct slow *s)
{
	store_event(ap_arch_reserve(&ctl->thread->cursor), s->word | ctl->lap, s->time);
	if (ctl->thread->cursor + sizeof(struct ap_event) > ctl->end)
		return;
	const uint64_t now = ap_ticks();
	const uint64_t units = (now - s->start) >> AP_SPECIAL_UNIT_SHIFT;
	store_event(ap_arch_reserve(&ctl->thread->cursor),
		    ap_special_make_word(AP_SPECIAL_GAP, units, 0) | ctl->lap,
		    now & AP_EVENT_TIME_MASK);
}

/* What hooks cost is measured again after so many events: 10 us of 40 ms. Not by a vfork child, who may die in the middle. */
#define AGAIN_LOG2 20u
#define AGAIN_GATED_LOG2 15u

static bool is_time_to_measure(const struct ap_ctl *ctl, uint64_t folded_before)
{
	const unsigned log2 = ctl->gates_all ? AGAIN_GATED_LOG2 : AGAIN_LOG2;
	return (folded_before ^ ctl->thread->folded) >> log2 && ctl->slow_tid == ctl->tid;
}

/* Runs with signals blocked, on the shard's stack where there is one. */
static void slow_body(void *argument)
{
	struct slow *s = argument;
	struct ap_ctl *ctl = ap_self;
	if (__atomic_load_n(&s->c->ending, __ATOMIC_RELAXED))
		return;
	want_attendant(s->c);
	const bool open = ctl->end ? ctl->thread->cursor < ctl->end : reopen(s->c, ctl);
	const uint64_t folded = ctl->thread->folded;
	if (!open)
		ap_gate_before_fold(s->c, ctl);
	if (!open && !make_room(s->c, ctl, s->shard)) {
		count_drop(s->c, AP_DROP_NO_MEMORY);
		return;
	}
	if (!ctl->end)
		return; /* frozen */
	if (s->shard && ap_thread_settled(s->c, ctl->thread))
		ap_gate_after_fold(s->c, s->shard, ctl);
	if (s->shard && is_time_to_measure(ctl, folded))
		ap_hooks_calibrate_again(s->c);
	store_with_gap(ctl, s);
	read_clocks(
		s->c,
		ctl); /* not in the gap: reading CPU clocks is where the kernel ends our time slice */
}

static bool lags(const struct ap_ctl *ctl)
{
	return ctl->thread->first_chunk != ctl->thread->last_chunk;
}

/* A thread that lags and finds memory short lets the holders of shards run: a bounded number of times, and
 * the gap takes it out of the figures. One that lags, or has @waited, has a shard made if memory is plenty. */
static struct ap_shard *find_shard(struct ap_control *c, struct ap_ctl *ctl, bool waited)
{
	const bool lagging = waited || lags(ctl);
	struct ap_shard *shard = ap_shard_acquire(c, ctl, lagging);
	for (int i = 0; !shard && lagging && i < YIELDS && ap_space_pressure(c) >= PRESSURE_YIELD;
	     i++) {
		ap_sys0(SYS_sched_yield);
		shard = ap_shard_acquire(c, ctl, lagging);
	}
	__atomic_thread_fence(
		__ATOMIC_SEQ_CST); /* with ap_end(): it sees our shard, or we see the end */
	if (shard && __atomic_load_n(&c->ending, __ATOMIC_RELAXED)) {
		ap_shard_release(shard);
		return NULL;
	}
	if (shard)
		shard->thread = ctl->id + 1;
	return shard;
}

static void on_shard_stack(struct ap_shard *shard, struct ap_control *c, void (*body)(void *),
			   void *argument)
{
	if (shard)
		ap_arch_call_on_stack(body, argument,
				      (char *)ap_at(c, shard->stack) + AP_SHARD_STACK_BYTES);
	else
		body(argument);
}

bool ap_task_runs(uint32_t tid)
{
	char path[32], pages[64];
	struct ap_line line = {path, sizeof path, 0};
	if (ap_sys2(SYS_tkill, tid, 0) == -ESRCH)
		return false;
	ap_line_str(&line, "/proc/");
	ap_line_u64(&line, tid);
	ap_line_str(&line, "/statm");
	/* One that has ended and was not waited for has no memory. Where that cannot be read nobody knows. */
	return ap_read_file(path, pages, sizeof pages) <= 0 || pages[0] != '0';
}

/* Who was made by clone() without thread-local storage of its own uses its maker's control, at the same time as the maker if
 * that was not stopped meanwhile. Only one of them may be in a slow path; a vfork child that died in there is not
 * waited for. Return: we are in, until leave(). */
static bool enter(struct ap_ctl *ctl)
{
	const uint32_t me = ap_gettid();
	uint32_t before = __atomic_load_n(&ctl->slow_tid, __ATOMIC_RELAXED);
	if (before && before != me && ap_task_runs(before))
		return false;
	return __atomic_compare_exchange_n(&ctl->slow_tid, &before, me, false, __ATOMIC_ACQUIRE,
					   __ATOMIC_RELAXED);
}

static void leave(struct ap_ctl *ctl)
{
	ctl->slow_sp = 0;
	__atomic_store_n(&ctl->slow_tid, 0, __ATOMIC_RELEASE);
}

struct gone {
	struct ap_control *c;
	struct ap_shard *shard;
	struct ap_thread *thread;
};

static void bury_body(void *argument)
{
	struct gone *g = argument;
	ap_fold(g->c, g->shard, g->thread, AP_TEAR_ALL);
	ap_fold_close_all(g->c, g->shard, g->thread, 0);
}

/* Fold what a thread left that ended without our notice, and free its memory. Return: was there one? */
static bool reclaim(struct ap_control *c)
{
	struct gone g = {c, NULL, NULL};
	struct ap_ctl *ctl = ap_thread_claim_gone(c, &g.thread);
	if (!ctl)
		return false;
	struct ap_ctl heir = {.thread = g.thread, .id = ctl->id, .tid = ap_gettid()};
	g.shard = find_shard(c, &heir, false);
	if (!g.shard) { /* for others to claim */
		__atomic_store_n(&ctl->thread, g.thread, __ATOMIC_RELEASE);
		return false;
	}
	on_shard_stack(g.shard, c, bury_body, &g);
	ap_shard_release(g.shard);
	ap_thread_bury(c, g.thread);
	return true;
}

/* One in, one out: once there are many, or no memory is left. Where none could be had, every event of a thread without a
 * ring comes here: system calls that ask who is gone are made now and then only. */
static bool begin_thread(struct ap_control *c, uint64_t time)
{
	if (ap_ticks() - c->starved_ticks < ap_ticks_of_ns(STARVED_NS))
		return ap_thread_register(c, time);
	if (__atomic_load_n(&c->threads_now, __ATOMIC_RELAXED) >= AP_MANY_THREADS)
		reclaim(c);
	if (ap_thread_register(c, time) || (reclaim(c) && ap_thread_register(c, time)))
		return true;
	c->starved_ticks = ap_ticks();
	return false;
}

static void slow_blocked(struct ap_control *c, uint64_t word, uint64_t time)
{
	struct slow s = {c, NULL, word, time, ap_ticks()};
	if (!ap_self->thread && !begin_thread(c, time)) {
		count_drop(c, AP_DROP_NO_MEMORY);
		return;
	}
	struct ap_ctl *ctl = ap_self;
	if (!enter(ctl)) { /* first: a stack pointer without its owner would be believed */
		count_drop(c, AP_DROP_NESTED);
		return;
	}
	__atomic_store_n(&ctl->slow_sp, ap_arch_stack_pointer(), __ATOMIC_RELEASE);
	s.shard = find_shard(c, ctl, false);
	on_shard_stack(s.shard, c, slow_body, &s);
	if (s.shard)
		ap_shard_release(s.shard);
	leave(ctl);
}

/* A handler inside a slow path of this thread (signals could not be blocked). A stack pointer above the one
 * stored, or another thread id, says that somebody left that slow path without an end: a longjmp, a vfork child. */
static bool nested(const struct ap_ctl *ctl)
{
	return ctl->slow_sp && ap_arch_stack_pointer() < ctl->slow_sp &&
	       ctl->slow_tid == ap_gettid();
}

/* A slot in a chunk that waits: a handler filled that chunk after we had reserved in it. Return: stored there? */
static bool store_in_waiting(struct ap_control *c, const struct ap_ctl *ctl, uint64_t slot,
			     uint64_t word, uint64_t time)
{
	if (!slot || !ctl->thread)
		return false;
	for (ap_ref ref = ctl->thread->first_chunk; ref && ref != ctl->thread->last_chunk;) {
		const struct ap_chunk *chunk = ap_at(c, ref);
		if (slot - (uint64_t)(chunk + 1) < chunk->slots * sizeof(struct ap_event)) {
			store_event(slot, word | (chunk->lap_base & 3) << AP_EVENT_LAP_SHIFT, time);
			return true;
		}
		ref = chunk->next;
	}
	return false;
}

void ap_slow(uint64_t word, uint64_t time, uint64_t slot)
{
	struct ap_control *c = ap_runtime.control;
	if (!c || __atomic_load_n(&c->state, __ATOMIC_ACQUIRE) != AP_STATE_ON) {
		if (!ap_start(NULL))
			return;
		c = ap_runtime.control;
		time = (time & ~AP_EVENT_TIME_MASK) |
		       (ap_ticks() & AP_EVENT_TIME_MASK); /* now the clock is known */
	}
	if (__atomic_load_n(&c->ending, __ATOMIC_RELAXED))
		return;
	if (nested(ap_self)) {
		count_drop(c, AP_DROP_NESTED);
		return;
	}
	const uint64_t mask = ap_signals_block();
	word &= ~AP_EVENT_LAP_MASK;
	if (!store_in_waiting(c, ap_self, slot, word, time))
		slow_blocked(c, word, time);
	ap_signals_restore(mask);
}

static void flush_body(void *argument)
{
	struct slow *s = argument;
	struct ap_thread *thread = ap_self->thread;
	ap_fold(s->c, s->shard, thread, s->word ? AP_TEAR_ALL : AP_TEAR_NONE);
	if (s->word)
		ap_fold_close_all(s->c, s->shard, thread, ap_ticks());
}

static bool flush(bool last, bool waited)
{
	struct ap_control *c = ap_runtime.control;
	struct ap_ctl *ctl = ap_self;
	if (!c || __atomic_load_n(&c->state, __ATOMIC_ACQUIRE) != AP_STATE_ON || !ctl->thread ||
	    nested(ctl) || __atomic_load_n(&c->ending, __ATOMIC_RELAXED))
		return true;
	const uint64_t mask = ap_signals_block();
	if (!enter(ctl)) {
		ap_signals_restore(mask);
		return false;
	}
	struct slow s = {c, find_shard(c, ctl, waited), last, 0, 0};
	const bool folded = s.shard != NULL;
	if (s.shard) {
		on_shard_stack(s.shard, c, flush_body, &s);
		ap_shard_release(s.shard);
	}
	read_thread_cpu(ctl);
	leave(ctl);
	if (last)
		ap_thread_release(c, ctl);
	ap_signals_restore(mask);
	return folded;
}

bool ap_flush(bool last)
{
	return flush(last, last); /* what it leaves open has to be closed by somebody */
}

void ap_flush_patiently(void)
{
	for (int i = 0; i < FLUSH_TRIES; i++) {
		if (flush(false, i == FLUSH_TRIES - 1))
			return;
		ap_sys0(SYS_sched_yield);
	}
}
