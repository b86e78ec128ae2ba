/* SPDX-License-Identifier: MIT */
/* runtime/fold.c - from events to counters: the owner of a full chunk folds it, in one batch.
 *
 * The loop is most of what profiling costs, so: one cache line of counters and one histogram bucket for a
 * call without calls of its own (half of all calls), two lines and two buckets for the others; everything
 * rare is in a function that is not inlined. After every step one store of ap_thread.fold moves depth and
 * position together: whoever comes later goes on from there with at most one step in doubt. The rules of
 * frames are those of profile/pending.c, which finishes what a dead program left. */
#include <time.h>

#include "runtime/batch.h"
#include "spool/pause.h"

#define STEP_BITS AP_EVENT_STACK_TOP_SHIFT /* function, kind and lap */
#define ENTER_THEN_EXIT ((uint64_t)(AP_EVENT_ENTER ^ AP_EVENT_EXIT) << AP_EVENT_KIND_SHIFT)
#define ENTER_BITS ((uint64_t)AP_EVENT_ENTER << AP_EVENT_KIND_SHIFT)
#define EXIT_BITS ((uint64_t)AP_EVENT_EXIT << AP_EVENT_KIND_SHIFT)

static AP_COLD void count_category(struct ap_control *c, const struct ap_node_stat *stat,
				   uint64_t ticks)
{
	struct ap_function_stat *function = ap_at(c, stat->function_stat);
	const uint64_t *edges = c->header->edge_ticks;
	if (ticks >= edges[2])
		function->critical++;
	else if (ticks >= edges[1])
		function->very_slow++;
	else
		function->slow++;
}

static inline void count_leaf(struct ap_control *c, struct ap_node_stat *stat, uint64_t ticks)
{
	stat->leaf_calls++;
	stat->leaf_ticks += ticks;
	ap_add_square(stat->leaf_squares, ticks);
	if (AP_UNLIKELY(ticks < stat->leaf_min))
		stat->leaf_min = ticks;
	if (AP_UNLIKELY(ticks > stat->leaf_max))
		stat->leaf_max = ticks;
	ap_count_bucket(c, &stat->leaf_rows, ticks, 1);
}

/* Inside a call of the same path: its time is counted there. */
static inline void count_inner_leaf(struct ap_control *c, struct ap_node_stat *stat, uint64_t ticks)
{
	stat->outer_ticks -= ticks;
	((struct ap_function_stat *)ap_at(c, stat->function_stat))->inner++;
}

static inline uint64_t not_negative(struct ap_thread *thread, uint64_t ticks)
{
	if (AP_UNLIKELY((int64_t)ticks < 0)) {
		thread->clamps++;
		return 0;
	}
	return ticks;
}

/* A frame ends at virtual time @now. */
static inline __attribute__((always_inline)) void close_frame(struct ap_batch *b, uint32_t depth,
							      uint64_t now)
{
	struct ap_frame *frame = &b->frames[depth - 1];
	if (AP_UNLIKELY(frame->flags & AP_FRAME_RARE)) {
		ap_thin_close(b, depth, now);
		return;
	}
	struct ap_node_stat *stat = ap_batch_stat(b, frame->node);
	struct ap_function_stat *function = ap_at(b->c, stat->function_stat);
	const uint64_t total = not_negative(b->thread, now - frame->start);
	const uint64_t self = not_negative(b->thread, total - frame->child_ticks);
	stat->calls++;
	stat->total_ticks += total;
	if (AP_LIKELY(!(frame->flags & AP_FRAME_INNER)))
		stat->outer_ticks += total;
	else
		function->inner++;
	stat->self_ticks += self;
	ap_add_square(stat->squares, total);
	if (AP_UNLIKELY(total < stat->min))
		stat->min = total;
	if (AP_UNLIKELY(total > stat->max))
		stat->max = total;
	ap_count_bucket(b->c, &function->total_rows, total, 1);
	if (AP_LIKELY(function->self_rows || ap_shard_self_wanted(b->c)))
		ap_count_bucket(b->c, &function->self_rows, self, 1);
	if (AP_UNLIKELY(total >= b->edge))
		count_category(b->c, stat, total);
	if (AP_LIKELY(depth > 1))
		b->frames[depth - 2].child_ticks += total;
}

