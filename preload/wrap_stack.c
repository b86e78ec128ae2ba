/* SPDX-License-Identifier: MIT */
/* preload/wrap_stack.c - sigaltstack: the fold must know where handlers run, or it takes a stack pointer there for a
 * return from the frames that the handler interrupted. */
#include <signal.h>

#include "preload/real.h"

/* Events tell stack pointers modulo 8 MiB. How far around this call the thread's own stack may be in use: */
#define ABOVE (256u << 10)
#define BELOW (1u << 20)

/* Where the two overlap in those 23 bits, frames cannot be told apart. */
static uint64_t value_of(const stack_t *stack)
{
	const uint64_t start = (uint64_t)stack->ss_sp, bytes = stack->ss_size;
	const uint64_t own = ap_arch_stack_pointer() - BELOW;
	const bool overlaps = ((start - own) & 0x7fffffu) < BELOW + ABOVE ||
			      ((own - start) & 0x7fffffu) < bytes || bytes >= 8u << 20;
	const uint64_t units = overlaps ? AP_ALTSTACK_UNKNOWN : (bytes + 15) >> 4;
	return AP_ALTSTACK_VALUE((start >> 4) & 0x7ffffu, stack->ss_flags & SS_DISABLE ? 0 : units);
}

EXPORT int sigaltstack(const stack_t *stack, stack_t *old)
{
	const int result = AP_REAL(sigaltstack)(stack, old);
	if (result == 0 && stack)
		ap_record_special(AP_SPECIAL_ALTSTACK, value_of(stack));
	return result;
}
