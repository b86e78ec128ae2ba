/* SPDX-License-Identifier: MIT */
/* runtime/signals.c - signals and identity of the calling thread, by system calls. */
#include <signal.h>

#include "runtime/runtime.h"
#include "runtime/sys.h"

/** ap_signals_block() - block everything that can be blocked. Return: the mask to restore. */
uint64_t ap_signals_block(void)
{
	const uint64_t all = ~0ull;
	uint64_t old = 0;
	ap_sys4(SYS_rt_sigprocmask, SIG_SETMASK, &all, &old, sizeof old);
	return old;
}

void ap_signals_restore(uint64_t mask)
{
	ap_sys4(SYS_rt_sigprocmask, SIG_SETMASK, &mask, 0, sizeof mask);
}

/* Events tell stack pointers modulo 8 MiB. How far around this call the thread's own stack may be in use: */
#define ABOVE (256u << 10)
#define BELOW (1u << 20)

/* Where the two overlap in those 23 bits, frames cannot be told apart. Who is on the alternate stack already does not
 * say where the other one is. */
uint64_t ap_altstack_value(const stack_t *stack)
{
	const uint64_t start = (uint64_t)stack->ss_sp, bytes = stack->ss_size;
	const uint64_t own = ap_arch_stack_pointer() - BELOW;
	const bool overlaps =
		((start - own) & 0x7fffffu) < BELOW + ABOVE || ((own - start) & 0x7fffffu) < bytes;
	const bool unknown = (overlaps && !(stack->ss_flags & SS_ONSTACK)) || bytes >= 8u << 20;
	const uint64_t units = unknown ? AP_ALTSTACK_UNKNOWN : (bytes + 15) >> 4;
	return AP_ALTSTACK_VALUE((start >> 4) & 0x7ffffu, stack->ss_flags & SS_DISABLE ? 0 : units);
}

/** ap_altstack_now() - of the calling thread, as the kernel knows it. */
struct ap_altstack ap_altstack_now(void)
{
	stack_t stack = {.ss_flags = SS_DISABLE};
	ap_sys2(SYS_sigaltstack, 0, &stack);
	return ap_altstack_of(ap_altstack_value(&stack));
}

uint32_t ap_gettid(void)
{
	return (uint32_t)ap_sys0(SYS_gettid);
}

uint32_t ap_getpid(void)
{
	return (uint32_t)ap_sys0(SYS_getpid);
}
