/* SPDX-License-Identifier: MIT */
/* profile/folding.h - steps of a fold that fold.c and fold_thin.c share. */
#ifndef AP_PROFILE_FOLDING_H
#define AP_PROFILE_FOLDING_H

#include "profile/fold.h"
#include "profile/reader.h"

static inline uint64_t ap_function_bits(uint64_t word)
{
	return word & AP_EVENT_FUNCTION_MASK;
}

static inline struct ap_frame *ap_fold_top(const struct ap_fold *fold)
{
	return fold->stack.frames_n ? &fold->stack.frames[fold->stack.frames_n - 1] : NULL;
}

/** ap_fold_since() - ticks from @start to @end. What is later than @end is not taken as a wrap: it happened, with a clock that
 * stepped back. */
uint64_t ap_fold_since(struct ap_reader *r, uint64_t start, uint64_t end);
/** ap_fold_add_time() - of a frame that ends, to its node; no call. */
void ap_fold_add_time(struct ap_reader *r, const struct ap_frame *frame, uint64_t total);
/** ap_fold_close_top(), ap_fold_close_unclosed() - the innermost frame ends, the latter without an exit of its own.
 * Return: 0 or -ENOMEM. */
int ap_fold_close_top(struct ap_reader *r, struct ap_fold *fold, uint64_t now);
int ap_fold_close_unclosed(struct ap_reader *r, struct ap_fold *fold, uint64_t now);
/** ap_fold_end_all() - everything that is open on the stack ends without an exit. Return: 0 or -ENOMEM. */
int ap_fold_end_all(struct ap_reader *r, struct ap_fold *fold, uint64_t now);
/** ap_fold_is_gone() - does a new call say that the innermost frame is gone? */
bool ap_fold_is_gone(const struct ap_fold *fold, const struct ap_event *event);
/** ap_fold_is_beyond() - calls on top of it are counted, not timed. */
bool ap_fold_is_beyond(const struct ap_fold *fold);
/** ap_fold_push() - Return: 0 or -ENOMEM. */
int ap_fold_push(struct ap_fold *fold, const struct ap_frame *frame);
/** ap_fold_special() - an event that is neither enter nor exit. Return: 0 or -ENOMEM. */
int ap_fold_special(struct ap_reader *r, struct ap_fold *fold, uint64_t word);
/** ap_fold_thin() - an event of a thread with gates, @ahead ticks after the one before. Return: 0 or -ENOMEM. */
int ap_fold_thin(struct ap_reader *r, struct ap_fold *fold, const struct ap_event *event,
		 uint64_t ahead);

#endif
