/* SPDX-License-Identifier: MIT */
/* tests/model/machine_fold.c - the fold of the model: events into frames and counters, one store at a time.
 *
 * An event's last store is thread.fold, which holds depth, gap and position in one word: a fold that was
 * cut short is resumed at that event. Frames and gaps are written where the word does not point yet, so
 * they come out exact; counters may have counted that one event already. */
#include "tests/model/machine.h"

#include <string.h>

struct fold {
	struct machine *m;
	struct machine_spool *spool;
	struct ap_thread *thread;
	uint64_t position;
	uint64_t now; /* effective time of the event at hand, gaps included */
};

static void add(struct fold *f, uint64_t *counter, uint64_t value, const char *what)
{
	*counter += value;
	machine_step(f->m, what);
}

static void commit_but(struct fold *f, uint32_t depth, uint32_t gap, uint64_t position,
		       enum machine_doubt doubt)
{
	const uint64_t word = AP_FOLD(depth, gap, position);
	f->position = position;
	f->m->midway = doubt;
	if (machine_flaw(f->m, FLAW_POSITION_PER_BATCH)) {
		f->m->batch_fold = word;
		f->thread->fold = AP_FOLD(depth, gap, AP_FOLD_POSITION(f->thread->fold));
		return;
	}
	f->thread->fold = word;
	machine_step(f->m, "fold: position");
}

static void commit(struct fold *f, uint32_t depth, uint32_t gap, uint64_t position)
{
	commit_but(f, depth, gap, position, DOUBT_NONE);
}

static uint32_t depth_of(const struct fold *f)
{
	return AP_FOLD_DEPTH(f->thread->fold);
}

static uint32_t gap_of(const struct fold *f)
{
	return AP_FOLD_GAP(f->thread->fold);
}

static uint64_t virtual_now(const struct fold *f)
{
	return f->now - f->thread->gap_ticks[gap_of(f)];
}

static uint64_t difference(struct fold *f, uint64_t to, uint64_t from)
{
	if (to >= from)
		return to - from;
	f->thread->clamps++;
	return 0;
}

static void at_time_of(struct fold *f, const struct ap_event *event)
{
	const uint64_t time = ap_event_time(event->time, f->thread->last_ticks);
	f->now = time;
	if (time < f->thread->last_ticks && !machine_flaw(f->m, FLAW_TIME_STEPS_BACK))
		f->now = f->thread->last_ticks;
}

static void keep_time(struct fold *f)
{
	f->thread->last_ticks = f->now;
	machine_step(f->m, "fold: time");
}

/* --- nodes ----------------------------------------------------------------------------------------- */

static uint32_t node_of(struct fold *f, uint32_t parent, uint64_t address)
{
	struct machine_spool *s = f->spool;
	if (s->nodes[parent].address == address && parent >= AP_ID_FIRST)
		return parent; /* direct recursion */
	for (uint32_t i = AP_ID_FIRST; i < s->header.nodes; i++) {
		if (s->nodes[i].parent == parent && s->nodes[i].address == address)
			return i;
	}
	if (s->header.nodes == MACHINE_NODES)
		return AP_ID_DEEPER;
	const uint32_t id = s->header.nodes;
	s->nodes[id] = (struct ap_node){.address = address, .parent = parent};
	memset(&s->stats[id], 0, sizeof s->stats[id]);
	s->header.nodes++;
	machine_step(f->m, "fold: node");
	return id;
}

static uint32_t top_node(const struct fold *f)
{
	const uint32_t depth = depth_of(f);
	return depth ? f->spool->frames[depth - 1].node : AP_ID_ROOT;
}

/* --- frames ---------------------------------------------------------------------------------------- */

static void close_top(struct fold *f, bool by_exit)
{
	const uint32_t depth = depth_of(f);
	struct ap_frame *frame = &f->spool->frames[depth - 1];
	struct ap_node_stat *stat = &f->spool->stats[frame->node];
	const uint64_t total = difference(f, virtual_now(f), frame->start);

	f->m->midway = DOUBT_CALL;
	if (!(frame->flags & AP_FRAME_INHERITED))
		add(f, &stat->calls, 1, "fold: calls");
	add(f, &stat->total_ticks, total, "fold: total");
	if (!(frame->flags & AP_FRAME_INNER))
		add(f, &stat->outer_ticks, total, "fold: outer");
	add(f, &stat->self_ticks, difference(f, total, frame->child_ticks), "fold: self");
	if (depth > 1)
		add(f, &frame[-1].child_ticks, total, "fold: child");
	if (!by_exit)
		add(f, &f->thread->unclosed, 1, "fold: unclosed");
	keep_time(f);
	commit(f, depth - 1, gap_of(f), f->position + by_exit);
}

