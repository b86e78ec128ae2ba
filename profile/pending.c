/* SPDX-License-Identifier: MIT */
/* profile/pending.c - the events that were recorded and not yet folded when the file was read. */
#include <errno.h>
#include <stdlib.h>

#include "profile/ring.h"

#define POSITION_MASK 0x7fffffffull

/* Widen the position's 31 bits by the chain it lies in. Return: false when it does not. */
static bool find_position(const struct ap_ring *ring, uint64_t fold, uint64_t *ret)
{
	const uint64_t first = ring->chunks[0].base;
	const struct ap_ring_chunk *last = &ring->chunks[ring->n - 1];

	*ret = first + ((AP_FOLD_POSITION(fold) - first) & POSITION_MASK);
	return *ret <= last->base + last->slots;
}

static int fold_slots(struct ap_reader *r, struct ap_reader_thread *t,
		      const struct ap_ring_chunk *chunk, const struct ap_event *events,
		      uint32_t reserved)
{
	uint32_t i = t->position > chunk->base ? (uint32_t)(t->position - chunk->base) : 0;

	for (; i < reserved; i++) {
		if (ap_event_lap(events[i].word) != chunk->lap) {
			t->holes++; /* reserved, never stored */
			continue;
		}
		const int e = ap_fold_event(r, &t->fold, &events[i]);
		if (e < 0) {
			return e;
		}
		t->pending++;
	}
	return 0;
}

static int fold_chunk(struct ap_reader *r, struct ap_reader_thread *t, const struct ap_ring *ring,
		      size_t i, struct ap_event *events)
{
	const struct ap_ring_chunk *chunk = &ring->chunks[i];
	const bool is_last = ring->whole && i == ring->n - 1;
	const uint64_t end = chunk->base + chunk->slots;

	if (t->position >= end && !is_last) {
		return 0;
	}
	if (!ap_ring_events(r, chunk, events)) {
		ap_reader_damage(r, AP_DAMAGE_CHUNK);
		return 0;
	}
	uint32_t reserved = chunk->slots;
	if (is_last) {
		reserved = ap_ring_reserved(r, ring, t->record.cursor, events);
		t->attempted = chunk->base + reserved;
	}
	return t->position >= end ? 0 : fold_slots(r, t, chunk, events, reserved);
}

static int fold_ring(struct ap_reader *r, struct ap_reader_thread *t, const struct ap_ring *ring,
		     struct ap_event *events)
{
	const struct ap_ring_chunk *last = &ring->chunks[ring->n - 1];
	int e = 0;

	t->attempted = last->base + last->slots;
	if (!find_position(ring, t->record.fold, &t->position)) {
		ap_reader_damage(r, AP_DAMAGE_CHUNK);
		t->position = t->attempted;
	}
	for (size_t i = 0; i < ring->n && e == 0; i++) {
		e = fold_chunk(r, t, ring, i, events);
	}
	if (t->attempted < t->position) {
		t->attempted = t->position;
	}
	return e;
}

static int fold_thread(struct ap_reader *r, struct ap_reader_thread *t, struct ap_event *events)
{
	struct ap_ring ring = {0};
	int e = 0;

	/* A thread without chunks has folded all it ever got. */
	t->attempted = t->position = t->record.folded + t->record.torn;
	if (t->record.first_chunk) {
		e = ap_ring_open(r, t, &ring);
	}
	if (e == 0 && ring.n) {
		e = fold_ring(r, t, &ring, events);
	}
	ap_ring_close(&ring);
	return e;
}

int ap_reader_pending(struct ap_reader *r)
{
	int e = 0;
	struct ap_event *events = calloc(AP_CHUNK_MAX_SLOTS, sizeof(*events));

	if (!events) {
		return -ENOMEM;
	}
	for (size_t i = 0; i < r->profile->threads_n && e == 0; i++) {
		e = fold_thread(r, &r->threads[i], events);
	}
	free(events);
	return e;
}
