/* SPDX-License-Identifier: MIT */
/* tests/model/machine.c - hook, slow path and ring of the model; see machine.h.
 *
 * Why it is safe for a handler to interrupt it anywhere:
 *  - the hook reserves, reads the lap, and then asks whether the slot lies in the chunk in use: if a handler
 *    went on in another chunk meanwhile, it does not; if not, the lap is that of the slot;
 *  - from the reservation on the slot is a hole until its word is stored, and no fold passes a hole before
 *    many chunks wait behind it, so the chunk is not used again;
 *  - a hook whose slot lies elsewhere takes the slow path and tells it the slot, which is used if it is good;
 *  - a slow path closes the ring (end 0) before it changes anything, and opens it by its last store. */
#include "tests/model/machine.h"

#include <string.h>

static bool is_slot(const struct machine *m, uint64_t address)
{
	for (uint32_t i = 0; i < m->made_n; i++) {
		if (address >= m->made[i].start && address < m->made[i].end)
			return true;
	}
	return false;
}

static void store_event(struct machine *m, struct ap_event *slot, uint64_t word, uint64_t time)
{
	if (!is_slot(m, (uint64_t)(uintptr_t)slot)) {
		m->wild = true;
		return;
	}
	if (machine_flaw(m, FLAW_WORD0_FIRST)) {
		slot->word = word;
		machine_step(m, "slot: word 0");
		slot->time = time;
		return;
	}
	slot->time = time;
	machine_step(m, "slot: word 1");
	slot->word = word;
}

static uint64_t with_lap(uint64_t word, uint64_t lap)
{
	return word | (lap & 3u) << AP_EVENT_LAP_SHIFT;
}

static uint64_t reserve(struct machine *m, struct ap_thread *thread, struct machine_event *event)
{
	const uint64_t slot = thread->cursor;

	thread->cursor += sizeof(struct ap_event);
	m->observer->reserved(m->observer->context, event->id);
	machine_step(m, "cursor");
	return slot;
}

static void fill(struct machine *m, uint64_t slot, struct machine_event *event, uint64_t lap)
{
	m->observer->storing(m->observer->context, event->id);
	store_event(m, (struct ap_event *)(uintptr_t)slot, with_lap(event->word, lap), event->time);
	m->observer->stored(m->observer->context, event->id);
	machine_step(m, "slot: word 0, valid");
}

static void drop(struct machine *m, struct machine_event *event, enum ap_drop why)
{
	m->spool->header.dropped[why]++;
	m->observer->dropped(m->observer->context, event->id, why);
	machine_step(m, "dropped");
}

/* --- slow path ------------------------------------------------------------------------------------- */

static struct ap_chunk *chunk_take(struct machine *m, uint32_t slots)
{
	struct machine_control *c = &m->control;
	struct ap_spool_header *h = &m->spool->header;

	if (c->spare && ((struct ap_chunk *)machine_at(m->spool, c->spare))->slots == slots) {
		struct ap_chunk *chunk = machine_at(m->spool, c->spare);
		c->spare = chunk->next;
		machine_step(m, "spare chunk taken");
		return chunk;
	}
	if (c->chunks >= m->config->chunks || m->made_n == MACHINE_CHUNKS_MOST)
		return NULL;
	struct ap_chunk *chunk = (struct ap_chunk *)(m->spool->heap + h->alloc_next);
	h->alloc_next += (sizeof *chunk + slots * sizeof(struct ap_event) + 63) & ~63ull;
	c->chunks++;
	machine_step(m, "chunk allocated");
	chunk->slots = slots;
	m->made[m->made_n++] =
		(struct machine_range){machine_chunk_start(chunk), machine_chunk_end(chunk)};
	return chunk;
}

static uint32_t next_lap(const struct ap_chunk *chunk)
{
	return AP_CHUNK_LAP(chunk->lap_base) % 3 + 1;
}

/* All of it is folded: the same slots under the next lap. The cursor first: a reader in between then
 * finds nothing reserved and the position beyond, which is the truth. */
static void recycle(struct machine *m, struct ap_chunk *chunk)
{
	struct ap_thread *thread = m->control.thread;
	const uint64_t base = AP_CHUNK_BASE(chunk->lap_base) + chunk->slots;
	const uint64_t lap_base = AP_CHUNK_LAP_BASE(next_lap(chunk), base);

	if (machine_flaw(m, FLAW_LAP_BEFORE_CURSOR)) {
		chunk->lap_base = lap_base;
		machine_step(m, "lap and base");
	}
	thread->cursor = machine_chunk_start(chunk);
	machine_step(m, "cursor to the start");
	chunk->lap_base = lap_base;
	machine_step(m, "lap and base");
}