static bool top_is_gone(const struct fold *f, uint32_t stack, uint32_t site)
{
	const uint32_t depth = depth_of(f);
	if (!depth)
		return false;
	const struct ap_frame *frame = &f->spool->frames[depth - 1];
	const uint32_t frame_stack =
		(uint32_t)((frame->word & AP_EVENT_STACK_TOP_MASK) >> AP_EVENT_STACK_TOP_SHIFT)
			<< 16 |
		frame->stack;
	return ap_frame_verdict(frame_stack, ap_event_site(frame->word), stack, site) ==
	       AP_FRAME_GONE;
}

static uint32_t top_site(const struct fold *f)
{
	const uint32_t depth = depth_of(f);
	return depth ? ap_event_site(f->spool->frames[depth - 1].word) : 0;
}

static void close_gone_at_enter(struct fold *f, const struct ap_event *event)
{
	const uint32_t stack = ap_event_stack(event->word, event->time);
	while (top_is_gone(f, stack, ap_event_site(event->word))) {
		f->thread->resyncs++;
		close_top(f, false);
	}
}

static void push(struct fold *f, const struct ap_event *event, uint32_t node)
{
	const uint32_t depth = depth_of(f);
	struct ap_frame *frame = &f->spool->frames[depth];

	if (machine_flaw(f->m, FLAW_FOLD_BEFORE_FRAME))
		commit(f, depth + 1, gap_of(f), f->position + 1);
	frame->word = event->word;
	machine_step(f->m, "fold: frame word");
	frame->start = virtual_now(f);
	machine_step(f->m, "fold: frame start");
	frame->child_ticks = 0;
	frame->stack = (uint16_t)(event->time >> 48);
	frame->flags = node == top_node(f) ? AP_FRAME_INNER : 0;
	machine_step(f->m, "fold: frame flags");
	frame->node = node;
	keep_time(f);
	if (!machine_flaw(f->m, FLAW_FOLD_BEFORE_FRAME))
		commit(f, depth + 1, gap_of(f), f->position + 1);
}

static void fold_leaf(struct fold *f, uint32_t node, const struct ap_event *exit)
{
	const uint32_t depth = depth_of(f);
	const uint64_t start = virtual_now(f);
	struct ap_node_stat *stat = &f->spool->stats[node];

	f->thread->last_ticks = f->now;
	at_time_of(f, exit);
	const uint64_t ticks = difference(f, virtual_now(f), start);
	f->m->midway = DOUBT_CALL;
	add(f, &stat->leaf_calls, 1, "fold: leaf calls");
	add(f, &stat->leaf_ticks, ticks, "fold: leaf ticks");
	if (node == top_node(f))
		add(f, &stat->outer_ticks, 0 - ticks, "fold: leaf outer");
	if (depth)
		add(f, &f->spool->frames[depth - 1].child_ticks, ticks, "fold: child");
	keep_time(f);
	commit(f, depth, gap_of(f), f->position + 2);
}

/* --- events ---------------------------------------------------------------------------------------- */

static void fold_enter(struct fold *f, const struct ap_event *event, const struct ap_event *next)
{
	close_gone_at_enter(f, event);
	const uint32_t node = node_of(f, top_node(f), ap_event_address(event->word));
	const bool leaf = next && ap_event_kind(next->word) == AP_EVENT_EXIT &&
			  ap_event_address(next->word) == ap_event_address(event->word);
	if (leaf)
		fold_leaf(f, node, next);
	else
		push(f, event, node);
}

static void fold_exit(struct fold *f, const struct ap_event *event)
{
	const uint64_t address = ap_event_address(event->word);

	uint32_t at = depth_of(f);
	while (at && ap_event_address(f->spool->frames[at - 1].word) != address)
		at--;
	if (!at) {
		f->m->midway = DOUBT_NUMBER;
		add(f, &f->thread->unmatched_exits, 1, "fold: unmatched");
		keep_time(f);
		commit(f, depth_of(f), gap_of(f), f->position + 1);
		return;
	}
	while (depth_of(f) > at)
		close_top(f, false);
	close_top(f, true);
}

static void fold_gap(struct fold *f, const struct ap_event *event)
{
	uint64_t *gaps = f->thread->gap_ticks;
	const uint32_t gap = gap_of(f);
	const uint64_t since = f->now - f->thread->last_ticks;
	uint64_t spent = ap_special_value(event->word) << AP_SPECIAL_UNIT_SHIFT;

	/* Not more than since the event before: it counts from a stamp that a handler's calls may have overtaken. */
	if (spent > since && !machine_flaw(f->m, FLAW_GAP_FROM_STAMP))
		spent = since;
	f->m->midway = DOUBT_NUMBER;
	add(f, &f->thread->specials, 1, "fold: specials");
	if (machine_flaw(f->m, FLAW_GAP_IN_PLACE)) {
		add(f, &gaps[gap], spent, "fold: gap in place");
		commit_but(f, depth_of(f), gap, f->position + 1, DOUBT_CALL);
	} else {
		gaps[!gap] = gaps[gap] + spent;
		machine_step(f->m, "fold: gap");
		commit_but(f, depth_of(f), !gap, f->position + 1, DOUBT_CALL);
	}
	/* Not before: a gap is counted from the time of the event before, also when it is folded again. */
	keep_time(f);
	f->m->midway = DOUBT_NONE;
}