void ap_batch_close(struct ap_batch *b, uint32_t depth, uint64_t now)
{
	close_frame(b, depth, now);
}

void ap_batch_drop(struct ap_batch *b, uint32_t keep, uint64_t now)
{
	while (b->depth > keep) {
		if (b->depth <= b->frames_max)
			ap_batch_close(b, b->depth, now);
		b->thread->unclosed += !ap_batch_is_part(b, b->depth);
		b->depth--;
		b->thread->fold = AP_FOLD(b->depth, b->gap_slot, AP_FOLD_POSITION(b->thread->fold));
	}
	b->node = ap_batch_node_below(b, b->depth < b->frames_max ? b->depth : b->frames_max);
}

static struct ap_altstack alternate_of(const struct ap_thread *thread)
{
	return (struct ap_altstack){thread->alternate_start, thread->alternate_units};
}

/* A new call says that frames on top are gone: their exits never came. */
void ap_batch_resync(struct ap_batch *b, const struct ap_event *event, uint64_t now)
{
	const uint32_t stack = ap_event_stack(event->word, event->time);
	uint32_t keep = b->depth;
	const struct ap_altstack alternate = alternate_of(b->thread);
	while (keep > 0 && ap_frame_verdict_with(&alternate, ap_frame_stack(&b->frames[keep - 1]),
						 ap_event_site(b->frames[keep - 1].word), stack,
						 ap_event_site(event->word)) == AP_FRAME_GONE)
		keep--;
	const uint64_t unclosed = b->thread->unclosed;
	ap_batch_drop(b, keep, now);
	b->thread->resyncs += b->thread->unclosed - unclosed;
}

/* An explicit word that all frames below a stack pointer are gone. @jumped: by longjmp: no function that sets its target
 * is inlined, so frames with its stack pointer that are not the outermost one were inlined into it, and are gone. */
static void unwind_to(struct ap_batch *b, uint64_t target_units, bool jumped, uint64_t now)
{
	const uint32_t target = (uint32_t)target_units & 0x7ffffu;
	const struct ap_altstack alternate = alternate_of(b->thread);
	uint32_t keep = ap_batch_timed(b);
	while (keep > 0 && ap_frame_stack(&b->frames[keep - 1]) != target)
		keep--;
	while (jumped && keep > 1 && ap_frame_stack(&b->frames[keep - 2]) == target)
		keep--;
	if (keep == 0)
		keep = ap_batch_timed(b);
	while (keep > 0 &&
	       ap_frame_jumped(&alternate, ap_frame_stack(&b->frames[keep - 1]), target))
		keep--;
	if (keep < ap_batch_timed(b))
		ap_batch_drop(b, keep, now);
}

void ap_batch_special(struct ap_batch *b, const struct ap_event *event, uint64_t time)
{
	const uint64_t value = ap_special_value(event->word);
	switch (ap_special_subject(event->word)) {
	case AP_SPECIAL_GAP:
		b->gap += value << AP_SPECIAL_UNIT_SHIFT;
		ap_batch_store_slot(b);
		break;
	case AP_SPECIAL_ALTSTACK:
		b->thread->alternate_start = ap_altstack_of(value).start;
		b->thread->alternate_units = ap_altstack_of(value).units;
		break;
	case AP_SPECIAL_UNWIND:
	case AP_SPECIAL_CATCH:
		unwind_to(b, value, ap_special_subject(event->word) == AP_SPECIAL_UNWIND,
			  time - b->gap);
		break;
	case AP_SPECIAL_WINDOW:
		b->thread->window = AP_WINDOW(AP_WINDOW_EPOCH(b->thread->window),
					      AP_WINDOW_GROUP((uint32_t)value));
		break;
	case AP_SPECIAL_FIBER:
		ap_batch_switch(b, (uint32_t)value, time, AP_FOLD_POSITION(b->thread->fold) + 1);
		break;
	case AP_SPECIAL_FIBER_END:
		ap_batch_end_fiber(b, (uint32_t)value, time - b->gap);
		break;
	}
	/* Last: who dies above has dropped frames, and is in doubt by them alone. */
	b->thread->specials++;
	b->last = time;
}

