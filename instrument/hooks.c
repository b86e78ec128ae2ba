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

#define LOOKS 2u

/* At ap_gate_place(), by a shift and a mask. */
static inline __attribute__((always_inline)) struct ap_gate *gate_at(struct ap_gate *gates,
								     const void *function,
								     uint32_t k)
{
	_Static_assert(sizeof(struct ap_gate) == 32, "16 bytes of code for each");
	const uint32_t at = ((uint32_t)(uint64_t)function + k * 16) & (AP_GATES - 1) * 16;
	return (struct ap_gate *)((char *)gates + (uint64_t)at * 2);
}

/* The gate of a function all of whose calls are hidden, where it is one of the first that are looked at, as most are. */
static inline __attribute__((always_inline)) struct ap_gate *closed_gate(struct ap_gate *gates,
									 const void *function)
{
	for (uint32_t k = 0; k < LOOKS; k++) {
		struct ap_gate *gate = gate_at(gates, function, k);
		if (AP_LIKELY(gate->function == (uint64_t)function))
			return gate;
	}
	return NULL;
}

/* Also of one that hides some of its calls. @gates: or NULL. */
static struct ap_gate *hiding_gate(struct ap_gate *gates, const void *function,
				   uint64_t stack_pointer)
{
	const uint32_t i = gates ? ap_gate_find(gates, (uint64_t)function) : AP_GATES;
	return i < AP_GATES && ap_gate_hides(&gates[i], (uint32_t)(stack_pointer >> 4)) ? &gates[i]
											: NULL;
}

/* A handler may change what the thread has; what is read here stays valid while the thread lives. */
static inline struct ap_gate *gates_of(const struct ap_ctl *ctl)
{
	return __atomic_load_n(&ctl->gates, __ATOMIC_RELAXED);
}

/* A handler may have forked: in the child the control has no table. */
static inline uint64_t *others_of(struct ap_gate *gates)
{
	return &((struct ap_gates *)((char *)gates - offsetof(struct ap_gates, gate)))->others;
}

/* What follows is apart, and takes its arguments in registers: so the hooks have nothing to save where there are gates. */
static inline __attribute__((always_inline)) void record_enter(void *function, void *site,
							       uint64_t stack_pointer)
{
	const struct call call = {function, site, stack_pointer, AP_EVENT_ENTER};
	record_at(call, ap_arch_event_time(stack_pointer));
}

/* The gate's random number of calls is over, and this one is counted. */
static AP_COLD void enter_at_look(void *function, void *site, uint64_t stack_pointer,
				  struct ap_gate *gate)
{
	if (ap_gate_look(ap_self, gate))
		record_enter(function, site, stack_pointer);
}

/* A window ended before this call. */
static AP_COLD void enter_after_window(void *function, void *site, uint64_t stack_pointer)
{
	ap_gate_leave_window(ap_self);
	struct ap_gate *gate = hiding_gate(gates_of(ap_self), function, stack_pointer);
	if (gate)
		(void)ap_arch_count_down(&gate->left);
	else
		record_enter(function, site, stack_pointer);
}

/* Hooks that are patched go and come back, whoever comes by. */
static AP_COLD void enter_and_look(void *function, void *site, uint64_t stack_pointer)
{
	ap_gate_pass(ap_self);
	record_enter(function, site, stack_pointer);
}

static inline __attribute__((always_inline)) void enter_seen(void *function, void *site,
							     uint64_t stack_pointer)
{
	const struct call call = {function, site, stack_pointer, AP_EVENT_ENTER};
	const uint64_t time = ap_arch_event_time(stack_pointer);
	if (AP_UNLIKELY(ap_runtime.patch_due) && !ap_self->window &&
	    (--ap_self->look_later < 0 || ap_patch_due(time)))
		enter_and_look(function, site, stack_pointer);
	else
		record_at(call, time);
}

/* Functions are patched whose gates are still open here: they are closed first, for else calls would be lost. */
static inline __attribute__((always_inline)) bool is_behind(const struct ap_ctl *ctl)
{
	return AP_UNLIKELY(ctl->joined_n < ap_runtime.patched_n) && ctl->thread && !ctl->window;
}