static void fold_unwind(struct fold *f, const struct ap_event *event)
{
	const uint32_t target = (uint32_t)ap_special_value(event->word) & 0x7ffffu;
	while (top_is_gone(f, target, top_site(f)))
		close_top(f, false);
	f->m->midway = DOUBT_NUMBER;
	add(f, &f->thread->specials, 1, "fold: specials");
	keep_time(f);
	commit(f, depth_of(f), gap_of(f), f->position + 1);
}

static void fold_one(struct fold *f, const struct ap_event *event, const struct ap_event *next)
{
	at_time_of(f, event);
	switch (ap_event_kind(event->word)) {
	case AP_EVENT_ENTER:
		fold_enter(f, event, next);
		break;
	case AP_EVENT_EXIT:
		fold_exit(f, event);
		break;
	case AP_EVENT_SPECIAL:
		if (ap_special_subject(event->word) == AP_SPECIAL_GAP)
			fold_gap(f, event);
		else
			fold_unwind(f, event);
		break;
	}
}

/* A late store into it must not come back to life three laps on. */
static void tear_slot(struct fold *f, struct ap_event *slot)
{
	slot->word = 0;
	machine_step(f->m, "fold: hole wiped");
	f->m->midway = DOUBT_NUMBER;
	f->thread->torn++;
	machine_step(f->m, "fold: torn");
	commit(f, depth_of(f), gap_of(f), f->position + 1);
}

static enum fold_end fold_chunk(struct fold *f, struct ap_chunk *chunk, uint32_t reserved,
				bool tear)
{
	const uint64_t base = AP_CHUNK_BASE(chunk->lap_base);
	const uint32_t lap = AP_CHUNK_LAP(chunk->lap_base);

	while (f->position < base + reserved) {
		struct ap_event *slot = machine_slots(chunk) + (f->position - base);
		const bool more = f->position + 1 < base + reserved;
		if (ap_event_lap(slot->word) == lap) {
			fold_one(f, slot,
				 more && ap_event_lap(slot[1].word) == lap ? slot + 1 : NULL);
			continue;
		}
		if (!tear)
			return FOLD_HOLE;
		tear_slot(f, slot);
	}
	return FOLD_ALL;
}

static void chunk_done(struct machine *m, struct machine_spool *spool, struct ap_chunk *chunk)
{
	spool->thread.first_chunk = chunk->next;
	machine_step(m, "first chunk");
	if (!m->observer)
		return; /* a reader */
	chunk->next = m->control.spare;
	machine_step(m, "spare: next");
	m->control.spare = machine_ref(spool, chunk);
	machine_step(m, "spare");
}

static enum fold_end fold_chunks(struct fold *f, bool tear, bool tear_last)
{
	struct ap_thread *thread = f->thread;
	for (;;) {
		struct ap_chunk *chunk = machine_at(f->spool, thread->first_chunk);
		const bool last = thread->first_chunk == thread->last_chunk;
		const uint32_t reserved = last ? machine_reserved(thread, chunk) : chunk->slots;
		const bool tears =
			(tear && !last) || tear_last || machine_flaw(f->m, FLAW_TORN_AT_ONCE);
		if (f->position < AP_CHUNK_BASE(chunk->lap_base) && f->m->observer == NULL)
			f->position = AP_CHUNK_BASE(chunk->lap_base);
		if (fold_chunk(f, chunk, reserved, tears) == FOLD_HOLE)
			return FOLD_HOLE;
		if (last)
			return FOLD_ALL;
		chunk_done(f->m, f->spool, chunk);
	}
}

static struct fold fold_begin(struct machine *m, struct machine_spool *spool)
{
	const struct ap_chunk *first = machine_at(spool, spool->thread.first_chunk);
	return (struct fold){.m = m,
			     .spool = spool,
			     .thread = &spool->thread,
			     .position = machine_position(&spool->thread, first)};
}

enum fold_end machine_fold(struct machine *m, struct machine_spool *spool, bool tear)
{
	struct fold f = fold_begin(m, spool);
	m->batch_fold = spool->thread.fold;
	const enum fold_end end = fold_chunks(&f, tear, false);
	if (machine_flaw(m, FLAW_POSITION_PER_BATCH)) {
		spool->thread.fold = m->batch_fold;
		machine_step(m, "fold: position of the batch");
	}
	return end;
}

void machine_finish(struct machine *m, struct machine_spool *spool)
{
	struct machine reader = *m;
	reader.observer = NULL;
	struct fold f = fold_begin(&reader, spool);
	fold_chunks(&f, true, true);
	if (machine_flaw(m, FLAW_POSITION_PER_BATCH))
		spool->thread.fold = reader.batch_fold;
}