/* Direct recursion stays in its node. */
static uint32_t node_of_call(struct ap_batch *b, uint64_t function)
{
	const uint32_t timed = ap_batch_timed(b);
	const struct ap_frame *top = timed ? &b->frames[timed - 1] : NULL;
	const bool direct = top && !(top->flags & AP_FRAME_INHERITED) &&
			    !((top->word ^ function) & AP_EVENT_FUNCTION_MASK);
	return direct ? b->node
		      : ap_node_child(b->c, b->node, function << AP_FUNCTION_SHIFT, b->last);
}

/* No room for another frame: the call is counted, not timed. */
static void enter_beyond(struct ap_batch *b, uint64_t function)
{
	const uint32_t node = node_of_call(b, function);
	const struct ap_node_stat *stat = ap_shard_node_stat(b->c, b->shard, node);
	((struct ap_function_stat *)ap_at(b->c, stat->function_stat))->beyond++;
	b->thread->beyond++;
	b->depth++;
}

bool ap_batch_room(struct ap_batch *b, uint64_t function)
{
	if (b->depth == b->frames_max && ap_batch_grow(b)) {
		ap_batch_attach(b, b->fiber);
		return true;
	}
	enter_beyond(b, function);
	return false;
}

/* The exit is not the innermost frame's: find its frame, or count it as unmatched. */
static AP_COLD void exit_elsewhere(struct ap_batch *b, const struct ap_event *event, uint64_t now)
{
	if (b->depth > b->frames_max) {
		b->depth--;
		return;
	}
	uint32_t at = b->depth;
	while (at > 0 && ((b->frames[at - 1].word ^ event->word) & AP_EVENT_FUNCTION_MASK))
		at--;
	if (at == 0) {
		if (b->depth == 0 && b->c->header->pauses_n)
			b->shard->while_stopped++; /* of a call that a stop had ended */
		else
			b->thread->unmatched_exits++;
		return;
	}
	ap_batch_drop(b, at, now);
	ap_batch_close(b, at, now);
	b->depth = at - 1;
	b->node = ap_batch_node_below(b, b->depth);
}

const struct ap_cache_entry *ap_batch_fill(struct ap_batch *b, struct ap_cache_entry *entry,
					   uint64_t function, uint64_t key)
{
	const uint32_t node = node_of_call(b, function);
	/* A fold that is cut short in here must leave no entry that is half of one and half of another. */
	__atomic_store_n(&entry->key, 0, __ATOMIC_RELEASE);
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	entry->node = node;
	/* It is 128 bytes at a multiple of 128 from its block: a multiple of the reference unit. */
	entry->stat = ap_ref_of(b->c, ap_shard_node_stat(b->c, b->shard, node));
	__atomic_store_n(&entry->key, key, __ATOMIC_RELEASE);
	return entry;
}

static inline void push_frame(struct ap_batch *b, const struct ap_event *event, uint32_t node,
			      uint64_t now)
{
	struct ap_frame *frame = &b->frames[b->depth++];
	frame->word = event->word;
	frame->start = now;
	frame->child_ticks = 0;
	frame->node = node;
	frame->stack = (uint16_t)(event->time >> 48);
	frame->flags = node == b->node ? AP_FRAME_INNER : 0;
	b->node = node;
}

static inline bool own_exit(const struct ap_event *enter, const struct ap_event *next)
{
	return (enter->word ^ next->word ^ ENTER_THEN_EXIT) << (64 - STEP_BITS) == 0;
}

/* Few are long; only among those may be one that ends before it began. */
static inline uint64_t duration(struct ap_thread *thread, uint64_t ahead)
{
	if (AP_UNLIKELY(ahead >= AP_HIST_DIRECT) && AP_UNLIKELY(ahead >= AP_EVENT_BACK)) {
		thread->clamps++;
		return 0;
	}
	return ahead;
}

