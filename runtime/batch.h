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

static inline uint32_t ap_batch_timed(const struct ap_batch *b)
{
	return b->depth < b->frames_max ? b->depth : b->frames_max;
}

static inline uint32_t ap_batch_node_below(const struct ap_batch *b, uint32_t depth)
{
	return depth ? b->frames[depth - 1].node : (uint32_t)AP_ID_ROOT;
}

/* fold.c */
/** ap_batch_close() - the frame at @depth ends at virtual time @now. */
void ap_batch_close(struct ap_batch *b, uint32_t depth, uint64_t now) AP_COLD;
/** ap_batch_drop() - frames above @keep are gone without an exit of their own. */
void ap_batch_drop(struct ap_batch *b, uint32_t keep, uint64_t now) AP_COLD;

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
