/* SPDX-License-Identifier: MIT */
/* tests/torture/kills_page.h - the page that the victim of `kills` writes and the tool reads: how often each of
 * its functions was called, whatever autoprof says. */
#ifndef AP_TORTURE_KILLS_PAGE_H
#define AP_TORTURE_KILLS_PAGE_H

#include <stdint.h>

/* More than begin in a slot before a kill: a thread that is stopped in its last fold sees many successors. */
#define KILLS_TIDS 4096
#define KILLS_SLOTS 8 /* threads at one time; each has functions of its own */

enum kills_function {
	KILLS_BODY,  /* calls outer, many times */
	KILLS_OUTER, /* calls inner once */
	KILLS_INNER, /* calls nothing */
	KILLS_FUNCTIONS,
};

/** Calls of one function. Stored right before and right after each call: the calls made are one of the two numbers,
 * and a call is under way when they differ. */
struct kills_count {
	uint64_t before;
	uint64_t after;
	uint64_t address;
};

struct kills_slot {
	struct kills_count counts[KILLS_FUNCTIONS];
	uint64_t threads;	   /* that began in this slot, one after the other */
	uint32_t tids[KILLS_TIDS]; /* of the last ones */
	uint64_t line[6];
};

struct kills_page {
	uint32_t running; /* futex: main() has begun */
	uint32_t line[15];
	struct kills_slot slots[KILLS_SLOTS];
};

#endif
