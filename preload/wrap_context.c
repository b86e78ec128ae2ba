/* SPDX-License-Identifier: MIT */
/* preload/wrap_context.c - makecontext, swapcontext, setcontext: the program changes stacks by itself.
 *
 * What is told is only where the thread goes on. swapcontext may return more than once and must leave no frame of
 * ours behind, so it is stood before without a frame; getcontext changes nothing and is left alone. A context
 * whose function returns goes on in its uc_link inside libc: the return address on its stack, which
 * makecontext() has put there, is made to lead over us. */
#include "preload/real.h"

#ifdef AP_ARCH_BEFORE

static void *after_return; /* where functions of contexts return to: the same in all */

static void go_to(const ucontext_t *context)
{
	const uint64_t sp = ap_arch_context_sp(context);
	const uint32_t id = ap_fiber_of_stack(sp);
	if (ap_fiber_first_time(id)) {
		const uint64_t start = (uint64_t)context->uc_stack.ss_sp;
		ap_arch_at_return(context, start, start + context->uc_stack.ss_size, &after_return);
	}
	ap_fiber_switch(id);
}

/* To a point that getcontext() or swapcontext() has saved: what was called since is gone. */
static void jump_to(const ucontext_t *context)
{
	go_to(context);
	ap_record_special(AP_SPECIAL_UNWIND, ap_arch_context_sp(context) >> 4);
}

/* These are called by the code below alone. */
#define OBSERVER __attribute__((used, visibility("hidden")))

OBSERVER void *ap_before_makecontext(const ucontext_t *context);
OBSERVER void *ap_before_makecontext(const ucontext_t *context)
{
	ap_fiber_made((uint64_t)context->uc_stack.ss_sp, context->uc_stack.ss_size);
	return (void *)AP_REAL(makecontext);
}

OBSERVER void *ap_before_swapcontext(const ucontext_t *from, const ucontext_t *to);
OBSERVER void *ap_before_swapcontext(const ucontext_t *from, const ucontext_t *to)
{
	(void)from;
	go_to(to);
	return (void *)AP_REAL(swapcontext);
}

OBSERVER void *ap_before_setcontext(const ucontext_t *to);
OBSERVER void *ap_before_setcontext(const ucontext_t *to)
{
	jump_to(to);
	return (void *)AP_REAL(setcontext);
}

OBSERVER void *ap_context_returned(const ucontext_t *link);
OBSERVER void *ap_context_returned(const ucontext_t *link)
{
	const uint32_t over = ap_fiber_now;
	if (link) {
		jump_to(link);
		if (over && over != ap_fiber_now)
			ap_record_special(AP_SPECIAL_FIBER_END, over);
	}
	return after_return;
}

AP_ARCH_BEFORE(makecontext, ap_before_makecontext);
AP_ARCH_BEFORE(swapcontext, ap_before_swapcontext);
AP_ARCH_BEFORE(setcontext, ap_before_setcontext);
AP_ARCH_RETURNED(ap_context_returned);

#endif
