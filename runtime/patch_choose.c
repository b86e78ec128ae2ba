/* SPDX-License-Identifier: MIT */
/* runtime/patch_choose.c - which functions are patched. */
#include "runtime/patch.h"
#include "runtime/sys.h"

#define OTHERS 16u /* one counted call in so many stays that of a function which is not patched, */
#define FEWEST 64u /* and one in so many of whatever the program does, */
#define MOST 4u	   /* if that is not more than one in so many */
#define RAREST_LOG2 14u
#define LEAST_CALLS 4096u /* in a phase, before it tells which are rare */
/* What two turns take for a page of code with hooks in it, of which a sleep is to save so many times as much. */
#define PAGE_NS 5000u
#define PAGE_BYTES 4096u
#define WORTH 4u
#define SLEEP_NS                                                                                   \
	8000000ull /* about as long as it is then: the shorter sleeps are, the more phases tell of them */
#define MOST_SITES 65536u /* of all: those that are far from each other are a system call each */

static bool is_chosen(const struct ap_patch *patch, uint32_t place)
{
	for (uint32_t i = 0; i < patch->chosen_n; i++)
		if (patch->chosen[i] == place)
			return true;
	return false;
}

/* By what a choice is made. */
struct choice {
	struct ap_control *c;
	struct ap_patch *patch;
	struct ap_gates *gates;
	uint64_t least;	    /* calls, of a function that is not rare, */
	uint64_t least_now; /* and in the phase that is over */
	uint64_t ns;	    /* CPU time in which calls were counted */
	long memory;	    /* opened when it is needed */
};

/* A function that joins has nothing behind it yet: it was awake all the time. */
static void add(struct ap_control *c, struct ap_patch *patch, uint32_t place, uint32_t id)
{
	const struct ap_patch_function *function = ap_patch_listed(patch, place);
	struct ap_patched *p = ap_patched_at(c, patch->chosen_n);
	*p = (struct ap_patched){.function = id, .address = function->address};
	uint32_t i = patch->chosen_n;
	for (; i > 0 && patch->by_place[i - 1] > place; i--)
		patch->by_place[i] = patch->by_place[i - 1];
	patch->by_place[i] = place;
	patch->chosen[patch->chosen_n++] = place;
	patch->sites += function->sites;
	__atomic_store_n(&c->header->patched_n, patch->chosen_n, __ATOMIC_RELEASE);
}

/* By the @u-th gate that is used, in the phase that is over. */
static uint64_t calls_now(const struct ap_patch *patch, struct ap_gates *gates, uint32_t u)
{
	const uint64_t calls = ap_gate_calls(ap_gate_used(gates, u));
	const uint64_t before = u < patch->before_n ? patch->before[u] : 0;
	return calls > before ? calls - before : 0;
}

/* In all phases of the batch. */
static uint64_t calls_of(const struct choice *choice, uint32_t u)
{
	const struct ap_sleepers *sleepers = ap_patch_sleepers_of(choice->c, choice->gates);
	return sleepers ? sleepers->gate[choice->gates->used[u]].awake
			: calls_now(choice->patch, choice->gates, u);
}

/* Calls of functions that have less than @least of them. */
static uint64_t sum_of_rare(const struct choice *choice, uint64_t least)
{
	const uint32_t n = ap_gates_used(choice->gates);
	uint64_t calls = 0;
	for (uint32_t u = 0; u < n; u++) {
		const uint64_t of_one = calls_of(choice, u);
		calls += of_one < least ? of_one : 0;
	}
	return calls;
}

/* Rare functions stay: what their hooks cost does not count, they tell how fast the program goes, and wake the others. */
static uint64_t least_calls(const struct choice *choice)
{
	const uint64_t all = sum_of_rare(choice, UINT64_MAX);
	if (all < LEAST_CALLS)
		return UINT64_MAX;
	unsigned log2 = 1;
	while (log2 < RAREST_LOG2 && sum_of_rare(choice, all >> log2) > all / OTHERS)
		log2++;
	return (all >> log2) + 1;
}

/* In the phase that is over, of functions that are not patched. */
static uint64_t sum_of_others(const struct choice *choice, uint64_t least)
{
	const uint32_t n = ap_gates_used(choice->gates);
	uint64_t calls = 0;
	for (uint32_t u = 0; u < n; u++) {
		const uint64_t of_one = calls_now(choice->patch, choice->gates, u);
		const bool other = !(ap_gate_used(choice->gates, u)->kept & AP_GATE_PATCHED);
		calls += other && of_one < least ? of_one : 0;
	}
	return calls;
}

/* Some stay of those that are called just then, however often they are, unless that would leave too much. What the program does
 * without any others would be seen all or not at all. */
