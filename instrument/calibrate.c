/* SPDX-License-Identifier: MIT */
/* instrument/calibrate.c - what the hooks of one call cost, on this machine, in this run.
 *
 * Measured at the start, and again now and then: half of a core is worth less when somebody uses the other half. What stands in the
 * spool is the mean of all that was measured.
 *
 * The stamps do not wait for what comes before them, so a processor does part of a hook while the function's own work is still
 * under way: between the stamps a call of a function that waits for its own results loses 1 ns where one that does nothing
 * loses 14, while its caller loses the same everywhere. No figure is right for all code: the mean of three kinds is taken. */
#include "runtime/runtime.h"
#include "spool/sums.h"

void __cyg_profile_func_enter(void *function, void *call_site);
void __cyg_profile_func_exit(void *function, void *call_site);

#define PAIRS 32
#define ROUNDS 5
#define ROUNDS_AGAIN 2 /* the first is cold: we come from a fold */
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

/* As much at a time as the processor can do, and nothing that the call before it would have to be done for. */
static APART uint32_t wide_work(uint32_t x)
{
	(void)x;
	const uint32_t *word = words;
	uint32_t a = 0, b = 0, c = 0, d = 0;
	__asm__("" : "+r"(word)); /* they are not known to be 0 */
	for (int i = 0; i < WORDS; i += 4) {
		a += word[i];
		b ^= word[i + 1];
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
	ap_arch_settle();
	const uint64_t start = ap_ticks();
	for (int i = 0; i < PAIRS; i++) {
		if (enter)
			enter((void *)body, NULL);
		x = body(x);
		if (leave)
			leave((void *)body, NULL);
	}
	__asm__ volatile("" : : "r"(x));
	ap_arch_settle();
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

/* The best of the rounds of each: the first are cold. */
struct recorded {
	uint64_t hooked[BODIES], inside;
};

struct best {
	struct recorded always, window;
	uint64_t gated[BODIES], empty[BODIES], bare[BODIES];
};

/* A ring and gates of its own, so that the calibration is no part of any profile. */
static struct ring {
	struct ap_thread thread;
	struct ap_event slots[2 * PAIRS];
} ring;
static struct ap_gate gates[AP_GATES];

/* Also of hooks that count: when somebody changes the way meanwhile they record, and have room for it. */
static uint64_t time_in_ring(body_fn body)
{
	ring.thread.cursor = (uint64_t)ring.slots;
	return time_hooked(body);
}

static void measure_recorded(struct recorded *best)
{
	for (size_t i = BODIES; i-- > 0;)
		best->hooked[i] = ap_smaller(best->hooked[i], time_in_ring(bodies[i]));
	best->inside =
		ap_smaller(best->inside, ticks_inside(ring.slots)); /* of no_work(), the last */
}

static void measure_without(struct best *best)
{
	for (size_t i = 0; i < BODIES; i++) {
		best->empty[i] = ap_smaller(best->empty[i], time_empty(bodies[i]));
		best->bare[i] = ap_smaller(best->bare[i], time_bare(bodies[i]));
	}
}

static void measure_gated(struct best *best, struct ap_ctl *ctl)
{
	ctl->window = 1;
	ctl->skip = INT32_MAX;
	measure_recorded(&best->window);
	ctl->window = 0;
	ctl->gates = gates;
	for (size_t i = 0; i < BODIES; i++)
		best->gated[i] = ap_smaller(best->gated[i], time_in_ring(bodies[i]));
	ctl->gates = NULL;
}

/* What hooks add to a call of no_work() is told by its stamps; of the others only the sum is known. Hooks that only count
 * hide behind a function that waits, and behind calls and returns: what they take is seen where the processor has no time left. */
struct cost {
	uint64_t added, outside, inside_sum, inside_least, inside_most;
};

static struct cost cost_of(const struct recorded *recorded, const uint64_t *bare)
{
	struct cost cost = {.added = ap_less(recorded->hooked[0], bare[0]),
			    .inside_least = UINT64_MAX};
	cost.outside = ap_less(cost.added, recorded->inside);
	for (size_t i = 0; i < BODIES; i++) {
		const uint64_t inside =
			ap_less(ap_less(recorded->hooked[i], bare[i]), cost.outside);
		cost.inside_sum += inside;
		cost.inside_least = ap_smaller(cost.inside_least, inside);
		cost.inside_most = ap_larger(cost.inside_most, inside);
	}
	return cost;
}

static void conclude_plain(const struct best *best, struct ap_hook_cost *ret)
{
	const struct cost cost = cost_of(&best->always, best->bare);
	ret->pair = cost.added * 1000 / PAIRS;
	ret->empty = ap_smaller(ap_less(best->empty[0], best->bare[0]), cost.added) * 1000 / PAIRS;
	ret->inside = cost.inside_sum * 1000 / (PAIRS * BODIES);
	ret->outside = cost.outside * 1000 / PAIRS;
	ret->error = (cost.inside_most - cost.inside_least) * 500 / PAIRS;
}

static void conclude_gated(const struct best *best, struct ap_hook_cost *ret)
{
	const struct cost cost = cost_of(&best->window, best->bare);
	uint64_t gated = 0;
	for (size_t i = 0; i < BODIES; i++)
		gated = ap_larger(gated, ap_less(best->gated[i], best->empty[i]));
	ret->window_inside = cost.inside_sum * 1000 / (PAIRS * BODIES);
	ret->window_outside = cost.outside * 1000 / PAIRS;
	ret->gate = gated * 1000 / PAIRS;
}

static void close_gate(uint64_t function)
{
	struct ap_gate *gate = ap_gate_free(gates, function);
	gate->function = function;
	gate->left = INT32_MIN;
}

static struct ap_ctl own_ctl(void)
{
	return (struct ap_ctl){.thread = &ring.thread,
			       .end = (uint64_t)(ring.slots + 2 * PAIRS),
			       .bytes = sizeof ring.slots,
			       .joined_n = UINT32_MAX};
}

/* What was measured, all together; of so many times. */
static struct sums {
	uint64_t pair, empty, inside, outside, error, plain_n;
	uint64_t window_inside, window_outside, gate, gated_n;
} sums;

static void tell(uint64_t *mean, uint64_t *sum, uint64_t value, uint64_t n)
{
	*sum += value;
	__atomic_store_n(mean, *sum / n, __ATOMIC_RELAXED);
}

static void tell_plain(const struct ap_hook_cost *cost)
{
	struct ap_hook_cost *mean = &ap_runtime.hook_cost;
	const uint64_t n = ++sums.plain_n;
	tell(&mean->pair, &sums.pair, cost->pair, n);
	tell(&mean->empty, &sums.empty, cost->empty, n);
	tell(&mean->inside, &sums.inside, cost->inside, n);
	tell(&mean->outside, &sums.outside, cost->outside, n);
	tell(&mean->error, &sums.error, cost->error, n);
}

static void tell_gated(const struct ap_hook_cost *cost)
{
	struct ap_hook_cost *mean = &ap_runtime.hook_cost;
	const uint64_t n = ++sums.gated_n;
	tell(&mean->window_inside, &sums.window_inside, cost->window_inside, n);
	tell(&mean->window_outside, &sums.window_outside, cost->window_outside, n);
	tell(&mean->gate, &sums.gate, cost->gate, n);
}

/* Threads that call already choose the way, too: then a round is as of the other way. */
void ap_hooks_calibrate(void)
{
	struct ap_ctl ctl = own_ctl(), *before = ap_self;
	struct ap_hook_cost cost;
	struct best best;

	for (size_t i = 0; i < BODIES; i++)
		close_gate((uint64_t)bodies[i]);
	__builtin_memset(&best, 0xff, sizeof best);
	ap_self = &ctl;
	for (int round = 0; round < ROUNDS; round++) {
		measure_recorded(&best.always);
		ap_runtime.way = AP_WAY_GATED;
		measure_gated(&best, &ctl);
		ap_way_choose();
		measure_without(&best);
	}
	ap_self = before;
	conclude_plain(&best, &cost);
	conclude_gated(&best, &cost);
	tell_plain(&cost);
	tell_gated(&cost);
}

static void measure_again(enum ap_way way)
{
	struct ap_ctl ctl = own_ctl(), *before = ap_self;
	struct ap_hook_cost cost;
	struct best best;

	__builtin_memset(&best, 0xff, sizeof best);
	ap_self = &ctl;
	for (int round = 0; round < ROUNDS_AGAIN; round++) {
		if (way == AP_WAY_PLAIN)
			measure_recorded(&best.always);
		else
			measure_gated(&best, &ctl);
		measure_without(&best);
	}
	ap_self = before;
	if (ap_runtime.way != way || ap_patch_asleep())
		return; /* another thread has changed it meanwhile */
	if (way == AP_WAY_PLAIN) {
		conclude_plain(&best, &cost);
		tell_plain(&cost);
	} else {
		conclude_gated(&best, &cost);
		tell_gated(&cost);
	}
}

/* A child may have been forked while another thread of its parent was in there. */
void ap_hooks_calibrate_again(struct ap_control *c)
{
	static uint32_t owner;
	uint32_t before = __atomic_load_n(&owner, __ATOMIC_RELAXED);
	const enum ap_way way = ap_runtime.way;
	if ((way != AP_WAY_PLAIN && way != AP_WAY_GATED) || ap_patch_asleep() || before == c->pid ||
	    !__atomic_compare_exchange_n(&owner, &before, c->pid, false, __ATOMIC_ACQUIRE,
					 __ATOMIC_RELAXED))
		return;
	measure_again(way);
	ap_hooks_write(c->header);
	__atomic_store_n(&owner, 0, __ATOMIC_RELEASE);
}

void ap_hooks_write(struct ap_spool_header *h)
{
	const struct ap_hook_cost *cost = &ap_runtime.hook_cost;
	h->hook_inside_x1000 = cost->inside;
	h->hook_outside_x1000 = cost->outside;
	h->window_inside_x1000 = cost->window_inside;
	h->window_outside_x1000 = cost->window_outside;
	h->hook_error_x1000 = cost->error;
	h->hook_gate_x1000 = cost->gate;
	h->hook_empty_x1000 = cost->empty;
}
