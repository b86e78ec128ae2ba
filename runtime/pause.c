/* SPDX-License-Identifier: MIT */
/* runtime/pause.c - while recording is off (start=, `autoprof ctl`), hooks look at the clock and go home.
 *
 * What counts is decided by the fold, event by event (spool/pause.h); that hooks store nothing meanwhile is a saving alone.
 * So it may come late: slow paths look whether recording was stopped. That it goes on is seen at once. */
#include "runtime/runtime.h"
#include "spool/pause.h"

static enum ap_way way_now(void)
{
	if (ap_runtime.clock_kind == AP_CLOCK_NONE)
		return AP_WAY_NONE;
	const bool ask = ap_runtime.clock_kind == AP_CLOCK_MONOTONIC ||
			 __atomic_load_n(&ap_runtime.off, __ATOMIC_SEQ_CST) ||
			 __atomic_load_n(&ap_runtime.stopped, __ATOMIC_SEQ_CST);
	if (ask)
		return AP_WAY_ASK;
	return ap_runtime.gated ? AP_WAY_GATED : AP_WAY_PLAIN;
}

/* Again when another thread changed something meanwhile: it may have chosen before us. */
void ap_way_choose(void)
{
	enum ap_way way;
	do {
		way = way_now();
		__atomic_store_n(&ap_runtime.way, way, __ATOMIC_SEQ_CST);
	} while (way != way_now());
}

void ap_pause_look(const struct ap_control *c, uint64_t now)
{
	struct ap_pause pause = {0, 0};
	const bool stopped = ap_pause_after(c->header, now, &pause) && pause.stop <= now;
	if (stopped)
		ap_runtime.stopped_until = pause.start;
	if (stopped == __atomic_load_n(&ap_runtime.stopped, __ATOMIC_RELAXED))
		return;
	__atomic_store_n(&ap_runtime.stopped, stopped, __ATOMIC_RELAXED);
	ap_way_choose();
}

bool ap_pause_holds(uint64_t now)
{
	const struct ap_control *c = ap_runtime.control;
	struct ap_pause pause;
	if (!__atomic_load_n(&ap_runtime.stopped, __ATOMIC_RELAXED))
		return false;
	if (!c || __atomic_load_n(&c->state, __ATOMIC_ACQUIRE) != AP_STATE_ON)
		return false; /* a forked child: its start comes first, so that it can be controlled */
	return ap_pause_after(c->header, now, &pause) && pause.stop <= now;
}

/* A child of fork goes on as its parent was. */
static uint64_t first_start(const struct ap_spool_header *h)
{
	const struct ap_settings *settings = &ap_runtime.settings;
	if (h->flags & AP_SPOOL_FORKED)
		return ap_runtime.stopped ? ap_runtime.stopped_until : 0;
	if (settings->start_off)
		return UINT64_MAX;
	return settings->start_delay_ns
		       ? h->clock_first.ticks + ap_ticks_of_ns(settings->start_delay_ns)
		       : 0;
}

void ap_pause_start(struct ap_control *c)
{
	struct ap_spool_header *h = c->header;
	const uint64_t start = first_start(h);
	if (start > h->clock_first.ticks) {
		h->pauses[0] = (struct ap_pause){h->clock_first.ticks, start};
		__atomic_store_n(&h->pauses_n, 1, __ATOMIC_RELEASE);
	}
	ap_pause_look(c, h->clock_first.ticks);
}