static uint64_t least_calls_now(const struct choice *choice)
{
	const uint32_t n = ap_gates_used(choice->gates);
	uint64_t all = 0;
	for (uint32_t u = 0; u < n; u++)
		all += calls_now(choice->patch, choice->gates, u);
	unsigned log2 = 0;
	while (log2 < RAREST_LOG2 && sum_of_others(choice, all >> log2) > all / OTHERS)
		log2++;
	const bool paced = sum_of_others(choice, all >> log2) >= all / FEWEST;
	if (!paced && log2 && sum_of_others(choice, all >> (log2 - 1)) <= all / MOST)
		log2--;
	return (all >> log2) + 1;
}

static uint32_t running_threads(const struct ap_control *c)
{
	uint32_t n = 0;
	for (const struct ap_gates *g = ap_gates_first(c); g; g = ap_gates_next(c, g))
		n += g->now_others != 0;
	return n ? n : 1;
}

static void begin_choice(struct choice *choice)
{
	const struct ap_patch *patch = choice->patch;
	const bool batch = ap_patch_sleepers_of(choice->c, choice->gates) != NULL;
	choice->least = least_calls(choice);
	choice->least_now = least_calls_now(choice);
	choice->ns =
		(batch ? choice->gates->awake_ns : patch->phase_ns) / running_threads(choice->c);
}

/* Sites are in the order of their addresses. */
static uint32_t pages_of(const struct ap_patch *patch, const struct ap_patch_function *function)
{
	const struct ap_patch_site *sites = ap_patch_sites(patch, function);
	uint32_t pages = 0;
	for (uint32_t i = 0; i < function->sites; i++)
		pages += i == 0 ||
			 sites[i].address / PAGE_BYTES != sites[i - 1].address / PAGE_BYTES;
	return pages;
}

/* What its hooks would take in a sleep, against what the turns before and after it take for it. */
static bool is_worth_it(const struct choice *choice, const struct ap_patch_function *function,
			uint64_t calls)
{
	const struct ap_hook_cost *cost = &ap_runtime.hook_cost;
	const uint64_t hooks_x1000 =
		ap_ns_of_ticks(2 * (__atomic_load_n(&cost->gate, __ATOMIC_RELAXED) +
				    __atomic_load_n(&cost->empty, __ATOMIC_RELAXED)));
	const uint64_t turns_ns = (uint64_t)pages_of(choice->patch, function) * PAGE_NS;
	return (unsigned __int128)calls * hooks_x1000 * SLEEP_NS >=
	       (unsigned __int128)turns_ns * 1000 * WORTH * choice->ns;
}

/* What has been refused once is so for good: of no sites. Code that may be unloaded is left alone. */
static bool may_be_patched(struct choice *choice, struct ap_patch_function *function)
{
	const struct ap_patch *patch = choice->patch;
	if (choice->memory < 0)
		choice->memory = ap_patch_code_open();
	if (choice->memory < 0)
		return false;
	if (patch->sites + function->sites > MOST_SITES || !ap_module_stays(function->address) ||
	    !ap_patch_code_fits(choice->memory, patch, function))
		function->sites = 0;
	return function->sites != 0;
}

/* Return: calls of a function that was added. */
static uint64_t consider(struct choice *choice, uint32_t u)
{
	struct ap_patch *patch = choice->patch;
	const struct ap_gate *gate = ap_gate_used(choice->gates, u);
	const uint64_t calls = calls_of(choice, u);
	if (!ap_gate_is_closed(gate) || calls < choice->least || gate->id < AP_ID_FIRST ||
	    calls_now(patch, choice->gates, u) < choice->least_now)
		return 0;
	const uint32_t place = ap_patch_list_find(patch, AP_GATE_ADDRESS(gate->function));
	if (place >= patch->list->functions || is_chosen(patch, place))
		return 0;
	struct ap_patch_function *function = ap_patch_listed(patch, place);
	if (!function->sites || !is_worth_it(choice, function, calls) ||
	    !may_be_patched(choice, function))
		return 0;
	add(choice->c, patch, place, gate->id);
	return calls;
}

uint64_t ap_patch_others(const struct ap_control *c, const struct ap_patch *patch,
			 struct ap_gates *gates)
{
	const uint32_t n = ap_gates_used(gates);
	uint64_t calls = gates->others - patch->before_others;
	if (ap_patch_sleepers_of(c, gates))
		return gates->now_others;
	for (uint32_t u = 0; u < n; u++)
		calls += calls_now(patch, gates, u); /* none is patched */
	return calls;
}

uint64_t ap_patch_choose(struct ap_control *c, struct ap_patch *patch, struct ap_gates *gates)
{
	struct choice choice = {.c = c, .patch = patch, .gates = gates, .memory = -1};
	const uint32_t n = ap_gates_used(gates);
	uint64_t calls = 0;
	begin_choice(&choice);
	for (uint32_t u = 0; u < n && patch->chosen_n < AP_PATCHED_MOST; u++)
		calls += consider(&choice, u);
	if (choice.memory >= 0)
		ap_sys1(SYS_close, choice.memory);
	return calls;
}
