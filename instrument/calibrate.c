/* SPDX-License-Identifier: MIT */
/* instrument/calibrate.c - what the hooks of one call cost, on this machine, in this run.
 *
 * The stamps do not wait for what comes before them, so a processor does part of a hook while the function's own work is still
 * under way: between the stamps a call of a function that waits for its own results loses 1 ns where one that does nothing
 * loses 14, while its caller loses the same everywhere. No figure is right for all code: the mean of three kinds is taken. */
#include "runtime/runtime.h"

void __cyg_profile_func_enter(void *function, void *call_site);
void __cyg_profile_func_exit(void *function, void *call_site);

#define PAIRS 32
#define ROUNDS 5
#define WORDS 64
#define APART __attribute__((noinline))

typedef void (*hook_fn)(void *function, void *call_site);
typedef uint32_t (*body_fn)(uint32_t x);

static uint32_t words[WORDS];

static APART uint32_t no_work(uint32_t x)
{
	__asm__ volatile("" : "+r"(x));
	return x;
}

/* Each step needs the one before. */
static APART uint32_t slow_work(uint32_t x)
{
	for (int i = 0; i < WORDS / 4; i++) {
		x ^= x << 13;
		x ^= x >> 17;
		__asm__ volatile("" : "+r"(x));
	}
	return x;
}

/* As much at a time as the processor can do. */
static APART uint32_t wide_work(uint32_t x)
{
	const uint32_t *word = words;
	uint32_t a = 0, b = 0, c = 0, d = 0;
	__asm__("" : "+r"(word)); /* they are not known to be 0 */
	for (int i = 0; i < WORDS; i += 4) {
		a += word[i] ^ x;
		b ^= word[i + 1] + x;
		c += word[i + 2];
		d ^= word[i + 3];
	}
	return a + b + c + d;
}

static const body_fn bodies[] = {no_work, slow_work, wide_work};
#define BODIES (sizeof bodies / sizeof *bodies)

static APART void do_nothing(void *function, void *call_site)
{
	__asm__ volatile("" : : "r"(function), "r"(call_site) : "memory");
}

/* Ticks of PAIRS calls of @body. @enter, @leave: NULL: without hooks. Inlined, so that hooks are called as the program calls
 * them: directly. */
static inline __attribute__((always_inline)) uint64_t time_calls(body_fn body, hook_fn enter,
								 hook_fn leave)
{
	uint32_t x = 1;
	const uint64_t start = ap_ticks();
	for (int i = 0; i < PAIRS; i++) {
		if (enter)
			enter((void *)body, NULL);
		x = body(x);
		if (leave)
			leave((void *)body, NULL);
	}
	__asm__ volatile("" : : "r"(x));
	return ap_ticks() - start;
}

static APART uint64_t time_hooked(body_fn body)
{
	return time_calls(body, __cyg_profile_func_enter, __cyg_profile_func_exit);
}

static APART uint64_t time_empty(body_fn body)
{
	return time_calls(body, do_nothing, do_nothing);
}

static APART uint64_t time_bare(body_fn body)
{
	return time_calls(body, NULL, NULL);
}

static uint64_t ticks_inside(const struct ap_event *slots)
{
	uint64_t ticks = 0;
	for (int i = 0; i < PAIRS; i++)
		ticks += ap_event_ahead(slots[2 * i + 1].time, slots[2 * i].time);
	return ticks;
}

static uint64_t smaller(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static uint64_t above(uint64_t a, uint64_t b)
{
	return a > b ? a - b : 0;
}

/* The best of the rounds of each: the first are cold. */
struct best {
	uint64_t hooked[BODIES], bare[BODIES], empty, inside, gated;
};

static void measure(struct best *best, struct ap_thread *thread, const struct ap_event *slots)
{
	for (size_t i = BODIES; i-- > 0;) {
		thread->cursor = (uint64_t)slots;
		best->hooked[i] = smaller(best->hooked[i], time_hooked(bodies[i]));
		best->bare[i] = smaller(best->bare[i], time_bare(bodies[i]));
	}
	best->inside = smaller(best->inside, ticks_inside(slots)); /* of no_work(), the last */
	best->empty = smaller(best->empty, time_empty(no_work));
	/* Threads that call already choose the way, too: then this round has room to record, and is not the best. */
	thread->cursor = (uint64_t)slots;
	ap_runtime.way = AP_WAY_GATED;
	best->gated = smaller(best->gated, time_hooked(no_work));
	ap_way_choose();
}

/* What hooks add to a call of no_work() is told by its stamps; of the others only the sum is known. */
static void conclude(const struct best *best, struct ap_hook_cost *ret)
{
	const uint64_t added = above(best->hooked[0], best->bare[0]);
	const uint64_t outside = above(added, best->inside);
	uint64_t sum = 0, least = UINT64_MAX, most = 0;
	for (size_t i = 0; i < BODIES; i++) {
		const uint64_t inside = above(above(best->hooked[i], best->bare[i]), outside);
		sum += inside;
		least = smaller(least, inside);
		most = inside > most ? inside : most;
	}
	*ret = (struct ap_hook_cost){
		.pair = added * 1000 / PAIRS,
		.empty = smaller(above(best->empty, best->bare[0]), added) * 1000 / PAIRS,
		.gate = above(best->gated, best->empty) * 1000 / PAIRS,
		.inside = sum * 1000 / (PAIRS * BODIES),
		.outside = outside * 1000 / PAIRS,
		.error = (most - least) * 500 / PAIRS,
	};
}

/* A ring of its own, so that the calibration is no part of any profile. */
void ap_hooks_calibrate(struct ap_hook_cost *ret)
{
	static struct ap_event slots[2 * PAIRS];
	static struct ap_gate gates[AP_GATES];
	const uint64_t function = (uint64_t)no_work;
	struct ap_thread thread = {0};
	struct ap_ctl ctl = {.thread = &thread,
			     .end = (uint64_t)(slots + 2 * PAIRS),
			     .bytes = sizeof slots,
			     .gates = gates,
			     .skip = INT32_MAX};
	gates[ap_gate_index(function)] = (struct ap_gate){.function = function};
	struct ap_ctl *before = ap_self;
	struct best best;

	__builtin_memset(&best, 0xff, sizeof best);
	ap_self = &ctl;
	for (int round = 0; round < ROUNDS; round++)
		measure(&best, &thread, slots);
	ap_self = before;
	conclude(&best, ret);
}
