/* SPDX-License-Identifier: MIT */
/* spool/pause.h - stop and start: which events count. Shared by the fold and by the reader.
 *
 * An enter or exit whose time lies in a pause counts for nothing; calls that are open when it begins end there, on every
 * stack, and their exits after it count for nothing either. Special events are obeyed at any time.
 * A pause is written before it begins, and its end before it comes: nobody has judged an event of that time yet. */
#ifndef AP_SPOOL_PAUSE_H
#define AP_SPOOL_PAUSE_H

#include <stdbool.h>
#include <stdint.h>

#include "spool/layout.h"

/** ap_pause_after() - the first pause that is not over at @ticks. Return: is there one? */
static inline bool ap_pause_after(const struct ap_spool_header *header, uint64_t ticks,
				  struct ap_pause *ret)
{
	const uint32_t n = __atomic_load_n(&header->pauses_n, __ATOMIC_ACQUIRE);
	for (uint32_t i = 0; i < n && i < AP_PAUSES; i++) {
		ret->start = __atomic_load_n(&header->pauses[i].start, __ATOMIC_RELAXED);
		ret->stop = __atomic_load_n(&header->pauses[i].stop, __ATOMIC_RELAXED);
		if (ret->start > ticks)
			return true;
	}
	return false;
}

/** ap_pause_between() - did a pause begin that was not over at @from, by @to? What was open on a stack that was left at
 * @from has ended then. */
static inline bool ap_pause_between(const struct ap_spool_header *header, uint64_t from,
				    uint64_t to)
{
	struct ap_pause pause;
	return ap_pause_after(header, from, &pause) && pause.stop <= to;
}

#endif
