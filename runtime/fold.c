/* SPDX-License-Identifier: MIT */
/* runtime/fold.c - from events to counters: the owner of a full chunk folds it, in one batch.
 *
 * The loop is most of what profiling costs, so: one cache line of counters and one histogram bucket for a
 * call without calls of its own (half of all calls), two lines and two buckets for the others; everything
 * rare is in a function that is not inlined. After every step one store of ap_thread.fold moves depth and
 * position together: whoever comes later goes on from there with at most one step in doubt. The rules of
 * frames are those of profile/pending.c, which finishes what a dead program left. */
#include "runtime/runtime.h"

#define STEP_MASK (AP_EVENT_FUNCTION_MASK | AP_EVENT_KIND_MASK | AP_EVENT_LAP_MASK)
#define ENTER_THEN_EXIT ((uint64_t)(AP_EVENT_ENTER ^ AP_EVENT_EXIT) << AP_EVENT_KIND_SHIFT)
#define ENTER_BITS ((uint64_t)AP_EVENT_ENTER << AP_EVENT_KIND_SHIFT)
#define EXIT_BITS ((uint64_t)AP_EVENT_EXIT << AP_EVENT_KIND_SHIFT)
#define CACHE_MULTIPLIER 0x9e3779b97f4a7c15ull

/* The state of one batch. The loop keeps copies of its hot part in registers. */
struct batch {
	struct ap_control *c;
	struct ap_shard *shard;
	struct ap_thread *thread;
	struct ap_frame *frames;
	uint32_t frames_max;
	uint32_t depth;
	uint32_t node;	   /* of the innermost frame, or the root */
	uint32_t fiber;	   /* whose frames they are; 0: the thread's own stack */
	uint32_t gap_slot; /* which of thread->gap_ticks, thread->fiber counts */
	uint64_t gap;
	uint64_t last; /* full time of the event before */
	uint64_t edge; /* least duration that is not "fast" */
};

static inline uint32_t timed_depth(const struct batch *b)
{
	return b->depth < b->frames_max ? b->depth : b->frames_max;
}

static inline uint32_t node_below(const struct batch *b, uint32_t depth)
{
	return depth ? b->frames[depth - 1].node : (uint32_t)AP_ID_ROOT;
}

static inline struct ap_node_stat *stat_of(const struct batch *b, uint32_t node)
{
	const ap_ref *blocks = ap_at(b->c, b->shard->node_stat_blocks);
	const ap_ref block = blocks[node / AP_STATS_PER_BLOCK];
	if (AP_LIKELY(block)) {
		struct ap_node_stat *stat =
			(struct ap_node_stat *)ap_at(b->c, block) + node % AP_STATS_PER_BLOCK;
		if (AP_LIKELY(stat->function_stat))
			return stat;
	}
	return ap_shard_node_stat(b->c, b->shard, node);
}

static inline void add_square(uint64_t squares[2], uint64_t value)
{
	const unsigned __int128 square = (unsigned __int128)value * value;
	const uint64_t low = squares[0] + (uint64_t)square;
	squares[1] += (uint64_t)(square >> 64) + (low < squares[0]);
	squares[0] = low;
}

