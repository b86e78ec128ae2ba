/* SPDX-License-Identifier: MIT */
/* runtime/batch_stack.c - the stacks that a fold works on: a thread's own, and those of fibers. */
#include "runtime/batch.h"
#include "spool/pause.h"

void ap_batch_attach(struct ap_batch *b, uint32_t fiber)
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

bool ap_batch_grow(struct ap_batch *b)
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
static bool claim(const struct ap_batch *b, uint32_t fiber)
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

static void release(const struct ap_batch *b, uint32_t fiber)
{
	if (fiber && fiber != AP_FIBER_LOST)
		__atomic_store_n(&ap_fiber_at(b->c, fiber)->thread, 0, __ATOMIC_RELEASE);
}

static void park(const struct ap_batch *b, uint64_t time)
{
	const uint64_t now = time - b->gap;
	if (b->fiber == 0) {
		b->thread->own_depth = b->depth;
		b->thread->own_virtual = now;
		b->thread->own_left = time;
	} else if (b->fiber != AP_FIBER_LOST) {
		ap_fiber_at(b->c, b->fiber)->depth = b->depth;
		ap_fiber_at(b->c, b->fiber)->virtual_ticks = now;
		ap_fiber_at(b->c, b->fiber)->left_ticks = time;
		ap_fiber_at(b->c, b->fiber)->thin |= b->thread->window != 0;
	}
}

void ap_batch_store_slot(struct ap_batch *b)
{
	b->gap_slot ^= 1;
	b->thread->gap_ticks[b->gap_slot] = b->gap;
	b->thread->fiber[b->gap_slot] = b->fiber;
}

/* Calls of a stack that nobody is on end where it was left. */
static void close_parked(const struct ap_batch *b, uint32_t stack, uint32_t *depth, uint64_t now)
{
	struct ap_batch other = *b;
	ap_batch_attach(&other, stack);
	for (; *depth; --*depth) {
		if (*depth <= other.frames_max)
			ap_batch_close(&other, *depth, now);
		b->thread->unclosed += !ap_batch_is_part(&other, *depth);
	}
}

static bool stopped_since(const struct ap_batch *b, uint64_t left, uint64_t time)
{
	return AP_UNLIKELY(b->c->header->pauses_n) && ap_pause_between(b->c->header, left, time);
}

/* Calls of the stack that is left stand still, those of the other go on where it was left. */
static void change_stack(struct ap_batch *b, uint32_t to, uint64_t time)
{
	uint64_t resumed = 0;
	uint32_t depth = 0;
	park(b, time);
	if (to == 0) {
		if (stopped_since(b, b->thread->own_left, time))
			close_parked(b, 0, &b->thread->own_depth, b->thread->own_virtual);
		depth = b->thread->own_depth;
		resumed = b->thread->own_virtual;
	} else if (claim(b, to)) {
		struct ap_fiber *f = ap_fiber_at(b->c, to);
		if (stopped_since(b, f->left_ticks, time))
			close_parked(b, to, &f->depth, f->virtual_ticks);
		depth = f->depth;
		resumed = f->virtual_ticks;
		if (f->thin && !b->thread->window)
			b->thread->window = AP_WINDOW(0u, 0u); /* as who began it has folded it */
	} else {
		to = AP_FIBER_LOST;
	}
	if (resumed)
		b->gap = time - resumed;
	ap_batch_attach(b, to);
	b->depth = depth;
	b->node = ap_batch_node_below(b, ap_batch_timed(b));
	ap_batch_store_slot(b);
}

void ap_batch_switch(struct ap_batch *b, uint32_t to, uint64_t time, uint32_t position)
{
	const uint32_t from = b->fiber;
	if (from == to)
		return;
	if (from == AP_FIBER_LOST)
		ap_batch_drop(b, 0, time - b->gap);
	change_stack(b, to, time);
	__atomic_store_n(&b->thread->fold, AP_FOLD(b->depth, b->gap_slot, position),
			 __ATOMIC_RELEASE);
	release(b, from);
}

void ap_batch_end_fiber(struct ap_batch *b, uint32_t fiber, uint64_t now)
{
	if (fiber == b->fiber) {
		ap_batch_drop(b, 0, now);
		return;
	}
	if (!fiber || !claim(b, fiber))
		return;
	struct ap_fiber *f = ap_fiber_at(b->c, fiber);
	close_parked(b, fiber, &f->depth, f->virtual_ticks);
	f->virtual_ticks = 0;
	f->thin = 0;
	release(b, fiber);
}
