/* SPDX-License-Identifier: MIT */
/* runtime/govern.h - what gates and the governor share. */
#ifndef AP_RUNTIME_GOVERN_H
#define AP_RUNTIME_GOVERN_H

#include "runtime/runtime.h"

#define AP_WINDOW_CALLS 256u
#define AP_WEIGHT_FIRST 8u /* log2 of how many calls one in a window stands for */
#define AP_WEIGHT_LEAST 6u
#define AP_WEIGHT_MOST 11u

#define AP_HITS 48u
struct ap_hit {
	uint64_t function; /* address */
	uint32_t n;
};

/** What a thread knows of its own cost. In the spool, for its memory; the runtime's own. */
struct ap_governor {
	uint64_t random;
	bool changed; /* since the last epoch began */
	uint32_t epochs;
	uint32_t
		active; /* gates that are closed; who unloads code opens some (gate.c), which is seen in the next span */
	uint32_t unloads; /* that were seen */
	uint32_t windows; /* of recording: so many began */
	uint32_t hits_all;
	uint32_t reviewed;
	uint64_t promoted_ticks; /* when that was tried last */
	uint64_t span_ticks;	 /* since when the cost is measured, and what there was then: */
	uint64_t span_cpu_ns;
	uint64_t span_events;
	uint64_t counted[AP_GATES];  /* calls of each gate */
	uint8_t refused[AP_GATES];   /* spans until its function may be demoted again */
	struct ap_hit hits[AP_HITS]; /* functions of events that were looked at in this span */
};

/** ap_gates_first(), ap_gates_next() - all tables, whoever has them, and those that nobody has. NULL: no other. */
static inline struct ap_gates *ap_gates_first(const struct ap_control *c)
{
	const ap_ref ref = __atomic_load_n(&c->header->gates, __ATOMIC_ACQUIRE);
	return ref ? ap_at(c, ref) : NULL;
}
static inline struct ap_gates *ap_gates_next(const struct ap_control *c,
					     const struct ap_gates *gates)
{
	return gates->next ? ap_at(c, gates->next) : NULL;
}
/** ap_gates_used() - so many gates are some function's. ap_gate_used() - the @u-th of them. */
static inline uint32_t ap_gates_used(const struct ap_gates *gates)
{
	return __atomic_load_n(&gates->used_n, __ATOMIC_ACQUIRE);
}
static inline struct ap_gate *ap_gate_used(struct ap_gates *gates, uint32_t u)
{
	return &gates->gate[gates->used[u]];
}
/** ap_gate_is_closed() - are calls of its function counted, but for those that are kept? */
static inline bool ap_gate_is_closed(const struct ap_gate *gate)
{
	const uint64_t function = __atomic_load_n(&gate->function, __ATOMIC_RELAXED);
	return function && !(function & AP_GATE_OPEN);
}

/** ap_random_exponential() - a random number of the exponential distribution. @state: not 0 */
uint64_t ap_random_exponential(uint64_t *state, uint64_t mean);
/** ap_gates_draw() - new random numbers of calls for all closed gates, as something has changed that they depend on. */
void ap_gates_draw(struct ap_ctl *ctl);
/** ap_gate_end_window() - now, whatever it has seen. All events of the thread are folded. */
void ap_gate_end_window(struct ap_ctl *ctl);
/** ap_gate_make() - the gate of the function at @address, an open one when it is new. Return: NULL: no room. */
struct ap_gate *ap_gate_make(struct ap_control *c, struct ap_ctl *ctl, uint64_t address);
/** ap_gate_close() - from now on calls of the function are counted only. All events of the thread are folded, no window is
 * under way. Again for a closed one: which of its open calls are kept is looked up anew; @patched: none, as their exits may not
 * come. Return: false: no room, or its
 * code may be unloaded. */
bool ap_gate_close(struct ap_control *c, struct ap_ctl *ctl, uint64_t address, bool patched);
/** ap_gate_open() - its calls are recorded again. */
void ap_gate_open(struct ap_ctl *ctl, struct ap_gate *gate);

#endif