/* A call without calls of its own. Return: the time of its exit. */
static inline uint64_t fold_leaf(struct ap_batch *b, const struct ap_cache_entry *child,
				 uint64_t from, const struct ap_event *exit)
{
	struct ap_node_stat *stat = ap_at(b->c, child->stat);
	const uint64_t ticks = duration(b->thread, ap_event_ahead(exit->time, from));
	count_leaf(b->c, stat, ticks);
	if (AP_UNLIKELY(child->node == b->node))
		count_inner_leaf(b->c, stat, ticks);
	if (AP_UNLIKELY(ticks >= b->edge))
		count_category(b->c, stat, ticks);
	if (AP_LIKELY(b->depth))
		b->frames[b->depth - 1].child_ticks += ticks;
	return from + ticks;
}

/* Return: events used, 1 or 2. */
static inline uint32_t fold_enter(struct ap_batch *b, const struct ap_event *event,
				  const struct ap_event *end, uint64_t time)
{
	const uint64_t function = event->word & AP_EVENT_FUNCTION_MASK;
	b->last = time;
	if (AP_UNLIKELY(b->depth >= b->frames_max)) {
		if (!ap_batch_room(b, function))
			return 1;
	}
	if (AP_LIKELY(b->depth) && AP_UNLIKELY(!ap_batch_top_alive(b, event)))
		ap_batch_resync(b, event, time - b->gap);
	const struct ap_cache_entry *child = ap_batch_child(b, function);
	if (event + 1 < end && own_exit(event, event + 1)) {
		b->last = fold_leaf(b, child, time, event + 1);
		return 2;
	}
	push_frame(b, event, child->node, time - b->gap);
	return 1;
}

static inline void fold_exit(struct ap_batch *b, const struct ap_event *event, uint64_t time)
{
	b->last = time;
	if (AP_UNLIKELY(b->depth == 0 || b->depth > b->frames_max ||
			((b->frames[b->depth - 1].word ^ event->word) & AP_EVENT_FUNCTION_MASK))) {
		exit_elsewhere(b, event, time - b->gap);
		return;
	}
	close_frame(b, b->depth, time - b->gap);
	b->depth--;
	b->node = ap_batch_node_below(b, b->depth);
}

#ifdef AP_TEST_LOSSY
/* The test build that the identity must find out: every n-th event vanishes. */
static bool lose(void)
{
	static uint32_t seen;
	const uint32_t every = ap_runtime.settings.lose_every;
	return every && ++seen % every == 0;
}
#else
#define lose() false
#endif

/* Return: up to where to go on: no further when the thread came to a stack with frames of a budget. */
static AP_COLD const struct ap_event *special_of_exact(struct ap_batch *b,
						       const struct ap_event *event,
						       const struct ap_event *end)
{
	ap_batch_special(b, event, ap_batch_time(b, event));
	return b->thread->window ? event + 1 : end;
}

static uint32_t exact_run(struct ap_batch *shared, const struct ap_event *events, uint32_t from,
			  uint32_t n, uint64_t lap, uint64_t position)
{
	struct ap_batch b = *shared;
	const struct ap_event *event = events + from, *end = events + n;
	while (event < end) {
		const uint64_t kind = event->word & (AP_EVENT_KIND_MASK | AP_EVENT_LAP_MASK);
		uint32_t used = 1;
		if (AP_UNLIKELY(lose()) && (kind & AP_EVENT_LAP_MASK) == lap)
			b.last = ap_batch_time(&b, event);
		else if (AP_LIKELY(kind == (ENTER_BITS | lap)))
			used = fold_enter(&b, event, end, ap_batch_time(&b, event));
		else if (AP_LIKELY(kind == (EXIT_BITS | lap)))
			fold_exit(&b, event, ap_batch_time(&b, event));
		else if ((kind & AP_EVENT_LAP_MASK) == lap)
			end = special_of_exact(&b, event, end);
		else
			break;
		event += used;
		ap_batch_at(&b, position + (uint64_t)(event - events));
	}
	b.thread->last_ticks = b.last; /* whoever goes on needs a time near, not the last one */
	*shared = b;
	return (uint32_t)(event - events);
}

