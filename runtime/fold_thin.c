/* SPDX-License-Identifier: MIT */
/* runtime/fold_thin.c - the fold of a thread with gates: calls of demoted functions were recorded in windows only.
 *
 * Between windows a demoted call leaves no trace but its count, and its time is in that of the caller that was recorded. So
 * that the reader can tell how much of it that is, times are kept apart:
 *
 *   - by a node marked THIN, what runs while the same functions are demoted, an epoch. A frame that is older gets a part on
 *     top of it: a frame that is no call, whose node is marked, and which has the time from now on;
 *   - by nodes of each group of windows, what runs in a window: again a part for the caller's own time, and below it
 *     demoted functions. Functions that are not demoted are always recorded: in a window they keep their nodes below the
 *     last one of their kind, and get a part for their own time in it.
 *
 * So the time of THIN nodes outside of windows holds that of hidden calls, and the windows say of what it consists: see
 * profile/estimate.c. Every call is either counted by its gate or recorded, and its enter decides: a call that was in
 * the way when a window begins shows itself by its exit; of one that is open at the window's end the time is cut. */
#include "runtime/batch.h"

static struct ap_frame *top_of(const struct ap_batch *b)
{
	return b->depth && b->depth <= b->frames_max ? &b->frames[b->depth - 1] : NULL;
}

static bool is_call_of(const struct ap_frame *frame, uint64_t word)
{
	return !(frame->flags & AP_FRAME_PART) && !((frame->word ^ word) & AP_EVENT_FUNCTION_MASK);
}

/* Was the call only counted, but for windows? */
static bool is_demoted(const struct ap_batch *b, const struct ap_event *event)
{
	const struct ap_gate *gate = ap_gate_of(b->gates, ap_event_address(event->word));
	struct ap_gate then;
	if (gate && AP_UNLIKELY(gate->kept & AP_GATE_UNLOADED) && b->last < b->c->first_unload) {
		then = *gate; /* the event is older than what opened it */
		then.function &= ~AP_GATE_OPEN;
		gate = &then;
	}
	return gate && ap_gate_hides(gate, ap_event_stack(event->word, event->time));
}

/* How many calls one of a window stands for, where distributions are concerned. */
static uint64_t weight(const struct ap_batch *b)
{
	return b->gates ? 1ull << (b->gates->weight_log2 & 31) : 1;
}

static uint64_t self_of(const struct ap_frame *frame, uint64_t total)
{
	return total > frame->child_ticks ? total - frame->child_ticks : 0;
}

static void add_time(struct ap_node_stat *stat, const struct ap_frame *frame, uint64_t total)
{
	stat->self_ticks += self_of(frame, total);
	stat->outer_ticks += frame->flags & AP_FRAME_INNER ? 0 : total;
}

static void add_category(const struct ap_batch *b, struct ap_function_stat *function,
			 uint64_t ticks, uint64_t n)
{
	const uint64_t *edges = b->c->header->edge_ticks;
	if (ticks >= edges[2])
		function->critical += n;
	else if (ticks >= edges[1])
		function->very_slow += n;
	else if (ticks >= edges[0])
		function->slow += n;
}

static void add_call(struct ap_batch *b, struct ap_node_stat *stat, const struct ap_frame *frame,
		     uint64_t total)
{
	struct ap_function_stat *function = ap_at(b->c, stat->function_stat);
	const uint64_t n = weight(b);
	stat->calls++;
	stat->total_ticks += total;
	ap_add_square(stat->squares, total);
	stat->min = total < stat->min ? total : stat->min;
	stat->max = total > stat->max ? total : stat->max;
	ap_count_bucket(b->c, &function->total_rows, total, n);
	if (function->self_rows || ap_shard_self_wanted(b->c))
		ap_count_bucket(b->c, &function->self_rows, self_of(frame, total), n);
	if (AP_UNLIKELY(total >= b->edge))
		add_category(b, function, total, n);
}

static uint64_t since(struct ap_batch *b, uint64_t start, uint64_t now)
{
	if ((int64_t)(now - start) >= 0)
		return now - start;
	b->thread->clamps++;
	return 0;
}