static inline void count_bucket(struct ap_control *c, ap_ref *dir, uint64_t ticks)
{
	const uint32_t j = ap_hist_index(&ap_runtime.hist_map, ticks);
	if (AP_LIKELY(*dir)) {
		const ap_ref row =
			((struct ap_hist_dir *)ap_at(c, *dir))->rows[j / AP_HIST_ROW_BUCKETS];
		if (AP_LIKELY(row && !(row & AP_HIST_COARSE))) {
			((uint64_t *)ap_at(c, row))[j % AP_HIST_ROW_BUCKETS]++;
			return;
		}
	}
	ap_shard_count(c, dir, j);
}

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
	add_square(stat->leaf_squares, ticks);
	if (AP_UNLIKELY(ticks < stat->leaf_min))
		stat->leaf_min = ticks;
	if (AP_UNLIKELY(ticks > stat->leaf_max))
		stat->leaf_max = ticks;
	count_bucket(c, &stat->leaf_rows, ticks);
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
static inline __attribute__((always_inline)) void close_frame(struct batch *b, uint32_t depth,
							      uint64_t now)
{
	struct ap_frame *frame = &b->frames[depth - 1];
	if (AP_UNLIKELY(frame->flags & AP_FRAME_INHERITED))
		return;
	struct ap_node_stat *stat = stat_of(b, frame->node);
	struct ap_function_stat *function = ap_at(b->c, stat->function_stat);
	const uint64_t total = not_negative(b->thread, now - frame->start);
	const uint64_t self = not_negative(b->thread, total - frame->child_ticks);
	stat->calls++;
	stat->total_ticks += total;
	if (AP_LIKELY(!(frame->flags & AP_FRAME_INNER)))
		stat->outer_ticks += total;
	stat->self_ticks += self;
	add_square(stat->squares, total);
	if (AP_UNLIKELY(total < stat->min))
		stat->min = total;
	if (AP_UNLIKELY(total > stat->max))
		stat->max = total;
	count_bucket(b->c, &function->total_rows, total);
	if (AP_LIKELY(function->self_rows || ap_shard_self_wanted(b->c)))
		count_bucket(b->c, &function->self_rows, self);
	if (AP_UNLIKELY(total >= b->edge))
		count_category(b->c, stat, total);
	if (AP_LIKELY(depth > 1))
		b->frames[depth - 2].child_ticks += total;
}

static AP_COLD void close_apart(struct batch *b, uint32_t depth, uint64_t now)
{
	close_frame(b, depth, now);
}

/* Frames above @keep are gone without an exit of their own. */
static AP_COLD void drop_frames(struct batch *b, uint32_t keep, uint64_t now)
{
	while (b->depth > keep) {
		if (b->depth <= b->frames_max)
			close_apart(b, b->depth, now);
		b->thread->unclosed++;
		b->depth--;
		b->thread->fold = AP_FOLD(b->depth, b->gap_slot, AP_FOLD_POSITION(b->thread->fold));
	}
	b->node = node_below(b, b->depth < b->frames_max ? b->depth : b->frames_max);
}

static inline uint32_t frame_stack(const struct ap_frame *frame)
{
	return ap_event_stack(frame->word, (uint64_t)frame->stack << 48);
}

static struct ap_altstack alternate_of(const struct ap_thread *thread)
{
	return (struct ap_altstack){thread->alternate_start, thread->alternate_units};
}

/* A new call says that frames on top are gone: their exits never came. */
static AP_COLD void resync(struct batch *b, const struct ap_event *event, uint64_t now)
{
	const uint32_t stack = ap_event_stack(event->word, event->time);
	uint32_t keep = b->depth;
	const struct ap_altstack alternate = alternate_of(b->thread);
	while (keep > 0 && ap_frame_verdict_with(&alternate, frame_stack(&b->frames[keep - 1]),
						 ap_event_site(b->frames[keep - 1].word), stack,
						 ap_event_site(event->word)) == AP_FRAME_GONE)
		keep--;
	b->thread->resyncs += b->depth - keep;
	drop_frames(b, keep, now);
}

/* An explicit word that all frames below a stack pointer are gone. @jumped: by longjmp: no function that sets its target
 * is inlined, so frames with its stack pointer that are not the outermost one were inlined into it, and are gone. */
static void unwind_to(struct batch *b, uint64_t target_units, bool jumped, uint64_t now)
{
	const uint32_t target = (uint32_t)target_units & 0x7ffffu;
	const struct ap_altstack alternate = alternate_of(b->thread);
	uint32_t keep = timed_depth(b);
	while (keep > 0 && frame_stack(&b->frames[keep - 1]) != target)
		keep--;
	while (jumped && keep > 1 && frame_stack(&b->frames[keep - 2]) == target)
		keep--;
	if (keep == 0)
		keep = timed_depth(b);
	while (keep > 0 && ap_frame_jumped(&alternate, frame_stack(&b->frames[keep - 1]), target))
		keep--;
	if (keep < timed_depth(b))
		drop_frames(b, keep, now);
}

/* --- stacks: a thread's own, and those of fibers ---------------------------------------------------- */