/* The cursor first: outside of the last chunk it means that the last chunk is full. */
static bool append(struct machine *m, struct ap_chunk *last, uint32_t slots)
{
	struct ap_thread *thread = m->control.thread;
	struct ap_chunk *chunk = chunk_take(m, slots);

	if (!chunk)
		return false;
	chunk->next = 0;
	chunk->lap_base =
		AP_CHUNK_LAP_BASE(next_lap(chunk), AP_CHUNK_BASE(last->lap_base) + last->slots);
	last->next = machine_ref(m->spool, chunk);
	machine_step(m, "next chunk");
	if (machine_flaw(m, FLAW_LAST_BEFORE_CURSOR)) {
		thread->last_chunk = last->next;
		machine_step(m, "last chunk");
	}
	thread->cursor = machine_chunk_start(chunk);
	machine_step(m, "cursor into the next chunk");
	thread->last_chunk = last->next;
	machine_step(m, "last chunk");
	return true;
}

static bool create(struct machine *m)
{
	struct ap_thread *thread = &m->spool->thread;
	struct ap_chunk *chunk = chunk_take(m, m->config->slots);

	if (!chunk)
		return false;
	chunk->next = 0;
	chunk->lap_base = AP_CHUNK_LAP_BASE(1, 0);
	thread->tid = MACHINE_TID;
	thread->frames = machine_ref(m->spool, m->spool->frames);
	thread->frames_max = MACHINE_FRAMES;
	thread->first_chunk = thread->last_chunk = machine_ref(m->spool, chunk);
	thread->cursor = machine_chunk_start(chunk);
	machine_step(m, "thread prepared");
	thread->state = AP_THREAD_LIVE;
	machine_step(m, "thread live");
	m->control.thread = thread;
	machine_step(m, "control: thread");
	return true;
}

static bool shard_acquire(struct machine *m)
{
	struct ap_shard *shard = &m->spool->shard;
	if (m->busy) {
		m->busy--;
		return false;
	}
	if (shard->owner != 0 && shard->owner != MACHINE_TID)
		return false;
	shard->owner = MACHINE_TID;
	machine_step(m, "shard taken");
	return true;
}

static void shard_release(struct machine *m)
{
	m->spool->shard.owner = 0;
	machine_step(m, "shard released");
}

static bool try_fold(struct machine *m, bool tear)
{
	if (!shard_acquire(m))
		return false;
	const bool all = machine_fold(m, m->spool, tear) == FOLD_ALL;
	shard_release(m);
	return all;
}

/* Is this slot handed out, not passed by the fold, and open? */
static bool is_open(const struct machine *m, struct ap_chunk *chunk, uint64_t slot)
{
	const struct ap_thread *thread = m->control.thread;
	const uint64_t at = (slot - machine_chunk_start(chunk)) / sizeof(struct ap_event);
	const bool last = machine_ref(m->spool, chunk) == thread->last_chunk;
	const uint64_t position =
		machine_position(thread, machine_at(m->spool, thread->first_chunk));

	return AP_CHUNK_BASE(chunk->lap_base) + at >= position &&
	       (!last || at < machine_reserved(thread, chunk)) &&
	       ap_event_lap(machine_slots(chunk)[at].word) != AP_CHUNK_LAP(chunk->lap_base);
}

/* The event's own slot, when it lies in a chunk of ours. Slots from beyond the end of a chunk that was full
 * lie in nobody's, or in one of somebody else's: then they are not open. */
static bool fill_own_slot(struct machine *m, uint64_t slot, struct machine_event *event)
{
	const struct ap_thread *thread = m->control.thread;
	ap_ref ref = thread->first_chunk;

	if (!slot || machine_flaw(m, FLAW_SLOT_FORGOTTEN))
		return false;
	for (;;) {
		struct ap_chunk *chunk = machine_at(m->spool, ref);
		if (slot >= machine_chunk_start(chunk) && slot < machine_chunk_end(chunk)) {
			if (!is_open(m, chunk, slot))
				return false;
			fill(m, slot, event, AP_CHUNK_LAP(chunk->lap_base));
			return true;
		}
		if (ref == thread->last_chunk)
			return false;
		ref = chunk->next;
	}
}

/* Is there room already? A handler may have made it, before signals were blocked. */
static bool has_room(struct machine *m, struct ap_chunk *last)
{
	const struct ap_thread *thread = m->control.thread;
	const struct ap_chunk *first = machine_at(m->spool, thread->first_chunk);
	return thread->cursor >= machine_chunk_start(last) &&
	       thread->cursor < machine_chunk_end(last) &&
	       machine_position(thread, first) < AP_CHUNK_BASE(last->lap_base) + last->slots;
}

