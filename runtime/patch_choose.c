/* SPDX-License-Identifier: MIT */
/* runtime/patch_choose.c - which functions are patched. */
#include "runtime/patch.h"
#include "runtime/sys.h"

#define OTHERS 32u /* one counted call in so many stays that of a function which is not patched */
#define RAREST_LOG2 14u
#define LEAST_CALLS 4096u /* in a phase, before it tells which are rare */
#define MOST_SITES 65536u /* of all: those that are far from each other are a system call each */

/* Does some thread keep a call of it that lasts (gate.c)? */
static bool is_kept(const struct ap_control *c, uint64_t address)
{
	for (const struct ap_gates *g = ap_gates_first(c); g; g = ap_gates_next(c, g)) {
		const struct ap_gate *gate = ap_gate_of(g, address);
		if (gate && gate->function & AP_GATE_KEEPS && ap_gate_is_closed(gate))
			return true;
	}
	return false;
}

static bool is_chosen(const struct ap_patch *patch, uint32_t place)
{
	for (uint32_t i = 0; i < patch->chosen_n; i++)
		if (patch->chosen[i] == place)
			return true;
	return false;
}

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

static uint64_t calls_since(const struct ap_patch *patch, const struct ap_gates *gates, uint32_t i)
{
	const uint64_t calls = ap_gate_calls(&gates->gate[i]);
	return calls > patch->before[i] ? calls - patch->before[i] : 0;
}

/* Calls in this phase of functions that have less than @least of them. */
static uint64_t sum_of_rare(const struct ap_patch *patch, const struct ap_gates *gates,
			    uint64_t least)
{
	uint64_t calls = 0;
	for (uint32_t i = 0; i < AP_GATES; i++) {
		const uint64_t n = calls_since(patch, gates, i);
		calls += n < least ? n : 0;
	}
	return calls;
}

/* Rare functions stay: what their hooks cost does not count, they tell how fast the program goes, and wake the others. */
static uint64_t least_calls(const struct ap_patch *patch, const struct ap_gates *gates)
{
	const uint64_t all = sum_of_rare(patch, gates, UINT64_MAX);
	if (all < LEAST_CALLS)
		return UINT64_MAX;
	unsigned log2 = 1;
	while (log2 < RAREST_LOG2 && sum_of_rare(patch, gates, all >> log2) > all / OTHERS)
		log2++;
	return (all >> log2) + 1;
}

/* What has been refused once is so for good: of no sites. */
static bool may_be_chosen(const struct ap_control *c, const struct ap_patch *patch, uint32_t place,
			  const struct ap_gate *gate)
{
	return place < patch->list->functions && ap_patch_listed(patch, place)->sites &&
	       !is_chosen(patch, place) && gate->id >= AP_ID_FIRST && !is_kept(c, gate->function);
}

/* Code that may be unloaded is left alone. @memory: opened when it is needed. */
static void consider(struct ap_control *c, struct ap_patch *patch, long *memory,
		     const struct ap_gate *gate)
{
	const uint32_t place = ap_patch_list_find(patch, gate->function);
	if (!may_be_chosen(c, patch, place, gate))
		return;
	if (*memory < 0)
		*memory = ap_patch_code_open();
	if (*memory < 0)
		return;
	struct ap_patch_function *function = ap_patch_listed(patch, place);
	if (patch->sites + function->sites > MOST_SITES || !ap_module_stays(function->address) ||
	    !ap_patch_code_fits(*memory, patch, function))
		function->sites = 0;
	if (function->sites)
		add(c, patch, place, gate->id);
}

void ap_patch_choose(struct ap_control *c, struct ap_patch *patch, const struct ap_gates *gates)
{
	const uint64_t least = least_calls(patch, gates);
	long memory = -1;
	for (uint32_t i = 0; i < AP_GATES && patch->chosen_n < AP_PATCHED_MOST; i++) {
		const struct ap_gate *gate = &gates->gate[i];
		if (gate->function && gate->function == AP_GATE_ADDRESS(gate->function) &&
		    calls_since(patch, gates, i) >= least)
			consider(c, patch, &memory, gate);
	}
	if (memory >= 0)
		ap_sys1(SYS_close, memory);
}