uint32_t ap_batch_run(struct ap_batch *b, const struct ap_event *events, uint32_t from, uint32_t n,
		      uint64_t lap, uint64_t position)
{
	if (AP_LIKELY(!b->thread->window))
		from = exact_run(b, events, from, n, lap, position);
	return AP_UNLIKELY(b->thread->window) ? ap_thin_run(b, events, from, n, lap, position)
					      : from;
}

static uint32_t reserved_slots(const struct ap_control *c, const struct ap_thread *thread,
			       ap_ref ref)
{
	const struct ap_chunk *chunk = ap_at(c, ref);
	if (ref != thread->last_chunk)
		return chunk->slots;
	const uint64_t used = (thread->cursor - (uint64_t)(chunk + 1)) / sizeof(struct ap_event);
	return used < chunk->slots ? (uint32_t)used : chunk->slots;
}

static void clear_cache(struct ap_control *c, const struct ap_shard *shard)
{
	struct ap_cache_entry *cache = ap_at(c, shard->cache);
	for (uint32_t i = 0; i < 1u << AP_CACHE_LOG2; i++)
		cache[i].key = 0;
}

/* Modules were unloaded since the events before: an address may mean something else from one event to the next, and
 * what the cache knows is of another time. Return: up to where it means the same. */
static AP_COLD uint32_t end_of_meaning(const struct ap_batch *b, const struct ap_event *events,
				       uint32_t from, uint32_t n)
{
	uint64_t time = ap_event_time(events[from].time, b->last);
	const uint64_t unload = ap_modules_next_unload(b->c, time);
	uint32_t i = from + 1;
	clear_cache(b->c, b->shard);
	while (i < n && unload) {
		time = ap_event_time(events[i].time, time);
		if (time >= unload)
			break;
		i++;
	}
	i = unload ? i : n;
	if (ap_modules_unloads_since(b->c, time) > AP_UNLOADS_TOLD)
		__atomic_fetch_add(&b->c->header->late_events, i - from, __ATOMIC_RELAXED);
	return i;
}

static inline bool meanings_change(const struct ap_batch *b)
{
	return AP_UNLIKELY(__atomic_load_n(&b->c->unloads_n, __ATOMIC_RELAXED)) &&
	       ap_modules_next_unload(b->c, b->last);
}

/* @ret_torn: holes given up. Return: is the chunk wholly folded? */
static bool fold_chunk(struct ap_batch *b, ap_ref ref, enum ap_tear tear, uint32_t *ret_torn)
{
	struct ap_chunk *chunk = ap_at(b->c, ref);
	struct ap_event *events = (struct ap_event *)(chunk + 1);
	const uint64_t base = AP_CHUNK_BASE(chunk->lap_base);
	const uint64_t lap = (uint64_t)AP_CHUNK_LAP(chunk->lap_base) << AP_EVENT_LAP_SHIFT;
	const uint32_t n = reserved_slots(b->c, b->thread, ref);
	const uint32_t from = (AP_FOLD_POSITION(b->thread->fold) - (uint32_t)base) & 0x7fffffffu;
	uint32_t i = from, torn = 0;
	while (i < n) {
		uint32_t end = meanings_change(b) ? end_of_meaning(b, events, i, n) : n;
		i = AP_UNLIKELY(b->c->header->pauses_n)
			    ? ap_pause_run(b, events, i, &end, lap, base)
			    : ap_batch_run(b, events, i, end, lap, base);
		if (i == end && end < n)
			continue;
		if (i >= n || tear == AP_TEAR_NONE ||
		    (tear == AP_TEAR_OLD && ref == b->thread->last_chunk))
			break;
		events[i].word = 0; /* or its old lap would come round again */
		torn++;
		b->thread->torn++; /* reserved by a hook that will never come back */
		b->thread->fold = AP_FOLD(b->depth, b->gap_slot, base + ++i);
	}
	b->thread->folded =
		base + i -
		b->thread->torn; /* from the position: a fold cut short left this behind */
	*ret_torn = torn;
	return i >= chunk->slots;
}

