/* SPDX-License-Identifier: MIT */
/* profile/ring.h - the chunks of a thread that are not folded to their end. */
#ifndef AP_PROFILE_RING_H
#define AP_PROFILE_RING_H

#include "profile/reader.h"

/** A chunk of the chain. Sequence numbers base .. base+slots-1 are its slots. */
struct ap_ring_chunk {
	ap_ref ref;
	uint32_t slots;
	uint32_t lap;
	uint64_t base;
};

/** The chain of a thread, oldest chunk first. */
struct ap_ring {
	struct ap_ring_chunk *chunks;
	size_t n;
	bool whole; /* the last one is the thread's last chunk */
};

/** ap_ring_open() - follow the chain from the thread's first chunk to its last. A chain that makes no
 * sense ends before the first chunk that does not. Return: 0 or -ENOMEM; close it in both cases. */
int ap_ring_open(struct ap_reader *r, const struct ap_reader_thread *t, struct ap_ring *ring);
void ap_ring_close(struct ap_ring *ring);

/** ap_ring_events() - copy a chunk's events (room for AP_CHUNK_MAX_SLOTS). Return: false out of range. */
bool ap_ring_events(struct ap_reader *r, const struct ap_ring_chunk *chunk, struct ap_event *ret);

/** ap_ring_reserved() - slots that hooks took in the chain's last chunk, whose @events they are. */
uint32_t ap_ring_reserved(const struct ap_reader *r, const struct ap_ring *ring, uint64_t cursor,
			  const struct ap_event *events);

#endif