static __attribute__((noinline)) void enter_unless_hidden(void *function, void *site,
							  uint64_t stack_pointer)
{
	struct ap_ctl *ctl = ap_self;
	if (is_behind(ctl))
		ap_gates_join(ap_runtime.control, ctl);
	struct ap_gate *gates = gates_of(ctl), *gate = hiding_gate(gates, function, stack_pointer);
	if (!gate) {
		if (gates)
			ap_arch_count(others_of(gates));
		enter_seen(function, site, stack_pointer);
	} else if (AP_UNLIKELY(!ap_arch_count_down(&gate->left))) {
		enter_at_look(function, site, stack_pointer, gate);
	}
}

static __attribute__((noinline)) void exit_unless_hidden(void *function, void *site,
							 uint64_t stack_pointer)
{
	const struct call call = {function, site, stack_pointer, AP_EVENT_EXIT};
	if (is_behind(ap_self))
		ap_gates_join(ap_runtime.control, ap_self);
	if (!hiding_gate(gates_of(ap_self), function, stack_pointer))
		record_at(call, ap_arch_event_time(stack_pointer));
}

/* Of a thread without gates, or in a window. */
static __attribute__((noinline)) void enter_recorded(void *function, void *site,
						     uint64_t stack_pointer)
{
	struct ap_ctl *ctl = ap_self;
	/* One in which hooks are patched out would see nothing of their functions. */
	if (ctl->window && AP_UNLIKELY(--ctl->skip < 0 || ap_patch_asleep()))
		enter_after_window(function, site, stack_pointer);
	else if (is_behind(ctl))
		enter_unless_hidden(function, site, stack_pointer);
	else
		enter_seen(function, site, stack_pointer);
}

/* With gates (runtime/gate.c). */
static inline __attribute__((always_inline)) void enter_gated(void *function, void *site,
							      uint64_t stack_pointer)
{
	struct ap_ctl *ctl = ap_self;
	struct ap_gate *gates = gates_of(ctl);
	if (AP_UNLIKELY(!gates)) {
		enter_recorded(function, site, stack_pointer);
		return;
	}
	struct ap_gate *gate = closed_gate(gates, function);
	if (AP_UNLIKELY(!gate))
		enter_unless_hidden(function, site, stack_pointer);
	else if (AP_UNLIKELY(!ap_arch_count_down(&gate->left)))
		enter_at_look(function, site, stack_pointer, gate);
}

static inline __attribute__((always_inline)) void exit_gated(void *function, void *site,
							     uint64_t stack_pointer)
{
	struct ap_gate *gates = gates_of(ap_self);
	if (AP_UNLIKELY(!gates || !closed_gate(gates, function)))
		exit_unless_hidden(function, site, stack_pointer);
}

/* The kind is a constant in each hook: of what follows it keeps its own half. A call that is only counted has no jump to take:
 * that is what a budget leaves of most, and it is there to be little. */
static inline __attribute__((always_inline)) void record(struct call call)
{
	const enum ap_way way = ap_runtime.way;
	if (AP_LIKELY(way > AP_WAY_PLAIN)) {
		if (call.kind == AP_EVENT_EXIT)
			exit_gated(call.function, call.site, call.stack_pointer);
		else
			enter_gated(call.function, call.site, call.stack_pointer);
	} else if (AP_LIKELY(way == AP_WAY_PLAIN)) {
		record_at(call, ap_arch_event_time(call.stack_pointer));
	} else if (!ap_runtime.off) {
		record_otherwise(call);
	}
}

void __cyg_profile_func_enter(void *function, void *call_site)
{
	record((struct call){function, call_site, ap_arch_caller_sp(), AP_EVENT_ENTER});
}

void __cyg_profile_func_exit(void *function, void *call_site)
{
	record((struct call){function, call_site, ap_arch_caller_sp(), AP_EVENT_EXIT});
}
