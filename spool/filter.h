/* SPDX-License-Identifier: MIT */
/* spool/filter.h - which calls are left out of a profile: one rule for the program's fold and the reader's.
 *
 * A call that is left out becomes a call of "(outside)" or of "(left out)" at its place in the tree: it is counted,
 * its time is nobody else's, and all that is left out in a row is one node. */
#ifndef AP_SPOOL_FILTER_H
#define AP_SPOOL_FILTER_H

#include <stdbool.h>
#include <stdint.h>

#include "spool/layout.h"

/** Of a profile: bits of ap_spool_header.filters. */
enum ap_filter_kind {
	AP_FILTER_ON = 1u << 0,	     /* there is some filter */
	AP_FILTER_ROOTS = 1u << 1,   /* only what matching functions call, and they */
	AP_FILTER_BY_NAME = 1u << 2, /* names of functions matter */
};

/** Of a function: what the patterns say of its name and its module. */
enum ap_filter_level {
	AP_FILTER_IS_ROOT = 1u << 0,
	AP_FILTER_IS_NOTRACE = 1u << 1,
	AP_FILTER_IS_ELSEWHERE = 1u << 2, /* of a module that is not wanted */
};

/* An entry of ap_module.matches: in the order of the addresses. */
#define AP_FILTER_MATCH(address, level) ((uint64_t)(address) << 2 | ((level)&3u))

/** ap_filter_level_in() - what @matches say of the function at @address. */
static inline uint32_t ap_filter_level_in(const uint64_t *matches, uint32_t n, uint64_t address)
{
	uint32_t from = 0, to = n;

	while (from < to) {
		const uint32_t middle = from + (to - from) / 2;
		if (matches[middle] >> 2 < address)
			from = middle + 1;
		else
			to = middle;
	}
	uint32_t level = 0;
	for (; from < n && matches[from] >> 2 == address;
	     from++) /* a function may have several names */
		level |= matches[from] & 3u;
	return level;
}

/** Where a call would be recorded. */
struct ap_filter_place {
	uint32_t caller; /* function id of the node above */
	uint32_t above;	 /* recorded calls on the path above: direct recursion is one */
};

/** ap_filter_verdict() - @kinds: ap_spool_header.filters; @level: of the function called; @depth: the most, 0: any.
 * Return: AP_ID_NONE: record it; else as whose call it counts. */
static inline uint32_t ap_filter_verdict(uint32_t kinds, uint32_t depth, uint32_t level,
					 struct ap_filter_place place)
{
	if (place.caller == AP_ID_LEFT_OUT || (level & AP_FILTER_IS_NOTRACE))
		return AP_ID_LEFT_OUT;
	if (level & AP_FILTER_IS_ELSEWHERE)
		return AP_ID_OUTSIDE;
	if ((kinds & AP_FILTER_ROOTS) && !(level & AP_FILTER_IS_ROOT) && place.above == 0)
		return AP_ID_OUTSIDE;
	return depth && place.above >= depth ? AP_ID_LEFT_OUT : AP_ID_NONE;
}

#endif
