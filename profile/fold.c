/* SPDX-License-Identifier: MIT */
/* profile/fold.c - see fold.h.
 *
 * The program's fold treats an enter followed by its own exit in one step; here that needs no special
 * treatment, the sums are the same. */
#include "profile/folding.h"

#include <errno.h>
#include <stdlib.h>

#include "profile/model.h"
#include "spool/pause.h"

static uint32_t frame_stack(const struct ap_frame *frame)
{
	return ap_event_stack(frame->word, (uint64_t)frame->stack << 48);
}

/* What is later than @end is not taken as a wrap: it happened, with a clock that stepped back. */
uint64_t ap_fold_since(struct ap_reader *r, uint64_t start, uint64_t end)
{
	if ((int64_t)(end - start) < 0) {
		r->reader_counts.clamps++;
		return 0;
	}
	return end - start;
}

static void count_category(struct ap_reader *r, struct ap_profile_function *f, uint64_t total,
			   uint64_t n)
{
	const uint64_t *edge = r->hdr.edge_ticks;
	if (total >= edge[2]) {
		f->critical += n;
	} else if (total >= edge[1]) {
		f->very_slow += n;
	} else if (total >= edge[0]) {
		f->slow += n;
	}
}

void ap_fold_add_time(struct ap_reader *r, const struct ap_frame *frame, uint64_t total)
{
	struct ap_node_sum *sum = &r->node_sums[frame->node];

	sum->outer_ticks += frame->flags & AP_FRAME_INNER ? 0 : total;
	sum->self_ticks += ap_fold_since(r, frame->child_ticks, total);
}

/* @n: of how many it is one, where distributions are concerned. */
static int count_call(struct ap_reader *r, const struct ap_frame *frame, uint64_t total,
		      uint64_t self, uint64_t n)
{
	struct ap_node_sum *sum = &r->node_sums[frame->node];
	const uint32_t function = r->profile->nodes[frame->node].function;
	struct ap_profile_function *f = &r->profile->functions[function];

	r->function_sums[function].inner += (frame->flags & AP_FRAME_INNER) != 0;
	sum->min = sum->calls == 0 || total < sum->min ? total : sum->min;
	sum->max = total > sum->max ? total : sum->max;
	sum->calls++;
	sum->sum_ticks += total;
	ap_fold_add_time(r, frame, total);
	sum->squares += (ap_u128)total * total;
	count_category(r, f, total, n);
	const int e = ap_histogram_add(&f->total, ap_hist_index(&r->hist, total), n);
	return e < 0 ? e : ap_histogram_add(&f->self, ap_hist_index(&r->hist, self), n);
}

int ap_fold_close_top(struct ap_reader *r, struct ap_fold *fold, uint64_t now)
{
	const struct ap_frame *frame = &fold->stack.frames[--fold->stack.frames_n];
	const uint64_t total = ap_fold_since(r, frame->start, now);
	struct ap_frame *parent = ap_fold_top(fold);

	if (parent) {
		parent->child_ticks += total;
	}
	if (frame->flags & AP_FRAME_INHERITED) {
		return 0; /* a call of the parent process, which counts it */
	}
	if (frame->flags & AP_FRAME_PART) {
		ap_fold_add_time(r, frame, total);
		return 0;
	}
	const bool sample = frame->flags & AP_FRAME_SAMPLE && fold->gates;
	const uint64_t self = total > frame->child_ticks ? total - frame->child_ticks : 0;
	return count_call(r, frame, total, self, sample ? 1ull << fold->gates->weight_log2 : 1);
}

int ap_fold_close_unclosed(struct ap_reader *r, struct ap_fold *fold, uint64_t now)
{
	r->reader_counts.unclosed += !(ap_fold_top(fold)->flags & AP_FRAME_PART);
	return ap_fold_close_top(r, fold, now);
}

int ap_fold_end_top(struct ap_reader *r, struct ap_fold *fold, uint64_t virtual_ticks)
{
	struct ap_frame *frame = ap_fold_top(fold);

	if (r->is_past) {
		frame->flags |= AP_FRAME_PART; /* its time up to now, and no call yet */
	} else if (!(frame->flags & (AP_FRAME_INHERITED | AP_FRAME_PART))) {
		r->node_sums[frame->node].open++;
	}
	return ap_fold_close_top(r, fold, virtual_ticks);
}

