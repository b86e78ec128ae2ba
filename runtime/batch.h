/* SPDX-License-Identifier: MIT */
/* runtime/batch.h - one fold under way: what fold.c and batch_stack.c share. Slow path. */
#ifndef AP_RUNTIME_BATCH_H
#define AP_RUNTIME_BATCH_H

#include "runtime/runtime.h"

/* The state of one batch. The loop keeps copies of its hot part in registers. */
struct ap_batch {
	struct ap_control *c;
	struct ap_shard *shard;
	struct ap_thread *thread;
	struct ap_cache_entry *cache;
	const struct ap_gates *gates; /* NULL: the thread never had any */
	struct ap_frame *frames;
	uint32_t frames_max;
	uint32_t depth;
	uint32_t node;	   /* of the innermost frame, or the root */
	uint32_t fiber;	   /* whose frames they are; 0: the thread's own stack */
	uint32_t gap_slot; /* which of thread->gap_ticks, thread->fiber counts */
	uint64_t gap;
	uint64_t last;	  /* full time of the event before */
	uint64_t edge;	  /* least duration that is not "fast" */
	uint64_t stretch; /* ap_window_stretch() */
};

static inline uint32_t ap_batch_timed(const struct ap_batch *b)
{
	return b->depth < b->frames_max ? b->depth : b->frames_max;
}

static inline uint32_t ap_batch_node_below(const struct ap_batch *b, uint32_t depth)
{
	return depth ? b->frames[depth - 1].node : (uint32_t)AP_ID_ROOT;
}

static inline uint32_t ap_frame_stack(const struct ap_frame *frame)
{
	return ap_event_stack(frame->word, (uint64_t)frame->stack << 48);
}

/** ap_batch_is_part() - is the frame at @depth no call, but more time of the one under it? */
static inline bool ap_batch_is_part(const struct ap_batch *b, uint32_t depth)
{
	return depth <= b->frames_max && b->frames[depth - 1].flags & AP_FRAME_PART;
}

/** ap_batch_time() - full time of the next event. */
static inline uint64_t ap_batch_time(const struct ap_batch *b, const struct ap_event *event)
{
	const uint64_t ahead = ap_event_ahead(event->time, b->last);
	if (AP_UNLIKELY(ahead >= AP_EVENT_BACK)) {
		b->thread->clamps++;
		return b->last;
	}
	return b->last + ahead;
}

/** ap_batch_top_alive() - does the new call leave the innermost frame alone? (The rule is ap_frame_verdict's.) */
static inline bool ap_batch_top_alive(const struct ap_batch *b, const struct ap_event *event)
{
	const struct ap_frame *top = &b->frames[b->depth - 1];
	const uint32_t up =
		(ap_event_stack(event->word, event->time) - ap_frame_stack(top)) & 0x7ffffu;
	return up > AP_RESYNC_MOST_UNITS ||
	       (up == 0 && !((event->word ^ top->word) & AP_EVENT_SITE_MASK));
}

/** ap_batch_at() - so far all is folded: whoever comes later goes on from @position with these frames. */
static inline void ap_batch_at(const struct ap_batch *b, uint64_t position)
{
	__atomic_store_n(&b->thread->fold, AP_FOLD(b->depth, b->gap_slot, position),
			 __ATOMIC_RELEASE);
}

/* Counters of a node, of a sum of squares, of a histogram. */
static inline struct ap_node_stat *ap_batch_stat(const struct ap_batch *b, uint32_t node)
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

static inline void ap_add_square(uint64_t squares[2], uint64_t value)
{
	const unsigned __int128 square = (unsigned __int128)value * value;
	const uint64_t low = squares[0] + (uint64_t)square;
	squares[1] += (uint64_t)(square >> 64) + (low < squares[0]);
	squares[0] = low;
}

static inline void ap_count_bucket(struct ap_control *c, ap_ref *dir, uint64_t ticks, uint64_t n)
{
	const uint32_t j = ap_hist_index(&ap_runtime.hist_map, ticks);
	if (AP_LIKELY(*dir)) {
		const ap_ref row =
			((struct ap_hist_dir *)ap_at(c, *dir))->rows[j / AP_HIST_ROW_BUCKETS];
		if (AP_LIKELY(row && !(row & AP_HIST_COARSE))) {
			((uint64_t *)ap_at(c, row))[j % AP_HIST_ROW_BUCKETS] += n;
			return;
		}
	}
	ap_shard_count(c, dir, j, n);
}

