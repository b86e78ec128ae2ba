/* SPDX-License-Identifier: MIT */
/* instrument/hooks.c - what compilers call with -finstrument-functions: stamp, reserve a slot, two stores.
 *
 * Budget: the clock's cost and about 20 instructions. No call, no lock, no system call, integer registers
 * only, errno untouched. A forked child's control is zeroed memory, so its first hook finds no thread and
 * takes the slow path; so does a full chunk, and a frozen thread (end 0).
 * A handler that interrupts us between two instructions takes the next slot; our own stays a hole until we
 * are back. Lines of code below are in the order that this needs: stamp, reserve, word 1, word 0. */
#include "runtime/runtime.h"

#define EXPORT __attribute__((visibility("default")))

EXPORT void __cyg_profile_func_enter(void *function, void *call_site);
EXPORT void __cyg_profile_func_exit(void *function, void *call_site);

/* What a hook was called with; the stack pointer is the instrumented function's at that call: what setjmp
 * would have saved there. */
struct call {
	void *function;
	void *site;
	uint64_t stack_pointer;
	enum ap_event_kind kind;
};

static inline __attribute__((always_inline)) void record_at(struct call call, uint64_t time)
{
	const struct ap_ctl *ctl = ap_self;
	struct ap_thread *thread = ctl->thread;
	const uint64_t word = ap_event_make_word((uint64_t)call.function, call.kind, 0,
						 call.stack_pointer, (uint64_t)call.site);
	uint64_t slot = 0, lap;
	if (AP_LIKELY(thread)) {
		slot = ap_arch_reserve(&thread->cursor);
		if (AP_LIKELY(ap_ctl_takes(ctl, slot, &lap))) {
			struct ap_event *event = (struct ap_event *)slot;
			event->time = time;
			__atomic_store_n(&event->word, word | lap, __ATOMIC_RELEASE);
			return;
		}
	}
	ap_slow(word, time, slot);
}

/* Apart, so that the plain way has no call and saves no registers: by the kernel's clock, while recording pauses, and
 * whatever comes before the start. */
static AP_COLD void record_otherwise(struct call call)
{
	if (ap_runtime.way == AP_WAY_NONE) {
		if (ap_start_possible())
			record_at(call, ap_arch_event_time(call.stack_pointer));
		return;
	}
	const uint64_t now = ap_ticks();
	if (!ap_pause_holds(now))
		record_at(call, ap_event_make_time(now, call.stack_pointer));
}

/* The gate of a function all of whose calls are hidden. */
static inline __attribute__((always_inline)) struct ap_gate *closed_gate(struct ap_gate *gates,
									 const void *function)
{
	struct ap_gate *gate = &gates[ap_gate_index((uint64_t)function)];
	for (uint32_t k = 0; k < AP_GATES_NEAR; k++)
		if (gate[k].function == (uint64_t)function)
			return &gate[k];
	return NULL;
}

/* Also of one that hides some of its calls. @gates: or NULL. */
static struct ap_gate *hiding_gate(struct ap_gate *gates, struct call call)
{
	const uint32_t i = gates ? ap_gate_find(gates, (uint64_t)call.function) : AP_GATES;
	return i < AP_GATES && ap_gate_hides(&gates[i], (uint32_t)(call.stack_pointer >> 4))
		       ? &gates[i]
		       : NULL;
}

/* A handler may change what the thread has; what is read here stays valid while the thread lives. */
static inline struct ap_gate *gates_of(const struct ap_ctl *ctl)
{
	return __atomic_load_n(&ctl->gates, __ATOMIC_RELAXED);
}

/* A window begins with this call, or ended before it. */
static AP_COLD void enter_at_turn(struct call call)
{
	ap_gate_turn(ap_self);
	struct ap_gate *gate = hiding_gate(gates_of(ap_self), call);
	if (gate)
		ap_arch_count(&gate->calls);
	else
		record_at(call, ap_arch_event_time(call.stack_pointer));
}

static __attribute__((noinline)) void enter_unless_hidden(struct call call)
{
	struct ap_ctl *ctl = ap_self;
	struct ap_gate *gate = hiding_gate(gates_of(ctl), call);
	if (!gate)
		record_at(call, ap_arch_event_time(call.stack_pointer));
	else if (AP_LIKELY(--ctl->skip >= 0))
		ap_arch_count(&gate->calls);
	else
		enter_at_turn(call);
}

static __attribute__((noinline)) void exit_unless_hidden(struct call call)
{
	if (!hiding_gate(gates_of(ap_self), call))
		record_at(call, ap_arch_event_time(call.stack_pointer));
}

/* Of a thread without gates, or in a window. */
static __attribute__((noinline)) void enter_recorded(struct call call)
{
	struct ap_ctl *ctl = ap_self;
	if (ctl->window && AP_UNLIKELY(--ctl->skip < 0))
		enter_at_turn(call);
	else
		record_at(call, ap_arch_event_time(call.stack_pointer));
}

static __attribute__((noinline)) void exit_recorded(struct call call)
{
	record_at(call, ap_arch_event_time(call.stack_pointer));
}

/* With gates (runtime/gate.c). All that is not done at each call is left to others, by tail calls: here no register is
 * saved. */
static inline __attribute__((always_inline)) void enter_gated(struct call call)
{
	struct ap_ctl *ctl = ap_self;
	struct ap_gate *gates = gates_of(ctl);
	if (AP_UNLIKELY(!gates)) {
		enter_recorded(call);
		return;
	}
	struct ap_gate *gate = closed_gate(gates, call.function);
	if (AP_UNLIKELY(!gate))
		enter_unless_hidden(call);
	else if (AP_LIKELY(--ctl->skip >= 0))
		ap_arch_count(&gate->calls);
	else
		enter_at_turn(call);
}

static inline __attribute__((always_inline)) void exit_gated(struct call call)
{
	struct ap_gate *gates = gates_of(ap_self);
	if (AP_UNLIKELY(!gates))
		exit_recorded(call);
	else if (AP_UNLIKELY(!closed_gate(gates, call.function)))
		exit_unless_hidden(call);
}

/* The kind is a constant in each hook: of what follows it keeps its own half. */
static inline __attribute__((always_inline)) void record(struct call call)
{
	const enum ap_way way = ap_runtime.way;
	if (AP_LIKELY(way == AP_WAY_PLAIN))
		record_at(call, ap_arch_event_time(call.stack_pointer));
	else if (way > AP_WAY_PLAIN && call.kind == AP_EVENT_ENTER)
		enter_gated(call);
	else if (way > AP_WAY_PLAIN)
		exit_gated(call);
	else if (!ap_runtime.off)
		record_otherwise(call);
}

void __cyg_profile_func_enter(void *function, void *call_site)
{
	record((struct call){function, call_site, ap_arch_caller_sp(), AP_EVENT_ENTER});
}

void __cyg_profile_func_exit(void *function, void *call_site)
{
	record((struct call){function, call_site, ap_arch_caller_sp(), AP_EVENT_EXIT});
}
