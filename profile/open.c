/* SPDX-License-Identifier: MIT */
/* profile/open.c - the end of the profile, and the calls that had not returned by then. */
#include <errno.h>
#include <stdlib.h>

#include "profile/folding.h"
#include "profile/reader.h"

static uint64_t later(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

/* The announced end; else the latest sign of life. */
static uint64_t find_end(const struct ap_reader *r)
{
	uint64_t end = r->hdr.end_ticks;

	if (end) {
		return end;
	}
	end = later(r->hdr.clock_last.ticks, r->hdr.usage.at_ticks);
	end = later(end, r->hdr.clock_first.ticks);
	for (size_t i = 0; i < r->profile->threads_n; i++) {
		end = later(end, r->threads[i].record.end_ticks);
		end = later(end, r->threads[i].fold.last_ticks);
	}
	return end;
}

/* @now: virtual time of the call's stack. */
static void list_call(const struct ap_reader *r, const struct ap_frame *frame, uint64_t now,
		      struct ap_profile_open_call *ret)
{
	*ret = (struct ap_profile_open_call){
		.node = frame->node,
		.function = r->profile->nodes[frame->node].function,
		.age_ns = (int64_t)(now - frame->start) > 0
				  ? ap_reader_duration(r, now - frame->start)
				  : 0,
		.inherited = frame->flags & AP_FRAME_INHERITED,
	};
}

static void list_stack(const struct ap_reader *r, const struct ap_stack *stack, uint64_t now,
		       struct ap_profile_thread *to)
{
	for (size_t i = 0; i < stack->frames_n; i++) {
		if (!(stack->frames[i].flags & AP_FRAME_PART)) {
			list_call(r, &stack->frames[i], now, &to->open[to->open_n++]);
		}
	}
}

/* On @fold's stack. */
static int close_stack(struct ap_reader *r, struct ap_fold *fold, uint64_t now)
{
	int e = 0;

	while (fold->stack.frames_n && e == 0) {
		e = ap_fold_end_top(r, fold, now);
	}
	return e;
}

/* A stack that nobody is on: its calls stand where it was left. */
static int close_parked(struct ap_reader *r, struct ap_stack *stack)
{
	struct ap_fold fold = {.stack = *stack};
	const int e = close_stack(r, &fold, stack->virtual_ticks);

	*stack = fold.stack;
	return e;
}

/* A thread that is over: the program closes what it left open, where it comes to that. */
static int close_ended(struct ap_reader *r, struct ap_reader_thread *t)
{
	const uint64_t end = later(t->record.end_ticks, t->fold.last_ticks);
	struct ap_fold own = {.stack = t->fold.own};
	int e = ap_fold_end_all(r, &t->fold, end - t->fold.gap_ticks);

	e = e < 0 ? e : ap_fold_end_all(r, &own, t->fold.own.virtual_ticks);
	t->fold.own = own.stack;
	return e;
}

static int close_thread(struct ap_reader *r, struct ap_reader_thread *t,
			struct ap_profile_thread *to)
{
	/* Events may be younger than the announced end: other threads ran on for a moment. */
	const uint64_t end = later(r->end_ticks, t->fold.last_ticks);
	bool stopped;
	int e = ap_fold_pause(r, &t->fold, end, &stopped);
	e = e < 0 ? e : ap_fold_pause_parked(r, &t->fold.own, end);
	const uint64_t now = end - t->fold.gap_ticks;
	const size_t n = t->fold.own.frames_n + t->fold.stack.frames_n;

	if (e < 0 || n == 0) {
		return e;
	}
	if (!to->live && t->record.end_ticks) {
		return close_ended(r, t);
	}
	to->open = calloc(n, sizeof(*to->open));
	if (!to->open) {
		return -ENOMEM;
	}
	list_stack(r, &t->fold.own, t->fold.own.virtual_ticks, to);
	list_stack(r, &t->fold.stack, now, to);
	e = close_stack(r, &t->fold, now);
	return e < 0 ? e : close_parked(r, &t->fold.own);
}

int ap_reader_open_calls(struct ap_reader *r)
{
	int e = 0;

	r->end_ticks = find_end(r);
	for (size_t i = 0; i < r->profile->threads_n && e == 0; i++) {
		e = close_thread(r, &r->threads[i], &r->profile->threads[i]);
	}
	for (size_t i = 0; i < r->fibers_n && e == 0; i++) {
		e = ap_fold_pause_parked(r, &r->fibers[i].stack, r->end_ticks);
		e = e < 0 ? e : close_parked(r, &r->fibers[i].stack);
	}
	return e;
}