#define AP_CACHE_MULTIPLIER 0x9e3779b97f4a7c15ull

/** ap_batch_fill() - the rest of ap_batch_child(). */
const struct ap_cache_entry *ap_batch_fill(struct ap_batch *b, struct ap_cache_entry *entry,
					   uint64_t function, uint64_t key) AP_COLD;

/** ap_batch_child() - the node of a call of @function (bits of an event's word) made by the innermost frame. */
static inline const struct ap_cache_entry *ap_batch_child(struct ap_batch *b, uint64_t function)
{
	const uint64_t key = function | (uint64_t)b->node << AP_EVENT_FUNCTION_BITS;
	struct ap_cache_entry *entry = &b->cache[key * AP_CACHE_MULTIPLIER >> (64 - AP_CACHE_LOG2)];
	if (AP_LIKELY(entry->key == key))
		return entry;
	return ap_batch_fill(b, entry, function, key);
}

/* fold.c */
/** ap_batch_close() - the frame at @depth ends at virtual time @now. */
void ap_batch_close(struct ap_batch *b, uint32_t depth, uint64_t now);
/** ap_batch_drop() - frames above @keep are gone without an exit of their own. */
void ap_batch_drop(struct ap_batch *b, uint32_t keep, uint64_t now) AP_COLD;
/** ap_batch_resync() - a new call says that frames on top are gone: their exits never came. */
void ap_batch_resync(struct ap_batch *b, const struct ap_event *event, uint64_t now) AP_COLD;
/** ap_batch_room() - one more frame. Return: false: there is none, the call is counted. */
bool ap_batch_room(struct ap_batch *b, uint64_t function) AP_COLD;
/** ap_batch_special() - an event that is neither enter nor exit. */
void ap_batch_special(struct ap_batch *b, const struct ap_event *event, uint64_t time) AP_COLD;
/** ap_batch_run() - fold events[from..n) of a chunk with @lap; @position: sequence number of events[0].
 * Return: the index of the first event that was not folded: n, or a hole. */
uint32_t ap_batch_run(struct ap_batch *b, const struct ap_event *events, uint32_t from, uint32_t n,
		      uint64_t lap, uint64_t position);

/* fold_thin.c */
/** ap_thin_run() - ap_batch_run() in a thread with gates. */
uint32_t ap_thin_run(struct ap_batch *b, const struct ap_event *events, uint32_t from, uint32_t n,
		     uint64_t lap, uint64_t position);
/** ap_thin_close() - the end of a frame that is a part, or of a window. */
void ap_thin_close(struct ap_batch *b, uint32_t depth, uint64_t now);

/* fold_pause.c */
/** ap_pause_run() - ap_batch_run() where recording was stopped and started: up to the next of these, which is put into @end. */
uint32_t ap_pause_run(struct ap_batch *b, const struct ap_event *events, uint32_t from,
		      uint32_t *end, uint64_t lap, uint64_t position) AP_COLD;
/** ap_pause_stop_at() - recording stops: what is open ends. From then on no event is older. */
void ap_pause_stop_at(struct ap_batch *b, uint64_t stop);

/* batch_stack.c */
/** ap_batch_attach() - the frames of the stack of @fiber (0: the thread's own); of one that was lost, none. */
void ap_batch_attach(struct ap_batch *b, uint32_t fiber);
bool ap_batch_grow(struct ap_batch *b);
/** ap_batch_store_slot() - gap and fiber to where the old position does not look; the store of the new one makes them
 * valid. */
void ap_batch_store_slot(struct ap_batch *b);
/** ap_batch_switch() - go on on the stack of @to; @position: of the next event. A fiber is let go only when the position
 * says that we are not there any more. */
void ap_batch_switch(struct ap_batch *b, uint32_t to, uint64_t time, uint32_t position) AP_COLD;
/** ap_batch_end_fiber() - close what is open on a stack that will be used for something else. */
void ap_batch_end_fiber(struct ap_batch *b, uint32_t fiber, uint64_t now) AP_COLD;

#endif
