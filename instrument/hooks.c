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

static inline __attribute__((always_inline)) void record(struct call call)
{
	if (AP_LIKELY(ap_runtime.way == AP_WAY_PLAIN))
		record_at(call, ap_arch_event_time(call.stack_pointer));
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
