/* SPDX-License-Identifier: MIT */
/* tests/model/reader.c - see reader.h. Counts slots by itself; only the last fold is the machine's. */
#include "tests/model/reader.h"

static uint64_t frames_of(const struct machine_spool *s, bool inherited)
{
	uint64_t n = 0;
	for (uint32_t i = 0; i < AP_FOLD_DEPTH(s->thread.fold); i++)
		n += ((s->frames[i].flags & AP_FRAME_INHERITED) != 0) == inherited;
	return n;
}

static uint64_t folded_of(const struct machine_spool *s)
{
	const struct ap_thread *t = &s->thread;
	const uint64_t inherited_closed = t->inherited - frames_of(s, true);
	uint64_t folded = t->specials + t->unmatched_exits + frames_of(s, false) +
			  inherited_closed - t->unclosed;
	for (uint32_t i = AP_ID_FIRST; i < s->header.nodes; i++)
		folded += 2 * s->stats[i].leaf_calls + 2 * s->stats[i].calls;
	return folded;
}

static void count_slots(struct machine_spool *s, struct reading *r)
{
	const struct ap_thread *t = &s->thread;
	struct ap_chunk *chunk = machine_at(s, t->first_chunk);
	uint64_t at = machine_position(t, chunk);

	for (ap_ref ref = t->first_chunk;; ref = chunk->next) {
		chunk = machine_at(s, ref);
		const uint64_t base = AP_CHUNK_BASE(chunk->lap_base);
		const bool last = ref == t->last_chunk;
		const uint64_t end = last ? r->attempted : base + chunk->slots;
		for (; at < end; at++) {
			const uint64_t word = machine_slots(chunk)[at - base].word;
			if (ap_event_lap(word) == AP_CHUNK_LAP(chunk->lap_base))
				r->pending++;
			else
				r->torn++;
		}
		if (last)
			return;
	}
}

static uint64_t attempted_of(struct machine *m)
{
	struct machine_spool *s = m->spool;
	const struct ap_thread *t = &s->thread;
	struct ap_chunk *last = machine_at(s, t->last_chunk);
	const uint64_t attempted = AP_CHUNK_BASE(last->lap_base) + machine_reserved(t, last);
	const uint64_t position = machine_position(t, machine_at(s, t->first_chunk));

	if (machine_flaw(m, FLAW_NO_MAX_RULE))
		return attempted;
	return attempted > position ? attempted : position;
}

static void count_calls(const struct machine_spool *s, struct reading *r)
{
	for (uint32_t i = AP_ID_FIRST; i < s->header.nodes; i++) {
		const uint64_t function = (s->nodes[i].address - machine_address(0)) / 0x40;
		r->calls[function] += s->stats[i].leaf_calls + s->stats[i].calls;
	}
	for (uint32_t i = 0; i < AP_FOLD_DEPTH(s->thread.fold); i++) {
		const uint64_t address = ap_event_address(s->frames[i].word);
		if (!(s->frames[i].flags & AP_FRAME_INHERITED))
			r->calls[(address - machine_address(0)) / 0x40]++;
	}
}

struct reading reader_read(struct machine *m)
{
	struct machine_spool *s = m->spool;
	struct reading r = {0};

	for (uint32_t i = 0; i < AP_DROP_REASONS; i++)
		r.dropped += s->header.dropped[i];
	if (s->thread.state != AP_THREAD_LIVE)
		return r;
	r.attempted = attempted_of(m);
	r.folded = folded_of(s);
	r.torn = s->thread.torn;
	count_slots(s, &r);
	machine_finish(m, s);
	count_calls(s, &r);
	return r;
}