/* The frames of the stack that the thread is on now; of a fiber that was lost, none. */
static void attach(struct batch *b, uint32_t fiber)
{
	ap_ref frames = 0;
	b->fiber = fiber;
	b->frames_max = 0;
	if (fiber == 0) {
		frames = b->thread->frames;
		b->frames_max = b->thread->frames_max;
	} else if (fiber != AP_FIBER_LOST) {
		frames = ap_fiber_at(b->c, fiber)->frames;
		b->frames_max = ap_fiber_at(b->c, fiber)->frames_max;
	}
	b->frames = ap_at(b->c, frames);
}

static bool grow_frames(struct batch *b)
{
	ap_ref *frames = &b->thread->frames;
	uint32_t *most = &b->thread->frames_max;
	if (b->fiber == AP_FIBER_LOST)
		return false;
	if (b->fiber) {
		frames = &ap_fiber_at(b->c, b->fiber)->frames;
		most = &ap_fiber_at(b->c, b->fiber)->frames_max;
	}
	return ap_frames_grow(b->c, frames, most);
}

/* A fiber is folded by one thread at a time. It may have gone on on another thread before its last one has folded
 * what it did there: then that one still holds it. */
static bool claim(const struct batch *b, uint32_t fiber)
{
	const struct ap_chunk *chunk = ap_at(b->c, b->thread->last_chunk);
	const uint32_t me = chunk->thread + 1;
	uint32_t holder = 0;
	if (fiber >= __atomic_load_n(&b->c->header->fibers, __ATOMIC_ACQUIRE))
		return false;
	return __atomic_compare_exchange_n(&ap_fiber_at(b->c, fiber)->thread, &holder, me, false,
					   __ATOMIC_ACQUIRE, __ATOMIC_RELAXED) ||
	       holder == me;
}

static void release(const struct batch *b, uint32_t fiber)
{
	if (fiber && fiber != AP_FIBER_LOST)
		__atomic_store_n(&ap_fiber_at(b->c, fiber)->thread, 0, __ATOMIC_RELEASE);
}

static void park(const struct batch *b, uint64_t now)
{
	if (b->fiber == 0) {
		b->thread->own_depth = b->depth;
		b->thread->own_virtual = now;
	} else if (b->fiber != AP_FIBER_LOST) {
		ap_fiber_at(b->c, b->fiber)->depth = b->depth;
		ap_fiber_at(b->c, b->fiber)->virtual_ticks = now;
	}
}

/* What the old position does not look at; the store of the new one makes it valid. */
static void store_other_slot(struct batch *b)
{
	b->gap_slot ^= 1;
	b->thread->gap_ticks[b->gap_slot] = b->gap;
	b->thread->fiber[b->gap_slot] = b->fiber;
}

/* Calls of the stack that is left stand still, those of the other go on where it was left. */
static void change_stack(struct batch *b, uint32_t to, uint64_t time)
{
	uint64_t resumed = 0;
	uint32_t depth = 0;
	park(b, time - b->gap);
	if (to == 0) {
		depth = b->thread->own_depth;
		resumed = b->thread->own_virtual;
	} else if (claim(b, to)) {
		depth = ap_fiber_at(b->c, to)->depth;
		resumed = ap_fiber_at(b->c, to)->virtual_ticks;
	} else {
		to = AP_FIBER_LOST;
	}
	if (resumed)
		b->gap = time - resumed;
	attach(b, to);
	b->depth = depth;
	b->node = node_below(b, timed_depth(b));
	store_other_slot(b);
}

/* @position: of the next event. A fiber is let go only when the position says that we are not there any more. */
static AP_COLD void switch_to(struct batch *b, uint32_t to, uint64_t time, uint32_t position)
{
	const uint32_t from = b->fiber;
	if (from == to)
		return;
	if (from == AP_FIBER_LOST)
		drop_frames(b, 0, time - b->gap);
	change_stack(b, to, time);
	__atomic_store_n(&b->thread->fold, AP_FOLD(b->depth, b->gap_slot, position),
			 __ATOMIC_RELEASE);
	release(b, from);
}