void ap_thin_close(struct ap_batch *b, uint32_t depth, uint64_t now)
{
	const struct ap_frame *frame = &b->frames[depth - 1];
	const uint64_t total = since(b, frame->start, now);
	if (frame->flags & AP_FRAME_INHERITED)
		return;
	struct ap_node_stat *stat = ap_batch_stat(b, frame->node);
	add_time(stat, frame, total);
	if (!(frame->flags & AP_FRAME_PART))
		add_call(b, stat, frame, total);
	if (depth > 1)
		b->frames[depth - 2].child_ticks += total;
}

/* The innermost frame goes; what becomes of it later is not recorded. */
static void cut_top(struct ap_batch *b, uint64_t now)
{
	const struct ap_frame *frame = &b->frames[b->depth - 1];
	struct ap_node_stat *stat = ap_batch_stat(b, frame->node);
	const uint64_t total = since(b, frame->start, now);
	add_time(stat, frame, total);
	stat->cut += !(frame->flags & AP_FRAME_PART);
	b->depth--;
	if (b->depth)
		b->frames[b->depth - 1].child_ticks += total;
	b->node = ap_batch_node_below(b, b->depth);
	ap_batch_at(b, AP_FOLD_POSITION(b->thread->fold));
}

static bool push(struct ap_batch *b, const struct ap_frame *frame)
{
	if (b->depth >= b->frames_max) {
		if (b->depth > b->frames_max || !ap_batch_grow(b))
			return false;
		ap_batch_attach(b, b->fiber);
	}
	b->frames[b->depth++] = *frame;
	b->node = frame->node;
	return true;
}

static uint32_t thin_flags(const struct ap_batch *b)
{
	return AP_FRAME_THIN | AP_WINDOW_EPOCH(b->thread->window) << AP_FRAME_EPOCH_SHIFT;
}

static uint64_t thin_mark(const struct ap_batch *b)
{
	return AP_NODE_THIN | AP_NODE_EPOCH(AP_WINDOW_EPOCH(b->thread->window));
}

/* More time of the innermost frame, in a node of its own that @mark tells from the frame's. */
static bool push_part(struct ap_batch *b, uint64_t mark, uint32_t flags, uint64_t now)
{
	const struct ap_frame *top = top_of(b);
	const uint64_t key = ap_event_address(top->word) | mark;
	const struct ap_frame part = {
		.word = top->word,
		.start = now,
		.node = ap_node_child(b->c, top->node, key, b->last),
		.stack = top->stack,
		.flags = (uint16_t)(flags | thin_flags(b) | AP_FRAME_PART | AP_FRAME_INNER),
	};
	if (!push(b, &part))
		return false;
	ap_batch_at(b, AP_FOLD_POSITION(b->thread->fold));
	return true;
}

/* Nothing on top that is over, and parts where time has to be told apart. */
static AP_COLD void settle_now(struct ap_batch *b, uint64_t now)
{
	const uint32_t group = AP_WINDOW_GROUP(b->thread->window);
	const uint32_t epoch = AP_WINDOW_EPOCH(b->thread->window);
	struct ap_frame *top;
	while ((top = top_of(b)) != NULL) {
		const bool sample = top->flags & AP_FRAME_SAMPLE;
		if (ap_frame_is_stale(top->flags, group, epoch))
			cut_top(b, now);
		else if (top->flags & AP_FRAME_INHERITED || (sample && group))
			return;
		else if (!ap_frame_is_of(top->flags, epoch)) {
			if (!push_part(b, thin_mark(b), 0, now))
				return;
		} else if (group == 0)
			return;
		else if (!push_part(b, AP_NODE_GROUP(group),
				    AP_FRAME_SAMPLE | group << AP_FRAME_GROUP_SHIFT, now))
			return;
	}
}

/* Most events find it so. */
static inline bool is_settled(const struct ap_batch *b)
{
	const struct ap_frame *top = top_of(b);
	const uint32_t group = AP_WINDOW_GROUP(b->thread->window);
	if (!top)
		return true;
	if (group)
		return (top->flags & (AP_FRAME_SAMPLE | AP_FRAME_GROUP_MASK)) ==
		       (AP_FRAME_SAMPLE | group << AP_FRAME_GROUP_SHIFT);
	return !(top->flags & (AP_FRAME_SAMPLE | AP_FRAME_DEMOTED | AP_FRAME_INHERITED)) &&
	       ap_frame_is_of(top->flags, AP_WINDOW_EPOCH(b->thread->window));
}

