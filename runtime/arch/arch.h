/* SPDX-License-Identifier: MIT */
/* runtime/arch/arch.h - the one ladder: every architecture gives the same names.
 *
 *  ap_arch_ticks()          time stamp, unordered
 *  ap_arch_count(counter)   one more, in one step as far as handlers of this thread can tell
 *  ap_arch_event_time(sp)   the same as an event has it: ap_event_make_time(ap_arch_ticks(), sp)
 *  ap_arch_reserve(p)       *p += 16, returns the old value: one instruction, so that a handler on the same
 *                           thread sees it done or not begun; not atomic between threads
 *  ap_arch_stack_pointer()  of the calling function
 *  ap_arch_caller_sp()      its caller's, at the call
 *  ap_arch_call_on_stack()  call a function with another stack
 *  ap_arch_libc_thread()    has the calling thread a descriptor of libc's? A bare clone with thread-local storage of
 *                           its own need not: pthread functions would touch whatever lies there
 *  ap_arch_syscall()        raw system call
 *  ap_arch_clock_fixed()    does the time stamp run at one rate always?
 *  ap_arch_clock_hz()       its rate where the machine tells, else 0
 *  AP_ARCH_VDSO_GETTIME     what the kernel calls clock_gettime in the object that it maps
 *  ap_arch_jmpbuf_sp()      stack pointer that longjmp will restore
 *  ap_arch_context_sp()     stack pointer of a ucontext_t; 0 unknown
 *  AP_ARCH_BEFORE(name, observer)   defines the function @name: calls @observer with its arguments and goes on
 *                           in the function that this returns, with registers and stack as they were. What it
 *                           stands before may return twice or count its caller's frames.
 *  ap_arch_at_return(u, f)  have a context made by makecontext() call @f, with its uc_link, when its function
 *                           returns; f returns where to go on, which @ret_next is set to. Return: done? */
#ifndef AP_RUNTIME_ARCH_ARCH_H
#define AP_RUNTIME_ARCH_ARCH_H

#include <stdbool.h>
#include <stdint.h>

#include "spool/event.h"

/* A macro: it means the function that it stands in. */
#define ap_arch_caller_sp() ((uint64_t)__builtin_dwarf_cfa())

#if defined(__x86_64__)
#include "runtime/arch/x86_64.h"
#elif defined(__aarch64__)
#include "runtime/arch/aarch64.h"
#else
#include "runtime/arch/generic.h"
#endif

#ifndef AP_ARCH_EVENT_TIME
static inline uint64_t ap_arch_event_time(uint64_t stack_pointer)
{
	return ap_event_make_time(ap_arch_ticks(), stack_pointer);
}
#endif

#ifndef AP_ARCH_LIBC_THREAD
/* Nothing tells. */
static inline bool ap_arch_libc_thread(void)
{
	return true;
}
#endif

#endif