/* The calls that are open on a stack which will be used for something else. */
static AP_COLD void end_fiber(struct batch *b, uint32_t fiber, uint64_t now)
{
	struct batch other = *b;
	if (fiber == b->fiber) {
		drop_frames(b, 0, now);
		return;
	}
	if (!fiber || !claim(b, fiber))
		return;
	struct ap_fiber *f = ap_fiber_at(b->c, fiber);
	attach(&other, fiber);
	for (; f->depth; f->depth--) {
		if (f->depth <= f->frames_max)
			close_apart(&other, f->depth, f->virtual_ticks);
		b->thread->unclosed++;
	}
	f->virtual_ticks = 0;
	release(b, fiber);
}

static AP_COLD void fold_special(struct batch *b, const struct ap_event *event, uint64_t time)
{
	const uint64_t value = ap_special_value(event->word);
	b->thread->specials++;
	switch (ap_special_subject(event->word)) {
	case AP_SPECIAL_GAP:
		b->gap += value << AP_SPECIAL_UNIT_SHIFT;
		store_other_slot(b);
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
	case AP_SPECIAL_FIBER:
		switch_to(b, (uint32_t)value, time, AP_FOLD_POSITION(b->thread->fold) + 1);
		break;
	case AP_SPECIAL_FIBER_END:
		end_fiber(b, (uint32_t)value, time - b->gap);
		break;
	}
	b->last = time;
}

/* No room for another frame: the call is counted, not timed. */
static void enter_beyond(struct batch *b, uint64_t address)
{
	const uint32_t node = ap_node_child(b->c, b->node, address, b->last);
	const struct ap_node_stat *stat = ap_shard_node_stat(b->c, b->shard, node);
	((struct ap_function_stat *)ap_at(b->c, stat->function_stat))->beyond++;
	b->thread->beyond++;
	b->depth++;
}

static AP_COLD bool room_for_frame(struct batch *b, uint64_t address)
{
	if (b->depth == b->frames_max && grow_frames(b)) {
		attach(b, b->fiber);
		return true;
	}
	enter_beyond(b, address);
	return false;
}

/* The exit is not the innermost frame's: find its frame, or count it as unmatched. */
static AP_COLD void exit_elsewhere(struct batch *b, const struct ap_event *event, uint64_t now)
{
	if (b->depth > b->frames_max) {
		b->depth--;
		return;
	}
	uint32_t at = b->depth;
	while (at > 0 && ((b->frames[at - 1].word ^ event->word) & AP_EVENT_FUNCTION_MASK))
		at--;
	if (at == 0) {
		b->thread->unmatched_exits++;
		return;
	}
	drop_frames(b, at, now);
	close_apart(b, at, now);
	b->depth = at - 1;
	b->node = node_below(b, b->depth);
}

static AP_COLD const struct ap_cache_entry *fill_cache(struct batch *b,
						       struct ap_cache_entry *entry,
						       uint64_t function, uint64_t key)
{
	const uint64_t address = function << AP_FUNCTION_SHIFT;
	const struct ap_frame *top = b->depth ? &b->frames[b->depth - 1] : NULL;
	const bool direct = top && !(top->flags & AP_FRAME_INHERITED) &&
			    !((top->word ^ function) & AP_EVENT_FUNCTION_MASK);
	const uint32_t node = direct ? b->node : ap_node_child(b->c, b->node, address, b->last);
	/* A fold that is cut short in here must leave no entry that is half of one and half of another. */
	__atomic_store_n(&entry->key, 0, __ATOMIC_RELEASE);
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	entry->node = node;
	entry->stat = ap_ref_of(b->c, ap_shard_node_stat(b->c, b->shard, node));
	__atomic_store_n(&entry->key, key, __ATOMIC_RELEASE);
	return entry;
}

/* An ap_node_stat is 128 bytes at a multiple of 128 from its block: a multiple of the reference unit. */
static inline const struct ap_cache_entry *child_entry(struct batch *b,
						       struct ap_cache_entry *cache,
						       uint64_t function)
{
	const uint64_t key = function | (uint64_t)b->node << AP_EVENT_FUNCTION_BITS;
	struct ap_cache_entry *entry = &cache[key * CACHE_MULTIPLIER >> (64 - AP_CACHE_LOG2)];
	if (AP_LIKELY(entry->key == key))
		return entry;
	return fill_cache(b, entry, function, key);
}

