/* SPDX-License-Identifier: MIT */
/* runtime/patch_pace.c - when hooks that are patched go, and when they come back: after so many looks of others, as calls of functions
 * are called whose hooks stay. One in AP_LOOK_CALLS of these looks.
 *
 * Nothing is seen of a sleep but these calls, so it can only end with one. If time said when, phases with hooks would begin where a
 * burst of them does, after whatever came without any, and would see too little of that. So their number says it, random
 * and without memory: a Markov chain of two states, that goes by others' calls. Whatever comes between two of them is
 * seen in one case of RATIO + 1, be it short or long.
 *
 * How many make a sleep that is worth its turns goes by the CPU time that they took until now. Both states change together then,
 * so that the chain stays in balance: what is left of a phase is drawn again, and as it has no memory that is all. */
#include <time.h>

#include "runtime/patch.h"
#include "spool/sums.h"

#define AWAKE_NS 250000ull
#define RATIO 16u  /* asleep to awake */
#define TURNS 64u  /* a sleep is so many times as long as a turn takes, or more */
#define LATE 4u	   /* longer than so many sleeps: others have become rarer */
#define HORIZON 8u /* sleeps that tell how rare they are */
#define ONE 256u   /* look */

/* A test says it by itself. */
uint64_t ap_patch_sleep_ns(const struct ap_patch *patch)
{
	const uint64_t us = ap_runtime.settings.awake_us;
	const uint64_t worth = patch->turn_ns * TURNS;
	return us ? us * 1000 * RATIO : ap_larger(worth, AWAKE_NS * RATIO);
}

/* Of others' looks until now, and of the CPU time that they took. */
static void measure(struct ap_patch *patch)
{
	const int64_t left = __atomic_load_n(&ap_runtime.patch_left, __ATOMIC_RELAXED);
	const uint64_t cpu_ns = ap_clock_ns(CLOCK_PROCESS_CPUTIME_ID);
	patch->looks += (uint64_t)(patch->drawn - left);
	patch->looks_ns += cpu_ns - patch->drawn_cpu_ns;
	while (patch->looks_ns > ap_patch_sleep_ns(patch) * HORIZON) {
		patch->looks /= 2;
		patch->looks_ns /= 2;
	}
	patch->drawn = left;
	patch->drawn_cpu_ns = cpu_ns;
}

/* Looks of a phase in the middle, in 256ths: of one without hooks, or of one with them. */
static uint64_t mean(const struct ap_patch *patch, bool asleep)
{
	const unsigned __int128 looks = (unsigned __int128)patch->looks * ONE;
	const uint64_t sleep =
		(uint64_t)(looks * ap_patch_sleep_ns(patch) / ap_larger(patch->looks_ns, 1));
	return (asleep ? RATIO : 1u) * ap_larger(sleep / RATIO, ONE);
}

/* Geometric: at least one. */
static void draw(struct ap_patch *patch)
{
	const uint64_t more = mean(patch, patch->asleep) - ONE / 2;
	patch->drawn = (int64_t)(ap_random_exponential(&patch->random, more) / ONE) + 1;
	__atomic_store_n(&ap_runtime.patch_left, patch->drawn, __ATOMIC_RELAXED);
}

uint64_t ap_patch_pace(struct ap_patch *patch)
{
	measure(patch);
	draw(patch);
	return ap_ticks_of_ns(ap_patch_sleep_ns(patch) * LATE);
}

void ap_patch_pace_begin(struct ap_patch *patch)
{
	patch->looks = patch->looks_ns = 0;
	patch->drawn = INT64_MAX / 2;
	patch->drawn_cpu_ns = ap_clock_ns(CLOCK_PROCESS_CPUTIME_ID);
	__atomic_store_n(&ap_runtime.patch_left, patch->drawn, __ATOMIC_RELAXED);
}

void ap_patch_pace_others(struct ap_patch *patch, uint64_t others, uint64_t before)
{
	measure(patch);
	patch->looks = (uint64_t)((unsigned __int128)patch->looks * others / ap_larger(before, 1));
}

bool ap_patch_pace_is_over(void)
{
	return __atomic_load_n(&ap_runtime.patch_left, __ATOMIC_RELAXED) <= 0;
}

bool ap_patch_pace_counts(uint64_t ticks)
{
	const uint64_t due = __atomic_load_n(&ap_runtime.patch_due, __ATOMIC_RELAXED);
	if (!due)
		return false;
	return __atomic_sub_fetch(&ap_runtime.patch_left, 1, __ATOMIC_RELAXED) <= 0 ||
	       (int64_t)(ticks - due) >= 0;
}