static void begin(struct ap_batch *b, struct ap_control *c, struct ap_shard *shard,
		  struct ap_thread *thread)
{
	b->c = c;
	b->shard = shard;
	b->thread = thread;
	b->cache = ap_at(c, shard->cache);
	b->gates = thread->gates ? ap_at(c, (ap_ref)thread->gates) : NULL;
	b->depth = AP_FOLD_DEPTH(thread->fold);
	b->gap_slot = AP_FOLD_GAP(thread->fold);
	ap_batch_attach(b, thread->fiber[b->gap_slot]);
	b->gap = thread->gap_ticks[b->gap_slot];
	b->last = thread->last_ticks;
	b->edge = c->header->edge_ticks[0];
	b->stretch = ap_window_stretch(c->header->ticks_per_s);
	b->node = ap_batch_node_below(b, ap_batch_timed(b));
}

/* Modules went away since this shard's cache was filled: its keys may mean other functions now. */
static void check_cache(struct ap_control *c, struct ap_shard *shard)
{
	const uint32_t epoch = __atomic_load_n(&c->cache_epoch, __ATOMIC_ACQUIRE);
	if (shard->cache_epoch == epoch)
		return;
	clear_cache(c, shard);
	shard->cache_epoch = epoch;
}

/* What folding costs is part of what a call costs, and so is the memory that new paths take. In CPU time: a fold may be
 * preempted. Its clock is two system calls, so of folds of few events only some are measured. */
#define MEASURED_SLOTS 512
#define MEASURED_EVERY 8

static bool is_measured(const struct ap_control *c, const struct ap_shard *shard,
			const struct ap_thread *thread)
{
	const struct ap_chunk *chunk = ap_at(c, thread->first_chunk);
	return chunk->slots >= MEASURED_SLOTS || shard->folds % MEASURED_EVERY == 0;
}

static uint64_t cpu_ns(bool measured)
{
	return measured ? ap_clock_ns(CLOCK_THREAD_CPUTIME_ID) : 0;
}

static void count_fold(struct ap_control *c, uint64_t ns, uint64_t events)
{
	__atomic_fetch_add(&c->header->fold_ns, ns, __ATOMIC_RELAXED);
	__atomic_fetch_add(&c->header->fold_events, events, __ATOMIC_RELAXED);
}

void ap_fold(struct ap_control *c, struct ap_shard *shard, struct ap_thread *thread,
	     enum ap_tear tear)
{
	const bool measured = is_measured(c, shard, thread);
	const uint64_t start_ns = cpu_ns(measured), folded = thread->folded;
	struct ap_batch b;
	check_cache(c, shard);
	begin(&b, c, shard, thread);
	for (;;) {
		const ap_ref ref = thread->first_chunk;
		const struct ap_chunk *chunk = ap_at(c, ref);
		uint32_t torn = 0;
		if (!fold_chunk(&b, ref, tear, &torn) || ref == thread->last_chunk)
			break;
		thread->first_chunk = chunk->next;
		if (torn)
			ap_chunk_keep(c, thread, ref);
		else
			ap_chunk_free(c, ref);
	}
	if (meanings_change(&b))
		clear_cache(c, shard); /* the events were older than what is there now */
	shard->folds++;
	__atomic_fetch_add(&c->header->folds, 1, __ATOMIC_RELAXED);
	if (measured)
		count_fold(c, cpu_ns(true) - start_ns, thread->folded - folded);
}

/** ap_fold_close_all() - the thread is over: what is open ends at @end_ticks. */
void ap_fold_close_all(struct ap_control *c, struct ap_shard *shard, struct ap_thread *thread,
		       uint64_t end_ticks)
{
	struct ap_batch b;
	begin(&b, c, shard, thread);
	const uint64_t end = end_ticks > b.last ? end_ticks : b.last;
	struct ap_pause pause;
	if (ap_pause_after(c->header, b.last, &pause) && pause.stop <= end)
		ap_pause_stop_at(&b, pause.stop);
	ap_batch_drop(&b, 0, end - b.gap);
	ap_batch_switch(&b, 0, end, AP_FOLD_POSITION(thread->fold));
	ap_batch_drop(&b, 0, end - b.gap);
}
