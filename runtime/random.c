/* SPDX-License-Identifier: MIT */
/* runtime/random.c - random numbers for what must not keep time with the program. */
#include "runtime/govern.h"

static uint64_t next_random(uint64_t *state)
{
	uint64_t x = *state;
	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	*state = x;
	return x;
}

/* -ln(u) of a random u in (0, 1], times 2^16: the logarithm to base 2 from the place of the highest bit, and between powers of
 * two a parabola through both ends, off by at most 0.01. */
static uint64_t exponential(uint64_t random)
{
	const uint64_t u = random | 1;
	const unsigned zeros = (unsigned)__builtin_clzll(u);
	const uint64_t fraction = zeros == 63 ? 0 : (u << (zeros + 1)) >> 48;
	const uint64_t log2 = fraction + ((fraction * (65536 - fraction) >> 16) * 22477 >> 16);
	const uint64_t bits = ((uint64_t)(zeros + 1) << 16) - log2;
	return bits * 45426 >> 16; /* ln 2 */
}

uint64_t ap_random_exponential(uint64_t *state, uint64_t mean)
{
	return exponential(next_random(state)) * mean >> 16;
}
