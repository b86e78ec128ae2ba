/* SPDX-License-Identifier: MIT */
/* profile/fold_thin.c - events of a thread with gates, by the rules of runtime/fold_thin.c. */
#include "profile/folding.h"
#include "profile/model.h"

static const struct ap_gate *gate_of(const struct ap_fold *fold, uint64_t address)
{
	const uint32_t i = fold->gates ? ap_gate_find(fold->gates->gate, address) : AP_GATES;

	return i < AP_GATES ? &fold->gates->gate[i] : NULL;
}

static bool is_demoted(const struct ap_fold *fold, const struct ap_event *event)
{
	const struct ap_gate *gate = gate_of(fold, ap_event_address(event->word));
	return gate && ap_gate_hides(gate, ap_event_stack(event->word, event->time));
}

static bool same_function(const struct ap_frame *frame, uint64_t word)
{
	return ap_function_bits(frame->word) == ap_function_bits(word);
}

static void cut_top(struct ap_reader *r, struct ap_fold *fold, uint64_t now)
{
	const struct ap_frame *frame = &fold->stack.frames[--fold->stack.frames_n];
	const uint64_t total = ap_fold_since(r, frame->start, now);
	struct ap_frame *parent = ap_fold_top(fold);

	ap_fold_add_time(r, frame, total);
	r->node_sums[frame->node].cut += !(frame->flags & AP_FRAME_PART);
	if (parent) {
		parent->child_ticks += total;
	}
}

static uint32_t thin_flags(const struct ap_fold *fold)
{
	return AP_FRAME_THIN | AP_WINDOW_EPOCH(fold->window) << AP_FRAME_EPOCH_SHIFT;
}

static uint32_t thin_mark(const struct ap_fold *fold)
{
	return AP_MARK_THIN + AP_MARK_EPOCH * AP_WINDOW_EPOCH(fold->window);
}

static int push_part(struct ap_reader *r, struct ap_fold *fold, uint32_t mark, uint32_t flags,
		     uint64_t now)
{
	struct ap_frame part = *ap_fold_top(fold);

	const int e = ap_model_child(r, part.node, r->profile->nodes[part.node].function, mark,
				     &part.node);
	part.start = now;
	part.child_ticks = 0;
	part.flags = (uint16_t)(flags | thin_flags(fold) | AP_FRAME_PART | AP_FRAME_INNER);
	return e < 0 ? e : ap_fold_push(fold, &part);
}

static int settle(struct ap_reader *r, struct ap_fold *fold, uint64_t now)
{
	const uint32_t group = AP_WINDOW_GROUP(fold->window);
	const uint32_t epoch = AP_WINDOW_EPOCH(fold->window);
	const struct ap_frame *top;
	int e = 0;

	while (e == 0 && !ap_fold_is_beyond(fold) && (top = ap_fold_top(fold)) != NULL) {
		const bool sample = top->flags & AP_FRAME_SAMPLE;
		if (ap_frame_is_stale(top->flags, group, epoch)) {
			cut_top(r, fold, now);
		} else if (top->flags & AP_FRAME_INHERITED || (sample && group)) {
			break;
		} else if (!ap_frame_is_of(top->flags, epoch)) {
			e = push_part(r, fold, thin_mark(fold), 0, now);
		} else if (group == 0) {
			break;
		} else {
			e = push_part(r, fold, group,
				      AP_FRAME_SAMPLE | group << AP_FRAME_GROUP_SHIFT, now);
		}
	}
	return e;
}

static const struct ap_frame *recorded_below(const struct ap_fold *fold)
{
	size_t at = fold->stack.frames_n;

	while (at > 0 && fold->stack.frames[at - 1].flags & AP_FRAME_SAMPLE) {
		at--;
	}
	return at ? &fold->stack.frames[at - 1] : NULL;
}

