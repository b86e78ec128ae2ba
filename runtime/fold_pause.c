/* SPDX-License-Identifier: MIT */
/* runtime/fold_pause.c - the fold where recording was stopped and started (rules: spool/pause.h). */
#include "runtime/batch.h"
#include "spool/pause.h"

/* Recording stops: what is open ends. From then on no event is older. */
void ap_pause_stop_at(struct ap_batch *b, uint64_t stop)
{
	stop = stop > b->last ? stop : b->last;
	ap_batch_drop(b, 0, stop - b->gap);
	b->thread->last_ticks = b->last = stop;
}

/* ap_batch_run() in a pause: calls count for nothing. */
static uint32_t skip_run(struct ap_batch *b, const struct ap_event *events, uint32_t from,
			 uint32_t n, uint64_t lap, uint64_t position)
{
	uint32_t i = from;
	while (i < n && (events[i].word & AP_EVENT_LAP_MASK) == lap) {
		const uint64_t time = ap_batch_time(b, &events[i]);
		if (ap_event_kind(events[i].word) == AP_EVENT_SPECIAL)
			ap_batch_special(b, &events[i], time);
		else
			b->shard->while_stopped++;
		b->last = time;
		i++;
		ap_batch_at(b, position + i);
	}
	b->thread->last_ticks = b->last;
	return i;
}

/* Return: up to where events are before @until. */
static uint32_t events_until(const struct ap_batch *b, const struct ap_event *events, uint32_t from,
			     uint32_t n, uint64_t lap, uint64_t until)
{
	uint64_t before = b->last;
	uint32_t i = from;
	for (; i < n && (events[i].word & AP_EVENT_LAP_MASK) == lap; i++) {
		const uint64_t time = ap_event_time(events[i].time, before);
		before = time > before ? time : before;
		if (before >= until)
			break;
	}
	return i;
}

uint32_t ap_pause_run(struct ap_batch *b, const struct ap_event *events, uint32_t from,
		      uint32_t *end, uint64_t lap, uint64_t position)
{
	struct ap_pause pause;
	if (!ap_pause_after(b->c->header, b->last, &pause))
		return ap_batch_run(b, events, from, *end, lap, position);
	const uint32_t before = events_until(b, events, from, *end, lap, pause.stop);
	if (before > from || (events[from].word & AP_EVENT_LAP_MASK) != lap) {
		*end = before > from ? before : *end;
		return ap_batch_run(b, events, from, *end, lap, position);
	}
	ap_pause_stop_at(b, pause.stop);
	const uint32_t after = events_until(b, events, from, *end, lap, pause.start);
	if (after == from)
		b->thread->last_ticks = b->last = pause.start;
	*end = after;
	return skip_run(b, events, from, after, lap, position);
}