static inline void push_frame(struct batch *b, const struct ap_event *event, uint32_t node,
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
	return ((enter->word ^ next->word) & STEP_MASK) == ENTER_THEN_EXIT;
}

/* A call without calls of its own. Return: the time of its exit. */
static inline uint64_t fold_leaf(struct batch *b, const struct ap_cache_entry *child, uint64_t from,
				 const struct ap_event *exit)
{
	struct ap_node_stat *stat = ap_at(b->c, child->stat);
	const uint64_t ticks = not_negative(b->thread, ap_event_time(exit->time, from) - from);
	count_leaf(b->c, stat, ticks);
	if (AP_UNLIKELY(child->node == b->node))
		stat->outer_ticks -= ticks; /* inside a call of the same path: counted there */
	if (AP_UNLIKELY(ticks >= b->edge))
		count_category(b->c, stat, ticks);
	if (AP_LIKELY(b->depth))
		b->frames[b->depth - 1].child_ticks += ticks;
	return from + ticks;
}

/* Does the new call leave the innermost frame alone? (The rule is ap_frame_verdict's.) */
static inline bool top_alive(const struct batch *b, const struct ap_event *event)
{
	const struct ap_frame *top = &b->frames[b->depth - 1];
	const uint32_t up =
		(ap_event_stack(event->word, event->time) - frame_stack(top)) & 0x7ffffu;
	return up > AP_RESYNC_MOST_UNITS ||
	       (up == 0 && !((event->word ^ top->word) & AP_EVENT_SITE_MASK));
}

/* Return: events used, 1 or 2. */
static inline uint32_t fold_enter(struct batch *b, struct ap_cache_entry *cache,
				  const struct ap_event *event, const struct ap_event *end,
				  uint64_t time)
{
	const uint64_t function = event->word & AP_EVENT_FUNCTION_MASK;
	b->last = time;
	if (AP_UNLIKELY(b->depth >= b->frames_max)) {
		if (!room_for_frame(b, function << AP_FUNCTION_SHIFT))
			return 1;
	}
	if (AP_LIKELY(b->depth) && AP_UNLIKELY(!top_alive(b, event)))
		resync(b, event, time - b->gap);
	const struct ap_cache_entry *child = child_entry(b, cache, function);
	if (event + 1 < end && own_exit(event, event + 1)) {
		b->last = fold_leaf(b, child, time, event + 1);
		return 2;
	}
	push_frame(b, event, child->node, time - b->gap);
	return 1;
}