bool ap_fold_is_gone(const struct ap_fold *fold, const struct ap_event *event)
{
	const struct ap_frame *top = ap_fold_top(fold);
	return ap_frame_verdict_with(&fold->alternate, frame_stack(top), ap_event_site(top->word),
				     ap_event_stack(event->word, event->time),
				     ap_event_site(event->word)) == AP_FRAME_GONE;
}

static int make_room(struct ap_fold *fold)
{
	const size_t room = fold->stack.frames_room ? 2 * fold->stack.frames_room : 64;
	struct ap_frame *frames = reallocarray(fold->stack.frames, room, sizeof(*frames));
	if (!frames) {
		return -ENOMEM;
	}
	fold->stack.frames = frames;
	fold->stack.frames_room = room;
	return 0;
}

int ap_fold_push(struct ap_fold *fold, const struct ap_frame *frame)
{
	if (fold->stack.frames_n >= fold->stack.frames_room) {
		const int e = make_room(fold);
		if (e < 0) {
			return e;
		}
	}
	fold->stack.frames[fold->stack.frames_n++] = *frame;
	return 0;
}

/* Direct recursion, unless the outer call is the parent process's. */
static bool is_inner(const struct ap_frame *top, uint64_t word)
{
	return top && !(top->flags & AP_FRAME_INHERITED) &&
	       ap_function_bits(top->word) == ap_function_bits(word);
}

/* As whose call does it count? */
static int callee(struct ap_reader *r, const struct ap_fold *fold, const struct ap_event *event,
		  uint32_t *ret)
{
	const struct ap_frame *top = ap_fold_top(fold);
	const uint64_t address = ap_event_address(event->word);

	if (is_inner(top, event->word)) {
		*ret = r->profile->nodes[top->node].function;
		return 0;
	}
	if (r->hdr.filters) {
		*ret = ap_reader_left_out(r, top ? top->node : AP_ID_ROOT,
					  ap_model_module_at(r, address, fold->last_ticks),
					  address);
		if (*ret) {
			return 0;
		}
	}
	return ap_model_function(r, address, fold->last_ticks, ret);
}

/* Where the call belongs in the tree: direct recursion stays in its node, as does what is left out of what is left out. */
static int place(struct ap_reader *r, const struct ap_frame *top, uint32_t function,
		 struct ap_frame *frame)
{
	const bool part = top && !(top->flags & AP_FRAME_INHERITED) && function < AP_ID_FIRST &&
			  r->profile->nodes[top->node].function == function;

	if (part || is_inner(top, frame->word)) {
		frame->node = top->node;
		frame->flags = AP_FRAME_INNER;
		return 0;
	}
	return ap_model_child(r, top ? top->node : AP_ID_ROOT, function, 0, &frame->node);
}

static int push(struct ap_reader *r, struct ap_fold *fold, const struct ap_event *event,
		uint32_t function)
{
	struct ap_frame frame = {
		.word = event->word,
		.start = fold->last_ticks - fold->gap_ticks,
		.stack = (uint16_t)(event->time >> 48),
	};

	const int e = place(r, ap_fold_top(fold), function, &frame);
	return e < 0 ? e : ap_fold_push(fold, &frame);
}

/* Calls on top of it are counted, not timed. */
bool ap_fold_is_beyond(const struct ap_fold *fold)
{
	return fold->stack.beyond || fold->stack.frames_n >= AP_MAX_FRAMES ||
	       fold->fiber == AP_FIBER_LOST;
}

static int fold_enter(struct ap_reader *r, struct ap_fold *fold, const struct ap_event *event)
{
	const uint64_t now = fold->last_ticks - fold->gap_ticks;

	uint32_t function;
	int e = 0;

	while (!ap_fold_is_beyond(fold) && fold->stack.frames_n && ap_fold_is_gone(fold, event)) {
		r->reader_counts.resyncs++;
		e = ap_fold_close_unclosed(r, fold, now);
		if (e < 0) {
			return e;
		}
	}
	e = callee(r, fold, event, &function);
	if (e < 0) {
		return e;
	}
	if (ap_fold_is_beyond(fold)) {
		fold->stack.beyond++;
		r->reader_counts.beyond++;
		r->function_sums[function].beyond++;
		return 0;
	}
	return push(r, fold, event, function);
}
/* Frames above the one of this function, itself excluded; frames_n when there is none. */
static size_t frames_above(const struct ap_fold *fold, uint64_t word)
{
	for (size_t i = fold->stack.frames_n; i > 0; i--) {
		if (ap_function_bits(fold->stack.frames[i - 1].word) == ap_function_bits(word)) {
			return fold->stack.frames_n - i;
		}
	}
	return fold->stack.frames_n;
}