static inline void settle(struct ap_batch *b, uint64_t now)
{
	if (!is_settled(b))
		settle_now(b, now);
}

/* The innermost frame that is not of a window; NULL: there is none. */
static const struct ap_frame *recorded_below(const struct ap_batch *b)
{
	uint32_t at = ap_batch_timed(b);
	while (at > 0 && b->frames[at - 1].flags & AP_FRAME_SAMPLE)
		at--;
	return at ? &b->frames[at - 1] : NULL;
}

static bool same_function(const struct ap_frame *frame, uint64_t word)
{
	return !((frame->word ^ word) & AP_EVENT_FUNCTION_MASK);
}

/* Whose call is not hidden between windows is below the last of its kind; @mark tells it from calls without gates. */
static void place(struct ap_batch *b, const struct ap_frame *parent, uint64_t mark,
		  struct ap_frame *frame)
{
	const uint64_t address = ap_event_address(frame->word);
	if (!parent || parent->flags & AP_FRAME_INHERITED) {
		frame->node = ap_node_child(b->c, parent ? parent->node : (uint32_t)AP_ID_ROOT,
					    address | mark, b->last);
	} else if (same_function(parent, frame->word)) {
		frame->node = parent->node;
		frame->flags |= AP_FRAME_INNER;
	} else if (parent == top_of(b)) {
		frame->node = ap_batch_child(b, frame->word & AP_EVENT_FUNCTION_MASK)->node;
	} else {
		frame->node = ap_node_child(b->c, parent->node, address, b->last);
	}
}

static void enter(struct ap_batch *b, const struct ap_event *event, uint64_t now)
{
	const uint32_t group = AP_WINDOW_GROUP(b->thread->window);
	struct ap_frame frame = {
		.word = event->word,
		.start = now,
		.stack = (uint16_t)(event->time >> 48),
		.flags = (uint16_t)thin_flags(b),
	};
	if (top_of(b) && !ap_batch_top_alive(b, event)) {
		ap_batch_resync(b, event, now);
		settle(b, now);
	}
	if (b->depth >= b->frames_max && !ap_batch_room(b, event->word & AP_EVENT_FUNCTION_MASK))
		return;
	const bool demoted = is_demoted(b, event);
	if (demoted && group) {
		frame.flags |= (uint16_t)(AP_FRAME_SAMPLE | group << AP_FRAME_GROUP_SHIFT);
		place(b, top_of(b), AP_NODE_GROUP(group), &frame);
	} else { /* demoted by the slow path of this very event: its exit will not be recorded */
		frame.flags |= demoted ? AP_FRAME_DEMOTED : 0;
		place(b, recorded_below(b), thin_mark(b), &frame);
	}
	push(b, &frame);
}

/* Frames above @keep are gone. */
static void drop_to(struct ap_batch *b, uint32_t keep, uint64_t now)
{
	if (b->depth > keep)
		ap_batch_drop(b, keep, now);
}

/* A call that was only counted was under way when the window began: the time since then that seemed its caller's was
 * its own. */
static void end_of_hidden(struct ap_batch *b, const struct ap_event *event, uint64_t now)
{
	uint32_t at = ap_batch_timed(b);
	b->shard->at_gates++;
	while (at > 0 && b->frames[at - 1].flags & AP_FRAME_SAMPLE &&
	       !(b->frames[at - 1].flags & AP_FRAME_PART))
		at--;
	if (at == 0 || !(b->frames[at - 1].flags & AP_FRAME_SAMPLE))
		return;
	drop_to(b, at, now);
	struct ap_frame *part = &b->frames[at - 1];
	if (same_function(part, event->word))
		return; /* direct recursion stays in its node */
	struct ap_frame call = *part;
	const uint64_t total = since(b, part->start, now);
	call.node = ap_node_child(b->c, part->node, ap_event_address(event->word), b->last);
	call.flags = 0;
	part->start = now;
	part->child_ticks = 0;
	add_time(ap_batch_stat(b, call.node), &call, total);
	if (at > 1)
		b->frames[at - 2].child_ticks += total;
}

