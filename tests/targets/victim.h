/* SPDX-License-Identifier: MIT */
/* tests/targets/victim.h - what victims share: they say how often they call their functions. */
#ifndef AP_TARGETS_VICTIM_H
#define AP_TARGETS_VICTIM_H

#include <stdio.h>
#include <time.h>

#define UNTRACED __attribute__((no_instrument_function))
#define APART __attribute__((noinline))

/* "calls NAME N": the tests compare it with the report. */
#define SAY_CALLS(name, n) printf("calls %s %lu\n", name, (unsigned long)(n))

static inline UNTRACED unsigned long long now_ns(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (unsigned long long)t.tv_sec * 1000000000ull + (unsigned long long)t.tv_nsec;
}

#endif