static inline void fold_exit(struct batch *b, const struct ap_event *event, uint64_t time)
{
	b->last = time;
	if (AP_UNLIKELY(b->depth == 0 || b->depth > b->frames_max ||
			((b->frames[b->depth - 1].word ^ event->word) & AP_EVENT_FUNCTION_MASK))) {
		exit_elsewhere(b, event, time - b->gap);
		return;
	}
	close_frame(b, b->depth, time - b->gap);
	b->depth--;
	b->node = node_below(b, b->depth);
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

/**
 * fold_run() - fold events[from..n) of a chunk with @lap
 * @position: sequence number of events[0]
 *
 * Return: the index of the first event that was not folded: n, or a hole. */
static uint32_t fold_run(struct batch *shared, const struct ap_event *events, uint32_t from,
			 uint32_t n, uint64_t lap, uint64_t position)
{
	struct batch b = *shared;
	struct ap_cache_entry *cache = ap_at(b.c, b.shard->cache);
	uint32_t i = from;
	while (i < n) {
		const struct ap_event *event = &events[i];
		const uint64_t kind = event->word & (AP_EVENT_KIND_MASK | AP_EVENT_LAP_MASK);
		uint64_t time = ap_event_time(event->time, b.last);
		if (AP_UNLIKELY((event->word & AP_EVENT_LAP_MASK) != lap))
			break;
		if (AP_UNLIKELY(time < b.last)) {
			time = b.last;
			b.thread->clamps++;
		}
		uint32_t used = 1;
		if (AP_UNLIKELY(lose()))
			b.last = time;
		else if (kind == (ENTER_BITS | lap))
			used = fold_enter(&b, cache, event, events + n, time);
		else if (AP_LIKELY(kind == (EXIT_BITS | lap)))
			fold_exit(&b, event, time);
		else
			fold_special(&b, event, time);
		i += used;
		__atomic_store_n(&b.thread->fold, AP_FOLD(b.depth, b.gap_slot, position + i),
				 __ATOMIC_RELEASE);
	}
	b.thread->last_ticks = b.last; /* whoever goes on needs a time near, not the last one */
	*shared = b;
	return i;
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
static AP_COLD uint32_t end_of_meaning(const struct batch *b, const struct ap_event *events,
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

static inline bool meanings_change(const struct batch *b)
{
	return AP_UNLIKELY(b->c->unloads_n) && ap_modules_next_unload(b->c, b->last);
}

/* @ret_torn: holes given up. Return: is the chunk wholly folded? */
static bool fold_chunk(struct batch *b, ap_ref ref, enum ap_tear tear, uint32_t *ret_torn)
{
	struct ap_chunk *chunk = ap_at(b->c, ref);
	struct ap_event *events = (struct ap_event *)(chunk + 1);
	const uint64_t base = AP_CHUNK_BASE(chunk->lap_base);
	const uint64_t lap = (uint64_t)AP_CHUNK_LAP(chunk->lap_base) << AP_EVENT_LAP_SHIFT;
	const uint32_t n = reserved_slots(b->c, b->thread, ref);
	const uint32_t from = (AP_FOLD_POSITION(b->thread->fold) - (uint32_t)base) & 0x7fffffffu;
	uint32_t i = from, torn = 0;
	while (i < n) {
		const uint32_t end = meanings_change(b) ? end_of_meaning(b, events, i, n) : n;
		i = fold_run(b, events, i, end, lap, base);
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

static void begin(struct batch *b, struct ap_control *c, struct ap_shard *shard,
		  struct ap_thread *thread)
{
	b->c = c;
	b->shard = shard;
	b->thread = thread;
	b->depth = AP_FOLD_DEPTH(thread->fold);
	b->gap_slot = AP_FOLD_GAP(thread->fold);
	attach(b, thread->fiber[b->gap_slot]);
	b->gap = thread->gap_ticks[b->gap_slot];
	b->last = thread->last_ticks;
	b->edge = c->header->edge_ticks[0];
	b->node = node_below(b, timed_depth(b));
}

/* Modules went away since this shard's cache was filled: its keys may mean other functions now. */
static void check_cache(struct ap_control *c, struct ap_shard *shard)
{
	const uint32_t epoch = __atomic_load_n(&c->cache_epoch, __ATOMIC_ACQUIRE);
	if (shard->reserved[0] == epoch)
		return;
	clear_cache(c, shard);
	shard->reserved[0] = epoch;
}

/* What folding costs is part of what a call costs. A fold that was preempted says nothing about that. */
#define COST_MOST_TICKS 512 /* an event; a fold takes some 20 to 60 */

static void count_fold(struct ap_control *c, uint64_t ticks, uint64_t events)
{
	__atomic_fetch_add(&c->header->folds, 1, __ATOMIC_RELAXED);
	if (ticks > events * COST_MOST_TICKS)
		return;
	__atomic_fetch_add(&c->header->fold_ticks, ticks, __ATOMIC_RELAXED);
	__atomic_fetch_add(&c->header->fold_events, events, __ATOMIC_RELAXED);
}

void ap_fold(struct ap_control *c, struct ap_shard *shard, struct ap_thread *thread,
	     enum ap_tear tear)
{
	const uint64_t start = ap_ticks(), folded = thread->folded;
	struct batch b;
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
	count_fold(c, ap_ticks() - start, thread->folded - folded);
}

/** ap_fold_close_all() - the thread is over: what is open ends at @end_ticks. */
void ap_fold_close_all(struct ap_control *c, struct ap_shard *shard, struct ap_thread *thread,
		       uint64_t end_ticks)
{
	struct batch b;
	begin(&b, c, shard, thread);
	const uint64_t end = end_ticks > b.last ? end_ticks : b.last;
	drop_frames(&b, 0, end - b.gap);
	switch_to(&b, 0, end, AP_FOLD_POSITION(thread->fold));
	drop_frames(&b, 0, end - b.gap);
}