static int place(struct ap_reader *r, const struct ap_fold *fold, const struct ap_frame *parent,
		 uint32_t mark, struct ap_frame *frame)
{
	const bool apart = !parent || parent->flags & AP_FRAME_INHERITED;
	uint32_t function;

	if (!apart && same_function(parent, frame->word)) {
		frame->node = parent->node;
		frame->flags |= AP_FRAME_INNER;
		return 0;
	}
	const int e =
		ap_model_function(r, ap_event_address(frame->word), fold->last_ticks, &function);
	return e < 0 ? e
		     : ap_model_child(r, parent ? parent->node : AP_ID_ROOT, function,
				      apart ? mark : 0, &frame->node);
}

static int count_beyond(struct ap_reader *r, struct ap_fold *fold, uint64_t word)
{
	uint32_t function;
	const int e = ap_model_function(r, ap_event_address(word), fold->last_ticks, &function);

	if (e == 0) {
		fold->stack.beyond++;
		r->reader_counts.beyond++;
		r->function_sums[function].beyond++;
	}
	return e;
}

static int drop_gone(struct ap_reader *r, struct ap_fold *fold, const struct ap_event *event,
		     uint64_t now)
{
	int e = 0;

	while (e == 0 && fold->stack.frames_n && ap_fold_is_gone(fold, event)) {
		r->reader_counts.resyncs += !(ap_fold_top(fold)->flags & AP_FRAME_PART);
		e = ap_fold_close_unclosed(r, fold, now);
	}
	return e;
}

static int enter(struct ap_reader *r, struct ap_fold *fold, const struct ap_event *event,
		 uint64_t now)
{
	const uint32_t group = AP_WINDOW_GROUP(fold->window);
	struct ap_frame frame = {
		.word = event->word,
		.start = now,
		.stack = (uint16_t)(event->time >> 48),
		.flags = (uint16_t)thin_flags(fold),
	};

	if (ap_fold_is_beyond(fold)) {
		return count_beyond(r, fold, event->word);
	}
	int e = drop_gone(r, fold, event, now);
	e = e < 0 ? e : settle(r, fold, now);
	if (e < 0) {
		return e;
	}
	const bool demoted = is_demoted(fold, event);
	if (group && demoted) {
		frame.flags |= (uint16_t)(AP_FRAME_SAMPLE | group << AP_FRAME_GROUP_SHIFT);
		e = place(r, fold, ap_fold_top(fold), group, &frame);
	} else {
		frame.flags |= demoted ? AP_FRAME_DEMOTED : 0;
		e = place(r, fold, recorded_below(fold), thin_mark(fold), &frame);
	}
	return e < 0 ? e : ap_fold_push(fold, &frame);
}

static int drop_to(struct ap_reader *r, struct ap_fold *fold, size_t keep, uint64_t now)
{
	int e = 0;

	while (e == 0 && fold->stack.frames_n > keep) {
		e = ap_fold_close_unclosed(r, fold, now);
	}
	return e;
}

static int end_of_hidden(struct ap_reader *r, struct ap_fold *fold, const struct ap_event *event,
			 uint64_t now)
{
	const uint32_t mask = AP_FRAME_SAMPLE | AP_FRAME_PART;
	size_t at = fold->stack.frames_n;
	uint32_t function;

	r->reader_counts.at_gates++;
	while (at > 0 && (fold->stack.frames[at - 1].flags & mask) == AP_FRAME_SAMPLE) {
		at--;
	}
	if (at == 0 || !(fold->stack.frames[at - 1].flags & AP_FRAME_SAMPLE)) {
		return 0;
	}
	int e = drop_to(r, fold, at, now);
	struct ap_frame *part = &fold->stack.frames[at - 1];
	if (e < 0 || same_function(part, event->word)) {
		return e; /* direct recursion stays in its node */
	}
	struct ap_frame call = *part;
	const uint64_t total = ap_fold_since(r, part->start, now);
	call.flags = 0;
	part->start = now;
	part->child_ticks = 0;
	if (at > 1) {
		fold->stack.frames[at - 2].child_ticks += total;
	}
	e = e < 0 ? e
		  : ap_model_function(r, ap_event_address(event->word), fold->last_ticks,
				      &function);
	e = e < 0 ? e : ap_model_child(r, call.node, function, 0, &call.node);
	if (e == 0) {
		ap_fold_add_time(r, &call, total);
	}
	return e;
}