static int fold_exit(struct ap_reader *r, struct ap_fold *fold, const struct ap_event *event)
{
	const uint64_t now = fold->last_ticks - fold->gap_ticks;

	if (fold->stack.beyond) {
		fold->stack.beyond--;
		return 0;
	}
	size_t above = frames_above(fold, event->word);
	if (above == fold->stack.frames_n) {
		if (fold->stack.frames_n == 0 && r->hdr.pauses_n) {
			r->reader_counts.while_stopped++; /* of a call that a stop had ended */
		} else {
			r->reader_counts.unmatched_exits++;
		}
		return 0;
	}
	for (; above > 0; above--) {
		const int e = ap_fold_close_unclosed(r, fold, now);
		if (e < 0) {
			return e;
		}
	}
	return ap_fold_close_top(r, fold, now);
}

/* longjmp and catch say which frame goes on. Return: frames that are left, by the rules of ap_frame_jumped(). */
static size_t frames_left(const struct ap_fold *fold, uint32_t target, bool jumped)
{
	size_t keep = fold->stack.frames_n;
	while (keep > 0 && frame_stack(&fold->stack.frames[keep - 1]) != target) {
		keep--;
	}
	while (jumped && keep > 1 && frame_stack(&fold->stack.frames[keep - 2]) == target) {
		keep--; /* inlined into the function that is jumped to */
	}
	if (keep == 0) {
		keep = fold->stack.frames_n;
	}
	while (keep > 0 && ap_frame_jumped(&fold->alternate,
					   frame_stack(&fold->stack.frames[keep - 1]), target)) {
		keep--;
	}
	return keep;
}

static int unwind_to(struct ap_reader *r, struct ap_fold *fold, uint32_t target, bool jumped)
{
	const uint64_t now = fold->last_ticks - fold->gap_ticks;
	const size_t keep = frames_left(fold, target, jumped);

	while (fold->stack.frames_n > keep) {
		/* Calls that were counted only are deeper still. */
		r->reader_counts.unclosed += fold->stack.beyond;
		fold->stack.beyond = 0;
		const int e = ap_fold_close_unclosed(r, fold, now);
		if (e < 0) {
			return e;
		}
	}
	return 0;
}

void ap_stack_clear(struct ap_stack *stack)
{
	free(stack->frames);
	*stack = (struct ap_stack){0};
}

/* A fiber's calls are with one thread at a time; who comes too early finds none. */
static struct ap_reader_fiber *free_fiber(const struct ap_reader *r, uint64_t id)
{
	return id < r->fibers_n && !r->fibers[id].held ? &r->fibers[id] : NULL;
}

static void leave_stack(struct ap_reader *r, struct ap_fold *fold)
{
	fold->stack.virtual_ticks = fold->last_ticks - fold->gap_ticks;
	fold->stack.left_ticks = fold->last_ticks;
	fold->stack.thin |= fold->window != 0;
	if (fold->fiber == 0) {
		fold->own = fold->stack;
	} else if (fold->fiber < r->fibers_n) {
		r->fibers[fold->fiber].stack = fold->stack;
		r->fibers[fold->fiber].held = false;
	} else {
		r->reader_counts.unclosed += fold->stack.beyond;
		ap_stack_clear(&fold->stack);
	}
	fold->stack = (struct ap_stack){0};
}

int ap_fold_end_all(struct ap_reader *r, struct ap_fold *fold, uint64_t now)
{
	int e = 0;

	r->reader_counts.unclosed += fold->stack.beyond;
	fold->stack.beyond = 0;
	while (fold->stack.frames_n && e == 0) {
		e = ap_fold_close_unclosed(r, fold, now);
	}
	return e;
}

/* What is open on a stack that nobody is on ends where it was left. */
static int close_parked(struct ap_reader *r, struct ap_stack *stack)
{
	struct ap_fold other = {.stack = *stack};
	const int e = ap_fold_end_all(r, &other, stack->virtual_ticks);

	*stack = other.stack;
	return e;
}

int ap_fold_pause_parked(struct ap_reader *r, struct ap_stack *stack, uint64_t time)
{
	return r->hdr.pauses_n && ap_pause_between(&r->hdr, stack->left_ticks, time)
		       ? close_parked(r, stack)
		       : 0;
}

