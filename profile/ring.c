/* SPDX-License-Identifier: MIT */
/* profile/ring.c - see ring.h. */
#include "profile/ring.h"

#include <errno.h>
#include <stdlib.h>

#define OVERSHOOT_BYTES (64 * sizeof(struct ap_event))

/* Sequence numbers only grow along a chain: so it ends, whatever its references say. A lap of 0 is that of
 * a new chunk between its being linked and its first lap: no slot of it was reserved yet. */
static bool read_chunk(struct ap_reader *r, const struct ap_reader_thread *t,
		       const struct ap_ring *ring, ap_ref ref, struct ap_chunk *ret)
{
	if (!ap_input_copy(&r->in, ref, 0, ret, sizeof(*ret))) {
		return false;
	}
	const struct ap_ring_chunk *before = ring->n ? &ring->chunks[ring->n - 1] : NULL;
	return ret->thread == t->id && ret->slots >= 1 && ret->slots <= AP_CHUNK_MAX_SLOTS &&
	       (!before || AP_CHUNK_BASE(ret->lap_base) >= before->base + before->slots);
}

static int append(struct ap_ring *ring, ap_ref ref, const struct ap_chunk *chunk)
{
	if ((ring->n & (ring->n - 1)) == 0) { /* room for the next power of two */
		const size_t room = ring->n ? 2 * ring->n : 1;
		struct ap_ring_chunk *bigger = reallocarray(ring->chunks, room, sizeof(*bigger));
		if (!bigger) {
			return -ENOMEM;
		}
		ring->chunks = bigger;
	}
	ring->chunks[ring->n++] = (struct ap_ring_chunk){
		.ref = ref,
		.slots = chunk->slots,
		.lap = AP_CHUNK_LAP(chunk->lap_base),
		.base = AP_CHUNK_BASE(chunk->lap_base),
	};
	return 0;
}

int ap_ring_open(struct ap_reader *r, const struct ap_reader_thread *t, struct ap_ring *ring)
{
	ap_ref ref = t->record.first_chunk;

	*ring = (struct ap_ring){0};
	while (ref) {
		struct ap_chunk chunk;
		if (!read_chunk(r, t, ring, ref, &chunk)) {
			break;
		}
		const int e = append(ring, ref, &chunk);
		if (e < 0) {
			return e;
		}
		if (ref == t->record.last_chunk) {
			ring->whole = true;
			return 0;
		}
		ref = chunk.next;
	}
	ap_reader_damage(r, AP_DAMAGE_CHUNK);
	return 0;
}

void ap_ring_close(struct ap_ring *ring)
{
	free(ring->chunks);
	*ring = (struct ap_ring){0};
}

bool ap_ring_events(struct ap_reader *r, const struct ap_ring_chunk *chunk, struct ap_event *ret)
{
	return ap_input_copy(&r->in, chunk->ref, sizeof(struct ap_chunk), ret,
			     chunk->slots * sizeof(*ret));
}

static uint64_t address_of(const struct ap_reader *r, const struct ap_ring_chunk *chunk,
			   uint32_t slot)
{
	return r->hdr.map_address + (uint64_t)chunk->ref * AP_REF_UNIT + sizeof(struct ap_chunk) +
	       slot * sizeof(struct ap_event);
}

/* A new chunk becomes the last one a moment before the cursor moves into it. Until then the cursor stands
 * at the end of the chunk before, or beyond by the few hooks that found it full. */
static bool is_of_chunk_before(const struct ap_reader *r, const struct ap_ring *ring,
			       uint64_t cursor)
{
	const struct ap_ring_chunk *before = ring->n > 1 ? &ring->chunks[ring->n - 2] : NULL;
	return before && cursor - address_of(r, before, before->slots) < OVERSHOOT_BYTES;
}

static bool has_lap(const struct ap_ring_chunk *chunk, const struct ap_event *events)
{
	for (uint32_t i = 0; i < chunk->slots; i++) {
		if (ap_event_lap(events[i].word) == chunk->lap) {
			return true;
		}
	}
	return false;
}

static uint32_t slots_below(const struct ap_reader *r, const struct ap_ring *ring, uint64_t cursor,
			    const struct ap_event *events)
{
	const struct ap_ring_chunk *last = &ring->chunks[ring->n - 1];
	const uint64_t first = address_of(r, last, 0);

	if (cursor < first) {
		return 0;
	}
	if (cursor < address_of(r, last, last->slots)) {
		return (uint32_t)((cursor - first) / sizeof(struct ap_event));
	}
	/* Small chunks may lie so near to each other that the end of one is not far from that of the next. */
	return is_of_chunk_before(r, ring, cursor) && !has_lap(last, events) ? 0 : last->slots;
}

uint32_t ap_ring_reserved(const struct ap_reader *r, const struct ap_ring *ring, uint64_t cursor,
			  const struct ap_event *events)
{
	const uint32_t lap = ring->chunks[ring->n - 1].lap;
	uint32_t n = slots_below(r, ring, cursor, events);

	/* After the end was announced hooks still move the cursor, but store nothing any more. */
	while (r->hdr.end_ticks && n > 0 && ap_event_lap(events[n - 1].word) != lap) {
		n--;
	}
	return n;
}
