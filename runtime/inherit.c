/* SPDX-License-Identifier: MIT */
/* runtime/inherit.c - what a forked child begins with: the open frames of the thread that forked.
 *
 * A forked child's first event may come long after the fork: by then its parent's frames are others. So they are
 * copied while the fork is prepared, into memory that the fork copies too. Deeper frames than fit are left out:
 * their exits are unmatched. */
#include "runtime/runtime.h"

#define COPIES 4u /* threads that fork at one time; further ones' children begin with "(forked)" */
#define COPIED_FRAMES 512u

struct copied_frame {
	uint64_t word;
	uint16_t stack;
	uint16_t flags;
};

struct frames_copy {
	uint32_t busy;
	uint32_t depth;
	struct ap_altstack alternate;
	struct copied_frame frames[COPIED_FRAMES];
};
static struct frames_copy copies[COPIES];
__thread uint32_t ap_fork_ready;
static bool prepared; /* in a child until its first event: its fork was prepared */

/* In a thread with gates a call is not always below the one that made it: what made it is the frame before. */
static void copy_frame(struct frames_copy *copy, const struct ap_frame *frame, bool thin)
{
	const uint64_t before = copy->depth ? copy->frames[copy->depth - 1].word : 0;
	const bool same = copy->depth && !((before ^ frame->word) & AP_EVENT_FUNCTION_MASK);
	const bool inner = thin ? same : frame->flags & AP_FRAME_INNER;
	struct copied_frame *to = &copy->frames[copy->depth++];
	to->word = frame->word;
	to->stack = frame->stack;
	to->flags = inner ? AP_FRAME_INNER : 0;
}

static void copy_frames(const struct ap_control *c, const struct ap_thread *thread,
			struct frames_copy *copy)
{
	const uint32_t fiber = thread->fiber[AP_FOLD_GAP(thread->fold)];
	const struct ap_fiber *f = fiber && fiber != AP_FIBER_LOST ? ap_fiber_at(c, fiber) : NULL;
	const struct ap_frame *frames = ap_at(c, f ? f->frames : thread->frames);
	const uint32_t most = f ? f->frames_max : fiber ? 0 : thread->frames_max;
	uint32_t depth = AP_FOLD_DEPTH(thread->fold);
	depth = depth < most ? depth : most;
	copy->alternate = (struct ap_altstack){thread->alternate_start, thread->alternate_units};
	copy->depth = 0;
	for (uint32_t i = 0; i < depth && copy->depth < COPIED_FRAMES; i++)
		if (!(frames[i].flags & AP_FRAME_PART))
			copy_frame(copy, &frames[i], thread->window);
}

void ap_fork_prepare(void)
{
	struct ap_control *c = ap_runtime.control;
	const uint64_t start = ap_ticks();
	if (c && c->state == AP_STATE_ON)
		ap_pause_look(c, start);
	ap_flush_patiently();
	ap_patch_before_fork();
	const struct ap_thread *thread = ap_self->thread;
	if (!thread || !ap_thread_settled(c, thread))
		return; /* a child that recorded nothing passes on what it got */
	ap_fork_ready = 0;
	for (uint32_t i = 0; i < COPIES && !ap_fork_ready; i++) {
		if (__atomic_exchange_n(&copies[i].busy, 1, __ATOMIC_ACQUIRE))
			continue;
		copy_frames(c, thread, &copies[i]);
		ap_fork_ready = i + 1;
	}
	ap_record_gap(start);
}

void ap_fork_parent(void)
{
	ap_patch_after_fork();
	if (!ap_self->thread || !ap_fork_ready)
		return;
	__atomic_store_n(&copies[ap_fork_ready - 1].busy, 0, __ATOMIC_RELEASE);
	ap_fork_ready = 0;
}

/* The control of the parent's thread may be given to another thread of ours. */
void ap_fork_child(void)
{
	if (ap_self->thread)
		return; /* another child handler was instrumented */
	ap_patch_child();
	ap_start_hide_parent();
	ap_self = &ap_no_ctl;
	ap_fiber_now = 0; /* an id of the parent's */
	prepared = ap_fork_ready != 0;
	for (uint32_t i = 0; i < COPIES; i++)
		copies[i].busy = i + 1 == ap_fork_ready;
}

static void inherit_root(struct ap_control *c, struct ap_thread *thread)
{
	/* Above whatever this thread will do: no call and no jump proves the root gone. A quarter of what
	 * an event tells of a stack pointer: half of it would be as near from below. */
	const uint64_t above = ap_arch_stack_pointer() + (2u << 20);
	struct ap_frame *frame = ap_at(c, thread->frames);
	*frame = (struct ap_frame){
		.word = ap_event_make_word(0, AP_EVENT_ENTER, 0, above, 0),
		.start = thread->start_ticks,
		.node = AP_ID_FORKED,
		.stack = (uint16_t)(above >> 4),
		.flags = AP_FRAME_INHERITED,
	};
	thread->fold = AP_FOLD(1, 0, 0);
	thread->inherited = 1;
}

/** ap_thread_inherit() - in a forked child: the thread that forked begins with its parent's open frames. They are
 * no calls of the child; what it calls below them has its true path. After a fork that did not prepare
 * (_Fork, raw clone) the frames are not exact: the root is "(forked)". */
void ap_thread_inherit(struct ap_control *c, struct ap_thread *thread)
{
	if (!(c->header->flags & AP_SPOOL_FORKED))
		return;
	if (c->header->threads == 1)
		ap_fiber_now = 0; /* an id of the parent's */
	if (!ap_fork_ready) {
		if (c->header->threads == 1 && !prepared)
			inherit_root(c, thread);
		return;
	}
	struct frames_copy *copy = &copies[ap_fork_ready - 1];
	uint32_t node = AP_ID_ROOT;
	thread->alternate_start = copy->alternate.start;
	thread->alternate_units = copy->alternate.units;
	ap_fork_ready = 0;
	prepared = false;
	for (uint32_t i = 0; i < copy->depth; i++) {
		if (i >= thread->frames_max &&
		    !ap_frames_grow(c, &thread->frames, &thread->frames_max))
			break;
		struct ap_frame *frame = (struct ap_frame *)ap_at(c, thread->frames) + i;
		const uint64_t address = ap_event_address(copy->frames[i].word);
		if (!(copy->frames[i].flags & AP_FRAME_INNER))
			node = address ? ap_node_child(c, node, address | AP_NODE_INHERITED,
						       thread->start_ticks)
				       : (uint32_t)AP_ID_FORKED;
		*frame = (struct ap_frame){
			.word = copy->frames[i].word,
			.start = thread->start_ticks,
			.node = node,
			.stack = copy->frames[i].stack,
			.flags = copy->frames[i].flags | AP_FRAME_INHERITED,
		};
		thread->fold = AP_FOLD(i + 1, 0, 0);
		thread->inherited++;
	}
	copy->busy = 0;
}
