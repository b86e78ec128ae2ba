/* SPDX-License-Identifier: MIT */
/* preload/wrap_stack.c - sigaltstack: the fold must know where handlers run, or it takes a stack pointer there for a
 * return from the frames that the handler interrupted. */
#include <signal.h>

#include "preload/real.h"

EXPORT int sigaltstack(const stack_t *stack, stack_t *old)
{
	const int result = AP_REAL(sigaltstack)(stack, old);
	if (result == 0 && stack)
		ap_record_special(AP_SPECIAL_ALTSTACK, ap_altstack_value(stack));
	return result;
}