/* Is it the exit of the call at @at - 1, and not that of one that was only counted? In windows all are recorded. */
static bool is_exit_of(const struct ap_batch *b, uint32_t at, const struct ap_event *event,
		       const struct ap_gate *gate)
{
	const struct ap_frame *frame = &b->frames[at - 1];
	if (!is_call_of(frame, event->word) || !gate || frame->flags & AP_FRAME_SAMPLE)
		return is_call_of(frame, event->word);
	const uint32_t exit = ap_event_stack(event->word, event->time);
	return ap_gate_exit_fits(gate, (exit - ap_frame_stack(frame)) & 0x7ffffu,
				 !((frame->word ^ event->word) & AP_EVENT_SITE_MASK),
				 at == b->depth);
}

/* Frames of demoted functions are looked for in the window only: below may be another call of the same one.
 * Return: its place + 1; 0: none. */
static uint32_t frame_of(const struct ap_batch *b, const struct ap_event *event,
			 const struct ap_gate *gate)
{
	const bool demoted = gate && ap_gate_hides(gate, ap_event_stack(event->word, event->time));
	for (uint32_t at = b->depth; at > 0; at--) {
		if (is_exit_of(b, at, event, gate))
			return at;
		if (demoted && !(b->frames[at - 1].flags & (AP_FRAME_SAMPLE | AP_FRAME_PART)))
			return 0;
	}
	return 0;
}

static void leave(struct ap_batch *b, const struct ap_event *event, uint64_t now)
{
	if (b->depth > b->frames_max) {
		b->depth--;
		return;
	}
	const struct ap_gate *gate = ap_gate_of(b->gates, ap_event_address(event->word));
	const uint32_t at = top_of(b) && is_exit_of(b, b->depth, event, gate)
				    ? b->depth
				    : frame_of(b, event, gate);
	if (at) {
		drop_to(b, at, now);
		if (b->frames[at - 1].flags & AP_FRAME_RARE)
			ap_thin_close(b, at, now);
		else
			ap_batch_close(b, at, now);
		b->depth = at - 1;
		b->node = ap_batch_node_below(b, b->depth);
	} else if (gate) {
		end_of_hidden(b, event, now);
	} else if (b->depth == 0 && b->c->header->pauses_n) {
		b->shard->while_stopped++;
	} else {
		b->thread->unmatched_exits++;
	}
}

/* A stretch without events in a window: the reader will tell whether it was an interruption, from how many there are. Here
 * the time stays in that of the caller that was recorded. */
static AP_COLD void leave_out(struct ap_batch *b, uint64_t ticks)
{
	if (!(top_of(b)->flags & AP_FRAME_SAMPLE))
		return;
	struct ap_node_stat *stat = ap_batch_stat(b, top_of(b)->node);
	stat->leaf_calls++;
	stat->leaf_ticks += ticks;
	for (uint32_t at = b->depth; at > 0 && b->frames[at - 1].flags & AP_FRAME_SAMPLE; at--)
		b->frames[at - 1].start += ticks;
}

static void fold_event(struct ap_batch *b, const struct ap_event *event)
{
	const uint64_t time = ap_batch_time(b, event);
	const uint64_t ahead = time - b->last;
	if (AP_UNLIKELY(ahead >= b->stretch) && top_of(b) && !ap_event_is_gap(event->word))
		leave_out(b, ahead);
	switch (ap_event_kind(event->word)) {
	case AP_EVENT_ENTER:
		b->last = time;
		enter(b, event, time - b->gap);
		break;
	case AP_EVENT_EXIT:
		b->last = time;
		leave(b, event, time - b->gap);
		break;
	default:
		ap_batch_special(b, event, time);
		break;
	}
}

uint32_t ap_thin_run(struct ap_batch *b, const struct ap_event *events, uint32_t from, uint32_t n,
		     uint64_t lap, uint64_t position)
{
	uint32_t i = from;
	for (;;) { /* settled before each event, so that a step of an event is but its own */
		settle(b, b->last - b->gap);
		if (i >= n || (events[i].word & AP_EVENT_LAP_MASK) != lap)
			break;
		fold_event(b, &events[i++]);
		ap_batch_at(b, position + i);
	}
	b->thread->last_ticks = b->last;
	return i;
}