int ap_fold_pause(struct ap_reader *r, struct ap_fold *fold, uint64_t time, bool *ret_stopped)
{
	struct ap_pause pause;
	int e = 0;

	*ret_stopped = false;
	while (e == 0 && !*ret_stopped && ap_pause_after(&r->hdr, fold->last_ticks, &pause) &&
	       pause.stop <= time) {
		const uint64_t stop = pause.stop > fold->last_ticks ? pause.stop : fold->last_ticks;
		e = ap_fold_end_all(r, fold, stop - fold->gap_ticks);
		*ret_stopped = time < pause.start;
		fold->last_ticks = *ret_stopped ? stop : pause.start;
	}
	return e;
}

/* What is open on a stack stands still until a thread comes back to it. */
static int switch_to(struct ap_reader *r, struct ap_fold *fold, uint64_t id)
{
	int e = 0;

	if (id == fold->fiber) {
		return 0;
	}
	leave_stack(r, fold);
	struct ap_reader_fiber *fiber = free_fiber(r, id);
	if (id == 0) {
		fold->stack = fold->own;
		fold->own = (struct ap_stack){0};
	} else if (fiber) {
		fold->stack = fiber->stack;
		*fiber = (struct ap_reader_fiber){.held = true};
	}
	fold->fiber = id == 0 || fiber ? (uint32_t)id : AP_FIBER_LOST;
	if (fold->stack.thin && !fold->window) {
		fold->window = AP_WINDOW(0u, 0u); /* as who began it has folded it */
	}
	if (fold->stack.virtual_ticks) {
		fold->gap_ticks = fold->last_ticks - fold->stack.virtual_ticks;
		e = ap_fold_pause_parked(r, &fold->stack, fold->last_ticks);
	}
	return e;
}

/* The stack will be used for something else. */
static int end_fiber(struct ap_reader *r, struct ap_fold *fold, uint64_t id)
{
	if (id == fold->fiber) {
		return ap_fold_end_all(r, fold, fold->last_ticks - fold->gap_ticks);
	}
	struct ap_reader_fiber *fiber = id ? free_fiber(r, id) : NULL;
	if (!fiber) {
		return 0;
	}
	const int e = close_parked(r, &fiber->stack);
	ap_stack_clear(&fiber->stack);
	return e;
}

int ap_fold_special(struct ap_reader *r, struct ap_fold *fold, uint64_t word)
{
	const uint64_t value = ap_special_value(word);

	r->reader_counts.specials++;
	switch (ap_special_subject(word)) {
	case AP_SPECIAL_GAP:
		fold->gap_ticks += value << AP_SPECIAL_UNIT_SHIFT;
		return 0;
	case AP_SPECIAL_ALTSTACK:
		fold->alternate = ap_altstack_of(value);
		return 0;
	case AP_SPECIAL_UNWIND:
	case AP_SPECIAL_CATCH:
		return unwind_to(r, fold, (uint32_t)value & 0x7ffffu,
				 ap_special_subject(word) == AP_SPECIAL_UNWIND);
	case AP_SPECIAL_WINDOW:
		fold->window =
			AP_WINDOW(AP_WINDOW_EPOCH(fold->window), AP_WINDOW_GROUP((uint32_t)value));
		return 0;
	case AP_SPECIAL_FIBER:
		return switch_to(r, fold, value);
	case AP_SPECIAL_FIBER_END:
		return end_fiber(r, fold, value);
	}
	return 0; /* of a later version of the program's side: counted */
}

int ap_fold_event(struct ap_reader *r, struct ap_fold *fold, const struct ap_event *event)
{
	const uint64_t before = fold->last_ticks;
	const uint64_t time = ap_event_time(event->time & AP_EVENT_TIME_MASK, before);

	bool stopped = false;
	const int e = r->hdr.pauses_n ? ap_fold_pause(r, fold, time, &stopped) : 0;
	if (e < 0) {
		return e;
	}
	if (time >= fold->last_ticks) {
		fold->last_ticks = time;
	} else {
		r->reader_counts.clamps++;
	}
	if (stopped && ap_event_kind(event->word) != AP_EVENT_SPECIAL) {
		r->reader_counts.while_stopped++;
		return 0;
	}
	if (fold->window) {
		return ap_fold_thin(r, fold, event, fold->last_ticks - before);
	}
	switch (ap_event_kind(event->word)) {
	case AP_EVENT_ENTER:
		return fold_enter(r, fold, event);
	case AP_EVENT_EXIT:
		return fold_exit(r, fold, event);
	case AP_EVENT_SPECIAL:
		return ap_fold_special(r, fold, event->word);
	}
	return 0;
}