/* The event, and the time of the slow path if there is room for it. Stored after they are reserved: a word
 * that is valid before its slot is handed out would be taken for the next owner's. */
static bool store_with_gap(struct machine *m, struct ap_chunk *last, struct machine_event *event)
{
	struct ap_thread *thread = m->control.thread;
	const uint64_t lap = AP_CHUNK_LAP(last->lap_base);
	uint64_t slot = reserve(m, thread, event);

	if (slot >= machine_chunk_end(last))
		return false;
	fill(m, slot, event, lap);
	if (thread->cursor >= machine_chunk_end(last))
		return true;
	m->now += 16;
	const uint64_t spent =
		(m->now - (event->time & AP_EVENT_TIME_MASK)) >> AP_SPECIAL_UNIT_SHIFT;
	struct machine_event gap = {.word = ap_special_make_word(AP_SPECIAL_GAP, spent, 0),
				    .time = ap_event_make_time(m->now, event->stack_pointer)};
	gap.id = m->observer->gap(m->observer->context, &gap);
	slot = reserve(m, thread, &gap);
	if (slot < machine_chunk_end(last))
		fill(m, slot, &gap, lap);
	return true;
}

static void open_ring(struct machine *m)
{
	struct machine_control *c = &m->control;
	struct ap_chunk *last = machine_at(m->spool, c->thread->last_chunk);

	c->lap = AP_CHUNK_LAP(last->lap_base);
	machine_step(m, "ring: lap");
	c->bytes = last->slots * sizeof(struct ap_event);
	machine_step(m, "ring: bytes");
	c->end = machine_chunk_end(last);
	machine_step(m, "ring open");
}

/* Return: is there room in the last chunk? */
static bool refill(struct machine *m, struct ap_chunk *last)
{
	struct ap_thread *thread = m->control.thread;
	const bool was_closed = m->control.end == 0 && !machine_flaw(m, FLAW_REUSED_AFTER_DEATH);
	uint32_t slots = last->slots;

	if (!machine_flaw(m, FLAW_RING_NOT_CLOSED))
		m->control.end = 0;
	machine_step(m, "ring closed");
	/* Hooks that were left for good moved it beyond: it must not wander into the next chunk's slots. */
	thread->cursor = machine_chunk_end(last);
	machine_step(m, "cursor at the end");
	const bool all = try_fold(m, thread->first_chunk != thread->last_chunk) ||
			 machine_flaw(m, FLAW_RECYCLE_WITH_HOLE);
	if (all && slots * 2 <= m->config->slots_most)
		slots *= 2;
	/* Left closed by a death in here, maybe between cursor and lap: a hook that reserved since then must not
	 * find its slot in the chunk in use. */
	if ((slots > last->slots || was_closed) && append(m, last, slots))
		return true;
	if (all) {
		recycle(m, last);
		return true;
	}
	if (append(m, last, last->slots))
		return true;
	return false;
}

static void slow(struct machine *m, uint64_t slot, struct machine_event *event)
{
	if (!m->control.thread && !create(m)) {
		drop(m, event, AP_DROP_NO_MEMORY);
		return;
	}
	struct ap_thread *thread = m->control.thread;
	if (fill_own_slot(m, slot, event))
		return;
	struct ap_chunk *last = machine_at(m->spool, thread->last_chunk);
	if (!has_room(m, last) && !refill(m, last)) {
		drop(m, event,
		     AP_DROP_NO_MEMORY); /* the ring stays closed: the chunk is full anyway */
		return;
	}
	last = machine_at(m->spool, thread->last_chunk);
	if (!store_with_gap(m, last, event))
		drop(m, event,
		     AP_DROP_NESTED); /* handlers took all the room that was made for it */
	open_ring(m);
}

static void slow_nested(struct machine *m, uint64_t slot, struct machine_event *event)
{
	struct ap_thread *thread = m->control.thread;
	if (slot && !machine_flaw(m, FLAW_NOT_GIVEN_BACK)) {
		thread->cursor -= sizeof(struct ap_event);
		machine_step(m, "slot given back");
	}
	drop(m, event, AP_DROP_NESTED);
}

static void slow_enter(struct machine *m, uint64_t slot, struct machine_event *event)
{
	machine_step(m, "slow path");
	if (!m->config->signals_open) {
		m->blocked = true;
		slow(m, slot, event);
		m->blocked = false;
		machine_step(m, "signals restored");
		return;
	}
	if (m->control.slow_sp && event->stack_pointer < m->control.slow_sp) {
		slow_nested(m, slot, event);
		return;
	}
	m->control.slow_sp = event->stack_pointer;
	machine_step(m, "guard set");
	slow(m, slot, event);
	m->control.slow_sp = 0;
	machine_step(m, "guard cleared");
}

