/* SPDX-License-Identifier: MIT */
/* profile/identity.c - attempted == folded + pending + dropped: each side from a source of its own.
 *
 * Attempted comes from the cursors of the threads. Folded comes from what the folds left behind: every
 * closed call is an enter and an exit, but for those that something else closed; every open frame is an
 * enter; frames taken over at a fork had their enters in the parent. */
#include "profile/reader.h"

/* A fold that death cut short has counted an event whose position it had not yet moved past; the step
 * for an enter with its own exit is two. */
#define EVENTS_PER_FOLD 2

/* All modulo 2^64: parts may be below 0, the sum is not. */
static uint64_t folded_in_spool(const struct ap_reader *r)
{
	const struct ap_fold_counts *c = &r->spool_counts;
	const uint64_t own_open = r->open_frames - r->open_inherited - r->open_parts;
	const uint64_t inherited_closed = c->inherited - r->open_inherited;
	const uint64_t beyond_closed = c->beyond - r->open_beyond;

	return 2 * r->spool_calls - c->unclosed + inherited_closed + own_open + c->beyond +
	       beyond_closed + c->unmatched_exits + c->specials + c->while_stopped + c->at_gates +
	       c->cut;
}

static void sum_threads(const struct ap_reader *r, struct ap_profile_quality *q, uint64_t *torn)
{
	q->attempted = ap_retired_sums(&r->hdr)->attempted;
	*torn = ap_retired_sums(&r->hdr)->torn;
	for (size_t i = 0; i < r->profile->threads_n; i++) {
		q->attempted += r->profile->threads[i].attempted;
		q->pending += r->profile->threads[i].pending;
		*torn += r->profile->threads[i].torn;
	}
}

static void name_drops(const struct ap_reader *r, struct ap_profile_quality *q, uint64_t torn)
{
	const uint64_t *dropped = r->hdr.dropped;
	q->dropped[0] = (struct ap_profile_drop){"no_memory", dropped[AP_DROP_NO_MEMORY]};
	q->dropped[1] = (struct ap_profile_drop){"nested", dropped[AP_DROP_NESTED]};
	q->dropped[2] = (struct ap_profile_drop){"early", dropped[AP_DROP_EARLY]};
	q->dropped[3] = (struct ap_profile_drop){"torn", torn};
	/* Only torn ones ever had a slot. */
	for (int i = 0; i < 3; i++) {
		q->attempted += q->dropped[i].events;
	}
}

static void add_counts(const struct ap_reader *r, struct ap_profile_quality *q)
{
	const struct ap_fold_counts *a = &r->spool_counts, *b = &r->reader_counts;
	q->resyncs = a->resyncs + b->resyncs;
	q->unclosed_frames = a->unclosed + b->unclosed;
	q->unmatched_exits = a->unmatched_exits + b->unmatched_exits;
	q->clamps = a->clamps + b->clamps;
	q->beyond = a->beyond + b->beyond;
	q->inherited = a->inherited;
	q->specials = a->specials + b->specials;
	q->while_stopped = a->while_stopped + b->while_stopped;
}

static uint64_t distance(uint64_t a, uint64_t b)
{
	return (int64_t)(a - b) < 0 ? b - a : a - b;
}

void ap_reader_identity(struct ap_reader *r)
{
	struct ap_profile_quality *q = &r->profile->quality;
	uint64_t torn, accounted;

	sum_threads(r, q, &torn);
	name_drops(r, q, torn);
	add_counts(r, q);
	q->folded = folded_in_spool(r);
	q->in_doubt = (r->shards_busy + r->hdr.folds_resumed) * EVENTS_PER_FOLD;
	accounted = q->folded + q->pending;
	for (int i = 0; i < AP_PROFILE_DROPS; i++) {
		accounted += q->dropped[i].events;
	}
	q->identity_holds = distance(q->attempted, accounted) <= q->in_doubt;
}
