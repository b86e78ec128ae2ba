/* SPDX-License-Identifier: MIT */
/* spool/sums.h - sums and differences of counts that may be anything: none goes round. */
#ifndef AP_SPOOL_SUMS_H
#define AP_SPOOL_SUMS_H

#include <stdint.h>

/** ap_sum() - both, or the largest number there is. */
static inline uint64_t ap_sum(uint64_t a, uint64_t b)
{
	return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

/** ap_less() - what is left of @a without @b; 0 when it is no more. */
static inline uint64_t ap_less(uint64_t a, uint64_t b)
{
	return a > b ? a - b : 0;
}

static inline uint64_t ap_smaller(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static inline uint64_t ap_larger(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

#endif
