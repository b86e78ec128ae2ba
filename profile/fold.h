/* SPDX-License-Identifier: MIT */
/* profile/fold.h - the fold of one thread's events into the model, by the rules of the program's own fold.
 *
 * Frames are matched by function, never by position: an exit without its enter changes nothing, an enter
 * that proves a frame gone closes it, and each such repair is counted. */
#ifndef AP_PROFILE_FOLD_H
#define AP_PROFILE_FOLD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "spool/event.h"
#include "spool/layout.h"

struct ap_reader;

/** What a fold counts beside calls and times. */
struct ap_fold_counts {
	uint64_t specials, unmatched_exits, unclosed, resyncs, clamps, beyond, inherited;
	uint64_t while_stopped;
	uint64_t at_gates,
		cut; /* exits of calls that gates counted; calls whose end was not recorded */
};

/** The open calls of one stack. Owns its frames. */
struct ap_stack {
	struct ap_frame *frames;
	size_t frames_n, frames_room;
	uint64_t beyond;	/* open calls on top of the frames that are counted only */
	uint64_t virtual_ticks; /* when it was left, while no thread is on it; 0: never */
	uint64_t left_ticks;	/* the same moment, not virtual */
	bool thin;		/* it was left by a thread with gates */
};

/** Where the fold of a thread stands. */
struct ap_fold {
	struct ap_stack stack; /* on which the thread is */
	struct ap_stack own;   /* its own, while it is on a fiber's */
	uint32_t fiber;	       /* id; 0: on its own; AP_FIBER_LOST */
	uint64_t gap_ticks;
	uint64_t last_ticks;
	struct ap_altstack alternate;
	uint32_t window;	      /* as in struct ap_thread */
	const struct ap_gates *gates; /* NULL: none; not owned */
};

/** ap_fold_event() - fold one event. Return: 0 or -ENOMEM. */
int ap_fold_event(struct ap_reader *r, struct ap_fold *fold, const struct ap_event *event);

/** ap_fold_pause() - go on to @time: calls that are open when recording stops end there. Return: 0 or -ENOMEM.
 * @ret_stopped: is recording off then? */
int ap_fold_pause(struct ap_reader *r, struct ap_fold *fold, uint64_t time, bool *ret_stopped);

/** ap_fold_pause_parked() - the same for a stack that nobody is on. */
int ap_fold_pause_parked(struct ap_reader *r, struct ap_stack *stack, uint64_t time);

/** ap_stack_clear() - release the frames. */
void ap_stack_clear(struct ap_stack *stack);

/** ap_fold_end_top() - close the top frame because the profile ends @virtual_ticks. Return: 0 or -ENOMEM. */
int ap_fold_end_top(struct ap_reader *r, struct ap_fold *fold, uint64_t virtual_ticks);

#endif