/* Is it the exit of the call at @at - 1, and not that of one that was only counted? In windows all are recorded. */
static bool is_exit_of(const struct ap_fold *fold, size_t at, const struct ap_event *event,
		       const struct ap_gate *gate)
{
	const struct ap_frame *frame = &fold->stack.frames[at - 1];
	const bool same = !(frame->flags & AP_FRAME_PART) && same_function(frame, event->word);

	if (!same || !gate || frame->flags & AP_FRAME_SAMPLE) {
		return same;
	}
	const uint32_t exit = ap_event_stack(event->word, event->time);
	const uint32_t enter = ap_event_stack(frame->word, (uint64_t)frame->stack << 48);
	return ap_gate_exit_fits(gate, (exit - enter) & 0x7ffffu,
				 ap_event_site(frame->word) == ap_event_site(event->word),
				 at == fold->stack.frames_n);
}

static size_t frame_of(const struct ap_fold *fold, const struct ap_event *event,
		       const struct ap_gate *gate)
{
	const bool demoted = gate && ap_gate_hides(gate, ap_event_stack(event->word, event->time));

	for (size_t at = fold->stack.frames_n; at > 0; at--) {
		if (is_exit_of(fold, at, event, gate)) {
			return at;
		}
		if (demoted &&
		    !(fold->stack.frames[at - 1].flags & (AP_FRAME_SAMPLE | AP_FRAME_PART))) {
			return 0;
		}
	}
	return 0;
}

static int leave(struct ap_reader *r, struct ap_fold *fold, const struct ap_event *event,
		 uint64_t now)
{
	if (fold->stack.beyond) {
		fold->stack.beyond--;
		return 0;
	}
	const struct ap_gate *gate = gate_of(fold, ap_event_address(event->word));
	const size_t at = frame_of(fold, event, gate);
	if (at) {
		const int e = drop_to(r, fold, at, now);
		return e < 0 ? e : ap_fold_close_top(r, fold, now);
	}
	if (gate) {
		return end_of_hidden(r, fold, event, now);
	}
	if (fold->stack.frames_n == 0 && r->hdr.pauses_n) {
		r->reader_counts.while_stopped++;
	} else {
		r->reader_counts.unmatched_exits++;
	}
	return 0;
}

static void leave_out(struct ap_reader *r, struct ap_fold *fold, uint64_t ticks)
{
	const struct ap_frame *top = ap_fold_top(fold);

	if (!top || !(top->flags & AP_FRAME_SAMPLE)) {
		return;
	}
	r->node_sums[top->node].stretches++;
	r->node_sums[top->node].stretch_ticks += ticks;
	for (size_t at = fold->stack.frames_n;
	     at > 0 && fold->stack.frames[at - 1].flags & AP_FRAME_SAMPLE; at--) {
		fold->stack.frames[at - 1].start += ticks;
	}
}

int ap_fold_thin(struct ap_reader *r, struct ap_fold *fold, const struct ap_event *event,
		 uint64_t ahead)
{
	uint64_t now = fold->last_ticks - fold->gap_ticks;
	int e = settle(r, fold, now - ahead); /* as of the event before */

	if (e < 0) {
		return e;
	}
	if (ahead >= ap_window_stretch(r->hdr.ticks_per_s) && !ap_event_is_gap(event->word)) {
		leave_out(r, fold, ahead);
	}
	switch (ap_event_kind(event->word)) {
	case AP_EVENT_ENTER:
		e = enter(r, fold, event, now);
		break;
	case AP_EVENT_EXIT:
		e = leave(r, fold, event, now);
		break;
	default:
		e = ap_fold_special(r, fold, event->word);
		now = fold->last_ticks - fold->gap_ticks;
		break;
	}
	return e < 0 ? e : settle(r, fold, now);
}