/* --- hook ------------------------------------------------------------------------------------------ */

/* Return: is @slot one of the chunk in use? Then @ret_lap is its lap. Chunks never become smaller: an older size
 * before a newer end is a part of the newer chunk. */
static bool takes(struct machine *m, uint64_t slot, uint64_t *ret_lap)
{
	const struct machine_control *c = &m->control;

	if (machine_flaw(m, FLAW_UPPER_END_ONLY)) {
		const bool below = slot < c->end;
		machine_step(m, "end read");
		*ret_lap = c->lap;
		return below;
	}
	*ret_lap = c->lap;
	machine_step(m, "lap read");
	uint64_t bytes = c->bytes;
	machine_step(m, "bytes read");
	const uint64_t end = c->end;
	if (machine_flaw(m, FLAW_BYTES_AFTER_END)) {
		machine_step(m, "end read");
		bytes = c->bytes;
	}
	return end - slot - 1 < bytes;
}

void machine_hook(struct machine *m, struct machine_event *event)
{
	uint64_t lap;

	m->now += 16;
	event->time = ap_event_make_time(m->now, event->stack_pointer);
	machine_step(m, "stamp");
	struct ap_thread *thread = m->control.thread;
	machine_step(m, "thread read");
	if (!thread) {
		slow_enter(m, 0, event);
		return;
	}
	const uint64_t slot = reserve(m, thread, event);
	if (!takes(m, slot, &lap)) {
		slow_enter(m, slot, event);
		return;
	}
	machine_step(m, "slot accepted");
	fill(m, slot, event, lap);
}

/* --- life ------------------------------------------------------------------------------------------ */

void machine_start(struct machine *m, const struct machine_config *config,
		   const struct machine_observer *observer, struct machine_spool *spool,
		   uint64_t now)
{
	memset(spool->heap, 0, spool->header.alloc_next);
	memset(&spool->header, 0, sizeof spool->header);
	memset(&spool->thread, 0, sizeof spool->thread);
	memset(&spool->shard, 0, sizeof spool->shard);
	spool->header.nodes = AP_ID_FIRST;
	memset(m, 0, sizeof *m);
	m->config = config;
	m->observer = observer;
	m->spool = spool;
	m->now = now;
}

void machine_flush(struct machine *m, uint64_t stack_pointer)
{
	struct ap_thread *thread = m->control.thread;
	const bool was_blocked = m->blocked;

	if (!thread || (m->control.slow_sp && stack_pointer < m->control.slow_sp))
		return;
	m->blocked = true;
	m->control.slow_sp = stack_pointer;
	try_fold(m, false);
	m->control.slow_sp = 0;
	m->blocked = was_blocked;
}

static void inherit(struct machine *m, const struct machine_spool *parent)
{
	const uint32_t depth = AP_FOLD_DEPTH(parent->thread.fold);
	for (uint32_t i = 0; i < depth && i < MACHINE_FRAMES; i++) {
		struct ap_frame *frame = &m->spool->frames[i];
		uint32_t node = parent->frames[i].node;
		*frame = parent->frames[i];
		frame->flags |= AP_FRAME_INHERITED;
		frame->start = m->now;
		frame->child_ticks = 0;
		m->spool->nodes[node] = parent->nodes[node];
		memset(&m->spool->stats[node], 0, sizeof m->spool->stats[node]);
	}
	m->spool->header.nodes = parent->header.nodes;
	memcpy(m->spool->nodes, parent->nodes, sizeof parent->nodes);
	memset(m->spool->stats, 0, sizeof m->spool->stats);
	m->spool->thread.fold = AP_FOLD(depth, 0, 0);
	m->spool->thread.inherited = depth;
}

void machine_fork(struct machine *m, struct machine_spool *spool)
{
	const struct machine before = *m;

	machine_start(m, before.config, before.observer, spool, before.now);
	/* A hook that the fork interrupted may still store into a slot of its parent's. */
	memcpy(m->made, before.made, sizeof m->made);
	m->made_n = before.made_n;
	inherit(m, before.spool);
}

void machine_unwound(struct machine *m, uint64_t stack_pointer)
{
	if (m->control.slow_sp < stack_pointer)
		m->control.slow_sp = 0;
	m->blocked = false;
}

void machine_died(struct machine *m)
{
	m->blocked = false;
}
